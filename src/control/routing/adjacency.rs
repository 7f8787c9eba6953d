//! Who counts whom as a neighbour: light, packets listened for, and becoming neighbours again.
//!
//! Three ways to notice. The light goes: both ends know after `detect`, and a flicker shorter than
//! that is not noticed. Packets are lost: each end listens for a beat, BFD's where it runs, else
//! the hellos of the link-state protocol, else, between systems, BGP's keepalives; so many lost in
//! a row, and the neighbour counts as gone. The other end says so: it is told in the next packet
//! that passes.
//!
//! A beat on a link that loses nothing is never simulated. On one that loses a share p, the number
//! of beats until the next lost one is geometric, so only losses are events; beats keep their
//! phase. Where p^misses is under 10^-12 nothing is drawn: once in 1,500 years at 50 ms.
//!
//! BGP runs over TCP, which sends a lost segment again after 1, 2, 4 … s (RFC 6298): so many tries
//! fit into a hold time, and all of them must be lost.

use super::{Event, Routing};
use crate::kernel::math;
use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::Beat;
use crate::world::network::Network;
use crate::world::network::topology::{Direction, Topology};

/// Chance of a neighbour being lost at any one beat below which it is not drawn.
const NEVER: f64 = 1e-12;

/// A direction's state, as its near end holds it, but for what is said otherwise.
#[derive(Clone, Debug)]
struct Listener {
    /// The near end counts the far end as its neighbour.
    adjacent: bool,
    /// Light, as last observed, and how often that changed.
    signal: bool,
    signal_epoch: u32,
    /// Share of packets lost from here to the far end, as last observed.
    loss: f64,
    /// Beats in a row that the far end has missed.
    missed: u32,
    silence_epoch: u32,
    /// The direction's private luck, and its draws so far.
    luck: Luck,
    drawn: u64,
}

/// Neighbours of all routers.
#[derive(Clone, Debug)]
pub(super) struct Neighbours {
    directions: Vec<Listener>,
    /// [link]: attempts under way to become neighbours are of this number.
    forming: Vec<Option<u32>>,
    attempts: u32,
    /// Directions that lose packets.
    pub(super) lossy: usize,
}

impl Neighbours {
    pub(super) fn new(topology: &Topology, luck: Luck) -> Neighbours {
        let listener = |index: usize| Listener {
            adjacent: true,
            signal: true,
            signal_epoch: 0,
            loss: 0.0,
            missed: 0,
            silence_epoch: 0,
            luck: luck.derive(index as u64),
            drawn: 0,
        };
        Neighbours {
            directions: (0..topology.direction_count()).map(listener).collect(),
            forming: vec![None; topology.direction_count() / 2],
            attempts: 0,
            lossy: 0,
        }
    }

    /// Next draw of a direction, in 0..1.
    pub(super) fn draw(&mut self, direction: Direction) -> f64 {
        let of = &mut self.directions[direction.index()];
        of.drawn += 1;
        // Draw 0 is the phase of its beats.
        of.luck.open_uniform(of.drawn)
    }

    /// Whether the near end counts the far end as its neighbour.
    pub(super) fn adjacent(&self, direction: Direction) -> bool {
        self.directions[direction.index()].adjacent
    }

    pub(super) fn set_adjacent(&mut self, direction: Direction, adjacent: bool) {
        self.directions[direction.index()].adjacent = adjacent;
    }

    /// Notes whether there is light; the new number of changes if that is news.
    pub(super) fn see(&mut self, direction: Direction, signal: bool) -> Option<u32> {
        let of = &mut self.directions[direction.index()];
        if of.signal == signal {
            return None;
        }
        of.signal = signal;
        of.signal_epoch += 1;
        Some(of.signal_epoch)
    }

    /// Ends attempts to become neighbours.
    pub(super) fn stop_forming(&mut self, direction: Direction) {
        self.forming[direction.link()] = None;
    }
}

impl Routing {
    /// The beat that the far end of a direction listens for.
    fn beat(&self, direction: Direction) -> Beat {
        let timers = &self.timers;
        timers.bfd.unwrap_or(match self.topology.is_external(direction) {
            false => timers.hello,
            true => {
                let hold_s = timers.bgp.hold.as_secs_f64();
                let tries = 1 + (math::ln(1.0 + hold_s) / std::f64::consts::LN_2) as u32;
                Beat { every: SimDuration(timers.bgp.hold.0 / u64::from(tries)), misses: tries }
            }
        })
    }

    /// The near end has watched the light for long enough.
    pub(super) fn signal(
        &mut self,
        direction: Direction,
        epoch: u32,
        now: SimTime,
        network: &Network,
    ) {
        let of = &self.neighbours.directions[direction.index()];
        if of.signal_epoch != epoch || !self.is_alive(self.topology.near_end(direction), network) {
            return;
        }
        match of.signal {
            true => self.start_forming(direction, now, network),
            false if of.adjacent => self.give_up(direction, now, network),
            false => {}
        }
    }

    /// The near end of a direction gives its neighbour up.
    pub(super) fn give_up(&mut self, direction: Direction, now: SimTime, network: &Network) {
        self.neighbours.set_adjacent(direction, false);
        let near = self.topology.near_end(direction);
        match self.topology.is_external(direction) {
            true => self.session_lost(direction, now, network),
            false => self.advertise(near, now, network),
        }
        if !network.has_signal(direction) {
            return;
        }
        // The next packet says so, if it gets through.
        if self.neighbours.draw(direction) >= self.loss(direction, network) {
            let at = now + network.link_delay(direction);
            self.push(at, Event::Told { direction: direction.opposite() });
        }
        if !self.settings.shut[direction.link()] && !self.speaking.is_tripped(direction) {
            let again = now + self.between_attempts(direction);
            self.form_at(direction, again);
        }
    }

    pub(super) fn told(&mut self, direction: Direction, now: SimTime, network: &Network) {
        let alive = self.is_alive(self.topology.near_end(direction), network);
        if alive && self.neighbours.adjacent(direction) {
            self.give_up(direction, now, network);
        }
    }

    fn between_attempts(&self, direction: Direction) -> SimDuration {
        match self.topology.is_external(direction) {
            true => self.timers.bgp.connect,
            false => self.timers.hello.every,
        }
    }

    /// Both ends begin to greet each other, unless they do already.
    pub(super) fn start_forming(&mut self, direction: Direction, now: SimTime, network: &Network) {
        let both =
            self.neighbours.adjacent(direction) && self.neighbours.adjacent(direction.opposite());
        let may = network.has_signal(direction)
            && !self.settings.shut[direction.link()]
            && !self.speaking.is_tripped(direction);
        if may && !both && self.neighbours.forming[direction.link()].is_none() {
            self.form_at(direction, now);
        }
    }

    /// Attempts begin anew at this time; earlier ones are off.
    fn form_at(&mut self, direction: Direction, at: SimTime) {
        self.neighbours.attempts += 1;
        let epoch = self.neighbours.attempts;
        self.neighbours.forming[direction.link()] = Some(epoch);
        self.push(at, Event::Hello { link: direction.link() as u32, epoch });
    }

    /// Greetings go both ways; if both arrive, the ends exchange what they know.
    pub(super) fn hello(&mut self, link: u32, epoch: u32, now: SimTime, network: &Network) {
        let ways = [Direction(2 * link), Direction(2 * link + 1)];
        if self.neighbours.forming[link as usize] != Some(epoch) {
            return;
        }
        if !network.has_signal(ways[0]) || self.settings.shut[link as usize] {
            self.neighbours.forming[link as usize] = None;
            return;
        }
        let passes = ways.map(|way| self.neighbours.draw(way) >= self.loss(way, network));
        if passes == [true; 2] {
            // There and back twice: greeting and answer, then databases or tables.
            let delay = network.link_delay(ways[0]) * 4 + self.timers.flooding;
            self.push(now + delay, Event::Formed { link, epoch });
        } else {
            let again = now + self.between_attempts(ways[0]);
            self.push(again, Event::Hello { link, epoch });
        }
    }

    pub(super) fn formed(&mut self, link: u32, epoch: u32, now: SimTime, network: &Network) {
        let ways = [Direction(2 * link), Direction(2 * link + 1)];
        if self.neighbours.forming[link as usize] != Some(epoch) {
            return;
        }
        self.neighbours.forming[link as usize] = None;
        if !network.has_signal(ways[0]) || self.settings.shut[link as usize] {
            return;
        }
        let external = self.topology.is_external(ways[0]);
        for way in ways {
            // An end that had not noticed starts over: the greeting is not from its old neighbour.
            if external && self.neighbours.adjacent(way) {
                self.session_lost(way, now, network);
            }
            self.neighbours.set_adjacent(way, true);
            self.neighbours.directions[way.index()].missed = 0;
        }
        match external {
            true => self.session_up(ways[0], now, network),
            false => self.exchange(ways[0], now, network),
        }
        for way in ways {
            self.listen(way, now);
        }
    }

    /// The share of packets that a direction loses is this now.
    pub(super) fn note_loss(&mut self, direction: Direction, loss: f64, now: SimTime) {
        let of = &mut self.neighbours.directions[direction.index()];
        if of.loss == loss {
            return;
        }
        self.neighbours.lossy -= usize::from(of.loss > 0.0);
        self.neighbours.lossy += usize::from(loss > 0.0);
        of.loss = loss;
        self.listen(direction, now);
    }

    /// Draws when the far end misses its next beat.
    fn listen(&mut self, direction: Direction, now: SimTime) {
        let beat = self.beat(direction);
        let of = &mut self.neighbours.directions[direction.index()];
        of.silence_epoch += 1;
        let (loss, epoch) = (of.loss, of.silence_epoch);
        if loss == 0.0 {
            of.missed = 0;
        }
        let chance = math::pow(loss, f64::from(beat.misses));
        if chance < NEVER || !self.neighbours.directions[direction.opposite().index()].adjacent {
            return;
        }
        let luck = self.neighbours.draw(direction);
        let of = &mut self.neighbours.directions[direction.index()];
        // Beats until one is lost: 1 with probability `loss`, and so on.
        let more = if loss < 1.0 { math::ln(luck) / math::ln_1p(-loss) } else { 0.0 };
        if more >= 1.0 {
            of.missed = 0;
        }
        let phase = SimDuration((of.luck.uniform(0) * beat.every.0 as f64) as u64);
        let since = SimDuration((now.0 + beat.every.0 - phase.0) % beat.every.0);
        let skipped = (more as u64).min(BEATS_MAX);
        let at = now + beat.every * (skipped + 1) - since;
        self.push(at, Event::Silence { direction, epoch });
    }

    /// The far end misses a beat.
    pub(super) fn silence(
        &mut self,
        direction: Direction,
        epoch: u32,
        now: SimTime,
        network: &Network,
    ) {
        let misses = self.beat(direction).misses;
        let of = &mut self.neighbours.directions[direction.index()];
        if of.silence_epoch != epoch {
            return;
        }
        of.missed += 1;
        if of.missed < misses {
            return self.listen(direction, now);
        }
        of.missed = 0;
        let listener = direction.opposite();
        let alive = self.is_alive(self.topology.near_end(listener), network);
        if alive && self.neighbours.adjacent(listener) {
            self.give_up(listener, now, network);
        }
    }
}

/// Beats looked ahead at most: far beyond any run.
const BEATS_MAX: u64 = 1 << 20;
