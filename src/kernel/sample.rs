//! Distributions of times, and samplers of counts, over [`math`] alone.
//!
//! **Which question.** How long does this service, this person, this link take? A scenario gives a
//! law and any two of its mean, median and quantiles; [`Distribution::fit`] finds the parameters.
//! **Model.** Laws of non-negative times in seconds. A sample is the inverse of the law at one
//! uniform number, so that the same [`Luck`] gives a slower draw wherever the law is slower; the
//! gamma law, whose inverse is dear, uses rejection from a stream of its own. For the work of each
//! request there is a quicker way to the same laws ([`Distribution::sample_quickly`]), which keeps
//! that order only between laws of one kind that differ in their scale. **Why our own.** The
//! samplers of `rand_distr` call the platform's logarithm as soon as any crate turns on
//! `num-traits/std`, and digests then differ between machines; it serves as the reference in the
//! tests, with `statrs`.

mod count;
mod empirical;
mod fit;
mod gamma;
#[cfg(test)]
mod tests;
mod ziggurat;

use serde::Serialize;

use crate::kernel::math;
use crate::kernel::stream::Luck;

pub use count::{binomial, hypergeometric, poisson};
pub use empirical::{EmpiricalError, EmpiricalTable};
pub use fit::{DistributionKind, FitError, Moment};
pub use ziggurat::exponential;

/// Law of a non-negative time [s].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Always the same time.
    Constant {
        /// The time [s].
        value: f64,
    },
    /// Memoryless time.
    Exponential {
        /// Mean time [s].
        mean: f64,
    },
    /// Time whose logarithm is normal.
    Lognormal {
        /// Mean of the logarithm of the time in seconds.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Gamma law: for whole shapes the sum of so many exponential times.
    Gamma {
        /// Shape, the inverse squared coefficient of variation.
        shape: f64,
        /// Scale [s]; the mean is shape times scale.
        scale: f64,
    },
    /// Weibull law: hazard falling (shape below 1) or rising (above 1) with age.
    Weibull {
        /// Shape.
        shape: f64,
        /// Scale [s]: the time that a share of 1 - 1/e does not exceed.
        scale: f64,
    },
    /// Pareto law: a power tail.
    Pareto {
        /// Tail index; the mean is infinite up to 1, the variance up to 2.
        shape: f64,
        /// Least time [s].
        minimum: f64,
    },
    /// Law read off a table, linear between its points.
    Empirical(EmpiricalTable),
}

impl Distribution {
    /// Law of `kind` with the given moments: one for constant and exponential, two for the others.
    ///
    /// Where two laws fit (a mean and a high quantile of a lognormal, say), the less variable one
    /// is taken.
    ///
    /// # Errors
    /// Wrong number of moments, a moment that is no positive number, or moments no law of this kind
    /// has.
    pub fn fit(kind: DistributionKind, moments: &[Moment]) -> Result<Distribution, FitError> {
        fit::fit(kind, moments)
    }

    /// Law of the table of (cumulative probability, time [s]) points; see [`EmpiricalTable`].
    ///
    /// # Errors
    /// A table that is no cumulative distribution of non-negative times.
    pub fn empirical(points: &[(f64, f64)]) -> Result<Distribution, EmpiricalError> {
        EmpiricalTable::new(points).map(Distribution::Empirical)
    }

    /// Mean [s]; infinite for a Pareto law of shape up to 1.
    pub fn mean(&self) -> f64 {
        match self {
            Distribution::Constant { value } => *value,
            Distribution::Exponential { mean } => *mean,
            Distribution::Lognormal { mu, sigma } => math::exp(mu + 0.5 * sigma * sigma),
            Distribution::Gamma { shape, scale } => shape * scale,
            Distribution::Weibull { shape, scale } => scale * weibull_moment(*shape, 1.0),
            Distribution::Pareto { shape, .. } if *shape <= 1.0 => f64::INFINITY,
            Distribution::Pareto { shape, minimum } => shape * minimum / (shape - 1.0),
            Distribution::Empirical(table) => table.mean(),
        }
    }

    /// Variance [s^2]; infinite for a Pareto law of shape up to 2.
    pub fn variance(&self) -> f64 {
        match self {
            Distribution::Constant { .. } => 0.0,
            Distribution::Exponential { mean } => mean * mean,
            Distribution::Lognormal { mu, sigma } => {
                math::expm1(sigma * sigma) * math::exp(2.0 * mu + sigma * sigma)
            }
            Distribution::Gamma { shape, scale } => shape * scale * scale,
            Distribution::Weibull { shape, scale } => {
                let first = weibull_moment(*shape, 1.0);
                scale * scale * (weibull_moment(*shape, 2.0) - first * first).max(0.0)
            }
            Distribution::Pareto { shape, .. } if *shape <= 2.0 => f64::INFINITY,
            Distribution::Pareto { shape, minimum } => {
                let excess = shape - 1.0;
                minimum * minimum * shape / (excess * excess * (shape - 2.0))
            }
            Distribution::Empirical(table) => table.variance(),
        }
    }

    /// Time that a share `p` does not exceed [s]; `p` is held to the range from 0 to 1.
    pub fn quantile(&self, p: f64) -> f64 {
        let p = p.clamp(0.0, 1.0);
        match self {
            Distribution::Gamma { shape, scale } => scale * gamma::quantile(*shape, p),
            Distribution::Empirical(table) => table.quantile(p),
            Distribution::Constant { value } => *value,
            Distribution::Exponential { mean } => mean * -math::ln_1p(-p),
            Distribution::Lognormal { mu, sigma } => {
                math::exp(mu + sigma * math::inverse_normal(p))
            }
            Distribution::Weibull { shape, scale } => {
                scale * math::pow(-math::ln_1p(-p), 1.0 / shape)
            }
            Distribution::Pareto { shape, minimum } => {
                minimum * math::exp(-math::ln_1p(-p) / shape)
            }
        }
    }

    /// Share of times that do not exceed `x` seconds.
    pub fn cdf(&self, x: f64) -> f64 {
        if x < 0.0 {
            return 0.0;
        }
        match self {
            Distribution::Constant { value } => f64::from(u8::from(x >= *value)),
            Distribution::Exponential { mean } => -math::expm1(-x / mean),
            Distribution::Lognormal { .. } if x == 0.0 => 0.0,
            Distribution::Lognormal { mu, sigma } => math::normal_cdf((math::ln(x) - mu) / sigma),
            Distribution::Gamma { shape, scale } => gamma::cdf(*shape, x / scale),
            Distribution::Weibull { shape, scale } => -math::expm1(-math::pow(x / scale, *shape)),
            Distribution::Pareto { minimum, .. } if x <= *minimum => 0.0,
            Distribution::Pareto { shape, minimum } => -math::expm1(-shape * math::ln(x / minimum)),
            Distribution::Empirical(table) => table.cdf(x),
        }
    }

    /// The time that this luck draws [s]: a pure function of (law, luck), without allocation.
    ///
    /// All laws but gamma invert draw 0 of the luck, read as the share of times that are longer.
    #[inline]
    pub fn sample(&self, luck: Luck) -> f64 {
        match self {
            Distribution::Constant { value } => *value,
            Distribution::Exponential { mean } => -math::ln(luck.open_uniform(0)) * mean,
            Distribution::Lognormal { mu, sigma } => {
                math::exp(mu - sigma * math::inverse_normal(luck.open_uniform(0)))
            }
            Distribution::Gamma { shape, scale } => scale * gamma::sample(*shape, luck),
            Distribution::Weibull { shape, scale } => {
                scale * math::pow(-math::ln(luck.open_uniform(0)), 1.0 / shape)
            }
            Distribution::Pareto { shape, minimum } => {
                minimum * math::pow(luck.open_uniform(0), -1.0 / shape)
            }
            Distribution::Empirical(table) => table.quantile(1.0 - luck.open_uniform(0)),
        }
    }
}

impl Distribution {
    /// A time that this luck draws [s], of the same law as [`Distribution::sample`] and in a
    /// fraction of its time for exponential and lognormal laws, which it draws by the ziggurat.
    #[inline(always)]
    pub fn sample_quickly(&self, luck: Luck) -> f64 {
        match self {
            Distribution::Exponential { mean } => ziggurat::exponential(luck) * mean,
            Distribution::Lognormal { mu, sigma } => math::exp(mu + sigma * ziggurat::normal(luck)),
            Distribution::Constant { value } => *value,
            law => law.sample(luck),
        }
    }
}

/// Moment of the given order of a Weibull law of scale 1: Gamma(1 + order / shape).
fn weibull_moment(shape: f64, order: f64) -> f64 {
    math::exp(math::lgamma(1.0 + order / shape))
}
