//! Tokens: numbers of requests alike at one station.
//!
//! What tells tokens apart is whose their requests are, at which visit, and when they were begun;
//! once that is long ago against how far apart it was, tokens are put together, so that a station
//! holds a number of them that grows with the logarithm of its service times.

use super::program::Step;
use super::station::Left;
use super::times::Took;
use crate::kernel::slab::Key;
use crate::kernel::stream::Stream;

/// Requests alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Whose they are; `None`: nobody's. And which of the cohort's ways they had (see `cohort.rs`).
    pub cohort: Option<Key>,
    pub way: u8,
    pub program: u16,
    /// Where it stands, and where its requests have entered.
    pub station: u16,
    pub entry: u16,
    pub visit: u8,
    /// Attempts of the present call.
    pub tries: u8,
    /// Of calls that no site answered: which share of their visit's that was then; else 0.
    pub unanswered: f32,
    /// Who waits for this call, if that was called himself (see `callers.rs`).
    pub caller: Option<Key>,
    /// Its caller has given this call up: it ends with its visit, or when what it calls has ended.
    pub orphan: bool,
    /// Starts (arrivals, while they wait) are even over `start..start + width` [ns].
    pub start: u64,
    pub width: u64,
    /// How long after its start its call is given up [ns].
    pub slack: u64,
    /// Past their entry: when their clients give up [ns]; and, if the entry drops abandoned work,
    /// whether that is what ends this call, not its own timeout.
    pub until: u64,
    pub by_client: bool,
    /// How long their answer was to take back to the client when they were sent [ns].
    pub back: u64,
    /// All that its requests have waited for but work: at queues, for calls given up [ns].
    pub waited: u64,
    /// Variance of that [s²].
    pub variance: f32,
    /// By how much the least of that is below its mean [s].
    pub below_s: f32,
    /// Some of that was at queues, where it is counted in whole steps.
    pub queued: bool,
    pub count: u64,
    /// How slow the station was when it was begun: its work lasts so many times as long.
    pub slow: f64,
    /// Share of starts that is still there, each weighted by its interval [s]; negative: not known.
    pub there: f64,
}

impl Token {
    /// Requests of a cohort that have reached their site, are waited for so long from here, and
    /// whose answers take so long.
    pub(super) fn new(
        (cohort, way): (Key, u8),
        program: u16,
        (slack, back): (u64, u64),
        count: u64,
    ) -> Token {
        Token {
            cohort: Some(cohort),
            way,
            program,
            station: 0,
            entry: 0,
            visit: 0,
            tries: 0,
            unanswered: 0.0,
            caller: None,
            orphan: false,
            start: 0,
            width: 0,
            slack,
            until: u64::MAX,
            by_client: false,
            back,
            waited: 0,
            variance: 0.0,
            below_s: 0.0,
            queued: false,
            count,
            slow: 1.0,
            there: -1.0,
        }
    }

    /// The same requests once their callers have given them up.
    pub(super) fn for_nobody(self) -> Token {
        let unawaited = Token { orphan: true, caller: None, ..self.of_nobody() };
        Token { slack: u64::MAX, until: u64::MAX, by_client: false, ..unawaited }
    }

    /// The same requests once their clients have given them up: such are alike, whoever sent them.
    pub(super) fn of_nobody(self) -> Token {
        Token { cohort: None, way: 0, ..self }
    }

    /// How long ago it was begun at a time, starts taken at their mean [ns].
    pub(super) fn age(&self, at: u64) -> u64 {
        at.saturating_sub(self.begun())
    }

    /// When it was begun, starts taken at their mean [ns].
    pub(super) fn begun(&self) -> u64 {
        self.start.saturating_add(self.width / 2)
    }

    /// How long its requests have waited.
    pub(super) fn time_waited(&self) -> Took {
        let (mean_s, variance) = (self.waited as f64 / 1e9, f64::from(self.variance));
        Took { mean_s, variance, least_s: mean_s - f64::from(self.below_s) }
    }

    /// They have waited for any time between two as well [ns].
    pub(super) fn wait_between(&mut self, least: u64, most: u64) {
        let range_s = (most - least) as f64 / 1e9;
        self.waited += u64::midpoint(least, most);
        self.variance += (range_s * range_s / 12.0) as f32;
        self.below_s += (range_s / 2.0) as f32;
    }

    /// When its caller's patience is over, starts taken at their mean [ns].
    pub(super) fn due(&self) -> u64 {
        self.begun().saturating_add(self.slack)
    }

    /// Whether its caller's patience is over by `to`, starts taken at their mean [ns].
    pub(super) fn given_up_by(&self, to: u64) -> bool {
        self.slack != u64::MAX && !self.orphan && self.due() <= to
    }

    /// How long of its starts' interval has run into its callers' timeout by `to` [ns]; `None`: not
    /// even the first.
    #[inline]
    pub(super) fn given_up_part(&self, to: u64) -> Option<u64> {
        let first = self.start.saturating_add(self.slack);
        let any = self.slack != u64::MAX && !self.orphan && first < to;
        any.then(|| (to - first).min(self.width))
    }

    /// What is left of its callers' patience when its work ends within a step [ns]: start and end
    /// are any two instants of their intervals that are no further apart than that.
    pub(super) fn left_when_done(&self, step: Step, draws: &mut Stream) -> u64 {
        let last = self.start + self.width;
        let soon = step.to.saturating_add(step.length() + self.back);
        if self.start.saturating_add(self.slack) >= soon {
            return self.due() - step.middle().0;
        }
        // Whoever has started at a time has ended at any of these.
        let ends = |start: u64| {
            (start.max(step.from), start.saturating_add(self.slack).clamp(step.from, step.to))
        };
        let room = |start: u64| (ends(start).1.saturating_sub(ends(start).0)) as f64;
        let first = self.start.max(step.from.saturating_sub(self.slack)).min(last);
        let most = room(step.from.clamp(first, last));
        loop {
            let start = first + ((last - first) as f64 * draws.uniform()) as u64;
            if most * draws.uniform() <= room(start) {
                let end = ends(start).0 + (room(start) * draws.uniform()) as u64;
                return (start + self.slack).saturating_sub(end).max(1);
            }
        }
    }

    /// How its visit ends once it is given up.
    pub(super) fn given_up(&self) -> Left {
        if self.by_client { Left::ClientGone } else { Left::GivenUp }
    }

    /// Whether its requests are the same clients', and at the same.
    #[inline]
    pub(super) fn is_of_the_same(&self, other: &Token) -> bool {
        let whose = |of: &Token| (of.cohort, of.way, of.program, of.entry);
        let what = |of: &Token| (of.visit, of.tries, of.caller, of.orphan, of.by_client);
        what(self) == what(other)
            && whose(self) == whose(other)
            && self.unanswered.total_cmp(&other.unanswered).is_eq()
    }

    /// Whether its requests were begun just before those of `next`, so long before `now` that it
    /// no longer matters when exactly.
    fn precedes(&self, next: &Token, now: u64) -> bool {
        let end = next.start + next.width;
        self.start + self.width == next.start
            && self.is_of_the_same(next)
            && self.slow.total_cmp(&next.slow).is_eq()
            && (end - self.start) * AGED <= now.saturating_sub(end)
            && self.there >= 0.0
            && next.there >= 0.0
            && self.is_as_patient_as(next)
    }

    /// Whether it is waited for about as long.
    fn is_as_patient_as(&self, other: &Token) -> bool {
        let (a, b) = (self.slack, other.slack);
        let within = if a.max(b) == u64::MAX { 0 } else { a.max(b) / 8 };
        a.abs_diff(b) <= within && self.until.abs_diff(other.until) <= within
    }

    /// Whether it was begun with another.
    pub(super) fn is_of_the_time_of(&self, other: &Token) -> bool {
        (self.start, self.width) == (other.start, other.width)
    }

    /// Whether another's requests can be added to it.
    pub(super) fn is_like(&self, other: &Token) -> bool {
        self.is_of_the_time_of(other) && self.is_of_the_same(other) && self.is_as_patient_as(other)
    }

    pub(super) fn absorb(&mut self, other: &Token) {
        let all = (self.count + other.count) as f64;
        let mean = |a: u64, b: u64| {
            let (a, b) = (a as f64 * self.count as f64, b as f64 * other.count as f64);
            ((a + b) / all) as u64
        };
        let part = other.count as f64 / all;
        let further_s = (other.waited as f64 - self.waited as f64) / 1e9;
        let (a, b) = (f64::from(self.variance), f64::from(other.variance));
        self.variance = (a + (b - a) * part + part * (1.0 - part) * further_s * further_s) as f32;
        let others_s = f64::from(other.below_s) - further_s;
        let is_empty = self.count == 0;
        let below_s = if is_empty { others_s } else { others_s.max(f64::from(self.below_s)) };
        self.below_s = (below_s + part * further_s) as f32;
        self.queued = self.queued && !is_empty || other.queued;
        self.waited = mean(self.waited, other.waited);
        self.back = mean(self.back, other.back);
        if self.slack != u64::MAX {
            self.slack = mean(self.slack, other.slack);
        }
        if self.until != u64::MAX {
            self.until = mean(self.until, other.until);
        }
        self.count += other.count;
    }
}

/// Requests at the end of a list that are looked through for such to be added to.
pub(super) const LOOK_BACK: usize = 24;
/// Tokens are put together once they are so many times as old as their starts are apart.
const AGED: u64 = 2;

/// Forgets empty tokens, and puts such together as are old enough for it.
pub(super) fn put_together(serving: &mut Vec<Token>, now: u64) {
    let mut kept = 0;
    for index in 0..serving.len() {
        let token = serving[index];
        if token.count == 0 {
            continue;
        }
        // One that is too young by itself is so with what was begun before it.
        let is_old = token.width * AGED <= now.saturating_sub(token.start + token.width);
        let looked_through = if is_old { LOOK_BACK } else { 0 };
        let mut before = serving[..kept].iter_mut().rev().take(looked_through);
        match before.find(|other| other.precedes(&token, now)) {
            Some(other) => {
                other.absorb(&token);
                other.width += token.width;
                other.there += token.there;
            }
            None => {
                serving[kept] = token;
                kept += 1;
            }
        }
    }
    serving.truncate(kept);
}
