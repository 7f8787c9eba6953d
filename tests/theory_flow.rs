//! `flow` against theory: the tests of `exact` that apply to it, run in counts.
//!
//! The same tests, rows and intervals. What does not apply is said here, with what is known to be
//! off and by how much (tests/oracles/README.md, *In counts*): stations of fewer than 20 servers,
//! whose queue is not a count but a handful; and whatever `flow` says it cannot do.

#[path = "support/model.rs"]
mod model;

#[path = "theory_outage/boundary.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod boundary;
#[path = "theory_outage/check.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod check;
#[path = "theory_outage/demand.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod demand;
#[path = "theory_outage/fluid.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod fluid;
#[path = "theory_outage/metastable.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod metastable;
#[path = "theory_outage/retries.rs"]
mod orbit;
#[path = "theory_outage/shift.rs"]
mod shift;
#[path = "theory_outage/transient.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod transient;

#[path = "theory_flow/closed.rs"]
mod closed;
#[path = "theory_flow/overload.rs"]
mod overload;
#[path = "theory_flow/priority.rs"]
mod priority;

#[path = "theory/attempts.rs"]
mod attempts;
#[path = "theory/markov.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod markov;
#[path = "theory/networks.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod networks;
#[path = "theory/oracle.rs"]
mod oracle;
#[path = "theory/seen.rs"]
#[allow(dead_code, reason = "exact has more tests")]
mod seen;
#[path = "theory/statistics.rs"]
mod statistics;

use blackstart::scenario::model::Fidelity;

/// What these tests run.
const FIDELITY: Fidelity = Fidelity::Flow;

/// Sources that a test can have.
const SOURCES: u64 = 50_000_000;

/// Who has signed in, and where names send people, is looked at once a beat [s].
const BEAT_S: f64 = 1.0;

/// What is known to be off: a figure's first and last words, by what part, and why.
const GAPS: &[(&str, &str, f64, &str)] = &[
    ("M/M/c c", "sojourn_p50", 0.015, "a law is 4,096 strata, told in parts of 1 %"),
    ("M/M/c c", "sojourn_p99", 0.01, "the same, parts of 1/4,096 above the 90th percentile"),
    ("M/M/c c 20", "mean_sojourn", 0.02, "half a service time a step, near saturation"),
    ("M/M/c c", "mean_sojourn", 0.005, "the same, with more servers"),
    (
        "Erlang B c 100 a 90",
        "blocking_prob",
        0.13,
        "no place to wait: who found a slot is sent away",
    ),
    ("Erlang B", "blocking_prob", 0.04, "the same"),
    ("Erlang B", "carried_load_erlangs", 0.035, "the same"),
    (
        "M/M/c/K c 100 K 200",
        "utilisation",
        1e-5,
        "idle for two millionths of the time: no run may see it, and then none has a spread",
    ),
    (
        "finite source 50000000 over 5000 think 101",
        "mean_at_server",
        0.02,
        "steps of half a service at rho .99: a Poisson source waits as long",
    ),
    ("finite source 50000000 over 5000 think 101", "mean_sojourn", 0.02, "the same"),
    ("finite source", "mean_sojourn", 0.005, "half a service time a step, near saturation"),
    (
        "M/M/c+D overload c",
        "useful",
        0.05,
        "who is given up in the next step is put anywhere in this one: some are late by that",
    ),
    ("M/M/c priority c 20", "mean_sojourn", 0.02, "half a service time a step, near saturation"),
    ("M/M/c priority c", "mean_sojourn", 0.005, "the same, with more servers"),
    ("M/M/c priority c", "first wait", 0.15, "the same, of waits under a quarter of a service"),
    ("M/M/c priority c", "later wait", 0.05, "the same"),
    ("M/M/c/K priority c 25 and 10", "refused", 0.02, "half a service a step; as without ranks"),
    ("M/M/c/K priority", "waiting", 0.003, "the same"),
    ("lambda=800 nu=1 for", "attempts", 0.05, "a retry due within a beat waits for the next"),
];

#[test]
fn erlang_b_whatever_the_service_law() {
    markov::erlang_b_whatever_the_service_law();
}

fn applies(servers: u64, column: &str) -> bool {
    // An onlooker without work of his own sees where in a step he is put.
    servers >= 20 && !["mean_wait", "erlang_c_prob_wait"].contains(&column)
}

fn gap(what: &str) -> f64 {
    let is_of = |(first, last, ..): &&(&str, &str, f64, &str)| {
        what.starts_with(first) && what.ends_with(last)
    };
    GAPS.iter().find(is_of).map_or(0.0, |&(_, _, part, _)| part)
}
