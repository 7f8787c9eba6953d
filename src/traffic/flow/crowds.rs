//! Mailboxes in counts: crowds that hang on the same router, and in them cells that steering tells
//! apart.
//!
//! A *crowd* is a part of a group: at one attachment, in one part of the directory (see
//! [`parts`](super::parts)); whatever is in flight belongs to a crowd. A *cell* is a part of a
//! crowd with one piece of the unit interval that steering divides and, while a change of the name
//! spreads, behind resolvers of one kind and phase. Cells are cut when an epoch begins that answers
//! their members differently, and put together when their resolvers know no more than the others
//! and nobody is left who was sent anywhere by an answer that only some of them had. For an anycast name the pieces are of the flow hashes, as the catchments of the crowd's
//! attachment divide them. A pipeline's messages have a crowd too, without cells.

use super::backoff::{Knowledge, Pool};
use super::signing::Pace;
use super::tracers::At;
use crate::kernel::defect::planted;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::{PipelineId, SiteId};
use crate::world::network::AttachmentId;
use crate::world::steering::SteeringState;

/// Phases of ordinary resolvers that are told apart while a change spreads, and of those that
/// ignore TTLs.
const PHASES: [u32; 2] = [32, 16];

/// Flow hashes of everybody.
pub(super) const ALL_FLOWS: (f64, f64) = (0.0, 1.0);

/// Whose a crowd is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Mailboxes of a group.
    Group(u32),
    /// Messages of a pipeline.
    Pipeline(PipelineId),
}

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

/// Attempts that were sent to a site, evenly over a span [ns].
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub site: SiteId,
    from: u64,
    to: u64,
}

impl Sent {
    /// Attempts of this number, of which all are known that is known `now`: that they ended within
    /// a timeout, and what they did then a wait from this range ago.
    pub(super) fn by(
        (attempt, know): (u16, &Knowledge),
        site: SiteId,
        now: u64,
        timeout: u64,
        (least, most): (u64, u64),
    ) -> Sent {
        let since = |start_s: f64| (now as f64 - 1e9 * start_s).max(0.0) as u64;
        let oldest = most.saturating_add(timeout).min(since(know.earliest_s));
        // The first was sent as it was meant to be. Later ones are of those who fail: by timeout.
        let usual =
            if attempt == 1 { u64::MAX } else { least.midpoint(most).saturating_add(timeout) };
        let mean = since(know.intended_s).min(usual).min(oldest);
        let youngest = (2 * mean).saturating_sub(oldest);
        Sent { site, from: now.saturating_sub(oldest), to: now.saturating_sub(youngest) }
    }

    /// Share of them that was sent before a time [ns].
    fn share_before(&self, time: u64) -> f64 {
        if time <= self.from {
            0.0
        } else if time >= self.to {
            1.0
        } else {
            (time - self.from) as f64 / (self.to - self.from) as f64
        }
    }
}

/// A part of a crowd.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    lower: f64,
    upper: f64,
    resolver: Resolver,
    /// The site that its members are answered now, the one before that, and since when [ns].
    pub answered: SiteId,
    was: SiteId,
    since: u64,
    pub members: u64,
    /// Members whose user is there.
    pub present: u64,
    /// [site]: sessions.
    pub signed: Vec<u64>,
    /// Present members that sign in, under way or backing off: again (0), or as they came (1).
    pub signing: [u64; 2],
    /// The same, of members whose user has gone.
    pub leaving: [u64; 2],
    /// Of `signing + leaving`, those under way, by site; the others back off.
    pub under_way: [Vec<u64>; 2],
    /// [class of the group]: demands kept for after the sign-in.
    pub parked: Vec<Parked>,
    /// (sweep, site, sessions that it has not come to).
    pub swept: Vec<(u32, u32, u64)>,
    /// [state]: tracers (see `tracers.rs`).
    pub tracers: Vec<Vec<u32>>,
}

/// Demands kept for after the sign-in, of members that sign in and of those that do not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parked {
    pub idle: u64,
    pub signing: u64,
}

/// Takes a share out of a count, by a binomial draw.
pub(super) fn take(of: &mut u64, share: f64, draws: &mut Stream) -> u64 {
    let n = binomial(draws, *of, share);
    *of -= n;
    n
}

/// A part of a group, or a pipeline's messages of one part.
#[derive(Clone, Debug)]
pub(super) struct Crowd {
    pub owner: Owner,
    /// Where it enters the network; `None`: what it sends is at its site already.
    pub attachment: Option<AttachmentId>,
    pub part: u16,
    /// The part of the unit interval that the flow hashes of its members' sessions are in.
    pub flows: (f64, f64),
    pub cells: Vec<Cell>,
    /// Sum over the cells.
    pub members: u64,
    /// Sum over the cells.
    pub present: u64,
    /// [site]: sum over the cells.
    pub signed: Vec<u64>,
    /// Those who wait before their next attempt.
    /// In order of their keys.
    pub pools: Vec<Pool>,
    /// [site]: logarithm of what is left of the first sessions there.
    pub survival: Vec<f64>,
    pub pace: Pace,
    /// [state]: tracers in its cells.
    pub traced: Vec<u32>,
}

impl Crowd {
    /// A pipeline's messages of one part.
    pub(super) fn of_messages(pipeline: PipelineId, part: u16) -> Crowd {
        Crowd {
            owner: Owner::Pipeline(pipeline),
            attachment: None,
            part,
            flows: ALL_FLOWS,
            cells: Vec::new(),
            members: 0,
            present: 0,
            signed: Vec::new(),
            pools: Vec::new(),
            survival: Vec::new(),
            pace: Pace::new(0),
            traced: Vec::new(),
        }
    }

    /// Sessions.
    pub(super) fn sessions(&self) -> u64 {
        self.signed.iter().sum()
    }

    /// Share of the present members that have a session.
    pub(super) fn in_session(&self) -> f64 {
        self.sessions() as f64 / self.present.max(1) as f64
    }

    /// Present members with neither a session nor a sign-in.
    pub(super) fn idle(&self) -> u64 {
        self.cells.iter().map(Cell::idle).sum()
    }

    /// Present members that sign in.
    pub(super) fn signing(&self) -> u64 {
        self.cells.iter().map(Cell::signing_in).sum()
    }
}

impl Cell {
    fn new((lower, upper): (f64, f64), members: u64, sites: usize, classes: usize) -> Cell {
        Cell {
            lower,
            upper,
            resolver: Resolver::All,
            answered: SiteId(0),
            was: SiteId(0),
            since: 0,
            members,
            present: 0,
            signed: vec![0; sites],
            signing: [0; 2],
            leaving: [0; 2],
            under_way: [vec![0; sites], vec![0; sites]],
            parked: vec![Parked::default(); classes],
            swept: Vec::new(),
            tracers: vec![Vec::new(); At::places(sites)],
        }
    }

    /// The members of one piece of a name's unit interval at t = 0.
    pub(super) fn of_piece(
        piece: (f64, f64),
        members: u64,
        (sites, classes): (usize, usize),
        name: &SteeringState,
    ) -> Cell {
        let mut cell = Cell::new(piece, members, sites, classes);
        cell.answered = cell.answer(name, SimTime::ZERO);
        cell.was = cell.answered;
        cell
    }

    /// An empty cell like this one.
    fn like(&self) -> Cell {
        let piece = (self.lower, self.upper);
        let empty = Cell::new(piece, 0, self.signed.len(), self.parked.len());
        let Cell { resolver, answered, was, since, .. } = *self;
        Cell { resolver, answered, was, since, ..empty }
    }

    /// Asks the name again; if its answer is another one, what it was.
    fn ask(&mut self, name: &SteeringState, now: u64) -> Option<SiteId> {
        let answer = self.answer(name, SimTime(now));
        let other = answer != self.answered;
        if other {
            (self.was, self.since, self.answered) = (self.answered, now, answer);
        }
        other.then_some(self.was)
    }

    /// Share of what its members sent over a span that went to this site, by their answer then.
    pub(super) fn sent(&self, of: &Sent) -> f64 {
        let before = of.share_before(self.since);
        if self.answered == of.site {
            1.0 - before
        } else if self.was == of.site {
            before
        } else {
            0.0
        }
    }

    /// Sessions.
    pub(super) fn sessions(&self) -> u64 {
        self.signed.iter().sum()
    }

    /// Present members with neither a session nor a sign-in.
    pub(super) fn idle(&self) -> u64 {
        self.present - self.sessions() - self.signing_in()
    }

    /// Present members that sign in.
    pub(super) fn signing_in(&self) -> u64 {
        self.signing[0] + self.signing[1]
    }

    /// Sign-ins of this kind that back off.
    pub(super) fn backing_off(&self, kind: usize) -> u64 {
        self.signing[kind] + self.leaving[kind] - self.under_way[kind].iter().sum::<u64>()
    }

    fn middle(&self) -> f64 {
        f64::midpoint(self.lower, self.upper)
    }

    /// The site that its members are answered at `now`.
    fn answer(&self, name: &SteeringState, now: SimTime) -> SiteId {
        let asked = match self.resolver {
            Resolver::All | Resolver::Kind(_) => now,
            Resolver::Phase(kind, phase) => {
                let period = name.resolvers()[kind].1.0;
                let part = (f64::from(phase) + 0.5) / f64::from(PHASES[kind]);
                let since = (now.0 + (part * period as f64) as u64) % period.max(1);
                SimTime(now.0.saturating_sub(since))
            }
        };
        let asked = if planted("flow-epoch-off-by-one") { SimTime(asked.0 / 2) } else { asked };
        name.answered_at(self.middle(), asked)
    }

    /// The site that the authority itself answers now.
    pub(super) fn authoritative(&self, name: &SteeringState) -> SiteId {
        name.answered_at(self.middle(), SimTime::MAX)
    }

    fn absorb(&mut self, from: Cell) {
        for kind in 0..2 {
            self.signing[kind] += from.signing[kind];
            self.leaving[kind] += from.leaving[kind];
            add(&mut self.under_way[kind], &from.under_way[kind]);
        }
        for (mine, theirs) in self.tracers.iter_mut().zip(&from.tracers) {
            mine.extend(theirs);
        }
        for (mine, theirs) in self.parked.iter_mut().zip(&from.parked) {
            mine.idle += theirs.idle;
            mine.signing += theirs.signing;
        }
        if from.since > self.since {
            (self.was, self.since) = (from.was, from.since);
        }
        self.members += from.members;
        self.present += from.present;
        add(&mut self.signed, &from.signed);
        for (sweep, site, left) in from.swept {
            match self.swept.iter_mut().find(|mine| (mine.0, mine.1) == (sweep, site)) {
                Some(mine) => mine.2 += left,
                None => self.swept.push((sweep, site, left)),
            }
        }
    }

    /// Takes a part out of it into `part`: every count by a binomial draw of share `p`.
    fn give(&mut self, part: &mut Cell, p: f64, draws: &mut Stream) {
        let mut take = |of: &mut u64| take(of, p, draws);
        // Members are counted by what they are doing, so that all counts stay consistent.
        let (mut idle, mut away) = (self.idle(), self.members - self.present);
        let backing = [0, 1].map(|kind| self.backing_off(kind));
        for (mine, theirs) in part.signed.iter_mut().zip(&mut self.signed) {
            *mine = take(theirs);
        }
        for (mine, theirs) in part.parked.iter_mut().zip(&mut self.parked) {
            mine.idle = take(&mut theirs.idle);
            mine.signing = take(&mut theirs.signing);
        }
        for (sweep, site, left) in &mut self.swept {
            part.swept.push((*sweep, *site, take(left)));
        }
        let mut sign_ins = [0; 2];
        for (kind, mut backing) in backing.into_iter().enumerate() {
            sign_ins[kind] = take(&mut backing);
            for (mine, theirs) in part.under_way[kind].iter_mut().zip(&mut self.under_way[kind]) {
                *mine = take(theirs);
                sign_ins[kind] += *mine;
            }
        }
        let (idle, away) = (take(&mut idle), take(&mut away));
        for (kind, all) in sign_ins.into_iter().enumerate() {
            let (leaving, signing) = (&mut self.leaving[kind], &mut self.signing[kind]);
            let gone = hypergeometric(draws, *leaving, *signing, all);
            (part.leaving[kind], part.signing[kind]) = (gone, all - gone);
            *leaving -= gone;
            *signing -= all - gone;
        }
        for (mine, theirs) in part.tracers.iter_mut().zip(&mut self.tracers) {
            (*mine, *theirs) = theirs.iter().partition(|_| draws.bernoulli(p));
        }
        part.present = part.sessions() + part.signing_in() + idle;
        part.members = part.present + away;
        self.present -= part.present;
        self.members -= part.members;
    }
}

fn add(to: &mut [u64], from: &[u64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

impl Crowd {
    /// Cuts whatever the newest epoch of its name tells apart.
    pub(super) fn follow_epoch(&mut self, steering: &SteeringState, draws: &mut Stream) {
        // Cuts of what was cut before would multiply.
        self.put_together(u64::MAX);
        let ends: Vec<f64> = steering.ends().collect();
        for index in 0..self.cells.len() {
            let (lower, upper) = (self.cells[index].lower, self.cells[index].upper);
            let inside = |end: &f64| *end > lower + 1e-9 && *end < upper - 1e-9;
            let mut cuts: Vec<f64> = ends.iter().copied().filter(inside).collect();
            cuts.push(upper);
            let mut from = lower;
            let mut parts = Vec::new();
            for end in cuts {
                let part = Cell { lower: from, upper: end, ..self.cells[index].like() };
                parts.push((part, (end - from) / (upper - lower)));
                from = end;
            }
            if parts.len() > 1 {
                self.cut(index, parts, draws);
            }
        }
        let before = SimTime(steering.latest().0.saturating_sub(1));
        for index in 0..self.cells.len() {
            let cell = &self.cells[index];
            if cell.answer(steering, before) != cell.authoritative(steering) {
                let parts = by_resolver(cell, steering);
                if parts.len() > 1 {
                    self.cut(index, parts, draws);
                }
            }
        }
    }

    /// Divides a cell by multinomial draws: the first part takes its place.
    fn cut(&mut self, index: usize, parts: Vec<(Cell, f64)>, draws: &mut Stream) {
        let mut whole = self.cells[index].clone();
        let last = parts.len() - 1;
        let mut share_left = 1.0;
        for (number, (mut part, share)) in parts.into_iter().enumerate() {
            let p = if number == last { 1.0 } else { (share / share_left).min(1.0) };
            share_left -= share;
            whole.give(&mut part, p, draws);
            if number == 0 {
                self.cells[index] = part;
            } else {
                self.cells.push(part);
            }
        }
    }

    /// Has the cells ask the name at `now`, and their sign-ins (of this class) go where it says;
    /// puts such together as nothing tells apart any more: those whose resolvers have refreshed
    /// since the last epoch began, when nobody asks again who was sent `memory` ago [ns]. Whether
    /// some are to come.
    pub(super) fn join(
        &mut self,
        steering: &SteeringState,
        (now, memory): (SimTime, u64),
        sign_in: Option<u16>,
        draws: &mut Stream,
    ) -> bool {
        for index in 0..self.cells.len() {
            if let Some(was) = self.cells[index].ask(steering, now.0)
                && let Some(class) = sign_in
            {
                self.redirect(index, was, class, draws);
            }
        }
        let resolvers = steering.resolvers();
        let mut spreading = false;
        for cell in &mut self.cells {
            if let Resolver::Phase(kind, phase) = cell.resolver {
                let period = resolvers[kind].1.0.max(1);
                let part = (f64::from(phase) + 0.5) / f64::from(PHASES[kind]);
                let since = (now.0 + (part * period as f64) as u64) % period;
                if now.0.saturating_sub(since) >= steering.latest().0 {
                    cell.resolver = Resolver::Kind(kind);
                } else {
                    spreading = true;
                }
            }
        }
        let horizon = now.0.saturating_sub(memory);
        self.put_together(horizon);
        spreading || self.cells.iter().any(|cell| cell.since > horizon)
    }

    /// Puts settled cells together whose answers changed at the same time, or before `horizon`.
    fn put_together(&mut self, horizon: u64) {
        let mut index = 0;
        while index < self.cells.len() {
            let cell = &self.cells[index];
            let key = |cell: &Cell| (cell.lower.to_bits(), cell.upper.to_bits());
            let settled = |cell: &Cell| !matches!(cell.resolver, Resolver::Phase(..));
            let all = spreading_in(&self.cells, key(cell)) == 0;
            let alike = |other: &Cell| {
                key(other) == key(cell)
                    && settled(other)
                    && (all || other.resolver == cell.resolver)
                    && (other.since == cell.since || other.since.max(cell.since) <= horizon)
            };
            let found = settled(cell).then(|| self.cells[..index].iter().position(alike)).flatten();
            match found {
                Some(target) => {
                    let from = self.cells.swap_remove(index);
                    if all {
                        self.cells[target].resolver = Resolver::All;
                    }
                    self.cells[target].absorb(from);
                }
                None => index += 1,
            }
        }
    }
}

/// Cells of a piece that still wait for their resolvers.
fn spreading_in(cells: &[Cell], piece: (u64, u64)) -> usize {
    let phased = |cell: &&Cell| matches!(cell.resolver, Resolver::Phase(..));
    let of = cells.iter().filter(phased);
    of.filter(|cell| (cell.lower.to_bits(), cell.upper.to_bits()) == piece).count()
}

/// The parts of a cell, by resolvers of each kind and phase.
fn by_resolver(cell: &Cell, steering: &SteeringState) -> Vec<(Cell, f64)> {
    let mut parts = Vec::new();
    for (kind, (share, period)) in steering.resolvers().into_iter().enumerate() {
        let of_kind = match cell.resolver {
            Resolver::All => share,
            Resolver::Kind(of) if of == kind => 1.0,
            _ => 0.0,
        };
        if of_kind == 0.0 {
            continue;
        }
        if period.0 == 0 {
            parts.push((Cell { resolver: Resolver::Kind(kind), ..cell.like() }, of_kind));
            continue;
        }
        for phase in 0..PHASES[kind] {
            let part = Cell { resolver: Resolver::Phase(kind, phase), ..cell.like() };
            parts.push((part, of_kind / f64::from(PHASES[kind])));
        }
    }
    parts
}
