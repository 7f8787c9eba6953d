//! Laws of service times in equal strata: who leaves a slot within a step, exactly in the mean.
//!
//! **Which question.** Of requests that were started evenly over an interval and are still in their
//! slots, how many leave within this step? **Model.** A law is 4,096 equally likely times, each the
//! conditional mean of its stratum. With the excess E(a) = E\[(X - a)+\], the share of starts in an
//! interval of width w that is still there at ages a to a + w is (E(a) - E(a + w)) / w: an
//! integral, so Little's law holds for every length of step. **Leaves out.** Nothing above a
//! stratum's mean: of the last one (1 in 4,096) only the mean is kept.

use crate::kernel::math;
use crate::kernel::sample::Distribution;

/// Number of strata.
const STRATA: usize = 4_096;
/// Quantiles averaged in one stratum, and in the last one.
const WITHIN: (usize, usize) = (8, 4_096);
/// Bits of a time's mantissa that tell its bin.
const GUIDE_BITS: u64 = 6;
/// Samples of a sum.
const SUM: usize = 65_536;

/// A law of times [s].
#[derive(Clone, Debug)]
pub(super) struct Law {
    /// Conditional means of the strata, ascending [s].
    points: Vec<f64>,
    /// Sums of the points from each on [s].
    beyond: Vec<f64>,
    /// Where to look for a time: points up to the lower end of each of its bins, which are a
    /// [`GUIDE_BITS`]th part of an octave wide; the first bin is that of the first point.
    guide: Vec<u16>,
    first_bin: u64,
}

impl Law {
    /// The law of a distribution, times `factor`.
    pub(super) fn new(distribution: &Distribution, factor: f64) -> Law {
        let stratum = |index: usize| {
            let within = if index + 1 == STRATA { WITHIN.1 } else { WITHIN.0 };
            let at = |part: usize| {
                let place = index as f64 + (part as f64 + 0.5) / within as f64;
                distribution.quantile(place / STRATA as f64)
            };
            (0..within).map(at).sum::<f64>() / within as f64
        };
        let mut points: Vec<f64> = match distribution {
            Distribution::Constant { value } => vec![*value; STRATA],
            _ => (0..STRATA).map(stratum).collect(),
        };
        // The last stratum takes what the quantiles have left out of the mean.
        let missing = distribution.mean() * STRATA as f64 - points.iter().sum::<f64>();
        if missing.is_finite() {
            let least = points[STRATA - 2];
            points[STRATA - 1] = (points[STRATA - 1] + missing).max(least);
        }
        points.iter_mut().for_each(|point| *point *= factor);
        Law::of(points)
    }

    fn of(points: Vec<f64>) -> Law {
        let mut beyond = vec![0.0; STRATA + 1];
        for index in (0..STRATA).rev() {
            beyond[index] = beyond[index + 1] + points[index];
        }
        let first_bin = bin_of(points[0]);
        let bins = bin_of(points[STRATA - 1]) - first_bin + 2;
        let lower_end = |bin: u64| f64::from_bits((first_bin + bin) << (52 - GUIDE_BITS));
        let below = |bin: u64| points.partition_point(|&point| point <= lower_end(bin)) as u16;
        let guide = (0..bins).map(below).collect();
        Law { points, beyond, guide, first_bin }
    }

    /// Number of points up to `x`.
    #[inline]
    fn up_to(&self, x: f64) -> usize {
        if x < self.points[0] {
            return 0;
        }
        let bin = (bin_of(x) - self.first_bin) as usize;
        if bin + 1 >= self.guide.len() {
            return STRATA;
        }
        let (from, to) = (self.guide[bin] as usize, self.guide[bin + 1] as usize);
        from + self.points[from..to].partition_point(|&point| point <= x)
    }

    /// The law of calls that last `factor` times as long, are given up after `timeout_s`, and made
    /// again (never in vain twice) after `again_s`; without that, of those not given up.
    pub(super) fn of_calls(&self, factor: f64, timeout_s: f64, again_s: Option<f64>) -> Law {
        let mut points: Vec<f64> = self.points.iter().map(|point| factor * point).collect();
        let in_time = points.partition_point(|&point| point <= timeout_s);
        let given_up = STRATA - in_time;
        if in_time > 0 {
            let lost_s = again_s.map_or(0.0, |again_s| timeout_s + again_s);
            for number in 0..given_up {
                // Evenly over those in time.
                let place = (2 * number + 1) * in_time / (2 * given_up);
                points[in_time + number] = lost_s + points[place];
            }
            points.sort_unstable_by(f64::total_cmp);
        }
        Law::of(points)
    }

    /// The law of times of several kinds: (law, what is added to it [s], weight).
    pub(super) fn mixture(kinds: &[(Law, f64, f64)]) -> Law {
        let whole: f64 = kinds.iter().map(|kind| kind.2).sum();
        let of_kind = |(law, more_s, weight): &(Law, f64, f64)| {
            let (more_s, weight) = (*more_s, weight / whole);
            law.points.iter().map(move |point| (point + more_s, weight)).collect::<Vec<_>>()
        };
        let mut all: Vec<(f64, f64)> = kinds.iter().flat_map(of_kind).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        // Each stratum takes what comes next until it is full.
        let mut points = Vec::with_capacity(STRATA);
        let (mut sum, mut filled) = (0.0, 0.0);
        for (point, mut weight) in all {
            while weight > 0.0 {
                let more = weight.min(1.0 - filled);
                (sum, filled, weight) = (sum + more * point, filled + more, weight - more);
                if filled > 1.0 - 1e-9 {
                    points.push(sum / filled);
                    (sum, filled) = (0.0, 0.0);
                }
            }
        }
        if filled > 0.0 {
            points.push(sum / filled);
        }
        points.resize(STRATA, points[points.len() - 1]);
        Law::of(points)
    }

    /// The law of a sum of independent times, each taken `factor` times and with its probability.
    ///
    /// # Source
    /// An additive recurrence of low discrepancy, of which every part (and every chance) takes a
    /// coordinate of its own: alpha_k = phi^-k with phi^(d + 1) = phi + 1 (M. Roberts, "The
    /// unreasonable effectiveness of quasirandom sequences", 2018).
    pub(super) fn sum(parts: &[(&Law, f64, f64)]) -> Law {
        let chances = parts.iter().filter(|part| part.2 < 1.0).count();
        let alpha = 1.0 / generalised_golden_ratio(parts.len() + chances);
        let mut sums = vec![0.0; SUM];
        let mut step = 1.0;
        for &(law, factor, probability) in parts {
            step *= alpha;
            let of_time = step;
            if probability < 1.0 {
                step *= alpha;
            }
            for (number, sum) in sums.iter_mut().enumerate() {
                let place = |step: f64| (0.5 + (number + 1) as f64 * step).fract();
                if probability >= 1.0 || place(step) < probability {
                    *sum += factor * law.points[(place(of_time) * STRATA as f64) as usize];
                }
            }
        }
        sums.sort_unstable_by(f64::total_cmp);
        // The mean is known exactly.
        let expected =
            |&(law, factor, probability): &(&Law, f64, f64)| probability * factor * law.mean();
        let (known, found): (f64, f64) = (parts.iter().map(expected).sum(), sums.iter().sum());
        let exactly = if found > 0.0 { known * SUM as f64 / found } else { 1.0 };
        let per_point = SUM / STRATA;
        let mean = |part: &[f64]| exactly * part.iter().sum::<f64>() / per_point as f64;
        Law::of(sums.chunks(per_point).map(mean).collect())
    }

    /// Mean [s].
    pub(super) fn mean(&self) -> f64 {
        self.beyond[0] / STRATA as f64
    }

    /// E\[(X - age)+\] [s].
    #[inline]
    fn excess(&self, age: f64) -> f64 {
        let first = self.up_to(age);
        (self.beyond[first] - (STRATA - first) as f64 * age) / STRATA as f64
    }

    /// Share of starts, each weighted by its interval [s], that is there at ages `from` to `to`,
    /// where times are `factor` times the law's.
    #[inline]
    pub(super) fn there(&self, from: f64, to: f64, factor: f64) -> f64 {
        (self.excess(from / factor) - self.excess(to / factor)) * factor
    }

    /// Share of times up to `x` [s], linear between the points.
    pub(super) fn cdf(&self, x: f64) -> f64 {
        let above = self.up_to(x);
        if above == 0 {
            // Below the first stratum's mean: half of it at the most.
            return if x > 0.0 { 0.5 / STRATA as f64 * (x / self.points[0]).min(1.0) } else { 0.0 };
        }
        if above == STRATA {
            return 1.0;
        }
        let (lower, upper) = (self.points[above - 1], self.points[above]);
        (above as f64 - 0.5 + (x - lower) / (upper - lower)) / STRATA as f64
    }

    /// The law in some 180 parts, finer in the tail: (upper end of the cumulative share, mean of
    /// the part [s]).
    pub(super) fn spread(&self) -> Vec<(f64, f64)> {
        // (up to this share, points a part): 1 % in the body, single points above 99 %.
        const PARTS: [(f64, usize); 3] = [(0.9, 40), (0.99, 8), (1.0, 1)];
        let mut spread = Vec::new();
        let mut from = 0;
        for (up_to, each) in PARTS {
            while (from as f64) < up_to * STRATA as f64 {
                let to = (from + each).min(STRATA);
                let mean = (self.beyond[from] - self.beyond[to]) / (to - from) as f64;
                spread.push((to as f64 / STRATA as f64, mean));
                from = to;
            }
        }
        spread
    }
}

/// The bin of a time: times that are not negative are ordered like their bits.
#[inline]
fn bin_of(x: f64) -> u64 {
    x.to_bits() >> (52 - GUIDE_BITS)
}

/// The root above 1 of x^(d + 1) = x + 1, by iteration.
fn generalised_golden_ratio(dimensions: usize) -> f64 {
    let exponent = 1.0 / (dimensions as f64 + 1.0);
    (0..64).fold(1.5, |x, _| math::pow(x + 1.0, exponent))
}

/// Rounded share of `whole` for parts of these cumulative ends: each part gets its share rounded up
/// or down, as one number `luck` in 0..1 decides (systematic sampling; Madow 1949).
#[inline]
pub(super) fn part_of(whole: u64, below: f64, up_to: f64, luck: f64) -> u64 {
    let whole = whole as f64;
    let count = |share: f64| (whole * share + luck) as u64;
    count(up_to) - count(below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sample::{DistributionKind, Moment};

    fn exponential(mean: f64) -> Law {
        Law::new(&Distribution::Exponential { mean }, 1.0)
    }

    #[test]
    fn shares_that_stay_agree_with_the_exponential_law() {
        let law = exponential(0.25);
        assert!((law.mean() - 0.25).abs() < 1e-9);
        for (from, to) in [(0.0, 0.1), (0.1, 0.2), (0.5, 1.5), (0.0, 3.0)] {
            let closed = 0.25 * (math::exp(-from / 0.25) - math::exp(-to / 0.25));
            let found = law.there(from, to, 1.0);
            assert!((found / closed - 1.0).abs() < 0.002, "{from} to {to}: {found}, {closed}");
        }
        let twice = law.there(0.2, 0.4, 2.0);
        assert!((twice - 2.0 * law.there(0.1, 0.2, 1.0)).abs() < 1e-12);
    }

    #[test]
    fn the_sum_of_two_exponentials_is_a_gamma_law() {
        let part = exponential(0.1);
        let sum = Law::sum(&[(&part, 1.0, 1.0), (&part, 1.0, 1.0)]);
        let gamma = Distribution::Gamma { shape: 2.0, scale: 0.1 };
        assert!((sum.mean() - 0.2).abs() < 1e-9);
        for q in [0.1, 0.5, 0.9, 0.99, 0.999] {
            let at = gamma.quantile(q);
            assert!((sum.cdf(at) - q).abs() < 0.004_f64.min((1.0 - q) * 0.3), "{q}");
        }
        // A lognormal of median 0.32 and p99 1.2 with three exponentials of mean 0.25: quantiles of
        // 1,500,000 samples (Python's `random`), which are sure to 0.3 %.
        let lognormal = Distribution::fit(
            DistributionKind::Lognormal,
            &[Moment::Median(0.32), Moment::Quantile { p: 0.99, value: 1.2 }],
        );
        let first = Law::new(&lognormal.expect("two moments"), 1.0);
        let then = exponential(0.25);
        let one = |law| (law, 1.0, 1.0);
        let four = Law::sum(&[one(&first), one(&then), one(&then), one(&then)]);
        for (q, expected) in [(0.5, 1.0464), (0.9, 1.7814), (0.99, 2.6162), (0.999, 3.3701)] {
            let found = four.points[(q * STRATA as f64) as usize];
            // A point is the mean of its stratum, which ends at up to 1/4,096 above q.
            let within = if q < 0.999 { 0.01 } else { 0.02 };
            assert!((found / expected - 1.0).abs() < within, "p{q}: {found} for {expected}");
        }
        // An exponential of mean 1, given up after 3: 1 - 4 e^-3 of it in time, whose mean is what
        // is left of it over their share; a part e^-3 begins again half a second later.
        let late = math::exp(-3.0);
        let mean_in_time = (1.0 - 4.0 * late) / (1.0 - late);
        let whole = exponential(1.0);
        let again = whole.of_calls(1.0, 3.0, Some(0.5)).mean();
        assert!((again - (mean_in_time + 3.5 * late)).abs() < 2e-3, "{again}");
        let never = whole.of_calls(1.0, 3.0, None).mean();
        assert!((never - mean_in_time).abs() < 2e-3, "{never}");
        let rarely = Law::sum(&[(&part, 1.0, 1.0), (&part, 2.0, 0.25)]);
        assert!((rarely.mean() - 0.15).abs() < 0.002, "{}", rarely.mean());
    }

    #[test]
    fn the_spread_has_the_mean_and_the_tail_of_the_law() {
        let law = exponential(1.0);
        let mut below = 0.0;
        let mut mean = 0.0;
        for (up_to, value) in law.spread() {
            mean += (up_to - below) * value;
            below = up_to;
        }
        assert!((mean - 1.0).abs() < 1e-9 && below == 1.0);
        let parts: u64 =
            (0..10).map(|i| part_of(37, i as f64 / 10.0, (i + 1) as f64 / 10.0, 0.3)).sum();
        assert_eq!(parts, 37);
    }
}
