//! Operations in progress: records in a slab, and beside it what every look-up and the books need
//! of them, 12 bytes each (84 with the record). An event that falls on nothing reads only those;
//! with hundreds of thousands of clients backing off, that is a part of a cache line instead of two
//! of them.

use super::client::{Op, Phase};
use crate::kernel::slab::{Held, Key, Slab};
use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

/// Where the operation at one place stands.
#[derive(Clone, Copy, Debug)]
struct State {
    generation: NonZeroU32,
    /// Number of the attempt that is under way or was last (from 1); 0 before the first.
    attempt: u32,
    class: u16,
    /// `None`: the place is vacant.
    phase: Option<Phase>,
}

/// All operations in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Ops {
    records: Slab<Op>,
    /// By the index of the record.
    states: Vec<State>,
}

impl Ops {
    /// Takes an operation in, not sent yet.
    #[inline]
    pub(super) fn insert(&mut self, op: Op) -> Key {
        let class = op.class;
        let key = self.records.insert(op);
        let state =
            State { generation: key.generation, attempt: 0, class, phase: Some(Phase::Parked) };
        match self.states.get_mut(key.index as usize) {
            Some(place) => *place = state,
            None => self.states.push(state),
        }
        key
    }

    /// Takes an operation out, unless it is gone already.
    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<Op> {
        let op = self.records.remove(key)?;
        self.states[key.index as usize].phase = None;
        Some(op)
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn contains(&self, key: Key) -> bool {
        self.stands(key).is_some()
    }

    pub(super) fn get(&self, key: Key) -> Option<&Op> {
        self.records.get(key)
    }

    /// The key of an operation that is held; `None` if it is gone all the same.
    pub(super) fn key_of(&self, held: Held) -> Option<Key> {
        self.records.key_at(held.index())
    }

    /// Number of its attempt, and its phase; `None` once it is gone.
    #[inline]
    pub(super) fn stands(&self, key: Key) -> Option<(u32, Phase)> {
        let state = self.states.get(key.index as usize)?;
        let phase = state.phase.filter(|_| state.generation == key.generation)?;
        Some((state.attempt, phase))
    }

    /// Whether a client still waits for this attempt.
    #[inline]
    pub(super) fn waits(&self, key: Key, attempt: u32) -> bool {
        self.stands(key).is_some_and(|(at, phase)| at == attempt && phase.is_waited_for())
    }

    /// The attempt that is under way or was last.
    #[inline]
    pub(super) fn attempt(&self, key: Key) -> u32 {
        self.states[key.index as usize].attempt
    }

    #[inline]
    pub(super) fn set_phase(&mut self, key: Key, phase: Phase) {
        self.states[key.index as usize].phase = Some(phase);
    }

    /// Counts the next attempt, which is sent now.
    #[inline]
    pub(super) fn next_attempt(&mut self, key: Key) -> u32 {
        let state = &mut self.states[key.index as usize];
        state.attempt += 1;
        state.phase = Some(Phase::Sent);
        state.attempt
    }

    /// Class and phase of every operation, by walking: what the books count.
    pub(super) fn present(&self) -> impl Iterator<Item = (usize, Phase)> + '_ {
        let states = self.states.iter();
        states.filter_map(|state| Some((state.class as usize, state.phase?)))
    }

    /// Their keys, in order of place.
    #[cfg(test)]
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.records.iter().map(|(key, _)| key)
    }
}

impl Index<u32> for Ops {
    type Output = Op;
    #[inline]
    fn index(&self, index: u32) -> &Op {
        &self.records[index]
    }
}

impl IndexMut<u32> for Ops {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Op {
        &mut self.records[index]
    }
}

#[cfg(test)]
mod tests {
    use super::{Op, State};

    /// At full population tens of millions of these stand at a time.
    #[test]
    fn an_operation_takes_84_bytes() {
        assert_eq!(crate::kernel::slab::Slab::<Op>::PLACE_SIZE, 72);
        assert_eq!(size_of::<State>(), 12);
    }
}
