//! The parts of an incident as spans of time.

use crate::measure::outcome::Incident;
use crate::scenario::model::Phase;

/// Span of a phase [s from `start`]; `None` where the run has no such phase.
///
/// `during` ends with recovery; where nothing was impaired, with the last fault. A run without a
/// fault is all `before`.
pub(super) fn span(phase: Phase, incident: &Incident, end_s: f64) -> Option<(f64, f64)> {
    let fault_s = incident.fault_s.or(incident.impact_s).unwrap_or(end_s);
    let over_s = match incident.impact_s {
        Some(_) => incident.recovered_s,
        None => incident.fault_end_s,
    };
    let over_s = over_s.unwrap_or(end_s).max(fault_s);
    let (from, to) = match phase {
        Phase::Before => (0.0, fault_s),
        Phase::During => (fault_s, over_s),
        Phase::After => (over_s, end_s),
        Phase::All => (0.0, end_s),
    };
    (from < to).then_some((from, to))
}

/// Name of a phase as results carry it.
pub(super) fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Before => "before",
        Phase::During => "during",
        Phase::After => "after",
        Phase::All => "all",
    }
}
