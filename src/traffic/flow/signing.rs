//! Sign-ins: who of a crowd begins one, waits for it, and has a session afterwards.
//!
//! Rows know whose sign-ins they are by crowd only; the cells know how many of theirs are under
//! way to which site. What has become of some of a crowd's is dealt out to its cells.

use super::cohort::{Kind, LaneKey, Row};
use super::crowds::{Cell, take};
use super::tracers::{At, Tracer};
use super::{Flow, Scene};
use crate::kernel::math;
use crate::kernel::sample::hypergeometric;
use crate::kernel::stream::Stream;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::World;

/// Time over which the pace of a crowd's sign-ins is smoothed [ns].
const PACE_OVER: u64 = 2_000_000_000;

/// Sign-ins of a crowd that were answered, by site: since the last beat, and a second.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    pub came: Vec<u64>,
    pub per_s: Vec<f64>,
}

impl Pace {
    pub(super) fn new(sites: usize) -> Pace {
        Pace { came: vec![0; sites], per_s: vec![0.0; sites] }
    }

    fn take(&mut self, beat_s: f64, weight: f64) {
        for (came, per_s) in self.came.iter_mut().zip(&mut self.per_s) {
            *per_s += weight * (std::mem::take(came) as f64 / beat_s - *per_s);
        }
    }
}

impl Flow {
    /// The users present at t = 0 are signed in where their name sends them.
    pub(super) fn sign_in_initially(&mut self, world: &mut World) {
        for group in 0..self.crowds_of.len() {
            let of = &world.population.groups[group];
            let present = world.population.present(of, SimTime::ZERO);
            self.present[group] = present;
            let sessions = of.sessions;
            let share = f64::from(present) / f64::from(of.count.max(1));
            self.tracers_follow(group, share);
            let mut left = u64::from(present);
            let (first, end) = self.crowds_of[group];
            let crowds = &mut self.crowds[first as usize..end as usize];
            let mut others: u64 = crowds.iter().map(|crowd| crowd.members).sum();
            for crowd in crowds {
                for cell in &mut crowd.cells {
                    others -= cell.members;
                    let draws = &mut self.draws;
                    let here = hypergeometric(draws, cell.members, others, left);
                    left -= here;
                    cell.present = here;
                    crowd.present += here;
                    let mut site = SiteId(0);
                    if sessions {
                        site = cell.answered;
                        cell.signed[site.index()] += here;
                        crowd.signed[site.index()] += here;
                        world.network.sessions_opened(site, here);
                    }
                    let came = std::mem::take(&mut cell.tracers[At::CAME.place()]);
                    crowd.traced[At::CAME.place()] -= came.len() as u32;
                    crowd.traced[At::Session(site).place()] += came.len() as u32;
                    cell.tracers[At::Session(site).place()].extend(came);
                }
            }
        }
    }

    /// A beat begins: the pace of every crowd's sign-ins is taken.
    pub(super) fn take_pace(&mut self) {
        let weight = (self.beat as f64 / PACE_OVER as f64).min(1.0);
        let beat_s = self.beat as f64 / 1e9;
        self.crowds.iter_mut().for_each(|crowd| crowd.pace.take(beat_s, weight));
    }

    /// Of a crowd's clients whose session ended so long ago, evenly between two times [ns], the
    /// share that has the next one. A sign-in takes so long on the mean as there are clients that
    /// sign in over those that are answered a second (Little's law); taken to be exponential.
    pub(super) fn in_next_session(&self, crowd: u32, (least, most): (u64, u64)) -> f64 {
        let crowd = &self.crowds[crowd as usize];
        let pace: f64 = crowd.pace.per_s.iter().sum();
        let lag_s = (crowd.present - crowd.sessions()) as f64 / pace;
        if lag_s.is_nan() || lag_s <= 0.0 {
            return 1.0;
        }
        let (least, most) = (least as f64 / 1e9 / lag_s, most as f64 / 1e9 / lag_s);
        let out = match most - least {
            span if span > 1e-9 => (math::exp(-least) - math::exp(-most)) / span,
            _ => math::exp(-least),
        };
        1.0 - out.clamp(0.0, 1.0)
    }

    /// The lane of a crowd's attempts of a class.
    pub(super) fn lane(&self, crowd: u32, class: u16, kind: Kind, opens: bool) -> LaneKey {
        let from = self.crowds[crowd as usize].attachment();
        LaneKey { crowd, class, kind, opens, from }
    }

    /// Members of a cell without a session or a sign-in begin one, sent within this beat.
    pub(super) fn sign_in(
        &mut self,
        (crowd, cell): (u32, usize),
        n: u64,
        kind: Kind,
        at: SimTime,
        scene: &mut Scene,
    ) {
        let super::crowds::Owner::Group(group) = self.crowds[crowd as usize].owner else { return };
        let Some(class) = self.sign_in_class[group as usize] else { return };
        if n == 0 {
            return;
        }
        let here = &mut self.crowds[crowd as usize].cells[cell];
        let site = here.answered;
        here.signing[kind.number()] += n;
        here.under_way[kind.number()][site.index()] += n;
        let lane = self.lane(crowd, class, kind, true);
        self.operations[class as usize].begun += n;
        self.sends(lane, site, Row::first(at, n), scene);
    }

    /// Deals `n` sign-ins that were under way to a site out to the cells that they belong to:
    /// they are under way no more. Fills [`Flow::dealt`].
    fn deal(&mut self, lane: LaneKey, site: SiteId, n: u64) {
        let kind = lane.kind.number();
        let cells = &mut self.crowds[lane.crowd as usize].cells;
        let mut others: u64 = cells.iter().map(|cell| cell.under_way[kind][site.index()]).sum();
        debug_assert!(n <= others, "sign-ins that no cell knows");
        let mut left = n;
        self.dealt.clear();
        for cell in cells {
            let here = &mut cell.under_way[kind][site.index()];
            others -= *here;
            let count = hypergeometric(&mut self.draws, *here, others, left);
            *here -= count;
            left -= count;
            self.dealt.push(count);
        }
    }

    /// Of the sign-ins in [`Flow::dealt`], those whose user has gone are taken out; how many.
    fn drop_leaving(&mut self, lane: LaneKey) -> u64 {
        let kind = lane.kind.number();
        let cells = &mut self.crowds[lane.crowd as usize].cells;
        let mut all = 0;
        for (cell, dealt) in cells.iter_mut().zip(&mut self.dealt) {
            let (leaving, signing) = (&mut cell.leaving[kind], cell.signing[kind]);
            let gone = hypergeometric(&mut self.draws, *leaving, signing, *dealt);
            *leaving -= gone;
            *dealt -= gone;
            all += gone;
        }
        all
    }

    /// Sign-ins of these rows were answered: sessions begin, and what was kept for them is sent.
    pub(super) fn signed_in(
        &mut self,
        (lane, rows): (LaneKey, &[Row]),
        site: SiteId,
        n: u64,
        scene: &mut Scene,
    ) {
        self.deal(lane, site, n);
        let n = n - self.drop_leaving(lane);
        let kind = lane.kind.number();
        let crowd = &mut self.crowds[lane.crowd as usize];
        crowd.pace.came[site.index()] += n;
        self.unparked.clear();
        for (place, &count) in self.dealt.iter().enumerate() {
            if count > 0 {
                let cell = &mut crowd.cells[place];
                let signing = cell.signing[kind];
                let share = count as f64 / signing as f64;
                self.unparked.resize(cell.parked.len(), 0);
                for (parked, sent) in cell.parked.iter_mut().zip(&mut self.unparked) {
                    *sent += take(&mut parked[1 + kind], share, &mut self.draws);
                }
                cell.signing[kind] -= count;
                cell.signed[site.index()] += count;
                crowd.signed[site.index()] += count;
                let states = (At::SigningIn(kind), At::Session(site));
                let those = those_of(lane.kind, rows, &self.tracers, &mut self.movers);
                crowd.trace_those(place, states, (count, signing), &mut self.draws, those);
            }
        }
        scene.world.network.sessions_opened(site, n);
        let super::crowds::Owner::Group(group) = crowd.owner else { return };
        let good_s = self.plan.classes[lane.class as usize].good_within.as_secs_f64();
        self.tell_movers(good_s, scene);
        let first = self.first_class[group as usize];
        for number in 0..self.unparked.len() {
            let sent = self.unparked[number];
            if sent > 0 {
                scene.recorder.deferred.1 += sent;
                let class = (first + number) as u16;
                let opens = self.plan.classes[class as usize].connects;
                let lane = self.lane(lane.crowd, class, Kind::Induced, opens);
                self.sends(lane, site, Row::first(SimTime(self.clock), sent), scene);
            }
        }
    }

    /// Of the sign-ins in [`Flow::dealt`], how many are of members whose name sends them now to
    /// each site.
    pub(super) fn count_homes_of_dealt(&self, crowd: u32, sites: usize, homes: &mut Vec<u64>) {
        homes.clear();
        homes.resize(sites, 0);
        for (cell, dealt) in self.crowds[crowd as usize].cells.iter().zip(&self.dealt) {
            homes[cell.answered.index()] += dealt;
        }
    }

    /// Sign-ins failed; of how many the user has gone.
    pub(super) fn sign_ins_failed(&mut self, lane: LaneKey, site: SiteId, n: u64) -> u64 {
        self.deal(lane, site, n);
        self.drop_leaving(lane)
    }

    /// Of the sign-ins that have just failed, those of `rows` that a class tries no more: their
    /// members are idle.
    pub(super) fn sign_ins_given_up(&mut self, lane: LaneKey, gave_up: &[Row], scene: &Scene) {
        let all: u64 = gave_up.iter().map(|row| row.count).sum();
        if all == 0 {
            return;
        }
        let kind = lane.kind.number();
        let crowd = &mut self.crowds[lane.crowd as usize];
        let mut n = all;
        let mut others: u64 = self.dealt.iter().sum();
        for (place, failed) in self.dealt.iter_mut().enumerate() {
            others -= *failed;
            let spent = hypergeometric(&mut self.draws, *failed, others, n);
            *failed -= spent;
            n -= spent;
            let cell = &mut crowd.cells[place];
            let of = cell.signing[kind];
            let share = spent as f64 / of.max(1) as f64;
            for parked in &mut cell.parked {
                parked[0] += take(&mut parked[1 + kind], share, &mut self.draws);
            }
            cell.signing[kind] -= spent;
            let states = (At::SigningIn(kind), At::Idle);
            let those = those_of(lane.kind, gave_up, &self.tracers, &mut self.movers);
            crowd.trace_those(place, states, (spent, of), &mut self.draws, those);
        }
        self.tell_movers(f64::NEG_INFINITY, scene);
    }

    /// Tells the tracers whose sign-ins as they came have ended, and forgets them: each was served
    /// if that was within this time of its beginning [s].
    fn tell_movers(&mut self, good_s: f64, scene: &Scene) {
        for (tracer, began) in self.movers.drain(..) {
            let tracer = &mut self.tracers[tracer as usize];
            let served = (self.clock as f64 - began.0 as f64) / 1e9 <= good_s;
            let intended = if served { began } else { tracer.came() };
            if intended >= scene.world.measured_from {
                tracer.told(intended, served);
            }
        }
    }

    /// Sign-ins of a kind that are due are sent to the site that their name sends them to; of how
    /// many the user has gone.
    pub(super) fn sign_ins_due(&mut self, lane: LaneKey, site: SiteId, n: u64) -> u64 {
        let kind = lane.kind.number();
        let cells = &self.crowds[lane.crowd as usize].cells;
        let of = |cell: &Cell| if cell.answered == site { cell.backing_off(kind) } else { 0 };
        let mut others: u64 = cells.iter().map(of).sum();
        debug_assert!(n <= others, "sign-ins that no cell knows");
        let mut left = n;
        self.dealt.clear();
        for cell in cells {
            let here = of(cell);
            others -= here;
            let count = hypergeometric(&mut self.draws, here, others, left);
            left -= count;
            self.dealt.push(count);
        }
        let mut gone = self.drop_leaving(lane);
        let cells = &mut self.crowds[lane.crowd as usize].cells;
        for (cell, &dealt) in cells.iter_mut().zip(&self.dealt) {
            if self.relieved {
                cell.signing[kind] -= dealt;
                gone += dealt;
            } else {
                cell.under_way[kind][site.index()] += dealt;
            }
        }
        gone
    }
}

/// Which of a list of tracers a sign-in is of that is one of these rows; of those that sign in as
/// they came, the one that came when it began, which is told when that was.
fn those_of(
    kind: Kind,
    rows: &[Row],
    tracers: &[Tracer],
    movers: &mut Vec<(u32, SimTime)>,
) -> impl FnMut(&[u32], &mut Stream) -> usize {
    let all: u64 = rows.iter().map(|row| row.count).sum();
    move |list, draws| {
        if kind != Kind::Demanded || all == 0 {
            return draws.below(list.len() as u64) as usize;
        }
        let mut place = draws.below(all);
        let row = rows.iter().find(|row| {
            let here = place < row.count;
            place = place.saturating_sub(row.count);
            here
        });
        let began = row.map_or(SimTime::ZERO, Row::intended);
        let apart = |tracer: u32| tracers[tracer as usize].came().0.abs_diff(began.0);
        let places = 0..list.len();
        let nearest = places.min_by_key(|&place| apart(list[place])).unwrap_or(0);
        movers.push((list[nearest], began));
        nearest
    }
}
