//! Retries: who is due within a beat, and where the next attempt goes.

use super::cohort::{Kind, LaneKey, Row};
use super::{Flow, Scene};
use crate::kernel::sample::{binomial, hypergeometric};
use crate::scenario::model::SiteId;

impl Flow {
    /// Retries that are due within this beat are put to it.
    pub(super) fn put_retries(&mut self, scene: &mut Scene) {
        let beat = (self.clock, self.clock + self.beat);
        for crowd in 0..self.crowds.len() as u32 {
            if self.crowds[crowd as usize].pools.is_empty() {
                continue;
            }
            let mut pools = std::mem::take(&mut self.crowds[crowd as usize].pools);
            self.cost.cells_updated += pools.len() as u64;
            // Sign-ins, by kind: first how many of all, then which.
            let mut due: [Vec<(LaneKey, Row)>; 2] = [Vec::new(), Vec::new()];
            for pool in &mut pools {
                let (n, know) = pool.release(beat, &mut self.draws);
                if n == 0 {
                    continue;
                }
                let key = pool.key;
                let kind = if key.demanded { Kind::Demanded } else { Kind::Induced };
                let class = &self.plan.classes[key.class as usize];
                let lane = self.lane(crowd, key.class, kind, class.connects || key.reconnect);
                let row = Row { attempt: key.attempt + 1, know, count: n };
                if class.signs_in {
                    due[kind.number()].push((lane, row));
                } else {
                    self.retry(lane, key.site, row, scene);
                }
            }
            pools.retain(|pool| pool.count > 0);
            // Nothing fails at once, so no pool has begun meanwhile.
            self.crowds[crowd as usize].pools = pools;
            for due in due.into_iter().filter(|due| !due.is_empty()) {
                self.retry_sign_ins(crowd, due, scene);
            }
        }
    }

    fn retry_sign_ins(&mut self, crowd: u32, due: Vec<(LaneKey, Row)>, scene: &mut Scene) {
        let kind = due[0].0.kind;
        let mut others: u64 = due.iter().map(|(_, row)| row.count).sum();
        let (mut gone, mut to) = self.sign_ins_due(crowd, kind, others, scene.world.sites);
        for (lane, row) in due {
            others -= row.count;
            let n = hypergeometric(&mut self.draws, row.count, others, gone);
            gone -= n;
            self.take_out(lane, &mut [row], n, SiteId(0), scene);
            let mut rest = row.count - n;
            let mut all: u64 = to.iter().sum();
            for (site, to) in to.iter_mut().enumerate() {
                // Of what still has to go anywhere, so many go here.
                let here = hypergeometric(&mut self.draws, *to, all - *to, rest);
                all -= *to;
                *to -= here;
                rest -= here;
                self.sends(lane, SiteId(site as u32), Row { count: here, ..row }, scene);
            }
        }
    }

    fn retry(&mut self, lane: LaneKey, site: SiteId, row: Row, scene: &mut Scene) {
        let class = &self.plan.classes[lane.class as usize];
        if self.relieved {
            self.end_failed(lane, site, row, 0.0, scene);
        } else if lane.from.is_none() {
            self.sends(lane, site, row, scene);
        } else if class.sessions {
            // Who asked in a session asks again in it, if it is there still, or in the next one.
            let survived = self.survived(lane.crowd, site, &row);
            let in_next = self.back_in_session(lane, &row);
            let held = binomial(&mut self.draws, row.count, survived);
            let back = binomial(&mut self.draws, row.count - held, in_next);
            let out = Row { count: row.count - held - back, ..row };
            self.end_failed(lane, site, out, 1.0, scene);
            self.sends(lane, site, Row { count: held, ..row }, scene);
            if back > 0 {
                self.send_in_next_session(lane, Row { count: back, ..row }, scene);
            }
        } else {
            // Their last answer is older than this attempt's timeout and wait by no more than that.
            let (_, longest) =
                class.retry.wait_range_ns(u32::from(row.attempt) - 1).unwrap_or_default();
            let program = self.programs.of(class.operation, site, 0);
            let ago = longest.saturating_add(self.programs.all[program].timeout);
            let then = self.clock.saturating_sub(ago);
            self.send_by_name(lane, row, Some((site, then)), scene);
        }
    }
}
