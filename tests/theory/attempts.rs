//! How many attempts a demand makes where each fails by itself.

use crate::model::{Model, constant, retry};
use crate::oracle::rows;
use crate::statistics::{Family, trials};
use blackstart::scenario::model::{FaultKind, ServiceId};

/// A service that fails some of its requests, demands that end well before the run does.
pub fn failing(share: f64, rate: f64, load_for_s: f64) -> Model {
    let ends = FaultKind::LoadSurge { region: None, operation: None, factor: 0.0 };
    Model::new()
        .clock(0.0, 2.0 * load_for_s, load_for_s / 10.0)
        .servers(100_000)
        .service_time(constant(0.001))
        .rate(rate)
        .timeout(1e4)
        .from_the_beginning(FaultKind::Erroring { service: ServiceId(0), site: None, share })
        .fault(load_for_s, None, ends)
}

/// Every demand has ended when the run does, so nothing is censored.
#[test]
fn attempts_under_independent_failures() {
    let mut family = Family::new("retries");
    for row in rows("retry_attempts") {
        let (p, retries) = (row.number("attempt_failure_prob"), row.count("max_retries"));
        let scenario = failing(p, 100.0, 30.0).retries(retry(retries as u32 + 1, 0.002)).build();
        let figures = trials(&scenario, |outcome| {
            let ledger = &outcome.ledgers.clients[0];
            let demands: f64 = outcome.series.operations[0].demand_per_s.iter().sum();
            let demands = demands * outcome.series.window_s;
            assert_eq!(ledger.outstanding, 0, "all have ended");
            vec![ledger.sent as f64 / demands, ledger.answered as f64 / demands]
        });
        let label = format!("p {p} retries {retries}");
        let attempts = row.number("mean_attempts");
        family.expect(format!("{label} attempts"), attempts, &figures[0], 0.05);
        let success = row.number("success_prob");
        // Where 60,000 demands see hundreds of either outcome.
        if (0.07..=0.995).contains(&success) {
            family.expect(format!("{label} success"), success, &figures[1], 0.12);
        }
    }
    family.judge();
}
