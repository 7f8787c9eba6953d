//! The network over time: the ways between regions and sites, and when they changed.

use schemars::JsonSchema;
use serde::Serialize;

/// The network over time.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct NetworkOutcome {
    /// Where demand went, window by window.
    pub demand: RouteSeries,
    /// Everything that touched the network, in order.
    pub events: Vec<RouteEventRow>,
    /// Events that were too many to keep [count].
    pub events_left_out: u64,
    /// Every change, in order; the first of a pair is its state at t = 0.
    pub routes: Vec<RouteRow>,
    /// Changes that were too many to keep [count].
    pub routes_left_out: u64,
}

/// Where demand went: shares of it (mailboxes, by the sites that their names send them to), means
/// over each window.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct RouteSeries {
    /// To a router that knew no way, or to a stranger; or the answers were.
    pub no_route: Vec<f64>,
    /// In a circle between routers that disagreed, there or back.
    pub looping: Vec<f64>,
    /// Into a link, router or site that carried nothing, while tables led there.
    pub black_hole: Vec<f64>,
    /// There and back, by paths that were not in use at the beginning.
    pub rerouted: Vec<f64>,
    /// Routers that forwarded nothing at the window's end [count].
    pub routers_down: Vec<u32>,
    /// Links that carried no user's packets at the window's end [count].
    pub links_down: Vec<u32>,
}

/// From something that touched the network until its routers were at rest again.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RouteEventRow {
    /// Seconds from `start`; negative in the warm-up.
    pub at_s: f64,
    /// Name of the fault or step; absent where nothing of the scenario began it (lost keepalives).
    pub name: Option<String>,
    /// What began it, in words.
    pub what: String,
    /// Until a table first changed that somebody's path comes through [s]; absent if none did.
    pub noticed_s: Option<f64>,
    /// Until one last did [s].
    pub converged_s: Option<f64>,
    /// Whether the routers came to rest before the end, or the next thing that touched them.
    pub rested: bool,
    /// Largest share of demand that got nowhere meanwhile.
    pub astray: f64,
}

/// The paths from a region's router to a site, from a time on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RouteRow {
    /// Seconds from `start`; negative in the warm-up.
    pub at_s: f64,
    /// Region.
    pub region: String,
    /// Router that it is attached to.
    pub router: String,
    /// Site, or anycast name.
    pub site: String,
    /// Share of flows that get there and back.
    pub carried: f64,
    /// The paths, with their shares.
    pub paths: Vec<PathRow>,
}

/// One path: a way there and a way back.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PathRow {
    /// Share of flows.
    pub share: f64,
    /// Of an anycast name: the site in whose catchment these flows are; absent where they find
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catchment: Option<String>,
    /// Whether it carries anything: both ways lead to their ends, and nothing on them is down.
    pub carries: bool,
    /// Routers there, in order; a way that circles ends with the router that it comes back to.
    pub there: Vec<String>,
    /// Where the way there ends: `delivered`, `no route`, `loop`, `elsewhere` or `too long`.
    pub there_ends: String,
    /// Routers of the answer's way, in order.
    pub back: Vec<String>,
    /// Where the way back ends.
    pub back_ends: String,
}
