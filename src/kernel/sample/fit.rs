//! From what people know of a time (its mean, its median, its p99) to the parameters of a law.
//!
//! Every law here is a scale times a law of one free number, its *spread*: sigma of the lognormal,
//! one over the shape of the others. The ratio of two moments depends on the spread alone, so two
//! moments are one equation in one unknown; the scale follows. Two quantiles solve in closed form
//! (but gamma); the rest is a scan for the first change of sign and bisection, which finds the
//! least variable law where several fit. Own derivation, tested by round trips in
//! `sample/tests.rs`.

use serde::Serialize;

use super::{Distribution, gamma, weibull_moment};
use crate::kernel::math;

/// Family of laws that can be fitted to moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DistributionKind {
    /// [`Distribution::Constant`], from one moment.
    Constant,
    /// [`Distribution::Exponential`], from one moment.
    Exponential,
    /// [`Distribution::Lognormal`], from two moments.
    Lognormal,
    /// [`Distribution::Gamma`], from two moments.
    Gamma,
    /// [`Distribution::Weibull`], from two moments.
    Weibull,
    /// [`Distribution::Pareto`], from two moments.
    Pareto,
}

/// One known fact about a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Mean [s].
    Mean(f64),
    /// Median [s].
    Median(f64),
    /// Time that a share `p` does not exceed.
    Quantile {
        /// The share, between 0 and 1 (0.99 for p99).
        p: f64,
        /// The time [s].
        value: f64,
    },
}

/// Why no law fits.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Too few or too many moments for this family.
    #[error("{kind} takes {expected_count} of mean, median and quantiles, not {found_count}")]
    MomentCount {
        /// The family asked for.
        kind: DistributionKind,
        /// How many moments determine it.
        expected_count: usize,
        /// How many were given.
        found_count: usize,
    },
    /// A moment is not a positive, finite time.
    #[error("the {moment} must be a positive time")]
    NotPositive {
        /// The moment in question.
        moment: Moment,
    },
    /// A share is not between 0 and 1.
    #[error("the share of a quantile must lie between 0 and 1, not be {p}")]
    ShareOutOfRange {
        /// The share in question.
        p: f64,
    },
    /// The same quantile was given twice.
    #[error("the {first} and the {second} say the same thing twice")]
    SameMoment {
        /// One of them.
        first: Moment,
        /// The other.
        second: Moment,
    },
    /// A higher quantile is not above a lower one.
    #[error("the {higher} must be above the {lower}")]
    QuantilesCross {
        /// The quantile of the smaller share.
        lower: Moment,
        /// The quantile of the larger share.
        higher: Moment,
    },
    /// No member of the family has both moments.
    #[error("no {kind} has a {first} and a {second} (nearly) as given")]
    Impossible {
        /// The family asked for.
        kind: DistributionKind,
        /// The first moment.
        first: Moment,
        /// The second moment.
        second: Moment,
    },
}

impl std::fmt::Display for DistributionKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            DistributionKind::Constant => "constant",
            DistributionKind::Exponential => "exponential",
            DistributionKind::Lognormal => "lognormal",
            DistributionKind::Gamma => "gamma",
            DistributionKind::Weibull => "weibull",
            DistributionKind::Pareto => "pareto",
        })
    }
}

/// As a scenario writes it: `mean of 4ms`, `p99 of 25ms`.
impl std::fmt::Display for Moment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Moment::Mean(_) => formatter.write_str("mean of ")?,
            Moment::Median(_) => formatter.write_str("median of ")?,
            // Rounded: 0.999 * 100 is 99.9 and a few bits.
            Moment::Quantile { p, .. } => {
                write!(formatter, "p{} of ", (p * 1e8).round() / 1e6)?;
            }
        }
        let seconds = self.value();
        if seconds.is_finite() && seconds >= 0.0 {
            write!(formatter, "{}", crate::kernel::time::SimDuration::from_secs_f64(seconds))
        } else {
            write!(formatter, "{seconds} s")
        }
    }
}

impl Moment {
    /// The time of this moment [s].
    pub fn value(self) -> f64 {
        match self {
            Moment::Mean(value) | Moment::Median(value) | Moment::Quantile { value, .. } => value,
        }
    }

    /// The share of a quantile, of which the median is one.
    fn share(self) -> Option<f64> {
        match self {
            Moment::Mean(_) => None,
            Moment::Median(_) => Some(0.5),
            Moment::Quantile { p, .. } => Some(p),
        }
    }
}

pub(super) fn fit(kind: DistributionKind, moments: &[Moment]) -> Result<Distribution, FitError> {
    let expected_count = match kind {
        DistributionKind::Constant | DistributionKind::Exponential => 1,
        _ => 2,
    };
    if moments.len() != expected_count {
        let found_count = moments.len();
        return Err(FitError::MomentCount { kind, expected_count, found_count });
    }
    for &moment in moments {
        check(kind, moment)?;
    }
    match (kind, moments) {
        (DistributionKind::Constant, &[moment]) => {
            Ok(Distribution::Constant { value: moment.value() })
        }
        (DistributionKind::Exponential, &[moment]) => {
            let per_mean = moment.share().map_or(1.0, |p| -math::ln_1p(-p));
            Ok(Distribution::Exponential { mean: moment.value() / per_mean })
        }
        (_, &[first, second]) => fit_two(kind, first, second),
        _ => unreachable!("the number of moments was checked"),
    }
}

fn check(kind: DistributionKind, moment: Moment) -> Result<(), FitError> {
    let value = moment.value();
    let zero_allowed = kind == DistributionKind::Constant && value == 0.0;
    if !(value.is_finite() && (value > 0.0 || zero_allowed)) {
        return Err(FitError::NotPositive { moment });
    }
    match moment.share() {
        Some(p) if !(p > 0.0 && p < 1.0) => Err(FitError::ShareOutOfRange { p }),
        _ => Ok(()),
    }
}

fn fit_two(
    kind: DistributionKind,
    first: Moment,
    second: Moment,
) -> Result<Distribution, FitError> {
    if first.share() == second.share() {
        return Err(FitError::SameMoment { first, second });
    }
    if let (Some(p), Some(q)) = (first.share(), second.share()) {
        let (lower, higher) = if p < q { (first, second) } else { (second, first) };
        if higher.value() <= lower.value() {
            return Err(FitError::QuantilesCross { lower, higher });
        }
    }
    let impossible = FitError::Impossible { kind, first, second };
    let spread = solve_spread(kind, first, second).ok_or(impossible.clone())?;
    let ln_scale = math::ln(first.value()) - ln_unit_moment(kind, spread, first);
    let scale = math::exp(ln_scale);
    if !(scale.is_normal() && spread.is_normal()) {
        return Err(impossible);
    }
    Ok(match kind {
        DistributionKind::Lognormal => Distribution::Lognormal { mu: ln_scale, sigma: spread },
        DistributionKind::Gamma => Distribution::Gamma { shape: 1.0 / spread, scale },
        DistributionKind::Weibull => Distribution::Weibull { shape: 1.0 / spread, scale },
        DistributionKind::Pareto => Distribution::Pareto { shape: 1.0 / spread, minimum: scale },
        DistributionKind::Constant | DistributionKind::Exponential => {
            unreachable!("one moment determines it")
        }
    })
}

/// The least spread at which the two moments have the ratio given.
fn solve_spread(kind: DistributionKind, first: Moment, second: Moment) -> Option<f64> {
    let target = math::ln(first.value() / second.value());
    // Two quantiles: the logarithm of a quantile is linear in the spread.
    if let (Some(p), Some(q)) = (first.share(), second.share())
        && kind != DistributionKind::Gamma
    {
        let slope = ln_unit_moment(kind, 1.0, first) - ln_unit_moment(kind, 1.0, second);
        debug_assert!(p != q);
        return Some(target / slope);
    }
    let excess = |spread: f64| {
        ln_unit_moment(kind, spread, first) - ln_unit_moment(kind, spread, second) - target
    };
    let (least, most) = match kind {
        // Beyond these the law is a constant, or too wild for its moments to be floats.
        DistributionKind::Gamma => (1e-4, 50.0),
        DistributionKind::Pareto => (1e-6, 1.0 - 1e-9),
        _ => (1e-6, 50.0),
    };
    first_root(excess, least, most)
}

/// Logarithm of a moment of the law of scale 1 and this spread.
fn ln_unit_moment(kind: DistributionKind, spread: f64, moment: Moment) -> f64 {
    match (kind, moment.share()) {
        (DistributionKind::Lognormal, None) => 0.5 * spread * spread,
        (DistributionKind::Lognormal, Some(p)) => spread * math::inverse_normal(p),
        (DistributionKind::Gamma, None) => -math::ln(spread),
        (DistributionKind::Gamma, Some(p)) => math::ln(gamma::quantile(1.0 / spread, p)),
        (DistributionKind::Weibull, None) => math::ln(weibull_moment(1.0 / spread, 1.0)),
        (DistributionKind::Weibull, Some(p)) => spread * math::ln(-math::ln_1p(-p)),
        (DistributionKind::Pareto, None) => -math::ln_1p(-spread),
        (DistributionKind::Pareto, Some(p)) => -spread * math::ln_1p(-p),
        (DistributionKind::Constant | DistributionKind::Exponential, _) => 0.0,
    }
}

/// First change of sign of `function` between `low` and `high`, to the last bits.
fn first_root(function: impl Fn(f64) -> f64, low: f64, high: f64) -> Option<f64> {
    const STEP_COUNT: u32 = 256;
    let step = math::ln(high / low) / f64::from(STEP_COUNT);
    let mut left = low;
    let mut left_sign = function(left) > 0.0;
    for number in 1..=STEP_COUNT {
        let right =
            if number == STEP_COUNT { high } else { low * math::exp(step * f64::from(number)) };
        if (function(right) > 0.0) != left_sign {
            return Some(bisect(function, left, right, left_sign));
        }
        left = right;
        left_sign = function(left) > 0.0;
    }
    None
}

fn bisect(function: impl Fn(f64) -> f64, mut left: f64, mut right: f64, left_sign: bool) -> f64 {
    loop {
        let middle = 0.5 * (left + right);
        if middle <= left || middle >= right {
            return middle;
        }
        if (function(middle) > 0.0) == left_sign { left = middle } else { right = middle }
    }
}
