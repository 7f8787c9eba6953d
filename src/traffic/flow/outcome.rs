//! How attempts and operations end: answered, refused, timed out, tried again, given up.

use super::backoff::{Pool, PoolKey};
use super::cohort::{Kind, Reach, Row};
use super::program::Step;
use super::tracers::{self, At};
use super::{Flow, ProbeResult, Scene};
use crate::kernel::math;
use crate::kernel::sample::binomial;
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;

/// Why attempts ended without a correct answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    TimedOut,
    Refused,
    Lost,
}

/// Age bins within `good_within`, and for each doubling above it.
const BINS: (f64, f64) = (4.0, 2.0);

/// The bin of an age, for operations that are good within `good_s`.
fn bin_of(age_s: f64, good_s: f64) -> u8 {
    let part = age_s.max(0.0) / good_s;
    let bin = if part < 1.0 {
        BINS.0 * part
    } else {
        BINS.0 + BINS.1 * math::ln(part) / std::f64::consts::LN_2
    };
    bin.min(250.0) as u8
}

impl Flow {
    /// All that was answered, refused or given up in a step.
    pub(super) fn settle(&mut self, step: Step, scene: &mut Scene) {
        let mut drawn = std::mem::take(&mut self.drawn);
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for (key, ok, n, waited) in outcomes.drain(..) {
            self.draw_rows(key, n, &mut drawn);
            for row in drawn.drain(..) {
                if ok {
                    self.answered(key, row, waited, step, scene);
                } else {
                    self.answer_failed(key, row, step, scene);
                }
            }
        }
        self.outcomes = outcomes;
        let mut refused = std::mem::take(&mut self.refused);
        for row in refused.drain(..) {
            self.fail(row, Failure::Refused, step.middle(), step, scene);
        }
        self.refused = refused;
        for program in 0..self.expiring.len() {
            while let Some(&(due, key)) = self.expiring[program].front() {
                if due > step.to {
                    break;
                }
                self.expiring[program].pop_front();
                if let Some(cohort) = self.cohorts.get_mut(key) {
                    drawn.extend(cohort.rows.drain(..).filter(|row| row.count > 0));
                }
                self.close_cohort(key);
                for row in drawn.drain(..) {
                    let lost = row.reach == Reach::Lost;
                    let failure = if lost { Failure::Lost } else { Failure::TimedOut };
                    self.fail(row, failure, SimTime(due), step, scene);
                }
            }
        }
        self.drawn = drawn;
    }

    /// Answers find their way back, but those over a path that carries nothing now.
    fn come_back(&mut self, key: Key, row: Row, scene: &Scene) -> u64 {
        let Some(cohort) = self.cohorts.get(key) else { return row.count };
        let site = self.programs.all[cohort.program as usize].site;
        let carried = Flow::carried(self.attachment_of(&row, scene), site, scene);
        let back = binomial(&mut self.draws, row.count, carried);
        if back < row.count {
            let lost = Row { count: row.count - back, reach: Reach::Lost, ..row };
            self.add_row_at(key, lost);
        }
        back
    }

    fn answer_failed(&mut self, key: Key, row: Row, step: Step, scene: &mut Scene) {
        let count = self.come_back(key, row, scene);
        self.fail(Row { count, ..row }, Failure::Refused, step.middle(), step, scene);
    }

    fn answered(&mut self, key: Key, row: Row, waited: u64, step: Step, scene: &mut Scene) {
        let mut row = Row { count: self.come_back(key, row, scene), ..row };
        let Some(cohort) = self.cohorts.get(key) else { return };
        let (program_index, sent) = (cohort.program, cohort.sent);
        let program = &self.programs.all[program_index as usize];
        let attempt_s = row.network_s + waited as f64 / 1e9;
        let mut in_time = 1.0;
        if program.timeout != u64::MAX {
            // Steps do not show the time in the network: some answers come too late for it.
            let left_s = program.timeout as f64 / 1e9 - attempt_s;
            let shown_s = left_s + row.network_s - row.opening_s;
            in_time = program.total.cdf(left_s);
            let share = in_time / program.total.cdf(shown_s).max(1e-6);
            let count = binomial(&mut self.draws, row.count, share);
            if count < row.count {
                let late = Row { count: row.count - count, reach: Reach::Pending, ..row };
                self.add_row_at(key, late);
                row.count = count;
            }
            in_time = in_time.max(1e-6);
        }
        if row.count == 0 {
            return;
        }
        let class_index = row.class as usize;
        let class = &self.plan.classes[class_index];
        scene.recorder.clients[class_index].answered += row.count;
        if let Some(cell) = scene.recorder.cell(class_index, step.middle()) {
            cell.answered += row.count as u32;
        }
        self.operations[class_index].ended += row.count;
        let program = &self.programs.all[program_index as usize];
        let before_s =
            if row.attempt == 1 { 0.0 } else { (sent as f64 / 1e9 - row.intended_s).max(0.0) };
        let base_s = before_s + attempt_s;
        let good = program.total.cdf(class.good_within.as_secs_f64() - base_s) / in_time;
        let signs_in = class.signs_in;
        let site = program.site;
        match row.kind {
            Kind::Probe(pair) => {
                for _ in 0..row.count {
                    let ok = self.draws.bernoulli(good);
                    self.probe_results.push(ProbeResult { pair, ok });
                }
            }
            Kind::Induced => {}
            Kind::Demanded => {
                let intended = SimTime::from_secs_f64(row.intended_s);
                let good = binomial(&mut self.draws, row.count, good.min(1.0));
                if let Some(cell) = scene.recorder.cell(class_index, intended) {
                    cell.good += good as u32;
                    cell.late += (row.count - good) as u32;
                }
                self.latencies.add(row.class, program_index, intended, base_s, in_time, row.count);
                self.told(row, good, intended, scene);
            }
        }
        if signs_in {
            self.signed_in(row, site, scene);
        }
    }

    /// Sign-ins were answered: sessions begin, and what was kept for them is sent.
    fn signed_in(&mut self, row: Row, site: SiteId, scene: &mut Scene) {
        let mut dealt = std::mem::take(&mut self.dealt);
        let kind = row.kind.number();
        self.deal(row.cell, row.count, Some(kind), &mut dealt);
        for (cell, n) in dealt.drain(..) {
            self.cells[cell as usize].under_way[kind] -= n;
            let n = n - self.drop_leaving(cell, n, kind);
            let here = &mut self.cells[cell as usize];
            let out = here.present - here.sessions();
            tracers::go(here, (At::Out, At::Session(site)), n, out, &mut self.draws);
            here.signing[kind] -= n;
            here.signed[site.index()] += n;
            scene.world.network.sessions_opened(site, n);
            let first = self.first_class[here.group as usize];
            for (number, parked) in here.parked.iter_mut().enumerate() {
                let sent = binomial(&mut self.draws, *parked, n as f64 / out.max(1) as f64);
                if sent > 0 {
                    *parked -= sent;
                    scene.recorder.deferred.1 += sent;
                    self.unparked.push((cell, (first + number) as u16, site, sent));
                }
            }
        }
        self.dealt = dealt;
    }

    /// Attempts failed at `at`: they are tried again later, or given up.
    pub(super) fn fail(
        &mut self,
        row: Row,
        failure: Failure,
        at: SimTime,
        step: Step,
        scene: &mut Scene,
    ) {
        if row.count == 0 {
            return;
        }
        let class_index = row.class as usize;
        let totals = &mut scene.recorder.clients[class_index];
        match failure {
            Failure::TimedOut => totals.timed_out += row.count,
            Failure::Refused => totals.refused += row.count,
            Failure::Lost => totals.lost += row.count,
        }
        if let Some(cell) = scene.recorder.cell(class_index, at) {
            cell.unanswered += row.count as u32;
        }
        let class = &self.plan.classes[class_index];
        let probe = matches!(row.kind, Kind::Probe(_));
        let again = class.retry.allows_after(u32::from(row.attempt)) && !self.relieved && !probe;
        let mut dealt = std::mem::take(&mut self.dealt);
        if probe {
            dealt.push((row.cell, row.count));
        } else {
            let signs_in = self.plan.classes[class_index].signs_in;
            let owed = signs_in.then_some(row.kind.number());
            self.deal(row.cell, row.count, owed, &mut dealt);
        }
        for (cell, count) in dealt.drain(..) {
            let mut row = Row { cell, count, ..row };
            if self.plan.classes[class_index].signs_in && !probe {
                let kind = row.kind.number();
                self.cells[cell as usize].under_way[kind] -= count;
                let gone = self.drop_leaving(cell, count, kind);
                self.cancelled(Row { count: gone, ..row }, scene);
                row.count -= gone;
                if !again {
                    self.cells[cell as usize].signing[kind] -= row.count;
                }
            }
            if again {
                self.back_off(row, failure, at, step);
            } else {
                let out = (1.0 - self.survived(&row)) * (1.0 - self.in_session(cell));
                self.end_failed(row, out, scene);
            }
        }
        self.dealt = dealt;
    }

    fn back_off(&mut self, row: Row, failure: Failure, at: SimTime, step: Step) {
        if row.count == 0 {
            return;
        }
        let class = &self.plan.classes[row.class as usize];
        let attempt = u32::from(row.attempt).min(class.retry.settled_attempt());
        let demanded = row.kind == Kind::Demanded;
        let age_s = at.as_secs_f64() - row.intended_s;
        let key = PoolKey {
            class: row.class,
            signs_in: class.signs_in,
            attempt: attempt as u16,
            bin: if demanded { bin_of(age_s, class.good_within.as_secs_f64()) } else { 0 },
            demanded,
            reconnect: failure != Failure::Refused,
            site: if class.sessions && !class.signs_in { row.site } else { SiteId(0) },
        };
        let range = class.retry.wait_range_ns(attempt).unwrap_or_default();
        let pools = &mut self.cells[row.cell as usize].pools;
        let place = pools.iter().position(|pool| pool.key == key).unwrap_or_else(|| {
            pools.push(Pool::new(key, range.1, step.to, self.draws.next_u64()));
            pools.len() - 1
        });
        pools[place].add(row.count, at.0, range, [row.intended_s, row.alive]);
    }

    /// Operations end because their users have gone.
    pub(super) fn cancelled(&mut self, row: Row, scene: &mut Scene) {
        if row.count == 0 {
            return;
        }
        self.operations[row.class as usize].ended += row.count;
        self.not_served(row, scene);
    }

    fn not_served(&mut self, row: Row, scene: &mut Scene) {
        if row.kind == Kind::Demanded {
            let intended = SimTime::from_secs_f64(row.intended_s);
            if let Some(cell) = scene.recorder.cell(row.class as usize, intended) {
                cell.failed += row.count as u32;
            }
            self.told(row, 0, intended, scene);
        }
    }

    /// Operations end without a correct answer; of their members, a share has no session now.
    pub(super) fn end_failed(&mut self, row: Row, out: f64, scene: &mut Scene) {
        if row.count == 0 {
            return;
        }
        self.operations[row.class as usize].ended += row.count;
        if let Kind::Probe(pair) = row.kind {
            for _ in 0..row.count {
                self.probe_results.push(ProbeResult { pair, ok: false });
            }
            return;
        }
        self.not_served(row, scene);
        let class = &self.plan.classes[row.class as usize];
        if class.sessions && !class.signs_in && row.kind == Kind::Demanded {
            let out = binomial(&mut self.draws, row.count, out);
            self.park(row.class as usize, row.cell, out, scene);
        }
    }
}
