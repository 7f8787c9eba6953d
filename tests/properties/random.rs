//! Small random scenarios: topology, services with calls, policies, faults, runbook.

use crate::model::{Model, call, constant, exponential, seconds};
use blackstart::measure::outcome::Outcome;
use blackstart::scenario::model::*;
use blackstart::simulation::run;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// What a scenario is made of; every field is drawn.
#[derive(Clone, Debug)]
struct Recipe {
    rate: f64,
    servers: u64,
    concurrency: u32,
    limit: Option<u32>,
    discipline: u8,
    dropped: bool,
    holds: bool,
    timeout_s: f64,
    attempts: u32,
    exponential_backoff: bool,
    jitter: u8,
    sites: u8,
    linked: bool,
    partitions: u32,
    sessions: bool,
    calls: u8,
    cache: bool,
    faults: Vec<(u8, f64, f64, f64, bool)>,
    steps: Vec<(u8, f64)>,
}

fn recipes() -> impl Strategy<Value = Recipe> {
    let station =
        (1.0..30.0, 1_u64..6, 1_u32..4, proptest::option::of(0_u32..20), 0_u8..4, any::<bool>());
    let policy =
        (any::<bool>(), 0.2..5.0, 1_u32..5, any::<bool>(), 0_u8..4, 1_u8..4, any::<bool>());
    let rest = (1_u32..4, any::<bool>(), 0_u8..3, any::<bool>());
    let fault = (0_u8..14, 5.0..60.0, 1.0..40.0, 0.05..1.0, any::<bool>());
    let faults = proptest::collection::vec(fault, 0..4);
    let steps = proptest::collection::vec((0_u8..7, 5.0..100.0), 0..4);
    (station, policy, rest, faults, steps).prop_map(|(station, policy, rest, faults, steps)| {
        let (rate, servers, concurrency, limit, discipline, dropped) = station;
        let (holds, timeout_s, attempts, exponential_backoff, jitter, sites, linked) = policy;
        let (partitions, sessions, calls, cache) = rest;
        Recipe {
            rate,
            servers,
            concurrency,
            limit,
            discipline,
            dropped,
            holds,
            timeout_s,
            attempts,
            exponential_backoff,
            jitter,
            sites,
            linked,
            partitions,
            sessions,
            calls,
            cache,
            faults,
            steps,
        }
    })
}

fn scenario(recipe: &Recipe) -> Scenario {
    let retry = Retry {
        attempts: Some(recipe.attempts),
        backoff: if recipe.exponential_backoff {
            Backoff::Exponential { first: seconds(0.1), factor: 2.0, cap: seconds(5.0) }
        } else {
            Backoff::Constant(seconds(0.3))
        },
        jitter: [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]
            [usize::from(recipe.jitter)],
    };
    let mut model = Model::new().mailboxes(400).clock(10.0, 120.0, 5.0).rate(recipe.rate);
    model = model.timeout(recipe.timeout_s).retries(retry.clone()).with_operation(|operation| {
        operation.size_bytes = 2_000.0;
        operation.deferred = 0.5;
    });
    let discipline = match recipe.discipline {
        0 => Discipline::Fifo,
        1 => Discipline::Lifo,
        2 => Discipline::Codel { target: seconds(0.1), interval: seconds(1.0) },
        _ => Discipline::Priority { first: vec![OperationId(0)] },
    };
    model = model.with_service(|service| {
        service.sites[0].instances = recipe.servers;
        service.concurrency = recipe.concurrency;
        service.service_time = exponential(0.2);
        service.queue = Queue { limit: recipe.limit, discipline };
        service.partitions = recipe.partitions;
        if recipe.dropped {
            service.abandoned_work = AbandonedWork::Dropped;
        }
        if !recipe.holds {
            service.while_calling = WhileCalling::Release;
        }
    });
    for site in 1..recipe.sites {
        model = model.site(&format!("site-{site}"), recipe.servers);
    }
    for callee in 0..recipe.calls {
        let name = format!("callee-{callee}");
        model = model.service(&name).servers(3).service_time(exponential(0.1));
        let mut call = call(model.service_id(&name));
        call.timeout = seconds(0.5);
        call.retry = retry.clone();
        call.probability = 0.8;
        call.required = callee == 0;
        call.cache = recipe.cache.then_some(Cache { hit: 0.7, entries: 50 });
        model = model.calls("station", call);
    }
    if recipe.linked {
        link(&mut model.scenario);
    }
    steer(&mut model.scenario);
    if recipe.sessions {
        sign_in(&mut model, retry);
    }
    for &(kind, at, lasts, share, flaps) in &recipe.faults {
        let kind = fault(kind, share, &model.scenario);
        model = model.fault(at, (lasts < 35.0).then_some(lasts), kind);
        let fault = model.scenario.faults.last_mut().expect("just added");
        if flaps {
            fault.flap = Some((seconds(3.0), seconds(2.0)));
            fault.ramp = seconds(2.0);
        }
    }
    for &(action, at) in &recipe.steps {
        let action = step(action, &model.scenario);
        model = model.step(at, action);
    }
    model.build()
}

/// A second router for every site, reached over two links of which one has a middlebox behind it.
fn link(scenario: &mut Scenario) {
    scenario.network.routers.push(Router::named("far"));
    for (name, delay) in [("short", 0.01), ("long", 0.05)] {
        scenario.network.links.push(Link {
            name: name.into(),
            between: (RouterId(0), RouterId(1)),
            delay: seconds(delay),
            bandwidth: 1e6,
            loss: 0.001,
            metric: (delay * 1e6) as u64,
            buffer: seconds(0.2),
            preference: None,
            prefixes_max: None,
        });
    }
    scenario.sites.iter_mut().for_each(|site| site.router = RouterId(1));
    scenario.network.middleboxes.push(Middlebox {
        name: "box".into(),
        before: SiteId(0),
        new_connections: Some(25.0),
        sessions: Some(350),
        bandwidth: None,
        packets: None,
        when_full: WhenFull::Drop,
        buffer: seconds(1.0),
    });
}

/// Even shares of all sites, by DNS.
fn steer(scenario: &mut Scenario) {
    let count = scenario.sites.len();
    let share = 1.0 / count as f64;
    scenario.steering[0].answers = (0..count).map(|s| (SiteId(s as u32), share)).collect();
    scenario.steering[0].kind =
        SteeringKind::Dns { ttl: seconds(20.0), ignoring: 0.1, ignoring_for: seconds(200.0) };
}

fn sign_in(model: &mut Model, retry: Retry) {
    let sign_in = OperationId(model.scenario.operations.len() as u32);
    let built = model.clone().operation("sign-in", ServiceId(0)).timeout(2.0).retries(retry);
    *model = built.with_operation(|operation| operation.load = Load::Induced);
    let session = Session { sign_in, keepalive: seconds(5.0), lost_after: Some(seconds(3.0)) };
    model.scenario.clients[0].session = Some(session);
    model.scenario.regions[0].present = Curve { points: vec![(0.0, 0.8), (120.0, 0.95)] };
}

fn fault(kind: u8, share: f64, scenario: &Scenario) -> FaultKind {
    let (service, site) = (ServiceId(0), SiteId(0));
    let linked = !scenario.network.links.is_empty();
    match kind {
        0 => FaultKind::InstancesLost { service, site, share, jobs: LostJobs::Requeue },
        1 => FaultKind::InstancesLost { service, site, share: 1.0, jobs: LostJobs::Reset },
        2 => FaultKind::Slow { service, site: None, factor: 1.0 + 9.0 * share },
        3 => FaultKind::Erroring { service, site: None, share },
        4 => FaultKind::Hung { service, site: Some(site), partition: Some(0) },
        5 => FaultKind::SiteDown { site },
        6 => FaultKind::MassReconnect { client: None, site: None, share },
        7 => FaultKind::CacheLost { service, site: None, share },
        8 if linked => FaultKind::LinkDown { link: LinkId(0) },
        9 if linked => FaultKind::LinkLoss { link: LinkId(0), from: None, loss: share },
        10 if linked => FaultKind::RouterSilent { router: RouterId(1) },
        11 if linked => FaultKind::MiddleboxCapacity { middlebox: MiddleboxId(0), to: 1.0 - share },
        12 if linked => FaultKind::LinkBandwidth { link: LinkId(0), to: 0.01 },
        _ => FaultKind::LoadSurge { region: None, operation: None, factor: 4.0 * share },
    }
}

fn step(action: u8, scenario: &Scenario) -> Action {
    let (service, site, steering) = (ServiceId(0), SiteId(0), SteeringId(0));
    let last = SiteId(scenario.sites.len() as u32 - 1);
    let (operation, takes) = (OperationId(0), seconds(7.0));
    let drain = Some(seconds(10.0));
    match action {
        0 => Action::Move { steering, from: site, to: last, share: 0.4, drain },
        1 => Action::Restore { steering, steps: 3, every: seconds(5.0), stop_if: None, drain },
        2 => Action::Drain { site, over: seconds(15.0) },
        3 => Action::Throttle { operation, site, admit: 5.0, ramp: Some(seconds(20.0)) },
        4 => Action::Restart { service, site, takes },
        5 => Action::AddCapacity { service, site, instances: 2, takes },
        _ => Action::Set { steering, answers: vec![(last, 1.0)], drain: None },
    }
}

/// What no run may break.
fn check(outcome: &Outcome, scenario: &Scenario) -> Result<(), TestCaseError> {
    let series = &outcome.series;
    prop_assert_eq!(series.windows, 24);
    prop_assert_eq!(outcome.ledgers.windows_balanced, 24);
    for share in series.availability.iter().flatten() {
        prop_assert!((0.0..=1.0).contains(share), "availability {}", share);
    }
    for amplification in series.amplification.iter().flatten() {
        prop_assert!(*amplification >= 0.0);
    }
    for station in &series.stations {
        for busy in station.utilisation.iter().flatten() {
            prop_assert!(*busy >= 0.0 && busy.is_finite());
        }
        prop_assert!(station.queue.iter().all(|&queue| queue >= 0.0));
    }
    for row in &series.sessions {
        for window in 0..series.windows {
            let signed_in: f64 = row.signed_in.iter().map(|site| site[window]).sum();
            prop_assert!(signed_in <= row.present[window], "{} signed in", signed_in);
            prop_assert_eq!(signed_in + row.signing_in[window], row.present[window]);
        }
    }
    for name in &series.steering {
        for window in 0..series.windows {
            let sum: f64 = name.shares.iter().map(|site| site[window]).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "shares add up to {}", sum);
        }
    }
    let end_s = scenario.clock.duration.as_secs_f64();
    let begin_s = -scenario.clock.warmup.as_secs_f64();
    let mut last = begin_s;
    for moment in &outcome.timeline {
        prop_assert!(moment.at_s >= last, "the timeline runs backwards at {}", moment.at_s);
        prop_assert!(moment.at_s <= end_s);
        last = moment.at_s;
    }
    for row in &outcome.ledgers.clients {
        let ended = row.answered + row.timed_out + row.refused + row.lost;
        prop_assert_eq!(row.sent, ended + row.outstanding);
    }
    for row in &outcome.ledgers.stations {
        let gone = row.useful + row.stale + row.rejected + row.dropped + row.crashed;
        prop_assert_eq!(row.arrived, gone + row.waiting + row.holding);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 160,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20_140_623),
        ..ProptestConfig::default()
    })]

    #[test]
    fn books_clock_and_luck(recipe in recipes(), seed in 0_u64..1_000) {
        let scenario = scenario(&recipe);
        let mut clock = Vec::new();
        let first = run(&scenario, seed, &mut |now| clock.push(now));
        let first = first.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(clock.is_sorted() && clock.windows(2).all(|pair| pair[0] < pair[1]));
        check(&first, &scenario)?;
        let again = run(&scenario, seed, &mut |_| {}).expect("it balanced before");
        prop_assert_eq!(&first.digest, &again.digest, "one seed, two digests");
        let other = run(&scenario, seed + 1, &mut |_| {});
        let other = other.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_ne!(&first.digest, &other.digest, "two seeds, one digest");
    }
}

/// Something that never changes is still never the same run: the luck of a constant service too.
#[test]
fn a_seed_is_the_whole_luck() {
    let scenario = Model::new().service_time(constant(0.5)).build();
    let digests: Vec<String> =
        (0..20).map(|seed| run(&scenario, seed, &mut |_| {}).unwrap().digest).collect();
    let mut different = digests.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), digests.len());
}
