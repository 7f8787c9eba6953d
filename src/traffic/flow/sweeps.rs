//! Sessions that end without their users' doing: broken paths, drains, losses at once.

use super::cells::Cell;
use super::cohort::{Kind, Row};
use super::people::CELL;
use super::program::Step;
use super::tracers::{self, At};
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::binomial;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{ClientId, SiteId, SteeringId};
use crate::world::network::AttachmentId;

/// Logarithm of the share that is left where the last session has ended.
const NONE_LEFT: f64 = -40.0;

/// What a sweep looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Sessions of a group whose path has carried nothing since it began.
    Broken(u32),
    /// Sessions that the name would send elsewhere now.
    Moved(SteeringId),
    /// Sessions at a site.
    Site(SiteId),
}

/// Sessions are come to one by one, evenly over `span` after `from` [ns].
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    target: Target,
    began: SimTime,
    from: u64,
    span: u64,
}

impl Flow {
    /// Some path changed: pairs that newly carry nothing are swept for their sessions.
    pub(super) fn paths_changed(&mut self, now: SimTime, scene: &mut Scene) {
        let mut newly_broken = false;
        let sites = scene.world.sites;
        for pair in 0..self.broken_since.len() {
            let from = AttachmentId((pair / sites) as u32);
            let broken = Flow::carried(from, SiteId((pair % sites) as u32), scene) < 1.0 - 1e-9;
            let since = &mut self.broken_since[pair];
            newly_broken |= broken;
            *since = if broken { since.or(Some(now)) } else { None };
        }
        if !newly_broken {
            return;
        }
        for group in 0..scene.world.population.groups.len() {
            let client = scene.world.population.groups[group].client;
            let Some((keepalive, lost_after)) = scene.world.session_of_client[client.index()]
            else {
                continue;
            };
            self.begin_sweep(Target::Broken(group as u32), keepalive, lost_after, now, scene);
        }
    }

    /// Begins a sweep over whatever sessions it would end now.
    pub(super) fn begin_sweep(
        &mut self,
        target: Target,
        span: SimDuration,
        wait: SimDuration,
        now: SimTime,
        scene: &Scene,
    ) {
        let number = self.sweeps.len() as u32;
        let from = now.0 + wait.0;
        self.sweeps.push(Sweep { target, began: now, from, span: span.0.max(1) });
        let mut any = false;
        for index in 0..self.cells.len() {
            let cell = &self.cells[index];
            let group = &scene.world.population.groups[cell.group as usize];
            let name = scene.world.steering_of_client[group.client.index()];
            if !cell.is_whole() || !group.sessions {
                continue;
            }
            for site in 0..scene.world.sites {
                let id = SiteId(site as u32);
                let cell = &self.cells[index];
                let sessions = cell.signed[site];
                let share = match target {
                    Target::Broken(of) if of == cell.group => {
                        1.0 - Flow::carried(AttachmentId(cell.attachment), id, scene)
                    }
                    Target::Moved(of) if of == name => {
                        let answer = cell.authoritative(&scene.world.steering[name.index()]);
                        f64::from(u8::from(answer != id))
                    }
                    Target::Site(drained) => f64::from(u8::from(drained == id)),
                    _ => 0.0,
                };
                let found = binomial(&mut self.draws, sessions, share);
                if found > 0 {
                    any = true;
                    self.cells[index].swept.push((number, site as u32, found));
                }
            }
        }
        if any {
            self.sweeping.push(number);
        }
    }

    /// Sweeps come to the sessions of this step.
    pub(super) fn sweep(&mut self, step: Step, scene: &mut Scene) {
        let mut running = std::mem::take(&mut self.sweeping);
        running.retain(|&number| {
            let sweep = self.sweeps[number as usize];
            let (from, end) = (sweep.from.max(step.from), sweep.from + sweep.span);
            if step.to > from {
                let share = (step.to.min(end) - from.min(end)) as f64 / (end - from).max(1) as f64;
                self.sweep_once(number, sweep, share, step, scene);
            }
            step.to < end
        });
        self.sweeping = running;
    }

    fn sweep_once(&mut self, number: u32, sweep: Sweep, share: f64, step: Step, scene: &mut Scene) {
        for index in 0..self.cells.len() {
            let mut place = 0;
            while place < self.cells[index].swept.len() {
                let (of, site, left) = self.cells[index].swept[place];
                if of != number {
                    place += 1;
                    continue;
                }
                let n = binomial(&mut self.draws, left, share);
                self.cells[index].swept[place].2 -= n;
                if share >= 1.0 || left == n {
                    self.cells[index].swept.swap_remove(place);
                } else {
                    place += 1;
                }
                let cell = &self.cells[index];
                let n = n.min(cell.signed[site as usize]);
                let site = SiteId(site);
                let broken = matches!(sweep.target, Target::Broken(_));
                if broken {
                    let pair = cell.attachment as usize * scene.world.sites + site.index();
                    if self.broken_since[pair].is_none_or(|since| since > sweep.began) {
                        continue;
                    }
                    scene.recorder.sessions_lost += n;
                }
                self.end_sessions(index as u32, site, n, step, scene);
            }
        }
    }

    /// A share of the sessions is lost at once.
    pub(super) fn sessions_lost(
        &mut self,
        client: Option<ClientId>,
        site: Option<SiteId>,
        share: f64,
        now: u64,
        scene: &mut Scene,
    ) {
        let step = Step { from: now, to: now + CELL / 1_000 };
        for index in 0..self.cells.len() {
            let cell = &self.cells[index];
            let group = &scene.world.population.groups[cell.group as usize];
            if !cell.is_whole() || client.is_some_and(|client| client != group.client) {
                continue;
            }
            for at in 0..scene.world.sites {
                let id = SiteId(at as u32);
                if site.is_none_or(|site| site == id) {
                    let n = binomial(&mut self.draws, self.cells[index].signed[at], share);
                    scene.recorder.sessions_lost += n;
                    self.end_sessions(index as u32, id, n, step, scene);
                }
            }
        }
    }

    /// Sessions end without their users' doing; the clients sign in again.
    fn end_sessions(&mut self, cell: u32, site: SiteId, n: u64, step: Step, scene: &mut Scene) {
        if n == 0 {
            return;
        }
        let here = &mut self.cells[cell as usize];
        let sessions = here.signed[site.index()];
        tracers::go(here, (At::Session(site), At::Out), n, sessions, &mut self.draws);
        self.close_sessions(cell, site, n, scene);
        if !self.relieved {
            self.sign_in(cell, n, Kind::Induced, step, scene);
        }
    }

    /// Takes sessions of a cell away, and keeps the share of them that is left.
    pub(super) fn close_sessions(&mut self, cell: u32, site: SiteId, n: u64, scene: &mut Scene) {
        if n == 0 {
            return;
        }
        let here = &self.cells[cell as usize];
        let alike = self.whole[here.group as usize].iter().map(|&cell| &self.cells[cell as usize]);
        let alike = alike.filter(|cell| cell.attachment == here.attachment);
        let sessions: u64 = alike.map(|cell| cell.signed[site.index()]).sum();
        let place = self.survival_of(here, site);
        self.survivals[place] += match sessions.saturating_sub(n) {
            0 => NONE_LEFT,
            left => math::ln(left as f64 / sessions as f64),
        };
        self.cells[cell as usize].signed[site.index()] -= n;
        scene.world.network.sessions_closed(site, n);
    }

    fn survival_of(&self, cell: &Cell, site: SiteId) -> usize {
        let sites = cell.signed.len();
        let attachments = self.broken_since.len() / sites;
        (cell.group as usize * attachments + cell.attachment as usize) * sites + site.index()
    }

    /// Logarithm of what is left of the first sessions at a site of members like a row's.
    pub(super) fn survival(&self, row: &Row, site: SiteId) -> f64 {
        match row.kind {
            Kind::Probe(_) => 0.0,
            _ => self.survivals[self.survival_of(&self.cells[row.cell as usize], site)],
        }
    }

    /// Share of a row's sessions that have lasted since it was sent.
    pub(super) fn survived(&self, row: &Row) -> f64 {
        math::exp((self.survival(row, row.site) - row.alive).min(0.0))
    }

    /// Share of a cell's present members that have a session.
    pub(super) fn in_session(&self, cell: u32) -> f64 {
        let here = &self.cells[cell as usize];
        here.sessions() as f64 / here.present.max(1) as f64
    }
}
