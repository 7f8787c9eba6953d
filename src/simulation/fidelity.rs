//! Which way traffic is solved, and why.

use crate::scenario::capacity::capacity;
use crate::scenario::model::{Fidelity, Scenario};
use crate::traffic::{Engine, flow};
use thiserror::Error;

/// Operations up to which `auto` takes `exact` (DESIGN.md, section 1).
pub const EXACT_OPERATIONS_MAX: f64 = 20e6;

/// How traffic is solved, and the reason, in words that follow "because".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How.
    pub engine: Engine,
    /// Why.
    pub reason: String,
}

/// `flow` was asked for, and cannot do what the scenario uses.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "fidelity `flow` cannot run this scenario, which uses {}; take `auto` or `exact`, perhaps with a \
     smaller --scale",
    .0.join(", ")
)]
pub struct Unfit(pub Vec<String>);

/// Chooses how a scenario is run: as asked for; by itself, `exact` where few enough operations are
/// expected or `flow` cannot do what the scenario uses, else `flow`.
///
/// # Errors
/// [`Unfit`] where `flow` is asked for and cannot.
pub fn choose(scenario: &Scenario) -> Result<Choice, Unfit> {
    let operations = capacity(scenario).cost.operations;
    choose_for(scenario.fidelity, operations, flow::missing(scenario))
}

fn choose_for(asked: Fidelity, operations: f64, missing: Vec<String>) -> Result<Choice, Unfit> {
    let expected = format!("{:.1} million operations expected", operations / 1e6);
    let limit = EXACT_OPERATIONS_MAX / 1e6;
    let (engine, reason) = match asked {
        Fidelity::Exact => (Engine::Exact, format!("asked for; {expected}")),
        Fidelity::Flow if !missing.is_empty() => return Err(Unfit(missing)),
        Fidelity::Flow => (Engine::Flow, format!("asked for; {expected}")),
        Fidelity::Auto if operations <= EXACT_OPERATIONS_MAX => {
            let why = format!("auto: {expected}, every request by itself up to {limit:.0} million");
            (Engine::Exact, why)
        }
        Fidelity::Auto if missing.is_empty() => {
            (Engine::Flow, format!("auto: {expected}, in counts above {limit:.0} million"))
        }
        Fidelity::Auto => {
            let why = format!(
                "auto: {expected}, which takes long, but counts cannot do {}; a smaller --scale \
                 is quicker",
                missing.join(", ")
            );
            (Engine::Exact, why)
        }
    };
    Ok(Choice { engine, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::time::SimDuration;
    use crate::scenario::model::{
        Call, Discipline, Jitter, OperationId, Retry, ServiceId, SiteId, Store,
    };
    use crate::simulation::model::{Model, call, constant, retry};

    #[test]
    fn auto_takes_counts_for_large_runs_that_they_can_do() {
        let choose = |asked, operations, missing: &[&str]| {
            let missing = missing.iter().map(|&what| what.to_owned()).collect();
            choose_for(asked, operations, missing).map(|choice| (choice.engine, choice.reason))
        };
        let (engine, reason) = choose(Fidelity::Auto, 2.5e6, &["services.db.calls"]).unwrap();
        assert_eq!(engine, Engine::Exact);
        assert!(reason.contains("2.5 million operations expected, every request"), "{reason}");
        let (engine, reason) = choose(Fidelity::Auto, 2.5e7, &[]).unwrap();
        assert_eq!(engine, Engine::Flow);
        assert!(reason.contains("in counts above 20 million"), "{reason}");
        let (engine, reason) = choose(Fidelity::Auto, 2.5e7, &["services.db.calls"]).unwrap();
        assert_eq!(engine, Engine::Exact);
        assert!(reason.contains("cannot do services.db.calls; a smaller --scale"), "{reason}");
        assert_eq!(choose(Fidelity::Flow, 1.0, &[]).unwrap().0, Engine::Flow);
        let unfit = choose(Fidelity::Flow, 1.0, &["a", "b"]).unwrap_err();
        assert!(unfit.to_string().contains("which uses a, b; take"), "{unfit}");
    }

    /// What counts say that they cannot do of a model.
    fn missing(model: Model) -> Option<String> {
        let scenario = Scenario { fidelity: Fidelity::Flow, ..model.build() };
        choose(&scenario).err().map(|Unfit(missing)| missing.join(", "))
    }

    #[test]
    fn counts_do_closed_loads_but_for_the_shortest_thoughts() {
        let thinking = |think_s: f64| missing(Model::new().closed(100, constant(think_s)));
        assert_eq!(thinking(0.2), None);
        let named = "operations.request.think: a mean under 0.2 s";
        assert_eq!(thinking(0.19).as_deref(), Some(named));
    }

    #[test]
    fn counts_do_calls_of_calls_but_for_those_of_a_store() {
        let times =
            |times: u32, model: &Model, name: &str| Call { times, ..call(model.service_id(name)) };
        let tiers = |of_each: u32| {
            let model = Model::new().service("logic").service("data");
            let (first, second) = (times(of_each, &model, "logic"), times(8, &model, "data"));
            model.calls("station", first).calls("logic", second)
        };
        assert_eq!(missing(tiers(10)), None);
        // Each of 31 calls is one of 9 visits, and there is the entry.
        let named = "services.station.calls: over 250 for a request";
        assert_eq!(missing(tiers(31)).as_deref(), Some(named));
        let mut stored = tiers(1);
        stored.scenario.stores.push(Store {
            name: "boxes".into(),
            service: ServiceId(1),
            databases: 1,
            copies: vec![(SiteId(0), 1.0)],
            activation: constant(1.0),
            replication_lag: SimDuration::ZERO,
            writes: Vec::new(),
        });
        let named = "services.logic.calls: of a store";
        assert_eq!(missing(stored).as_deref(), Some(named));
    }

    #[test]
    fn counts_do_every_queue_but_not_decorrelated_jitter() {
        let with = |discipline| missing(Model::new().discipline(discipline));
        let second = SimDuration::from_secs_f64(1.0);
        assert_eq!(with(Discipline::Lifo), None);
        assert_eq!(with(Discipline::Codel { target: second, interval: second }), None);
        assert_eq!(with(Discipline::Priority { first: vec![OperationId(0)] }), None);
        let retries = Retry { jitter: Jitter::Decorrelated, ..retry(3, 1.0) };
        let named = "operations.request.retry.jitter: decorrelated";
        assert_eq!(missing(Model::new().retries(retries)).as_deref(), Some(named));
    }
}
