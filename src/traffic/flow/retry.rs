//! Retries: who is due within a beat, and where the next attempt goes.

use super::anycast::GONE;
use super::backoff::Pool;
use super::cohort::{LaneKey, Row, SIGN_INS};
use super::crowds::{Crowd, Sent};
use super::{Flow, Scene};
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::scenario::model::SiteId;

impl Crowd {
    /// The name sends a cell elsewhere than before: its sign-ins that back off go there when they
    /// are due. Each is as likely to be any of those that were sent where it was.
    pub(super) fn redirect(&mut self, cell: usize, was: SiteId, class: u16, draws: &mut Stream) {
        let answered = self.cells[cell].answered;
        for kind in 0..SIGN_INS.len() {
            let mut n = self.cells[cell].backing_off(kind);
            let theirs = |pool: &&mut Pool| {
                let key = pool.key;
                (key.class, usize::from(key.kind), key.site) == (class, kind, was)
            };
            let of: Vec<&mut Pool> = self.pools.iter_mut().filter(theirs).collect();
            let mut others: u64 = of.iter().map(|pool| pool.count).sum();
            debug_assert!(n <= others, "sign-ins that no pool knows");
            let mut moved = Vec::new();
            for pool in of {
                others -= pool.count;
                let here = hypergeometric(draws, pool.count, others, n);
                n -= here;
                if here > 0 {
                    moved.push(pool.part(here, draws));
                }
            }
            for mut part in moved {
                part.key.site = answered;
                match self.pools.binary_search_by_key(&part.key, |pool| pool.key) {
                    Ok(place) => self.pools[place].absorb(&part),
                    Err(place) => self.pools.insert(place, part),
                }
            }
        }
    }
}

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
            // Sign-ins, by kind and site: first how many of all, then which.
            let mut due: Vec<(LaneKey, SiteId, Row)> = Vec::new();
            for pool in &mut pools {
                let (n, know) = pool.release(beat, &mut self.draws);
                if n == 0 {
                    continue;
                }
                let key = pool.key;
                let kind = SIGN_INS[usize::from(key.kind)];
                let class = &self.plan.classes[key.class as usize];
                let lane = self.lane(crowd, key.class, kind, class.connects || !key.refused);
                let row = Row { attempt: key.attempt + 1, know, count: n };
                if class.signs_in {
                    due.push((lane, key.site, row));
                } else {
                    self.retry(lane, key.site, row, scene);
                }
            }
            pools.retain(|pool| pool.count > 0);
            // Nothing fails at once, so no pool has begun meanwhile.
            self.crowds[crowd as usize].pools = pools;
            let whose = |due: &(LaneKey, SiteId, Row)| (due.0.kind.number(), due.1);
            due.sort_by_key(whose);
            for due in due.chunk_by(|a, b| whose(a) == whose(b)) {
                self.retry_sign_ins(due, scene);
            }
        }
    }

    /// Sign-ins of one kind that are due, all sent to one site.
    fn retry_sign_ins(&mut self, due: &[(LaneKey, SiteId, Row)], scene: &mut Scene) {
        let (lane, site, _) = due[0];
        let mut others: u64 = due.iter().map(|(.., row)| row.count).sum();
        let mut gone = self.sign_ins_due(lane, site, others);
        for &(lane, site, mut row) in due {
            others -= row.count;
            let n = hypergeometric(&mut self.draws, row.count, others, gone);
            gone -= n;
            self.take_out(lane, std::slice::from_mut(&mut row), n, site, scene);
            self.sends(lane, site, row, scene);
        }
    }

    fn retry(&mut self, lane: LaneKey, site: SiteId, row: Row, scene: &mut Scene) {
        let class = &self.plan.classes[lane.class as usize];
        let program = self.programs.of(class.operation, site, 0);
        if self.relieved {
            self.end_failed(lane, site, row, 0.0, scene);
        } else if lane.from.is_none() {
            self.sends(lane, site, row, scene);
        } else if class.sessions {
            // Who asked in a session asks again in it, if it is there still, or in the next one.
            let survived = self.survived(lane.crowd, site, &row);
            let (least, most) =
                class.retry.wait_range_ns(u32::from(row.attempt) - 1).unwrap_or_default();
            // A reset tells when the session ended; else it was at any time since it was sent.
            let ended_ago = match row.know.alive > 0.5 * GONE {
                true => (least, most),
                false => (0, most.saturating_add(self.programs.all[program].timeout)),
            };
            let in_next = self.in_next_session(lane.crowd, ended_ago);
            let held = binomial(&mut self.draws, row.count, survived);
            let back = binomial(&mut self.draws, row.count - held, in_next);
            let out = Row { count: row.count - held - back, ..row };
            self.end_failed(lane, site, out, 1.0, scene);
            self.sends(lane, site, Row { count: held, ..row }, scene);
            if back > 0 {
                self.send_in_next_session(lane, site, Row { count: back, ..row }, scene);
            }
        } else {
            let last = row.attempt - 1;
            let waited = class.retry.wait_range_ns(u32::from(last)).unwrap_or_default();
            let timeout = self.programs.all[program].timeout;
            let sent = Sent::by((last, &row.know), site, self.clock, timeout, waited);
            self.send_by_name(lane, row, Some(sent), scene);
        }
    }
}
