//! The same random networks and failures in `bgpsim` and here.

use crate::model::Model;
use bgpsim::bgp::Community;
use bgpsim::prelude::{BasicEventQueue, GlobalOspf, SimplePrefix};
use bgpsim::route_map::{RouteMapBuilder, RouteMapDirection};
use blackstart::control::routing::Routing;
use blackstart::kernel::stream::{Luck, RootSeed};
use blackstart::kernel::time::{SimDuration, SimTime};
use blackstart::scenario::model::{
    self, Link, LinkId, Router, RouterId, Scenario, SiteId, System, SystemId,
};
use blackstart::world::network::prefix::Address;
use blackstart::world::network::{LinkState, Network};
use std::collections::BTreeSet;

type Other = bgpsim::prelude::Network<SimplePrefix, BasicEventQueue<SimplePrefix>, GlobalOspf>;

/// A number below `bound`, by the draw of this tag.
fn below(luck: Luck, tag: u64, bound: usize) -> usize {
    (luck.uniform(tag) * bound as f64) as usize
}

/// A random network: systems in a tree of providers and customers, with some peers; each a random
/// tree of routers with some more links. No two links between the same routers.
#[derive(Debug)]
struct Plan {
    systems: Vec<u32>,
    /// (router, router, weight).
    links: Vec<(u32, u32, u32)>,
    /// (provider, customer).
    customers: Vec<(u32, u32)>,
    site: u32,
}

fn plan(luck: Luck, system_count: usize, routers_max: usize) -> Plan {
    let mut plan = Plan { systems: vec![], links: vec![], customers: vec![], site: 0 };
    let mut members: Vec<Vec<u32>> = Vec::new();
    for system in 0..system_count {
        let luck = luck.derive(system as u64);
        let count = 1 + below(luck, 1, routers_max);
        let first = plan.systems.len() as u32;
        plan.systems.extend(std::iter::repeat_n(system as u32, count));
        let own: Vec<u32> = (first..first + count as u32).collect();
        for at in 1..count {
            let luck = luck.derive(at as u64);
            plan.link(own[below(luck, 1, at)], own[at], 1 + below(luck, 2, 5) as u32);
        }
        for extra in 0..below(luck, 2, count + 1) {
            let luck = luck.derive(1_000 + extra as u64);
            let ends = [1, 2].map(|tag| own[below(luck, tag, count)]);
            plan.link(ends[0], ends[1], 1 + below(luck, 3, 5) as u32);
        }
        members.push(own);
    }
    for system in 1..system_count {
        let luck = luck.derive(500 + system as u64);
        let pick = |of: usize, tag: u64| members[of][below(luck, tag, members[of].len())];
        let provider = below(luck, 1, system);
        plan.customers.push((provider as u32, system as u32));
        for tag in 0..1 + below(luck, 2, 3) as u64 {
            plan.link(pick(provider, 10 + tag), pick(system, 20 + tag), 1);
        }
        let other = below(luck, 3, system);
        if other != provider {
            plan.link(pick(other, 30), pick(system, 31), 1);
        }
    }
    plan.site = below(luck, 3, plan.systems.len()) as u32;
    plan
}

impl Plan {
    fn link(&mut self, a: u32, b: u32, weight: u32) {
        let known = self.links.iter().any(|&(x, y, _)| (x, y) == (a, b) || (x, y) == (b, a));
        if a != b && !known {
            self.links.push((a, b, weight));
        }
    }

    fn is_external(&self, link: (u32, u32, u32)) -> bool {
        self.systems[link.0 as usize] != self.systems[link.1 as usize]
    }

    /// How the system of `router` sees that of `other`: 1 customer, 2 peer, 3 provider.
    fn kin(&self, router: u32, other: u32) -> u32 {
        let (of, other) = (self.systems[router as usize], self.systems[other as usize]);
        match () {
            () if self.customers.contains(&(of, other)) => 1,
            () if self.customers.contains(&(other, of)) => 3,
            () => 2,
        }
    }

    fn scenario(&self) -> Scenario {
        let mut scenario = Model::new().scenario;
        let network = &mut scenario.network;
        let router = |(index, &system): (usize, &u32)| Router {
            system: SystemId(system),
            ..Router::named(&format!("r{index}"))
        };
        network.routers = self.systems.iter().enumerate().map(router).collect();
        let count = self.systems.iter().max().map_or(1, |last| last + 1);
        network.systems = (0..count).map(|_| System::alone()).collect();
        for &(provider, customer) in &self.customers {
            network.systems[provider as usize].customers.push(SystemId(customer));
        }
        let link = |&(a, b, weight): &(u32, u32, u32)| Link {
            name: format!("{a}-{b}"),
            between: (RouterId(a), RouterId(b)),
            delay: SimDuration::from_millis(3),
            bandwidth: 1e9,
            loss: 0.0,
            metric: u64::from(weight),
            buffer: SimDuration::from_millis(50),
            preference: None,
            prefixes_max: None,
        };
        network.links = self.links.iter().map(link).collect();
        network.routing = model::Routing::profile("bfd-tuned");
        scenario.sites[0].router = RouterId(self.site);
        scenario.regions[0].routers = vec![(RouterId(0), 1.0)];
        scenario
    }

    fn other(&self) -> Other {
        let mut net = Other::default();
        let ids: Vec<_> = (0..self.systems.len())
            .map(|index| net.add_router(format!("r{index}"), 100 + self.systems[index]))
            .collect();
        for &(a, b, weight) in &self.links {
            let (a, b) = (ids[a as usize], ids[b as usize]);
            net.add_link(a, b).expect("a new link");
            if !self.is_external((a.index() as u32, b.index() as u32, weight)) {
                net.set_link_weight(a, b, f64::from(weight)).expect("a link");
                net.set_link_weight(b, a, f64::from(weight)).expect("a link");
            }
        }
        for (a, &of_a) in self.systems.iter().enumerate() {
            net.set_load_balancing(ids[a], true).expect("a router");
            for (b, &of_b) in self.systems.iter().enumerate().skip(a + 1) {
                if of_a == of_b {
                    net.set_bgp_session(ids[a], ids[b], Some(false)).expect("two routers");
                }
            }
        }
        for &link in self.links.iter().filter(|link| self.is_external(**link)) {
            for (own, far) in [(link.0, link.1), (link.1, link.0)] {
                self.policies(&mut net, own, far);
            }
            let (a, b) = (ids[link.0 as usize], ids[link.1 as usize]);
            net.set_bgp_session(a, b, Some(false)).expect("two routers");
        }
        let none = std::iter::empty::<u32>();
        let site = ids[self.site as usize];
        net.advertise_route(site, SimplePrefix::from(0), none, None, []).expect("a router");
        net
    }

    /// What Gao and Rexford ask of a session, as route maps: preference by relationship, a tag for
    /// it, nothing with the tag of peers or providers to either; and no path through oneself.
    fn policies(&self, net: &mut Other, own: u32, far: u32) {
        use RouteMapDirection::{Incoming, Outgoing};
        let asn = 100 + self.systems[own as usize];
        let tag = |num: u32| Community { asn: asn.into(), num };
        let kin = self.kin(own, far);
        let preference = [150, 100, 50][kin as usize - 1];
        let ids = [own, far].map(|index| bgpsim::prelude::RouterId::new(index as usize));
        let mut maps = vec![
            (
                Incoming,
                RouteMapBuilder::new().order(1).deny().match_as_path_contains(asn.into()).build(),
            ),
            (
                Incoming,
                RouteMapBuilder::new()
                    .order(2)
                    .allow()
                    .set_local_pref(preference)
                    .set_community(tag(kin))
                    .build(),
            ),
        ];
        if kin != 1 {
            for (order, other) in [(1, 2), (2, 3)] {
                let deny =
                    RouteMapBuilder::new().order(order).deny().match_community(tag(other)).build();
                maps.push((Outgoing, deny));
            }
        }
        for (direction, map) in maps {
            net.set_bgp_route_map(ids[0], ids[1], direction, map).expect("two routers");
        }
    }
}

/// Next hops of every router here, by following the first hops of its ways.
fn next_hops(network: &Network, router: u32) -> BTreeSet<u32> {
    let ways = network.ways(RouterId(router), Address::Site(SiteId(0)), &mut Vec::new());
    let first = ways.iter().filter_map(|way| way.hops.first());
    first.map(|hop| network.topology().far_end(*hop).0).collect()
}

/// Compares all routers; how many of them have a way at all.
fn compare(plan: &Plan, network: &Network, other: &Other, what: &str) -> usize {
    let mut with_a_way = 0;
    let state = other.get_forwarding_state();
    for router in 0..plan.systems.len() as u32 {
        if router == plan.site {
            continue;
        }
        let id = bgpsim::prelude::RouterId::new(router as usize);
        let there = state.get_next_hops(id, SimplePrefix::from(0));
        let there: BTreeSet<u32> = there.iter().map(|hop| hop.index() as u32).collect();
        let here = next_hops(network, router);
        assert_eq!(here, there, "{what}: r{router} of {plan:#?}");
        with_a_way += usize::from(!here.is_empty());
    }
    with_a_way
}

/// Compares one network, whole and after each cut; how many routers had a way, in all.
fn check(seed: u64, system_count: usize, routers_max: usize) -> usize {
    let luck = Luck(seed).derive(99);
    let plan = plan(luck, system_count, routers_max);
    let scenario = plan.scenario();
    let mut network = Network::new(&scenario);
    let mut routing = Routing::new(&scenario, &network, RootSeed(seed));
    let mut other = plan.other();
    let mut ways = compare(&plan, &network, &other, &format!("seed {seed}, whole"));
    let mut cut: BTreeSet<usize> = BTreeSet::new();
    for failure in 0..2 {
        if plan.links.is_empty() {
            break;
        }
        let index = below(luck, 70 + failure, plan.links.len());
        if !cut.insert(index) {
            continue;
        }
        let at = SimTime::from_secs(600 * (failure + 1));
        let (a, b, _) = plan.links[index];
        let ends = [a, b].map(|end| bgpsim::prelude::RouterId::new(end as usize));
        other.remove_link(ends[0], ends[1]).expect("a link");
        network.set_link(LinkId(index as u32), LinkState { up: false, ..LinkState::default() });
        let settings = network.first_settings().clone();
        routing.observe(&network, &settings, at);
        let rest = at + SimDuration::from_secs(500);
        routing.run_until(&network, rest);
        routing.write_due(&mut network, rest);
        assert!(routing.at_rest(), "seed {seed}");
        ways += compare(&plan, &network, &other, &format!("seed {seed}, cut {cut:?}"));
    }
    ways
}

#[test]
fn link_state_forwarding_is_that_of_a_second_implementation() {
    let ways: usize = (0..120).map(|seed| check(seed, 1, 12)).sum();
    assert!(ways > 1_000, "{ways}");
}

#[test]
fn policies_between_systems_are_those_of_a_second_implementation() {
    let network = |seed: u64| check(1_000 + seed, 2 + (seed % 6) as usize, 5);
    let ways: usize = (0..160).map(network).sum();
    assert!(ways > 3_000, "{ways}");
}
