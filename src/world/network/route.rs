//! Shortest paths and their equal-cost shares, on the topology as routing knows it.
//!
//! Dijkstra (1959) from each destination router; every link on a shortest path is a next hop, and a
//! router splits evenly over its next hops (equal-cost multipath, RFC 2992), so that a path's share
//! is the product of 1 / (next hops) along it. Links in parallel are next hops of their own.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::MAX_PATHS;
use crate::scenario::model::{Link, RouterId};

/// One direction of a link: twice the link's index, plus one against its order of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction(pub(super) u32);

impl Direction {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn link(self) -> usize {
        self.index() / 2
    }

    pub(super) fn opposite(self) -> Direction {
        Direction(self.0 ^ 1)
    }
}

/// What routing believes to be up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) links: Vec<bool>,
    pub(super) routers: Vec<bool>,
}

/// Who is connected to whom, and at which metric.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    /// For each router its links outwards and the routers at their far ends, in link order.
    outwards: Vec<Vec<(Direction, RouterId)>>,
    /// At least 1, so that a shortest path never turns in a circle.
    metrics: Vec<u64>,
    /// Where each direction ends.
    pub(super) far_ends: Vec<RouterId>,
}

/// One of the equal-cost paths, with the share of flows that take it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    pub(super) hops: Vec<Direction>,
    pub(super) share: f64,
}

impl Route {
    /// No hop at all.
    pub(super) const LOCAL: Route = Route { hops: Vec::new(), share: 1.0 };
}

const UNREACHABLE: u64 = u64::MAX;

impl Topology {
    pub(super) fn new(router_count: usize, links: &[Link]) -> Topology {
        let mut outwards = vec![Vec::new(); router_count];
        let mut far_ends = Vec::with_capacity(2 * links.len());
        for (index, link) in links.iter().enumerate() {
            let (first, second) = link.between;
            let forward = Direction(2 * index as u32);
            outwards[first.index()].push((forward, second));
            outwards[second.index()].push((forward.opposite(), first));
            far_ends.extend([second, first]);
        }
        let metrics = links.iter().map(|link| link.metric.max(1)).collect();
        Topology { outwards, metrics, far_ends }
    }

    /// Sum of metrics from every router to `to`; metrics are the same both ways.
    pub(super) fn distances(&self, to: RouterId, known: &Known) -> Vec<u64> {
        let mut distances = vec![UNREACHABLE; self.outwards.len()];
        if !known.routers[to.index()] {
            return distances;
        }
        distances[to.index()] = 0;
        let mut frontier = BinaryHeap::from([Reverse((0, to))]);
        while let Some(Reverse((distance, router))) = frontier.pop() {
            if distance > distances[router.index()] {
                continue;
            }
            for &(direction, next) in &self.outwards[router.index()] {
                if !(known.links[direction.link()] && known.routers[next.index()]) {
                    continue;
                }
                let through = distance.saturating_add(self.metrics[direction.link()]);
                if through < distances[next.index()] {
                    distances[next.index()] = through;
                    frontier.push(Reverse((through, next)));
                }
            }
        }
        distances
    }

    /// The first [`MAX_PATHS`] shortest paths, in order of links, with shares that add up to 1;
    /// none where the destination of `distances` cannot be reached.
    pub(super) fn routes(&self, from: RouterId, distances: &[u64], known: &Known) -> Vec<Route> {
        let mut routes = Vec::new();
        if distances[from.index()] != UNREACHABLE {
            self.extend(from, distances, known, &mut Vec::new(), 1.0, &mut routes);
        }
        let kept: f64 = routes.iter().map(|route: &Route| route.share).sum();
        for route in &mut routes {
            route.share /= kept;
        }
        routes
    }

    fn extend(
        &self,
        at: RouterId,
        distances: &[u64],
        known: &Known,
        hops: &mut Vec<Direction>,
        share: f64,
        routes: &mut Vec<Route>,
    ) {
        if distances[at.index()] == 0 {
            routes.push(Route { hops: hops.clone(), share });
            return;
        }
        let shortest = |&&(direction, next): &&(Direction, RouterId)| {
            let rest = distances[next.index()];
            known.links[direction.link()]
                && rest != UNREACHABLE
                && rest.checked_add(self.metrics[direction.link()]) == Some(distances[at.index()])
        };
        let next_hops = self.outwards[at.index()].iter().filter(shortest).count();
        for &(direction, next) in self.outwards[at.index()].iter().filter(shortest) {
            if routes.len() == MAX_PATHS {
                return;
            }
            hops.push(direction);
            self.extend(next, distances, known, hops, share / next_hops as f64, routes);
            hops.pop();
        }
    }
}
