//! From forwarding tables to paths: every pair of ends is walked again when a table on its way
//! changes.

use super::forwarding::{End, Exit, Way};
use super::prefix::Address;
use super::table::{Leg, Pair, PathKind};
use super::topology::Direction;
use super::view::PathView;
use super::{AnycastId, Attachment, AttachmentId, Network, PathId, Tally};
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
        let pairs = self.pair_count();
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
        let pairs = self.pair_count();
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
        self.delay_changes += 1;
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
        let names_from = self.pair_count() - self.attachments.len() * self.names.len();
        if let Some(number) = index.checked_sub(names_from) {
            return self.walk_to_name(index, number);
        }
        let (pair, home) = self.ends_of(index);
        if pair.kind == PathKind::Local {
            let leg = Leg { pair, there: vec![STAY], back: vec![STAY] };
            let changed = self.table.set_pair(index, &[leg]);
            self.look_at_pair(index);
            return changed;
        }
        let mut seen = Vec::new();
        let there = self.ways(pair.start, Address::Site(pair.to), &mut seen);
        let back = self.ways_back(pair.to, home, &mut seen);
        self.set_walked(index, &[Leg { pair, there, back }], &seen)
    }

    fn set_walked(&mut self, index: usize, legs: &[Leg], seen: &[RouterId]) -> bool {
        self.trace.note(index, seen);
        let changed = self.table.set_pair(index, legs);
        if changed {
            self.look_at_pair(index);
        }
        changed
    }

    /// The ways of answers from a site, in the order of the ways there, so that equal links go with
    /// equal links.
    fn ways_back(&self, site: SiteId, home: Address, seen: &mut Vec<RouterId>) -> Vec<Way> {
        let mut back = self.ways(self.sites[site.index()].router, home, seen);
        back.sort_by(|a, b| {
            let links = |way: &Way| way.hops.iter().rev().map(|h| h.link()).collect::<Vec<_>>();
            links(a).cmp(&links(b))
        });
        back
    }

    /// Follows the tables from an attachment to whichever site of an anycast name they lead to.
    /// Flows that find none are put down to the name's first site, and carried nowhere.
    fn walk_to_name(&mut self, index: usize, number: usize) -> bool {
        let (from, name) = (number / self.names.len(), &self.names[number % self.names.len()]);
        let start = self.attachments[from].router;
        let mut seen = Vec::new();
        let ways = self.ways(start, Address::Anycast(name.prefix), &mut seen);
        let mut legs: Vec<(Option<SiteId>, Vec<Way>)> = Vec::new();
        for way in ways {
            let last = way.hops.last().map_or(start, |&hop| self.topology.far_end(hop));
            let here = |site: &&SiteId| self.sites[site.index()].router == last;
            let delivered = way.end == End::Delivered;
            let site = name.sites.iter().find(here).copied().filter(|_| delivered);
            match legs.last_mut() {
                Some((same, there)) if *same == site => there.push(way),
                _ => legs.push((site, vec![way])),
            }
        }
        let leg = |(site, there): (Option<SiteId>, Vec<Way>)| {
            let back = match site {
                Some(site) => self.ways_back(site, Address::Users(start), &mut seen),
                None => vec![STAY],
            };
            let to = site.unwrap_or(name.sites[0]);
            Leg { pair: Pair { start, to, kind: PathKind::FromRegion }, there, back }
        };
        let legs: Vec<Leg> = legs.into_iter().map(leg).collect();
        self.set_walked(index, &legs, &seen)
    }

    /// The ways from a router to an address by the tables as they are.
    pub fn ways(&self, from: RouterId, to: Address, seen: &mut Vec<RouterId>) -> Vec<Way> {
        self.tables.ways(from, to, &self.topology, &self.prefixes, seen)
    }
}

/// No way to go.
const STAY: Way = Way { hops: Vec::new(), share: 1.0, end: End::Delivered };

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

/// What a region's requests are addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A site.
    Site(SiteId),
    /// A name with one address at several sites.
    Name(AnycastId),
}

impl Network {
    /// Number of pairs of a region's router and a site or an anycast name.
    pub fn region_pairs(&self) -> usize {
        self.attachments.len() * (self.sites.len() + self.names.len())
    }

    /// The number of such a pair.
    pub fn region_pair_to(&self, from: AttachmentId, to: Destination) -> usize {
        match to {
            Destination::Site(site) => from.index() * self.sites.len() + site.index(),
            Destination::Name(name) => {
                let sites = self.attachments.len() * self.sites.len();
                sites + from.index() * self.names.len() + name.index()
            }
        }
    }

    /// The ends of such a pair.
    pub fn region_pair(&self, pair: usize) -> (Attachment, Destination) {
        let sites = self.attachments.len() * self.sites.len();
        let (from, to) = match pair.checked_sub(sites) {
            None => {
                let site = SiteId((pair % self.sites.len()) as u32);
                (pair / self.sites.len(), Destination::Site(site))
            }
            Some(number) => {
                let name = AnycastId((number % self.names.len()) as u32);
                (number / self.names.len(), Destination::Name(name))
            }
        };
        (self.attachments[from], to)
    }

    /// In the table of paths, pairs of sites lie between those of regions.
    fn table_pair(&self, region_pair: usize) -> usize {
        let to_sites = self.attachments.len() * self.sites.len();
        let between_sites = self.sites.len() * self.sites.len();
        region_pair + if region_pair < to_sites { 0 } else { between_sites }
    }

    fn pair_count(&self) -> usize {
        self.region_pairs() + self.sites.len() * self.sites.len()
    }

    /// The paths that a region's router and a site or name use.
    pub fn paths_now(&self, pair: usize) -> impl Iterator<Item = PathNow> + '_ {
        self.table.shares(self.table_pair(pair)).map(|(path, share)| {
            let carries = self.views[path.index()].carries;
            PathNow { path, share, carries }
        })
    }

    /// The path of a flow to an anycast name; [`Network::site_of`] says where it comes to.
    #[inline]
    pub fn path_to_name(&self, from: AttachmentId, name: AnycastId, flow_hash: u64) -> PathId {
        let first = (self.attachments.len() + self.sites.len()) * self.sites.len();
        self.table.choose(first + from.index() * self.names.len() + name.index(), flow_hash)
    }

    /// The site at the end of a path.
    #[inline]
    pub fn site_of(&self, path: PathId) -> SiteId {
        self.table.paths[path.index()].to
    }

    /// Whether the tables lead from its beginning to its site.
    pub fn leads(&self, path: PathId) -> bool {
        self.table.paths[path.index()].ends[0] == End::Delivered
    }

    /// The paths of flows to an anycast name that come to this site, or nowhere, with their shares
    /// of all flows; nothing once all come elsewhere.
    pub fn shares_of_name(
        &self,
        from: AttachmentId,
        name: AnycastId,
        site: SiteId,
    ) -> impl Iterator<Item = (PathId, f64)> {
        let pair = self.table_pair(self.region_pair_to(from, Destination::Name(name)));
        let here = move |path: PathId| self.site_of(path) == site || !self.leads(path);
        self.table.shares(pair).filter(move |&(path, _)| here(path))
    }

    /// Catchments: upper ends of parts of the unit interval of flow hashes, and the site that they
    /// come to, or none.
    pub fn catchments(
        &self,
        from: AttachmentId,
        name: AnycastId,
    ) -> impl Iterator<Item = (f64, Option<SiteId>)> {
        let pair = self.table_pair(self.region_pair_to(from, Destination::Name(name)));
        let site = |path: PathId| self.leads(path).then(|| self.site_of(path));
        self.table.ends(pair).map(move |(path, upper)| (upper, site(path)))
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
        for pair in 0..self.region_pairs() {
            let pair = self.table_pair(pair);
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
