//! What holds in every run of a random scenario, of either fidelity.

use crate::model::{Model, constant, exponential};
use crate::random_scenario::{Recipe, Sort, recipes};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Discipline, Fidelity, Load, OperationId, Scenario};
use blackstart::simulation::run;
use blackstart::study;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What no run may break.
fn check(outcome: &Outcome, scenario: &Scenario) -> Result<(), TestCaseError> {
    let series = &outcome.series;
    let clock = &scenario.clock;
    let windows = (clock.duration.as_secs_f64() / clock.window.as_secs_f64()).round() as usize;
    prop_assert_eq!(series.windows, windows);
    prop_assert_eq!(outcome.ledgers.windows_balanced, windows as u64);
    for share in series.availability.iter().flatten() {
        prop_assert!((0.0..=1.0).contains(share), "availability {}", share);
    }
    for amplification in series.amplification.iter().flatten() {
        prop_assert!(*amplification >= 0.0);
    }
    for station in &series.stations {
        for busy in station.utilisation.iter().flatten() {
            prop_assert!(*busy >= 0.0 && busy.is_finite());
        }
        prop_assert!(station.queue.iter().all(|&queue| queue >= 0.0));
    }
    for row in &series.sessions {
        for window in 0..series.windows {
            let signed_in: f64 = row.signed_in.iter().map(|site| site[window]).sum();
            prop_assert!(signed_in <= row.present[window], "{} signed in", signed_in);
            prop_assert_eq!(signed_in + row.signing_in[window], row.present[window]);
        }
    }
    for name in &series.steering {
        for window in 0..series.windows {
            let sum: f64 = name.shares.iter().map(|site| site[window]).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "shares add up to {}", sum);
        }
    }
    let end_s = scenario.clock.duration.as_secs_f64();
    let begin_s = -scenario.clock.warmup.as_secs_f64();
    let mut last = begin_s;
    for moment in &outcome.timeline {
        prop_assert!(moment.at_s >= last, "the timeline runs backwards at {}", moment.at_s);
        prop_assert!(moment.at_s <= end_s);
        last = moment.at_s;
    }
    for row in &outcome.ledgers.clients {
        let ended = row.answered + row.timed_out + row.refused + row.lost;
        prop_assert_eq!(row.sent, ended + row.outstanding);
    }
    for row in &outcome.ledgers.stations {
        let gone = row.useful + row.stale + row.rejected + row.dropped + row.crashed;
        prop_assert_eq!(row.arrived, gone + row.waiting + row.holding);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_140_623),
        ..ProptestConfig::default()
    })]

    #[test]
    fn books_clock_and_luck(recipe in recipes(Sort::Anything), seed in 0_u64..1_000) {
        let scenario = recipe.scenario();
        let mut clock = Vec::new();
        let first = run(&scenario, seed, &mut |now| clock.push(now));
        let first = first.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(clock.is_sorted() && clock.windows(2).all(|pair| pair[0] < pair[1]));
        check(&first, &scenario)?;
        let again = run(&scenario, seed, &mut |_| {}).expect("it balanced before");
        prop_assert_eq!(&first.digest, &again.digest, "one seed, two digests");
        let other = run(&scenario, seed + 1, &mut |_| {});
        let other = other.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_ne!(&first.digest, &other.digest, "two seeds, one digest");
    }
}

/// The result of `flow` for one seed, from a pool of so many threads, with the work it took.
fn in_counts(recipe: &Recipe, seed: u64, threads: usize) -> Result<Vec<Outcome>, TestCaseError> {
    let scenario = Scenario { fidelity: Fidelity::Flow, seed, seeds: 2, ..recipe.scenario() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let trials = || study::trials(&scenario, &|_, _| {});
    let outcomes = pool.expect("threads").install(trials);
    let outcomes = outcomes.map_err(|error| TestCaseError::fail(error.to_string()))?;
    outcomes.iter().try_for_each(|outcome| check(outcome, &scenario))?;
    Ok(outcomes)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_140_624),
        ..ProptestConfig::default()
    })]

    /// Books in integers, and the same digest and the same work whatever the threads.
    #[test]
    fn books_and_work_in_counts(recipe in recipes(Sort::InCounts), seed in 0_u64..1_000) {
        let one = in_counts(&recipe, seed, 1)?;
        let two = in_counts(&recipe, seed, 2)?;
        for (a, b) in one.iter().zip(&two) {
            prop_assert_eq!(&a.digest, &b.digest, "one seed, two digests");
            let work = |outcome: &Outcome| serde_json::to_string(&outcome.cost).expect("plain data");
            prop_assert_eq!(work(a), work(b), "one seed, other work");
            prop_assert!(a.cost.steps > 0 && a.cost.cells_updated > 0);
        }
        prop_assert_ne!(&one[0].digest, &one[1].digest, "two seeds, one digest");
    }

    /// Whoever demands at a rate thinks for as long instead: members are neither lost nor made.
    #[test]
    fn books_of_closed_loads_in_counts(recipe in recipes(Sort::InCounts), seed in 0_u64..1_000) {
        let mut scenario = Scenario { fidelity: Fidelity::Flow, ..recipe.scenario() };
        for operation in &mut scenario.operations {
            if let Load::Rate { per_hour } = operation.load {
                operation.load = Load::Think(exponential(3_600.0 / per_hour));
            }
        }
        let outcome = run(&scenario, seed, &mut |_| {});
        check(&outcome.map_err(|error| TestCaseError::fail(error.to_string()))?, &scenario)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_140_625),
        ..ProptestConfig::default()
    })]

    /// Those of one operation go first at every service, and half of the time with few places.
    #[test]
    fn books_of_priority_in_counts(recipe in recipes(Sort::InCounts), seed in 0_u64..1_000) {
        let mut scenario = Scenario { fidelity: Fidelity::Flow, ..recipe.scenario() };
        for service in &mut scenario.services {
            service.queue.discipline = Discipline::Priority { first: vec![OperationId(0)] };
            service.queue.limit = service.queue.limit.or((seed % 2 == 0).then_some(5));
        }
        let run = || run(&scenario, seed, &mut |_| {});
        let outcome = run().map_err(|error| TestCaseError::fail(error.to_string()))?;
        check(&outcome, &scenario)?;
        prop_assert_eq!(&outcome.digest, &run().expect("it balanced before").digest);
    }
}

/// Something that never changes is still never the same run: the luck of a constant service too.
#[test]
fn a_seed_is_the_whole_luck() {
    let scenario = Model::new().service_time(constant(0.5)).build();
    let digests: Vec<String> =
        (0..20).map(|seed| run(&scenario, seed, &mut |_| {}).unwrap().digest).collect();
    let mut different = digests.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), digests.len());
}
