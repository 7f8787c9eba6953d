//! Mailboxes in counts: crowds that hang on the same router, and in them cells that steering tells
//! apart.
//!
//! A *crowd* is a part of a group: at one attachment, or at several that nothing tells apart (see
//! [`attached`](super::attached)), in one part of the directory (see
//! [`parts`](super::parts)); whatever is in flight belongs to a crowd. A *cell* is a part of a
//! crowd with one piece of the unit interval that steering divides and, while a change of the name
//! spreads, behind resolvers of one kind and phase. Cells are cut when an epoch begins that answers
//! their members differently, and put together when their resolvers know no more than the others
//! and nobody is left who was sent anywhere by an answer that only some of them had. For an anycast
//! name the pieces are of the flow hashes, as the catchments of the crowd's attachment divide them.
//! A pipeline's messages have a crowd too, without cells.

mod names;

pub(super) use names::Sent;

use super::attached::Attached;
use super::backoff::Pool;
use super::cohort::{Kind, SIGN_INS};
use super::signing::Pace;
use super::tracers::At;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::{PipelineId, SiteId};
use crate::world::network::AttachmentId;
use crate::world::steering::SteeringState;

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
    /// Present members that sign in, under way or backing off, by kind ([`SIGN_INS`]).
    pub signing: [u64; SIGN_INS.len()],
    /// The same, of members whose user has gone.
    pub leaving: [u64; SIGN_INS.len()],
    /// Of `signing + leaving`, those under way, by site; the others back off.
    pub under_way: [Vec<u64>; SIGN_INS.len()],
    /// [class of the group]: demands kept for after the sign-in.
    pub parked: Vec<Out>,
    /// (sweep, site, sessions that it has not come to).
    pub swept: Vec<(u32, u32, u64)>,
    /// [state]: tracers (see `tracers.rs`).
    pub tracers: Vec<Vec<u32>>,
}

/// Numbers of those without a session who are idle (0), and who sign in: of kind k (1 + k).
pub(super) type Out = [u64; 1 + SIGN_INS.len()];
/// Whoever of them has given up before, and wants something now.
pub(super) const WOKEN: usize = 1 + Kind::Woken.number();

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
    /// Where it enters the network.
    pub attached: Attached,
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
    /// Where among them somebody was put last.
    pub near: usize,
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
            attached: Attached::default(),
            part,
            flows: ALL_FLOWS,
            cells: Vec::new(),
            members: 0,
            present: 0,
            signed: Vec::new(),
            pools: Vec::new(),
            near: 0,
            survival: Vec::new(),
            pace: Pace::new(0),
            traced: Vec::new(),
        }
    }

    /// The first of its attachments; `None`: what it sends is at its site already.
    pub(super) fn attachment(&self) -> Option<AttachmentId> {
        self.attached.shares.first().map(|&(from, _)| from)
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
        self.present - self.sessions() - self.signing()
    }

    /// Present members that sign in.
    pub(super) fn signing(&self) -> u64 {
        self.cells.iter().map(Cell::signing_in).sum()
    }

    /// Present members without a session.
    pub(super) fn out(&self) -> Out {
        let mut all = Out::default();
        self.cells.iter().for_each(|cell| add(&mut all[1..], &cell.signing));
        all[0] = self.present - self.sessions() - all[1..].iter().sum::<u64>();
        all
    }

    /// Whose of `n` things are that happen to present members without a session; where there are
    /// none, to those who are idle.
    pub(super) fn divided(&self, n: u64, draws: &mut Stream) -> Out {
        let out = self.out();
        let (mut left, mut others) = (n, out.iter().sum::<u64>());
        let mut of = out.map(|here| {
            let count = binomial(draws, left, here as f64 / others.max(1) as f64);
            others -= here;
            left -= count;
            count
        });
        of[0] += left;
        of
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
            signing: Default::default(),
            leaving: Default::default(),
            under_way: std::array::from_fn(|_| vec![0; sites]),
            parked: vec![Out::default(); classes],
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
        self.signing.iter().sum()
    }

    /// Present members without a session.
    pub(super) fn out(&self) -> Out {
        let mut out = [self.idle(); 1 + SIGN_INS.len()];
        out[1..].copy_from_slice(&self.signing);
        out
    }

    /// Sign-ins of this kind that back off.
    pub(super) fn backing_off(&self, kind: usize) -> u64 {
        self.signing[kind] + self.leaving[kind] - self.under_way[kind].iter().sum::<u64>()
    }

    fn absorb(&mut self, from: Cell) {
        for kind in 0..SIGN_INS.len() {
            self.signing[kind] += from.signing[kind];
            self.leaving[kind] += from.leaving[kind];
            add(&mut self.under_way[kind], &from.under_way[kind]);
        }
        for (mine, theirs) in self.tracers.iter_mut().zip(&from.tracers) {
            mine.extend(theirs);
        }
        for (mine, theirs) in self.parked.iter_mut().zip(&from.parked) {
            add(mine, theirs);
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
        let backing = SIGN_INS.map(|kind| self.backing_off(kind.number()));
        for (mine, theirs) in part.signed.iter_mut().zip(&mut self.signed) {
            *mine = take(theirs);
        }
        for (mine, theirs) in part.parked.iter_mut().zip(&mut self.parked) {
            *mine = theirs.each_mut().map(&mut take);
        }
        for (sweep, site, left) in &mut self.swept {
            part.swept.push((*sweep, *site, take(left)));
        }
        let mut sign_ins = [0; SIGN_INS.len()];
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
