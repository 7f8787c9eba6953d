//! `flow` against `exact` on a hundred random scenarios: how far apart, in which figures.
//!
//! **Which question.** Do both ways of solving the model say the same, on scenarios that nobody
//! chose? **How.** Topology, services, policies, faults and runbook are drawn from a fixed seed
//! (`tests/support/random.rs`); both run the same number of seeds, and `measure::agreement`
//! compares each figure by the mean of its differences (DESIGN.md, section 6). `agreement/judge.rs`
//! says what is made of so many comparisons. It prints a table in Markdown, as
//! `reports/agreement-random.md`:
//!
//! ```text
//! cargo bench --bench agreement > reports/agreement-random.md     the whole study
//! cargo bench --bench agreement -- 17               all figures of scenario 17, and its course
//! cargo bench --bench agreement -- 17 --seeds 100                          the same, more surely
//! cargo test --bench agreement                                     a few scenarios, as a test
//! ```

#[path = "agreement/judge.rs"]
mod judge;
#[path = "../tests/support/model.rs"]
mod model;
#[path = "../tests/support/random.rs"]
mod random_scenario;
#[path = "agreement/table.rs"]
mod table;

use blackstart::kernel::digest::Digest;
use blackstart::measure::agreement::{Finding, SizeAgreement, compare};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::capacity::capacity;
use blackstart::scenario::model::{Fidelity, Scenario};
use blackstart::simulation::run;
use blackstart::study::trial_seed;
use random_scenario::{Sort, drawn};
use rayon::prelude::*;

/// Seed of the scenarios, and of their runs.
const SEED: u64 = 20_140_623;
/// Scenarios and seeds each, of the whole study.
const WHOLE: (usize, u32) = (100, 8);
/// Scenarios of the test and their seeds: some of those that owe nothing (`judge::DEBTS`).
const SMALL: (&[usize], u32) = (&[0, 3, 5, 6, 8, 9], 4);
/// Seeds of a second look, none of which was in the first: where the outcome was of two kinds, or a
/// figure was missed.
const AGAIN: u32 = 20;

/// What one scenario came to.
pub struct Case {
    number: usize,
    digest: String,
    kind: Kind,
    seeds: u32,
    looked_again: bool,
    agreement: SizeAgreement,
}

/// What happens in a scenario, by `exact` on its first seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Never under the threshold for a minute.
    Unharmed,
    /// Under it, and back before the end.
    Recovered,
    /// Not back: of the last two minutes' demand, between a twentieth and nineteen are served.
    PartialCollapse,
    /// Not back, and hardly anything is served.
    Collapse,
}

fn main() {
    let Arguments { small, only, seeds } = arguments();
    // Who says how many needs no second look.
    let again = !small && seeds.is_none();
    let seeds = seeds.unwrap_or(if small { SMALL.1 } else { WHOLE.1 });
    let recipes = drawn(Sort::InCounts, WHOLE.0, SEED);
    let chosen: Vec<usize> = match only {
        Some(number) => vec![number],
        None if small => SMALL.0.to_vec(),
        None => (0..WHOLE.0).collect(),
    };
    let mut digest = Digest::new();
    let mut cases = Vec::new();
    for number in chosen {
        let scenario = recipes[number].scenario();
        let case = Case::judged(number, &scenario, seeds, again, &mut digest);
        if only.is_some() {
            println!("{:#?}", recipes[number]);
            table::print_all(&case);
            table::print_series(&pairs(&scenario, 0..seeds));
        }
        cases.push(case);
    }
    let judgement = judge::judge(&cases);
    if only.is_none() {
        table::print(&cases, &judgement, &digest.finish());
    }
    // One scenario is looked at, not judged.
    if only.is_none() {
        judgement.assert_holds(if small { &[] } else { judge::DEBTS });
    }
}

/// What was asked for.
struct Arguments {
    small: bool,
    only: Option<usize>,
    seeds: Option<u32>,
}

/// `[--small] [NUMBER [--seeds N]]`; small, too, where `cargo bench` did not start it.
fn arguments() -> Arguments {
    let (mut small, mut by_cargo_bench, mut only, mut seeds) = (false, false, None, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match (word.as_str(), word.parse()) {
            ("--bench", _) => by_cargo_bench = true,
            ("--small" | "--test", _) => small = true,
            ("--seeds", _) => {
                let count = words.next().and_then(|count| count.parse().ok());
                seeds = Some(count.expect("--seeds: write how many"));
            }
            (_, Ok(number)) => only = Some(number),
            (other, _) => panic!("{other}: write [--small] [NUMBER [--seeds N]]"),
        }
    }
    assert!(seeds.is_none() || only.is_some(), "--seeds is for one scenario");
    Arguments { small: small || !by_cargo_bench, only, seeds }
}

impl Case {
    fn judged(
        number: usize,
        scenario: &Scenario,
        seeds: u32,
        again: bool,
        digest: &mut Digest,
    ) -> Case {
        let first = pairs(scenario, 0..seeds);
        let kind = kind(&first.0[0]);
        let (mut agreement, mut used) = (compared(scenario, &first), seeds);
        let unclear = |row: Finding| matches!(row, Finding::Missed | Finding::Bimodal);
        let looked_again = again && agreement.comparisons.iter().any(|row| unclear(row.finding));
        digest_of(&first, digest);
        if looked_again {
            let second = pairs(scenario, seeds..seeds + AGAIN);
            digest_of(&second, digest);
            (agreement, used) = (compared(scenario, &second), AGAIN);
        }
        let digest = scenario.digest();
        Case { number, digest, kind, seeds: used, looked_again, agreement }
    }
}

fn compared(scenario: &Scenario, (exact, flow): &(Vec<Outcome>, Vec<Outcome>)) -> SizeAgreement {
    compare(scenario.scale, capacity(scenario).cost.operations, exact, flow)
}

fn digest_of(pair: &(Vec<Outcome>, Vec<Outcome>), digest: &mut Digest) {
    for outcome in pair.0.iter().chain(&pair.1) {
        digest.update_bytes(outcome.digest.as_bytes());
    }
}

/// Both fidelities on these trials of a scenario; the first in counts once more, for its digest.
fn pairs(scenario: &Scenario, trials: std::ops::Range<u32>) -> (Vec<Outcome>, Vec<Outcome>) {
    let first = trials.start;
    let of = |fidelity| trials.clone().map(move |index| (fidelity, index));
    let mut jobs: Vec<(Fidelity, u32)> = of(Fidelity::Exact).chain(of(Fidelity::Flow)).collect();
    jobs.push((Fidelity::Flow, first));
    let one = |&(fidelity, index): &(Fidelity, u32)| {
        let scenario = Scenario { fidelity, ..scenario.clone() };
        run(&scenario, trial_seed(SEED, index), &mut |_| {}).expect("the books balance")
    };
    let mut outcomes: Vec<Outcome> = jobs.par_iter().with_max_len(1).map(one).collect();
    let again = outcomes.pop().expect("one run more");
    let flow = outcomes.split_off(trials.len());
    assert_eq!(flow[0].digest, again.digest, "the same seed twice");
    (outcomes, flow)
}

fn kind(outcome: &Outcome) -> Kind {
    let incident = &outcome.incident;
    if incident.impact_s.is_none() {
        return Kind::Unharmed;
    }
    if !incident.censored {
        return Kind::Recovered;
    }
    let series = &outcome.series;
    // What is demanded last is not yet final.
    let of_two_minutes = (120.0 / series.window_s) as usize;
    let known: Vec<f64> = series.availability.iter().flatten().copied().collect();
    let last = &known[known.len().saturating_sub(of_two_minutes)..];
    let served = last.iter().sum::<f64>() / last.len().max(1) as f64;
    if (0.05..=0.95).contains(&served) { Kind::PartialCollapse } else { Kind::Collapse }
}
