//! Convergence as the timers imply it by hand.

mod properties;

use super::*;
use crate::kernel::time::SimDuration;
use crate::scenario::model::{Link, LinkId, Router, RouterId, SiteId, System, SystemId};
use crate::world::network::forwarding::End;
use crate::world::network::prefix::Address;
use crate::world::network::{LinkState, RouterState};

/// A network and its routers, without traffic.
pub(super) struct Bench {
    pub(super) scenario: Scenario,
    pub(super) network: Network,
    pub(super) routing: Routing,
}

pub(super) fn link(from: u32, to: u32, metric: u64) -> Link {
    Link {
        name: format!("{from}-{to}"),
        between: (RouterId(from), RouterId(to)),
        delay: SimDuration::from_millis(5),
        bandwidth: 1e9,
        loss: 0.0,
        metric,
        buffer: SimDuration::from_millis(50),
        preference: None,
        prefixes_max: None,
    }
}

/// Routers by their systems, and links; a site at `site`, users at router 0.
pub(super) fn bench(systems: &[u32], links: Vec<Link>, site: u32, timers: model::Routing) -> Bench {
    let mut scenario = crate::scenario::capacity::tests::small();
    let network = &mut scenario.network;
    let router = |(index, &system): (usize, &u32)| Router {
        system: SystemId(system),
        ..Router::named(&format!("r{index}"))
    };
    network.routers = systems.iter().enumerate().map(router).collect();
    let count = systems.iter().max().map_or(1, |last| last + 1);
    network.systems = (0..count).map(|_| System::alone()).collect();
    network.links = links;
    network.routing = timers;
    scenario.sites.truncate(1);
    scenario.sites[0].router = RouterId(site);
    scenario.regions[0].routers = vec![(RouterId(0), 1.0)];
    let network = Network::new(&scenario);
    let routing = Routing::new(&scenario, &network, RootSeed(7));
    Bench { scenario, network, routing }
}

impl Bench {
    fn observe(&mut self, at: SimTime) {
        let settings = self.routing.settings.clone();
        self.routing.observe(&self.network, &settings, at);
    }

    pub(super) fn set_link(&mut self, link: u32, state: LinkState, at: SimTime) {
        self.run_to(at);
        self.network.set_link(LinkId(link), state);
        self.observe(at);
    }

    pub(super) fn cut(&mut self, link: u32, up: bool, at: SimTime) {
        self.set_link(link, LinkState { up, ..LinkState::default() }, at);
    }

    pub(super) fn set_router(&mut self, router: u32, state: RouterState, at: SimTime) {
        self.run_to(at);
        self.network.set_router(RouterId(router), state);
        self.observe(at);
    }

    pub(super) fn set(&mut self, change: impl FnOnce(&mut Settings), at: SimTime) {
        self.run_to(at);
        let mut settings = self.routing.settings.clone();
        change(&mut settings);
        self.routing.observe(&self.network, &settings, at);
    }

    /// Lets the routers go on, and writes all tables up to and with `at`.
    pub(super) fn run_to(&mut self, at: SimTime) {
        self.routing.run_until(&self.network, SimTime(at.0 + 1));
        self.routing.write_due(&mut self.network, at);
    }

    /// Where packets from the users end now.
    fn end(&self) -> End {
        let ways = self.network.ways(RouterId(0), Address::Site(SiteId(0)), &mut Vec::new());
        ways[0].end
    }

    /// When the last table is written, if everything goes on up to `until`.
    fn last_write(&mut self, until: SimTime) -> Option<SimTime> {
        self.routing.run_until(&self.network, until);
        self.routing.writes.back().map(|(at, ..)| *at)
    }
}

pub(super) fn ms(count: u64) -> SimTime {
    SimTime::from_millis(count)
}

/// 0 to 3 by 1, or by 2 where that is not possible.
fn square() -> Vec<Link> {
    vec![link(0, 1, 1), link(1, 3, 1), link(0, 2, 5), link(2, 3, 5)]
}

#[test]
fn one_cut_is_detection_then_flooding_then_spf_then_fib_with_a_loop_in_between() {
    let mut bench = bench(&[0; 4], square(), 3, model::Routing::profile("default"));
    let whole = bench.end();
    bench.cut(1, false, ms(10_000));
    // Router 1 sees the dark at +50 ms, computes at +100, and its table follows at +300: back to 0.
    // Router 0 hears of it at +50 +33 (flooding) +5 (the link), computes at +138, its table follows
    // at +338: by 2. In between each sends to the other.
    bench.run_to(ms(10_299));
    assert_eq!(bench.end(), End::Delivered, "by the tables; the link itself is cut");
    bench.run_to(ms(10_300));
    assert_eq!(bench.end(), End::Loop(0));
    bench.run_to(ms(10_337));
    assert_eq!(bench.end(), End::Loop(0));
    bench.run_to(ms(10_338));
    assert_eq!((bench.end(), whole), (End::Delivered, End::Delivered));
    let ways = bench.network.ways(RouterId(0), Address::Site(SiteId(0)), &mut Vec::new());
    assert_eq!(ways[0].hops.iter().map(|hop| hop.link()).collect::<Vec<_>>(), [2, 3]);
    // Router 2 hears from 3 as router 0 does from 1, and nobody has anything to write after that.
    assert_eq!(bench.last_write(ms(60_000)), None);
    assert!(bench.routing.at_rest());
}

#[test]
fn a_flapping_link_is_answered_ever_more_slowly_until_it_is_quiet() {
    let mut bench = bench(&[0; 4], square(), 3, model::Routing::profile("default"));
    // Cut at 10 s: router 1 computes at +100 ms, and again 200 ms later, when it has heard from the
    // other end. Back at +1 s: neighbours again after 50 ms, four times 5 ms and 33 ms, +1,103; the
    // hold of 400 ms is over, so it computes after the initial wait, +1,153. Cut at +1.2 s: noticed
    // at +1,250; the hold is 800 ms now, so it computes at +1,953.
    bench.cut(1, false, ms(10_000));
    bench.cut(1, true, ms(11_000));
    bench.cut(1, false, ms(11_200));
    // Router 1's table at 1,153 + 200, the direct way, while the link is cut again.
    bench.run_to(ms(11_353));
    let hops = |bench: &Bench| {
        let ways = bench.network.ways(RouterId(1), Address::Site(SiteId(0)), &mut Vec::new());
        ways[0].hops.len()
    };
    assert_eq!(hops(&bench), 1);
    bench.run_to(ms(12_152));
    assert_eq!(hops(&bench), 1, "a black hole for as long as the back-off lasts");
    bench.run_to(ms(12_153));
    assert!(hops(&bench) > 1);
}

#[test]
fn packets_lost_one_way_are_noticed_by_the_beat_that_is_missed() {
    for (profile, dead) in [("default", [30_000_u64, 40_000]), ("bfd-tuned", [100, 150])] {
        let mut bench = bench(&[0; 4], square(), 3, model::Routing::profile(profile));
        let deaf = LinkState { loss: [1.0, 0.0], ..LinkState::default() };
        bench.set_link(1, deaf, ms(20_000));
        // Four hellos in a row, the first within 10 s: the dead interval is 30 to 40 s; or three of
        // 50 ms. Router 1 learns it from 3, whose packets still pass.
        let at = |millis: u64| ms(20_000 + millis);
        bench.run_to(at(dead[0]));
        assert!(bench.routing.neighbours.adjacent(Direction(3)), "{profile}");
        bench.run_to(at(dead[1] + 6));
        assert!(!bench.routing.neighbours.adjacent(Direction(3)), "{profile}");
        assert!(!bench.routing.neighbours.adjacent(Direction(2)), "{profile}: told");
        bench.run_to(at(dead[1] + 1_000));
        let hops = bench.network.ways(RouterId(0), Address::Site(SiteId(0)), &mut Vec::new());
        assert_eq!(hops[0].hops[0].link(), 2, "{profile}: goes round");
        // It is mended, and after the next greeting in use again.
        bench.set_link(1, LinkState::default(), at(60_000));
        bench.run_to(at(72_000));
        let hops = bench.network.ways(RouterId(0), Address::Site(SiteId(0)), &mut Vec::new());
        assert_eq!(hops[0].hops[0].link(), 0, "{profile}: back");
    }
}

#[test]
fn a_share_of_lost_packets_ends_a_neighbourhood_as_often_as_chance_has_it() {
    // 30 % lost, three in a row: the mean number of beats until then is (1 - p^3) / ((1 - p) p^3)
    // = 51.5 (runs of successes: Feller, vol. 1, XIII.7), 2.57 s at 50 ms.
    let (p, runs) = (0.3_f64, 400);
    let timers = model::Routing::profile("bfd-tuned");
    let mut sum_s = 0.0;
    for seed in 0..runs {
        let mut bench = bench(&[0; 4], square(), 3, timers.clone());
        bench.routing = Routing::new(&bench.scenario, &bench.network, RootSeed(seed));
        bench.set_link(1, LinkState { loss: [p, 0.0], ..LinkState::default() }, ms(0));
        let mut at = 0;
        while bench.routing.neighbours.adjacent(Direction(3)) {
            at += 25;
            bench.run_to(ms(at));
        }
        sum_s += at as f64 / 1e3;
    }
    let mean_s = sum_s / runs as f64;
    let expected_s = 0.05 * (1.0 - p.powi(3)) / ((1.0 - p) * p.powi(3));
    // Nearly exponential: a standard error of 5 %; three of them.
    assert!((mean_s / expected_s - 1.0).abs() < 0.15, "{mean_s} for {expected_s}");
}

#[test]
fn a_router_that_comes_back_knows_nothing_at_first() {
    let mut bench = bench(&[0; 4], square(), 3, model::Routing::profile("default"));
    bench.set_router(1, RouterState::Down, ms(1_000));
    bench.run_to(ms(5_000));
    assert_eq!(bench.end(), End::Delivered);
    let at_one = |bench: &Bench| {
        let ways = bench.network.ways(RouterId(1), Address::Site(SiteId(0)), &mut Vec::new());
        ways[0].end
    };
    assert_eq!(at_one(&bench), End::NoRoute(RouterId(1)));
    bench.set_router(1, RouterState::Up, ms(9_000));
    bench.run_to(ms(9_100));
    assert_eq!(at_one(&bench), End::NoRoute(RouterId(1)));
    bench.run_to(ms(15_000));
    assert_eq!((at_one(&bench), bench.end()), (End::Delivered, End::Delivered));
    assert!(bench.routing.at_rest());
}

/// Every system tells every other one everything, as in the paper.
fn clique(n: u32, mut timers: model::Routing) -> Bench {
    timers.bgp.jitter = false;
    let systems: Vec<u32> = (0..n).collect();
    let pairs = (0..n).flat_map(|a| (a + 1..n).map(move |b| link(a, b, 1)));
    let mut bench = bench(&systems, pairs.collect(), n - 1, timers);
    bench.set(|settings| settings.leaks.fill(true), ms(0));
    bench.routing.run_until(&bench.network, ms(1_000_000));
    bench.run_to(ms(1_000_000));
    bench
}

#[test]
fn a_withdrawal_in_a_clique_of_n_takes_n_less_three_rounds_of_mrai() {
    // Labovitz, Ahuja, Bose and Jahanian, "Delayed Internet routing convergence" (SIGCOMM 2000):
    // of n systems that all tell each other, one withdraws its prefix. Each of the others then
    // takes a path through a neighbour, the shortest that it still holds. First updates go at
    // once, and rule out every path through oneself: the system that all others chose is left
    // without one. All further advertisements wait for the interval; each round lengthens the
    // paths by one system and rules out one system more. With three in all (two besides the
    // origin) the first updates end it: 0 rounds; each further one adds a round: n - 3.
    for n in 4..=8 {
        let mut bench = clique(n, model::Routing::profile("default"));
        let start = ms(1_000_000);
        let prefix = PrefixId(0);
        bench.set(|settings| settings.withdraw(prefix, RouterId(n - 1)), start);
        let last = bench.last_write(ms(10_000_000)).expect("tables change");
        let fib = bench.routing.timers.fib;
        let spf = bench.routing.timers.spf.initial;
        let rounds = (last - start - fib - spf).as_secs_f64() / 30.0;
        let expected = f64::from(n - 3);
        // Each round takes a few updates of 15 ms besides.
        assert!((expected..expected + 0.02).contains(&rounds), "{n}: {rounds}");
        for router in 0..n - 1 {
            assert!(bench.routing.speaking.ribs.best(RouterId(router), prefix).is_none());
        }
    }
}

#[test]
fn too_many_prefixes_shut_a_session_down_until_it_is_reset() {
    let mut only = link(0, 1, 1);
    only.prefixes_max = Some(0);
    let mut bench = bench(&[0, 1], vec![only], 1, model::Routing::profile("default"));
    assert_eq!(bench.end(), End::Delivered, "what was there at the start is not counted again");
    bench.set(|settings| settings.withdraw(PrefixId(0), RouterId(1)), ms(1_000));
    bench.run_to(ms(5_000));
    assert_eq!(bench.end(), End::NoRoute(RouterId(0)));
    bench.set(|settings| settings.announce(PrefixId(0), RouterId(1), 0), ms(60_000));
    bench.run_to(ms(600_000));
    assert_eq!(bench.end(), End::NoRoute(RouterId(0)));
    assert!(bench.routing.speaking.is_tripped(Direction(0)));
}

/// A system of three in a line, 0 to 2; the site is in another one, behind 2.
fn line_to_an_exit() -> Bench {
    let links = vec![link(0, 1, 1), link(1, 2, 1), link(2, 3, 1)];
    bench(&[0, 0, 0, 1], links, 3, model::Routing::profile("default"))
}

#[test]
fn a_session_inside_survives_a_cut_that_is_shorter_than_its_hold_time() {
    let mut bench = line_to_an_exit();
    let hold = bench.routing.timers.bgp.hold;
    let told = |bench: &Bench| {
        let sessions = bench.routing.sessions.inwards(RouterId(0)).iter();
        let site = PrefixId(0);
        sessions.filter(|&&id| bench.routing.speaking.ribs.told(id, site).is_some()).count()
    };
    // Router 0 knows at +50 ms of the dark, at +100 that router 2 cannot be reached any more.
    bench.cut(0, false, ms(10_000));
    bench.run_to(ms(10_000) + hold - SimDuration::from_secs(1));
    assert_eq!((bench.end(), told(&bench)), (End::NoRoute(RouterId(0)), 1), "held, not taken");
    // Back: 50 ms of light, four times 5 ms and 33 ms of greeting, SPF and FIB; nothing is told.
    let back = ms(10_000) + hold - SimDuration::from_secs(1);
    bench.cut(0, true, back);
    bench.run_to(back + SimDuration::from_secs(2));
    assert_eq!(bench.end(), End::Delivered);
}

#[test]
fn two_routers_that_cannot_reach_each_other_for_the_hold_time_forget_what_they_were_told() {
    let mut bench = line_to_an_exit();
    let hold = bench.routing.timers.bgp.hold;
    let told = |bench: &Bench| {
        let sessions = bench.routing.sessions.inwards(RouterId(0)).iter();
        let site = PrefixId(0);
        sessions.filter(|&&id| bench.routing.speaking.ribs.told(id, site).is_some()).count()
    };
    bench.cut(0, false, ms(10_000));
    // Both ends compute by +100 ms; the hold time is over so much later, and no sooner.
    bench.run_to(ms(10_100) + hold - SimDuration::from_millis(60));
    assert_eq!(told(&bench), 1);
    bench.run_to(ms(10_100) + hold + SimDuration::from_millis(10));
    assert_eq!(told(&bench), 0);
    // When they find each other again, everything is told again.
    let back = ms(10_000) + hold * 2;
    bench.cut(0, true, back);
    bench.run_to(back + SimDuration::from_secs(3));
    assert_eq!((bench.end(), told(&bench)), (End::Delivered, 1));
    assert!(bench.routing.at_rest());
}
