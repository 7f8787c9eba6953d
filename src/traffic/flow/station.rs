//! The server's side: requests in queues and slots, in counts.
//!
//! A *token* is a number of requests alike: of one cohort, at the same visit, begun evenly over one
//! interval. Who leaves a slot within a step is binomial with the share that the service law gives
//! for that interval of starts; who leaves goes on to the next visit within the same step, where
//! starts are taken as even over the step. So the number in service is right in the mean for every
//! length of step (Little's law), and a hop costs no step.

use super::program::Step;
use super::token::{LOOK_BACK, Token, put_together};
use super::{Flow, Scene};
use crate::kernel::defect::planted;
use crate::kernel::math;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::slab::Key;
use crate::kernel::stream::Stream;
use crate::measure::recorder::StationCell;
use crate::world::state::Isolation;
use std::collections::VecDeque;

/// Natural logarithm of odds that never come up.
const UNHEARD_OF: f64 = 30.0;

/// What traffic keeps of one station.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub busy: u64,
    pub waiting: u64,
    pub queue: VecDeque<Token>,
    pub serving: Vec<Token>,
    /// Parcels that have left the head of the queue, and of all parcels those whose callers'
    /// patience has been looked at and is over.
    pub passed: u64,
    given_up: u64,
    /// Busy slots and queue when the step began, and arrivals since.
    before: (u64, u64),
    arrived: u64,
    /// Counts of the open window.
    pub window: StationCell,
}

impl Line {
    /// Its parcels are no longer those that were looked at: all are, in the next step.
    pub(super) fn look_again(&mut self) {
        self.given_up = self.passed;
    }
}

/// How a visit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Done,
    /// The call was given up, turned away or lost.
    CallFailed,
    /// Turned away at the entry.
    Rejected,
}

/// Requests whose visit has ended, one way or the other.
pub(super) type Moved = Vec<(Token, Left)>;

impl Flow {
    /// One step of all stations, after the clients' requests have been put to `arriving`.
    pub(super) fn serve(&mut self, step: Step, scene: &mut Scene) {
        let mut moved = std::mem::take(&mut self.moved);
        for index in 0..self.lines.len() {
            let line = &mut self.lines[index];
            (line.before, line.arrived) = ((line.busy, line.waiting), 0);
            if !self.drops(index, scene) {
                self.give_up_waiting(index, step, scene, &mut moved);
            }
            self.leave_slots(index, step, scene, &mut moved);
        }
        for &(_, token) in self.failing.iter().filter(|(due, _)| *due <= step.to) {
            moved.push((token, Left::CallFailed));
        }
        self.failing.retain(|(due, _)| *due > step.to);
        let mut recalls = std::mem::take(&mut self.recalls);
        for &(_, token) in recalls.iter().filter(|(due, _)| *due <= step.middle().0) {
            self.arrive(token, step, scene, &mut moved);
        }
        recalls.retain(|(due, _)| *due > step.middle().0);
        // Calls that have failed in the meantime are due later.
        recalls.append(&mut self.recalls);
        self.recalls = recalls;
        let mut arriving = std::mem::take(&mut self.arriving);
        for token in arriving.drain(..) {
            self.arrive(token, step, scene, &mut moved);
        }
        self.arriving = arriving;
        loop {
            while let Some((token, left)) = moved.pop() {
                self.go_on(token, left, step, scene, &mut moved);
            }
            for index in 0..self.lines.len() {
                self.fill(index, step, scene, &mut moved);
            }
            if moved.is_empty() {
                break;
            }
        }
        for index in 0..self.lines.len() {
            if self.drops(index, scene) {
                self.give_up_waiting(index, step, scene, &mut moved);
            }
            self.reject(index, step, scene, &mut moved);
        }
        while let Some((token, left)) = moved.pop() {
            self.go_on(token, left, step, scene, &mut moved);
        }
        self.moved = moved;
        for (line, station) in self.lines.iter_mut().zip(&scene.world.services.stations) {
            let mean = |a: u64, b: u64| 0.5 * (a + b) as f64 * step.seconds();
            line.window.slot_s += f64::from(station.slots) * step.seconds();
            line.window.busy_s += mean(line.before.0, line.busy);
            line.window.queue_s += mean(line.before.1, line.waiting);
        }
    }

    /// Whether a station drops what nobody waits for any more.
    fn drops(&self, index: usize, scene: &Scene) -> bool {
        let service = scene.world.services.stations[index].service;
        self.plan.services[service.index()].drops_abandoned
    }

    /// Requests in a queue whose callers have waited for their timeout: they go on for nobody, or
    /// are dropped where the service does so, in which case all who come to a slot within the step
    /// have come to it first.
    fn give_up_waiting(&mut self, index: usize, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let line = &mut self.lines[index];
        // Where all are equally patient, nobody gives up before those who came earlier.
        let in_order = self.programs.patience[index].in_order;
        let end = line.passed + line.queue.len() as u64;
        line.given_up = line.given_up.clamp(line.passed, end);
        let from = if in_order { (line.given_up - line.passed) as usize } else { 0 };
        self.cost.cells_updated += if in_order { 0 } else { line.queue.len() as u64 };
        for token in line.queue.range_mut(from..) {
            if token.slack != u64::MAX && !token.orphan && token.count > 0 {
                if !token.given_up_by(step.to) {
                    match in_order {
                        true => return,
                        false => continue,
                    }
                }
                let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
                if token.visit > 0 {
                    let waited = token.waited + visit.timeout;
                    moved.push((Token { waited, ..*token }, Left::CallFailed));
                }
                if visit.drops {
                    line.waiting -= token.count;
                    line.window.refused += token.count as u32;
                    scene.recorder.stations[index].dropped += std::mem::take(&mut token.count);
                } else {
                    *token = token.for_nobody();
                }
            }
            line.given_up += 1;
        }
    }

    /// Clients have given up all that is left of a cohort: what waits where abandoned work is
    /// dropped goes at once, and requests whose entry drops it end there.
    pub(super) fn abandon(&mut self, key: Key, program: u16, now: u64, scene: &mut Scene) {
        let program = &self.programs.all[program as usize];
        if !program.visits.iter().any(|visit| visit.drops) {
            return;
        }
        let entry_drops = program.visits[0].drops;
        let mut ended = Vec::new();
        for (index, line) in self.lines.iter_mut().enumerate() {
            let service = scene.world.services.stations[index].service;
            let drops = self.plan.services[service.index()].drops_abandoned;
            for token in line.queue.iter_mut().filter(|t| t.cohort == Some(key) && t.count > 0) {
                if token.visit > 0 && entry_drops && !token.orphan {
                    ended.push(*token);
                    *token = token.for_nobody();
                }
                if drops {
                    line.waiting -= token.count;
                    line.window.refused += token.count as u32;
                    scene.recorder.stations[index].dropped += token.count;
                    if token.visit > 0 && !token.orphan {
                        self.failing.push((now, *token));
                    }
                    token.count = 0;
                }
            }
            let calls = line.serving.iter_mut().filter(|t| t.cohort == Some(key) && t.visit > 0);
            for token in calls.filter(|token| entry_drops && !token.orphan) {
                ended.push(*token);
                *token = token.for_nobody();
            }
        }
        for token in ended {
            self.finish(Token { cohort: None, ..token }, false, scene);
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
        for token in &mut serving {
            let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
            let law = &self.programs.laws[visit.law as usize];
            let factor = visit.cost * station.slow;
            let end = token.start + token.width;
            let ages = |from: u64, at: u64| {
                let age = |birth: u64| (at - birth) as f64 / 1e9;
                law.there(age(end), age(from), factor)
            };
            let there = if token.there < 0.0 || station.slow != 1.0 {
                ages(token.start, step.from)
            } else {
                token.there
            };
            let mut given_up = (0, 0.0);
            let mut first = token.start;
            if token.slack != u64::MAX && step.to - token.start > token.slack {
                // Starts up to here have run into their caller's timeout by the step's end.
                let crossed = (step.to - token.slack).clamp(token.start, end);
                let slack = token.slack as f64 / 1e9;
                let width = (crossed - token.start) as f64 / 1e9;
                given_up = (crossed - token.start, width * (1.0 - law.cdf(slack / factor)));
                first = crossed;
            }
            token.there = ages(first, step.to);
            let stays = if there > 1e-15 { token.there / there } else { 0.0 };
            let left = token.count - binomial(&mut self.draws, token.count, stays);
            let mut done = left;
            if given_up.0 > 0 && left > 0 {
                let gone = there - token.there;
                let over = binomial(&mut self.draws, left, given_up.1 / gone.max(1e-15));
                if over > 0 {
                    done -= over;
                    if token.visit > 0 {
                        // What was waited for here and now is all of it.
                        let waited = token.waited + token.slack;
                        moved.push((Token { count: over, waited, ..*token }, Left::CallFailed));
                    }
                    let stale = Token { count: over, width: given_up.0, there: -1.0, ..*token };
                    self.orphans.push(stale.for_nobody());
                }
            }
            (token.start, token.width) = (first, end - first);
            token.count -= left;
            if done > 0 {
                moved.push((Token { count: done, ..*token }, Left::Done));
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
                    moved.push((Token { waited, ..*token }, Left::CallFailed));
                }
                *token = token.for_nobody();
            }
            // Nothing is known of how much of its work is left: it ends when the station goes on.
            token.there = 0.0;
        }
        put_together(serving, step.to);
    }

    /// Requests that reach the station of their visit.
    pub(super) fn arrive(
        &mut self,
        mut token: Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
        (token.start, token.width) = (step.from, step.length());
        token.slack = if token.visit == 0 { token.slack } else { visit.timeout };
        token.there = -1.0;
        if token.cohort.is_some_and(|key| self.cohorts.get(key).is_none()) {
            token.cohort = None;
        }
        let mut left = token.count;
        let mut share_left = 1.0;
        for place in 0..visit_places(&self.programs, &token) {
            let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
            let (station, share) = visit.stations[place];
            let last = place + 1 == visit.stations.len();
            let count =
                if last { left } else { binomial(&mut self.draws, left, share / share_left) };
            (left, share_left) = (left - count, share_left - share);
            if count > 0 {
                let entry = if token.visit == 0 { station as u16 } else { token.entry };
                let station = station as u16;
                self.arrive_at(Token { count, station, entry, ..token }, step, scene, moved);
            }
        }
    }

    /// Whether a call is cut off from the station that it would go to.
    fn is_isolated(&self, token: &Token, scene: &Scene) -> bool {
        if scene.world.isolations.is_empty() || token.visit == 0 {
            return false;
        }
        let station = &scene.world.services.stations[token.station as usize];
        let from = self.programs.all[token.program as usize].visits[0].service;
        let cuts = |cut: &Isolation| cut.cuts(from, station.service, station.partition);
        scene.world.isolations.iter().any(cuts)
    }

    fn arrive_at(&mut self, mut token: Token, step: Step, scene: &mut Scene, moved: &mut Moved) {
        if self.is_isolated(&token, scene) {
            moved.push((token, Left::CallFailed));
            return;
        }
        let index = token.station as usize;
        self.cost.station_visits += token.count;
        let station = &scene.world.services.stations[index];
        let line = &mut self.lines[index];
        line.arrived += token.count;
        line.window.arrived += token.count as u32;
        scene.recorder.stations[index].arrived += token.count;
        if !station.accepts {
            self.turn_away(index, token, scene, moved);
            return;
        }
        let free = u64::from(station.slots).saturating_sub(line.busy);
        let at_once = if line.waiting == 0 { token.count.min(free) } else { 0 };
        let at_once = if planted("flow-no-queue-state") { token.count } else { at_once };
        if at_once > 0 {
            self.start(index, Token { count: at_once, ..token }, step, scene, moved);
            token.count -= at_once;
        }
        if token.count > 0 {
            let line = &mut self.lines[index];
            line.waiting += token.count;
            let like =
                line.queue.iter_mut().rev().take(LOOK_BACK).find(|last| last.is_like(&token));
            match like {
                Some(last) => last.absorb(&token),
                None => line.queue.push_back(token),
            }
        }
    }

    fn turn_away(&mut self, index: usize, token: Token, scene: &mut Scene, moved: &mut Moved) {
        self.lines[index].window.refused += token.count as u32;
        scene.recorder.stations[index].rejected += token.count;
        let entry = token.visit == 0;
        moved.push((token, if entry { Left::Rejected } else { Left::CallFailed }));
    }

    /// Requests take slots; some of them leave within the step.
    fn start(
        &mut self,
        index: usize,
        token: Token,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let station = &scene.world.services.stations[index];
        let line = &mut self.lines[index];
        line.busy += token.count;
        let waits = &mut scene.recorder.waits[index];
        waits.1 += token.count;
        let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
        let law = &self.programs.laws[visit.law as usize];
        let dt = step.seconds();
        let free = planted("flow-stale-work-free") && token.cohort.is_none();
        let factor = if free { 1e-9 } else { visit.cost * station.slow };
        if token.slack < step.length() && !token.orphan && !station.hung {
            let in_time = law.cdf(token.slack as f64 / 1e9 / factor);
            self.start_late(index, token, in_time, moved);
            return;
        }
        let stays = law.there(0.0, dt, factor) / dt;
        let stay =
            if station.hung { token.count } else { binomial(&mut self.draws, token.count, stays) };
        let left = token.count - stay;
        if left > 0 {
            moved.push((Token { count: left, ..token }, Left::Done));
        }
        if stay > 0 {
            let stays = Token { count: stay, ..token };
            let serving = &mut self.lines[index].serving;
            match serving.iter_mut().rev().take(LOOK_BACK).find(|last| last.is_like(&stays)) {
                Some(last) => last.absorb(&stays),
                None => serving.push(stays),
            }
        }
    }

    /// Requests take slots so late that their callers give up within this step: those whose work
    /// is shorter than that leave, the others go on for nobody, with more work than most.
    fn start_late(&mut self, index: usize, token: Token, share: f64, moved: &mut Moved) {
        let done = binomial(&mut self.draws, token.count, share);
        if done > 0 {
            moved.push((Token { count: done, ..token }, Left::Done));
        }
        let late = token.count - done;
        if late == 0 {
            return;
        }
        if token.visit > 0 {
            let waited = token.waited + token.slack;
            moved.push((Token { count: late, waited, ..token }, Left::CallFailed));
        }
        let start = token.start.saturating_sub(token.slack);
        let stale = Token { count: late, start, ..token };
        self.lines[index].serving.push(stale.for_nobody());
    }

    /// How long the callers of requests that come to a slot within the very step in which they give
    /// up still wait [ns], where more give up than there are slots for.
    ///
    /// # Source
    /// Under overload with one patience for all, what is left of it at a slot is exponential with
    /// rate lambda - c mu (the virtual wait's density below the patience; Baccelli and Hebuterne,
    /// Performance '81): over a step, as many as give up in vain.
    fn left_of_patience(&self, index: usize, patience: u64, step: Step, free: u64) -> u64 {
        let queue = self.lines[index].queue.iter();
        let up_to = step.to.saturating_sub(patience);
        let before = queue.take_while(|token| token.start + token.width / 2 <= up_to);
        let in_vain = before.map(|token| token.count).sum::<u64>().saturating_sub(free);
        step.length() / in_vain.max(2)
    }

    /// Fills free slots from the head of the queue.
    fn fill(&mut self, index: usize, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let slots = u64::from(scene.world.services.stations[index].slots);
        let drops = self.drops(index, scene);
        loop {
            let line = &mut self.lines[index];
            let free = slots.saturating_sub(line.busy);
            let Some(head) = line.queue.front_mut() else { return };
            let mut token = Token { count: head.count.min(free), ..*head };
            if token.count == 0 && head.count > 0 {
                return;
            }
            head.count -= token.count;
            if token.cohort.is_some_and(|key| self.cohorts.get(key).is_none()) {
                // For nobody now: such requests are alike, whoever sent them.
                token.cohort = None;
            }
            if head.count == 0 {
                line.queue.pop_front();
                line.passed += 1;
            }
            line.waiting -= token.count;
            if token.count == 0 {
                continue;
            }
            if token.start < step.from {
                let wait = step.middle().0.saturating_sub(token.start + token.width / 2);
                scene.recorder.waits[index].0 += wait as f64 / 1e9 * token.count as f64;
                token.waited += wait;
                if drops && token.given_up_by(step.to) {
                    token.slack =
                        self.left_of_patience(index, token.slack, step, free - token.count);
                } else if token.slack != u64::MAX {
                    token.slack = token.slack.saturating_sub(wait);
                }
            }
            (token.start, token.width, token.there) = (step.from, step.length(), -1.0);
            self.start(index, token, step, scene, moved);
        }
    }

    /// How many a station with a limited queue has turned away within a step, none of which has
    /// left it yet.
    ///
    /// # Source
    /// Between the numbers that were there at the step's two ends, those in the system are taken as
    /// a Brownian bridge of as many moves as requests have come and gone; its maximum is drawn, and
    /// whatever that is over the limit was not let in (Asmussen, Glynn, Pitman, Annals of Applied
    /// Probability 5, 1995: reflected paths on a grid).
    fn turned_away(&mut self, index: usize, scene: &Scene) -> u64 {
        let station = &scene.world.services.stations[index];
        if station.queue_limit == u32::MAX {
            return 0;
        }
        let line = &self.lines[index];
        let over = line.waiting.saturating_sub(u64::from(station.queue_limit));
        let most = (u64::from(station.slots) + u64::from(station.queue_limit)) as f64;
        let (first, last) =
            ((line.before.0 + line.before.1) as f64, (line.busy + line.waiting) as f64);
        let moves = 2.0 * line.arrived as f64 + first - last;
        // Where it was over the limit already, as after slots are lost, nothing is known of between.
        if first > most || line.arrived == 0 {
            return over;
        }
        let above = 2.0 * (most + 1.0 - first) * (most + 1.0 - last) / moves.max(1.0);
        if above > UNHEARD_OF {
            return over;
        }
        let luck = -2.0 * moves * math::ln(self.draws.uniform().max(f64::MIN_POSITIVE));
        let highest = 0.5 * (first + last + math::sqrt((last - first).powi(2) + luck));
        over.max((highest - most).max(0.0) as u64)
    }

    /// Turns away what has arrived in this step beyond the queue's limit: of those that wait, then
    /// of those that have found a slot.
    fn reject(&mut self, index: usize, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let mut over = self.turned_away(index, scene);
        if over == 0 {
            return;
        }
        let line = &mut self.lines[index];
        let is_new = |token: &Token| token.start >= step.from && token.width > 0;
        let parcels = line.queue.iter().rev().take_while(|token| is_new(token)).count();
        let from = line.queue.len() - parcels;
        let mut turned = Vec::new();
        let queued = line.queue.range_mut(from..);
        let waiting = draw_out(queued, &mut over, &mut self.draws, &mut turned);
        let started = line.serving.iter_mut().filter(|token| is_new(token));
        let busy = draw_out(started, &mut over, &mut self.draws, &mut turned);
        line.waiting -= waiting;
        line.busy -= busy;
        while line.queue.back().is_some_and(|token| token.count == 0) {
            line.queue.pop_back();
        }
        line.serving.retain(|token| token.count > 0);
        for token in turned {
            self.turn_away(index, token, scene, moved);
        }
    }
}

/// Takes `n` requests, or as many as there are, out of tokens; how many.
fn draw_out<'t>(
    tokens: impl Iterator<Item = &'t mut Token>,
    n: &mut u64,
    draws: &mut Stream,
    out: &mut Vec<Token>,
) -> u64 {
    let tokens: Vec<&mut Token> = tokens.collect();
    let mut others: u64 = tokens.iter().map(|token| token.count).sum();
    let all = others.min(*n);
    *n -= all;
    let mut left = all;
    for token in tokens {
        others -= token.count;
        let count = hypergeometric(draws, token.count, others, left);
        left -= count;
        token.count -= count;
        if count > 0 {
            out.push(Token { count, ..*token });
        }
    }
    all
}

/// Number of stations that a token's visit may be made at.
fn visit_places(programs: &super::program::Programs, token: &Token) -> usize {
    programs.all[token.program as usize].visits[token.visit as usize].stations.len()
}
