//! Several trials of one scenario, and everything about them as one result.
//!
//! **Which question.** What does a scenario give, over so many seeds? **Model.** Trial 0 has the
//! root seed itself, so that a single run and the first of many are the same; the others have seeds
//! drawn from it by name. Trials run in parallel and are collected in their order: the number of
//! threads changes how long it takes and nothing else. **What it leaves out.** Variants side by
//! side, sweeps. **Cost.** That of its trials; memory of one world a thread. **Validation.** The
//! same bytes on one thread and on several.

pub mod agreement;

use crate::kernel::digest::Digest;
use crate::kernel::stream::{RootSeed, Stream};
use crate::kernel::time::SimTime;
use crate::measure::outcome::{Outcome, Results, ScenarioSummary, Verdict};
use crate::scenario::model::Scenario;
use crate::simulation::{self, RunError, fidelity};
use crate::verdict;
use rayon::prelude::*;

/// Version of the format of `results.json`.
pub const RESULTS_FORMAT: &str = "blackstart-results/1";

/// How far a trial has come: its index and its simulated time. Called from several threads.
pub type Progress<'a> = &'a (dyn Fn(usize, SimTime) + Sync);

/// Seed of trial number `index` (from 0).
///
/// 53 bits, so that every reader of JSON keeps all of it and `--seed` replays that trial alone.
pub fn trial_seed(root: u64, index: u32) -> u64 {
    match index {
        0 => root,
        _ => Stream::named(RootSeed(root), &format!("study/trial/{index}")).next_u64() >> 11,
    }
}

/// Runs all trials of a scenario, in parallel, and gives them in their order.
///
/// # Errors
/// The error of the first trial, in that order, that could not be run.
pub fn trials(scenario: &Scenario, progress: Progress) -> Result<Vec<Outcome>, RunError> {
    in_order(scenario, |index, seed| {
        simulation::run(scenario, seed, &mut |now| progress(index, now))
    })
}

/// Calls `run` for every trial, in parallel; the first failure in order wins, whichever came first.
fn in_order<T: Send, E: Send>(
    scenario: &Scenario,
    run: impl Fn(usize, u64) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let seeds: Vec<u64> = (0..scenario.seeds).map(|i| trial_seed(scenario.seed, i)).collect();
    let done: Vec<Result<T, E>> =
        seeds.par_iter().enumerate().map(|(index, &seed)| run(index, seed)).collect();
    done.into_iter().collect()
}

/// The whole result: the trials, the targets judged, and the digest of everything.
pub fn results(scenario: &Scenario, trials: Vec<Outcome>) -> Results {
    let verdict = verdict::judge(scenario, &trials);
    let summary = summary(scenario);
    let digest = digest(&summary.digest, &trials, &verdict);
    Results {
        format: RESULTS_FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: summary,
        trials,
        agreement: None,
        verdict,
        digest,
    }
}

fn digest(scenario: &str, trials: &[Outcome], verdict: &Verdict) -> String {
    let mut digest = Digest::new();
    digest.update_bytes(env!("CARGO_PKG_VERSION").as_bytes());
    digest.update_bytes(scenario.as_bytes());
    digest.update_u64(trials.len() as u64);
    for trial in trials {
        digest.update_u64(trial.seed);
        digest.update_bytes(trial.digest.as_bytes());
    }
    let verdict = serde_json::to_vec(verdict).expect("plain data always has a JSON form");
    digest.update_bytes(&verdict);
    digest.finish()
}

fn summary(scenario: &Scenario) -> ScenarioSummary {
    let choice = fidelity::choose(scenario);
    let (fidelity, fidelity_reason) = match choice {
        Ok(choice) => (choice.engine.name(), choice.reason),
        Err(unfit) => ("none", unfit.to_string()),
    };
    ScenarioSummary {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        description: scenario.description.clone(),
        sources: scenario.sources.clone(),
        variant: scenario.variant.clone(),
        digest: scenario.digest(),
        seed: scenario.seed,
        scale: scenario.scale,
        fidelity: fidelity.to_owned(),
        fidelity_reason,
        start: scenario.clock.start.clone(),
        start_unix_s: scenario.clock.start_unix_s,
        utc_offset_s: scenario.clock.utc_offset_s,
        duration_s: scenario.clock.duration.as_secs_f64(),
        mailboxes: scenario.regions.iter().map(|region| region.mailboxes as f64).sum(),
        sites: scenario.sites.iter().map(|site| site.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::capacity::tests::small;

    #[test]
    fn the_first_trial_has_the_root_seed_and_the_others_their_own() {
        assert_eq!(trial_seed(7, 0), 7);
        let seeds: Vec<u64> = (0..100).map(|i| trial_seed(7, i)).collect();
        let mut distinct = seeds.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 100);
        assert!(seeds.iter().all(|&seed| seed < 1 << 53), "JSON keeps them");
        assert_ne!(trial_seed(8, 1), trial_seed(7, 1));
    }

    #[test]
    fn trials_come_in_order_whatever_the_number_of_threads() {
        let mut scenario = small();
        scenario.seeds = 64;
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| in_order::<_, ()>(&scenario, |index, seed| Ok((index, seed))))
        };
        let one = with(1).unwrap();
        assert_eq!(
            one.iter().map(|trial| trial.0).collect::<Vec<_>>(),
            (0..64).collect::<Vec<_>>()
        );
        assert_eq!(Ok(one), with(4));
    }

    #[test]
    fn the_first_failure_in_order_is_the_one_that_is_told() {
        let mut scenario = small();
        scenario.seeds = 16;
        let failed =
            in_order::<(), _>(&scenario, |index, _| if index < 5 { Ok(()) } else { Err(index) });
        assert_eq!(failed, Err(5));
    }

    #[test]
    fn the_digest_sees_the_scenario_and_the_trials() {
        let scenario = small();
        let mut other = small();
        other.seed += 1;
        let digest_of = |scenario: &Scenario| results(scenario, Vec::new()).digest;
        assert_ne!(digest_of(&scenario), digest_of(&other));
    }
}
