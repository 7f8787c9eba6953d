//! From visit to visit: what a request does when one has ended.

use super::cohort::Ended;
use super::program::Step;
use super::station::{Left, Moved};
use super::times::Took;
use super::token::Token;
use super::transit::UnderWay;
use super::{Flow, Scene};
use crate::control::change::Loss;
use crate::kernel::defect::planted;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::slab::Key;

impl Flow {
    /// What becomes of requests whose visit has ended.
    pub(super) fn go_on(
        &mut self,
        token: &Token,
        left: Left,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        match left {
            Left::Rejected => self.end(token, false),
            Left::ClientGone => self.finish(&token.of_nobody(), false, scene),
            Left::Done => self.visit_done(token, step, scene, moved),
            Left::Refused | Left::GivenUp => self.answer_call(token, left, step, scene, moved),
            Left::Answered => self.call_answered(token, step, scene, moved),
            Left::CallFailed | Left::CallLost => {
                self.call_failed(token, left == Left::CallLost, step, scene, moved);
            }
        }
    }

    /// A visit's work is done: well, or with the station's share of errors.
    fn visit_done(&mut self, token: &Token, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let mut token = *token;
        let at_entry = token.visit == 0;
        if token.slack != u64::MAX && (at_entry || token.by_client) {
            token.until = step.middle().0 + token.left_when_done(step, &mut self.draws);
        }
        let visit = self.programs.visit_of(&token);
        let calls = visit.calls(token.visit as usize);
        let (holds, drops) = (visit.holds, visit.drops);
        let index = token.station as usize;
        let share = scene.world.services.stations[index].error_share;
        let failed = binomial(&mut self.draws, token.count, share);
        if failed > 0 {
            self.lines[index].window.errors += failed as u32;
            let bad = Token { count: failed, ..token };
            match at_entry {
                true => self.finish(&bad, false, scene),
                false => self.end_visit(&bad, (false, true), step, scene, moved),
            }
            token.count -= failed;
        }
        if token.count == 0 {
            return;
        }
        if !at_entry && !(calls && (!drops || self.is_waited_for(&token))) {
            self.end_visit(&token, (true, true), step, scene, moved);
            return;
        }
        if calls && !holds {
            self.lines[index].busy -= token.count;
        }
        match at_entry {
            true => self.next_call_of_live(&token, (0, 1), step, scene, moved),
            false => self.begin_calls(&token, step, scene, moved),
        }
    }

    /// Requests that were called end at their station, well or not, where they have slots or not:
    /// whoever still waits for them is told.
    pub(super) fn end_visit(
        &mut self,
        token: &Token,
        (ok, in_slots): (bool, bool),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let index = token.station as usize;
        self.served(index, token, scene);
        if in_slots {
            self.lines[index].busy -= token.count;
        }
        if !token.orphan {
            let left = if ok { Left::Done } else { Left::Refused };
            self.answer_call(token, left, step, scene, moved);
        }
    }

    /// Callers have the answers to their calls.
    fn call_answered(&mut self, token: &Token, step: Step, scene: &mut Scene, moved: &mut Moved) {
        let visit = self.programs.visit_of(token);
        let (call, from, next) = (visit.call, visit.from, (visit.caller, visit.end as usize));
        let cache = call.and_then(|call| self.plan.calls[call as usize].cache);
        self.caches.answered(cache, from, token.count);
        self.next_call_of_live(token, next, step, scene, moved);
    }

    /// The next call, if an entry that drops what nobody waits for has anybody who waits.
    fn next_call_of_live(
        &mut self,
        token: &Token,
        (by, next): (u8, usize),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let drops = self.programs.all[token.program as usize].visits[0].drops;
        if by == 0 && drops && !self.is_waited_for(token) {
            self.finish_past_entry(token, step, scene);
        } else {
            self.next_call(token, (by, next), step, scene, moved);
        }
    }

    /// Counts requests that a station has served, for somebody or for nobody.
    pub(super) fn served(&mut self, index: usize, token: &Token, scene: &mut Scene) {
        let live = self.is_waited_for(token);
        let window = &mut self.lines[index].window;
        let totals = &mut scene.recorder.stations[index];
        if live {
            window.useful += token.count as u32;
            totals.useful += token.count;
        } else {
            window.stale += token.count as u32;
            totals.stale += token.count;
        }
    }

    /// Whether requests at this visit have a slot at their entry.
    fn has_slot(&self, token: &Token) -> bool {
        let visits = &self.programs.all[token.program as usize].visits;
        token.visit == 0 || visits[0].holds || visits.len() == 1
    }

    /// Requests make the call of visit `next`, or one after it that is made by the visit `by` too;
    /// who makes none has done with his calls.
    pub(super) fn next_call(
        &mut self,
        token: &Token,
        (by, mut next): (u8, usize),
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let mut left = token.count;
        while left > 0 {
            let visits = &self.programs.all[token.program as usize].visits;
            if next >= visits[by as usize].end as usize {
                break;
            }
            let visit = &visits[next];
            let (cache, site, end) = (visit.cache, visit.from, visit.end as usize);
            let probability = visit.probability * self.caches.misses(cache, site);
            self.caches.asked(cache, site, left);
            let made = binomial(&mut self.draws, left, probability);
            if made > 0 {
                let (visit, orphan) = (next as u8, false);
                let call = Token { visit, tries: 1, orphan, count: made, ..*token };
                self.arrive(call, step, scene, moved);
            }
            left -= made;
            next = end;
        }
        if left == 0 {
            return;
        }
        let done = Token { count: left, ..*token };
        match by {
            0 => self.finish_past_entry(&done, step, scene),
            _ => self.return_to_caller(&done, true, step, scene, moved),
        }
    }

    /// A request ends that is past its entry, even where it has made none of its calls: a slot that
    /// is not held while calling has been given back. Its client has the answer unless it gives up
    /// while that is on its way.
    fn finish_past_entry(&mut self, token: &Token, step: Step, scene: &mut Scene) {
        let last = self.programs.all[token.program as usize].visits.len() as u8 - 1;
        let visit = if planted("flow-slot-given-back-twice") { 0 } else { last };
        self.leave_entry(&Token { visit, ..*token }, scene);
        let Some(cohort) = token.cohort else { return };
        if token.until == u64::MAX {
            return self.end(token, true);
        }
        let later_s = self.later_s((cohort, token.way), &scene.world.network);
        let back = token.back.saturating_add_signed((later_s * 1e9) as i64);
        if token.until.saturating_sub(back) > step.middle().0 {
            self.end(token, true);
        }
    }

    /// A call has failed: it is made again, or its request goes on without it, or fails.
    /// The law of the whole request may know of it, and of the wait that follows.
    fn call_failed(
        &mut self,
        token: &Token,
        known: bool,
        step: Step,
        scene: &mut Scene,
        moved: &mut Moved,
    ) {
        let visit = self.programs.visit_of(token);
        let (by, next) = (visit.caller, visit.end as usize);
        let Some(call) = visit.call else { return };
        let call = &self.plan.calls[call as usize];
        let tries = u32::from(token.tries);
        if call.retry.allows_after(tries) && !self.relieved {
            let (least, most) = call.retry.wait_range_ns(tries).unwrap_or_default();
            let tries = token.tries.saturating_add(1);
            let mut again = Token { tries, slack: u64::MAX, ..*token };
            if !known {
                again.wait_between(least, most);
            }
            self.call_again(again, (least, most), step, scene, moved);
        } else if !call.required {
            self.next_call(token, (by, next), step, scene, moved);
        } else if by == 0 {
            self.finish(token, false, scene);
        } else {
            self.return_to_caller(token, false, step, scene, moved);
        }
    }

    /// A request ends at its entry, and its client is answered.
    pub(super) fn finish(&mut self, token: &Token, ok: bool, scene: &mut Scene) {
        self.leave_entry(token, scene);
        self.end(token, ok);
    }

    fn leave_entry(&mut self, token: &Token, scene: &mut Scene) {
        let entry = token.entry as usize;
        self.served(entry, token, scene);
        if self.has_slot(token) {
            self.lines[entry].busy -= token.count;
        }
    }

    /// Puts down how requests have ended, for their clients.
    fn end(&mut self, token: &Token, ok: bool) {
        if let Some(cohort) = token.cohort {
            let step_s = if token.queued { self.step_s } else { 0.0 };
            self.ended((cohort, token.way), ok, token.count, (token.time_waited(), step_s));
        }
    }

    /// Puts down how requests of a cohort have ended, how long they have waited, and in steps of
    /// what length [s] that was counted, if so: looked at when the beat is over.
    pub(super) fn ended(
        &mut self,
        (key, way): (Key, u8),
        ok: bool,
        count: u64,
        (waited, step_s): (Took, f64),
    ) {
        let Some(cohort) = self.cohorts.get_mut(key) else { return };
        if cohort.ended.len() <= way as usize {
            cohort.ended.resize(way as usize + 1, Ended::default());
        }
        let ended = &mut cohort.ended[way as usize];
        if ok {
            ended.ok.add(count, waited, step_s);
        } else {
            ended.bad += count;
        }
        if !cohort.touched {
            cohort.touched = true;
            self.touched.push(key);
        }
    }

    /// A share of a station's instances is gone with what it was doing.
    pub(super) fn work_lost(
        &mut self,
        index: usize,
        share: f64,
        how: Loss,
        now: u64,
        scene: &mut Scene,
    ) {
        if how == Loss::Requeue {
            self.requeue(index, now, scene);
            return;
        }
        // What stands at the station itself, then what its requests have called.
        for line in 0..self.lines.len() {
            for list in 0..self.lines[line].lists.len() {
                let queue = std::mem::take(&mut self.lines[line].lists[list].queue);
                for mut token in queue {
                    let lost = self.lose(&mut token, line == index, index, share, how, now, scene);
                    if line == index {
                        self.lines[line].lists[list].waiting -= lost;
                    }
                    // What is for nobody now keeps its place.
                    let kept = std::iter::once(token).chain(self.orphans.drain(..));
                    self.lines[line].lists[list].queue.extend(kept);
                }
            }
            self.lines[line].look_again();
            let mut serving = std::mem::take(&mut self.lines[line].serving);
            for token in &mut serving {
                let lost = self.lose(token, line == index, index, share, how, now, scene);
                if line == index {
                    self.lines[line].busy -= lost;
                }
            }
            serving.retain(|token| token.count > 0);
            serving.append(&mut self.orphans);
            self.lines[line].serving = serving;
        }
        let mut under_way = std::mem::take(&mut self.under_way);
        let mut of_callers = Vec::new();
        for UnderWay { leg, token } in &mut under_way {
            self.lose(token, false, index, share, how, now, scene);
            // What was on its way for nobody else is gone; a caller in between still waits.
            let waited_for = self.orphans.drain(..).filter(|token| token.caller.is_some());
            of_callers.extend(waited_for.map(|token| UnderWay { leg: *leg, token }));
        }
        under_way.retain(|one| one.token.count > 0);
        under_way.append(&mut of_callers);
        // What has just been lost fails later.
        under_way.append(&mut self.under_way);
        self.under_way = under_way;
    }

    /// What a token loses with a share of the instances of station `index`, where it stands
    /// (`here`), where a caller of its own waits, or where its requests have entered. What the
    /// latter had called goes on for nobody.
    #[expect(clippy::too_many_arguments, reason = "one loss, told apart by where it strikes")]
    fn lose(
        &mut self,
        token: &mut Token,
        here: bool,
        index: usize,
        share: f64,
        how: Loss,
        now: u64,
        scene: &mut Scene,
    ) -> u64 {
        let is_struck = |caller: &(Key, &Token)| !here && caller.1.station as usize == index;
        let caller = self.callers.above(token).find(is_struck).map(|caller| caller.0);
        let called = token.entry as usize == index && self.is_called_by_entry(token);
        if !here && !called && caller.is_none() {
            return 0;
        }
        let n = binomial(&mut self.draws, token.count, share);
        if n == 0 {
            return 0;
        }
        token.count -= n;
        let lost = Token { count: n, ..*token };
        scene.recorder.stations[index].crashed += n;
        self.lines[index].window.refused += n as u32;
        if let Some(key) = caller {
            let goes_on = self.callers.forsaken(lost, caller);
            self.orphans.push(goes_on);
            let lost = self.callers.take(key, n);
            if self.programs.visit_of(&lost).holds {
                self.lines[index].busy -= n;
            }
            self.call_lost(lost, how, now, scene);
            return n;
        }
        if !here && self.has_slot(token) {
            self.lines[index].busy -= n;
        }
        if called && !here {
            let goes_on = self.callers.forsaken(lost, None);
            self.orphans.push(goes_on);
        }
        if token.visit > 0 && here {
            self.call_lost(lost, how, now, scene);
        } else if how != Loss::Vanish || self.is_delivery(token) {
            self.end(&lost, false);
        }
        n
    }

    /// Calls are lost with their station: whoever still waits for them hears of it, or runs into
    /// his timeout.
    fn call_lost(&mut self, lost: Token, how: Loss, now: u64, scene: &mut Scene) {
        if !lost.orphan {
            let due = if how == Loss::Vanish { lost.due() } else { now };
            self.fails_at(due, lost, scene);
        }
    }

    /// Whether requests are a pipeline's deliveries: its messages are on disk, so what vanished is
    /// tried again after its backoff.
    fn is_delivery(&self, token: &Token) -> bool {
        let Some(cohort) = token.cohort.and_then(|key| self.cohorts.get(key)) else { return false };
        cohort.lanes.first().is_some_and(|lane| lane.key.from.is_none())
    }

    /// Work that there is no slot for any more goes back to the head of the queue.
    fn requeue(&mut self, index: usize, now: u64, scene: &Scene) {
        let slots = u64::from(scene.world.services.stations[index].slots);
        let mut serving = std::mem::take(&mut self.lines[index].serving);
        let mut in_service: u64 = serving.iter().map(|token| token.count).sum();
        let mut over = self.lines[index].busy.saturating_sub(slots).min(in_service);
        for token in &mut serving {
            let list = self.list_of(token);
            let line = &mut self.lines[index];
            in_service -= token.count;
            let n = hypergeometric(&mut self.draws, token.count, in_service, over);
            over -= n;
            token.count -= n;
            line.busy -= n;
            line.lists[list].waiting += n;
            if n > 0 {
                let since = now - token.start - token.width / 2;
                let slack = match token.slack {
                    u64::MAX => u64::MAX,
                    slack => slack.saturating_sub(since),
                };
                let back = Token { count: n, start: now, width: 0, slack, ..*token };
                line.lists[list].queue.push_front(back);
            }
        }
        serving.retain(|token| token.count > 0);
        let line = &mut self.lines[index];
        line.look_again();
        line.serving = serving;
    }
}
