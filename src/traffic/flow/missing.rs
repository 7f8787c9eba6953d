//! What a scenario uses that `flow` cannot do.

use super::thinkers::LEAST_S;
use crate::scenario::model::{
    Call, Fault, FaultKind, Jitter, Load, OperationId, Retry, Scenario, Service, Timeout,
};

/// What this scenario uses that counts cannot do; empty: it can be run by `flow`.
///
/// Each entry names the key of the scenario file and what it is set to.
pub fn missing(scenario: &Scenario) -> Vec<String> {
    let mut missing = Vec::new();
    let operations = (0..scenario.operations.len()).map(|index| OperationId(index as u32));
    let visits: Vec<Vec<u64>> = operations.map(|of| visits(scenario, of)).collect();
    for (index, service) in scenario.services.iter().enumerate() {
        let of = |what: &str| format!("services.{}.{what}", service.name);
        let is_store = scenario.stores.iter().any(|store| store.service.index() == index);
        let found = [
            (is_store && !service.calls.is_empty(), of("calls: of a store")),
            (
                visits.iter().any(|visits| visits[index] > MOST_VISITS),
                of("calls: over 250 for a request"),
            ),
            (
                service.calls.iter().any(|call| is_decorrelated(&call.retry)),
                of("calls.retry.jitter: decorrelated"),
            ),
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

/// Requests to services that one request may bring with it at the most, itself included.
const MOST_VISITS: u64 = 251;

/// Of each service, requests to services that one request of an operation there brings with it,
/// itself included.
fn visits(scenario: &Scenario, operation: OperationId) -> Vec<u64> {
    let mut visits = vec![1_u64; scenario.services.len()];
    // Calls have no cycle, so the longest way has been gone after as many rounds as there are
    // services.
    for _ in 0..visits.len() {
        let of = |service: &Service| {
            let made =
                |call: &&Call| call.operations.is_empty() || call.operations.contains(&operation);
            let all =
                |call: &Call| u64::from(call.times).saturating_mul(visits[call.service.index()]);
            service.calls.iter().filter(made).map(all).fold(1, u64::saturating_add)
        };
        visits = scenario.services.iter().map(of).collect();
    }
    visits
}

/// Whether the mean thought is too short for beats, in which nobody demands twice.
fn thinks_briefly(load: &Load) -> bool {
    matches!(load, Load::Think(law) if law.mean() < LEAST_S)
}

fn is_decorrelated(retry: &Retry) -> bool {
    retry.jitter == Jitter::Decorrelated
}
