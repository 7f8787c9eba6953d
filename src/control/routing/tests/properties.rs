//! Whatever happens, in whatever order: once routing is at rest, its tables are those that the same
//! network comes to without timers, and they hold no loop.

use super::*;

/// A number below `bound`, by the draw of this tag.
fn below(luck: Luck, tag: u64, bound: usize) -> usize {
    (luck.uniform(tag) * bound as f64) as usize
}

/// A random connected network: some systems in a tree of providers and customers with some peers,
/// each with a few routers in a ring and some chords.
fn random(luck: Luck) -> Bench {
    let systems = 1 + below(luck, 1, 5);
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut of: Vec<u32> = Vec::new();
    let mut links = Vec::new();
    for system in 0..systems {
        let luck = luck.derive(system as u64);
        let count = 1 + below(luck, 1, 5);
        let first = of.len() as u32;
        let own: Vec<u32> = (first..first + count as u32).collect();
        of.extend(own.iter().map(|_| system as u32));
        let metric = |tag: u64| 1 + below(luck, tag, 10) as u64;
        for at in 1..count {
            links.push(link(own[at - 1], own[at], metric(10 + at as u64)));
        }
        if count > 2 {
            links.push(link(own[count - 1], own[0], metric(2)));
            links.push(link(own[0], own[2], metric(3)));
        }
        members.push(own);
    }
    let pick = |system: usize, luck: Luck, tag: u64| {
        members[system][below(luck, tag, members[system].len())]
    };
    let mut customers: Vec<(u32, u32)> = Vec::new();
    for system in 1..systems {
        let luck = luck.derive(100 + system as u64);
        let provider = below(luck, 1, system);
        customers.push((provider as u32, system as u32));
        for tag in 0..1 + below(luck, 2, 2) as u64 {
            links.push(link(pick(provider, luck, 10 + tag), pick(system, luck, 20 + tag), 1));
        }
        let peer = below(luck, 3, system);
        if peer != provider {
            links.push(link(pick(peer, luck, 30), pick(system, luck, 31), 1));
        }
    }
    let mut timers = model::Routing::profile("bfd-tuned");
    timers.bgp.withdrawals_wait = luck.uniform(4) < 0.5;
    let site = below(luck, 5, of.len()) as u32;
    let mut bench = bench(&of, links, site, timers);
    for (provider, customer) in customers {
        let systems = &mut bench.scenario.network.systems;
        systems[provider as usize].customers.push(SystemId(customer));
    }
    bench.network = Network::new(&bench.scenario);
    bench.routing = Routing::new(&bench.scenario, &bench.network, RootSeed(luck.0));
    bench
}

/// Cuts, restores, crashes and resets, some of them faster than routing follows.
fn disturb(bench: &mut Bench, luck: Luck) -> SimTime {
    let mut at = ms(1_000);
    for event in 0..8 {
        let luck = luck.derive(event);
        let links = bench.scenario.network.links.len();
        at = ms(at.0 / 1_000_000 + 1 + below(luck, 1, 3_000) as u64);
        let link = below(luck, 2, links.max(1)) as u32;
        match below(luck, 3, 5) {
            _ if links == 0 => {}
            0 | 1 => bench.cut(link, false, at),
            2 => bench.cut(link, true, at),
            3 => {
                let router = below(luck, 4, bench.scenario.network.routers.len()) as u32;
                bench.set_router(router, RouterState::Down, at);
                at = ms(at.0 / 1_000_000 + 700);
                bench.set_router(router, RouterState::Up, at);
            }
            _ => {
                bench.run_to(at);
                bench.routing.reset(Direction(2 * link), at, &bench.network);
            }
        }
    }
    at
}

fn check(seed: u64) {
    let luck = Luck(seed).derive(7);
    let mut bench = random(luck);
    let at = disturb(&mut bench, luck.derive(1_000));
    let end = at + SimDuration::from_secs(900);
    bench.run_to(end);
    assert!(bench.routing.at_rest(), "{seed}: stable policies come to rest");
    let up: Vec<bool> = (0..bench.scenario.network.links.len() as u32)
        .map(|link| bench.network.link(LinkId(link)).up)
        .collect();
    let (topology, sessions) = (bench.network.topology(), bench.network.sessions_between_routers());
    let count = bench.network.prefixes().count();
    let stable = Stable::under(topology, sessions, &bench.routing.settings, count, &up);
    assert!(stable.rested, "{seed}");
    let tables = stable.tables(topology, sessions);
    for router in (0..topology.router_count() as u32).map(RouterId) {
        for prefix in bench.routing.prefixes() {
            let found = bench.routing.speaking.ribs.best(router, prefix);
            let expected = stable.ribs.best(router, prefix);
            if sessions.count() > 0 {
                assert_eq!(found, expected, "{seed}: {router:?} {prefix:?}");
            }
        }
        for prefix in bench.network.prefixes().of(Address::Users(RouterId(0))).prefixes {
            let exits =
                (bench.network.tables().exit(router, *prefix), tables.exit(router, *prefix));
            assert_eq!(exits.0, exits.1, "{seed}: {router:?}");
        }
        let site = Address::Site(crate::scenario::model::SiteId(0));
        let ways = bench.network.ways(router, site, &mut Vec::new());
        let prefixes = bench.network.prefixes();
        let expected = tables.ways(router, site, topology, prefixes, &mut Vec::new());
        assert_eq!(ways, expected, "{seed}: {router:?}");
        assert!(!ways.iter().any(|way| matches!(way.end, End::Loop(_))), "{seed}: {router:?}");
    }
}

#[test]
fn at_rest_the_tables_are_the_stable_ones_and_hold_no_loop() {
    for seed in 0..300 {
        check(seed);
    }
}
