//! Where each step of the runbook stands: waiting, armed, due, done or left out.

use super::watch::{Sight, Watch};
use crate::kernel::stream::Luck;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{Otherwise, Scenario, Step, Trigger};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its triggers have not all come.
    Waiting,
    /// They have; its `when` must become true.
    Armed,
    /// People are at it; the action is due then.
    Due(SimTime),
    /// It was due, its guard is false, and it looks again until then.
    Guarded(SimTime),
    /// Its action goes on in steps.
    Acting,
    /// Done, at.
    Done(SimTime),
    /// Left out.
    Skipped,
}

/// A step on its way.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Where it stands.
    pub standing: Standing,
    when: Option<Watch>,
    only_if: Option<Watch>,
    only_if_true: bool,
    /// The condition that stops a restore on its way.
    pub stop_if: Option<Watch>,
    /// Whether that was true at the last window's end.
    pub stop: bool,
    delay: SimDuration,
}

/// What a step's guard says when the step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Act.
    Go,
    /// Look again at window ends until then.
    WaitUntil(SimTime),
    /// Leave it out.
    Skip,
    /// End the whole runbook.
    Stop,
}

impl Progress {
    /// All steps, waiting, each with its people's delay drawn (the same in every variant).
    pub fn all(scenario: &Scenario, seed: crate::kernel::stream::RootSeed) -> Vec<Progress> {
        let progress = |step: &Step| {
            let luck = Luck::named(seed, &format!("people/{}", step.name));
            let stop_if = match &step.action {
                Some(crate::scenario::model::Action::Restore { stop_if, .. }) => stop_if.as_ref(),
                _ => None,
            };
            Progress {
                standing: Standing::Waiting,
                when: step.when.as_ref().map(Watch::new),
                only_if: step.only_if.as_ref().map(Watch::new),
                only_if_true: false,
                stop_if: stop_if.map(Watch::new),
                stop: false,
                delay: SimDuration::from_secs_f64(step.delay.sample(luck)),
            }
        };
        scenario.runbook.iter().map(progress).collect()
    }

    /// Looks at the conditions of this step; to be called at every window's end.
    pub fn look(&mut self, sight: &impl Sight, now: SimTime) {
        if let Some(watch) = &mut self.only_if {
            self.only_if_true = watch.look(sight, now);
        }
        if let Some(watch) = &mut self.stop_if {
            self.stop = watch.look(sight, now);
        }
        if self.standing == Standing::Armed {
            let watch = self.when.as_mut().expect("a step is armed for its `when`");
            if watch.look(sight, now) {
                self.standing = Standing::Due(now + self.delay);
            }
        }
    }

    /// Moves a waiting step on if its time and triggers have come. `first_alarm`: when the first
    /// alarm rose, for a step that has nothing but a `when`.
    pub fn advance(
        &mut self,
        step: &Step,
        now: SimTime,
        happened: impl Fn(&Trigger) -> bool,
        skipped: impl Fn(&Trigger) -> bool,
        any_alarm: bool,
    ) {
        if self.standing != Standing::Waiting {
            return;
        }
        if step.after.iter().any(skipped) {
            self.standing = Standing::Skipped;
            return;
        }
        let unconditional = step.at.is_none() && step.after.is_empty();
        let in_time = step.at.is_none_or(|at| now >= at);
        if !in_time || !step.after.iter().all(happened) || (unconditional && !any_alarm) {
            return;
        }
        self.standing = match &step.when {
            None => Standing::Due(now + self.delay),
            Some(condition) => {
                self.when = Some(Watch::new(condition));
                Standing::Armed
            }
        };
    }

    /// What the guard says, the step being due now.
    pub fn guard(&self, step: &Step, now: SimTime) -> Guard {
        if step.only_if.is_none() || self.only_if_true {
            return Guard::Go;
        }
        match (self.standing, step.otherwise) {
            (Standing::Guarded(until), _) if now < until => Guard::WaitUntil(until),
            (Standing::Guarded(_), _) | (_, Otherwise::Skip) => Guard::Skip,
            (_, Otherwise::Wait(wait)) => Guard::WaitUntil(now + wait),
            (_, Otherwise::Stop) => Guard::Stop,
        }
    }
}
