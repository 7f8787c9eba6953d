//! A station's line, in counts: who waits, and who is served.

use super::clumps::Refusals;
use super::law::Law;
use super::program::Step;
use super::queue::Met;
use super::ranks::Ahead;
use super::token::Token;
use crate::measure::recorder::StationCell;
use crate::world::service::Station;
use std::collections::VecDeque;

/// The list of those who go first under priority, and that of the others.
pub(super) const AHEAD: usize = 0;
pub(super) const BEHIND: usize = 1;

/// One waiting list.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub waiting: u64,
    pub queue: VecDeque<Token>,
    /// Parcels that have left its head, and for each length of its callers' patience, parcels up
    /// to which it is over.
    pub passed: u64,
    pub given_up: Vec<u64>,
    /// Up to when the slots that become free for it in this step have been filled [ns].
    pub filled: u64,
}

/// What traffic keeps of one station.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Stations whose slots it has: all that are joined in it, or none where it is joined itself
    /// (see `alike.rs`).
    pub stands_for: u64,
    pub busy: u64,
    /// Those who go first under priority, then the others.
    pub lists: [List; 2],
    pub serving: Vec<Token>,
    /// Busy slots and queue when the step began, and what has come since.
    pub before: (u64, u64),
    pub met: Met,
    /// Under priority: those who go first within this step.
    pub ahead: Option<Ahead>,
    /// Whoever takes a slot now does so in place of somebody who has not left it.
    pub in_place: bool,
    pub refusals: Refusals,
    /// Slots in the last step, and the mean of those busy over the last second.
    pub slots: f64,
    pub busy_mean: f64,
    /// Length of the queue's list at which it is looked through for what can be put together.
    pub put_together_at: usize,
    /// From when on CoDel rejects, if waits are over its target [ns].
    pub rejects_after: Option<u64>,
    /// Counts of the open window.
    pub window: StationCell,
    /// What [`Line::stays`] found last, and for which factor and length [ns].
    stays: ((f64, u64), f64),
}

impl Line {
    /// An empty one; `ranked`: under priority.
    pub(super) fn new(ranked: bool) -> Line {
        Line {
            stands_for: 1,
            busy: 0,
            lists: Default::default(),
            serving: Vec::new(),
            before: (0, 0),
            met: Met::default(),
            ahead: ranked.then(Ahead::default),
            in_place: false,
            refusals: Refusals::default(),
            slots: 0.0,
            busy_mean: 0.0,
            put_together_at: 0,
            rejects_after: None,
            window: StationCell::default(),
            stays: ((0.0, 0), 1.0),
        }
    }

    /// A step begins at a time [ns].
    pub(super) fn begin_step(&mut self, from: u64) {
        (self.before, self.met) = ((self.busy, self.waiting()), Met::default());
        self.lists.iter_mut().for_each(|list| list.filled = from);
        if let Some(ahead) = &mut self.ahead {
            *ahead = Ahead::new(self.lists[AHEAD].waiting, self.refusals.opened);
        }
    }

    /// All who wait.
    #[inline]
    pub(super) fn waiting(&self) -> u64 {
        self.lists[AHEAD].waiting + self.lists[BEHIND].waiting
    }

    /// The parcels of all who wait.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Token> {
        self.lists.iter().flat_map(|list| &list.queue)
    }

    /// All parcels here.
    pub(super) fn present_mut(&mut self) -> impl Iterator<Item = &mut Token> {
        let queued = self.lists.iter_mut().flat_map(|list| &mut list.queue);
        queued.chain(&mut self.serving)
    }

    /// Slots that there are now, and the requests that may wait for them.
    pub(super) fn limits(&self, station: &Station) -> (u64, u64) {
        let all = |of: u32| self.stands_for * u64::from(of);
        let queue =
            if station.queue_limit == u32::MAX { u64::MAX } else { all(station.queue_limit) };
        (all(station.slots), queue)
    }

    /// Share of what is begun within a step, and lasts `factor` times the law, that is there at its
    /// end.
    #[inline]
    pub(super) fn stays(&mut self, law: &Law, factor: f64, step: Step) -> f64 {
        let of = (factor, step.length());
        if self.stays.0 != of {
            let dt = step.seconds();
            self.stays = (of, law.there(0.0, dt, factor) / dt);
        }
        self.stays.1
    }

    /// How many of those who take `free` slots within a step leave them again in it.
    pub(super) fn again(&self, free: u64) -> f64 {
        if self.in_place { 0.0 } else { free as f64 * (1.0 / self.stays.1 - 1.0) }
    }

    /// Its parcels are no longer those that were looked at: all are, in the next step.
    pub(super) fn look_again(&mut self) {
        self.lists.iter_mut().for_each(|list| list.given_up.clear());
    }
}
