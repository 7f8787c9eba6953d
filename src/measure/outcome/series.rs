//! What is measured over time: a value a window each.
//!
//! Rates and counts are at full size.

use schemars::JsonSchema;
use serde::Serialize;

/// Columns over time; every `Vec` has one entry a window unless it says otherwise.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Series {
    /// Length of a window [s].
    pub window_s: f64,
    /// Number of windows.
    pub windows: usize,
    /// Availability over all operations [share]; `null` in a window without demand.
    pub availability: Vec<Option<f64>>,
    /// Attempts over first attempts, by time of sending [factor]; `null` without first attempts.
    pub amplification: Vec<Option<f64>>,
    /// Length of a latency slice [s].
    pub slice_s: f64,
    /// One entry an operation, over all regions.
    pub operations: Vec<OperationSeries>,
    /// One entry a region, over all operations.
    pub regions: Vec<RegionSeries>,
    /// One entry a station.
    pub stations: Vec<StationSeries>,
    /// One entry a middlebox.
    pub middleboxes: Vec<MiddleboxSeries>,
    /// One entry a link.
    pub links: Vec<LinkSeries>,
    /// One entry a client with sessions.
    pub sessions: Vec<SessionSeries>,
    /// One entry a pipeline.
    pub pipelines: Vec<PipelineSeries>,
    /// One entry a steered name.
    pub steering: Vec<SteeringSeries>,
}

/// An operation over time, all regions together.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OperationSeries {
    /// Its client (or pipeline).
    pub client: String,
    /// Its name.
    pub operation: String,
    /// Demands by intended start [1/s].
    pub demand_per_s: Vec<f64>,
    /// Of these, answered correctly within `good_within` [1/s].
    pub good_per_s: Vec<f64>,
    /// Of these, answered later than that [1/s].
    pub late_per_s: Vec<f64>,
    /// Of these, given up [1/s].
    pub failed_per_s: Vec<f64>,
    /// Of these, suppressed because the mailbox was signed out [1/s].
    pub suppressed_per_s: Vec<f64>,
    /// First attempts sent [1/s].
    pub first_attempts_per_s: Vec<f64>,
    /// All attempts sent [1/s].
    pub attempts_per_s: Vec<f64>,
    /// Attempts answered correctly, by time of the answer [1/s].
    pub answered_per_s: Vec<f64>,
    /// Median latency from intended start to final answer, a slice [s]; `null` without data.
    pub latency_p50_s: Vec<Option<f64>>,
    /// 99th percentile of the same [s].
    pub latency_p99_s: Vec<Option<f64>>,
}

/// A region over time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RegionSeries {
    /// Its name.
    pub region: String,
    /// Availability over all its operations [share].
    pub availability: Vec<Option<f64>>,
}

/// A station over time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StationSeries {
    /// Service.
    pub service: String,
    /// Site.
    pub site: String,
    /// Partition, `null` where the service has one only.
    pub partition: Option<u32>,
    /// Slots [count].
    pub slots: Vec<f64>,
    /// Mean busy slots / slots [share]; `null` without slots.
    pub utilisation: Vec<Option<f64>>,
    /// Mean requests waiting [count].
    pub queue: Vec<f64>,
    /// Requests that arrived [1/s].
    pub arrivals_per_s: Vec<f64>,
    /// Requests served whose caller still waited [1/s].
    pub useful_per_s: Vec<f64>,
    /// Requests served for nobody [1/s].
    pub stale_per_s: Vec<f64>,
    /// Requests rejected, dropped or crashed [1/s].
    pub refused_per_s: Vec<f64>,
    /// Requests that were given a slot since t = 0, at full size [count].
    pub started: f64,
    /// Mean wait of these in the queue [s]; `null` without any.
    pub mean_wait_s: Option<f64>,
}

/// A middlebox over time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct MiddleboxSeries {
    /// Name.
    pub name: String,
    /// Site behind it.
    pub site: String,
    /// Limit of new connections [1/s]; `null` without a limit.
    pub new_connections_limit_per_s: Option<f64>,
    /// New connections offered [1/s].
    pub offered_connections_per_s: Vec<f64>,
    /// Sessions in its table [count].
    pub sessions: Vec<f64>,
    /// Share of new connections lost.
    pub loss: Vec<f64>,
    /// Queueing delay at the end of the window [s].
    pub delay_s: Vec<f64>,
}

/// A link over time, the busier direction.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LinkSeries {
    /// Name.
    pub name: String,
    /// Bits carried and offered / capacity [share].
    pub utilisation: Vec<f64>,
    /// Share lost.
    pub loss: Vec<f64>,
}

/// Sessions over time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SessionSeries {
    /// Client.
    pub client: String,
    /// Users present, who would be signed in [count].
    pub present: Vec<f64>,
    /// Signed in, by site in the scenario's order [count].
    pub signed_in: Vec<Vec<f64>>,
    /// Signing in: attempting or backing off [count].
    pub signing_in: Vec<f64>,
}

/// A pipeline over time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PipelineSeries {
    /// Name.
    pub name: String,
    /// Time within which a message is delivered as promised [s].
    pub good_within_s: f64,
    /// Messages accepted and not yet delivered or bounced [count].
    pub backlog: Vec<f64>,
    /// Age of the oldest of them [s]; `null` when empty.
    pub oldest_s: Vec<Option<f64>>,
    /// Messages delivered [1/s].
    pub delivered_per_s: Vec<f64>,
    /// Messages bounced [1/s].
    pub bounced_per_s: Vec<f64>,
}

/// Shares answered over time.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SteeringSeries {
    /// Name.
    pub name: String,
    /// Share answered for each site, in the scenario's order, at window end (what the authority
    /// says now; resolvers follow).
    pub shares: Vec<Vec<f64>>,
}
