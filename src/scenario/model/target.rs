//! What recovery must reach, resolved.

use super::OperationId;
use crate::kernel::time::SimDuration;
use serde::Serialize;

/// A target, judged at the end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// As the reader names it, such as `recovery_time`.
    pub name: String,
    /// Share of trials that must meet it, where several are run; 1 unless given.
    pub confidence: f64,
    /// What must hold.
    pub kind: TargetKind,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// Availability is back, for good, in time.
    RecoveryTime {
        /** From the start of impact (RTO). */
        objective: SimDuration,
        /** Threshold of availability [share]. */
        availability: f64,
        /** How long it must stay. */
        sustained: SimDuration,
        /** Whether a later dip is forgiven. */
        relapse_allowed: bool,
    },
    /// A quantile of latency.
    Latency {
        /** The operation; `None`: all. */
        operation: Option<OperationId>,
        /** Quantile, such as 0.99. */
        quantile: f64,
        /** Limit. */
        at_most: SimDuration,
        /** When. */
        phase: Phase,
    },
    /// Availability over a phase.
    Availability {
        /** The operation; `None`: all. */
        operation: Option<OperationId>,
        /** Lower limit [share]. */
        at_least: f64,
        /** When. */
        phase: Phase,
    },
    /// Lost mailbox-minutes at full size.
    MailboxMinutesLost {
        /** Limit [mailbox-min]. */
        at_most: f64,
    },
    /// Sessions over users present.
    SessionsRestored {
        /** Share to reach. */
        share: f64,
        /** From the start of impact. */
        within: SimDuration,
    },
    /// All pipelines empty of what the incident left.
    BacklogDrained {
        /** From the start of impact. */
        within: SimDuration,
    },
    /// Writes lost by activating lagging copies (RPO), at full size.
    DataLoss {
        /** Limit [writes]. */
        at_most: f64,
    },
}

/// A part of the incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// From `start` to the first fault.
    Before,
    /// From there to recovery.
    During,
    /// From recovery to the end.
    After,
    /// The whole run.
    All,
}
