//! What people do: throttle, drain, restart, restore in parts with a brake, guards.

use crate::model::{Model, compare, constant, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::*;
use blackstart::simulation::run;

fn outcome(scenario: &Scenario) -> Outcome {
    run(scenario, 13, &mut |_| {}).expect("the ledgers balance")
}

fn plain() -> Model {
    let model = Model::new().rate(100.0).servers(1_000).service_time(constant(0.01));
    model.clock(10.0, 400.0, 10.0)
}

#[test]
fn a_throttle_admits_its_rate_and_a_ramp_lifts_it() {
    let throttle =
        |ramp| Action::Throttle { operation: OperationId(0), site: SiteId(0), admit: 40.0, ramp };
    let fixed = outcome(&plain().step(50.0, throttle(None)).build());
    let arrivals = &fixed.series.stations[0].arrivals_per_s;
    let admitted: f64 = arrivals[5..].iter().sum::<f64>() * 10.0;
    // Demand is over the rate all the time: the bucket (one second's worth) never fills up for
    // long, and gives exactly its rate but for what it holds at the ends.
    assert!((admitted - 40.0 * 350.0).abs() <= 40.0, "{admitted}");
    let refused = fixed.ledgers.clients[0].refused as f64;
    let demand: f64 = fixed.series.operations[0].demand_per_s[5..].iter().sum::<f64>() * 10.0;
    assert!((refused - (demand - admitted)).abs() <= 2.0, "{refused} of {demand}");
    let ramped = outcome(&plain().step(50.0, throttle(Some(seconds(100.0)))).build());
    let arrivals = &ramped.series.stations[0].arrivals_per_s;
    // The limit is 40 (1 + t / 100 s): 42 in the mean of the first 10 s, 78 in that of the last.
    for (window, &rate) in arrivals.iter().enumerate().take(15).skip(5) {
        let limit = 40.0 * (1.0 + (window as f64 - 4.5) / 10.0);
        assert!((rate - limit).abs() < 8.0, "{window}: {rate}, {limit}");
    }
    assert!(arrivals[16..].iter().sum::<f64>() / 24.0 > 95.0, "lifted after the ramp");
    let lifted = Action::Unthrottle { operation: OperationId(0), site: SiteId(0) };
    let lifted = outcome(&plain().step(50.0, throttle(None)).step(200.0, lifted).build());
    assert!(lifted.series.operations[0].failed_per_s[21..].iter().all(|&rate| rate == 0.0));
}

/// 8000 sessions at two sites; one is emptied by a change of the answer with a drain of 200 s.
#[test]
fn a_drain_closes_sessions_evenly_over_its_time() {
    let mut model = plain().mailboxes(8_000).rate(0.0).site("there", 1_000);
    model = model.steering(SteeringKind::Direct, &[1.0, 0.0]);
    model = model.with_operation(|operation| operation.load = Load::Induced);
    let sign_in = OperationId(0);
    model.scenario.clients[0].session =
        Some(Session { sign_in, keepalive: seconds(60.0), lost_after: None });
    let answers = vec![(SiteId(0), 0.25), (SiteId(1), 0.75)];
    let steering = SteeringId(0);
    let set = Action::Set { steering, answers, drain: Some(seconds(200.0)) };
    let outcome = outcome(&model.step(100.0, set).build());
    let here = &outcome.series.sessions[0].signed_in[0];
    let there = &outcome.series.sessions[0].signed_in[1];
    assert!(here[..10].iter().all(|&count| count == 8_000.0));
    for (window, &count) in there.iter().enumerate().take(30).skip(10) {
        // At the window's end so many of the 20 parts are over.
        let moved = 0.75 * (window as f64 - 9.0) / 20.0;
        let noise = 4.0 * (moved * (1.0 - moved) / 8_000.0).sqrt() + 1.0 / 256.0;
        let found = count / 8_000.0;
        assert!((found - moved).abs() < noise, "window {window}: {found}, {moved}");
    }
    let moved = (there[39] / 8_000.0 - 0.75).abs();
    assert!(moved < 4.0 * (0.75_f64 * 0.25 / 8_000.0).sqrt(), "{}", there[39]);
    assert_eq!(here[39] + there[39], 8_000.0, "everyone is back");
    assert_eq!(outcome.impact.sessions_lost, 0.0, "closed, not lost");
}

#[test]
fn a_restart_resets_refuses_and_comes_back_cold() {
    let mut model = plain().service_time(constant(0.5));
    model = model.with_service(|service| {
        service.warm_up = Some(WarmUp { slowdown: 3.0, over: seconds(100.0) });
    });
    let (service, site) = (ServiceId(0), SiteId(0));
    let action = Action::Restart { service, site, takes: seconds(40.0) };
    let outcome = outcome(&model.step(100.0, action).build());
    let ledger = &outcome.ledgers.stations[0];
    // 100 a second for 0.5 s are in service when it happens; all are reset.
    assert!((ledger.crashed as f64 - 50.0).abs() < 4.0 * 50.0_f64.sqrt(), "{ledger:?}");
    let operation = &outcome.series.operations[0];
    for window in 10..14 {
        assert_eq!(operation.good_per_s[window], 0.0, "down in window {window}");
    }
    assert!(operation.failed_per_s[14..].iter().all(|&rate| rate == 0.0), "refused no more");
    let busy = |window: usize| outcome.series.stations[0].utilisation[window].unwrap() * 1_000.0;
    // Work takes 3 times as long at first, and falls to its own length in 100 s.
    assert!(busy(15) > 120.0 && busy(20) < 110.0 && busy(30) < 60.0, "{}", busy(15));
    assert!((busy(9) - 50.0).abs() < 10.0);
}

/// A name moved away goes home in 4 parts, 20 s apart; a brake that goes on stops it on its way.
#[test]
fn a_restore_goes_in_parts_and_stops_on_its_brake() {
    let restored = |stop_at: Option<f64>| {
        let mut model = plain().site("there", 1_000);
        model = model.steering(SteeringKind::Direct, &[1.0, 0.0]);
        let steering = SteeringId(0);
        let answers = vec![(SiteId(0), 0.2), (SiteId(1), 0.8)];
        model = model.step(50.0, Action::Set { steering, answers, drain: None });
        let stop_if = Some(compare(Measure::SuccessRate, Operator::Below, 0.9));
        let every = seconds(20.0);
        model =
            model.step(100.0, Action::Restore { steering, steps: 4, every, stop_if, drain: None });
        if let Some(at) = stop_at {
            let kind = FaultKind::Erroring { service: ServiceId(0), site: None, share: 0.5 };
            model = model.fault(at, Some(100.0), kind);
        }
        outcome(&model.build())
    };
    let home = |outcome: &Outcome, second: usize| {
        let share = outcome.series.steering[0].shares[0][second / 10];
        (share * 1_000.0).round() / 1_000.0
    };
    let freely = restored(None);
    let seen: Vec<f64> =
        [40, 90, 105, 125, 145, 165].into_iter().map(|second| home(&freely, second)).collect();
    assert_eq!(seen, [1.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    let arrivals = &freely.series.stations[0].arrivals_per_s;
    assert!((arrivals[13] - 60.0).abs() < 4.0 * (60.0_f64 / 10.0).sqrt(), "{}", arrivals[13]);
    // Half the answers are errors from 125 s on: the parts due at 140 s and later stay undone.
    let braked = restored(Some(125.0));
    let seen: Vec<f64> =
        [105, 125, 145, 395].into_iter().map(|second| home(&braked, second)).collect();
    assert_eq!(seen, [0.4, 0.6, 0.6, 0.6]);
    assert!(braked.timeline.iter().any(|moment| moment.kind == "step_skipped"));
}
