//! Whether the targets were met, and by how much.
//!
//! **Which question.** Did recovery reach what was asked, in enough of the trials? **Model.** Each
//! target is judged in each trial from what the trial's [`Outcome`] says; a target is met where at
//! least `confidence` of the trials meet it. What was not seen (recovery after the end, a quantile of
//! nothing) is not met, and said so; a run without impact meets every target on coming back.
//! **What it leaves out.** Baselines of earlier runs. **Cost.** One pass over the windows a target.
//! **Validation.** Cases by hand.

mod phase;
mod reached;
#[cfg(test)]
mod tests;
mod words;

use crate::measure::outcome::{Judgement, Outcome, Verdict};
use crate::scenario::model::{Scenario, Target};
use reached::Reached;

/// Judges every target of `scenario` over its trials; passed where all are met.
pub fn judge(scenario: &Scenario, trials: &[Outcome]) -> Verdict {
    let judged = scenario.targets.iter().map(|target| judge_one(scenario, target, trials));
    let targets: Vec<Judgement> = judged.collect();
    Verdict { passed: targets.iter().all(|target| target.met), targets }
}

fn judge_one(scenario: &Scenario, target: &Target, trials: &[Outcome]) -> Judgement {
    let mut reached: Vec<Reached> =
        trials.iter().map(|trial| reached::reached(scenario, &target.kind, trial)).collect();
    let trials_met = reached.iter().filter(|trial| trial.met).count();
    // From the best to the worst; of an even number the worse of the two in the middle.
    reached.sort_by(|a, b| a.badness.total_cmp(&b.badness));
    let achieved = match reached.get(reached.len() / 2) {
        None => "no trial was run".to_owned(),
        Some(only) if reached.len() == 1 => only.text.clone(),
        Some(middle) => format!("{} (median of {} trials)", middle.text, reached.len()),
    };
    // The small part keeps 95 % of 20 at 19, whatever the last bit of the product.
    let needed = target.confidence * trials.len() as f64 - 1e-9;
    Judgement {
        target: target.name.clone(),
        objective: words::objective(scenario, &target.kind),
        achieved,
        trials_met: trials_met as u32,
        trials: trials.len() as u32,
        confidence: target.confidence,
        met: !trials.is_empty() && trials_met as f64 >= needed,
    }
}
