//! Blackstart: outage simulation and chaos testing.

pub mod control;
pub mod kernel;
pub mod measure;
pub mod report;
pub mod scenario;
pub mod simulation;
pub mod traffic;
pub mod world;
