//! FIFO with a deterministic timeout, immediate retries and stale work: which outages it survives.
//!
//! The fluid is compared at mu tau = 4000 (2000 completions a second by 20 servers, timeout 2 s).
//! Noise: the backlog at the repair has variance (rho + left) D / mu tau, so an outage is taken
//! four of its standard deviations away from the critical length, and 12 % at least.

use crate::check::{Comparisons, Row, SEEDS, Table, in_system, outcome};
use crate::model::{Model, exponential, retry};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{FaultKind, LostJobs, Scenario, ServiceId, SiteId};

const TAU_S: f64 = 2.0;
const MU_PER_S: f64 = 2_000.0;
const SERVERS: u64 = 20;

/// The capacity is cut to `left` for `outage` timeouts, then watched for `watched` timeouts.
fn scenario(left: f64, retries: f64, rho: f64, outage: f64, watched: f64) -> Scenario {
    let model = Model::new().rate(rho * MU_PER_S).servers(SERVERS);
    let model = model.service_time(exponential(SERVERS as f64 / MU_PER_S)).timeout(TAU_S);
    let model = model.retries(retry(retries as u32 + 1, 0.0));
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 1.0 - left,
        jobs: LostJobs::Requeue,
    };
    let model = model.clock(1.0, (outage + watched) * TAU_S, TAU_S / 10.0);
    model.fault(0.0, Some(outage * TAU_S), kind).build()
}

/// Whether the last two timeouts saw no retry at all, or nothing but retries' load; asserts that
/// it is one of the two.
fn recovered(outcome: &Outcome, what: &str) -> bool {
    let operation = &outcome.series.operations[0];
    let last = outcome.series.windows - 20..outcome.series.windows;
    let first: f64 = operation.first_attempts_per_s[last.clone()].iter().sum();
    let all: f64 = operation.attempts_per_s[last].iter().sum();
    let amplification = all / first;
    assert!(!(1.02..=1.5).contains(&amplification), "{what}: undecided, {amplification}");
    amplification < 1.02
}

fn critical(row: &Row) -> (f64, f64, f64, f64) {
    let left = row.number("capacity_fraction_during_outage");
    let critical = row.number("critical_outage_over_timeout");
    (left, row.number("max_retries"), row.number("rho"), critical)
}

/// Below the critical length it recovers, above it never does. Rows at rho 0.95 are left out: the
/// recovery takes 20 times as long as the outage there, and nothing else changes.
#[test]
fn both_sides_of_the_critical_outage() {
    let table = Table::new(include_str!("../oracles/fluid_fifo_metastable_boundary.csv"));
    let mut compared = 0;
    for (index, row) in table.rows().enumerate() {
        let (left, retries, rho, critical) = critical(&row);
        let vulnerable = row.text("region") == "vulnerable" && !critical.is_nan();
        if !vulnerable || rho > 0.9 {
            continue;
        }
        let deviation = ((rho + left) * critical / (MU_PER_S * TAU_S)).sqrt() / (rho - left);
        let away = (4.0 * deviation).max(0.12 * critical);
        for (outage, wanted) in [(critical - away, true), (critical + away, false)] {
            // In the fluid a backlog is gone `outage` rho / (1 - rho) after the repair at the
            // latest; a collapse shows in the first few timeouts.
            let watched = if wanted { 6.0 + outage * rho / (1.0 - rho) } else { 8.0 };
            let scenario = scenario(left, retries, rho, outage, watched);
            let outcome = outcome(&scenario, index as u64 % 20);
            let what = format!("left {left}, {retries} retries, rho {rho}, outage {outage} tau");
            assert_eq!(recovered(&outcome, &what), wanted, "{what}");
            compared += 1;
        }
    }
    assert!(compared >= 100, "{compared}");
}

/// rho (1 + K) < 1: any outage passes; its longest is 10 timeouts in the table.
#[test]
fn stable_below_one_over_the_attempts() {
    let table = Table::new(include_str!("../oracles/fluid_fifo_timeout_retry.csv"));
    let mut compared = 0;
    let stable = |row: &Row| {
        row.number("rho_times_1_plus_K") < 0.95 && row.number("outage_over_timeout") == 5.0
    };
    for row in table.rows().filter(stable).filter(|row| row.number("max_retries") > 0.0) {
        let (left, rho) = (row.number("capacity_fraction_during_outage"), row.number("rho"));
        let (retries, emptied) =
            (row.number("max_retries"), row.number("backlog_empty_after_restore_in_tau"));
        if emptied.is_nan() || emptied > 40.0 {
            continue;
        }
        let scenario = scenario(left, retries, rho, 5.0, emptied * 1.3 + 4.0);
        let what = format!("left {left}, {retries} retries, rho {rho}");
        assert!(recovered(&outcome(&scenario, compared as u64 % 20), &what), "{what}");
        compared += 1;
    }
    assert!(compared >= 8, "{compared}");
}

/// Peak backlog at the repair, time until it is empty, and the amplification, by the fluid.
#[test]
fn peak_backlog_and_amplification() {
    let table = Table::new(include_str!("../oracles/fluid_fifo_timeout_retry.csv"));
    let mut comparisons = Comparisons::new();
    let cases = [
        (0.0, 1.0, 0.4, 1.5),
        (0.0, 1.0, 0.4, 3.0),
        (0.0, 4.0, 0.4, 1.5),
        (0.0, 1.0, 0.6, 1.5),
        (0.0, 4.0, 0.6, 1.5),
        (0.5, 4.0, 0.6, 5.0),
    ];
    for (left, retries, rho, outage) in cases {
        let row = table.row(&[
            ("capacity_fraction_during_outage", left),
            ("max_retries", retries),
            ("rho", rho),
            ("outage_over_timeout", outage),
        ]);
        let metastable = row.text("outcome") == "metastable";
        let watched = if metastable { 12.0 } else { 10.0 };
        let scenario = scenario(left, retries, rho, outage, watched);
        let what = format!("left {left}, {retries} retries, rho {rho}, outage {outage} tau");
        let (mut peaks, mut emptied, mut amplified) = (vec![], vec![], vec![]);
        for seed in SEEDS {
            let outcome = outcome(&scenario, seed);
            assert_eq!(recovered(&outcome, &what), !metastable, "{what}");
            let run = in_system(&outcome, 0);
            let restored = (outage * 10.0).round() as usize;
            peaks.push((run[restored] - run[0]) / (MU_PER_S * TAU_S));
            let empty = run[restored..].iter().position(|&n| n <= SERVERS as f64);
            emptied.push(empty.map_or(f64::NAN, |windows| windows as f64 / 10.0));
            // Attempts of the last two timeouts over the first attempts that all of them had: in
            // a collapse each demand makes all its attempts, one timeout apart.
            let operation = &outcome.series.operations[0];
            let last = outcome.series.windows - 20..outcome.series.windows;
            let all: f64 = operation.attempts_per_s[last].iter().sum::<f64>() / 20.0;
            amplified.push(all / (rho * MU_PER_S));
        }
        if metastable {
            let peak = row.number("peak_attempt_amplification");
            comparisons.add(format!("{what}: amplification"), amplified, peak);
        } else {
            let peak = row.number("peak_backlog_in_mu_tau");
            // The oracle's own error is +-0.01 tau: so long the backlog grows by rho, and by rho
            // again where attempts have timed out already.
            let slack = 0.01 * rho * (1.0 + f64::from(outage > 1.0));
            comparisons.add_within(format!("{what}: peak"), peaks, peak, slack);
            let empty = row.number("backlog_empty_after_restore_in_tau");
            let late = 0.05 - SERVERS as f64 / (MU_PER_S * TAU_S * (1.0 - rho));
            comparisons.add_within(format!("{what}: empty"), emptied, empty + late, 0.05);
        }
    }
    comparisons.check();
}
