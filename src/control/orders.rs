//! Orders to routers: whether people reach them, how long that takes, and what they do.
//!
//! Without `operators` every router has an order as soon as `takes` is over. With them the order
//! crosses the network from where their tools are, by the tables and links as they are then. Where
//! it finds no way, they go beside the network, if that way is there and not lost, and else to the
//! router itself; if nobody can, the order is never carried out.

use super::change::Change;
use super::faults::InForce;
use super::{Control, Event};
use crate::kernel::sample::Distribution;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{
    Action, FaultKind, LinkId, Order, PrefixId, RouterId, Scenario, SiteId, StepId,
};
use crate::world::World;
use crate::world::network::prefix::Prefixes;

/// How an order gets to its routers.
enum Way {
    /// Across the network, or without anybody having said how.
    Network,
    /// Beside it.
    Beside(f64),
    /// Somebody goes there.
    OnSite(f64),
    /// Not at all.
    None,
}

impl Control {
    /// People give an order: it is carried out once the routers have it.
    pub(super) fn give_order(
        &mut self,
        scenario: &Scenario,
        world: &World,
        step: StepId,
        now: SimTime,
    ) {
        let spec = &scenario.runbook[step.index()];
        let Some(Action::Network { order, takes }) = &spec.action else { return };
        let later = |seconds: f64| now + *takes + SimDuration::from_secs_f64(seconds);
        let (at, text) = match self.way_to(scenario, world, order, step) {
            Way::Network => (Some(now + *takes), None),
            Way::Beside(s) => (Some(later(s)), Some("goes beside the network")),
            Way::OnSite(s) => (Some(later(s)), Some("somebody goes to the router")),
            Way::None => (None, Some("nobody reaches the router")),
        };
        if let Some(text) = text {
            let text = format!("{}: no way across the network, {text}", spec.name);
            self.note(now, "step", &spec.name, text);
        }
        if let Some(at) = at {
            self.calendar.push(at, Event::Ordered { step });
        }
    }

    fn way_to(&self, scenario: &Scenario, world: &World, order: &Order, step: StepId) -> Way {
        let Some(operators) = &scenario.network.operators else { return Way::Network };
        let targets = targets(scenario, world.network.prefixes(), order);
        let reached = |router: &RouterId| world.network.reaches(operators.at, *router);
        let found = match order {
            // Either end can shut a link, or weigh it in both directions by way of the other.
            Order::Shut { .. } | Order::DrainLink { .. } => targets.iter().any(reached),
            _ => targets.iter().all(reached),
        };
        if found {
            return Way::Network;
        }
        let luck = self.luck.derive(OPERATORS).derive(u64::from(step.0));
        let time = |law: &Distribution| law.sample(luck);
        let lost = scenario.faults.iter().zip(&self.forces.strength);
        let lost = lost.into_iter().any(|(fault, strength)| {
            *strength > 0.0 && matches!(fault.kind, FaultKind::OutOfBandLost)
        });
        match (&operators.out_of_band, &operators.on_site) {
            (Some(law), _) if !lost => Way::Beside(time(law)),
            (_, Some(law)) => Way::OnSite(time(law)),
            _ => Way::None,
        }
    }

    /// The routers have the order.
    pub(super) fn carry_out(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        step: StepId,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let spec = &scenario.runbook[step.index()];
        let Some(Action::Network { order, takes }) = &spec.action else { return };
        if *takes > SimDuration::ZERO || scenario.network.operators.is_some() {
            self.note(now, "step", &spec.name, format!("{}: the routers have it", spec.name));
        }
        match *order {
            Order::RollBack { fault, every } => {
                self.forces.pushed[fault.index()].1 += 1;
                let FaultKind::ConfigPushed { routers, .. } = &scenario.faults[fault.index()].kind
                else {
                    return;
                };
                if self.forces.pushed[fault.index()].1 < routers.len() {
                    self.calendar.push(now + every, Event::Ordered { step });
                } else {
                    self.end_fault(scenario, fault, now);
                }
            }
            Order::Reboot { router, down_for } => {
                self.forces.rebooting[router.index()] += 1;
                self.calendar.push(now + down_for, Event::Rebooted { router });
            }
            _ => {
                self.forces.sequence.push(InForce::Order(self.forces.orders.len()));
                self.forces.orders.push(order.clone());
            }
        }
        self.apply(scenario, world, now, changes);
    }

    /// A bad configuration reaches its next router.
    pub(super) fn push_config(
        &mut self,
        scenario: &Scenario,
        fault: crate::scenario::model::FaultId,
        now: SimTime,
    ) {
        let FaultKind::ConfigPushed { routers, every, .. } = &scenario.faults[fault.index()].kind
        else {
            return;
        };
        if self.over[fault.index()] {
            return;
        }
        let pushed = &mut self.forces.pushed[fault.index()];
        // Once it is being taken back it goes no further.
        if pushed.1 == 0 && pushed.0 < routers.len() {
            pushed.0 += 1;
            self.calendar.push(now + *every, Event::ConfigPushed { fault });
        }
    }
}

/// Routers that an order is for.
fn targets(scenario: &Scenario, prefixes: &Prefixes, order: &Order) -> Vec<RouterId> {
    let ends = |link: LinkId| {
        let (one, other) = scenario.network.links[link.index()].between;
        vec![one, other]
    };
    let places = |prefix: PrefixId, site: Option<SiteId>| match site {
        Some(site) => vec![scenario.sites[site.index()].router],
        None => prefixes.origins(prefix).to_vec(),
    };
    match *order {
        Order::Announce { prefix, site, .. } | Order::Withdraw { prefix, site } => {
            places(prefix, site)
        }
        Order::Weigh { link, from, .. } => from.map_or(ends(link), |end| vec![end]),
        Order::Prefer { at, .. } => vec![at],
        Order::DrainRouter { router, .. } | Order::Reboot { router, .. } => vec![router],
        Order::DrainLink { link, .. } | Order::Shut { link, .. } => ends(link),
        Order::RollBack { fault, .. } => match &scenario.faults[fault.index()].kind {
            FaultKind::ConfigPushed { routers, .. } => routers.clone(),
            _ => Vec::new(),
        },
    }
}

/// Tag of the luck of people who go beside the network.
const OPERATORS: u64 = 0x6f70;

/// An order in words, for the timeline.
pub fn words(scenario: &Scenario, order: &Order) -> String {
    let network = &scenario.network;
    let link = |link: LinkId| network.links[link.index()].name.as_str();
    let router = |router: RouterId| network.routers[router.index()].name.as_str();
    let prefix = |prefix: PrefixId| scenario.prefix_name(prefix);
    let at = |site: Option<SiteId>| match site {
        Some(site) => format!(" at {}", scenario.sites[site.index()].name),
        None => String::new(),
    };
    let from = |end: Option<RouterId>| match end {
        Some(end) => format!(" from {}", router(end)),
        None => String::new(),
    };
    match *order {
        Order::Announce { prefix: p, site, prepend: 0 } => {
            format!("{} is announced{}", prefix(p), at(site))
        }
        Order::Announce { prefix: p, site, prepend } => {
            format!("{} is announced{} with {prepend} prepends", prefix(p), at(site))
        }
        Order::Withdraw { prefix: p, site } => format!("{} is withdrawn{}", prefix(p), at(site)),
        Order::Weigh { link: l, from: end, metric } => {
            format!("{}{} weighs {metric}", link(l), from(end))
        }
        Order::Prefer { link: l, at, preference } => {
            format!("{} prefers {} with {preference}", router(at), link(l))
        }
        Order::DrainRouter { router: r, drained: true } => format!("{} is drained", router(r)),
        Order::DrainRouter { router: r, .. } => format!("{} takes traffic again", router(r)),
        Order::DrainLink { link: l, drained: true } => format!("{} is drained", link(l)),
        Order::DrainLink { link: l, .. } => format!("{} takes traffic again", link(l)),
        Order::Shut { link: l, shut: true } => format!("{} is shut down", link(l)),
        Order::Shut { link: l, .. } => format!("{} is opened", link(l)),
        Order::RollBack { fault, .. } => {
            format!("{} is rolled back", scenario.faults[fault.index()].name)
        }
        Order::Reboot { router: r, down_for } => {
            format!("{} restarts, down for {down_for}", router(r))
        }
    }
}
