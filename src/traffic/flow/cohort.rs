//! Attempts that were sent within one step: whose they are, and who of them still waits.

use super::Flow;
use super::people::CELL;
use super::program::Step;
use crate::kernel::sample::hypergeometric;
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A demand of a user: counts for availability.
    Demanded,
    /// Brought about by the outage or by the system itself: load, not demand.
    Induced,
    /// A probe of this pair.
    Probe(u32),
}

impl Kind {
    /// 1 for a user's demand, else 0.
    pub(super) fn number(self) -> usize {
        usize::from(self == Kind::Demanded)
    }
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It stands at a station, or has its answer under way.
    Open,
    /// Its connection has not been opened yet.
    Pending,
    /// Lost in the network; its client does not know.
    Lost,
}

/// Attempts alike in everything that their clients know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub cell: u32,
    pub class: u16,
    /// Its number, from 1.
    pub attempt: u16,
    pub kind: Kind,
    pub reach: Reach,
    /// Where it was sent.
    pub site: SiteId,
    /// Logarithm of what was left of its cell's first sessions there when it was sent.
    pub alive: f64,
    /// It opens a connection.
    pub opens: bool,
    /// Intended start [s].
    pub intended_s: f64,
    /// Time in the network, lost packets and connections included [s].
    pub network_s: f64,
    /// Of that, the waits for lost SYNs: it has reached its site so much later [s].
    pub opening_s: f64,
    pub count: u64,
}

impl Row {
    /// First attempts of operations intended at `at`, not yet sent anywhere.
    pub(super) fn first(cell: u32, class: u16, kind: Kind, at: SimTime, count: u64) -> Row {
        Row {
            cell,
            class,
            attempt: 1,
            kind,
            reach: Reach::Open,
            site: SiteId(0),
            alive: 0.0,
            opens: false,
            intended_s: at.as_secs_f64(),
            network_s: 0.0,
            opening_s: 0.0,
            count,
        }
    }
}

/// A cohort takes in what is sent within this part of its timeout.
const OF_TIMEOUT: u64 = 50;

/// Attempts of one program that were sent within one step, or a few short ones.
#[derive(Clone, Debug)]
pub(super) struct Cohort {
    pub program: u16,
    /// No attempt is taken in that is sent later [ns].
    pub closes: u64,
    /// Mean time of sending [ns].
    pub sent: u64,
    pub rows: Vec<Row>,
    /// Sum of the open rows.
    pub open: u64,
    /// Sum of all rows.
    pub standing: u64,
}

impl Flow {
    /// The cohort of what is sent in this step by a program's clients.
    pub(super) fn cohort_of(&mut self, program: usize, step: Step) -> Key {
        if let Some(key) = self.fresh[program]
            && self.cohorts.get(key).is_some_and(|cohort| step.to <= cohort.closes)
        {
            return key;
        }
        let timeout = self.programs.all[program].timeout;
        let span = step.length().max(timeout / OF_TIMEOUT).min(CELL);
        let rows = self.spare_rows.pop().unwrap_or_default();
        let (sent, closes) = (step.from + span / 2, step.from + span);
        let cohort = Cohort { program: program as u16, closes, sent, rows, open: 0, standing: 0 };
        let key = self.cohorts.insert(cohort);
        self.fresh[program] = Some(key);
        self.expiring[program].push_back((sent.saturating_add(timeout), key));
        key
    }

    /// Takes `n` open attempts out of a cohort, drawn without regard to whose they are.
    pub(super) fn draw_rows(&mut self, key: Key, n: u64, drawn: &mut Vec<Row>) {
        let Some(cohort) = self.cohorts.get_mut(key) else { return };
        let mut others = cohort.open;
        let mut left = n.min(cohort.open);
        cohort.open -= left;
        cohort.standing -= left;
        for row in cohort.rows.iter_mut().filter(|row| row.reach == Reach::Open) {
            if left == 0 {
                break;
            }
            others -= row.count;
            let count = hypergeometric(&mut self.draws, row.count, others, left);
            if count > 0 {
                row.count -= count;
                left -= count;
                drawn.push(Row { count, ..*row });
            }
        }
    }

    /// Forgets a cohort nobody waits for any more.
    pub(super) fn close_cohort(&mut self, key: Key) {
        if let Some(mut cohort) = self.cohorts.remove(key) {
            cohort.rows.clear();
            self.spare_rows.push(cohort.rows);
        }
    }
}
