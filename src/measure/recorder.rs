//! What is counted while a trial runs: dense tables by window, filled by traffic.
//!
//! Two clocks are kept apart: demands are counted in the window of their *intended start* (that is
//! availability), attempts and answers in the window in which they happen (that is what alarms
//! see). Nothing before `start` is counted in windows; the ledgers count from t = 0.

use super::histogram::{Bin, Histogram};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::Scenario;

/// Counts of one class in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Demands, by intended start; those below are shares of these.
    pub demand: u32,
    /// Answered correctly within `good_within`.
    pub good: u32,
    /// Answered correctly later.
    pub late: u32,
    /// Given up.
    pub failed: u32,
    /// Suppressed: the mailbox was signed out.
    pub suppressed: u32,
    /// First attempts sent in the window.
    pub first: u32,
    /// Attempts sent in the window.
    pub sent: u32,
    /// Attempts answered correctly in the window.
    pub answered: u32,
    /// Attempts that ended otherwise in the window.
    pub unanswered: u32,
}

/// Counts of one station in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StationCell {
    /// Integral of slots [slot s].
    pub slot_s: f64,
    /// Integral of busy slots [slot s].
    pub busy_s: f64,
    /// Integral of requests waiting [request s].
    pub queue_s: f64,
    /// Arrivals.
    pub arrived: u32,
    /// Served for a caller that still waited.
    pub useful: u32,
    /// Served for nobody.
    pub stale: u32,
    /// Rejected, dropped or crashed.
    pub refused: u32,
    /// Answered with an error.
    pub errors: u32,
}

/// Totals of one class since t = 0 (the client ledger).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientTotals {
    /// Attempts sent.
    pub sent: u64,
    /// Answered correctly in time.
    pub answered: u64,
    /// Given up after the timeout.
    pub timed_out: u64,
    /// Refused, reset, or answered with an error.
    pub refused: u64,
    /// Lost in the network.
    pub lost: u64,
}

/// Totals of one station since t = 0 (the server ledger).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StationTotals {
    /// Arrivals.
    pub arrived: u64,
    /// Served useful.
    pub useful: u64,
    /// Served stale.
    pub stale: u64,
    /// Rejected on arrival.
    pub rejected: u64,
    /// Dropped from the queue.
    pub dropped: u64,
    /// Crashed with an instance.
    pub crashed: u64,
}

/// Totals of one pipeline since t = 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PipelineTotals {
    /// Messages accepted.
    pub accepted: u64,
    /// Delivered.
    pub delivered: u64,
    /// Bounced.
    pub bounced: u64,
    /// Lost with a copy.
    pub lost: u64,
}

/// The tables of one trial.
#[derive(Clone, Debug)]
pub struct Recorder {
    start: SimTime,
    window: SimDuration,
    windows: usize,
    /// The window that was asked for last: its ends and its number. Nearly always it is asked for
    /// again, and a comparison is cheaper than a division.
    latest: (SimTime, SimTime, usize),
    slice: SimDuration,
    slices: usize,
    /// [class][window].
    cells: Vec<Cell>,
    /// [class][slice], by intended start; made when first needed.
    latency: Vec<Option<Box<Histogram>>>,
    /// [class]: answers of the window that is open, by time of the answer; none where nobody looks
    /// at them before the end.
    pub window_latency: Vec<Histogram>,
    /// [class].
    pub clients: Vec<ClientTotals>,
    /// [station].
    pub stations: Vec<StationTotals>,
    /// [pipeline].
    pub pipelines: Vec<PipelineTotals>,
    /// Suppressed demands that were deferred, and those that came back.
    pub deferred: (u64, u64),
    /// Sessions lost (not: closed by their user or drained).
    pub sessions_lost: u64,
    /// Sum of waits before service of all requests that were started, and their count [s].
    pub waits: Vec<(f64, u64)>,
}

/// Longest slice of the latency tables: their number is kept near 240.
const SLICES: u64 = 240;

/// Windows that are looked at on either side for one that has demanded what has ended.
const FAR: usize = 100;

impl Recorder {
    /// Empty tables for `classes` classes, `stations` stations and the pipelines of a scenario.
    pub fn new(scenario: &Scenario, classes: usize, stations: usize) -> Recorder {
        let (clock, pipelines) = (&scenario.clock, scenario.pipelines.len());
        let watched = if scenario.watches_latency() { classes } else { 0 };
        let windows = clock.duration.0.div_ceil(clock.window.0) as usize;
        let minute = SimDuration::from_secs(60);
        let wanted = (clock.duration.0 / SLICES).div_ceil(minute.0).max(1);
        let slice = minute * wanted;
        let slices = clock.duration.0.div_ceil(slice.0) as usize;
        Recorder {
            start: SimTime::ZERO + clock.warmup,
            window: clock.window,
            windows,
            latest: (SimTime::ZERO, SimTime::ZERO, 0),
            slice,
            slices,
            cells: vec![Cell::default(); classes * windows],
            latency: vec![None; classes * slices],
            window_latency: vec![Histogram::new(); watched],
            clients: vec![ClientTotals::default(); classes],
            stations: vec![StationTotals::default(); stations],
            pipelines: vec![PipelineTotals::default(); pipelines],
            deferred: (0, 0),
            sessions_lost: 0,
            waits: vec![(0.0, 0); stations],
        }
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// Length of a latency slice, and their number.
    pub fn slices(&self) -> (SimDuration, usize) {
        (self.slice, self.slices)
    }

    /// The window of an instant; `None` in the warm-up and after the end.
    #[inline]
    pub fn window_of(&self, at: SimTime) -> Option<usize> {
        let since = at.0.checked_sub(self.start.0)?;
        let window = (since / self.window.0) as usize;
        (window < self.windows).then_some(window)
    }

    /// The counts of a class in the window of `at`, to be added to.
    #[inline]
    pub fn cell(&mut self, class: usize, at: SimTime) -> Option<&mut Cell> {
        if !(self.latest.0 <= at && at < self.latest.1) {
            self.look_up(at)?;
        }
        Some(&mut self.cells[class * self.windows + self.latest.2])
    }

    #[inline(never)]
    fn look_up(&mut self, at: SimTime) -> Option<()> {
        let window = self.window_of(at)?;
        let start = self.start + self.window * window as u64;
        self.latest = (start, start + self.window, window);
        Some(())
    }

    /// Demands of a class have ended, intended about `at`: counts them in that window, and those
    /// that it has not demanded in the nearest before it that have, or else after it: what is not
    /// over yet should not pay for what is.
    pub fn ended(&mut self, class: usize, at: SimTime, n: u64, which: fn(&mut Cell) -> &mut u32) {
        let Some(window) = self.window_of(at) else { return };
        let cells = &mut self.cells[class * self.windows..(class + 1) * self.windows];
        let mut left = n as u32;
        let earlier = (window.saturating_sub(FAR)..=window).rev();
        let later = window + 1..cells.len().min(window + 1 + FAR);
        for at in earlier.chain(later) {
            let cell = &mut cells[at];
            let told = cell.good + cell.late + cell.failed + cell.suppressed;
            let here = left.min(cell.demand.saturating_sub(told));
            *which(cell) += here;
            left -= here;
            if left == 0 {
                return;
            }
        }
        *which(&mut cells[window]) += left;
    }

    /// The counts of a class in a window.
    pub fn cell_at(&self, class: usize, window: usize) -> &Cell {
        &self.cells[class * self.windows + window]
    }

    /// A demand was answered correctly: its class, intended start, and when.
    #[inline(always)]
    pub fn served(&mut self, class: usize, intended: SimTime, at: SimTime, good: bool) {
        let latency = at - intended;
        let bin = Bin::of(latency);
        if let Some(of_window) = self.window_latency.get_mut(class) {
            of_window.record_in(bin, latency);
        }
        if let Some(cell) = self.cell(class, intended) {
            if good {
                cell.good += 1;
            } else {
                cell.late += 1;
            }
            let slice = ((intended.0 - self.start.0) / self.slice.0) as usize;
            let place = &mut self.latency[class * self.slices + slice];
            place.get_or_insert_with(Default::default).record_in(bin, latency);
        }
    }

    /// The slice of the latency tables of an intended start; `None` outside the windows.
    pub fn slice_of(&self, intended: SimTime) -> Option<u32> {
        self.window_of(intended)?;
        Some(((intended.0 - self.start.0) / self.slice.0) as u32)
    }

    /// Whether latencies up to a window's end have to be recorded by then: somebody looks at those
    /// of the window, or a slice ends with it.
    pub fn needs_latencies(&self, end: SimTime) -> bool {
        let last = SimTime(end.0.saturating_sub(1));
        !self.window_latency.is_empty() || self.slice_of(end) != self.slice_of(last)
    }

    /// So many demands of a slice (`None`: of none) were answered correctly, this long after their
    /// intended start: latency alone, the counts of the window are the caller's.
    pub fn record_latency(
        &mut self,
        class: usize,
        slice: Option<u32>,
        latency: SimDuration,
        n: u64,
    ) {
        if let Some(of_window) = self.window_latency.get_mut(class) {
            of_window.record_n(latency, n);
        }
        if let Some(slice) = slice {
            let place = &mut self.latency[class * self.slices + slice as usize];
            place.get_or_insert_with(Default::default).record_n(latency, n);
        }
    }

    /// Latency of a class over the slices `from..to`, by intended start.
    pub fn latency(&self, class: usize, from: usize, to: usize) -> Histogram {
        let mut sum = Histogram::new();
        let row = &self.latency[class * self.slices..(class + 1) * self.slices];
        for slice in row[from.min(self.slices)..to.min(self.slices)].iter().flatten() {
            sum.merge(slice);
        }
        sum
    }
}
