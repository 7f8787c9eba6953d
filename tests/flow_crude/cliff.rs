//! Small stations near their cliff: some seeds collapse, some do not. In a plain flow ten servers
//! collapsed in 6 of 20 runs instead of 1.

use crate::model::{Model, exponential, retry};
use crate::runs;
use blackstart::measure::agreement::fisher;
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{FaultKind, Fidelity, LostJobs, Scenario, ServiceId, SiteId};

/// Runs of each [count].
const SEEDS: u64 = 200;
/// Probability that this test fails though both collapse alike, all cases together.
const LEVEL: f64 = 0.001;

/// `servers` of mean 50 ms at a load of 75 %, a timeout of 1 s, three retries at once; half of the
/// servers are lost for `lasts_s`.
fn scenario(servers: u64, lasts_s: f64) -> Scenario {
    let rate = 0.75 * servers as f64 / 0.05;
    let model = Model::new().rate(rate).servers(servers).service_time(exponential(0.05));
    let model = model.timeout(1.0).retries(retry(4, 0.0)).clock(5.0, lasts_s + 25.0, 1.0);
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 0.5,
        jobs: LostJobs::Requeue,
    };
    model.fault(0.0, Some(lasts_s), kind).build()
}

/// Whether retries alone keep it down: of the last five seconds' attempts most are retries.
fn collapsed(outcome: &Outcome) -> bool {
    let operation = &outcome.series.operations[0];
    let last = outcome.series.windows - 5..outcome.series.windows;
    let first: f64 = operation.first_attempts_per_s[last.clone()].iter().sum();
    let all: f64 = operation.attempts_per_s[last].iter().sum();
    all > 2.0 * first
}

#[test]
fn small_stations_collapse_as_often_as_request_by_request() {
    let cases = [(10, 2.4), (10, 3.0), (10, 3.6), (20, 2.6), (20, 3.0), (20, 3.4)];
    let mut between = 0;
    for (servers, lasts_s) in cases {
        let scenario = scenario(servers, lasts_s);
        let count = |fidelity| {
            runs(&scenario, fidelity, SEEDS).iter().filter(|outcome| collapsed(outcome)).count()
        };
        let (exact, flow) = (count(Fidelity::Exact), count(Fidelity::Flow));
        let p = fisher(SEEDS as usize, exact, flow);
        println!(
            "{servers} servers, {lasts_s} s: exact {exact}, flow {flow} of {SEEDS}; p = {p:.3}"
        );
        assert!(p > LEVEL / cases.len() as f64, "{servers} servers: exact {exact}, flow {flow}");
        between += usize::from((SEEDS / 20..SEEDS - SEEDS / 20).contains(&(exact as u64)));
    }
    assert!(between >= 5, "the cases are near the cliff");
}
