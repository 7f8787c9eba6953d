//! What the runbook's shifts would ask of the sites.

use super::ShiftLoad;
use super::demand::Scan;
use super::paths::Paths;
use crate::kernel::time::SimTime;
use crate::scenario::model::{Action, Scenario, ServiceId, SiteId, SteeringId};

type Shares = Vec<(SiteId, f64)>;

/// Load after each step that moves any, the steps applied in the runbook's order (whatever their
/// guards would say), at the peak between `from` and the end of the run.
pub(super) fn after_each(scenario: &Scenario, paths: &Paths<'_>, from: SimTime) -> Vec<ShiftLoad> {
    let mut state = State {
        answers: scenario.steering.iter().map(|name| name.answers.clone()).collect(),
        active: scenario.stores.iter().map(|store| store.copies.clone()).collect(),
        added: Vec::new(),
    };
    let mut loads = Vec::new();
    for step in &scenario.runbook {
        let Some(moved) = step.action.as_ref().and_then(|action| state.apply(scenario, action))
        else {
            continue;
        };
        let scan = Scan::with(scenario, paths, &state.answers, &state.active, &state.added);
        let answers = match moved {
            Moved::Name(name) => Some((name, state.answers[name.index()].clone())),
            Moved::Databases => None,
        };
        let earliest = step.at.unwrap_or(from).max(from).min(scenario.end());
        let stations = scan.peaks(earliest, scenario.end()).stations;
        loads.push(ShiftLoad { step: step.name.clone(), answers, stations });
    }
    loads
}

/// What a step moved.
enum Moved {
    Name(SteeringId),
    Databases,
}

struct State {
    answers: Vec<Shares>,
    active: Vec<Shares>,
    added: Vec<(ServiceId, SiteId, u64)>,
}

impl State {
    /// Applies an action; `None` if it moves no load from one site to another.
    fn apply(&mut self, scenario: &Scenario, action: &Action) -> Option<Moved> {
        match action {
            Action::Set { steering, answers, .. } => {
                self.answers[steering.index()].clone_from(answers);
                Some(Moved::Name(*steering))
            }
            Action::Move { steering, from, to, share, .. } => {
                shift(&mut self.answers[steering.index()], *from, *to, *share);
                Some(Moved::Name(*steering))
            }
            Action::Restore { steering, .. } => {
                let initial = &scenario.steering[steering.index()].answers;
                self.answers[steering.index()].clone_from(initial);
                Some(Moved::Name(*steering))
            }
            Action::Activate { store, from, to, share } => {
                let shares = &mut self.active[store.index()];
                let there = shares.iter().find(|s| s.0 == *from).map_or(0.0, |s| s.1);
                shift(shares, *from, *to, there * share);
                Some(Moved::Databases)
            }
            Action::AddCapacity { service, site, instances, .. } => {
                self.added.push((*service, *site, *instances));
                None
            }
            Action::Drain { .. }
            | Action::Throttle { .. }
            | Action::Unthrottle { .. }
            | Action::Restart { .. }
            | Action::Isolate { .. }
            | Action::Rejoin { .. }
            | Action::Repair { .. }
            | Action::Network { .. } => None,
        }
    }
}

/// Moves `share` of the whole, or what there is, from one site to another.
fn shift(shares: &mut Shares, from: SiteId, to: SiteId, share: f64) {
    let Some(source) = shares.iter_mut().find(|s| s.0 == from) else { return };
    let moved = share.min(source.1);
    source.1 -= moved;
    match shares.iter_mut().find(|s| s.0 == to) {
        Some(target) => target.1 += moved,
        None => shares.push((to, moved)),
    }
}
