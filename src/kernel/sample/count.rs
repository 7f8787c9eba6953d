//! Samplers of counts, exact in law but for sums of thousands, and the probabilities they need.

#[cfg(test)]
mod tests;

use std::f64::consts::PI;

use crate::kernel::math;
use crate::kernel::stream::Stream;

/// Mean from which rejection is cheaper than summing probabilities.
const REJECTION_FROM_MEAN: f64 = 10.0;

/// Draws without replacement up to this many are made one by one.
const ONE_BY_ONE: u64 = 16;
/// Variance from which a binomial or hypergeometric variable is a rounded normal one.
const NORMAL_FROM_VARIANCE: f64 = 150.0;

/// Poisson variable of this mean; zero for a mean that is not positive.
///
/// By inversion below a mean of 10, else by the transformed rejection method PTRS. Exact up to
/// means of about 1e15, where neighbouring counts are no longer different floats.
///
/// # Source
/// W. Hörmann, "The transformed rejection method for generating Poisson random variables",
/// Insurance: Mathematics and Economics 12 (1993), 39-45.
pub fn poisson(stream: &mut Stream, mean: f64) -> u64 {
    if mean.is_nan() || mean <= 0.0 {
        return 0;
    }
    if mean < REJECTION_FROM_MEAN {
        return poisson_by_inversion(stream, mean);
    }
    let b = 0.931 + 2.53 * math::sqrt(mean);
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let squeeze = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = stream.open_uniform() - 0.5;
        let v = stream.open_uniform();
        let edge = 0.5 - u.abs();
        let k = ((2.0 * a / edge + b) * u + mean + 0.43).floor();
        if edge >= 0.07 && v <= squeeze {
            return k as u64;
        }
        if k < 0.0 || (edge < 0.013 && v > edge) {
            continue;
        }
        let hat = v * inverse_alpha / (a / (edge * edge) + b);
        if math::ln(hat) <= ln_poisson_pmf(k, mean) {
            return k as u64;
        }
    }
}

/// Binomial variable: how many of `n` independent events of probability `p` happen.
///
/// By inversion where the rarer outcome has a mean below 10, by the transformed rejection method
/// BTRS up to a variance of 150, and above it by the normal law with the same mean, variance and
/// skewness, rounded: its cumulative probability is then off by less than 0.06 %, and one draw
/// takes one random number. A probability outside 0 to 1 counts as the nearer end.
///
/// # Source
/// W. Hörmann, "The generation of binomial random variates", Journal of Statistical Computation and
/// Simulation 46 (1993), 101-110. The normal law with a term for skewness: Cornish and Fisher,
/// "Moments and cumulants in the specification of distributions", Revue de l'Institut international
/// de statistique 5 (1938), 307-320; what it leaves out is of the order 1 / variance, checked
/// against exact probabilities in the tests.
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

/// Hypergeometric variable: how many of `n` drawn without replacement from `good + bad` are good.
///
/// One by one where few are drawn or few are good, by inversion outwards from the mode up to a
/// variance of 150, and above it by the normal law of the same mean, variance and skewness,
/// rounded, as [`binomial`]. More than there are cannot be drawn: `n` counts as `good + bad` then.
///
/// # Source
/// Johnson, Kemp, Kotz, "Univariate discrete distributions" (3rd ed., 2005), chapter 6: symmetry,
/// moments, the probability as a product of binomial ones and its recurrence.
pub fn hypergeometric(stream: &mut Stream, good: u64, bad: u64, n: u64) -> u64 {
    let all = good + bad;
    if n >= all || bad == 0 {
        return good.min(n);
    }
    // Of the four numbers that divide the same table, the least is drawn one by one.
    let n_not = all - n;
    match good.min(bad).min(n).min(n_not) {
        few if few > ONE_BY_ONE => {}
        few if few == n => return one_by_one(stream, good, all, n),
        few if few == good => return one_by_one(stream, n, all, good),
        few if few == bad => return n - one_by_one(stream, n, all, bad),
        _ => return good - one_by_one(stream, good, all, n_not),
    }
    let (g, b, m) = (good as f64, bad as f64, n as f64);
    let (k_min, k_max) = (n.saturating_sub(bad), n.min(good));
    let share = m / (g + b);
    let variance = g * share * (1.0 - share) * b / (g + b - 1.0);
    if variance > NORMAL_FROM_VARIANCE {
        let normal = math::inverse_normal(stream.open_uniform());
        // Skewness times the standard deviation.
        let skewness = (b - g) / (g + b) * (1.0 - 2.0 * share) * (g + b) / (g + b - 2.0);
        let skewed = skewness * (normal * normal - 1.0) / 6.0;
        let k = (g * share + math::sqrt(variance) * normal + skewed).round();
        return (k.max(0.0) as u64).clamp(k_min, k_max);
    }
    hypergeometric_by_inversion(stream, (g, b, m), share, (k_min, k_max))
}

/// How many of `n` drawn one after the other from `all`, of which `good` are good, are good.
fn one_by_one(stream: &mut Stream, mut good: u64, mut all: u64, n: u64) -> u64 {
    let before = good;
    for _ in 0..n {
        good -= u64::from(stream.uniform() * (all as f64) < good as f64);
        all -= 1;
    }
    before - good
}

fn hypergeometric_by_inversion(
    stream: &mut Stream,
    (g, b, m): (f64, f64, f64),
    share: f64,
    (k_min, k_max): (u64, u64),
) -> u64 {
    let mode = ((m + 1.0) * (g + 1.0) / (g + b + 2.0)).floor();
    let mode = (mode as u64).clamp(k_min, k_max);
    let k = mode as f64;
    let ln_mode_pmf = ln_binomial_pmf(k, g, share) + ln_binomial_pmf(m - k, b, share)
        - ln_binomial_pmf(m, g + b, share);
    let at_mode = math::exp(ln_mode_pmf);
    let mut left = stream.uniform() - at_mode;
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
    if n_real * p < REJECTION_FROM_MEAN {
        return binomial_by_inversion(stream, n, p);
    }
    let variance = n_real * p * (1.0 - p);
    if variance > NORMAL_FROM_VARIANCE {
        let normal = math::inverse_normal(stream.open_uniform());
        let skewed = (1.0 - 2.0 * p) * (normal * normal - 1.0) / 6.0;
        let k = (n_real * p + math::sqrt(variance) * normal + skewed).round();
        return (k.max(0.0) as u64).min(n);
    }
    let spread = math::sqrt(variance);
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let centre = n_real * p + 0.5;
    let squeeze = 0.92 - 4.2 / b;
    let alpha = (2.83 + 5.1 / b) * spread;
    // Needed by one draw in seven only.
    let mut ln_mode_pmf = None;
    loop {
        let u = stream.open_uniform() - 0.5;
        let v = stream.open_uniform();
        let edge = 0.5 - u.abs();
        let k = ((2.0 * a / edge + b) * u + centre).floor();
        if k < 0.0 || k > n_real {
            continue;
        }
        if edge >= 0.07 && v <= squeeze {
            return k as u64;
        }
        let hat = v * alpha / (a / (edge * edge) + b);
        let at_mode = *ln_mode_pmf
            .get_or_insert_with(|| ln_binomial_pmf(((n_real + 1.0) * p).floor(), n_real, p));
        if math::ln(hat) <= ln_binomial_pmf(k, n_real, p) - at_mode {
            return k as u64;
        }
    }
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
        2..=ONE_BY_ONE => (0..n).fold(1.0, |product, _| product * (1.0 - p)),
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

/// Logarithm of the probability that a Poisson variable of this mean is the whole number `k`.
///
/// # Source
/// C. Loader, "Fast and accurate computation of binomial probabilities" (2000): saddle-point form,
/// which loses no digits where `k` and `mean` are large and near each other.
pub fn ln_poisson_pmf(k: f64, mean: f64) -> f64 {
    if k == 0.0 {
        return -mean;
    }
    -stirling_error(k) - deviance(k, mean) - 0.5 * math::ln(2.0 * PI * k)
}

/// Logarithm of the probability that `k` of `n` events of probability `p` happen, 0 < p < 1.
///
/// # Source
/// As [`ln_poisson_pmf`].
pub fn ln_binomial_pmf(k: f64, n: f64, p: f64) -> f64 {
    if k == 0.0 {
        return n * math::ln_1p(-p);
    }
    if k == n {
        return n * math::ln(p);
    }
    let rest = n - k;
    stirling_error(n)
        - stirling_error(k)
        - stirling_error(rest)
        - deviance(k, n * p)
        - deviance(rest, n * (1.0 - p))
        + 0.5 * math::ln(n / (2.0 * PI * k * rest))
}

/// ln(k!) less Stirling's approximation of it, for k of at least 1.
fn stirling_error(k: f64) -> f64 {
    if k < 16.0 {
        return math::lgamma(k + 1.0) - (k + 0.5) * math::ln(k) + k - 0.5 * math::ln(2.0 * PI);
    }
    let square = k * k;
    let inner = 1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * square)) / square;
    (1.0 / 12.0 - (1.0 / 360.0 - inner / square) / square) / k
}

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
    // |ratio| < 0.1, so each term is a hundredth of the one before it: 12 are beyond the last bit.
    for n in 1..12 {
        term *= square;
        sum += term / f64::from(2 * n + 1);
    }
    sum
}
