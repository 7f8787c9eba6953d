//! Sessions: who is signed in where, how sessions are lost, and how they come back.
//!
//! A session is a mailbox's place at a site. It ends with its user, with a drain, or by a fault
//! (`sweep.rs` finds those whose path has broken); then the client signs in again.

use super::op::{Flags, Op};
use super::sweep::Running;
use super::{Event, Exact};
use crate::kernel::slab::{Held, Key};
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

/// A [`Presence`] in 4 bytes: what it is in the lowest two bits, above them where, or 1 more than
/// the place of the sign-in (0: none yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed(u32);

impl Packed {
    const OUT: Packed = Packed(0);
    const AT: u32 = 1;
    const SIGNING_IN: u32 = 2;

    /// # Panics
    /// When over a billion operations are in progress.
    #[inline]
    fn of(presence: Presence) -> Packed {
        let (what, number) = match presence {
            Presence::Out => return Packed::OUT,
            Presence::At(site) => (Packed::AT, site.0),
            Presence::SigningIn(held) => {
                (Packed::SIGNING_IN, held.map_or(0, |held| held.index() + 1))
            }
        };
        assert!(number < 1 << 30, "too many operations in progress");
        Packed(number << 2 | what)
    }

    #[inline]
    fn presence(self) -> Presence {
        let number = self.0 >> 2;
        match self.0 & 3 {
            Packed::AT => Presence::At(SiteId(number)),
            Packed::SIGNING_IN => Presence::SigningIn(number.checked_sub(1).map(Held::at)),
            _ => Presence::Out,
        }
    }
}

/// How one mailbox was served, in units since t = 0, and 12 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Felt {
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
    presence: Vec<Packed>,
    /// First of each one's parked operations; empty in a fork, in which nothing is parked.
    parked: Vec<Option<Held>>,
    /// Empty in a fork, in which nobody is followed.
    felt: Vec<Felt>,
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
        Mailboxes {
            present: Vec::new(),
            came_before: Vec::new(),
            signed_in: Vec::new(),
            sites: 0,
            presence: vec![Packed::OUT; count as usize],
            parked: vec![None; count as usize],
            felt: vec![Felt::default(); count as usize],
            sign_in_class: Vec::new(),
            measured_from: SimTime::ZERO,
            sweeps: Vec::new(),
            broken_since: Vec::new(),
            catchments: 0,
        }
    }

    /// A copy in which nothing is parked and nobody's downtime is followed, with other keys: whose
    /// sign-in has none is out.
    pub(super) fn copy_of(&self, key: impl Fn(Held) -> Option<Held>) -> Mailboxes {
        let presence = self.presence.iter().map(|&packed| match packed.presence() {
            Presence::SigningIn(sign_in) => {
                let sign_in = sign_in.and_then(&key);
                sign_in.map_or(Packed::OUT, |held| Packed::of(Presence::SigningIn(Some(held))))
            }
            _ => packed,
        });
        Mailboxes {
            present: self.present.clone(),
            came_before: self.came_before.clone(),
            signed_in: self.signed_in.clone(),
            sites: self.sites,
            presence: presence.collect(),
            parked: Vec::new(),
            felt: Vec::new(),
            sign_in_class: self.sign_in_class.clone(),
            measured_from: self.measured_from,
            sweeps: self.sweeps.clone(),
            broken_since: self.broken_since.clone(),
            catchments: self.catchments,
        }
    }

    #[inline]
    pub(super) fn signed_in(&self, mailbox: u32) -> bool {
        self.presence[mailbox as usize].0 & 3 == Packed::AT
    }

    #[inline]
    pub(super) fn site(&self, mailbox: u32) -> Option<SiteId> {
        match self.presence(mailbox) {
            Presence::At(site) => Some(site),
            _ => None,
        }
    }

    #[inline]
    fn presence(&self, mailbox: u32) -> Presence {
        self.presence[mailbox as usize].presence()
    }

    #[inline]
    fn set_presence(&mut self, mailbox: u32, presence: Presence) {
        self.presence[mailbox as usize] = Packed::of(presence);
    }

    /// Parks an operation before those of its mailbox that are parked already: hands back the
    /// first of these.
    pub(super) fn park(&mut self, mailbox: u32, op: Held) -> Option<Held> {
        self.parked[mailbox as usize].replace(op)
    }

    /// Takes the first of the parked operations of a mailbox, to which the others are linked.
    pub(super) fn unpark(&mut self, mailbox: u32) -> Option<Held> {
        self.parked.get_mut(mailbox as usize)?.take()
    }

    /// A demand of this intended start was served.
    #[inline]
    pub(super) fn served(&mut self, mailbox: u32, intended: SimTime) {
        let Some(felt) = self.felt.get_mut(mailbox as usize) else { return };
        let unit = unit_of(intended);
        felt.last_served = felt.last_served.max(unit);
        let since = felt.unserved_since;
        if since != 0 && unit >= since {
            felt.longest = felt.longest.max((unit - since).max(1));
            felt.unserved_since = 0;
        }
    }

    /// A demand of this intended start was not served.
    #[inline]
    pub(super) fn not_served(&mut self, mailbox: u32, intended: SimTime, measured: bool) {
        let Some(felt) = self.felt.get_mut(mailbox as usize).filter(|_| measured) else { return };
        let unit = unit_of(intended);
        if felt.last_served > unit {
            // Known only now: a later demand was served in the meantime.
            felt.longest = felt.longest.max(felt.last_served - unit);
        } else if felt.unserved_since == 0 || unit < felt.unserved_since {
            felt.unserved_since = unit;
        }
    }

    /// Longest felt downtime of every affected mailbox [s], and whether it was still going on at
    /// `end` (censored).
    pub fn felt_downtime(&self, end: SimTime) -> impl Iterator<Item = (f64, bool)> + '_ {
        let end = unit_of(end);
        self.felt.iter().filter_map(move |&Felt { longest, unserved_since: since, .. }| {
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
                self.mailboxes.set_presence(mailbox, Presence::At(site));
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
            let first = group.first;
            let before = self.mailboxes.present[index];
            let after = scene.world.population.present(group, now);
            self.mailboxes.present[index] = after;
            self.mailboxes.came_before[index] = before.min(after);
            for number in before..after {
                let part = f64::from(number - before) / f64::from(after - before);
                let at = now + super::demand::CELL.mul_f64(part);
                let mailbox = first + number;
                self.calendar.push(at, Event::SignIn { mailbox, group: index as u32 });
            }
            for number in after..before {
                self.user_left(first + number, index, now, scene);
            }
        }
    }

    /// A user has come: the client signs in, and that is a demand.
    pub(super) fn user_came(&mut self, mailbox: u32, group: u32, now: SimTime, scene: &mut Scene) {
        if self.mailboxes.presence(mailbox) == Presence::Out
            && self.user_is_present(mailbox, group, scene)
        {
            if let Some(class) = self.mailboxes.sign_in_class[group as usize]
                && let Some(cell) = scene.recorder.cell(class as usize, now)
            {
                cell.demand += 1;
            }
            self.sign_in(mailbox, group, Flags::DEMANDED, now, scene);
        }
    }

    pub(super) fn user_is_present(&self, mailbox: u32, group: u32, scene: &Scene) -> bool {
        let first = scene.world.population.groups[group as usize].first;
        mailbox - first < self.mailboxes.present[group as usize]
    }

    fn user_left(&mut self, mailbox: u32, group: usize, now: SimTime, scene: &mut Scene) {
        self.discard_parked(mailbox);
        if let Some(site) = self.mailboxes.site(mailbox) {
            self.close(group, site, scene);
        } else if let Some(key) = self.sign_in_of(mailbox) {
            self.cancel(key, now, scene);
        }
        self.mailboxes.set_presence(mailbox, Presence::Out);
    }

    /// The sign-in of a mailbox that is under way or backs off.
    pub(super) fn sign_in_of(&self, mailbox: u32) -> Option<Key> {
        match self.mailboxes.presence(mailbox) {
            Presence::SigningIn(Some(held)) => self.ops.key_of(held),
            _ => None,
        }
    }

    fn close(&mut self, group: usize, site: SiteId, scene: &mut Scene) {
        self.mailboxes.signed_in[group * self.mailboxes.sites + site.index()] -= 1;
        scene.world.network.session_closed(site);
    }

    fn sign_in(&mut self, mailbox: u32, group: u32, flags: Flags, now: SimTime, scene: &mut Scene) {
        let Some(class) = self.mailboxes.sign_in_class[group as usize] else { return };
        // Keyed by mailbox and time, so that no other sign-in's luck moves with this one.
        let luck = scene.world.population.luck(mailbox).derive(now.0);
        self.mailboxes.set_presence(mailbox, Presence::SigningIn(None));
        let key = self.begin(class, Op::new(mailbox, luck, now, flags), now, scene);
        // An attempt can have failed for good at once; then nothing is under way.
        if self.ops.contains(key) {
            self.mailboxes.set_presence(mailbox, Presence::SigningIn(Some(Held::of(key))));
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
        let out = self.mailboxes.presence(mailbox) == Presence::Out;
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
        self.mailboxes.set_presence(mailbox, Presence::At(site));
        self.mailboxes.signed_in[group as usize * self.mailboxes.sites + site.index()] += 1;
        scene.world.network.session_opened(site);
        self.unpark(mailbox, at, scene);
    }

    /// A sign-in has given up: the mailbox stays out until its user wants something.
    pub(super) fn sign_in_ended(&mut self, mailbox: u32) {
        self.mailboxes.set_presence(mailbox, Presence::Out);
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
        self.mailboxes.set_presence(mailbox, Presence::Out);
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
