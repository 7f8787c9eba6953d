//! Simulated time as integer nanoseconds: exact to add, exact to compare, the same on every
//! machine.
//!
//! A `u64` of nanoseconds reaches 584 years, so a run never ends by overflow; arithmetic saturates,
//! so that "never" can be written as [`SimTime::MAX`] and still be added to.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};

use serde::Serialize;

const NANOS_PER_SEC: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// Instant in simulated time [ns since t = 0].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SimTime(pub u64);

/// Length of simulated time [ns].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct SimDuration(pub u64);

impl SimTime {
    /// The beginning of the trial, warm-up included [t = 0].
    pub const ZERO: SimTime = SimTime(0);
    /// The instant that never comes [largest representable time].
    pub const MAX: SimTime = SimTime(u64::MAX);

    /// Instant nearest to `seconds` after t = 0; negative and NaN give zero, too large gives `MAX`.
    #[inline]
    pub fn from_secs_f64(seconds: f64) -> SimTime {
        SimTime(nanos_from_secs(seconds))
    }

    /// Instant a whole number of milliseconds after t = 0.
    #[inline]
    pub const fn from_millis(millis: u64) -> SimTime {
        SimTime(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// Instant a whole number of seconds after t = 0.
    #[inline]
    pub const fn from_secs(seconds: u64) -> SimTime {
        SimTime(seconds.saturating_mul(NANOS_PER_SEC))
    }

    /// Time since t = 0 [s], rounded to the nearest `f64`.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }
}

impl SimDuration {
    /// No time at all.
    pub const ZERO: SimDuration = SimDuration(0);
    /// Longer than any run.
    pub const MAX: SimDuration = SimDuration(u64::MAX);

    /// Duration nearest to `seconds`; negative and NaN give zero, too large gives `MAX`.
    #[inline]
    pub fn from_secs_f64(seconds: f64) -> SimDuration {
        SimDuration(nanos_from_secs(seconds))
    }

    /// Duration of a whole number of milliseconds.
    #[inline]
    pub const fn from_millis(millis: u64) -> SimDuration {
        SimDuration(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// Duration of a whole number of seconds.
    #[inline]
    pub const fn from_secs(seconds: u64) -> SimDuration {
        SimDuration(seconds.saturating_mul(NANOS_PER_SEC))
    }

    /// The duration [s], rounded to the nearest `f64`.
    #[inline]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SEC as f64
    }

    /// The duration times `factor`, to the nearest nanosecond; a negative or NaN factor gives zero.
    #[inline]
    pub fn mul_f64(self, factor: f64) -> SimDuration {
        SimDuration(whole(self.0 as f64 * factor))
    }
}

// To the nearest, halves away from zero, as `f64::round` gives, but in a few instructions: below
// 2^52 the difference to the whole part is exact, above it there is no fraction. `as` saturates:
// negative and NaN become 0, too large becomes `u64::MAX`.
#[inline]
fn whole(value: f64) -> u64 {
    const NO_FRACTION: f64 = (1_u64 << 52) as f64;
    if value < NO_FRACTION {
        // A signed whole number is one instruction away, an unsigned one is not.
        let down = value.max(0.0) as i64;
        let rest = value - down as f64;
        (down + i64::from(rest >= 0.5)) as u64
    } else {
        value as u64
    }
}

#[inline]
fn nanos_from_secs(seconds: f64) -> u64 {
    whole(seconds * NANOS_PER_SEC as f64)
}

impl Add<SimDuration> for SimTime {
    type Output = SimTime;
    #[inline]
    fn add(self, duration: SimDuration) -> SimTime {
        SimTime(self.0.saturating_add(duration.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    #[inline]
    fn add_assign(&mut self, duration: SimDuration) {
        *self = *self + duration;
    }
}

impl Sub<SimDuration> for SimTime {
    type Output = SimTime;
    #[inline]
    fn sub(self, duration: SimDuration) -> SimTime {
        SimTime(self.0.saturating_sub(duration.0))
    }
}

impl Sub<SimTime> for SimTime {
    type Output = SimDuration;
    #[inline]
    fn sub(self, earlier: SimTime) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }
}

impl Add for SimDuration {
    type Output = SimDuration;
    #[inline]
    fn add(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SimDuration {
    #[inline]
    fn add_assign(&mut self, other: SimDuration) {
        *self = *self + other;
    }
}

impl Sub for SimDuration {
    type Output = SimDuration;
    #[inline]
    fn sub(self, other: SimDuration) -> SimDuration {
        SimDuration(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for SimDuration {
    #[inline]
    fn sub_assign(&mut self, other: SimDuration) {
        *self = *self - other;
    }
}

impl Mul<u64> for SimDuration {
    type Output = SimDuration;
    #[inline]
    fn mul(self, count: u64) -> SimDuration {
        SimDuration(self.0.saturating_mul(count))
    }
}

/// Human text that scenario files accept back: `1h 30m`, `2.5s`, `250ms`, `1m 0.5s`; exact to the
/// ns.
impl fmt::Display for SimDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0;
        let text = match nanos {
            0 => "0s".to_owned(),
            1..1_000 => format!("{nanos}ns"),
            1_000..NANOS_PER_MILLI => decimal(nanos, 1_000, "us"),
            NANOS_PER_MILLI..NANOS_PER_SEC => decimal(nanos, NANOS_PER_MILLI, "ms"),
            _ => in_parts(nanos),
        };
        formatter.pad(&text)
    }
}

/// Time since t = 0 as a [`SimDuration`] would be written.
impl fmt::Display for SimTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(formatter)
    }
}

fn in_parts(nanos: u64) -> String {
    let seconds = nanos / NANOS_PER_SEC;
    let mut parts = Vec::new();
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m")];
    for (count, unit) in units {
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    let rest = nanos % (60 * NANOS_PER_SEC);
    if rest > 0 {
        parts.push(decimal(rest, NANOS_PER_SEC, "s"));
    }
    parts.join(" ")
}

/// `nanos` in units of `unit_nanos`, a power of ten, without trailing zeros.
fn decimal(nanos: u64, unit_nanos: u64, unit: &str) -> String {
    let whole = nanos / unit_nanos;
    let fraction = nanos % unit_nanos;
    if fraction == 0 {
        return format!("{whole}{unit}");
    }
    let digit_count = unit_nanos.ilog10() as usize;
    let digits = format!("{fraction:0digit_count$}");
    format!("{whole}.{}{unit}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_the_nearest_nanosecond_and_saturate() {
        assert_eq!(SimDuration::from_secs_f64(1.000_000_000_6), SimDuration(1_000_000_001));
        assert_eq!(SimDuration::from_secs_f64(0.1), SimDuration::from_millis(100));
        assert_eq!(SimDuration::from_secs_f64(-1.0), SimDuration::ZERO);
        assert_eq!(SimDuration::from_secs_f64(f64::NAN), SimDuration::ZERO);
        assert_eq!(SimTime::from_secs_f64(f64::INFINITY), SimTime::MAX);
        assert_eq!(SimTime::from_secs(90).as_secs_f64(), 90.0);
    }

    #[test]
    fn whole_numbers_are_those_of_round() {
        for base in [0.0, 1.0, 2.0, 1e9, 4_503_599_627_370_495.0, 9e15, 1e19, -1.0, -3e9] {
            for step in 0..200_u32 {
                let value = base + f64::from(step) * 0.125;
                assert_eq!(whole(value), value.round() as u64, "{value}");
            }
        }
        let edge = 0.499_999_999_999_999_94;
        assert_eq!(whole(edge), 0);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(f64::INFINITY), u64::MAX);
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let early = SimTime::from_secs(1);
        let late = SimTime::from_secs(3);
        assert_eq!(late - early, SimDuration::from_secs(2));
        assert_eq!(early - late, SimDuration::ZERO);
        assert_eq!(early - SimDuration::from_secs(2), SimTime::ZERO);
        assert_eq!(SimTime::MAX + SimDuration(1), SimTime::MAX);
        assert_eq!(SimDuration::MAX * 2, SimDuration::MAX);
        assert_eq!(SimDuration::from_secs(2) * 3, SimDuration::from_secs(6));
        assert_eq!(SimDuration::from_secs(2).mul_f64(0.25), SimDuration::from_millis(500));
        assert_eq!(SimDuration::from_secs(2).mul_f64(-1.0), SimDuration::ZERO);
    }

    #[test]
    fn durations_read_as_people_write_them() {
        let cases = [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5us"),
            (250_000_000, "250ms"),
            (250_100_000, "250.1ms"),
            (2_500_000_000, "2.5s"),
            (1_000_000_001, "1.000000001s"),
            (60_500_000_000, "1m 0.5s"),
            (5_400_000_000_000, "1h 30m"),
            (90_061_000_000_000, "1d 1h 1m 1s"),
            (86_400_000_000_000, "1d"),
        ];
        for (nanos, text) in cases {
            assert_eq!(SimDuration(nanos).to_string(), text);
        }
        assert_eq!(format!("{:>6}", SimDuration::from_secs(1)), "    1s");
    }

    #[test]
    fn times_serialise_as_whole_nanoseconds() {
        assert_eq!(serde_json::to_string(&SimTime(12)).unwrap(), "12");
        assert_eq!(serde_json::to_string(&SimDuration::MAX).unwrap(), u64::MAX.to_string());
    }
}
