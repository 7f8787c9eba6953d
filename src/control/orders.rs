//! Orders to routers: whether people reach them, how long that takes, and what they do.
//!
//! Without `operators` every router has an order as soon as `takes` is over. With them the order
//! crosses the network from where their tools are, by the tables and links as they are then. Where
//! it finds no way, they go beside the network, if that way is there and not lost, and else to the
//! router itself; if nobody can, the order is never carried out. To repair what was done to
//! routers' configuration is such an order too; cut fibre and dead hardware are repaired where they
//! are.

use super::change::Change;
use super::faults::InForce;
use super::{Control, Event};
use crate::kernel::sample::Distribution;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{
    Action, FaultId, FaultKind, LinkId, Order, PrefixId, RouterId, Scenario, SiteId, StepId,
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
        let prefixes = world.network.prefixes();
        let (targets, takes) = match &spec.action {
            Some(Action::Network { order, takes }) => (targets(scenario, prefixes, order), *takes),
            Some(Action::Repair { fault }) => {
                (touched(scenario, prefixes, *fault), SimDuration::ZERO)
            }
            _ => return,
        };
        let later = |seconds: f64| now + takes + SimDuration::from_secs_f64(seconds);
        let (at, text) = match self.way_to(scenario, world, &targets, step) {
            Way::Network => (Some(now + takes), None),
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

    fn way_to(
        &self,
        scenario: &Scenario,
        world: &World,
        targets: &[RouterId],
        step: StepId,
    ) -> Way {
        let Some(operators) = &scenario.network.operators else { return Way::Network };
        if targets.iter().all(|&router| world.network.reaches(operators.at, router)) {
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
        let order = match &spec.action {
            Some(Action::Network { order, takes }) => {
                if *takes > SimDuration::ZERO || scenario.network.operators.is_some() {
                    let text = format!("{}: the routers have it", spec.name);
                    self.note(now, "step", &spec.name, text);
                }
                order
            }
            Some(Action::Repair { fault }) => {
                self.end_fault(scenario, *fault, now);
                self.apply(scenario, world, now, changes);
                return;
            }
            _ => return,
        };
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
    pub(super) fn push_config(&mut self, scenario: &Scenario, fault: FaultId, now: SimTime) {
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
        // One end can do these for both.
        Order::DrainLink { link, .. } | Order::Shut { link, .. } => ends(link)[..1].to_vec(),
        Order::RollBack { fault, .. } => match &scenario.faults[fault.index()].kind {
            FaultKind::ConfigPushed { routers, .. } => routers.clone(),
            _ => Vec::new(),
        },
    }
}

/// Routers whose configuration a fault has changed; none where it is not about configuration, or
/// about that of somebody else (hijacks, leaks: there one telephones, and the step's delay is it).
fn touched(scenario: &Scenario, prefixes: &Prefixes, fault: FaultId) -> Vec<RouterId> {
    let network = &scenario.network;
    match &scenario.faults[fault.index()].kind {
        FaultKind::PrefixWithdrawn { site: Some(site), .. } => {
            vec![scenario.sites[site.index()].router]
        }
        FaultKind::PrefixWithdrawn { prefix, .. } => prefixes.origins(*prefix).to_vec(),
        FaultKind::SystemWithdrawn { system } => {
            let system_of = |router: RouterId| network.routers[router.index()].system;
            let between = network.links.iter().map(|link| link.between);
            let outwards = between.filter(|(one, other)| system_of(*one) != system_of(*other));
            let mut own: Vec<RouterId> = outwards
                .flat_map(|(one, other)| [one, other])
                .filter(|router| system_of(*router) == *system)
                .collect();
            own.sort_unstable();
            own.dedup();
            own
        }
        FaultKind::WeightMistake { link, from, .. } => {
            vec![from.unwrap_or(network.links[link.index()].between.0)]
        }
        FaultKind::ConfigPushed { routers, .. } => routers.clone(),
        _ => Vec::new(),
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
