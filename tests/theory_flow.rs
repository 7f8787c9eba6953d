//! `flow` against theory: the tests of `exact` that apply, run in counts.

#[path = "support/model.rs"]
mod model;

#[path = "theory_outage/boundary.rs"]
mod boundary;
#[path = "theory_outage/check.rs"]
mod check;
#[path = "theory_outage/demand.rs"]
mod demand;
#[path = "theory_outage/fluid.rs"]
mod fluid;
#[path = "theory_outage/metastable.rs"]
mod metastable;
#[path = "theory_outage/retries.rs"]
mod orbit;
#[path = "theory_outage/shift.rs"]
mod shift;
#[path = "theory_outage/transient.rs"]
mod transient;

#[path = "theory/general.rs"]
mod general;
#[path = "theory/markov.rs"]
mod markov;
#[path = "theory/networks.rs"]
mod networks;
#[path = "theory/oracle.rs"]
mod oracle;
#[path = "theory/retries.rs"]
mod retries;
#[path = "theory/seen.rs"]
mod seen;
#[path = "theory/statistics.rs"]
mod statistics;

use blackstart::scenario::model::Fidelity;

/// What these tests run.
const FIDELITY: Fidelity = Fidelity::Flow;
