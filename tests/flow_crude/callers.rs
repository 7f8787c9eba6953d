//! Three tiers and more: a front door that calls a service that calls another. Who is served, who
//! gives up and what is done for nobody, at every level with a timeout and retries of its own.

use super::stores::{at, with_two_more_sites};
use super::{Figure, agree, arrivals, each, jittered, latency, runs, utilisation};
use crate::check::{Comparisons, mean};
use crate::model::{Model, call, exponential, seconds};
use blackstart::kernel::math;
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{
    AbandonedWork, Call, FaultKind, Fidelity, LinkId, LostJobs, Retry, Scenario, ServiceId, SiteId,
    WhileCalling,
};

/// Mean works of the three tiers [s].
const WORKS_S: [f64; 3] = [0.01, 0.02, 0.05];

/// A call of a service with a timeout and retries.
fn calling(model: &Model, name: &str, timeout_s: f64, retry: Retry) -> Call {
    Call { timeout: seconds(timeout_s), retry, ..call(model.service_id(name)) }
}

/// Of a service in between while it is overloaded, and of those whom it answers in that time.
const OVERLOADED: &[Figure] = &[
    ("second done then", |o| useful(o, 1, 22, 26) + stale(o, 1, 22, 26), 0.01),
    ("p50 during", |o| latency(o, "during", 0.5), 0.03),
    ("p90 during", |o| latency(o, "during", 0.9), 0.03),
    ("p99 during", |o| latency(o, "during", 0.99), 0.03),
];

/// Four hundred requests a second, and three services: the last has twice the slots it needs.
fn services() -> Model {
    let model = Model::new().mailboxes(20_000).rate(400.0).servers(2_000);
    let model = model.service_time(exponential(WORKS_S[0])).timeout(4.0);
    let model = model.clock(20.0, 300.0, 5.0);
    let model = model.service("logic").servers(80).service_time(exponential(WORKS_S[1]));
    model.service("data").servers(40).service_time(exponential(WORKS_S[2]))
}

/// These one behind the other, with `attempts` at every level.
fn tiers(attempts: u32) -> Model {
    let model = services().retries(jittered(attempts, 1.0));
    let first = calling(&model, "logic", 1.5, jittered(attempts.min(2), 0.2));
    let second = calling(&model, "data", 0.5, jittered(attempts.min(2), 0.1));
    model.calls("station", first).calls("logic", second)
}

/// A part of a service's slots is lost for half a minute.
fn with_loss(model: Model, service: u32, share: f64, jobs: LostJobs) -> Scenario {
    let (service, site) = (ServiceId(service), SiteId(0));
    let kind = FaultKind::InstancesLost { service, site, share, jobs };
    model.fault(100.0, Some(30.0), kind).build()
}

fn useful(outcome: &Outcome, station: usize, from: usize, to: usize) -> f64 {
    mean(&outcome.series.stations[station].useful_per_s[from..to])
}

fn stale(outcome: &Outcome, station: usize, from: usize, to: usize) -> f64 {
    mean(&outcome.series.stations[station].stale_per_s[from..to])
}

/// Windows of 5 s: the fault lasts from the 20th to the 26th.
const FIGURES: &[Figure] = &[
    ("attempts", |o| o.cost.attempts as f64, 0.01),
    ("visits", |o| o.cost.station_visits as f64, 0.01),
    ("first busy before", |o| utilisation(o, 0, 2, 20), 0.01),
    ("second busy before", |o| utilisation(o, 1, 2, 20), 0.01),
    ("third busy before", |o| utilisation(o, 2, 2, 20), 0.01),
    ("requests to the second at once", |o| arrivals(o, 1, 20, 22), 0.02),
    ("requests to the second then", |o| arrivals(o, 1, 22, 26), 0.02),
    ("requests to the third then", |o| arrivals(o, 2, 22, 26), 0.02),
    ("third useful meanwhile", |o| useful(o, 2, 20, 26), 0.05),
    ("first busy then", |o| utilisation(o, 0, 22, 26), 0.02),
    ("second busy then", |o| utilisation(o, 1, 22, 26), 0.02),
    ("requests to the second after", |o| arrivals(o, 1, 26, 40), 0.02),
    ("requests to the third after", |o| arrivals(o, 2, 26, 40), 0.02),
    ("lost mailbox-minutes", |o| o.impact.mailbox_minutes_lost, 0.02),
    ("affected", |o| o.impact.mailboxes_affected, 0.02),
    ("p50 before", |o| latency(o, "before", 0.5), 0.03),
    ("p99 before", |o| latency(o, "before", 0.99), 0.03),
];

/// Who calls holds his slot: by Little's law as many are busy as requests come, times the works of
/// a tier and of all behind it. An answer takes the sum of three exponential times: with rates r,
/// P(T > t) is the sum over i of exp(-r_i t) times the product over the others j of
/// r_j / (r_j - r_i).
#[test]
fn slots_are_held_for_all_that_is_called() {
    let outcomes = runs(&tiers(1).build(), Fidelity::Flow, 20);
    let mut comparisons = Comparisons::new();
    for (tier, servers) in [2_000.0, 80.0, 40.0].into_iter().enumerate() {
        let expected = 400.0 * WORKS_S[tier..].iter().sum::<f64>() / servers;
        let found = each(&outcomes, |outcome| utilisation(outcome, tier, 0, 60));
        comparisons.add(format!("busy {tier}"), found, expected);
    }
    comparisons.check();
    let rates = WORKS_S.map(|work_s| 1.0 / work_s);
    let beyond = |t: f64| {
        let term = |i: usize| {
            let others = (0..3).filter(|&j| j != i).map(|j| rates[j] / (rates[j] - rates[i]));
            math::exp(-rates[i] * t) * others.product::<f64>()
        };
        (0..3).map(term).sum::<f64>()
    };
    for q in [0.5, 0.9, 0.99] {
        let found = mean(&each(&outcomes, |outcome| latency(outcome, "all", q)));
        let (early, late) = (beyond(0.98 * found), beyond(1.02 * found));
        assert!(late < 1.0 - q && 1.0 - q < early, "p{q}: {found}");
    }
}

/// With seven tenths of the last tier's slots gone, each level's timeouts and retries fill the one
/// before it, and it stays so when they are back.
#[test]
fn what_happens_to_the_last_tier_is_felt_in_all() {
    agree(&with_loss(tiers(3), 2, 0.7, LostJobs::Reset), FIGURES);
}

/// The same, where nobody holds a slot while he calls: then they recover but for the last.
#[test]
fn slots_are_given_back_while_calling() {
    let mut model = tiers(3);
    for service in &mut model.scenario.services {
        service.while_calling = WhileCalling::Release;
    }
    agree(&with_loss(model, 2, 0.7, LostJobs::Reset), FIGURES);
}

/// Instances of the second tier are lost with those who wait there for the third; and so few of
/// the first are left that they are too few.
#[test]
fn callers_in_between_are_lost() {
    for jobs in [LostJobs::Reset, LostJobs::Requeue] {
        agree(&with_loss(tiers(3), 1, 0.7, jobs), FIGURES);
    }
    agree(&with_loss(tiers(3), 0, 0.99, LostJobs::Reset), FIGURES);
}

/// The last tier is full and turns away more than it takes: who has called it twice in vain gives a
/// slot of the second back, which is full too, and for which there is always somebody.
#[test]
fn callers_of_a_full_tier_keep_their_slots_busy() {
    let mut model = tiers(2);
    for (service, servers, queue) in [(1, 60, 4), (2, 40, 2)] {
        model.scenario.services[service].sites[0].instances = servers;
        model.scenario.services[service].queue.limit = Some(queue);
    }
    let figures: Vec<Figure> = FIGURES.iter().chain(OVERLOADED).copied().collect();
    agree(&with_loss(model, 2, 0.8, LostJobs::Reset), &figures);
}

/// Half of all calls are turned away, and made again after up to a second, each after its own wait.
#[test]
fn calls_made_again_have_waited_for_any_time() {
    let model = Model::new().mailboxes(20_000).rate(400.0).servers(2_000);
    let model = model.service_time(exponential(0.01)).timeout(20.0).clock(20.0, 300.0, 5.0);
    let model = model.service("data").servers(16).queue_limit(32);
    let model = model.service_time(exponential(0.05));
    let again = calling(&model, "data", 5.0, jittered(2, 1.0));
    let figures: &[Figure] = &[
        ("visits", |o| o.cost.station_visits as f64, 0.01),
        ("p50", |o| latency(o, "all", 0.5), 0.03),
        ("p90", |o| latency(o, "all", 0.9), 0.03),
        ("p99", |o| latency(o, "all", 0.99), 0.03),
    ];
    agree(&model.calls("station", again).build(), figures);
}

/// Each of the tiers may drop what nobody waits for.
#[test]
fn a_tier_drops_what_nobody_waits_for() {
    for tier in 0..3 {
        let mut model = tiers(1);
        model.scenario.services[tier].abandoned_work = AbandonedWork::Dropped;
        println!("tier {tier}");
        agree(&with_loss(model, 2, 0.7, LostJobs::Reset), FIGURES);
    }
}

/// Clients, or the calls of the entry, give up before the calls further down would: a tier in
/// between that drops what nobody waits for gives its slot and its caller's back at once; of
/// clients it hears at the end of their beat.
#[test]
fn who_gives_up_is_heard_further_down() {
    let hung = FaultKind::Hung { service: ServiceId(2), site: None, partition: None };
    let patient = |mut model: Model| {
        model.scenario.services[1].calls[0].timeout = seconds(5.0);
        model.scenario.services[1].abandoned_work = AbandonedWork::Dropped;
        model.fault(100.0, Some(30.0), hung.clone())
    };
    let mut by_client = tiers(1).timeout(1.0);
    by_client.scenario.services[0].calls[0].timeout = seconds(5.0);
    let kept = FIGURES.iter().filter(|figure| !figure.0.ends_with("busy then"));
    let mut figures: Vec<Figure> = kept.copied().collect();
    figures.push(("first busy then", |o| utilisation(o, 0, 22, 26), 0.06));
    figures.push(("second busy then", |o| utilisation(o, 1, 22, 26), 0.12));
    agree(&patient(by_client).build(), &figures);
    // A gate in front: its call of the first tier, which goes on, is given up after a second.
    let mut by_gate = patient(tiers(1)).service("gate").servers(2_000);
    by_gate = by_gate.service_time(exponential(0.01));
    let call = calling(&by_gate, "station", 1.0, jittered(1, 0.0));
    by_gate = by_gate.calls("gate", call);
    by_gate.scenario.operations[0].enters = by_gate.service_id("gate");
    by_gate.scenario.services[0].calls[0].timeout = seconds(5.0);
    agree(&by_gate.build(), FIGURES);
}

/// Four tiers, of which the second makes two calls: one that not all need, twice, and without which
/// they go on, then one behind which there is another.
#[test]
fn a_tree_of_calls() {
    let model = services().retries(jittered(2, 1.0));
    let model = model.service("rules").servers(60).service_time(exponential(0.03));
    let mut rules = calling(&model, "rules", 0.3, jittered(2, 0.1));
    (rules.times, rules.probability, rules.required) = (2, 0.6, false);
    let logic = calling(&model, "logic", 2.0, jittered(2, 0.2));
    let first = calling(&model, "data", 0.6, jittered(1, 0.0));
    let model = model.calls("station", logic).calls("logic", rules).calls("logic", first);
    let model = model.service("disk").servers(30).service_time(exponential(0.03));
    let second = calling(&model, "disk", 0.25, jittered(2, 0.1));
    let model = model.calls("data", second);
    agree(&with_loss(model, 4, 0.7, LostJobs::Reset), FIGURES);
}

/// Each tier at a site of its own: the ways between them take time, lose a part of the calls, and
/// the way to the last one is down for a while.
#[test]
fn tiers_at_sites_of_their_own() {
    let mut model = with_two_more_sites(tiers(2), 0.02, 0.02);
    model.scenario.services[1].sites = vec![at(1, 200)];
    model.scenario.services[2].sites = vec![at(2, 60)];
    let down = FaultKind::LinkDown { link: LinkId(1) };
    agree(&model.fault(100.0, Some(30.0), down).build(), FIGURES);
}
