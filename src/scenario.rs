//! From a YAML file to a checked [`Scenario`](model::Scenario), or to everything wrong with it.

pub mod capacity;
pub mod model;
