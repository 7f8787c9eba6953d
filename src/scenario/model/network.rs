//! Routers, links, middleboxes and the routing timers, resolved.

use super::{RouterId, SiteId};
use crate::kernel::time::SimDuration;
use serde::Serialize;

/// The network between regions and sites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    /// Routers.
    pub routers: Vec<Router>,
    /// Links; each carries both directions, with its capacity in each.
    pub links: Vec<Link>,
    /// Load balancers, firewalls and the like in front of sites.
    pub middleboxes: Vec<Middlebox>,
    /// Timers of the re-route after a failure.
    pub routing: Routing,
}

/// A router.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Router {
    /// Name.
    pub name: String,
    /// Latitude and longitude [degrees], where given.
    pub coordinates: Option<(f64, f64)>,
}

/// A link between two routers, both ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Link {
    /// Name.
    pub name: String,
    /// Its two ends.
    pub between: (RouterId, RouterId),
    /// One-way propagation delay; from the great circle x `fibre` / (200 km/ms) unless given.
    pub delay: SimDuration,
    /// Capacity of each direction at full size [bit/s].
    pub bandwidth: f64,
    /// Share of packets lost when nothing is wrong.
    pub loss: f64,
    /// Weight in the shortest-path computation; the delay in microseconds unless given.
    pub metric: u64,
    /// Longest queueing delay before it drops.
    pub buffer: SimDuration,
}

/// A box in front of a site that every connection passes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Middlebox {
    /// Name.
    pub name: String,
    /// The site that it stands before.
    pub before: SiteId,
    /// New connections it can set up a second at full size, `None` without a limit.
    pub new_connections: Option<f64>,
    /// Sessions its table holds at full size, `None` without a limit.
    pub sessions: Option<u64>,
    /// Throughput at full size [bit/s], `None` without a limit.
    pub bandwidth: Option<f64>,
    /// Packets a second at full size, `None` without a limit.
    pub packets: Option<f64>,
    /// What a connection meets when it is full.
    pub when_full: WhenFull,
    /// Longest queueing delay before it drops or resets.
    pub buffer: SimDuration,
}

/// What a full middlebox does with a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// Silently drops it: the client tries again at 1, 2, 4 s, then runs into its timeout.
    Drop,
    /// Refuses it at once.
    Reset,
}

/// Time from a failure to the new routes: detection, then convergence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Routing {
    /// Until the neighbours notice (a silent router is never noticed).
    pub detect: SimDuration,
    /// From there until every table is changed.
    pub converge: SimDuration,
}
