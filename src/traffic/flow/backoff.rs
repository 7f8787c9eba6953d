//! Those who wait before their next attempt: a count, and the density of the times they are due.
//!
//! **Model.** Everybody in a pool is due at a time drawn from the same mixture of uniform laws; so
//! who is due within a slot is binomial, with the slot's part of the mass that is left. Adding n
//! clients that wait between a and b costs a few additions, whatever n and the span, as the
//! density is kept by its differences. **Leaves out.** Within a slot (1/64 of the longest wait, at
//! most a second where waits are minutes) due times are spread evenly.

use crate::kernel::sample::binomial;
use crate::kernel::stream::Stream;
use crate::scenario::model::SiteId;

/// Slots in the longest wait, at the least and at the most.
const SLOTS: (u64, u64) = (64, 300);
/// Slots are no longer than this where [`SLOTS`] allows [ns].
const SLOT_MAX: u64 = 1_000_000_000;

/// Clients of a slot do not go all at once.
const SPREAD: u64 = u64::MAX;

/// What the members of a pool have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolKey {
    pub class: u16,
    /// It signs in.
    pub signs_in: bool,
    /// Attempts made; no longer counted once the backoff has settled.
    pub attempt: u16,
    /// Age since the intended start, in bins.
    pub bin: u8,
    pub demanded: bool,
    /// The next attempt opens a connection.
    pub reconnect: bool,
    /// Where they have their session; the first site for what is not asked in one.
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
    /// When these go, all at once; [`SPREAD`]: evenly until the slot's end [ns].
    at: u64,
    slot: u64,
    /// Where slots begin: pools of one kind do not all send at once [ns].
    phase: u64,
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
    pub(super) fn new(key: PoolKey, longest: u64, now: u64, luck: u64) -> Pool {
        let finest = (longest / SLOTS.1).max(SLOT_MAX);
        let slot = (longest / SLOTS.0).min(finest).max(1_000_000);
        let phase = luck % slot;
        Pool {
            key,
            count: 0,
            sums: [0.0; 2],
            sending: 0,
            at: SPREAD,
            slot,
            phase,
            next: (now + phase) / slot,
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

    /// Takes `n` clients in at `at` that wait evenly between `from` and `to` [ns].
    pub(super) fn add(&mut self, n: u64, at: u64, (from, to): (u64, u64), means: [f64; 2]) {
        self.count += n;
        self.sums = [0, 1].map(|i| self.sums[i] + n as f64 * means[i]);
        // A slot's clients are sent half a slot late in the mean.
        let half = self.slot / 2;
        let earliest = self.next * self.slot;
        let last = earliest + (self.changes.len() as u64 - 2) * self.slot - 1;
        let place = |wait: u64| (at + self.phase + wait.saturating_sub(half)).clamp(earliest, last);
        let (a, b) = (place(from), place(to));
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

    /// Takes out those due by `to`, in a step from `from` on [ns]. A slot's clients up to
    /// `together` are sent in one step of it, more are spread over the slot.
    pub(super) fn release(
        &mut self,
        (from, to): (u64, u64),
        together: u64,
        stream: &mut Stream,
    ) -> u64 {
        if self.count == 0 {
            self.next = (to + self.phase) / self.slot;
            return 0;
        }
        let mut released = 0;
        let end = to + self.phase;
        while (self.next + 1) * self.slot <= end {
            released += self.sending;
            self.sending = 0;
            let place = (self.next % self.changes.len() as u64) as usize;
            self.due += std::mem::take(&mut self.changes[place]);
            self.next += 1;
            let waiting = self.count - released;
            if waiting == 0 {
                continue;
            }
            // What rounding has left over belongs to nobody.
            let share = if self.mass > 1e-6 { (self.due / self.mass).clamp(0.0, 1.0) } else { 1.0 };
            let drawn = binomial(stream, waiting, share);
            self.mass -= self.due;
            self.sending = drawn;
            // At a time of their own: pools that were cut from one have the same slots.
            let start = self.next * self.slot;
            self.at = if drawn <= together { start + stream.below(self.slot) } else { SPREAD };
        }
        if self.sending > 0 {
            let left = ((self.next + 1) * self.slot).saturating_sub(from + self.phase).max(1);
            let share = (to - from) as f64 / left as f64;
            let drawn = match self.at {
                SPREAD => binomial(stream, self.sending, share),
                at if at < end => self.sending,
                _ => 0,
            };
            self.sending -= drawn;
            released += drawn;
        }
        self.take(released);
        released
    }

    fn take(&mut self, n: u64) {
        if n > 0 {
            let left = 1.0 - n as f64 / self.count as f64;
            self.sums = self.sums.map(|sum| sum * left);
            self.count -= n;
        }
        if self.count == 0 {
            self.changes.fill(0.0);
            (self.due, self.mass, self.sums) = (0.0, 0.0, [0.0; 2]);
        }
    }

    fn scale(&mut self, factor: f64) {
        self.changes.iter_mut().for_each(|change| *change *= factor);
        self.due *= factor;
        self.mass *= factor;
    }

    /// A part of the pool, `n` of its members, taken out of it into a pool of its own.
    pub(super) fn split_off(&mut self, n: u64) -> Pool {
        let n = n.min(self.count);
        let share = n as f64 / self.count.max(1) as f64;
        let mut part = self.clone();
        part.sending = ((self.sending as f64 * share) as u64).min(n);
        // Those who are left here must be as many as are being sent here.
        part.sending = part.sending.max(self.sending.saturating_sub(self.count - n));
        part.count = n;
        part.sums = self.sums.map(|sum| sum * share);
        part.scale(share);
        self.sending -= part.sending;
        self.scale(1.0 - share);
        self.sums = self.sums.map(|sum| sum * (1.0 - share));
        self.count -= n;
        part
    }

    /// Takes in all members of a pool of the same key and slots.
    pub(super) fn absorb(&mut self, other: Pool) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = other;
            return;
        }
        if (self.phase, self.next) == (other.phase, other.next) {
            self.count += other.count;
            self.sums = [0, 1].map(|i| self.sums[i] + other.sums[i]);
            self.sending += other.sending;
            for (mine, theirs) in self.changes.iter_mut().zip(&other.changes) {
                *mine += theirs;
            }
            self.due += other.due;
            self.mass += other.mass;
            return;
        }
        // Slots of another phase: the density is moved over, slot by slot.
        let means = other.means();
        let mut left = other.count;
        let mut due = other.due;
        let mut mass = other.mass.max(1e-9);
        let now = self.next * self.slot - self.phase;
        for slot in other.next..other.next + other.changes.len() as u64 {
            due += other.changes[(slot % other.changes.len() as u64) as usize];
            let n = ((left as f64 * (due / mass).clamp(0.0, 1.0)).round() as u64).min(left);
            mass = (mass - due).max(1e-9);
            if n > 0 {
                let wait = (slot * other.slot).saturating_sub(other.phase + now);
                self.add(n, now, (wait, wait + other.slot), means);
                left -= n;
            }
        }
        if left > 0 {
            self.add(left, now, (0, self.slot), means);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::stream::RootSeed;

    const S: u64 = 1_000_000_000;

    fn key() -> PoolKey {
        PoolKey {
            class: 0,
            signs_in: false,
            attempt: 1,
            bin: 0,
            demanded: true,
            reconnect: true,
            site: SiteId(0),
        }
    }

    /// (released, mean time of the release, spread of the times) [s].
    fn drain(pool: &mut Pool, step: u64, stream: &mut Stream) -> (u64, f64, f64) {
        let (mut n, mut sum, mut squares, mut now) = (0, 0.0, 0.0, 0);
        while pool.count > 0 {
            let released = pool.release((now, now + step), 32, stream);
            now += step;
            let at = (now - step / 2) as f64 / S as f64;
            n += released;
            sum += released as f64 * at;
            squares += released as f64 * at * at;
        }
        let mean = sum / n as f64;
        (n, mean, (squares / n as f64 - mean * mean).sqrt())
    }

    #[test]
    fn a_jittered_wait_is_spread_over_its_range_at_any_step() {
        let mut stream = Stream::named(RootSeed(1), "test");
        for step in [S / 100, S / 10, S] {
            let mut pool = Pool::new(key(), 300 * S, 0, 77);
            pool.add(100_000, 0, (0, 300 * S), [1.0, 0.0]);
            let (n, mean, spread) = drain(&mut pool, step, &mut stream);
            assert_eq!(n, 100_000);
            assert!((mean - 150.0).abs() < 1.5, "{mean}");
            assert!((spread - 86.6).abs() < 0.9, "{spread}");
        }
    }

    #[test]
    fn a_constant_wait_is_over_at_its_end() {
        let mut stream = Stream::named(RootSeed(2), "test");
        let mut pool = Pool::new(key(), S, 0, 5);
        pool.add(1_000, 0, (S, S), [0.0; 2]);
        let (n, mean, spread) = drain(&mut pool, S / 100, &mut stream);
        assert_eq!(n, 1_000);
        assert!((mean - 1.0).abs() < 0.02 && spread < 0.02, "{mean} {spread}");
    }

    #[test]
    fn parts_of_a_pool_are_due_like_the_whole_and_come_together_again() {
        let mut stream = Stream::named(RootSeed(3), "test");
        let mut pool = Pool::new(key(), 60 * S, 0, 9);
        pool.add(50_000, 0, (0, 60 * S), [10.0, -1.0]);
        pool.add(50_000, 0, (30 * S, 60 * S), [20.0, -3.0]);
        let part = pool.split_off(25_000);
        assert_eq!((pool.count, part.count), (75_000, 25_000));
        let [intended_s, alive] = part.means();
        assert!((intended_s - 15.0).abs() < 1e-9 && (alive + 2.0).abs() < 1e-9);
        let mut other = Pool::new(key(), 60 * S, 0, 123_456_789);
        other.absorb(part);
        pool.absorb(other);
        assert_eq!(pool.count, 100_000);
        let (n, mean, _) = drain(&mut pool, S / 2, &mut stream);
        assert_eq!(n, 100_000);
        assert!((mean - 37.5).abs() < 0.6, "{mean}");
    }
}
