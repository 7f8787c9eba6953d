//! What is measured, and the forms in which it leaves a trial.

pub mod outcome;
pub mod recovery;
