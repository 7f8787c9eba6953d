//! `flow` against `exact`: the same scenarios solved in counts and request by request.
//!
//! Bounds are what is measured today with some room for the noise of a seed, not what is aimed at
//! (DESIGN.md, section 6); README.md shows both.

use blackstart::measure::outcome::{LatencyRow, Outcome, Results};
use blackstart::scenario::model::Fidelity;
use blackstart::scenario::{Options, load};
use blackstart::study;
use std::path::Path;

type Figure = fn(&Outcome) -> f64;

fn run(file: &str, fidelity: Fidelity, options: Options) -> Results {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let options = Options { fidelity: Some(fidelity), ..options };
    let loaded = load(&path, &options).unwrap_or_else(|problems| panic!("{problems}"));
    let trials = study::trials(&loaded.scenario, &|_, _| {}).expect("the ledgers balance");
    study::results(&loaded.scenario, trials)
}

fn seeded(file: &str, fidelity: Fidelity, seed: u64) -> Results {
    run(file, fidelity, Options { seed: Some(seed), ..Options::default() })
}

/// Mean, and variance of the mean, over seeds.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, squares / (n - 1.0) / n)
}

fn assert_near(what: &str, exact: f64, flow: f64, share: f64) {
    let off = (flow - exact).abs() / exact.abs();
    assert!(off <= share, "{what}: exact {exact}, flow {flow}, off by {off:.4}, over {share}");
}

/// Figures agree over some seeds each, but for a part and three standard errors: (figure, name,
/// part).
fn assert_agree(outcomes: impl Fn(Fidelity) -> Vec<Outcome>, figures: &[(Figure, &str, f64)]) {
    let [exact, flow] = [Fidelity::Exact, Fidelity::Flow].map(outcomes);
    for (figure, name, part) in figures {
        let values = |of: &[Outcome]| of.iter().map(figure).collect::<Vec<f64>>();
        let ((a, a2), (b, b2)) = (mean(&values(&exact)), mean(&values(&flow)));
        let room = 3.0 * (a2 + b2).sqrt() + part * a;
        assert!((a - b).abs() <= room, "{name}: exact {a}, flow {b}, room {room}");
    }
}

#[test]
fn first_steps_agree_over_seeds() {
    let of =
        |fidelity| (0..12).map(move |seed| seeded("scenarios/first-steps.yaml", fidelity, seed));
    assert_agree(
        |fidelity| of(fidelity).map(|mut results| results.trials.remove(0)).collect(),
        &[
            (|o| o.impact.mailbox_minutes_lost, "lost mailbox-minutes", 0.02),
            (|o| o.impact.mailboxes_affected, "affected", 0.02),
            (|o| o.impact.felt_downtime_mean_s, "felt downtime", 0.02),
            (|o| o.incident.recovered_s.expect("it recovers"), "recovery", 0.02),
            (|o| o.cost.attempts as f64, "attempts", 0.01),
        ],
    );
}

/// Three tiers under load, in 1/800 of their size; all of it in counts takes seconds.
#[test]
fn three_tiers_agree_over_seeds() {
    const FILE: &str = "tests/scenario/three-tiers.yaml";
    let of = |fidelity, seed| {
        let (seed, scale) = (Some(seed), Some(800));
        run(FILE, fidelity, Options { seed, scale, ..Options::default() }).trials.remove(0)
    };
    assert_agree(
        |fidelity| (0..4).map(|seed| of(fidelity, seed)).collect(),
        &[
            (|o| o.impact.mailbox_minutes_lost, "lost mailbox-minutes", 0.02),
            (|o| o.impact.mailboxes_affected, "affected", 0.02),
            (|o| o.incident.recovered_s.expect("it recovers"), "recovery", 0.02),
            (|o| o.cost.attempts as f64, "attempts", 0.01),
            (|o| o.cost.station_visits as f64, "visits", 0.01),
        ],
    );
    let whole = run(FILE, Fidelity::Auto, Options::default()).trials.remove(0);
    assert_eq!(whole.cost.events, 0, "above 20 million operations it is in counts");
    assert!(whole.cost.attempts > 3_000_000_000, "{:?}", whole.cost);
}

#[test]
fn lync_agrees() {
    let at_1_500 = || Options { scale: Some(500), ..Options::default() };
    let exact = run("scenarios/lync-2014-06-23.yaml", Fidelity::Exact, at_1_500()).trials.remove(0);
    let flow = run("scenarios/lync-2014-06-23.yaml", Fidelity::Flow, at_1_500()).trials.remove(0);
    let window_s = flow.series.window_s;
    let crossing = |o: &Outcome| {
        let low = |value: &Option<f64>| value.is_some_and(|value| value < 0.9);
        let first = o.series.availability.iter().position(low).expect("an outage");
        let last = o.series.availability.iter().rposition(low).expect("an outage");
        (first as f64 * window_s, last as f64 * window_s)
    };
    let (a, b) = (crossing(&exact), crossing(&flow));
    assert!((a.0 - b.0).abs() <= window_s, "availability falls: exact {a:?}, flow {b:?}");
    assert!((a.1 - b.1).abs() <= 180.0, "availability is back: exact {a:?}, flow {b:?}");
    // Windows are a minute or less; recovery within 2 % of its distance from the impact.
    let moments: [(Figure, &str, f64); 3] = [
        (|o| o.incident.impact_s.unwrap(), "impact", window_s),
        (|o| o.incident.detected_s.unwrap(), "detected", 60.0),
        (|o| o.incident.recovered_s.unwrap(), "recovered", 370.0),
    ];
    for (moment, name, within) in moments {
        let (a, b) = (moment(&exact), moment(&flow));
        assert!((a - b).abs() <= within, "{name}: exact {a}, flow {b}");
    }
    assert!(exact.incident.metastable && flow.incident.metastable);
    // Who asks again in a session that has survived: a seventh fewer survive in flow.
    let retried = |o: &Outcome| {
        let message = o.series.operations.iter().find(|op| op.operation == "message").unwrap();
        let all: f64 = message.attempts_per_s.iter().sum();
        all - message.first_attempts_per_s.iter().sum::<f64>()
    };
    assert_near("messages sent again", retried(&exact), retried(&flow), 0.2);
    let figures: [(Figure, &str, f64); 6] = [
        (|o| o.impact.mailbox_minutes_lost, "lost mailbox-minutes", 0.02),
        (|o| o.impact.sessions_lost, "sessions lost", 0.02),
        (|o| o.impact.suppressed, "suppressed", 0.02),
        (|o| o.cost.attempts as f64, "attempts", 0.02),
        (|o| o.impact.mailboxes_affected, "affected", 0.03),
        (|o| o.impact.felt_downtime_mean_s, "felt downtime", 0.04),
    ];
    for (figure, name, share) in figures {
        assert_near(name, figure(&exact), figure(&flow), share);
    }
    let many = exact.latency.iter().filter(|row| row.phase == "before" && row.count >= 10_000);
    for row in many {
        let is_same = |other: &&LatencyRow| {
            (&other.region, &other.operation, &other.phase)
                == (&row.region, &row.operation, &row.phase)
        };
        let other = flow.latency.iter().find(is_same).expect("the same rows");
        for q in [0.5, 0.99] {
            let at = |row: &LatencyRow| row.quantiles.iter().find(|(at, _)| *at == q).unwrap().1;
            // A 99th percentile of n of these times is known to 2.1 / sqrt(n): room for two
            // standard errors of the difference (lognormal, sigma 0.57: sqrt(q (1 - q)) / density
            // there).
            let noise = if q > 0.5 { 6.0 / (row.count as f64).sqrt() } else { 0.0 };
            assert_near(
                &format!("{:?} {} at {q}", row.region, row.operation),
                at(row),
                at(other),
                0.03 + noise,
            );
        }
    }
}

#[test]
fn a_run_in_counts_repeats_and_follows_its_seed() {
    let digest = |seed: u64| seeded("scenarios/first-steps.yaml", Fidelity::Flow, seed).digest;
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn the_sample_is_shown_with_its_band() {
    let outcome = seeded("scenarios/first-steps.yaml", Fidelity::Flow, 1).trials.remove(0);
    let tracers = outcome.impact.tracers.expect("flow follows a sample");
    assert_eq!(tracers.count, 10_000);
    assert!(tracers.affected_within > 0.0 && tracers.mean_within_s > 0.0);
    let exact = seeded("scenarios/first-steps.yaml", Fidelity::Exact, 1).trials.remove(0);
    assert!(exact.impact.tracers.is_none(), "exact follows everybody");
}
