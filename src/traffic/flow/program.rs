//! What a request of one operation and part does at one site: its visits, one after another.

use super::law::Law;
use super::parts::Parts;
use crate::kernel::time::SimTime;
use crate::scenario::model::{OperationId, PipelineId, ServiceId, SiteId};
use crate::traffic::plan::{Plan, TimeoutPlan};
use crate::world::World;

/// One visit of a request at a station.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub service: ServiceId,
    /// The stations that it may be made at, with the share of each.
    pub stations: Vec<(u32, f64)>,
    /// The same with stations that are joined as one (see `alike.rs`).
    pub dealt: Vec<(u32, f64)>,
    /// What nobody waits for any more is dropped there.
    pub drops: bool,
    /// Index into [`Programs::laws`].
    pub law: u32,
    /// Factor on the law: the operation's cost, at the entry.
    pub cost: f64,
    /// Probability that it is made.
    pub probability: f64,
    /// The call that makes it: index into the plan's; `None`: the entry.
    pub call: Option<u16>,
    /// Mean wait before a call that was given up is made again [s]; `None`: it is not.
    pub again_s: Option<f64>,
    /// Timeout of the call, or at an entry that drops abandoned work the client's [ns].
    pub timeout: u64,
}

/// What a request of one operation and part does at one site.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub operation: OperationId,
    pub site: SiteId,
    /// The entry first; none where the site does not have the service.
    pub visits: Vec<Visit>,
    /// The slot at the entry is held while calling.
    pub holds: bool,
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
    /// Slowness of the visits' stations for which that law was made.
    slow: Vec<f64>,
}

impl Visit {
    /// Mean slowness of the stations that it goes to.
    fn slow(&self, world: &World) -> f64 {
        let slow = |&(at, share): &(u32, f64)| share * world.services.stations[at as usize].slow;
        self.stations.iter().map(slow).sum()
    }
}

impl Program {
    fn is_of(&self, world: &World) -> bool {
        let visits = self.visits.iter().zip(&self.slow);
        visits.into_iter().all(|(visit, &was)| (visit.slow(world) - was).abs() < 1e-9)
    }
}

/// For how long requests at a station are waited for.
#[derive(Clone, Debug)]
pub(super) struct Patience {
    /// Shortest timeout [ns].
    pub least: u64,
    /// All that there are [ns].
    pub lengths: Vec<u64>,
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
        let stations = world.services.stations.len();
        programs.find_holds(stations);
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
        let visit = |service: ServiceId| {
            let stations = parts.stations(part, (service, site), world);
            Visit {
                service,
                dealt: stations.clone(),
                stations,
                drops: plan.services[service.index()].drops_abandoned,
                law: service.0,
                cost: 1.0,
                probability: 1.0,
                call: None,
                again_s: None,
                timeout: u64::MAX,
            }
        };
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
        let entry = class.map(|class| Visit { cost: class.cost, ..visit(class.entry) });
        if let (Some(class), Some(entry)) = (class, entry.filter(|v| !v.stations.is_empty())) {
            let timeout = if entry.drops { timeout } else { u64::MAX };
            visits.push(Visit { timeout, ..entry });
            for index in plan.calls_of(class.entry, operation) {
                let call = &plan.calls[index as usize];
                let (least, most) = call.retry.wait_range_ns(1).unwrap_or_default();
                let again_s = u64::midpoint(least, most) as f64 / 1e9;
                let visit = Visit {
                    probability: call.probability,
                    again_s: call.retry.allows_after(1).then_some(again_s),
                    call: Some(index),
                    timeout: plan.timeout_lengths[call.timeout_queue as usize],
                    ..visit(call.service)
                };
                visits.extend(std::iter::repeat_n(visit, call.times as usize));
            }
        }
        let holds = class.is_some_and(|class| plan.services[class.entry.index()].holds_slot);
        let total = self.total(&visits, &vec![1.0; visits.len()]);
        let spread = total.spread();
        let slow = vec![1.0; visits.len()];
        let good_within = class.map_or(u64::MAX, |class| class.good_within.0);
        let feeds = class.and_then(|class| class.feeds);
        Program { operation, site, visits, holds, timeout, good_within, feeds, total, spread, slow }
    }

    fn total(&self, visits: &[Visit], slow: &[f64]) -> Law {
        let law = |(visit, slow): (&Visit, &f64)| {
            let timeout_s = match visit.call {
                Some(_) => visit.timeout as f64 / 1e9,
                None => f64::INFINITY,
            };
            let law = &self.laws[visit.law as usize];
            law.of_calls(visit.cost * slow, timeout_s, visit.again_s)
        };
        let laws: Vec<Law> = visits.iter().zip(slow).map(law).collect();
        let part = |(law, visit): (_, &Visit)| (law, 1.0, visit.probability);
        let parts: Vec<(&Law, f64, f64)> = laws.iter().zip(visits).map(part).collect();
        Law::sum(&parts)
    }

    /// The program of an operation at a site, for a part's members.
    #[inline]
    pub(super) fn of(&self, operation: OperationId, site: SiteId, part: u16) -> usize {
        (operation.index() * self.sites + site.index()) * self.parts + part as usize
    }

    /// Makes the laws of whole requests anew where a station's slowness has changed.
    pub(super) fn follow(&mut self, world: &World) {
        for index in 0..self.all.len() {
            let program = &self.all[index];
            if program.is_of(world) {
                continue;
            }
            let slow = |visit: &Visit| visit.slow(world);
            let slow: Vec<f64> = program.visits.iter().map(slow).collect();
            let total = self.total(&program.visits, &slow);
            let program = &mut self.all[index];
            program.spread = total.spread();
            (program.total, program.slow) = (total, slow);
            self.find_holds(world.services.stations.len());
        }
    }

    /// Whether the laws are those of the stations' present slowness.
    pub(super) fn are_of(&self, world: &World) -> bool {
        self.all.iter().all(|program| program.is_of(world))
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
        let at = |visit: &&Visit| visit.stations.iter().any(|at| at.0 as usize == station);
        let visits = self.all.iter().flat_map(|program| &program.visits).filter(at);
        let lengths = visits.map(|visit| visit.timeout).filter(|&length| length != u64::MAX);
        let mut lengths: Vec<u64> = lengths.collect();
        lengths.sort_unstable();
        lengths.dedup();
        Patience { least: lengths.first().copied().unwrap_or(u64::MAX), lengths }
    }

    fn find_holds(&mut self, stations: usize) {
        self.holds_s = (0..stations).map(|station| self.hold_s(station)).collect();
    }

    /// Mean time that a request holds a slot of a station, over the programs that visit it [s].
    fn hold_s(&self, station: usize) -> f64 {
        let mut longest = 0.0_f64;
        for program in &self.all {
            for (index, visit) in program.visits.iter().enumerate() {
                if !visit.stations.iter().any(|at| at.0 as usize == station) {
                    continue;
                }
                let mean = |visit: &Visit, slow: &f64| {
                    self.laws[visit.law as usize].mean() * visit.cost * slow
                };
                let all = program.visits.iter().zip(&program.slow);
                let held = if index == 0 && program.holds {
                    all.map(|(visit, slow)| visit.probability * mean(visit, slow)).sum()
                } else {
                    mean(visit, &program.slow[index])
                };
                longest = longest.max(held);
            }
        }
        longest
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
