//! The figures in which two ways of solving one model are compared.

use super::{Comparison, Finding, Quantity, compared};
use crate::measure::outcome::{LatencyRow, Outcome};

/// Bound of a difference, from the mean of `exact`.
type Bound = fn(f64) -> f64;

/// A figure of an outcome, and by how much it may be off.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) quantity: Quantity,
    /// The figure; `None` where it was not seen.
    pub(super) of: fn(&Outcome) -> Option<f64>,
    pub(super) bound: Bound,
}

/// Times of the incident count from the first fault.
fn since_fault(outcome: &Outcome, at_s: Option<f64>) -> Option<f64> {
    Some(at_s? - outcome.incident.fault_s.unwrap_or(0.0))
}

const fn count(name: &'static str, of: fn(&Outcome) -> Option<f64>) -> Figure {
    Figure { name, quantity: Quantity::Count, of, bound: |exact| 0.02 * exact.abs() }
}

const fn moment(name: &'static str, of: fn(&Outcome) -> Option<f64>) -> Figure {
    Figure { name, quantity: Quantity::Time, of, bound: |exact| (0.01 * exact.abs()).max(2.0) }
}

/// DESIGN.md, section 6; what it does not name (who felt it, attempts, amplification) is given the
/// bound of what it names next to it, lost mailbox-minutes.
pub(super) const FIGURES: &[Figure] = &[
    count("lost mailbox-minutes", |o| Some(o.impact.mailbox_minutes_lost)),
    count("mailboxes affected", |o| Some(o.impact.mailboxes_affected)),
    Figure {
        name: "felt downtime, mean",
        quantity: Quantity::Time,
        of: |o| Some(o.impact.felt_downtime_mean_s),
        bound: |exact| 0.02 * exact.abs(),
    },
    count("sessions lost", |o| Some(o.impact.sessions_lost)),
    count("demands suppressed", |o| Some(o.impact.suppressed)),
    count("attempts", |o| Some(o.cost.attempts as f64)),
    Figure {
        name: "highest amplification",
        quantity: Quantity::Ratio,
        of: |o| Some(o.impact.amplification_peak),
        bound: |exact| 0.02 * exact,
    },
    moment("falls under 90 %", |o| since_fault(o, falls(o, 0.9))),
    moment("falls under 50 %", |o| since_fault(o, falls(o, 0.5))),
    moment("back over 50 %", |o| since_fault(o, back(o, 0.5))),
    moment("back over 90 %", |o| since_fault(o, back(o, 0.9))),
    Figure {
        name: "recovered",
        quantity: Quantity::Time,
        of: |o| since_fault(o, o.incident.recovered_s),
        bound: |exact| (0.02 * exact).max(60.0),
    },
];

/// Windows that have data: middle [s], availability [share].
fn windows(outcome: &Outcome) -> impl DoubleEndedIterator<Item = (f64, f64)> + Clone + '_ {
    let series = &outcome.series;
    let with_data = |(window, value): (usize, &Option<f64>)| {
        Some(((window as f64 + 0.5) * series.window_s, (*value)?))
    };
    series.availability.iter().enumerate().filter_map(with_data)
}

/// Where the straight line between two windows crosses `level` [s].
fn crossing(a: (f64, f64), b: (f64, f64), level: f64) -> f64 {
    a.0 + (b.0 - a.0) * (a.1 - level) / (a.1 - b.1)
}

/// When availability first falls under `level` [s].
fn falls(outcome: &Outcome, level: f64) -> Option<f64> {
    let pairs = windows(outcome).zip(windows(outcome).skip(1));
    let (above, below) = pairs.into_iter().find(|(a, b)| a.1 >= level && b.1 < level)?;
    Some(crossing(above, below, level))
}

/// When availability last comes back over `level` [s].
fn back(outcome: &Outcome, level: f64) -> Option<f64> {
    let pairs = windows(outcome).zip(windows(outcome).skip(1));
    let (below, above) = pairs.filter(|(a, b)| a.1 < level && b.1 >= level).last()?;
    Some(crossing(below, above, level))
}

/// Quantiles compared, and the share by which each may be off.
const QUANTILES: [(f64, &str, Bound); 3] = [
    (0.5, "p50", |exact| 0.03 * exact),
    (0.99, "p99", |exact| 0.03 * exact),
    (0.999, "p99.9", |exact| 0.1 * exact),
];
/// Answers from which on quantiles are compared [count].
const ANSWERS_MIN: u64 = 10_000;

/// Latency by phase and quantile: of all operations and regions with answers enough, the one
/// furthest off.
pub(super) fn latency(exact: &[Outcome], flow: &[Outcome]) -> Vec<Comparison> {
    let mut worst: Vec<Comparison> = Vec::new();
    for phase in ["before", "during", "after"] {
        for (q, name, bound) in QUANTILES {
            let rows = exact[0].latency.iter().filter(|row| row.phase == phase);
            let compared = rows.filter_map(|row| {
                let (a, b) = (quantiles(exact, row, q)?, quantiles(flow, row, q)?);
                let name = format!("{name} {phase}");
                let mut compared = compared(&name, Quantity::Latency, &a, &b, bound);
                let region = row.region.as_ref().map(|region| format!(", {region}"));
                let what = format!("{}/{}", row.client, row.operation);
                compared.worst = Some(what + &region.unwrap_or_default());
                Some(compared)
            });
            worst.extend(compared.max_by(|a, b| badness(a).partial_cmp(&badness(b)).unwrap()));
        }
    }
    worst
}

/// What makes one comparison worse than another.
fn badness(row: &Comparison) -> (Finding, f64) {
    (row.finding, row.off().abs() / row.bound)
}

/// The quantile of the same row in every trial; `None` where one has too few answers.
fn quantiles(outcomes: &[Outcome], like: &LatencyRow, q: f64) -> Option<Vec<f64>> {
    let key = |row: &LatencyRow| {
        (row.region.clone(), row.client.clone(), row.operation.clone(), row.phase.clone())
    };
    let of = |outcome: &Outcome| {
        let row = outcome.latency.iter().find(|row| key(row) == key(like))?;
        let found = row.quantiles.iter().find(|(at, _)| (at - q).abs() < 1e-9)?;
        (row.count >= ANSWERS_MIN).then_some(found.1)
    };
    outcomes.iter().map(of).collect()
}
