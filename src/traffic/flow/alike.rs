//! Stations alike, as one: partitions that nothing tells apart, while they are far from their
//! limits.
//!
//! Of stations that every request finds with the same share, each gets what is dealt to it by luck
//! alone. While no luck brings one of them near its slots, it does not matter which of them a
//! request is at: they are kept as one *joined* station with the slots of all, and a step costs
//! what it costs for one. What each has had is dealt when somebody looks at it, at the end of a
//! window, or when they are separated because the joined one is no longer calm or something tells
//! them apart. **Leaves out.** Within the step in which a load comes that is too much for some of
//! them, they help each other out.

use super::program::Programs;
use super::token::Token;
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::measure::recorder::{StationCell, StationTotals};
use crate::scenario::model::SiteId;
use crate::traffic::plan::Plan;
use crate::world::service::Station;
use std::collections::BTreeMap;

/// Standard deviations of a station's busy slots that must be free above their mean, so that
/// stations are joined, and that they stay so: of 1e9 looks, less than one finds more.
const CALM_ROOTS: (f64, f64) = (8.0, 6.0);

/// Stations that requests find with the same share, whatever they are.
#[derive(Clone, Debug)]
pub(super) struct Alike {
    /// While they are one, the first stands for all.
    stations: Vec<u32>,
    /// For how long new capacity of theirs is cold [ns].
    cold_for: u64,
    pub joined: bool,
    /// Requests at each when what they have had was dealt last.
    held: Vec<u64>,
    /// The first one's totals then.
    totals: StationTotals,
    waits: (f64, u64),
}

impl Alike {
    fn first(&self) -> usize {
        self.stations[0] as usize
    }

    pub(super) fn has(&self, station: usize) -> bool {
        self.stations.iter().any(|&one| one as usize == station)
    }

    /// Each station with the requests at it, as dealt last.
    pub(super) fn held(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.stations.iter().map(|&one| one as usize).zip(self.held.iter().copied())
    }

    /// Whether `present` requests leave every station far from its slots, and nothing tells them
    /// apart.
    fn is_calm(&self, present: u64, roots: f64, stations: &[Station], now: u64) -> bool {
        let of = &stations[self.first()];
        let mean = present as f64 / self.stations.len() as f64;
        let most = mean + roots * (math::sqrt(mean) + 1.0);
        let cold_since = |of: &Station| {
            of.cold_since.filter(|since| now < since.0.saturating_add(self.cold_for))
        };
        let same = |&one: &u32| {
            let other = &stations[one as usize];
            is_like(of, other) && cold_since(of) == cold_since(other)
        };
        !of.hung && most <= f64::from(of.slots) && self.stations.iter().all(same)
    }
}

/// Whether two stations do the same with what comes to them.
fn is_like(a: &Station, b: &Station) -> bool {
    let form = |of: &Station| (of.slots, of.queue_limit, of.accepts, of.hung);
    form(a) == form(b)
        && a.slow.total_cmp(&b.slow).is_eq()
        && a.error_share.total_cmp(&b.error_share).is_eq()
}

/// Shares that differ by less are the same.
const SAME_SHARE: f64 = 1e-9;

/// The stations alike of these programs: those of one site that calls find with the same share in
/// each visit, whatever is activated, that nobody enters at and that call nobody.
pub(super) fn alike(plan: &Plan, programs: &Programs, stations: &[Station]) -> Vec<Alike> {
    let mut visited: Vec<Vec<(usize, usize, u64)>> = vec![Vec::new(); stations.len()];
    let mut apart = vec![false; stations.len()];
    for (program, of) in programs.all.iter().enumerate() {
        for (number, visit) in of.visits.iter().enumerate() {
            if visit.moves || visit.calls(number) {
                visit.reached().for_each(|station| apart[station as usize] = true);
            }
            for &(station, share) in &visit.stations {
                let share = (share / SAME_SHARE).round() as u64;
                visited[station as usize].push((program, number, share));
                apart[station as usize] |= number == 0;
            }
        }
    }
    let mut found: BTreeMap<(usize, SiteId, Vec<_>), Vec<u32>> = BTreeMap::new();
    for (index, visited) in visited.into_iter().enumerate() {
        if !visited.is_empty() && !apart[index] {
            let of = &stations[index];
            found.entry((of.service.index(), of.site, visited)).or_default().push(index as u32);
        }
    }
    let alike = |((service, ..), stations): ((usize, SiteId, _), Vec<u32>)| Alike {
        joined: false,
        cold_for: plan.services[service].warm_up.map_or(0, |(_, over_ns)| over_ns),
        held: vec![0; stations.len()],
        totals: StationTotals::default(),
        waits: (0.0, 0),
        stations,
    };
    found.into_iter().filter(|(_, stations)| stations.len() > 1).map(alike).collect()
}

impl Flow {
    /// Joins stations that have become calm. Only as a window begins: what they have had in it
    /// until then would be dealt anew.
    pub(super) fn join_alike(&mut self, scene: &Scene) {
        let stations = &scene.world.services.stations;
        for group in &mut self.alike {
            let lines = || group.stations.iter().map(|&one| &self.lines[one as usize]);
            let fresh = lines().all(|line| line.window == StationCell::default());
            let present = lines().map(|line| line.busy).sum();
            let waits = lines().any(|line| line.waiting() > 0);
            if group.joined || !fresh || waits {
                continue;
            }
            if !group.is_calm(present, CALM_ROOTS.0, stations, self.clock) {
                continue;
            }
            let first = group.first();
            group.joined = true;
            group.held = lines().map(|line| line.busy).collect();
            (group.totals, group.waits) =
                (scene.recorder.stations[first], scene.recorder.waits[first]);
            for &other in &group.stations[1..] {
                let other = &mut self.lines[other as usize];
                (other.busy, other.busy_mean, other.stands_for) = (0, 0.0, 0);
                other.rejects_after = None;
                let theirs = std::mem::take(&mut other.serving);
                let serving = &mut self.lines[first].serving;
                for token in theirs {
                    let token = Token { station: first as u16, ..token };
                    match serving.iter_mut().find(|mine| mine.is_like(&token)) {
                        Some(mine) => mine.absorb(&token),
                        None => serving.push(token),
                    }
                }
            }
            (self.lines[first].busy, self.lines[first].stands_for) =
                (present, group.stations.len() as u64);
            self.programs.join(&group.stations);
        }
    }

    /// Separates joined stations of which some may come near their limits, or that are no longer
    /// alike.
    pub(super) fn separate_alike(&mut self, scene: &mut Scene) {
        for number in 0..self.alike.len() {
            let group = &self.alike[number];
            let line = &self.lines[group.first()];
            let stations = &scene.world.services.stations;
            let is_calm = || group.is_calm(line.busy, CALM_ROOTS.1, stations, self.clock);
            let calm = || line.waiting() == 0 && is_calm();
            if group.joined && !calm() {
                self.separate(number, scene);
            }
        }
    }

    /// Separates the joined station that this one is of, if there is one.
    pub(super) fn separate_from_alike(&mut self, station: usize, scene: &mut Scene) {
        let of = self.alike.iter().position(|group| group.joined && group.has(station));
        if let Some(number) = of {
            self.separate(number, scene);
        }
    }

    /// Deals what joined stations have had since this was done last, as a window ends.
    pub(super) fn deal_alike(&mut self, scene: &mut Scene) {
        self.separate_alike(scene);
        for number in 0..self.alike.len() {
            if self.alike[number].joined {
                self.deal_joined(number, scene);
            }
        }
    }

    /// Deals what a joined station has had to those that it stands for.
    ///
    /// Arrivals are as likely at each. Of all that has been at one of them, any is as likely to be
    /// there still, and of what has left, any to have left in one way or another.
    fn deal_joined(&mut self, number: usize, scene: &mut Scene) {
        let group = &mut self.alike[number];
        let first = group.first();
        let all = group.stations.len();
        let line = &mut self.lines[first];
        let totals = std::mem::replace(&mut scene.recorder.stations[first], group.totals);
        let waits = std::mem::replace(&mut scene.recorder.waits[first], group.waits);
        let had = |of: fn(&StationTotals) -> u64| of(&totals) - of(&group.totals);
        let window = std::mem::take(&mut line.window);
        let draws = &mut self.draws;

        let mut left = had(|of| of.arrived);
        let mut arrived = vec![0; all];
        for (place, arrived) in arrived.iter_mut().enumerate() {
            *arrived = binomial(draws, left, 1.0 / (all - place) as f64);
            left -= *arrived;
        }
        let mut gone: Vec<u64> = arrived.iter().zip(&group.held).map(|(a, b)| a + b).collect();
        let been = gone.clone();
        group.held = take_from(&mut gone, line.busy + line.waiting(), draws);
        let mut kind = |of| take_from(&mut gone, had(of), draws);
        let useful = kind(|of| of.useful);
        let stale = kind(|of| of.stale);
        let refused = [kind(|of| of.rejected), kind(|of| of.dropped), kind(|of| of.crashed)];
        let mut served: Vec<u64> = useful.iter().zip(&stale).map(|(a, b)| a + b).collect();
        let errors = take_from(&mut served, u64::from(window.errors), draws);
        let mut waited = arrived.clone();
        let started = take_from(&mut waited, waits.1 - group.waits.1, draws);

        let whole = been.iter().sum::<u64>().max(1) as f64;
        for (place, &station) in group.stations.iter().enumerate() {
            let station = station as usize;
            let of = &mut scene.recorder.stations[station];
            of.arrived += arrived[place];
            of.useful += useful[place];
            of.stale += stale[place];
            of.rejected += refused[0][place];
            of.dropped += refused[1][place];
            of.crashed += refused[2][place];
            let share = been[place] as f64 / whole;
            let of = &mut scene.recorder.waits[station];
            of.0 += share * (waits.0 - group.waits.0);
            of.1 += started[place];
            self.lines[station].window = StationCell {
                slot_s: window.slot_s / all as f64,
                busy_s: window.busy_s * share,
                queue_s: window.queue_s * share,
                arrived: arrived[place] as u32,
                useful: useful[place] as u32,
                stale: stale[place] as u32,
                refused: refused.iter().map(|kind| kind[place] as u32).sum(),
                errors: errors[place] as u32,
            };
        }
        group.totals = scene.recorder.stations[first];
        group.waits = scene.recorder.waits[first];
    }

    /// Makes a joined station those that it stands for again.
    fn separate(&mut self, number: usize, scene: &mut Scene) {
        self.deal_joined(number, scene);
        let group = &mut self.alike[number];
        group.joined = false;
        let first = group.first();
        let line = &mut self.lines[first];
        let lists = std::mem::take(&mut line.lists).map(|list| list.queue);
        let serving = std::mem::take(&mut line.serving);
        line.busy = 0;
        for &station in &group.stations {
            let line = &mut self.lines[station as usize];
            (line.stands_for, line.busy_mean) = (1, 0.0);
            line.look_again();
        }
        let serving = serving.into_iter().map(|token| (token, None));
        let queued = lists.into_iter().enumerate();
        let queued =
            queued.flat_map(|(list, queue)| queue.into_iter().map(move |t| (t, Some(list))));
        for (token, waits) in serving.chain(queued) {
            let dealt = take_from(&mut group.held, token.count, &mut self.draws);
            for (&station, count) in group.stations.iter().zip(dealt) {
                let line = &mut self.lines[station as usize];
                let token = Token { station: station as u16, count, ..token };
                match (count, waits) {
                    (0, _) => {}
                    (_, None) => {
                        line.busy += count;
                        line.serving.push(token);
                    }
                    (_, Some(list)) => {
                        line.lists[list].waiting += count;
                        line.lists[list].queue.push_back(token);
                    }
                }
            }
        }
        self.programs.separate(&group.stations);
    }
}

/// Takes `n` out of what there is in several places, each as likely; how many of each.
fn take_from(places: &mut [u64], mut n: u64, draws: &mut Stream) -> Vec<u64> {
    let mut others: u64 = places.iter().sum();
    let mut taken = Vec::with_capacity(places.len());
    for place in places {
        others -= *place;
        let here = hypergeometric(draws, *place, others, n);
        (*place, n) = (*place - here, n - here);
        taken.push(here);
    }
    debug_assert!(n == 0, "more is taken than there is");
    taken
}
