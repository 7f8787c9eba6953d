//! Populations, clients, their operations, and how they find a site, resolved.

use super::{ClientId, OperationId, PipelineId, PrefixId, RouterId, ServiceId, SiteId, SteeringId};
use crate::kernel::sample::Distribution;
use crate::kernel::time::SimDuration;
use serde::Serialize;

/// A population of mailboxes in one time zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Region {
    /// Name.
    pub name: String,
    /// Mailboxes at full size.
    pub mailboxes: u64,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Its offset from UTC at `start` [s].
    pub utc_offset_s: i64,
    /// Where it is attached to the network, with shares that add up to 1.
    pub routers: Vec<(RouterId, f64)>,
    /// Demand over the local day, as a factor of each operation's `rate`.
    pub load: Curve,
    /// Share of mailboxes whose user is present over the local day; for clients with sessions,
    /// the share signed in.
    pub present: Curve,
    /// Mix of clients, with shares that add up to 1.
    pub clients: Vec<(ClientId, f64)>,
}

/// A daily curve: factor by local time of day, linear in between, around the clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// (seconds since local midnight, factor), ascending in time; one point is a constant.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// The factor at `second_of_day` seconds after local midnight (any value; it wraps at 24 h).
    pub fn at(&self, second_of_day: f64) -> f64 {
        const DAY_S: f64 = 86_400.0;
        let t = second_of_day.rem_euclid(DAY_S);
        let next = self.points.partition_point(|&(at, _)| at <= t);
        let count = self.points.len();
        let (before, after) = (self.points[(next + count - 1) % count], self.points[next % count]);
        let span = (after.0 - before.0).rem_euclid(DAY_S);
        if span == 0.0 {
            return before.1;
        }
        let since = (t - before.0).rem_euclid(DAY_S);
        before.1 + (after.1 - before.1) * (since / span)
    }

    /// The largest factor of the day.
    pub fn peak(&self) -> f64 {
        self.points.iter().map(|&(_, factor)| factor).fold(0.0, f64::max)
    }
}

/// A kind of client software.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Client {
    /// Name.
    pub name: String,
    /// The name that it connects to.
    pub connects: SteeringId,
    /// Its session, if it holds one.
    pub session: Option<Session>,
    /// Its operations.
    pub operations: Vec<OperationId>,
}

/// A session: signed in at a site, lost when the site can no longer be reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Session {
    /// The operation that signs in.
    pub sign_in: OperationId,
    /// Time between keepalives.
    pub keepalive: SimDuration,
    /// From the first keepalive unanswered to the session given up; `None`: never.
    pub lost_after: Option<SimDuration>,
}

/// One operation of a client, or the delivery of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operation {
    /// Name, unique within its client.
    pub name: String,
    /// Who demands it.
    pub by: Demander,
    /// Where its requests arrive.
    pub enters: ServiceId,
    /// Factor on the service time at the service it enters.
    pub cost: f64,
    /// Bytes both ways together.
    pub size_bytes: f64,
    /// What demands it.
    pub load: Load,
    /// How long one attempt is waited for, from its sending.
    pub timeout: Timeout,
    /// How long all attempts together are waited for, from intended start.
    pub deadline: Option<SimDuration>,
    /// An answer within this of intended start is good; the timeout unless given.
    pub good_within: SimDuration,
    /// Share of suppressed demands that come back after sign-in.
    pub deferred: f64,
    /// What happens after a failed attempt.
    pub retry: Retry,
    /// The pipeline that a served operation hands a message to.
    pub feeds: Option<PipelineId>,
}

/// Who demands an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demander {
    /// Mailboxes with this client.
    Client(ClientId),
    /// A pipeline delivering its messages.
    Pipeline(PipelineId),
}

/// What brings an operation about.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Open: a Poisson process of this rate a present mailbox and hour, times the load curve.
    Rate {
        /// Demands a mailbox an hour [1/h].
        per_hour: f64,
    },
    /// Closed: each mailbox demands again this long after its last answer or failure.
    Think(Distribution),
    /// Only as a session's sign-in, or as a pipeline's delivery.
    Induced,
}

/// How long an attempt is waited for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timeout {
    /// Always the same.
    After(SimDuration),
    /// Drawn for each attempt: a person's patience.
    Patience(Distribution),
}

/// Retry policy of an operation, a call or a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// Attempts in all, the first included; `None`: unlimited (then the backoff has a cap >= 1 s).
    pub attempts: Option<u32>,
    /// Wait before the next attempt.
    pub backoff: Backoff,
    /// How the wait is spread.
    pub jitter: Jitter,
}

/// Wait before retry number n (n = 1 for the first retry).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// The same each time.
    Constant(SimDuration),
    /// `min(cap, first x factor^(n-1))`.
    Exponential {
        /// Wait before the first retry.
        first: SimDuration,
        /// Growth from one retry to the next.
        factor: f64,
        /// Longest wait.
        cap: SimDuration,
    },
}

/// How a backoff is spread (AWS Architecture Blog, "Exponential backoff and jitter", 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    /// Exactly the backoff.
    None,
    /// Uniform between 0 and the backoff.
    Full,
    /// Half the backoff, and uniform up to as much again.
    Equal,
    /// `min(cap, uniform(first, 3 x last wait))`.
    Decorrelated,
}

/// A name that clients connect to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Steering {
    /// Name.
    pub name: String,
    /// How the answer reaches clients.
    pub kind: SteeringKind,
    /// Shares of the sites at `start`, adding up to 1; of an anycast name the sites that announce
    /// it, without shares: routing decides.
    pub answers: Vec<(SiteId, f64)>,
}

impl Steering {
    /// The prefix that the name's one address is in, if several sites announce it.
    pub fn anycast(&self) -> Option<PrefixId> {
        match self.kind {
            SteeringKind::Anycast { prefix } => Some(prefix),
            SteeringKind::Dns { .. } | SteeringKind::Direct => None,
        }
    }
}

/// How an answer reaches clients.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SteeringKind {
    /// By DNS resolvers that refresh every `ttl`.
    Dns {
        /// Time to live of the answer.
        ttl: SimDuration,
        /// Share of mailboxes behind resolvers that keep an answer longer than `ttl`.
        ignoring: f64,
        /// How long those keep it.
        ignoring_for: SimDuration,
    },
    /// At once: a load balancer or directory asked at each connection.
    Direct,
    /// Always the same address, announced at several sites (RFC 4786): whoever uses it comes to
    /// the one that the routers' tables lead to.
    Anycast {
        /// The prefix that the address is in.
        prefix: PrefixId,
    },
}
