//! The state that an outage acts on, in dense arrays, the same under both fidelities.
//!
//! Nothing here knows a calendar, a random stream or a file: `control` changes the state at discrete
//! times, `traffic` reads it and reports its load, and both do so through plain methods. Everything
//! is `Clone`, so that a run can be forked.

pub mod network;
