//! A total outage at a server without a queue, where everybody tries again until served.

use crate::check::{Comparisons, SEEDS, Table, counted, outcome};
use crate::model::{Model, seconds};
use blackstart::scenario::model::{Backoff, FaultKind, Jitter, LostJobs, Retry, ServiceId, SiteId};

/// The fluid has exponential times between tries. The policies here have none, so full jitter over
/// 2 / nu (mean 1 / nu) stands for them. What differs: each client's tries are a renewal process
/// with uniform gaps, whose mean number by age t is nu t - 1/3 (Feller vol. 2, XI.3:
/// t / m + (s^2 - m^2) / 2 m^2) and not nu t, so the rate of attempts at the repair is
/// lambda (1 + nu D - 1/3); 0.5 % here, and tested. A hundredth of the table's size.
#[test]
fn orbit_of_retries() {
    let table = Table::new(include_str!("../oracles/fluid_outage_retry_orbit.csv"));
    let hundredth = 100.0;
    let mut comparisons = Comparisons::new();
    for (lambda, nu, lasts) in [(500.0, 0.1, 600.0), (800.0, 0.1, 60.0), (800.0, 1.0, 60.0)] {
        let row = table.row(&[
            ("lambda", lambda),
            ("retry_rate_per_waiting_client", nu),
            ("outage_duration", lasts),
        ]);
        let model = Model::new().rate(lambda / hundredth).one_instance(10).queue_limit(0);
        let model = model.retries(Retry {
            attempts: None,
            backoff: Backoff::Constant(seconds(2.0 / nu)),
            jitter: Jitter::Full,
        });
        let kind = FaultKind::InstancesLost {
            service: ServiceId(0),
            site: SiteId(0),
            share: 1.0,
            jobs: LostJobs::Reset,
        };
        let saturated = row.number("saturated_phase_duration");
        let model = model.clock(0.0, lasts + (saturated * 0.8).round(), 1.0);
        let scenario = model.fault(0.0, Some(lasts), kind).build();
        let (mut orbits, mut rates, mut drained) = (vec![], vec![], vec![]);
        for seed in SEEDS {
            let outcome = outcome(&scenario, seed);
            let operation = &outcome.series.operations[0];
            let (from, windows) = (lasts as usize, outcome.series.windows);
            let demanded = |to| counted(&outcome, &operation.demand_per_s, 0, to);
            let answered = |to| counted(&outcome, &operation.answered_per_s, 0, to);
            assert_eq!(answered(from), 0.0, "nobody is served in a total outage");
            orbits.push(demanded(from) * hundredth);
            // The mean rate of the last second of the outage is that of its middle.
            rates.push(operation.attempts_per_s[from - 1] * hundredth);
            drained.push((demanded(windows) - answered(windows)) * hundredth);
        }
        let what = format!("lambda={lambda} nu={nu} for {lasts} s");
        comparisons.add(format!("{what}: orbit"), orbits, row.number("orbit_at_restore"));
        let rate = row.number("attempt_rate_at_restore") - lambda * (1.0 / 3.0 + nu * 0.5);
        comparisons.add(format!("{what}: attempts"), rates, rate);
        // While saturated, mu a second are served; an idle server finds a caller within
        // 1 / (attempts a second), which costs at most that share of mu (Erlang B at these
        // loads), and the first and last services lie half outside: stated as the theory's error.
        let span = (saturated * 0.8).round();
        let left = row.number("orbit_at_restore") - (1_000.0 - lambda) * span;
        let last_rate = (lambda + nu * left) / hundredth;
        let error = (10.0 * 10.0 / (last_rate - 10.0) * span / 10.0 + 20.0) * hundredth;
        comparisons.add_within(format!("{what}: saturated"), drained, left, error);
    }
    comparisons.check();
}
