//! Faults and lasting actions, put together: the world as it is under all that is in force now.
//!
//! Nothing is added or taken away step by step: whenever something begins or ends, the whole
//! effect is worked out afresh from what is in force, in the order of the scenario. So two faults
//! on one station compose, either can end first, and everything can be undone. Strengths of shares
//! multiply what is left; factors multiply.

mod network;

use super::change::{Change, Loss};
use super::setup;
use crate::kernel::time::SimTime;
use crate::scenario::model::{FaultId, FaultKind, LostJobs, Order, RouterId, Scenario, SiteId};
use crate::world::World;
use crate::world::network::RouterState;
use crate::world::network::settings::Settings;
use crate::world::population::ClassKind;
use crate::world::service::StationId;

/// What lasts of the actions that people took on one station.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StationWork {
    /// Slots added.
    pub added: u32,
    /// Down for a restart.
    pub restarting: bool,
}

/// What is in force.
#[derive(Clone, Debug)]
pub struct Forces {
    /// [fault]: strength in 0..=1; 0: not in force.
    pub strength: Vec<f64>,
    /// [station]: lasting actions.
    pub work: Vec<StationWork>,
    /// What routers were ordered, in order.
    pub orders: Vec<Order>,
    /// Faults and orders in the order in which they began.
    pub sequence: Vec<InForce>,
    /// [fault]: routers that a bad configuration has reached, and that it was taken back from.
    pub pushed: Vec<(usize, usize)>,
    /// [router]: restarts under way.
    pub rebooting: Vec<u32>,
    /// How the routers are set up, as last worked out.
    pub settings: Settings,
    /// [station]: share of its instances that was left when last applied.
    kept: Vec<f64>,
    /// [site]: whether it was up when last applied.
    sites_up: Vec<bool>,
    carried: Carried,
}

/// A fault or an order that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce {
    /// A fault; in force while it has strength.
    Fault(FaultId),
    /// An order, by its number.
    Order(usize),
}

/// The up and down of the network, as last applied.
#[derive(Clone, Debug, PartialEq)]
struct Carried {
    /// [link]: up, and carrying users' packets.
    links: Vec<(bool, bool)>,
    routers: Vec<RouterState>,
    sites: Vec<bool>,
}

impl Forces {
    /// Nothing in force.
    pub fn new(scenario: &Scenario, world: &World) -> Forces {
        let stations = world.services.stations.len();
        let sites = vec![true; scenario.sites.len()];
        let carried = Carried {
            links: vec![(true, true); scenario.network.links.len()],
            routers: vec![RouterState::Up; scenario.network.routers.len()],
            sites: sites.clone(),
        };
        Forces {
            strength: vec![0.0; scenario.faults.len()],
            work: vec![StationWork::default(); stations],
            orders: Vec::new(),
            sequence: Vec::new(),
            pushed: vec![(0, 0); scenario.faults.len()],
            rebooting: vec![0; scenario.network.routers.len()],
            settings: Settings::clone(world.network.first_settings()),
            kept: vec![1.0; stations],
            sites_up: sites,
            carried,
        }
    }

    /// Works the world out under what is in force, and tells what concerns work in flight.
    pub fn apply(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let active: Vec<(&FaultKind, f64)> = scenario
            .faults
            .iter()
            .zip(&self.strength)
            .filter(|(_, strength)| **strength > 0.0)
            .map(|(fault, &strength)| (&fault.kind, strength))
            .collect();
        self.apply_network(scenario, world, &active, changes);
        self.apply_stations(scenario, world, &active, now, changes);
        apply_demand(world, &active);
        let (first, prefixes) = (world.network.first_settings(), world.network.prefixes());
        self.settings = setup::settings(scenario, first, prefixes, self);
    }

    /// Notes that a fault begins, after all that is in force.
    pub fn begin(&mut self, fault: FaultId) {
        self.sequence.retain(|entry| *entry != InForce::Fault(fault));
        self.sequence.push(InForce::Fault(fault));
    }

    /// Routers that a bad configuration has reached and not been taken back from.
    pub fn pushed_to<'a>(&self, scenario: &'a Scenario, fault: FaultId) -> &'a [RouterId] {
        let FaultKind::ConfigPushed { routers, .. } = &scenario.faults[fault.index()].kind else {
            return &[];
        };
        let (reached, taken_back) = self.pushed[fault.index()];
        let reached = reached.min(routers.len());
        &routers[taken_back.min(reached)..reached]
    }

    fn apply_stations(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        active: &[(&FaultKind, f64)],
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        for index in 0..world.services.stations.len() {
            let before = world.services.stations[index].clone();
            let (service, site) = (before.service, before.site);
            let mut next = before.clone();
            (next.slow, next.error_share, next.hung) = (1.0, 0.0, false);
            let mut kept = 1.0;
            let mut how = Loss::Reset;
            for &(kind, strength) in active {
                match *kind {
                    FaultKind::InstancesLost { service: s, site: at, share, jobs }
                        if s == service && at == site =>
                    {
                        kept *= 1.0 - strength * share;
                        if jobs == LostJobs::Requeue {
                            how = Loss::Requeue;
                        }
                    }
                    FaultKind::Slow { service: s, site: at, factor }
                        if s == service && at.is_none_or(|at| at == site) =>
                    {
                        next.slow *= 1.0 + strength * (factor - 1.0);
                    }
                    FaultKind::Erroring { service: s, site: at, share }
                        if s == service && at.is_none_or(|at| at == site) =>
                    {
                        let share = strength * share;
                        next.error_share = 1.0 - (1.0 - next.error_share) * (1.0 - share);
                    }
                    FaultKind::Hung { service: s, site: at, partition }
                        if s == service
                            && at.is_none_or(|at| at == site)
                            && partition.is_none_or(|p| p == before.partition) =>
                    {
                        next.hung = true;
                    }
                    _ => {}
                }
            }
            if !self.sites_up[site.index()] {
                (kept, how) = (0.0, Loss::Vanish);
            }
            if self.work[index].restarting {
                (kept, how) = (0.0, Loss::Reset);
            }
            let full = next.slots_at_start + self.work[index].added;
            next.slots = (f64::from(full) * kept).round() as u32;
            next.accepts = kept > 0.0 || how == Loss::Requeue;
            next.queue_limit = if how == Loss::Requeue && kept < 1.0 {
                // Requeued work must find its place: the limit stays that of all instances.
                world.services.queue_limit(scenario, index, full)
            } else {
                world.services.queue_limit(scenario, index, next.slots)
            };
            if next.slots > before.slots {
                next.cold_since = Some(now);
            }
            let station = StationId(index as u32);
            let unhung = before.hung && !next.hung;
            let slots_changed = before.slots != next.slots;
            world.services.stations[index] = next;
            if slots_changed {
                changes.push(Change::Slots(station));
            }
            let was_kept = std::mem::replace(&mut self.kept[index], kept);
            if kept < was_kept {
                let share = 1.0 - kept / was_kept;
                changes.push(Change::WorkLost { station, share, how });
                if how == Loss::Reset {
                    sessions_with(scenario, service, site, share, changes);
                }
            }
            if unhung {
                changes.push(Change::Unhung(station));
            }
        }
    }
}

/// A lost instance of a service that sign-ins enter takes the sessions on it along.
fn sessions_with(
    scenario: &Scenario,
    service: crate::scenario::model::ServiceId,
    site: SiteId,
    share: f64,
    changes: &mut Vec<Change>,
) {
    for (index, client) in scenario.clients.iter().enumerate() {
        let Some(session) = &client.session else { continue };
        if scenario.operations[session.sign_in.index()].enters == service {
            let client = Some(crate::scenario::model::ClientId(index as u32));
            changes.push(Change::SessionsLost { client, site: Some(site), share });
        }
    }
}

fn apply_demand(world: &mut World, active: &[(&FaultKind, f64)]) {
    world.demand_factor.fill(1.0);
    for &(kind, strength) in active {
        let FaultKind::LoadSurge { region, operation, factor } = *kind else { continue };
        for (index, class) in world.population.classes.iter().enumerate() {
            let ClassKind::Group(group) = class.kind else { continue };
            let here = world.population.groups[group as usize].region;
            if region.is_none_or(|region| region == here)
                && operation.is_none_or(|operation| operation == class.operation)
            {
                world.demand_factor[index] *= 1.0 + strength * (factor - 1.0);
            }
        }
    }
}
