//! Figures worked out by hand on a scenario of two sites.

use super::*;
use crate::kernel::sample::Distribution;
use crate::kernel::time::SimDuration;
use crate::scenario::model::*;

fn constant_ms(millis: f64) -> Distribution {
    Distribution::Constant { value: millis / 1000.0 }
}

fn once() -> Retry {
    let backoff = Backoff::Constant(SimDuration::ZERO);
    Retry { attempts: Some(1), backoff, jitter: Jitter::None }
}

/// A service at both sites, `instances` of `concurrency` 10 at each.
fn service(name: &str, instances: [u64; 2], time_ms: f64, calls: Vec<Call>) -> Service {
    let placement = |(site, &instances)| Placement { site: SiteId(site as u32), instances };
    let placed = instances.iter().enumerate().filter(|(_, n)| **n > 0).map(placement);
    Service {
        name: name.into(),
        sites: placed.collect(),
        concurrency: 10,
        service_time: constant_ms(time_ms),
        queue: Queue { limit: None, discipline: Discipline::Fifo },
        abandoned_work: AbandonedWork::Continues,
        while_calling: WhileCalling::Hold,
        partitions: 1,
        warm_up: None,
        calls,
    }
}

fn call(service: u32, times: u32, probability: f64) -> Call {
    Call {
        service: ServiceId(service),
        operations: vec![],
        times,
        probability,
        timeout: SimDuration::from_secs(1),
        retry: once(),
        required: true,
        cache: None,
    }
}

fn operation(name: &str, load: Load, cost: f64) -> Operation {
    Operation {
        name: name.into(),
        by: Demander::Client(ClientId(0)),
        enters: ServiceId(0),
        cost,
        size_bytes: 1_000.0,
        load,
        timeout: Timeout::After(SimDuration::from_secs(1)),
        deadline: None,
        good_within: SimDuration::from_secs(1),
        deferred: 0.0,
        retry: once(),
        feeds: None,
    }
}

fn constant_curve(factor: f64) -> Curve {
    Curve { points: vec![(0.0, factor)] }
}

/// One region of a million mailboxes reading twice an hour, two hours from midnight UTC; `web`
/// (20 ms, holds) at `east` and `west` calls `base` (30 ms); 75 % of the mailboxes at `east`.
pub(crate) fn small() -> Scenario {
    let link = |name: &str, a, b| Link {
        name: name.into(),
        between: (RouterId(a), RouterId(b)),
        delay: SimDuration::from_millis(5),
        bandwidth: 1e7,
        loss: 0.0,
        metric: 10,
        buffer: SimDuration::from_millis(50),
        preference: None,
        prefixes_max: None,
    };
    let east = Site { name: "east".into(), router: RouterId(0) };
    let west = Site { name: "west".into(), router: RouterId(1) };
    Scenario {
        name: "small".into(),
        title: "Small".into(),
        description: String::new(),
        sources: vec![],
        variant: None,
        clock: Clock {
            start: "2026-01-01T00:00[UTC]".into(),
            start_unix_s: 1_767_225_600,
            time_zone: "UTC".into(),
            utc_offset_s: 0,
            duration: SimDuration::from_secs(7_200),
            warmup: SimDuration::from_secs(600),
            window: SimDuration::from_secs(10),
        },
        seed: 1,
        seeds: 1,
        fidelity: Fidelity::Exact,
        scale: 1,
        network: Network::of_one_system(
            vec![Router::named("r-east"), Router::named("r-west")],
            vec![link("across", 0, 1)],
            vec![],
            Routing::in_two_steps(SimDuration::ZERO, SimDuration::ZERO),
        ),
        regions: vec![Region {
            name: "all".into(),
            mailboxes: 1_000_000,
            time_zone: "UTC".into(),
            utc_offset_s: 0,
            routers: vec![(RouterId(0), 1.0)],
            load: constant_curve(1.0),
            present: constant_curve(1.0),
            clients: vec![(ClientId(0), 1.0)],
        }],
        sites: vec![east, west],
        services: vec![
            service("web", [5, 5], 20.0, vec![call(1, 1, 1.0)]),
            service("base", [5, 5], 30.0, vec![]),
        ],
        stores: vec![],
        pipelines: vec![],
        clients: vec![Client {
            name: "phone".into(),
            connects: SteeringId(0),
            session: None,
            operations: vec![OperationId(0)],
        }],
        operations: vec![operation("read", Load::Rate { per_hour: 2.0 }, 1.0)],
        steering: vec![Steering {
            name: "mail".into(),
            kind: SteeringKind::Direct,
            answers: vec![(SiteId(0), 0.75), (SiteId(1), 0.25)],
        }],
        observers: Observers { probes: None, alarms: vec![], status_page: None },
        faults: vec![],
        runbook: vec![],
        targets: vec![],
        variants: vec![],
    }
}

fn station(stations: &[StationLoad], service: u32, site: u32) -> StationLoad {
    let wanted = (ServiceId(service), SiteId(site));
    *stations.iter().find(|s| (s.service, s.site) == wanted).expect("a station")
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found}, expected {expected}");
}

/// Demands a second of the whole of [`small`].
const RATE: f64 = 1e6 * 2.0 / 3600.0;

#[test]
fn slots_are_held_for_the_calls_under_hold_only() {
    let mut scenario = small();
    let loads = capacity(&scenario).stations;
    close(station(&loads, 0, 0).peak_requests_per_s, RATE * 0.75);
    close(station(&loads, 0, 0).peak_utilisation, RATE * 0.75 * 0.050 / 50.0);
    close(station(&loads, 0, 1).peak_utilisation, RATE * 0.25 * 0.050 / 50.0);
    close(station(&loads, 1, 0).peak_utilisation, RATE * 0.75 * 0.030 / 50.0);
    scenario.services[0].while_calling = WhileCalling::Release;
    close(
        station(&capacity(&scenario).stations, 0, 0).peak_utilisation,
        RATE * 0.75 * 0.020 / 50.0,
    );
}

#[test]
fn calls_multiply_by_times_probability_and_cache_misses_and_cost_is_the_entrys() {
    let mut scenario = small();
    scenario.operations[0].cost = 8.0;
    let made = &mut scenario.services[0].calls[0];
    (made.times, made.probability) = (3, 0.5);
    made.cache = Some(Cache { hit: 0.8, entries: 1 });
    let loads = capacity(&scenario).stations;
    let calls = 3.0 * 0.5 * 0.2;
    close(station(&loads, 1, 0).peak_requests_per_s, RATE * 0.75 * calls);
    close(station(&loads, 0, 0).peak_utilisation, RATE * 0.75 * (0.160 + calls * 0.030) / 50.0);
    scenario.services[0].calls[0].operations = vec![OperationId(7)];
    let loads = capacity(&scenario).stations;
    assert_eq!(station(&loads, 1, 0).peak_requests_per_s, 0.0, "a call for another operation");
}

#[test]
fn a_service_that_is_not_here_is_called_at_the_nearest_site_and_the_way_holds_the_slot() {
    let mut scenario = small();
    scenario.services[1] = service("base", [0, 5], 30.0, vec![]);
    let loads = capacity(&scenario).stations;
    close(station(&loads, 1, 1).peak_requests_per_s, RATE);
    close(station(&loads, 0, 0).peak_utilisation, RATE * 0.75 * (0.050 + 0.010) / 50.0);
}

#[test]
fn a_stores_service_is_called_where_its_databases_are_active() {
    let mut scenario = small();
    scenario.stores = vec![Store {
        name: "mailboxes".into(),
        service: ServiceId(1),
        databases: 10,
        copies: vec![(SiteId(0), 0.4), (SiteId(1), 0.6)],
        activation: constant_ms(1.0),
        replication_lag: SimDuration::ZERO,
        writes: vec![],
    }];
    let loads = capacity(&scenario).stations;
    close(station(&loads, 1, 0).peak_requests_per_s, RATE * 0.4);
    close(station(&loads, 1, 1).peak_requests_per_s, RATE * 0.6);
}

#[test]
fn peaks_are_read_at_local_time_and_only_before_the_first_fault() {
    let mut scenario = small();
    // Local time is an hour ahead: the run is 01:00 to 03:00 there. Peak at 02:00, then down.
    scenario.regions[0].utc_offset_s = 3_600;
    scenario.regions[0].load =
        Curve { points: vec![(3_600.0, 1.0), (7_200.0, 2.0), (10_800.0, 0.0)] };
    let peak = station(&capacity(&scenario).stations, 0, 0);
    close(peak.peak_requests_per_s, RATE * 0.75 * 2.0);
    assert_eq!(peak.at, scenario.start() + SimDuration::from_secs(3_600));
    let kind = FaultKind::SiteDown { site: SiteId(0) };
    scenario.faults = vec![Fault {
        name: "dark".into(),
        at: scenario.start() + SimDuration::from_secs(1_800),
        lasts: None,
        ramp: SimDuration::ZERO,
        flap: None,
        kind,
    }];
    let peak = station(&capacity(&scenario).stations, 0, 0);
    close(peak.peak_requests_per_s, RATE * 0.75 * 1.5);
}

#[test]
fn the_slope_of_presence_signs_in_and_only_it_opens_connections() {
    let mut scenario = small();
    scenario.operations.push(operation("sign-in", Load::Induced, 8.0));
    scenario.clients[0].operations.push(OperationId(1));
    scenario.clients[0].session = Some(Session {
        sign_in: OperationId(1),
        keepalive: SimDuration::from_secs(60),
        lost_after: None,
    });
    // From 10 % present at 00:00 to 46 % at 01:00: 100 mailboxes a second sign in.
    scenario.regions[0].present = Curve { points: vec![(0.0, 0.10), (3_600.0, 0.46)] };
    scenario.network.middleboxes = vec![Middlebox {
        name: "edge".into(),
        before: SiteId(0),
        new_connections: Some(100.0),
        sessions: Some(400_000),
        bandwidth: None,
        packets: None,
        when_full: WhenFull::Drop,
        buffer: SimDuration::ZERO,
    }];
    let found = capacity(&scenario);
    let edge = found.middleboxes[0];
    close(edge.peak_connections_per_s, 75.0);
    // 46 % of a million x 75 % in a table of 400,000 is more than 75 of 100 connections.
    assert_eq!(edge.limit, "sessions");
    close(edge.peak_utilisation, 0.345e6 / 0.4e6);
    let at_start = RATE * 0.75 * 0.10;
    assert!(station(&found.stations, 0, 0).peak_requests_per_s > at_start + 75.0);
}

#[test]
fn links_carry_half_of_the_bits_each_way() {
    let scenario = small();
    let link = capacity(&scenario).links[0];
    close(link.peak_utilisation, 0.5 * RATE * 0.25 * 8_000.0 / 1e7);
}

#[test]
fn equal_paths_share_a_link_load_evenly() {
    let mut scenario = small();
    let twin = Link { name: "twin".into(), ..scenario.network.links[0].clone() };
    scenario.network.links.push(twin);
    let found = capacity(&scenario);
    for link in found.links {
        close(link.peak_utilisation, 0.5 * RATE * 0.125 * 8_000.0 / 1e7);
    }
}

/// [`small`] with all mailboxes at router 0 and all answers from one site at `site`, on routers of
/// these systems; links as (ends, metric).
fn across(systems: Vec<System>, routers: &[u32], links: &[(u32, u32, u64)], site: u32) -> Scenario {
    let mut scenario = small();
    let router = |&system: &u32| Router { system: SystemId(system), ..Router::named("r") };
    let link = |&(a, b, metric): &(u32, u32, u64)| Link {
        between: (RouterId(a), RouterId(b)),
        metric,
        ..scenario.network.links[0].clone()
    };
    let links = links.iter().map(link).collect();
    let network = &mut scenario.network;
    (network.systems, network.links) = (systems, links);
    network.routers = routers.iter().map(router).collect();
    scenario.sites[0].router = RouterId(site);
    scenario.steering[0].answers = vec![(SiteId(0), 1.0)];
    scenario
}

fn system(customers: &[u32]) -> System {
    let customers = customers.iter().copied().map(SystemId).collect();
    System { customers, ..System::alone() }
}

/// Bits of all demands one way, of a link's capacity.
const ONE_WAY: f64 = 0.5 * RATE * 8_000.0 / 1e7;

#[test]
fn across_systems_the_policies_decide_not_the_shortest_path() {
    // Users (0) and site (2) meet at a customer of both (1), and at their provider (3). The way
    // through the customer is 50 times shorter, and nobody tells it: it would be a valley.
    let systems = vec![system(&[1]), system(&[]), system(&[1]), system(&[0, 2])];
    let links = [(0, 1, 1), (1, 2, 1), (0, 3, 50), (3, 2, 50)];
    let scenario = across(systems, &[0, 1, 2, 3], &links, 2);
    let found = capacity(&scenario).links;
    let loads: Vec<f64> = found.iter().map(|link| link.peak_utilisation).collect();
    assert_eq!(loads[..2], [0.0, 0.0]);
    close(loads[2], ONE_WAY);
    close(loads[3], ONE_WAY);
}

#[test]
fn answers_take_the_way_back_that_their_own_system_chooses() {
    // Two systems that meet at two places; each sends out at the nearest (hot potato): there
    // 0 > 2 > 3, back 3 > 1 > 0.
    let systems = vec![system(&[]), system(&[])];
    let links = [(0, 1, 10), (2, 3, 10), (0, 2, 1), (1, 3, 1)];
    let mut scenario = across(systems, &[0, 0, 1, 1], &links, 3);
    for link in capacity(&scenario).links {
        close(link.peak_utilisation, ONE_WAY);
    }
    // Without the second place both ways are one: 0 > 2 > 3 and back.
    scenario.network.links.pop();
    let loads = capacity(&scenario).links;
    assert_eq!(loads[0].peak_utilisation, 0.0);
    close(loads[1].peak_utilisation, ONE_WAY);
    close(loads[2].peak_utilisation, ONE_WAY);
}

#[test]
fn users_of_an_anycast_name_load_the_site_that_the_routes_lead_to() {
    // A line of routers: east (0), in between (1), west (2); two thirds of the users at 0, one at
    // 1, which is nearer to west.
    let links = [(0, 1, 10), (1, 2, 5)];
    let mut scenario = across(vec![System::alone()], &[0, 0, 0], &links, 0);
    scenario.sites[1].router = RouterId(2);
    scenario.regions[0].routers = vec![(RouterId(0), 2.0 / 3.0), (RouterId(1), 1.0 / 3.0)];
    let both = vec![SiteId(0), SiteId(1)];
    let prefix = Prefix { name: "any".into(), sites: both, within: None, announced: true };
    scenario.network.prefixes = vec![prefix];
    let name = &mut scenario.steering[0];
    name.kind = SteeringKind::Anycast { prefix: PrefixId(2) };
    name.answers = vec![(SiteId(0), 0.0), (SiteId(1), 0.0)];
    let found = capacity(&scenario);
    close(station(&found.stations, 0, 0).peak_requests_per_s, RATE * 2.0 / 3.0);
    close(station(&found.stations, 0, 1).peak_requests_per_s, RATE / 3.0);
    assert_eq!(found.links[0].peak_utilisation, 0.0);
    close(found.links[1].peak_utilisation, ONE_WAY / 3.0);
    let catchment = &found.catchments[0];
    close(catchment.sites[0].1, 2.0 / 3.0);
    close(catchment.sites[1].1, 1.0 / 3.0);
}

#[test]
fn messages_of_a_pipeline_are_delivered_where_they_were_accepted() {
    let mut scenario = small();
    scenario.pipelines =
        vec![Pipeline { name: "mail".into(), delivery: OperationId(1), copies: 2, limit: None }];
    scenario.operations[0].feeds = Some(PipelineId(0));
    let mut delivery = operation("delivery", Load::Induced, 1.0);
    (delivery.by, delivery.enters) = (Demander::Pipeline(PipelineId(0)), ServiceId(1));
    scenario.operations.push(delivery);
    let loads = capacity(&scenario).stations;
    close(station(&loads, 1, 0).peak_requests_per_s, RATE * 0.75 * 3.0);
}

#[test]
fn closed_load_comes_again_after_thinking_and_waiting() {
    let mut scenario = small();
    scenario.operations[0].load = Load::Think(Distribution::Constant { value: 99.95 });
    let loads = capacity(&scenario).stations;
    close(station(&loads, 0, 0).peak_requests_per_s, 1e6 * 0.75 / 100.0);
}

pub(crate) fn step(name: &str, action: Action) -> Step {
    Step {
        name: name.into(),
        at: None,
        after: vec![],
        when: None,
        delay: constant_ms(0.0),
        only_if: None,
        otherwise: Otherwise::Skip,
        action: Some(action),
        phase: StepPhase::Act,
    }
}

#[test]
fn shifts_add_up_in_the_runbooks_order_and_restore_undoes_them() {
    let mut scenario = small();
    let steering = SteeringId(0);
    let (from, to) = (SiteId(0), SiteId(1));
    let moved = Action::Move { steering, from, to, share: 0.25, drain: None };
    let more = Action::AddCapacity {
        service: ServiceId(0),
        site: to,
        instances: 5,
        takes: SimDuration::ZERO,
    };
    let every = SimDuration::from_secs(60);
    let back = Action::Restore { steering, steps: 2, every, stop_if: None, drain: None };
    scenario.runbook = vec![
        step("part", moved),
        step("grow", more),
        step("rest", Action::Set { steering, answers: vec![(to, 1.0)], drain: None }),
        step("back", back),
    ];
    let shifts = capacity(&scenario).shifts;
    let of = |shift: usize| station(&shifts[shift].stations, 0, 1);
    assert_eq!(
        shifts.iter().map(|s| s.step.as_str()).collect::<Vec<_>>(),
        ["part", "rest", "back"]
    );
    close(of(0).peak_utilisation, RATE * 0.5 * 0.050 / 50.0);
    close(of(1).peak_utilisation, RATE * 0.050 / 100.0);
    close(of(2).peak_utilisation, RATE * 0.25 * 0.050 / 100.0);
    assert_eq!(shifts[0].answers, Some((steering, vec![(from, 0.5), (to, 0.5)])));
}

#[test]
fn cost_is_demand_times_visits_over_the_run_at_its_scale() {
    let mut scenario = small();
    let cost = capacity(&scenario).cost;
    close(cost.operations, RATE * 7_800.0);
    close(cost.station_visits, RATE * 7_800.0 * 2.0);
    scenario.scale = 10;
    close(capacity(&scenario).cost.operations, RATE * 780.0);
}

#[test]
fn over_the_limit_is_refused_and_close_to_it_is_warned_of() {
    let mut scenario = small();
    assert_eq!(check(&scenario), []);
    // 416.7 requests/s x 50 ms in 20 slots: 104 %; the service behind: 12.5 / 13 slots.
    scenario.services[0].sites[0].instances = 2;
    scenario.services[1].concurrency = 1;
    scenario.services[1].sites[0].instances = 13;
    scenario.network.links[0].bandwidth = 5e5;
    let found = check(&scenario);
    let subjects: Vec<_> = found.iter().map(|f| (f.severity, f.subject)).collect();
    let web = Subject::Station(ServiceId(0), SiteId(0));
    let base = Subject::Station(ServiceId(1), SiteId(0));
    assert_eq!(
        subjects,
        [
            (Severity::Error, web),
            (Severity::Warning, base),
            (Severity::Error, Subject::Link(LinkId(0)))
        ]
    );
    assert_eq!(
        found[0].text,
        "`web` at `east` (417 requests/s) would be at 104 % of what it can carry before the first \
         fault, 0s after start"
    );
}

#[test]
fn a_partitioned_station_is_judged_by_its_smallest_part() {
    let mut scenario = small();
    scenario.services[0].partitions = 7;
    let load = station(&capacity(&scenario).stations, 0, 0);
    close(load.peak_utilisation, RATE * 0.75 * 0.050 / 49.0);
}
