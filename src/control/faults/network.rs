//! What is in force on links, routers, sites and middleboxes.

use super::{Carried, Forces};
use crate::control::change::Change;
use crate::scenario::model::{
    BadConfig, FaultKind, LinkId, MiddleboxId, Network, RouterId, Scenario, SiteId,
};
use crate::world::World;
use crate::world::network::topology::Direction;
use crate::world::network::{LinkState, RouterState};

impl Forces {
    pub(super) fn apply_network(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        active: &[(&FaultKind, f64)],
        changes: &mut Vec<Change>,
    ) {
        let network = &mut world.network;
        let links = scenario.network.links.len() as u32;
        let mut carried = Carried {
            links: Vec::new(),
            routers: self.routers(scenario, active),
            sites: vec![true; scenario.sites.len()],
        };
        for link in (0..links).map(LinkId) {
            let state = link_state(link, &scenario.network, active);
            carried.links.push((state.up, state.silent));
            network.set_link(link, state);
        }
        let mut factors = vec![1.0; scenario.network.middleboxes.len()];
        for &(kind, strength) in active {
            match *kind {
                FaultKind::SiteDown { site } => carried.sites[site.index()] = false,
                FaultKind::MiddleboxCapacity { middlebox, to } => {
                    factors[middlebox.index()] *= 1.0 - strength * (1.0 - to);
                }
                _ => {}
            }
        }
        for (index, &state) in carried.routers.iter().enumerate() {
            network.set_router(RouterId(index as u32), state);
        }
        for (index, &up) in carried.sites.iter().enumerate() {
            network.set_site(SiteId(index as u32), up);
        }
        for (index, &factor) in factors.iter().enumerate() {
            network.set_middlebox(MiddleboxId(index as u32), factor);
        }
        self.sites_up.clone_from(&carried.sites);
        if carried != self.carried {
            self.carried = carried;
            changes.push(Change::Paths);
        }
    }

    /// [router]: a router without power is down, whatever else it is.
    fn routers(&self, scenario: &Scenario, active: &[(&FaultKind, f64)]) -> Vec<RouterState> {
        let mut states = vec![RouterState::Up; scenario.network.routers.len()];
        let silent = |states: &mut Vec<RouterState>, router: RouterId| {
            if states[router.index()] == RouterState::Up {
                states[router.index()] = RouterState::Silent;
            }
        };
        for &(kind, _) in active {
            match kind {
                FaultKind::RouterDown { router } => states[router.index()] = RouterState::Down,
                FaultKind::RouterSilent { router } => silent(&mut states, *router),
                _ => {}
            }
        }
        for (index, fault) in scenario.faults.iter().enumerate() {
            if let FaultKind::ConfigPushed { effect: BadConfig::Silent, .. } = fault.kind
                && self.strength[index] > 0.0
            {
                let fault = crate::scenario::model::FaultId(index as u32);
                for &router in self.pushed_to(scenario, fault) {
                    silent(&mut states, router);
                }
            }
        }
        for (state, &restarts) in states.iter_mut().zip(&self.rebooting) {
            if restarts > 0 {
                *state = RouterState::Down;
            }
        }
        states
    }
}

fn link_state(link: LinkId, network: &Network, active: &[(&FaultKind, f64)]) -> LinkState {
    let mut state = LinkState::default();
    let (one, other) = network.links[link.index()].between;
    for &(kind, strength) in active {
        match kind {
            FaultKind::LinkDown { link: l } if *l == link => state.up = false,
            FaultKind::DuctCut { links } if links.contains(&link) => state.up = false,
            FaultKind::Partition { routers } => {
                state.up &= routers.contains(&one) == routers.contains(&other);
            }
            FaultKind::LinkSilent { link: l } if *l == link => state.silent = true,
            FaultKind::LinkLoss { link: l, from, loss } if *l == link => {
                let only = from.map(|end| Direction::from_end(network, link, end).side());
                for (side, of) in state.loss.iter_mut().enumerate() {
                    if only.is_none_or(|only| only == side) {
                        *of = 1.0 - (1.0 - *of) * (1.0 - strength * loss);
                    }
                }
            }
            FaultKind::LinkDelay { link: l, add } if *l == link => {
                state.extra_delay += add.mul_f64(strength);
            }
            FaultKind::LinkBandwidth { link: l, to } if *l == link => {
                state.bandwidth_factor *= 1.0 - strength * (1.0 - to);
            }
            _ => {}
        }
    }
    state
}
