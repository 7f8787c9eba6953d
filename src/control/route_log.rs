//! Which way every region went to every site and name, and since when: the network over time.

use super::change::Change;
use super::{Control, Happening};
use crate::kernel::time::SimTime;
use crate::measure::log::RouteCell;
use crate::scenario::model::{LinkId, RouterId};
use crate::world::World;
use crate::world::network::forwarding::End;
use crate::world::network::{Network, PathNow, RouterState};

/// Changes kept at most; later ones are only counted.
const CHANGES_MAX: usize = 2_000;
/// Events kept at most.
const EVENTS_MAX: usize = 500;

/// The paths of one pair of region and site or name, from a time on.
#[derive(Clone, Debug)]
pub struct RouteChange {
    /// Since when.
    pub at: SimTime,
    /// The pair, as [`Network::region_pair`] numbers it.
    pub pair: usize,
    /// Its paths.
    pub paths: Vec<PathNow>,
}

/// From something that touched the network until its routers were at rest again.
#[derive(Clone, Debug)]
pub struct RouteEvent {
    /// When it began.
    pub at: SimTime,
    /// What began it, in the control's timeline; `None`: nothing of the scenario's, such as lost
    /// keepalives.
    pub cause: Option<usize>,
    /// When a table first changed that a path comes through.
    pub first: Option<SimTime>,
    /// When one last did.
    pub last: Option<SimTime>,
    /// Whether the routers came to rest.
    pub rested: bool,
    /// Largest share of demand that got nowhere meanwhile.
    pub astray: f64,
}

/// All changes so far.
#[derive(Clone, Debug)]
pub struct RouteLog {
    now: Vec<Vec<PathNow>>,
    at_first: Vec<Vec<PathNow>>,
    /// In the order of time; at first every pair once.
    pub changes: Vec<RouteChange>,
    /// Changes that were too many to keep.
    pub left_out: u64,
    /// In the order of time.
    pub events: Vec<RouteEvent>,
    /// Events that were too many to keep.
    pub events_left_out: u64,
    open: bool,
    /// Shares of demand now, and their integrals over the open window.
    shares: RouteCell,
    sums: RouteCell,
    since: SimTime,
}

impl RouteLog {
    /// The paths at t = 0.
    pub fn new(world: &World) -> RouteLog {
        let pairs = world.network.region_pairs();
        let mut log = RouteLog {
            now: vec![Vec::new(); pairs],
            at_first: Vec::new(),
            changes: Vec::new(),
            left_out: 0,
            events: Vec::new(),
            events_left_out: 0,
            open: false,
            shares: RouteCell::default(),
            sums: RouteCell::default(),
            since: SimTime::ZERO,
        };
        log.look(world, SimTime::ZERO);
        log.at_first.clone_from(&log.now);
        log.measure(world, SimTime::ZERO);
        log
    }

    /// Notes what is different now.
    pub fn look(&mut self, world: &World, at: SimTime) {
        let network = &world.network;
        for (pair, last) in self.now.iter_mut().enumerate() {
            let same = network.paths_now(pair).eq(last.iter().copied());
            if same {
                continue;
            }
            last.clear();
            last.extend(network.paths_now(pair));
            if self.changes.len() < CHANGES_MAX.max(network.region_pairs()) {
                self.changes.push(RouteChange { at, pair, paths: last.clone() });
            } else {
                self.left_out += 1;
            }
        }
        self.measure(world, at);
        if self.open
            && let Some(event) = self.events.last_mut()
        {
            event.astray = event.astray.max(self.shares.astray());
        }
    }

    /// Something touches the network, or a table changes that a path comes through (`moved`).
    pub fn touched(&mut self, at: SimTime, cause: Option<(usize, SimTime)>, moved: bool) {
        if !self.open {
            if self.events.len() == EVENTS_MAX {
                self.events_left_out += 1;
                return;
            }
            self.open = true;
            let known = self.events.iter().rev().find_map(|event| event.cause);
            let news = cause.filter(|&(number, _)| known.is_none_or(|known| number > known));
            self.events.push(RouteEvent {
                at: news.map_or(at, |(_, began)| began),
                cause: news.map(|(number, _)| number),
                first: None,
                last: None,
                rested: false,
                astray: 0.0,
            });
        }
        if moved && let Some(event) = self.events.last_mut() {
            event.first.get_or_insert(at);
            event.last = Some(at);
        }
    }

    /// The routers are at rest.
    pub fn rest(&mut self) {
        if std::mem::take(&mut self.open)
            && let Some(event) = self.events.last_mut()
        {
            event.rested = true;
        }
    }

    /// Ends a window: means over its time, and what is down at its end.
    pub fn close_window(&mut self, world: &World, at: SimTime) -> RouteCell {
        self.measure(world, at);
        let (sums, now) = (std::mem::take(&mut self.sums), &world.network);
        let length_s = sums.seconds.max(f64::MIN_POSITIVE);
        let routers = (0..now.topology().router_count() as u32).map(RouterId);
        let links = (0..now.topology().direction_count() as u32 / 2).map(LinkId);
        RouteCell {
            seconds: sums.seconds,
            no_route: sums.no_route / length_s,
            looping: sums.looping / length_s,
            black_hole: sums.black_hole / length_s,
            rerouted: sums.rerouted / length_s,
            routers_down: routers.filter(|r| now.router(*r) != RouterState::Up).count() as u32,
            links_down: links.filter(|l| !now.link(*l).up || now.link(*l).silent).count() as u32,
        }
    }

    /// Adds the time since the last look to the sums, and reads the shares anew.
    fn measure(&mut self, world: &World, at: SimTime) {
        let lasted_s = (at - self.since).as_secs_f64();
        self.since = at;
        self.sums.seconds += lasted_s;
        self.sums.no_route += lasted_s * self.shares.no_route;
        self.sums.looping += lasted_s * self.shares.looping;
        self.sums.black_hole += lasted_s * self.shares.black_hole;
        self.sums.rerouted += lasted_s * self.shares.rerouted;
        self.shares = RouteCell::default();
        for (pair, share) in world.demand_shares().into_iter().enumerate() {
            for path in &self.now[pair] {
                let share = share * path.share;
                *fate(&mut self.shares, &world.network, path, self.at_first.get(pair)) += share;
            }
        }
    }
}

/// The share that a path's flows belong to; one of the sums that nobody reads, if all is well.
fn fate<'a>(
    shares: &'a mut RouteCell,
    network: &Network,
    now: &PathNow,
    at_first: Option<&Vec<PathNow>>,
) -> &'a mut f64 {
    let (_, ends) = network.routers_of(now.path);
    let known = |first: &Vec<PathNow>| first.iter().any(|path| path.path == now.path);
    if ends.iter().any(|end| matches!(end, End::Loop(_))) {
        &mut shares.looping
    } else if ends != [End::Delivered; 2] {
        &mut shares.no_route
    } else if !now.carries {
        &mut shares.black_hole
    } else if !at_first.is_none_or(known) {
        &mut shares.rerouted
    } else {
        &mut shares.seconds
    }
}

impl Control {
    /// Tables that are due are written; traffic is told if any path is another.
    pub(super) fn write_tables(
        &mut self,
        world: &mut World,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        if !self.routing.write_due(&mut world.network, now) {
            return;
        }
        world.follow_routes(now);
        changes.push(Change::Paths);
        self.routes.touched(now, self.last_cause(), true);
        if !std::mem::replace(&mut self.rerouting, true) {
            self.note_paths(world, now, "paths change");
        }
    }

    /// What people or faults did last: its number in the timeline, and when.
    pub(super) fn last_cause(&self) -> Option<(usize, SimTime)> {
        let place = self.timeline.iter().rposition(Happening::acts)?;
        Some((place, self.timeline[place].at))
    }

    pub(super) fn note_paths(&mut self, world: &World, now: SimTime, what: &str) {
        let text = match world.network.pairs_astray() {
            (0, 0) => format!("{what}; every region finds every site"),
            (lost, loops) => {
                format!("{what}; ways that lead nowhere: {lost}, in a circle: {loops}")
            }
        };
        self.note(now, "routing", "routing", text);
    }
}
