//! What is kept of one operation, and of the attempt that it makes.

use crate::kernel::slab::{Held, Key};
use crate::kernel::stream::Luck;
use crate::kernel::time::SimTime;
use crate::scenario::model::SiteId;
use crate::world::network::PathId;

/// What an operation is, beside its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// A demand of a user: counts for availability.
    pub const DEMANDED: Flags = Flags(1);
    /// Brought about by the outage or by the system itself: load, not demand.
    pub const INDUCED: Flags = Flags(2);
    /// A probe.
    pub const PROBE: Flags = Flags(4);

    pub(super) fn is(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

/// Where an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not sent yet, or parked until its mailbox is signed in.
    Parked,
    /// An attempt is under way.
    Sent,
    /// An attempt was lost in the network; the client does not know.
    Lost,
    /// Waiting before the next attempt.
    BackingOff,
}

impl Phase {
    /// Whether a client waits for an attempt.
    #[inline]
    pub(super) fn is_waited_for(self) -> bool {
        matches!(self, Phase::Sent | Phase::Lost)
    }
}

/// An operation in progress; its class is kept beside it.
#[derive(Clone, Debug)]
pub struct Op {
    pub(super) luck: Luck,
    pub(super) intended: SimTime,
    pub(super) mailbox: u32,
    /// The wait before this attempt, in units of [`WAIT_UNIT_NS`].
    last_wait: u32,
    /// While a client waits for an attempt, that attempt; while it is parked, the next parked
    /// operation of the same mailbox.
    pub(super) linked: Option<Held>,
    site: u16,
    pub(super) flags: Flags,
    /// A connection must be opened for the next attempt.
    pub(super) reconnect: bool,
}

/// An attempt that a client waits for.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub(super) sent: SimTime,
    /// Its job at its first station.
    pub(super) job: Option<Key>,
    /// The path that it took last; `NO_PATH` for a pipeline, which is at its site.
    pub(super) path: PathId,
    /// How often paths had changed when this one was taken.
    pub(super) paths_changes: u16,
    pub(super) syn_tries: u8,
    /// It opens a connection of its own.
    pub(super) opens: bool,
}

impl Attempt {
    /// An attempt that is sent at `now`, not on any path yet.
    #[inline]
    pub(super) fn sent(now: SimTime) -> Attempt {
        let (job, path) = (None, NO_PATH);
        Attempt { sent: now, job, path, paths_changes: 0, syn_tries: 0, opens: false }
    }

    pub(super) fn path(&self) -> Option<PathId> {
        (self.path != NO_PATH).then_some(self.path)
    }
}

/// Stands for no path at all.
const NO_PATH: PathId = PathId(u32::MAX);

/// Units in which the last wait is kept, for decorrelated jitter only: 66 us, 78 h in 32 bits.
const WAIT_UNIT_NS: u64 = 1 << 16;

impl Op {
    /// The wait before this attempt [ns].
    pub(super) fn last_wait_ns(&self) -> u64 {
        u64::from(self.last_wait) * WAIT_UNIT_NS
    }

    pub(super) fn set_last_wait_ns(&mut self, wait_ns: u64) {
        self.last_wait = u32::try_from(wait_ns / WAIT_UNIT_NS).unwrap_or(u32::MAX);
    }

    /// Where it is served, or was last.
    #[inline]
    pub(super) fn site(&self) -> SiteId {
        SiteId(u32::from(self.site))
    }

    /// Sites have numbers of 16 bits: no scenario may have more (`scenario/check/count.rs`).
    #[inline]
    pub(super) fn set_site(&mut self, site: SiteId) {
        self.site = site.0 as u16;
    }

    /// The place of its attempt; one that there is not while no client waits.
    #[inline]
    pub(super) fn under_way(&self) -> usize {
        self.linked.map_or(u32::MAX, Held::index) as usize
    }

    /// Whether it is a demand of a user, not load that the outage or the system brought about.
    pub(super) fn is_demanded(&self) -> bool {
        self.flags.is(Flags::DEMANDED)
    }

    pub(super) fn new(mailbox: u32, luck: Luck, now: SimTime, flags: Flags) -> Op {
        Op {
            luck,
            intended: now,
            mailbox,
            last_wait: 0,
            linked: None,
            site: 0,
            flags,
            reconnect: false,
        }
    }
}
