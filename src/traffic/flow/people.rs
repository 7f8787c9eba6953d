//! Where requests come from: demands, users who come and go, retries that are due.

use super::cells::{self, Cell, Life};
use super::cohort::{Kind, Row};
use super::connect::Sending;
use super::program::Step;
use super::tracers::At;
use super::{Flow, Scene};
use crate::kernel::sample::{binomial, hypergeometric, poisson};
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::network::AttachmentId;
use crate::world::population::ClassKind;

/// Rates are constant over a second [ns].
pub(super) const CELL: u64 = 1_000_000_000;

/// Retries of one pool that are sent in one step rather than one by one: so many, or this part of
/// all retries of the last second. More would let bursts through a full middlebox, which turns away
/// by what came in the tick before: at 1/100 a third more got in than there was room for.
const TOGETHER: (u64, u64) = (1, 200);

/// The source of one class: Poisson counts on a fixed grid of seconds, whatever the steps are.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub stream: Stream,
    /// Demands of the present second that have not come yet.
    pub left: u64,
}

impl Flow {
    /// Begins a second: presence, and the number of demands.
    pub(super) fn second(&mut self, now: u64, scene: &mut Scene) {
        self.together = (std::mem::take(&mut self.retried) / TOGETHER.1).max(TOGETHER.0);
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

    /// Follows new answers of the names: cells are cut, or put together when all have them.
    pub(super) fn follow_names(&mut self, now: u64, scene: &Scene) {
        let mut changed = false;
        for name in 0..scene.world.steering.len() {
            let state = &scene.world.steering[name];
            if state.epochs() != self.epochs[name] {
                self.epochs[name] = state.epochs();
                cells::follow_epoch(&mut self.cells, scene.world, name, &mut self.draws);
                for (share, period) in state.resolvers() {
                    if share > 0.0 && period.0 > 0 {
                        self.joins.push((state.latest().0 + period.0, name));
                    }
                }
                changed = true;
            }
        }
        for place in 0..self.joins.len() {
            let (due, name) = self.joins[place];
            if due <= now {
                cells::join(&mut self.cells, scene.world, name, SimTime(now));
                changed = true;
            }
        }
        self.joins.retain(|&(due, _)| due > now);
        if changed {
            self.list_cells();
        }
    }

    /// Lists the cells that have members, by group.
    pub(super) fn list_cells(&mut self) {
        for list in &mut self.whole {
            list.clear();
        }
        for (index, cell) in self.cells.iter().enumerate() {
            if cell.is_whole() {
                self.whole[cell.group as usize].push(index as u32);
            }
        }
        let groups: usize = self.whole.iter().map(Vec::len).sum();
        self.cost.groups_peak = self.cost.groups_peak.max(groups as u64);
    }

    /// All that is sent in a step.
    pub(super) fn send_all(&mut self, step: Step, scene: &mut Scene) {
        let second_left = CELL - step.from % CELL;
        let share = step.length() as f64 / second_left as f64;
        for class in 0..self.plan.classes.len() {
            let ClassKind::Group(group) = self.plan.classes[class].kind else { continue };
            let left = self.sources[class].left;
            let n = binomial(&mut self.draws, left, share);
            self.sources[class].left -= n;
            if n > 0 {
                self.demand(class, group as usize, n, step, scene);
            }
        }
        for group in 0..self.coming.len() {
            let n = binomial(&mut self.draws, self.coming[group], share);
            self.coming[group] -= n;
            if n > 0 {
                self.users_come(group, n, step, scene);
            }
        }
        self.send_unparked(step, scene);
        self.send_retries(step, scene);
        self.resend_syn(step, scene);
    }

    /// Demands of a class fall on members that are present, each as likely.
    fn demand(&mut self, class: usize, group: usize, n: u64, step: Step, scene: &mut Scene) {
        if let Some(cell) = scene.recorder.cell(class, step.middle()) {
            cell.demand += n as u32;
        }
        let mut left = n;
        let whole = std::mem::take(&mut self.whole[group]);
        let mut present: u64 = whole.iter().map(|&cell| self.cells[cell as usize].present).sum();
        // Users who are still coming within this second demand nothing yet: too few to matter.
        for &cell in &whole {
            let here = self.cells[cell as usize].present;
            let share = here as f64 / present.max(1) as f64;
            let of_cell = binomial(&mut self.draws, left, share);
            present -= here;
            left -= of_cell;
            if of_cell > 0 {
                self.demand_of_cell(class, cell, of_cell, step, scene);
            }
        }
        if left > 0 {
            // Nobody is there.
            if let Some(cell) = scene.recorder.cell(class, step.middle()) {
                cell.demand -= left as u32;
            }
        }
        self.whole[group] = whole;
    }

    fn demand_of_cell(&mut self, class: usize, cell: u32, n: u64, step: Step, scene: &mut Scene) {
        let opens = self.plan.classes[class].connects;
        let first = Row::first(cell, class as u16, Kind::Demanded, step.middle(), n);
        let row = Row { opens, ..first };
        let sessions = self.plan.classes[class].sessions;
        if !sessions {
            self.begin(row, step, scene);
            return;
        }
        let present = self.cells[cell as usize].present;
        let signed = binomial(
            &mut self.draws,
            n,
            self.cells[cell as usize].sessions() as f64 / present.max(1) as f64,
        );
        self.begin(Row { count: signed, ..row }, step, scene);
        if n > signed {
            self.suppress(class, cell, n - signed, step, scene);
        }
    }

    /// Begins operations: they are taken into the books, and their first attempts are sent.
    pub(super) fn begin(&mut self, row: Row, step: Step, scene: &mut Scene) {
        self.operations[row.class as usize].begun += row.count;
        self.dispatch(row, step, scene);
    }

    /// Sends attempts of a cell's members where they go: to their session's site, or where the
    /// name sends them.
    pub(super) fn dispatch(&mut self, row: Row, step: Step, scene: &mut Scene) {
        if row.count == 0 {
            return;
        }
        let class = &self.plan.classes[row.class as usize];
        let in_session = class.sessions && !class.signs_in;
        let cell = &self.cells[row.cell as usize];
        let from = AttachmentId(cell.attachment);
        if !in_session {
            let client = scene.world.population.groups[cell.group as usize].client;
            let name = scene.world.steering_of_client[client.index()];
            let site = cell.answer(&scene.world.steering[name.index()], step.middle());
            self.send(Sending { row, site, from }, step, scene);
            return;
        }
        let mut left = row.count;
        let mut sessions = cell.sessions();
        for site in 0..scene.world.sites {
            let here = self.cells[row.cell as usize].signed[site];
            let share = here as f64 / sessions.max(1) as f64;
            let n = binomial(&mut self.draws, left, share);
            sessions -= here;
            left -= n;
            let site = SiteId(site as u32);
            self.send(Sending { row: Row { count: n, ..row }, site, from }, step, scene);
        }
        debug_assert!(left == 0, "an operation of nobody's session");
    }

    /// Demands of members that are signed out: not served; a share comes back after sign-in.
    fn suppress(&mut self, class: usize, cell: u32, n: u64, step: Step, scene: &mut Scene) {
        if let Some(cell) = scene.recorder.cell(class, step.middle()) {
            cell.suppressed += n as u32;
        }
        if step.middle() >= scene.world.measured_from {
            self.tell(cell, At::Out, n as f64, 0.0, step.middle());
        }
        self.park(class, cell, n, scene);
        // A user who wants something makes a client that has given up try again.
        let here = &self.cells[cell as usize];
        let out = here.present - here.sessions();
        let share = here.idle() as f64 / out.max(1) as f64;
        let again = binomial(&mut self.draws, n, share).min(here.idle());
        if again > 0 && !self.relieved {
            self.sign_in(cell, again, Kind::Induced, step, scene);
        }
    }

    /// Keeps demands for after the sign-in, with the class's share of `deferred`.
    pub(super) fn park(&mut self, class: usize, cell: u32, n: u64, scene: &mut Scene) {
        if self.relieved {
            return;
        }
        let kept = binomial(&mut self.draws, n, self.plan.classes[class].deferred);
        scene.recorder.deferred.0 += kept;
        self.operations[class].begun += kept;
        let cell = &mut self.cells[cell as usize];
        cell.parked[class - self.first_class[cell.group as usize]] += kept;
    }

    fn send_unparked(&mut self, step: Step, scene: &mut Scene) {
        let unparked = std::mem::take(&mut self.unparked);
        for &(cell, class, site, count) in &unparked {
            let opens = self.plan.classes[class as usize].connects;
            let first = Row::first(cell, class, Kind::Induced, step.middle(), count);
            let row = Row { opens, ..first };
            let from = AttachmentId(self.cells[cell as usize].attachment);
            self.send(Sending { row, site, from }, step, scene);
        }
        self.unparked = unparked;
        self.unparked.clear();
    }

    /// Users come: their clients sign in, and that is a demand.
    fn users_come(&mut self, group: usize, n: u64, step: Step, scene: &mut Scene) {
        let whole = std::mem::take(&mut self.whole[group]);
        let away = |cell: &Cell| cell.members - cell.present;
        let mut others: u64 = whole.iter().map(|&cell| away(&self.cells[cell as usize])).sum();
        let mut left = n;
        for &cell in &whole {
            let here = away(&self.cells[cell as usize]);
            others -= here;
            let come = hypergeometric(&mut self.draws, here, others, left);
            left -= come;
            if come == 0 {
                continue;
            }
            self.cells[cell as usize].present += come;
            if let Some(class) = self.sign_in_class[group]
                && let Some(cell) = scene.recorder.cell(class as usize, step.middle())
            {
                cell.demand += come as u32;
            }
            self.sign_in(cell, come, Kind::Demanded, step, scene);
        }
        self.whole[group] = whole;
    }

    /// Members without a session or a sign-in begin one.
    pub(super) fn sign_in(&mut self, cell: u32, n: u64, kind: Kind, step: Step, scene: &mut Scene) {
        let here = &mut self.cells[cell as usize];
        let Some(class) = self.sign_in_class[here.group as usize] else { return };
        here.signing[kind.number()] += n;
        here.under_way[kind.number()] += n;
        let row = Row { opens: true, ..Row::first(cell, class, kind, step.middle(), n) };
        self.begin(row, step, scene);
    }

    /// Users go: their sessions end, their sign-ins will not be answered to anybody.
    fn users_leave(&mut self, group: usize, n: u64, scene: &mut Scene) {
        let present = |&cell: &u32| self.cells[cell as usize].present;
        let mut others: u64 = self.whole[group].iter().map(present).sum();
        let mut left = n;
        for place in 0..self.whole[group].len() {
            let cell = self.whole[group][place];
            let here = &mut self.cells[cell as usize];
            others -= here.present;
            let mut go = hypergeometric(&mut self.draws, here.present, others, left);
            left -= go;
            let (idle, out) = (here.idle(), here.present - here.sessions());
            here.present -= go;
            // Who came last goes first, and who still signs in after coming has come last.
            let last = go.min(here.signing[1]);
            here.signing[1] -= last;
            here.leaving[1] += last;
            go -= last;
            let mut rest = here.sessions() + here.signing[0] + idle;
            for site in 0..here.signed.len() {
                let sessions = self.cells[cell as usize].signed[site];
                rest -= sessions;
                let n = hypergeometric(&mut self.draws, sessions, rest, go);
                go -= n;
                self.close_sessions(cell, SiteId(site as u32), n, scene);
            }
            let here = &mut self.cells[cell as usize];
            let signing = hypergeometric(&mut self.draws, here.signing[0], idle, go);
            here.signing[0] -= signing;
            here.leaving[0] += signing;
            let gone_out = last + go;
            // What they had kept for after the sign-in goes with them.
            let first = self.first_class[group];
            for (number, parked) in here.parked.iter_mut().enumerate() {
                let n = binomial(&mut self.draws, *parked, gone_out as f64 / out.max(1) as f64);
                *parked -= n;
                self.operations[first + number].ended += n;
            }
        }
    }

    /// Retries that are due are sent.
    fn send_retries(&mut self, step: Step, scene: &mut Scene) {
        for index in 0..self.cells.len() {
            if self.cells[index].pools.is_empty() || !self.cells[index].is_whole() {
                continue;
            }
            let mut pools = std::mem::take(&mut self.cells[index].pools);
            self.cost.cells_updated += pools.len() as u64;
            for pool in &mut pools {
                let [intended_s, alive] = pool.means();
                let n = pool.release((step.from, step.to), self.together, &mut self.draws);
                if n == 0 {
                    continue;
                }
                self.retried += n;
                let key = pool.key;
                let kind = if key.demanded { Kind::Demanded } else { Kind::Induced };
                let row = Row {
                    attempt: key.attempt + 1,
                    site: key.site,
                    alive,
                    opens: self.plan.classes[key.class as usize].connects || key.reconnect,
                    intended_s,
                    ..Row::first(index as u32, key.class, kind, step.middle(), n)
                };
                self.retry(row, step, scene);
            }
            pools.retain(|pool| pool.count > 0);
            let cell = &mut self.cells[index];
            // Failures within this step have begun new pools.
            for pool in std::mem::take(&mut cell.pools) {
                match pools.iter_mut().find(|mine| mine.key == pool.key) {
                    Some(mine) => mine.absorb(pool),
                    None => pools.push(pool),
                }
            }
            cell.pools = pools;
        }
    }

    fn retry(&mut self, mut row: Row, step: Step, scene: &mut Scene) {
        let class = &self.plan.classes[row.class as usize];
        if class.signs_in {
            let kind = row.kind.number();
            let gone = self.drop_leaving(row.cell, row.count, kind);
            self.cancelled(Row { count: gone, ..row }, scene);
            row.count -= gone;
            if self.relieved {
                self.cells[row.cell as usize].signing[kind] -= row.count;
                self.cancelled(row, scene);
                return;
            }
            self.cells[row.cell as usize].under_way[kind] += row.count;
        } else if self.relieved {
            self.end_failed(row, 0.0, scene);
            return;
        } else if class.sessions {
            // Who asked in a session asks again in it, if it is there still, or in the next one.
            let (survived, in_session) = (self.survived(&row), self.in_session(row.cell));
            let held = binomial(&mut self.draws, row.count, survived);
            let back = binomial(&mut self.draws, row.count - held, in_session);
            self.end_failed(Row { count: row.count - held - back, ..row }, 1.0, scene);
            let from = AttachmentId(self.cells[row.cell as usize].attachment);
            let site = row.site;
            self.send(Sending { row: Row { count: held, ..row }, site, from }, step, scene);
            row.count = back;
        }
        self.dispatch(row, step, scene);
    }

    /// Of `n` sign-ins of a cell that have come to something, those whose user has gone.
    pub(super) fn drop_leaving(&mut self, cell: u32, n: u64, kind: usize) -> u64 {
        let cell = &mut self.cells[cell as usize];
        let (leaving, signing) = (&mut cell.leaving[kind], cell.signing[kind]);
        let gone = hypergeometric(&mut self.draws, *leaving, signing, n);
        *leaving -= gone;
        gone
    }

    /// The cells that hold the members of `n` operations begun in a cell that may have been cut.
    /// Sign-ins (`owed`, of this kind) go where they are owed.
    pub(super) fn deal(
        &mut self,
        cell: u32,
        n: u64,
        owed: Option<usize>,
        out: &mut Vec<(u32, u64)>,
    ) {
        if n == 0 {
            return;
        }
        match &mut self.cells[cell as usize].life {
            Life::Whole => out.push((cell, n)),
            Life::Joined(target) => {
                let target = *target;
                self.deal(target, n, owed, out);
            }
            Life::Cut(parts) => {
                let mut left = n;
                let mut dealt = Vec::with_capacity(parts.len());
                let debt_of = |debts: &[u64; 2]| owed.map_or(0, |kind| debts[kind]);
                let mut debts: u64 = parts.iter().map(|part| debt_of(&part.2)).sum();
                let mut share_left = 1.0;
                for (part, share, debt) in parts.iter_mut() {
                    let count = match owed {
                        Some(kind) => {
                            debts -= debt[kind];
                            let count = hypergeometric(&mut self.draws, debt[kind], debts, left);
                            debt[kind] -= count;
                            count
                        }
                        None => binomial(&mut self.draws, left, (*share / share_left).min(1.0)),
                    };
                    share_left -= *share;
                    left -= count;
                    dealt.push((*part, count));
                }
                debug_assert!(owed.is_none() || left == 0, "sign-ins that no part is owed");
                if let (Some(last), true) = (dealt.last_mut(), left > 0) {
                    last.1 += left;
                }
                for (part, count) in dealt {
                    self.deal(part, count, owed, out);
                }
            }
        }
    }
}
