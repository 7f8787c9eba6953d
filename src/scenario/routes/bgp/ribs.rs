//! The tables of the decision process, and the process itself.

use std::sync::Arc;

use super::{Kin, Route, SessionId, Sessions};
use crate::scenario::model::{PrefixId, RouterId, SystemId};
use crate::scenario::routes::chart::{Chart, UNREACHABLE};
use crate::scenario::routes::settings::Settings;
use crate::scenario::routes::topology::Topology;

/// What the decision process looks at besides the routes.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Who is connected to whom.
    pub topology: &'a Topology,
    /// Who tells whom.
    pub sessions: &'a Sessions,
    /// [router]: what it believes of its system.
    pub charts: &'a [Arc<Chart>],
    /// How the routers are set up.
    pub settings: &'a Settings,
}

/// The route that a router has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best {
    /// The route.
    pub route: Route,
    /// Who told; `None`: a prefix of its own system.
    pub from: Option<SessionId>,
}

/// Adj-RIB-In of every session and Loc-RIB of every router (RFC 4271, section 3.2).
#[derive(Clone, Debug)]
pub struct Ribs {
    prefix_count: usize,
    /// [session x prefix]: what was told.
    told: Vec<Option<Route>>,
    /// [router x prefix]: what was taken.
    best: Vec<Option<Best>>,
}

impl Ribs {
    /// Empty tables.
    pub fn new(routers: usize, sessions: &Sessions, prefix_count: usize) -> Ribs {
        Ribs {
            prefix_count,
            told: vec![None; sessions.count() * prefix_count],
            best: vec![None; routers * prefix_count],
        }
    }

    /// Number of prefixes.
    pub fn prefix_count(&self) -> usize {
        self.prefix_count
    }

    /// What was told over a session.
    pub fn told(&self, session: SessionId, prefix: PrefixId) -> Option<&Route> {
        self.told[session.index() * self.prefix_count + prefix.index()].as_ref()
    }

    /// Notes what is told over a session now.
    pub fn tell(&mut self, session: SessionId, prefix: PrefixId, route: Option<Route>) {
        self.told[session.index() * self.prefix_count + prefix.index()] = route;
    }

    /// Number of prefixes told over a session.
    pub fn told_count(&self, session: SessionId) -> usize {
        let first = session.index() * self.prefix_count;
        self.told[first..first + self.prefix_count].iter().flatten().count()
    }

    /// The route that a router has taken.
    pub fn best(&self, router: RouterId, prefix: PrefixId) -> Option<&Best> {
        self.best[router.index() * self.prefix_count + prefix.index()].as_ref()
    }

    /// Sets the route that a router has taken; whether it is another one.
    pub fn take(&mut self, router: RouterId, prefix: PrefixId, best: Option<Best>) -> bool {
        let slot = &mut self.best[router.index() * self.prefix_count + prefix.index()];
        let changed = *slot != best;
        *slot = best;
        changed
    }

    /// The decision process of one router for one prefix.
    pub fn decide(
        &self,
        router: RouterId,
        prefix: PrefixId,
        situation: &Situation<'_>,
    ) -> Option<Best> {
        let Situation { topology, sessions, charts, .. } = *situation;
        let chart = &charts[router.index()];
        if chart.distance_to_prefix(router, prefix, topology) != UNREACHABLE {
            let (path, learned) = (Arc::from([]), Kin::Own);
            let route = Route { path, preference: learned.preference(), learned };
            return Some(Best { route, from: None });
        }
        let own = topology.system(router);
        let mut best: Option<(Rank, SessionId)> = None;
        for &id in sessions.inwards(router) {
            let Some(route) = self.told(id, prefix) else { continue };
            let session = sessions.get(id);
            let inside = session.link.is_none();
            let exit = match inside {
                true => chart.distance(router, session.from, topology),
                false => 0,
            };
            // A path that went through here is a loop (RFC 4271, section 9.1.2).
            if exit == UNREACHABLE || (!inside && route.path.contains(&own)) {
                continue;
            }
            let rank = Rank {
                preference: std::cmp::Reverse(route.preference),
                length: route.path.len(),
                inside,
                exit,
                neighbour: session.from,
                session: id,
            };
            if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                best = Some((rank, id));
            }
        }
        let (_, id) = best?;
        Some(Best { route: self.told(id, prefix)?.clone(), from: Some(id) })
    }

    /// What a router tells over a session, as the other end notes it; `None`: nothing.
    pub fn export(
        &self,
        id: SessionId,
        prefix: PrefixId,
        situation: &Situation<'_>,
    ) -> Option<Route> {
        let Situation { topology, sessions, settings, .. } = *situation;
        let session = sessions.get(id);
        let best = self.best(session.from, prefix)?;
        let learned_outside = best.from.is_some_and(|from| sessions.get(from).link.is_some());
        let Some(link) = session.link else {
            // Inside: only what was learned outside, by whoever learned it.
            return learned_outside.then(|| best.route.clone());
        };
        // `kin` is how the told one sees the teller; customers are told everything.
        let to_customer = session.kin == Kin::Provider;
        let for_all = matches!(best.route.learned, Kin::Own | Kin::Customer);
        if !(to_customer || for_all || settings.leaks[session.from.index()]) {
            return None;
        }
        let own = topology.system(session.from);
        let prepends = match best.from {
            None => self.prepends(session.from, prefix, situation),
            Some(_) => 0,
        };
        let mut path: Vec<SystemId> = vec![own; 1 + prepends as usize];
        path.extend_from_slice(&best.route.path);
        let preference = settings.preferences[link.opposite().index()];
        Some(Route {
            path: path.into(),
            preference: preference.unwrap_or(session.kin.preference()),
            learned: session.kin,
        })
    }

    /// Prepends for a prefix of the own system: those of the nearest router that announces it.
    fn prepends(&self, router: RouterId, prefix: PrefixId, situation: &Situation<'_>) -> u32 {
        let Situation { topology, charts, settings, .. } = *situation;
        let chart = &charts[router.index()];
        let origins = chart.origins(prefix);
        let nearest = origins.min_by_key(|&at| (chart.distance(router, at, topology), at));
        nearest.and_then(|at| settings.prepends(prefix, at)).unwrap_or(0)
    }
}

/// The order of preference; the least is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    preference: std::cmp::Reverse<u32>,
    length: usize,
    inside: bool,
    exit: u64,
    neighbour: RouterId,
    session: SessionId,
}
