//! One target in one trial.

use super::phase;
use super::words::{count, duration, percent};
use crate::measure::outcome::{LatencyRow, Outcome};
use crate::measure::recovery::{minute_availability, recovery};
use crate::scenario::model::{Demander, OperationId, Phase, Scenario, TargetKind};

/// What one trial reached.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reached {
    /// Whether the target was met.
    pub(super) met: bool,
    /// Orders trials from the best to the worst; infinite where it was never reached.
    pub(super) badness: f64,
    /// In words.
    pub(super) text: String,
}

impl Reached {
    fn never(text: impl Into<String>) -> Reached {
        Reached { met: false, badness: f64::INFINITY, text: text.into() }
    }

    fn no_impact() -> Reached {
        Reached { met: true, badness: f64::NEG_INFINITY, text: "no impact".to_owned() }
    }

    fn at_most(value: f64, limit: f64, text: String) -> Reached {
        Reached { met: value <= limit, badness: value, text }
    }
}

/// Judges one target in one trial.
pub(super) fn reached(scenario: &Scenario, kind: &TargetKind, trial: &Outcome) -> Reached {
    match kind {
        TargetKind::RecoveryTime { objective, availability, sustained, relapse_allowed } => {
            let sustained_s = sustained.as_secs_f64();
            let found = recovered(scenario, trial, *availability, sustained_s, *relapse_allowed);
            came_back(found, objective.as_secs_f64())
        }
        TargetKind::Latency { operation, quantile, at_most, phase } => {
            latency(scenario, trial, (*operation, *phase), *quantile, at_most.as_secs_f64())
        }
        TargetKind::Availability { operation, at_least, phase } => {
            let share = availability(scenario, trial, *operation, *phase);
            let Some(share) = share else { return Reached::never(no_data(*phase)) };
            Reached { met: share >= *at_least, badness: -share, text: percent(share) }
        }
        TargetKind::MailboxMinutesLost { at_most } => {
            let lost = trial.impact.mailbox_minutes_lost;
            Reached::at_most(lost, *at_most, format!("{} mailbox-minutes lost", count(lost)))
        }
        TargetKind::SessionsRestored { share, within } => {
            sessions(trial, *share, within.as_secs_f64())
        }
        TargetKind::BacklogDrained { within } => backlog(trial, within.as_secs_f64()),
        TargetKind::DataLoss { at_most } => {
            let lost = trial.impact.writes_lost;
            Reached::at_most(lost, *at_most, format!("{} writes lost", count(lost)))
        }
    }
}

/// Impact and its end.
struct Back {
    impact_s: Option<f64>,
    back_s: Option<f64>,
    relapses: usize,
}

/// Impact and recovery at a target's own threshold: the incident's, where that is the same, else
/// worked out again from the windows.
fn recovered(
    scenario: &Scenario,
    trial: &Outcome,
    threshold: f64,
    sustained_s: f64,
    relapse_allowed: bool,
) -> Back {
    let incident = &trial.incident;
    let (impact_s, first_s, last_s, relapses);
    if incident.threshold == threshold && incident.sustained_s == sustained_s {
        (impact_s, last_s) = (incident.impact_s, incident.recovered_s);
        first_s = incident.first_recovered_s.or(last_s);
        relapses = incident.relapses_s.len();
    } else {
        let (demand, good) = demand_and_good(scenario, trial, None);
        let minutes = minute_availability(trial.series.window_s, &demand, &good);
        let fault = incident.fault_s.map(minute_of);
        let sustained = (sustained_s / 60.0).ceil() as usize;
        let found = recovery(&minutes, fault, threshold, sustained);
        impact_s = found.impact_minute.map(second_of);
        first_s = found.first_recovered.map(second_of);
        last_s = found.recovered.map(second_of);
        relapses = found.relapses.len();
    }
    let back_s = if relapse_allowed { first_s } else { last_s };
    Back { impact_s, back_s, relapses: if relapse_allowed { 0 } else { relapses } }
}

fn came_back(found: Back, within_s: f64) -> Reached {
    let Some(impact_s) = found.impact_s else { return Reached::no_impact() };
    let relapses = match found.relapses {
        0 => String::new(),
        1 => ", after a relapse".to_owned(),
        many => format!(", after {many} relapses"),
    };
    let Some(back_s) = found.back_s else {
        let began = duration(impact_s);
        return Reached::never(format!(
            "not seen before the end (impact began {began} after start){relapses}"
        ));
    };
    let took_s = (back_s - impact_s).max(0.0);
    Reached::at_most(took_s, within_s, format!("{} after impact{relapses}", duration(took_s)))
}

fn latency(
    scenario: &Scenario,
    trial: &Outcome,
    (operation, phase): (Option<OperationId>, Phase),
    quantile: f64,
    at_most_s: f64,
) -> Reached {
    // Where nothing was impaired there is nothing to come after: the whole run is judged.
    let unharmed = trial.incident.impact_s.is_none() && phase == Phase::After;
    let phase = if unharmed { Phase::All } else { phase };
    let wanted = operation.map(|id| names(scenario, id));
    let matches = |row: &&LatencyRow| {
        let named = match wanted {
            Some((by, name)) => row.client == by && row.operation == name,
            // Deliveries of pipelines are nobody's waiting; only rows of regions are users'.
            None => row.region.is_some(),
        };
        named && row.phase == phase::name(phase)
    };
    let rows: Vec<&LatencyRow> = trial.latency.iter().filter(matches).collect();
    let Some(value_s) = merged_quantile(&rows, quantile) else {
        return Reached::never(no_data(phase));
    };
    let text = format!("{} of the answers within {}", percent(quantile), duration(value_s));
    Reached::at_most(value_s, at_most_s, text)
}

/// Quantile of several histograms together: the upper edge of the bin that holds it [s].
fn merged_quantile(rows: &[&LatencyRow], quantile: f64) -> Option<f64> {
    let mut bins: Vec<(f64, u64)> = rows.iter().flat_map(|row| row.histogram.clone()).collect();
    bins.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: u64 = bins.iter().map(|bin| bin.1).sum();
    // The small part keeps 99 % of 100 at 99, whatever the last bit of the product.
    let rank = ((quantile * total as f64 - 1e-9).ceil() as u64).max(1);
    let mut passed = 0;
    let holding = bins.into_iter().find(|bin| {
        passed += bin.1;
        passed >= rank
    });
    holding.map(|bin| bin.0)
}

fn availability(
    scenario: &Scenario,
    trial: &Outcome,
    operation: Option<OperationId>,
    phase: Phase,
) -> Option<f64> {
    let series = &trial.series;
    let end_s = series.windows as f64 * series.window_s;
    let (from_s, to_s) = phase::span(phase, &trial.incident, end_s)?;
    let (demand, good) = demand_and_good(scenario, trial, operation);
    let inside = |window: usize| {
        let at_s = window as f64 * series.window_s;
        (from_s..to_s).contains(&at_s)
    };
    let sum = |values: &[f64]| -> f64 {
        values.iter().enumerate().filter(|(window, _)| inside(*window)).map(|(_, v)| v).sum()
    };
    let (demand, good) = (sum(&demand), sum(&good));
    (demand > 0.0).then(|| good / demand)
}

/// Demand and what was answered well, a window: of one operation, or of all that clients make.
fn demand_and_good(
    scenario: &Scenario,
    trial: &Outcome,
    operation: Option<OperationId>,
) -> (Vec<f64>, Vec<f64>) {
    let (mut demand, mut good) = (vec![0.0; trial.series.windows], vec![0.0; trial.series.windows]);
    for (index, id) in (0..scenario.operations.len() as u32).map(OperationId).enumerate() {
        let by_client = matches!(scenario.operations[index].by, Demander::Client(_));
        let wanted = operation.map_or(by_client, |wanted| wanted == id);
        let (by, name) = names(scenario, id);
        let rows = trial
            .series
            .operations
            .iter()
            .filter(|row| wanted && row.client == by && row.operation == name);
        for row in rows {
            demand.iter_mut().zip(&row.demand_per_s).for_each(|(sum, value)| *sum += value);
            good.iter_mut().zip(&row.good_per_s).for_each(|(sum, value)| *sum += value);
        }
    }
    (demand, good)
}

fn sessions(trial: &Outcome, share: f64, within_s: f64) -> Reached {
    let series = &trial.series;
    if series.sessions.is_empty() {
        return Reached::never("no client holds sessions");
    }
    let Some(impact_s) = trial.incident.impact_s else { return Reached::no_impact() };
    let (mut present, mut signed_in) = (vec![0.0; series.windows], vec![0.0; series.windows]);
    for row in &series.sessions {
        present.iter_mut().zip(&row.present).for_each(|(sum, value)| *sum += value);
        for site in &row.signed_in {
            signed_in.iter_mut().zip(site).for_each(|(sum, value)| *sum += value);
        }
    }
    let minutes = minute_availability(series.window_s, &present, &signed_in);
    let found = recovery(&minutes, Some(minute_of(impact_s)), share, 1);
    if found.impact_minute.is_none() {
        let text = format!("never under {}", percent(share));
        return Reached { met: true, badness: f64::NEG_INFINITY, text };
    }
    let (back_s, relapses) = (found.recovered.map(second_of), found.relapses.len());
    came_back(Back { impact_s: Some(impact_s), back_s, relapses }, within_s)
}

fn backlog(trial: &Outcome, within_s: f64) -> Reached {
    if trial.series.pipelines.is_empty() {
        return Reached::never("there is no pipeline");
    }
    // Mail can be late while every demand is answered: then the clock runs from the fault.
    let incident = &trial.incident;
    let Some(began_s) = incident.impact_s.or(incident.fault_s) else {
        return Reached::no_impact();
    };
    let back_s = incident.drained_s;
    came_back(Back { impact_s: Some(began_s), back_s, relapses: 0 }, within_s)
}

/// Client (or pipeline) and name of an operation, as results carry them.
fn names(scenario: &Scenario, id: OperationId) -> (&str, &str) {
    let operation = &scenario.operations[id.index()];
    let by = match operation.by {
        Demander::Client(client) => &scenario.clients[client.index()].name,
        Demander::Pipeline(pipeline) => &scenario.pipelines[pipeline.index()].name,
    };
    (by, &operation.name)
}

fn no_data(phase: Phase) -> String {
    match phase {
        Phase::After => {
            "no data: nothing was answered after recovery, or it was not seen".to_owned()
        }
        Phase::Before | Phase::During | Phase::All => {
            "no data: nothing was asked or answered".to_owned()
        }
    }
}

fn minute_of(seconds: f64) -> usize {
    (seconds.max(0.0) / 60.0 + 1e-9).floor() as usize
}

fn second_of(minute: usize) -> f64 {
    minute as f64 * 60.0
}
