//! When the network's queues are advanced: on a grid of time, the finer the more there is to see.
//!
//! **Model.** A queue's own course is exact at any length of a tick (see `fluid`); what a tick
//! costs is that attempts meet the network as it was up to one tick ago. While that is much, after
//! a change or the beginning of an overload, ticks are of 100 ms. Afterwards load moves as fast as
//! those who send react: whoever lost a packet sends it again after a retransmission timeout,
//! whoever was not answered after his own timeout or backoff. Ticks are at most half of the fastest
//! of these then, so that news are a quarter of it old in the mean. **Leaves out.** Bursts shorter
//! than a tick. **Validation.** Against ticks of 100 ms throughout: `tests/network.rs`.

use super::Network;
use crate::kernel::time::{SimDuration, SimTime};
use crate::scenario::model::{Backoff, Demander, Jitter, Queueing, Retry, Scenario, Timeout};

/// Time between two ticks where nothing is busy or changing.
pub const TICK_QUIET: SimDuration = SimDuration::from_secs(1);

/// Time between two ticks where something is, for so long after it was changed or became busy: some
/// times what four SYNs take, 7 s.
const TICK_UNSETTLED: SimDuration = SimDuration::from_millis(100);
pub(super) const UNSETTLED: SimDuration = SimDuration::from_secs(30);

/// Times between two ticks after that; whole parts of a second.
const TICKS_BUSY: [SimDuration; 4] = [
    SimDuration::from_millis(500),
    SimDuration::from_millis(250),
    SimDuration::from_millis(200),
    SimDuration::from_millis(100),
];

/// Ticks in the fastest reaction, at least.
const OF_REACTION: u64 = 2;

/// Until lost data, or a lost SYN, is sent again (RFC 6298, section 2).
const RETRANSMISSION: SimDuration = SimDuration::from_secs(1);

/// Time between two ticks of a scenario's network where something is busy and has been so for a
/// while: at most half of the fastest reaction to it, and not under 100 ms.
pub fn tick_busy(scenario: &Scenario) -> SimDuration {
    let fastest = reactions(scenario).into_iter().min().unwrap_or(RETRANSMISSION);
    let fits = TICKS_BUSY.into_iter().find(|&tick| tick * OF_REACTION <= fastest);
    fits.unwrap_or(TICKS_BUSY[TICKS_BUSY.len() - 1])
}

/// After how long somebody does something about what the network did to him.
fn reactions(scenario: &Scenario) -> Vec<SimDuration> {
    let mut found = vec![RETRANSMISSION];
    let by_client = |by: Demander| matches!(by, Demander::Client(_));
    for operation in scenario.operations.iter().filter(|operation| by_client(operation.by)) {
        found.push(match &operation.timeout {
            Timeout::After(length) => *length,
            Timeout::Patience(law) => SimDuration::from_secs_f64(law.mean()),
        });
        found.extend(first_wait(&operation.retry));
    }
    for service in &scenario.services {
        for call in &service.calls {
            let called = &scenario.services[call.service.index()];
            let at = |site| called.sites.iter().any(|place| place.site == site);
            let everywhere = service.sites.iter().all(|place| at(place.site));
            let is_store = scenario.stores.iter().any(|store| store.service == call.service);
            if is_store || !everywhere {
                found.push(call.timeout);
                found.extend(first_wait(&call.retry));
            }
        }
    }
    let routing = &scenario.network.routing;
    if routing.control_packets == Queueing::Shared {
        found.push(routing.hello.patience().min(routing.bgp.hold));
        found.extend(routing.bfd.map(|beat| beat.patience()));
    }
    found
}

/// Mean wait before the first retry; `None`: there is none.
fn first_wait(retry: &Retry) -> Option<SimDuration> {
    let (Backoff::Constant(wait) | Backoff::Exponential { first: wait, .. }) = retry.backoff;
    let share = match retry.jitter {
        Jitter::None => 1.0,
        Jitter::Equal => 0.75,
        Jitter::Full => 0.5,
        // Between the first and three times it.
        Jitter::Decorrelated => 2.0,
    };
    (retry.attempts != Some(1)).then(|| wait.mul_f64(share))
}

impl Network {
    /// Whether a queue is there, or near: something is over 80 % of its limit.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// When the next tick is due, at `now`: soon where something is busy or was changed; always at
    /// a whole number of ticks, so that steps of traffic end with them.
    pub fn next_tick(&self, now: SimTime) -> SimTime {
        let tick = if self.changed || (self.busy && self.unsettled > SimDuration::ZERO) {
            TICK_UNSETTLED
        } else if self.busy {
            self.tick_busy
        } else {
            TICK_QUIET
        };
        SimTime((now.0 / tick.0 + 1) * tick.0)
    }
}
