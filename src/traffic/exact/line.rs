//! A station's line: who waits, who is served, and for how long the window had how many of them.

use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::measure::recorder::{StationCell, StationTotals};
use crate::world::service::Station;

/// One waiting line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct List {
    pub(super) head: Option<Key>,
    pub(super) tail: Option<Key>,
}

/// What traffic keeps of one station, with all that a request asks of it.
#[derive(Clone, Debug)]
pub struct Line {
    /// The station as control has left it; nothing else changes it while traffic advances.
    pub(super) station: Station,
    pub(super) busy: u32,
    pub(super) waiting: u32,
    /// Those who go first under priority, then the others.
    pub(super) lists: [List; 2],
    /// When waits have been over CoDel's target since, plus its interval.
    pub(super) codel_drops_after: Option<SimTime>,
    busy_time: Area,
    queue_time: Area,
    slot_time: Area,
    /// Errors of the open window; its other counts are kept as totals.
    pub(super) errors: u32,
    /// The totals when the window was opened.
    opened: StationTotals,
}

/// Integral of a count over time [ns].
///
/// Each one who enters at t adds -t and each one who leaves adds t, so with n inside at t the
/// integral is the sum plus n t, exact modulo 2^64: an addition a change, not a product.
#[derive(Clone, Copy, Debug, Default)]
struct Area {
    sum: u64,
    /// The integral when the window was opened.
    opened: u64,
}

impl Area {
    #[inline]
    fn entered(&mut self, now: SimTime) {
        self.sum = self.sum.wrapping_sub(now.0);
    }

    #[inline]
    fn left(&mut self, now: SimTime) {
        self.sum = self.sum.wrapping_add(now.0);
    }

    /// The integral since the last call [count s], with so many inside.
    fn close(&mut self, inside: u32, now: SimTime) -> f64 {
        let area = self.sum.wrapping_add(now.0.wrapping_mul(u64::from(inside)));
        let since = area.wrapping_sub(std::mem::replace(&mut self.opened, area));
        since as f64 * 1e-9
    }
}

impl Line {
    pub(super) fn new(station: &Station) -> Line {
        Line {
            station: station.clone(),
            busy: 0,
            waiting: 0,
            lists: [List::default(); 2],
            codel_drops_after: None,
            busy_time: Area::default(),
            queue_time: Area::default(),
            slot_time: Area::default(),
            errors: 0,
            opened: StationTotals::default(),
        }
    }

    /// Takes what control has changed at `now`.
    pub(super) fn follow(&mut self, station: &Station, now: SimTime) {
        if self.station != *station {
            // As if so many slots had left, and so many others entered.
            let (before, after) = (self.station.slots, station.slots);
            let moved = u64::from(before).wrapping_sub(u64::from(after));
            self.slot_time.sum = self.slot_time.sum.wrapping_add(moved.wrapping_mul(now.0));
            self.station.clone_from(station);
        }
    }

    #[inline]
    pub(super) fn slot_taken(&mut self, now: SimTime) {
        self.busy_time.entered(now);
        self.busy += 1;
    }

    #[inline]
    pub(super) fn slot_freed(&mut self, now: SimTime) {
        self.busy_time.left(now);
        self.busy -= 1;
    }

    #[inline]
    pub(super) fn queue_entered(&mut self, now: SimTime) {
        self.queue_time.entered(now);
        self.waiting += 1;
    }

    #[inline]
    pub(super) fn queue_left(&mut self, now: SimTime) {
        self.queue_time.left(now);
        self.waiting -= 1;
    }

    /// Closes the window at `now` and opens the next.
    pub(super) fn close_window(&mut self, totals: &StationTotals, now: SimTime) -> StationCell {
        let before = std::mem::replace(&mut self.opened, *totals);
        let turned_away = |t: &StationTotals| t.rejected + t.dropped + t.crashed;
        StationCell {
            slot_s: self.slot_time.close(self.station.slots, now),
            busy_s: self.busy_time.close(self.busy, now),
            queue_s: self.queue_time.close(self.waiting, now),
            arrived: (totals.arrived - before.arrived) as u32,
            useful: (totals.useful - before.useful) as u32,
            stale: (totals.stale - before.stale) as u32,
            refused: (turned_away(totals) - turned_away(&before)) as u32,
            errors: std::mem::take(&mut self.errors),
        }
    }
}
