//! One trial: builds a world from a scenario, runs it, hands back what was measured.
//!
//! A trial is a pure function of (scenario, seed): no thread, file, clock or environment reaches
//! it.
//!
//! ```text
//! loop { advance traffic to the next control event or window end;
//!        close the window that ended, let alarms and steps look at it;
//!        apply the control events that are due, tell traffic }
//! ```

mod assemble;
pub mod fidelity;
#[cfg(test)]
mod fork_checks;
#[cfg(test)]
#[path = "../tests/support/model.rs"]
mod model;
#[cfg(test)]
mod planted_defects;
#[cfg(test)]
mod regressions;
pub mod routes;

use crate::control::Control;
use crate::kernel::stream::RootSeed;
use crate::kernel::time::{SimDuration, SimTime};
use crate::measure::log::{LinkCell, Log, MiddleboxCell, PipelineCell};
use crate::measure::outcome::Outcome;
use crate::measure::recorder::Recorder;
use crate::scenario::model::{
    ClientId, PipelineId, Scenario, SiteId, SteeringId, TargetKind, Timeout,
};
use crate::traffic::books::Imbalance;
use crate::traffic::{Engine, Scene, Traffic};
use crate::world::World;
use crate::world::network::{LinkWindow, MiddleboxWindow};
use fidelity::Unfit;
use thiserror::Error;

/// Threshold of availability where no `recovery_time` target gives one.
pub const DEFAULT_THRESHOLD: f64 = 0.99;
/// Sustained time where no `recovery_time` target gives one.
pub const DEFAULT_SUSTAINED: SimDuration = SimDuration(900_000_000_000);
/// A state must have been down this long after its trigger to be asked whether it is metastable.
const DOWN_FOR: SimDuration = SimDuration(900_000_000_000);
/// How long the relieved fork runs, and how much of its end must be above the threshold.
const FORK: (SimDuration, SimDuration) =
    (SimDuration(1_200_000_000_000), SimDuration(300_000_000_000));

/// Why a trial could not be finished.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RunError {
    /// The fidelity asked for cannot do what the scenario uses.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A ledger did not balance at a window's end: a bug of the program, not of the scenario.
    #[error("at {at}: {imbalance}")]
    Ledger {
        /// When.
        at: SimTime,
        /// Which.
        imbalance: Imbalance,
    },
}

/// Runs one trial. `progress` is told the simulated time now and then.
///
/// # Errors
/// [`RunError::Unfit`] if the fidelity asked for cannot run the scenario; [`RunError::Ledger`] if
/// requests were lost or made up: the run must not go on.
pub fn run(
    scenario: &Scenario,
    seed: u64,
    progress: &mut dyn FnMut(SimTime),
) -> Result<Outcome, RunError> {
    let engine = fidelity::choose(scenario)?.engine;
    let mut trial = Trial::of(engine, scenario, seed);
    trial.run(scenario, scenario.end(), progress)?;
    Ok(assemble::outcome(scenario, &mut trial))
}

/// The whole state of one trial.
#[derive(Debug)]
pub(crate) struct Trial {
    seed: u64,
    world: World,
    control: Control,
    pub(crate) traffic: Traffic,
    recorder: Recorder,
    log: Log,
    now: SimTime,
    windows_balanced: u64,
    /// Threshold and sustained time that define impact.
    criterion: (f64, SimDuration),
    /// When the question whether it is metastable is asked; `None`: not asked, or answered.
    ask_metastable: Option<SimTime>,
    metastable: bool,
}

impl Trial {
    /// A trial at t = 0, request by request.
    #[cfg(test)]
    pub(crate) fn new(scenario: &Scenario, seed: u64) -> Trial {
        Trial::of(Engine::Exact, scenario, seed)
    }

    /// A trial at t = 0.
    pub(crate) fn of(engine: Engine, scenario: &Scenario, seed: u64) -> Trial {
        let root = RootSeed(seed);
        let mut world = World::new(scenario, root);
        let control = Control::new(scenario, &world, root);
        let traffic = Traffic::new(engine, scenario, &mut world, root);
        let (classes, stations) = (world.population.classes.len(), world.services.stations.len());
        let recorder = Recorder::new(scenario, classes, stations);
        Trial {
            seed,
            world,
            control,
            traffic,
            recorder,
            log: Log::default(),
            now: SimTime::ZERO,
            windows_balanced: 0,
            criterion: criterion(scenario),
            ask_metastable: first_question(scenario),
            metastable: false,
        }
    }

    /// Runs on until `end`.
    pub(crate) fn run(
        &mut self,
        scenario: &Scenario,
        end: SimTime,
        progress: &mut dyn FnMut(SimTime),
    ) -> Result<(), RunError> {
        let mut changes = Vec::new();
        let mut window_end = self.next_window_end(scenario);
        while self.now < end {
            let control = self.control.next_time(&self.world).unwrap_or(SimTime::MAX);
            let warm = if self.now < scenario.start() { scenario.start() } else { SimTime::MAX };
            let next = control.min(window_end).min(warm).min(end);
            let scene = &mut Scene { world: &mut self.world, recorder: &mut self.recorder };
            self.traffic.advance(next, scene);
            self.now = next;
            for result in self.traffic.take_probe_results() {
                self.control.probe_ended(scenario, result.pair, result.ok);
            }
            if next == warm {
                self.forget_warm_up();
            }
            if next == window_end {
                self.close_window(scenario)?;
                window_end = self.next_window_end(scenario);
                progress(self.now);
                self.ask_whether_metastable(scenario)?;
            }
            let (world, log) = (&mut self.world, &self.log);
            let recorder = &self.recorder;
            self.control.act(scenario, world, log, recorder, next, window_end, &mut changes);
            let scene = &mut Scene { world: &mut self.world, recorder: &mut self.recorder };
            for change in changes.drain(..) {
                self.traffic.apply(change, next, scene);
            }
        }
        Ok(())
    }

    fn next_window_end(&self, scenario: &Scenario) -> SimTime {
        scenario.start() + scenario.clock.window * (self.log.windows as u64 + 1)
    }

    /// At `start`: what was gathered for the open window so far was warm-up.
    fn forget_warm_up(&mut self) {
        self.traffic.close_window(self.now, &self.world, &self.recorder, &mut Vec::new());
        self.world.network.take_window(&mut Vec::new(), &mut Vec::new());
        self.control.routes.close_window(&self.world, self.now);
        self.control.forget_probes();
        for latency in &mut self.recorder.window_latency {
            latency.clear();
        }
    }

    /// Counts what stands, writes the window's rows, and lets control look at them.
    fn close_window(&mut self, scenario: &Scenario) -> Result<(), RunError> {
        let at = self.now;
        let standing = self.traffic.check_ledgers(&self.recorder);
        standing.map_err(|imbalance| RunError::Ledger { at, imbalance })?;
        self.windows_balanced += 1;
        self.traffic.close_window(at, &self.world, &self.recorder, &mut self.log.stations);
        let mut boxes: Vec<MiddleboxWindow> = Vec::new();
        let mut links: Vec<LinkWindow> = Vec::new();
        self.world.network.take_window(&mut boxes, &mut links);
        self.log.middleboxes.extend(boxes.iter().map(|m| MiddleboxCell {
            offered: m.offered_connections,
            loss: m.lost_share,
            sessions: m.sessions,
            delay_s: m.delay_s,
        }));
        let link = |l: &LinkWindow| LinkCell { utilisation: l.utilisation, loss: l.loss };
        self.log.links.extend(links.iter().map(link));
        self.log.routes.push(self.control.routes.close_window(&self.world, at));
        for client in 0..scenario.clients.len() {
            let (at, present) = self.traffic.sessions_of(ClientId(client as u32), &self.world);
            self.log.sessions.extend(at);
            self.log.sessions.push(present);
        }
        self.log.present.extend(self.traffic.present());
        for index in 0..scenario.pipelines.len() {
            let (backlog, oldest) = self.traffic.backlog(PipelineId(index as u32));
            let totals = &self.recorder.pipelines[index];
            self.log.pipelines.push(PipelineCell {
                backlog,
                oldest_s: oldest.map(|accepted| (at - accepted).as_secs_f64()),
                delivered: totals.delivered,
                bounced: totals.bounced,
            });
        }
        for name in (0..scenario.steering.len() as u32).map(SteeringId) {
            let sites = (0..scenario.sites.len() as u32).map(SiteId);
            self.log.steering.extend(sites.map(|site| self.world.share(scenario, name, site)));
        }
        self.control.log_probes(scenario, &mut self.log);
        self.log.windows += 1;
        self.control.look(scenario, &self.world, &self.log, &self.recorder, at);
        for latency in &mut self.recorder.window_latency {
            latency.clear();
        }
        Ok(())
    }

    /// DESIGN.md, section 5, *metastable*: down for 15 minutes after the last fault's end (plus the
    /// largest timeout and convergence), and up again in a fork without retries and re-sign-ins.
    fn ask_whether_metastable(&mut self, scenario: &Scenario) -> Result<(), RunError> {
        let Some(from) = self.ask_metastable else { return Ok(()) };
        // The minutes that are judged must be final, and all after the trigger.
        let lag = largest_good_within(scenario);
        if self.now < from + DOWN_FOR + lag || !self.control.faults_over() {
            return Ok(());
        }
        let to = self.now - SimTime::ZERO;
        let to = SimTime::ZERO + (to - lag);
        let down_since = SimTime::ZERO + ((to - SimTime::ZERO) - DOWN_FOR);
        let minute = SimDuration::from_secs(60).max(scenario.clock.window);
        let mut start = down_since.max(scenario.start());
        while start + minute <= to {
            let above = self.availability(start, start + minute);
            if above.is_none_or(|availability| availability >= self.criterion.0) {
                // Not down all the time: asked again when it could have been, from here on.
                self.ask_metastable = Some(start + minute);
                return Ok(());
            }
            start += minute;
        }
        self.ask_metastable = None;
        let mut fork = self.relieved();
        let end = (self.now + FORK.0).min(scenario.end());
        fork.run(scenario, end, &mut |_| {})?;
        let settled = SimTime::ZERO + ((end - SimTime::ZERO) - lag);
        let since = SimTime::ZERO + ((settled - SimTime::ZERO) - FORK.1);
        let back = fork.availability(since.max(self.now), settled);
        self.metastable = back.is_some_and(|availability| availability >= self.criterion.0);
        Ok(())
    }

    /// The same trial with the sustaining load taken away: it runs on by itself.
    fn relieved(&self) -> Trial {
        let (mut world, mut recorder) = (self.world.clone(), self.recorder.clone());
        let scene = &mut Scene { world: &mut world, recorder: &mut recorder };
        let traffic = self.traffic.relieved(self.now, scene);
        let (control, log) = (self.control.clone(), self.log.clone());
        Trial { world, control, traffic, recorder, log, ..*self }
    }

    /// Availability of all groups' demands of the windows from `from` to `to`.
    fn availability(&self, from: SimTime, to: SimTime) -> Option<f64> {
        let first = self.recorder.window_of(from)?;
        let last = self.recorder.window_of(to).unwrap_or(self.recorder.windows());
        let (mut demand, mut good) = (0_u64, 0_u64);
        for class in self.world.classes_matching(None, None) {
            for window in first..last {
                let cell = self.recorder.cell_at(class, window);
                demand += u64::from(cell.demand);
                good += u64::from(cell.good);
            }
        }
        (demand > 0).then(|| good as f64 / demand as f64)
    }
}

/// Threshold and sustained time of the first `recovery_time` target, or the defaults.
fn criterion(scenario: &Scenario) -> (f64, SimDuration) {
    let found = scenario.targets.iter().find_map(|target| match target.kind {
        TargetKind::RecoveryTime { availability, sustained, .. } => Some((availability, sustained)),
        _ => None,
    });
    found.unwrap_or((DEFAULT_THRESHOLD, DEFAULT_SUSTAINED))
}

/// A demand's window is final this long after its end.
fn largest_good_within(scenario: &Scenario) -> SimDuration {
    let times = scenario.operations.iter().map(|operation| operation.good_within);
    times.max().unwrap_or(SimDuration::ZERO)
}

/// The last fault's planned end, plus the largest timeout, plus convergence.
fn first_question(scenario: &Scenario) -> Option<SimTime> {
    let ends = scenario.faults.iter().map(|fault| fault.at + fault.lasts.unwrap_or_default());
    let timeouts = scenario.operations.iter().filter_map(|operation| match operation.timeout {
        Timeout::After(timeout) => Some(timeout),
        Timeout::Patience(_) => None,
    });
    let largest = timeouts.max().unwrap_or_default();
    ends.max().map(|end| end + largest + scenario.network.routing.settles_within())
}
