//! Sessions: who is signed in where, how sessions are lost, and how they come back.
//!
//! A session is a mailbox's place at a site. It ends with its user, with a drain, or by a fault
//! (`sweep.rs` finds those whose path has broken); then the client signs in again.

use super::client::{Flags, Op};
use super::sweep::Running;
use super::{Event, Exact};
use crate::kernel::slab::Held;
use crate::kernel::time::SimTime;
use crate::scenario::model::{ClientId, SiteId};
use crate::traffic::Scene;
use crate::world::World;
/// Units in which felt downtime is kept [ns]: 10 ms, for spells up to 497 days in 32 bits.
const UNIT_NS: u64 = 10_000_000;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Out,
    /// With the sign-in that is under way, once it has been sent.
    SigningIn(Option<Held>),
    At(SiteId),
}

/// One mailbox, in 24 bytes; all that one demand reads of it lies together.
#[derive(Clone, Copy, Debug)]
struct Mailbox {
    presence: Presence,
    /// First of its parked operations.
    parked: Option<Held>,
    /// In units + 1; 0: served.
    unserved_since: u32,
    last_served: u32,
    longest: u32,
}

/// State of all mailboxes, in dense arrays by mailbox number.
#[derive(Clone, Debug)]
pub struct Mailboxes {
    /// Users present, a group.
    pub(super) present: Vec<u32>,
    /// The same, before those came who come within this second.
    pub(super) came_before: Vec<u32>,
    /// Sessions, a group and site: `group * sites + site`.
    signed_in: Vec<u32>,
    pub(super) sites: usize,
    all: Vec<Mailbox>,
    sign_in_class: Vec<Option<u16>>,
    /// Demands before this are warm-up: they are not anybody's downtime.
    pub(super) measured_from: SimTime,
    pub(super) sweeps: Vec<Running>,
    /// [region pair]: since when some path between them has carried nothing.
    pub(super) broken_since: Vec<Option<SimTime>>,
    /// Epochs of the catchments, when they were looked at last.
    pub(super) catchments: usize,
}

impl Mailboxes {
    /// All mailboxes signed out and served.
    pub(super) fn new(count: u32) -> Mailboxes {
        let served = Mailbox {
            presence: Presence::Out,
            parked: None,
            unserved_since: 0,
            last_served: 0,
            longest: 0,
        };
        Mailboxes {
            present: Vec::new(),
            came_before: Vec::new(),
            signed_in: Vec::new(),
            sites: 0,
            all: vec![served; count as usize],
            sign_in_class: Vec::new(),
            measured_from: SimTime::ZERO,
            sweeps: Vec::new(),
            broken_since: Vec::new(),
            catchments: 0,
        }
    }

    #[inline]
    pub(super) fn signed_in(&self, mailbox: u32) -> bool {
        matches!(self.all[mailbox as usize].presence, Presence::At(_))
    }

    #[inline]
    pub(super) fn site(&self, mailbox: u32) -> Option<SiteId> {
        match self.all[mailbox as usize].presence {
            Presence::At(site) => Some(site),
            _ => None,
        }
    }

    pub(super) fn parked(&self, mailbox: u32) -> Option<Held> {
        self.all[mailbox as usize].parked
    }

    pub(super) fn set_parked(&mut self, mailbox: u32, key: Option<Held>) {
        self.all[mailbox as usize].parked = key;
    }

    /// A demand of this intended start was served.
    #[inline]
    pub(super) fn served(&mut self, mailbox: u32, intended: SimTime) {
        let unit = unit_of(intended);
        let mailbox = &mut self.all[mailbox as usize];
        mailbox.last_served = mailbox.last_served.max(unit);
        let since = mailbox.unserved_since;
        if since != 0 && unit >= since {
            mailbox.longest = mailbox.longest.max((unit - since).max(1));
            mailbox.unserved_since = 0;
        }
    }

    /// A demand of this intended start was not served.
    #[inline]
    pub(super) fn not_served(&mut self, mailbox: u32, intended: SimTime, measured: bool) {
        if !measured {
            return;
        }
        let unit = unit_of(intended);
        let mailbox = &mut self.all[mailbox as usize];
        if mailbox.last_served > unit {
            // Known only now: a later demand was served in the meantime.
            mailbox.longest = mailbox.longest.max(mailbox.last_served - unit);
        } else if mailbox.unserved_since == 0 || unit < mailbox.unserved_since {
            mailbox.unserved_since = unit;
        }
    }

    /// Longest felt downtime of every affected mailbox [s], and whether it was still going on at
    /// `end` (censored).
    pub fn felt_downtime(&self, end: SimTime) -> impl Iterator<Item = (f64, bool)> + '_ {
        let end = unit_of(end);
        self.all.iter().filter_map(move |&Mailbox { longest, unserved_since: since, .. }| {
            let open = if since == 0 { 0 } else { end.saturating_sub(since).max(1) };
            let spell = longest.max(open);
            let seconds = f64::from(spell) * (UNIT_NS as f64 / 1e9);
            (spell > 0).then_some((seconds, open >= longest && open > 0))
        })
    }
}

fn unit_of(at: SimTime) -> u32 {
    (at.0 / UNIT_NS + 1).min(u64::from(u32::MAX)) as u32
}

impl Exact {
    /// The users present at t = 0 are signed in where their name sends them.
    pub(super) fn sign_in_initially(&mut self, world: &mut World) {
        let population = &world.population;
        let sites = world.sites;
        self.mailboxes.sites = sites;
        self.mailboxes.signed_in = vec![0; population.groups.len() * sites];
        self.mailboxes.broken_since = vec![None; world.network.region_pairs()];
        self.mailboxes.catchments = world.catchment_epochs();
        self.mailboxes.measured_from = world.measured_from;
        for (index, group) in population.groups.iter().enumerate() {
            let present = population.present(group, SimTime::ZERO);
            self.mailboxes.present.push(present);
            self.mailboxes.came_before.push(present);
            let sign_in = self.plan.classes.iter().position(|class| {
                class.signs_in
                    && class.kind == crate::world::population::ClassKind::Group(index as u32)
            });
            self.mailboxes.sign_in_class.push(sign_in.map(|class| class as u16));
            if !group.sessions {
                continue;
            }
            for mailbox in group.first..group.first + present {
                let site = world.home_of(group, population.luck(mailbox));
                self.mailboxes.all[mailbox as usize].presence = Presence::At(site);
                self.mailboxes.signed_in[index * sites + site.index()] += 1;
                world.network.session_opened(site);
            }
        }
    }

    /// Moves every group's presence to what its curve says: users who come sign in within the next
    /// second, those who go are signed out.
    pub(super) fn users_come_and_go(&mut self, now: SimTime, scene: &mut Scene) {
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            if !group.sessions {
                continue;
            }
            let (first, client) = (group.first, index as u16);
            let before = self.mailboxes.present[index];
            let after = scene.world.population.present(group, now);
            self.mailboxes.present[index] = after;
            self.mailboxes.came_before[index] = before.min(after);
            for number in before..after {
                let part = f64::from(number - before) / f64::from(after - before);
                let at = now + super::demand::CELL.mul_f64(part);
                let mailbox = first + number;
                self.calendar.push(at, Event::SignIn { mailbox, group: client });
            }
            for number in after..before {
                self.user_left(first + number, index, now, scene);
            }
        }
    }

    /// A user has come: the client signs in, and that is a demand.
    pub(super) fn user_came(&mut self, mailbox: u32, group: u16, now: SimTime, scene: &mut Scene) {
        if self.mailboxes.all[mailbox as usize].presence == Presence::Out
            && self.user_is_present(mailbox, u32::from(group), scene)
        {
            if let Some(class) = self.mailboxes.sign_in_class[group as usize]
                && let Some(cell) = scene.recorder.cell(class as usize, now)
            {
                cell.demand += 1;
            }
            self.sign_in(mailbox, u32::from(group), Flags::DEMANDED, now, scene);
        }
    }

    pub(super) fn user_is_present(&self, mailbox: u32, group: u32, scene: &Scene) -> bool {
        let first = scene.world.population.groups[group as usize].first;
        mailbox - first < self.mailboxes.present[group as usize]
    }

    fn user_left(&mut self, mailbox: u32, group: usize, now: SimTime, scene: &mut Scene) {
        self.discard_parked(mailbox);
        match self.mailboxes.all[mailbox as usize].presence {
            Presence::Out => {}
            Presence::SigningIn(sign_in) => {
                if let Some(key) = sign_in.and_then(|held| self.ops.key_of(held)) {
                    self.cancel(key, now, scene);
                }
            }
            Presence::At(site) => self.close(group, site, scene),
        }
        self.mailboxes.all[mailbox as usize].presence = Presence::Out;
    }

    fn close(&mut self, group: usize, site: SiteId, scene: &mut Scene) {
        self.mailboxes.signed_in[group * self.mailboxes.sites + site.index()] -= 1;
        scene.world.network.session_closed(site);
    }

    fn sign_in(&mut self, mailbox: u32, group: u32, flags: Flags, now: SimTime, scene: &mut Scene) {
        let Some(class) = self.mailboxes.sign_in_class[group as usize] else { return };
        // Keyed by mailbox and time, so that no other sign-in's luck moves with this one.
        let luck = scene.world.population.luck(mailbox).derive(now.0);
        self.mailboxes.all[mailbox as usize].presence = Presence::SigningIn(None);
        let key = self.begin(Op::new(class, mailbox, luck, now, flags), now, scene);
        // An attempt can have failed for good at once; then nothing is under way.
        if self.ops.contains(key) {
            self.mailboxes.all[mailbox as usize].presence =
                Presence::SigningIn(Some(Held::of(key)));
        }
    }

    /// Signs a mailbox in again whose session is gone, if its user is there and nothing of the
    /// kind is under way.
    pub(super) fn sign_in_again(
        &mut self,
        mailbox: u32,
        group: u32,
        now: SimTime,
        scene: &mut Scene,
    ) {
        let out = self.mailboxes.all[mailbox as usize].presence == Presence::Out;
        if out && !self.relieved && self.user_is_present(mailbox, group, scene) {
            self.sign_in(mailbox, group, Flags::INDUCED, now, scene);
        }
    }

    /// A sign-in was answered.
    pub(super) fn signed_in(
        &mut self,
        mailbox: u32,
        group: u32,
        site: SiteId,
        at: SimTime,
        scene: &mut Scene,
    ) {
        self.mailboxes.all[mailbox as usize].presence = Presence::At(site);
        self.mailboxes.signed_in[group as usize * self.mailboxes.sites + site.index()] += 1;
        scene.world.network.session_opened(site);
        self.unpark(mailbox, at, scene);
    }

    /// A sign-in has given up: the mailbox stays out until its user wants something.
    pub(super) fn sign_in_ended(&mut self, mailbox: u32) {
        self.mailboxes.all[mailbox as usize].presence = Presence::Out;
    }

    /// A session ends without its user's doing; the client signs in again.
    pub(super) fn end_session(
        &mut self,
        mailbox: u32,
        group: usize,
        site: SiteId,
        now: SimTime,
        scene: &mut Scene,
    ) {
        self.close(group, site, scene);
        self.mailboxes.all[mailbox as usize].presence = Presence::Out;
        self.sign_in_again(mailbox, group as u32, now, scene);
    }

    /// A share of the sessions is lost at once, drawn by each mailbox's luck.
    pub(super) fn sessions_lost(
        &mut self,
        client: Option<ClientId>,
        site: Option<SiteId>,
        share: f64,
        now: SimTime,
        scene: &mut Scene,
    ) {
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            if !group.sessions || client.is_some_and(|client| client != group.client) {
                continue;
            }
            let first = group.first;
            for mailbox in first..first + self.mailboxes.present[index] {
                let Some(at) = self.mailboxes.site(mailbox) else { continue };
                let luck = scene.world.population.luck(mailbox);
                let drawn = luck.derive(now.0).uniform(0) < share;
                if drawn && site.is_none_or(|site| site == at) {
                    scene.recorder.sessions_lost += 1;
                    self.end_session(mailbox, index, at, now, scene);
                }
            }
        }
    }

    /// Takes the sustaining load away from a state, for the question whether it is metastable:
    /// no retry from here on, whoever is signed out is signed in at once, without a request, and
    /// look-aside caches are full: an empty one that cannot refill sustains an overload as retries
    /// do (Bronson et al., HotOS 2021, section 2).
    pub fn relieve(&mut self, now: SimTime, scene: &mut Scene) {
        self.relieved = true;
        self.caches.iter_mut().for_each(|sites| sites.fill(1.0));
        for index in 0..scene.world.population.groups.len() {
            let group = &scene.world.population.groups[index];
            if !group.sessions {
                continue;
            }
            let first = group.first;
            for mailbox in first..first + self.mailboxes.present[index] {
                if self.mailboxes.signed_in(mailbox) {
                    continue;
                }
                let presence = self.mailboxes.all[mailbox as usize].presence;
                if let Presence::SigningIn(Some(held)) = presence
                    && let Some(key) = self.ops.key_of(held)
                {
                    self.cancel(key, now, scene);
                }
                let luck = scene.world.population.luck(mailbox);
                let site = scene.world.home_of(&scene.world.population.groups[index], luck);
                self.discard_parked(mailbox);
                self.signed_in(mailbox, index as u32, site, now, scene);
            }
        }
    }

    /// Sessions of a client at each site, and its users present.
    pub fn sessions_of(&self, client: ClientId, world: &World) -> (Vec<u32>, u32) {
        let mut at = vec![0; self.mailboxes.sites];
        let mut present = 0;
        for (index, group) in world.population.groups.iter().enumerate() {
            if group.client == client {
                present += self.mailboxes.present[index];
                for (site, count) in at.iter_mut().enumerate() {
                    *count += self.mailboxes.signed_in[index * self.mailboxes.sites + site];
                }
            }
        }
        (at, present)
    }

    /// Users present, a group (all mailboxes, for clients without sessions).
    pub fn present(&self) -> &[u32] {
        &self.mailboxes.present
    }

    /// See [`Mailboxes::felt_downtime`].
    pub fn felt_downtime(&self, end: SimTime) -> impl Iterator<Item = (f64, bool)> + '_ {
        self.mailboxes.felt_downtime(end)
    }
}
