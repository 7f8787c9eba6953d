//! Time, calendar, random streams, samplers, digest: what a simulator needs whatever it simulates.
//!
//! **Which question.** How does one trial become a pure function of (scenario, seed), on every
//! machine, and fast? **Model.** Integer nanoseconds ([`time`]); one queue of events with a total
//! order ([`calendar`]); randomness by name and by key, never by the order of asking ([`stream`]);
//! elementary functions from one pinned library instead of the platform's ([`math`]); samplers
//! built on these alone ([`sample`]); a fingerprint of everything a run produced ([`digest`]);
//! records with stable keys in a dense array ([`slab`]).
//!
//! **What it leaves out.** It knows nothing of requests, networks or outages, does no input or
//! output, reads no clock, starts no thread. **Cost.** An event in the calendar costs tens of
//! nanoseconds whether a thousand or ten million are pending; a keyed draw costs a few. Nothing
//! here allocates in steady state. **Validation.** Samplers against `statrs` (moments,
//! Kolmogorov-Smirnov, chi-square, fixed seeds), the calendar against an ordered map under random
//! interleavings.
//!
//! ```
//! use blackstart::kernel::calendar::Calendar;
//! use blackstart::kernel::stream::{RootSeed, Stream};
//! use blackstart::kernel::time::{SimDuration, SimTime};
//!
//! let mut arrivals = Stream::named(RootSeed(7), "population/us-east/arrivals");
//! let mut calendar = Calendar::new();
//! for request in 0..3_u32 {
//!     let after = SimDuration::from_secs_f64(arrivals.exponential());
//!     calendar.push(SimTime::ZERO + after, request);
//! }
//! let mut previous = SimTime::ZERO;
//! while let Some((time, _request)) = calendar.pop() {
//!     assert!(time >= previous);
//!     previous = time;
//! }
//! ```

pub mod calendar;
pub mod defect;
pub mod digest;
pub mod math;
pub mod sample;
pub mod slab;
pub mod stream;
pub mod time;
