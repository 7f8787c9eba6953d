//! Demands that were served: which of a lane's they were, and how late.
//!
//! Which rows were answered is drawn once the lane has done with its answers: until then nothing
//! depends on it but latencies. A row's intended starts are spread as its clients' are.

use super::cohort::{Kind, Lane, LaneKey, Row};
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::{binomial, hypergeometric};

/// Intended starts that differ by less than this part of the latency are taken as one; otherwise as
/// so many.
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
        let ways = lane.ways.map(|way| (way.answered, way.answered_s));
        for way in &mut lane.ways {
            (way.answered, way.answered_s) = (0, 0.0);
        }
        let mut rows = std::mem::take(&mut self.resolved);
        lane.draw_rows(n, &mut self.draws, |row| rows.push(row));
        if lane.key.kind == Kind::Demanded {
            for row in &rows {
                // Of all that were answered, this row has its part of each way.
                let (mut left, mut others) = (row.count, n);
                for (answered, answered_s) in ways {
                    if answered == 0 {
                        continue;
                    }
                    others -= answered;
                    let here = hypergeometric(&mut self.draws, answered, others, left);
                    left -= here;
                    let attempt_s = answered_s / answered as f64;
                    let row = Row { count: here, ..*row };
                    self.row_served((program_index, sent), lane.key, row, attempt_s, scene);
                }
            }
        }
        rows.clear();
        self.resolved = rows;
    }

    /// Demands of a row were answered, by attempts that have waited so long but for work.
    fn row_served(
        &mut self,
        (program, sent): (u16, u64),
        lane: LaneKey,
        row: Row,
        attempt_s: f64,
        scene: &mut Scene,
    ) {
        for part in self.parts_of(row, attempt_s) {
            let age_s = (sent as f64 / 1e9 - part.know.intended_s).max(0.0);
            let before_s = if row.attempt == 1 { 0.0 } else { age_s };
            self.demands_served(program, lane, part, (before_s, attempt_s), scene);
        }
    }

    /// A row in parts by intended start, which is taken as even over an interval of the row's mean
    /// and spread: as many as tell latencies of `least_s` or more apart.
    pub(super) fn parts_of(&mut self, row: Row, least_s: f64) -> impl Iterator<Item = Row> + use<> {
        // Between two attempts there are whole beats, which adds a variance of its own: of a time
        // rounded to one, in the mean over its phase.
        let beat_s = self.beat as f64 / 1e9;
        let of_beats = f64::from(row.attempt - 1) * beat_s * beat_s / 6.0;
        let half_s = math::sqrt(3.0 * (row.know.spread_s.powi(2) - of_beats).max(0.0));
        let half_s = half_s.min(row.know.intended_s - row.know.earliest_s).max(0.0);
        let age_s = self.clock as f64 / 1e9 - row.know.intended_s;
        let alike = row.attempt == 1 || half_s < ALIKE * (age_s + least_s).max(0.0);
        let n = if alike { 1 } else { PARTS.min(row.count) };
        let mut parts = [Row { count: 0, ..row }; PARTS as usize];
        let mut left = row.count;
        for (number, part) in parts.iter_mut().enumerate().take(n as usize) {
            part.count = binomial(&mut self.draws, left, 1.0 / (n - number as u64) as f64);
            left -= part.count;
            // Each part is anywhere in its place: what rows of many beats bring is spread evenly.
            let place = match alike {
                true => 0.5,
                false => (number as f64 + self.draws.uniform()) / n as f64,
            };
            part.know.intended_s += half_s * (2.0 * place - 1.0);
            part.know.spread_s = 0.0;
        }
        parts.into_iter().filter(|part| part.count > 0)
    }

    /// Demands of a row were answered: `before_s` after their intended start and the attempt's time
    /// but for work.
    fn demands_served(
        &mut self,
        program_index: u16,
        lane: LaneKey,
        row: Row,
        (before_s, attempt_s): (f64, f64),
        scene: &mut Scene,
    ) {
        let count = row.count;
        if count == 0 {
            return;
        }
        let program = &self.programs.all[program_index as usize];
        let mut in_time = 1.0;
        if program.timeout != u64::MAX {
            in_time = program.total.cdf(program.timeout as f64 / 1e9 - attempt_s).max(1e-6);
        }
        let base_s = before_s + attempt_s;
        let class_index = lane.class as usize;
        let good_within = self.plan.classes[class_index].good_within.as_secs_f64();
        let good = (program.total.cdf(good_within - base_s) / in_time).min(1.0);
        let good = binomial(&mut self.draws, count, good);
        let intended = row.intended();
        scene.recorder.ended(class_index, intended, good, |cell| &mut cell.good);
        scene.recorder.ended(class_index, intended, count - good, |cell| &mut cell.late);
        let slice = scene.recorder.slice_of(intended);
        self.latencies.add(lane.class, program_index, slice, base_s, in_time, count);
        let site = self.programs.all[program_index as usize].site;
        self.told(lane, site, row, good, intended, scene);
    }
}
