//! The books: at each window's end both ledgers are counted by walking the structures.

use super::Exact;
use super::station::Stage;
use crate::kernel::time::SimTime;
use crate::measure::recorder::{Recorder, StationCell};
use crate::traffic::books::{Imbalance, Standing, check};
use crate::world::World;
use crate::world::population::ClassKind;

impl Exact {
    /// Counts what stands by walking the slabs and the queues, and holds it against the totals.
    ///
    /// Attempts: sent = ended + outstanding. Requests: arrived = gone + waiting + holding, with the
    /// queue's links and the busy slots counted apart. Operations: begun = ended + in progress, so
    /// that none is lost while it is parked or backs off. Messages: accepted = gone + queued.
    ///
    /// # Errors
    /// [`Imbalance`] names the first ledger that does not balance; the run must not go on.
    pub fn check_ledgers(&self, recorder: &Recorder) -> Result<Standing, Imbalance> {
        let mut standing = Standing {
            outstanding: Vec::new(),
            waiting: vec![0; self.lines.len()],
            holding: vec![0; self.lines.len()],
        };
        // [class]: those that nobody waits for, and those that are.
        let mut present = vec![[0_u64; 2]; self.operations.len()];
        for (class, phase) in self.ops.present() {
            present[class as usize][usize::from(phase.is_waited_for())] += 1;
        }
        standing.outstanding = present.iter().map(|of_class| of_class[1]).collect();
        let in_progress: Vec<u64> = present.iter().map(|of_class| of_class.iter().sum()).collect();
        let mut in_slots = vec![0_u64; self.lines.len()];
        let mut queued = vec![0_u64; self.lines.len()];
        for (station, stage) in self.jobs_present() {
            match stage {
                Stage::Waiting => queued[station] += 1,
                Stage::CallingOutside => standing.holding[station] += 1,
                Stage::Serving | Stage::Stuck | Stage::Calling => {
                    in_slots[station] += 1;
                    standing.holding[station] += 1;
                }
            }
        }
        for (index, line) in self.lines.iter().enumerate() {
            standing.waiting[index] = self.count_waiting(index);
            let what = |what: &str| format!("station {index} ({what})");
            let totals = &recorder.stations[index];
            let gone =
                totals.useful + totals.stale + totals.rejected + totals.dropped + totals.crashed;
            let stands = standing.waiting[index] + standing.holding[index];
            check("server", || what("requests"), totals.arrived, gone + stands)?;
            check("server", || what("slots"), u64::from(line.busy), in_slots[index])?;
            check("server", || what("queue"), u64::from(line.waiting), standing.waiting[index])?;
            check("server", || what("waiting"), queued[index], standing.waiting[index])?;
        }
        for (class, totals) in recorder.clients.iter().enumerate() {
            let gone = totals.answered + totals.timed_out + totals.refused + totals.lost;
            let found = gone + standing.outstanding[class];
            check("client", || format!("class {class}"), totals.sent, found)?;
        }
        for (class, (totals, stands)) in self.operations.iter().zip(&in_progress).enumerate() {
            let what = || format!("operations of class {class}");
            check("client", what, totals.begun, totals.ended + stands)?;
        }
        for (class, stands) in self.plan.classes.iter().zip(&in_progress) {
            let ClassKind::Pipeline(pipeline) = class.kind else { continue };
            let totals = &recorder.pipelines[pipeline.index()];
            let found = totals.delivered + totals.bounced + totals.lost + stands;
            check("client", || format!("pipeline {}", pipeline.0), totals.accepted, found)?;
        }
        Ok(standing)
    }

    /// Closes the window: integrals up to `now`; hands the stations' counts out and resets them.
    /// Gives memory back, too, that is needed no more.
    pub fn close_window(
        &mut self,
        now: SimTime,
        world: &World,
        recorder: &Recorder,
        out: &mut Vec<StationCell>,
    ) {
        self.follow_control(world, now);
        self.shrink();
        let lines = self.lines.iter_mut().zip(&recorder.stations);
        out.extend(lines.map(|(line, totals)| line.close_window(totals, now)));
    }
}

/// Deliberate damage, for the tests of the books.
#[cfg(test)]
pub(crate) mod damage {
    use super::{Exact, Stage};
    use crate::kernel::slab::Key;
    use crate::traffic::exact::op::Phase;

    /// What kind of record was deleted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Deleted {
        Job(Stage),
        Operation(Phase),
    }

    impl Exact {
        /// Operations in progress.
        pub(crate) fn operations_in_progress(&self) -> usize {
            self.ops.len()
        }

        /// Deletes a record in flight without a trace, as a bug would: number `pick` of all, jobs
        /// first, around the clock. `None` when nothing is in flight.
        pub(crate) fn delete_in_flight(&mut self, pick: u64) -> Option<Deleted> {
            let (jobs, all) = (self.jobs.len(), self.jobs.len() + self.ops.len());
            let found = (pick % all.max(1) as u64) as usize;
            let job: Option<Key> = self.jobs.iter().nth(found).map(|(key, _)| key);
            if let Some(key) = job {
                return self.jobs.remove(key).map(|job| Deleted::Job(job.stage));
            }
            let op = self.ops.keys().nth(found.checked_sub(jobs)?)?;
            let phase = self.ops.stands(op).map(|(_, phase)| phase);
            self.ops.remove(op).and(phase).map(Deleted::Operation)
        }
    }
}
