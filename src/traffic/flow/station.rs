//! The server's side: requests in queues and slots, in counts.
//!
//! A *token* is a number of requests alike: of one cohort, at the same visit, begun evenly over one
//! interval. Who leaves a slot within a step is binomial with the share that the service law gives
//! for that interval of starts; who leaves goes on to the next visit within the same step, where
//! starts are taken as even over the step. So the number in service is right in the mean for every
//! length of step (Little's law), and a hop costs no step.

use super::line::{AHEAD, BEHIND};
use super::program::Step;
use super::token::{LOOK_BACK, Token, put_together};
use super::visit::slowness;
use super::{Flow, Scene};
use crate::kernel::defect::planted;
use crate::kernel::math;
use crate::kernel::sample::binomial;

/// Time over which busy slots are averaged [s].
const MEAN_OVER_S: f64 = 1.0;

/// [`Token::there`] of what is in a slot of a station that hangs.
const STUCK: f64 = 0.0;

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Done,
    /// A call was turned away or lost at its station.
    Refused,
    /// A call is still at its station, but its caller has given it up.
    GivenUp,
    /// Its caller has the answer to a call.
    Answered,
    /// Its caller knows that a call has failed.
    CallFailed,
    /// Its client has given up what called it, which is dropped for that.
    ClientGone,
    /// The same of one that was lost in the network, as the law of the whole request knows.
    CallLost,
    /// Turned away at the entry.
    Rejected,
}

/// Requests whose visit has ended, one way or the other.
pub(super) type Moved = Vec<(Token, Left)>;

impl Flow {
    /// One step of all stations, after the clients' requests have been put to `arriving`.
    pub(super) fn serve(&mut self, step: Step, scene: &mut Scene) {
        self.separate_alike(scene);
        let mut moved = std::mem::take(&mut self.moved);
        self.lines.iter_mut().for_each(|line| line.begin_step(step.from));
        if self.reject_late(step, scene, &mut moved) {
            self.fill_slots(step, scene, &mut moved);
            self.lines.iter_mut().for_each(|line| line.begin_step(step.from));
        }
        self.give_up_calling(step, scene, &mut moved);
        for index in 0..self.lines.len() {
            if !self.drops(index, scene) {
                self.give_up_waiting(index, step, scene, &mut moved);
            }
            self.leave_slots(index, step, scene, &mut moved);
        }
        self.come_back_to_callers(step, &mut moved);
        self.come_to_stations(step, scene, &mut moved);
        let mut arriving = std::mem::take(&mut self.arriving);
        for token in arriving.drain(..) {
            self.arrive(token, step, scene, &mut moved);
        }
        self.arriving = arriving;
        loop {
            self.fill_slots(step, scene, &mut moved);
            self.end_in_queues(step, scene, &mut moved);
            if moved.is_empty() {
                break;
            }
        }
        self.moved = moved;
        let step_s = step.seconds();
        let stations = scene.world.services.stations.iter().zip(&self.programs.holds_s);
        for (line, (station, &hold_s)) in self.lines.iter_mut().zip(stations) {
            let (first, last) = (line.before.0 as f64, line.busy as f64);
            let busy = last + (first - last) * weight_of_first(step_s / hold_s.max(1e-9));
            line.slots = line.limits(station).0 as f64;
            line.window.slot_s += line.slots * step_s;
            line.window.busy_s += busy * step_s;
            line.window.queue_s += 0.5 * (line.before.1 + line.waiting()) as f64 * step_s;
            line.busy_mean += (busy - line.busy_mean) * (step_s / MEAN_OVER_S).min(1.0);
        }
    }

    /// Free slots are filled from the queues until nobody moves any more.
    fn fill_slots(&mut self, step: Step, scene: &mut Scene, moved: &mut Moved) {
        loop {
            while let Some((token, left)) = moved.pop() {
                self.go_on(&token, left, step, scene, moved);
            }
            for index in 0..self.lines.len() {
                self.fill(index, step, scene, moved);
            }
            if moved.is_empty() {
                return;
            }
        }
    }

    /// Requests in slots at the step's beginning: who leaves, and whose caller gives up.
    fn leave_slots(&mut self, index: usize, step: Step, scene: &Scene, moved: &mut Moved) {
        let station = &scene.world.services.stations[index];
        if station.hung {
            self.stick(index, step, moved);
            return;
        }
        let mut serving = std::mem::take(&mut self.lines[index].serving);
        self.cost.cells_updated += serving.len() as u64;
        // Most tokens are of the time of the one before them.
        let mut last = ((u32::MAX, 0.0, 0, 0), 0.0);
        for token in &mut serving {
            if token.start >= step.from {
                // Has taken his slot as the step began: who leaves it again is known.
                continue;
            }
            let visit = self.programs.visit_of(token);
            let law = &self.programs.laws[visit.law as usize];
            let factor = visit.cost * token.slow;
            let end = token.start + token.width;
            // Share of the starts between two times that is there at a third.
            let ages = |from: u64, end: u64, at: u64| {
                let age = |birth: u64| (at - birth) as f64 / 1e9;
                law.there(age(end), age(from), factor)
            };
            let was_stuck = token.there == STUCK;
            let there = match token.there < 0.0 {
                true => ages(token.start, end, step.from),
                false => token.there,
            };
            let begun = (token.start, token.width);
            let mut given_up = 0.0;
            let mut first = token.start;
            if token.slack != u64::MAX && step.to - token.start > token.slack {
                // Starts up to here have run into their caller's timeout by the step's end.
                let crossed = (step.to - token.slack).clamp(token.start, end);
                let slack = token.slack as f64 / 1e9;
                let width = (crossed - token.start) as f64 / 1e9;
                given_up = width * (1.0 - law.cdf(slack / factor));
                first = crossed;
            }
            let of = (visit.law, factor, first, end);
            if of != last.0 {
                last = (of, ages(first, end, step.to));
            }
            token.there = last.1;
            let stays = if there > 1e-15 { token.there / there } else { 0.0 };
            let left = token.count - binomial(&mut self.draws, token.count, stays);
            let mut done = left;
            if given_up > 0.0 && left > 0 {
                let gone = there - token.there;
                let over = binomial(&mut self.draws, left, given_up / gone.max(1e-15));
                if over > 0 {
                    done -= over;
                    if token.visit > 0 {
                        // What was waited for here and now is all of it.
                        let waited = token.waited + token.slack;
                        moved.push((Token { count: over, waited, ..*token }, token.given_up()));
                    }
                    // For nobody from here on, they may leave within the rest of the step.
                    let there = ages(token.start, first, step.to);
                    let stay = binomial(&mut self.draws, over, there / given_up);
                    let width = first - token.start;
                    let stale = Token { width, there, ..*token }.for_nobody();
                    if over > stay {
                        moved.push((Token { count: over - stay, ..stale }, Left::Done));
                    }
                    if stay > 0 {
                        self.orphans.push(Token { count: stay, ..stale });
                    }
                }
            }
            (token.start, token.width) = (first, end - first);
            token.count -= left;
            if done > 0 {
                let mut waited = token.waited;
                if was_stuck {
                    // The law of the request knows of its work, not of a slot that hung.
                    let work = (factor * law.mean() * 1e9) as u64;
                    let held = step.from.saturating_sub(token.start + token.width / 2);
                    waited += held.saturating_sub(work);
                }
                let (start, width) = begun;
                moved.push((Token { count: done, waited, start, width, ..*token }, Left::Done));
            }
        }
        put_together(&mut serving, step.to);
        serving.append(&mut self.orphans);
        self.lines[index].serving = serving;
    }

    /// Nobody leaves a station that hangs, but callers give up.
    fn stick(&mut self, index: usize, step: Step, moved: &mut Moved) {
        let serving = &mut self.lines[index].serving;
        for token in serving.iter_mut() {
            if token.given_up_by(step.to) {
                if token.visit > 0 {
                    let waited = token.waited + token.slack;
                    moved.push((Token { waited, ..*token }, token.given_up()));
                }
                *token = token.for_nobody();
            }
            // Nothing is known of how much of its work is left: it ends when the station goes on.
            token.there = STUCK;
        }
        put_together(serving, step.to);
    }

    /// Requests that nobody waits for any more are nobody's.
    pub(super) fn now_of_nobody(&self, token: Token) -> Token {
        let gone = token.cohort.is_some_and(|key| self.cohorts.get(key).is_none());
        if gone { token.of_nobody() } else { token }
    }

    /// Requests that go to the station of their visit, each to the one that its mailbox is at. A
    /// call that nobody answers now fails at once.
    pub(super) fn arrive(
        &mut self,
        mut token: Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let visits = &self.programs.all[token.program as usize].visits;
        (token.start, token.width) = (step.from, step.length());
        if token.visit > 0 {
            // Only an entry that drops abandoned work ends its calls with it.
            let by_client = visits[0].drops && token.caller.is_none();
            let until = if by_client { token.until } else { u64::MAX };
            let left = match until {
                u64::MAX => u64::MAX,
                until => until.saturating_sub(step.middle().0),
            };
            if left == 0 {
                moved.push((token, Left::ClientGone));
                return;
            }
            let timeout = visits[token.visit as usize].timeout;
            token.by_client = left < timeout;
            token.slack = left.min(timeout);
        }
        token.there = -1.0;
        token = self.now_of_nobody(token);
        let visit = self.programs.visit_of(&token);
        let nowhere = match token.unanswered {
            0.0 => visit.nowhere,
            // Where nobody answered before, nobody does unless a copy is ready since.
            before => (visit.nowhere / f64::from(before)).min(1.0),
        };
        let (unanswered, mut share_left) = (visit.nowhere as f32, 1.0 - visit.nowhere);
        let places = visit.dealt.len();
        let mut left = token.count - binomial(&mut self.draws, token.count, nowhere);
        if left < token.count {
            let count = token.count - left;
            moved.push((Token { count, unanswered, ..token }, Left::CallFailed));
        }
        token.unanswered = 0.0;
        for place in 0..places {
            let (station, share) = self.programs.visit_of(&token).dealt[place];
            let last = place + 1 == places;
            let count =
                if last { left } else { binomial(&mut self.draws, left, share / share_left) };
            (left, share_left) = (left - count, share_left - share);
            if count > 0 {
                (token.count, token.station) = (count, station as u16);
                token.entry = if token.visit == 0 { token.station } else { token.entry };
                self.send_call(&token, step, scene, moved);
            }
        }
        debug_assert!(left == 0, "requests of no station");
    }

    /// Requests that reach their station.
    pub(super) fn arrive_at(
        &mut self,
        token: &Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        if self.is_isolated(token, scene) {
            moved.push((*token, Left::CallFailed));
            return;
        }
        let index = token.station as usize;
        self.cost.station_visits += token.count;
        let station = &scene.world.services.stations[index];
        let line = &mut self.lines[index];
        line.refusals.came += token.count;
        line.window.arrived += token.count as u32;
        scene.recorder.stations[index].arrived += token.count;
        if !station.accepts {
            self.turn_away(index, *token, scene, moved);
            return;
        }
        line.met.arrived += token.count;
        let count = token.count - self.turn_away_as_others(index, token, scene, moved);
        let line = &self.lines[index];
        let slots = line.limits(&scene.world.services.stations[index]).0;
        let free = slots.saturating_sub(line.busy);
        // Where some go first, all who have come by then are looked at together.
        let at_once = line.waiting() == 0 && line.ahead.is_none();
        let at_once = if at_once { count.min(free) } else { 0 };
        let at_once = if planted("flow-no-queue-state") { count } else { at_once };
        if at_once > 0 {
            // Who does not wait ends it (RFC 8289).
            self.lines[index].rejects_after = None;
            self.start(index, Token { count: at_once, ..*token }, step, scene, moved);
        }
        if count > at_once {
            let token = Token { count: count - at_once, ..*token };
            let list = self.list_of(&token);
            let line = &mut self.lines[index];
            if let Some(ahead) = line.ahead.as_mut().filter(|_| list == AHEAD) {
                ahead.came += token.count;
            }
            let list = &mut line.lists[list];
            list.waiting += token.count;
            let of_step = list.queue.iter_mut().rev().take(LOOK_BACK);
            let mut of_step = of_step.take_while(|last| last.is_of_the_time_of(&token));
            match of_step.find(|last| last.is_like(&token)) {
                Some(last) => last.absorb(&token),
                None => list.queue.push_back(token),
            }
        }
    }

    /// The list in which requests wait.
    pub(super) fn list_of(&self, token: &Token) -> usize {
        let first = self.programs.visit_of(token).first && !planted("flow-priority-ignored");
        if first { AHEAD } else { BEHIND }
    }

    pub(super) fn turn_away(
        &mut self,
        index: usize,
        token: Token,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        self.lines[index].window.refused += token.count as u32;
        scene.recorder.stations[index].rejected += token.count;
        let entry = token.visit == 0;
        moved.push((token, if entry { Left::Rejected } else { Left::Refused }));
    }

    /// Requests take slots in the last of a step, as long before its end as they are still waited
    /// for: a share stays, the others leave within it.
    fn start_young(
        &mut self,
        index: usize,
        token: Token,
        stays: f64,
        step: Step,
        moved: &mut Moved,
    ) {
        let (start, width) = (step.to - token.slack, token.slack);
        let token = Token { start, width, ..token };
        let stay = binomial(&mut self.draws, token.count, stays);
        if token.count > stay {
            moved.push((Token { count: token.count - stay, ..token }, Left::Done));
        }
        self.put_in_service(index, &Token { count: stay, ..token });
    }

    /// Requests take slots; some of them leave within the step.
    pub(super) fn start(
        &mut self,
        index: usize,
        mut token: Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let station = &scene.world.services.stations[index];
        token.slow = slowness(&self.plan, station, step.middle());
        let line = &mut self.lines[index];
        line.busy += token.count;
        line.refusals.opened += token.count;
        let waits = &mut scene.recorder.waits[index];
        waits.1 += token.count;
        let visit = self.programs.visit_of(&token);
        let law = &self.programs.laws[visit.law as usize];
        let free = planted("flow-stale-work-free") && token.cohort.is_none();
        let factor = if free { 1e-9 } else { visit.cost * token.slow };
        let all_stay = station.hung || line.in_place;
        let mut stays = if all_stay { 1.0 } else { line.stays(law, factor, step) };
        if token.slack < step.length() && !token.orphan && !all_stay {
            // Of these starts the last are not given up with the step.
            let (slack, all) = (token.slack as f64 / 1e9, step.seconds());
            let young = binomial(&mut self.draws, token.count, slack / all);
            let young_stays = law.there(0.0, slack, factor) / slack;
            let in_time = law.cdf(slack / factor);
            stays = law.there(slack, all, factor) / ((all - slack) * (1.0 - in_time)).max(1e-15);
            self.start_young(index, Token { count: young, ..token }, young_stays, step, moved);
            token.count -= young;
            token.width = step.length() - token.slack;
            token = self.give_up_soon(token, in_time, moved);
        }
        let stay = binomial(&mut self.draws, token.count, stays);
        let left = token.count - stay;
        if left > 0 {
            moved.push((Token { count: left, ..token }, Left::Done));
        }
        token.count = stay;
        self.put_in_service(index, &token);
    }

    fn put_in_service(&mut self, index: usize, token: &Token) {
        if token.count == 0 {
            return;
        }
        let serving = &mut self.lines[index].serving;
        let of_step = serving.iter_mut().rev().take(LOOK_BACK);
        let mut of_step = of_step.take_while(|last| last.is_of_the_time_of(token));
        match of_step.find(|last| last.is_like(token)) {
            Some(last) => last.absorb(token),
            None => serving.push(*token),
        }
    }
}

/// Of the mean of a number that relaxes, over `times` the time that it takes, the weight of its
/// first value; the rest is that of its last.
fn weight_of_first(times: f64) -> f64 {
    if times < 0.1 {
        return 0.5 - times / 12.0;
    }
    1.0 / times - 1.0 / (math::exp(times) - 1.0)
}
