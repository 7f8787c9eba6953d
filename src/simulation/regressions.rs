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

/// The first window used to hold the stations' whole warm-up: here 10 windows' worth.
#[test]
fn the_first_window_holds_nothing_of_the_warm_up() {
    let model = Model::new().clock(100.0, 100.0, 10.0).servers(100).rate(50.0);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let station = &outcome.series.stations[0];
    assert!((station.slots[0] - 100.0).abs() < 1e-6, "{}", station.slots[0]);
    // 500 arrivals a window: six standard deviations are 134, that is 13.4/s.
    assert!((station.arrivals_per_s[0] - 50.0).abs() < 13.4, "{}", station.arrivals_per_s[0]);
}
