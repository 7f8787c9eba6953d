//! Traffic: moves requests between two control events. `exact` request by request.

pub mod exact;
pub mod plan;
