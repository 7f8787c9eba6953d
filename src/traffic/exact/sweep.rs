//! Sweeps: sessions that end because their path broke, their site drains or their name moved.
//!
//! Keepalives are no requests: a broken path is found at a uniform phase within `keepalive`, plus
//! `lost_after`. So a break starts a *sweep* over the mailboxes in slices, by number modulo the
//! number of slices, which is unrelated to presence (that goes by number from below) and to
//! steering (drawn): no event waits for each session. Drains are sweeps too.

use super::{Event, Exact};
use crate::kernel::defect::planted;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{SiteId, SteeringId};
use crate::traffic::Scene;
use crate::world::network::AttachmentId;
use crate::world::steering::tag;

/// Slices of a sweep: a keepalive of 60 s is found out in steps of 0.23 s.
const SLICES: u32 = 256;

/// What a sweep looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Sessions of a group whose path carries nothing, since this time at least.
    Broken { group: u32, since: SimTime },
    /// Sessions that the name would send elsewhere now.
    Moved(SteeringId),
    /// Sessions at a site.
    Site(SiteId),
}

/// A sweep to be begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    target: Target,
    span: SimDuration,
    wait: SimDuration,
}

impl Sweep {
    pub(super) fn moved(steering: SteeringId, over: SimDuration) -> Sweep {
        Sweep { target: Target::Moved(steering), span: over, wait: SimDuration::ZERO }
    }

    pub(super) fn site(site: SiteId, over: SimDuration) -> Sweep {
        Sweep { target: Target::Site(site), span: over, wait: SimDuration::ZERO }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    sweep: Sweep,
    began: SimTime,
}

impl Exact {
    /// Some path changed: pairs that newly carry nothing are swept for their sessions.
    pub(super) fn paths_changed(&mut self, now: SimTime, scene: &mut Scene) {
        let sites = self.mailboxes.sites;
        let mut newly_broken = false;
        for pair in 0..self.mailboxes.broken_since.len() {
            let from = AttachmentId((pair / sites) as u32);
            let to = SiteId((pair % sites) as u32);
            let network = &scene.world.network;
            let broken = !network.shares(from, to).all(|(path, _)| network.view(path).carries);
            let since = &mut self.mailboxes.broken_since[pair];
            newly_broken |= broken;
            *since = if broken { since.or(Some(now)) } else { None };
        }
        if !newly_broken || planted("sessions-outlive-their-path") {
            return;
        }
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            let Some((keepalive, lost_after)) = scene.world.session_of_client[group.client.index()]
            else {
                continue;
            };
            let target = Target::Broken { group: index as u32, since: now };
            self.begin_sweep(Sweep { target, span: keepalive, wait: lost_after }, now);
        }
    }

    /// Begins a sweep: its first slice is scheduled, each schedules the next.
    pub(super) fn begin_sweep(&mut self, sweep: Sweep, now: SimTime) {
        let number = self.mailboxes.sweeps.len() as u32;
        self.mailboxes.sweeps.push(Running { sweep, began: now });
        self.schedule_slice(number, 0);
    }

    fn schedule_slice(&mut self, number: u32, slice: u32) {
        let Running { sweep, began } = self.mailboxes.sweeps[number as usize];
        let part = f64::from(slice + 1) / f64::from(SLICES);
        let due = began + sweep.wait + sweep.span.mul_f64(part);
        self.calendar.push(due, Event::Sweep { sweep: number, slice });
    }

    /// One slice of a sweep.
    pub(super) fn sweep_due(&mut self, number: u32, slice: u32, now: SimTime, scene: &mut Scene) {
        if slice + 1 < SLICES {
            self.schedule_slice(number, slice + 1);
        }
        let target = self.mailboxes.sweeps[number as usize].sweep.target;
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            let of_group = match target {
                Target::Broken { group, .. } => group as usize == index,
                Target::Moved(name) => scene.world.steering_of_client[group.client.index()] == name,
                Target::Site(_) => true,
            };
            if !of_group || !group.sessions {
                continue;
            }
            let present = self.mailboxes.present[index];
            let first = group.first;
            for mailbox in (first + slice..first + present).step_by(SLICES as usize) {
                let Some(site) = self.mailboxes.site(mailbox) else { continue };
                if self.is_hit(target, mailbox, index, site, scene) {
                    let lost = matches!(target, Target::Broken { .. });
                    scene.recorder.sessions_lost += u64::from(lost);
                    self.end_session(mailbox, index, site, now, scene);
                }
            }
        }
    }

    /// Whether a sweep ends the session of this mailbox at this site.
    fn is_hit(
        &self,
        target: Target,
        mailbox: u32,
        group: usize,
        site: SiteId,
        scene: &Scene,
    ) -> bool {
        let population = &scene.world.population;
        let luck = population.luck(mailbox);
        match target {
            Target::Site(drained) => site == drained,
            Target::Moved(_) if planted("drain-closes-every-session") => true,
            Target::Moved(name) => scene.world.steering[name.index()].authoritative(luck) != site,
            Target::Broken { since, .. } => {
                let from = population.attachment(&population.groups[group], luck);
                let pair = from as usize * self.mailboxes.sites + site.index();
                let network = &scene.world.network;
                let path = network.path(AttachmentId(from), site, luck.bits(tag::FLOW));
                self.mailboxes.broken_since[pair].is_some_and(|broken| broken <= since)
                    && !network.view(path).carries
            }
        }
    }
}
