//! Which way every region went to every site, and since when: the network over time.

use crate::kernel::time::SimTime;
use crate::world::network::{Network, PathNow};

/// Changes kept at most; later ones are only counted.
const CHANGES_MAX: usize = 2_000;

/// The paths of one pair of region and site, from a time on.
#[derive(Clone, Debug)]
pub struct RouteChange {
    /// Since when.
    pub at: SimTime,
    /// The pair, as [`Network::region_pair`] numbers it.
    pub pair: usize,
    /// Its paths.
    pub paths: Vec<PathNow>,
}

/// All changes so far.
#[derive(Clone, Debug)]
pub struct RouteLog {
    now: Vec<Vec<PathNow>>,
    /// In the order of time; at first every pair once.
    pub changes: Vec<RouteChange>,
    /// Changes that were too many to keep.
    pub left_out: u64,
}

impl RouteLog {
    /// The paths at t = 0.
    pub fn new(network: &Network) -> RouteLog {
        let empty = vec![Vec::new(); network.region_pairs()];
        let mut log = RouteLog { now: empty, changes: Vec::new(), left_out: 0 };
        log.look(network, SimTime::ZERO);
        log
    }

    /// Notes what is different now.
    pub fn look(&mut self, network: &Network, at: SimTime) {
        for (pair, last) in self.now.iter_mut().enumerate() {
            let same = network.paths_now(pair).eq(last.iter().copied());
            if same {
                continue;
            }
            last.clear();
            last.extend(network.paths_now(pair));
            if self.changes.len() < CHANGES_MAX.max(network.region_pairs()) {
                self.changes.push(RouteChange { at, pair, paths: last.clone() });
            } else {
                self.left_out += 1;
            }
        }
    }
}
