//! Attempts that were sent within one beat: whose they are, and who of them still waits.
//!
//! A *cohort* is what the clients of one program send within a beat. Its *lanes* are the attempts
//! that nothing in the network tells apart: of one crowd and kind, with a connection to open or
//! without. A lane's *rows* say how often its attempts were made before and for which demands; they
//! are looked at when attempts fail, and once more when the lane has done with its answers. So a
//! step costs a few additions a lane, however many the rows.

use super::Flow;
use super::backoff::Knowledge;
use super::times::Times;
use crate::kernel::sample::hypergeometric;
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::world::network::AttachmentId;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A demand of a user: counts for availability.
    Demanded,
    /// Brought about by the outage or by the system itself: load, not demand.
    Induced,
    /// A sign-in that was given up before, tried again since its user wants something.
    Woken,
    /// A probe of this pair.
    Probe(u32),
}

/// Kinds of sign-ins, by their numbers.
pub(super) const SIGN_INS: [Kind; 3] = [Kind::Induced, Kind::Demanded, Kind::Woken];

impl Kind {
    /// Which of [`SIGN_INS`] it is, or would be.
    pub(super) const fn number(self) -> usize {
        match self {
            Kind::Induced | Kind::Probe(_) => 0,
            Kind::Demanded => 1,
            Kind::Woken => 2,
        }
    }
}

/// No crowd: a probe's.
pub(super) const NOBODY: u32 = u32::MAX;

/// What the attempts of a lane have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaneKey {
    pub crowd: u32,
    pub class: u16,
    pub kind: Kind,
    /// They open connections.
    pub opens: bool,
    /// Where they enter the network, the first of such places; `None`: they are at their site.
    pub from: Option<AttachmentId>,
}

/// Attempts of a lane alike in what their clients know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Its number, from 1.
    pub attempt: u16,
    pub know: Knowledge,
    pub count: u64,
}

impl Row {
    /// First attempts of operations intended at `at`.
    pub(super) fn first(at: SimTime, count: u64) -> Row {
        let intended_s = at.as_secs_f64();
        let know = Knowledge { intended_s, earliest_s: intended_s, ..Knowledge::default() };
        Row { attempt: 1, know, count }
    }

    /// Mean intended start.
    pub(super) fn intended(&self) -> SimTime {
        SimTime::from_secs_f64(self.know.intended_s)
    }
}

/// Attempts of a lane that have met the same in the network. Number of a way: twice the tries of
/// the connection before, and one more if data was lost.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    /// At a station, or with their answer under way.
    pub open: u64,
    /// Ever; the sums of their times in the network, and of those that answers took in the mean of
    /// all paths as these were sent [s].
    pub sent: u64,
    pub network_s: f64,
    pub back_s: f64,
    /// Answered since rows were last looked at: their times but for work.
    pub answered: Times,
}

/// What has ended of a cohort's attempts of one way since the last beat.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    /// Answers: their waits at queues.
    pub ok: Times,
    /// Failures.
    pub bad: u64,
    /// Of both, those that were on their way back before a path broke.
    pub home: u64,
}

/// Attempts that nothing in the network tells apart.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub key: LaneKey,
    pub rows: Vec<Row>,
    /// Where among them the last attempts that were added are.
    near: usize,
    /// To be sent within this beat.
    pub unsent: u64,
    /// Sum over the ways.
    pub open: u64,
    /// Their connection is not open yet, or their answer comes too late.
    pub pending: u64,
    /// Lost in the network; the client does not know.
    pub lost: u64,
    /// Refused since the last beat; and those whose session was over.
    pub refused: u64,
    pub reset: u64,
    /// Of the ways that its attempts have had, and those before them.
    pub ways: Vec<Way>,
    /// How long answers take in the mean of all paths, if they get there [s]; and after which
    /// change of delays that was looked at (see `connect.rs`).
    pub back_s: Option<f64>,
    pub looked: u64,
}

impl Lane {
    /// A lane without attempts, which takes over the lists of another one.
    fn new(key: LaneKey, mut of: (Vec<Row>, Vec<Way>)) -> Lane {
        of.0.clear();
        of.1.clear();
        let (rows, ways) = of;
        let (near, unsent, open, pending, lost, refused, reset) = Default::default();
        let (back_s, looked) = (None, u64::MAX);
        Lane { key, rows, near, unsent, open, pending, lost, refused, reset, ways, back_s, looked }
    }

    /// Attempts that their clients wait for.
    pub(super) fn standing(&self) -> u64 {
        self.unsent + self.open + self.pending + self.lost + self.refused + self.reset
    }

    /// Attempts that were answered since rows were last looked at.
    pub(super) fn answered(&self) -> u64 {
        self.ways.iter().map(|way| way.answered.count()).sum()
    }

    /// Takes `n` out of the rows, drawn without regard to which.
    pub(super) fn draw_rows(
        &mut self,
        mut n: u64,
        draws: &mut crate::kernel::stream::Stream,
        mut each: impl FnMut(Row),
    ) {
        let mut others: u64 = self.rows.iter().map(|row| row.count).sum();
        debug_assert!(n <= others, "more attempts than rows");
        for row in &mut self.rows {
            if n == 0 {
                break;
            }
            others -= row.count;
            let count = hypergeometric(draws, row.count, others, n);
            if count > 0 {
                row.count -= count;
                n -= count;
                each(Row { count, ..*row });
            }
        }
        self.rows.retain(|row| row.count > 0);
    }

    fn add(&mut self, row: Row, now_s: f64) {
        self.unsent += row.count;
        // Demands of one beat are alike, and so are retries of pools that differ no more.
        let same_s = (OF_AGE * (now_s - row.know.intended_s)).max(SAME_S);
        let alike = |other: &Row| {
            other.attempt == row.attempt
                && (other.know.crush > 0.0) == (row.know.crush > 0.0)
                && (other.know.intended_s - row.know.intended_s).abs() < same_s
                && (other.know.alive - row.know.alive).abs() < 1e-9
        };
        // What a cohort takes in during several beats comes in the same order in each.
        let all = self.rows.len();
        let nearest = (0..all.min(LOOK_AT)).map(|after| (self.near + after) % all);
        let latest = (0..all).rev().take(LOOK_AT);
        match nearest.chain(latest).find(|&place| alike(&self.rows[place])) {
            Some(place) => {
                let same = &mut self.rows[place];
                let part = row.count as f64 / (same.count + row.count) as f64;
                same.know = same.know.joined(&row.know, part);
                same.count += row.count;
                self.near = place;
            }
            None => {
                self.near = all;
                self.rows.push(row);
            }
        }
    }
}

/// Intended starts that differ by less are the same [s], and those by less than a part of their
/// age, which is small against that by which ages are told apart (`outcome.rs`).
const SAME_S: f64 = 1.0;
const OF_AGE: f64 = 1.0 / 64.0;
/// Rows that are looked at for one alike, from the last that was found on, and at the end.
const LOOK_AT: usize = 4;
/// A cohort of what never times out takes in this part of the time in which an answer is good.
const OF_GOOD: u64 = 64;

/// Attempts of one program that were sent within a beat.
#[derive(Clone, Debug)]
pub(super) struct Cohort {
    pub program: u16,
    /// No attempt is taken in from here on [ns].
    pub closes: u64,
    /// Mean time of sending [ns].
    pub sent: u64,
    pub lanes: Vec<Lane>,
    /// Changes of delays when the first of them were sent (see `connect.rs`).
    pub delays: u64,
    /// By the way that the attempts had, up to the last of which some have ended.
    pub ended: Vec<Ended>,
    /// It is in [`Flow::touched`](super::Flow).
    pub touched: bool,
}

impl Flow {
    /// The cohort of what is sent now by a program's clients.
    fn cohort_of(&mut self, program: usize) -> Key {
        if let Some(key) = self.fresh[program]
            && self.cohorts.get(key).is_some_and(|cohort| self.clock < cohort.closes)
        {
            return key;
        }
        let of = &self.programs.all[program];
        let mut closes = (self.clock / self.beat + 1) * self.beat;
        if of.timeout == u64::MAX {
            closes = closes.max(self.clock + of.good_within / OF_GOOD);
        }
        let mut cohort = self.spare.pop().unwrap_or_else(|| Cohort {
            program: 0,
            closes: 0,
            sent: 0,
            lanes: Vec::new(),
            delays: 0,
            ended: Vec::new(),
            touched: false,
        });
        (cohort.program, cohort.closes) = (program as u16, closes);
        cohort.delays = self.ways.delays;
        cohort.sent = u64::midpoint(self.clock, closes);
        // When each client gives up, its requests know; then the last of them has.
        let due = closes.saturating_add(of.timeout);
        let key = self.cohorts.insert(cohort);
        self.fresh[program] = Some(key);
        if due != u64::MAX {
            self.expiring[program].push_back((due, key));
        }
        key
    }

    /// Puts attempts to those that are sent by a program's clients within this beat.
    pub(super) fn put(&mut self, program: usize, lane: LaneKey, row: Row) {
        if row.know.crush > 0.0 {
            self.come_in_clumps(program, lane, &row);
        }
        let key = self.cohort_of(program);
        let cohort = self.cohorts.get_mut(key).expect("made above");
        let now_s = self.clock as f64 / 1e9;
        self.cost.cells_updated += 1;
        let found = cohort.lanes.iter_mut().find(|other| other.key == lane);
        if let Some(found) = found {
            found.add(row, now_s);
            return;
        }
        let mut new = Lane::new(lane, self.spare_lists.pop().unwrap_or_default());
        new.add(row, now_s);
        cohort.lanes.push(new);
    }

    /// Forgets a cohort nobody waits for any more.
    pub(super) fn close_cohort(&mut self, key: Key) {
        if let Some(mut cohort) = self.cohorts.remove(key) {
            let lists = cohort.lanes.drain(..).map(|lane| (lane.rows, lane.ways));
            self.spare_lists.extend(lists);
            cohort.ended.clear();
            cohort.touched = false;
            self.spare.push(cohort);
        }
    }
}
