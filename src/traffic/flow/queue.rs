//! The queue of a station, in counts: who gives up waiting, or is turned away.
//!
//! Within a step nothing is known but what there was at its ends; how high a limited queue has
//! stood in between is drawn ([`Flow::turned_away`]). Who comes to a slot: see `slots.rs`.

use super::clumps::drawn;
use super::line::{AHEAD, BEHIND, Line};
use super::program::Step;
use super::station::{Left, Moved};
use super::token::Token;
use super::transit::UnderWay;
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::binomial;
use crate::kernel::slab::Key;
use crate::kernel::stream::Stream;
use crate::scenario::model::Service;
use crate::traffic::plan::DisciplinePlan;
use crate::world::service::Station;
use std::cmp::Reverse;

/// Natural logarithm of odds that never come up.
const UNHEARD_OF: f64 = 30.0;

/// What has come to a queue since the step began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    /// Arrivals; and of these, those that were turned away.
    pub arrived: u64,
    pub turned: u64,
    /// That of the highest number within the step, once it has been drawn.
    luck: Option<f64>,
}

/// Stations in an order in which those that are called come before those that call them.
pub(super) fn called_first(services: &[Service], stations: &[Station]) -> Vec<u32> {
    let mut depth = vec![0_u32; services.len()];
    // Calls have no cycle, so the longest way has been gone after as many rounds as there are
    // services.
    for _ in services {
        for (caller, service) in services.iter().enumerate() {
            for call in &service.calls {
                let called = call.service.index();
                depth[called] = depth[called].max(depth[caller] + 1);
            }
        }
    }
    let mut order: Vec<u32> = (0..stations.len() as u32).rev().collect();
    order.sort_by_key(|&index| Reverse(depth[stations[index as usize].service.index()]));
    order
}

impl Flow {
    /// Whether a station drops what nobody waits for any more.
    pub(super) fn drops(&self, index: usize, scene: &Scene) -> bool {
        let service = scene.world.services.stations[index].service;
        self.plan.services[service.index()].drops_abandoned
    }

    /// Requests that end in a queue within a step, in that of the first station where any does of
    /// those that are called before those that call them: of whom has called, some give back slots
    /// that others wait for, who call too.
    pub(super) fn end_in_queues(&mut self, step: Step, scene: &mut Scene, moved: &mut Moved) {
        for place in 0..self.called_first.len() {
            let index = self.called_first[place] as usize;
            if self.drops(index, scene) {
                self.give_up_waiting(index, step, scene, moved);
            }
            self.reject(index, step, scene, moved);
            if !moved.is_empty() {
                break;
            }
        }
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
        self.put_stale_together(index, scene);
        if self.drops(index, scene) {
            let given_up =
                |token: &Token| token.count > 0 && token.given_up_part(step.to).is_some();
            for list in 0..self.lines[index].lists.len() {
                self.cost.cells_updated += self.lines[index].lists[list].queue.len() as u64;
                let mut from = 0;
                while let Some(after) =
                    self.lines[index].lists[list].queue.range(from..).position(given_up)
                {
                    self.drop_given_up((index, list, from + after), step.to, scene, moved);
                    from += after + 1;
                }
            }
            return;
        }
        let service = scene.world.services.stations[index].service;
        let in_order = self.plan.services[service.index()].discipline != DisciplinePlan::Lifo;
        for list in 0..self.lines[index].lists.len() {
            self.give_up_in_list((index, list), in_order, step, moved);
        }
    }

    /// Those who wait in one list give up. Of those with calls of one timeout from one site nobody
    /// does so before those who came earlier, who are ahead (`in_order`) unless what was lost with
    /// its slot goes back to the head of those who came last.
    fn give_up_in_list(
        &mut self,
        (index, list): (usize, usize),
        in_order: bool,
        step: Step,
        moved: &mut Moved,
    ) {
        let lengths = self.programs.patience[index].lengths.len();
        self.lines[index].lists[list].given_up.resize(lengths, 0);
        for number in 0..lengths {
            let length = self.programs.patience[index].lengths[number];
            let line = &mut self.lines[index].lists[list];
            let end = line.passed + line.queue.len() as u64;
            line.given_up[number] = line.given_up[number].clamp(line.passed, end);
            let mut place = (line.given_up[number] - line.passed) as usize;
            let mut all_have = true;
            while let Some(token) = self.lines[index].lists[list].queue.get(place) {
                let visit = self.programs.visit_of(token);
                let waits = token.slack != u64::MAX && token.count > 0 && !token.orphan;
                if token.visit > 0 && waits && (visit.timeout, visit.from) == length {
                    if in_order && token.start.saturating_add(token.slack) > step.to {
                        break;
                    }
                    all_have &= self.give_up((index, list, place), step.to, moved);
                }
                place += 1;
                let line = &mut self.lines[index].lists[list];
                if all_have {
                    line.given_up[number] = line.passed + place as u64;
                }
            }
        }
    }

    /// Callers of what is at a place in a queue give up: those who do by `to` are split off in
    /// front of the others, and go on for nobody. Whether anybody does.
    fn give_up(
        &mut self,
        (index, list, place): (usize, usize, usize),
        to: u64,
        moved: &mut Moved,
    ) -> bool {
        let line = &mut self.lines[index].lists[list];
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
    pub(super) fn drop_given_up(
        &mut self,
        (index, list, place): (usize, usize, usize),
        to: u64,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let line = &mut self.lines[index];
        let is_first = list == AHEAD;
        let list = &mut line.lists[list];
        let token = &mut list.queue[place];
        let Some(part) = token.given_up_part(to) else { return };
        let share = if part == token.width { 1.0 } else { part as f64 / token.width as f64 };
        let count = binomial(&mut self.draws, token.count, share);
        (token.start, token.width) = (token.start + part, token.width - part);
        token.count -= count;
        list.waiting -= count;
        if let Some(ahead) = line.ahead.as_mut().filter(|_| is_first) {
            ahead.gave_up += count;
        }
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
        let called_by_entry = |token: &Token| {
            let waited_for = token.visit > 0 && token.caller.is_none() && !token.orphan;
            waited_for && token.cohort == Some(key)
        };
        let ends = |token: &Token| entry_drops && called_by_entry(token);
        let dropped = self.drop_waiting(|token| token.cohort == Some(key), scene);
        let (mut ended, failing): (Vec<Token>, Vec<Token>) = dropped.into_iter().partition(ends);
        for token in failing.into_iter().filter(|token| token.visit > 0 && !token.orphan) {
            self.fails_at(now, token, scene);
        }
        let in_lines = self.lines.iter_mut().flat_map(Line::present_mut);
        for token in in_lines.filter(|token| token.count > 0 && ends(token)) {
            ended.push(*token);
            *token = token.for_nobody();
        }
        for UnderWay { token, .. } in self.under_way.iter_mut().filter(|one| ends(&one.token)) {
            ended.push(*token);
            token.count = 0;
        }
        let calling = self.callers.all.iter().filter(|(_, caller)| called_by_entry(caller));
        let calling: Vec<(Key, Token)> = calling.map(|(key, caller)| (key, *caller)).collect();
        for (key, caller) in calling {
            if entry_drops {
                ended.push(caller);
            }
            self.forsake(key, !entry_drops, now, scene);
        }
        for token in ended {
            self.finish(&token.of_nobody(), false, scene);
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
            for (number, list) in line.lists.iter_mut().enumerate() {
                for token in list.queue.iter_mut().filter(|token| token.count > 0 && which(token)) {
                    list.waiting -= token.count;
                    if let Some(ahead) = line.ahead.as_mut().filter(|_| number == AHEAD) {
                        ahead.gave_up += token.count;
                    }
                    line.window.refused += token.count as u32;
                    scene.recorder.stations[index].dropped += token.count;
                    dropped.push(*token);
                    token.count = 0;
                }
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

    /// How many a station with a limited queue has turned away within a step that have not left it
    /// yet; if so many slots that are free, or become so in the step, are still to be taken. It is
    /// asked again when some have: their callers' slots are others', who call too. Then those in
    /// the system are counted with them, and its luck is that of the step.
    ///
    /// # Source
    /// Between the numbers that were there at the step's two ends, those in the system are taken as
    /// a Brownian bridge of as many moves as requests have come and gone; its maximum is drawn, and
    /// whatever that is over the limit was not let in (Asmussen, Glynn, Pitman, Annals of Applied
    /// Probability 5, 1995: reflected paths on a grid).
    pub(super) fn turned_away(
        &mut self,
        index: usize,
        (free, again): (u64, u64),
        scene: &Scene,
    ) -> u64 {
        let line = &mut self.lines[index];
        let Met { arrived, turned, luck } = line.met;
        let (slots, queue_limit) = line.limits(&scene.world.services.stations[index]);
        if queue_limit == u64::MAX {
            return 0;
        }
        let over = line.waiting().saturating_sub(free + again + queue_limit);
        let most = (slots + queue_limit) as f64;
        let first = (line.before.0 + line.before.1) as f64;
        let last = (line.busy + line.waiting() + turned).saturating_sub(again) as f64;
        let moves = 2.0 * arrived as f64 + first - last;
        // Where it was over the limit already, as after slots are lost, nothing is known of in
        // between.
        if first > most || arrived == 0 {
            return over;
        }
        let above = 2.0 * (most + 1.0 - first) * (most + 1.0 - last) / moves.max(1.0);
        if above > UNHEARD_OF {
            return over;
        }
        let luck = luck.unwrap_or_else(|| self.draws.uniform().max(f64::MIN_POSITIVE));
        line.met.luck = Some(luck);
        let luck = -2.0 * moves * math::ln(luck);
        let highest = 0.5 * (first + last + math::sqrt((last - first).powi(2) + luck));
        over.max(((highest - most).max(0.0) as u64).saturating_sub(turned))
    }

    /// Turns away as large a part of requests that have just come as of those who have come before
    /// them within the step, as any of them is as likely to be; how many.
    pub(super) fn turn_away_as_others(
        &mut self,
        index: usize,
        token: &Token,
        scene: &mut Scene,
        moved: &mut Moved,
    ) -> u64 {
        let is_first = self.list_of(token) == AHEAD;
        let line = &mut self.lines[index];
        let turned = line.sure_to_be_turned();
        if turned == 0 {
            return 0;
        }
        let before = line.met.arrived - token.count;
        let share = turned as f64 / before.max(1) as f64;
        let count = binomial(&mut self.draws, token.count, share);
        if count > 0 {
            line.also_turned(count, is_first);
            self.turn_away(index, Token { count, ..*token }, scene, moved);
        }
        count
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
        // Whoever had come before is not turned away.
        let Met { arrived, turned, .. } = self.lines[index].met;
        let over = self.turned_away(index, (0, 0), scene).min(arrived.saturating_sub(turned));
        if over == 0 {
            return;
        }
        let ahead = self.ahead_of_turned(index, over);
        let (mut turned, mut left) = (Vec::new(), over - ahead);
        self.draw_newcomers((index, BEHIND), &mut left, step, &mut turned);
        let mut busy = self.draw_started((index, BEHIND), &mut left, step, &mut turned);
        let came = self.lines[index].ahead.as_ref().map_or(0, |ahead| ahead.came);
        let ahead = (ahead + left).min(came);
        // Who goes first may have a slot and still have come after others who wait.
        let mut left = self.ahead_of_waiting(index, ahead, step);
        let mut started = ahead - left;
        self.draw_newcomers((index, AHEAD), &mut left, step, &mut turned);
        started += left;
        busy += self.draw_started((index, AHEAD), &mut started, step, &mut turned);
        let of = |list: usize| {
            let mine = turned.iter().filter(|token| self.list_of(token) == list);
            mine.map(|token| token.count).sum::<u64>()
        };
        let (ahead, all) = (of(AHEAD), of(AHEAD) + of(BEHIND));
        self.lines[index].have_turned(all, ahead, busy);
        for token in turned {
            self.turn_away(index, token, scene, moved);
        }
        if busy > 0 {
            self.lines[index].in_place = true;
            self.fill(index, step, scene, moved);
            self.lines[index].in_place = false;
        }
    }

    /// Takes `n` of a list's who have come and found a slot in this step, or as many as there are,
    /// out of their slots; how many.
    fn draw_started(
        &mut self,
        (index, list): (usize, usize),
        n: &mut u64,
        step: Step,
        out: &mut Vec<Token>,
    ) -> u64 {
        if *n == 0 {
            return 0;
        }
        let mut serving = std::mem::take(&mut self.lines[index].serving);
        // Whoever has been given up has waited: he did not come in this step.
        let started = |token: &&mut Token| {
            is_new(token, step) && !token.orphan && self.list_of(token) == list
        };
        let started = serving.iter_mut().filter(started);
        let started: Vec<(&mut Token, f64)> = started
            .map(|token| {
                let odds = self.odds_of_token(token);
                (token, odds)
            })
            .collect();
        let busy = draw_out(started.into_iter(), n, &mut self.draws, out);
        serving.retain(|token| token.count > 0);
        let line = &mut self.lines[index];
        line.serving = serving;
        line.busy -= busy;
        busy
    }

    /// Takes `n` of those who have come to a list in this step, or as many as there are, out of it.
    pub(super) fn draw_newcomers(
        &mut self,
        (index, list): (usize, usize),
        n: &mut u64,
        step: Step,
        out: &mut Vec<Token>,
    ) {
        if *n == 0 {
            return;
        }
        let queue = &self.lines[index].lists[list].queue;
        let parcels = queue.iter().rev().take_while(|token| is_new(token, step)).count();
        let from = queue.len() - parcels;
        let odds: Vec<f64> = queue.range(from..).map(|token| self.odds_of_token(token)).collect();
        let list = &mut self.lines[index].lists[list];
        let queued = list.queue.range_mut(from..).zip(odds);
        list.waiting -= draw_out(queued, n, &mut self.draws, out);
        list.forget_empty();
    }
}

/// Whether it has come in this step.
pub(super) fn is_new(token: &Token, step: Step) -> bool {
    token.start >= step.from && token.width > 0
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
