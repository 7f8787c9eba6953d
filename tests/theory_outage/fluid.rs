//! Fluid build-up and drain (Newell 1982): at a station, with abandonment, and at a middlebox.
//!
//! The fluid tables are linear in the size of everything, so they are run at a tenth: 100
//! completions a second by 10 servers. Rates of births and deaths are linear while all servers are
//! busy, so the fluid is the mean of the stochastic station; what the first and last moments add
//! (the number in system before the outage, the c that are no backlog) is in the expected values.

use crate::check::{Comparisons, SEEDS, Table, counted, in_system, ledger, outcome};
use crate::model::{Model, exponential, seconds};
use blackstart::kernel::math::{exp, ln_1p};
use blackstart::scenario::model::{FaultKind, LostJobs, Middlebox, ServiceId, SiteId, WhenFull};

const TENTH: f64 = 10.0;
const SERVERS: f64 = 10.0;

fn outage(model: Model, at_s: f64, lasts_s: f64, share: f64) -> Model {
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share,
        jobs: LostJobs::Requeue,
    };
    model.fault(at_s, Some(lasts_s), kind)
}

/// Mean number in an M/M/10 with mean service 0.1 s at this arrival rate [count].
fn stationary(lambda: f64) -> f64 {
    let a = lambda / 10.0;
    let blocking = (1..=10).fold(1.0, |inverse, k| 1.0 + inverse * f64::from(k) / a);
    let blocking = 1.0 / blocking;
    let rho = a / SERVERS;
    let waits = blocking / (1.0 - rho * (1.0 - blocking));
    a + waits * rho / (1.0 - rho)
}

#[test]
fn backlog_and_drain() {
    let table = Table::new(include_str!("../oracles/fluid_outage_fifo.csv"));
    let mut comparisons = Comparisons::new();
    let sizes = [500.0, 800.0].into_iter();
    let cases = sizes.flat_map(|lambda| [0.0, 100.0, 300.0].map(|left| (lambda, left, 60.0)));
    for (lambda, left, lasts) in cases.chain([(500.0, 0.0, 600.0)]) {
        let row = table.row(&[("lambda", lambda), ("mu_outage", left), ("outage_duration", lasts)]);
        let length = (row.number("total_recovery_time") * 1.6 + 60.0).round();
        let model = Model::new().rate(lambda / TENTH).servers(10).service_time(exponential(0.1));
        let model = model.clock(20.0, length, 0.5);
        let scenario = outage(model, 0.0, lasts, 1.0 - left / 1_000.0).build();
        let n0 = stationary(lambda / TENTH);
        let busy = SERVERS * left / 1_000.0;
        let (mut peaks, mut drains, mut areas) = (vec![], vec![], vec![]);
        for seed in SEEDS {
            let outcome = outcome(&scenario, seed);
            let run = in_system(&outcome, 0);
            let restored = (lasts * 2.0) as usize;
            peaks.push((run[restored] - n0) * TENTH);
            let over = run[restored..].iter().position(|&n| n <= SERVERS).expect("it drains");
            drains.push(over as f64 * 0.5);
            let queue = &outcome.series.stations[0].queue;
            areas.push(counted(&outcome, queue, 0, restored + over) * TENTH);
        }
        let what = format!("lambda={lambda} left={left} for {lasts} s");
        // From N0 on, `busy` servers never idle (for left = 300: N0 = 5 or 12 > 3, nearly always).
        comparisons.add(format!("{what}: peak"), peaks, row.number("peak_backlog"));
        let surplus = (1_000.0 - lambda) / TENTH;
        let peak = row.number("peak_backlog") / TENTH;
        let drain = (peak + n0 - SERVERS) / surplus;
        // Half a window late in the mean.
        comparisons.add(format!("{what}: drain"), drains, drain + 0.25);
        // Two triangles on a base that has n0 instead of nothing; the queue is what is not served.
        // Their randomness adds var / 2 surplus to the second (E of a square).
        let variance = (lambda + left) / TENTH * lasts;
        let grows = lasts * (n0 - busy + peak / 2.0);
        let falls = ((peak + n0 - SERVERS).powi(2) + variance) / (2.0 * surplus)
            + (peak + n0 - SERVERS) * (lambda / TENTH + 100.0) / (2.0 * surplus * surplus);
        comparisons.add(format!("{what}: area"), areas, (grows + falls) * TENTH);
        let fluid = row.number("backlog_time_integral") / TENTH;
        assert!((grows + falls - fluid).abs() < 0.05 * fluid, "corrections are small");
    }
    comparisons.check();
}

/// While all servers are down everybody in the system is waiting and leaves at rate theta; the
/// drain is that of the fluid (the mean of a linear death process), to the instant of n = c.
pub fn backlog_with_abandonment() {
    let table = Table::new(include_str!("../oracles/fluid_outage_abandonment.csv"));
    let mut comparisons = Comparisons::new();
    for (lambda, left, theta) in
        [(800.0, 0.0, 0.01), (800.0, 300.0, 0.01), (800.0, 0.0, 0.1), (800.0, 300.0, 0.1)]
    {
        let row = table.row(&[
            ("lambda", lambda),
            ("mu_outage", left),
            ("abandon_theta", theta),
            ("outage_duration", 60.0),
        ]);
        let model = Model::new().rate(lambda / TENTH).servers(10).service_time(exponential(0.1));
        let model = model.patience(exponential(1.0 / theta)).drops_abandoned();
        let scenario = outage(model.clock(20.0, 360.0, 0.5), 0.0, 60.0, 1.0 - left / 1_000.0);
        let scenario = scenario.build();
        let busy = SERVERS * left / 1_000.0;
        // Those before the outage that wait, or go back to waiting: about N0 less the busy.
        let first = (stationary(lambda / TENTH) - busy) * exp(-60.0 * theta);
        let (mut peaks, mut drains, mut gone) = (vec![], vec![], vec![]);
        for seed in SEEDS {
            let outcome = outcome(&scenario, seed);
            let run = in_system(&outcome, 0);
            peaks.push((run[120] - busy - first) * TENTH);
            let over = run[120..].iter().position(|&n| n <= SERVERS).expect("it drains");
            drains.push(over as f64 * 0.5);
            gone.push(ledger(&outcome).dropped as f64 * TENTH);
        }
        let what = format!("lambda={lambda} left={left} theta={theta}");
        comparisons.add(format!("{what}: peak"), peaks, row.number("peak_backlog"));
        let surplus = (1_000.0 - lambda) / TENTH;
        let queue = row.number("peak_backlog") / TENTH + busy + first - SERVERS;
        let drain = ln_1p(theta * queue / surplus) / theta;
        comparisons.add(format!("{what}: drain"), drains, drain + 0.25);
        // Outside the incident theta x (mean queue, 1.64) leave each second, which the fluid
        // does not know; in it, the queue's own fall is what the drain leaves out.
        let quiet = 380.0 - 60.0 - drain;
        let waiting = stationary(lambda / TENTH) - lambda / 100.0;
        let others = theta * waiting * quiet + (first - SERVERS + busy).max(0.0);
        let expected = row.number("total_abandoned") + others * TENTH;
        comparisons.add(format!("{what}: abandoned"), gone, expected);
    }
    comparisons.check();
}

/// A middlebox before a site: 1000 connections a second, at most 2 s of queue. Demand of 1500/s
/// fills it in 2000 / 500 = 4 s; from then on 500 of 1500 are refused and the others wait 2 s; when
/// demand is 500/s again the queue is gone after 4 s. Newell's fluid queue, seen by the clients.
///
/// The share refused is that of the last tick (0.1 s, n = 150 connections in the mean), so by
/// Jensen's inequality E[1 - 100 / n] is used: 1000 (1 + 1 / 150) a second pass. A quiet network
/// ticks once a second, so it is the growth of the delay that is compared, not its beginning.
#[test]
fn a_full_middlebox() {
    let model = Model::new().rate(500.0).servers(1_000).service_time(exponential(0.01));
    let mut model = model.clock(10.0, 60.0, 1.0);
    model.scenario.network.middleboxes.push(Middlebox {
        name: "balancer".into(),
        before: SiteId(0),
        new_connections: Some(1_000.0),
        sessions: None,
        bandwidth: None,
        packets: None,
        when_full: WhenFull::Reset,
        buffer: seconds(2.0),
    });
    let kind = FaultKind::LoadSurge { region: None, operation: None, factor: 3.0 };
    let scenario = model.fault(10.0, Some(20.0), kind).build();
    let (mut refused, mut growing) = (vec![], vec![]);
    for seed in SEEDS {
        let outcome = outcome(&scenario, seed);
        let series = &outcome.series;
        let operation = &series.operations[0];
        refused.push(counted(&outcome, &operation.failed_per_s, 18, 30) / 12.0);
        // What arrives at the station has waited 2 s: sent from 16 s on, when the box was full.
        let passed = counted(&outcome, &operation.demand_per_s, 18, 27)
            - counted(&outcome, &operation.failed_per_s, 18, 27);
        let arrived = counted(&outcome, &series.stations[0].arrivals_per_s, 20, 29);
        assert!((arrived - passed).abs() < 0.02 * passed, "{arrived} of {passed}, 2 s later");
        let delay = &series.middleboxes[0].delay_s;
        growing.push(delay[12] - delay[11]);
        // The queue of a full box falls by the noise of arrivals only.
        assert!(delay[17..30].iter().all(|&delay| delay > 1.95 && delay <= 2.0 + 1e-9));
        assert!(delay[36..].iter().all(|&delay| delay < 0.1), "drained by 34 s: {delay:?}");
        assert!(delay[..10].iter().all(|&delay| delay < 0.1), "healthy before: {delay:?}");
        let after = counted(&outcome, &operation.failed_per_s, 35, 60);
        assert_eq!(after, 0.0, "nothing refused afterwards");
    }
    let mut comparisons = Comparisons::new();
    let passes = 1_000.0 * (1.0 + 1.0 / 150.0);
    comparisons.add("refused a second when full", refused, 1_500.0 - passes);
    comparisons.add("growth of the delay in a second", growing, 0.5);
    comparisons.check();
}
