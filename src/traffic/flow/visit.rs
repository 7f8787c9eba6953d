//! One visit of a request at a station: where it can be made, and what its time depends on.

use super::caches::Caches;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{ServiceId, SiteId};
use crate::traffic::plan::Plan;
use crate::world::World;
use crate::world::service::Station;

/// Changes that are too small to make the law of a whole request anew: of shares, and of times and
/// their loss, as a part and [s].
const SAME_SHARE: f64 = 1.0 / 32.0;
const SAME_TIME: (f64, f64) = (0.02, 1e-4);
const SAME_LOSS: f64 = 0.002;

/// Loss where no way is open.
const CLOSED: f64 = 1.0;

/// One visit of a request at a station.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub service: ServiceId,
    /// The visit that makes it, and the first that is not made on its behalf: indices into the
    /// program's, in which every visit comes before all that it makes.
    pub caller: u8,
    pub end: u8,
    /// The site of whoever makes it.
    pub from: SiteId,
    /// The sites that it can be made at, and the stations there, with the share of each.
    pub reach: Vec<(SiteId, Vec<(u32, f64)>)>,
    /// The stations that it is made at now, with the share of each.
    pub stations: Vec<(u32, f64)>,
    /// The same with stations that are joined as one (see `alike.rs`).
    pub dealt: Vec<(u32, f64)>,
    /// Share that no site answers.
    pub nowhere: f64,
    /// The store whose databases say at which site, and whether these are ever activated elsewhere.
    pub store: Option<u32>,
    pub moves: bool,
    /// What nobody waits for any more is dropped there.
    pub drops: bool,
    /// It goes first there, under priority.
    pub first: bool,
    /// Index into [`Programs::laws`](super::program::Programs).
    pub law: u32,
    /// Factor on the law: the operation's cost, at the entry.
    pub cost: f64,
    /// Probability that it is made, where a cache has nothing.
    pub probability: f64,
    /// The cache that is asked before it is made.
    pub cache: Option<u16>,
    /// The call that makes it: index into the plan's; `None`: the entry.
    pub call: Option<u16>,
    /// Its failure fails the request that makes it.
    pub required: bool,
    /// Its slot is held while it calls.
    pub holds: bool,
    /// Mean wait before a call that was given up is made again [s]; `None`: it is not.
    pub again_s: Option<f64>,
    /// Timeout of the call, or at an entry the client's [ns].
    pub timeout: u64,
}

/// What there is at a time.
pub(super) struct Now<'w> {
    pub plan: &'w Plan,
    pub world: &'w World,
    pub caches: &'w Caches,
    pub at: SimTime,
}

/// Parts of a warm-up in each of which work takes as long as in its middle.
const SLICES: u64 = 20;

/// How many times as long as the law says work takes that a station begins at a time.
#[inline]
pub(super) fn slowness(plan: &Plan, station: &Station, at: SimTime) -> f64 {
    let service = &plan.services[station.service.index()];
    let (Some(since), Some((_, over_ns))) = (station.cold_since, service.warm_up) else {
        return station.slow;
    };
    let slice = (over_ns / SLICES).max(1);
    let age = (at - since).0 / slice * slice + slice / 2;
    station.slow * service.cold_factor(SimDuration(age))
}

/// What the time of a visit depends on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// Mean slowness of its stations.
    pub slow: f64,
    /// Probability that its caller makes it, and where that goes on without it, that it is
    /// answered.
    pub made: f64,
    /// (share of the visits, time in the network both ways [s], loss) of each site; none where all
    /// are made at the caller's own.
    pub trips: Vec<(f64, f64, f64)>,
}

impl Visit {
    /// All stations that it can be made at.
    pub(super) fn reached(&self) -> impl Iterator<Item = u32> + '_ {
        self.reach.iter().flat_map(|(_, stations)| stations).map(|&(station, _)| station)
    }

    /// Whether it makes calls itself, as the visit of this index.
    pub(super) fn calls(&self, index: usize) -> bool {
        self.end as usize > index + 1
    }

    /// Whether it is always made at its caller's site.
    pub(super) fn is_within_site(&self) -> bool {
        self.reach.iter().all(|&(at, _)| at == self.from)
    }

    /// From here on it is made at the sites of [`Visit::reach`] with these shares.
    pub(super) fn deal(&mut self, share: impl Fn(SiteId) -> f64) {
        self.stations.clear();
        for (site, stations) in &self.reach {
            let of_site = share(*site);
            if of_site > 0.0 {
                self.stations.extend(stations.iter().map(|&(at, share)| (at, share * of_site)));
            }
        }
        self.dealt.clone_from(&self.stations);
        let answered: f64 = self.stations.iter().map(|at| at.1).sum();
        self.nowhere = if answered > 1.0 - 1e-9 { 0.0 } else { 1.0 - answered };
    }

    /// What its time depends on now.
    pub(super) fn seen(&self, now: &Now) -> Seen {
        let from = self.from;
        let station = |at: u32| &now.world.services.stations[at as usize];
        let answered = 1.0 - self.nowhere;
        let slow = |&(at, share): &(u32, f64)| share * slowness(now.plan, station(at), now.at);
        let slow: f64 = self.stations.iter().map(slow).sum();
        let mut made = self.probability * now.caches.misses(self.cache, from);
        if !self.required {
            made *= answered;
        }
        let mut trips = Vec::new();
        if !self.is_within_site() {
            trips.extend(self.reach.iter().map(|&(to, _)| {
                let at_site = self.stations.iter().filter(|&&(at, _)| station(at).site == to);
                let share = at_site.map(|at| at.1).sum::<f64>() / answered.max(1e-12);
                if to == from {
                    return (share, 0.0, 0.0);
                }
                let there = now.world.network.between_sites(from, to);
                let back = now.world.network.between_sites(to, from);
                let trip_s = there.delay.as_secs_f64() + back.delay.as_secs_f64();
                (share, trip_s, if there.arrives && back.arrives { there.loss } else { CLOSED })
            }));
        }
        Seen {
            slow: if self.nowhere == 0.0 { slow } else { slow / answered.max(1e-12) },
            made,
            trips,
        }
    }
}

impl Seen {
    /// Where everything is as it was planned, and at the caller's own site.
    pub(super) fn plain(visit: &Visit) -> Seen {
        Seen { slow: 1.0, made: visit.probability, trips: Vec::new() }
    }

    /// What it was where a way is closed: nobody is answered by it, but some were whose answers are
    /// still to be looked at.
    pub(super) fn with_closed_ways_of(mut self, before: &Seen) -> Seen {
        for (number, trip) in self.trips.iter_mut().enumerate().filter(|(_, trip)| trip.2 >= CLOSED)
        {
            let before = before.trips.get(number).map_or((0.0, 0.0), |trip| (trip.1, trip.2));
            (trip.1, trip.2) = before;
        }
        self
    }

    /// Whether what it was is as good as what it is.
    pub(super) fn is_like(&self, other: &Seen) -> bool {
        let same_trip = |(a, b): (&(f64, f64, f64), &(f64, f64, f64))| {
            (a.0 - b.0).abs() < SAME_SHARE
                && (a.1 - b.1).abs() < SAME_TIME.1 + SAME_TIME.0 * a.1.max(b.1)
                && (a.2 - b.2).abs() < SAME_LOSS
        };
        (self.slow - other.slow).abs() < 1e-9
            && (self.made - other.made).abs() < SAME_SHARE
            && self.trips.len() == other.trips.len()
            && self.trips.iter().zip(&other.trips).all(same_trip)
    }

    /// Mean time in the network, both ways and with what is lost [s].
    pub(super) fn trip_s(&self, timeout_s: f64) -> f64 {
        let of = |&(share, trip_s, loss): &(f64, f64, f64)| share * (trip_s + loss * timeout_s);
        self.trips.iter().map(of).sum()
    }
}
