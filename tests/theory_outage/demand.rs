//! M(t)/M/infinity: a step of the demand (a surge) and a day's sinusoid (the load curve).

use crate::check::{Comparisons, SEEDS, Table, in_system, mean, outcome};
use crate::model::{Model, exponential};
use blackstart::kernel::math::sin;
use blackstart::scenario::model::{Curve, FaultKind};

fn table() -> Table {
    Table::new(include_str!("../oracles/mt_m_inf.csv"))
}

/// Compares mean and variance at the oracle's times; an episode is `period` windows long.
fn compare(scenario: &str, runs: &[Vec<f64>], period: usize, count: usize) {
    let table = table();
    let mut comparisons = Comparisons::new();
    for row in table.rows().filter(|row| row.text("scenario") == scenario) {
        let (time, expected) = (row.number("time"), row.number("mean_active"));
        let at = |run: &Vec<f64>| -> Vec<f64> {
            (0..count).map(|episode| run[episode * period + time as usize]).collect()
        };
        let means = runs.iter().map(|run| mean(&at(run))).collect();
        comparisons.add(format!("{scenario} t={time} mean"), means, expected);
        let square = |run: &Vec<f64>| {
            mean(&at(run).iter().map(|n| (n - expected).powi(2)).collect::<Vec<_>>())
        };
        let variances = runs.iter().map(square).collect();
        let expected = row.number("var_active");
        comparisons.add(format!("{scenario} t={time} variance"), variances, expected);
    }
    comparisons.check();
}

/// Demand of 100/s, 400/s from 2 s to 10 s, mean service 2 s, more servers than are ever busy.
#[test]
fn a_step() {
    let model = Model::new().rate(100.0).servers(10_000).service_time(exponential(2.0));
    let mut model = model.clock(40.0, 5.0 * 50.0, 1.0);
    for episode in 0..5 {
        let kind = FaultKind::LoadSurge { region: None, operation: None, factor: 4.0 };
        model = model.fault(f64::from(episode) * 50.0 + 2.0, Some(8.0), kind);
    }
    let scenario = model.build();
    let runs: Vec<_> = SEEDS.map(|seed| in_system(&outcome(&scenario, seed), 0)).collect();
    compare("step_100_to_400_t2_t10", &runs, 50, 5);
}

/// The unit of time is the hour: 1000/h (1 + 0.8 sin(2 pi t / 24 h)), mean service 2 h. The curve
/// is linear between points 5 minutes apart, off by 5e-5 of its amplitude at most.
pub fn a_day() {
    let points = (0..288).map(|point| {
        let second = f64::from(point) * 300.0;
        (second, 1.0 + 0.8 * sin(2.0 * std::f64::consts::PI * second / 86_400.0))
    });
    let model = Model::new().rate(1_000.0 / 3_600.0).servers(10_000);
    let model = model.service_time(exponential(7_200.0));
    let mut model = model.clock(86_400.0, 2.0 * 86_400.0, 3_600.0);
    model.scenario.regions[0].load = Curve { points: points.collect() };
    let scenario = model.build();
    let runs: Vec<_> = SEEDS.map(|seed| in_system(&outcome(&scenario, seed), 0)).collect();
    compare("sinusoid_mean1000_amp800_period24", &runs, 24, 2);
}
