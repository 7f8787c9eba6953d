//! What a request of one operation and part does at one site: its visits, one after another.

use super::caches::Caches;
use super::law::Law;
use super::parts::Parts;
use super::token::Token;
use super::visit::{Now, Seen, Visit};
use crate::kernel::defect::planted;
use crate::kernel::time::SimTime;
use crate::scenario::model::{OperationId, PipelineId, ServiceId, SiteId};
use crate::traffic::plan::{Plan, ServicePlan, TimeoutPlan};
use crate::world::World;

/// What a request of one operation and part does at one site.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub operation: OperationId,
    pub site: SiteId,
    /// The entry first, then what it calls, each before what it calls itself; none where the site
    /// does not have the service.
    pub visits: Vec<Visit>,
    /// How long clients wait for an attempt [ns].
    pub timeout: u64,
    /// An answer within this is good [ns].
    pub good_within: u64,
    /// The pipeline that its answers feed, and with how many messages each.
    pub feeds: Option<(PipelineId, u32)>,
    /// Law of all service times of one request together.
    pub total: Law,
    /// The same in parts (see [`Law::spread`]).
    pub spread: Vec<(f64, f64)>,
    /// What that law was made for, of each visit.
    seen: Vec<Seen>,
}

impl Program {
    fn is_of(&self, now: &Now) -> bool {
        let mut visits = self.visits.iter().zip(&self.seen);
        visits.all(|pair| sees(pair, now).is_like(pair.1))
    }
}

fn sees((visit, was): (&Visit, &Seen), now: &Now) -> Seen {
    visit.seen(now).with_closed_ways_of(was)
}

/// For how long requests at a station are waited for.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// Shortest timeout [ns].
    pub least: u64,
    /// All of calls [ns], of callers at each site.
    pub lengths: Vec<(u64, SiteId)>,
    /// Whether some who are called here make calls themselves, with what is left of it.
    pub goes_on: bool,
}

/// All programs.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub all: Vec<Program>,
    /// A service each.
    pub laws: Vec<Law>,
    /// A station each: longest mean time for which a program's requests hold a slot there [s].
    pub holds_s: Vec<f64>,
    pub patience: Vec<Patience>,
    sites: usize,
    parts: usize,
}

impl Programs {
    /// One program an operation, site and part.
    pub(super) fn new(plan: &Plan, world: &World, parts: &Parts) -> Programs {
        let laws = plan.services.iter().map(|s| Law::new(&s.service_time, 1.0)).collect();
        let (sites, count) = (world.sites, parts.count());
        let mut programs = Programs {
            all: Vec::new(),
            laws,
            holds_s: Vec::new(),
            patience: Vec::new(),
            sites,
            parts: count,
        };
        let operations = plan.classes.iter().map(|class| class.operation.index() + 1).max();
        for operation in 0..operations.unwrap_or(0) {
            for site in 0..sites {
                for part in 0..count {
                    let of = (OperationId(operation as u32), SiteId(site as u32), part);
                    let program = programs.program(plan, world, of, parts);
                    programs.all.push(program);
                }
            }
        }
        programs.deal_all(SimTime::ZERO, world, parts, |_| true);
        programs.follow(&Now { plan, world, caches: &Caches::new(plan, sites), at: SimTime::ZERO });
        let stations = world.services.stations.len();
        programs.patience = (0..stations).map(|station| programs.patience_at(station)).collect();
        programs
    }

    fn program(
        &self,
        plan: &Plan,
        world: &World,
        (operation, site, part): (OperationId, SiteId, usize),
        parts: &Parts,
    ) -> Program {
        let class = plan.classes.iter().find(|class| class.operation == operation);
        let timeout = class.map_or(u64::MAX, |class| match class.timeout {
            TimeoutPlan::Queue(queue) => plan.timeout_lengths[queue as usize],
            TimeoutPlan::Patience(_) | TimeoutPlan::Never => u64::MAX,
        });
        let timeout = timeout.min(class.map_or(u64::MAX, |class| match class.timeout {
            TimeoutPlan::Never => u64::MAX,
            _ => class.deadline_ns,
        }));
        let mut visits = Vec::new();
        if let Some(class) = class {
            let route = Route { plan, world, parts, part, operation };
            let entry = route.visit(class.entry, site, vec![site]);
            if !entry.stations.is_empty() {
                visits.push(Visit { timeout, cost: class.cost, ..entry });
                route.add_calls(0, site, &mut visits);
            }
        }
        let seen: Vec<Seen> = visits.iter().map(Seen::plain).collect();
        let (total, spread) = self.total(operation, site, &visits, &seen);
        let good_within = class.map_or(u64::MAX, |class| class.good_within.0);
        let feeds = class.and_then(|class| class.feeds);
        Program { operation, site, visits, timeout, good_within, feeds, total, spread, seen }
    }

    /// Law of a whole request whose visits see this, and the same in parts.
    fn total(
        &self,
        operation: OperationId,
        site: SiteId,
        visits: &[Visit],
        seen: &[Seen],
    ) -> (Law, Vec<(f64, f64)>) {
        // Most parts see the same.
        let first = self.of(operation, site, 0).min(self.all.len());
        let parts = &self.all[first..(first + self.parts).min(self.all.len())];
        let like = |other: &&Program| {
            let pairs = || other.seen.iter().zip(seen);
            other.seen.len() == seen.len() && pairs().all(|(a, b)| a == b)
        };
        if let Some(same) = parts.iter().find(like) {
            return (same.total.clone(), same.spread.clone());
        }
        let total =
            if visits.is_empty() { Law::sum(&[]) } else { self.law_with_calls(0, visits, seen) };
        let spread = total.spread();
        (total, spread)
    }

    /// Law of a visit's work and of all the calls that it makes.
    fn law_with_calls(&self, index: usize, visits: &[Visit], seen: &[Seen]) -> Law {
        let work = &self.laws[visits[index].law as usize];
        let work = work.of_calls(visits[index].cost * seen[index].slow, f64::INFINITY, None);
        let mut laws = vec![(work, 1.0)];
        let mut next = index + 1;
        while next < visits[index].end as usize {
            laws.push((self.law_of_call(next, visits, seen), seen[next].made));
            next = visits[next].end as usize;
        }
        let parts = laws.iter().map(|(law, made)| (law, 1.0, *made));
        Law::sum(&parts.collect::<Vec<_>>())
    }

    /// Law of a call's time, the network's included.
    fn law_of_call(&self, index: usize, visits: &[Visit], seen: &[Seen]) -> Law {
        let visit = &visits[index];
        let (whole, factor) = match visit.calls(index) {
            true => (&self.law_with_calls(index, visits, seen), 1.0),
            false => (&self.laws[visit.law as usize], visit.cost * seen[index].slow),
        };
        let seen = &seen[index];
        let timeout_s = visit.timeout as f64 / 1e9;
        let of_calls = |trip_s: f64| whole.of_calls(factor, timeout_s - trip_s, visit.again_s);
        let answered = seen.trips.iter().filter(|trip| trip.0 > 0.0);
        let kinds = answered.flat_map(|&(share, trip_s, loss)| {
            // What is lost is made again, where it may be.
            let lost = visit
                .again_s
                .map(|again_s| (of_calls(trip_s), timeout_s + again_s + trip_s, share * loss));
            [Some((of_calls(trip_s), trip_s, share * (1.0 - loss))), lost]
        });
        let kinds: Vec<(Law, f64, f64)> = kinds.flatten().filter(|kind| kind.2 > 0.0).collect();
        if kinds.is_empty() { of_calls(0.0) } else { Law::mixture(&kinds) }
    }

    /// The visit that a token is at.
    #[inline]
    pub(super) fn visit_of(&self, token: &Token) -> &Visit {
        &self.all[token.program as usize].visits[token.visit as usize]
    }

    /// How long a token's call is waited for [ns].
    pub(super) fn timeout_of(&self, token: &Token) -> u64 {
        self.visit_of(token).timeout
    }

    /// Deals calls of stores whose copies are ever activated elsewhere to where they are at `at`.
    pub(super) fn deal(&mut self, at: SimTime, world: &World, parts: &Parts) {
        self.deal_all(at, world, parts, |visit| visit.moves);
    }

    fn deal_all(
        &mut self,
        at: SimTime,
        world: &World,
        parts: &Parts,
        which: impl Fn(&Visit) -> bool,
    ) {
        let at = if planted("flow-unready-answers") { SimTime::MAX } else { at };
        let of_class = |class: usize| {
            let of =
                |store| parts.databases.answering(class, store, (world.sites, at), &world.stores);
            (0..world.stores.len()).map(of).collect()
        };
        let classes = parts.databases.shares().len();
        let answering: Vec<Vec<Vec<f64>>> = (0..classes).map(of_class).collect();
        for (index, program) in self.all.iter_mut().enumerate() {
            let class = parts.databases_of(index % self.parts);
            for visit in program.visits.iter_mut().filter(|visit| which(visit)) {
                if let Some(store) = visit.store {
                    visit.deal(|site| answering[class][store as usize][site.index()]);
                }
            }
        }
    }

    /// The program of an operation at a site, for a part's members.
    #[inline]
    pub(super) fn of(&self, operation: OperationId, site: SiteId, part: u16) -> usize {
        (operation.index() * self.sites + site.index()) * self.parts + part as usize
    }

    /// Makes the laws of whole requests anew where what they depend on has changed: slowness,
    /// shares of sites, ways between them, caches.
    pub(super) fn follow(&mut self, now: &Now) {
        for index in 0..self.all.len() {
            let program = &self.all[index];
            if program.is_of(now) {
                continue;
            }
            let (operation, site) = (program.operation, program.site);
            let visits = program.visits.iter().zip(&program.seen);
            let seen: Vec<Seen> = visits.map(|pair| sees(pair, now)).collect();
            let (total, spread) = self.total(operation, site, &program.visits, &seen);
            let program = &mut self.all[index];
            (program.total, program.spread, program.seen) = (total, spread, seen);
        }
        self.find_holds(now.world.services.stations.len());
    }

    /// Whether the laws are those of what they depend on now.
    pub(super) fn are_of(&self, now: &Now) -> bool {
        self.all.iter().all(|program| program.is_of(now))
    }

    /// From here on requests find the first of these stations for any of them.
    pub(super) fn join(&mut self, joined: &[u32]) {
        for visit in self.all.iter_mut().flat_map(|program| &mut program.visits) {
            let is_joined = |at: &(u32, f64)| joined.contains(&at.0);
            let share: f64 = visit.dealt.iter().filter(|at| is_joined(at)).map(|at| at.1).sum();
            if share > 0.0 {
                visit.dealt.retain(|at| !is_joined(at));
                visit.dealt.push((joined[0], share));
            }
        }
    }

    /// From here on requests find each of these stations by itself.
    pub(super) fn separate(&mut self, joined: &[u32]) {
        for visit in self.all.iter_mut().flat_map(|program| &mut program.visits) {
            visit.dealt.retain(|at| !joined.contains(&at.0));
            visit.dealt.extend(visit.stations.iter().filter(|at| joined.contains(&at.0)));
        }
    }

    fn patience_at(&self, station: usize) -> Patience {
        let at = |visit: &&Visit| visit.reached().any(|at| at as usize == station);
        let visits = self.all.iter().flat_map(|program| program.visits.iter().filter(at));
        let least = visits.map(|visit| visit.timeout).min().unwrap_or(u64::MAX);
        let of = |program: &Program| {
            let calls = program.visits.iter().skip(1).filter(at);
            calls.map(|visit| (visit.timeout, visit.from)).collect::<Vec<_>>()
        };
        let lengths = self.all.iter().flat_map(of);
        let mut lengths: Vec<_> = lengths.filter(|length| length.0 != u64::MAX).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let goes_on = |program: &Program| {
            let mut visits = program.visits.iter().enumerate().skip(1);
            visits.any(|(index, visit)| visit.calls(index) && at(&visit))
        };
        let goes_on = self.all.iter().any(goes_on);
        Patience { least, lengths, goes_on }
    }

    fn find_holds(&mut self, stations: usize) {
        let mut longest = vec![0.0_f64; stations];
        for program in &self.all {
            let work_s = |visit: &Visit, seen: &Seen| {
                self.laws[visit.law as usize].mean() * visit.cost * seen.slow
            };
            for (index, (visit, seen)) in program.visits.iter().zip(&program.seen).enumerate() {
                let mut held = work_s(visit, seen);
                // How often each of the calls is made, and those on its behalf.
                let mut made = vec![1.0; program.visits.len()];
                let calls = if visit.holds { index + 1..visit.end as usize } else { 0..0 };
                for call in calls {
                    let (visit, seen) = (&program.visits[call], &program.seen[call]);
                    made[call] = made[visit.caller as usize] * seen.made;
                    let trip_s = seen.trip_s(visit.timeout as f64 / 1e9);
                    held += made[call] * (work_s(visit, seen) + trip_s);
                }
                for station in visit.reached() {
                    longest[station as usize] = longest[station as usize].max(held);
                }
            }
        }
        self.holds_s = longest;
    }
}

/// Of what a program is made.
struct Route<'w> {
    plan: &'w Plan,
    world: &'w World,
    parts: &'w Parts,
    part: usize,
    operation: OperationId,
}

impl Route<'_> {
    /// A visit made from a site to one of these.
    fn visit(&self, service: ServiceId, from: SiteId, reach: Vec<SiteId>) -> Visit {
        let at = |site| (site, self.parts.stations(self.part, (service, site), self.world));
        let reach = reach.into_iter().map(at).filter(|(_, stations)| !stations.is_empty());
        let ServicePlan { store, drops_abandoned, holds_slot, .. } =
            self.plan.services[service.index()];
        let mut visit = Visit {
            service,
            caller: 0,
            end: 1,
            from,
            reach: reach.collect(),
            stations: Vec::new(),
            dealt: Vec::new(),
            nowhere: 0.0,
            store,
            moves: store.is_some_and(|store| self.parts.databases.moves[store as usize]),
            drops: drops_abandoned,
            first: self.plan.request(service, self.operation).first,
            law: service.0,
            cost: 1.0,
            probability: 1.0,
            cache: None,
            call: None,
            required: true,
            holds: holds_slot,
            again_s: None,
            timeout: u64::MAX,
        };
        visit.deal(|_| 1.0);
        visit
    }

    /// Adds what the visit `caller`, which is made at a site, calls.
    fn add_calls(&self, caller: usize, site: SiteId, visits: &mut Vec<Visit>) {
        for index in self.plan.request(visits[caller].service, self.operation).calls.clone() {
            let call = &self.plan.calls[index as usize];
            let (least, most) = call.retry.wait_range_ns(1).unwrap_or_default();
            let again_s = u64::midpoint(least, most) as f64 / 1e9;
            let there = self.world.services.serving_site(call.service, site);
            let reach = match self.plan.services[call.service.index()].store {
                Some(_) => (0..self.world.sites as u32).map(SiteId).collect(),
                None => there.into_iter().collect(),
            };
            let visit = Visit {
                caller: caller as u8,
                probability: call.probability,
                again_s: call.retry.allows_after(1).then_some(again_s),
                cache: call.cache,
                call: Some(index),
                required: call.required,
                timeout: self.plan.timeout_lengths[call.timeout_queue as usize],
                ..self.visit(call.service, site, reach)
            };
            for _ in 0..call.times {
                let at = visits.len();
                visits.push(Visit { end: at as u8 + 1, ..visit.clone() });
                if let Some(there) = there {
                    self.add_calls(at, there, visits);
                }
            }
        }
        visits[caller].end = visits.len() as u8;
    }
}

/// A step of time, (from, to] [ns].
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub from: u64,
    pub to: u64,
}

impl Step {
    pub(super) fn length(self) -> u64 {
        self.to - self.from
    }

    pub(super) fn seconds(self) -> f64 {
        self.length() as f64 / 1e9
    }

    /// The middle, at which what happens evenly within the step is put.
    pub(super) fn middle(self) -> SimTime {
        SimTime(self.from + self.length() / 2)
    }
}
