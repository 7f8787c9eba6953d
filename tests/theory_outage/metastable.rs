//! Published metastable failures (Bronson, Aghayev, Charapko, Zhu: "Metastable failures in
//! distributed systems", HotOS 2021), and the flag that tells them from plain overload.

use crate::check::{counted, outcome};
use crate::model::{Model, call, exponential, retry, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::{Cache, FaultKind, LostJobs, Scenario, ServiceId, SiteId};

/// The paper's database: 300 queries a second, an answer in under 100 ms when it is not full
/// (30 servers, mean 0.1 s); clients wait 1 s. Its queue holds 2 s of work: what is longer than a
/// client waits is no use, and an endless one would take hours to work off after any cure.
fn database(load_per_s: f64, attempts: u32) -> Model {
    let model = Model::new().rate(load_per_s).servers(30).service_time(exponential(0.1));
    model.queue_limit(600).timeout(1.0).retries(retry(attempts, 0.0)).clock(60.0, 2_700.0, 10.0)
}

/// Queries of 10 s are held back and arrive together.
fn interrupted(model: Model) -> Model {
    let kind = FaultKind::InstancesLost {
        service: ServiceId(0),
        site: SiteId(0),
        share: 1.0,
        jobs: LostJobs::Requeue,
    };
    // Held back means held: there is room for all of them while it lasts.
    let held = model.with_service(|service| service.queue.limit = Some(200));
    held.fault(60.0, Some(10.0), kind)
}

/// Availability of demands between two instants.
fn available(outcome: &Outcome, from_s: f64, to_s: f64) -> f64 {
    let window = |s: f64| (s / outcome.series.window_s) as usize;
    let column = |all: fn(&blackstart::measure::outcome::OperationSeries) -> &Vec<f64>| {
        let operations = outcome.series.operations.iter();
        operations.map(|o| counted(outcome, all(o), window(from_s), window(to_s))).sum::<f64>()
    };
    column(|o| &o.good_per_s) / column(|o| &o.demand_per_s)
}

fn run(scenario: Scenario) -> Outcome {
    let outcome = outcome(&scenario, 11);
    assert!(available(&outcome, 0.0, 50.0) > 0.999, "healthy before the trigger");
    outcome
}

/// 280 of 300 with one retry: 560 a second are offered for ever after 10 s of interruption.
#[test]
fn a_retry_storm_does_not_end() {
    let outcome = run(interrupted(database(280.0, 2)).build());
    assert!(available(&outcome, 600.0, 2_600.0) < 0.05, "down for good");
    let attempts = &outcome.series.operations[0].attempts_per_s;
    let offered = counted(&outcome, attempts, 60, 260) / 2_000.0;
    assert!((offered - 560.0).abs() < 5.0, "offered {offered}");
    assert!(outcome.incident.metastable, "and known as metastable");
    assert!(outcome.incident.censored);
}

/// The same without retries is over soon.
#[test]
fn without_retries_it_recovers() {
    let outcome = run(interrupted(database(280.0, 1)).build());
    // 10 s of backlog (2800) less what times out of it, drained at 20 a second.
    assert!(available(&outcome, 300.0, 2_600.0) > 0.999);
    assert!(!outcome.incident.metastable);
    assert!(!outcome.incident.censored);
}

/// Vulnerable if and only if the load is over 150 = 300 / (1 + 1 retry).
#[test]
fn vulnerable_above_capacity_over_attempts() {
    let below = run(interrupted(database(135.0, 2)).build());
    assert!(available(&below, 600.0, 2_600.0) > 0.999, "135 recovers");
    assert!(!below.incident.metastable);
    let above = run(interrupted(database(165.0, 2)).build());
    let left = available(&above, 600.0, 2_600.0);
    assert!(left < 0.5, "165 does not: {left}");
    assert!(above.incident.metastable);
}

/// Down by retries, cured by shedding load to under 150 for a while; stays well at full load.
#[test]
fn shedding_to_under_the_threshold_cures_it() {
    let mut cured = Vec::new();
    for factor in [0.45, 0.7] {
        let kind = FaultKind::LoadSurge { region: None, operation: None, factor };
        let model = interrupted(database(280.0, 2)).clock(60.0, 1_500.0, 10.0);
        let outcome = run(model.fault(600.0, Some(300.0), kind).build());
        assert!(available(&outcome, 200.0, 600.0) < 0.05);
        cured.push(available(&outcome, 1_000.0, 1_400.0));
    }
    assert!(cured[0] > 0.999, "126 a second let it recover: {cured:?}");
    assert!(cured[1] < 0.05, "196 a second do not: {cured:?}");
}

/// Overload by plain demand (320 of 300) stays after a trigger too, yet is no metastable failure:
/// without retries it would be down all the same.
#[test]
fn plain_overload_is_not_metastable() {
    let kind = FaultKind::LoadSurge { region: None, operation: None, factor: 1.25 };
    let model = database(320.0, 2).fault(60.0, Some(60.0), kind);
    let outcome = outcome(&model.build(), 11);
    assert!(available(&outcome, 600.0, 2_600.0) < 0.9);
    assert!(outcome.incident.censored);
    assert!(!outcome.incident.metastable);
}

/// The look-aside cache: 90 % hits in front of the same database carry 2400 a second.
fn cached(load_per_s: f64) -> Model {
    let model = Model::new().rate(load_per_s).servers(10_000).service_time(exponential(0.001));
    let model = model.timeout(2.0).clock(60.0, 2_700.0, 10.0);
    let model = model.service("database").servers(30).service_time(exponential(0.1));
    let model = model.queue_limit(600);
    let mut call = call(ServiceId(1));
    call.timeout = seconds(1.0);
    call.cache = Some(Cache { hit: 0.9, entries: 5_000 });
    let model = model.calls("station", call);
    let kind = FaultKind::CacheLost { service: ServiceId(0), site: None, share: 1.0 };
    model.fault(60.0, Some(1.0), kind)
}

/// The cache is lost: the database is offered ten times as much, its answers come too late to
/// fill the cache, and so it stays ("advertised capacity" 3000, "hidden capacity" 300).
pub fn a_lost_cache_cannot_refill() {
    let outcome = run(cached(2_400.0).build());
    let database = &outcome.series.stations[1].arrivals_per_s;
    let before = counted(&outcome, database, 0, 6) / 60.0;
    let after = counted(&outcome, database, 60, 260) / 2_000.0;
    assert!((before - 240.0).abs() < 20.0, "misses before: {before}");
    assert!(after > 1_500.0, "five times what it can answer, for ever: {after}");
    assert!(available(&outcome, 600.0, 2_600.0) < 0.2, "down for good");
    assert!(outcome.incident.metastable, "and known as metastable");
}

/// At a load that the database carries alone, the cache refills; so it does when load is shed.
pub fn a_lost_cache_refills_at_hidden_capacity() {
    let low = run(cached(240.0).build());
    assert!(available(&low, 200.0, 2_600.0) > 0.99);
    assert!(!low.incident.metastable);
    let kind = FaultKind::LoadSurge { region: None, operation: None, factor: 0.1 };
    let shed = cached(2_400.0).clock(60.0, 2_000.0, 10.0).fault(400.0, Some(600.0), kind);
    let outcome = run(shed.build());
    assert!(available(&outcome, 200.0, 400.0) < 0.2, "down until load is shed");
    assert!(available(&outcome, 1_100.0, 1_900.0) > 0.999, "well at full load again");
    let database = &outcome.series.stations[1].arrivals_per_s;
    let misses = counted(&outcome, database, 110, 190) / 800.0;
    assert!((misses - 240.0).abs() < 10.0, "as many misses as before: {misses}");
}
