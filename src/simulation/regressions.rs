//! Bugs that were in the program once, each with the smallest run that shows it.

use crate::kernel::time::SimTime;
use crate::scenario::model::*;
use crate::simulation::model::{Model, constant, exponential, once, retry, seconds};
use crate::simulation::{Trial, run};

fn finish(scenario: &Scenario, seed: u64) -> Trial {
    let mut trial = Trial::new(scenario, seed);
    trial.run(scenario, scenario.end(), &mut |_| {}).expect("the ledgers balance");
    trial
}

/// `advance(t = 0)` used to wrap around below zero.
#[test]
fn control_can_act_at_the_very_beginning() {
    let kind = FaultKind::Slow { service: ServiceId(0), site: None, factor: 3.0 };
    let model = Model::new().rate(0.2).service_time(constant(1.0)).from_the_beginning(kind);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let fastest = outcome.latency[0].histogram[0].0;
    assert!((2.9..3.2).contains(&fastest), "{fastest}");
}
