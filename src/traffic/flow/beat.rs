//! How long a beat is: short against all that clients wait for, and longer while none of them waits.

use super::{Flow, Scene};
use crate::traffic::plan::Plan;

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
        self.beat = if self.is_calm(scene) { self.beats.calm } else { self.beats.short };
    }

    /// Whether nobody waits for a retry or thinks, and there is no reason why somebody soon should:
    /// the world is as it was, no queue waits and nothing is overloaded.
    fn is_calm(&self, scene: &Scene) -> bool {
        self.clock >= self.changed.saturating_add(self.beats.settled)
            && self.closed.is_empty()
            && self.sweeping.is_empty()
            && !scene.world.network.is_busy()
            && self.lines.iter().all(|line| line.waiting == 0)
            && !scene.world.services.stations.iter().any(|station| station.hung)
            && self.crowds.iter().all(|crowd| crowd.pools.is_empty())
    }
}
