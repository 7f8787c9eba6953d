//! The calendar of the hot loop: pending events, popped in the order (time, insertion).
//!
//! **Model.** A hierarchical timing wheel of radix 256 (Varghese and Lauck, "Hashed and
//! hierarchical timing wheels", SOSP 1987, scheme 7) over the eight bytes of a time in nanoseconds,
//! made exact: an event stands at the level of the highest byte in which its time differs from the
//! cursor, in the slot of that byte. The earliest slot is either sorted into a short run of *due*
//! events (few events, or one single time), or spread over the levels below it. Slots keep
//! insertion order, so equal times need no sequence number while they wait.
//!
//! Events pushed into the stretch of time that is already due are put into the run at their place,
//! or, once it is long, into a heap beside it. While the run is short, one that would stand at a
//! lower level than all that waits in the wheel is put into it, too, and the stretch reaches as far
//! as that. It is at most 285 ms, so of a storm that starts in a quiet calendar the heap takes what
//! is due within that time, and no more.
//!
//! **Cost.** See `benches/README.md`; no allocation in steady state; 24 bytes an event of 16, 16
//! bytes of one of 8. **Validation.** Against an ordered map under random interleavings
//! (`calendar/tests.rs`).

mod chunk;
mod run;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::kernel::time::SimTime;
use chunk::{ChunkList, ChunkPool, Waiting};
use run::Run;

const LEVEL_COUNT: usize = 8;
const SLOT_COUNT: usize = 256;

/// Slots with at most this many events are sorted instead of spread over the level below.
const SORTED_COUNT_MAX: u32 = 128;

/// Slots are taken together until so many events are due: to put an event into a run costs less
/// than to keep it in a slot and sort it later.
const DUE_COUNT_MIN: usize = 48;

/// Highest level whose slots may be sorted as they are: 2^24 ns = 17 ms wide.
const WIDEST_DUE_LEVEL: usize = 3;

/// Longest stretch of time over which slots are taken together [ns]: 268 ms.
const JOINED_SPAN: u64 = 1 << 28;

/// Queue of events, the earliest first; equal times in the order of insertion.
///
/// ```
/// use blackstart::kernel::calendar::Calendar;
/// use blackstart::kernel::time::SimTime;
///
/// let mut calendar = Calendar::new();
/// calendar.push(SimTime::from_secs(2), 'c');
/// calendar.push(SimTime::from_secs(1), 'a');
/// calendar.push(SimTime::from_secs(1), 'b');
/// assert_eq!(calendar.pop(), Some((SimTime::from_secs(1), 'a')));
/// assert_eq!(calendar.pop_until(SimTime::from_secs(1)), Some((SimTime::from_secs(1), 'b')));
/// assert_eq!(calendar.pop_until(SimTime::from_secs(1)), None);
/// assert_eq!(calendar.peek_time(), Some(SimTime::from_secs(2)));
/// ```
#[derive(Clone, Debug)]
pub struct Calendar<E: Copy> {
    /// Events at or before `cursor`, which the wheel can hold no more.
    due: Run<E>,
    /// More of these, for which `due` was too long or began too late. While there are any, all
    /// others come here too, so of equal times those in `due` are earlier.
    late: BinaryHeap<Late<E>>,
    /// Insertion numbers of `late`; only their order counts.
    next_order: u64,
    /// Every event in the wheel is later than this once `due` has been filled.
    cursor: u64,
    wheel: Wheel<E>,
    pending_count: usize,
    /// A new run has begun since [`Calendar::newly_due`] was asked.
    begun: bool,
}

#[derive(Clone, Debug)]
struct Wheel<E: Copy> {
    /// Slot `s` of level `l` at `l * SLOT_COUNT + s`.
    slots: Vec<ChunkList>,
    /// One bit a slot that holds events.
    occupied: [[u64; SLOT_COUNT / 64]; LEVEL_COUNT],
    /// One bit a level that holds events.
    occupied_levels: u8,
    pool: ChunkPool<E>,
}

#[derive(Clone, Copy, Debug)]
struct Late<E: Copy> {
    time: u64,
    order: u64,
    event: E,
}

impl<E: Copy> Default for Calendar<E> {
    fn default() -> Calendar<E> {
        Calendar::new()
    }
}

impl<E: Copy> Calendar<E> {
    /// Calendar without events, at time zero.
    pub fn new() -> Calendar<E> {
        Calendar {
            due: Run::new(),
            late: BinaryHeap::new(),
            next_order: 0,
            cursor: 0,
            wheel: Wheel::new(),
            pending_count: 0,
            begun: false,
        }
    }

    /// Number of pending events.
    #[inline]
    pub fn len(&self) -> usize {
        self.pending_count
    }

    /// Whether no event is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pending_count == 0
    }

    /// Enters an event; one at a time already past is simply the next to be popped.
    #[inline]
    pub fn push(&mut self, time: SimTime, event: E) {
        self.pending_count += 1;
        let level = level_of(self.cursor, time.0);
        if time.0 > self.cursor && !self.reaches(time.0, level) {
            self.wheel.insert(level, Waiting { time: time.0, event });
        } else if !self.late.is_empty() || !self.due.insert(time.0, event) {
            self.push_late(time.0, event);
        }
    }

    /// Lets what is due reach as far as an event after it that would stand at this level, if little
    /// is due and all that waits stands at higher ones, which is later.
    #[inline]
    fn reaches(&mut self, time: u64, level: usize) -> bool {
        let first = self.wheel.occupied_levels & ((2 << level) - 1) as u8 == 0;
        if !first || self.due.len() >= DUE_COUNT_MIN || !self.late.is_empty() {
            return false;
        }
        if self.due.is_empty() {
            // What stood at the cursor was taken; what comes before it yet goes to `late`.
            self.due.begin(self.cursor);
        }
        let near = self.due.is_within(JOINED_SPAN, time);
        if near {
            self.cursor = time;
        }
        near
    }

    #[cold]
    fn push_late(&mut self, time: u64, event: E) {
        let order = self.next_order;
        self.next_order += 1;
        self.late.push(Late { time, order, event });
    }

    /// Takes the earliest event.
    #[inline]
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        self.pop_until(SimTime::MAX)
    }

    /// Takes the earliest event if its time is at most `limit`; else changes nothing.
    #[inline]
    pub fn pop_until(&mut self, limit: SimTime) -> Option<(SimTime, E)> {
        if !self.late.is_empty() {
            return self.pop_late(limit);
        }
        if self.due.is_empty() && !self.refill(limit.0) {
            return None;
        }
        let (time, event) = self.due.pop_until(limit.0)?;
        self.pending_count -= 1;
        Some((SimTime(time), event))
    }

    /// Whether events have become due since [`Calendar::newly_due`] was asked.
    #[inline]
    pub fn has_newly_due(&self) -> bool {
        self.begun
    }

    /// The events that come next, in no order, if they have become due since this was last asked:
    /// for a caller who wants to have at hand what they will need. Others can still come between,
    /// and those that are due as they are entered are not among them.
    pub fn newly_due(&mut self) -> &[E] {
        if std::mem::take(&mut self.begun) { self.due.events() } else { &[] }
    }

    /// As [`Calendar::pop_until`] while there are late events.
    #[cold]
    fn pop_late(&mut self, limit: SimTime) -> Option<(SimTime, E)> {
        let late = *self.late.peek()?;
        let (time, event) = if self.due.earliest().is_some_and(|due| due <= late.time) {
            self.due.pop_until(limit.0)?
        } else if late.time <= limit.0 {
            self.late.pop();
            (late.time, late.event)
        } else {
            return None;
        };
        self.pending_count -= 1;
        Some((SimTime(time), event))
    }

    /// A copy with what `copied` makes of each event, in the same order; those of which it makes
    /// nothing are left out.
    #[must_use]
    pub fn copy_of(&self, mut copied: impl FnMut(E) -> Option<E>) -> Calendar<E> {
        let due = self.due.copy_of(&mut copied);
        let late = self.late.iter().filter_map(|late| {
            let event = copied(late.event)?;
            Some(Late { event, ..*late })
        });
        let late: BinaryHeap<Late<E>> = late.collect();
        let (wheel, waiting_count) = self.wheel.copy_of(self.cursor, &mut copied);
        let pending_count = due.len() + late.len() + waiting_count;
        let (next_order, cursor) = (self.next_order, self.cursor);
        Calendar { due, late, next_order, cursor, wheel, pending_count, begun: false }
    }

    /// Time of the earliest event [ns since t = 0].
    #[inline]
    pub fn peek_time(&self) -> Option<SimTime> {
        let earliest = match (self.due.earliest(), self.late.peek().map(|late| late.time)) {
            (Some(due), Some(late)) => Some(due.min(late)),
            (due, late) => due.or(late),
        };
        earliest.or_else(|| self.wheel.first_slot().map(|slot| slot.earliest)).map(SimTime)
    }

    /// Makes the earliest slot due if it holds an event at or before `limit`.
    ///
    /// The limit keeps the cursor from running further ahead of the caller's clock than it has to:
    /// what is pushed behind the cursor goes into the run or the heap, which is dearer.
    #[inline(never)]
    fn refill(&mut self, limit: u64) -> bool {
        let mut base = None;
        while let Some(slot) = self.wheel.first_slot().filter(|slot| slot.earliest <= limit) {
            let joins = |base| slot.level <= WIDEST_DUE_LEVEL && slot.earliest - base < JOINED_SPAN;
            if !base.is_none_or(joins) {
                break;
            }
            let list = self.wheel.remove_slot(&slot);
            let few = list.count() <= SORTED_COUNT_MAX && slot.level <= WIDEST_DUE_LEVEL;
            if few || list.count() == 1 || slot.level == 0 {
                if base.is_none() {
                    base = Some(slot.earliest);
                    self.due.begin(slot.earliest);
                }
                self.make_due(list);
                if slot.level > WIDEST_DUE_LEVEL || self.due.len() >= DUE_COUNT_MIN {
                    break;
                }
                continue;
            }
            // Times in the slot agree with `earliest` in all bytes above its level, and are not
            // before it.
            self.cursor = slot.earliest;
            self.wheel.spread(slot.earliest, list);
        }
        self.due.sort();
        self.begun = base.is_some();
        self.begun
    }

    fn make_due(&mut self, list: ChunkList) {
        let Calendar { due, wheel, cursor, .. } = self;
        wheel.pool.drain(list, |waiting| {
            due.add(waiting.time, waiting.event);
            *cursor = waiting.time.max(*cursor);
        });
    }
}

/// The highest byte in which a time differs from the cursor; 0, too, where none does.
#[inline]
fn level_of(cursor: u64, time: u64) -> usize {
    (63 - ((time ^ cursor) | 1).leading_zeros() as usize) / 8
}

/// Where the earliest events of the wheel stand.
struct FirstSlot {
    level: usize,
    number: usize,
    earliest: u64,
}

impl<E: Copy> Wheel<E> {
    fn new() -> Wheel<E> {
        Wheel {
            slots: vec![ChunkList::EMPTY; LEVEL_COUNT * SLOT_COUNT],
            occupied: [[0; SLOT_COUNT / 64]; LEVEL_COUNT],
            occupied_levels: 0,
            pool: ChunkPool::new(),
        }
    }

    #[inline(never)]
    fn insert(&mut self, level: usize, waiting: Waiting<E>) {
        let number = (waiting.time >> (8 * level)) as usize % SLOT_COUNT;
        self.occupied[level][number / 64] |= 1 << (number % 64);
        self.occupied_levels |= 1 << level;
        self.pool.append(&mut self.slots[level * SLOT_COUNT + number], waiting);
    }

    /// The slot with the earliest events: no slot before the cursor's own is ever occupied, and
    /// every lower level lies before every higher one.
    #[inline]
    fn first_slot(&self) -> Option<FirstSlot> {
        if self.occupied_levels == 0 {
            return None;
        }
        let level = self.occupied_levels.trailing_zeros() as usize;
        let words = &self.occupied[level];
        let word = words.iter().position(|&word| word != 0)?;
        let number = word * 64 + words[word].trailing_zeros() as usize;
        let earliest = self.slots[level * SLOT_COUNT + number].earliest();
        Some(FirstSlot { level, number, earliest })
    }

    fn remove_slot(&mut self, slot: &FirstSlot) -> ChunkList {
        let words = &mut self.occupied[slot.level];
        words[slot.number / 64] &= !(1 << (slot.number % 64));
        if *words == [0; SLOT_COUNT / 64] {
            self.occupied_levels &= !(1 << slot.level);
        }
        std::mem::replace(&mut self.slots[slot.level * SLOT_COUNT + slot.number], ChunkList::EMPTY)
    }

    /// As [`Calendar::copy_of`]; with the number of events in the copy.
    fn copy_of(&self, cursor: u64, mut copied: impl FnMut(E) -> Option<E>) -> (Wheel<E>, usize) {
        let mut copy = Wheel::new();
        let mut count = 0;
        for &Waiting { time, event } in self.slots.iter().flat_map(|list| self.pool.of(list)) {
            if let Some(event) = copied(event) {
                copy.insert(level_of(cursor, time), Waiting { time, event });
                count += 1;
            }
        }
        (copy, count)
    }

    /// Distributes the events of a slot over lower levels, chunk by chunk, keeping their order.
    fn spread(&mut self, cursor: u64, mut list: ChunkList) {
        while let Some((chunk, length)) = self.pool.take_first_chunk(&mut list) {
            for place in 0..length {
                let waiting = self.pool.content(chunk)[place];
                self.insert(level_of(cursor, waiting.time), waiting);
            }
            self.pool.give_back(chunk);
        }
    }
}

// `BinaryHeap` gives the greatest first, so the earlier event is the greater one.
impl<E: Copy> Ord for Late<E> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.order).cmp(&(self.time, self.order))
    }
}

impl<E: Copy> PartialOrd for Late<E> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E: Copy> PartialEq for Late<E> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E: Copy> Eq for Late<E> {}

#[cfg(test)]
mod tests;
