//! `exact` against the stationary laws of queueing theory.
//!
//! Which table is tested where, and what was left out and why: `tests/oracles/README.md`.

#[path = "support/model.rs"]
mod model;

#[path = "theory/attempts.rs"]
mod attempts;
#[path = "theory/general.rs"]
mod general;
#[path = "theory/impatience.rs"]
mod impatience;
#[path = "theory/little.rs"]
mod little;
#[path = "theory/markov.rs"]
mod markov;
#[path = "theory/networks.rs"]
mod networks;
#[path = "theory/oracle.rs"]
mod oracle;
#[path = "theory/retries.rs"]
mod retries;
#[path = "theory/seen.rs"]
mod seen;
#[path = "theory/statistics.rs"]
mod statistics;

// What applies to `exact` alone; the rest of `markov` and `networks` is run by
// tests/theory_flow.rs, too.

#[test]
fn mm1() {
    markov::mm1();
}

#[test]
fn jackson_open() {
    networks::jackson_open();
}

#[test]
fn jackson_closed() {
    networks::jackson_closed();
}

#[test]
fn erlang_b_whatever_the_service_law() {
    markov::erlang_b_whatever_the_service_law();
}

/// What these tests run.
const FIDELITY: blackstart::scenario::model::Fidelity =
    blackstart::scenario::model::Fidelity::Exact;

/// Sources that a test can have.
const SOURCES: u64 = 100_000;

/// Whether a column of a table is compared at a station of so many servers: all are.
fn applies(_servers: u64, _column: &str) -> bool {
    true
}

/// By what part a figure may be off because of a stated approximation: there is none.
fn gap(_what: &str) -> f64 {
    0.0
}
