//! How far two ways of solving one model are apart.
//!
//! **Which question.** Do `flow` and `exact` say the same of one scenario? **Model.** Both ran the
//! same seeds; each figure is compared by the mean of its differences, whose standard error tells
//! noise from disagreement. A figure *agrees* where it is within its bound by at least two standard
//! errors, is *missed* where it is outside by as much, and else is *undecided*: more seeds, or a
//! larger size, would tell. **Where outcomes are bimodal**, some seeds collapsing and some not, a
//! mean would be one of two kinds of day: there the probability of collapse is compared instead;
//! and so is that of what is seen in some trials only, such as availability under 50 %.
//! **Source.** Bounds and rules: DESIGN.md, section 6. **Cost.** Nothing beside the runs.

mod figures;

use crate::measure::outcome::Outcome;
use figures::{FIGURES, Figure};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Standard errors that tell a difference from noise.
const DECIDED: f64 = 2.0;
/// Probability under which two counts of trials are not of one probability.
const SIGNIFICANT: f64 = 0.05;
/// Trials of each from which on counts that do not differ are taken to agree [count].
const CHANCE_TRIALS_MIN: usize = 20;

/// What a comparison came to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Within the bound.
    Agrees,
    /// Not compared by its mean: some seeds collapse, some do not.
    Bimodal,
    /// The noise is too large to tell.
    Undecided,
    /// Outside the bound.
    Missed,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// A count at full size.
    Count,
    /// A ratio, such as attempts for one demand.
    Ratio,
    /// A stretch of time between events [s].
    Time,
    /// A latency [s].
    Latency,
    /// Trials of all.
    Trials,
}

/// One figure at one size, under both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// What was compared.
    pub name: String,
    /// Which part of it was furthest off, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
    /// What its values are.
    pub quantity: Quantity,
    /// Mean over seeds, `exact`.
    pub exact: f64,
    /// Standard deviation over seeds, `exact`.
    pub exact_sd: f64,
    /// Mean over seeds, `flow`.
    pub flow: f64,
    /// Standard deviation over seeds, `flow`.
    pub flow_sd: f64,
    /// Standard error of the difference of the means, seed by seed.
    pub se: f64,
    /// By how much they may differ.
    pub bound: f64,
    /// Whether they do.
    pub finding: Finding,
}

/// Everything compared at one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SizeAgreement {
    /// Denominator of the scale.
    pub scale: u64,
    /// Operations of one run of `exact`, expected [count].
    pub operations: f64,
    /// One entry a figure.
    pub comparisons: Vec<Comparison>,
}

/// How far `flow` is from `exact` on one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agreement {
    /// Version of this format: `blackstart-agreement/1`.
    pub format: String,
    /// Version of the program.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Variant, if one was chosen.
    pub variant: Option<String>,
    /// Digest of the scenario at the largest size, whatever its seeds and fidelity.
    pub model: String,
    /// Root seed; the other seeds follow from it.
    pub seed: u64,
    /// Seeds each ran, at each size [count].
    pub seeds: u32,
    /// From the smallest to the largest; the last is the one that is judged.
    pub sizes: Vec<SizeAgreement>,
}

/// What was measured of a scenario before, told in the report of a run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Quoted {
    /// What was measured.
    pub agreement: Agreement,
    /// Whether the scenario that ran is the one that was measured, but for its scale and seeds.
    pub same_model: bool,
}

impl Agreement {
    /// The largest size.
    pub fn judged(&self) -> &SizeAgreement {
        self.sizes.last().expect("a verification has a size")
    }

    /// Whether no figure is missed, and none that is undecided is off by more than its bound and a
    /// standard error: what these seeds do not tell is not held against it, but must be small.
    pub fn passes(&self) -> bool {
        self.judged().comparisons.iter().all(|row| match row.finding {
            Finding::Agrees | Finding::Bimodal => true,
            Finding::Undecided => row.off().abs() <= row.bound + row.se,
            Finding::Missed => false,
        })
    }

    /// The worst of its comparisons.
    pub fn finding(&self) -> Finding {
        let findings = self.judged().comparisons.iter().map(|row| row.finding);
        findings.max().unwrap_or(Finding::Agrees)
    }
}

impl Comparison {
    /// Difference of the means, `flow` less `exact`.
    pub fn off(&self) -> f64 {
        self.flow - self.exact
    }
}

/// Compares the outcomes of the same seeds in the same order.
///
/// # Panics
/// With fewer than two outcomes of each, or not as many of each: there is no spread to judge by.
pub fn compare(scale: u64, operations: f64, exact: &[Outcome], flow: &[Outcome]) -> SizeAgreement {
    assert!(exact.len() == flow.len() && exact.len() > 1, "as many of each, and a spread");
    let collapse = chance("collapsed", exact.len(), collapsed(exact), collapsed(flow));
    let bimodal = [exact, flow].iter().any(|of| (1..of.len()).contains(&collapsed(of)));
    let mut comparisons = vec![collapse];
    for figure in FIGURES {
        comparisons.extend(judge(figure, exact, flow));
    }
    comparisons.extend(figures::latency(exact, flow));
    if bimodal {
        for row in &mut comparisons[1..] {
            row.finding = Finding::Bimodal;
        }
    }
    SizeAgreement { scale, operations, comparisons }
}

fn judge(figure: &Figure, exact: &[Outcome], flow: &[Outcome]) -> Option<Comparison> {
    let values = |of: &[Outcome]| of.iter().filter_map(figure.of).collect::<Vec<f64>>();
    let (a, b) = (values(exact), values(flow));
    if a.len() == exact.len() && b.len() == flow.len() {
        return Some(compared(figure.name, figure.quantity, &a, &b, figure.bound));
    }
    // Seen in some trials only: as often in both.
    let name = format!("{}: seen", figure.name);
    (a.len() + b.len() > 0).then(|| chance(&name, exact.len(), a.len(), b.len()))
}

/// Compares the means of paired values.
fn compared(
    name: &str,
    quantity: Quantity,
    exact: &[f64],
    flow: &[f64],
    bound: fn(f64) -> f64,
) -> Comparison {
    let differences: Vec<f64> = exact.iter().zip(flow).map(|(a, b)| b - a).collect();
    let ((exact, exact_sd), (flow, flow_sd)) = (moments(exact), moments(flow));
    let (off, spread) = moments(&differences);
    let se = spread / (differences.len() as f64).sqrt();
    let bound = bound(exact);
    let finding = match off.abs() - bound {
        outside if outside > DECIDED * se => Finding::Missed,
        outside if outside <= -DECIDED * se => Finding::Agrees,
        _ => Finding::Undecided,
    };
    let name = name.to_owned();
    let worst = None;
    Comparison { name, worst, quantity, exact, exact_sd, flow, flow_sd, se, bound, finding }
}

/// Mean and standard deviation of a sample of two values at least.
pub fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Compares how many of the trials something was seen in.
fn chance(name: &str, trials: usize, exact: usize, flow: usize) -> Comparison {
    let finding = match fisher(trials, exact, flow) {
        p if p < SIGNIFICANT => Finding::Missed,
        _ if exact.abs_diff(flow) == trials => Finding::Missed,
        _ if exact == flow && (exact == 0 || exact == trials) => Finding::Agrees,
        _ if trials >= CHANCE_TRIALS_MIN => Finding::Agrees,
        _ => Finding::Undecided,
    };
    let (a, b) = (exact as f64, flow as f64);
    let spread = |count: f64| (count * (1.0 - count / trials as f64)).max(0.0).sqrt();
    Comparison {
        name: name.to_owned(),
        worst: None,
        quantity: Quantity::Trials,
        exact: a,
        exact_sd: spread(a),
        flow: b,
        flow_sd: spread(b),
        se: spread(a).hypot(spread(b)),
        bound: 0.0,
        finding,
    }
}

/// Trials that collapsed: did not come back, or stayed down by themselves after the trigger.
fn collapsed(outcomes: &[Outcome]) -> usize {
    let down = |outcome: &&Outcome| outcome.incident.censored || outcome.incident.metastable;
    outcomes.iter().filter(down).count()
}

/// Fisher's exact test, two-sided: probability of counts at least as unlikely as `a` and `b` of
/// `trials` each, where both have the same probability.
///
/// # Source
/// R. A. Fisher, "On the interpretation of chi-squared from contingency tables", 1922: the
/// hypergeometric law of one count given the sum of both.
pub fn fisher(trials: usize, a: usize, b: usize) -> f64 {
    let sum = a + b;
    let weight = |first: usize| choose(trials, first) * choose(trials, sum - first);
    let possible = sum.saturating_sub(trials)..=sum.min(trials);
    let seen = weight(a);
    let (mut unlikely, mut all) = (0.0, 0.0);
    for first in possible {
        let weight = weight(first);
        all += weight;
        if weight <= seen * (1.0 + 1e-9) {
            unlikely += weight;
        }
    }
    unlikely / all
}

fn choose(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}

#[cfg(test)]
mod tests;
