//! How the routers are set up under all that is in force: faults that are mistakes, and orders.
//!
//! As with everything in force, the whole is worked out afresh: from the configuration at t = 0,
//! through every fault and order in the order in which they began, so that what came last wins,
//! and what ends leaves no trace.

use super::faults::{Forces, InForce};
use crate::scenario::model::{
    BadConfig, FaultId, FaultKind, LinkId, Network, Order, PrefixId, RouterId, Scenario, SiteId,
};
use crate::world::network::prefix::Prefixes;
use crate::world::network::settings::Settings;
use crate::world::network::topology::Direction;

/// Weight of a link that is drained: in use only where nothing else is left (RFC 6987 takes the
/// largest weight of OSPF, 65535, for the links of a router; here far above any sum of others).
const DRAINED: u64 = 1 << 32;

/// The settings under what is in force.
pub fn settings(
    scenario: &Scenario,
    first: &Settings,
    prefixes: &Prefixes,
    forces: &Forces,
) -> Settings {
    let mut setup = Setup { scenario, prefixes, settings: first.clone() };
    for &entry in &forces.sequence {
        match entry {
            InForce::Fault(fault) if forces.strength[fault.index()] > 0.0 => {
                setup.fault(fault, forces.pushed_to(scenario, fault));
            }
            InForce::Fault(_) => {}
            InForce::Order(index) => setup.order(&forces.orders[index]),
        }
    }
    setup.settings
}

struct Setup<'a> {
    scenario: &'a Scenario,
    prefixes: &'a Prefixes,
    settings: Settings,
}

impl Setup<'_> {
    fn network(&self) -> &Network {
        &self.scenario.network
    }

    /// Routers of a prefix: that of one site, or all of its places.
    fn places(&self, prefix: PrefixId, site: Option<SiteId>) -> Vec<RouterId> {
        match site {
            Some(site) => vec![self.scenario.sites[site.index()].router],
            None => self.prefixes.origins(prefix).to_vec(),
        }
    }

    fn withdraw(&mut self, prefix: PrefixId, site: Option<SiteId>) {
        for router in self.places(prefix, site) {
            self.settings.withdraw(prefix, router);
        }
    }

    fn weigh(&mut self, link: LinkId, from: Option<RouterId>, metric: u64) {
        self.settings.weigh(&self.scenario.network, link, from, metric);
    }

    fn fault(&mut self, fault: FaultId, pushed_to: &[RouterId]) {
        match &self.scenario.faults[fault.index()].kind {
            FaultKind::PrefixWithdrawn { prefix, site } => self.withdraw(*prefix, *site),
            FaultKind::SystemWithdrawn { system } => {
                let routers = &self.scenario.network.routers;
                let system_of = |router: RouterId| routers[router.index()].system;
                for (index, link) in self.scenario.network.links.iter().enumerate() {
                    let ends = (system_of(link.between.0), system_of(link.between.1));
                    if ends.0 != ends.1 && (ends.0 == *system || ends.1 == *system) {
                        self.settings.shut[index] = true;
                    }
                }
            }
            FaultKind::PrefixHijacked { router, .. } => {
                if let Some(prefix) = self.prefixes.hijack(fault.index()) {
                    self.settings.announce(prefix, *router, 0);
                }
            }
            FaultKind::RouteLeak { router } => self.settings.leaks[router.index()] = true,
            FaultKind::WeightMistake { link, from, metric } => self.weigh(*link, *from, *metric),
            FaultKind::ConfigPushed { effect, .. } => {
                pushed_to.iter().for_each(|router| self.bad_config(*router, *effect));
            }
            _ => {}
        }
    }

    fn bad_config(&mut self, router: RouterId, effect: BadConfig) {
        match effect {
            BadConfig::Silent => {}
            BadConfig::Isolated => {
                for (index, link) in self.scenario.network.links.iter().enumerate() {
                    self.settings.shut[index] |=
                        link.between.0 == router || link.between.1 == router;
                }
            }
            BadConfig::Withdrawn => self.settings.announced.retain(|a| a.router != router),
            BadConfig::Leak => self.settings.leaks[router.index()] = true,
        }
    }

    fn order(&mut self, order: &Order) {
        match *order {
            Order::Announce { prefix, site, prepend } => {
                for router in self.places(prefix, site) {
                    self.settings.announce(prefix, router, prepend);
                }
            }
            Order::Withdraw { prefix, site } => self.withdraw(prefix, site),
            Order::Weigh { link, from, metric } => self.weigh(link, from, metric),
            Order::Prefer { link, at, preference } => {
                let direction = Direction::from_end(self.network(), link, at);
                self.settings.preferences[direction.index()] = Some(preference);
            }
            Order::DrainRouter { router, drained } => {
                self.settings.overloaded[router.index()] = drained;
            }
            Order::DrainLink { link, drained } => {
                let own = self.network().links[link.index()].metric;
                self.weigh(link, None, if drained { DRAINED } else { own });
            }
            Order::Shut { link, shut } => self.settings.shut[link.index()] = shut,
            // These are no settings: the fault or the router is another.
            Order::RollBack { .. } | Order::Reboot { .. } => {}
        }
    }
}
