//! Records in one dense array, with keys that notice when their record is gone.
//!
//! A request in flight is named from many places (a queue, a timeout list, its caller). Each of
//! them holds a [`Key`] of 8 bytes; a key whose record was removed finds nothing, even when another
//! record has taken its place. Freed places are used again, last freed first, so memory stays hot
//! and a steady state allocates nothing. A generation wraps after 2^32 uses of one place.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};

const NO_PLACE: u32 = u32::MAX;

/// Name of one record in a [`Slab`]: its place and the generation of that place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Place in the array.
    pub index: u32,
    /// One more than the records that had left this place when this one entered; never 0, so that
    /// an optional key has the size of a key.
    pub generation: NonZeroU32,
}

impl Key {
    /// Finds nothing, in any slab.
    pub const GONE: Key = Key { index: NO_PLACE, generation: NonZeroU32::MIN };
}

/// Name of a record in half the size of a [`Key`], for whoever alone decides when that record goes:
/// it is never asked for a record that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held(NonZeroU32);

impl Held {
    /// The record of this key, held from now on.
    #[inline]
    pub fn of(key: Key) -> Held {
        Held::at(key.index)
    }

    /// The record at this place, which is held.
    #[inline]
    pub fn at(index: u32) -> Held {
        // `NO_PLACE` is no index, so this does not overflow.
        Held(NonZeroU32::MIN.saturating_add(index))
    }

    /// Its place in the array.
    #[inline]
    pub fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// Dense array of records with a free list and generations; up to 2^32 - 1 records.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    places: Vec<Place<T>>,
    first_vacant: u32,
    occupied_count: u32,
}

#[derive(Clone, Debug)]
struct Place<T> {
    generation: NonZeroU32,
    content: Content<T>,
}

#[derive(Clone, Debug)]
enum Content<T> {
    Occupied(T),
    Vacant { next_vacant: u32 },
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> Slab<T> {
    /// What one record takes [byte].
    pub const PLACE_SIZE: usize = size_of::<Place<T>>();

    /// Empty slab without memory.
    pub fn new() -> Slab<T> {
        Slab::with_capacity(0)
    }

    /// Empty slab with room for `capacity` records.
    pub fn with_capacity(capacity: usize) -> Slab<T> {
        Slab { places: Vec::with_capacity(capacity), first_vacant: NO_PLACE, occupied_count: 0 }
    }

    /// Number of records held.
    #[inline]
    pub fn len(&self) -> usize {
        self.occupied_count as usize
    }

    /// Whether no record is held.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.occupied_count == 0
    }

    /// Number of places ever used: every index is below it.
    #[inline]
    pub fn place_count(&self) -> usize {
        self.places.len()
    }

    /// Puts a record in, in the place freed last or else in a new one.
    ///
    /// # Panics
    /// When 2^32 - 1 records are held already.
    #[inline]
    pub fn insert(&mut self, record: T) -> Key {
        self.occupied_count += 1;
        let index = self.first_vacant;
        if index == NO_PLACE {
            return self.insert_in_new_place(record);
        }
        let place = &mut self.places[index as usize];
        if let Content::Vacant { next_vacant } = place.content {
            self.first_vacant = next_vacant;
        } else {
            unreachable!("the free list names an occupied place");
        }
        place.content = Content::Occupied(record);
        Key { index, generation: place.generation }
    }

    fn insert_in_new_place(&mut self, record: T) -> Key {
        let index = self.places.len();
        assert!(index < NO_PLACE as usize, "slab is full");
        self.places.push(Place { generation: NonZeroU32::MIN, content: Content::Occupied(record) });
        Key { index: index as u32, generation: NonZeroU32::MIN }
    }

    /// The record of `key`, unless it was removed.
    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.places.get(key.index as usize) {
            Some(Place { generation, content: Content::Occupied(record) })
                if *generation == key.generation =>
            {
                Some(record)
            }
            _ => None,
        }
    }

    /// The record of `key` to change, unless it was removed.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.places.get_mut(key.index as usize) {
            Some(Place { generation, content: Content::Occupied(record) })
                if *generation == key.generation =>
            {
                Some(record)
            }
            _ => None,
        }
    }

    /// Takes the record of `key` out, unless it was removed before.
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get(key.index as usize)?;
        if place.generation == key.generation { self.vacate(key.index) } else { None }
    }

    /// Takes a record out that is held.
    ///
    /// # Panics
    /// When its place is vacant.
    #[inline]
    pub fn release(&mut self, held: Held) -> T {
        let index = held.index();
        self.vacate(index).unwrap_or_else(|| panic!("slab place {index} is vacant"))
    }

    #[inline]
    fn vacate(&mut self, index: u32) -> Option<T> {
        let place = &mut self.places[index as usize];
        let vacant = Content::Vacant { next_vacant: self.first_vacant };
        match std::mem::replace(&mut place.content, vacant) {
            Content::Occupied(record) => {
                place.generation = place.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
                self.first_vacant = index;
                self.occupied_count -= 1;
                Some(record)
            }
            before => {
                place.content = before;
                None
            }
        }
    }

    /// The key of the record now at place `index`, if there is one.
    #[inline]
    pub fn key_at(&self, index: u32) -> Option<Key> {
        let place = self.places.get(index as usize)?;
        match place.content {
            Content::Occupied(_) => Some(Key { index, generation: place.generation }),
            Content::Vacant { .. } => None,
        }
    }

    /// All records with their keys, in order of place: the same order in every run.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.places.iter().enumerate().filter_map(|(index, place)| match &place.content {
            Content::Occupied(record) => {
                Some((Key { index: index as u32, generation: place.generation }, record))
            }
            Content::Vacant { .. } => None,
        })
    }

    /// All records to change, in order of place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| match &mut place.content {
            Content::Occupied(record) => Some(record),
            Content::Vacant { .. } => None,
        })
    }
}

/// The record at a place, whatever its generation; panics where the place is vacant.
impl<T> Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: u32) -> &T {
        match &self.places[index as usize].content {
            Content::Occupied(record) => record,
            Content::Vacant { .. } => panic!("slab place {index} is vacant"),
        }
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        match &mut self.places[index as usize].content {
            Content::Occupied(record) => record,
            Content::Vacant { .. } => panic!("slab place {index} is vacant"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_finds_nothing_once_its_place_belongs_to_another() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(second.index, first.index);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"second"));
        assert_eq!(slab[second.index], "second");
        assert_eq!(slab.key_at(second.index), Some(second));
        assert_eq!(size_of::<Key>(), 8);
    }

    #[test]
    #[should_panic(expected = "vacant")]
    fn direct_access_to_a_vacant_place_panics() {
        let mut slab = Slab::new();
        let key = slab.insert(1);
        slab.remove(key);
        let _ = slab[key.index];
    }

    proptest! {
        #[test]
        fn slab_agrees_with_a_list_of_pairs(
            choices in prop::collection::vec((any::<bool>(), any::<u16>()), 1..300),
        ) {
            let mut slab = Slab::new();
            let mut model: Vec<(Key, u16)> = Vec::new();
            let mut gone: Vec<Key> = Vec::new();
            let mut most = 0;
            for (insert, number) in choices {
                if insert || model.is_empty() {
                    model.push((slab.insert(number), number));
                } else {
                    let (key, value) = model.swap_remove(number as usize % model.len());
                    prop_assert_eq!(slab.remove(key), Some(value));
                    gone.push(key);
                }
                most = most.max(model.len());
            }
            model.sort();
            let held: Vec<_> = slab.iter().map(|(key, value)| (key, *value)).collect();
            prop_assert_eq!(&held, &model);
            prop_assert_eq!(slab.len(), model.len());
            prop_assert_eq!(slab.place_count(), most);
            for key in gone {
                prop_assert_eq!(slab.get(key), None);
            }
        }
    }
}
