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

    /// Demands of a row were answered, by attempts that have waited so long but for work. Their
    /// intended starts are taken as even over an interval of the row's mean and spread.
    fn row_served(
        &mut self,
        (program, sent): (u16, u64),
        lane: LaneKey,
        row: Row,
        attempt_s: f64,
        scene: &mut Scene,
    ) {
        let age_s = (sent as f64 / 1e9 - row.know.intended_s).max(0.0);
        if row.attempt == 1 {
            self.demands_served(program, lane, row, (0.0, attempt_s), scene);
            return;
        }
        let half_s = row.know.spread_s * math::sqrt(3.0);
        let parts = if half_s < ALIKE * (age_s + attempt_s) { 1 } else { PARTS.min(row.count) };
        let mut left = row.count;
        for part in 0..parts {
            let count = binomial(&mut self.draws, left, 1.0 / (parts - part) as f64);
            left -= count;
            // One that stands for all of them is anywhere; each of many has its place.
            let place = if parts < PARTS && parts == row.count {
                self.draws.uniform()
            } else {
                (part as f64 + 0.5) / parts as f64
            };
            let later_s = half_s * (2.0 * place - 1.0);
            let mut row = Row { count, ..row };
            row.know.intended_s += later_s;
            let before_s = (age_s - later_s).max(0.0);
            self.demands_served(program, lane, row, (before_s, attempt_s), scene);
        }
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
        if let Some(cell) = scene.recorder.cell(class_index, intended) {
            cell.good += good as u32;
            cell.late += (count - good) as u32;
        }
        let slice = scene.recorder.slice_of(intended);
        self.latencies.add(lane.class, program_index, slice, base_s, in_time, count);
        let site = self.programs.all[program_index as usize].site;
        self.told(lane, site, row, good, intended, scene);
    }
}
