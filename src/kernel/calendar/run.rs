//! The run of due events: sorted, short, and cheap to put one more into.

/// Where a key keeps the place of its event; above it stands the time since the run's base.
const PLACE_BITS: u32 = 32;

/// A run takes no more events out of turn once it is so long: moving half of its keys for each
/// would cost more than a heap.
const LONG: usize = 256;

/// Events in order of time, the earliest at the end of `order`.
///
/// A key is the time since `base` and the place in `events`; places grow with insertion, so keys
/// order equal times as they were entered.
#[derive(Clone, Debug)]
pub(super) struct Run<E: Copy> {
    base: u64,
    order: Vec<u64>,
    events: Vec<E>,
}

impl<E: Copy> Run<E> {
    pub(super) fn new() -> Run<E> {
        Run { base: 0, order: Vec::with_capacity(LONG), events: Vec::with_capacity(LONG) }
    }

    /// Starts anew: no event will be earlier than `base`, nor 2^32 ns later.
    #[inline]
    pub(super) fn begin(&mut self, base: u64) {
        self.base = base;
        self.order.clear();
        self.events.clear();
    }

    /// Adds an event at any place; [`Run::sort`] must follow.
    #[inline]
    pub(super) fn add(&mut self, time: u64, event: E) {
        self.order.push((time - self.base) << PLACE_BITS | self.events.len() as u64);
        self.events.push(event);
    }

    #[inline]
    pub(super) fn sort(&mut self) {
        self.order.sort_unstable_by(|a, b| b.cmp(a));
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether a time is less than `span` after the beginning.
    #[inline]
    pub(super) fn is_within(&self, span: u64, time: u64) -> bool {
        time.wrapping_sub(self.base) < span
    }

    /// Time of the earliest event [ns since t = 0].
    #[inline]
    pub(super) fn earliest(&self) -> Option<u64> {
        self.order.last().map(|key| self.base + (key >> PLACE_BITS))
    }

    /// Takes the earliest event, with its time, unless that is after `limit`.
    #[inline]
    pub(super) fn pop_until(&mut self, limit: u64) -> Option<(u64, E)> {
        let key = *self.order.last()?;
        let time = self.base + (key >> PLACE_BITS);
        if time > limit {
            return None;
        }
        self.order.pop();
        Some((time, self.events[key as u32 as usize]))
    }

    /// All its events, in order of insertion, those taken since it began included.
    #[inline]
    pub(super) fn events(&self) -> &[E] {
        &self.events
    }

    /// A copy with what `copied` makes of each event, without those of which it makes nothing.
    pub(super) fn copy_of(&self, mut copied: impl FnMut(E) -> Option<E>) -> Run<E> {
        let mut copy = self.clone();
        copy.order.retain(|key| {
            let event = &mut copy.events[*key as u32 as usize];
            copied(*event).map(|copied| *event = copied).is_some()
        });
        copy
    }

    /// Puts an event in at its place, after those of its time; `false` if the run is too long for
    /// that or has begun later.
    #[inline]
    pub(super) fn insert(&mut self, time: u64, event: E) -> bool {
        if time < self.base || self.order.len() >= LONG {
            return false;
        }
        if self.order.is_empty() {
            self.events.clear();
        }
        let key = (time - self.base) << PLACE_BITS | self.events.len() as u64;
        let place = self.order.partition_point(|&other| other > key);
        self.order.insert(place, key);
        self.events.push(event);
        true
    }
}
