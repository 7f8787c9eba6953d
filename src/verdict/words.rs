//! Sentences about targets.

use crate::kernel::time::SimDuration;
use crate::scenario::model::{Demander, OperationId, Phase, Scenario, TargetKind};

/// What a target asks, in words.
pub(super) fn objective(scenario: &Scenario, kind: &TargetKind) -> String {
    match kind {
        TargetKind::RecoveryTime { objective, availability, sustained, relapse_allowed } => {
            let relapse = if *relapse_allowed { ", a later relapse allowed" } else { "" };
            let back = percent(*availability);
            format!(
                "availability of {back} again within {objective} of impact, for {sustained}{relapse}"
            )
        }
        TargetKind::Latency { operation: id, quantile, at_most, phase } => {
            let share = percent(*quantile);
            let of = operation(scenario, *id);
            format!("{share} of the answers to {of} within {at_most}, {}", when(*phase))
        }
        TargetKind::Availability { operation: id, at_least, phase } => {
            let (of, share) = (operation(scenario, *id), percent(*at_least));
            format!("availability of {of} of at least {share}, {}", when(*phase))
        }
        TargetKind::MailboxMinutesLost { at_most } => {
            format!("at most {} mailbox-minutes lost", count(*at_most))
        }
        TargetKind::SessionsRestored { share, within } => {
            format!("{} of the sessions again within {within} of impact", percent(*share))
        }
        TargetKind::BacklogDrained { within } => {
            format!("pipelines empty of what the incident left within {within} of impact")
        }
        TargetKind::DataLoss { at_most } => format!("at most {} writes lost", count(*at_most)),
    }
}

fn operation(scenario: &Scenario, operation: Option<OperationId>) -> String {
    let Some(id) = operation else { return "all operations".to_owned() };
    let operation = &scenario.operations[id.index()];
    let by = match operation.by {
        Demander::Client(client) => &scenario.clients[client.index()].name,
        Demander::Pipeline(pipeline) => &scenario.pipelines[pipeline.index()].name,
    };
    format!("{by}/{}", operation.name)
}

fn when(phase: Phase) -> &'static str {
    match phase {
        Phase::Before => "before the fault",
        Phase::During => "from the fault to recovery",
        Phase::After => "after recovery",
        Phase::All => "over the whole run",
    }
}

/// A length of time, to the second from a minute on, else to the millisecond.
pub(super) fn duration(seconds: f64) -> String {
    let unit_s = if seconds >= 60.0 { 1.0 } else { 0.001 };
    SimDuration::from_secs_f64((seconds / unit_s).round() * unit_s).to_string()
}

/// A share in percent, with as many decimals (up to three) as it needs.
pub(super) fn percent(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A number of things, with `k` and `M` as scenario files have them.
pub(super) fn count(number: f64) -> String {
    match number.abs() {
        n if n >= 1e6 => format!("{:.1}M", number / 1e6),
        n if n >= 1e4 => format!("{:.1}k", number / 1e3),
        _ => format!("{number:.0}"),
    }
}
