//! Demands that were served: which of a lane's they were, and how late.
//!
//! Which rows were answered is drawn once the lane has done with its answers: until then nothing
//! depends on it but latencies. A row's intended starts are spread as its clients' are.

use super::backoff::Knowledge;
use super::cohort::{Cohort, Kind, Lane, LaneKey, Row};
use super::law::part_of;
use super::times::{Spread, Took};
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;

/// Intended starts, and times of attempts, that differ by less than this part of the latency are
/// taken as one; otherwise as so many.
const ALIKE: f64 = 0.01;
const PARTS: u64 = 8;

impl Flow {
    /// Which rows a lane's answers were, and how late they came.
    pub(super) fn resolve(
        &mut self,
        program_index: u16,
        sent: u64,
        lane: &mut Lane,
        scene: &mut Scene,
    ) {
        let n = lane.answered();
        if n == 0 {
            return;
        }
        let mut kinds = std::mem::take(&mut self.answered);
        for way in &mut lane.ways {
            kinds.extend(std::mem::take(&mut way.answered).each());
        }
        let mut rows = std::mem::take(&mut self.resolved);
        lane.draw_rows(n, &mut self.draws, |row| rows.push(row));
        if lane.key.kind == Kind::Demanded {
            for row in &rows {
                // Of all that were answered, this row has its part of each way and time.
                let (mut left, mut others) = (row.count, n);
                for &(answered, attempt) in &kinds {
                    others -= answered;
                    let here = hypergeometric(&mut self.draws, answered, others, left);
                    left -= here;
                    if here == 0 {
                        continue;
                    }
                    let row = Row { count: here, ..*row };
                    self.row_served((program_index, sent), lane.key, row, attempt, scene);
                }
            }
        }
        rows.clear();
        kinds.clear();
        (self.resolved, self.answered) = (rows, kinds);
    }

    /// Which rows were answered of cohorts that never time out: some last for days.
    pub(super) fn resolve_endless(&mut self, scene: &mut Scene) {
        let endless = |cohort: &Cohort| {
            self.programs.all[cohort.program as usize].timeout == u64::MAX
                && cohort.lanes.iter().any(|lane| lane.answered() > 0)
        };
        let all = self.cohorts.iter().filter(|(_, cohort)| endless(cohort));
        let keys: Vec<Key> = all.map(|(key, _)| key).collect();
        for key in keys {
            let Some((program, sent, mut lanes)) = self.lanes_of(key) else { continue };
            for lane in &mut lanes {
                self.resolve(program, sent, lane, scene);
            }
            self.cohorts.get_mut(key).expect("found above").lanes = lanes;
        }
    }

    /// Demands of a row were answered, by attempts that have waited so long but for work.
    fn row_served(
        &mut self,
        (program, sent): (u16, u64),
        lane: LaneKey,
        row: Row,
        attempt: Took,
        scene: &mut Scene,
    ) {
        if row.attempt == 1 {
            return self.first_served(program, lane, row, attempt, scene);
        }
        for (part, begun_s) in self.parts_of(row, attempt.mean_s, scene) {
            let before_s = (sent as f64 / 1e9 - begun_s).max(0.0);
            let parts = if part.count < row.count { 1 } else { PARTS };
            self.demands_served(program, lane, part, (before_s, attempt), parts, scene);
        }
    }

    /// First attempts were answered: their latencies tell where they came from.
    fn first_served(
        &mut self,
        program: u16,
        lane: LaneKey,
        row: Row,
        attempt: Took,
        scene: &mut Scene,
    ) {
        let site = self.programs.all[program as usize].site;
        // Whoever opens a connection goes there and back before the request does.
        let round_trips = if lane.opens { 2.0 } else { 1.0 };
        let crowd = lane.crowd as usize;
        let places = self.crowds.get(crowd).map_or(0, |crowd| crowd.attached.shares.len());
        if places < 2 {
            return self.demands_served(program, lane, row, (0.0, attempt), PARTS, scene);
        }
        let luck = self.draws.uniform();
        let mut below = 0.0;
        for place in 0..places {
            let of = &self.crowds[crowd].attached;
            let up_to = if place + 1 == places { 1.0 } else { below + of.shares[place].1 };
            let later_s = round_trips * of.longer_s(site, place);
            let part = Row { count: part_of(row.count, below, up_to, luck), ..row };
            let attempt = attempt.later(later_s.max(-attempt.least_s));
            self.demands_served(program, lane, part, (0.0, attempt), PARTS, scene);
            below = up_to;
        }
    }

    /// A row in parts by intended start, which is taken as even over an interval of the row's mean
    /// and spread: as many as tell latencies of `least_s` or more apart, and the windows that they
    /// were intended in. With each when it was begun, as its latency knows.
    pub(super) fn parts_of(
        &mut self,
        row: Row,
        least_s: f64,
        scene: &Scene,
    ) -> impl Iterator<Item = (Row, f64)> + use<> {
        let longest_s = (row.know.intended_s - row.know.earliest_s).max(0.0);
        let half_s = |variance: f64| math::sqrt(3.0 * variance.max(0.0)).min(longest_s);
        // Between two attempts there are whole beats, which adds a variance of its own: of a time
        // rounded to one, in the mean over its phase.
        let beat_s = self.beat as f64 / 1e9;
        let of_beats = f64::from(row.attempt - 1) * beat_s * beat_s / 6.0;
        let spread_s = half_s(row.know.spread_s.powi(2) - of_beats);
        // But nobody was intended at the same time as all others of his beat.
        let within_s = half_s(row.know.spread_s.powi(2) + beat_s * beat_s / 12.0);
        let window = |by_s: f64| {
            scene.recorder.window_of(SimTime::from_secs_f64(row.know.intended_s + by_s))
        };
        let across = row.attempt > 1 && window(-within_s) != window(within_s);
        let age_s = self.clock as f64 / 1e9 - row.know.intended_s;
        let told_apart = across || spread_s >= ALIKE * (age_s + least_s).max(0.0);
        let alike = row.attempt == 1 || !told_apart;
        let n = if alike { 1 } else { PARTS.min(row.count) };
        // Each part is anywhere in its place: what rows of many beats bring is spread evenly.
        let (luck, within) = match alike {
            true => (0.0, 0.5),
            false => (self.draws.uniform(), self.draws.uniform()),
        };
        let up_to = move |number: u64| number as f64 / n as f64;
        (0..n).filter_map(move |number| {
            let count = part_of(row.count, up_to(number), up_to(number + 1), luck);
            let place = 2.0 * (number as f64 + within) / n as f64 - 1.0;
            let begun_s = row.know.intended_s + spread_s * place;
            let by_s = place * if across { within_s } else { spread_s };
            let intended_s = row.know.intended_s + by_s;
            let know = Knowledge { intended_s, spread_s: 0.0, ..row.know };
            (count > 0).then_some((Row { count, know, ..row }, begun_s))
        })
    }

    /// Demands of a row were answered: `before_s` after their intended start and the attempt's time
    /// but for work, which is told apart in so many parts at the most.
    fn demands_served(
        &mut self,
        program_index: u16,
        lane: LaneKey,
        row: Row,
        (before_s, attempt): (f64, Took),
        parts: u64,
        scene: &mut Scene,
    ) {
        let count = row.count;
        if count == 0 {
            return;
        }
        let program = &self.programs.all[program_index as usize];
        let (site, timeout_s) = (program.site, program.timeout as f64 / 1e9);
        let in_time = |attempt_s: f64| match program.timeout {
            u64::MAX => 1.0,
            _ => program.total.cdf(timeout_s - attempt_s).max(1e-6),
        };
        let class_index = lane.class as usize;
        let good_within = self.plan.classes[class_index].good_within.as_secs_f64();
        let intended = row.intended();
        let slice = scene.recorder.slice_of(intended);
        let spread = attempt.spread();
        let all_s = before_s + attempt.mean_s + program.total.mean();
        let alike = spread.length_s < 2.0 * ALIKE * all_s;
        let (spread, n, luck, within) = match alike {
            true => (Spread::at(attempt.mean_s), 1, 0.0, 0.5),
            false => (spread, parts.min(count), self.draws.uniform(), self.draws.uniform()),
        };
        // Of each part, as many were answered as could be in time.
        let (mut told_apart, mut all, mut from) = ([(0.0, 1.0, 0.0); PARTS as usize], 0.0, 0.0);
        for (number, part) in told_apart.iter_mut().take(n as usize).enumerate() {
            let to = spread.up_to(number as u64, n);
            let time_s = spread.quantile(from + within * (to - from));
            let in_time = in_time(time_s);
            *part = (time_s, in_time, in_time * (to - from));
            (all, from) = (all + part.2, to);
        }
        let (mut below, mut good) = (0.0, 0.0);
        for (number, &(time_s, in_time, weight)) in (1..=n).zip(&told_apart) {
            let up_to = if number == n { 1.0 } else { below + weight / all };
            let as_good = program.total.cdf(good_within - before_s - time_s) / in_time;
            good += as_good.min(1.0) * weight / all;
            let count = part_of(count, below, up_to, luck);
            below = up_to;
            if count > 0 {
                let base_s = before_s + time_s;
                self.latencies.add(lane.class, program_index, slice, base_s, in_time, count);
            }
        }
        let good = binomial(&mut self.draws, count, good.min(1.0));
        scene.recorder.ended(class_index, intended, good, |cell| &mut cell.good);
        scene.recorder.ended(class_index, intended, count - good, |cell| &mut cell.late);
        self.told(lane, site, row, good, intended, scene);
    }
}
