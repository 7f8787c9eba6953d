//! Blackstart: outage simulation and chaos testing.
#![warn(missing_docs)]

pub mod kernel;
pub mod measure;
pub mod scenario;
pub mod world;
