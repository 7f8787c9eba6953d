//! Blackstart rehearses outages before they happen.
#![warn(missing_docs)]

pub mod kernel;
pub mod measure;
pub mod scenario;
pub mod verdict;
