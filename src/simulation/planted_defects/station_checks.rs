//! Checks of the server's side: disciplines, limits, lost and restarted instances, caches.

use super::{assert_within, finish, run_until};
use crate::kernel::time::SimTime;
use crate::scenario::model::*;
use crate::simulation::model::{Model, call, constant, exponential, seconds};
use crate::simulation::run;

/// One server at twice its capacity, with a timeout.
fn overloaded() -> Model {
    let model = Model::new().clock(0.0, 1_000.0, 10.0).service_time(exponential(0.1));
    model.rate(20.0).timeout(2.0)
}

#[test]
pub(super) fn work_for_nobody_is_done_at_full_cost() {
    let trial = finish(&overloaded().build(), 1);
    let totals = trial.recorder.stations[0];
    assert_eq!(totals.dropped, 0);
    // The queue grows by 10 a second: after 20 s nobody who is served still waits for it.
    assert!(totals.useful < 500 && totals.stale > 9_000, "{totals:?}");
}

#[test]
pub(super) fn a_service_that_drops_abandoned_work_takes_it_out_of_the_queue() {
    let outcome = run(&overloaded().drops_abandoned().build(), 1, &mut |_| {}).expect("balanced");
    // Nobody stays in the queue for longer than the timeout: 2 s x 20/s are 40 requests (Poisson:
    // the mean of a window of 10 s is under 60 by more than five standard deviations).
    let longest = outcome.series.stations[0].queue.iter().copied().fold(0.0, f64::max);
    assert_within(longest, 20.0..=60.0);
    // What is done, useful or stale since its caller left during the work, is what one server can.
    let row = &outcome.ledgers.stations[0];
    assert_within((row.useful + row.stale) as f64, 9_500.0..=10_500.0);
    assert!(row.dropped > 9_000, "{row:?}");
}

#[test]
pub(super) fn the_first_come_is_served_first() {
    // 2/s against 1/s for 100 s, then (almost) nobody. First come, first served: the wait of who
    // comes at t is t, so at most about 100 s; the last come first: the first waits for 200 s.
    let surge = FaultKind::LoadSurge { region: None, operation: None, factor: 1_000.0 };
    let model = Model::new().clock(0.0, 600.0, 10.0).service_time(constant(1.0)).rate(0.002);
    let model = model.fault(100.0, Some(100.0), surge);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let all = &outcome.latency.iter().find(|row| row.phase == "all").expect("answers");
    assert_within(all.quantiles.last().expect("the maximum").1, 50.0..=150.0);
}

#[test]
pub(super) fn operations_with_priority_go_first() {
    let priority = Discipline::Priority { first: vec![OperationId(1)] };
    let mut model = Model::new().clock(0.0, 500.0, 10.0).service_time(constant(0.1));
    model = model.discipline(priority).rate(12.0);
    model = model.operation("urgent", ServiceId(0)).rate(2.0);
    let trial = finish(&model.build(), 1);
    // At 140 % only the others queue: the urgent fifth waits for one service, and seldom two.
    let latency = trial.recorder.latency(1, 0, usize::MAX);
    assert!(latency.count() > 800, "{}", latency.count());
    assert_within(latency.mean_s(), 0.1..=0.25);
}

#[test]
pub(super) fn a_queue_never_exceeds_its_limit() {
    let model = Model::new().clock(0.0, 500.0, 10.0).rate(3.0).queue_limit(5);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let station = &outcome.series.stations[0];
    let longest = station.queue.iter().copied().fold(0.0, f64::max);
    assert_within(longest, 3.0..=5.0 + 1e-9);
    assert!(outcome.ledgers.stations[0].rejected > 800);
}

#[test]
pub(super) fn codel_holds_waits_near_its_target() {
    let codel = Discipline::Codel { target: seconds(0.5), interval: seconds(2.0) };
    let model = Model::new().clock(50.0, 500.0, 10.0).service_time(constant(0.1));
    let trial = finish(&model.discipline(codel).rate(15.0).build(), 1);
    let totals = trial.recorder.stations[0];
    assert!(totals.dropped > 1_500, "{totals:?}");
    let (waited, count) = trial.recorder.waits[0];
    assert_within(waited / count as f64, 0.0..=1.5);
}

#[test]
pub(super) fn requeued_work_goes_on_where_it_stopped() {
    // One job of 10 s begins at 5 s; its instance is gone from 12 s to 20 s: 3 s are left then.
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 1.0,
        jobs: LostJobs::Requeue,
    };
    let model = Model::new().clock(0.0, 40.0, 10.0).closed(1, constant(5.0));
    let model = model.service_time(constant(10.0)).fault(12.0, Some(8.0), kind);
    let outcome = run(&model.build(), 1, &mut |_| {}).expect("the ledgers balance");
    let all = outcome.latency.iter().find(|row| row.phase == "all").expect("answers");
    assert_within(all.quantiles.last().expect("the maximum").1, 17.9..=18.4);
}

/// Half of the instances of a station full of long work are lost at 60 s.
fn half_is_lost() -> Scenario {
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 0.5,
        jobs: LostJobs::Reset,
    };
    let model = Model::new().clock(0.0, 100.0, 10.0).service_time(constant(1_000.0));
    model.servers(10_000).rate(20.0).timeout(500.0).fault(60.0, None, kind).build()
}

#[test]
pub(super) fn lost_instances_reset_their_share_of_the_work() {
    let scenario = half_is_lost();
    let here = run_until(&scenario, 1, SimTime::from_secs(60)).recorder.stations[0].arrived;
    let crashed = finish(&scenario, 1).recorder.stations[0].crashed;
    // Of about 1,200 requests a half: five standard deviations are 87.
    assert_within(crashed as f64, here as f64 * 0.5 - 87.0..=here as f64 * 0.5 + 87.0);
}

#[test]
pub(super) fn a_reset_is_known_at_once() {
    let trial = finish(&half_is_lost(), 1);
    let crashed = trial.recorder.stations[0].crashed;
    assert!(crashed > 0);
    assert_eq!(trial.recorder.clients[0].refused, crashed);
}

#[test]
pub(super) fn restarted_capacity_is_slow_at_first() {
    // Ten times slower, falling to once over 100 s: 5.5 times on average, without any queue.
    let restart = Action::Restart { service: ServiceId(0), site: SiteId(0), takes: seconds(50.0) };
    let warm = Some(WarmUp { slowdown: 10.0, over: seconds(100.0) });
    let model = Model::new().clock(0.0, 600.0, 50.0).service_time(constant(0.01)).servers(100);
    let model = model.with_service(|service| service.warm_up = warm).rate(20.0);
    let outcome = run(&model.step(100.0, restart).build(), 1, &mut |_| {}).expect("balanced");
    let station = &outcome.series.stations[0];
    let busy = |window: usize| station.utilisation[window].expect("slots") * 100.0;
    assert_within(busy(1), 0.15..=0.25);
    // The first half of the warm-up: factors from 10 to 5.5.
    assert_within(busy(3), 0.2 * 6.5..=0.2 * 9.0);
    assert_within(busy(8), 0.15..=0.25);
}

#[test]
pub(super) fn a_lost_cache_sends_every_call_on() {
    let cache = Some(Cache { hit: 0.9, entries: 1_000_000 });
    let model = Model::new().clock(0.0, 400.0, 10.0).servers(100).service_time(constant(0.1));
    let model = model.service("behind").servers(100).service_time(constant(0.1));
    let behind = Call { cache, ..call(model.service_id("behind")) };
    let model = model.calls("station", behind).rate(50.0);
    let lost = FaultKind::CacheLost { service: ServiceId(0), site: None, share: 1.0 };
    let scenario = model.fault(200.0, None, lost).build();
    let outcome = run(&scenario, 1, &mut |_| {}).expect("the ledgers balance");
    let calls = &outcome.series.stations[1].arrivals_per_s;
    let mean = |from: usize| calls[from..from + 10].iter().sum::<f64>() / 10.0;
    // A tenth of 50/s misses; then all, but for the entries that the misses fill (0.5 % in 100 s).
    assert_within(mean(5), 4.0..=6.0);
    assert_within(mean(22), 45.0..=55.0);
}
