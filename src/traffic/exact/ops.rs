//! Operations in progress, in three parts: what every look-up and the books need of each (12
//! bytes), what it is (32 bytes), and, only while a client waits for an attempt, what is known of
//! that attempt (24 bytes).
//!
//! An event that falls on nothing reads only the first. At full population tens of millions of
//! clients back off at a time, and each of them takes 44 bytes.

use super::SPARSE;
use super::op::{Attempt, Op, Phase};
use crate::kernel::slab::{Held, Key, Slab};
use crate::kernel::time::SimTime;
use std::ops::{Index, IndexMut};

/// So many operations are in the nearest caches anyway.
const CACHED_COUNT: usize = 1 << 14;

/// Where an operation stands.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Number of the attempt that is under way or was last (from 1); 0 before the first.
    attempt: u32,
    class: u16,
    phase: Phase,
}

/// All operations in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Ops {
    states: Slab<State>,
    /// By the index of the state; what is left of one that is gone means nothing.
    records: Vec<Op>,
    attempts: Attempts,
}

/// Attempts that are waited for: exactly those of operations in such a phase, each of which alone
/// names its own.
#[derive(Clone, Debug, Default)]
struct Attempts {
    places: Vec<Attempt>,
    vacant: Vec<Held>,
}

impl Attempts {
    #[inline(always)]
    fn insert(&mut self, attempt: Attempt) -> Held {
        if let Some(held) = self.vacant.pop() {
            self.places[held.index() as usize] = attempt;
            return held;
        }
        self.places.push(attempt);
        Held::at(self.places.len() as u32 - 1)
    }

    #[inline]
    fn release(&mut self, held: Held) {
        self.vacant.push(held);
    }
}

impl Ops {
    /// Takes an operation in, not sent yet.
    #[inline]
    pub(super) fn insert(&mut self, class: u16, op: Op) -> Key {
        let key = self.states.insert(State { attempt: 0, class, phase: Phase::Parked });
        match self.records.get_mut(key.index as usize) {
            Some(place) => *place = op,
            None => self.records.push(op),
        }
        key
    }

    /// Takes an operation out, unless it is gone already: its class, and what it was.
    #[inline(always)]
    pub(super) fn remove(&mut self, key: Key) -> Option<(u16, Op)> {
        let state = self.states.remove(key)?;
        if state.phase.is_waited_for() {
            self.end_attempt(key);
        }
        Some((state.class, self.records[key.index as usize].clone()))
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.states.get(key).is_some()
    }

    /// The key of an operation that is held; `None` if it is gone all the same.
    pub(super) fn key_of(&self, held: Held) -> Option<Key> {
        self.states.key_at(held.index())
    }

    /// The class of an operation that is in progress.
    #[inline]
    pub(super) fn class(&self, key: Key) -> u16 {
        self.states[key.index].class
    }

    /// Number of its attempt, and its phase; `None` once it is gone.
    #[inline(always)]
    pub(super) fn stands(&self, key: Key) -> Option<(u32, Phase)> {
        self.states.get(key).map(|state| (state.attempt, state.phase))
    }

    /// Whether a client still waits for this attempt.
    #[inline(always)]
    pub(super) fn waits(&self, key: Key, attempt: u32) -> bool {
        self.stands(key).is_some_and(|(at, phase)| at == attempt && phase.is_waited_for())
    }

    /// Number of the attempt that is under way or was last.
    #[inline]
    pub(super) fn attempt(&self, key: Key) -> u32 {
        self.states[key.index].attempt
    }

    /// Moves an operation to another phase; with one in which no client waits, its attempt ends.
    #[inline]
    pub(super) fn set_phase(&mut self, key: Key, phase: Phase) {
        let before = std::mem::replace(&mut self.states[key.index].phase, phase);
        if before.is_waited_for() && !phase.is_waited_for() {
            self.end_attempt(key);
        }
    }

    /// Counts the next attempt, which is sent at `now`.
    #[inline(always)]
    pub(super) fn next_attempt(&mut self, key: Key, now: SimTime) -> u32 {
        let state = &mut self.states[key.index];
        state.attempt += 1;
        state.phase = Phase::Sent;
        let under_way = self.attempts.insert(Attempt::sent(now));
        self.records[key.index as usize].linked = Some(under_way);
        state.attempt
    }

    #[inline]
    fn end_attempt(&mut self, key: Key) {
        if let Some(under_way) = self.records[key.index as usize].linked.take() {
            self.attempts.release(under_way);
        }
    }

    /// Gives memory back once far fewer attempts are waited for than were.
    pub(super) fn shrink(&mut self) {
        let waited_for = self.attempts.places.len() - self.attempts.vacant.len();
        if waited_for >= self.attempts.places.capacity() / SPARSE {
            return;
        }
        let places = Vec::with_capacity(2 * waited_for);
        let packed = Attempts { places, vacant: Vec::new() };
        let sparse = std::mem::replace(&mut self.attempts, packed);
        for (key, _) in self.states.iter().filter(|(_, state)| state.phase.is_waited_for()) {
            let record = &mut self.records[key.index as usize];
            let attempt = sparse.places[record.under_way()].clone();
            record.linked = Some(self.attempts.insert(attempt));
        }
    }

    /// Reads what is kept of operations whose events come soon.
    ///
    /// A processor fetches many places from memory at a time, but not where each decides what is
    /// done next. With millions of operations none of them is in a cache, and to read some dozen of
    /// them together takes hardly longer than to read one.
    #[inline]
    pub(super) fn fetch(&self, soon: impl Iterator<Item = Key>) {
        if self.records.len() < CACHED_COUNT {
            return;
        }
        let mut read = 0;
        for key in soon {
            let attempt = self.records[key.index as usize].under_way();
            read ^= self.attempts.places.get(attempt).map_or(0, |attempt| attempt.sent.0);
            read ^= u64::from(self.states.key_at(key.index).is_some());
        }
        std::hint::black_box(read);
    }

    /// An operation and its attempt, which a client waits for.
    #[inline]
    pub(super) fn under_way(&self, key: Key) -> (&Op, &Attempt) {
        let op = &self.records[key.index as usize];
        (op, &self.attempts.places[op.under_way()])
    }

    /// The same, to change.
    #[inline]
    pub(super) fn under_way_mut(&mut self, key: Key) -> (&mut Op, &mut Attempt) {
        let op = &mut self.records[key.index as usize];
        let attempt = &mut self.attempts.places[op.under_way()];
        (op, attempt)
    }

    /// Class and phase of every operation, by walking: what the books count.
    pub(super) fn present(&self) -> impl Iterator<Item = (u16, Phase)> + '_ {
        self.states.iter().map(|(_, state)| (state.class, state.phase))
    }

    /// A copy of those whose class and phase `stays` accepts; their keys here, in order, and there.
    pub(super) fn copy_of(&self, stays: impl Fn(u16, Phase) -> bool) -> (Ops, Vec<(Key, Key)>) {
        let mut copy = Ops::default();
        let mut keys = Vec::new();
        for (key, &state) in self.states.iter().filter(|(_, s)| stays(s.class, s.phase)) {
            let mut record = self.records[key.index as usize].clone();
            if state.phase.is_waited_for() {
                let attempt = self.attempts.places[record.under_way()].clone();
                record.linked = Some(copy.attempts.insert(attempt));
            }
            keys.push((key, copy.states.insert(state)));
            copy.records.push(record);
        }
        (copy, keys)
    }

    /// Their keys, in order of place.
    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.states.iter().map(|(key, _)| key)
    }
}

impl Index<u32> for Ops {
    type Output = Op;
    #[inline]
    fn index(&self, index: u32) -> &Op {
        &self.records[index as usize]
    }
}

impl IndexMut<u32> for Ops {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Op {
        &mut self.records[index as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt, Op, Ops, Phase, Slab, State};
    use crate::kernel::stream::Luck;
    use crate::kernel::time::SimTime;
    use crate::traffic::exact::op::Flags;

    /// At full population tens of millions of these stand at a time.
    #[test]
    fn an_operation_takes_44_bytes_and_an_attempt_24_more() {
        assert_eq!((size_of::<Op>(), Slab::<State>::PLACE_SIZE), (32, 12));
        assert_eq!(size_of::<Attempt>(), 24);
    }
    #[test]
    fn attempts_keep_theirs_when_memory_is_given_back() {
        let mut ops = Ops::default();
        let op = |number| Op::new(number, Luck(7), SimTime::ZERO, Flags::DEMANDED);
        let keys: Vec<_> = (0..1_000).map(|number| ops.insert(3, op(number))).collect();
        for (number, &key) in keys.iter().enumerate() {
            ops.next_attempt(key, SimTime(number as u64));
        }
        ops.shrink();
        assert!(ops.attempts.places.len() == 1_000, "all of them are waited for");
        for &key in keys.iter().filter(|key| key.index % 10 != 4) {
            ops.set_phase(key, Phase::BackingOff);
        }
        ops.shrink();
        assert_eq!((ops.attempts.places.len(), ops.attempts.places.capacity()), (100, 200));
        for (number, &key) in keys.iter().enumerate().filter(|(_, key)| key.index % 10 == 4) {
            let (op, attempt) = ops.under_way(key);
            assert_eq!((op.mailbox as usize, attempt.sent.0 as usize), (number, number));
        }
        let again = ops.next_attempt(keys[0], SimTime(5));
        assert_eq!((again, ops.under_way(keys[0]).1.sent), (2, SimTime(5)));
    }
}
