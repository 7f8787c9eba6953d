//! What is made of thousands of comparisons, of which some must look bad by luck alone.
//!
//! Three readings, each with its own rate of false alarms:
//!
//! - **beyond doubt**: a figure of one scenario is outside its bound by more than Student's t
//!   allows at 99.9 %, all comparisons of the study together (Bonferroni). One such is a failure,
//!   but for the [`DEBTS`].
//! - **missed**, outside by two standard errors (as `blackstart verify` says): how many that many
//!   comparisons of equal means would give is worked out and shown beside the count.
//! - **over all scenarios**: the mean difference of a figure in parts of its bound, weighted by
//!   what each scenario knows of it. A bias too small to be seen in any scenario is seen here;
//!   more than the bound, by three standard errors, is a failure.
//!
//! Where there was no outage (never under the threshold for a minute), what users felt is not
//! judged: two parts in a hundred of next to nothing is nothing that a verdict could rest on.
//!
//! Where outcomes are of two kinds only their counts are compared (Fisher's exact test, in
//! `measure::agreement`).

use super::{Case, Kind};
use blackstart::measure::agreement::{Comparison, Finding, Quantity};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// Probability that the study fails though every mean is at its bound.
const LEVEL: f64 = 0.001;
/// Standard errors outside the bound from which on `measure::agreement` says missed.
const DECIDED: f64 = 2.0;
/// Standard errors by which a bias over all scenarios must be over the bound.
const BIASED: f64 = 3.0;

/// In how many scenarios of the whole study a figure is known to be off beyond doubt, and why as
/// far as it is known (tests/oracles/README.md, *In counts*). Debts: the numbers only fall.
pub const DEBTS: &[(&str, usize)] = &[("p99.9 during", 1)];

/// Figures of an outage: not judged where there was none.
const OF_AN_OUTAGE: [&str; 5] = [
    "lost mailbox-minutes",
    "mailboxes affected",
    "felt downtime, mean",
    "sessions lost",
    "demands suppressed",
];

/// Whether a row of a case is judged by its mean.
fn is_judged(case: &Case, row: &Comparison) -> bool {
    let harmless = case.kind == Kind::Unharmed && OF_AN_OUTAGE.contains(&row.name.as_str());
    row.finding != Finding::Bimodal && !harmless
}

/// One figure over all scenarios.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Comparisons, and of these by finding.
    pub compared: usize,
    pub agreed: usize,
    pub undecided: usize,
    pub missed: usize,
    /// Comparisons of equal means that would be called missed.
    pub missed_by_luck: f64,
    /// Mean difference in bounds, and its standard error.
    pub bias: (f64, f64),
    /// Comparisons outside their bound beyond doubt: scenario, in standard errors.
    pub beyond_doubt: Vec<(usize, f64)>,
    /// (difference in bounds, its weight).
    weighed: Vec<(f64, f64)>,
}

/// All figures, in the order in which they are compared.
pub struct Judgement {
    pub figures: Vec<(String, Figure)>,
    pub comparisons: usize,
}

/// Compares all cases, figure by figure.
pub fn judge(cases: &[Case]) -> Judgement {
    let by_mean = |case: &Case| {
        let rows = case.agreement.comparisons.iter();
        rows.filter(|row| row.quantity != Quantity::Trials && row.finding != Finding::Bimodal)
            .count()
    };
    let comparisons: usize = cases.iter().map(by_mean).sum();
    let mut order: Vec<String> = Vec::new();
    let mut figures: BTreeMap<String, Figure> = BTreeMap::new();
    for case in cases {
        for row in &case.agreement.comparisons {
            if !order.contains(&row.name) {
                order.push(row.name.clone());
            }
            figures.entry(row.name.clone()).or_default().add(case, row, comparisons);
        }
    }
    let finished = |name: String| {
        let mut figure = figures.remove(&name).expect("each was seen");
        figure.bias = weighed_mean(&figure.weighed);
        (name, figure)
    };
    Judgement { figures: order.into_iter().map(finished).collect(), comparisons }
}

impl Figure {
    fn add(&mut self, case: &Case, row: &Comparison, comparisons: usize) {
        if !is_judged(case, row) {
            return;
        }
        self.compared += 1;
        match row.finding {
            Finding::Agrees | Finding::Bimodal => self.agreed += 1,
            Finding::Undecided => self.undecided += 1,
            Finding::Missed => self.missed += 1,
        }
        if row.quantity == Quantity::Trials {
            // Counts of trials: their test is exact, and its own.
            if row.finding == Finding::Missed && case.looked_again {
                self.beyond_doubt.push((case.number, row.off()));
            }
            return;
        }
        let law = StudentsT::new(0.0, 1.0, f64::from(case.seeds - 1)).expect("two seeds or more");
        let outside = row.off().abs() - row.bound;
        // A figure that is the same in every seed, of both, has no error: then any is beyond doubt.
        let errors = if outside <= 0.0 { 0.0 } else { outside / row.se };
        if errors > law.inverse_cdf(1.0 - LEVEL / 2.0 / comparisons as f64) {
            self.beyond_doubt.push((case.number, errors));
        }
        if row.se > 0.0 {
            self.missed_by_luck += 2.0 * law.cdf(-(DECIDED + row.bound / row.se));
        }
        if row.bound > 0.0 {
            let (off, se) = (row.off() / row.bound, row.se / row.bound);
            self.weighed.push((off, 1.0 / (1.0 + se * se)));
        }
    }
}

/// Mean by weights, and its standard error from the scatter of what is weighed.
fn weighed_mean(values: &[(f64, f64)]) -> (f64, f64) {
    let all: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mean = values.iter().map(|(value, weight)| value * weight).sum::<f64>() / all;
    let squares = values.iter().map(|(value, weight)| (weight * (value - mean)).powi(2));
    (mean, squares.sum::<f64>().sqrt() / all)
}

impl Judgement {
    /// Fails with every figure that is off beyond doubt, in more scenarios than `debts` allow or
    /// over all of them.
    pub fn assert_holds(&self, debts: &[(&str, usize)]) {
        let mut failures = Vec::new();
        for (name, figure) in &self.figures {
            let debt = debts.iter().find(|(owed, _)| owed == name).map_or(0, |&(_, most)| most);
            if figure.beyond_doubt.len() > debt {
                for (number, errors) in &figure.beyond_doubt {
                    let out = format!("{errors:.1} standard errors out");
                    failures.push(format!("{name}: scenario {number}, {out}"));
                }
            }
            let (bias, error) = figure.bias;
            if bias.abs() - BIASED * error > 1.0 {
                failures.push(format!("{name}: {bias:.2} +- {error:.2} bounds over all"));
            }
        }
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    }
}
