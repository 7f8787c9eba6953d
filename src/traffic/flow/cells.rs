//! Mailboxes in counts: cells of members that nothing tells apart.
//!
//! A cell is a part of a group: at one attachment, with one piece of the unit interval that
//! steering divides, and, while a change of the name spreads, behind resolvers of one kind and
//! phase. Cells are cut when an epoch begins that answers their members differently, and put
//! together again when it has spread. What was under way for the members of a cut cell is dealt
//! out to its parts when it comes back.

use super::backoff::Pool;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::World;
use crate::world::steering::SteeringState;

/// Phases of ordinary resolvers that are told apart while a change spreads, and of those that
/// ignore TTLs.
const PHASES: [u32; 2] = [32, 16];

/// Behind which resolvers the members are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resolver {
    /// Any.
    All,
    /// Ordinary ones (0), or those that ignore TTLs (1), of every phase.
    Kind(usize),
    /// Of one phase.
    Phase(usize, u32),
}

/// What has become of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Life {
    /// It has members.
    Whole,
    /// Cut: the parts, their share of its members, and the sign-ins that they are owed.
    Cut(Vec<(u32, f64, [u64; 2])>),
    /// Put together with this one.
    Joined(u32),
}

/// A part of a group.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub group: u32,
    pub attachment: u32,
    pub lower: f64,
    pub upper: f64,
    pub resolver: Resolver,
    pub life: Life,
    pub members: u64,
    /// Members whose user is there.
    pub present: u64,
    /// [site]: sessions.
    pub signed: Vec<u64>,
    /// Present members that sign in, under way or backing off: again (0), or as they came (1).
    pub signing: [u64; 2],
    /// The same, of members whose user has gone.
    pub leaving: [u64; 2],
    /// Of `signing + leaving`, those that are under way; the others back off.
    pub under_way: [u64; 2],
    /// [class of the group]: demands kept for after the sign-in.
    pub parked: Vec<u64>,
    pub pools: Vec<Pool>,
    /// (sweep, site, sessions that it has not come to).
    pub swept: Vec<(u32, u32, u64)>,
    /// [state]: tracers (see `tracers.rs`).
    pub tracers: Vec<Vec<u32>>,
}

impl Cell {
    /// Sessions.
    pub(super) fn sessions(&self) -> u64 {
        self.signed.iter().sum()
    }

    /// Present members with neither a session nor a sign-in.
    pub(super) fn idle(&self) -> u64 {
        self.present - self.sessions() - self.signing[0] - self.signing[1]
    }

    /// Whether it has members.
    pub(super) fn is_whole(&self) -> bool {
        self.life == Life::Whole
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.lower, self.upper)
    }

    /// The site that its members are answered at `now`.
    pub(super) fn answer(&self, name: &SteeringState, now: SimTime) -> SiteId {
        let asked = match self.resolver {
            Resolver::All | Resolver::Kind(_) => now,
            Resolver::Phase(kind, phase) => {
                let period = name.resolvers()[kind].1.0;
                let part = (f64::from(phase) + 0.5) / f64::from(PHASES[kind]);
                let since = (now.0 + (part * period as f64) as u64) % period.max(1);
                SimTime(now.0.saturating_sub(since))
            }
        };
        name.answered_at(self.middle(), asked)
    }

    /// The site that the authority itself answers now.
    pub(super) fn authoritative(&self, name: &SteeringState) -> SiteId {
        name.answered_at(self.middle(), SimTime::MAX)
    }

    /// An empty cell like this one.
    fn like(&self) -> Cell {
        Cell {
            life: Life::Whole,
            members: 0,
            present: 0,
            signed: vec![0; self.signed.len()],
            signing: [0; 2],
            leaving: [0; 2],
            under_way: [0; 2],
            parked: vec![0; self.parked.len()],
            pools: Vec::new(),
            swept: Vec::new(),
            tracers: vec![Vec::new(); self.tracers.len()],
            ..*self
        }
    }
}

/// The cells of a group's mailboxes at t = 0.
pub(super) fn initial(world: &World, parked: &[usize], draws: &mut Stream) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (index, group) in world.population.groups.iter().enumerate() {
        let name = &world.steering[world.steering_of_client[group.client.index()].index()];
        let (first, cumulative) = &group.attachments;
        let mut below = 0.0;
        let mut left = u64::from(group.count);
        for (number, &up_to) in cumulative.iter().enumerate() {
            let share = (up_to - below) / (1.0 - below).max(1e-12);
            let mut here = binomial(draws, left, share);
            if number + 1 == cumulative.len() {
                here = left;
            }
            left -= here;
            below = up_to;
            let mut lower = 0.0;
            for upper in name.ends() {
                let whole = upper >= 1.0 - 1e-12;
                let share = (upper - lower) / (1.0 - lower).max(1e-12);
                let members = if whole { here } else { binomial(draws, here, share) };
                here -= members;
                cells.push(Cell {
                    group: index as u32,
                    attachment: first + number as u32,
                    lower,
                    upper: if whole { 1.0 } else { upper },
                    resolver: Resolver::All,
                    life: Life::Whole,
                    members,
                    present: 0,
                    signed: vec![0; world.sites],
                    signing: [0; 2],
                    leaving: [0; 2],
                    under_way: [0; 2],
                    parked: vec![0; parked[index]],
                    pools: Vec::new(),
                    swept: Vec::new(),
                    tracers: vec![Vec::new(); 2 + world.sites],
                });
                lower = upper;
            }
        }
    }
    cells
}

/// Cuts whatever an epoch that has just begun tells apart.
pub(super) fn follow_epoch(cells: &mut Vec<Cell>, world: &World, name: usize, draws: &mut Stream) {
    let steering = &world.steering[name];
    let ends: Vec<f64> = steering.ends().collect();
    let is_of = |cell: &Cell| {
        let client = world.population.groups[cell.group as usize].client;
        world.steering_of_client[client.index()].index() == name && cell.is_whole()
    };
    for index in 0..cells.len() {
        if !is_of(&cells[index]) {
            continue;
        }
        let (lower, upper) = (cells[index].lower, cells[index].upper);
        let inside = |end: &&f64| **end > lower + 1e-9 && **end < upper - 1e-9;
        let mut cuts: Vec<f64> = ends.iter().filter(inside).copied().collect();
        cuts.push(upper);
        if cuts.len() > 1 {
            let mut from = lower;
            let mut parts = Vec::new();
            for end in cuts {
                let part = Cell { lower: from, upper: end, ..cells[index].like() };
                parts.push((part, (end - from) / (upper - lower)));
                from = end;
            }
            cut(cells, index, parts, draws);
        }
    }
    let before = SimTime(steering.latest().0.saturating_sub(1));
    for index in 0..cells.len() {
        let cell = &cells[index];
        if !is_of(cell) || cell.answer(steering, before) == cell.authoritative(steering) {
            continue;
        }
        let mut parts = Vec::new();
        for (kind, (share, period)) in steering.resolvers().into_iter().enumerate() {
            let of_kind = match cell.resolver {
                Resolver::All => share,
                Resolver::Kind(of) if of == kind => 1.0,
                _ => 0.0,
            };
            if of_kind == 0.0 || period.0 == 0 {
                if of_kind > 0.0 && of_kind < 1.0 {
                    parts.push((Cell { resolver: Resolver::Kind(kind), ..cell.like() }, of_kind));
                }
                continue;
            }
            for phase in 0..PHASES[kind] {
                let part = Cell { resolver: Resolver::Phase(kind, phase), ..cell.like() };
                parts.push((part, of_kind / f64::from(PHASES[kind])));
            }
        }
        if !parts.is_empty() {
            cut(cells, index, parts, draws);
        }
    }
}

/// Puts cells together that nothing tells apart any more, at `now`.
pub(super) fn join(cells: &mut [Cell], world: &World, name: usize, now: SimTime) {
    let steering = &world.steering[name];
    let over = |kind: usize| now >= steering.latest() + steering.resolvers()[kind].1;
    let settled = |resolver: Resolver| match resolver {
        Resolver::Phase(kind, _) if over(kind) => Resolver::Kind(kind),
        resolver => resolver,
    };
    for cell in cells.iter_mut().filter(|cell| cell.is_whole()) {
        cell.resolver = settled(cell.resolver);
    }
    for all in [false, true] {
        if all && !(over(0) && over(1)) {
            break;
        }
        for index in 0..cells.len() {
            let Resolver::Kind(_) = cells[index].resolver else { continue };
            let client = world.population.groups[cells[index].group as usize].client;
            if !cells[index].is_whole() || world.steering_of_client[client.index()].index() != name
            {
                continue;
            }
            if all {
                cells[index].resolver = Resolver::All;
            }
            let resolver = cells[index].resolver;
            let key = |cell: &Cell| {
                (cell.group, cell.attachment, cell.lower.to_bits(), cell.upper.to_bits())
            };
            let mine = key(&cells[index]);
            let target = cells[..index]
                .iter()
                .position(|cell| cell.is_whole() && cell.resolver == resolver && key(cell) == mine);
            if let Some(target) = target {
                put_together(cells, target, index);
            }
        }
    }
}

fn put_together(cells: &mut [Cell], target: usize, index: usize) {
    let empty = Cell { life: Life::Joined(target as u32), ..cells[index].like() };
    let from = std::mem::replace(&mut cells[index], empty);
    let into = &mut cells[target];
    for kind in 0..2 {
        into.signing[kind] += from.signing[kind];
        into.leaving[kind] += from.leaving[kind];
        into.under_way[kind] += from.under_way[kind];
    }
    for (mine, theirs) in into.tracers.iter_mut().zip(&from.tracers) {
        mine.extend(theirs);
    }
    into.members += from.members;
    into.present += from.present;
    for (mine, theirs) in into.signed.iter_mut().zip(&from.signed) {
        *mine += theirs;
    }
    for (mine, theirs) in into.parked.iter_mut().zip(&from.parked) {
        *mine += theirs;
    }
    for pool in from.pools {
        match into.pools.iter_mut().find(|mine| mine.key == pool.key) {
            Some(mine) => mine.absorb(pool),
            None => into.pools.push(pool),
        }
    }
    for (sweep, site, left) in from.swept {
        match into.swept.iter_mut().find(|mine| (mine.0, mine.1) == (sweep, site)) {
            Some(mine) => mine.2 += left,
            None => into.swept.push((sweep, site, left)),
        }
    }
}

/// Cuts a cell into parts of these shares; every count is divided by a multinomial draw.
fn cut(cells: &mut Vec<Cell>, index: usize, parts: Vec<(Cell, f64)>, draws: &mut Stream) {
    let first = cells.len() as u32;
    let mut lives = Vec::new();
    let mut share_left = 1.0;
    let last = parts.len() - 1;
    for (number, (mut part, share)) in parts.into_iter().enumerate() {
        let p = if number == last { 1.0 } else { (share / share_left).min(1.0) };
        share_left -= share;
        let whole = &mut cells[index];
        let mut take = |of: &mut u64| {
            let n = binomial(draws, *of, p);
            *of -= n;
            n
        };
        // Members are counted by what they are doing, so that all counts stay consistent.
        let mut idle = whole.idle();
        let mut away = whole.members - whole.present;
        for (mine, theirs) in part.signed.iter_mut().zip(&mut whole.signed) {
            *mine = take(theirs);
        }
        for (mine, theirs) in part.parked.iter_mut().zip(&mut whole.parked) {
            *mine = take(theirs);
        }
        for (sweep, site, left) in &mut whole.swept {
            part.swept.push((*sweep, *site, take(left)));
        }
        // Of the sign-ins, those under way and those in pools are dealt out apart.
        let mut all = [take(&mut whole.under_way[0]), take(&mut whole.under_way[1])];
        let owed = all;
        part.under_way = owed;
        for pool in &mut whole.pools {
            let mut count = pool.count;
            let n = take(&mut count);
            if pool.key.signs_in {
                all[usize::from(pool.key.demanded)] += n;
            }
            if n > 0 {
                part.pools.push(pool.split_off(n));
            }
        }
        for (kind, all) in all.into_iter().enumerate() {
            let (leaving, signing) = (&mut whole.leaving[kind], &mut whole.signing[kind]);
            let gone = hypergeometric(draws, *leaving, *signing, all);
            (part.leaving[kind], part.signing[kind]) = (gone, all - gone);
            *leaving -= gone;
            *signing -= all - gone;
        }
        let mut take = |of: &mut u64| {
            let n = binomial(draws, *of, p);
            *of -= n;
            n
        };
        let (idle_part, away_part) = (take(&mut idle), take(&mut away));
        for (mine, theirs) in part.tracers.iter_mut().zip(&mut whole.tracers) {
            let (moved, left) = theirs.iter().partition(|_| draws.bernoulli(p));
            (*mine, *theirs) = (moved, left);
        }
        part.present = part.sessions() + part.signing[0] + part.signing[1] + idle_part;
        part.members = part.present + away_part;
        whole.present -= part.present;
        whole.members -= part.members;
        lives.push((first + number as u32, share, owed));
        cells.push(part);
    }
    cells[index].pools.clear();
    cells[index].swept.clear();
    cells[index].life = Life::Cut(lives);
}
