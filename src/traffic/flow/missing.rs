//! What a scenario uses that `flow` cannot do.

use super::thinkers::LEAST_S;
use crate::scenario::model::{
    Discipline, Fault, FaultKind, Jitter, Load, Retry, Scenario, Timeout,
};

/// What this scenario uses that counts cannot do; empty: it can be run by `flow`.
///
/// Each entry names the key of the scenario file and what it is set to.
pub fn missing(scenario: &Scenario) -> Vec<String> {
    let mut missing = Vec::new();
    for service in &scenario.services {
        let of = |what: &str| format!("services.{}.{what}", service.name);
        let calls = || service.calls.iter().map(|call| &scenario.services[call.service.index()]);
        let found = [
            (service.queue.discipline != Discipline::Fifo, of("queue.discipline: not fifo")),
            (service.warm_up.is_some(), of("warm_up")),
            (calls().any(|called| !called.calls.is_empty()), of("calls: of calls")),
            (service.calls.iter().any(|call| is_decorrelated(&call.retry)), of("calls.retry")),
        ];
        missing.extend(found.into_iter().filter(|(is, _)| *is).map(|(_, what)| what));
    }
    for operation in &scenario.operations {
        let of = |what: &str| format!("operations.{}.{what}", operation.name);
        let found = [
            (is_decorrelated(&operation.retry), of("retry.jitter: decorrelated")),
            (matches!(operation.timeout, Timeout::Patience(_)), of("timeout: drawn")),
            (thinks_briefly(&operation.load), of("think: a mean under 0.2 s")),
        ];
        missing.extend(found.into_iter().filter(|(is, _)| *is).map(|(_, what)| what));
    }
    // An anycast name's flows are told apart by where they come to, not by what they meet.
    let silent = |fault: &&Fault| matches!(fault.kind, FaultKind::LinkSilent { .. });
    let silent = scenario.faults.iter().filter(silent);
    let silent = silent.take(if scenario.anycast_count() > 0 { usize::MAX } else { 0 });
    let of = |fault: &Fault| format!("faults.{}.fault: link_silent under `anycast`", fault.name);
    missing.extend(silent.map(of));
    missing
}

/// Whether the mean thought is too short for beats, in which nobody demands twice.
fn thinks_briefly(load: &Load) -> bool {
    matches!(load, Load::Think(law) if law.mean() < LEAST_S)
}

fn is_decorrelated(retry: &Retry) -> bool {
    retry.jitter == Jitter::Decorrelated
}
