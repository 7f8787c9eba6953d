//! BGP updates: deciding, telling, and the least time between two tellings (MRAI).
//!
//! A session remembers what it has told last and for which prefixes there may be news; when it may
//! speak, it tells what has changed since. So a route that comes and goes while the interval runs
//! is never told, and updates that could not be delivered are not a queue but a difference. The
//! interval is a session's, as most routers have it, shortened by 0 to 25 % where `jitter` says so.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Event, Routing, Write};
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{PrefixId, RouterId};
use crate::world::network::Network;
use crate::world::network::bgp::{Ribs, Route, SessionId, Sessions};
use crate::world::network::settle::exit_of;
use crate::world::network::topology::Direction;

/// First wait of TCP before a segment is sent again (RFC 6298, section 2.1).
const RETRANSMISSION: SimDuration = SimDuration::from_secs(1);

/// One session's speaking.
#[derive(Clone, Debug, Default)]
struct Line {
    open: bool,
    epoch: u32,
    /// Nothing comes through, for the so-manieth time.
    silent: bool,
    silences: u32,
    /// No advertisement before this.
    ready: SimTime,
    timer: bool,
    last_arrival: SimTime,
    /// Under way, in order.
    flight: VecDeque<(PrefixId, Option<Route>)>,
    drawn: u64,
}

/// All routes, and what was told of them.
#[derive(Clone, Debug)]
pub(super) struct Speaking {
    pub(super) ribs: Ribs,
    prefix_count: usize,
    /// [session].
    lines: Vec<Line>,
    /// [session x prefix]: what was told last.
    last: Vec<Option<Route>>,
    /// [session x prefix]: there may be news.
    news: Vec<bool>,
    /// [link]: shut down by too many prefixes.
    tripped: Vec<bool>,
}

impl Speaking {
    /// Everything has been told.
    pub(super) fn new(ribs: Ribs, sessions: &Sessions, prefix_count: usize) -> Speaking {
        let count = sessions.count();
        let ids = (0..count as u32).map(SessionId);
        let told = |id: SessionId| (0..prefix_count as u32).map(move |p| (id, PrefixId(p)));
        let last = ids.flat_map(told).map(|(id, prefix)| ribs.told(id, prefix).cloned());
        let links = (0..count as u32).filter_map(|id| sessions.get(SessionId(id)).link);
        let link_count = links.map(|link| link.link() + 1).max().unwrap_or(0);
        Speaking {
            last: last.collect(),
            news: vec![false; count * prefix_count],
            lines: vec![Line { open: true, ..Line::default() }; count],
            tripped: vec![false; link_count],
            prefix_count,
            ribs,
        }
    }

    pub(super) fn is_open(&self, id: SessionId) -> bool {
        self.lines[id.index()].open
    }

    pub(super) fn epoch(&self, id: SessionId) -> u32 {
        self.lines[id.index()].epoch
    }

    /// Nothing comes through any more; the number of this silence.
    pub(super) fn fall_silent(&mut self, id: SessionId) -> u32 {
        let line = &mut self.lines[id.index()];
        line.silent = true;
        line.silences += 1;
        line.silences
    }

    /// Something comes through.
    pub(super) fn be_heard(&mut self, id: SessionId) {
        self.lines[id.index()].silent = false;
    }

    pub(super) fn is_silent(&self, id: SessionId) -> bool {
        self.lines[id.index()].silent
    }

    pub(super) fn is_silent_since(&self, id: SessionId, number: u32) -> bool {
        let line = &self.lines[id.index()];
        line.silent && line.silences == number
    }

    /// Nothing more is told, and what is under way is lost.
    pub(super) fn close(&mut self, id: SessionId) {
        let line = &mut self.lines[id.index()];
        line.open = false;
        line.epoch += 1;
        line.flight.clear();
    }

    /// Everything is news again.
    pub(super) fn open(&mut self, id: SessionId, now: SimTime) {
        self.close(id);
        let line = &mut self.lines[id.index()];
        (line.open, line.silent) = (true, false);
        line.ready = now;
        let row = id.index() * self.prefix_count..(id.index() + 1) * self.prefix_count;
        self.last[row.clone()].fill(None);
        self.news[row].fill(true);
    }

    pub(super) fn note_news(&mut self, id: SessionId, prefix: PrefixId) {
        self.news[id.index() * self.prefix_count + prefix.index()] = true;
    }

    /// What was told, and what is under way, has this preference at the one that is told.
    pub(super) fn prefer(&mut self, id: SessionId, prefix: PrefixId, preference: u32) {
        let with = |route: &Route| Route { preference, ..route.clone() };
        let told = self.ribs.told(id, prefix).map(with);
        self.ribs.tell(id, prefix, told);
        let last = &mut self.last[id.index() * self.prefix_count + prefix.index()];
        *last = last.as_ref().map(with);
        for (of, route) in &mut self.lines[id.index()].flight {
            if *of == prefix {
                *route = route.as_ref().map(with);
            }
        }
    }

    pub(super) fn is_tripped(&self, direction: Direction) -> bool {
        self.tripped.get(direction.link()).copied().unwrap_or(false)
    }

    pub(super) fn untrip(&mut self, direction: Direction) {
        if let Some(tripped) = self.tripped.get_mut(direction.link()) {
            *tripped = false;
        }
    }
}

impl Routing {
    /// A router decides for a prefix; if it takes another route its table and neighbours follow.
    pub(super) fn decide(
        &mut self,
        router: RouterId,
        prefix: PrefixId,
        now: SimTime,
        network: &Network,
    ) {
        let best = self.speaking.ribs.decide(router, prefix, &self.situation());
        let exit_before = exit_of(&self.speaking.ribs, router, prefix, &self.sessions);
        if !self.speaking.ribs.take(router, prefix, best) {
            return;
        }
        let exit = exit_of(&self.speaking.ribs, router, prefix, &self.sessions);
        if exit != exit_before {
            self.write(now + self.timers.fib, router, Write::Exit(prefix, exit));
        }
        let sessions = Arc::clone(&self.sessions);
        for &id in sessions.outwards(router) {
            self.speaking.note_news(id, prefix);
            self.flush(id, now, network);
        }
    }

    /// Tells over a session what may be told now.
    pub(super) fn flush(&mut self, id: SessionId, now: SimTime, network: &Network) {
        if !self.speaking.is_open(id) {
            return;
        }
        let session = self.sessions.get(id);
        let inside = session.link.is_none();
        let row = id.index() * self.prefix_count;
        let (mut advertised, mut waits) = (false, false);
        for prefix in self.prefixes() {
            if !self.speaking.news[row + prefix.index()] {
                continue;
            }
            let route = self.speaking.ribs.export(id, prefix, &self.situation());
            if route == self.speaking.last[row + prefix.index()] {
                self.speaking.news[row + prefix.index()] = false;
                continue;
            }
            // Without a way to the other end nothing is told; the next chart asks again.
            if inside && !self.meets(id, network) {
                return;
            }
            let at_once = route.is_none() && !self.timers.bgp.withdrawals_wait;
            if !at_once && now < self.speaking.lines[id.index()].ready {
                waits = true;
                continue;
            }
            advertised |= !at_once;
            self.speaking.news[row + prefix.index()] = false;
            self.speaking.last[row + prefix.index()].clone_from(&route);
            self.tell(id, prefix, route, now, network);
        }
        let bgp = &self.timers.bgp;
        let interval = if inside { bgp.interval_inside } else { bgp.interval };
        let jitter = bgp.jitter;
        let luck = self.luck.derive(SESSION_LUCK).derive(u64::from(id.0));
        let line = &mut self.speaking.lines[id.index()];
        if advertised && interval > SimDuration::ZERO {
            line.drawn += 1;
            let factor = if jitter { 1.0 - 0.25 * luck.uniform(line.drawn) } else { 1.0 };
            line.ready = now + interval.mul_f64(factor);
        }
        if waits && !std::mem::replace(&mut line.timer, true) {
            let ready = line.ready;
            self.push(ready, Event::Interval { session: id });
        }
    }

    pub(super) fn interval_over(&mut self, id: SessionId, now: SimTime, network: &Network) {
        self.speaking.lines[id.index()].timer = false;
        self.flush(id, now, network);
    }

    /// Sends one update on its way; they arrive in the order of sending.
    fn tell(
        &mut self,
        id: SessionId,
        prefix: PrefixId,
        route: Option<Route>,
        now: SimTime,
        network: &Network,
    ) {
        let session = self.sessions.get(id);
        let way = match session.link {
            Some(direction) => {
                let again = self.sent_again(direction, RETRANSMISSION, true, network);
                network.link_delay(direction) + again
            }
            None => self.way_inside(session.from, session.to, network),
        };
        let line = &mut self.speaking.lines[id.index()];
        let at = (now + self.timers.bgp.processing + way).max(line.last_arrival);
        line.last_arrival = at;
        line.flight.push_back((prefix, route));
        let epoch = line.epoch;
        self.push(at, Event::Update { session: id, epoch });
    }

    /// Time that a segment takes between two routers of a system, along the first of its paths.
    fn way_inside(&mut self, from: RouterId, to: RouterId, network: &Network) -> SimDuration {
        let (topology, chart) =
            (Arc::clone(&self.topology), Arc::clone(&self.charts[from.index()]));
        let (mut at, mut way) = (from, SimDuration::ZERO);
        let mut hops = Vec::new();
        for _ in 0..topology.router_count() {
            hops.clear();
            chart.next_hops(at, to, &topology, &mut hops);
            let Some(&first) = hops.first() else { break };
            let again = self.sent_again(first, RETRANSMISSION, true, network);
            way += network.link_delay(first) + again;
            at = topology.far_end(first);
            if at == to {
                break;
            }
        }
        way
    }

    /// The next update over a session arrives.
    pub(super) fn update(&mut self, id: SessionId, epoch: u32, now: SimTime, network: &Network) {
        if self.speaking.epoch(id) != epoch {
            return;
        }
        let Some((prefix, route)) = self.speaking.lines[id.index()].flight.pop_front() else {
            return;
        };
        self.speaking.ribs.tell(id, prefix, route);
        let session = self.sessions.get(id);
        if let Some(direction) = session.link
            && self.too_many(id, direction, network)
        {
            self.trip(direction, now, network);
            return;
        }
        self.decide(session.to, prefix, now, network);
    }

    fn too_many(&self, id: SessionId, direction: Direction, network: &Network) -> bool {
        let limit = network.prefixes_max(direction.link_id());
        limit.is_some_and(|limit| self.speaking.ribs.told_count(id) > limit as usize)
    }

    /// Too many prefixes: the session is shut down until somebody resets it.
    fn trip(&mut self, direction: Direction, now: SimTime, network: &Network) {
        self.speaking.tripped[direction.link()] = true;
        for way in [direction, direction.opposite()] {
            if self.neighbours.adjacent(way) {
                self.give_up(way, now, network);
            }
        }
        self.neighbours.stop_forming(direction);
    }
}

/// Tag of the sessions' luck, beside the directions' (their indices).
const SESSION_LUCK: u64 = 1 << 40;
