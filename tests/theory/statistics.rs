//! Twenty replications against a known value: Student's t interval, Bonferroni over a family.
//!
//! Seeds 0 to 19. All comparisons of a family hold together at 99.9 %, whatever depends on what:
//! each interval has the level 1 - 0.001 / comparisons. A comparison also fails where its interval
//! is too wide to mean anything, so that no test passes for lack of data.

use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::Scenario;
use blackstart::simulation::run;
use rayon::prelude::*;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Replications: seeds 0 to 19.
pub const SEEDS: u64 = 20;
/// Probability that a family of right values fails.
const LEVEL: f64 = 0.001;

/// Runs all seeds, of the fidelity that this target tests; `measure` takes some figures off each
/// outcome. One vector a figure.
pub fn trials(scenario: &Scenario, measure: impl Fn(&Outcome) -> Vec<f64> + Sync) -> Vec<Vec<f64>> {
    let scenario = Scenario { fidelity: crate::FIDELITY, ..scenario.clone() };
    let one = |seed| {
        let outcome = run(&scenario, seed, &mut |_| {}).expect("both ledgers balance");
        measure(&outcome)
    };
    let trials: Vec<Vec<f64>> = (0..SEEDS).into_par_iter().map(one).collect();
    let figures = 0..trials[0].len();
    figures.map(|figure| trials.iter().map(|trial| trial[figure]).collect()).collect()
}

/// A figure whose true mean is known, to take noise off another by regression.
pub struct Control<'a> {
    /// One value a seed.
    pub samples: &'a [f64],
    /// Its true mean.
    pub mean: f64,
}

/// Comparisons that are judged together.
pub struct Family {
    name: String,
    comparisons: Vec<Comparison>,
}

struct Comparison {
    label: String,
    expected: f64,
    estimate: f64,
    standard_error: f64,
    freedom: f64,
    precision: f64,
}

impl Family {
    /// No comparison yet.
    pub fn new(name: &str) -> Family {
        Family { name: name.into(), comparisons: Vec::new() }
    }

    /// The mean of `samples` must be `expected`; half the interval at most `precision` of it.
    pub fn expect(&mut self, label: String, expected: f64, samples: &[f64], precision: f64) {
        let n = samples.len() as f64;
        let estimate = mean(samples);
        let variance = cross(samples, samples) / (n - 1.0);
        let standard_error = (variance / n).sqrt();
        let freedom = n - 1.0;
        let comparison =
            Comparison { label, expected, estimate, standard_error, freedom, precision };
        self.comparisons.push(comparison);
    }

    /// The same with a control variate: the regression of the samples on the control, read at the
    /// control's true mean (Law, Simulation Modeling and Analysis, 5th ed., section 11.4).
    pub fn expect_controlled(
        &mut self,
        label: String,
        expected: f64,
        samples: &[f64],
        control: &Control,
        precision: f64,
    ) {
        let n = samples.len() as f64;
        let spread = cross(control.samples, control.samples);
        let slope = cross(samples, control.samples) / spread;
        let off = mean(control.samples) - control.mean;
        let estimate = mean(samples) - slope * off;
        let left = cross(samples, samples) - slope * cross(samples, control.samples);
        let freedom = n - 2.0;
        let standard_error = (left / freedom * (1.0 / n + off * off / spread)).sqrt();
        let comparison =
            Comparison { label, expected, estimate, standard_error, freedom, precision };
        self.comparisons.push(comparison);
    }

    /// Fails with all comparisons of which the interval misses the value, or is too wide.
    pub fn judge(self) {
        assert!(!self.comparisons.is_empty(), "{}: nothing was compared", self.name);
        let share = LEVEL / self.comparisons.len() as f64;
        let mut failures = Vec::new();
        for c in &self.comparisons {
            let half = quantile_of_t(c.freedom, 1.0 - share / 2.0) * c.standard_error;
            let line = format!(
                "{} {}: expected {:.6}, found {:.6} +- {:.6} ({:.1} %)",
                self.name,
                c.label,
                c.expected,
                c.estimate,
                half,
                100.0 * half / c.expected.abs()
            );
            println!("{line}");
            let gap = crate::gap(&format!("{} {}", self.name, c.label)) * c.expected.abs();
            if (c.estimate - c.expected).abs() > half + gap {
                failures.push(line);
            } else if half > c.precision * c.expected.abs() {
                failures.push(format!("{line}: wider than {} %", 100.0 * c.precision));
            }
        }
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    }
}

fn quantile_of_t(freedom: f64, p: f64) -> f64 {
    let law = StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom are positive");
    law.inverse_cdf(p)
}

/// Mean of some samples.
pub fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
}

/// Sum of products of the deviations from the means.
fn cross(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum()
}

#[test]
fn students_quantile_is_that_of_the_tables() {
    // Two-sided 99.9 % with 19 degrees of freedom (Abramowitz and Stegun, table 26.10).
    assert!((quantile_of_t(19.0, 0.9995) - 3.883).abs() < 0.001);
}

#[test]
#[should_panic(expected = "expected 1.0")]
fn a_wrong_value_fails() {
    let mut family = Family::new("wrong");
    let samples: Vec<f64> = (0..20).map(|i| 2.0 + 0.001 * f64::from(i)).collect();
    family.expect("mean".into(), 1.0, &samples, 0.1);
    family.judge();
}

#[test]
#[should_panic(expected = "wider than")]
fn too_little_data_fails() {
    let mut family = Family::new("vague");
    let samples: Vec<f64> = (0..20).map(f64::from).collect();
    family.expect("mean".into(), 9.5, &samples, 0.1);
    family.judge();
}

#[test]
fn a_control_takes_away_what_it_explains() {
    let mut family = Family::new("controlled");
    let control: Vec<f64> = (0..20).map(|i| 0.4 + 0.01 * f64::from(i)).collect();
    let noise = |i: usize| if i.is_multiple_of(2) { 0.001 } else { -0.001 };
    let samples: Vec<f64> =
        control.iter().enumerate().map(|(i, c)| 3.0 * c + 1.0 + noise(i)).collect();
    let control = Control { samples: &control, mean: 0.5 };
    family.expect_controlled("line".into(), 2.5, &samples, &control, 0.001);
    family.judge();
}
