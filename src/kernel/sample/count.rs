//! Samplers of counts: exact in law where counts are small, and within 0.02 % of it elsewhere.

#[cfg(test)]
mod tests;

use std::f64::consts::PI;

use crate::kernel::math;
use crate::kernel::sample::ziggurat;
use crate::kernel::stream::{Luck, Stream};

/// Mean (or variance, of a hypergeometric variable) from which a count is drawn by its cumulants.
const BY_CUMULANTS_FROM: f64 = 10.0;
/// Draws without replacement up to this many have their probabilities as products.
const FEW: u64 = 16;

/// Poisson variable of this mean; zero for a mean that is not positive.
///
/// By inversion below a mean of 10, from there on by its cumulants, as [`binomial`].
pub fn poisson(stream: &mut Stream, mean: f64) -> u64 {
    if mean.is_nan() || mean <= 0.0 {
        return 0;
    }
    if mean < BY_CUMULANTS_FROM {
        return poisson_by_inversion(stream, mean);
    }
    by_cumulants(stream, mean, mean, mean, mean)
}

/// Binomial variable: how many of `n` independent events of probability `p` happen.
///
/// By inversion where the rarer outcome has a mean below 10. From there on a normal variable is
/// bent until mean, variance, skewness and kurtosis are those of the count, and rounded: its
/// cumulative probability is then off by no more than 0.02 % anywhere, and by ever less for larger
/// counts. A probability outside 0 to 1 counts as the nearer end.
///
/// # Source
/// Cornish and Fisher, "Moments and cumulants in the specification of distributions", Revue de
/// l'Institut international de statistique 5 (1938), 307-320. For what rounding adds to the
/// cumulants: W. F. Sheppard, Proceedings of the London Mathematical Society 29 (1898), 353-380.
/// What that leaves out is checked against exact probabilities in the tests.
#[inline]
pub fn binomial(stream: &mut Stream, n: u64, p: f64) -> u64 {
    if n == 0 || p.is_nan() || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if p > 0.5 {
        return n - binomial_of_rarer(stream, n, 1.0 - p);
    }
    binomial_of_rarer(stream, n, p)
}

/// The whole number whose law has these cumulants, not below zero.
#[inline]
fn by_cumulants(stream: &mut Stream, mean: f64, variance: f64, third: f64, fourth: f64) -> u64 {
    let z = ziggurat::normal(Luck(stream.next_u64()));
    // Rounds to the nearest, and what is negative to zero.
    (mean + bent(z, variance, third, fourth) + 0.5) as u64
}

/// Where a standard normal variable `z` comes to under a law of mean 0 whose rounded values have
/// these cumulants.
#[inline]
fn bent(z: f64, variance: f64, third: f64, fourth: f64) -> f64 {
    // Rounding adds a twelfth to the variance, and takes a 120th from the fourth cumulant.
    let variance = variance - 1.0 / 12.0;
    let spread = math::sqrt(variance);
    // By reciprocals: a product costs less than a quotient.
    let inverse = 1.0 / variance;
    let skewness = third * inverse * inverse * spread;
    let excess = (fourth + 1.0 / 120.0) * inverse * inverse;
    let squared = z * z;
    let bend = skewness * (squared - 1.0) * (1.0 / 6.0)
        + z * (excess * (squared - 3.0) * (1.0 / 24.0)
            - skewness * skewness * (2.0 * squared - 5.0) * (1.0 / 36.0));
    spread * (z + bend)
}

/// Hypergeometric variable: how many of `n` drawn without replacement from `good + bad` are good.
///
/// By inversion, from none on where few are drawn or few are good, outwards from the mode up to a
/// variance of 10, and above it by its cumulants, as [`binomial`]. More than there are cannot be
/// drawn: `n` counts as `good + bad` then.
///
/// # Source
/// Johnson, Kemp, Kotz, "Univariate discrete distributions" (3rd ed., 2005), chapter 6: symmetry,
/// moments, the probability as a product of binomial ones and its recurrence.
#[inline]
pub fn hypergeometric(stream: &mut Stream, good: u64, bad: u64, n: u64) -> u64 {
    if good == 0 || n == 0 {
        return 0;
    }
    if bad == 0 || n >= good + bad {
        return good.min(n);
    }
    hypergeometric_of_some(stream, good, bad, n)
}

/// As [`hypergeometric`], where neither all nor none are good or drawn.
fn hypergeometric_of_some(stream: &mut Stream, good: u64, bad: u64, n: u64) -> u64 {
    let all = good + bad;
    // Of the four numbers that divide the same table, the least is drawn from all.
    let n_not = all - n;
    match good.min(bad).min(n).min(n_not) {
        few if few > FEW => {}
        few if few == n => return of_few(stream, good, all, n),
        few if few == good => return of_few(stream, n, all, good),
        few if few == bad => return n - of_few(stream, n, all, bad),
        _ => return good - of_few(stream, good, all, n_not),
    }
    let (g, b, m) = (good as f64, bad as f64, n as f64);
    let (k_min, k_max) = (n.saturating_sub(bad), n.min(good));
    let share = m / (g + b);
    let variance = g * share * (1.0 - share) * b / (g + b - 1.0);
    if variance > BY_CUMULANTS_FROM {
        let (third, fourth) = hypergeometric_cumulants(g, b, m, variance);
        let k = by_cumulants(stream, g * share, variance, third, fourth);
        return k.clamp(k_min, k_max);
    }
    hypergeometric_by_inversion(stream, (g, b, m), share, (k_min, k_max))
}

/// Third and fourth cumulant of a hypergeometric variable of this variance.
fn hypergeometric_cumulants(g: f64, b: f64, m: f64, variance: f64) -> (f64, f64) {
    let all = g + b;
    let rest = all - m;
    let third = variance * (b - g) * (rest - m) / (all * (all - 2.0));
    let (mixed, split) = (g * b, m * rest);
    let excess = (all - 1.0) * all * all * (all * (all + 1.0) - 6.0 * mixed - 6.0 * split)
        / (mixed * split)
        + 6.0 * (5.0 * all - 6.0);
    (third, variance * variance * excess / ((all - 2.0) * (all - 3.0)))
}

/// How many of a few `n` that are drawn from `all`, of which `good` are good, are good; no fewer
/// are bad than drawn.
fn of_few(stream: &mut Stream, good: u64, all: u64, n: u64) -> u64 {
    let (g, a, m) = (good as f64, all as f64, n as f64);
    let mut left = stream.uniform();
    // None is good with a probability of at least 1 - n good / all: most draws need no more.
    if left < 1.0 - m * g / a {
        return 0;
    }
    let b = a - g;
    let of = |count: f64| (0..n).fold(1.0, |product, drawn| product * (count - drawn as f64));
    let mut probability = of(b) / of(a);
    let mut count = 0;
    while left >= probability && count < n {
        left -= probability;
        let k = count as f64;
        probability *= (g - k) * (m - k) / ((k + 1.0) * (b - m + k + 1.0));
        count += 1;
    }
    count
}

fn hypergeometric_by_inversion(
    stream: &mut Stream,
    (g, b, m): (f64, f64, f64),
    share: f64,
    (k_min, k_max): (u64, u64),
) -> u64 {
    let mode = ((m + 1.0) * (g + 1.0) / (g + b + 2.0)) as u64 as f64;
    let mode = (mode as u64).clamp(k_min, k_max);
    let mut left = stream.uniform();
    if mode == 0 && left < 1.0 - g * share {
        return 0;
    }
    let k = mode as f64;
    let (of_good, of_bad) = (binomial_pmf(k, g, share), binomial_pmf(m - k, b, share));
    let at_mode = of_good.times(of_bad).over(binomial_pmf(m, g + b, share)).value();
    left -= at_mode;
    let (mut below, mut above) = (mode, mode);
    let (mut p_below, mut p_above) = (at_mode, at_mode);
    // Both tails end below the last bit of the number drawn: rounding may leave it over.
    while left >= 0.0 && (p_above > 1e-18 || p_below > 1e-18) {
        if above < k_max {
            let k = above as f64;
            p_above *= (g - k) * (m - k) / ((k + 1.0) * (b - m + k + 1.0));
            above += 1;
            left -= p_above;
            if left < 0.0 {
                return above;
            }
        } else {
            p_above = 0.0;
        }
        if below > k_min {
            let k = below as f64;
            p_below *= k * (b - m + k) / ((g - k + 1.0) * (m - k + 1.0));
            below -= 1;
            left -= p_below;
            if left < 0.0 {
                return below;
            }
        } else {
            p_below = 0.0;
        }
    }
    mode
}

fn binomial_of_rarer(stream: &mut Stream, n: u64, p: f64) -> u64 {
    let n_real = n as f64;
    let mean = n_real * p;
    if mean < BY_CUMULANTS_FROM {
        return binomial_by_inversion(stream, n, p);
    }
    let variance = mean * (1.0 - p);
    let (third, fourth) = binomial_cumulants(variance, p);
    by_cumulants(stream, mean, variance, third, fourth).min(n)
}

/// Third and fourth cumulant of a binomial variable of this variance.
fn binomial_cumulants(variance: f64, p: f64) -> (f64, f64) {
    (variance * (1.0 - 2.0 * p), variance * (1.0 - 6.0 * p * (1.0 - p)))
}

fn poisson_by_inversion(stream: &mut Stream, mean: f64) -> u64 {
    // Below this mean a count of 200 has a probability under 1e-200: the sum has come to 1 long
    // before.
    const COUNT_MAX: u64 = 200;
    let mut left = stream.uniform();
    let mut probability = math::exp(-mean);
    let mut count = 0;
    while left >= probability && count < COUNT_MAX {
        left -= probability;
        count += 1;
        probability *= mean / count as f64;
    }
    count
}

fn binomial_by_inversion(stream: &mut Stream, n: u64, p: f64) -> u64 {
    const COUNT_MAX: u64 = 200;
    let mut left = stream.uniform();
    // None of them happens with a probability of at least 1 - n p (Bernoulli's inequality): most
    // draws of small means need no more.
    if left < 1.0 - n as f64 * p {
        return 0;
    }
    let mut probability = match n {
        1 => return 1,
        2..=FEW => (0..n).fold(1.0, |product, _| product * (1.0 - p)),
        _ => math::exp(n as f64 * math::ln_1p(-p)),
    };
    let odds = p / (1.0 - p);
    let mut count = 0;
    while left >= probability && count < n.min(COUNT_MAX) {
        left -= probability;
        probability *= odds * (n - count) as f64 / (count + 1) as f64;
        count += 1;
    }
    count
}

/// A probability as a root times an exponential: products and quotients of some of them take one of
/// each in the end.
#[derive(Clone, Copy)]
struct Probability {
    square: f64,
    exponent: f64,
}

impl Probability {
    fn times(self, other: Probability) -> Probability {
        let square = self.square * other.square;
        Probability { square, exponent: self.exponent + other.exponent }
    }

    fn over(self, other: Probability) -> Probability {
        let square = self.square / other.square;
        Probability { square, exponent: self.exponent - other.exponent }
    }

    fn value(self) -> f64 {
        math::sqrt(self.square) * math::exp(self.exponent)
    }
}

/// Probability that `k` of `n` events of probability `p` happen, 0 < p < 1.
///
/// # Source
/// C. Loader, "Fast and accurate computation of binomial probabilities" (2000): saddle-point form,
/// which loses no digits where numbers are large and near each other.
fn binomial_pmf(k: f64, n: f64, p: f64) -> Probability {
    if k == 0.0 {
        return Probability { square: 1.0, exponent: n * math::ln_1p(-p) };
    }
    if k == n {
        return Probability { square: 1.0, exponent: n * math::ln(p) };
    }
    let rest = n - k;
    let exponent = stirling_error(n)
        - stirling_error(k)
        - stirling_error(rest)
        - deviance(k, n * p)
        - deviance(rest, n * (1.0 - p));
    Probability { square: n / (2.0 * PI * k * rest), exponent }
}

/// ln(k!) less Stirling's approximation of it, for whole k of at least 1.
fn stirling_error(k: f64) -> f64 {
    if let Some(&error) = STIRLING_ERRORS.get(k as usize - 1) {
        return error;
    }
    let inverse = 1.0 / k;
    let square = inverse * inverse;
    let inner = 1.0 / 1260.0 - (1.0 / 1680.0 - square / 1188.0) * square;
    (1.0 / 12.0 - (1.0 / 360.0 - inner * square) * square) * inverse
}

/// [`stirling_error`] of 1 to 15, where its series is not good enough.
const STIRLING_ERRORS: [f64; 15] = [
    0.081_061_466_795_327_26,
    0.041_340_695_955_409_3,
    0.027_677_925_684_998_34,
    0.020_790_672_103_765_093,
    0.016_644_691_189_821_193,
    0.013_876_128_823_070_748,
    0.011_896_709_945_891_77,
    0.010_411_265_261_972_096,
    0.009_255_462_182_712_733,
    0.008_330_563_433_362_87,
    0.007_573_675_487_951_841,
    0.006_942_840_107_209_53,
    0.006_408_994_188_004_207,
    0.005_951_370_112_758_847_5,
    0.005_554_733_551_962_801,
];

/// k ln(k / mean) + mean - k, without cancellation where the two are near (Loader's bd0).
fn deviance(k: f64, mean: f64) -> f64 {
    let difference = k - mean;
    if difference.abs() >= 0.1 * (k + mean) {
        return k * math::ln(k / mean) + mean - k;
    }
    let ratio = difference / (k + mean);
    let square = ratio * ratio;
    let mut sum = difference * ratio;
    let mut term = 2.0 * k * ratio;
    // |ratio| < 0.1, so each term is at most a hundredth of the one before it: 12 are beyond the
    // last bit.
    for n in 1..12 {
        term *= square;
        let next = sum + term / f64::from(2 * n + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}
