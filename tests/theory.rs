//! `exact` against the stationary laws of queueing theory (tests/oracles/README.md).

#[path = "support/model.rs"]
mod model;

use blackstart::simulation::run;
use model::Model;

#[test]
fn builder() {
    let outcome = run(&Model::new().build(), 1, &mut |_| {}).unwrap();
    println!("{:?} {:?}", outcome.latency, outcome.ledgers);
    assert!(outcome.latency[0].count > 0);
}
