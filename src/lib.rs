#![doc = include_str!("ARCHITECTURE.md")]

// The builder of scenarios in `tests/support` names this crate as the tests outside do.
#[cfg(test)]
extern crate self as blackstart;

pub mod cli;
pub mod control;
pub mod kernel;
pub mod measure;
pub mod report;
pub mod scenario;
pub mod simulation;
pub mod study;
pub mod traffic;
pub mod verdict;
pub mod world;
