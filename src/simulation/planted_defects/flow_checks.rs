//! Checks of the traffic in counts: ages, queues, luck, tracers, stale work, names, slots.

use super::assert_within;
use crate::measure::outcome::{LatencyRow, Outcome};
use crate::scenario::model::*;
use crate::simulation::model::{Model, call, constant, exponential, seconds, wide_link};
use crate::simulation::run;

fn in_counts(model: Model) -> Outcome {
    let scenario = Scenario { fidelity: Fidelity::Flow, ..model.build() };
    run(&scenario, 5, &mut |_| {}).expect("the ledgers balance")
}

/// A hundred servers that can do 1000 requests a second, and no warm-up.
fn hundred(rate: f64) -> Model {
    Model::new().rate(rate).servers(100).service_time(exponential(0.1)).clock(0.0, 60.0, 1.0)
}

/// Again and again, after up to 5 s.
fn within_five_seconds() -> Retry {
    Retry { attempts: None, backoff: Backoff::Constant(seconds(5.0)), jitter: Jitter::Full }
}

fn all(outcome: &Outcome) -> &LatencyRow {
    outcome.latency.iter().find(|row| row.phase == "all").expect("answers")
}

#[test]
pub(super) fn who_waited_long_and_who_waited_short_are_told_apart() {
    // Nothing works from 20 s to 50 s, then there is room for all; everybody tries again within 5
    // s, after 5/3 s on average from the repair on. Who asked t before the repair waits t and a
    // little more: of those who wait for over 3 s, a sixth or so are served within 8 s.
    let retry =
        Retry { attempts: None, backoff: Backoff::Constant(seconds(5.0)), jitter: Jitter::Full };
    let kind = FaultKind::Erroring { service: ServiceId(0), site: None, share: 1.0 };
    let model =
        hundred(500.0).servers(1_000).timeout(2.0).retries(retry).fault(20.0, Some(30.0), kind);
    let outcome = in_counts(model.clock(0.0, 90.0, 1.0));
    let waited = |from: f64, to: f64| {
        let bins = all(&outcome).histogram.iter();
        let found = bins.filter(|(upper, _)| *upper > from && *upper <= to);
        found.map(|&(_, count)| count).sum::<u64>() as f64
    };
    let long = waited(3.0, 100.0);
    assert_within(long, 12_000.0..=15_500.0);
    assert_within(waited(3.0, 8.0) / long, 0.1..=0.27);
}

#[test]
pub(super) fn a_queue_is_a_state_that_grows_and_drains() {
    // Half of the servers for 10 s: 800 - 500 a second more, then 1000 - 800 fewer.
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 0.5,
        jobs: LostJobs::Requeue,
    };
    let outcome = in_counts(hundred(800.0).fault(20.0, Some(10.0), kind));
    let queue = &outcome.series.stations[0].queue;
    let longest = queue.iter().copied().fold(0.0, f64::max);
    assert_within(longest, 2_400.0..=3_400.0);
    let over = queue.iter().rposition(|&waiting| waiting > 100.0).expect("it grew");
    assert_within(over as f64, 40.0..=50.0);
}

#[test]
pub(super) fn the_length_of_steps_leaves_every_arrival_as_it_was() {
    // A slow service makes other steps; the demands are the same, second by second.
    let kind = FaultKind::Slow { service: ServiceId(0), site: None, factor: 2.0 };
    let calm = in_counts(hundred(800.0));
    let slow = in_counts(hundred(800.0).fault(10.0, None, kind));
    assert_ne!(slow.cost.steps, calm.cost.steps);
    let demand = |outcome: &Outcome| outcome.series.operations[0].demand_per_s.clone();
    assert_eq!(demand(&calm), demand(&slow));
}

#[test]
pub(super) fn tracers_feel_what_the_counts_say() {
    // Every session is lost at 10 s, nobody can sign in for 60 s, and all are back soon after; each
    // mailbox wants something once a minute: 1 - 1/e of all 20,000 go without, and few more.
    let model = Model::new().mailboxes(20_000).servers(10_000).service_time(exponential(0.1));
    let mut model = model.clock(0.0, 200.0, 5.0).rate(20_000.0 / 60.0).timeout(2.0);
    model = model.operation("sign-in", ServiceId(0)).timeout(2.0).retries(within_five_seconds());
    model = model.with_operation(|operation| operation.load = Load::Induced);
    let sign_in = OperationId(1);
    let session = Session { sign_in, keepalive: seconds(60.0), lost_after: None };
    model.scenario.clients[0].session = Some(session);
    let reconnect = FaultKind::MassReconnect { client: None, site: None, share: 1.0 };
    let erring = FaultKind::Erroring { service: ServiceId(0), site: None, share: 1.0 };
    model = model.fault(10.0, Some(1.0), reconnect).fault(10.0, Some(60.0), erring);
    let outcome = in_counts(model);
    assert!(outcome.impact.suppressed > 15_000.0, "{}", outcome.impact.suppressed);
    assert_within(outcome.impact.mailboxes_affected, 12_000.0..=14_500.0);
}

#[test]
pub(super) fn work_for_nobody_is_done_at_full_cost_in_counts() {
    // Twice the capacity: after 4 s whoever is served has gone.
    let outcome = in_counts(hundred(2_000.0).timeout(2.0));
    let row = &outcome.ledgers.stations[0];
    assert_within((row.useful + row.stale) as f64, 57_000.0..=61_000.0);
    assert_within(row.useful as f64, 3_000.0..=8_000.0);
}

#[test]
pub(super) fn half_a_ttl_after_a_shift_half_are_sent_to_the_old_site() {
    let ttl = seconds(60.0);
    let kind = SteeringKind::Dns { ttl, ignoring: 0.0, ignoring_for: ttl };
    let model = hundred(500.0).site("there", 100).steering(kind, &[1.0, 0.0]);
    let (steering, drain) = (SteeringId(0), None);
    let action = Action::Set { steering, answers: vec![(SiteId(1), 1.0)], drain };
    let outcome = in_counts(model.clock(0.0, 240.0, 1.0).step(100.0, action));
    let old = |from: usize, to: usize| {
        let arrived = |site: usize| {
            let rates = &outcome.series.stations[site].arrivals_per_s[from..to];
            rates.iter().sum::<f64>()
        };
        arrived(0) / (arrived(0) + arrived(1))
    };
    assert_within(old(90, 99), 1.0..=1.0);
    assert_within(old(128, 132), 0.43..=0.57);
    assert_within(old(163, 240), 0.0..=0.0);
}

#[test]
pub(super) fn a_released_slot_is_given_back_once() {
    let mut called = call(ServiceId(1));
    called.probability = 0.5;
    let model = hundred(800.0).releases_slot().service("called").servers(100);
    let outcome = in_counts(model.service_time(exponential(0.05)).calls("station", called));
    // 80 busy slots, by Little's law.
    let busy = &outcome.series.stations[0].utilisation;
    let mean = busy[5..].iter().flatten().sum::<f64>() / (busy.len() - 5) as f64;
    assert_within(mean, 0.77..=0.83);
}

#[test]
pub(super) fn a_circle_lasts_a_thought_and_an_answer() {
    // 50,000 sources that think for half a second: beats of a tenth of one.
    let model = hundred(0.0).servers(1_000).service_time(exponential(0.001));
    let outcome = in_counts(model.closed(50_000, exponential(0.5)).clock(5.0, 60.0, 5.0));
    let demand = &outcome.series.operations[0].demand_per_s;
    let mean = demand.iter().sum::<f64>() / demand.len() as f64;
    assert_within(mean * 0.501 / 50_000.0, 0.996..=1.004);
}

#[test]
pub(super) fn who_waits_for_a_dead_site_leaves_the_other_its_load() {
    // Half of 10,000 ask at each of two sites, a thousand a second in all; the first is down.
    let model = hundred(0.0).closed(10_000, exponential(9.9)).timeout(2.0);
    let model = model.retries(within_five_seconds()).site("there", 100);
    let model = model.steering(SteeringKind::Direct, &[0.5, 0.5]);
    let down = FaultKind::SiteDown { site: SiteId(0) };
    let outcome = in_counts(model.clock(0.0, 200.0, 5.0).fault(20.0, None, down));
    let there = &outcome.series.stations[1].arrivals_per_s;
    let mean = there[20..].iter().sum::<f64>() / (there.len() - 20) as f64;
    assert_within(mean, 480.0..=520.0);
}

#[test]
pub(super) fn who_goes_first_does_not_wait_for_the_others() {
    // At 140 % only the others queue: of those who go first, a fifth of what can be done, each
    // waits for one of a hundred slots, or for that of who went before: 1/800 s by Cobham's
    // formula.
    let priority = Discipline::Priority { first: vec![OperationId(1)] };
    let model = hundred(1_200.0).discipline(priority).operation("urgent", ServiceId(0));
    let outcome = in_counts(model.rate(200.0));
    let urgent = outcome.latency.iter().find(|row| row.operation == "urgent").expect("answers");
    assert!(urgent.count > 11_000, "{}", urgent.count);
    assert_within(urgent.mean_s, 0.098..=0.105);
    assert_within(all(&outcome).mean_s, 1.0..=100.0);
}

/// A front door at the first site whose requests call a service at two others, 100 ms away.
fn calling_elsewhere(mut called: Call) -> Model {
    let mut model = hundred(500.0).servers(1_000);
    for (number, name) in [(1, "one"), (2, "two")] {
        let network = &mut model.scenario.network;
        network.routers.push(Router::named(name));
        network.links.push(wide_link(name, number, 0.1));
        model.scenario.sites.push(Site { name: name.into(), router: RouterId(number) });
    }
    called.timeout = seconds(1.0);
    model = model.service("called").service_time(exponential(0.01)).with_service(|service| {
        let at = |site| Placement { site: SiteId(site), instances: 100 };
        service.sites = vec![at(1), at(2)];
    });
    model.calls("station", called)
}

#[test]
pub(super) fn a_copy_answers_once_it_is_activated() {
    // The six databases in ten at the first site are gone at 10 s, and activated from 20 s to 40 s.
    let mut model = calling_elsewhere(call(ServiceId(1)));
    model.scenario.stores.push(Store {
        name: "mail".into(),
        service: ServiceId(1),
        databases: 10,
        copies: vec![(SiteId(1), 0.6), (SiteId(2), 0.4)],
        activation: constant(20.0),
        replication_lag: seconds(0.0),
        writes: Vec::new(),
    });
    model = model.fault(10.0, None, FaultKind::SiteDown { site: SiteId(1) });
    let (store, from, to) = (StoreId(0), SiteId(1), SiteId(2));
    model = model.step(20.0, Action::Activate { store, from, to, share: 1.0 });
    let failed = &in_counts(model).series.operations[0].failed_per_s;
    let mean = |from: usize, to: usize| failed[from..to].iter().sum::<f64>() / (to - from) as f64;
    assert_within(mean(0, 8), 0.0..=0.0);
    assert_within(mean(21, 39), 280.0..=320.0);
    assert_within(mean(41, 60), 0.0..=0.0);
}

#[test]
pub(super) fn a_lost_cache_fills_again() {
    // Of 500 a second one in ten is called for; the cache is lost at 10 s. By df/dt = 0.5 (1 - 0.9
    // f) (1 - f), f the share that is there, 364 a second come in the next two seconds, and 59
    // from 25 s after the loss on.
    let mut called = call(ServiceId(1));
    called.cache = Some(Cache { hit: 0.9, entries: 1_000 });
    let lost = FaultKind::CacheLost { service: ServiceId(0), site: None, share: 1.0 };
    let model = calling_elsewhere(called).fault(10.0, Some(1.0), lost);
    let arrivals = &in_counts(model).series.stations[1].arrivals_per_s;
    let mean = |from: usize, to: usize| arrivals[from..to].iter().sum::<f64>() / (to - from) as f64;
    assert_within(mean(1, 10), 45.0..=55.0);
    assert_within(mean(10, 12), 310.0..=420.0);
    assert_within(mean(35, 60), 52.0..=66.0);
}

#[test]
pub(super) fn a_slot_is_held_for_the_way_there_and_back() {
    // 500 a second hold a slot for 100 ms, twice 100 ms and 10 ms: 155 of a thousand.
    let busy =
        in_counts(calling_elsewhere(call(ServiceId(1)))).series.stations[0].utilisation.clone();
    let mean = busy[5..].iter().flatten().sum::<f64>() / (busy.len() - 5) as f64;
    assert_within(mean, 0.150..=0.160);
}
