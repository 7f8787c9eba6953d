//! What a request of one operation does at one site: its visits, one after another.

use super::law::Law;
use crate::kernel::time::SimTime;
use crate::scenario::model::{OperationId, ServiceId, SiteId};
use crate::traffic::plan::{Plan, TimeoutPlan};
use crate::world::World;

/// One visit of a request at a station.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub station: u32,
    /// Index into [`Programs::laws`].
    pub law: u32,
    /// Factor on the law: the operation's cost, at the entry.
    pub cost: f64,
    /// Probability that it is made.
    pub probability: f64,
    /// The call that makes it: index into the plan's; `None`: the entry.
    pub call: Option<u16>,
    /// Timeout of the call [ns].
    pub timeout: u64,
}

/// What a request of one operation does at one site.
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
    /// Law of all service times of one request together.
    pub total: Law,
    /// The same in parts (see [`Law::spread`]).
    pub spread: Vec<(f64, f64)>,
    /// Slowness of the visits' stations for which that law was made.
    slow: Vec<f64>,
}

/// All programs.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub all: Vec<Program>,
    /// A service each.
    pub laws: Vec<Law>,
    /// A station each: longest mean time for which a program's requests hold a slot there [s].
    pub holds_s: Vec<f64>,
    sites: usize,
}

impl Programs {
    /// One program an operation of a client (or the probes) and site.
    pub(super) fn new(plan: &Plan, world: &World) -> Programs {
        let laws = plan.services.iter().map(|s| Law::new(&s.service_time, 1.0)).collect();
        let mut programs =
            Programs { all: Vec::new(), laws, holds_s: Vec::new(), sites: world.sites };
        let operations = plan.classes.iter().map(|class| class.operation.index() + 1).max();
        for operation in 0..operations.unwrap_or(0) {
            for site in 0..world.sites {
                let operation = OperationId(operation as u32);
                let program = programs.program(plan, world, operation, SiteId(site as u32));
                programs.all.push(program);
            }
        }
        programs.find_holds(world.services.stations.len());
        programs
    }

    fn program(&self, plan: &Plan, world: &World, operation: OperationId, site: SiteId) -> Program {
        let station = |service: ServiceId| world.services.at(service, site, 0.0);
        let mut visits = Vec::new();
        let class = plan.classes.iter().find(|class| class.operation == operation);
        if let Some((class, entry)) = class.and_then(|c| Some((c, station(c.entry)?))) {
            visits.push(Visit {
                station: entry.0,
                law: class.entry.0,
                cost: class.cost,
                probability: 1.0,
                call: None,
                timeout: u64::MAX,
            });
            for index in plan.calls_of(class.entry, operation) {
                let call = &plan.calls[index as usize];
                let visit = station(call.service).map(|callee| Visit {
                    station: callee.0,
                    law: call.service.0,
                    cost: 1.0,
                    probability: call.probability,
                    call: Some(index),
                    timeout: plan.timeout_lengths[call.timeout_queue as usize],
                });
                visits.extend(std::iter::repeat_n(visit, call.times as usize).flatten());
            }
        }
        let timeout = class.map_or(u64::MAX, |class| match class.timeout {
            TimeoutPlan::Queue(queue) => plan.timeout_lengths[queue as usize],
            TimeoutPlan::Patience(_) | TimeoutPlan::Never => u64::MAX,
        });
        let holds = class.is_some_and(|class| plan.services[class.entry.index()].holds_slot);
        let total = self.total(&visits, &vec![1.0; visits.len()]);
        let spread = total.spread();
        let slow = vec![1.0; visits.len()];
        Program { operation, site, visits, holds, timeout, total, spread, slow }
    }

    fn total(&self, visits: &[Visit], slow: &[f64]) -> Law {
        let part = |(visit, slow): (&Visit, &f64)| {
            (&self.laws[visit.law as usize], visit.cost * slow, visit.probability)
        };
        let parts: Vec<(&Law, f64, f64)> = visits.iter().zip(slow).map(part).collect();
        Law::sum(&parts)
    }

    /// The program of an operation at a site.
    #[inline]
    pub(super) fn of(&self, operation: OperationId, site: SiteId) -> usize {
        operation.index() * self.sites + site.index()
    }

    /// Makes the laws of whole requests anew where a station's slowness has changed.
    pub(super) fn follow(&mut self, world: &World) {
        for index in 0..self.all.len() {
            let program = &self.all[index];
            let slow = |visit: &Visit| world.services.stations[visit.station as usize].slow;
            if program.visits.iter().zip(&program.slow).all(|(visit, &was)| slow(visit) == was) {
                continue;
            }
            let slow: Vec<f64> = program.visits.iter().map(slow).collect();
            let total = self.total(&program.visits, &slow);
            let program = &mut self.all[index];
            program.spread = total.spread();
            (program.total, program.slow) = (total, slow);
            self.find_holds(world.services.stations.len());
        }
    }

    fn find_holds(&mut self, stations: usize) {
        self.holds_s = (0..stations).map(|station| self.hold_s(station)).collect();
    }

    /// Mean time that a request holds a slot of a station, over the programs that visit it [s].
    fn hold_s(&self, station: usize) -> f64 {
        let mut longest = 0.0_f64;
        for program in &self.all {
            for (index, visit) in program.visits.iter().enumerate() {
                if visit.station as usize != station {
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
