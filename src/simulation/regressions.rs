//! Bugs that were in the program once, each with the smallest run that shows it.

use crate::kernel::time::SimTime;
use crate::scenario::model::*;
use crate::simulation::model::{Model, call, constant, exponential, flat, once, retry, seconds};
use crate::simulation::{Trial, run};

fn finish(scenario: &Scenario, seed: u64) -> Trial {
    let mut trial = Trial::new(scenario, seed);
    trial.run(scenario, scenario.end(), &mut |_| {}).expect("the ledgers balance");
    trial
}

/// `advance(t = 0)` used to wrap around below zero.
#[test]
fn control_can_act_at_the_very_beginning() {
    let kind = FaultKind::Slow { service: ServiceId(0), site: None, factor: 3.0 };
    let model = Model::new().rate(0.2).service_time(constant(1.0)).from_the_beginning(kind);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let fastest = outcome.latency[0].histogram[0].0;
    assert!((2.9..3.2).contains(&fastest), "{fastest}");
}

/// The first window used to hold the stations' whole warm-up: here 10 windows' worth.
#[test]
fn the_first_window_holds_nothing_of_the_warm_up() {
    let model = Model::new().clock(100.0, 100.0, 10.0).servers(100).rate(50.0);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let station = &outcome.series.stations[0];
    assert!((station.slots[0] - 100.0).abs() < 1e-6, "{}", station.slots[0]);
    // 500 arrivals a window: six standard deviations are 134, that is 13.4/s.
    assert!((station.arrivals_per_s[0] - 50.0).abs() < 13.4, "{}", station.arrivals_per_s[0]);
}

/// A deferred demand of a closed load used to start a second circle of thinking when it came back,
/// so that every outage left more load than it had found.
#[test]
fn a_deferred_demand_leaves_one_thinker_a_mailbox() {
    let mut model = Model::new().clock(0.0, 2_000.0, 100.0).closed(100, constant(9.0));
    model = model.service_time(constant(1.0)).servers(1_000);
    model = model.with_operation(|operation| operation.deferred = 1.0);
    model = model.operation("sign-in", ServiceId(0)).timeout(5.0).retries(once());
    model = model.with_operation(|operation| operation.load = Load::Induced);
    let lost = FaultKind::MassReconnect { client: None, site: None, share: 1.0 };
    let mut scenario = model.fault(507.0, None, lost).build();
    scenario.clients[0].session =
        Some(Session { sign_in: OperationId(1), keepalive: seconds(60.0), lost_after: None });
    // Sign-ins take long, so that everybody wants something while signed out.
    scenario.operations[1].cost = 4.5;
    let outcome = run(&scenario, 1, &mut |_| {}).expect("the ledgers balance");
    assert!(outcome.impact.deferred > 30.0, "{}", outcome.impact.deferred);
    let demand = &outcome.series.operations[0].demand_per_s;
    let (before, after) = (demand[3], demand[15]);
    assert!((before - 10.0).abs() < 0.2 && (after - before).abs() < 1.1, "{before} {after}");
}

/// CoDel used to remember an overload until somebody *waited* less than the target, so that after
/// a quiet hour without any wait the first burst lost requests without its interval of grace.
#[test]
fn codel_forgets_an_overload_when_requests_no_longer_wait() {
    let codel = Discipline::Codel { target: seconds(0.5), interval: seconds(100.0) };
    let model = Model::new().clock(0.0, 4_000.0, 100.0).service_time(constant(1.0));
    // A surge of 30 s twice: each one's waits end long before the interval does.
    let surge = || FaultKind::LoadSurge { region: None, operation: None, factor: 1_000.0 };
    let model = model.discipline(codel).rate(0.002).timeout(1e6);
    let model = model.fault(500.0, Some(30.0), surge()).fault(3_000.0, Some(30.0), surge());
    for seed in 0..5 {
        let trial = finish(&model.clone().build(), seed);
        let totals = trial.recorder.stations[0];
        assert!(totals.arrived > 60, "{totals:?}");
        assert_eq!(totals.dropped, 0, "waits were over the target for less than an interval");
    }
}

/// What a third site held used to go to the first site in the first part, all at once.
#[test]
fn a_restore_takes_back_what_a_third_site_holds_in_equal_parts() {
    let model = Model::new().clock(0.0, 100.0, 10.0).site("second", 1).site("third", 1);
    let model = model.steering(SteeringKind::Direct, &[0.8, 0.2]);
    let answers = vec![(SiteId(0), 0.4), (SiteId(1), 0.1), (SiteId(2), 0.5)];
    let set = Action::Set { steering: SteeringId(0), answers, drain: None };
    let restore = Action::Restore {
        steering: SteeringId(0),
        steps: 2,
        every: seconds(20.0),
        stop_if: None,
        drain: None,
    };
    let model = model.step(15.0, set).step(35.0, restore);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let shares = &outcome.series.steering[0].shares;
    let at = |window: usize| [shares[0][window], shares[1][window], shares[2][window]];
    let is = |found: [f64; 3], wanted: [f64; 3]| {
        let close = found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(close, "{found:?}, not {wanted:?}");
    };
    is(at(2), [0.4, 0.1, 0.5]);
    is(at(4), [0.6, 0.15, 0.25]);
    is(at(6), [0.8, 0.2, 0.0]);
}

/// A move between two sites used to be able to take from a third one, outside the first answer.
#[test]
fn a_move_takes_from_its_own_site_only() {
    let model = Model::new().clock(0.0, 100.0, 10.0);
    let model = model.site("second", 1).site("third", 1).site("fourth", 1);
    let model = model.steering(SteeringKind::Direct, &[1.0]);
    let answers = vec![(SiteId(1), 0.5), (SiteId(2), 0.5)];
    let set = Action::Set { steering: SteeringId(0), answers, drain: None };
    for (from, other) in [(SiteId(1), SiteId(2)), (SiteId(2), SiteId(1))] {
        let to = SiteId(3);
        let shift = Action::Move { steering: SteeringId(0), from, to, share: 0.25, drain: None };
        let model = model.clone().step(15.0, set.clone()).step(35.0, shift);
        let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
        let last = |site: SiteId| *outcome.series.steering[0].shares[site.index()].last().unwrap();
        assert!((last(other) - 0.5).abs() < 1e-9, "{}", last(other));
        assert!((last(from) - 0.25).abs() < 1e-9 && (last(to) - 0.25).abs() < 1e-9);
    }
}

/// Messages of `per_s` a second, accepted at a first service and delivered by a second.
fn mail(per_s: f64, limit_s: f64) -> Model {
    let mut model = Model::new().clock(0.0, 600.0, 10.0).mailboxes(100).servers(1_000);
    model = model.service_time(constant(0.1)).rate(per_s).timeout(5.0);
    model = model.with_operation(|operation| operation.feeds = Some(PipelineId(0)));
    model = model.service("delivery").service_time(exponential(5.0)).servers(1_000);
    model.scenario.operations.push(Operation {
        name: "deliver".into(),
        by: Demander::Pipeline(PipelineId(0)),
        enters: ServiceId(1),
        load: Load::Induced,
        deadline: Some(seconds(limit_s)),
        retry: Retry { attempts: None, ..retry(1, 10.0) },
        feeds: None,
        ..model.scenario.operations[0].clone()
    });
    let delivery = OperationId(1);
    model.scenario.pipelines.push(Pipeline {
        name: "mail".into(),
        delivery,
        copies: 1,
        limit: None,
    });
    model
}

/// A delivery under way when its site lost power used to wait for ever, since it has no timeout.
#[test]
fn mail_in_delivery_survives_the_power_loss_of_its_site() {
    let model =
        mail(2.0, 100_000.0).fault(300.0, Some(60.0), FaultKind::SiteDown { site: SiteId(0) });
    let trial = finish(&model.build(), 1);
    let totals = trial.recorder.pipelines[0];
    assert!(trial.recorder.stations[1].crashed > 0);
    // 300 s after the power came back only what was accepted lately is still on its way.
    let (_, oldest) = trial.traffic.clone().backlog(PipelineId(0));
    let age = oldest.map_or(0.0, |at| (SimTime::from_secs(600) - at).as_secs_f64());
    assert!(age < 100.0, "{age} s, {totals:?}");
    assert_eq!(totals.bounced, 0);
}

/// A bounced message used to be missing among the failed ones of its window.
#[test]
fn a_bounced_message_is_a_failed_one() {
    let down = FaultKind::Erroring { service: ServiceId(1), site: None, share: 1.0 };
    let model = mail(2.0, 30.0).from_the_beginning(down);
    let trial = finish(&model.build(), 1);
    let bounced = trial.recorder.pipelines[0].bounced;
    let failed: u32 = (0..60).map(|window| trial.recorder.cell_at(1, window).failed).sum();
    assert!(bounced > 1_000 && u64::from(failed) == bounced, "{failed} of {bounced}");
}

/// A call whose caller was lost with its instance used to stay in the queue of a service that
/// drops abandoned work, and was served for nobody.
#[test]
fn what_a_lost_instance_had_called_is_dropped_behind_it() {
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 1.0,
        jobs: LostJobs::Reset,
    };
    let model = Model::new().clock(0.0, 100.0, 10.0).service_time(constant(0.01)).servers(1_000);
    let model = model.service("behind").service_time(constant(1_000.0)).drops_abandoned();
    let behind = call(model.service_id("behind"));
    let model = model.calls("station", behind).rate(1.0).timeout(500.0).fault(50.0, None, kind);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let row = &outcome.ledgers.stations[1];
    assert!(row.dropped > 20, "{row:?}");
    assert_eq!((row.waiting, row.holding), (0, 1));
}

/// Who was away used to demand when his thought ended, and to be counted as signed out; under open
/// load only those demand who are there.
#[test]
fn who_is_away_does_not_demand_under_closed_load() {
    let mut model = Model::new().clock(0.0, 500.0, 100.0).closed(1_000, exponential(9.0));
    model = model.service_time(constant(1.0)).servers(1_000);
    model = model.operation("sign-in", ServiceId(0)).timeout(5.0).retries(once());
    model = model.with_operation(|operation| operation.load = Load::Induced);
    model.scenario.regions[0].present = flat(0.5);
    model.scenario.clients[0].session =
        Some(Session { sign_in: OperationId(1), keepalive: seconds(60.0), lost_after: None });
    for fidelity in [Fidelity::Exact, Fidelity::Flow] {
        let scenario = Scenario { fidelity, ..model.clone().build() };
        let outcome = run(&scenario, 1, &mut |_| {}).expect("the ledgers balance");
        // 500 circles of 10 s; five standard deviations of 20,000 are 3.5 %.
        let demand = &outcome.series.operations[0].demand_per_s[1..];
        let mean = demand.iter().sum::<f64>() / demand.len() as f64;
        assert!((mean - 50.0).abs() < 1.8, "{fidelity:?}: {mean}");
        assert_eq!(outcome.impact.suppressed, 0.0, "{fidelity:?}");
    }
}

/// A drain used to come to sessions in 256 slices, and the users of one signed in again at one
/// moment: of a burst, a queue that has room for one turns all others away.
#[test]
fn a_drain_comes_to_sessions_one_by_one() {
    let mut model = Model::new().mailboxes(10_000).rate(1.0).servers(2_000).timeout(5.0);
    model = model.service_time(constant(0.01)).site("second", 2_000).clock(1.0, 12.0, 0.05);
    model = model.steering(SteeringKind::Direct, &[1.0, 0.0]);
    model = model.operation("sign-in", ServiceId(0)).timeout(5.0).retries(once());
    model = model.with_operation(|operation| operation.load = Load::Induced);
    model.scenario.clients[0].session =
        Some(Session { sign_in: OperationId(1), keepalive: seconds(60.0), lost_after: None });
    let (answers, drain) = (vec![(SiteId(1), 1.0)], Some(seconds(10.0)));
    let scenario = model.step(0.0, Action::Set { steering: SteeringId(0), answers, drain }).build();
    let outcome = run(&scenario, 1, &mut |_| {}).expect("the ledgers balance");
    // A thousand a second: 50 in each window but for the first and the last few.
    let arrived = outcome.series.stations[1].arrivals_per_s.iter().map(|rate| rate * 0.05);
    let arrived: Vec<f64> = arrived.skip(4).take(190).collect();
    let mean = arrived.iter().sum::<f64>() / 190.0;
    let variance = arrived.iter().map(|n| (n - mean) * (n - mean)).sum::<f64>() / 190.0;
    assert!((mean - 50.0).abs() < 1.0 && variance < 5.0, "{mean}, variance {variance}");
}
