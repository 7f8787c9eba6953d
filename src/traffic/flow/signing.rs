//! Sign-ins: who of a crowd begins one, waits for it, and has a session afterwards.
//!
//! Rows know whose sign-ins they are by crowd only; the cells know how many of theirs are under
//! way to which site. What has become of some of a crowd's is dealt out to its cells.

use super::cohort::{Kind, LaneKey, Row};
use super::{Flow, Scene};
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::traffic::flow::tracers::At;

impl Flow {
    /// The lane of a crowd's attempts of a class.
    pub(super) fn lane(&self, crowd: u32, class: u16, kind: Kind, opens: bool) -> LaneKey {
        let from = self.crowds[crowd as usize].attachment;
        LaneKey { crowd, class, kind, opens, from }
    }

    /// Members of a cell without a session or a sign-in begin one, sent within this beat.
    pub(super) fn sign_in(
        &mut self,
        (crowd, cell): (u32, usize),
        n: u64,
        kind: Kind,
        at: SimTime,
        scene: &mut Scene,
    ) {
        let super::crowds::Owner::Group(group) = self.crowds[crowd as usize].owner else { return };
        let Some(class) = self.sign_in_class[group as usize] else { return };
        if n == 0 {
            return;
        }
        let here = &mut self.crowds[crowd as usize].cells[cell];
        let site = here.answered;
        here.signing[kind.number()] += n;
        here.under_way[kind.number()][site.index()] += n;
        let lane = self.lane(crowd, class, kind, true);
        self.operations[class as usize].begun += n;
        self.sends(lane, site, Row::first(at, n), scene);
    }

    /// Deals `n` sign-ins that were under way to a site out to the cells that they belong to:
    /// they are under way no more. Fills [`Flow::dealt`].
    fn deal(&mut self, lane: LaneKey, site: SiteId, n: u64) {
        let kind = lane.kind.number();
        let cells = &mut self.crowds[lane.crowd as usize].cells;
        let mut others: u64 = cells.iter().map(|cell| cell.under_way[kind][site.index()]).sum();
        debug_assert!(n <= others, "sign-ins that no cell knows");
        let mut left = n;
        self.dealt.clear();
        for cell in cells {
            let here = &mut cell.under_way[kind][site.index()];
            others -= *here;
            let count = hypergeometric(&mut self.draws, *here, others, left);
            *here -= count;
            left -= count;
            self.dealt.push(count);
        }
    }

    /// Of the sign-ins in [`Flow::dealt`], those whose user has gone are taken out; how many.
    fn drop_leaving(&mut self, lane: LaneKey) -> u64 {
        let kind = lane.kind.number();
        let cells = &mut self.crowds[lane.crowd as usize].cells;
        let mut all = 0;
        for (cell, dealt) in cells.iter_mut().zip(&mut self.dealt) {
            let (leaving, signing) = (&mut cell.leaving[kind], cell.signing[kind]);
            let gone = hypergeometric(&mut self.draws, *leaving, signing, *dealt);
            *leaving -= gone;
            *dealt -= gone;
            all += gone;
        }
        all
    }

    /// Sign-ins were answered: sessions begin, and what was kept for them is sent.
    pub(super) fn signed_in(&mut self, lane: LaneKey, site: SiteId, n: u64, scene: &mut Scene) {
        self.deal(lane, site, n);
        let n = n - self.drop_leaving(lane);
        let kind = lane.kind.number();
        let crowd = &mut self.crowds[lane.crowd as usize];
        let out = crowd.present - crowd.sessions();
        for (place, &count) in self.dealt.iter().enumerate() {
            if count > 0 {
                let cell = &mut crowd.cells[place];
                let out = cell.present - cell.sessions();
                cell.signing[kind] -= count;
                cell.signed[site.index()] += count;
                crowd.signed[site.index()] += count;
                let states = (At::Out, At::Session(site));
                crowd.trace(place, states, (count, out), &mut self.draws);
            }
        }
        scene.world.network.sessions_opened(site, n);
        let super::crowds::Owner::Group(group) = crowd.owner else { return };
        let first = self.first_class[group as usize];
        for number in 0..self.crowds[lane.crowd as usize].parked.len() {
            let parked = &mut self.crowds[lane.crowd as usize].parked[number];
            let sent = binomial(&mut self.draws, *parked, n as f64 / out.max(1) as f64);
            if sent > 0 {
                *parked -= sent;
                scene.recorder.deferred.1 += sent;
                let class = (first + number) as u16;
                let opens = self.plan.classes[class as usize].connects;
                let lane = self.lane(lane.crowd, class, Kind::Induced, opens);
                self.sends(lane, site, Row::first(SimTime(self.clock), sent), scene);
            }
        }
    }

    /// Sign-ins failed; of how many the user has gone.
    pub(super) fn sign_ins_failed(&mut self, lane: LaneKey, site: SiteId, n: u64) -> u64 {
        self.deal(lane, site, n);
        self.drop_leaving(lane)
    }

    /// Of the sign-ins that have just failed, so many are not tried again.
    pub(super) fn sign_ins_given_up(&mut self, lane: LaneKey, mut n: u64) {
        if n == 0 {
            return;
        }
        let kind = lane.kind.number();
        let cells = &mut self.crowds[lane.crowd as usize].cells;
        let mut others: u64 = self.dealt.iter().sum();
        for (cell, &failed) in cells.iter_mut().zip(&self.dealt) {
            others -= failed;
            let spent = hypergeometric(&mut self.draws, failed, others, n);
            cell.signing[kind] -= spent;
            n -= spent;
        }
    }

    /// Sign-ins of a kind that are due are tried again: which go to which site, and of how many the
    /// user has gone.
    pub(super) fn sign_ins_due(
        &mut self,
        crowd: u32,
        kind: Kind,
        n: u64,
        sites: usize,
    ) -> (u64, Vec<u64>) {
        let number = kind.number();
        let cells = &self.crowds[crowd as usize].cells;
        let mut others: u64 = cells.iter().map(|cell| cell.backing_off(number)).sum();
        debug_assert!(n <= others, "sign-ins that no cell knows");
        let mut left = n;
        self.dealt.clear();
        for cell in cells {
            let here = cell.backing_off(number);
            others -= here;
            let count = hypergeometric(&mut self.draws, here, others, left);
            left -= count;
            self.dealt.push(count);
        }
        let (class, opens) = (0, true);
        let mut gone = self.drop_leaving(self.lane(crowd, class, kind, opens));
        let mut to = vec![0; sites];
        for cell in 0..self.dealt.len() {
            let n = self.dealt[cell];
            if n == 0 {
                continue;
            }
            if self.relieved {
                self.crowds[crowd as usize].cells[cell].signing[number] -= n;
                gone += n;
                continue;
            }
            let cell = &mut self.crowds[crowd as usize].cells[cell];
            let site = cell.answered.index();
            cell.under_way[number][site] += n;
            to[site] += n;
        }
        (gone, to)
    }
}
