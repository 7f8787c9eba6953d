//! Those who wait before their next attempt: a count, and the density of the times they are due.
//!
//! **Model.** Everybody in a pool is due at a time drawn from the same mixture of uniform laws; so
//! who is due within a slot is binomial, with the slot's part of the mass that is left. Adding n
//! clients that wait between a and b costs a few additions, whatever n and the span, as the
//! density is kept by its differences. Slots are whole beats (see [`people`](super::people)).
//! **Leaves out.** Within a slot (1/512 of the longest wait, where that is over a beat) due times
//! are spread evenly.

use crate::kernel::sample::binomial;
use crate::kernel::stream::Stream;
use crate::scenario::model::SiteId;

/// Slots in the longest wait, at the most.
const SLOTS: u64 = 512;

/// What the members of a pool have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolKey {
    pub class: u16,
    /// Attempts made; no longer counted once the backoff has settled.
    pub attempt: u16,
    /// Age since the intended start, in bins (messages: the bin of the intended start).
    pub bin: u16,
    pub demanded: bool,
    /// The next attempt opens a connection.
    pub reconnect: bool,
    /// Where they have their session, or lie; the first site for what is asked anywhere.
    pub site: SiteId,
}

/// A pool of clients that back off.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub key: PoolKey,
    /// Members, those of the slot that is being sent included.
    pub count: u64,
    /// Sums over the members: intended start [s], [`Row::alive`](super::cohort::Row).
    sums: [f64; 2],
    /// Of the members, those to be sent within the present slot.
    sending: u64,
    /// [ns]; a whole number of beats.
    slot: u64,
    /// Number of the next slot to be drawn.
    next: u64,
    /// Change of the expected number due from slot to slot, around the ring.
    changes: Vec<f64>,
    /// Expected number due in the slot before `next`.
    due: f64,
    /// Expected number due from `next` on.
    mass: f64,
}

impl Pool {
    /// An empty pool at `now`, whose longest wait is `longest` [ns].
    pub(super) fn new(key: PoolKey, longest: u64, now: u64, beat: u64) -> Pool {
        let slot = beat * longest.div_ceil(beat * SLOTS).max(1);
        Pool {
            key,
            count: 0,
            sums: [0.0; 2],
            sending: 0,
            slot,
            next: now.div_ceil(slot),
            changes: vec![0.0; (longest / slot) as usize + 4],
            due: 0.0,
            mass: 0.0,
        }
    }

    /// Means over the members: intended start [s], what was left of their sessions.
    pub(super) fn means(&self) -> [f64; 2] {
        self.sums.map(|sum| if self.count == 0 { 0.0 } else { sum / self.count as f64 })
    }

    fn change(&mut self, slot: u64, by: f64) {
        let place = (slot % self.changes.len() as u64) as usize;
        self.changes[place] += by;
    }

    /// Takes `n` clients in that have failed at `at` and wait evenly between `from` and `to` [ns].
    pub(super) fn add(&mut self, n: u64, at: u64, (from, to): (u64, u64), means: [f64; 2]) {
        self.count += n;
        self.sums = [0, 1].map(|i| self.sums[i] + n as f64 * means[i]);
        let earliest = self.next * self.slot;
        let last = earliest + (self.changes.len() as u64 - 2) * self.slot - 1;
        let (a, b) = ((at + from).clamp(earliest, last), (at + to).clamp(earliest, last));
        let (first, last) = (a / self.slot, b / self.slot);
        let n = n as f64;
        self.mass += n;
        if first == last {
            self.change(first, n);
            self.change(first + 1, -n);
            return;
        }
        let span = (b - a) as f64;
        let whole = n * self.slot as f64 / span;
        let head = n * ((first + 1) * self.slot - a) as f64 / span;
        let tail = n * (b - last * self.slot) as f64 / span;
        self.change(first, head);
        self.change(first + 1, whole - head);
        self.change(last, tail - whole);
        self.change(last + 1, -tail);
    }

    /// Takes out those due in the beat from `from` to `to` [ns].
    pub(super) fn release(&mut self, (from, to): (u64, u64), stream: &mut Stream) -> u64 {
        let mut released = 0;
        while self.next * self.slot < to {
            released += std::mem::take(&mut self.sending);
            let place = (self.next % self.changes.len() as u64) as usize;
            self.due += std::mem::take(&mut self.changes[place]);
            self.next += 1;
            let waiting = self.count - released;
            if waiting == 0 {
                continue;
            }
            // What rounding has left over belongs to nobody.
            let share = if self.mass > 1e-6 { (self.due / self.mass).clamp(0.0, 1.0) } else { 1.0 };
            self.sending = binomial(stream, waiting, share);
            self.mass -= self.due;
        }
        if self.sending > 0 {
            let left = (self.next * self.slot).saturating_sub(from).max(1);
            let share = (to - from) as f64 / left as f64;
            let drawn = binomial(stream, self.sending, share);
            self.sending -= drawn;
            released += drawn;
        }
        if released > 0 {
            let left = 1.0 - released as f64 / self.count as f64;
            self.sums = self.sums.map(|sum| sum * left);
            self.count -= released;
        }
        if self.count == 0 {
            self.changes.fill(0.0);
            (self.due, self.mass, self.sums) = (0.0, 0.0, [0.0; 2]);
        }
        released
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::stream::RootSeed;

    const S: u64 = 1_000_000_000;

    fn key() -> PoolKey {
        let (demanded, reconnect) = (true, true);
        PoolKey { class: 0, attempt: 1, bin: 0, demanded, reconnect, site: SiteId(0) }
    }

    /// (released, mean time of the release, spread of the times) [s].
    fn drain(pool: &mut Pool, beat: u64, stream: &mut Stream) -> (u64, f64, f64) {
        let (mut n, mut sum, mut squares, mut now) = (0, 0.0, 0.0, 0);
        while pool.count > 0 {
            let released = pool.release((now, now + beat), stream);
            now += beat;
            let at = (now - beat / 2) as f64 / S as f64;
            n += released;
            sum += released as f64 * at;
            squares += released as f64 * at * at;
        }
        let mean = sum / n as f64;
        (n, mean, (squares / n as f64 - mean * mean).sqrt())
    }

    #[test]
    fn a_jittered_wait_is_spread_over_its_range_at_any_beat() {
        let mut stream = Stream::named(RootSeed(1), "test");
        for beat in [S / 20, S / 5, S] {
            let mut pool = Pool::new(key(), 300 * S, 0, beat);
            pool.add(100_000, 0, (0, 300 * S), [1.0, 0.0]);
            let (n, mean, spread) = drain(&mut pool, beat, &mut stream);
            assert_eq!(n, 100_000);
            assert!((mean - 150.0).abs() < 1.5, "{mean}");
            assert!((spread - 86.6).abs() < 0.9, "{spread}");
        }
    }

    #[test]
    fn a_constant_wait_is_over_within_its_beat() {
        let mut stream = Stream::named(RootSeed(2), "test");
        let mut pool = Pool::new(key(), S, 0, S / 20);
        pool.add(1_000, 0, (S, S), [0.0; 2]);
        let (n, mean, spread) = drain(&mut pool, S / 20, &mut stream);
        assert_eq!(n, 1_000);
        assert!((mean - 1.025).abs() < 1e-9 && spread < 1e-6, "{mean} {spread}");
    }
}
