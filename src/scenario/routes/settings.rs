//! How the routers are set up: what people, and faults that are people's mistakes, can change.

use super::prefix::Prefixes;
use super::topology::Direction;
use crate::scenario::model::{LinkId, Network, PrefixId, RouterId};

/// A prefix announced by a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announcement {
    /// The prefix.
    pub prefix: PrefixId,
    /// The router.
    pub router: RouterId,
    /// Times that the system's own number is put before the path again.
    pub prepend: u32,
}

/// The configuration of all routers.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// [direction]: weight in the shortest path, 1 at least.
    pub metrics: Vec<u64>,
    /// [router]: asks not to be passed through.
    pub overloaded: Vec<bool>,
    /// [link]: its adjacency or session is shut down by hand.
    pub shut: Vec<bool>,
    /// What is announced where, sorted.
    pub announced: Vec<Announcement>,
    /// [direction]: local preference that the router at its beginning gives to what it learns from
    /// the one at its end; `None`: by relationship.
    pub preferences: Vec<Option<u32>>,
    /// [router]: tells every neighbour everything, whatever the relationship: it leaks.
    pub leaks: Vec<bool>,
}

impl Settings {
    /// The configuration at t = 0.
    pub fn new(network: &Network, prefixes: &Prefixes) -> Settings {
        let both = |link: &crate::scenario::model::Link| [link.metric.max(1); 2];
        let mut announced: Vec<Announcement> = prefixes
            .announced_at_start()
            .map(|(prefix, router)| Announcement { prefix, router, prepend: 0 })
            .collect();
        announced.sort_unstable();
        Settings {
            metrics: network.links.iter().flat_map(both).collect(),
            overloaded: vec![false; network.routers.len()],
            shut: vec![false; network.links.len()],
            announced,
            preferences: network.links.iter().flat_map(|link| [link.preference; 2]).collect(),
            leaks: vec![false; network.routers.len()],
        }
    }

    /// Sets the weight of a link, in both directions or only in the one that leaves a router.
    pub fn weigh(&mut self, network: &Network, link: LinkId, from: Option<RouterId>, metric: u64) {
        match from {
            Some(end) => {
                self.metrics[Direction::from_end(network, link, end).index()] = metric.max(1);
            }
            None => {
                let first = Direction(2 * link.0);
                self.metrics[first.index()] = metric.max(1);
                self.metrics[first.opposite().index()] = metric.max(1);
            }
        }
    }

    /// Announces a prefix at a router, with so many prepends.
    pub fn announce(&mut self, prefix: PrefixId, router: RouterId, prepend: u32) {
        self.withdraw(prefix, router);
        self.announced.push(Announcement { prefix, router, prepend });
        self.announced.sort_unstable();
    }

    /// Announces a prefix at a router no more.
    pub fn withdraw(&mut self, prefix: PrefixId, router: RouterId) {
        self.announced.retain(|a| a.prefix != prefix || a.router != router);
    }

    /// Prepends of a router for a prefix; `None` if it does not announce it.
    pub fn prepends(&self, prefix: PrefixId, router: RouterId) -> Option<u32> {
        let first = self.announced.partition_point(|a| (a.prefix, a.router) < (prefix, router));
        let found = self.announced.get(first)?;
        ((found.prefix, found.router) == (prefix, router)).then_some(found.prepend)
    }
}
