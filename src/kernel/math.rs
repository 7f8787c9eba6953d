//! Elementary functions that give the same bits on every platform.
//!
//! The platform's `ln`, `exp` and `pow` differ between C libraries in 5 to 10 % of results, in the
//! last bit; one such bit moves a retry past a timeout and changes everything after it. So all of
//! the house calls these wrappers over the `libm` crate, whose exact version is pinned. `sqrt`
//! needs no such care (IEEE 754 demands the correctly rounded result) and stands here for
//! completeness.

use std::f64::consts::FRAC_1_SQRT_2;

use tables::{CENTRE_BOTTOM, CENTRE_TOP, FAR_BOTTOM, FAR_TOP, MIDDLE_BOTTOM, MIDDLE_TOP};

/// Natural logarithm of `x`.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// Natural logarithm of `1 + x`, accurate for small `x`.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Logarithm of `x` to base 10.
#[inline]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// `e` to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// `e` to the power of `x`, less one, accurate for small `x`.
#[inline]
pub fn expm1(x: f64) -> f64 {
    libm::expm1(x)
}

/// `base` to the power of `exponent`.
#[inline]
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Square root of `x`.
#[inline]
pub fn sqrt(x: f64) -> f64 {
    x.sqrt()
}

/// Sine of `x` [rad].
#[inline]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of `x` [rad].
#[inline]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Angle whose sine is `x` [rad, -pi/2 to pi/2].
#[inline]
pub fn asin(x: f64) -> f64 {
    libm::asin(x)
}

/// Angle of the point (`x`, `y`) [rad, -pi to pi].
#[inline]
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// Error function of `x`.
#[inline]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// Natural logarithm of the absolute value of the gamma function at `x`.
#[inline]
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Probability that a standard normal variable is at most `x`.
#[inline]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Standard normal quantile: the `x` with [`normal_cdf`]`(x) = p`; minus and plus infinity at 0 and
/// 1.
///
/// Relative error about 1e-16; NaN outside 0 to 1.
///
/// # Source
/// M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied
/// Statistics 37 (1988), 477-484; routine PPND16.
pub fn inverse_normal(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180625 - q * q;
        return q * polynomial(r, &CENTRE_TOP) / polynomial(r, &CENTRE_BOTTOM);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail == 0.0 {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // NaN for p outside 0 to 1, through the logarithm of a negative number.
    let r = sqrt(-ln(tail));
    let magnitude = if r <= 5.0 {
        polynomial(r - 1.6, &MIDDLE_TOP) / polynomial(r - 1.6, &MIDDLE_BOTTOM)
    } else {
        polynomial(r - 5.0, &FAR_TOP) / polynomial(r - 5.0, &FAR_BOTTOM)
    };
    if q < 0.0 { -magnitude } else { magnitude }
}

/// Horner's rule, constant term first in `coefficients`.
#[inline]
fn polynomial(x: f64, coefficients: &[f64; 8]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

// The tables of AS 241, as printed; more digits than an f64 holds, so that they can be compared.
#[expect(clippy::excessive_precision, reason = "digits as published")]
mod tables {
    pub const CENTRE_TOP: [f64; 8] = [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ];
    pub const CENTRE_BOTTOM: [f64; 8] = [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ];
    pub const MIDDLE_TOP: [f64; 8] = [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ];
    pub const MIDDLE_BOTTOM: [f64; 8] = [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ];
    pub const FAR_TOP: [f64; 8] = [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ];
    pub const FAR_BOTTOM: [f64; 8] = [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_normal_undoes_the_normal_cdf_in_every_branch() {
        for tenths in -370..=60 {
            let x = f64::from(tenths) / 10.0;
            let p = normal_cdf(x);
            // Towards 1 the cdf itself has only 1e-16 / density left of x.
            let density = exp(-0.5 * x * x) * 0.4;
            let loss = if x > 0.0 { 1e-16 / density } else { 0.0 };
            let error = (inverse_normal(p) - x).abs();
            assert!(error <= 4e-15 * x.abs().max(1.0) + 2.0 * loss, "x {x} error {error}");
        }
    }

    #[test]
    fn inverse_normal_matches_printed_percentage_points() {
        // AS 241 prints these as its check values.
        assert!((inverse_normal(0.25) + 0.674_489_750_196_081_7).abs() < 1e-15);
        assert!((inverse_normal(0.001) + 3.090_232_306_167_813_5).abs() < 1e-14);
        assert!((inverse_normal(1e-20) + 9.262_340_089_798_408).abs() < 1e-13);
        assert_eq!(inverse_normal(0.5), 0.0);
        assert_eq!(inverse_normal(0.0), f64::NEG_INFINITY);
        assert_eq!(inverse_normal(1.0), f64::INFINITY);
        assert!(inverse_normal(1.5).is_nan());
        assert!(inverse_normal(-0.5).is_nan());
        assert!(inverse_normal(f64::NAN).is_nan());
    }

    #[test]
    fn bits_of_the_elementary_functions_are_pinned() {
        // A change of libm, or a build that takes the platform's functions, moves every digest;
        // this names the cause. The sum runs over arguments at which C libraries are known to
        // differ.
        let mut digest = crate::kernel::digest::Digest::new();
        for step in 1..2_000_u32 {
            let x = f64::from(step) * 0.037;
            for y in [ln(x), ln_1p(x), exp(-x), expm1(-x), pow(x, 0.73), sin(x), cos(x)] {
                digest.update_f64(y);
            }
            for y in [atan2(x, 2.0), asin(1.0 / (1.0 + x)), lgamma(x), erf(x * 0.05), log10(x)] {
                digest.update_f64(y);
            }
        }
        assert_eq!(digest.finish(), "cf0e43aa71738f3d7ca1a748b8b6f20d");
    }
}
