//! The queue of a station, in counts: who comes to a slot, gives up waiting, or is turned away.
//!
//! Within a step nothing is known but what there was at its ends; where it matters what was in
//! between, it is drawn: who is still waited for when a slot becomes free
//! ([`Flow::next_of_queue`]), and how high a limited queue has stood ([`Flow::turned_away`]).
//! Elsewhere requests come to slots in the order in which they came.

use super::clumps::drawn;
use super::program::Step;
use super::station::{Left, Line, Moved};
use super::token::{LOOK_BACK, Token};
use super::transit::UnderWay;
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::binomial;
use crate::kernel::slab::Key;
use crate::kernel::stream::Stream;

/// Turns in which a step's free slots are taken where it matters when.
const TURNS: u64 = 64;
/// Those where requests have come with others.
const TURNS_OF_MANY: u64 = 8;
/// A patience is long if it is so many times as long as work.
const HOLDS: f64 = 8.0;
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
                self.drop_given_up((index, place), step.to, scene, moved);
            }
            return;
        }
        // Of those with calls of one timeout from one site nobody gives up before those who came
        // earlier.
        let lengths = self.programs.patience[index].lengths.len();
        self.lines[index].given_up.resize(lengths, 0);
        for number in 0..lengths {
            let length = self.programs.patience[index].lengths[number];
            let line = &mut self.lines[index];
            let end = line.passed + line.queue.len() as u64;
            line.given_up[number] = line.given_up[number].clamp(line.passed, end);
            let mut place = (line.given_up[number] - line.passed) as usize;
            let mut all_have = true;
            while let Some(token) = self.lines[index].queue.get(place) {
                let visit = &self.programs.all[token.program as usize].visits[token.visit as usize];
                let waits = token.slack != u64::MAX && token.count > 0 && !token.orphan;
                if token.visit > 0 && waits && (visit.timeout, visit.from) == length {
                    if token.start.saturating_add(token.slack) > step.to {
                        break;
                    }
                    all_have &= self.give_up((index, place), step.to, moved);
                }
                place += 1;
                let line = &mut self.lines[index];
                if all_have {
                    line.given_up[number] = line.passed + place as u64;
                }
            }
        }
    }

    /// Callers of what is at a place in a queue give up: those who do by `to` are from here on in
    /// the place, and go on for nobody, with the others behind them. Whether anybody has.
    fn give_up(&mut self, (index, place): (usize, usize), to: u64, moved: &mut Moved) -> bool {
        let line = &mut self.lines[index];
        let token = &mut line.queue[place];
        let Some(part) = token.given_up_part(to) else { return false };
        if part < token.width {
            let share = part as f64 / token.width as f64;
            let count = binomial(&mut self.draws, token.count, share);
            let first = Token { count, width: part, ..*token };
            (token.start, token.width) = (token.start + part, token.width - part);
            token.count -= count;
            line.queue.insert(place, first);
            let beyond = line.passed + place as u64;
            line.given_up.iter_mut().filter(|place| **place > beyond).for_each(|place| *place += 1);
        }
        let token = &mut line.queue[place];
        let waited = token.waited + token.slack;
        if token.count > 0 {
            moved.push((Token { waited, ..*token }, token.given_up()));
        }
        *token = token.for_nobody();
        true
    }

    /// Drops, of what is at a place in a queue, those whose callers have given up by `to`.
    fn drop_given_up(
        &mut self,
        (index, place): (usize, usize),
        to: u64,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let line = &mut self.lines[index];
        let token = &mut line.queue[place];
        let Some(part) = token.given_up_part(to) else { return };
        let share = if part == token.width { 1.0 } else { part as f64 / token.width as f64 };
        let count = binomial(&mut self.draws, token.count, share);
        (token.start, token.width) = (token.start + part, token.width - part);
        token.count -= count;
        line.waiting -= count;
        line.window.refused += count as u32;
        scene.recorder.stations[index].dropped += count;
        if token.visit > 0 && count > 0 {
            let waited = token.waited + token.slack;
            moved.push((Token { count, waited, ..*token }, token.given_up()));
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
        let ends = |token: &Token| {
            let of_entry = token.visit > 0 && token.caller.is_none() && !token.orphan;
            entry_drops && of_entry && token.cohort == Some(key)
        };
        let dropped = self.drop_waiting(|token| token.cohort == Some(key), scene);
        let (mut ended, failing): (Vec<Token>, Vec<Token>) = dropped.into_iter().partition(ends);
        for token in failing.into_iter().filter(|token| token.visit > 0 && !token.orphan) {
            self.fails_at(now, token, scene);
        }
        let in_lines = self.lines.iter_mut();
        let in_lines = in_lines.flat_map(|line| line.queue.iter_mut().chain(&mut line.serving));
        for token in in_lines.filter(|token| token.count > 0 && ends(token)) {
            ended.push(*token);
            *token = token.for_nobody();
        }
        for UnderWay { token, .. } in self.under_way.iter_mut().filter(|one| ends(&one.token)) {
            ended.push(*token);
            token.count = 0;
        }
        let calling = self.callers.all.iter().filter(|(_, caller)| ends(caller));
        let calling: Vec<(Key, Token)> = calling.map(|(key, caller)| (key, *caller)).collect();
        for (key, caller) in calling {
            ended.push(caller);
            self.forsake(key, now, scene);
        }
        for token in ended {
            self.finish(token.of_nobody(), false, scene);
        }
    }

    /// Takes such as `which` tells of out of the queues of all stations that drop what nobody waits
    /// for.
    pub(super) fn drop_waiting(
        &mut self,
        which: impl Fn(&Token) -> bool,
        scene: &mut Scene,
    ) -> Vec<Token> {
        let mut dropped = Vec::new();
        for index in 0..self.lines.len() {
            if !self.drops(index, scene) {
                continue;
            }
            let line = &mut self.lines[index];
            for token in line.queue.iter_mut().filter(|token| token.count > 0 && which(token)) {
                line.waiting -= token.count;
                line.window.refused += token.count as u32;
                scene.recorder.stations[index].dropped += token.count;
                dropped.push(*token);
                token.count = 0;
            }
        }
        dropped
    }

    /// Requests have taken slots so late that their callers give up within this step: the share
    /// `in_time`, whose work is shorter, leave before; the others, which are given back, go on for
    /// nobody.
    pub(super) fn give_up_soon(&mut self, token: Token, in_time: f64, moved: &mut Moved) -> Token {
        let done = binomial(&mut self.draws, token.count, in_time);
        if done > 0 {
            moved.push((Token { count: done, ..token }, Left::Done));
        }
        let late = token.count - done;
        if late > 0 && token.visit > 0 {
            let waited = token.waited + token.slack;
            moved.push((Token { count: late, waited, ..token }, token.given_up()));
        }
        Token { count: late, ..token }.for_nobody()
    }

    /// Fills free slots from the head of the queue.
    pub(super) fn fill(&mut self, index: usize, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let (slots, _) = self.lines[index].limits(&scene.world.services.stations[index]);
        // Of those who take slots now, a share leaves again within the step.
        let line = &self.lines[index];
        let again = slots.saturating_sub(line.busy) as f64 * (1.0 / line.stays.1 - 1.0);
        loop {
            let line = &mut self.lines[index];
            let free = slots.saturating_sub(line.busy);
            let Some(head) = line.queue.front() else { return };
            if head.count == 0 {
                line.queue.pop_front();
                line.passed += 1;
                continue;
            }
            if free == 0 {
                return;
            }
            let waited = head.start < step.from;
            let next = if waited && self.is_urgent(index, step) {
                self.next_of_queue(index, (free, again), step, scene, moved)
            } else {
                let line = &mut self.lines[index];
                let head = &mut line.queue[0];
                let count = head.count.min(free);
                head.count -= count;
                let part = count as f64 / (free as f64 + again);
                line.filled += ((step.to - line.filled) as f64 * part) as u64;
                Some((Token { count, ..*head }, step.middle().0))
            };
            let Some((mut token, at)) = next else { continue };
            self.lines[index].waiting -= token.count;
            if token.cohort.is_some_and(|key| self.cohorts.get(key).is_none()) {
                token = token.of_nobody();
            }
            if waited {
                let wait = at.saturating_sub(token.start + token.width / 2);
                scene.recorder.waits[index].0 += wait as f64 / 1e9 * token.count as f64;
                token.waited += wait;
                if token.slack != u64::MAX {
                    token.slack = token.slack.saturating_sub(wait);
                }
            }
            (token.start, token.width, token.there) = (step.from, step.length(), -1.0);
            self.start(index, token, step, scene, moved);
        }
    }

    /// Whether it matters when those at the head of a queue come to their slots: callers' patience
    /// ends then, or before their work may.
    fn is_urgent(&self, index: usize, step: Step) -> bool {
        let line = &self.lines[index];
        let work = (self.programs.holds_s[index] * HOLDS * 1e9) as u64;
        let ends = |token: &Token| {
            let first = token.start.saturating_add(token.slack);
            first < step.to.saturating_add(work) && first.saturating_add(token.width) > step.from
        };
        let waited_for = |token: &&Token| token.slack != u64::MAX && !token.orphan;
        line.queue.iter().take(line.together(step)).filter(waited_for).any(ends)
    }

    /// Who comes next to the `free` slots of a station, and when [ns], if about `again` more become
    /// free within the step; `None`: it drops all who wait, as they have given up by then.
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
        index: usize,
        (free, again): (u64, f64),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) -> Option<(Token, u64)> {
        let drops = self.drops(index, scene);
        let line = &mut self.lines[index];
        let together = line.together(step);
        let mut front = line.queue.iter().take(together).filter(|token| token.count > 0);
        let soon = drops && front.any(|token| token.given_up_part(step.to).is_some());
        let turn = match (soon, together) {
            (true, _) => free.div_ceil(TURNS),
            (false, 1) => free.min(line.queue[0].count),
            (false, _) => free.div_ceil(TURNS_OF_MANY),
        };
        let (from, left) = (line.filled, (step.to - line.filled) as f64);
        line.filled += (left * up_to(turn, free as f64 + again, &mut self.draws)) as u64;
        let to = line.filled;
        if !soon {
            // Where some are served in the step in which they come, they are taken not to wait;
            // the mean wait is right if all others are served at its middle (Little's law).
            let newer = line.queue.iter().rev().take_while(|token| token.start >= step.from);
            let older = line.waiting - newer.map(|token| token.count).sum::<u64>();
            let all_have_waited = older as f64 >= free as f64 + again;
            let at = if all_have_waited { u64::midpoint(from, to) } else { step.middle().0 };
            return Some((self.take_first(index, together, turn), at));
        }
        loop {
            let together = self.lines[index].together(step);
            if together == 0 {
                return None;
            }
            for place in 0..together {
                self.drop_given_up((index, place), to, scene, moved);
            }
            if self.lines[index].queue.iter().take(together).any(|token| token.count > 0) {
                return Some((self.take_first(index, together, turn), to));
            }
            self.lines[index].queue.drain(..together);
            self.lines[index].passed += together as u64;
        }
    }

    /// Takes up to `turn` of those who came first out of the first `together` of a queue: of one of
    /// them, as each may have come at any time of its interval.
    fn take_first(&mut self, index: usize, together: usize, turn: u64) -> Token {
        let queue = &mut self.lines[index].queue;
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
        Token { count, start, width: up_to - start, ..token }
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
        self.lines[index].refusals.turned += over;
        let is_new = |token: &Token| token.start >= step.from && token.width > 0;
        // Whoever has been given up has waited: he did not come in this step.
        let started = |token: &Token| is_new(token) && !token.orphan;
        let line = &self.lines[index];
        let parcels = line.queue.iter().rev().take_while(|token| is_new(token)).count();
        let from = line.queue.len() - parcels;
        let odds = |token: &Token| self.odds_of_token(token);
        let of_queue: Vec<f64> = line.queue.range(from..).map(odds).collect();
        let of_slots: Vec<f64> = line.serving.iter().filter(|t| started(t)).map(odds).collect();
        let mut turned = Vec::new();
        let line = &mut self.lines[index];
        let queued = line.queue.range_mut(from..).zip(of_queue);
        let waiting = draw_out(queued, &mut over, &mut self.draws, &mut turned);
        let started = line.serving.iter_mut().filter(|token| started(token)).zip(of_slots);
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

impl Line {
    /// Parcels at the queue's head whose intervals of arrival, before this step, overlap.
    fn together(&self, step: Step) -> usize {
        let Some(head) = self.queue.iter().find(|token| token.count > 0) else { return 0 };
        let end = step.from.min(head.start + head.width.max(1));
        let overlap = |token: &&Token| token.count == 0 || token.start < end;
        self.queue.iter().take(LOOK_BACK).take_while(overlap).count()
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

/// Takes `n` requests, or as many as there are, out of tokens with such odds; how many.
fn draw_out<'t>(
    tokens: impl Iterator<Item = (&'t mut Token, f64)>,
    n: &mut u64,
    draws: &mut Stream,
    out: &mut Vec<Token>,
) -> u64 {
    let tokens: Vec<(&mut Token, f64)> = tokens.collect();
    let of: Vec<(u64, f64)> = tokens.iter().map(|(token, odds)| (token.count, *odds)).collect();
    let all = of.iter().map(|of| of.0).sum::<u64>().min(*n);
    *n -= all;
    for ((token, _), count) in tokens.into_iter().zip(drawn(&of, all, draws)) {
        token.count -= count;
        if count > 0 {
            out.push(Token { count, ..*token });
        }
    }
    all
}
