//! Waiting events of the wheel in linked chunks: order kept, memory given back to a pool, never
//! freed.
//!
//! A chunk holds a few events side by side, so that walking a slot of many thousand events costs
//! one cache miss per chunk instead of one per event.

/// Events in one chunk: 14 of 24 bytes fill five and a half cache lines with the link.
const CHUNK_LENGTH: usize = 14;
const NO_CHUNK: u32 = u32::MAX;

/// Event of the wheel with its time [ns since t = 0].
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting<E: Copy> {
    pub(super) time: u64,
    pub(super) event: E,
}

#[derive(Clone, Debug)]
struct Chunk<E: Copy> {
    /// All chunks of a list but the last are full.
    content: [Waiting<E>; CHUNK_LENGTH],
    next: u32,
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
    chunks: Vec<Chunk<E>>,
    first_free: u32,
}

impl<E: Copy> ChunkPool<E> {
    pub(super) fn new() -> ChunkPool<E> {
        ChunkPool { chunks: Vec::new(), first_free: NO_CHUNK }
    }

    #[inline]
    pub(super) fn append(&mut self, list: &mut ChunkList, waiting: Waiting<E>) {
        let offset = list.count as usize % CHUNK_LENGTH;
        if offset == 0 {
            let fresh = self.fresh_chunk(waiting);
            if list.count == 0 {
                list.first = fresh;
            } else {
                self.chunks[list.last as usize].next = fresh;
            }
            list.last = fresh;
        } else {
            self.chunks[list.last as usize].content[offset] = waiting;
        }
        list.count += 1;
        list.earliest = list.earliest.min(waiting.time);
    }

    /// A chunk whose first event is `first`.
    #[inline]
    fn fresh_chunk(&mut self, first: Waiting<E>) -> u32 {
        let index = self.first_free;
        if index == NO_CHUNK {
            let index = self.chunks.len();
            assert!(index < NO_CHUNK as usize, "calendar is full");
            self.chunks.push(Chunk { content: [first; CHUNK_LENGTH], next: NO_CHUNK });
            return index as u32;
        }
        let chunk = &mut self.chunks[index as usize];
        self.first_free = chunk.next;
        chunk.content[0] = first;
        chunk.next = NO_CHUNK;
        index
    }

    /// Takes the first chunk off a list: its content, of which only the given number counts.
    #[inline]
    pub(super) fn take_first_chunk(
        &mut self,
        list: &mut ChunkList,
    ) -> Option<([Waiting<E>; CHUNK_LENGTH], usize)> {
        if list.count == 0 {
            return None;
        }
        let index = list.first;
        let chunk = &mut self.chunks[index as usize];
        let length = (list.count as usize).min(CHUNK_LENGTH);
        list.count -= length as u32;
        list.first = chunk.next;
        chunk.next = self.first_free;
        self.first_free = index;
        Some((chunk.content, length))
    }

    /// Hands every event of a list to `receive`, in order, and takes its chunks back.
    #[inline]
    pub(super) fn drain(&mut self, mut list: ChunkList, mut receive: impl FnMut(Waiting<E>)) {
        while let Some((content, length)) = self.take_first_chunk(&mut list) {
            for waiting in &content[..length] {
                receive(*waiting);
            }
        }
    }

    /// Number of chunks that fit without allocating.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.chunks.capacity()
    }
}
