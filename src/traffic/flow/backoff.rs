//! Those who wait before their next attempt: a count, and the density of the times they are due.
//!
//! **Model.** Everybody in a pool is due at a time drawn from the same mixture of uniform laws; so
//! who is due within a slot is binomial, with the slot's part of the mass that is left. Adding n
//! clients that wait between a and b costs a few additions, whatever n and the span, as the
//! density is kept by its differences. Slots are whole beats (see [`people`](super::people)).
//! **Leaves out.** Within a slot (1/512 of the longest wait, where that is over a beat) due times
//! are spread evenly.

use crate::kernel::defect::planted;
use crate::kernel::math;
use crate::kernel::sample::{binomial, hypergeometric};
use crate::kernel::stream::Stream;
use crate::scenario::model::SiteId;

/// Slots in the longest wait, at the most.
const SLOTS: u64 = 512;
/// Pools that are looked at from the one on that somebody was put to last.
const LOOK_AT: usize = 4;

/// What the members of a pool have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolKey {
    pub class: u16,
    /// Attempts made; no longer counted once the backoff has settled.
    pub attempt: u16,
    /// How old they are, or when they were begun (see `outcome.rs`).
    pub bin: u32,
    /// Which of `cohort::SIGN_INS` they are, or would be.
    pub kind: u8,
    /// Refused last: their connection is open still. Of sign-ins every one opens one, and it is
    /// asked only where those refused come back together.
    pub refused: bool,
    /// Where they have their session, or lie, or went last; of sign-ins, where their name sends
    /// them now.
    pub site: SiteId,
}

/// What is known of those who have failed, or are due: a sum over them, or the change of one.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// Their number, as expected.
    n: f64,
    /// Intended starts since the pool's epoch [s], and their squares [s^2].
    intended: f64,
    squares: f64,
    /// [`Knowledge::alive`] and [`Knowledge::crush`].
    alive: f64,
    crush: f64,
}

impl Sums {
    fn add(&mut self, other: &Sums, times: f64) {
        self.n += times * other.n;
        self.intended += times * other.intended;
        self.squares += times * other.squares;
        self.alive += times * other.alive;
        self.crush += times * other.crush;
    }

    /// These times a factor.
    fn part(&self, p: f64) -> Sums {
        let mut part = Sums::default();
        part.add(self, p);
        part
    }

    /// The same with intended starts counted from a time earlier by `by_s`.
    fn since_before(&self, by_s: f64) -> Sums {
        let squares = self.squares + by_s * (2.0 * self.intended + by_s * self.n);
        Sums { intended: self.intended + by_s * self.n, squares, ..*self }
    }
}

/// What clients know of their operation, in the mean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Knowledge {
    /// Intended start, its standard deviation, and what none is before [s].
    pub intended_s: f64,
    pub spread_s: f64,
    pub earliest_s: f64,
    /// Logarithm of what was left of their crowd's first sessions at the site of their last attempt
    /// when that was sent.
    pub alive: f64,
    /// Share of the time of the bursts in which full queues refused them, if they come again with
    /// whom these refused with them (see `clumps.rs`); else 0.
    pub crush: f64,
}

impl Knowledge {
    /// Intended start of the first, where they are even over an interval of this mean and spread
    /// [s].
    pub(super) fn first_s(&self) -> f64 {
        (self.intended_s - math::sqrt(3.0) * self.spread_s).max(self.earliest_s)
    }

    /// Of these clients and others, who are a part of them all.
    pub(super) fn joined(&self, other: &Knowledge, part: f64) -> Knowledge {
        let mean = |a: f64, b: f64| a + part * (b - a);
        let apart = other.intended_s - self.intended_s;
        let squares = |of: &Knowledge| of.spread_s * of.spread_s;
        let within = mean(squares(self), squares(other));
        Knowledge {
            intended_s: mean(self.intended_s, other.intended_s),
            spread_s: math::sqrt(within + part * (1.0 - part) * apart * apart),
            earliest_s: self.earliest_s.min(other.earliest_s),
            alive: mean(self.alive, other.alive),
            crush: mean(self.crush, other.crush),
        }
    }
}

/// A pool of clients that back off.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    pub key: PoolKey,
    /// Members, those of the slot that is being sent included.
    pub count: u64,
    /// Of the members, those to be sent within the present slot.
    sending: u64,
    /// [ns]; a whole number of beats.
    slot: u64,
    /// Number of the next slot to be drawn.
    next: u64,
    /// What intended starts are counted from, and the earliest since the pool was empty [s].
    epoch_s: f64,
    earliest_s: f64,
    /// Change of those due from slot to slot, around the ring.
    changes: Vec<Sums>,
    /// Those due in the slot before `next`.
    due: Sums,
    /// Those due from `next` on.
    mass: Sums,
}

/// The pool of this key among pools in order of their keys; a new one where there is none. Most
/// are asked for in that order: `near` is where the last one was.
pub(super) fn pool_of<'a>(
    pools: &'a mut Vec<Pool>,
    near: &mut usize,
    key: PoolKey,
    new: impl FnOnce() -> Pool,
) -> &'a mut Pool {
    let is_at = |&place: &usize| pools.get(place).is_some_and(|pool| pool.key == key);
    let place = (*near..*near + LOOK_AT).find(is_at);
    *near = place.unwrap_or_else(|| {
        pools.binary_search_by_key(&key, |pool| pool.key).unwrap_or_else(|place| {
            pools.insert(place, new());
            place
        })
    });
    &mut pools[*near]
}

impl Pool {
    /// An empty pool at `now`, whose longest wait is `longest` [ns].
    pub(super) fn new(key: PoolKey, longest: u64, now: u64, beat: u64) -> Pool {
        let slot = beat * longest.div_ceil(beat * SLOTS).max(1);
        Pool {
            key,
            count: 0,
            sending: 0,
            slot,
            next: now.div_ceil(slot),
            epoch_s: now as f64 / 1e9,
            earliest_s: f64::INFINITY,
            changes: vec![Sums::default(); (longest / slot) as usize + 5],
            due: Sums::default(),
            mass: Sums::default(),
        }
    }

    /// What those know who will be due.
    pub(super) fn waiting(&self) -> Knowledge {
        self.knowledge(&self.mass)
    }

    fn knowledge(&self, of: &Sums) -> Knowledge {
        // What rounding has left over knows nothing of its own.
        let of = if of.n > 1e-6 { of } else { &self.mass };
        if of.n <= 1e-6 {
            let intended_s = self.epoch_s;
            return Knowledge { intended_s, earliest_s: intended_s, ..Knowledge::default() };
        }
        let mean = of.intended / of.n;
        let spread_s = math::sqrt((of.squares / of.n - mean * mean).max(0.0));
        let (intended_s, earliest_s) = (self.epoch_s + mean, self.earliest_s);
        // Rounding leaves next to nothing where there was nothing.
        let crush = if of.crush > 1e-6 * of.n { of.crush / of.n } else { 0.0 };
        Knowledge { intended_s, spread_s, earliest_s, alive: of.alive / of.n, crush }
    }

    /// Place of a slot in the ring.
    fn place(&self, slot: u64) -> usize {
        (slot % self.changes.len() as u64) as usize
    }

    /// Takes `n` clients in that have failed evenly over `over` around `at`, and wait evenly
    /// between `from` and `to` [ns]: due over the interval with the mean and the variance of that
    /// sum.
    pub(super) fn add(
        &mut self,
        n: u64,
        (at, over): (u64, u64),
        (from, to): (u64, u64),
        know: Knowledge,
    ) {
        if self.count == 0 {
            (self.epoch_s, self.earliest_s) = (know.intended_s, know.earliest_s);
        }
        self.earliest_s = self.earliest_s.min(know.earliest_s);
        self.count += n;
        let earliest = self.next * self.slot;
        let last = earliest + (self.changes.len() as u64 - 2) * self.slot - 1;
        let mean = at + u64::midpoint(from, to);
        let squares = ((to - from) as f64).powi(2) + (over as f64).powi(2);
        let half = (0.5 * math::sqrt(squares)) as u64;
        let within = |time: u64| time.clamp(earliest, last);
        let (a, b) = (within(mean.saturating_sub(half)), within(mean + half.max(1) - 1));
        let (first, last) = (a / self.slot, b / self.slot);
        let n = n as f64;
        let intended = know.intended_s - self.epoch_s;
        let squares = n * (intended * intended + know.spread_s * know.spread_s);
        let (alive, crush) = (n * know.alive, n * know.crush);
        let all = Sums { n, intended: n * intended, squares, alive, crush };
        self.mass.add(&all, 1.0);
        let place = self.place(first);
        let mut change = |after: u64, times: f64| {
            let beyond = place + after as usize;
            let place = beyond.checked_sub(self.changes.len()).unwrap_or(beyond);
            self.changes[place].add(&all, times);
        };
        if first == last {
            change(0, 1.0);
            change(1, -1.0);
            return;
        }
        let span = (b - a) as f64;
        let whole = self.slot as f64 / span;
        let head = ((first + 1) * self.slot - a) as f64 / span;
        let tail = (b - last * self.slot) as f64 / span;
        change(0, head);
        change(1, whole - head);
        change(last - first, tail - whole);
        change(last - first + 1, -tail);
    }

    /// Takes `n` members out, drawn without regard to when they are due.
    pub(super) fn part(&mut self, n: u64, stream: &mut Stream) -> Pool {
        let p = n as f64 / self.count.max(1) as f64;
        let sending = hypergeometric(stream, self.sending, self.count - self.sending, n);
        let part = Pool {
            count: n,
            sending,
            changes: self.changes.iter().map(|change| change.part(p)).collect(),
            due: self.due.part(p),
            mass: self.mass.part(p),
            ..*self
        };
        self.count -= n;
        self.sending -= sending;
        self.changes.iter_mut().for_each(|change| *change = change.part(1.0 - p));
        (self.due, self.mass) = (self.due.part(1.0 - p), self.mass.part(1.0 - p));
        part
    }

    /// Takes in a pool of the same class and attempt.
    pub(super) fn absorb(&mut self, from: &Pool) {
        let form = |pool: &Pool| (pool.slot, pool.next, pool.changes.len());
        debug_assert_eq!(form(self), form(from), "pools on different slots");
        let by_s = from.epoch_s - self.epoch_s;
        for (mine, theirs) in self.changes.iter_mut().zip(&from.changes) {
            mine.add(&theirs.since_before(by_s), 1.0);
        }
        self.due.add(&from.due.since_before(by_s), 1.0);
        self.mass.add(&from.mass.since_before(by_s), 1.0);
        self.earliest_s = self.earliest_s.min(from.earliest_s);
        self.count += from.count;
        self.sending += from.sending;
    }

    /// Takes out those due in the beat from `from` to `to` [ns]; how many, and what they know.
    pub(super) fn release(
        &mut self,
        (from, to): (u64, u64),
        stream: &mut Stream,
    ) -> (u64, Knowledge) {
        let mut released = 0;
        while self.next * self.slot < to {
            released += std::mem::take(&mut self.sending);
            let place = self.place(self.next);
            let change = std::mem::take(&mut self.changes[place]);
            self.due.add(&change, 1.0);
            self.next += 1;
            let waiting = self.count - released;
            if waiting == 0 {
                continue;
            }
            // What rounding has left over belongs to nobody.
            let share =
                if self.mass.n > 1e-6 { (self.due.n / self.mass.n).clamp(0.0, 1.0) } else { 1.0 };
            self.sending = binomial(stream, waiting, share);
            let due = self.due;
            self.mass.add(&due, -1.0);
        }
        let know = if planted("flow-mean-birth-time") {
            Knowledge { spread_s: 0.0, ..self.waiting() }
        } else {
            self.knowledge(&self.due)
        };
        if self.sending > 0 {
            let left = (self.next * self.slot).saturating_sub(from).max(1);
            let share = (to - from) as f64 / left as f64;
            let drawn = binomial(stream, self.sending, share);
            self.sending -= drawn;
            released += drawn;
        }
        self.count -= released;
        if self.count == 0 {
            self.changes.fill(Sums::default());
            (self.due, self.mass) = (Sums::default(), Sums::default());
        }
        (released, know)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::stream::RootSeed;

    const S: u64 = 1_000_000_000;

    fn key() -> PoolKey {
        PoolKey { class: 0, attempt: 1, bin: 0, kind: 1, refused: false, site: SiteId(0) }
    }

    /// (released, mean time of the release, spread of the times) [s].
    fn drain(pool: &mut Pool, beat: u64, stream: &mut Stream) -> (u64, f64, f64) {
        let (mut n, mut sum, mut squares, mut now) = (0, 0.0, 0.0, 0);
        while pool.count > 0 {
            let (released, _) = pool.release((now, now + beat), stream);
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
            pool.add(100_000, (0, 0), (0, 300 * S), Knowledge::default());
            let (n, mean, spread) = drain(&mut pool, beat, &mut stream);
            assert_eq!(n, 100_000);
            assert!((mean - 150.0).abs() < 1.5, "{mean}");
            assert!((spread - 86.6).abs() < 0.9, "{spread}");
        }
    }

    #[test]
    fn a_part_of_a_pool_is_due_as_the_whole_was() {
        let mut stream = Stream::named(RootSeed(3), "test");
        let know =
            |intended_s| Knowledge { intended_s, earliest_s: intended_s, ..Knowledge::default() };
        let mut pool = Pool::new(key(), 300 * S, 0, S);
        pool.add(100_000, (0, S), (0, 300 * S), know(0.0));
        let mut other = Pool::new(key(), 300 * S, 0, S);
        other.add(50_000, (0, S), (0, 300 * S), know(60.0));
        for beat in 0..150 {
            pool.release((beat * S, (beat + 1) * S), &mut stream);
            other.release((beat * S, (beat + 1) * S), &mut stream);
        }
        // Whoever is left of a wait of up to 300 s after 150 s is due within the next 150 s.
        let part = pool.part(pool.count / 2, &mut stream);
        other.absorb(&part);
        assert!(other.count.abs_diff(50_000) < 1_000, "{}", other.count);
        let (mut n, mut sum, mut intended) = (0, 0.0, 0.0);
        for beat in 150..301 {
            let (released, know) = other.release((beat * S, (beat + 1) * S), &mut stream);
            n += released;
            sum += released as f64 * (beat as f64 + 0.5);
            intended += released as f64 * know.intended_s;
        }
        assert_eq!(other.count, 0);
        let (mean, intended) = (sum / n as f64, intended / n as f64);
        assert!((mean - 225.0).abs() < 1.0, "{mean}");
        assert!((intended - 30.0).abs() < 1.0, "{intended}");
    }

    #[test]
    fn a_constant_wait_is_over_within_its_beat() {
        let mut stream = Stream::named(RootSeed(2), "test");
        let mut pool = Pool::new(key(), S, 0, S / 20);
        pool.add(1_000, (0, 0), (S, S), Knowledge::default());
        let (n, mean, spread) = drain(&mut pool, S / 20, &mut stream);
        assert_eq!(n, 1_000);
        assert!((mean - 1.025).abs() < 1e-9 && spread < 1e-6, "{mean} {spread}");
    }
}
