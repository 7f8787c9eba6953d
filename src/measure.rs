//! What is measured, and the forms in which it leaves a trial.

pub mod agreement;
pub mod histogram;
pub mod incident;
pub mod log;
pub mod outcome;
pub mod recorder;
pub mod recovery;
