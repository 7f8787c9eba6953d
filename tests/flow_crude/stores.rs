//! Stores and calls between sites: whose calls go where, how long they are under way, what is lost,
//! and who fails again and again while a copy is not ready. `exact` is the reference, and Little's
//! law for slots that are held meanwhile.

use super::{Figure, agree_in_pairs, arrivals, each, latency, runs, utilisation};
use crate::check::{Comparisons, mean};
use crate::model::{Model, call, constant, exponential, retry, seconds, wide_link};
use blackstart::kernel::math;
use blackstart::kernel::sample::Distribution;
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    Action, FaultKind, Fidelity, Link, Placement, Router, RouterId, Scenario, ServiceId, Site,
    SiteId, SteeringKind, Store, StoreId, WhileCalling,
};

/// Adds two sites with routers of their own, each on a link to the first one's.
pub fn with_two_more_sites(mut model: Model, delay_s: f64, loss: f64) -> Model {
    for (number, name) in [(1, "one"), (2, "two")] {
        let network = &mut model.scenario.network;
        network.routers.push(Router::named(name));
        network.links.push(Link { loss, ..wide_link(&format!("to-{name}"), number, delay_s) });
        model.scenario.sites.push(Site { name: name.into(), router: RouterId(number) });
    }
    model
}

pub fn at(site: u32, instances: u64) -> Placement {
    Placement { site: SiteId(site), instances }
}

/// A front door at the first site, whose requests call a service at one of the others.
fn calling(delay_s: f64, loss: f64, timeout_s: f64, attempts: u32) -> Model {
    let model = Model::new().mailboxes(20_000).rate(400.0).servers(2_000);
    let model = model.service_time(exponential(0.02)).timeout(8.0).clock(20.0, 300.0, 10.0);
    let model = with_two_more_sites(model, delay_s, loss);
    let model = model.service("store").service_time(exponential(0.03));
    let model = model.with_service(|service| service.sites = vec![at(1, 100), at(2, 100)]);
    let mut called = call(ServiceId(1));
    (called.timeout, called.retry) = (seconds(timeout_s), retry(attempts, 0.2));
    model.calls("station", called)
}

fn failed(outcome: &Outcome, from: usize, to: usize) -> f64 {
    mean(&outcome.series.operations[0].failed_per_s[from..to])
}

/// What both must agree on where nothing breaks.
const STEADY: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.005),
    ("busy, caller", |o| utilisation(o, 0, 2, 30), 0.01),
    ("busy, called", |o| utilisation(o, 1, 2, 30), 0.01),
    ("calls", |o| arrivals(o, 1, 2, 30), 0.01),
    ("failed", |o| failed(o, 2, 30), 0.0),
    ("p50", |o| latency(o, "all", 0.5), 0.03),
    ("p90", |o| latency(o, "all", 0.9), 0.03),
    // Of the tail, as one in a hundred is lost: its middle.
    ("p99.9", |o| latency(o, "all", 0.999), 0.03),
];

#[test]
fn calls_to_another_site_take_the_network_s_delay_and_loss() {
    // 40 ms one way, and one call in a hundred is lost on its way and made again.
    for holds in [true, false] {
        let mut model = calling(0.04, 0.01, 1.0, 3);
        if !holds {
            model.scenario.services[0].while_calling = WhileCalling::Release;
        }
        agree_in_pairs(&model.build(), STEADY);
    }
}

/// Steps of a whole second, and steps far below the delay.
#[test]
fn steps_shorter_than_the_delay_and_longer() {
    let long = calling(0.3, 0.01, 1.5, 3);
    agree_in_pairs(&long.clone().build(), STEADY);
    // The store is busy to 80 %, near enough to its limit for short steps.
    let mut near = long;
    near.scenario.services[1].service_time = exponential(0.2);
    near.scenario.services[0].calls[0].timeout = seconds(4.0);
    near.scenario.services[0].sites[0].instances = 1_000;
    agree_in_pairs(&near.build(), STEADY);
}

/// What is lost once fails: the caller waits for its timeout, and its client is told.
#[test]
fn what_is_lost_runs_into_the_call_s_timeout() {
    agree_in_pairs(&calling(0.04, 0.03, 1.0, 1).build(), STEADY);
}

/// Who holds a slot holds it for its own work, the way there and back, and the work there: of 400 a
/// second 400 (0.02 + 0.08 + 0.03) by Little's law; one in a hundred for a timeout and a wait more.
#[test]
fn a_slot_is_held_for_the_whole_round_trip() {
    let mut comparisons = Comparisons::new();
    for (delay_s, loss) in [(0.04, 0.0), (0.04, 0.01), (0.4, 0.0)] {
        let scenario = calling(delay_s, loss, 2.0, 9).build();
        let found =
            each(&runs(&scenario, Fidelity::Flow, 20), |o| 2_000.0 * utilisation(o, 0, 2, 30));
        let lost = loss / (1.0 - loss) * 2.2;
        let expected = 400.0 * (0.02 + 2.0 * delay_s + 0.03 + lost);
        comparisons.add(format!("{delay_s} s, loss {loss}"), found, expected);
    }
    comparisons.check();
}

/// The primary of six databases in ten is lost at 60 s; they are activated elsewhere from 100 s on,
/// each in its time. `databases` in all.
fn activated(databases: u32, activation: Distribution) -> Model {
    let mut model = calling(0.01, 0.0, 1.0, 2).retries(retry(2, 3.0));
    model.scenario.services[1].sites = vec![at(1, 60), at(2, 60)];
    model.scenario.stores.push(Store {
        name: "mail".into(),
        service: ServiceId(1),
        databases,
        copies: vec![(SiteId(1), 0.6), (SiteId(2), 0.4)],
        activation,
        replication_lag: seconds(3.0),
        writes: Vec::new(),
    });
    let (store, from, to) = (StoreId(0), SiteId(1), SiteId(2));
    let model = model.fault(60.0, None, FaultKind::SiteDown { site: SiteId(1) });
    model.step(100.0, Action::Activate { store, from, to, share: 1.0 })
}

/// Of mailboxes that ask rarely, so that it shows who asks in vain more than once.
fn rarely(scenario: &mut Scenario) {
    scenario.regions[0].mailboxes = 8_000;
    if let blackstart::scenario::model::Load::Rate { per_hour } = &mut scenario.operations[0].load {
        *per_hour = 400.0 * 3_600.0 / 8_000.0;
    }
}

const ACTIVATION: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.005),
    ("calls at the first before", |o| arrivals(o, 1, 1, 6), 0.01),
    ("calls at the second before", |o| arrivals(o, 2, 1, 6), 0.01),
    ("calls at the second meanwhile", |o| arrivals(o, 2, 11, 15), 0.03),
    ("calls at the second after", |o| arrivals(o, 2, 22, 30), 0.01),
    ("busy meanwhile", |o| utilisation(o, 2, 11, 15), 0.03),
    ("busy, caller, meanwhile", |o| utilisation(o, 0, 7, 15), 0.03),
    ("failed at first", |o| failed(o, 7, 10), 0.01),
    ("failed meanwhile", |o| failed(o, 11, 15), 0.03),
    ("failed later", |o| failed(o, 15, 20), 0.04),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.02),
    ("affected", |o| o.impact.mailboxes_affected, 0.02),
    ("felt downtime", |o| o.impact.felt_downtime_mean_s, 0.02),
    ("p50 before", |o| latency(o, "before", 0.5), 0.03),
    ("p99 before", |o| latency(o, "before", 0.99), 0.03),
    ("p50 during", |o| latency(o, "during", 0.5), 0.03),
    ("p90 during", |o| latency(o, "during", 0.9), 0.03),
];

#[test]
fn databases_are_activated_each_in_its_time() {
    for (databases, activation) in [(60, exponential(40.0)), (10, constant(45.0))] {
        let mut scenario = activated(databases, activation).build();
        agree_in_pairs(&scenario, ACTIVATION);
        rarely(&mut scenario);
        agree_in_pairs(&scenario, ACTIVATION);
    }
}

/// Nobody activates anything: users of the lost databases fail to the end, the others never.
#[test]
fn users_of_lost_databases_fail_and_no_others() {
    let mut scenario = activated(10, constant(45.0)).build();
    scenario.runbook.clear();
    let outcomes = runs(&scenario, Fidelity::Flow, 20);
    let mut comparisons = Comparisons::new();
    // Each asks once in 50 s; what is asked from 298 s on is still tried at 300 s.
    let affected = 0.6 * (1.0 - math::exp(-237.0 / 50.0));
    let found = each(&outcomes, |o| o.impact.mailboxes_affected / 20_000.0);
    comparisons.add("affected", found, affected);
    comparisons.add("failing", each(&outcomes, |o| failed(o, 10, 28) / 400.0), 0.6);
    comparisons.check();
}

/// Two front doors, each with a copy at its own site: four in ten calls go to the other one. Their
/// databases fail over and come back.
#[test]
fn copies_at_the_callers_own_sites_fail_over_and_back() {
    let mut model = activated(20, exponential(10.0));
    model.scenario.services[0].sites = vec![at(1, 1_000), at(2, 1_000)];
    model = model.steering(SteeringKind::Direct, &[0.0, 0.5, 0.5]);
    model.scenario.steering[0].answers.remove(0);
    model.scenario.faults.clear();
    let slow = FaultKind::Slow { service: ServiceId(1), site: Some(SiteId(1)), factor: 2.0 };
    let (store, from, to) = (StoreId(0), SiteId(2), SiteId(1));
    let model = model.fault(60.0, Some(100.0), slow);
    let model = model.step(180.0, Action::Activate { store, from, to, share: 0.6 });
    let figures: &[Figure] = &[
        ("attempts", |o| o.cost.attempts as f64, 0.005),
        ("calls at the first before", |o| arrivals(o, 2, 1, 6), 0.01),
        ("calls at the second before", |o| arrivals(o, 3, 1, 6), 0.01),
        ("calls at the first meanwhile", |o| arrivals(o, 2, 11, 18), 0.03),
        ("calls at the first after", |o| arrivals(o, 2, 25, 30), 0.02),
        ("busy caller", |o| utilisation(o, 0, 1, 30), 0.02),
        ("busy store", |o| utilisation(o, 2, 6, 10), 0.02),
        ("failed", |o| failed(o, 10, 25), 0.03),
        ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.03),
        ("affected", |o| o.impact.mailboxes_affected, 0.03),
        ("p50 before", |o| latency(o, "before", 0.5), 0.03),
        ("p90 before", |o| latency(o, "before", 0.9), 0.03),
    ];
    agree_in_pairs(&model.build(), figures);
}

/// A station far away answers next to nobody: all slots of the front door are held by calls that
/// are given up there in the queue. Each is held for its work, two timeouts and the wait between.
#[test]
fn calls_in_a_queue_are_given_up_when_their_time_is_over() {
    for delay_s in [0.0, 0.02, 0.05] {
        let model = calling(delay_s, 0.0, 1.5, 2).timeout(4.0).retries(retry(2, 1.0));
        let mut model = model.service_time(exponential(2.0));
        model.scenario.services[1].sites = vec![at(1, 200)];
        let outcomes = runs(&model.build(), Fidelity::Flow, 4);
        let found = mean(&each(&outcomes, |outcome| arrivals(outcome, 1, 10, 30)));
        let expected = 2.0 * 2_000.0 / (0.02 + 2.0 * 1.5 + 0.2);
        assert!((found / expected - 1.0).abs() < 0.002, "{delay_s} s: {found} for {expected}");
    }
}
