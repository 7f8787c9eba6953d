//! Every path that was ever in use, and which of them each pair of ends uses now.
//!
//! A path keeps its identifier for the whole run, so that an attempt in flight over an old route
//! still has one: it is what became of that path that decides the answer's fate. A route that comes
//! back finds its old identifier, so that a flapping link does not make the table grow.

use super::PathId;
use super::route::{Direction, Route};
use crate::scenario::model::{RouterId, SiteId};

/// One way through the network, from a source's router to a site.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub(super) start: RouterId,
    pub(super) to: SiteId,
    /// In `PathTable::hops`.
    first_hop: u32,
    hop_count: u32,
    pub(super) kind: PathKind,
}

/// What a path passes besides routers and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathKind {
    /// Also the middleboxes before the site.
    FromRegion,
    /// Routers and links only.
    BetweenSites,
    /// Nothing: within one site.
    Local,
    /// Routing knows no way: everything sent there is lost.
    Nowhere,
}

/// Number of different hashes, 2^64.
const HASHES: f64 = 18_446_744_073_709_551_616.0;

/// Paths by identifier and by pair of ends.
#[derive(Clone, Debug)]
pub(super) struct PathTable {
    pub(super) paths: Vec<Path>,
    hops: Vec<Direction>,
    /// For each pair the paths that were ever in use.
    ever: Vec<Vec<PathId>>,
    /// For each pair the first of its entries in `choices`, with one more at the end.
    first_choices: Vec<u32>,
    choices: Vec<Choice>,
}

/// A path and the largest hash that takes it.
#[derive(Clone, Copy, Debug)]
struct Choice {
    last_hash: u64,
    path: PathId,
}

impl PathTable {
    pub(super) fn new(pair_count: usize) -> PathTable {
        PathTable {
            paths: Vec::new(),
            hops: Vec::new(),
            ever: vec![Vec::new(); pair_count],
            first_choices: vec![0],
            choices: Vec::new(),
        }
    }

    pub(super) fn hops(&self, path: &Path) -> &[Direction] {
        &self.hops[path.first_hop as usize..][..path.hop_count as usize]
    }

    /// Forgets what is in use (never the paths); pairs are then added anew, in order.
    pub(super) fn clear_choices(&mut self) {
        self.first_choices.clear();
        self.first_choices.push(0);
        self.choices.clear();
    }

    /// The routes of the next pair; none means that there is no way.
    pub(super) fn add_pair(
        &mut self,
        start: RouterId,
        to: SiteId,
        kind: PathKind,
        routes: &[Route],
    ) {
        let pair = self.first_choices.len() - 1;
        let mut share = 0.0;
        for route in routes {
            let path = self.intern(pair, start, to, kind, &route.hops);
            share += route.share;
            // `as` saturates at the largest hash.
            self.choices.push(Choice { last_hash: (share * HASHES) as u64, path });
        }
        if routes.is_empty() {
            let path = self.intern(pair, start, to, PathKind::Nowhere, &[]);
            self.choices.push(Choice { last_hash: u64::MAX, path });
        }
        if let Some(last) = self.choices.last_mut() {
            last.last_hash = u64::MAX;
        }
        self.first_choices.push(self.choices.len() as u32);
    }

    fn intern(
        &mut self,
        pair: usize,
        start: RouterId,
        to: SiteId,
        kind: PathKind,
        hops: &[Direction],
    ) -> PathId {
        let same = |&&id: &&PathId| {
            let path = &self.paths[id.index()];
            path.kind == kind && self.hops(path) == hops
        };
        if let Some(&id) = self.ever[pair].iter().find(same) {
            return id;
        }
        let id = PathId(self.paths.len() as u32);
        let (first_hop, hop_count) = (self.hops.len() as u32, hops.len() as u32);
        self.hops.extend_from_slice(hops);
        self.paths.push(Path { start, to, first_hop, hop_count, kind });
        self.ever[pair].push(id);
        id
    }

    /// The path that a flow of this pair takes.
    #[inline]
    pub(super) fn choose(&self, pair: usize, flow_hash: u64) -> PathId {
        let first = self.first_choices[pair] as usize;
        let choices = &self.choices[first..self.first_choices[pair + 1] as usize];
        if choices.len() == 1 {
            return choices[0].path;
        }
        let hash = mix(flow_hash);
        // The last choice takes every hash, so one is always found.
        let found = choices.iter().position(|choice| hash <= choice.last_hash);
        choices[found.unwrap_or(choices.len() - 1)].path
    }

    /// Every path of the pair in use, with its share of flows.
    pub(super) fn shares(&self, pair: usize) -> impl Iterator<Item = (PathId, f64)> {
        let first = self.first_choices[pair] as usize;
        let choices = &self.choices[first..self.first_choices[pair + 1] as usize];
        choices.iter().scan(0_u64, |before, choice| {
            let width = choice.last_hash - *before;
            *before = choice.last_hash;
            Some((choice.path, width as f64 / HASHES))
        })
    }
}

/// Spreads numbers such as mailbox indices over all 64 bits (the finaliser of `SplitMix64`: Steele,
/// Lea, Flood, OOPSLA 2014, with Stafford's constants).
#[inline]
fn mix(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
