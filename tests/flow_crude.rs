//! What a crude flow gets wrong (DESIGN.md, section 1), and this one must not: the first seconds
//! after a change, the tail of healthy latency, the latency of what was tried again, small stations
//! near their cliff, and the spread over seeds.
//!
//! Closed forms where there are some, else `exact`; intervals as in the theory tests.

#[path = "support/model.rs"]
mod model;

#[path = "flow_crude/alike.rs"]
mod alike;
#[path = "theory_outage/check.rs"]
#[allow(dead_code, reason = "the tables are another target's")]
mod check;
#[path = "flow_crude/cliff.rs"]
mod cliff;
#[path = "flow_crude/closed.rs"]
mod closed;
#[path = "flow_crude/latency.rs"]
mod latency;
#[path = "flow_crude/sessions.rs"]
mod sessions;
#[path = "flow_crude/spread.rs"]
mod spread;
#[path = "flow_crude/steering.rs"]
mod steering;
#[path = "flow_crude/tipping.rs"]
mod tipping;

use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Fidelity, Scenario};
use blackstart::simulation::run;
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
