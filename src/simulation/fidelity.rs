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

    #[test]
    fn auto_takes_counts_for_large_runs_that_they_can_do() {
        let choose = |asked, operations, missing: &[&str]| {
            let missing = missing.iter().map(|&what| what.to_owned()).collect();
            choose_for(asked, operations, missing).map(|choice| (choice.engine, choice.reason))
        };
        let (engine, reason) = choose(Fidelity::Auto, 2.5e6, &["services.db.warm_up"]).unwrap();
        assert_eq!(engine, Engine::Exact);
        assert!(reason.contains("2.5 million operations expected, every request"), "{reason}");
        let (engine, reason) = choose(Fidelity::Auto, 2.5e7, &[]).unwrap();
        assert_eq!(engine, Engine::Flow);
        assert!(reason.contains("in counts above 20 million"), "{reason}");
        let (engine, reason) = choose(Fidelity::Auto, 2.5e7, &["services.db.warm_up"]).unwrap();
        assert_eq!(engine, Engine::Exact);
        assert!(reason.contains("cannot do services.db.warm_up; a smaller --scale"), "{reason}");
        assert_eq!(choose(Fidelity::Flow, 1.0, &[]).unwrap().0, Engine::Flow);
        let unfit = choose(Fidelity::Flow, 1.0, &["a", "b"]).unwrap_err();
        assert!(unfit.to_string().contains("which uses a, b; take"), "{unfit}");
    }

    #[test]
    fn counts_do_closed_loads_but_for_the_shortest_thoughts() {
        use crate::simulation::model::{Model, constant};
        let missing = |think_s: f64| {
            let mut scenario = Model::new().closed(100, constant(think_s)).build();
            scenario.fidelity = Fidelity::Flow;
            choose(&scenario).err().map(|Unfit(missing)| missing.join(", "))
        };
        assert_eq!(missing(0.2), None);
        let named = "operations.request.think: a mean under 0.2 s";
        assert_eq!(missing(0.19).as_deref(), Some(named));
    }
}
