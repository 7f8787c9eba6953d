//! The queue of a station, in counts: who comes to a slot, gives up waiting, or is turned away.
//!
//! Within a step nothing is known but what there was at its ends; where it matters who was in time
//! within it, theory says so: how much of a caller's patience is left to those who just come to a
//! slot ([`Flow::left_of_patience`]), and how high a limited queue has stood in between
//! ([`Flow::turned_away`]). Elsewhere requests come to slots in the order in which they came.

use super::program::Step;
use super::station::{Left, Moved};
use super::token::Token;
use super::transit::UnderWay;
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::slab::Key;
use crate::kernel::stream::Stream;

/// Natural logarithm of odds that never come up.
const UNHEARD_OF: f64 = 30.0;

impl Flow {
    /// Whether a station drops what nobody waits for any more.
    pub(super) fn drops(&self, index: usize, scene: &Scene) -> bool {
        let service = scene.world.services.stations[index].service;
        self.plan.services[service.index()].drops_abandoned
    }

    /// Requests in a queue whose callers have waited for their timeout: they go on for nobody, or
    /// are dropped where the service does so, in which case all who come to a slot within the step
    /// have come to it first.
    pub(super) fn give_up_waiting(
        &mut self,
        index: usize,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        if self.drops(index, scene) {
            self.cost.cells_updated += self.lines[index].queue.len() as u64;
            for place in 0..self.lines[index].queue.len() {
                if self.lines[index].queue[place].given_up_by(step.to) {
                    self.give_up(index, place, scene, moved);
                }
            }
            return;
        }
        // Of those with calls of one timeout from one site nobody gives up before those who came
        // earlier.
        let lengths = self.programs.patience[index].lengths.len();
        self.lines[index].given_up.resize(lengths, 0);
        for number in 0..lengths {
            let length = self.programs.patience[index].lengths[number];
            loop {
                let line = &mut self.lines[index];
                let end = line.passed + line.queue.len() as u64;
                line.given_up[number] = line.given_up[number].clamp(line.passed, end);
                let place = (line.given_up[number] - line.passed) as usize;
                let Some(token) = line.queue.get(place) else { break };
                let program = &self.programs.all[token.program as usize];
                let timeout = program.visits[token.visit as usize].timeout;
                let waits = token.slack != u64::MAX && token.count > 0 && !token.orphan;
                if waits && (timeout, program.site) == length {
                    if !token.given_up_by(step.to) {
                        break;
                    }
                    self.give_up(index, place, scene, moved);
                }
                self.lines[index].given_up[number] += 1;
            }
        }
    }

    /// Callers have given up what is at a place in a queue.
    fn give_up(&mut self, index: usize, place: usize, scene: &mut Scene, moved: &mut Moved) {
        let line = &mut self.lines[index];
        let token = &mut line.queue[place];
        let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
        if token.visit > 0 {
            let waited = token.waited + visit.timeout;
            moved.push((Token { waited, ..*token }, Left::GivenUp));
        }
        if visit.drops {
            line.waiting -= token.count;
            line.window.refused += token.count as u32;
            scene.recorder.stations[index].dropped += std::mem::take(&mut token.count);
        } else {
            *token = token.for_nobody();
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
        let (mut ended, mut failing) = (Vec::new(), Vec::new());
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
                        failing.push(*token);
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
        for token in failing {
            self.fails_at(now, token, scene);
        }
        for UnderWay { token, .. } in &mut self.under_way {
            if entry_drops && token.cohort == Some(key) {
                ended.push(*token);
                token.count = 0;
            }
        }
        for token in ended {
            self.finish(token.of_nobody(), false, scene);
        }
    }

    /// Requests take slots so late that their callers give up within this step: those whose work
    /// is shorter than that leave in time; the others, which are given back, go on for nobody.
    pub(super) fn give_up_soon(&mut self, token: Token, in_time: f64, moved: &mut Moved) -> Token {
        let done = binomial(&mut self.draws, token.count, in_time);
        if done > 0 {
            moved.push((Token { count: done, ..token }, Left::Done));
        }
        let late = token.count - done;
        if late > 0 && token.visit > 0 {
            let waited = token.waited + token.slack;
            moved.push((Token { count: late, waited, ..token }, Left::GivenUp));
        }
        Token { count: late, ..token }.for_nobody()
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
    pub(super) fn fill(&mut self, index: usize, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let (slots, _) = self.lines[index].limits(&scene.world.services.stations[index]);
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
                token = token.of_nobody();
            }
            if head.count == 0 {
                line.queue.pop_front();
                line.passed += 1;
            }
            line.waiting -= token.count;
            if token.count == 0 {
                continue;
            }
            let waited = token.start < step.from;
            if waited {
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
            self.start(index, token, waited, step, scene, moved);
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
        let line = &self.lines[index];
        let (slots, queue_limit) = line.limits(&scene.world.services.stations[index]);
        if queue_limit == u64::MAX {
            return 0;
        }
        let over = line.waiting.saturating_sub(queue_limit);
        let most = (slots + queue_limit) as f64;
        let (first, last) =
            ((line.before.0 + line.before.1) as f64, (line.busy + line.waiting) as f64);
        let moves = 2.0 * line.arrived as f64 + first - last;
        // Where it was over the limit already, as after slots are lost, nothing is known of in
        // between.
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
    pub(super) fn reject(
        &mut self,
        index: usize,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
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
        // Whoever has been given up has waited: he did not come in this step.
        let started = line.serving.iter_mut().filter(|token| is_new(token) && !token.orphan);
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
