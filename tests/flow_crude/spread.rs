//! The spread over seeds: that of `exact`, and falling as one over the root of the size.

use crate::model::{Model, exponential, retry};
use crate::{each, runs};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{FaultKind, Fidelity, LostJobs, Scenario, ServiceId, SiteId};
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

/// Runs of each [count].
const SEEDS: u64 = 40;
/// Probability that this test fails though all spreads are as they should be.
const LEVEL: f64 = 0.001;
/// Sizes: each four times the last.
const SIZES: [u64; 3] = [1, 4, 16];

/// 20 servers times `size`, 70 % busy; 60 % of them are lost for 20 s.
fn scenario(size: u64) -> Scenario {
    let model = Model::new().mailboxes(2_000 * size).rate(140.0 * size as f64).servers(20 * size);
    let model = model.service_time(exponential(0.1)).timeout(3.0).retries(retry(3, 2.0));
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 0.6,
        jobs: LostJobs::Reset,
    };
    model.clock(5.0, 100.0, 5.0).fault(20.0, Some(20.0), kind).build()
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)
}

/// A figure for one mailbox: its mean does not depend on the size.
type Figure = fn(&Outcome) -> f64;

const FIGURES: [(&str, Figure); 4] = [
    ("demands", |o| o.series.operations[0].demand_per_s.iter().sum::<f64>()),
    ("attempts", |o| o.cost.attempts as f64),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost),
    ("longest queue", |o| o.series.stations[0].queue.iter().copied().fold(0.0, f64::max)),
];

/// Ratios of variances of independent normal samples are Fisher-Snedecor distributed.
#[test]
fn it_falls_with_the_root_of_the_size_and_is_that_of_exact() {
    let freedom = SEEDS as f64 - 1.0;
    let law = FisherSnedecor::new(freedom, freedom).expect("degrees of freedom are positive");
    // Each figure: one ratio a size, and one between sizes next to each other, in either fidelity.
    let comparisons = FIGURES.len() * (SIZES.len() + 2 * (SIZES.len() - 1));
    let most = law.inverse_cdf(1.0 - LEVEL / 2.0 / comparisons as f64);
    let sets: Vec<[Vec<Outcome>; 2]> = SIZES
        .iter()
        .map(|&size| {
            let scenario = scenario(size);
            [Fidelity::Exact, Fidelity::Flow].map(|fidelity| runs(&scenario, fidelity, SEEDS))
        })
        .collect();
    let mut failures = Vec::new();
    for (name, figure) in FIGURES {
        let of = |set: &[Outcome], size: u64| {
            variance(&each(set, |outcome| figure(outcome) / size as f64))
        };
        let variances: Vec<[f64; 2]> = sets
            .iter()
            .zip(SIZES)
            .map(|(set, size)| [of(&set[0], size), of(&set[1], size)])
            .collect();
        let mut judge = |what: String, ratio: f64| {
            println!("{name}, {what}: {ratio:.2} (within 1/{most:.2} and {most:.2})");
            if !(1.0 / most..=most).contains(&ratio) {
                failures.push(format!("{name}, {what}: {ratio}"));
            }
        };
        for (size, both) in SIZES.iter().zip(&variances) {
            judge(format!("size {size}: flow / exact"), both[1] / both[0]);
        }
        for fidelity in 0..2 {
            for pair in variances.windows(2) {
                let what = ["exact", "flow"][fidelity];
                let ratio = pair[0][fidelity] / pair[1][fidelity] / 4.0;
                judge(format!("{what}: variance a quarter for four times the size"), ratio);
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
