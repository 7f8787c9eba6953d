//! What a router believes of its own system, and the shortest paths on it.
//!
//! Dijkstra (1959) towards each destination router, run when first asked for and then kept: routers
//! of the same belief share one chart. Every link on a shortest path is a next hop, and a router
//! splits evenly over its next hops (equal-cost multipath, RFC 2992). Links in parallel are next
//! hops of their own. An overloaded router (RFC 6987; the overload bit of IS-IS, RFC 1195) is an
//! end of paths, never in the middle of one.
//!
//! **Cost.** A chart that differs from the last one in a few links keeps every destination whose
//! shortest paths none of them touches, so that a cut costs the destinations behind it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, OnceLock};

use super::topology::{Direction, Topology};
use crate::scenario::model::{PrefixId, RouterId, SystemId};

/// Metric of a link that is not there.
pub const UNUSABLE: u64 = u64::MAX;
/// Distance where there is no way.
pub const UNREACHABLE: u64 = u64::MAX;

/// A system as some routers believe it to be.
#[derive(Clone, Debug)]
pub struct Chart {
    system: SystemId,
    /// [direction]: metric, [`UNUSABLE`] where no link is.
    metrics: Vec<u64>,
    /// [router]: whether it asks not to be passed through.
    overloaded: Vec<bool>,
    /// (prefix, router that announces it), sorted.
    origins: Vec<(PrefixId, RouterId)>,
    /// [router]: distances to it from all routers, once asked for.
    distances: Vec<OnceLock<Arc<[u64]>>>,
}

impl Chart {
    /// The chart of a system; metrics of links outside it must be [`UNUSABLE`], `origins` sorted.
    pub fn new(
        system: SystemId,
        metrics: Vec<u64>,
        overloaded: Vec<bool>,
        origins: Vec<(PrefixId, RouterId)>,
    ) -> Chart {
        debug_assert!(origins.is_sorted());
        let distances = overloaded.iter().map(|_| OnceLock::new()).collect();
        Chart { system, metrics, overloaded, origins, distances }
    }

    /// Takes from an older chart the distances that are the same on this one.
    pub fn keep_from(&mut self, older: &Chart, topology: &Topology) {
        if older.system != self.system || older.overloaded != self.overloaded {
            return;
        }
        let pairs = older.metrics.iter().zip(&self.metrics).enumerate();
        let changed = pairs.filter(|(_, (old, new))| old != new);
        let changed: Vec<(RouterId, RouterId, u64, u64)> = changed
            .map(|(index, (&old, &new))| {
                let direction = Direction(index as u32);
                (topology.near_end(direction), topology.far_end(direction), old, new)
            })
            .collect();
        for (kept, distances) in self.distances.iter_mut().zip(&older.distances) {
            let Some(distances) = distances.get() else { continue };
            let touches = changed.iter().any(|&(near, far, old, new)| {
                let rest = distances[far.index()];
                let through = |metric: u64| rest.saturating_add(metric);
                let here = distances[near.index()];
                // A link on a shortest path got longer, or one elsewhere short enough to be on it.
                rest != UNREACHABLE && (through(old) == here || through(new) < here)
            });
            if !touches {
                *kept = OnceLock::from(Arc::clone(distances));
            }
        }
    }

    /// Whether another chart shows the same, so that its paths are the same.
    pub fn shows_the_same(&self, other: &Chart) -> bool {
        self.system == other.system
            && self.metrics == other.metrics
            && self.overloaded == other.overloaded
            && self.origins == other.origins
    }

    /// The system.
    pub fn system(&self) -> SystemId {
        self.system
    }

    /// Sum of metrics from every router to this one.
    pub fn distances(&self, to: RouterId, topology: &Topology) -> &[u64] {
        self.distances[to.index()].get_or_init(|| self.dijkstra(to, topology).into())
    }

    /// Sum of metrics between two routers; [`UNREACHABLE`] without a way.
    pub fn distance(&self, from: RouterId, to: RouterId, topology: &Topology) -> u64 {
        self.distances(to, topology)[from.index()]
    }

    fn dijkstra(&self, to: RouterId, topology: &Topology) -> Vec<u64> {
        let mut distances = vec![UNREACHABLE; self.overloaded.len()];
        distances[to.index()] = 0;
        let mut frontier = BinaryHeap::from([Reverse((0, to))]);
        while let Some(Reverse((distance, router))) = frontier.pop() {
            let passes = router == to || !self.overloaded[router.index()];
            if distance > distances[router.index()] || !passes {
                continue;
            }
            for &(outwards, before) in topology.outwards(router) {
                let metric = self.metrics[outwards.opposite().index()];
                if metric == UNUSABLE {
                    continue;
                }
                let through = distance.saturating_add(metric);
                if through < distances[before.index()] {
                    distances[before.index()] = through;
                    frontier.push(Reverse((through, before)));
                }
            }
        }
        distances
    }

    /// Adds the next hops of a router towards another one, in link order.
    pub fn next_hops(
        &self,
        from: RouterId,
        to: RouterId,
        topology: &Topology,
        hops: &mut Vec<Direction>,
    ) {
        let distances = self.distances(to, topology);
        let here = distances[from.index()];
        if here == UNREACHABLE {
            return;
        }
        for &(direction, next) in topology.outwards(from) {
            let (metric, rest) = (self.metrics[direction.index()], distances[next.index()]);
            let open = next == to || !self.overloaded[next.index()];
            let there = metric != UNUSABLE && rest != UNREACHABLE;
            if open && there && rest.checked_add(metric) == Some(here) {
                hops.push(direction);
            }
        }
    }

    /// The routers that announce a prefix inside the system.
    pub fn origins(&self, prefix: PrefixId) -> impl Iterator<Item = RouterId> {
        let first = self.origins.partition_point(|&(p, _)| p < prefix);
        let of = self.origins[first..].iter().take_while(move |&&(p, _)| p == prefix);
        of.map(|&(_, router)| router)
    }

    /// Distance from a router to the nearest one that announces a prefix; [`UNREACHABLE`] if none.
    pub fn distance_to_prefix(&self, from: RouterId, prefix: PrefixId, topology: &Topology) -> u64 {
        let distances = self.origins(prefix).map(|to| self.distance(from, to, topology));
        distances.min().unwrap_or(UNREACHABLE)
    }
}
