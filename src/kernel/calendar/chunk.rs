//! Waiting events of the wheel in linked chunks: order kept, memory given back to a pool, never
//! freed.
//!
//! A chunk holds a few events side by side, so that walking a slot of many thousand events costs
//! one cache miss per chunk instead of one per event.

/// Events in one chunk. Long chunks read fast from memory (at ten million pending events 62 cost a
/// quarter less than 14); at most one partly filled chunk a slot keeps the waste to some 3 MB. A
/// power of two, so that the place of the next one costs no division.
const CHUNK_LENGTH: usize = 64;
const NO_CHUNK: u32 = u32::MAX;

/// Event of the wheel with its time [ns since t = 0].
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting<E: Copy> {
    pub(super) time: u64,
    pub(super) event: E,
}

/// Events of one slot, in order of insertion.
#[derive(Clone, Debug)]
pub(super) struct ChunkList {
    first: u32,
    last: u32,
    count: u32,
    earliest: u64,
}

impl ChunkList {
    pub(super) const EMPTY: ChunkList =
        ChunkList { first: NO_CHUNK, last: NO_CHUNK, count: 0, earliest: u64::MAX };

    /// Number of events, at most 2^32 - 1.
    #[inline]
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Time of the earliest event [ns since t = 0].
    #[inline]
    pub(super) fn earliest(&self) -> u64 {
        self.earliest
    }
}

/// All chunks of a wheel, in use or not.
#[derive(Clone, Debug)]
pub(super) struct ChunkPool<E: Copy> {
    /// Content of each chunk; all chunks of a list but the last are full.
    contents: Vec<[Waiting<E>; CHUNK_LENGTH]>,
    /// The chunk after each chunk, in a list or among the free ones. Apart from the contents, so
    /// that following a long list waits for the cache, not for memory.
    links: Vec<u32>,
    first_free: u32,
}

impl<E: Copy> ChunkPool<E> {
    pub(super) fn new() -> ChunkPool<E> {
        ChunkPool { contents: Vec::new(), links: Vec::new(), first_free: NO_CHUNK }
    }

    #[inline(always)]
    pub(super) fn append(&mut self, list: &mut ChunkList, waiting: Waiting<E>) {
        let offset = list.count as usize % CHUNK_LENGTH;
        if offset == 0 {
            let fresh = self.fresh_chunk(waiting);
            if list.count == 0 {
                list.first = fresh;
            } else {
                self.links[list.last as usize] = fresh;
            }
            list.last = fresh;
        } else {
            self.contents[list.last as usize][offset] = waiting;
        }
        list.count += 1;
        list.earliest = list.earliest.min(waiting.time);
    }

    /// A chunk whose first event is `first`.
    #[inline]
    fn fresh_chunk(&mut self, first: Waiting<E>) -> u32 {
        let index = self.first_free;
        if index == NO_CHUNK {
            let index = self.contents.len();
            assert!(index < NO_CHUNK as usize, "calendar is full");
            self.contents.push([first; CHUNK_LENGTH]);
            self.links.push(NO_CHUNK);
            return index as u32;
        }
        self.first_free = self.links[index as usize];
        self.contents[index as usize][0] = first;
        index
    }

    /// Takes the first chunk off a list: its index and how many events it holds.
    ///
    /// It is the caller's until [`ChunkPool::give_back`].
    #[inline]
    pub(super) fn take_first_chunk(&self, list: &mut ChunkList) -> Option<(u32, usize)> {
        if list.count == 0 {
            return None;
        }
        let index = list.first;
        let length = (list.count as usize).min(CHUNK_LENGTH);
        list.count -= length as u32;
        list.first = self.links[index as usize];
        Some((index, length))
    }

    /// The events of a chunk; those past its length are left from earlier use.
    #[inline]
    pub(super) fn content(&self, chunk: u32) -> &[Waiting<E>; CHUNK_LENGTH] {
        &self.contents[chunk as usize]
    }

    /// The events of a list, in order.
    pub(super) fn of(&self, list: &ChunkList) -> impl Iterator<Item = &Waiting<E>> {
        let mut left = list.clone();
        let chunks = std::iter::from_fn(move || self.take_first_chunk(&mut left));
        chunks.flat_map(|(chunk, length)| &self.content(chunk)[..length])
    }

    /// Makes a chunk free for use.
    #[inline]
    pub(super) fn give_back(&mut self, chunk: u32) {
        self.links[chunk as usize] = self.first_free;
        self.first_free = chunk;
    }

    /// Hands every event of a list to `receive`, in order, and takes its chunks back.
    #[inline]
    pub(super) fn drain(&mut self, mut list: ChunkList, mut receive: impl FnMut(Waiting<E>)) {
        while let Some((chunk, length)) = self.take_first_chunk(&mut list) {
            for waiting in &self.content(chunk)[..length] {
                receive(*waiting);
            }
            self.give_back(chunk);
        }
    }

    /// Number of chunks that fit without allocating.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.contents.capacity()
    }
}
