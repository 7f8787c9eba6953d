//! Routers at work: they notice, tell each other, compute, and write their tables.
//!
//! **Which question.** After something broke, or was changed, which router forwards by which
//! table at which instant? **Model.** Inside a system a link-state protocol: both ends of a link
//! notice the loss of light after `detect`; a link that loses packets loses the protocols' own as
//! well, and a neighbour counts as gone once enough of them in a row were lost (`adjacency`). Who
//! notices floods it hop by hop (`flooding`), every router computes its paths after a back-off,
//! and writes them into its table after `fib` (`spf`). Between systems BGP: `sessions`,
//! `updates`.
//!
//! **Determinism.** Events are ordered by (time, order of insertion); chance comes from the luck
//! `routing`, by link or session and its own count of draws. Events of the protocols run ahead of
//! the traffic up to the next instant at which anything else can change the network; the traffic is
//! stopped only where a table changes that some of its paths come through.
//!
//! **What it leaves out.** A router's own computing power, least intervals between advertisements
//! of one router, fast reroute, graceful restart, damping, route reflectors. Hellos that are sent
//! on time arrive as one packet. **Cost.** A cut in 1,000 routers with 5,000 links: some 20,000
//! messages, one chart shared by all, and the shortest paths to the destinations behind the cut:
//! milliseconds (`benches/routing.rs`). **Validation.** By hand and against a second
//! implementation: `tests/routing.rs`.

mod adjacency;
mod flooding;
mod observe;
mod sessions;
mod spf;
#[cfg(test)]
mod tests;
mod updates;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::kernel::calendar::Calendar;
use crate::kernel::stream::{Luck, RootSeed};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{self, PrefixId, Queueing, RouterId, Scenario};
use crate::world::network::Network;
use crate::world::network::bgp::{SessionId, Sessions, Situation};
use crate::world::network::chart::Chart;
use crate::world::network::forwarding::Exit;
use crate::world::network::settings::Settings;
use crate::world::network::settle::Stable;
use crate::world::network::topology::{Direction, Topology};

/// Events of the protocols.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The near end of this direction has seen that the light is gone, or back.
    Signal { direction: Direction, epoch: u32 },
    /// A packet that the far end listens for is lost.
    Silence { direction: Direction, epoch: u32 },
    /// The near end hears that the far end has given it up.
    Told { direction: Direction },
    /// Both ends of a link try to become neighbours.
    Hello { link: u32, epoch: u32 },
    /// They have.
    Formed { link: u32, epoch: u32 },
    /// A router's advertisement arrives at the far end.
    Flood { direction: Direction, origin: RouterId, version: u32 },
    /// A router computes its paths.
    Spf { router: RouterId },
    /// The next update over a session arrives.
    Update { session: SessionId, epoch: u32 },
    /// The interval between advertisements of a session is over.
    Interval { session: SessionId },
    /// The one that is told over a session has heard nothing for its hold time.
    Hold { session: SessionId, number: u32 },
}

/// A table that is written at some instant.
#[derive(Clone, Debug)]
enum Write {
    Chart(Arc<Chart>),
    Exit(PrefixId, Exit),
}

/// All routers' protocols; see the module's page.
#[derive(Clone, Debug)]
pub struct Routing {
    calendar: Calendar<Event>,
    timers: model::Routing,
    luck: Luck,
    topology: Arc<Topology>,
    sessions: Arc<Sessions>,
    prefix_count: usize,
    /// In force now.
    settings: Settings,
    neighbours: adjacency::Neighbours,
    advertised: flooding::Advertised,
    computing: spf::Computing,
    speaking: updates::Speaking,
    /// [router]: what it believes of its system, before its table says so.
    charts: Vec<Arc<Chart>>,
    /// Tables to be written, by time.
    writes: VecDeque<(SimTime, RouterId, Write)>,
    /// Events under way that can still change a table.
    under_way: usize,
}

impl Routing {
    /// Everything up and at rest.
    pub fn new(scenario: &Scenario, network: &Network, seed: RootSeed) -> Routing {
        let topology = Arc::clone(network.topology());
        let sessions = Arc::clone(network.sessions_between_routers());
        let settings = Settings::clone(network.first_settings());
        let prefix_count = network.prefixes().count();
        let stable = Stable::of(&topology, &sessions, &settings, prefix_count);
        let luck = Luck::named(seed, "routing");
        let routers = topology.router_count();
        let charts: Vec<Arc<Chart>> =
            (0..routers as u32).map(|r| Arc::clone(network.tables().chart(RouterId(r)))).collect();
        let neighbours = adjacency::Neighbours::new(&topology, luck);
        let advertised = flooding::Advertised::new(&topology, &settings);
        Routing {
            calendar: Calendar::new(),
            timers: scenario.network.routing.clone(),
            luck,
            computing: spf::Computing::new(&advertised, &charts),
            speaking: updates::Speaking::new(stable.ribs, &sessions, prefix_count),
            topology,
            sessions,
            prefix_count,
            settings,
            neighbours,
            advertised,
            charts,
            writes: VecDeque::new(),
            under_way: 0,
        }
    }

    /// Lets the protocols go on up to, and without, `limit`; nothing else changes until then.
    pub fn run_until(&mut self, network: &Network, limit: SimTime) {
        if limit.0 == 0 {
            return;
        }
        while let Some((now, event)) = self.calendar.pop_until(SimTime(limit.0 - 1)) {
            if moves_tables(event) {
                self.under_way -= 1;
            }
            match event {
                Event::Signal { direction, epoch } => self.signal(direction, epoch, now, network),
                Event::Silence { direction, epoch } => self.silence(direction, epoch, now, network),
                Event::Told { direction } => self.told(direction, now, network),
                Event::Hello { link, epoch } => self.hello(link, epoch, now, network),
                Event::Formed { link, epoch } => self.formed(link, epoch, now, network),
                Event::Flood { direction, origin, version } => {
                    self.flood_arrives(direction, origin, version, now, network);
                }
                Event::Spf { router } => self.compute(router, now, network),
                Event::Update { session, epoch } => self.update(session, epoch, now, network),
                Event::Interval { session } => self.interval_over(session, now, network),
                Event::Hold { session, number } => self.hold_over(session, number, now, network),
            }
        }
    }

    /// When the next table is written that some path comes through.
    pub fn next_write(&self, network: &Network) -> Option<SimTime> {
        let next = self.writes.iter().find(|(_, router, _)| network.is_passed(*router));
        next.map(|(at, ..)| *at)
    }

    /// Writes the tables that are due; whether any path is another now.
    pub fn write_due(&mut self, network: &mut Network, now: SimTime) -> bool {
        let mut wrote = false;
        while self.writes.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, router, write) = self.writes.pop_front().expect("looked at above");
            match write {
                Write::Chart(chart) => network.install_chart(router, chart),
                Write::Exit(prefix, exit) => network.install_exit(router, prefix, exit),
            }
            wrote = true;
        }
        wrote && network.retrace()
    }

    /// Whether nothing is under way that could still change a table, as far as the protocols have
    /// run.
    pub fn at_rest(&self) -> bool {
        self.under_way == 0 && self.writes.is_empty()
    }

    fn push(&mut self, at: SimTime, event: Event) {
        self.under_way += usize::from(moves_tables(event));
        self.calendar.push(at, event);
    }

    /// A table is written after `after`; writes stay in the order of time.
    fn write(&mut self, at: SimTime, router: RouterId, write: Write) {
        let place = self.writes.partition_point(|(earlier, ..)| *earlier <= at);
        self.writes.insert(place, (at, router, write));
    }

    fn situation(&self) -> Situation<'_> {
        Situation {
            topology: &self.topology,
            sessions: &self.sessions,
            charts: &self.charts,
            settings: &self.settings,
        }
    }

    fn separate(&self) -> bool {
        self.timers.control_packets == Queueing::Separate
    }

    /// Share of the protocols' packets that a direction loses.
    fn loss(&self, direction: Direction, network: &Network) -> f64 {
        network.packet_loss(direction, self.separate())
    }

    /// Time until a packet that is sent again and again gets through: nothing, if the first does.
    fn sent_again(
        &mut self,
        direction: Direction,
        first: SimDuration,
        doubling: bool,
        network: &Network,
    ) -> SimDuration {
        let loss = self.loss(direction, network);
        let (mut waited, mut wait) = (SimDuration::ZERO, first);
        for _ in 0..SENDINGS_MAX {
            if loss <= 0.0 || self.neighbours.draw(direction) >= loss {
                break;
            }
            waited += wait;
            wait = if doubling { wait * 2 } else { wait };
        }
        waited
    }

    fn is_alive(&self, router: RouterId, network: &Network) -> bool {
        network.router(router) != crate::world::network::RouterState::Down
    }
}

/// Sendings after which a packet is given up; by then its neighbour has been, too.
const SENDINGS_MAX: u32 = 10;

/// Whether an event can lead to another table without anything else happening.
fn moves_tables(event: Event) -> bool {
    !matches!(event, Event::Silence { .. } | Event::Hello { .. } | Event::Hold { .. })
}
