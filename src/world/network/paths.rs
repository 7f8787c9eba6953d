//! From forwarding tables to paths: every pair of ends is walked again when a table on its way
//! changes.

use super::forwarding::{End, Exit, Way};
use super::prefix::Address;
use super::table::{Pair, PathKind};
use super::topology::Direction;
use super::view::PathView;
use super::{Attachment, Network, PathId, Tally};
use crate::scenario::model::{PrefixId, RouterId, SiteId};
use std::sync::Arc;

/// Which tables every pair's paths have come through.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// Words of 64 routers a pair.
    words: usize,
    /// [pair x word]: routers whose tables decided its ways.
    passed: Vec<u64>,
    /// Routers whose tables have changed since the last walk.
    dirty: Vec<RouterId>,
    /// [word]: routers that any pair passes.
    anybody: Vec<u64>,
}

impl Trace {
    fn note(&mut self, pair: usize, seen: &[RouterId]) {
        let row = &mut self.passed[pair * self.words..][..self.words];
        row.fill(0);
        for router in seen {
            row[router.index() / 64] |= 1 << (router.index() % 64);
        }
    }

    fn passes(&self, pair: usize, router: RouterId) -> bool {
        self.passed[pair * self.words + router.index() / 64] >> (router.index() % 64) & 1 == 1
    }

    fn sum_up(&mut self) {
        self.anybody.clear();
        self.anybody.resize(self.words, 0);
        for row in self.passed.chunks(self.words) {
            for (sum, word) in self.anybody.iter_mut().zip(row) {
                *sum |= word;
            }
        }
    }
}

impl Network {
    /// Puts a router's new chart into its table. Paths change with [`Network::retrace`].
    pub fn install_chart(&mut self, router: RouterId, chart: Arc<super::chart::Chart>) {
        self.tables.set_chart(router, chart);
        self.trace.dirty.push(router);
    }

    /// Puts another exit into a router's table. Paths change with [`Network::retrace`].
    pub fn install_exit(&mut self, router: RouterId, prefix: PrefixId, exit: Exit) {
        self.tables.set_exit(router, prefix, exit);
        self.trace.dirty.push(router);
    }

    /// Whether some pair's way passes a router, so that its table matters now.
    pub fn is_passed(&self, router: RouterId) -> bool {
        self.trace.anybody[router.index() / 64] >> (router.index() % 64) & 1 == 1
    }

    /// Walks the pairs whose ways pass a table that was changed; whether any path is another now.
    pub fn retrace(&mut self) -> bool {
        let mut dirty = std::mem::take(&mut self.trace.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        let pairs = (self.attachments.len() + self.sites.len()) * self.sites.len();
        let mut walked = false;
        let mut changed = false;
        for pair in 0..pairs {
            if dirty.iter().any(|&router| self.trace.passes(pair, router)) {
                changed |= self.walk(pair);
                walked = true;
            }
        }
        if walked {
            self.trace.sum_up();
        }
        self.changed |= changed;
        changed
    }

    /// Walks all pairs.
    pub(super) fn retrace_all(&mut self) {
        let pairs = (self.attachments.len() + self.sites.len()) * self.sites.len();
        self.trace.words = self.routers.len().div_ceil(64).max(1);
        self.trace.passed = vec![0; pairs * self.trace.words];
        for pair in 0..pairs {
            self.walk(pair);
        }
        self.trace.sum_up();
        self.changed = true;
    }

    /// Looks at the paths that a pair has come to use; all others are as they were.
    fn look_at_pair(&mut self, pair: usize) {
        self.views.resize(self.table.paths.len(), PathView::NOTHING);
        self.tallies.resize(self.table.paths.len(), Tally::default());
        let paths: Vec<PathId> = self.table.shares(pair).map(|(path, _)| path).collect();
        for path in paths {
            self.views[path.index()] = self.look(path.index());
        }
    }

    /// The ends of a pair, by its number.
    fn ends_of(&self, pair: usize) -> (Pair, Address) {
        let (from, to) = (pair / self.sites.len(), SiteId((pair % self.sites.len()) as u32));
        if let Some(attachment) = self.attachments.get(from) {
            let start = attachment.router;
            return (Pair { start, to, kind: PathKind::FromRegion }, Address::Users(start));
        }
        let site = SiteId((from - self.attachments.len()) as u32);
        let kind = if site == to { PathKind::Local } else { PathKind::BetweenSites };
        let start = self.sites[site.index()].router;
        (Pair { start, to, kind }, Address::Site(site))
    }

    /// Follows the tables between the ends of a pair, there and back; whether its paths are others.
    fn walk(&mut self, index: usize) -> bool {
        let (pair, home) = self.ends_of(index);
        if pair.kind == PathKind::Local {
            let here = [Way { hops: Vec::new(), share: 1.0, end: End::Delivered }];
            let changed = self.table.set_pair(index, pair, &here, &here);
            self.look_at_pair(index);
            return changed;
        }
        let mut seen = Vec::new();
        let there = self.ways(pair.start, Address::Site(pair.to), &mut seen);
        let far = self.sites[pair.to.index()].router;
        let mut back = self.ways(far, home, &mut seen);
        // In the order of the ways there, so that equal links go with equal links.
        back.sort_by(|a, b| {
            let links = |way: &Way| way.hops.iter().rev().map(|h| h.link()).collect::<Vec<_>>();
            links(a).cmp(&links(b))
        });
        self.trace.note(index, &seen);
        let changed = self.table.set_pair(index, pair, &there, &back);
        if changed {
            self.look_at_pair(index);
        }
        changed
    }

    /// The ways from a router to an address by the tables as they are.
    pub fn ways(&self, from: RouterId, to: Address, seen: &mut Vec<RouterId>) -> Vec<Way> {
        self.tables.ways(from, to, &self.topology, &self.prefixes, seen)
    }
}

/// A path in use, with its share of a pair's flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathNow {
    /// The path.
    pub path: PathId,
    /// Share of flows.
    pub share: f64,
    /// Whether it carries anything.
    pub carries: bool,
}

impl Network {
    /// Number of pairs of a region's router and a site.
    pub fn region_pairs(&self) -> usize {
        self.attachments.len() * self.sites.len()
    }

    /// The ends of such a pair.
    pub fn region_pair(&self, pair: usize) -> (Attachment, SiteId) {
        let site = SiteId((pair % self.sites.len()) as u32);
        (self.attachments[pair / self.sites.len()], site)
    }

    /// The paths that it uses.
    pub fn paths_now(&self, pair: usize) -> impl Iterator<Item = PathNow> + '_ {
        self.table.shares(pair).map(|(path, share)| {
            let carries = self.views[path.index()].carries;
            PathNow { path, share, carries }
        })
    }

    /// Routers of a path's way there and of its way back, and where both end.
    pub fn routers_of(&self, path: PathId) -> ([Vec<RouterId>; 2], [End; 2]) {
        let path = &self.table.paths[path.index()];
        let site = self.sites[path.to.index()].router;
        let along = |start: RouterId, hops: &[Direction]| {
            let far = hops.iter().map(|hop| self.topology.far_end(*hop));
            std::iter::once(start).chain(far).collect()
        };
        let there = along(path.start, self.table.hops(path));
        ([there, along(site, self.table.hops_back(path))], path.ends)
    }

    /// Ways of regions to sites, there or back, that end without an answer: (nowhere, in a circle).
    pub fn pairs_astray(&self) -> (usize, usize) {
        let (mut nowhere, mut circles) = (0, 0);
        for pair in 0..self.attachments.len() * self.sites.len() {
            let paths = self.table.shares(pair).map(|(path, _)| &self.table.paths[path.index()]);
            for end in paths.flat_map(|path| path.ends) {
                match end {
                    End::Delivered => {}
                    End::Loop(_) => circles += 1,
                    _ => nowhere += 1,
                }
            }
        }
        (nowhere, circles)
    }

    /// Whether a packet from one router comes to another one now: inside a system by the tables of
    /// its link-state protocol; from outside first to some site of that system.
    pub fn reaches(&self, from: RouterId, to: RouterId) -> bool {
        let system = self.topology.system(to);
        if self.topology.system(from) == system {
            return self.reaches_inside(from, to);
        }
        let sites = (0..self.sites.len() as u32).map(SiteId);
        let inside =
            sites.filter(|site| self.topology.system(self.sites[site.index()].router) == system);
        inside.into_iter().any(|site| {
            let ways = self.ways(from, Address::Site(site), &mut Vec::new());
            let found = |way: &Way| way.end == End::Delivered && self.way_carries(from, way);
            ways.first().is_some_and(found)
                && self.reaches_inside(self.sites[site.index()].router, to)
        })
    }

    fn reaches_inside(&self, from: RouterId, to: RouterId) -> bool {
        let mut at = from;
        let mut hops = Vec::new();
        for _ in 0..super::forwarding::TIME_TO_LIVE {
            if self.routers[at.index()] != super::RouterState::Up {
                return false;
            }
            if at == to {
                return true;
            }
            hops.clear();
            self.tables.chart(at).next_hops(at, to, &self.topology, &mut hops);
            let Some(&first) = hops.first() else { return false };
            if !self.links[first.link()].carries() {
                return false;
            }
            at = self.topology.far_end(first);
        }
        false
    }

    fn way_carries(&self, from: RouterId, way: &Way) -> bool {
        let up = |router: RouterId| self.routers[router.index()] == super::RouterState::Up;
        up(from)
            && way
                .hops
                .iter()
                .all(|hop| self.links[hop.link()].carries() && up(self.topology.far_end(*hop)))
    }
}
