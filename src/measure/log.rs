//! What each closed window left: the rows that control sees and the report draws.

use super::recorder::StationCell;

/// A middlebox in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MiddleboxCell {
    /// New connections offered [count simulated].
    pub offered: f64,
    /// Share of them lost or refused.
    pub loss: f64,
    /// Sessions in its table [count simulated].
    pub sessions: f64,
    /// Queueing delay at the end [s].
    pub delay_s: f64,
}

/// A link in one window, the busier direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkCell {
    /// Demand / capacity.
    pub utilisation: f64,
    /// Share lost.
    pub loss: f64,
}

/// Where demand went in one window [share of demand, mean over the window].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RouteCell {
    /// Length of the window [s].
    pub seconds: f64,
    /// To a router that knew no way, or to a stranger; or the answers were.
    pub no_route: f64,
    /// In a circle, there or back.
    pub looping: f64,
    /// Into a link, router or site that carried nothing, while tables led there.
    pub black_hole: f64,
    /// There and back, by paths that were not in use at t = 0.
    pub rerouted: f64,
    /// Routers that forwarded nothing at its end [count].
    pub routers_down: u32,
    /// Links that carried no user's packets at its end [count].
    pub links_down: u32,
}

impl RouteCell {
    /// Share that got nowhere.
    pub fn astray(&self) -> f64 {
        self.no_route + self.looping + self.black_hole
    }
}

/// A pipeline in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PipelineCell {
    /// Messages at the end [count simulated].
    pub backlog: u64,
    /// Age of the oldest at the end [s].
    pub oldest_s: Option<f64>,
    /// Delivered since t = 0.
    pub delivered: u64,
    /// Bounced since t = 0.
    pub bounced: u64,
}

/// Answers of probes in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeCell {
    /// Probes that ended.
    pub ended: u32,
    /// Of these, answered well.
    pub ok: u32,
}

/// All closed windows; every table is `[window][item]`.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Closed windows.
    pub windows: usize,
    /// Stations.
    pub stations: Vec<StationCell>,
    /// Middleboxes.
    pub middleboxes: Vec<MiddleboxCell>,
    /// Links.
    pub links: Vec<LinkCell>,
    /// Where demand went; one a window.
    pub routes: Vec<RouteCell>,
    /// Clients and sites: sessions at each site, then users present.
    pub sessions: Vec<u32>,
    /// Pipelines.
    pub pipelines: Vec<PipelineCell>,
    /// Steered names and sites: shares answered.
    pub steering: Vec<f64>,
    /// Probed pairs.
    pub probes: Vec<ProbeCell>,
    /// Users present, a group.
    pub present: Vec<u32>,
    /// Share of probed pairs that are unhealthy; one a window.
    pub unhealthy: Vec<Option<f64>>,
}

impl Log {
    /// The rows of window `window` in a table.
    pub fn row<'a, T>(&self, table: &'a [T], window: usize) -> &'a [T] {
        let width = table.len() / self.windows.max(1);
        &table[window * width..(window + 1) * width]
    }
}
