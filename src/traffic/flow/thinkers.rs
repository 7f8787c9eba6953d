//! Those who think: a count, and the density of the times at which they demand.
//!
//! **Model.** Everybody is due at a time drawn from the same density, in beats; so who is due in a
//! beat is binomial, with the beat's part of the density that is left (as in
//! [`backoff`](super::backoff), where waits are whole beats and clients know more). A law is some
//! sixty uniform pieces with their conditional means. Nobody is due in the beat in which he begins
//! to think: what that makes late is taken off the thinking of those who begin next.

use crate::kernel::defect::planted;
use crate::kernel::math;
use crate::kernel::sample::{Distribution, binomial};
use crate::kernel::stream::Stream;

/// Shortest mean time of thinking that counts can follow [s]: four of the shortest beats.
pub(super) const LEAST_S: f64 = 0.2;

/// Pieces of a law: so many alike up to its third quartile, from where on each halving of those who
/// still think is divided into so many, down to one in 4,096.
const BODY: u32 = 24;
const HALVINGS: u32 = 10;
const OF_HALVING: u32 = 4;
/// Quantiles averaged in one piece.
const WITHIN: u32 = 64;
/// Beats that are looked ahead at the most (18 h in beats of a second): who thinks longer demands
/// then.
const AHEAD: usize = 1 << 16;

/// A part of a law: even over an interval [beats].
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    share: f64,
    mean: f64,
    width: f64,
}

/// A law of thinking in pieces.
pub(super) fn pieces(law: &Distribution, beat_s: f64) -> Vec<Piece> {
    if let Distribution::Constant { value } = law {
        return vec![Piece { share: 1.0, mean: value / beat_s, width: 0.0 }];
    }
    let body = (0..BODY).map(|piece| f64::from(piece) * 0.75 / f64::from(BODY));
    let left = |piece: u32| math::pow(0.5, 2.0 + f64::from(piece) / f64::from(OF_HALVING));
    let tail = (0..=HALVINGS * OF_HALVING).map(|piece| 1.0 - left(piece));
    let ends: Vec<f64> = body.chain(tail).chain([1.0]).collect();
    let piece = |ends: &[f64]| {
        let at = |part: u32| {
            let place = (f64::from(part) + 0.5) / f64::from(WITHIN);
            law.quantile(ends[0] + place * (ends[1] - ends[0])) / beat_s
        };
        let mean = (0..WITHIN).map(at).sum::<f64>() / f64::from(WITHIN);
        // The outermost of n quantiles are an nth part of the interval apart from its ends.
        let wider = f64::from(WITHIN) / f64::from(WITHIN - 1);
        let width = ((at(WITHIN - 1) - at(0)) * wider).min(2.0 * mean);
        Piece { share: ends[1] - ends[0], mean, width }
    };
    let mut pieces: Vec<Piece> = ends.windows(2).map(piece).collect();
    // The last piece takes what the quantiles have left out of the mean.
    let found: f64 = pieces.iter().map(|piece| piece.share * piece.mean).sum();
    let missing = law.mean() / beat_s - found;
    if let Some(last) = pieces.last_mut().filter(|_| missing.is_finite()) {
        last.mean = (last.mean + missing / last.share).max(0.5 * last.width);
    }
    pieces
}

/// Members of a crowd who think, of those who asked last at one site; all times in beats.
#[derive(Clone, Debug)]
pub(super) struct Thinkers {
    pub count: u64,
    /// Those of them whose last demand has ended since the last beat began.
    begun: u64,
    /// The next beat to be drawn.
    next: u64,
    /// Change of those due from beat to beat, around the ring.
    changes: Vec<f64>,
    /// Those due in the beat before `next`, and from it on.
    due: f64,
    mass: f64,
    /// By how much beats have made their demands late so far, over all of them.
    late: f64,
}

impl Thinkers {
    /// Nobody yet.
    pub(super) fn new(pieces: &[Piece]) -> Thinkers {
        let longest = pieces.iter().map(|piece| piece.mean + piece.width).fold(0.0, f64::max);
        let ring = (longest as usize).saturating_add(4).min(AHEAD);
        let changes = vec![0.0; ring];
        Thinkers { count: 0, begun: 0, next: 0, changes, due: 0.0, mass: 0.0, late: 0.0 }
    }

    /// Members whose demand has ended in the beat that is over, or would have come in this one.
    pub(super) fn take_in(&mut self, n: u64) {
        self.count += n;
        self.begun += n;
    }

    /// Those whose last demand has ended in the beat before `next` begin to think.
    pub(super) fn begin(&mut self, pieces: &[Piece]) {
        let n = std::mem::take(&mut self.begun);
        if n > 0 {
            self.add(n, (self.next as f64 - 0.5, 1.0), pieces);
        }
    }

    /// Members begin to think, evenly over `over` around `at`.
    pub(super) fn add(&mut self, n: u64, (at, over): (f64, f64), pieces: &[Piece]) {
        let n = n as f64;
        self.mass += n;
        let mean = pieces.iter().map(|piece| piece.share * piece.mean).sum::<f64>();
        let earlier = (self.late / n).clamp(-mean, mean);
        let earlier = if planted("flow-thought-rounded-up") { 0.0 } else { earlier };
        self.late -= n * earlier;
        for piece in pieces {
            let mean = at + piece.mean - earlier;
            let n = n * piece.share;
            let half = 0.5 * math::sqrt(piece.width * piece.width + over * over);
            self.late += n * (self.spread(n, mean - half, mean + half) - mean);
        }
    }

    /// Puts demands that are due evenly between two times to beats; their mean time there.
    fn spread(&mut self, n: f64, from: f64, to: f64) -> f64 {
        let earliest = self.next as f64;
        let latest = earliest + self.changes.len() as f64 - 2.0;
        let past = if from < earliest { ((earliest - from) / (to - from)).min(1.0) } else { 0.0 };
        self.change(self.next, n * past);
        self.change(self.next + 1, -n * past);
        let mean_past = past * (earliest + 0.5);
        let within = |time: f64| time.clamp(earliest, latest);
        let (a, b) = (within(from), within(to));
        let n = n * (1.0 - past);
        let (first, last) = (a as u64, b as u64);
        if first == last {
            self.change(first, n);
            self.change(first + 1, -n);
            return mean_past + (1.0 - past) * (first as f64 + 0.5);
        }
        let whole = 1.0 / (b - a);
        let head = ((first + 1) as f64 - a) * whole;
        let tail = (b - last as f64) * whole;
        self.change(first, n * head);
        self.change(first + 1, n * (whole - head));
        self.change(last, n * (tail - whole));
        self.change(last + 1, -n * tail);
        let (first, last) = (first as f64, last as f64);
        let inner = (1.0 - head - tail) * 0.5 * (first + 1.0 + last);
        mean_past + (1.0 - past) * (head * (first + 0.5) + inner + tail * (last + 0.5))
    }

    fn change(&mut self, beat: u64, by: f64) {
        let place = (beat % self.changes.len() as u64) as usize;
        self.changes[place] += by;
    }

    /// Takes out those who demand in the next beat.
    pub(super) fn release(&mut self, draws: &mut Stream) -> u64 {
        let place = (self.next % self.changes.len() as u64) as usize;
        self.due += std::mem::take(&mut self.changes[place]);
        self.next += 1;
        // What rounding has left over belongs to nobody.
        let share = if self.mass > 1e-6 { (self.due / self.mass).clamp(0.0, 1.0) } else { 1.0 };
        let thinking = self.count - self.begun;
        let n = binomial(draws, thinking, share);
        self.mass -= self.due;
        self.count -= n;
        if n > 0 && n == thinking {
            self.changes.fill(0.0);
            (self.due, self.mass) = (0.0, 0.0);
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::stream::RootSeed;

    fn law_of(mean_s: f64) -> [Distribution; 4] {
        use crate::kernel::sample::{DistributionKind, Moment};
        let fit = |kind, median: f64| {
            let moments = [Moment::Mean(mean_s), Moment::Median(median * mean_s)];
            Distribution::fit(kind, &moments).expect("a law with these moments")
        };
        [
            Distribution::Constant { value: mean_s },
            Distribution::Exponential { mean: mean_s },
            fit(DistributionKind::Lognormal, 0.5),
            fit(DistributionKind::Gamma, 0.95),
        ]
    }

    #[test]
    fn the_pieces_have_the_mean_and_the_quantiles_of_the_law() {
        for law in law_of(37.0) {
            let pieces = pieces(&law, 1.0);
            let share: f64 = pieces.iter().map(|piece| piece.share).sum();
            let mean: f64 = pieces.iter().map(|piece| piece.share * piece.mean).sum();
            assert!((share - 1.0).abs() < 1e-12 && (mean - 37.0).abs() < 1e-9, "{law:?} {mean}");
            for at_s in [5.0, 20.0, 36.0, 60.0, 150.0] {
                let below = |piece: &Piece| {
                    let from = piece.mean - 0.5 * piece.width;
                    piece.share * ((at_s - from) / piece.width.max(1e-9)).clamp(0.0, 1.0)
                };
                let found: f64 = pieces.iter().map(below).sum();
                assert!((found - law.cdf(at_s)).abs() < 2e-3, "{law:?} {at_s} {found}");
            }
        }
    }

    /// Whoever demands is answered within the beat: a circle lasts as long as its thought.
    #[test]
    fn circles_of_thoughts_alone_last_as_long_as_these() {
        let mut draws = Stream::named(RootSeed(1), "test");
        for beats in [4.0, 5.5, 30.0] {
            for law in law_of(beats) {
                let pieces = pieces(&law, 1.0);
                let mut thinkers = Thinkers::new(&pieces);
                thinkers.count = 100_000;
                thinkers.add(100_000, (0.0, 0.0), &pieces);
                let circles = 400.0;
                let mut demands = 0;
                let warm = (50.0 * beats) as u64;
                for beat in 0..warm + (circles * beats) as u64 {
                    thinkers.begin(&pieces);
                    let n = thinkers.release(&mut draws);
                    thinkers.take_in(n);
                    demands += if beat >= warm { n } else { 0 };
                }
                let found = demands as f64 / 100_000.0;
                // A wave more or less, of those of a constant time.
                assert!((found / circles - 1.0).abs() < 2.5e-3, "{beats} {law:?}: {found}");
                assert_eq!(thinkers.count, 100_000);
            }
        }
    }

    #[test]
    fn one_member_thinks_by_the_law_too() {
        let mut draws = Stream::named(RootSeed(2), "test");
        let law = Distribution::Exponential { mean: 10.0 };
        let pieces = pieces(&law, 1.0);
        let mut thinkers = Thinkers::new(&pieces);
        thinkers.count = 1;
        thinkers.add(1, (0.0, 0.0), &pieces);
        let mut demands = 0;
        for _ in 0..400_000 {
            thinkers.begin(&pieces);
            let n = thinkers.release(&mut draws);
            thinkers.take_in(n);
            demands += n;
        }
        // Three standard deviations of 40,000 are 1.5 %.
        assert!((demands as f64 / 40_000.0 - 1.0).abs() < 0.015, "{demands}");
    }
}
