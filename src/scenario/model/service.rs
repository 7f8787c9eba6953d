//! Services, the calls between them, stores and pipelines, resolved.

use super::{OperationId, Retry, ServiceId, SiteId};
use crate::kernel::sample::Distribution;
use crate::kernel::time::SimDuration;
use serde::Serialize;

/// A tier: one pooled station a site (and partition).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    /// Name.
    pub name: String,
    /// Where its instances are.
    pub sites: Vec<Placement>,
    /// Requests that one instance works on at once.
    pub concurrency: u32,
    /// Work of one request, without waiting.
    pub service_time: Distribution,
    /// Where requests wait.
    pub queue: Queue,
    /// What becomes of work whose caller has gone.
    pub abandoned_work: AbandonedWork,
    /// Whether a slot is held while the request waits for its calls.
    pub while_calling: WhileCalling,
    /// Partitions by mailbox (1: not partitioned): each site's slots and queue are divided evenly.
    pub partitions: u32,
    /// Slowness after a restart or after capacity was added, `None`: warm at once.
    pub warm_up: Option<WarmUp>,
    /// What it calls, in order.
    pub calls: Vec<Call>,
}

/// Instances of a service at a site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placement {
    /// The site.
    pub site: SiteId,
    /// Instances at full size.
    pub instances: u64,
}

/// The queue of a station.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Queue {
    /// Requests that may wait, an instance; `None`: no limit.
    pub limit: Option<u32>,
    /// Who is served next.
    pub discipline: Discipline,
}

/// Who is served next.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Discipline {
    /// First come, first served.
    Fifo,
    /// Last come, first served (without preemption).
    Lifo,
    /// FIFO that rejects what waited over `target` once waits have been over it for `interval`
    /// (after CoDel, RFC 8289; the interval-minimum rule as adapted for servers by Maurer 2015).
    Codel {
        /// Wait that is acceptable for long.
        target: SimDuration,
        /// How long it may be exceeded before rejecting begins.
        interval: SimDuration,
    },
    /// These operations before all others; FIFO within each class.
    Priority {
        /// The operations that go first.
        first: Vec<OperationId>,
    },
}

/// What becomes of work whose caller has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AbandonedWork {
    /// The work goes on everywhere, at full cost.
    Continues,
    /// What waits is dropped at once everywhere and calls nobody any more; work in a slot runs to
    /// its end (a server looks at the deadline when it picks work up).
    Dropped,
}

/// What a request does with its slot while it waits for its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhileCalling {
    /// Holds it until the last call returned or gave up.
    Hold,
    /// Gives it back when its own work is done.
    Release,
}

/// Slowness of new or restarted capacity: the factor falls linearly to 1 over `over`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WarmUp {
    /// Factor on the service time right after the start.
    pub slowdown: f64,
    /// Time until it is 1.
    pub over: SimDuration,
}

/// A call from one service to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// The service called: at the caller's site if it is there, else at the nearest site that has
    /// it; a store's service always where the mailbox's database is active.
    pub service: ServiceId,
    /// The operations it is made for; empty: all.
    pub operations: Vec<OperationId>,
    /// How many times, one after the other.
    pub times: u32,
    /// Probability that it is made.
    pub probability: f64,
    /// How long one attempt is waited for.
    pub timeout: SimDuration,
    /// What happens after a failed attempt.
    pub retry: Retry,
    /// Whether the request fails when the call does.
    pub required: bool,
    /// A look-aside cache in front of it.
    pub cache: Option<Cache>,
}

/// A look-aside cache: a hit saves the call; every answered call fills one entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cache {
    /// Share of hits when the cache is full.
    pub hit: f64,
    /// Entries at full size.
    pub entries: u64,
}

/// Databases with copies at several sites, one active.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Store {
    /// Name.
    pub name: String,
    /// The service in front of the databases.
    pub service: ServiceId,
    /// Databases; mailboxes are spread over them evenly.
    pub databases: u32,
    /// Sites that hold a copy of every database, with the share active there at `start`.
    pub copies: Vec<(SiteId, f64)>,
    /// Time to activate another copy of one database.
    pub activation: Distribution,
    /// How far a passive copy lags: what activation of a dead site's database loses (RPO).
    pub replication_lag: SimDuration,
    /// Operations that write.
    pub writes: Vec<OperationId>,
}

/// Mail in transit: accepted by an operation that `feeds` it, delivered later or bounced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pipeline {
    /// Name.
    pub name: String,
    /// The delivery: its entry service has the workers; its deadline is the bounce limit.
    pub delivery: OperationId,
    /// Messages that an accepted operation makes.
    pub copies: u32,
    /// Messages at full size with which it takes no more, and what feeds it is refused; `None`:
    /// any number.
    pub limit: Option<u64>,
}
