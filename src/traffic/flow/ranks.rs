//! Priority, in counts: who goes first waits for a slot, but not for the others.
//!
//! Within a step nothing is known but what there was at its ends. A slot that becomes free while
//! nobody waits who goes first is another's, so that of those who go first and come later in the
//! step some may wait at its end, which is drawn ([`left_over`]): that is how long they wait in the
//! mean (Little's law). A full queue knows no ranks: of those who come within a step everyone is as
//! likely turned away; who goes first before he takes a slot in it, where that is sure.
//!
//! **Leaves out.** Slots become free, and requests come, at any time of a step; those that were
//! free as it began are nobody's only if all who come get one.

use super::line::{AHEAD, BEHIND, Line};
use super::program::Step;
use super::queue::is_new;
use super::station::Moved;
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::hypergeometric;

/// Those who go first at a station within one step.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// They waited as it began, and they have come since and were not turned away.
    waited: u64,
    pub came: u64,
    /// Those who have given up since.
    pub gave_up: u64,
    /// Of those who have come, those of whom it is known; and those who were turned away.
    let_in: u64,
    pub turned: u64,
    /// Of how many of both ranks, turned away or sure to be, the latter are.
    over: u64,
    /// Slots taken in its beat before it, and those that were given back in it.
    opened: u64,
    /// What decides how many of them are left.
    luck: Option<f64>,
}

impl Ahead {
    /// A step begins.
    pub(super) fn new(waited: u64, opened: u64) -> Ahead {
        Ahead { waited, opened, ..Ahead::default() }
    }
}

impl Line {
    /// Those who go first and have given up in this step.
    #[inline]
    pub(super) fn ahead_who_gave_up(&self) -> u64 {
        self.ahead.as_ref().map_or(0, |ahead| ahead.gave_up)
    }

    /// Requests that have been turned away in this step, or are sure to be.
    pub(super) fn sure_to_be_turned(&self) -> u64 {
        self.ahead.as_ref().map_or(self.met.turned, |ahead| ahead.over.max(self.met.turned))
    }

    /// So many who have come are turned away, of whom so many go first, and so many had taken
    /// slots.
    pub(super) fn have_turned(&mut self, all: u64, first: u64, busy: u64) {
        self.met.turned += all;
        self.refusals.turned += all;
        if let Some(ahead) = &mut self.ahead {
            ahead.turned += first;
            ahead.came -= first;
            ahead.let_in = ahead.let_in.min(ahead.came);
            ahead.over = ahead.over.max(self.met.turned);
            ahead.opened += busy;
        }
    }

    /// So many more who come just now are turned away as others were, whether they go first or not.
    pub(super) fn also_turned(&mut self, count: u64, is_first: bool) {
        self.met.turned += count;
        self.refusals.turned += count;
        if let Some(ahead) = &mut self.ahead {
            ahead.over += count;
            ahead.turned += if is_first { count } else { 0 };
        }
    }

    /// The list that slots are filled from next, and with how many at the most, if so many who go
    /// first are left to wait as long as there are others.
    #[inline]
    pub(super) fn next_list(&self, left: u64) -> Option<(usize, u64)> {
        let [ahead, behind] = self.lists.each_ref().map(|list| list.waiting);
        match (ahead, behind) {
            (0, 0) => None,
            (_, 0) => Some((AHEAD, ahead)),
            _ if ahead > left => Some((AHEAD, ahead - left)),
            _ => Some((BEHIND, u64::MAX)),
        }
    }
}

impl Flow {
    /// How many who go first are left to wait while others take slots, once such as have just come
    /// to a full queue are turned away; if `free` slots are filled now, and about `again` later in
    /// the step.
    pub(super) fn left_waiting(
        &mut self,
        index: usize,
        (free, again): (u64, f64),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) -> u64 {
        self.turn_away_ahead(index, (free, again), step, scene, moved);
        let line = &mut self.lines[index];
        let (slots, _) = line.limits(&scene.world.services.stations[index]);
        let Some(ahead) = &mut line.ahead else { return 0 };
        if line.lists.iter().any(|list| list.waiting == 0) {
            return 0;
        }
        let idle = slots.saturating_sub(line.before.0) as f64;
        let opened = line.refusals.opened.saturating_sub(ahead.opened);
        let taken = (opened + free) as f64 + again;
        let luck = *ahead.luck.get_or_insert_with(|| self.draws.uniform());
        let before = ahead.waited as f64 - ahead.gave_up as f64 - idle;
        left_over(before, ahead.came as f64, (taken - idle).max(0.0), luck)
    }

    /// Of `over` who are turned away at the end of a step, how many go first.
    pub(super) fn ahead_of_turned(&mut self, index: usize, over: u64) -> u64 {
        let line = &self.lines[index];
        let Some(ahead) = &line.ahead else { return 0 };
        let more = (over + line.met.turned).saturating_sub(ahead.over);
        let others = line.met.arrived - ahead.came - ahead.turned;
        let others = others.saturating_sub(ahead.over - ahead.turned);
        hypergeometric(&mut self.draws, ahead.came, others, more).min(over)
    }

    /// Of so many who go first, have come in this step and are turned away, how many wait.
    pub(super) fn ahead_of_waiting(&mut self, index: usize, turned: u64, step: Step) -> u64 {
        let line = &self.lines[index];
        let queue = line.lists[AHEAD].queue.iter().rev();
        let waiting = queue.take_while(|token| is_new(token, step));
        let waiting: u64 = waiting.map(|token| token.count).sum();
        let started = line.ahead.as_ref().map_or(0, |ahead| ahead.came.saturating_sub(waiting));
        hypergeometric(&mut self.draws, waiting, started, turned)
    }

    /// Of those who go first and have just come, turns away their part of all whom the queue is
    /// sure to turn away in this step.
    fn turn_away_ahead(
        &mut self,
        index: usize,
        (free, again): (u64, f64),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let Some(ahead) = &self.lines[index].ahead else { return };
        let new = ahead.came - ahead.let_in;
        if new == 0 {
            return;
        }
        let met = self.lines[index].met;
        let others = (met.arrived - ahead.came).saturating_sub(met.turned);
        // So many are turned away however many leave: the others when that is known.
        let again = (again + SPREADS * math::sqrt(again)).ceil() as u64;
        let over = self.turned_away(index, (free, again), scene);
        let turned = hypergeometric(&mut self.draws, new, others, over);
        let (mut left, mut tokens) = (turned, Vec::new());
        self.draw_newcomers((index, AHEAD), &mut left, step, &mut tokens);
        let turned = turned - left;
        let line = &mut self.lines[index];
        let known = line.met.turned + over;
        line.have_turned(turned, turned, 0);
        let ahead = line.ahead.as_mut().expect("found above");
        (ahead.over, ahead.let_in) = (known, ahead.came);
        for token in tokens {
            self.turn_away(index, token, scene, moved);
        }
    }
}

/// Standard deviations by which fewer may leave within a step than are expected to.
const SPREADS: f64 = 2.0;

/// How many wait at the end of a time in which `came` have come and a slot has become free for one
/// of them `gone` times, in any order, if `before` waited as it began; free slots then count as so
/// many fewer who are sure to be left.
///
/// # Source
/// A slot that nobody waits for is another's, so the number is a walk reflected at zero: the larger
/// of its sum and of the highest of the sums of its last moves. With `came` moves up and `gone`
/// down in any order, that is k or more for C(came + gone, gone + k) of the C(came + gone, came)
/// orders (the reflection principle: Feller, *An Introduction to Probability Theory*, volume 1,
/// 3rd ed., section III.1).
fn left_over(before: f64, came: f64, gone: f64, luck: f64) -> u64 {
    let least = (before + came - gone).max(0.0).floor();
    let mut left = least;
    let ways = |k: f64| math::lgamma(came - k + 1.0) + math::lgamma(gone + k + 1.0);
    if left >= came {
        return left as u64;
    }
    let mut as_many = if left > 0.0 { math::exp(ways(0.0) - ways(left)) } else { 1.0 };
    loop {
        as_many *= (came - left) / (gone + left + 1.0);
        if left >= came || luck >= as_many {
            return left as u64;
        }
        left += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::left_over;

    /// In how many of all orders so many are left, one by one.
    fn counted(before: i64, came: u32, gone: u32) -> Vec<f64> {
        let mut counts = vec![0.0; 16];
        let moves = came + gone;
        for order in (0_u32..1 << moves).filter(|order| order.count_ones() == came) {
            let mut waiting = before;
            for place in 0..moves {
                let up = order >> place & 1 == 1;
                // Slots that are free as it begins are nobody's until somebody comes.
                waiting = if up { waiting + 1 } else { (waiting - 1).max(waiting.min(0)) };
            }
            counts[waiting.max(0) as usize] += 1.0;
        }
        let all: f64 = counts.iter().sum();
        counts.into_iter().map(|count| count / all).collect()
    }

    #[test]
    fn as_many_are_left_as_in_all_orders() {
        for (before, came, gone) in
            [(0, 4, 6), (0, 6, 4), (2, 3, 7), (3, 5, 5), (1, 0, 3), (2, 7, 1)]
        {
            let expected = counted(before, came, gone);
            let draws = 100_000_u32;
            let mut found = vec![0.0; expected.len()];
            for number in 0..draws {
                let luck = (f64::from(number) + 0.5) / f64::from(draws);
                let left = left_over(before as f64, f64::from(came), f64::from(gone), luck);
                found[left as usize] += 1.0 / f64::from(draws);
            }
            for (expected, found) in expected.iter().zip(found) {
                assert!(
                    (expected - found).abs() < 1e-4,
                    "{before} {came} {gone}: {expected}, {found}"
                );
            }
        }
    }
}
