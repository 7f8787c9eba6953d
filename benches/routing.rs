//! What a change of routes costs, in a network of a provider's size.
//!
//! 1,000 routers with 5,000 links: a random tree, and random links between near routers. Twenty
//! sites and twenty places where users are. Links that some path uses are cut and mended in turn;
//! each time everything that follows is done: flooding to all routers, their computations, new
//! tables, new paths. Then the traffic's own questions, which path and what is on it, are asked in
//! that network and in one of 50 routers. See `benches/README.md` for what came out.

#[path = "../tests/support/model.rs"]
mod model;
#[path = "support/stopwatch.rs"]
mod stopwatch;

use blackstart::control::routing::Routing;
use blackstart::kernel::digest::Digest;
use blackstart::kernel::stream::{RootSeed, Stream};
use blackstart::kernel::time::{SimDuration, SimTime};
use blackstart::scenario::model::{Link, LinkId, Router, RouterId, Scenario, Site, SiteId};
use blackstart::world::network::{AttachmentId, LinkState, Network};
use stopwatch::{Arguments, median, timed};

/// Sites, and as many places where users are.
const ENDS: u32 = 20;

/// (routers, links, events, questions), full and small.
const FULL: [(u32, u32, u32, u64); 2] = [(50, 250, 40, 20_000_000), (1_000, 5_000, 40, 20_000_000)];
const SMALL: [(u32, u32, u32, u64); 2] = [(50, 250, 4, 100_000), (300, 1_500, 4, 100_000)];

fn main() {
    let arguments = Arguments::read();
    let sizes = if arguments.small { SMALL } else { FULL };
    for (routers, links, events, questions) in sizes {
        if !arguments.wants(&routers.to_string()) {
            continue;
        }
        let scenario = scenario(routers, links);
        let (mut event_ms, mut question_ns) = (vec![], vec![]);
        let mut digest = String::new();
        for _ in 0..arguments.repetitions {
            let mut network = Network::new(&scenario);
            let (changed, event_s) = change_routes(&scenario, &mut network, events);
            let (asked, question_s) = ask(&network, questions);
            event_ms.push(event_s * 1e3 / f64::from(2 * events));
            question_ns.push(question_s * 1e9 / questions as f64);
            digest = digest_of(changed, asked);
        }
        println!(
            "routing/{routers}: {:.2} ms a change of a link in {links}, {:.1} ns a path with what \
             is on it; digest {digest}",
            median(event_ms),
            median(question_ns),
        );
    }
}

fn scenario(routers: u32, links: u32) -> Scenario {
    let mut stream = Stream::named(RootSeed(1), "bench/routing");
    let mut scenario = model::Model::new().scenario;
    let network = &mut scenario.network;
    network.routers = (0..routers).map(|index| Router::named(&format!("r{index}"))).collect();
    let mut link = |index: u32| {
        let from = 1 + (index % (routers - 1));
        // The tree first, to any earlier router; then to one near by.
        let reach = if index < routers - 1 { from } else { from.min(30) };
        let to = from - 1 - stream.below(u64::from(reach)) as u32;
        Link {
            name: format!("l{index}"),
            between: (RouterId(from), RouterId(to)),
            delay: SimDuration::from_millis(1 + stream.below(10)),
            bandwidth: 1e11,
            loss: 0.0,
            metric: 1 + stream.below(100),
            buffer: SimDuration::from_millis(100),
            preference: None,
            prefixes_max: None,
        }
    };
    network.links = (0..links).map(&mut link).collect();
    let mut place = || RouterId(stream.below(u64::from(routers)) as u32);
    scenario.sites = (0..ENDS).map(|i| Site { name: format!("s{i}"), router: place() }).collect();
    let share = 1.0 / f64::from(ENDS);
    scenario.regions[0].routers = (0..ENDS).map(|_| (place(), share)).collect();
    scenario
}

/// Cuts and mends links of paths in use; the number of tables' writes that changed a path.
fn change_routes(scenario: &Scenario, network: &mut Network, events: u32) -> (u64, f64) {
    let mut routing = Routing::new(scenario, network, RootSeed(1));
    let settings = network.first_settings().clone();
    let (mut changed, mut elapsed_s) = (0, 0.0);
    let mut now = SimTime::from_secs(60);
    for event in 0..events {
        let from = AttachmentId(event % ENDS);
        let to = SiteId(event * 7 % ENDS);
        let Some(link) = network.links_of(network.path(from, to, 1)).next() else { continue };
        for up in [false, true] {
            let ((), event_s) = timed(|| {
                network.set_link(link, LinkState { up, ..LinkState::default() });
                routing.observe(network, &settings, now);
                now += SimDuration::from_secs(60);
                routing.run_until(network, now);
                // As control does: a stop at every table that some path comes through.
                while let Some(at) = routing.next_write(network) {
                    changed += u64::from(routing.write_due(network, at));
                }
            });
            elapsed_s += event_s;
        }
        assert!(carries_everywhere(network, link), "everything is as it was");
    }
    (changed, elapsed_s)
}

fn carries_everywhere(network: &Network, mended: LinkId) -> bool {
    network.link(mended).up && network.pairs_astray() == (0, 0)
}

/// Which path, and what is on it: what every attempt asks.
fn ask(network: &Network, questions: u64) -> (u64, f64) {
    let mut sum = 0_u64;
    let ((), elapsed_s) = timed(|| {
        for question in 0..questions {
            let from = AttachmentId((question % u64::from(ENDS)) as u32);
            let to = SiteId((question / 7 % u64::from(ENDS)) as u32);
            let path = network.path(from, to, question);
            sum = sum.wrapping_add(network.view(path).delay.0);
        }
    });
    (sum, elapsed_s)
}

fn digest_of(changed: u64, asked: u64) -> String {
    let mut digest = Digest::new();
    digest.update_u64(changed);
    digest.update_u64(asked);
    digest.finish()
}
