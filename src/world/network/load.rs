//! The fluid data plane: what was offered since the last tick, and what it does to the queues.

use super::element::SessionTable;
use super::fluid::{Flow, Fluid, Step};
use super::forwarding::{End, TIME_TO_LIVE};
use super::table::PathKind;
use super::tick::UNSETTLED;
use super::topology::Direction;
use super::{MiddleboxNow, Network, PathId, PathView, RouterState};
use crate::kernel::time::SimDuration;

/// Payload of a full TCP segment [bit]: 1460 bytes, an Ethernet MTU of 1500 less 20 bytes each of
/// IPv4 and TCP header (RFC 9293, section 3.7.1; RFC 894).
pub const MSS_BITS: f64 = 1460.0 * 8.0;

/// Utilisation from which an element counts as busy (DESIGN.md, section 5) [share].
const BUSY_FROM: f64 = 0.8;

/// Grains of load that may queue at a small scale before it counts. The queue of M/D/1 exceeds x
/// with a probability of about exp(-2 x (1 - rho) / rho) (heavy traffic: Kingman 1962), at rho =
/// 0.9 and x = 32 that is 1 in 1,000.
const SLACK_GRAINS: f64 = 32.0;

/// Grains that a mean loss is of, at least: Poisson counts of 32 are off by 18 %. Measured on the
/// scenario `first-steps` (`run --fidelity exact --seeds 20`, with ticks fixed in `tick.rs`): ticks
/// of 10, 20, 100 and 500 ms lose 40,500, 40,500, 40,400 and 40,100 mailbox-minutes, and without
/// this mean 4,300, 8,900, 31,500 and 39,500. In a hundred times its size it loses a hundred times
/// 41,000.
const MEAN_GRAINS: f64 = 32.0;

/// Longest time that a mean loss is of [s]: who lost something sends again after that.
const MEAN_MAX_S: f64 = 1.0;

/// Packets of an attempt, both ways together: its full segments, and one to open or acknowledge.
#[inline]
pub fn packets_of(bits: f64) -> f64 {
    (bits / MSS_BITS).ceil() + 1.0
}

/// What was offered to a path since the last tick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    connections: f64,
    /// Of these, met a full session table.
    turned_away: f64,
    bits: f64,
    packets: f64,
}

/// How coarse the load is: running moments of the bits in one attempt, and the scale.
#[derive(Clone, Debug)]
pub(super) struct Grain {
    bits: f64,
    squared_bits: f64,
    /// 1 - 1/N: at full size there is no grain that the full size would not have.
    coarseness: f64,
}

impl Grain {
    pub(super) fn new(scale: f64) -> Grain {
        Grain { bits: 0.0, squared_bits: 0.0, coarseness: 1.0 - 1.0 / scale }
    }

    /// Size of a grain of bits; what matters in a queue is E\[X^2\] / E\[X\]
    /// (Pollaczek-Khinchine).
    fn bits(&self) -> f64 {
        if self.bits > 0.0 { self.squared_bits / self.bits } else { 0.0 }
    }

    /// The same in packets.
    fn packets(&self) -> f64 {
        1.0 + self.bits() / MSS_BITS
    }

    /// A step of a queue with grains of this size.
    fn step(&self, size: f64, capacity: f64, buffer_s: f64, elapsed_s: f64) -> Step {
        let slack = SLACK_GRAINS * self.coarseness * size;
        let mean_s = (MEAN_GRAINS * size / capacity).min(MEAN_MAX_S);
        Step { capacity, buffer_s, slack, mean_s, elapsed_s }
    }
}

/// Sums of one direction of a link, over a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkTotals {
    /// Since the last tick; the others since the last window.
    demand: f64,
    offered: f64,
    lost: f64,
    /// Seconds of full capacity.
    capacity: f64,
}

/// Sums of a middlebox, over a window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MiddleboxTotals {
    /// Since the last tick; the others since the last window.
    demand: Tally,
    offered: f64,
    lost: f64,
}

/// A link over a window: the busier of its directions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkWindow {
    /// Bits offered / bits that it could have carried [share]; 0 without either.
    pub utilisation: f64,
    /// Bits lost / bits offered [share]; 0 without demand.
    pub loss: f64,
}

/// A middlebox over a window; counts are at this run's scale.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MiddleboxWindow {
    /// New connections offered [count].
    pub offered_connections: f64,
    /// Share of them dropped or refused, by a full table too; 0 without any.
    pub lost_share: f64,
    /// Sessions in its table at the end [count].
    pub sessions: f64,
    /// Longest of its queueing delays at the end [s].
    pub delay_s: f64,
}

impl Network {
    /// Counts an attempt's load on its path: new connections, bits both ways together, and their
    /// packets ([`packets_of`]). Hands back what the attempt meets.
    #[inline]
    pub fn offer(&mut self, path: PathId, connections: u32, bits: f64, packets: f64) -> PathView {
        let full = self.add(path, f64::from(connections), bits, packets);
        self.grain.squared_bits += bits * bits;
        self.views[path.index()].behind(full)
    }

    /// Counts the load of so many attempts of one size [bit] that take the same path, with so many
    /// new connections among them.
    #[inline]
    pub fn offer_many(&mut self, path: PathId, attempts: u64, connections: u32, bits: f64) {
        let attempts = attempts as f64;
        let connections = attempts * f64::from(connections);
        self.add(path, connections, attempts * bits, attempts * packets_of(bits));
        self.grain.squared_bits += attempts * bits * bits;
    }

    /// Adds to the tally of a path; the session table before its site, if it is full.
    #[inline(always)]
    fn add(
        &mut self,
        path: PathId,
        connections: f64,
        bits: f64,
        packets: f64,
    ) -> Option<SessionTable> {
        let full = self.full_table(path);
        let tally = &mut self.tallies[path.index()];
        if tally.packets == 0.0 {
            self.offered.push(path);
        }
        tally.connections += connections;
        if full.is_some() {
            tally.turned_away += connections;
        }
        tally.bits += bits;
        tally.packets += packets;
        self.grain.bits += bits;
        full
    }

    /// Advances every queue by `elapsed`, with the load offered since the last tick.
    pub fn tick(&mut self, elapsed: SimDuration) {
        if elapsed == SimDuration::ZERO {
            return;
        }
        // In the order of their numbers, so that sums do not depend on who sent first.
        let mut offered = std::mem::take(&mut self.offered);
        offered.sort_unstable();
        for path in offered.drain(..) {
            self.spread(path.index());
        }
        self.offered = offered;
        let was_busy = std::mem::take(&mut self.busy);
        self.lossy = false;
        self.advance_links(elapsed.as_secs_f64());
        self.advance_middleboxes(elapsed.as_secs_f64());
        let begins = self.busy && !was_busy;
        self.unsettled = match std::mem::take(&mut self.changed) || begins {
            true => UNSETTLED,
            false => SimDuration(self.unsettled.0.saturating_sub(elapsed.0)),
        };
        self.refresh_live_views();
    }

    /// Puts a path's tally on what it passes, up to the first element that carries nothing.
    fn spread(&mut self, index: usize) {
        let tally = std::mem::take(&mut self.tallies[index]);
        let path = self.table.paths[index].clone();
        let starts = self.routers[path.start.index()] == RouterState::Up;
        if path.kind == PathKind::Local || !starts {
            return;
        }
        let each_way = 0.5 * tally.bits;
        let Network { table, links, topology, routers, sites, .. } = self;
        let mut send = |hops: &[Direction], end: End| {
            for (place, &hop) in hops.iter().enumerate() {
                let link = &mut links[hop.link()];
                link.totals[hop.side()].demand += each_way * circles(end, place, hops.len());
                let far_end = topology.far_end(hop);
                if !link.carries() || routers[far_end.index()] != RouterState::Up {
                    return false;
                }
            }
            end == End::Delivered
        };
        if !send(table.hops(&path), path.ends[0]) || !sites[path.to.index()].up {
            return;
        }
        send(table.hops_back(&path), path.ends[1]);
        let site = &self.sites[path.to.index()];
        if path.kind != PathKind::FromRegion {
            return;
        }
        let table_at = site.table.map(|table| table.at);
        for &id in &site.middleboxes {
            let demand = &mut self.middleboxes[id.index()].totals.demand;
            demand.connections += tally.connections - tally.turned_away;
            demand.bits += tally.bits;
            demand.packets += tally.packets;
            if table_at == Some(id) {
                demand.turned_away += tally.turned_away;
            }
        }
    }

    fn advance_links(&mut self, elapsed_s: f64) {
        let size = self.grain.bits();
        for (index, link) in self.links.iter_mut().enumerate() {
            let capacity = link.capacity();
            let step = self.grain.step(size, capacity, link.buffer_s, elapsed_s);
            let passes = [link.passes(0), link.passes(1)];
            for (side, totals) in link.totals.iter_mut().enumerate() {
                let fluid = &mut self.directions[2 * index + side];
                let demand = std::mem::take(&mut totals.demand);
                let flow = fluid.advance(demand, &step);
                totals.offered += demand;
                totals.lost += flow.lost + flow.carried * (1.0 - passes[side]);
                totals.capacity += capacity * elapsed_s;
                self.busy |= is_busy(fluid);
                self.lossy |= fluid.loss > 0.0;
            }
        }
    }

    fn advance_middleboxes(&mut self, elapsed_s: f64) {
        let grain = &self.grain;
        for middlebox in &mut self.middleboxes {
            let demand = std::mem::take(&mut middlebox.totals.demand);
            let factor = middlebox.factor;
            let step = |limit: f64, size: f64| {
                grain.step(size, limit * factor, middlebox.buffer_s, elapsed_s)
            };
            let connections = step(middlebox.connections_per_s, 1.0);
            let packets = step(middlebox.packets_per_s, grain.packets());
            let bits = step(middlebox.bits_per_s, grain.bits());
            let flow =
                advance_limited(&mut middlebox.connections, demand.connections, &connections);
            advance_limited(&mut middlebox.packets, demand.packets, &packets);
            advance_limited(&mut middlebox.bits, demand.bits, &bits);
            middlebox.totals.offered += demand.connections + demand.turned_away;
            middlebox.totals.lost += flow.lost + demand.turned_away;
            self.busy |= is_busy(&middlebox.connections);
            self.busy |= is_busy(&middlebox.packets) || is_busy(&middlebox.bits);
        }
    }

    /// Fills in what was measured since the last call, one entry a middlebox and a link, and starts
    /// over.
    pub fn take_window(
        &mut self,
        middleboxes: &mut Vec<MiddleboxWindow>,
        links: &mut Vec<LinkWindow>,
    ) {
        middleboxes.clear();
        links.clear();
        middleboxes.extend(self.middleboxes.iter_mut().map(MiddleboxNow::take_window));
        for site in &self.sites {
            for id in &site.middleboxes {
                middleboxes[id.index()].sessions = site.sessions as f64;
            }
        }
        links.extend(self.links.iter_mut().map(|link| {
            let [out, back] = link.totals.each_mut().map(LinkTotals::take_window);
            if back.utilisation > out.utilisation { back } else { out }
        }));
    }
}

impl LinkTotals {
    fn take_window(&mut self) -> LinkWindow {
        let LinkTotals { offered, lost, capacity, demand } = *self;
        *self = LinkTotals { demand, ..LinkTotals::default() };
        // A link that was down all the time is full with whatever was sent into it.
        let full = f64::from(u8::from(offered > 0.0));
        LinkWindow {
            utilisation: if capacity > 0.0 { offered / capacity } else { full },
            loss: if offered > 0.0 { (lost / offered).min(1.0) } else { 0.0 },
        }
    }
}

impl MiddleboxNow {
    fn take_window(&mut self) -> MiddleboxWindow {
        let MiddleboxTotals { offered, lost, demand } = self.totals;
        self.totals = MiddleboxTotals { demand, ..MiddleboxTotals::default() };
        let delay_s = self.bits.delay_s.max(self.packets.delay_s).max(self.connections.delay_s);
        MiddleboxWindow {
            offered_connections: offered,
            lost_share: if offered > 0.0 { (lost / offered).min(1.0) } else { 0.0 },
            sessions: 0.0,
            delay_s,
        }
    }
}

/// As [`Fluid::advance`], where the limit may be infinite: then nothing waits.
fn advance_limited(fluid: &mut Fluid, demand: f64, step: &Step) -> Flow {
    // No limit stays none whatever the share left of it (infinity times 0 is not finite either).
    if step.capacity.is_finite() {
        return fluid.advance(demand, step);
    }
    *fluid = Fluid::default();
    Flow { carried: demand, lost: 0.0 }
}

/// Times that a packet passes the hop at `place` of so many: once, or as often as it circles before
/// its time to live is over.
fn circles(end: End, place: usize, hops: usize) -> f64 {
    match end {
        End::Loop(first) if place >= first as usize => {
            let (before, round) = (first as usize, hops - first as usize);
            TIME_TO_LIVE.saturating_sub(before) as f64 / round as f64
        }
        _ => 1.0,
    }
}

fn is_busy(fluid: &Fluid) -> bool {
    fluid.busy || fluid.utilisation > BUSY_FROM
}
