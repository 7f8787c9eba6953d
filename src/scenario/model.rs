//! The checked scenario: what every other room reads.
//!
//! Everything here is resolved: names have become dense identifiers, units have become seconds,
//! bits and counts, shares add up, and what the file left out has its default. A value of these
//! types can be simulated as it stands; nothing below `scenario` knows that YAML exists.
//!
//! Counts are those of the full population. A run at a scale of 1/N divides them where the world
//! is built ([`Scenario::scaled`]); times are never scaled.

pub mod action;
pub mod demand;
pub mod fault;
pub mod network;
pub mod service;
pub mod target;

pub use action::*;
pub use demand::*;
pub use fault::*;
pub use network::*;
pub use service::*;
pub use target::*;

use crate::kernel::time::{SimDuration, SimTime};
use serde::Serialize;

/// Declares a dense identifier: an index into one list of the scenario.
macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub struct $name(pub u32);
        impl $name {
            /// The identifier as an index into its list.
            #[inline]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

identifiers! {
    /// Index into [`Network::routers`].
    RouterId,
    /// Index into [`Network::links`].
    LinkId,
    /// Index into [`Network::systems`].
    SystemId,
    /// The sites' own prefixes first, in their order, then those of [`Network::prefixes`].
    PrefixId,
    /// Index into [`Network::middleboxes`].
    MiddleboxId,
    /// Index into [`Scenario::regions`].
    RegionId,
    /// Index into [`Scenario::sites`].
    SiteId,
    /// Index into [`Scenario::services`].
    ServiceId,
    /// Index into [`Scenario::clients`].
    ClientId,
    /// Index into [`Scenario::operations`].
    OperationId,
    /// Index into [`Scenario::steering`].
    SteeringId,
    /// Index into [`Scenario::stores`].
    StoreId,
    /// Index into [`Scenario::pipelines`].
    PipelineId,
    /// Index into [`Scenario::faults`].
    FaultId,
    /// Index into [`Observers::alarms`].
    AlarmId,
    /// Index into [`Scenario::runbook`].
    StepId,
}

/// One whole scenario, checked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Name of the scenario, also that of its report folder.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What it replays, and which figures nobody tuned to.
    pub description: String,
    /// Where its facts come from.
    pub sources: Vec<String>,
    /// Name of the variant that was applied, `None` for the file as it stands.
    pub variant: Option<String>,
    /// Start, length, warm-up and measuring window.
    pub clock: Clock,
    /// Root seed of every random stream.
    pub seed: u64,
    /// Number of independent repetitions (trials).
    pub seeds: u32,
    /// How the traffic is solved.
    pub fidelity: Fidelity,
    /// Denominator N of the scale 1/N: population, instances, links and buckets are divided by it.
    pub scale: u64,
    /// Routers, links, middleboxes and routing timers.
    pub network: Network,
    /// Populations of mailboxes.
    pub regions: Vec<Region>,
    /// Datacenters.
    pub sites: Vec<Site>,
    /// Tiers, with their instances at sites.
    pub services: Vec<Service>,
    /// Databases with copies at several sites.
    pub stores: Vec<Store>,
    /// Mail in transit.
    pub pipelines: Vec<Pipeline>,
    /// Kinds of client.
    pub clients: Vec<Client>,
    /// Every operation: first those of the clients, in their order, then one a pipeline.
    pub operations: Vec<Operation>,
    /// Names that clients connect to, and how each is answered.
    pub steering: Vec<Steering>,
    /// Probes, alarms and the status page.
    pub observers: Observers,
    /// What breaks.
    pub faults: Vec<Fault>,
    /// What people do about it.
    pub runbook: Vec<Step>,
    /// What recovery must reach.
    pub targets: Vec<Target>,
    /// Names of the variants that the file offers.
    pub variants: Vec<String>,
}

impl Scenario {
    /// The number of an anycast name among those of the scenario.
    pub fn anycast_number(&self, name: SteeringId) -> Option<usize> {
        self.steering[name.index()].anycast()?;
        let before = &self.steering[..name.index()];
        Some(before.iter().filter(|name| name.anycast().is_some()).count())
    }

    /// Number of anycast names.
    pub fn anycast_count(&self) -> usize {
        self.steering.iter().filter(|name| name.anycast().is_some()).count()
    }

    /// Whether some alarm or step looks at latencies while it runs.
    pub fn watches_latency(&self) -> bool {
        let of_alarms = self.observers.alarms.iter().map(|alarm| &alarm.when);
        let of_steps = self.runbook.iter().flat_map(|step| {
            let stop_if = match &step.action {
                Some(Action::Restore { stop_if, .. }) => stop_if.as_ref(),
                _ => None,
            };
            [step.when.as_ref(), step.only_if.as_ref(), stop_if].into_iter().flatten()
        });
        let is_latency = |of: &Quantity| matches!(of.measure, Measure::Latency(_));
        of_alarms.chain(of_steps).any(|condition| condition.any(&is_latency))
    }

    /// A full-population count at this run's scale 1/N, rounded to the nearest.
    pub fn scaled(&self, count: u64) -> u64 {
        (count + self.scale / 2) / self.scale
    }

    /// Slots of all instances of `service` at `site` at this run's scale, 0 if it is not there.
    pub fn slots(&self, service: ServiceId, site: SiteId) -> u64 {
        let service = &self.services[service.index()];
        let here = service.sites.iter().find(|placement| placement.site == site);
        here.map_or(0, |p| self.scaled(p.instances * u64::from(service.concurrency)))
    }

    /// Name of a prefix: that of its site, or its own.
    pub fn prefix_name(&self, prefix: PrefixId) -> &str {
        match self.sites.get(prefix.index()) {
            Some(site) => &site.name,
            None => &self.network.prefixes[prefix.index() - self.sites.len()].name,
        }
    }

    /// End of the simulation, from t = 0 (warm-up included).
    pub fn end(&self) -> SimTime {
        SimTime::ZERO + self.clock.warmup + self.clock.duration
    }

    /// The first measured instant, from t = 0.
    pub fn start(&self) -> SimTime {
        SimTime::ZERO + self.clock.warmup
    }
}

/// Start, length and windows of a run. `t = 0` is `start` minus `warmup`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Clock {
    /// The first measured instant, as written (RFC 9557).
    pub start: String,
    /// `start` as seconds since 1970-01-01T00:00Z [s].
    pub start_unix_s: i64,
    /// Time zone of the scenario, an IANA name.
    pub time_zone: String,
    /// Offset of the scenario's zone from UTC at `start` [s].
    pub utc_offset_s: i64,
    /// Measured length.
    pub duration: SimDuration,
    /// Simulated before `start`, not measured. Default 10 minutes.
    pub warmup: SimDuration,
    /// Measuring window. Default 10 s.
    pub window: SimDuration,
}

/// How the traffic is solved (DESIGN.md, section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// `exact` where the expected number of requests is small enough, else `flow` where it can.
    Auto,
    /// Every request is its own sequence of events.
    Exact,
    /// All requests in counts.
    Flow,
}

/// A datacenter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Site {
    /// Name.
    pub name: String,
    /// The router that it hangs on.
    pub router: RouterId,
}
