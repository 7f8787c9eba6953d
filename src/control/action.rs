//! What steps do: each action edits the world once, or in parts.

use super::change::Change;
use super::runbook::Standing;
use super::{Control, Event};
use crate::kernel::defect::planted;
use crate::kernel::time::{SimDuration, SimTime};
use crate::measure::log::Log;
use crate::measure::recorder::Recorder;
use crate::scenario::model::{
    Action, FaultKind, Scenario, ServiceId, SiteId, SteeringId, Step, StepId, StoreId,
};
use crate::world::World;
use crate::world::state::{Isolation, Throttle};

/// The shares that a step would set, for `projected(…)`.
pub fn shares_after(step: &Step, world: &World) -> Option<(SteeringId, Vec<(SiteId, f64)>)> {
    let initial = |name: SteeringId| world.steering[name.index()].initial().to_vec();
    match step.action.as_ref()? {
        Action::Set { steering, answers, .. } => Some((*steering, answers.clone())),
        Action::Restore { steering, .. } => Some((*steering, initial(*steering))),
        Action::Move { steering, from, to, share, .. } => {
            Some((*steering, moved(world, *steering, *from, *to, *share)))
        }
        _ => None,
    }
}

/// The present shares with `share` of the whole moved; no more than there is.
fn moved(
    world: &World,
    name: SteeringId,
    from: SiteId,
    to: SiteId,
    share: f64,
) -> Vec<(SiteId, f64)> {
    let steering = &world.steering[name.index()];
    let moves = share.min(steering.share(from));
    let sites = sites_of(world, name, Some(to));
    let changed = |site: SiteId| {
        let change = f64::from(u8::from(site == to)) - f64::from(u8::from(site == from));
        (site, steering.share(site) + change * moves)
    };
    sites.into_iter().map(changed).collect()
}

/// The sites of a name's first answer, then those that have come to hold a share of it since, and
/// `other`: shares set for these leave nothing of the present answer out.
fn sites_of(world: &World, name: SteeringId, other: Option<SiteId>) -> Vec<SiteId> {
    let steering = &world.steering[name.index()];
    let mut sites: Vec<SiteId> = steering.initial().iter().map(|answer| answer.0).collect();
    for site in (0..world.sites as u32).map(SiteId) {
        let held = steering.share(site) > 0.0 || other == Some(site);
        if held && !sites.contains(&site) {
            sites.push(site);
        }
    }
    sites
}

/// What a fault does in the instant in which it begins, beside what it keeps in force.
pub fn at_once(kind: &FaultKind, changes: &mut Vec<Change>) {
    match *kind {
        FaultKind::MassReconnect { client, site, share } => {
            changes.push(Change::SessionsLost { client, site, share });
        }
        FaultKind::CacheLost { service, site, share } => {
            changes.push(Change::CacheLost { service, site, share });
        }
        _ => {}
    }
}

impl Control {
    /// Does a step whose people are ready and whose guard holds.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn do_step(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        log: &Log,
        recorder: &Recorder,
        step: StepId,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let spec = &scenario.runbook[step.index()];
        self.note(now, "step", &spec.name, words(scenario, spec));
        self.steps[step.index()].standing = Standing::Done(now);
        let Some(action) = &spec.action else { return };
        match action {
            Action::Set { steering, answers, drain } => {
                self.set_shares(world, *steering, answers, *drain, now, changes);
            }
            Action::Move { steering, from, to, share, drain } => {
                let answers = moved(world, *steering, *from, *to, *share);
                self.set_shares(world, *steering, &answers, *drain, now, changes);
            }
            Action::Restore { .. } => {
                self.steps[step.index()].standing = Standing::Acting;
                self.restore_part(scenario, world, step, 1, now, changes);
            }
            Action::Drain { site, over } => {
                changes.push(Change::DrainSite { site: *site, over: *over });
            }
            Action::Throttle { operation, site, admit, ramp } => {
                let admit_per_s = admit / scenario.scale as f64;
                let (operation, site, ramp) = (*operation, *site, *ramp);
                let throttle = Throttle { operation, site, admit_per_s, since: now, ramp };
                world.throttles.retain(|t| t.operation != operation || t.site != site);
                world.throttles.push(throttle);
            }
            Action::Unthrottle { operation, site } => {
                world.throttles.retain(|t| t.operation != *operation || t.site != *site);
            }
            Action::Restart { service, site, takes } => {
                for index in world.services.matching(*service, Some(*site), None) {
                    self.forces.work[index].restarting = true;
                    let station = index as u32;
                    self.calendar.push(now + *takes, Event::Restarted { station });
                }
                let (service, site) = (*service, Some(*site));
                changes.push(Change::CacheLost { service, site, share: 1.0 });
                self.apply(scenario, world, now, changes);
            }
            Action::AddCapacity { service, site, instances, takes } => {
                self.add_capacity(scenario, world, (*service, *site), *instances, now + *takes);
            }
            Action::Activate { store, from, to, share } => {
                let of = (spec.name.as_str(), *store, (*from, *to), *share);
                self.activate(scenario, world, log, recorder, of, now);
            }
            Action::Isolate { service, partition, from } => {
                let (service, partition, from) = (*service, *partition, *from);
                world.isolations.push(Isolation { service, partition, from });
            }
            Action::Rejoin { service, partition, from } => {
                let (service, partition, from) = (*service, *partition, *from);
                let ended = Isolation { service, partition, from };
                world.isolations.retain(|isolation| *isolation != ended);
            }
            Action::Repair { .. } | Action::Network { .. } => {
                self.give_order(scenario, world, step, now);
            }
        }
    }

    fn set_shares(
        &mut self,
        world: &mut World,
        name: SteeringId,
        answers: &[(SiteId, f64)],
        drain: Option<SimDuration>,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let mut answers = answers.to_vec();
        if planted("shift-moves-the-wrong-way") {
            let sites: Vec<SiteId> = answers.iter().rev().map(|answer| answer.0).collect();
            answers.iter_mut().zip(sites).for_each(|(answer, site)| answer.0 = site);
        }
        world.steering[name.index()].set(&answers, now);
        if let Some(over) = drain {
            changes.push(Change::DrainMoved { steering: name, over });
        }
    }

    /// Part number `part` of a restore: the shares move by one part of what is left.
    pub(super) fn restore_part(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        step: StepId,
        part: u32,
        now: SimTime,
        changes: &mut Vec<Change>,
    ) {
        let spec = &scenario.runbook[step.index()];
        let Some(Action::Restore { steering, steps, every, drain, .. }) = &spec.action else {
            return;
        };
        if part > 1 && self.steps[step.index()].stop {
            self.steps[step.index()].standing = Standing::Skipped;
            let text = format!("{}: stopped before part {part} of {steps}", spec.name);
            self.note(now, "step_skipped", &spec.name, text);
            return;
        }
        let state = &world.steering[steering.index()];
        let mut left = f64::from(steps - part + 1);
        if planted("restore-in-one-go") {
            left = 1.0;
        }
        let towards = |site: SiteId| {
            let first = state.initial().iter().find(|answer| answer.0 == site);
            let have = state.share(site);
            (site, have + (first.map_or(0.0, |answer| answer.1) - have) / left)
        };
        let answers = sites_of(world, *steering, None).into_iter().map(towards);
        let answers: Vec<(SiteId, f64)> = answers.collect();
        self.set_shares(world, *steering, &answers, *drain, now, changes);
        if part > 1 {
            let text = format!("{}: part {part} of {steps}", spec.name);
            self.note(now, "step", &spec.name, text);
        }
        if part < *steps {
            self.calendar.push(now + *every, Event::RestorePart { step, part: part + 1 });
        } else {
            self.steps[step.index()].standing = Standing::Done(now);
        }
        self.advance_steps(scenario, now);
    }

    fn add_capacity(
        &mut self,
        scenario: &Scenario,
        world: &World,
        (service, site): (ServiceId, SiteId),
        instances: u64,
        at: SimTime,
    ) {
        let concurrency = u64::from(scenario.services[service.index()].concurrency);
        let slots = scenario.scaled(instances * concurrency);
        let stations: Vec<usize> = world.services.matching(service, Some(site), None).collect();
        let count = stations.len() as u64;
        for (part, station) in stations.into_iter().enumerate() {
            let part = part as u64;
            let slots = (slots * (part + 1) / count - slots * part / count) as u32;
            self.calendar.push(at, Event::Added { station: station as u32, slots });
        }
    }

    /// Activates copies elsewhere. Databases of a site that is down lose the writes of their last
    /// `replication_lag`, at the rate of the last window before the latest fault.
    fn activate(
        &mut self,
        scenario: &Scenario,
        world: &mut World,
        log: &Log,
        recorder: &Recorder,
        (step, store, (from, to), share): (&str, StoreId, (SiteId, SiteId), f64),
        now: SimTime,
    ) {
        let spec = &scenario.stores[store.index()];
        let site_lost = world.services.matching(spec.service, Some(from), None);
        let site_lost = site_lost.map(|i| world.services.stations[i].slots).sum::<u32>() == 0;
        let state = &mut world.stores[store.index()];
        let count = state.activate(step, (from, to), share, now);
        if !site_lost {
            return;
        }
        let part = count as f64 / state.active.len() as f64;
        // What was being written when the last fault struck, not what still gets through.
        let faults = self.timeline.iter().rev().filter(|happening| happening.kind == "fault");
        let struck = faults.map(|fault| fault.at).next().unwrap_or(now);
        let window = recorder.window_of(struck).unwrap_or(log.windows);
        let before_fault = window.min(log.windows).saturating_sub(1);
        let mut writes = 0.0;
        for &operation in &spec.writes {
            for class in world.classes_matching(None, Some(operation)) {
                writes += f64::from(recorder.cell_at(class, before_fault).answered);
            }
        }
        let per_s = writes / scenario.clock.window.as_secs_f64();
        self.writes_lost += per_s * spec.replication_lag.as_secs_f64() * part;
    }
}

/// What a step does, in words for the timeline.
fn words(scenario: &Scenario, step: &Step) -> String {
    let name = |steering: &SteeringId| scenario.steering[steering.index()].name.as_str();
    let site = |site: &SiteId| scenario.sites[site.index()].name.as_str();
    let service = |service: &ServiceId| scenario.services[service.index()].name.as_str();
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let part = |partition: &Option<u32>| partition.map(|p| format!(" {p}")).unwrap_or_default();
    let text = match &step.action {
        None => return step.name.clone(),
        Some(Action::Set { steering, answers, .. }) => {
            let shares = answers.iter().map(|(s, x)| format!("{} {}", site(s), percent(*x)));
            format!("{} answers {}", name(steering), shares.collect::<Vec<_>>().join(", "))
        }
        Some(Action::Move { steering, from, to, share, .. }) => {
            let (from, to, share) = (site(from), site(to), percent(*share));
            format!("{share} of {} moves from {from} to {to}", name(steering))
        }
        Some(Action::Restore { steering, steps, .. }) => {
            format!("{} goes back to its first answer in {steps} parts", name(steering))
        }
        Some(Action::Drain { site: s, over }) => format!("{} is drained over {over}", site(s)),
        Some(Action::Throttle { operation, site: s, admit, .. }) => {
            let operation = &scenario.operations[operation.index()].name;
            format!("{operation} at {} is limited to {admit:.0}/s", site(s))
        }
        Some(Action::Unthrottle { operation, site: s }) => {
            let operation = &scenario.operations[operation.index()].name;
            format!("{operation} at {} is limited no more", site(s))
        }
        Some(Action::Restart { service: v, site: s, takes }) => {
            format!("{} at {} is restarted, down for {takes}", service(v), site(s))
        }
        Some(Action::AddCapacity { service: v, site: s, instances, takes }) => {
            let (v, s) = (service(v), site(s));
            format!("{instances} instances of {v} at {s}, serving in {takes}")
        }
        Some(Action::Activate { store, from, to, share }) => {
            let store = &scenario.stores[store.index()].name;
            let (from, to) = (site(from), site(to));
            format!("{} of {store} at {from} is activated at {to}", percent(*share))
        }
        Some(Action::Isolate { service: v, partition, from }) => {
            let (part, from) = (part(partition), from.as_ref().map_or("all callers", service));
            format!("{from} cut off from {}{part}", service(v))
        }
        Some(Action::Rejoin { service: v, partition, from }) => {
            let (part, from) = (part(partition), from.as_ref().map_or("all callers", service));
            format!("{from} joined to {}{part} again", service(v))
        }
        Some(Action::Repair { fault }) => {
            format!("{} is repaired", scenario.faults[fault.index()].name)
        }
        Some(Action::Network { order, .. }) => super::orders::words(scenario, order),
    };
    format!("{}: {text}", step.name)
}
