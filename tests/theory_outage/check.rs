//! Rows of the oracles, numbers in system read from an outcome, and the t-intervals.

use blackstart::measure::outcome::{Outcome, StationLedger};
use blackstart::scenario::model::Scenario;
use blackstart::simulation::run;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Seeds of every comparison (STYLE.md, Tests).
pub const SEEDS: std::ops::Range<u64> = 0..20;

/// One run, of the fidelity that this target tests; the ledgers balanced in every window, or it
/// would not be there.
pub fn outcome(scenario: &Scenario, seed: u64) -> Outcome {
    let scenario = Scenario { fidelity: crate::FIDELITY, ..scenario.clone() };
    run(&scenario, seed, &mut |_| {}).expect("the ledgers balance")
}

/// A table of an oracle.
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

/// One row of it.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [&'static str],
}

impl Table {
    /// Reads a table: a header and rows, separated by commas.
    pub fn new(text: &'static str) -> Table {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut lines = lines.map(|line| line.split(',').collect::<Vec<_>>());
        Table { header: lines.next().expect("a header"), rows: lines.collect() }
    }

    /// All rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }

    /// The only row in which these columns have these values.
    pub fn row(&self, wanted: &[(&str, f64)]) -> Row<'_> {
        let matches = |row: &Row| wanted.iter().all(|&(name, value)| row.number(name) == value);
        let mut found = self.rows().filter(matches);
        let row = found.next().unwrap_or_else(|| panic!("no row with {wanted:?}"));
        assert!(found.next().is_none(), "several rows with {wanted:?}");
        row
    }
}

impl Row<'_> {
    /// A cell as it stands.
    pub fn text(&self, name: &str) -> &'static str {
        let column = self.table.header.iter().position(|&title| title == name);
        self.cells[column.unwrap_or_else(|| panic!("no column {name}"))]
    }

    /// A cell as a number; not a number where it is empty.
    pub fn number(&self, name: &str) -> f64 {
        self.text(name).parse().unwrap_or(f64::NAN)
    }
}

/// Requests in a station at every window's end (index 0: at `start`) [count].
///
/// Exact, not averaged: the ledger counts what stands at the end of the run, and each window has
/// its arrivals and departures, so the count is carried back window by window. It is the state
/// just *before* the instant, as in the columns `*_left` of the oracle.
pub fn in_system(outcome: &Outcome, station: usize) -> Vec<f64> {
    let ledger = &outcome.ledgers.stations[station];
    let series = &outcome.series.stations[station];
    let windows = outcome.series.windows;
    let mut count = (ledger.waiting + ledger.holding) as f64;
    let mut counts = vec![0.0; windows + 1];
    for window in (0..windows).rev() {
        counts[window + 1] = count;
        let gone = series.useful_per_s[window] + series.stale_per_s[window];
        let net = series.arrivals_per_s[window] - gone - series.refused_per_s[window];
        count = (count - net * outcome.series.window_s).round();
    }
    counts[0] = count;
    counts
}

/// The ledger of the only station.
pub fn ledger(outcome: &Outcome) -> &StationLedger {
    assert_eq!(outcome.ledgers.stations.len(), 1);
    &outcome.ledgers.stations[0]
}

/// A column summed over windows `from..to`, times the window: a count.
pub fn counted(outcome: &Outcome, column: &[f64], from: usize, to: usize) -> f64 {
    column[from..to].iter().sum::<f64>() * outcome.series.window_s
}

/// Mean of some values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Comparisons of one table; all are made, then all failures shown.
pub struct Comparisons {
    rows: Vec<(String, Vec<f64>, f64, f64)>,
}

impl Comparisons {
    /// None yet.
    pub fn new() -> Comparisons {
        Comparisons { rows: Vec::new() }
    }

    /// Adds one: independent observations, and the mean that theory gives.
    pub fn add(&mut self, what: impl Into<String>, observed: Vec<f64>, expected: f64) {
        self.add_within(what, observed, expected, 0.0);
    }

    /// Adds one whose theory is itself off by up to `error` (a grid, a stated approximation).
    pub fn add_within(
        &mut self,
        what: impl Into<String>,
        observed: Vec<f64>,
        expected: f64,
        error: f64,
    ) {
        assert!(observed.len() >= 20, "too few observations");
        self.rows.push((what.into(), observed, expected, error));
    }

    /// Asserts that every expected mean is in its interval: 99.9 % for all of them together.
    pub fn check(self) {
        let count = self.rows.len() as f64;
        assert!(count > 0.0);
        let mut failures = Vec::new();
        for (what, observed, expected, slack) in &self.rows {
            let n = observed.len() as f64;
            let found = mean(observed);
            let squares = observed.iter().map(|x| (x - found) * (x - found)).sum::<f64>();
            let error = (squares / (n - 1.0) / n).sqrt();
            let law = StudentsT::new(0.0, 1.0, n - 1.0).expect("a valid law");
            let half = law.inverse_cdf(1.0 - 0.0005 / count) * error;
            assert!(half.is_finite(), "{what}: {found} +- {half}");
            println!("{what}: {found:.5} +- {half:.5}, theory {expected:.5}");
            // Rounding is no difference where every observation is the same.
            let gap = (crate::gap(what) + 1e-9) * expected.abs();
            if (found - expected).abs() > half + slack + gap {
                failures.push(format!("{what}: {found} +- {half}, theory {expected}"));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}
