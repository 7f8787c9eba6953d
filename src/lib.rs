//! Blackstart rehearses outages before they happen.

pub mod kernel;
pub mod scenario;
