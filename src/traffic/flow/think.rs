//! Closed loads: members who think, demand something, and think again when that has ended.
//!
//! **Which question.** When do those demand again whose last demand has ended, and where?
//! **Model.** For each class of closed load every member of a crowd thinks or asks. Who thinks is
//! counted by where he asked last (see [`thinkers`](super::thinkers)). At each site so many think
//! as have their session there, or are sent there by the name, but for those who ask; whoever is
//! away when his thought ends thinks on. Tracers think for themselves, and ask when the counts do.
//! **Leaves out.** Of all in one count any is the next with the chance that the density gives:
//! waves of a constant time are less sharp than request by request. **Cost.** A thousand additions
//! a crowd, class and beat. **Validation.** `tests/theory_flow.rs`: finite sources up to 50
//! million, a closed network; `tests/flow_crude/closed.rs`: outages, against `exact`.

use super::cohort::{Kind, LaneKey, Row};
use super::crowds::Crowd;
use super::thinkers::{Piece, Thinkers, pieces};
use super::tracers::At;
use super::{Flow, Scene};
use crate::kernel::defect::planted;
use crate::kernel::sample::{Distribution, binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::SiteId;
use crate::traffic::plan::Plan;
use crate::world::population::ClassKind;
use std::vec::Drain;

/// Members whose demand has not ended yet, of those who asked last at one site.
#[derive(Clone, Debug, Default)]
struct Asking {
    count: u64,
    /// (intended start, tracer), in order.
    tracers: Vec<(SimTime, u32)>,
}

impl Asking {
    /// Takes a row of them out, with its tracers: so many as its part of them all, of those the
    /// ones whose demands began at the most like time.
    fn leave(&mut self, row: &Row, draws: &mut Stream) -> Drain<'_, (SimTime, u32)> {
        let tracers = self.tracers.len();
        let share = row.count as f64 / self.count.max(1) as f64;
        let n = binomial(draws, tracers as u64, share) as usize;
        self.count -= row.count;
        let began = row.intended();
        let place = self.tracers.partition_point(|tracer| tracer.0 < began);
        let (mut from, mut to) = (place, place);
        while to - from < n {
            let sooner = from.checked_sub(1).map(|place| began - self.tracers[place].0);
            let later = self.tracers.get(to).map(|tracer| tracer.0 - began);
            match (sooner, later) {
                (Some(sooner), Some(later)) if later <= sooner => to += 1,
                (Some(_), _) => from -= 1,
                _ => to += 1,
            }
        }
        self.tracers.drain(from..to)
    }
}

/// What one crowd's members are doing.
#[derive(Clone, Debug)]
struct Circle {
    /// [site]: by where they asked last; those who were signed out or away in the end.
    thinking: Vec<Thinkers>,
    /// [site].
    asking: Vec<Asking>,
}

/// Members of a crowd who think and would ask at one site, or are signed out or away.
#[derive(Clone, Copy, Debug)]
struct Place {
    here: u64,
    /// Of those who asked here last, who think, and who demand.
    thinking: u64,
    due: u64,
    /// Of those who are here, who demand.
    demand: u64,
}

/// The closed load of one class.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub class: u16,
    law: Distribution,
    pieces: Vec<Piece>,
    /// Its group's first crowd, and what it and those that follow are doing.
    first: u32,
    circles: Vec<Circle>,
    /// Of the crowd that is looked at, in the order of [`Circle::thinking`].
    places: Vec<Place>,
    /// [tracer]: when its own thoughts end [ns].
    due: Vec<u64>,
}

impl Closed {
    fn circle(&mut self, crowd: u32) -> &mut Circle {
        &mut self.circles[(crowd - self.first) as usize]
    }

    /// Draws whose thoughts end within the beat that begins, and finds where they are now: where
    /// they asked last, but those that are too many there for it; these are where more are than
    /// have asked there last. Whether there are any.
    fn thoughts_end(
        &mut self,
        (number, crowd): (u32, &Crowd),
        sessions: bool,
        draws: &mut Stream,
    ) -> bool {
        let circle = &mut self.circles[(number - self.first) as usize];
        let places = &mut self.places;
        places.clear();
        let mut any = false;
        for thinkers in &mut circle.thinking {
            let thinking = thinkers.count;
            let due = thinkers.release(draws);
            any |= due > 0;
            places.push(Place { here: 0, thinking, due, demand: 0 });
        }
        if !any {
            return false;
        }
        let (out, sites) = places.split_last_mut().expect("a place more than sites");
        if sessions {
            out.here = crowd.members - crowd.sessions();
            sites.iter_mut().zip(&crowd.signed).for_each(|(place, &signed)| place.here = signed);
        } else {
            let cells = crowd.cells.iter();
            cells.for_each(|cell| sites[cell.answered.index()].here += cell.present);
        }
        let known = if planted("flow-anybody-asks-next") { 0 } else { sites.len() };
        for (place, asking) in sites.iter_mut().zip(&circle.asking).take(known) {
            place.here = place.here.saturating_sub(asking.count);
        }
        let mut moving = 0;
        for place in &mut *places {
            let stay = place.thinking.min(place.here);
            place.demand = hypergeometric(draws, stay, place.thinking - stay, place.due);
            moving += place.due - place.demand;
        }
        let more = |place: &Place| place.here.saturating_sub(place.thinking);
        let mut others: u64 = places.iter().map(more).sum();
        for place in places {
            let here = more(place);
            others -= here;
            let come = hypergeometric(draws, here, others, moving);
            moving -= come;
            place.demand += come;
        }
        true
    }

    /// Of each of its crowds, those who think and [site] those who ask.
    pub(super) fn members(
        &self,
    ) -> impl Iterator<Item = (u32, u64, impl Iterator<Item = u64> + '_)> + '_ {
        self.circles.iter().zip(self.first..).map(|(circle, crowd)| {
            let asking = circle.asking.iter().map(|asking| asking.count);
            (crowd, circle.thinking.iter().map(|thinkers| thinkers.count).sum(), asking)
        })
    }
}

/// When a tracer's thoughts end that asks [ns].
const ASKS: u64 = u64::MAX;

/// How long one member thinks [ns].
fn thought_for(law: &Distribution, draws: &mut Stream) -> u64 {
    SimDuration::from_secs_f64(law.sample(draws.luck())).0
}

/// All closed loads at t = 0, when everybody begins to think.
pub(super) fn closed(
    plan: &Plan,
    (crowds, crowds_of): (&[Crowd], &[(u32, u32)]),
    (beat, tracers): (u64, usize),
    draws: &mut Stream,
) -> Vec<Closed> {
    let mut all = Vec::new();
    for (class, of) in plan.classes.iter().enumerate() {
        let (Some(law), ClassKind::Group(group)) = (&of.think, of.kind) else { continue };
        let pieces = pieces(law, beat as f64 / 1e9);
        let (first, end) = crowds_of[group as usize];
        let circle = |crowd: &Crowd| {
            let sites = crowd.signed.len();
            let mut thinking = vec![Thinkers::new(&pieces); sites + 1];
            thinking[sites].count = crowd.members;
            if crowd.members > 0 {
                thinking[sites].add(crowd.members, (0.0, 0.0), &pieces);
            }
            Circle { thinking, asking: vec![Asking::default(); sites] }
        };
        let circles = crowds[first as usize..end as usize].iter().map(circle).collect();
        let due = (0..tracers).map(|_| thought_for(law, draws)).collect();
        let (class, law, places) = (class as u16, law.clone(), Vec::new());
        all.push(Closed { class, law, pieces, first, circles, places, due });
    }
    all
}

impl Flow {
    /// The closed load that a lane's operations are of, if they are the demands that its members
    /// think after: what comes back after a sign-in is not.
    pub(super) fn closed_of(&self, lane: LaneKey) -> Option<usize> {
        let found = self.closed.iter().position(|closed| closed.class == lane.class);
        found.filter(|_| lane.kind == Kind::Demanded)
    }

    /// A beat begins: those whose demands have ended in the last one think.
    pub(super) fn begin_to_think(&mut self) {
        for Closed { pieces, circles, .. } in &mut self.closed {
            let thinking = circles.iter_mut().flat_map(|circle| &mut circle.thinking);
            thinking.for_each(|thinkers| thinkers.begin(pieces));
        }
    }

    /// Those whose thoughts end within this beat demand.
    pub(super) fn end_to_think(&mut self, scene: &mut Scene) {
        for number in 0..self.closed.len() {
            for place in 0..self.closed[number].circles.len() {
                let closed = &mut self.closed[number];
                let crowd = closed.first + place as u32;
                let here = &self.crowds[crowd as usize];
                let sessions = self.plan.classes[closed.class as usize].sessions;
                if closed.thoughts_end((crowd, here), sessions, &mut self.draws) {
                    self.cost.cells_updated += 1;
                    self.thought(number, crowd, scene);
                }
            }
        }
    }

    /// Members of a crowd have thought, and demand where they are.
    fn thought(&mut self, number: usize, crowd: u32, scene: &mut Scene) {
        let at = self.middle();
        let closed = &mut self.closed[number];
        let class = closed.class as usize;
        let mut places = std::mem::take(&mut closed.places);
        let here = &self.crowds[crowd as usize];
        let sites = here.signed.len();
        let Place { here: all, demand: n, .. } = places[sites];
        let away = here.members - here.present;
        let away = hypergeometric(&mut self.draws, away, all - away, n);
        let suppressed = n - away;
        let sent: u64 = places[..sites].iter().map(|place| place.demand).sum();
        if let Some(cell) = scene.recorder.cell(class, at) {
            cell.demand += (sent + suppressed) as u32;
        }
        self.operations[class].begun += sent;
        self.trace_thoughts(number, crowd, &places);
        let connects = self.plan.classes[class].connects;
        let lane = self.lane(crowd, class as u16, Kind::Demanded, connects);
        for (site, place) in places.drain(..sites).enumerate() {
            if place.demand > 0 {
                let site = SiteId(site as u32);
                let asking = &mut self.closed[number].circle(crowd).asking;
                asking[site.index()].count += place.demand;
                self.sends(lane, site, Row::first(at, place.demand), scene);
            }
        }
        places.clear();
        self.closed[number].places = places;
        if suppressed > 0 {
            self.suppress(class, crowd, suppressed, at, scene);
        }
        self.closed[number].circle(crowd).thinking[sites].take_in(n);
    }

    /// The tracers of a crowd whose own thoughts have ended ask with those who ask where they are;
    /// those who are signed out or away think on.
    fn trace_thoughts(&mut self, number: usize, crowd: u32, places: &[Place]) {
        let Flow { closed, crowds, plan, draws, clock, beat, .. } = self;
        let Closed { class, law, first, circles, due, .. } = &mut closed[number];
        let sessions = plan.classes[*class as usize].sessions;
        let asking = &mut circles[(crowd - *first) as usize].asking;
        let end = *clock + *beat;
        let began: Vec<usize> = asking.iter().map(|asking| asking.tracers.len()).collect();
        for cell in &crowds[crowd as usize].cells {
            for (state, list) in cell.tracers.iter().enumerate() {
                let site = match state.checked_sub(At::Session(SiteId(0)).place()) {
                    Some(_) if !sessions => Some(cell.answered.index()),
                    site => site,
                };
                for &tracer in list {
                    let due = &mut due[tracer as usize];
                    match site {
                        _ if *due >= end => {}
                        Some(site) if places[site].demand > 0 => {
                            *due = ASKS;
                            let began = SimTime(*clock + *beat / 2);
                            asking[site].tracers.push((began, tracer));
                        }
                        Some(_) => {}
                        None => *due = end.saturating_add(thought_for(law, draws)),
                    }
                }
            }
        }
        // Which of them are served first is luck, and not the same each time.
        for (asking, began) in asking.iter_mut().zip(began) {
            let new = &mut asking.tracers[began..];
            for place in (1..new.len()).rev() {
                new.swap(place, draws.below(place as u64 + 1) as usize);
            }
        }
    }

    /// Retries of demands go to another site than the attempts before them.
    pub(super) fn ask_elsewhere(&mut self, lane: LaneKey, (from, to): (SiteId, SiteId), row: &Row) {
        let asks = self.closed_of(lane).filter(|_| from != to && row.count > 0);
        let Some(number) = asks else { return };
        let Flow { closed, draws, .. } = self;
        let asking = &mut closed[number].circle(lane.crowd).asking;
        let mut tracers = std::mem::take(&mut asking[to.index()].tracers);
        tracers.extend(asking[from.index()].leave(row, draws));
        // Those who began together stay in the order of the draw.
        tracers.sort_by_key(|tracer| tracer.0);
        asking[to.index()].tracers = tracers;
        asking[to.index()].count += row.count;
    }

    /// Demands of a closed load have ended, a share `good` of them well: their members think
    /// again, and their tracers are told.
    pub(super) fn demands_ended(
        &mut self,
        number: usize,
        (lane, site): (LaneKey, SiteId),
        (row, good): (&Row, f64),
        scene: &Scene,
    ) {
        let Flow { closed, draws, tracers, clock, beat, .. } = self;
        let closed = &mut closed[number];
        let circle = &mut closed.circles[(lane.crowd - closed.first) as usize];
        for (began, tracer) in circle.asking[site.index()].leave(row, draws) {
            let ended = clock.saturating_sub(draws.below(*beat));
            closed.due[tracer as usize] = ended.saturating_add(thought_for(&closed.law, draws));
            if began >= scene.world.measured_from {
                let served = good >= 1.0 || draws.bernoulli(good);
                tracers[tracer as usize].told(began, served);
            }
        }
        circle.thinking[site.index()].take_in(row.count);
    }
}
