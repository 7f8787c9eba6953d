//! `exact` against time-dependent theory: outages, surges, retries (tests/oracles/README.md).
//!
//! Every comparison is a 99.9 % t-interval over seeds 0 to 19, Bonferroni over the comparisons of
//! its table; a run that holds many episodes counts as one observation, their mean.

#[path = "support/model.rs"]
mod model;

#[path = "theory_outage/boundary.rs"]
mod boundary;
#[path = "theory_outage/check.rs"]
mod check;
#[path = "theory_outage/demand.rs"]
mod demand;
#[path = "theory_outage/fluid.rs"]
mod fluid;
#[path = "theory_outage/metastable.rs"]
mod metastable;
#[path = "theory_outage/retries.rs"]
mod retries;
#[path = "theory_outage/shift.rs"]
mod shift;
#[path = "theory_outage/transient.rs"]
mod transient;

/// What these tests run.
const FIDELITY: blackstart::scenario::model::Fidelity =
    blackstart::scenario::model::Fidelity::Exact;

/// By what part a figure may be off because of a stated approximation: there is none.
fn gap(_what: &str) -> f64 {
    0.0
}

// What applies to `exact` alone; all else is run by tests/theory_flow.rs, too.

#[test]
fn backlog_with_abandonment() {
    fluid::backlog_with_abandonment();
}

#[test]
fn a_day() {
    demand::a_day();
}

#[test]
fn a_lost_cache_cannot_refill() {
    metastable::a_lost_cache_cannot_refill();
}

#[test]
fn a_lost_cache_refills_at_hidden_capacity() {
    metastable::a_lost_cache_refills_at_hidden_capacity();
}

#[test]
fn erlang_a_total_outage() {
    transient::erlang_a_total_outage();
}

#[test]
fn mmck_surge() {
    transient::mmck_surge();
}

/// Time between two looks at who has come back [s]: none, everybody is seen at once.
const BEAT_S: f64 = 0.0;
