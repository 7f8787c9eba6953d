//! Routers, links, middleboxes, autonomous systems, prefixes and the routing timers, resolved.

mod timers;

use super::{Operators, PrefixId, RouterId, SiteId, SystemId};
use crate::kernel::time::SimDuration;
use serde::Serialize;
pub use timers::{Beat, Bgp, Queueing, Routing, SpfDelay};

/// The network between regions and sites.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Network {
    /// Autonomous systems; at least one.
    pub systems: Vec<System>,
    /// Routers.
    pub routers: Vec<Router>,
    /// Links; each carries both directions, with its capacity in each.
    pub links: Vec<Link>,
    /// Load balancers, firewalls and the like in front of sites.
    pub middleboxes: Vec<Middlebox>,
    /// Prefixes beyond the one that every site and every attachment has of its own.
    pub prefixes: Vec<Prefix>,
    /// Timers of the routing protocols.
    pub routing: Routing,
    /// Where the people are who change routers; `None`: they reach every router at once.
    pub operators: Option<Operators>,
}

impl Network {
    /// One system without prefixes of its own making, for tests.
    pub fn of_one_system(
        routers: Vec<Router>,
        links: Vec<Link>,
        middleboxes: Vec<Middlebox>,
        routing: Routing,
    ) -> Network {
        let systems = vec![System::alone()];
        let (prefixes, operators) = (Vec::new(), None);
        Network { systems, routers, links, middleboxes, prefixes, routing, operators }
    }
}

/// An autonomous system: link-state routing inside, path-vector routing to its neighbours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct System {
    /// Name.
    pub name: String,
    /// Systems that pay it for reaching everything.
    pub customers: Vec<SystemId>,
    /// Systems that exchange their own and their customers' traffic with it.
    pub peers: Vec<SystemId>,
}

impl System {
    /// The only system of a network that names none.
    pub fn alone() -> System {
        System { name: "network".into(), customers: Vec::new(), peers: Vec::new() }
    }
}

impl Router {
    /// A router of the only system, without a place.
    pub fn named(name: &str) -> Router {
        Router { name: name.into(), coordinates: None, system: SystemId(0) }
    }
}

/// A router.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Router {
    /// Name.
    pub name: String,
    /// Latitude and longitude [degrees], where given.
    pub coordinates: Option<(f64, f64)>,
    /// The autonomous system that it belongs to.
    pub system: SystemId,
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
    /// Between two systems: local preference that both ends give to what they learn over it;
    /// `None`: by relationship.
    pub preference: Option<u32>,
    /// Between two systems: prefixes accepted over it before the session is shut down; `None`: any
    /// number.
    pub prefixes_max: Option<u32>,
}

/// A prefix that is announced at one or several places.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prefix {
    /// Name.
    pub name: String,
    /// Sites that announce it; several: anycast.
    pub sites: Vec<SiteId>,
    /// The prefix that it is a more specific part of.
    pub within: Option<PrefixId>,
    /// Whether it is announced at t = 0.
    pub announced: bool,
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
