//! Sessions that end without their users' doing: broken paths, drains, losses at once.

use super::cohort::{Kind, NOBODY, Row};
use super::crowds::Owner;
use super::program::Step;
use super::tracers::At;
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::binomial;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{ClientId, SiteId, SteeringId};
use crate::world::network::{AnycastId, AttachmentId, Destination};

/// Logarithm of the share that is left where the last session has ended.
const NONE_LEFT: f64 = -40.0;

/// What a sweep looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Sessions of a group whose path has carried nothing since it began.
    Broken(u32),
    /// Sessions of a group that the routes lead to another site of its anycast name, whose resets
    /// end them at their next keepalive.
    Strayed(u32),
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
    pub(super) fn sweep_broken(&mut self, now: SimTime, scene: &mut Scene) {
        let network = &scene.world.network;
        let (mut some_broken, mut begins) = (false, false);
        for (pair, since) in self.broken_since.iter_mut().enumerate() {
            let broken = network.paths_now(pair).any(|path| !path.carries && path.share > 1e-9);
            some_broken |= broken;
            begins |= broken && since.is_none();
            *since = if broken { since.or(Some(now)) } else { None };
        }
        if begins {
            self.go_home();
        }
        let epochs = scene.world.catchment_epochs();
        let strayed = std::mem::replace(&mut self.catchments, epochs) != epochs;
        if strayed {
            self.follow_names(now.0, scene);
        }
        for group in 0..scene.world.population.groups.len() {
            let client = scene.world.population.groups[group].client.index();
            let Some((keepalive, lost_after)) = scene.world.session_of_client[client] else {
                continue;
            };
            let group = group as u32;
            if let Some(wait) = lost_after.filter(|_| some_broken) {
                self.begin_sweep(Target::Broken(group), keepalive, wait, now, scene);
            }
            if strayed && scene.world.anycast_of_client[client].is_some() {
                let target = Target::Strayed(group);
                self.begin_sweep(target, keepalive, SimDuration::ZERO, now, scene);
            }
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
        for crowd in &mut self.crowds {
            let Owner::Group(number) = crowd.owner else { continue };
            let group = &scene.world.population.groups[number as usize];
            let name = scene.world.steering_of_client[group.client.index()];
            let Some(from) = crowd.attachment().filter(|_| group.sessions) else { continue };
            let anycast = scene.world.anycast_of_client[group.client.index()];
            let flows = crowd.flows;
            for cell in &mut crowd.cells {
                for site in 0..scene.world.sites {
                    let id = SiteId(site as u32);
                    let share = match target {
                        Target::Broken(of) if of == number => {
                            broken(from, (anycast, id), flows, scene)
                        }
                        Target::Strayed(of) if of == number => {
                            f64::from(u8::from(cell.answered != id))
                        }
                        Target::Moved(of) if of == name => {
                            let answer = cell.authoritative(&scene.world.steering[name.index()]);
                            f64::from(u8::from(answer != id))
                        }
                        Target::Site(drained) => f64::from(u8::from(drained == id)),
                        _ => 0.0,
                    };
                    let found = binomial(&mut self.draws, cell.signed[site], share);
                    if found > 0 {
                        any = true;
                        cell.swept.push((self.sweeps.len() as u32 - 1, site as u32, found));
                    }
                }
            }
        }
        if any {
            self.sweeping.push(number);
        }
    }

    /// A name has a new answer: drains that run leave the sessions that it moves back, and come to
    /// those that it moves, but for the share that they have passed.
    pub(super) fn drains_follow(&mut self, name: usize, now: u64, scene: &Scene) {
        let state = &scene.world.steering[name];
        let before = SimTime(state.latest().0.saturating_sub(1));
        for &number in &self.sweeping {
            let sweep = self.sweeps[number as usize];
            if !matches!(sweep.target, Target::Moved(of) if of.index() == name) {
                continue;
            }
            let left = (sweep.from + sweep.span).saturating_sub(now) as f64 / sweep.span as f64;
            for crowd in &mut self.crowds {
                let Owner::Group(group) = crowd.owner else { continue };
                let client = scene.world.population.groups[group as usize].client.index();
                if scene.world.steering_of_client[client].index() != name {
                    continue;
                }
                for cell in &mut crowd.cells {
                    let (was, is) = (cell.answered_at(state, before), cell.authoritative(state));
                    if was != is {
                        cell.swept.retain(|&(of, site, _)| (of, site) != (number, is.0));
                        let sessions = cell.signed[was.index()];
                        let found = binomial(&mut self.draws, sessions, left.min(1.0));
                        cell.swept.push((number, was.0, found));
                    }
                }
            }
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
        for crowd in 0..self.crowds.len() {
            for cell in 0..self.crowds[crowd].cells.len() {
                let mut place = 0;
                while place < self.crowds[crowd].cells[cell].swept.len() {
                    let (of, site, left) = self.crowds[crowd].cells[cell].swept[place];
                    if of != number {
                        place += 1;
                        continue;
                    }
                    let n = binomial(&mut self.draws, left, share);
                    let here = &mut self.crowds[crowd].cells[cell];
                    here.swept[place].2 -= n;
                    if share >= 1.0 || left == n {
                        here.swept.swap_remove(place);
                    } else {
                        place += 1;
                    }
                    let n = n.min(here.signed[site as usize]);
                    let site = SiteId(site);
                    match sweep.target {
                        Target::Broken(group) => {
                            let pair = self.pair_of(crowd, group, site, scene);
                            if self.broken_since[pair].is_none_or(|since| since > sweep.began) {
                                continue;
                            }
                            scene.recorder.sessions_lost += n;
                        }
                        Target::Strayed(_) => {
                            if self.crowds[crowd].cells[cell].answered == site {
                                continue;
                            }
                            scene.recorder.sessions_lost += n;
                        }
                        Target::Moved(_) | Target::Site(_) => {}
                    }
                    self.end_sessions((crowd as u32, cell), site, n, step.middle(), scene);
                }
            }
        }
    }

    /// The region pair that a crowd's sessions at a site go by.
    fn pair_of(&self, crowd: usize, group: u32, site: SiteId, scene: &Scene) -> usize {
        let client = scene.world.population.groups[group as usize].client;
        let anycast = scene.world.anycast_of_client[client.index()];
        let from = self.crowds[crowd].attachment().expect("a group's crowd hangs on a router");
        let to = anycast.map_or(Destination::Site(site), Destination::Name);
        scene.world.network.region_pair_to(from, to)
    }

    /// A share of the sessions is lost at once.
    pub(super) fn sessions_lost(
        &mut self,
        client: Option<ClientId>,
        site: Option<SiteId>,
        share: f64,
        now: SimTime,
        scene: &mut Scene,
    ) {
        for crowd in 0..self.crowds.len() {
            let Owner::Group(group) = self.crowds[crowd].owner else { continue };
            let group = &scene.world.population.groups[group as usize];
            if client.is_some_and(|client| client != group.client) {
                continue;
            }
            for cell in 0..self.crowds[crowd].cells.len() {
                for at in 0..scene.world.sites {
                    let id = SiteId(at as u32);
                    if site.is_none_or(|site| site == id) {
                        let sessions = self.crowds[crowd].cells[cell].signed[at];
                        let n = binomial(&mut self.draws, sessions, share);
                        scene.recorder.sessions_lost += n;
                        self.end_sessions((crowd as u32, cell), id, n, now, scene);
                    }
                }
            }
        }
    }

    /// Sessions end without their users' doing; the clients sign in again.
    pub(super) fn end_sessions(
        &mut self,
        (crowd, cell): (u32, usize),
        site: SiteId,
        n: u64,
        at: SimTime,
        scene: &mut Scene,
    ) {
        if n == 0 {
            return;
        }
        let here = &mut self.crowds[crowd as usize];
        let sessions = here.cells[cell].signed[site.index()];
        let out = if self.relieved { At::Idle } else { At::SigningIn(Kind::Induced.number()) };
        let states = (At::Session(site), out);
        here.trace(cell, states, (n, sessions), &mut self.draws, |_| {});
        self.close_sessions((crowd, cell), site, n, scene);
        if !self.relieved {
            self.sign_in((crowd, cell), n, Kind::Induced, at, scene);
        }
    }

    /// Takes sessions of a cell away, and keeps the share of its crowd's that is left.
    pub(super) fn close_sessions(
        &mut self,
        (crowd, cell): (u32, usize),
        site: SiteId,
        n: u64,
        scene: &mut Scene,
    ) {
        if n == 0 {
            return;
        }
        let crowd = &mut self.crowds[crowd as usize];
        let sessions = crowd.signed[site.index()];
        crowd.survival[site.index()] += match sessions.saturating_sub(n) {
            0 => NONE_LEFT,
            left => math::ln(left as f64 / sessions as f64),
        };
        crowd.cells[cell].signed[site.index()] -= n;
        crowd.signed[site.index()] -= n;
        scene.world.network.sessions_closed(site, n);
    }

    /// Share of a row's sessions at a site that have lasted since it was sent.
    pub(super) fn survived(&self, crowd: u32, site: SiteId, row: &Row) -> f64 {
        if crowd == NOBODY {
            return 1.0;
        }
        let survival = &self.crowds[crowd as usize].survival;
        match survival.get(site.index()) {
            Some(&now) if now < row.know.alive => math::exp(now - row.know.alive),
            _ => 1.0,
        }
    }
}

/// Share of the sessions at a site, from an attachment and with these flow hashes, whose path
/// carries nothing.
fn broken(
    from: AttachmentId,
    (anycast, site): (Option<AnycastId>, SiteId),
    flows: (f64, f64),
    scene: &Scene,
) -> f64 {
    let network = &scene.world.network;
    let (mut all, mut carried) = (0.0, 0.0);
    let add = |(path, share)| {
        all += share;
        carried += if network.view(path).carries { share } else { 0.0 };
    };
    match anycast {
        Some(name) => network.shares_of_name(from, name, site).for_each(add),
        None => network.shares_within(from, site, flows).for_each(add),
    }
    if all > 0.0 { 1.0 - carried / all } else { 0.0 }
}
