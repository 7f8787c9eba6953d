//! Blackstart: outage simulation and chaos testing.
#![warn(missing_docs)]

pub mod measure;
pub mod scenario;
