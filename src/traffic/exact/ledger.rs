//! The books: at each window's end both ledgers are counted by walking the structures.

use super::Exact;
use super::station::Stage;
use crate::kernel::time::SimTime;
use crate::measure::recorder::{Recorder, StationCell};
use crate::world::World;
use thiserror::Error;

/// A ledger that does not balance: a bug in the program, never a result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the {side} ledger of {what} does not balance: {expected} expected, {found} found")]
pub struct Imbalance {
    /// `client` or `server`.
    pub side: &'static str,
    /// Class or station number, or what else was counted.
    pub what: String,
    /// By the totals.
    pub expected: u64,
    /// By walking.
    pub found: u64,
}

/// What is in the structures now.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// [class]: attempts that clients wait for.
    pub outstanding: Vec<u64>,
    /// [station]: jobs in the queue.
    pub waiting: Vec<u64>,
    /// [station]: jobs in a slot, or calling.
    pub holding: Vec<u64>,
}

impl Exact {
    /// Counts what stands by walking the slabs and the queues, and holds it against the totals.
    ///
    /// # Errors
    /// [`Imbalance`] names the first ledger that does not balance; the run must not go on.
    pub fn check_ledgers(&self, recorder: &Recorder) -> Result<Standing, Imbalance> {
        let mut standing = Standing {
            outstanding: vec![0; recorder.clients.len()],
            waiting: vec![0; self.lines.len()],
            holding: vec![0; self.lines.len()],
        };
        for class in self.ops_outstanding() {
            standing.outstanding[class] += 1;
        }
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
        for (pipeline, totals) in recorder.pipelines.iter().enumerate() {
            let gone = totals.delivered + totals.bounced + totals.lost;
            let found = gone + self.count_messages(pipeline);
            check("client", || format!("pipeline {pipeline}"), totals.accepted, found)?;
        }
        Ok(standing)
    }

    /// Messages of a pipeline, by walking the operations.
    fn count_messages(&self, pipeline: usize) -> u64 {
        use crate::world::population::ClassKind;
        let is_message = |class: u16| match self.plan.classes[class as usize].kind {
            ClassKind::Pipeline(id) => id.index() == pipeline,
            _ => false,
        };
        self.ops.iter().filter(|(_, op)| is_message(op.class)).count() as u64
    }

    /// Closes the window: integrals up to `now`; hands the stations' counts out and resets them.
    pub fn close_window(&mut self, now: SimTime, world: &World, out: &mut Vec<StationCell>) {
        for (line, station) in self.lines.iter_mut().zip(&world.services.stations) {
            line.integrate(station.slots, now);
            out.push(std::mem::take(&mut line.window));
        }
    }

    /// Busy slots and requests waiting at a station now.
    pub fn occupancy(&self, station: usize) -> (u32, u32) {
        (self.lines[station].busy, self.lines[station].waiting)
    }
}

fn check(
    side: &'static str,
    what: impl Fn() -> String,
    expected: u64,
    found: u64,
) -> Result<(), Imbalance> {
    if expected == found { Ok(()) } else { Err(Imbalance { side, what: what(), expected, found }) }
}
