//! Where requests come from: demands, users who come and go, retries that are due.
//!
//! All of it is drawn once a *beat*, for the beat: whose the attempts are is settled at its
//! beginning, what has become of them at its end, and the steps in between only move their numbers.
//! A beat is a whole part of a second, short against every wait and timeout of a client.

use super::beat::CELL;
use super::cohort::{Kind, LaneKey, NOBODY, Row, SIGN_INS};
use super::crowds::{Cell, Crowd, Out, Owner, Sent, WOKEN, take};
use super::program::Programs;
use super::tracers::At;
use super::visit::Now;
use super::{Flow, Scene};
use crate::kernel::sample::{binomial, hypergeometric, poisson};
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::traffic::plan::Plan;
use crate::world::population::ClassKind;

/// Sign-ins a second of a crowd below which nobody's next session is among them.
const RARE_PER_S: f64 = 1e-6;

/// Members of a name's piece are told apart no longer than this after their answer changed [ns]:
/// 10 min.
const LONGEST_AGO: u64 = 600_000_000_000;

/// Parts of a member by which it is told whose attempts are.
const PARTS: f64 = 1024.0;

/// The source of one class: Poisson counts on a fixed grid of seconds, divided to beats and crowds
/// by draws of its own: whatever happens in the world, they stay as they are.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub stream: Stream,
    /// Demands of the present second that have not come yet.
    pub left: u64,
}

/// Longest since an attempt was sent when those of a group who go by their name's answer send the
/// next one [ns].
fn longest_ago(plan: &Plan, programs: &Programs, group: u32) -> u64 {
    let by_name = plan.classes.iter().filter(|class| {
        class.kind == ClassKind::Group(group) && !class.sessions && !class.signs_in
    });
    let ago = by_name.map(|class| {
        let timeout = programs.all[programs.of(class.operation, SiteId(0), 0)].timeout;
        let last = class.retry.attempts.max(2) - 1;
        timeout.saturating_add(class.retry.wait_range_ns(last).unwrap_or_default().1)
    });
    ago.max().unwrap_or(0).min(LONGEST_AGO)
}

impl Flow {
    /// Begins a beat: whatever is sent within it is put to its cohorts.
    pub(super) fn begin_beat(&mut self, scene: &mut Scene) {
        if self.clock.is_multiple_of(CELL) {
            self.second(self.clock, scene);
        }
        let (plan, caches, at) = (&self.plan, &self.caches, SimTime(self.clock));
        let now = Now { plan, world: scene.world, caches, at };
        if !self.programs.are_of(&now) {
            // What was answered so far was answered by the laws as they were.
            self.latencies.spread(&self.programs, &mut self.draws, scene.recorder);
            self.programs.follow(&now);
        }
        self.follow_names(self.clock, scene);
        self.join_alike(scene);
        self.take_pace();
        self.begin_to_think();
        self.put_retries(scene);
        self.end_to_think(scene);
        self.find_odds();
        let second_left = CELL - self.clock % CELL;
        let share = self.beat as f64 / second_left as f64;
        for class in 0..self.plan.classes.len() {
            let source = &mut self.sources[class];
            let n = binomial(&mut source.stream, source.left, share);
            source.left -= n;
            self.demand(class, n, scene);
        }
        for group in 0..self.coming.len() {
            let n = binomial(&mut self.draws, self.coming[group], share);
            self.coming[group] -= n;
            if n > 0 {
                self.users_come(group, n, scene);
            }
        }
    }

    /// The middle of the beat that has just begun.
    pub(super) fn middle(&self) -> SimTime {
        SimTime(self.clock + self.beat / 2)
    }

    /// Begins a second: presence, and the number of demands.
    fn second(&mut self, now: u64, scene: &mut Scene) {
        for group in 0..scene.world.population.groups.len() {
            let of = &scene.world.population.groups[group];
            if !of.sessions {
                continue;
            }
            let before = self.present[group];
            let after = scene.world.population.present(of, SimTime(now));
            self.present[group] = after;
            self.tracers_follow(group, f64::from(after) / f64::from(of.count.max(1)));
            self.coming[group] += u64::from(after.saturating_sub(before));
            let mut go = u64::from(before.saturating_sub(after));
            // Who has not come yet need not go.
            let not_come = go.min(self.coming[group]);
            self.coming[group] -= not_come;
            go -= not_come;
            self.users_leave(group, go, scene);
        }
        for class in 0..self.plan.classes.len() {
            let plan = &self.plan.classes[class];
            let ClassKind::Group(group) = plan.kind else { continue };
            if plan.rate_per_s == 0.0 {
                continue;
            }
            let population = &scene.world.population;
            let load = population.load(population.groups[group as usize].region, SimTime(now));
            let present = f64::from(self.present[group as usize]);
            let rate = plan.rate_per_s * present * load * scene.world.demand_factor[class];
            let source = &mut self.sources[class];
            source.left = poisson(&mut source.stream, rate);
        }
    }

    /// Follows new answers of the names: cells are cut, and put together as resolvers refresh.
    pub(super) fn follow_names(&mut self, now: u64, scene: &Scene) {
        let mut changed = false;
        for name in 0..scene.world.steering.len() {
            let state = &scene.world.steering[name];
            let begins = state.epochs() != self.epochs[name];
            if !begins && !self.spreading[name] {
                continue;
            }
            self.epochs[name] = state.epochs();
            self.spreading[name] = false;
            for crowd in &mut self.crowds {
                let Owner::Group(group) = crowd.owner else { continue };
                let client = scene.world.population.groups[group as usize].client;
                let of = crowd.attachment().map(|from| scene.world.name_of(client, from));
                if of != Some(name) {
                    continue;
                }
                if begins {
                    crowd.follow_epoch(state, &mut self.draws);
                }
                let sign_in = self.sign_in_class[group as usize];
                let when = (SimTime(now), longest_ago(&self.plan, &self.programs, group));
                self.spreading[name] |= crowd.join(state, when, sign_in, &mut self.draws);
            }
            if begins {
                self.drains_follow(name, now, scene);
            }
            changed = true;
        }
        if changed {
            let cells: usize = self.crowds.iter().map(|crowd| crowd.cells.len()).sum();
            self.cost.groups_peak = self.cost.groups_peak.max(cells as u64);
        }
    }

    /// Demands of a class fall on members that are present, each as likely.
    fn demand(&mut self, class: usize, n: u64, scene: &mut Scene) {
        let ClassKind::Group(group) = self.plan.classes[class].kind else { return };
        let (first, end) = self.crowds_of[group as usize];
        let of = &self.crowds[first as usize..end as usize];
        let mut present: u64 = of.iter().map(|crowd| crowd.present).sum();
        if n == 0 || present == 0 {
            return;
        }
        let at = self.middle();
        if let Some(cell) = scene.recorder.cell(class, at) {
            cell.demand += n as u32;
        }
        let mut left = n;
        // Users who are still coming within this second demand nothing yet: too few to matter.
        for crowd in first..end {
            let here = self.crowds[crowd as usize].present;
            let share = here as f64 / present.max(1) as f64;
            let of_crowd = binomial(&mut self.sources[class].stream, left, share);
            present -= here;
            left -= of_crowd;
            if of_crowd > 0 {
                self.demand_of(class as u16, crowd, of_crowd, at, scene);
            }
        }
    }

    fn demand_of(&mut self, class: u16, crowd: u32, n: u64, at: SimTime, scene: &mut Scene) {
        let plan = &self.plan.classes[class as usize];
        let lane = self.lane(crowd, class, Kind::Demanded, plan.connects);
        let row = Row::first(at, n);
        if !plan.sessions {
            self.operations[class as usize].begun += n;
            self.send_by_name(lane, row, None, scene);
            return;
        }
        let here = &self.crowds[crowd as usize];
        let signed = binomial(&mut self.draws, n, here.in_session());
        self.operations[class as usize].begun += signed;
        self.send_in_session(lane, (Row { count: signed, ..row }, None), scene);
        if n > signed {
            self.suppress(class as usize, crowd, n - signed, at, scene);
        }
    }

    /// Sends attempts within this beat to a site.
    pub(super) fn sends(&mut self, lane: LaneKey, site: SiteId, row: Row, scene: &mut Scene) {
        if row.count == 0 {
            return;
        }
        let class = lane.class as usize;
        let mut row = row;
        let mut part = 0;
        if lane.crowd != NOBODY {
            let crowd = &self.crowds[lane.crowd as usize];
            part = crowd.part;
            row.know.alive = crowd.survival.get(site.index()).copied().unwrap_or(0.0);
        }
        self.cost.attempts += row.count;
        scene.recorder.clients[class].sent += row.count;
        if let Some(cell) = scene.recorder.cell(class, SimTime(self.clock)) {
            cell.sent += row.count as u32;
            cell.first += if row.attempt == 1 { row.count as u32 } else { 0 };
        }
        let program = self.programs.of(self.plan.classes[class].operation, site, part);
        self.put(program, lane, row);
    }

    /// Sends attempts where their session is.
    fn send_in_session(&mut self, lane: LaneKey, row: (Row, Option<SiteId>), scene: &mut Scene) {
        self.send_to(lane, row, |crowd, site| crowd.signed[site] as f64, scene);
    }

    /// Sends attempts in sessions that have begun since the last one, at `from`, ended: where
    /// sign-ins are answered now.
    pub(super) fn send_in_next_session(
        &mut self,
        lane: LaneKey,
        from: SiteId,
        row: Row,
        scene: &mut Scene,
    ) {
        let (pace, row) = (&self.crowds[lane.crowd as usize].pace, (row, Some(from)));
        match pace.per_s.iter().any(|&per_s| per_s > RARE_PER_S) {
            true => self.send_to(lane, row, |crowd, site| crowd.pace.per_s[site], scene),
            false => self.send_in_session(lane, row, scene),
        }
    }

    /// Sends attempts to sites, to each in proportion to what its crowd has there; those before
    /// them were at `from`.
    fn send_to(
        &mut self,
        lane: LaneKey,
        (row, from): (Row, Option<SiteId>),
        has: impl Fn(&Crowd, usize) -> f64,
        scene: &mut Scene,
    ) {
        let mut left = row.count;
        for site in 0..scene.world.sites {
            let crowd = &self.crowds[lane.crowd as usize];
            let here = has(crowd, site);
            let others: f64 = (site + 1..scene.world.sites).map(|site| has(crowd, site)).sum();
            let share = if others > 0.0 { here / (here + others) } else { 1.0 };
            let n = if here > 0.0 { binomial(&mut self.draws, left, share) } else { 0 };
            left -= n;
            let site = SiteId(site as u32);
            let row = Row { count: n, ..row };
            self.ask_elsewhere(lane, (from.unwrap_or(site), site), &row);
            self.sends(lane, site, row, scene);
        }
        debug_assert!(left == 0, "an operation of nobody's session");
    }

    /// Sends attempts where the name sends them: of all members, or of those who made these before.
    pub(super) fn send_by_name(
        &mut self,
        lane: LaneKey,
        row: Row,
        mut last: Option<Sent>,
        scene: &mut Scene,
    ) {
        // Members, in whole parts of one, so that the last cell's share of the rest is all of it.
        let theirs = |cell: &Cell, last: &Option<Sent>| {
            let share = last.as_ref().map_or(1.0, |last| cell.sent(last));
            (cell.present as f64 * share * PARTS) as u64
        };
        let from = last.map(|last| last.site);
        let cells = &self.crowds[lane.crowd as usize].cells;
        let mut others: u64 = cells.iter().map(|cell| theirs(cell, &last)).sum();
        if others == 0 && last.is_some() {
            // Nobody is left of those it could be.
            last = None;
            others = cells.iter().map(|cell| theirs(cell, &last)).sum();
        }
        let mut left = row.count;
        for cell in 0..cells.len() {
            let cell = &self.crowds[lane.crowd as usize].cells[cell];
            let (mine, site) = (theirs(cell, &last), cell.answered);
            if mine == 0 {
                continue;
            }
            let n = binomial(&mut self.draws, left, mine as f64 / others as f64);
            others -= mine;
            left -= n;
            let row = Row { count: n, ..row };
            self.ask_elsewhere(lane, (from.unwrap_or(site), site), &row);
            self.sends(lane, site, row, scene);
        }
        debug_assert!(left == 0, "a demand of nobody");
    }

    /// Demands of members that are signed out: not served; a share comes back after sign-in.
    pub(super) fn suppress(
        &mut self,
        class: usize,
        crowd: u32,
        n: u64,
        at: SimTime,
        scene: &mut Scene,
    ) {
        if let Some(cell) = scene.recorder.cell(class, at) {
            cell.suppressed += n as u32;
        }
        // A user who wants something makes a client that has given up try again.
        let mut of = self.crowds[crowd as usize].divided(n, &mut self.draws);
        let again = std::mem::take(&mut of[0]);
        of[WOKEN] += again;
        if at >= scene.world.measured_from {
            self.tell_signing_in(crowd, (n - again) as f64, 0.0, at);
        }
        if !self.relieved {
            self.wake(crowd, again, at, scene);
        }
        self.park(class, crowd, of, scene);
    }

    /// Idle members of a crowd want something: they sign in again.
    fn wake(&mut self, crowd: u32, mut n: u64, at: SimTime, scene: &mut Scene) {
        let here = &mut self.crowds[crowd as usize];
        let mut idle = here.idle();
        n = n.min(idle);
        if n == 0 {
            return;
        }
        for cell in 0..here.cells.len() {
            let here = &mut self.crowds[crowd as usize];
            let of = here.cells[cell].idle();
            idle -= of;
            let again = hypergeometric(&mut self.draws, of, idle, n);
            n -= again;
            for parked in &mut here.cells[cell].parked {
                let share = again as f64 / of.max(1) as f64;
                parked[WOKEN] += take(&mut parked[0], share, &mut self.draws);
            }
            let tracers = &mut self.tracers;
            let told = |tracer: u32| {
                if at >= scene.world.measured_from {
                    tracers[tracer as usize].told(at, false);
                }
            };
            let states = (At::Idle, At::SigningIn(Kind::Woken.number()));
            here.trace(cell, states, (again, of), &mut self.draws, told);
            self.sign_in((crowd, cell), again, Kind::Woken, at, scene);
        }
    }

    /// Keeps demands of members without a session for after the sign-in, with the class's share of
    /// `deferred`.
    pub(super) fn park(&mut self, class: usize, crowd: u32, of: Out, scene: &mut Scene) {
        if self.relieved {
            return;
        }
        let deferred = self.plan.classes[class].deferred;
        let mut left = of.map(|n| binomial(&mut self.draws, n, deferred));
        let kept: u64 = left.iter().sum();
        if kept == 0 {
            return;
        }
        scene.recorder.deferred.0 += kept;
        self.operations[class].begun += kept;
        let crowd = &mut self.crowds[crowd as usize];
        let Owner::Group(group) = crowd.owner else { return };
        let number = class - self.first_class[group as usize];
        let mut others = crowd.out();
        for cell in &mut crowd.cells {
            let of = cell.out();
            for (state, parked) in cell.parked[number].iter_mut().enumerate() {
                let share = of[state] as f64 / others[state].max(1) as f64;
                let here = binomial(&mut self.draws, left[state], share);
                others[state] -= of[state];
                left[state] -= here;
                *parked += here;
            }
        }
        // Of whom nobody is signed out any more, they are sent when somebody signs in again.
        crowd.cells[0].parked[number][0] += left.iter().sum::<u64>();
    }

    /// Users come: their clients sign in, and that is a demand.
    fn users_come(&mut self, group: usize, n: u64, scene: &mut Scene) {
        let at = self.middle();
        let (first, end) = self.crowds_of[group];
        let cells = self.crowds[first as usize..end as usize].iter().flat_map(|c| &c.cells);
        let mut others: u64 = cells.map(|cell| cell.members - cell.present).sum();
        let mut left = n;
        for crowd in first..end {
            for cell in 0..self.crowds[crowd as usize].cells.len() {
                let of = &mut self.crowds[crowd as usize].cells[cell];
                let away = of.members - of.present;
                others -= away;
                let come = hypergeometric(&mut self.draws, away, others, left);
                left -= come;
                if come == 0 {
                    continue;
                }
                of.present += come;
                self.crowds[crowd as usize].present += come;
                if let Some(class) = self.sign_in_class[group]
                    && let Some(cell) = scene.recorder.cell(class as usize, at)
                {
                    cell.demand += come as u32;
                }
                self.sign_in((crowd, cell), come, Kind::Demanded, at, scene);
            }
        }
    }

    /// Users go: their sessions end, their sign-ins will not be answered to anybody.
    fn users_leave(&mut self, group: usize, n: u64, scene: &mut Scene) {
        let (first, end) = self.crowds_of[group];
        let mut others: u64 =
            self.crowds[first as usize..end as usize].iter().map(|crowd| crowd.present).sum();
        let mut left = n;
        for crowd in first..end {
            if left == 0 {
                return;
            }
            for cell in 0..self.crowds[crowd as usize].cells.len() {
                let here = self.crowds[crowd as usize].cells[cell].present;
                others -= here;
                let go = hypergeometric(&mut self.draws, here, others, left);
                left -= go;
                if go > 0 {
                    self.users_of_cell_leave((crowd, cell), go, scene);
                }
            }
        }
    }

    fn users_of_cell_leave(&mut self, (crowd, cell): (u32, usize), mut go: u64, scene: &mut Scene) {
        let whole = &mut self.crowds[crowd as usize];
        whole.present -= go;
        let here = &mut whole.cells[cell];
        let of = here.out();
        here.present -= go;
        // Who came last goes first, and who still signs in after coming has come last.
        let came = Kind::Demanded.number();
        let last = go.min(here.signing[came]);
        here.signing[came] -= last;
        here.leaving[came] += last;
        go -= last;
        let mut rest = here.sessions() + of.iter().sum::<u64>() - of[1 + came];
        for site in 0..here.signed.len() {
            let sessions = self.crowds[crowd as usize].cells[cell].signed[site];
            rest -= sessions;
            let n = hypergeometric(&mut self.draws, sessions, rest, go);
            go -= n;
            self.close_sessions((crowd, cell), SiteId(site as u32), n, scene);
        }
        let here = &mut self.crowds[crowd as usize].cells[cell];
        let mut gone = Out::default();
        gone[1 + came] = last;
        for kind in (0..SIGN_INS.len()).filter(|&kind| kind != came) {
            rest -= here.signing[kind];
            let n = hypergeometric(&mut self.draws, here.signing[kind], rest, go);
            here.signing[kind] -= n;
            here.leaving[kind] += n;
            gone[1 + kind] = n;
            go -= n;
        }
        gone[0] = go;
        // What they had kept for after the sign-in goes with them.
        let crowd = &mut self.crowds[crowd as usize];
        let Owner::Group(group) = crowd.owner else { return };
        let first = self.first_class[group as usize];
        for (number, parked) in crowd.cells[cell].parked.iter_mut().enumerate() {
            for (state, parked) in parked.iter_mut().enumerate() {
                let share = gone[state] as f64 / of[state].max(1) as f64;
                self.operations[first + number].ended += take(parked, share, &mut self.draws);
            }
        }
    }
}
