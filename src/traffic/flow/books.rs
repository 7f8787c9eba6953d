//! The books of `flow`: at each window's end both ledgers are counted by walking the structures.

use super::Flow;
use super::backoff::Pool;
use super::cohort::{Kind, LaneKey, SIGN_INS};
use super::crowds::{Cell, Owner};
use crate::kernel::time::SimTime;
use crate::measure::recorder::{Recorder, StationCell};
use crate::traffic::books::{Imbalance, Standing, check};
use crate::world::World;

impl Flow {
    /// Counts what stands by walking cohorts, pools and queues, and holds it against the totals.
    ///
    /// Attempts: sent = ended + outstanding. Requests: arrived = gone + waiting + holding.
    /// Operations: begun = ended + in progress. Closed loads: the members of a crowd think, or one
    /// demand of theirs is in progress. Sign-ins: what a cell's members are doing adds up
    /// to its members, and its sign-ins are those under way and, by where they will be sent, in its
    /// pools.
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
        let mut under_way = vec![[0_u64; SIGN_INS.len()]; self.crowds.len()];
        for (_, cohort) in self.cohorts.iter() {
            for lane in &cohort.lanes {
                let (class, stands) = (lane.key.class as usize, lane.standing());
                standing.outstanding[class] += stands;
                in_progress[class] += stands;
                let rows: u64 = lane.rows.iter().map(|row| row.count).sum();
                check("client", || "a lane (rows)".into(), stands + lane.answered(), rows)?;
                let ways: u64 = lane.ways.iter().map(|way| way.open).sum();
                check("client", || "a lane (ways)".into(), lane.open, ways)?;
                if self.plan.classes[class].signs_in {
                    under_way[lane.key.crowd as usize][lane.key.kind.number()] += stands;
                }
            }
        }
        self.check_crowds(&mut in_progress, &under_way)?;
        self.check_closed()?;
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

    fn check_crowds(
        &self,
        in_progress: &mut [u64],
        under_way: &[[u64; SIGN_INS.len()]],
    ) -> Result<(), Imbalance> {
        for (index, crowd) in self.crowds.iter().enumerate() {
            let sites = crowd.signed.len();
            let mut backing_off: [Vec<u64>; SIGN_INS.len()] =
                std::array::from_fn(|_| vec![0; sites]);
            for pool in &crowd.pools {
                let class = pool.key.class as usize;
                in_progress[class] += pool.count;
                if self.plan.classes[class].signs_in {
                    let of_kind = &mut backing_off[usize::from(pool.key.kind)];
                    of_kind[pool.key.site.index()] += pool.count;
                }
            }
            let what = |what: &str| format!("crowd {index} ({what})");
            if let Owner::Group(group) = crowd.owner {
                let first = self.first_class[group as usize];
                for parked in crowd.cells.iter().map(|cell| &cell.parked) {
                    for (number, parked) in parked.iter().enumerate() {
                        in_progress[first + number] += parked.iter().sum::<u64>();
                    }
                }
            }
            for kind in 0..SIGN_INS.len() {
                let of = |cell: &Cell| cell.under_way[kind].iter().sum::<u64>();
                let known: u64 = crowd.cells.iter().map(of).sum();
                check("client", || what("sign-ins"), known, under_way[index][kind])?;
                for (site, &waiting) in backing_off[kind].iter().enumerate() {
                    let home = crowd.cells.iter().filter(|cell| cell.answered.index() == site);
                    let known = home.map(|cell| cell.backing_off(kind)).sum::<u64>();
                    check("client", || what("retries"), known, waiting)?;
                }
            }
            let present = crowd.cells.iter().map(|cell| cell.present).sum::<u64>();
            check("client", || what("present"), crowd.present, present)?;
            let sessions = crowd.cells.iter().map(Cell::sessions).sum::<u64>();
            check("client", || what("sessions"), crowd.sessions(), sessions)?;
            for cell in &crowd.cells {
                let inside = cell.sessions() + cell.signing_in();
                check("client", || what("members"), cell.present.max(inside), cell.present)?;
            }
        }
        for (index, mail) in self.mail.iter().enumerate() {
            let stands = in_progress[mail.class as usize];
            check("client", || format!("pipeline {index}"), mail.backlog, stands)?;
        }
        Ok(())
    }

    fn check_closed(&self) -> Result<(), Imbalance> {
        for closed in &self.closed {
            let theirs = |key: &LaneKey| key.class == closed.class && key.kind == Kind::Demanded;
            let mut asking = vec![vec![0; self.crowds[0].signed.len()]; self.crowds.len()];
            for (_, cohort) in self.cohorts.iter() {
                let site = self.programs.all[cohort.program as usize].site;
                for lane in cohort.lanes.iter().filter(|lane| theirs(&lane.key)) {
                    let rows: u64 = lane.rows.iter().map(|row| row.count).sum();
                    asking[lane.key.crowd as usize][site.index()] += rows;
                }
            }
            for (crowd, thinking, known) in closed.members() {
                let what = |what: &str| format!("crowd {crowd} ({what})");
                let asking = &mut asking[crowd as usize];
                let of = &self.crowds[crowd as usize];
                let theirs = |pool: &&Pool| {
                    (pool.key.class, usize::from(pool.key.kind))
                        == (closed.class, Kind::Demanded.number())
                };
                for pool in of.pools.iter().filter(theirs) {
                    asking[pool.key.site.index()] += pool.count;
                }
                for (known, &asking) in known.zip(&*asking) {
                    check("client", || what("asking"), known, asking)?;
                }
                let inside = thinking + asking.iter().sum::<u64>();
                check("client", || what("thinking"), of.members, inside)?;
            }
        }
        Ok(())
    }

    fn check_stations(
        &self,
        recorder: &Recorder,
        standing: &mut Standing,
    ) -> Result<(), Imbalance> {
        let mut in_slots = vec![0_u64; self.lines.len()];
        let lines = self.lines.iter().enumerate();
        for (index, line) in lines {
            for token in line.queued() {
                standing.waiting[index] += token.count;
            }
            for token in &line.serving {
                in_slots[index] += token.count;
                standing.holding[index] += token.count;
            }
        }
        let in_lines = self.lines.iter().flat_map(|line| line.queued().chain(&line.serving));
        let under_way = self.under_way.iter().map(|one| &one.token);
        let mut below = 0;
        for token in in_lines.chain(under_way) {
            below += if token.caller.is_some() { token.count } else { 0 };
            if self.is_called_by_entry(token) {
                let holds = self.programs.all[token.program as usize].visits[0].holds;
                let entry = token.entry as usize;
                standing.holding[entry] += token.count;
                in_slots[entry] += if holds { token.count } else { 0 };
            }
        }
        let mut callers = 0;
        for (_, caller) in self.callers.all.iter() {
            let station = caller.station as usize;
            standing.holding[station] += caller.count;
            in_slots[station] +=
                if self.programs.visit_of(caller).holds { caller.count } else { 0 };
            callers += caller.count;
            below += if caller.caller.is_some() { caller.count } else { 0 };
        }
        check("server", || "callers in between".to_owned(), callers, below)?;
        for group in self.alike.iter().filter(|group| group.joined) {
            // What stands at the first is that of all.
            let present: u64 = group.held().map(|(_, held)| held).sum();
            let (first, _) = group.held().next().expect("it has stations");
            let of = || format!("stations joined in {first}");
            check("server", of, standing.holding[first], present)?;
            check("server", of, standing.waiting[first], 0)?;
            group.held().for_each(|(index, held)| standing.holding[index] = held);
        }
        for (index, line) in self.lines.iter().enumerate() {
            let what = |what: &str| format!("station {index} ({what})");
            let totals = &recorder.stations[index];
            let gone =
                totals.useful + totals.stale + totals.rejected + totals.dropped + totals.crashed;
            let stands = standing.waiting[index] + standing.holding[index];
            check("server", || what("requests"), totals.arrived, gone + stands)?;
            check("server", || what("slots"), line.busy, in_slots[index])?;
            check("server", || what("queue"), line.waiting(), standing.waiting[index])?;
        }
        Ok(())
    }

    /// Closes the window: hands the stations' counts out and resets them.
    pub fn close_window(&mut self, _now: SimTime, _world: &World, out: &mut Vec<StationCell>) {
        out.extend(self.lines.iter_mut().map(|line| std::mem::take(&mut line.window)));
    }
}
