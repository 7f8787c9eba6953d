//! What has changed around the routers since they last looked.

use std::sync::Arc;

use super::{Event, Routing, Write};
use crate::kernel::time::SimTime;
use crate::scenario::model::RouterId;
use crate::world::network::Network;
use crate::world::network::bgp::SessionId;
use crate::world::network::forwarding::Exit;
use crate::world::network::settings::Settings;
use crate::world::network::topology::Direction;

impl Routing {
    /// Routers and links are as the network is now, under these settings.
    pub fn observe(&mut self, network: &Network, settings: &Settings, now: SimTime) {
        self.observe_routers(network, now);
        self.observe_light(network, now);
        self.observe_settings(network, settings, now);
        self.observe_loss(network, now);
    }

    /// The network's queues have moved on: what the links lose is another share.
    pub fn observe_loss(&mut self, network: &Network, now: SimTime) {
        if !network.is_lossy() && self.neighbours.lossy == 0 {
            return;
        }
        for direction in self.directions() {
            let loss = self.loss(direction, network);
            self.note_loss(direction, loss, now);
        }
    }

    fn directions(&self) -> impl Iterator<Item = Direction> + use<> {
        (0..self.topology.direction_count() as u32).map(Direction)
    }

    /// A router without power has no memory when it comes back.
    fn observe_routers(&mut self, network: &Network, now: SimTime) {
        for router in (0..self.topology.router_count() as u32).map(RouterId) {
            let alive = self.is_alive(router, network);
            if alive == self.computing.had_power(router) {
                continue;
            }
            self.computing.set_power(router, alive);
            if alive {
                // It knows itself; neighbours come with their light.
                self.advertise(router, now, network);
                continue;
            }
            self.advertised.forget(router);
            self.computing.forget(router);
            self.computing.set_power(router, false);
            let topology = Arc::clone(&self.topology);
            for &(direction, _) in topology.outwards(router) {
                self.neighbours.set_adjacent(direction, false);
                self.neighbours.stop_forming(direction);
            }
            let blank = self.blank_chart(router);
            self.charts[router.index()] = Arc::clone(&blank);
            self.writes.retain(|(_, of, _)| *of != router);
            self.write(now, router, Write::Chart(blank));
            if self.sessions.count() > 0 {
                for prefix in self.prefixes() {
                    self.write(now, router, Write::Exit(prefix, Exit::None));
                }
                self.speaker_gone(router, now);
            }
        }
    }

    fn observe_light(&mut self, network: &Network, now: SimTime) {
        for direction in self.directions() {
            let signal = network.has_signal(direction);
            let Some(epoch) = self.neighbours.see(direction, signal) else { continue };
            self.push(now + self.timers.detect, Event::Signal { direction, epoch });
        }
    }

    fn observe_settings(&mut self, network: &Network, settings: &Settings, now: SimTime) {
        if *settings == self.settings {
            return;
        }
        let before = std::mem::replace(&mut self.settings, settings.clone());
        for link in 0..settings.shut.len() {
            if before.shut[link] == settings.shut[link] {
                continue;
            }
            let ways = [Direction(2 * link as u32), Direction(2 * link as u32 + 1)];
            if settings.shut[link] {
                self.neighbours.stop_forming(ways[0]);
                for way in ways {
                    if self.neighbours.adjacent(way) {
                        self.give_up(way, now, network);
                    }
                }
            } else {
                self.speaking.untrip(ways[0]);
                self.start_forming(ways[0], now, network);
            }
        }
        for router in (0..self.topology.router_count() as u32).map(RouterId) {
            self.advertise(router, now, network);
        }
        let policies = (&before.leaks, &before.preferences, &before.announced)
            != (&settings.leaks, &settings.preferences, &settings.announced);
        if policies {
            self.tell_anew(&before, now, network);
        }
    }

    /// Policies are others: whoever tells looks at everything again. A preference changes what was
    /// told already (a soft reconfiguration), without an update.
    fn tell_anew(&mut self, before: &Settings, now: SimTime, network: &Network) {
        for id in (0..self.sessions.count() as u32).map(SessionId) {
            let session = self.sessions.get(id);
            let Some(link) = session.link else { continue };
            let listener = link.opposite().index();
            if before.preferences[listener] != self.settings.preferences[listener] {
                for prefix in self.prefixes() {
                    let preference =
                        self.settings.preferences[listener].unwrap_or(session.kin.preference());
                    self.speaking.prefer(id, prefix, preference);
                    self.decide(session.to, prefix, now, network);
                }
            }
            for prefix in self.prefixes() {
                self.speaking.note_news(id, prefix);
            }
            self.flush(id, now, network);
        }
    }
}
