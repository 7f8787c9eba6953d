//! What acts on the world: faults, routing, probes, alarms and people, in discrete events.
//!
//! Control is the same under every fidelity. It sees the traffic only through closed windows and
//! probes, edits the world, and tells traffic what concerns work in flight ([`change::Change`]).

pub mod action;
pub mod change;
pub mod faults;
pub mod orders;
mod probes;
pub mod quantity;
pub mod route_log;
pub mod routing;
pub mod runbook;
pub mod setup;
pub mod watch;

use crate::kernel::calendar::Calendar;
use crate::kernel::stream::{Luck, RootSeed};
use crate::kernel::time::{SimDuration, SimTime};
use crate::measure::log::{Log, ProbeCell};
use crate::measure::recorder::Recorder;
use crate::scenario::model::{AlarmId, FaultId, FaultKind, RouterId, Scenario, StepId, Trigger};
use crate::world::World;
use crate::world::network::TICK_QUIET;
use crate::world::network::topology::Direction;
use change::Change;
use faults::Forces;
use quantity::View;
use route_log::RouteLog;
use routing::Routing;
use runbook::{Guard, Progress, Standing};
use watch::Watch;

/// Strength of a ramped fault grows in this many steps.
const RAMP_STEPS: u32 = 20;

/// Events of control.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The fault takes hold (again) with this many ramp steps' strength.
    FaultOn { fault: FaultId, step: u32 },
    /// The fault pauses: it flaps.
    FaultPause { fault: FaultId },
    /// The fault ends.
    FaultOff { fault: FaultId },
    /// A bad configuration reaches its next router.
    ConfigPushed { fault: FaultId },
    /// Routers have what this step orders.
    Ordered { step: StepId },
    /// A router that was restarted is back.
    Rebooted { router: RouterId },
    /// The network's data plane moves on.
    NetworkTick,
    /// A probe of this pair is due.
    Probe { pair: u32 },
    /// Steps that wait for a time look again.
    Look,
    /// This step's people are ready.
    StepDue { step: StepId },
    /// The next part of a step's restore.
    RestorePart { step: StepId, part: u32 },
    /// A restart is over.
    Restarted { station: u32 },
    /// Added capacity serves.
    Added { station: u32, slots: u32 },
}

/// Something that happened, for the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// When.
    pub at: SimTime,
    /// As in [`crate::measure::outcome::Moment`].
    pub kind: &'static str,
    /// Name of the fault, alarm or step.
    pub name: String,
    /// In words.
    pub text: String,
}

impl Happening {
    /// Whether it is something that faults or people do.
    pub fn acts(&self) -> bool {
        ["fault", "fault_end", "step"].contains(&self.kind)
    }
}

/// An alarm on watch.
#[derive(Clone, Debug)]
struct AlarmState {
    watch: Watch,
    risen: bool,
    first: Option<SimTime>,
}

/// The state of control.
#[derive(Clone, Debug)]
pub struct Control {
    calendar: Calendar<Event>,
    routing: Routing,
    /// Paths have changed since routing was last at rest.
    rerouting: bool,
    forces: Forces,
    /// [fault]: on until it ends, whether or not a flap pauses it.
    on: Vec<bool>,
    over: Vec<bool>,
    alarms: Vec<AlarmState>,
    steps: Vec<Progress>,
    stopped: bool,
    published: bool,
    /// [pair]: failures in a row, and the counts of the open window.
    probes: Vec<(u32, ProbeCell)>,
    last_tick: SimTime,
    /// When the network's next tick is; events of ticks at other times are void.
    tick_due: SimTime,
    luck: Luck,
    /// Writes lost by activating lagging copies, at the run's scale.
    pub writes_lost: f64,
    /// Everything that happened, in order.
    pub timeline: Vec<Happening>,
    /// Which ways the regions went.
    pub routes: RouteLog,
}

impl Control {
    /// Control at t = 0.
    pub fn new(scenario: &Scenario, world: &World, seed: RootSeed) -> Control {
        let mut calendar = Calendar::new();
        for (index, fault) in scenario.faults.iter().enumerate() {
            let fault_id = FaultId(index as u32);
            calendar.push(fault.at, Event::FaultOn { fault: fault_id, step: 1 });
            if let Some(lasts) = fault.lasts {
                calendar.push(fault.at + lasts, Event::FaultOff { fault: fault_id });
            }
        }
        for at in scenario.runbook.iter().filter_map(|step| step.at) {
            calendar.push(at, Event::Look);
        }
        let tick_due = SimTime(TICK_QUIET.0);
        calendar.push(tick_due, Event::NetworkTick);
        if let Some(probes) = &scenario.observers.probes {
            let pairs = world.probe_pairs.len() as u64;
            for pair in 0..pairs {
                let phase = SimDuration(probes.every.0 / pairs * pair);
                calendar.push(SimTime::ZERO + phase, Event::Probe { pair: pair as u32 });
            }
        }
        let alarms = scenario.observers.alarms.iter();
        let alarms =
            alarms.map(|a| AlarmState { watch: Watch::new(&a.when), risen: false, first: None });
        Control {
            calendar,
            routing: Routing::new(scenario, &world.network, seed),
            rerouting: false,
            forces: Forces::new(scenario, world),
            on: vec![false; scenario.faults.len()],
            over: vec![false; scenario.faults.len()],
            alarms: alarms.collect(),
            steps: Progress::all(scenario, seed),
            stopped: false,
            published: false,
            probes: vec![(0, ProbeCell::default()); world.probe_pairs.len()],
            last_tick: SimTime::ZERO,
            tick_due,
            luck: Luck::named(seed, "control"),
            writes_lost: 0.0,
            timeline: Vec::new(),
            routes: RouteLog::new(world),
        }
    }

    /// When control acts next.
    pub fn next_time(&self, world: &World) -> Option<SimTime> {
        let written = self.routing.next_write(&world.network);
        self.calendar.peek_time().into_iter().chain(written).min()
    }

    /// Acts on everything that is due at or before `now`; changes are for traffic. Before `horizon`
    /// nobody else gives control anything to do.
    #[allow(clippy::too_many_arguments)]
    pub fn act(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        log: &Log,
        recorder: &Recorder,
        now: SimTime,
        horizon: SimTime,
        changes: &mut Vec<Change>,
    ) {
        self.write_tables(world, now, changes);
        self.act_on_events(scenario, world, log, recorder, now, changes);
        // After a tick; and sooner than was thought, where something has changed.
        let due = world.network.next_tick(now);
        if due < self.tick_due {
            self.tick_due = due;
            self.calendar.push(due, Event::NetworkTick);
        }
        let next = self.calendar.peek_time().unwrap_or(SimTime::MAX);
        self.routing.run_until(&world.network, next.min(horizon));
        self.write_tables(world, now, changes);
        if changes.contains(&Change::Paths) {
            self.routes.touched(now, self.last_cause(), false);
            self.routes.look(world, now);
        }
        if self.routing.at_rest() {
            self.routes.rest();
            if std::mem::take(&mut self.rerouting) {
                self.note_paths(world, now, "routing is at rest");
            }
        }
    }

    fn act_on_events(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        log: &Log,
        recorder: &Recorder,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        while let Some((_, event)) = self.calendar.pop_until(now) {
            match event {
                Event::FaultOn { fault, step } => {
                    self.fault_on(scenario, fault, step, now, changes);
                    self.apply(scenario, world, now, changes);
                    if let FaultKind::SessionReset { link } = scenario.faults[fault.index()].kind {
                        self.routing.reset(Direction(2 * link.0), now, &world.network);
                    }
                }
                Event::FaultPause { fault } => {
                    if self.on[fault.index()] && !self.over[fault.index()] {
                        self.forces.strength[fault.index()] = 0.0;
                        let (_, off) = scenario.faults[fault.index()].flap.expect("it flaps");
                        self.calendar.push(now + off, Event::FaultOn { fault, step: RAMP_STEPS });
                        self.apply(scenario, world, now, changes);
                    }
                }
                Event::FaultOff { fault } => {
                    self.end_fault(scenario, fault, now);
                    self.apply(scenario, world, now, changes);
                }
                Event::ConfigPushed { fault } => {
                    self.push_config(scenario, fault, now);
                    self.apply(scenario, world, now, changes);
                }
                Event::Ordered { step } => self.carry_out(scenario, world, step, now, changes),
                Event::Rebooted { router } => {
                    self.forces.rebooting[router.index()] -= 1;
                    self.apply(scenario, world, now, changes);
                }
                Event::NetworkTick if now != self.tick_due => {}
                Event::NetworkTick => {
                    world.network.tick(now - self.last_tick);
                    self.routing.observe_loss(&world.network, now);
                    self.last_tick = now;
                    self.tick_due = SimTime::MAX;
                }
                Event::Probe { pair } => {
                    let probes = scenario.observers.probes.as_ref().expect("a probe was due");
                    self.calendar.push(now + probes.every, Event::Probe { pair });
                    changes.push(Change::Probe { pair });
                }
                Event::Look => self.advance_steps(scenario, now),
                Event::StepDue { step } => {
                    self.step_due(scenario, world, log, recorder, step, now, changes);
                }
                Event::RestorePart { step, part } => {
                    self.restore_part(scenario, world, step, part, now, changes);
                }
                Event::Restarted { station } => {
                    self.forces.work[station as usize].restarting = false;
                    self.apply(scenario, world, now, changes);
                }
                Event::Added { station, slots } => {
                    self.forces.work[station as usize].added += slots;
                    self.apply(scenario, world, now, changes);
                }
            }
        }
    }

    /// At a window's end: alarms and steps look at what was measured.
    pub fn look(
        &mut self,
        scenario: &Scenario,
        world: &World,
        log: &Log,
        recorder: &Recorder,
        now: SimTime,
    ) {
        let before: Vec<bool> = self.alarms.iter().map(|alarm| alarm.risen).collect();
        let steps = self.steps_done();
        for index in 0..self.alarms.len() {
            let view = View {
                scenario,
                world,
                recorder,
                log,
                alarms: &before,
                steps: &steps,
                projected: None,
            };
            let alarm = &mut self.alarms[index];
            let risen = alarm.watch.look(&view, now);
            let name = &scenario.observers.alarms[index].name;
            if risen && !alarm.risen {
                alarm.first.get_or_insert(now);
                self.note(now, "alarm", name, format!("alarm {name} rises"));
            } else if !risen && alarm.risen {
                self.note(now, "alarm_end", name, format!("alarm {name} ends"));
            }
            self.alarms[index].risen = risen;
        }
        self.publish(scenario, now);
        let alarms: Vec<bool> = self.alarms.iter().map(|alarm| alarm.risen).collect();
        for index in 0..self.steps.len() {
            let step = &scenario.runbook[index];
            let mut progress = self.steps[index].clone();
            let projected = action::shares_after(step, world);
            let view =
                View { scenario, world, recorder, log, alarms: &alarms, steps: &steps, projected };
            progress.look(&view, now);
            if let Standing::Due(at) = progress.standing
                && progress.standing != self.steps[index].standing
            {
                self.calendar.push(at, Event::StepDue { step: StepId(index as u32) });
            }
            if let Standing::Guarded(_) = progress.standing {
                self.calendar.push(now, Event::StepDue { step: StepId(index as u32) });
            }
            self.steps[index] = progress;
        }
        self.advance_steps(scenario, now);
    }

    /// The status page shows the incident some time after the first alarm.
    fn publish(&mut self, scenario: &Scenario, now: SimTime) {
        let first = self.alarms.iter().filter_map(|alarm| alarm.first).min();
        let (Some(lag), Some(first)) = (scenario.observers.status_page, first) else { return };
        if !self.published && now >= first + lag {
            self.published = true;
            let text = "the status page shows an incident".into();
            self.note(now, "status_page", "status page", text);
        }
    }

    /// Moves waiting steps on whose time and triggers have come, until none does.
    fn advance_steps(&mut self, scenario: &Scenario, now: SimTime) {
        if self.stopped {
            return;
        }
        let any_alarm = self.alarms.iter().any(|alarm| alarm.first.is_some());
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.steps.len() {
                let before = self.steps[index].standing;
                let mut progress = self.steps[index].clone();
                let happened = |trigger: &Trigger| match *trigger {
                    Trigger::Alarm(AlarmId(a)) => self.alarms[a as usize].first.is_some(),
                    Trigger::Step(step) => {
                        matches!(self.steps[step.index()].standing, Standing::Done(_))
                    }
                };
                let skipped = |trigger: &Trigger| match *trigger {
                    Trigger::Alarm(_) => false,
                    Trigger::Step(step) => self.steps[step.index()].standing == Standing::Skipped,
                };
                let step = &scenario.runbook[index];
                progress.advance(step, now, happened, skipped, any_alarm);
                let after = progress.standing;
                self.steps[index] = progress;
                if after == before {
                    continue;
                }
                moved = true;
                match after {
                    Standing::Due(at) => {
                        self.calendar.push(at, Event::StepDue { step: StepId(index as u32) });
                    }
                    Standing::Skipped => self.note_skipped(scenario, index, now),
                    _ => {}
                }
            }
        }
    }

    fn note_skipped(&mut self, scenario: &Scenario, index: usize, now: SimTime) {
        let name = &scenario.runbook[index].name;
        self.note(now, "step_skipped", name, format!("{name} is left out"));
    }

    #[allow(clippy::too_many_arguments)]
    fn step_due(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        log: &Log,
        recorder: &Recorder,
        step: StepId,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let progress = &self.steps[step.index()];
        let pending = matches!(progress.standing, Standing::Due(_) | Standing::Guarded(_));
        if self.stopped || !pending {
            return;
        }
        match progress.guard(&scenario.runbook[step.index()], now) {
            Guard::Go => {
                self.do_step(scenario, world, log, recorder, step, now, changes);
            }
            Guard::WaitUntil(until) => {
                self.steps[step.index()].standing = Standing::Guarded(until);
            }
            Guard::Skip => {
                self.steps[step.index()].standing = Standing::Skipped;
                self.note_skipped(scenario, step.index(), now);
            }
            Guard::Stop => {
                self.stopped = true;
                let name = &scenario.runbook[step.index()].name;
                let text = format!("{name}: its guard is false, the runbook stops");
                self.note(now, "step_skipped", name, text);
            }
        }
        self.advance_steps(scenario, now);
    }

    fn fault_on(
        &mut self,
        scenario: &Scenario,
        fault: FaultId,
        step: u32,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let spec = &scenario.faults[fault.index()];
        if self.over[fault.index()] {
            return;
        }
        if !self.on[fault.index()] {
            self.on[fault.index()] = true;
            self.note(now, "fault", &spec.name, format!("{} begins", spec.name));
            action::at_once(&spec.kind, changes);
            self.forces.begin(fault);
            self.push_config(scenario, fault, now);
        }
        let ramped = spec.ramp > SimDuration::ZERO && step < RAMP_STEPS;
        let strength = if ramped { f64::from(step) / f64::from(RAMP_STEPS) } else { 1.0 };
        self.forces.strength[fault.index()] = strength;
        if ramped {
            let next = now + SimDuration(spec.ramp.0 / u64::from(RAMP_STEPS));
            self.calendar.push(next, Event::FaultOn { fault, step: step + 1 });
        } else if let Some((on, _)) = spec.flap {
            self.calendar.push(now + on, Event::FaultPause { fault });
        }
    }

    fn end_fault(&mut self, scenario: &Scenario, fault: FaultId, now: SimTime) {
        if self.on[fault.index()] && !self.over[fault.index()] {
            let name = &scenario.faults[fault.index()].name;
            self.note(now, "fault_end", name, format!("{name} ends"));
        }
        self.over[fault.index()] = true;
        self.forces.strength[fault.index()] = 0.0;
    }

    /// Puts what is in force into the world, and has routing follow.
    fn apply(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        self.forces.apply(scenario, world, now, changes);
        self.routing.observe(&world.network, &self.forces.settings, now);
    }

    fn note(&mut self, at: SimTime, kind: &'static str, name: &str, text: String) {
        self.timeline.push(Happening { at, kind, name: name.into(), text });
    }

    fn steps_done(&self) -> Vec<bool> {
        let done = |progress: &Progress| matches!(progress.standing, Standing::Done(_));
        self.steps.iter().map(done).collect()
    }

    /// Whether every fault that has begun is over.
    pub fn faults_over(&self) -> bool {
        self.on.iter().zip(&self.over).all(|(on, over)| !on || *over)
            && self.on.iter().any(|on| *on)
    }
}
