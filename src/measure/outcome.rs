//! What one trial gives: the part of `results.json` that is measured.
//!
//! Units are last in the names. Rates and counts of the series are at full size (the simulated
//! count times the scale's denominator); ledgers are the simulated integers. Times are seconds
//! from `start` (the first measured instant), so the warm-up is never shown.

mod network;
mod series;

use super::agreement::Quoted;
pub use network::{NetworkOutcome, PathRow, RouteEventRow, RouteRow, RouteSeries};
use schemars::JsonSchema;
use serde::Serialize;
pub use series::{
    LinkSeries, MiddleboxSeries, OperationSeries, PipelineSeries, RegionSeries, Series,
    SessionSeries, StationSeries, SteeringSeries,
};

/// Everything measured in one trial.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outcome {
    /// Seed of the trial.
    pub seed: u64,
    /// Columns over the measuring windows.
    pub series: Series,
    /// Latency of every operation and region, by phase.
    pub latency: Vec<LatencyRow>,
    /// The incident's clock.
    pub incident: Incident,
    /// What users felt.
    pub impact: Impact,
    /// Where every attempt and every request ended.
    pub ledgers: Ledgers,
    /// What happened, in order.
    pub timeline: Vec<Moment>,
    /// Which ways requests and answers went.
    pub network: NetworkOutcome,
    /// Work done to compute it.
    pub cost: Cost,
    /// Digest of everything above but the cost.
    pub digest: String,
}

/// Latency of one operation in one region and phase, from intended start to final answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LatencyRow {
    /// Region; `null` for a pipeline.
    pub region: Option<String>,
    /// Client or pipeline.
    pub client: String,
    /// Operation.
    pub operation: String,
    /// `before`, `during`, `after` or `all`.
    pub phase: String,
    /// Operations answered [count simulated].
    pub count: u64,
    /// Mean [s].
    pub mean_s: f64,
    /// Quantiles: (q, latency [s]) for q in 0.5, 0.9, 0.99, 0.999 and 1.
    pub quantiles: Vec<(f64, f64)>,
    /// The histogram: (upper edge of the bin [s], count simulated), empty bins left out.
    pub histogram: Vec<(f64, u64)>,
}

/// The incident's clock, in seconds from `start`; `null` where it was not seen.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Incident {
    /// Threshold of availability that defines impact [share].
    pub threshold: f64,
    /// How long it must be held [s].
    pub sustained_s: f64,
    /// First fault.
    pub fault_s: Option<f64>,
    /// Last fault's end.
    pub fault_end_s: Option<f64>,
    /// Impact begins: the first minute under the threshold.
    pub impact_s: Option<f64>,
    /// First alarm.
    pub detected_s: Option<f64>,
    /// First step without an action done after it: people decided.
    pub decided_s: Option<f64>,
    /// First action.
    pub acted_s: Option<f64>,
    /// Half-way: availability first back above the middle between its lowest and the threshold.
    pub mitigated_s: Option<f64>,
    /// Recovered: the last time (DESIGN.md, section 5).
    pub recovered_s: Option<f64>,
    /// First recovery, where a relapse followed.
    pub first_recovered_s: Option<f64>,
    /// Starts of relapses.
    pub relapses_s: Vec<f64>,
    /// Sessions back at 99 % of the users present.
    pub sessions_back_s: Option<f64>,
    /// Pipelines empty of what the incident left.
    pub drained_s: Option<f64>,
    /// Steering back at its shares of `start`.
    pub failed_back_s: Option<f64>,
    /// What customers could read: status page showed the incident.
    pub published_s: Option<f64>,
    /// Recovery was not seen before the end.
    pub censored: bool,
    /// Stayed down after its trigger had gone, and would have come back without retries.
    pub metastable: bool,
    /// Lowest availability of a minute [share].
    pub lowest_availability: Option<f64>,
}

/// What users felt.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Impact {
    /// Mailboxes at full size.
    pub mailboxes: f64,
    /// Lost mailbox-minutes at full size: integral of mailboxes x (1 - availability).
    pub mailbox_minutes_lost: f64,
    /// Mailboxes with at least one demand not served, at full size.
    pub mailboxes_affected: f64,
    /// Mean felt downtime of an affected mailbox [s].
    pub felt_downtime_mean_s: f64,
    /// Distribution of the longest felt downtime: (quantile, seconds) over affected mailboxes.
    pub felt_downtime_quantiles: Vec<(f64, f64)>,
    /// (upper edge [s], mailboxes at full size) of the longest felt downtime.
    pub felt_downtime_histogram: Vec<(f64, f64)>,
    /// Mailboxes still without service at the end, at full size (censored).
    pub felt_downtime_censored: f64,
    /// How felt downtime was sampled; absent where every mailbox was followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracers: Option<Tracers>,
    /// Demands suppressed, and of these deferred, at full size.
    pub suppressed: f64,
    /// Suppressed demands that came back after sign-in, at full size.
    pub deferred: f64,
    /// Sessions lost, at full size.
    pub sessions_lost: f64,
    /// Highest amplification of a minute [factor].
    pub amplification_peak: f64,
    /// Writes lost by activating lagging copies, at full size.
    pub writes_lost: f64,
}

/// Mailboxes that were followed, each for many, and how far off what they say may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Tracers {
    /// Mailboxes followed.
    pub count: u64,
    /// Half-width of the 95 % interval of the mailboxes affected, at full size, as if they had been
    /// drawn from all alike; it is less, as each crowd has its share of them.
    pub affected_within: f64,
    /// Half-width of the 95 % interval of the mean felt downtime of these [s].
    pub mean_within_s: f64,
}

/// Where everything ended, in simulated integers; every row balances.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Ledgers {
    /// One row an operation.
    pub clients: Vec<ClientLedger>,
    /// One row a station.
    pub stations: Vec<StationLedger>,
    /// One row a pipeline.
    pub pipelines: Vec<PipelineLedger>,
    /// Windows in which both sides were counted and agreed.
    pub windows_balanced: u64,
}

/// sent = answered + errors + timed out + refused + lost + outstanding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClientLedger {
    /// Client or pipeline.
    pub client: String,
    /// Operation.
    pub operation: String,
    /// Attempts sent.
    pub sent: u64,
    /// Attempts answered correctly while the client waited.
    pub answered: u64,
    /// Attempts that the client gave up after its timeout.
    pub timed_out: u64,
    /// Attempts refused: rejected, reset, throttled, or answered with an error.
    pub refused: u64,
    /// Attempts lost in the network, known when their timeout passed.
    pub lost: u64,
    /// Attempts still waited for.
    pub outstanding: u64,
}

/// arrived = useful + stale + rejected + dropped + crashed + waiting + holding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StationLedger {
    /// Service.
    pub service: String,
    /// Site.
    pub site: String,
    /// Partition.
    pub partition: Option<u32>,
    /// Requests that arrived.
    pub arrived: u64,
    /// Served, the caller still waiting.
    pub useful: u64,
    /// Served for nobody.
    pub stale: u64,
    /// Turned away at arrival (queue full, no slots).
    pub rejected: u64,
    /// Taken out of the queue unserved (caller gone, CoDel).
    pub dropped: u64,
    /// Reset with a lost instance or a restart.
    pub crashed: u64,
    /// In the queue now.
    pub waiting: u64,
    /// In a slot, or waiting for a call with or without its slot, now.
    pub holding: u64,
}

/// accepted = delivered + bounced + queued + lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PipelineLedger {
    /// Pipeline.
    pub name: String,
    /// Messages accepted.
    pub accepted: u64,
    /// Delivered.
    pub delivered: u64,
    /// Bounced after the limit.
    pub bounced: u64,
    /// Still queued.
    pub queued: u64,
    /// Lost with a database copy.
    pub lost: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Moment {
    /// Seconds from `start`.
    pub at_s: f64,
    /// `fault`, `fault_end`, `routing`, `alarm`, `alarm_end`, `step`, `step_skipped` or
    /// `status_page`.
    pub kind: String,
    /// Name of the fault, alarm or step.
    pub name: String,
    /// In words.
    pub text: String,
}

/// Work done; deterministic, no wall clock.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Cost {
    /// Events taken from the calendar and the timeout queues.
    pub events: u64,
    /// Attempts sent.
    pub attempts: u64,
    /// Requests that arrived at stations.
    pub station_visits: u64,
    /// Largest number of operations in flight or backing off.
    pub operations_peak: u64,
    /// Steps of time (`flow`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub steps: u64,
    /// Rows, tokens and pools that were looked at or changed (`flow`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cells_updated: u64,
    /// Largest number of cells that mailboxes were counted in (`flow`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub groups_peak: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A run: the whole `results.json`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Results {
    /// Version of this format: `blackstart-results/1`.
    pub format: String,
    /// Version of the program.
    pub version: String,
    /// What was run.
    pub scenario: ScenarioSummary,
    /// One entry a trial, in order of their seeds.
    pub trials: Vec<Outcome>,
    /// How far `flow` was from `exact` where that was measured; no part of the digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Quoted>,
    /// The targets judged.
    pub verdict: Verdict,
    /// Digest of the whole run: the scenario's, the trials' and the verdict's.
    pub digest: String,
}

/// What was run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ScenarioSummary {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Sources.
    pub sources: Vec<String>,
    /// Variant, if one was chosen.
    pub variant: Option<String>,
    /// Digest of the checked scenario.
    pub digest: String,
    /// Root seed.
    pub seed: u64,
    /// Denominator of the scale.
    pub scale: u64,
    /// Fidelity that ran.
    pub fidelity: String,
    /// Why that one.
    pub fidelity_reason: String,
    /// `start`, RFC 9557.
    pub start: String,
    /// `start` as seconds since 1970 [s], to show clock times.
    pub start_unix_s: i64,
    /// Offset of the scenario's zone from UTC at `start` [s].
    pub utc_offset_s: i64,
    /// Length [s].
    pub duration_s: f64,
    /// Mailboxes at full size.
    pub mailboxes: f64,
    /// Names of the sites, in order.
    pub sites: Vec<String>,
}

/// The targets judged.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Verdict {
    /// Whether all were met.
    pub passed: bool,
    /// One row a target.
    pub targets: Vec<Judgement>,
}

/// One target judged.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Judgement {
    /// Name, such as `recovery_time`.
    pub target: String,
    /// What was asked, in words.
    pub objective: String,
    /// What was reached (the median trial), in words.
    pub achieved: String,
    /// Trials that met it.
    pub trials_met: u32,
    /// Trials in all.
    pub trials: u32,
    /// Share of trials that had to meet it.
    pub confidence: f64,
    /// Whether it was met.
    pub met: bool,
}
