//! What follows from a scenario before anything is simulated: demand, utilisation, cost.
//!
//! **Which question.** Can the scenario as written carry its own load before the first fault, what
//! would each shift of the runbook ask of the sites, and how long will a run take? **Model.** Mean
//! rates: load and presence curves at local time, read every five minutes; each operation followed
//! through its calls (times x probability x cache misses), stores at the sites of their active
//! copies, slots held for the work and, under `hold`, for the calls; the ways that the routers'
//! tables lead once routing is at rest ([`routes`](super::routes), as in a trial), half of the bits
//! each way. **What it leaves out.** Queueing, retries, noise, caches that are not full: it is a
//! lower bound of what a run will show; and where anycast names move to after orders to routers.
//! **Cost.** Regions x operations x sites for each five minutes: microseconds, whatever the
//! population. **Validation.** Figures by hand, in the tests.

mod demand;
mod findings;
mod paths;
mod shifts;
#[cfg(test)]
pub(crate) mod tests;
mod visits;

use crate::kernel::time::SimTime;
use crate::scenario::model::{
    LinkId, MiddleboxId, RegionId, Scenario, ServiceId, SiteId, SteeringId,
};
use demand::Scan;
use paths::Paths;
use serde::Serialize;

pub use findings::{Finding, Severity, Subject};

/// What follows from a scenario before it runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Capacity {
    /// Peaks of every station from `start` to the first fault.
    pub stations: Vec<StationLoad>,
    /// Peaks of every middlebox, over the same time.
    pub middleboxes: Vec<MiddleboxLoad>,
    /// Peaks of every link, over the same time.
    pub links: Vec<LinkLoad>,
    /// What the stations would carry after each shift of the runbook.
    pub shifts: Vec<ShiftLoad>,
    /// Which sites the users of anycast names come to before the first fault.
    pub catchments: Vec<Catchment>,
    /// Size of the run.
    pub cost: ExpectedCost,
}

/// Peak of one (service, site); the partitions of a service share its load evenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StationLoad {
    /// The service.
    pub service: ServiceId,
    /// The site.
    pub site: SiteId,
    /// Requests that arrive at the peak, at full size [1/s].
    pub peak_requests_per_s: f64,
    /// Busy slots / slots at the peak [share]; infinite where load meets no slot.
    pub peak_utilisation: f64,
    /// When, from t = 0.
    pub at: SimTime,
}

/// Peak of one middlebox.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MiddleboxLoad {
    /// The middlebox.
    pub middlebox: MiddleboxId,
    /// New connections at the peak, at full size [1/s].
    pub peak_connections_per_s: f64,
    /// Share of the limit that is nearest to being reached; 0 where there is none.
    pub peak_utilisation: f64,
    /// Which limit that is: `new_connections`, `sessions` or `bandwidth`.
    pub limit: &'static str,
    /// When, from t = 0.
    pub at: SimTime,
}

/// Peak of one link, in its busier direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LinkLoad {
    /// The link.
    pub link: LinkId,
    /// Bits offered / capacity at the peak [share].
    pub peak_utilisation: f64,
    /// When, from t = 0.
    pub at: SimTime,
}

/// What the stations would carry from the first fault to the end, once a step has been done.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShiftLoad {
    /// The step.
    pub step: String,
    /// The name that it shifts and its shares afterwards; `None` for a store.
    pub answers: Option<(SteeringId, Vec<(SiteId, f64)>)>,
    /// Peaks of every station.
    pub stations: Vec<StationLoad>,
}

/// Where a region's users of an anycast name come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Catchment {
    /// The name.
    pub name: SteeringId,
    /// The region.
    pub region: RegionId,
    /// Share of the region's users by site; what is missing to 1 finds no way.
    pub sites: Vec<(SiteId, f64)>,
}

/// Expected size of a run, at its scale, without retries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ExpectedCost {
    /// Operations demanded by clients and sessions [count].
    pub operations: f64,
    /// Requests that arrive at stations [count].
    pub station_visits: f64,
}

/// Loads, shifts and cost of a checked scenario.
pub fn capacity(scenario: &Scenario) -> Capacity {
    let first_fault = scenario.faults.iter().map(|fault| fault.at).min();
    let before = (scenario.start(), first_fault.unwrap_or(scenario.end()).min(scenario.end()));
    let paths = Paths::new(scenario);
    let scan = Scan::new(scenario, &paths);
    let peaks = scan.peaks(before.0, before.1);
    Capacity {
        stations: peaks.stations,
        middleboxes: peaks.middleboxes,
        links: peaks.links,
        shifts: shifts::after_each(scenario, &paths, first_fault.unwrap_or(scenario.start())),
        catchments: catchments(scenario, &scan),
        cost: scan.cost(),
    }
}

fn catchments(scenario: &Scenario, scan: &Scan<'_>) -> Vec<Catchment> {
    let mut found = Vec::new();
    for (index, name) in scenario.steering.iter().enumerate() {
        if name.anycast().is_none() {
            continue;
        }
        let name = SteeringId(index as u32);
        for (region, mut sites) in scan.catchments(name).into_iter().enumerate() {
            sites.retain(|(_, share)| *share > 0.0);
            found.push(Catchment { name, region: RegionId(region as u32), sites });
        }
    }
    found
}

/// What is wrong with a scenario's loads before the first fault; see [`Capacity::findings`].
pub fn check(scenario: &Scenario) -> Vec<Finding> {
    capacity(scenario).findings(scenario)
}
