//! Sweeps: sessions that end because their path broke, their site drains or their name moved.
//!
//! Keepalives are no requests: a broken path is found at a uniform phase within `keepalive`, plus
//! `lost_after`. So a break starts a *sweep* over the mailboxes in slices, by number modulo a
//! number of slices that leaves one or few to each: many at once would be turned away together
//! where a queue has room for one. No event waits for each session. Drains are sweeps too.

use super::{Event, Exact};
use crate::kernel::defect::planted;
use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{SiteId, SteeringId};
use crate::traffic::Scene;
use crate::world::network::{AttachmentId, Destination, PathId};
use crate::world::steering::tag;

/// Slices of a sweep at the most: a keepalive of 60 s is found out in steps of a millisecond.
const SLICES_MAX: u32 = 1 << 16;

/// Slices of a sweep over so many mailboxes; a power of two.
fn slices_of(mailboxes: u32) -> u32 {
    mailboxes.clamp(1, SLICES_MAX).next_power_of_two()
}

/// The mailboxes that slice `slice` of so many (a power of two) comes to, by number modulo that.
///
/// The golden ratio of the whole, made odd, as a step: each is come to once, and whoever is present
/// (the first by number) evenly over the sweep (Knuth, The Art of Computer Programming, volume 3,
/// 2nd ed., section 6.4: Fibonacci hashing).
fn residue_of(slice: u32, slices: u32) -> u32 {
    let step = (f64::from(slices) * 0.618_033_988_749_894_9) as u32 | 1;
    slice.wrapping_mul(step) & (slices - 1)
}

/// What a sweep looks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Sessions of a group whose path carries nothing, since this time at least.
    Broken { group: u32, since: SimTime },
    /// Sessions of a group that the routes lead to another site of its anycast name, whose resets
    /// end them at their next keepalive.
    Strayed { group: u32 },
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
    /// Slices of the largest group; a smaller one is come to by every so many.
    slices: u32,
}

impl Exact {
    /// Some path changed: pairs that newly carry nothing are swept for their sessions.
    pub(super) fn paths_changed(&mut self, now: SimTime, scene: &mut Scene) {
        let network = &scene.world.network;
        let mut newly_broken = false;
        for (pair, since) in self.mailboxes.broken_since.iter_mut().enumerate() {
            let broken = network.paths_now(pair).any(|path| !path.carries);
            newly_broken |= broken;
            *since = if broken { since.or(Some(now)) } else { None };
        }
        newly_broken &= !planted("sessions-outlive-their-path");
        let epochs = scene.world.catchment_epochs();
        let strayed = std::mem::replace(&mut self.mailboxes.catchments, epochs) != epochs;
        for index in 0..scene.world.population.groups.len() {
            let client = scene.world.population.groups[index].client.index();
            let Some((keepalive, lost_after)) = scene.world.session_of_client[client] else {
                continue;
            };
            let group = index as u32;
            if let Some(wait) = lost_after.filter(|_| newly_broken) {
                let target = Target::Broken { group, since: now };
                self.begin_sweep(Sweep { target, span: keepalive, wait }, now, scene);
            }
            if strayed && scene.world.anycast_of_client[client].is_some() {
                let target = Target::Strayed { group };
                let wait = SimDuration::ZERO;
                self.begin_sweep(Sweep { target, span: keepalive, wait }, now, scene);
            }
        }
    }

    /// Begins a sweep: its first slice is scheduled, each schedules the next.
    pub(super) fn begin_sweep(&mut self, sweep: Sweep, now: SimTime, scene: &Scene) {
        let number = self.mailboxes.sweeps.len() as u32;
        let groups = scene.world.population.groups.iter();
        let slices = groups.map(|group| slices_of(group.count)).max().unwrap_or(1);
        self.mailboxes.sweeps.push(Running { sweep, began: now, slices });
        self.schedule_slice(number, 0);
    }

    fn schedule_slice(&mut self, number: u32, slice: u32) {
        let Running { sweep, began, slices } = self.mailboxes.sweeps[number as usize];
        // A slice is come to in the middle of its time.
        let part = (f64::from(slice) + 0.5) / f64::from(slices);
        let due = began + sweep.wait + sweep.span.mul_f64(part);
        self.calendar.push(due, Event::Sweep { sweep: number, slice });
    }

    /// One slice of a sweep.
    pub(super) fn sweep_due(&mut self, number: u32, slice: u32, now: SimTime, scene: &mut Scene) {
        let Running { sweep: Sweep { target, .. }, slices, .. } =
            self.mailboxes.sweeps[number as usize];
        if slice + 1 < slices {
            self.schedule_slice(number, slice + 1);
        }
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            let of_group = match target {
                Target::Broken { group, .. } | Target::Strayed { group } => group as usize == index,
                Target::Moved(name) => scene.world.steering_of_client[group.client.index()] == name,
                Target::Site(_) => true,
            };
            if !of_group || !group.sessions {
                continue;
            }
            let own = slices_of(group.count);
            let every = slices / own;
            if slice % every != every / 2 {
                continue;
            }
            let residue = residue_of(slice / every, own);
            let present = self.mailboxes.present[index];
            let first = group.first;
            for mailbox in (first + residue..first + present).step_by(own as usize) {
                let Some(site) = self.mailboxes.site(mailbox) else { continue };
                if self.is_hit(target, mailbox, index, site, scene) {
                    let lost = matches!(target, Target::Broken { .. } | Target::Strayed { .. });
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
                let (path, pair) = way_of(group, luck, site, scene);
                self.mailboxes.broken_since[pair].is_some_and(|broken| broken <= since)
                    && !scene.world.network.view(path).carries
            }
            Target::Strayed { .. } => {
                let (path, _) = way_of(group, luck, site, scene);
                let network = &scene.world.network;
                network.view(path).carries && network.site_of(path) != site
            }
        }
    }
}

/// The path of a mailbox's session at a site, and the region pair that it belongs to.
fn way_of(group: usize, luck: Luck, site: SiteId, scene: &Scene) -> (PathId, usize) {
    let (population, network) = (&scene.world.population, &scene.world.network);
    let group = &population.groups[group];
    let from = AttachmentId(population.attachment(group, luck));
    let flow = luck.bits(tag::FLOW);
    match scene.world.anycast_of_client[group.client.index()] {
        None => {
            let pair = network.region_pair_to(from, Destination::Site(site));
            (network.path(from, site, flow), pair)
        }
        Some(name) => {
            let pair = network.region_pair_to(from, Destination::Name(name));
            (network.path_to_name(from, name, flow), pair)
        }
    }
}
