//! Every path that was ever in use, and which of them each pair of ends uses now.
//!
//! A path is a way there and a way back. It keeps its identifier for the whole run, so that an
//! attempt in flight over an old route still has one: it is what became of that path that decides
//! the answer's fate. A route that comes back finds its old identifier, so that a flapping link
//! does not make the table grow.
//!
//! A flow's one hash chooses among the equal ways there and among those back (symmetric hashing,
//! which vendors offer so that both directions meet the same firewall): where both have the same
//! shares, the same part of the flows takes the same links both ways.

use super::PathId;
use super::forwarding::{End, Way};
use super::topology::Direction;
use crate::scenario::model::{RouterId, SiteId};

/// One way through the network, from a source's router to a site, and the way of the answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub(super) start: RouterId,
    pub(super) to: SiteId,
    pub(super) kind: PathKind,
    /// Where the way there, and the way back, end.
    pub(super) ends: [End; 2],
    /// In `PathTable::hops`: the first of the way there, of the way back, and past its last.
    cuts: [u32; 3],
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
}

/// The two ends of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) start: RouterId,
    pub(super) to: SiteId,
    pub(super) kind: PathKind,
}

/// The ways between two ends: there, with their shares of all flows, and back, with their shares of
/// this leg's flows.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) pair: Pair,
    pub(super) there: Vec<Way>,
    pub(super) back: Vec<Way>,
}

impl Leg {
    fn share(&self) -> f64 {
        self.there.iter().map(|way| way.share).sum()
    }
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
    /// For each pair those in use now.
    choices: Vec<Vec<Choice>>,
    /// Every path in use, each once, ascending; unless some pair was set since.
    live: Vec<PathId>,
    live_is_old: bool,
}

/// A path and the largest hash that takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
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
            choices: vec![Vec::new(); pair_count],
            live: Vec::new(),
            live_is_old: true,
        }
    }

    /// Links of the way there, in order.
    #[inline]
    pub(super) fn hops(&self, path: &Path) -> &[Direction] {
        &self.hops[path.cuts[0] as usize..path.cuts[1] as usize]
    }

    /// Links of the way back, in order.
    #[inline]
    pub(super) fn hops_back(&self, path: &Path) -> &[Direction] {
        &self.hops[path.cuts[1] as usize..path.cuts[2] as usize]
    }

    /// Paths in use by some pair.
    pub(super) fn live(&self) -> &[PathId] {
        &self.live
    }

    /// Sets the ways of a pair, there and back; whether its paths or their shares are others now.
    /// Several legs are the catchments of an anycast name: each has its part of the flows.
    pub(super) fn set_pair(&mut self, index: usize, legs: &[Leg]) -> bool {
        let mut choices: Vec<Choice> = Vec::new();
        let mut below = 0.0;
        for (number, leg) in legs.iter().enumerate() {
            let last_leg = number + 1 == legs.len();
            let whole = if legs.len() == 1 { 1.0 } else { leg.share() };
            self.add_leg(index, leg, (below, whole), last_leg, &mut choices);
            below += whole;
        }
        let changed = self.choices[index] != choices;
        self.choices[index] = choices;
        self.live_is_old |= changed;
        changed
    }

    /// Adds the paths of a leg, which has `whole` of the unit interval from `below` on.
    fn add_leg(
        &mut self,
        index: usize,
        leg: &Leg,
        (below, whole): (f64, f64),
        last_leg: bool,
        choices: &mut Vec<Choice>,
    ) {
        let Leg { pair, there, back } = leg;
        let (mut out, mut home) = (0, 0);
        let (mut out_share, mut home_share) = (there[0].share, whole * back[0].share);
        // Both lists cut the leg's interval; each piece of both cuts is one path.
        loop {
            let path = self.intern(index, *pair, &there[out], &back[home]);
            let last = out + 1 == there.len() && home + 1 == back.len();
            let upper = below + if last { whole } else { out_share.min(home_share) };
            // `as` saturates at the largest hash.
            let last_hash = if last && last_leg { u64::MAX } else { (upper * HASHES) as u64 };
            choices.push(Choice { last_hash, path });
            if last {
                return;
            }
            let behind = |a: f64, b: f64| a <= b + SAME_SHARE;
            let (step_out, step_home) =
                (behind(out_share, home_share), behind(home_share, out_share));
            if (step_out && out + 1 < there.len()) || home + 1 == back.len() {
                out += 1;
                out_share += there[out].share;
            }
            if step_home && home + 1 < back.len() {
                home += 1;
                home_share += whole * back[home].share;
            }
        }
    }

    /// Notes which paths are in use, if pairs have been set.
    pub(super) fn note_live(&mut self) {
        if !std::mem::take(&mut self.live_is_old) {
            return;
        }
        self.live.clear();
        self.live.extend(self.choices.iter().flatten().map(|choice| choice.path));
        self.live.sort_unstable();
        self.live.dedup();
    }

    fn intern(&mut self, index: usize, pair: Pair, there: &Way, back: &Way) -> PathId {
        let ends = [there.end, back.end];
        let same = |id: &&PathId| {
            let path = &self.paths[id.index()];
            path.ends == ends && self.hops(path) == there.hops && self.hops_back(path) == back.hops
        };
        if let Some(&id) = self.ever[index].iter().find(same) {
            return id;
        }
        let id = PathId(self.paths.len() as u32);
        let first = self.hops.len() as u32;
        self.hops.extend_from_slice(&there.hops);
        let middle = self.hops.len() as u32;
        self.hops.extend_from_slice(&back.hops);
        let cuts = [first, middle, self.hops.len() as u32];
        let Pair { start, to, kind } = pair;
        self.paths.push(Path { start, to, kind, ends, cuts });
        self.ever[index].push(id);
        id
    }

    /// Every path of the pair in use, with the upper end of its part of the hashes' unit interval.
    pub(super) fn ends(&self, pair: usize) -> impl Iterator<Item = (PathId, f64)> {
        let upper = |hash: u64| if hash == u64::MAX { 1.0 } else { hash as f64 / HASHES };
        self.choices[pair].iter().map(move |choice| (choice.path, upper(choice.last_hash)))
    }

    /// The path that a flow of this pair takes.
    #[inline]
    pub(super) fn choose(&self, pair: usize, flow_hash: u64) -> PathId {
        let choices = &self.choices[pair];
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
        self.choices[pair].iter().scan(0_u64, |before, choice| {
            let width = choice.last_hash - *before;
            *before = choice.last_hash;
            Some((choice.path, width as f64 / HASHES))
        })
    }
}

/// Cuts of the unit interval nearer to each other than this are one: far below any share.
const SAME_SHARE: f64 = 1e-9;

/// Spreads numbers such as mailbox indices over all 64 bits (the finaliser of `SplitMix64`: Steele,
/// Lea, Flood, OOPSLA 2014, with Stafford's constants).
#[inline]
fn mix(hash: u64) -> u64 {
    let hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
