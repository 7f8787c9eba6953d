//! Advertisements of link states: what each router says of itself, and who has heard it.
//!
//! An advertisement goes from neighbour to neighbour; each passes on what is news to it, to all but
//! the one that it has it from (RFC 2328, section 13). Where a packet is lost it is sent again
//! after `retransmit`. Routers that become neighbours exchange all that the other does not have. A
//! router that comes back with an empty memory says the same as before under a newer number.

use super::{Event, Routing};
use crate::kernel::stream::Luck;
use crate::kernel::time::SimTime;
use crate::scenario::model::{PrefixId, RouterId};
use crate::world::network::Network;
use crate::world::network::chart::UNUSABLE;
use crate::world::network::settings::Settings;
use crate::world::network::topology::{Direction, Topology};

/// What a router says of itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Advertisement {
    /// Links to its neighbours, with their weights.
    pub(super) links: Vec<(Direction, u64)>,
    /// Asks not to be passed through.
    pub(super) overloaded: bool,
    /// Prefixes that it announces, sorted.
    pub(super) prefixes: Vec<PrefixId>,
}

/// All that was ever said, and who knows what of it.
#[derive(Clone, Debug)]
pub(super) struct Advertised {
    routers: usize,
    /// [router]: its advertisements; number n is at n - 1.
    said: Vec<Vec<Advertisement>>,
    /// [router x origin]: the number that a router knows of another one's; 0: none.
    known: Vec<u32>,
    /// [router]: a fingerprint of its row of `known`.
    keys: Vec<u64>,
}

impl Advertised {
    /// Everybody knows everything of its own system.
    pub(super) fn new(topology: &Topology, settings: &Settings) -> Advertised {
        let routers = topology.router_count();
        let all = || (0..routers as u32).map(RouterId);
        let up = |direction: Direction| !settings.shut[direction.link()];
        let said = all().map(|router| vec![of_router(router, topology, settings, &up)]).collect();
        let mut this =
            Advertised { routers, said, known: vec![0; routers * routers], keys: vec![0; routers] };
        for router in all() {
            for origin in all().filter(|&o| topology.system(o) == topology.system(router)) {
                this.learn(router, origin, 1);
            }
        }
        this
    }

    /// The number that a router knows of another one's advertisements.
    fn known(&self, router: RouterId, origin: RouterId) -> u32 {
        self.known[router.index() * self.routers + origin.index()]
    }

    fn learn(&mut self, router: RouterId, origin: RouterId, number: u32) {
        let slot = &mut self.known[router.index() * self.routers + origin.index()];
        let before = std::mem::replace(slot, number);
        self.keys[router.index()] ^= mark(origin, before) ^ mark(origin, number);
    }

    /// A fingerprint of all that a router knows.
    pub(super) fn key(&self, router: RouterId) -> u64 {
        self.keys[router.index()]
    }

    /// What a router knows: every other router with its advertisement.
    pub(super) fn all_known(
        &self,
        router: RouterId,
    ) -> impl Iterator<Item = (RouterId, &Advertisement)> {
        let row = &self.known[router.index() * self.routers..][..self.routers];
        let heard = row.iter().enumerate().filter(|(_, number)| **number > 0);
        heard.map(|(origin, &number)| {
            (RouterId(origin as u32), &self.said[origin][number as usize - 1])
        })
    }

    /// A router's memory is gone.
    pub(super) fn forget(&mut self, router: RouterId) {
        self.known[router.index() * self.routers..][..self.routers].fill(0);
        self.keys[router.index()] = 0;
    }
}

/// Two routers with the same marks, joined by exclusive or, know the same (but for one chance in
/// 2^64).
fn mark(origin: RouterId, number: u32) -> u64 {
    if number == 0 { 0 } else { Luck(u64::from(origin.0)).bits(u64::from(number)) }
}

fn of_router(
    router: RouterId,
    topology: &Topology,
    settings: &Settings,
    adjacent: &dyn Fn(Direction) -> bool,
) -> Advertisement {
    let inside = topology.outwards(router).iter().map(|link| link.0);
    let links = inside.filter(|&link| !topology.is_external(link) && adjacent(link));
    let here = settings.announced.iter().filter(|a| a.router == router);
    Advertisement {
        links: links.map(|link| (link, settings.metrics[link.index()])).collect(),
        overloaded: settings.overloaded[router.index()],
        prefixes: here.map(|a| a.prefix).collect(),
    }
}

impl Advertisement {
    /// Enters the links into a table of weights by direction.
    pub(super) fn enter(&self, metrics: &mut [u64]) {
        for &(direction, metric) in &self.links {
            metrics[direction.index()] = metric;
        }
    }
}

/// A link counts where both ends say so (RFC 2328, section 16.1).
pub(super) fn keep_mutual(metrics: &mut [u64]) {
    for ways in metrics.chunks_exact_mut(2) {
        if ways.contains(&UNUSABLE) {
            ways.fill(UNUSABLE);
        }
    }
}

impl Routing {
    /// A router says what is now true of itself, if that is news.
    pub(super) fn advertise(&mut self, router: RouterId, now: SimTime, network: &Network) {
        if !self.is_alive(router, network) {
            return;
        }
        let adjacent = |direction: Direction| self.neighbours.adjacent(direction);
        let content = of_router(router, &self.topology, &self.settings, &adjacent);
        let said = &mut self.advertised.said[router.index()];
        let known =
            self.advertised.known[router.index() * self.advertised.routers + router.index()];
        if known as usize == said.len() && said.last() == Some(&content) {
            return;
        }
        said.push(content);
        let number = said.len() as u32;
        self.heard(router, router, number, None, now, network);
    }

    /// A router has something new, passes it on, and will compute its paths.
    fn heard(
        &mut self,
        router: RouterId,
        origin: RouterId,
        number: u32,
        from: Option<Direction>,
        now: SimTime,
        network: &Network,
    ) {
        self.advertised.learn(router, origin, number);
        self.compute_soon(router, now);
        let topology = std::sync::Arc::clone(&self.topology);
        for &(direction, neighbour) in topology.outwards(router) {
            let back = from.is_some_and(|from| from.opposite() == direction);
            let inside = !topology.is_external(direction);
            if back || !inside || !self.neighbours.adjacent(direction) {
                continue;
            }
            // What it has already would be dropped on arrival.
            if self.advertised.known(neighbour, origin) >= number {
                continue;
            }
            let wait = self.sent_again(direction, self.timers.retransmit, false, network);
            let at = now + self.timers.flooding + network.link_delay(direction) + wait;
            self.push(at, Event::Flood { direction, origin, version: number });
        }
    }

    pub(super) fn flood_arrives(
        &mut self,
        direction: Direction,
        origin: RouterId,
        number: u32,
        now: SimTime,
        network: &Network,
    ) {
        let router = self.topology.far_end(direction);
        // Only neighbours are listened to; whoever is one later gets it in the exchange.
        let heard = network.has_signal(direction)
            && self.neighbours.adjacent(direction.opposite())
            && self.advertised.known(router, origin) < number;
        if heard {
            self.heard(router, origin, number, Some(direction), now, network);
        }
    }

    /// New neighbours give each other what the other does not have, and tell all of their link.
    pub(super) fn exchange(&mut self, direction: Direction, now: SimTime, network: &Network) {
        let ends = [self.topology.near_end(direction), self.topology.far_end(direction)];
        for origin in (0..self.advertised.routers as u32).map(RouterId) {
            let numbers = ends.map(|end| self.advertised.known(end, origin));
            for (index, &end) in ends.iter().enumerate() {
                let offered = numbers[1 - index];
                if offered > numbers[index] {
                    let from = if index == 0 { direction.opposite() } else { direction };
                    self.heard(end, origin, offered, Some(from), now, network);
                }
            }
        }
        for end in ends {
            self.advertise(end, now, network);
        }
    }
}
