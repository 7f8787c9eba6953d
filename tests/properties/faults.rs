//! Faults in their shapes: hung partition, ramp, flap, a site down, capacity and cold starts.

use crate::model::{Model, constant, exponential, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::*;
use blackstart::simulation::run;

/// Half-width of a 99.99 % interval of a share of `count` independent draws.
fn four_sigma(share: f64, count: f64) -> f64 {
    4.0 * (share * (1.0 - share) / count).sqrt()
}

fn count(outcome: &Outcome, column: &[f64], from: usize, to: usize) -> f64 {
    column[from..to].iter().sum::<f64>() * outcome.series.window_s
}

fn outcome(scenario: &Scenario) -> Outcome {
    run(scenario, 5, &mut |_| {}).expect("the ledgers balance")
}

#[test]
fn a_hung_partition_fails_its_share_and_nobody_else() {
    let model = Model::new().mailboxes(100_000).rate(100.0).servers(400).timeout(5.0);
    let model = model.service_time(exponential(0.05)).clock(10.0, 240.0, 10.0);
    let model = model.with_service(|service| service.partitions = 4);
    let kind = FaultKind::Hung { service: ServiceId(0), site: None, partition: Some(2) };
    let outcome = outcome(&model.fault(60.0, Some(60.0), kind).build());
    let operation = &outcome.series.operations[0];
    let demand = count(&outcome, &operation.demand_per_s, 6, 11);
    let failed = count(&outcome, &operation.failed_per_s, 6, 11) / demand;
    assert!((failed - 0.25).abs() < four_sigma(0.25, demand), "{failed}");
    for (partition, station) in outcome.ledgers.stations.iter().enumerate() {
        assert_eq!(station.partition, Some(partition as u32));
        // What is stuck is served, for nobody, when the fault ends: 60 s at 25 a second.
        assert_eq!(station.stale > 1_000, partition == 2, "{station:?}");
    }
    let after = count(&outcome, &operation.failed_per_s, 13, 23);
    assert_eq!(after, 0.0, "over with the fault");
}

/// Strength grows in 20 equal steps: so does the share of errors.
#[test]
fn a_ramp_grows_evenly() {
    let model = Model::new().rate(1_000.0).servers(1_000).service_time(constant(0.01));
    let kind = FaultKind::Erroring { service: ServiceId(0), site: None, share: 0.8 };
    let mut model = model.clock(1.0, 260.0, 10.0).fault(20.0, Some(220.0), kind);
    model.scenario.faults[0].ramp = seconds(200.0);
    let outcome = outcome(&model.build());
    let operation = &outcome.series.operations[0];
    for window in 0..26 {
        let failed = count(&outcome, &operation.failed_per_s, window, window + 1);
        let demand = count(&outcome, &operation.demand_per_s, window, window + 1);
        let step = (window as f64 - 1.0).clamp(0.0, 20.0);
        let wanted = if window >= 24 { 0.0 } else { 0.8 * step / 20.0 };
        // Requests of 10 ms cross the edges of steps: 0.1 % of a window, with 4 % of share.
        let slack = four_sigma(wanted, demand) + 0.001;
        assert!((failed / demand - wanted).abs() < slack, "{window}: {failed}, {wanted}");
    }
}

/// On for 20 s, off for 10 s, for 90 s.
#[test]
fn a_flap_goes_on_and_off() {
    let model = Model::new().rate(200.0).servers(1_000).service_time(constant(0.001));
    let kind = FaultKind::Erroring { service: ServiceId(0), site: None, share: 1.0 };
    let mut model = model.clock(1.0, 200.0, 10.0).fault(20.0, Some(90.0), kind);
    model.scenario.faults[0].flap = Some((seconds(20.0), seconds(10.0)));
    let outcome = outcome(&model.build());
    let operation = &outcome.series.operations[0];
    let on = [2, 3, 5, 6, 8, 9];
    for window in 0..20 {
        let failed = operation.failed_per_s[window] / operation.demand_per_s[window];
        let wanted = if on.contains(&window) { 1.0 } else { 0.0 };
        assert!((failed - wanted).abs() < 0.002, "window {window}: {failed}");
    }
    let begun = outcome.timeline.iter().filter(|moment| moment.kind == "fault").count();
    assert_eq!(begun, 1, "one fault that flaps, not many");
}

/// All that is sent to a dead site is lost without a word; sessions there are found broken
/// between `lost_after` and that plus `keepalive`; the other site is not touched.
#[test]
fn a_site_down_takes_its_share_and_its_sessions() {
    let model = Model::new().mailboxes(4_000).rate(100.0).servers(1_000).timeout(1.0);
    let model = model.service_time(constant(0.01)).site("there", 1_000);
    let mut model = model.steering(SteeringKind::Direct, &[0.3, 0.7]).clock(10.0, 300.0, 5.0);
    model = model.operation("sign-in", ServiceId(0)).timeout(1.0);
    model = model.with_operation(|operation| operation.load = Load::Induced);
    model.scenario.clients[0].session = Some(Session {
        sign_in: OperationId(1),
        keepalive: seconds(40.0),
        lost_after: Some(seconds(20.0)),
    });
    let down = FaultKind::SiteDown { site: SiteId(0) };
    let outcome = outcome(&model.fault(50.0, Some(130.0), down).build());
    let sessions = &outcome.series.sessions[0].signed_in;
    let before = sessions[0][8];
    assert!((before / 4_000.0 - 0.3).abs() < four_sigma(0.3, 4_000.0), "{before}");
    assert_eq!(sessions[0][13], before, "not noticed before 20 s");
    let half = sessions[0][17] / before; // at 90 s: 40 s after, half of the keepalive gone
    assert!((half - 0.5).abs() < four_sigma(0.5, before) + 1.0 / 256.0, "{half}");
    assert_eq!(sessions[0][22], 0.0, "all found after 60 s");
    assert_eq!(outcome.impact.sessions_lost, before);
    let there = &sessions[1];
    assert!(there.iter().all(|&count| count == there[0]), "the other site stays as it is");
    let sent = &outcome.ledgers.clients;
    assert!(sent[0].lost > 500, "{:?}", sent[0]);
    // Black holes are silent; the clients of what was at work there when the site died time out.
    let crashed = outcome.ledgers.stations[0].crashed;
    assert!(sent[0].timed_out <= crashed && sent[0].refused == 0, "{crashed} of {:?}", sent[0]);
    // Users make their clients try again: once the site is back each returns with its next demand,
    // 40 s later in the mean, so all but exp(-120 / 40) of them do before the end.
    let back = sessions[0][59] / before;
    assert!((back - 0.9502).abs() < four_sigma(0.95, before) + 0.01, "{back}");
}

/// Reset instances fail what they held at once; requeued work is served in the end.
#[test]
fn lost_instances_reset_or_requeue_their_work() {
    let jobs = |jobs| {
        let model = Model::new().rate(50.0).servers(100).service_time(constant(1.0));
        let kind =
            FaultKind::InstancesLost { service: ServiceId(0), site: SiteId(0), share: 0.5, jobs };
        outcome(&model.clock(10.0, 100.0, 1.0).fault(30.0, Some(10.0), kind).build())
    };
    let (reset, requeued) = (jobs(LostJobs::Reset), jobs(LostJobs::Requeue));
    let crashed = reset.ledgers.stations[0].crashed as f64;
    // About 50 in service, each lost with probability 1/2: Poisson(25).
    assert!((crashed - 25.0).abs() < 4.0 * 5.0, "{crashed}");
    assert_eq!(reset.ledgers.clients[0].refused, reset.ledgers.stations[0].crashed);
    assert_eq!(requeued.ledgers.stations[0].crashed, 0);
    assert_eq!(requeued.ledgers.clients[0].refused, 0);
    let slots = |window: usize| requeued.series.stations[0].slots[window].round();
    assert_eq!((slots(29), slots(35), slots(45)), (100.0, 50.0, 100.0));
}

/// A silent router is never routed around; a router that is down is, after detection and
/// convergence.
#[test]
fn routing_follows_what_it_notices() {
    let run = |kind| {
        let mut model = Model::new().rate(100.0).servers(100).service_time(constant(0.01));
        model = model.timeout(1.0).clock(10.0, 60.0, 1.0);
        let network = &mut model.scenario.network;
        for name in ["near", "spare", "far"] {
            network.routers.push(Router::named(name));
        }
        let mut link = |name: &str, from, to, metric| {
            network.links.push(Link {
                name: name.into(),
                between: (RouterId(from), RouterId(to)),
                delay: seconds(0.001),
                bandwidth: 1e9,
                loss: 0.0,
                metric,
                buffer: seconds(0.1),
                preference: None,
                prefixes_max: None,
            });
        };
        link("a", 0, 1, 1);
        link("b", 1, 3, 1);
        link("c", 0, 2, 5);
        link("d", 2, 3, 5);
        model.scenario.sites[0].router = RouterId(3);
        let outcome = outcome(&model.fault(20.0, Some(20.0), kind).build());
        let operation = &outcome.series.operations[0];
        let bad = (0..60).filter(|&w| operation.failed_per_s[w] > 0.0);
        bad.collect::<Vec<usize>>()
    };
    // Detection 1 s and convergence 1 s: a black hole for two seconds. A request sent in the last
    // milliseconds before it may be on its way when it opens.
    let down = run(FaultKind::RouterDown { router: RouterId(1) });
    assert!(down.ends_with(&[20, 21]) && down[0] >= 19, "{down:?}");
    let silent = run(FaultKind::RouterSilent { router: RouterId(1) });
    let all: Vec<usize> = (20..40).collect();
    assert!(silent.ends_with(&all) && silent[0] >= 19, "{silent:?}");
}
