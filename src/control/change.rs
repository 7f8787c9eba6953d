//! What control tells traffic: typed changes of the world that concern work in flight.
//!
//! Control edits the world; traffic alone decides what becomes of requests, sessions and answers
//! that the edit touches. Each change is told after the world has it.

use crate::kernel::time::SimDuration;
use crate::scenario::model::{ClientId, ServiceId, SiteId, SteeringId};
use crate::world::service::StationId;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The slots of a station are others now.
    Slots(StationId),
    /// A share of a station's instances is gone, with this share of its work.
    WorkLost {
        /// The station.
        station: StationId,
        /// Share of its work, among what it holds and what waits.
        share: f64,
        /// What becomes of it.
        how: Loss,
    },
    /// A station that hung goes on.
    Unhung(StationId),
    /// Some path carries nothing now that did, or the other way round.
    Paths,
    /// Sessions are lost at once.
    SessionsLost {
        /// Of this client; `None`: of all.
        client: Option<ClientId>,
        /// At this site; `None`: at all.
        site: Option<SiteId>,
        /// This share of them.
        share: f64,
    },
    /// Sessions that no longer belong where they are, by what the name answers now, are closed.
    DrainMoved {
        /// The name.
        steering: SteeringId,
        /// Evenly over this.
        over: SimDuration,
    },
    /// All sessions at a site are closed.
    DrainSite {
        /// The site.
        site: SiteId,
        /// Evenly over this.
        over: SimDuration,
    },
    /// Caches in front of a service's calls lose entries.
    CacheLost {
        /// The service that calls.
        service: ServiceId,
        /// At this site; `None`: at all.
        site: Option<SiteId>,
        /// This share of their entries.
        share: f64,
    },
    /// A probe is due.
    Probe {
        /// Index into the probed pairs.
        pair: u32,
    },
}

/// What becomes of lost work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its connections are reset: callers see an error at once.
    Reset,
    /// It vanishes without a word (power is gone): callers run into their timeouts.
    Vanish,
    /// It goes back to the head of the queue, as much as there are no slots for.
    Requeue,
}
