//! The network over time: the ways between regions and sites, and when they changed.

use schemars::JsonSchema;
use serde::Serialize;

/// Ways of every pair of region and site.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct NetworkOutcome {
    /// Every change, in order; the first of a pair is its state at t = 0.
    pub routes: Vec<RouteRow>,
    /// Changes that were too many to keep [count].
    pub routes_left_out: u64,
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
