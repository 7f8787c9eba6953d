//! The state that routing comes to when nothing changes any more.

use std::sync::Arc;

use super::bgp::{Ribs, Sessions, Situation};
use super::chart::{Chart, UNUSABLE};
use super::forwarding::{Exit, Tables};
use super::settings::Settings;
use super::topology::{Direction, Topology};
use crate::scenario::model::{PrefixId, RouterId, SystemId};

/// Charts and routes at rest.
#[derive(Clone, Debug)]
pub struct Stable {
    /// [router]: what it believes of its system.
    pub charts: Vec<Arc<Chart>>,
    /// What was told and taken.
    pub ribs: Ribs,
    /// Whether BGP came to rest.
    pub rested: bool,
}

impl Stable {
    /// Everything up, under these settings.
    pub fn of(
        topology: &Topology,
        sessions: &Sessions,
        settings: &Settings,
        prefix_count: usize,
    ) -> Stable {
        let all = vec![true; topology.direction_count() / 2];
        Stable::under(topology, sessions, settings, prefix_count, &all)
    }

    /// With only some links up: [link].
    pub fn under(
        topology: &Topology,
        sessions: &Sessions,
        settings: &Settings,
        prefix_count: usize,
        up: &[bool],
    ) -> Stable {
        let up = |direction: Direction| up[direction.link()] && !settings.shut[direction.link()];
        let systems = 0..topology.system_count() as u32;
        let charts: Vec<Arc<Chart>> = systems
            .map(|system| Arc::new(chart_of(SystemId(system), topology, settings, &up)))
            .collect();
        let routers = (0..topology.router_count() as u32).map(RouterId);
        let charts: Vec<Arc<Chart>> =
            routers.map(|router| Arc::clone(&charts[topology.system(router).index()])).collect();
        let mut ribs = Ribs::new(topology.router_count(), sessions, prefix_count);
        let mut rested = true;
        if sessions.count() > 0 {
            let open: Vec<bool> = (0..sessions.count() as u32)
                .map(|id| sessions.get(super::bgp::SessionId(id)).link.is_none_or(up))
                .collect();
            let situation = Situation { topology, sessions, charts: &charts, settings };
            rested = ribs.settle(&situation, &open);
        }
        Stable { charts, ribs, rested }
    }

    /// The forwarding tables that these are.
    pub fn tables(&self, topology: &Topology, sessions: &Sessions) -> Tables {
        let prefix_count = self.ribs.prefix_count();
        let mut tables = Tables::new(self.charts.clone(), prefix_count);
        if sessions.count() == 0 {
            return tables;
        }
        for router in (0..topology.router_count() as u32).map(RouterId) {
            for prefix in (0..prefix_count as u32).map(PrefixId) {
                tables.set_exit(router, prefix, exit_of(&self.ribs, router, prefix, sessions));
            }
        }
        tables
    }
}

/// Where a router sends what is for a prefix, by the route that it has taken.
pub fn exit_of(ribs: &Ribs, router: RouterId, prefix: PrefixId, sessions: &Sessions) -> Exit {
    let from = ribs.best(router, prefix).and_then(|best| best.from);
    from.map_or(Exit::None, |id| {
        let session = sessions.get(id);
        session.link.map_or(Exit::Via(session.from), |link| Exit::Link(link.opposite()))
    })
}

/// A system as all its routers believe it to be once everything has been flooded.
fn chart_of(
    system: SystemId,
    topology: &Topology,
    settings: &Settings,
    up: &dyn Fn(Direction) -> bool,
) -> Chart {
    let directions = (0..topology.direction_count() as u32).map(Direction);
    let metric = |direction: Direction| {
        let inside = topology.system(topology.near_end(direction)) == system
            && !topology.is_external(direction);
        if inside && up(direction) { settings.metrics[direction.index()] } else { UNUSABLE }
    };
    let here = settings.announced.iter().filter(|a| topology.system(a.router) == system);
    Chart::new(
        system,
        directions.map(metric).collect(),
        settings.overloaded.clone(),
        here.map(|a| (a.prefix, a.router)).collect(),
    )
}
