//! The small states that belong to no network and no station: stores, throttles, demand factors.

use crate::kernel::sample::Distribution;
use crate::kernel::stream::{Luck, RootSeed};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{OperationId, Scenario, ServiceId, SiteId, Store};

/// Where each database of a store is active.
#[derive(Clone, Debug)]
pub struct StoreState {
    name: String,
    /// The service in front of it.
    pub service: ServiceId,
    /// [database]: the site of its active copy.
    pub active: Vec<SiteId>,
    /// [database]: not before this does the active copy answer (activation takes time).
    pub ready: Vec<SimTime>,
    /// How often copies have been activated.
    pub activations: u32,
    /// Time that it takes to activate a copy [s].
    takes: Distribution,
    seed: RootSeed,
}

impl StoreState {
    /// The stores of a scenario, each database active where its share says.
    pub fn all(scenario: &Scenario, seed: RootSeed) -> Vec<StoreState> {
        let state = |store: &Store| {
            let count = store.databases;
            let site_of = |database: u32| {
                let place = (f64::from(database) + 0.5) / f64::from(count);
                let mut upper = 0.0;
                let found = store.copies.iter().find(|copy| {
                    upper += copy.1;
                    place < upper
                });
                found.unwrap_or(&store.copies[store.copies.len() - 1]).0
            };
            StoreState {
                name: store.name.clone(),
                service: store.service,
                active: (0..count).map(site_of).collect(),
                ready: vec![SimTime::ZERO; count as usize],
                activations: 0,
                takes: store.activation.clone(),
                seed,
            }
        };
        scenario.stores.iter().map(state).collect()
    }

    /// The database of a mailbox whose draw is `draw` in 0..1.
    #[inline]
    pub fn database(&self, draw: f64) -> usize {
        (draw * self.active.len() as f64) as usize
    }

    /// What a step takes that activates a share of the databases active at a site elsewhere: the
    /// first of them, each with the time that it takes.
    ///
    /// That time is drawn for the database and the step, whenever the step is taken: so it is the
    /// same in every variant, and known beforehand to whoever has to tell databases apart.
    pub fn taken(&self, step: &str, from: SiteId, share: f64) -> Vec<(usize, SimDuration)> {
        let here = (0..self.active.len()).filter(|&database| self.active[database] == from);
        let count = (here.clone().count() as f64 * share).round() as usize;
        let luck = Luck::named(self.seed, &format!("activation/{}/{step}", self.name));
        let takes = |database: usize| self.takes.sample(luck.derive(database as u64));
        let taken = |database| (database, SimDuration::from_secs_f64(takes(database)));
        here.take(count).map(taken).collect()
    }

    /// Activates copies at a site on a step's order, each ready once its time is over; how many.
    pub fn activate(
        &mut self,
        step: &str,
        (from, to): (SiteId, SiteId),
        share: f64,
        now: SimTime,
    ) -> usize {
        let taken = self.taken(step, from, share);
        for &(database, takes) in &taken {
            self.active[database] = to;
            self.ready[database] = now + takes;
        }
        self.activations += 1;
        taken.len()
    }
}

/// Calls that fail at once: those of `from` (`None`: of all) to a service's partition (`None`: to
/// all).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The service called.
    pub service: ServiceId,
    /// The partition.
    pub partition: Option<u32>,
    /// The caller.
    pub from: Option<ServiceId>,
}

impl Isolation {
    /// Whether it cuts a caller off from a partition of a service.
    pub fn cuts(&self, from: ServiceId, service: ServiceId, partition: u32) -> bool {
        self.service == service
            && self.partition.is_none_or(|cut| cut == partition)
            && self.from.is_none_or(|cut| cut == from)
    }
}

/// A limit on the attempts of an operation that a site admits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// The operation.
    pub operation: OperationId,
    /// The site.
    pub site: SiteId,
    /// Attempts a second, at the run's scale.
    pub admit_per_s: f64,
    /// When it began.
    pub since: SimTime,
    /// Time in which it grows to twice `admit_per_s`, and then goes.
    pub ramp: Option<SimDuration>,
}

impl Throttle {
    /// Attempts admitted a second at `now`; `None` once its ramp is over.
    #[inline]
    pub fn admits_per_s(&self, now: SimTime) -> Option<f64> {
        match self.ramp {
            None => Some(self.admit_per_s),
            Some(ramp) => {
                let part = (now - self.since).0 as f64 / ramp.0 as f64;
                (part < 1.0).then_some(self.admit_per_s * (1.0 + part))
            }
        }
    }
}
