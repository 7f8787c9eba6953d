//! The gamma law of scale 1: its cumulative distribution, its quantiles, its sampler.

use crate::kernel::math;
use crate::kernel::stream::{Luck, SmallStream};

/// Tag of the luck that a gamma sample draws its stream from.
const SAMPLER_TAG: u64 = 0;

/// Terms after which a series or fraction is taken as it stands; it needs some 10 sqrt(shape) of
/// them.
const TERM_COUNT_MAX: u32 = 20_000;

/// Regularised lower incomplete gamma function P(`shape`, `x`).
///
/// # Source
/// NIST Digital Library of Mathematical Functions, 8.11.4 (series) below `shape + 1`, 8.9.2
/// (continued fraction, by the modified Lentz method) above.
pub(super) fn cdf(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x.is_infinite() {
        return 1.0;
    }
    let front = math::exp(shape * math::ln(x) - x - math::lgamma(shape));
    if x < shape + 1.0 { front * series(shape, x) } else { 1.0 - front * fraction(shape, x) }
}

/// Sum of x^n / (shape (shape + 1) ... (shape + n)).
fn series(shape: f64, x: f64) -> f64 {
    let mut term = 1.0 / shape;
    let mut sum = term;
    for n in 1..TERM_COUNT_MAX {
        term *= x / (shape + f64::from(n));
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

fn fraction(shape: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - shape;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut product = d;
    for n in 1..TERM_COUNT_MAX {
        let n = f64::from(n);
        let a = -n * (n - shape);
        b += 2.0;
        d = a * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + a / c;
        c = if c.abs() < TINY { TINY } else { c };
        let factor = c * d;
        product *= factor;
        if (factor - 1.0).abs() < 1e-16 {
            break;
        }
    }
    product
}

/// Quantile of the gamma law of scale 1, by bisection of [`cdf`] in the logarithm of the time.
pub(super) fn quantile(shape: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    // Grow a bracket around the mean by factors of two, then halve it to the last bits.
    let (mut low, mut high) = (shape, shape);
    while cdf(shape, low) > p && low > f64::MIN_POSITIVE {
        low *= 0.5;
    }
    while cdf(shape, high) < p {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if cdf(shape, middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Gamma variable of scale 1.
///
/// # Source
/// G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26
/// (2000), 363-372; shapes below 1 by their section 6, from shape + 1 and one more uniform number.
#[inline]
pub(super) fn sample(shape: f64, luck: Luck) -> f64 {
    let mut stream = SmallStream::new(luck.derive(SAMPLER_TAG));
    if shape < 1.0 {
        let boost = math::pow(stream.open_uniform(), 1.0 / shape);
        return boost * marsaglia_tsang(shape + 1.0, &mut stream);
    }
    marsaglia_tsang(shape, &mut stream)
}

#[inline]
fn marsaglia_tsang(shape: f64, stream: &mut SmallStream) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / math::sqrt(9.0 * d);
    loop {
        let x = math::inverse_normal(stream.open_uniform());
        let root = 1.0 + c * x;
        if root <= 0.0 {
            continue;
        }
        let v = root * root * root;
        let u = stream.open_uniform();
        let squeezed = u < 1.0 - 0.0331 * (x * x) * (x * x);
        if squeezed || math::ln(u) < 0.5 * x * x + d * (1.0 - v + math::ln(v)) {
            return d * v;
        }
    }
}
