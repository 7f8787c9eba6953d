//! What a crude flow gets wrong (DESIGN.md, section 1), and this one must not: the first seconds
//! after a change, the tail of healthy latency, the latency of what was tried again, small stations
//! near their cliff, and the spread over seeds.
//!
//! Closed forms where there are some, else `exact`; intervals as in the theory tests.

#[path = "support/model.rs"]
mod model;

#[path = "flow_crude/alike.rs"]
mod alike;
#[path = "flow_crude/attached.rs"]
mod attached;
#[path = "flow_crude/caches.rs"]
mod caches;
#[path = "flow_crude/callers.rs"]
mod callers;
#[path = "theory_outage/check.rs"]
#[allow(dead_code, reason = "the tables are another target's")]
mod check;
#[path = "flow_crude/cliff.rs"]
mod cliff;
#[path = "flow_crude/closed.rs"]
mod closed;
#[path = "flow_crude/clumps.rs"]
mod clumps;
#[path = "flow_crude/cold.rs"]
mod cold;
#[path = "flow_crude/discipline.rs"]
mod discipline;
#[path = "flow_crude/latency.rs"]
mod latency;
#[path = "flow_crude/sessions.rs"]
mod sessions;
#[path = "flow_crude/spread.rs"]
mod spread;
#[path = "flow_crude/steering.rs"]
mod steering;
#[path = "flow_crude/stores.rs"]
mod stores;
#[path = "flow_crude/tipping.rs"]
mod tipping;
#[path = "flow_crude/ways.rs"]
mod ways;

use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Fidelity, Jitter, Retry, Scenario};
use blackstart::simulation::run;
use check::mean;
use model::retry;
use rayon::prelude::*;

/// What the helpers of the theory tests run; these tests name the fidelity of every run.
const FIDELITY: Fidelity = Fidelity::Flow;

/// By what part a figure may be off because of a stated approximation: none of these.
fn gap(_what: &str) -> f64 {
    0.0
}

/// One run a seed of the first `seeds`, in their order.
fn runs(scenario: &Scenario, fidelity: Fidelity, seeds: u64) -> Vec<Outcome> {
    let scenario = Scenario { fidelity, ..scenario.clone() };
    let one = |seed| run(&scenario, seed, &mut |_| {}).expect("the ledgers balance");
    (0..seeds).into_par_iter().map(one).collect()
}

/// A figure of some runs.
fn each(outcomes: &[Outcome], figure: impl Fn(&Outcome) -> f64) -> Vec<f64> {
    outcomes.iter().map(figure).collect()
}

/// Attempts in all, with waits of up to so long.
fn jittered(attempts: u32, wait_s: f64) -> Retry {
    Retry { jitter: Jitter::Full, ..retry(attempts, wait_s) }
}

/// A quantile of all answers of a phase [s].
fn latency(outcome: &Outcome, phase: &str, q: f64) -> f64 {
    let row = outcome.latency.iter().find(|row| row.phase == phase).expect("answers");
    row.quantiles.iter().find(|&&(of, _)| of == q).expect("the quantile").1
}

/// Mean over windows of a station's requests [1/s], and of its busy slots [share].
fn arrivals(outcome: &Outcome, station: usize, from: usize, to: usize) -> f64 {
    mean(&outcome.series.stations[station].arrivals_per_s[from..to])
}

fn utilisation(outcome: &Outcome, station: usize, from: usize, to: usize) -> f64 {
    let found = outcome.series.stations[station].utilisation[from..to].iter();
    mean(&found.copied().flatten().collect::<Vec<f64>>())
}

/// Runs of each fidelity.
const SEEDS: u64 = 8;

/// A figure of a run, and by what part it may differ.
type Figure = (&'static str, fn(&Outcome) -> f64, f64);

/// Figures over seeds agree but for three standard errors and this part.
fn agree(scenario: &Scenario, figures: &[Figure]) {
    agree_over(SEEDS, scenario, figures);
}

/// The same over so many seeds, where a figure is of few and luck would decide it.
fn agree_over(seeds: u64, scenario: &Scenario, figures: &[Figure]) {
    let noise = |exact: &[f64], flow: &[f64]| square_of_error(exact) + square_of_error(flow);
    agree_but_for(scenario, figures, seeds, noise);
}

/// The same where a seed decides something for both, such as times that are drawn: that is no
/// noise.
fn agree_in_pairs(scenario: &Scenario, figures: &[Figure]) {
    agree_but_for(scenario, figures, SEEDS, |exact, flow| {
        let apart: Vec<f64> = exact.iter().zip(flow).map(|(exact, flow)| flow - exact).collect();
        square_of_error(&apart)
    });
}

/// Square of the standard error of a mean.
fn square_of_error(values: &[f64]) -> f64 {
    let (n, found) = (values.len() as f64, mean(values));
    values.iter().map(|value| (value - found).powi(2)).sum::<f64>() / (n * (n - 1.0))
}

fn agree_but_for(
    scenario: &Scenario,
    figures: &[Figure],
    seeds: u64,
    square_of_noise: fn(&[f64], &[f64]) -> f64,
) {
    let all = [Fidelity::Exact, Fidelity::Flow].map(|fidelity| runs(scenario, fidelity, seeds));
    let mut wrong = Vec::new();
    for &(name, figure, part) in figures {
        let [exact, flow] = all.each_ref().map(|outcomes| each(outcomes, figure));
        let noise = 3.0 * square_of_noise(&exact, &flow).sqrt();
        let (exact, flow) = (mean(&exact), mean(&flow));
        let line = format!(
            "{name}: exact {:.4}, flow {:.4}, {:+.2} %, noise {:.2} %",
            exact,
            flow,
            100.0 * (flow / exact - 1.0),
            100.0 * noise / exact
        );
        println!("{line}");
        if (flow - exact).abs() > noise + part * exact {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
