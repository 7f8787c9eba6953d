//! The tables that packets are forwarded by, and the ways that lead through them.
//!
//! A router's table is the chart that it computed last, from which next hops follow, and for every
//! prefix of another system the exit that BGP chose. Following the tables router by router, as they
//! are at one instant, shows where packets come out: at their destination, at a router that knows
//! no way (a black hole), in a loop between routers that disagree, or at somebody else who
//! announced the address.

use std::sync::Arc;

use super::chart::{Chart, UNREACHABLE};
use super::prefix::{Address, Prefixes, Target};
use super::topology::{Direction, Topology};
use crate::scenario::model::{PrefixId, RouterId};

/// Equal-cost paths followed between two ends; of more, the first in link order share the flows.
pub const MAX_PATHS: usize = 16;

/// Hops after which a packet is dropped (the default of Linux; RFC 1122, section 3.2.1.7, only asks
/// for enough).
pub const TIME_TO_LIVE: usize = 64;

/// Where a router sends what is for another system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// It knows no route.
    #[default]
    None,
    /// Out over this link.
    Link(Direction),
    /// To the border router that told it.
    Via(RouterId),
}

/// The tables of all routers.
#[derive(Clone, Debug)]
pub struct Tables {
    /// [router]: its chart.
    charts: Vec<Arc<Chart>>,
    prefix_count: usize,
    /// [router x prefix]: its exit.
    exits: Vec<Exit>,
}

/// Where a way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At its destination.
    Delivered,
    /// At a router that knows no way.
    NoRoute(RouterId),
    /// Back at the router before the hop of this index: from there on it circles.
    Loop(u32),
    /// At another router that announces the address: hijacked.
    Elsewhere(RouterId),
    /// After more hops than a packet may take.
    TooLong,
}

/// One way of a pair of ends, with its share of flows.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Directions of links, in order.
    pub hops: Vec<Direction>,
    /// Share of flows that take it.
    pub share: f64,
    /// Where it ends.
    pub end: End,
}

impl Tables {
    /// Tables by these charts, without any exits.
    pub fn new(charts: Vec<Arc<Chart>>, prefix_count: usize) -> Tables {
        let exits = vec![Exit::None; charts.len() * prefix_count];
        Tables { charts, prefix_count, exits }
    }

    /// The chart that a router forwards by.
    pub fn chart(&self, router: RouterId) -> &Arc<Chart> {
        &self.charts[router.index()]
    }

    /// Puts another chart into a router's table.
    pub fn set_chart(&mut self, router: RouterId, chart: Arc<Chart>) {
        self.charts[router.index()] = chart;
    }

    /// Where a router sends what is for a prefix of another system.
    pub fn exit(&self, router: RouterId, prefix: PrefixId) -> Exit {
        self.exits[router.index() * self.prefix_count + prefix.index()]
    }

    /// Puts another exit into a router's table.
    pub fn set_exit(&mut self, router: RouterId, prefix: PrefixId, exit: Exit) {
        self.exits[router.index() * self.prefix_count + prefix.index()] = exit;
    }

    /// The next hops of a router for a prefix; `true` if it announces the prefix itself.
    fn next_hops(
        &self,
        at: RouterId,
        prefix: PrefixId,
        topology: &Topology,
        hops: &mut Vec<Direction>,
    ) -> bool {
        let chart = &self.charts[at.index()];
        let nearest = chart.distance_to_prefix(at, prefix, topology);
        if nearest != UNREACHABLE {
            for origin in chart.origins(prefix) {
                if origin == at {
                    return true;
                }
                if chart.distance(at, origin, topology) == nearest {
                    chart.next_hops(at, origin, topology, hops);
                }
            }
            hops.sort_unstable();
            hops.dedup();
            return false;
        }
        match self.exit(at, prefix) {
            Exit::Link(direction) => hops.push(direction),
            Exit::Via(border) => chart.next_hops(at, border, topology, hops),
            Exit::None => {}
        }
        false
    }

    /// The ways from a router to an address, in order of links, with shares that add up to 1; at
    /// most [`MAX_PATHS`]. `seen` collects every router whose table was looked at.
    pub fn ways(
        &self,
        from: RouterId,
        to: Address,
        topology: &Topology,
        prefixes: &Prefixes,
        seen: &mut Vec<RouterId>,
    ) -> Vec<Way> {
        let mut walk = Walk {
            tables: self,
            topology,
            target: prefixes.of(to),
            on_the_way: Vec::new(),
            hops: Vec::new(),
            ways: Vec::new(),
            seen,
        };
        walk.follow(from, 1.0);
        let mut ways = walk.ways;
        let kept: f64 = ways.iter().map(|way| way.share).sum();
        for way in &mut ways {
            way.share /= kept;
        }
        ways
    }
}

struct Walk<'a> {
    tables: &'a Tables,
    topology: &'a Topology,
    target: Target<'a>,
    on_the_way: Vec<RouterId>,
    hops: Vec<Direction>,
    ways: Vec<Way>,
    seen: &'a mut Vec<RouterId>,
}

impl Walk<'_> {
    fn end(&mut self, share: f64, end: End) {
        self.ways.push(Way { hops: self.hops.clone(), share, end });
    }

    fn follow(&mut self, at: RouterId, share: f64) {
        self.seen.push(at);
        if !self.target.anycast && self.target.homes.contains(&at) {
            return self.end(share, End::Delivered);
        }
        if let Some(before) = self.on_the_way.iter().position(|&router| router == at) {
            return self.end(share, End::Loop(before as u32));
        }
        if self.hops.len() == TIME_TO_LIVE {
            return self.end(share, End::TooLong);
        }
        let mut next = Vec::new();
        for &prefix in self.target.prefixes {
            if self.tables.next_hops(at, prefix, self.topology, &mut next) {
                let home = self.target.anycast && self.target.homes.contains(&at);
                return self.end(share, if home { End::Delivered } else { End::Elsewhere(at) });
            }
            if !next.is_empty() {
                break;
            }
        }
        if next.is_empty() {
            return self.end(share, End::NoRoute(at));
        }
        self.on_the_way.push(at);
        let each = share / next.len() as f64;
        for direction in next {
            if self.ways.len() == MAX_PATHS {
                break;
            }
            self.hops.push(direction);
            self.follow(self.topology.far_end(direction), each);
            self.hops.pop();
        }
        self.on_the_way.pop();
    }
}
