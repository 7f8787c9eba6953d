//! Who comes to a slot, in counts: the order of service.
//!
//! Within a step nothing is known but what there was at its ends. First come, first served:
//! requests come to slots in the order of their parcels, and where it matters what was in between,
//! as callers' patience ends then, it is drawn ([`Flow::next_of_queue`]). Last come, first served:
//! of those who came last any is as likely. Priority: first come, first served of those who go
//! first, then of the others (see `ranks.rs`). CoDel: parcels that have waited too long are
//! rejected as wholes, by the mean of their waits, between two steps: slots that many then give
//! back at once are not taken by who comes later. **Leaves out.** With few slots, each held for
//! longer than a step, `exact` rejects only once one becomes free.

use super::line::{BEHIND, Line, List};
use super::program::Step;
use super::station::{Left, Moved};
use super::token::{LOOK_BACK, Token};
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::hypergeometric;
use crate::kernel::stream::Stream;
use crate::traffic::plan::DisciplinePlan;

/// Turns in which a step's free slots are taken where it matters when.
const TURNS: u64 = 64;
/// Those where requests have come with others.
const TURNS_OF_MANY: u64 = 8;
/// A patience is long if it is so many times as long as work.
const HOLDS: f64 = 8.0;
/// Parcels by which a list may have more than doubled before it is looked through again.
const LONG: usize = 256;

impl Flow {
    /// Fills free slots from the queue.
    pub(super) fn fill(&mut self, index: usize, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let line = &self.lines[index];
        if line.ahead.is_none() && line.lists.iter().all(|list| list.queue.is_empty()) {
            return;
        }
        let station = &scene.world.services.stations[index];
        let (slots, _) = self.lines[index].limits(station);
        let discipline = self.plan.services[station.service.index()].discipline;
        let line = &self.lines[index];
        let free = slots.saturating_sub(line.busy);
        // Of those who take slots now, a share leaves again within the step.
        let again = line.again(free);
        let left = match line.ahead {
            Some(_) => self.left_waiting(index, (free, again), step, scene, moved),
            None => 0,
        };
        let gave_up = self.lines[index].ahead_who_gave_up();
        loop {
            let line = &mut self.lines[index];
            line.lists.iter_mut().for_each(List::forget_empty);
            // Who is dropped on the way to his slot is not left to wait for one.
            let left = left.saturating_sub(line.ahead_who_gave_up() - gave_up);
            let free = slots.saturating_sub(line.busy);
            let next = line.next_list(left).filter(|_| free > 0);
            let Some((number, most)) = next else { return };
            let list = &mut line.lists[number];
            let waited = list.queue[0].start < step.from;
            match discipline {
                DisciplinePlan::Lifo => {
                    for token in list.newest(free, &mut self.draws) {
                        self.take_slots(
                            (index, number),
                            token,
                            step.middle().0,
                            step,
                            scene,
                            moved,
                        );
                    }
                    continue;
                }
                DisciplinePlan::Codel { target_ns, interval_ns } => {
                    let now = list.filled;
                    if line.waits_too_long(target_ns, now) {
                        line.rejects_after.get_or_insert(now + interval_ns);
                    } else {
                        line.rejects_after = None;
                    }
                }
                DisciplinePlan::Fifo | DisciplinePlan::Priority => {}
            }
            let next = if waited && self.is_urgent((index, number), step) {
                self.next_of_queue((index, number), (free, again, most), step, scene, moved)
            } else {
                let list = &mut self.lines[index].lists[number];
                let head = &mut list.queue[0];
                let count = head.count.min(free).min(most);
                head.count -= count;
                let part = count as f64 / (free as f64 + again);
                list.filled += ((step.to - list.filled) as f64 * part) as u64;
                Some((Token { count, ..*head }, step.middle().0))
            };
            if let Some((token, at)) = next {
                self.take_slots((index, number), token, at, step, scene, moved);
            }
        }
    }

    /// Requests come out of the queue to slots at a time [ns].
    fn take_slots(
        &mut self,
        (index, list): (usize, usize),
        token: Token,
        at: u64,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        self.lines[index].lists[list].waiting -= token.count;
        let mut token = self.now_of_nobody(token);
        if token.start < step.from {
            let wait = token.age(at);
            // Counted in whole steps (see `take_first`).
            let counted_s = token.age(step.middle().0) as f64 / 1e9;
            scene.recorder.waits[index].0 += counted_s * token.count as f64;
            token.waited += wait;
            token.queued = true;
            if token.slack != u64::MAX {
                token.slack = token.slack.saturating_sub(wait);
            }
        }
        (token.start, token.width, token.there) = (step.from, step.length(), -1.0);
        self.start(index, token, step, scene, moved);
    }

    /// Where who came last is served first, puts together at the head what nobody waits for any
    /// more, whenever the list has grown long.
    pub(super) fn put_stale_together(&mut self, index: usize, scene: &Scene) {
        let service = scene.world.services.stations[index].service;
        let discipline = self.plan.services[service.index()].discipline;
        let (line, cohorts) = (&mut self.lines[index], &self.cohorts);
        let queue = &mut line.lists[BEHIND].queue;
        if discipline != DisciplinePlan::Lifo || queue.len() < line.put_together_at {
            return;
        }
        let mut stale: Vec<Token> = Vec::new();
        queue.retain(|token| {
            // A call is somebody's until its caller gives it up.
            let of_client = || token.cohort.is_some_and(|key| cohorts.get(key).is_some());
            let live = !token.orphan && (token.visit > 0 || of_client());
            if token.count == 0 || live {
                return token.count > 0;
            }
            let token = token.of_nobody();
            match stale.iter_mut().find(|other| other.is_of_the_same(&token)) {
                Some(other) => {
                    other.count += token.count;
                    let end = (token.start + token.width).max(other.start + other.width);
                    other.width = end - other.start;
                }
                None => stale.push(token),
            }
            false
        });
        stale.into_iter().rev().for_each(|token| queue.push_front(token));
        line.put_together_at = 2 * queue.len() + LONG;
        line.look_again();
    }

    /// A CoDel under which waits have been too long for an interval by about now, as a step begins,
    /// rejects all who have waited too long, in this instant; whether there are any.
    pub(super) fn reject_late(&mut self, step: Step, scene: &mut Scene, moved: &mut Moved) -> bool {
        let mut any = false;
        for (index, line) in self.lines.iter_mut().enumerate() {
            let station = &scene.world.services.stations[index];
            let due = line.rejects_after.is_some_and(|after| after <= step.middle().0);
            if !due || station.hung || station.slots == 0 {
                continue;
            }
            line.rejects_after = None;
            let discipline = self.plan.services[station.service.index()].discipline;
            let DisciplinePlan::Codel { target_ns, .. } = discipline else { continue };
            line.lists[BEHIND].forget_empty();
            while line.waits_too_long(target_ns, step.from) {
                any = true;
                let list = &mut line.lists[BEHIND];
                let head = &mut list.queue[0];
                let token = Token { waited: head.waited + head.age(step.from), ..*head };
                head.count = 0;
                list.waiting -= token.count;
                list.forget_empty();
                line.window.refused += token.count as u32;
                scene.recorder.stations[index].dropped += token.count;
                if !token.orphan {
                    let entry = token.visit == 0;
                    moved.push((token, if entry { Left::Rejected } else { Left::Refused }));
                }
            }
        }
        any
    }

    /// Whether it matters when those at the head of a queue come to their slots: callers' patience
    /// ends then, or before their work may.
    fn is_urgent(&self, (index, list): (usize, usize), step: Step) -> bool {
        let list = &self.lines[index].lists[list];
        let work = (self.programs.holds_s[index] * HOLDS * 1e9) as u64;
        let ends = |token: &Token| {
            let first = token.start.saturating_add(token.slack);
            first < step.to.saturating_add(work) && first.saturating_add(token.width) > step.from
        };
        let waited_for = |token: &&Token| token.slack != u64::MAX && !token.orphan;
        list.queue.iter().take(list.together(step)).filter(waited_for).any(ends)
    }

    /// Who comes next to the `free` slots of a station, `most` of them at once, and when [ns], if
    /// about `again` more become free within the step; `None`: it drops all who wait, as they have
    /// given up by then.
    ///
    /// What is left of callers' patience at a slot is a small difference of long waits: slots
    /// become free one after another at any time of a step, and requests have come at any time of
    /// their interval. Some slots are taken together: where callers at the head give up within the
    /// step and are dropped, in [`TURNS`] turns, each by the first who are still waited for; where
    /// requests have come with others, in [`TURNS_OF_MANY`], as who has come with others is served
    /// among them; else all at once.
    ///
    /// # Source
    /// With one patience for all it is exponential with rate lambda - c mu in the long run (the
    /// virtual wait's density below the patience; Baccelli and Hebuterne, Performance '81), which
    /// the tests hold.
    fn next_of_queue(
        &mut self,
        (index, number): (usize, usize),
        (free, again, most): (u64, f64, u64),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) -> Option<(Token, u64)> {
        let drops = self.drops(index, scene);
        let list = &mut self.lines[index].lists[number];
        let together = list.together(step);
        let mut front = list.queue.iter().take(together).filter(|token| token.count > 0);
        let soon = drops && front.any(|token| token.given_up_part(step.to).is_some());
        let turn = match (soon, together) {
            (true, _) => free.div_ceil(TURNS),
            (false, 1) => free.min(list.queue[0].count),
            (false, _) => free.div_ceil(TURNS_OF_MANY),
        };
        let turn = turn.min(most);
        let (from, left) = (list.filled, (step.to - list.filled) as f64);
        list.filled += (left * up_to(turn, free as f64 + again, &mut self.draws)) as u64;
        let to = list.filled;
        if !soon {
            // Where some are served in the step in which they come, they are taken not to wait;
            // the mean wait is right if all others are served at its middle (Little's law).
            let newer = list.queue.iter().rev().take_while(|token| token.start >= step.from);
            let older = list.waiting - newer.map(|token| token.count).sum::<u64>();
            let all_have_waited = older as f64 >= free as f64 + again;
            let at = if all_have_waited { u64::midpoint(from, to) } else { step.middle().0 };
            return Some((self.take_first((index, number), together, turn, scene), at));
        }
        loop {
            let together = self.lines[index].lists[number].together(step);
            if together == 0 {
                return None;
            }
            for place in 0..together {
                self.drop_given_up((index, number, place), to, scene, moved);
            }
            let list = &mut self.lines[index].lists[number];
            if list.queue.iter().take(together).any(|token| token.count > 0) {
                return Some((self.take_first((index, number), together, turn, scene), to));
            }
            list.queue.drain(..together);
            list.passed += together as u64;
        }
    }

    /// Takes up to `turn` of those who came first out of the first `together` of a queue: of one of
    /// them, as each may have come at any time of its interval. By how much the others are taken to
    /// have come later from here on is put down with the waits of all, which stay those between the
    /// steps that they came in and were served in (Little's law).
    fn take_first(
        &mut self,
        (index, list): (usize, usize),
        together: usize,
        turn: u64,
        scene: &mut Scene,
    ) -> Token {
        let queue = &mut self.lines[index].lists[list].queue;
        let begun_s = |token: &Token| token.count as f64 * (token.begun() as f64 / 1e9);
        let before_s: f64 = queue.iter().take(together).map(begun_s).sum();
        let mut first = (u64::MAX, 0, 0);
        for (place, token) in queue.iter().take(together).enumerate() {
            let count = token.count.min(turn);
            if count > 0 {
                let part = up_to(count, token.count as f64, &mut self.draws);
                first = first.min((token.start + (token.width as f64 * part) as u64, place, count));
            }
        }
        let (up_to, place, count) = first;
        let token = queue[place];
        let start = if count > 1 { token.start } else { up_to };
        queue[place].count -= count;
        for token in queue.iter_mut().take(together).filter(|token| token.start < up_to) {
            (token.start, token.width) = (up_to, (token.start + token.width).saturating_sub(up_to));
        }
        let taken = Token { count, start, width: up_to - start, ..token };
        let after_s = queue.iter().take(together).map(begun_s).sum::<f64>() + begun_s(&taken);
        scene.recorder.waits[index].0 += after_s - before_s;
        taken
    }
}

impl List {
    /// Parcels at the queue's head whose intervals of arrival, before this step, overlap.
    fn together(&self, step: Step) -> usize {
        let Some(head) = self.queue.iter().find(|token| token.count > 0) else { return 0 };
        let end = step.from.min(head.start + head.width.max(1));
        let overlap = |token: &&Token| token.count == 0 || token.start < end;
        self.queue.iter().take(LOOK_BACK).take_while(overlap).count()
    }

    /// Forgets empty parcels at the queue's ends.
    pub(super) fn forget_empty(&mut self) {
        while self.queue.front().is_some_and(|token| token.count == 0) {
            self.queue.pop_front();
            self.passed += 1;
        }
        while self.queue.back().is_some_and(|token| token.count == 0) {
            self.queue.pop_back();
            let end = self.passed + self.queue.len() as u64;
            self.given_up.iter_mut().for_each(|up_to| *up_to = (*up_to).min(end));
        }
    }

    /// Up to `free` of those who came last: any of them who came at one time is as likely.
    fn newest(&mut self, free: u64, draws: &mut Stream) -> Vec<Token> {
        let Some(&last) = self.queue.back() else { return Vec::new() };
        let of_time =
            self.queue.iter_mut().rev().take_while(|token| token.is_of_the_time_of(&last));
        let mut of_time: Vec<&mut Token> = of_time.collect();
        let mut others: u64 = of_time.iter().map(|token| token.count).sum();
        let mut left = free.min(others);
        let mut taken = Vec::with_capacity(of_time.len());
        for token in &mut of_time {
            others -= token.count;
            let count = hypergeometric(draws, token.count, others, left);
            (left, token.count) = (left - count, token.count - count);
            if count > 0 {
                taken.push(Token { count, ..**token });
            }
        }
        taken
    }
}

impl Line {
    /// CoDel's test at the head of the queue: whether its wait is over the target.
    fn waits_too_long(&self, target_ns: u64, now: u64) -> bool {
        self.lists[BEHIND].queue.front().is_some_and(|head| head.age(now) > target_ns)
    }
}

/// Of an interval at any instants of which `n` things happen, the part up to the `k`th: of the
/// first by its law, else of its mean and variance.
fn up_to(k: u64, n: f64, draws: &mut Stream) -> f64 {
    let luck = draws.uniform();
    if k == 1 {
        return 1.0 - math::pow(luck, 1.0 / n);
    }
    let k = k as f64;
    let spread = math::sqrt(3.0 * k * (1.0 - k / n).max(0.0));
    ((k + spread * (2.0 * luck - 1.0)) / (n + 1.0)).clamp(0.0, 1.0)
}
