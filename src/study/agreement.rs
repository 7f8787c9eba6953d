//! Both fidelities on the same seeds of one scenario, at several sizes.
//!
//! **Which question.** How far is `flow` from `exact` here, and does the distance shrink with the
//! size? **What it leaves out.** Whether `exact` itself is right: the theory tests. **Cost.** That
//! of its runs; they go in parallel, the number of threads reaches no figure.

use super::trial_seed;
use crate::measure::agreement::{Agreement, SizeAgreement, compare};
use crate::measure::outcome::Outcome;
use crate::scenario::capacity::capacity;
use crate::scenario::model::{Fidelity, Scenario};
use crate::simulation::{self, RunError};
use rayon::prelude::*;

/// Version of the format of an agreement file.
pub const AGREEMENT_FORMAT: &str = "blackstart-agreement/1";

/// What both fidelities gave, and whether they gave it again.
#[derive(Clone, Debug)]
pub struct Verified {
    /// How far they are apart.
    pub agreement: Agreement,
    /// Runs that gave another digest when repeated: fidelity, scale, both digests.
    pub differing: Vec<(Fidelity, u64, [String; 2])>,
}

/// Both fidelities, in the order in which they are compared.
const BOTH: [Fidelity; 2] = [Fidelity::Exact, Fidelity::Flow];

/// Digest of what a scenario says at its scale, whatever its seeds and fidelity.
pub fn model_digest(scenario: &Scenario) -> String {
    Scenario { seed: 0, seeds: 1, fidelity: Fidelity::Auto, ..scenario.clone() }.digest()
}

/// Runs `sizes` (the same scenario, smallest first) under both fidelities on `seeds` seeds each,
/// and the smallest once more under both. `done` is told each run's end, from several threads.
///
/// # Errors
/// The first run, in order, that could not be done.
///
/// # Panics
/// Without a size, or with fewer than two seeds.
pub fn verify(
    sizes: &[Scenario],
    seeds: u32,
    done: &(dyn Fn() + Sync),
) -> Result<Verified, RunError> {
    let smallest = sizes.first().expect("at least one size");
    let of_size = |size| BOTH.into_iter().map(move |fidelity| (size, fidelity));
    let seeded = |(size, fidelity)| (0..seeds).map(move |index| (size, fidelity, index));
    let mut jobs: Vec<(&Scenario, Fidelity, u32)> =
        sizes.iter().flat_map(of_size).flat_map(seeded).collect();
    let repeats = jobs.len();
    jobs.extend(of_size(smallest).map(|(size, fidelity)| (size, fidelity, 0)));
    let outcomes: Vec<Result<Outcome, RunError>> = jobs
        .par_iter()
        .with_max_len(1)
        .map(|&(size, fidelity, index)| {
            let scenario = Scenario { fidelity, seeds: 1, ..size.clone() };
            let outcome = simulation::run(&scenario, trial_seed(scenario.seed, index), &mut |_| {});
            done();
            outcome
        })
        .collect();
    let mut outcomes = outcomes.into_iter().collect::<Result<Vec<Outcome>, RunError>>()?;
    let again = outcomes.split_off(repeats);
    let each = seeds as usize;
    let first = [&outcomes[0], &outcomes[each]];
    let pairs = BOTH.into_iter().zip(first).zip(&again);
    let differing = pairs
        .filter(|((_, first), again)| first.digest != again.digest)
        .map(|((fidelity, first), again)| {
            (fidelity, smallest.scale, [first.digest.clone(), again.digest.clone()])
        })
        .collect();
    let compared: Vec<SizeAgreement> = sizes
        .iter()
        .zip(outcomes.chunks(2 * each))
        .map(|(size, both)| {
            let (exact, flow) = both.split_at(each);
            compare(size.scale, capacity(size).cost.operations, exact, flow)
        })
        .collect();
    let largest = sizes.last().expect("at least one size");
    let agreement = Agreement {
        format: AGREEMENT_FORMAT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: largest.name.clone(),
        variant: largest.variant.clone(),
        model: model_digest(largest),
        seed: largest.seed,
        seeds,
        sizes: compared,
    };
    Ok(Verified { agreement, differing })
}
