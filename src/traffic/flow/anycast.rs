//! Requests to an anycast name that the routes lead to another site than they were sent to.
//!
//! Cells follow the catchments of their crowd's attachment as they follow a name's answers, once a
//! beat. Between two beats routes can change, and a session stays where it was made: so what is
//! sent to a site can come to another one. In a session it is reset, and the session is over;
//! without one it is served there; a sign-in is refused, and tried again.

use super::cohort::{LaneKey, Row};
use super::crowds::{Cell, Crowd};
use super::{Flow, Scene};
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::slab::Key;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;

/// [`Knowledge::alive`](super::backoff::Knowledge) of attempts whose session is certainly over.
pub(super) const GONE: f64 = 40.0;

/// What has come to another site in this step, and waits for the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct Strays {
    /// (crowd, site, sessions) that were reset.
    sessions: Vec<(u32, SiteId, u64)>,
    /// Attempts that go on from a site to whichever is reached now.
    attempts: Vec<(LaneKey, SiteId, Row)>,
}

impl Crowd {
    /// Sessions at a site of members who are sent there now.
    pub(super) fn at_home(&self, site: usize) -> u64 {
        let home = self.cells.iter().filter(|cell| cell.answered.index() == site);
        home.map(|cell| cell.signed[site]).sum()
    }

    /// Share of the sessions at a site whose members are sent to another one now.
    fn strayed(&self, site: SiteId) -> f64 {
        let sessions = self.signed[site.index()];
        (sessions - self.at_home(site.index())) as f64 / sessions.max(1) as f64
    }
}

impl Flow {
    /// Of `n` attempts of a lane that are sent now, those that come to their site, or nowhere.
    pub(super) fn keep_from_straying(
        &mut self,
        (key, lane): (Key, usize),
        n: u64,
        scene: &Scene,
    ) -> u64 {
        let cohort = self.cohorts.get_mut(key).expect("the caller has it");
        let site = self.programs.all[cohort.program as usize].site;
        let of = &mut cohort.lanes[lane];
        let class = &self.plan.classes[of.key.class as usize];
        let (Some(name), Some(from)) = (class.anycast, of.key.from) else { return n };
        let strayed = match self.crowds.get(of.key.crowd as usize) {
            _ if scene.world.network.shares_of_name(from, name, site).next().is_none() => 1.0,
            Some(crowd) if class.in_session() => crowd.strayed(site),
            _ => 0.0,
        };
        let astray = binomial(&mut self.draws, n, strayed);
        if astray == 0 {
            return n;
        }
        if class.in_session() {
            of.reset += astray;
            self.strays.sessions.push((of.key.crowd, site, astray));
        } else if class.signs_in || self.crowds.get(of.key.crowd as usize).is_none() {
            of.refused += astray;
        } else {
            let (lane, list) = (of.key, &mut self.strays.attempts);
            of.draw_rows(astray, &mut self.draws, |row| list.push((lane, site, row)));
        }
        if !std::mem::replace(&mut cohort.touched, true) {
            self.touched.push(key);
        }
        n - astray
    }

    /// Sessions that were reset end; attempts that were led elsewhere go there.
    pub(super) fn follow_strays(&mut self, at: SimTime, scene: &mut Scene) {
        let mut strays = std::mem::take(&mut self.strays);
        if !strays.attempts.is_empty() {
            self.follow_names(self.clock, scene);
        }
        for (lane, from, row) in strays.attempts.drain(..) {
            self.send_on(lane, from, row);
        }
        for (crowd, site, n) in strays.sessions.drain(..) {
            self.end_strayed(crowd, site, n, at, scene);
        }
        self.strays = strays;
    }

    /// Attempts go on where their crowd's members are sent now.
    fn send_on(&mut self, lane: LaneKey, from: SiteId, row: Row) {
        let crowd = lane.crowd as usize;
        let mut present: u64 = self.crowds[crowd].cells.iter().map(|cell| cell.present).sum();
        let mut left = row.count;
        for cell in 0..self.crowds[crowd].cells.len() {
            let of = &self.crowds[crowd].cells[cell];
            let (here, site, part) = (of.present, of.answered, self.crowds[crowd].part);
            let n = binomial(&mut self.draws, left, here as f64 / present.max(1) as f64);
            (present, left) = (present - here, left - n);
            if n > 0 {
                let row = Row { count: n, ..row };
                self.ask_elsewhere(lane, (from, site), &row);
                let operation = self.plan.classes[lane.class as usize].operation;
                let program = self.programs.of(operation, site, part);
                self.put(program, lane, row);
            }
        }
        debug_assert!(left == 0, "attempts of nobody");
    }

    fn end_strayed(&mut self, crowd: u32, site: SiteId, n: u64, at: SimTime, scene: &mut Scene) {
        let signed = |cell: &Cell| match cell.answered == site {
            true => 0,
            false => cell.signed[site.index()],
        };
        let cells = &self.crowds[crowd as usize].cells;
        let mut others: u64 = cells.iter().map(signed).sum();
        let mut left = n.min(others);
        for cell in 0..self.crowds[crowd as usize].cells.len() {
            let here = signed(&self.crowds[crowd as usize].cells[cell]);
            others -= here;
            let n = hypergeometric(&mut self.draws, here, others, left);
            left -= n;
            scene.recorder.sessions_lost += n;
            // Of what sweeps have not come to yet, they find so many fewer.
            for swept in &mut self.crowds[crowd as usize].cells[cell].swept {
                if swept.1 == site.0 {
                    let known = swept.2.min(here);
                    swept.2 -= hypergeometric(&mut self.draws, known, here - known, n);
                }
            }
            self.end_sessions((crowd, cell), site, n, at, scene);
        }
    }
}
