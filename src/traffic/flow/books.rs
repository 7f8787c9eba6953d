//! The books of `flow`: at each window's end both ledgers are counted by walking the structures.

use super::Flow;
use super::cohort::Kind;
use crate::kernel::time::SimTime;
use crate::measure::recorder::{Recorder, StationCell};
use crate::traffic::books::{Imbalance, Standing, check};
use crate::world::World;

impl Flow {
    /// Counts what stands by walking cohorts, pools and queues, and holds it against the totals.
    ///
    /// Attempts: sent = ended + outstanding. Requests: arrived = gone + waiting + holding.
    /// Operations: begun = ended + in progress. Sign-ins: what a cell's members are doing adds up
    /// to its members, and its sign-ins are those under way and in its pools.
    ///
    /// # Errors
    /// [`Imbalance`] names the first ledger that does not balance; the run must not go on.
    pub fn check_ledgers(&self, recorder: &Recorder) -> Result<Standing, Imbalance> {
        let mut standing = Standing {
            outstanding: vec![0; recorder.clients.len()],
            waiting: vec![0; self.lines.len()],
            holding: vec![0; self.lines.len()],
        };
        let mut in_progress = vec![0_u64; self.operations.len()];
        let mut under_way = [0_u64; 2];
        for (_, cohort) in self.cohorts.iter() {
            let mut open = 0;
            let mut all = 0;
            for row in &cohort.rows {
                standing.outstanding[row.class as usize] += row.count;
                in_progress[row.class as usize] += row.count;
                all += row.count;
                if row.reach == super::cohort::Reach::Open {
                    open += row.count;
                }
                let probe = matches!(row.kind, Kind::Probe(_));
                if self.plan.classes[row.class as usize].signs_in && !probe {
                    under_way[row.kind.number()] += row.count;
                }
            }
            check("client", || "a cohort (open)".into(), cohort.open, open)?;
            check("client", || "a cohort".into(), cohort.standing, all)?;
        }
        for &(_, class, _, count) in &self.unparked {
            in_progress[class as usize] += count;
        }
        self.check_cells(&mut in_progress, under_way)?;
        self.check_stations(recorder, &mut standing)?;
        for (class, totals) in recorder.clients.iter().enumerate() {
            let gone = totals.answered + totals.timed_out + totals.refused + totals.lost;
            let found = gone + standing.outstanding[class];
            check("client", || format!("class {class}"), totals.sent, found)?;
        }
        for (class, (totals, stands)) in self.operations.iter().zip(&in_progress).enumerate() {
            let what = || format!("operations of class {class}");
            check("client", what, totals.begun, totals.ended + stands)?;
        }
        Ok(standing)
    }

    fn check_cells(&self, in_progress: &mut [u64], under_way: [u64; 2]) -> Result<(), Imbalance> {
        let mut owed = [0; 2];
        for (index, cell) in self.cells.iter().enumerate().filter(|(_, cell)| cell.is_whole()) {
            let first = self.first_class[cell.group as usize];
            for (number, &parked) in cell.parked.iter().enumerate() {
                in_progress[first + number] += parked;
            }
            let mut sign_ins = cell.under_way;
            for pool in &cell.pools {
                in_progress[pool.key.class as usize] += pool.count;
                let signs_in = if pool.key.signs_in { pool.count } else { 0 };
                sign_ins[usize::from(pool.key.demanded)] += signs_in;
            }
            for kind in 0..2 {
                owed[kind] += cell.under_way[kind];
                let what = || format!("cell {index} (sign-ins)");
                check("client", what, cell.signing[kind] + cell.leaving[kind], sign_ins[kind])?;
            }
            let inside = cell.sessions() + cell.signing[0] + cell.signing[1];
            check("client", || format!("cell {index}"), cell.present.max(inside), cell.present)?;
        }
        check("client", || "sign-ins again".into(), owed[0], under_way[0])?;
        check("client", || "sign-ins under way".into(), owed[1], under_way[1])
    }

    fn check_stations(
        &self,
        recorder: &Recorder,
        standing: &mut Standing,
    ) -> Result<(), Imbalance> {
        let mut in_slots = vec![0_u64; self.lines.len()];
        let lines = self.lines.iter().enumerate();
        for (index, line) in lines {
            for token in &line.queue {
                standing.waiting[index] += token.count;
            }
            for token in &line.serving {
                in_slots[index] += token.count;
                standing.holding[index] += token.count;
            }
        }
        let in_lines = self.lines.iter().flat_map(|line| line.queue.iter().chain(&line.serving));
        let recalled = self.recalls.iter().chain(&self.failing).map(|(_, token)| token);
        for token in in_lines.chain(recalled).filter(|token| token.visit > 0 && !token.orphan) {
            let program = &self.programs.all[token.program as usize];
            let entry = program.visits[0].station as usize;
            standing.holding[entry] += token.count;
            in_slots[entry] += if program.holds { token.count } else { 0 };
        }
        for (index, line) in self.lines.iter().enumerate() {
            let what = |what: &str| format!("station {index} ({what})");
            let totals = &recorder.stations[index];
            let gone =
                totals.useful + totals.stale + totals.rejected + totals.dropped + totals.crashed;
            let stands = standing.waiting[index] + standing.holding[index];
            check("server", || what("requests"), totals.arrived, gone + stands)?;
            check("server", || what("slots"), line.busy, in_slots[index])?;
            check("server", || what("queue"), line.waiting, standing.waiting[index])?;
        }
        Ok(())
    }

    /// Closes the window: hands the stations' counts out and resets them.
    pub fn close_window(&mut self, _now: SimTime, _world: &World, out: &mut Vec<StationCell>) {
        out.extend(self.lines.iter_mut().map(|line| std::mem::take(&mut line.window)));
    }
}
