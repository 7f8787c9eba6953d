//! How long a beat is: short against all that clients wait for, and longer while none of them
//! waits; and a step: a beat, or less where a station is near its limit.

use super::line::BEHIND;
use super::{Flow, Scene};
use crate::traffic::plan::{DisciplinePlan, Plan};

/// Rates are constant over a second [ns].
pub(super) const CELL: u64 = 1_000_000_000;

/// A beat is at most this part of a timeout, and of all but the shortest waits before a retry,
/// those of the first part of their range; and of the mean time of thinking.
const OF_TIMEOUT: u64 = 15;
const OF_WAIT: u64 = 2;
const OF_RANGE: u64 = 4;
const OF_THINKING: f64 = 5.0;
/// Beats that a second may be divided into.
const BEATS: [u64; 6] = [1, 2, 4, 5, 10, 20];
/// A beat of a calm time is at most so many times as long.
const CALM: u64 = 2;

/// Steps where no station is near its limit [ns].
const QUIET: u64 = 1_000_000_000;
/// Least and largest step near a station's limit [ns].
const NEAR: (u64, u64) = (10_000_000, 100_000_000);
/// The same, as a part of the time that a request holds a slot.
const OF_HOLD: f64 = 0.5;
/// Free slots, in roots of the busy ones, under which a station is near its limit.
const NEAR_ROOTS: f64 = 3.0;
/// A step where callers give up is at most this part of their timeout.
const OF_PATIENCE: u64 = 10;
/// A CoDel's target is so many steps long.
const OF_TARGET: u64 = 4;

/// The longest beat that is no longer than this [ns]: a whole part of a second.
fn fitting(longest: u64) -> u64 {
    let fits = BEATS.iter().map(|parts| CELL / parts).find(|&beat| beat <= longest);
    fits.unwrap_or(CELL / BEATS[BEATS.len() - 1])
}

/// Lengths of beats [ns].
#[derive(Clone, Copy, Debug)]
pub(super) struct Beats {
    /// Where something fails.
    pub short: u64,
    /// Where nothing does.
    calm: u64,
    /// How long ago the world must have changed last, so that nothing does: all that was sent
    /// before has ended by then.
    settled: u64,
}

impl Beats {
    /// Those of clients with these timeouts [ns].
    pub(super) fn of(plan: &Plan, timeouts: impl Iterator<Item = u64>) -> Beats {
        let waits = plan.classes.iter().filter(|class| class.retry.allows_after(1)).map(|class| {
            let (least, most) = class.retry.wait_range_ns(1).unwrap_or_default();
            (least + (most - least) / OF_RANGE) / OF_WAIT
        });
        let thinking = plan.classes.iter().filter_map(|class| class.think.as_ref());
        let thinking = thinking.map(|law| (law.mean() / OF_THINKING * 1e9) as u64);
        let timeouts: Vec<u64> = timeouts.collect();
        let finite = timeouts.iter().copied().filter(|&timeout| timeout != u64::MAX);
        let settled = finite.max().unwrap_or(0);
        let timeouts = timeouts.into_iter().map(|timeout| timeout / OF_TIMEOUT);
        let short = fitting(timeouts.chain(waits).chain(thinking).min().unwrap_or(CELL));
        Beats { short, calm: fitting(short * CALM), settled }
    }
}

impl Flow {
    /// Chooses the length of the beats of the second that begins.
    pub(super) fn choose_beat(&mut self, scene: &Scene) {
        // Who thinks is kept by beats of one length.
        let calm = self.closed.is_empty() && self.is_calm(scene);
        self.beat = if calm { self.beats.calm } else { self.beats.short };
    }

    /// Whether nobody waits for a retry, and there is no reason why somebody soon should:
    /// the world is as it was, no queue waits and nothing is overloaded.
    fn is_calm(&self, scene: &Scene) -> bool {
        self.clock >= self.changed.saturating_add(self.beats.settled)
            && self.sweeping.is_empty()
            && !scene.world.network.is_busy()
            && self.lines.iter().all(|line| line.waiting() == 0)
            && !scene.world.services.stations.iter().any(|station| station.hung)
            && self.crowds.iter().all(|crowd| crowd.pools.is_empty())
    }

    /// Length of the next step [ns].
    pub(super) fn length(&self, scene: &Scene) -> u64 {
        let mut length = self.beat.min(self.caches.length().max(NEAR.0));
        for (index, line) in self.lines.iter().enumerate() {
            let station = &scene.world.services.stations[index];
            let hold_s = self.programs.holds_s[index];
            let slots = line.limits(station).0 as f64;
            // A station that is near its limit in the mean is so by luck sometimes not.
            let busy = line.busy_mean.max(line.busy as f64);
            let near = ((hold_s * OF_HOLD * 1e9) as u64).clamp(NEAR.0, NEAR.1);
            if station.hung {
                continue;
            }
            if line.waiting() > 0 && slots > line.slots {
                // Slots that have just come are taken at once, not anywhen within a step.
                length = length.min(NEAR.0);
            } else if line.waiting() > 0 {
                let mut wait_s = line.waiting() as f64 / (slots / hold_s.max(1e-6)).max(1e-6);
                if let (Some(_), Some(head)) = (&line.ahead, line.lists[BEHIND].queue.front()) {
                    // Others are served before him: he has waited for so long already.
                    wait_s = wait_s.max(self.clock.saturating_sub(head.start) as f64 / 1e9);
                }
                let full = ((hold_s * 1e9) as u64).clamp(NEAR.1, QUIET);
                let discipline = self.plan.services[station.service.index()].discipline;
                length = length.min(match discipline {
                    // Who has just come waits for the next slot, however many wait behind him.
                    DisciplinePlan::Lifo | DisciplinePlan::Priority => near,
                    DisciplinePlan::Codel { target_ns, .. } => {
                        near.min((target_ns / OF_TARGET).max(NEAR.0))
                    }
                    DisciplinePlan::Fifo if wait_s > 1.0 => full,
                    DisciplinePlan::Fifo => near,
                });
                let patience = self.programs.patience[index].least;
                if patience != u64::MAX && wait_s * 4e9 > patience as f64 {
                    let drops = self.drops(index, scene);
                    let soon = match (drops, self.programs.patience[index].goes_on) {
                        // What is left of it then decides who is answered further down.
                        (_, true) => NEAR.0,
                        (true, false) => near,
                        (false, false) => (patience / OF_PATIENCE).max(NEAR.0),
                    };
                    length = length.min(soon);
                }
            } else if busy > 0.0 && slots - busy < NEAR_ROOTS * busy.sqrt() {
                length = length.min(near);
            }
        }
        length
    }
}
