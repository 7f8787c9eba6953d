//! BGP sessions: up, lost, and what that does to the routes told over them.
//!
//! Between systems a session lives on one link and goes with its light or its packets. Inside a
//! system a session is between any two routers, wherever the link-state protocol finds a way; while
//! it finds none, updates wait and routes through the other are not taken, as their next hop cannot
//! be reached. It ends where a router loses its memory, and where two have found no way to each
//! other for the hold time; it opens again, and everything is told anew, once they have.

use super::{Event, Routing};
use crate::kernel::time::SimTime;
use crate::scenario::model::{PrefixId, RouterId};
use crate::world::network::Network;
use crate::world::network::bgp::SessionId;
use crate::world::network::chart::UNREACHABLE;
use crate::world::network::topology::Direction;

impl Routing {
    /// All prefixes.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = PrefixId> + use<> {
        (0..self.prefix_count as u32).map(PrefixId)
    }

    /// The near end of a direction gives the session up: what the far end told is forgotten.
    pub(super) fn session_lost(&mut self, direction: Direction, now: SimTime, network: &Network) {
        let told = self.sessions.of_link(direction.opposite());
        let tells = self.sessions.of_link(direction);
        for id in [told, tells].into_iter().flatten() {
            self.speaking.close(id);
        }
        if let Some(id) = told {
            self.forget_told(id, now, network);
        }
    }

    /// Both ends of a link between systems have a session again, and tell each other everything.
    pub(super) fn session_up(&mut self, direction: Direction, now: SimTime, network: &Network) {
        for way in [direction, direction.opposite()] {
            if let Some(id) = self.sessions.of_link(way) {
                self.forget_told(id, now, network);
                self.speaking.open(id, now);
            }
        }
        for way in [direction, direction.opposite()] {
            if let Some(id) = self.sessions.of_link(way) {
                self.flush(id, now, network);
            }
        }
    }

    /// What was told over a session is gone, and whoever was told decides again.
    fn forget_told(&mut self, id: SessionId, now: SimTime, network: &Network) {
        let to = self.sessions.get(id).to;
        for prefix in self.prefixes() {
            if self.speaking.ribs.told(id, prefix).is_some() {
                self.speaking.ribs.tell(id, prefix, None);
                self.decide(to, prefix, now, network);
            }
        }
    }

    /// A router has lost its memory: all its sessions are over. The others know when their hold
    /// time is over, or their light is gone.
    pub(super) fn speaker_gone(&mut self, router: RouterId, now: SimTime) {
        let sessions = std::sync::Arc::clone(&self.sessions);
        for &id in sessions.inwards(router).iter().chain(sessions.outwards(router)) {
            self.speaking.close(id);
            if sessions.get(id).to == router {
                for prefix in self.prefixes() {
                    self.speaking.ribs.tell(id, prefix, None);
                }
            } else if sessions.get(id).link.is_none() {
                self.hold(id, now);
            }
        }
        for prefix in self.prefixes() {
            self.speaking.ribs.take(router, prefix, None);
        }
    }

    /// From now on whoever is told over this session hears nothing.
    fn hold(&mut self, id: SessionId, now: SimTime) {
        let number = self.speaking.fall_silent(id);
        self.push(now + self.timers.bgp.hold, Event::Hold { session: id, number });
    }

    /// Whoever was told over this session has heard nothing for its hold time.
    pub(super) fn hold_over(&mut self, id: SessionId, number: u32, now: SimTime, net: &Network) {
        if self.speaking.is_silent_since(id, number) {
            self.speaking.close(id);
            self.forget_told(id, now, net);
        }
    }

    /// A router's chart is another: what it can reach, and how far, decides anew.
    pub(super) fn chart_changed(&mut self, router: RouterId, now: SimTime, network: &Network) {
        if self.sessions.count() == 0 {
            return;
        }
        let sessions = std::sync::Arc::clone(&self.sessions);
        for &id in sessions.inwards(router).iter().chain(sessions.outwards(router)) {
            if sessions.get(id).link.is_some() {
                continue;
            }
            match (self.meets(id, network), self.speaking.is_open(id)) {
                (true, true) => self.speaking.be_heard(id),
                (true, false) => {
                    self.forget_told(id, now, network);
                    self.speaking.open(id, now);
                }
                (false, true) if !self.speaking.is_silent(id) => self.hold(id, now),
                (false, _) => {}
            }
        }
        for prefix in self.prefixes() {
            self.decide(router, prefix, now, network);
        }
        for &id in sessions.inwards(router).iter().chain(sessions.outwards(router)) {
            self.flush(id, now, network);
        }
    }

    /// Whether both ends of a session inside a system live and find a way to each other: each on
    /// its own chart. Where one way is, the other is as well (links serve both ways or not at all);
    /// asked for is the way to the end that tells, whose distances hot potato needs anyway.
    pub(super) fn meets(&self, id: SessionId, network: &Network) -> bool {
        let session = self.sessions.get(id);
        let is_found_by = |router: RouterId| {
            let chart = &self.charts[router.index()];
            chart.distance(session.to, session.from, &self.topology) != UNREACHABLE
        };
        let ends = [session.from, session.to];
        ends.into_iter().all(|router| self.is_alive(router, network) && is_found_by(router))
    }

    /// The session over a link is reset by hand: both ends give it up, and try again.
    pub fn reset(&mut self, direction: Direction, now: SimTime, network: &Network) {
        for way in [direction, direction.opposite()] {
            if self.neighbours.adjacent(way) {
                self.give_up(way, now, network);
            }
        }
        self.neighbours.stop_forming(direction);
        self.speaking.untrip(direction);
        self.start_forming(direction, now, network);
    }
}
