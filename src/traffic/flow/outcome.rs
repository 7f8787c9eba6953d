//! How attempts and operations end: answered, refused, timed out, tried again, given up.
//!
//! What has ended within a beat is looked at when the beat is over: first which lanes it belonged
//! to, then, for what failed, which of their rows. Which rows were answered is drawn when a lane
//! has done with its answers: until then nothing depends on it but latencies.

use super::anycast::GONE;
use super::backoff::{Knowledge, Pool, PoolKey, pool_of};
use super::cohort::{Ended, Kind, Lane, LaneKey, Row};
use super::crowds::{Crowd, Owner};
use super::program::Program;
use super::times::Took;
use super::tracers::At;
use super::{Flow, ProbeResult, Scene};
use crate::kernel::defect::planted;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::population::ClassKind;

/// Why attempts ended without a correct answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    TimedOut,
    Refused,
    /// With their session.
    Reset,
}

/// Ages below this part of the time in which an answer is good are one.
const YOUNG: f64 = 0.36;

/// How often an age has grown by half since it was that part of `good_s`, and once more; 0 below.
/// Who gives up after `good_s`, or after half of it, is in the midst of those of one number.
fn age_bin(age_s: f64, good_s: f64) -> u32 {
    // Of a millisecond that is two years.
    const TIMES_MAX: u32 = 64;
    let (mut times, mut grown_s) = (0, YOUNG * good_s);
    while grown_s <= age_s && times < TIMES_MAX {
        grown_s *= 1.5;
        times += 1;
    }
    times
}

/// Widths of the pieces of time that tell apart when somebody began, each twice the one before.
const LEVELS: u32 = 32;
/// Such a piece is at most this part of the age of people's demands, and of messages: that of the
/// oldest of these is a measure.
const OF_AGE: (f64, f64) = (1.0 / 2.0, 1.0 / 8.0);

/// Nor is it narrower than this part of the wait that follows: there are not many at a time.
const OF_WAIT: f64 = 1.0 / 64.0;

/// Those begun within one piece stay together, of the greatest width that is no more than a part
/// of their age, from `good_s` on; `wait_s` is what they wait for next, at most.
fn time_bin(intended_s: f64, (age_s, wait_s): (f64, f64), good_s: f64, part: f64) -> u32 {
    let width_s = (age_s * part).max(wait_s * OF_WAIT);
    let level = ((width_s / good_s) as u64).max(1).ilog2().min(LEVELS - 1);
    let piece = intended_s / (good_s * f64::from(1_u32 << level));
    // Pieces of one number are a long time apart; the first numbers are those of ages.
    (piece as u32).wrapping_add(2).wrapping_mul(LEVELS) + level
}

impl Flow {
    /// All that was answered, refused or given up in the beat that ends now.
    pub(super) fn settle(&mut self, scene: &mut Scene) {
        let mut touched = std::mem::take(&mut self.touched);
        for key in touched.drain(..) {
            self.settle_cohort(key, scene);
        }
        self.touched = touched;
        for program in 0..self.expiring.len() {
            while let Some(&(due, key)) = self.expiring[program].front() {
                if due > self.clock {
                    break;
                }
                self.expiring[program].pop_front();
                self.expire(key, scene);
            }
        }
        self.forget_clumps();
    }

    /// The lanes of a cohort, taken out of it while they are worked on.
    pub(super) fn lanes_of(&mut self, key: Key) -> Option<(u16, u64, Vec<Lane>)> {
        let cohort = self.cohorts.get_mut(key)?;
        Some((cohort.program, cohort.sent, std::mem::take(&mut cohort.lanes)))
    }

    fn settle_cohort(&mut self, key: Key, scene: &mut Scene) {
        // Answers and refusals came evenly over the beat.
        let at = SimTime(self.clock - self.beat / 2);
        let Some((program, sent, mut lanes)) = self.lanes_of(key) else { return };
        let cohort = self.cohorts.get_mut(key).expect("found above");
        cohort.touched = false;
        let mut ended = std::mem::take(&mut cohort.ended);
        let (closes, delays) = (cohort.closes, cohort.delays);
        let site = self.programs.all[program as usize].site;
        let mut kinds = std::mem::take(&mut self.answered);
        for (way, Ended { ok: waits, bad, home }) in ended.drain(..).enumerate() {
            let ok = waits.count();
            if ok + bad == 0 {
                continue;
            }
            let home = home as f64 / (ok + bad) as f64;
            let mut left = [ok, bad];
            kinds.clear();
            kinds.extend(waits.each());
            let open_in = |lane: &Lane| lane.ways.get(way).map_or(0, |way| way.open);
            let mut open: u64 = lanes.iter().map(open_in).sum();
            for lane in &mut lanes {
                let here = open_in(lane);
                if here == 0 {
                    continue;
                }
                open -= here;
                let good = hypergeometric(&mut self.draws, here, open, left[0]);
                let rest = (here - good, open - (left[0] - good));
                let failed = hypergeometric(&mut self.draws, rest.0, rest.1, left[1]);
                left = [left[0] - good, left[1] - failed];
                let sent_to = (site, sent, delays);
                let later_s = match good {
                    0 => 0.0,
                    _ => self.later_in_lane_s((lane, way), sent_to, &scene.world.network),
                };
                let (mut of_lane, mut others) = (good, left[0] + good);
                for (all, waited) in &mut kinds {
                    others -= *all;
                    let count = hypergeometric(&mut self.draws, *all, others, of_lane);
                    (of_lane, *all) = (of_lane - count, *all - count);
                    if count > 0 {
                        let counted = (count, home);
                        let back = self.come_back((program, sent), (lane, way), counted, scene);
                        self.answered(program, (lane, way), (back, *waited), later_s, at, scene);
                    }
                }
                if failed > 0 {
                    lane.refused +=
                        self.come_back((program, sent), (lane, way), (failed, home), scene);
                }
            }
        }
        kinds.clear();
        self.answered = kinds;
        for lane in &mut lanes {
            let refused = (std::mem::take(&mut lane.refused), Failure::Refused);
            let reset = (std::mem::take(&mut lane.reset), Failure::Reset);
            for why in [refused, reset].into_iter().filter(|why| why.0 > 0) {
                self.refused(program, lane, why, at, scene);
            }
        }
        let done = self.clock >= closes && lanes.iter().all(|lane| lane.standing() == 0);
        for lane in &mut lanes {
            // Who thinks again has to be known at once.
            if done || self.closed_of(lane.key).is_some() {
                self.resolve(program, sent, lane, scene);
            }
        }
        let cohort = self.cohorts.get_mut(key).expect("nothing closes it in between");
        (cohort.lanes, cohort.ended) = (lanes, ended);
        if done {
            self.close_cohort(key);
        }
    }

    /// Clients know that so many attempts of a lane were refused.
    fn refused(
        &mut self,
        program: u16,
        lane: &mut Lane,
        (n, failure): (u64, Failure),
        at: SimTime,
        scene: &mut Scene,
    ) {
        let mut rows = std::mem::take(&mut self.drawn);
        match failure {
            Failure::Refused => self.draw_refused(program, lane, n, &mut rows),
            _ => lane.draw_rows(n, &mut self.draws, |row| rows.push(row)),
        }
        if failure == Failure::Reset {
            rows.iter_mut().for_each(|row| row.know.alive = GONE);
        }
        scene.recorder.clients[lane.key.class as usize].refused += n;
        let site = self.programs.all[program as usize].site;
        self.fail(lane.key, site, &mut rows, failure, at, scene);
        rows.clear();
        self.drawn = rows;
    }

    /// Clients stop waiting for all that is left of a cohort.
    fn expire(&mut self, key: Key, scene: &mut Scene) {
        let Some((program, sent, mut lanes)) = self.lanes_of(key) else { return };
        let Program { site, timeout, .. } = self.programs.all[program as usize];
        let at = SimTime((sent + timeout).min(self.clock - 1));
        for lane in &mut lanes {
            self.resolve(program, sent, lane, scene);
            let standing = lane.standing();
            let totals = &mut scene.recorder.clients[lane.key.class as usize];
            totals.lost += lane.lost;
            totals.timed_out += standing - lane.lost;
            let mut rows = std::mem::take(&mut lane.rows);
            debug_assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), standing);
            self.fail(lane.key, site, &mut rows, Failure::TimedOut, at, scene);
            lane.rows = rows;
        }
        self.cohorts.get_mut(key).expect("found above").lanes = lanes;
        self.close_cohort(key);
        self.abandon(key, program, self.clock, scene);
    }

    /// A path breaks within a beat: what has ended by now is on its way back.
    pub(super) fn go_home(&mut self) {
        for &key in &self.touched {
            let Some(cohort) = self.cohorts.get_mut(key) else { continue };
            for ended in &mut cohort.ended {
                ended.home = ended.ok.count() + ended.bad;
            }
        }
    }

    /// Of `n` attempts of a way, sent at `sent`, that a station has answered: how many answers find
    /// their way back as they came, and not over a path that carries nothing since; a share `home`
    /// of them had left before, if it broke within this beat.
    fn come_back(
        &mut self,
        (program, sent): (u16, u64),
        (lane, way): (&mut Lane, usize),
        (n, home): (u64, f64),
        scene: &Scene,
    ) -> u64 {
        let site = self.programs.all[program as usize].site;
        let returned = self.returned(lane.key, site, (sent, home), scene);
        lane.open -= n;
        lane.ways[way].open -= n;
        let back = match returned > 1.0 - 1e-9 {
            true => n,
            false => binomial(&mut self.draws, n, returned),
        };
        lane.lost += n - back;
        back
    }

    /// Attempts of a lane's way were answered correctly, after waiting so long at queues.
    fn answered(
        &mut self,
        program: u16,
        (lane, way): (&mut Lane, usize),
        (all, waited): (u64, Took),
        later_s: f64,
        at: SimTime,
        scene: &mut Scene,
    ) {
        let program = &self.programs.all[program as usize];
        let site = program.site;
        let class_index = lane.key.class as usize;
        let class = &self.plan.classes[class_index];
        let by = &mut lane.ways[way];
        let network_s = by.network_s / by.sent.max(1) as f64;
        let attempt = waited.later((network_s + later_s).max(0.0));
        by.answered.add(all, attempt, 0.0);
        if let Kind::Probe(pair) = lane.key.kind {
            // One attempt: its answer is good or not by its own latency.
            let good_s = class.good_within.as_secs_f64();
            let good = program.total.cdf(good_s - attempt.mean_s);
            for _ in 0..all {
                let ok = self.draws.bernoulli(good);
                self.probe_results.push(ProbeResult { pair, ok });
            }
        }
        if all == 0 {
            return;
        }
        let feeds = program.feeds;
        scene.recorder.clients[class_index].answered += all;
        if let Some(cell) = scene.recorder.cell(class_index, at) {
            cell.answered += all as u32;
        }
        self.operations[class_index].ended += all;
        if let ClassKind::Pipeline(pipeline) = class.kind {
            scene.recorder.pipelines[pipeline.index()].delivered += all;
            self.mail[pipeline.index()].backlog -= all;
        }
        if class.signs_in {
            self.signed_in((lane.key, &lane.rows), site, all, scene);
        }
        if let Some((pipeline, copies)) = feeds {
            self.accept(pipeline, all * u64::from(copies), site, at, scene);
        }
    }

    /// Attempts failed at `at`: they are tried again later, or given up.
    fn fail(
        &mut self,
        lane: LaneKey,
        site: SiteId,
        rows: &mut [Row],
        failure: Failure,
        at: SimTime,
        scene: &mut Scene,
    ) {
        let n: u64 = rows.iter().map(|row| row.count).sum();
        if n == 0 {
            return;
        }
        let class_index = lane.class as usize;
        if let Some(cell) = scene.recorder.cell(class_index, at) {
            cell.unanswered += n as u32;
        }
        if let Kind::Probe(pair) = lane.kind {
            self.operations[class_index].ended += n;
            let failed = ProbeResult { pair, ok: false };
            self.probe_results.extend(std::iter::repeat_n(failed, n as usize));
            return;
        }
        let class = &self.plan.classes[class_index];
        let (signs_in, in_session) = (class.signs_in, class.in_session());
        let timeout = self.programs.all[self.programs.of(class.operation, site, 0)].timeout;
        if signs_in {
            let gone = self.sign_ins_failed(lane, site, n);
            self.take_out(lane, rows, gone, site, scene);
            let spent = rows.iter().filter(|row| !self.tries_again(lane.class, row, at));
            let spent: Vec<Row> = spent.copied().collect();
            self.sign_ins_given_up(lane, &spent, scene);
        }
        let mut homes = std::mem::take(&mut self.homes_of_dealt);
        if signs_in {
            self.count_homes_of_dealt(lane.crowd, scene.world.sites, &mut homes);
        }
        for row in rows.iter().filter(|row| row.count > 0) {
            if self.tries_again(lane.class, row, at) {
                match signs_in {
                    true => self.sign_ins_back_off(lane, &mut homes, *row, failure, at),
                    false => self.back_off(lane, site, *row, failure, at),
                }
            } else {
                let lost = 1.0 - self.survived(lane.crowd, site, row);
                let out = match in_session {
                    true => lost * (1.0 - self.in_next_session(lane.crowd, (0, timeout))),
                    false => 0.0,
                };
                self.end_failed(lane, site, *row, out, scene);
            }
        }
        self.homes_of_dealt = homes;
    }

    /// Whether an attempt that failed at `at` is followed by another.
    pub(super) fn tries_again(&self, class: u16, row: &Row, at: SimTime) -> bool {
        let class = &self.plan.classes[class as usize];
        let attempt = u32::from(row.attempt);
        if self.relieved || !class.retry.allows_after(attempt) {
            return false;
        }
        if class.deadline_ns == u64::MAX {
            return true;
        }
        let (least, most) = class.retry.wait_range_ns(attempt).unwrap_or_default();
        let due_s = (at.0.saturating_add(u64::midpoint(least, most))) as f64 / 1e9;
        due_s < row.know.intended_s + class.deadline_ns as f64 / 1e9
    }

    /// Takes `n` out of rows whose operations end because their users have gone.
    pub(super) fn take_out(
        &mut self,
        lane: LaneKey,
        rows: &mut [Row],
        mut n: u64,
        site: SiteId,
        scene: &mut Scene,
    ) {
        let mut others: u64 = rows.iter().map(|row| row.count).sum();
        for row in rows {
            if n == 0 {
                return;
            }
            others -= row.count;
            let gone = hypergeometric(&mut self.draws, row.count, others, n);
            row.count -= gone;
            n -= gone;
            self.cancelled(lane, site, Row { count: gone, ..*row }, scene);
        }
    }

    /// Failed sign-ins wait for their next attempt; so many are left to be dealt of each home.
    fn sign_ins_back_off(
        &mut self,
        lane: LaneKey,
        homes: &mut [u64],
        row: Row,
        failure: Failure,
        at: SimTime,
    ) {
        let mut others: u64 = homes.iter().sum();
        let mut left = row.count;
        for (site, of) in homes.iter_mut().enumerate() {
            others -= *of;
            let count = hypergeometric(&mut self.draws, *of, others, left);
            *of -= count;
            left -= count;
            if count > 0 {
                self.back_off(lane, SiteId(site as u32), Row { count, ..row }, failure, at);
            }
        }
        debug_assert!(left == 0, "sign-ins of no home");
    }

    fn back_off(&mut self, lane: LaneKey, site: SiteId, row: Row, failure: Failure, at: SimTime) {
        let class = &self.plan.classes[lane.class as usize];
        let attempt = u32::from(row.attempt).min(class.retry.settled_attempt());
        let demanded = lane.kind == Kind::Demanded;
        let good_s = class.good_within.as_secs_f64();
        let age_s = at.as_secs_f64() - row.know.intended_s;
        let range = class.retry.wait_range_ns(attempt).unwrap_or_default();
        let ages = (age_s, range.1 as f64 / 1e9);
        let key = PoolKey {
            class: lane.class,
            attempt: attempt as u16,
            bin: match lane.from {
                _ if !demanded || planted("flow-mean-birth-time") => 0,
                None => time_bin(row.know.intended_s, ages, good_s, OF_AGE.1),
                // Whose attempts are counted is told apart by these as well.
                Some(_) if age_s < good_s || attempt < class.retry.settled_attempt() => {
                    age_bin(age_s, good_s)
                }
                Some(_) => time_bin(row.know.intended_s, ages, good_s, OF_AGE.0),
            },
            kind: lane.kind.number() as u8,
            refused: failure == Failure::Refused && (!class.signs_in || range.0 == range.1),
            site,
        };
        self.cost.cells_updated += 1;
        let (clock, beat, short) = (self.clock, self.beat, self.beats.short);
        let Crowd { pools, near, .. } = &mut self.crowds[lane.crowd as usize];
        let pool = pool_of(pools, near, key, || Pool::new(key, range.1, clock, short));
        let crush = if key.refused { row.know.crush } else { 0.0 };
        pool.add(row.count, (at.0, beat), range, Knowledge { crush, ..row.know });
    }

    /// Sign-ins end because their users have gone.
    fn cancelled(&mut self, lane: LaneKey, site: SiteId, row: Row, scene: &mut Scene) {
        if row.count > 0 {
            self.operations[lane.class as usize].ended += row.count;
            self.not_served(lane, site, row, scene);
            let intended = row.intended();
            if lane.kind == Kind::Demanded && intended >= scene.world.measured_from {
                let of = (At::CAME, None);
                self.tell(lane.crowd, of, row.count as f64, 0.0, intended);
            }
        }
    }

    fn not_served(&mut self, lane: LaneKey, site: SiteId, row: Row, scene: &mut Scene) {
        if lane.kind != Kind::Demanded {
            return;
        }
        for (part, _) in self.parts_of(row, 0.0, scene) {
            let intended = part.intended();
            let class = lane.class as usize;
            scene.recorder.ended(class, intended, part.count, |cell| &mut cell.failed);
            self.told(lane, site, part, 0, intended, scene);
        }
    }

    /// Operations end without a correct answer; of their members, a share has no session now.
    pub(super) fn end_failed(
        &mut self,
        lane: LaneKey,
        site: SiteId,
        row: Row,
        out: f64,
        scene: &mut Scene,
    ) {
        if row.count == 0 {
            return;
        }
        self.operations[lane.class as usize].ended += row.count;
        self.not_served(lane, site, row, scene);
        if let Owner::Pipeline(pipeline) = self.crowds[lane.crowd as usize].owner {
            scene.recorder.pipelines[pipeline.index()].bounced += row.count;
            self.mail[pipeline.index()].backlog -= row.count;
            return;
        }
        let class = &self.plan.classes[lane.class as usize];
        if class.in_session() && lane.kind == Kind::Demanded {
            let out = binomial(&mut self.draws, row.count, out);
            let out = self.crowds[lane.crowd as usize].divided(out, &mut self.draws);
            self.park(lane.class as usize, lane.crowd, out, scene);
        }
    }
}
