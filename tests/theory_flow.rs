//! `flow` against theory: the tests of `exact` that apply to it, run in counts.
//!
//! The same tests, rows and intervals. What does not apply is said here, with what is known to be
//! off and by how much (tests/oracles/README.md, *In counts*): stations of fewer than 20 servers,
//! whose queue is not a count but a handful; and whatever `flow` says it cannot do.

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
mod orbit;
#[path = "theory_outage/shift.rs"]
mod shift;
#[path = "theory_outage/transient.rs"]
mod transient;

#[path = "theory/attempts.rs"]
mod attempts;
#[path = "theory/markov.rs"]
mod markov;
#[path = "theory/oracle.rs"]
mod oracle;
#[path = "theory/seen.rs"]
mod seen;
#[path = "theory/statistics.rs"]
mod statistics;

use blackstart::scenario::model::Fidelity;

/// What these tests run.
const FIDELITY: Fidelity = Fidelity::Flow;

fn applies(servers: u64, column: &str) -> bool {
    // An onlooker without work of his own sees where in a step he is put.
    servers >= 20 && !["mean_wait", "erlang_c_prob_wait"].contains(&column)
}

fn gap(_what: &str) -> f64 {
    0.0
}
