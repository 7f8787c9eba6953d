//! Observers, conditions, and the runbook's steps and actions, resolved.

use super::{
    AlarmId, FaultId, FaultKind, OperationId, Order, RegionId, ServiceId, SiteId, SteeringId,
    StepId, StoreId,
};
use crate::kernel::sample::Distribution;
use crate::kernel::time::{SimDuration, SimTime};
use serde::Serialize;

/// One fault: what, when, for how long, in which shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// Name.
    pub name: String,
    /// When it begins, from t = 0.
    pub at: SimTime,
    /// How long it lasts; `None`: until a step ends it, or the end of the run.
    pub lasts: Option<SimDuration>,
    /// Strength grows linearly from 0 to full over this (in 20 steps); zero: at once.
    pub ramp: SimDuration,
    /// On for the first, off for the second, again and again.
    pub flap: Option<(SimDuration, SimDuration)>,
    /// What breaks.
    pub kind: FaultKind,
}

/// Who watches, and what they see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observers {
    /// Synthetic requests from regions.
    pub probes: Option<Probes>,
    /// Named alarms.
    pub alarms: Vec<Alarm>,
    /// The page that customers read: shows an incident this long after the first alarm.
    pub status_page: Option<SimDuration>,
}

/// Synthetic requests sent from regions to every site that the name answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probes {
    /// Time between two probes of one (region, site).
    pub every: SimDuration,
    /// Regions they are sent from.
    pub from: Vec<RegionId>,
    /// The operation they make.
    pub operation: OperationId,
    /// Failures in a row after which a (region, site) counts as unhealthy.
    pub unhealthy_after: u32,
}

/// A named alarm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// Name.
    pub name: String,
    /// It rises when this is true.
    pub when: Condition,
}

/// A condition, evaluated at window ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// All hold.
    And(Vec<Condition>),
    /// One holds.
    Or(Vec<Condition>),
    /// Does not hold (no data stays no data: false).
    Not(Box<Condition>),
    /// A quantity compared with a value, for some time.
    Compare(Comparison),
    /// The alarm has risen (and stays risen until its condition has been false for a window).
    Alarm(AlarmId),
    /// The step is done.
    Done(StepId),
    /// The quantity has no data.
    NoData(Quantity),
}

impl Condition {
    /// Whether one of its quantities is so.
    pub fn any(&self, is: &impl Fn(&Quantity) -> bool) -> bool {
        match self {
            Condition::And(parts) | Condition::Or(parts) => parts.iter().any(|part| part.any(is)),
            Condition::Not(part) => part.any(is),
            Condition::Compare(comparison) => is(&comparison.quantity),
            Condition::NoData(quantity) => is(quantity),
            Condition::Alarm(_) | Condition::Done(_) => false,
        }
    }
}

/// `quantity op value for duration`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub quantity: Quantity,
    /// How.
    pub operator: Operator,
    /// With what, in the quantity's base unit (shares in 0..1, times in s, rates in 1/s).
    pub value: f64,
    /// True at every evaluation for this long; zero: at one.
    pub sustained: SimDuration,
}

/// `<`, `<=`, `>=`, `>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// A measured quantity, over a time, from a vantage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quantity {
    /// Which.
    pub measure: Measure,
    /// Only this region.
    pub region: Option<RegionId>,
    /// Only this operation.
    pub operation: Option<OperationId>,
    /// Only this site.
    pub site: Option<SiteId>,
    /// Only this service.
    pub service: Option<ServiceId>,
    /// Who measures.
    pub seen_by: Vantage,
    /// Averaged over the closed windows of this long; zero: the last one.
    pub over: SimDuration,
    /// The value that the step's own action would lead to, not the present one.
    pub projected: bool,
}

/// The quantities of the condition language.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Answers among attempts that ended in the window [share].
    SuccessRate,
    /// Latency at this quantile of answers in the window [s].
    Latency(f64),
    /// Busy slots / slots of the worst station [share].
    Utilisation,
    /// Requests waiting, all matching stations [count at full size].
    Queue,
    /// Messages in pipelines not yet delivered [count at full size].
    Backlog,
    /// Age of the oldest of them [s].
    OldestMessage,
    /// Sessions signed in, over users present [share].
    Sessions,
    /// Loss of the worst middlebox or link [share].
    Loss,
    /// Attempts over first attempts [factor].
    Amplification,
    /// First attempts a second [1/s at full size].
    Demand,
    /// Share of probed (region, site) pairs that are unhealthy [share].
    Unhealthy,
}

/// Who sees a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// All clients: the simulator's own, perfect view.
    Client,
    /// The probes.
    Probes,
    /// The servers' telemetry: only what arrives.
    Server,
}

/// A step of the runbook.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Name.
    pub name: String,
    /// Not before this, from t = 0.
    pub at: Option<SimTime>,
    /// Not before these have happened.
    pub after: Vec<Trigger>,
    /// Armed once `at` and `after` are met (else from the first alarm); must become true.
    pub when: Option<Condition>,
    /// Time that people need from the trigger to the action.
    pub delay: Distribution,
    /// Checked when the step is due.
    pub only_if: Option<Condition>,
    /// What happens if it is false.
    pub otherwise: Otherwise,
    /// What is done; `None`: the step only marks a moment (noticed, decided).
    pub action: Option<Action>,
    /// Which share of the incident's clock the delay belongs to.
    pub phase: StepPhase,
}

/// Something that happens once and that a step can follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The alarm rises for the first time.
    Alarm(AlarmId),
    /// The step is done.
    Step(StepId),
}

/// What a step does when its guard is false.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// Is left out, and whatever follows it.
    Skip,
    /// Looks again at every window end for this long, then is left out.
    Wait(SimDuration),
    /// Ends the whole runbook.
    Stop,
}

/// Part of the incident's clock that a step's delay counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepPhase {
    /// A step without an action: people notice and decide.
    Decide,
    /// A step with one: people act.
    Act,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Sets the shares of a name.
    Set {
        /** The name. */
        steering: SteeringId,
        /** New shares, adding up to 1. */
        answers: Vec<(SiteId, f64)>,
        /** Sessions at a site they no longer belong to are closed over this; `None`: they stay. */
        drain: Option<SimDuration>,
    },
    /// Moves a share (of the whole) of a name from one site to another.
    Move {
        /** The name. */
        steering: SteeringId,
        /** From. */
        from: SiteId,
        /** To. */
        to: SiteId,
        /** Share of all mailboxes of the name. */
        share: f64,
        /** As in `Set`. */
        drain: Option<SimDuration>,
    },
    /// Back to the shares at `start`, in equal steps.
    Restore {
        /** The name. */
        steering: SteeringId,
        /** Number of steps. */
        steps: u32,
        /** Time between them. */
        every: SimDuration,
        /** Checked before each step after the first: if true, it stops where it is. */
        stop_if: Option<Condition>,
        /** As in `Set`. */
        drain: Option<SimDuration>,
    },
    /// Closes the sessions at a site, evenly over a time.
    Drain {
        /** The site. */
        site: SiteId,
        /** Time it takes. */
        over: SimDuration,
    },
    /// Admits only so many first and later attempts of an operation at a site; the rest is refused
    /// at once. With `ramp` the limit grows linearly to twice `admit` over it, then goes.
    Throttle {
        /** The operation. */
        operation: OperationId,
        /** The site. */
        site: SiteId,
        /** Attempts admitted a second at full size. */
        admit: f64,
        /** Time until it is lifted; `None`: stays. */
        ramp: Option<SimDuration>,
    },
    /// Takes a throttle away.
    Unthrottle {
        /** The operation. */
        operation: OperationId,
        /** The site. */
        site: SiteId,
    },
    /// Restarts a station: all its work is reset, caches are cold, down for a time.
    Restart {
        /** The service. */
        service: ServiceId,
        /** The site. */
        site: SiteId,
        /** Down for this. */
        takes: SimDuration,
    },
    /// Adds instances.
    AddCapacity {
        /** The service. */
        service: ServiceId,
        /** The site. */
        site: SiteId,
        /** Instances at full size. */
        instances: u64,
        /** Until they serve. */
        takes: SimDuration,
    },
    /// Activates another copy of the databases that are active at `from`.
    Activate {
        /** The store. */
        store: StoreId,
        /** From. */
        from: SiteId,
        /** To. */
        to: SiteId,
        /** Share of `from`'s databases. */
        share: f64,
    },
    /// Cuts callers off from a service, or one partition of it: their calls fail at once instead of
    /// waiting. What waits already goes on waiting.
    Isolate {
        /** The service called. */
        service: ServiceId,
        /** The partition; `None`: all. */
        partition: Option<u32>,
        /** The service whose calls fail; `None`: all that call it. */
        from: Option<ServiceId>,
    },
    /// Takes an isolation away.
    Rejoin {
        /** The service called. */
        service: ServiceId,
        /** As in `Isolate`. */
        partition: Option<u32>,
        /** As in `Isolate`. */
        from: Option<ServiceId>,
    },
    /// Ends a fault: the repair.
    Repair {
        /** The fault. */
        fault: FaultId,
    },
    /// Changes how routers are set up, or what they do.
    Network {
        /** What. */
        order: Order,
        /** Until the routers have it. */
        takes: SimDuration,
    },
}
