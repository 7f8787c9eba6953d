//! Networks under load and under faults: routes checked by hand, queues against their ledgers.

mod load;

use super::*;
use crate::scenario::model::{
    self, Clock, Curve, Fidelity, Link, Middlebox, Observers, Region, Router, Routing, Site,
    WhenFull,
};

const GIGABIT: f64 = 1e9;
const SECOND: SimDuration = SimDuration::from_secs(1);
const TENTH: SimDuration = SimDuration::from_millis(100);

fn link(from: u32, to: u32, metric: u64) -> Link {
    Link {
        name: format!("{from}-{to}"),
        between: (RouterId(from), RouterId(to)),
        delay: SimDuration::from_millis(metric),
        bandwidth: GIGABIT,
        loss: 0.0,
        metric,
        buffer: SimDuration::from_millis(50),
        preference: None,
        prefixes_max: None,
    }
}

fn middlebox(before: u32, new_connections: f64, when_full: WhenFull) -> Middlebox {
    Middlebox {
        name: format!("edge-{before}"),
        before: SiteId(before),
        new_connections: Some(new_connections),
        sessions: None,
        bandwidth: None,
        packets: None,
        when_full,
        buffer: SimDuration::from_millis(100),
    }
}

fn region(routers: &[u32]) -> Region {
    let flat = || Curve { points: vec![(0.0, 1.0)] };
    let share = 1.0 / routers.len() as f64;
    Region {
        name: format!("region-{}", routers[0]),
        mailboxes: 1000,
        time_zone: "UTC".to_owned(),
        utc_offset_s: 0,
        routers: routers.iter().map(|&router| (RouterId(router), share)).collect(),
        load: flat(),
        present: flat(),
        clients: Vec::new(),
    }
}

/// A scenario with nothing but a network: regions and sites by their routers.
fn scenario(router_count: u32, links: Vec<Link>, regions: &[&[u32]], sites: &[u32]) -> Scenario {
    let router = |index| Router::named(&format!("r{index}"));
    let site = |&at: &u32| Site { name: format!("site-{at}"), router: RouterId(at) };
    Scenario {
        name: "network".to_owned(),
        title: String::new(),
        description: String::new(),
        sources: Vec::new(),
        variant: None,
        clock: Clock {
            start: "2014-06-23T06:00[UTC]".to_owned(),
            start_unix_s: 0,
            time_zone: "UTC".to_owned(),
            utc_offset_s: 0,
            duration: SECOND,
            warmup: SimDuration::ZERO,
            window: SECOND,
        },
        seed: 0,
        seeds: 1,
        fidelity: Fidelity::Exact,
        scale: 1,
        network: model::Network::of_one_system(
            (0..router_count).map(router).collect(),
            links,
            Vec::new(),
            Routing::in_two_steps(TENTH, SECOND),
        ),
        regions: regions.iter().map(|routers| region(routers)).collect(),
        sites: sites.iter().map(site).collect(),
        services: Vec::new(),
        stores: Vec::new(),
        pipelines: Vec::new(),
        clients: Vec::new(),
        operations: Vec::new(),
        steering: Vec::new(),
        observers: Observers { probes: None, alarms: Vec::new(), status_page: None },
        faults: Vec::new(),
        runbook: Vec::new(),
        targets: Vec::new(),
        variants: Vec::new(),
    }
}

/// A region and a site with nothing between them but the given middleboxes.
fn at_the_door(middleboxes: Vec<Middlebox>) -> Scenario {
    let mut scenario = scenario(1, Vec::new(), &[&[0]], &[0]);
    scenario.network.middleboxes = middleboxes;
    scenario
}

/// What routing comes to under what its neighbours notice now.
fn converge(network: &mut Network) {
    let topology = Arc::clone(&network.topology);
    let directions = 0..topology.direction_count() as u32;
    let signals = directions.step_by(2).map(|d| network.has_signal(Direction(d)));
    let up: Vec<bool> = signals.collect();
    let (sessions, settings) = (&network.sessions, &network.first_settings);
    let count = network.prefixes.count();
    let stable = settle::Stable::under(&topology, sessions, settings, count, &up);
    for router in (0..topology.router_count() as u32).map(RouterId) {
        network.install_chart(router, Arc::clone(&stable.charts[router.index()]));
    }
    network.retrace();
}

const SEATTLE: u32 = 0;
const SUNNYVALE: u32 = 1;
const LOS_ANGELES: u32 = 2;
const DENVER: u32 = 3;
const KANSAS_CITY: u32 = 4;
const HOUSTON: u32 = 5;
const CHICAGO: u32 = 6;
const INDIANAPOLIS: u32 = 7;
const ATLANTA: u32 = 8;
const WASHINGTON: u32 = 9;
const NEW_YORK: u32 = 10;

/// The Abilene backbone with its IS-IS metrics of February 2005; sites at Chicago and Houston.
fn abilene() -> Scenario {
    let links = vec![
        link(SEATTLE, SUNNYVALE, 861),
        link(SEATTLE, DENVER, 2095),
        link(SUNNYVALE, LOS_ANGELES, 366),
        link(SUNNYVALE, DENVER, 1295),
        link(LOS_ANGELES, HOUSTON, 1893),
        link(DENVER, KANSAS_CITY, 639),
        link(KANSAS_CITY, HOUSTON, 902),
        link(KANSAS_CITY, INDIANAPOLIS, 548),
        link(HOUSTON, ATLANTA, 1176),
        link(INDIANAPOLIS, CHICAGO, 260),
        link(INDIANAPOLIS, ATLANTA, 587),
        link(ATLANTA, WASHINGTON, 846),
        link(CHICAGO, NEW_YORK, 700),
        link(WASHINGTON, NEW_YORK, 233),
    ];
    let regions: [&[u32]; 4] =
        [&[NEW_YORK, WASHINGTON, ATLANTA], &[CHICAGO, HOUSTON], &[DENVER], &[SEATTLE, LOS_ANGELES]];
    scenario(11, links, &regions, &[CHICAGO, HOUSTON])
}

const TO_CHICAGO: SiteId = SiteId(0);
const TO_HOUSTON: SiteId = SiteId(1);

fn attachment(network: &Network, router: u32) -> AttachmentId {
    let found = network.attachments().iter().position(|a| a.router == RouterId(router));
    AttachmentId(found.expect("a region is attached there") as u32)
}

/// The routers of the only path between an attachment and a site.
fn routers_on(network: &Network, from: u32, to: SiteId) -> Vec<u32> {
    let mut paths = network.shares(attachment(network, from), to);
    let (path, share) = paths.next().expect("always a path");
    assert!(paths.next().is_none() && share > 0.999);
    let mut routers = vec![from];
    let path = &network.table.paths[path.index()];
    let hops = network.table.hops(path).iter();
    routers.extend(hops.map(|hop| network.topology.far_end(*hop).0));
    routers
}

fn view(network: &Network, from: u32, to: SiteId) -> PathView {
    network.view(network.path(attachment(network, from), to, 7))
}

#[test]
fn abilene_paths_are_the_shortest_ones() {
    let network = Network::new(&abilene());
    // Seattle to Chicago: 2095 + 639 + 548 + 260 = 3542 by Denver; by Sunnyvale it is 61 more.
    let northern = [SEATTLE, DENVER, KANSAS_CITY, INDIANAPOLIS, CHICAGO];
    assert_eq!(routers_on(&network, SEATTLE, TO_CHICAGO), northern);
    assert_eq!(view(&network, SEATTLE, TO_CHICAGO).delay, SimDuration::from_millis(3542));
    // Seattle to Houston: 861 + 366 + 1893 = 3120 along the coast, 3636 by Kansas City.
    let coast = [SEATTLE, SUNNYVALE, LOS_ANGELES, HOUSTON];
    assert_eq!(routers_on(&network, SEATTLE, TO_HOUSTON), coast);
    // Washington to Chicago: 233 + 700 by New York, 846 + 587 + 260 by Atlanta.
    assert_eq!(routers_on(&network, WASHINGTON, TO_CHICAGO), [WASHINGTON, NEW_YORK, CHICAGO]);
    // New York to Houston: 233 + 846 + 1176 = 2255 by Atlanta, 2410 by Kansas City.
    let southern = [NEW_YORK, WASHINGTON, ATLANTA, HOUSTON];
    assert_eq!(routers_on(&network, NEW_YORK, TO_HOUSTON), southern);
    assert_eq!(routers_on(&network, CHICAGO, TO_CHICAGO), [CHICAGO]);
    let between = network.between_sites(TO_CHICAGO, TO_HOUSTON);
    assert_eq!(between.delay, SimDuration::from_millis(260 + 548 + 902));
    assert_eq!(network.between_sites(TO_HOUSTON, TO_HOUSTON).delay, SimDuration::ZERO);
}

#[test]
fn a_dead_link_is_a_black_hole_until_the_reroute() {
    let mut network = Network::new(&abilene());
    let before = network.path(attachment(&network, SEATTLE), TO_CHICAGO, 7);
    let denver_kansas = LinkId(5);
    network.set_link(denver_kansas, LinkState { up: false, ..LinkState::default() });
    assert!(!view(&network, SEATTLE, TO_CHICAGO).carries);
    assert!(view(&network, WASHINGTON, TO_CHICAGO).carries, "others do not pass there");
    converge(&mut network);
    // Now by Houston: 861 + 366 + 1893 + 902 + 548 + 260.
    let seen = view(&network, SEATTLE, TO_CHICAGO);
    assert!(seen.carries);
    assert_eq!(seen.delay, SimDuration::from_millis(4830));
    assert!(!network.view(before).carries, "what is still on the old path is lost");
    network.set_link(denver_kansas, LinkState::default());
    assert!(network.view(before).carries);
    converge(&mut network);
    assert_eq!(network.path(attachment(&network, SEATTLE), TO_CHICAGO, 7), before);
}

#[test]
fn flapping_does_not_make_the_tables_grow() {
    let mut network = Network::new(&abilene());
    let mut path_counts = Vec::new();
    for _ in 0..20 {
        for up in [false, true] {
            network.set_link(LinkId(5), LinkState { up, ..LinkState::default() });
            converge(&mut network);
        }
        path_counts.push(network.views.len());
    }
    assert!(path_counts.iter().all(|&count| count == path_counts[0]), "{path_counts:?}");
}

#[test]
fn routing_goes_around_a_dead_router_but_never_around_a_silent_one() {
    let mut network = Network::new(&abilene());
    let indianapolis = RouterId(INDIANAPOLIS);
    network.set_router(indianapolis, RouterState::Silent);
    converge(&mut network);
    assert!(!view(&network, SEATTLE, TO_CHICAGO).carries);
    network.set_router(indianapolis, RouterState::Down);
    assert!(!view(&network, SEATTLE, TO_CHICAGO).carries);
    converge(&mut network);
    // Round the south and up the east coast: 861 + 366 + 1893 + 1176 + 846 + 233 + 700.
    let seen = view(&network, SEATTLE, TO_CHICAGO);
    assert!(seen.carries);
    assert_eq!(seen.delay, SimDuration::from_millis(6075));
}

#[test]
fn a_partition_and_a_dead_site_carry_nothing_however_often_routing_looks() {
    let mut network = Network::new(&abilene());
    for index in [9, 12] {
        network.set_link(LinkId(index), LinkState { up: false, ..LinkState::default() });
    }
    converge(&mut network);
    assert!(!view(&network, SEATTLE, TO_CHICAGO).carries);
    assert!(!network.between_sites(TO_CHICAGO, TO_HOUSTON).carries);
    assert!(view(&network, CHICAGO, TO_CHICAGO).carries, "Chicago still reaches itself");
    assert!(view(&network, SEATTLE, TO_HOUSTON).carries);
    network.set_site(TO_CHICAGO, false);
    assert!(!view(&network, CHICAGO, TO_CHICAGO).carries);
    assert!(!network.between_sites(TO_CHICAGO, TO_CHICAGO).carries);
}

/// 0 to 3 by 1, by 2 over two parallel links: a router splits over its links, not over paths.
fn diamond() -> Scenario {
    let links = vec![link(0, 1, 5), link(0, 2, 5), link(1, 3, 5), link(2, 3, 5), link(2, 3, 5)];
    scenario(4, links, &[&[0]], &[3])
}

#[test]
fn equal_cost_paths_share_the_flows_hop_by_hop() {
    let network = Network::new(&diamond());
    let from = AttachmentId(0);
    // From 0 two next hops, then one and two; from 3 three, so that each way back has a third.
    let ways = |from, to| {
        let ways = network.ways(RouterId(from), to, &mut Vec::new());
        let links = |way: &forwarding::Way| way.hops.iter().map(|hop| hop.link()).collect();
        ways.iter().map(|way| (links(way), way.share)).collect::<Vec<(Vec<usize>, f64)>>()
    };
    let there = ways(0, prefix::Address::Site(SiteId(0)));
    assert_eq!(there, [(vec![0, 2], 0.5), (vec![1, 3], 0.25), (vec![1, 4], 0.25)]);
    let back = ways(3, prefix::Address::Users(RouterId(0)));
    let third = 1.0 / 3.0;
    assert_eq!(back, [(vec![2, 0], third), (vec![3, 1], third), (vec![4, 1], third)]);
    // One hash for both: the cuts of the two are 1/3, 1/2, 2/3 and 3/4.
    let shares: Vec<f64> = network.shares(from, SiteId(0)).map(|(_, share)| share).collect();
    let cuts = [0.0, 1.0 / 3.0, 0.5, 2.0 / 3.0, 0.75, 1.0];
    assert_eq!(shares.len(), 5);
    for (share, cut) in shares.iter().zip(cuts.windows(2)) {
        assert!((share - (cut[1] - cut[0])).abs() < 1e-9, "{shares:?}");
    }
    let mut counts = vec![0_u32; network.views.len()];
    for mailbox in 0..40_000 {
        counts[network.path(from, SiteId(0), mailbox).index()] += 1;
    }
    // Four standard errors: at most 4 sqrt(40,000 / 4 x 3 / 4).
    for ((path, share), bound) in network.shares(from, SiteId(0)).zip([350.0; 5]) {
        let off = f64::from(counts[path.index()]) - 40_000.0 * share;
        assert!(off.abs() < bound, "{counts:?}");
    }
}

#[test]
fn no_pair_follows_more_than_the_maximum_of_paths() {
    // Six diamonds in a row: 64 equal paths.
    let mut links = Vec::new();
    for at in 0..6 {
        let (here, next) = (3 * at, 3 * at + 3);
        links.extend([link(here, here + 1, 1), link(here, here + 2, 1)]);
        links.extend([link(here + 1, next, 1), link(here + 2, next, 1)]);
    }
    let network = Network::new(&scenario(19, links, &[&[0]], &[18]));
    let shares: Vec<f64> = network.shares(AttachmentId(0), SiteId(0)).map(|(_, s)| s).collect();
    assert_eq!(shares.len(), MAX_PATHS);
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn a_fork_goes_its_own_way() {
    let mut network = Network::new(&abilene());
    let fork = network.clone();
    network.set_router(RouterId(CHICAGO), RouterState::Silent);
    assert!(!view(&network, SEATTLE, TO_CHICAGO).carries);
    assert!(view(&fork, SEATTLE, TO_CHICAGO).carries);
}
