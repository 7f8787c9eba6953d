//! Latency histograms that are cheap enough to keep one a slice of time.
//!
//! Which question: the distribution of a latency, at any quantile, with a bounded relative error.
//! Model: log-linear bins, 64 an octave above 1 us, after HdrHistogram (Tene, 2012); the width of a
//! bin is at most 1/64 = 1.6 % of its value, so a quantile (the middle of its bin) is within 0.8 %.
//! Leaves out: the order of the values. Cost: 20 KiB a histogram, one add a value.

use crate::kernel::time::SimDuration;

/// Bins an octave.
const PER_OCTAVE: u64 = 64;
/// log2 of the smallest value that is told from 0 [ns]: about 1 us.
const FLOOR_BITS: u32 = 10;
/// Octaves above the floor: up to 2^48 ns, some 78 hours, as messages wait for days.
const OCTAVES: u64 = 38;
/// Number of bins.
pub const BINS: usize = (PER_OCTAVE * (OCTAVES + 1)) as usize;

/// A histogram of durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    /// Sum of all values [us].
    sum_us: u128,
    max_ns: u64,
}

/// The bin that a value belongs to, in any histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin(usize);

impl Bin {
    /// The bin of this value.
    #[inline]
    pub fn of(value: SimDuration) -> Bin {
        Bin(bin_of(value.0))
    }
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram::new()
    }
}

impl Histogram {
    /// An empty histogram.
    pub fn new() -> Histogram {
        Histogram { counts: vec![0; BINS], count: 0, sum_us: 0, max_ns: 0 }
    }

    /// Adds one value.
    #[inline]
    pub fn record(&mut self, value: SimDuration) {
        self.record_in(Bin::of(value), value);
    }

    /// Adds one value whose bin is known, for one that is recorded in several histograms.
    #[inline]
    pub fn record_in(&mut self, bin: Bin, value: SimDuration) {
        self.counts[bin.0] += 1;
        self.count += 1;
        self.sum_us += u128::from(value.0 / 1_000);
        self.max_ns = self.max_ns.max(value.0);
    }

    /// Adds a value `n` times.
    #[inline]
    pub fn record_n(&mut self, value: SimDuration, n: u64) {
        self.counts[bin_of(value.0)] += n;
        self.count += n;
        self.sum_us += u128::from(value.0 / 1_000) * u128::from(n);
        self.max_ns = self.max_ns.max(value.0);
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum_us += other.sum_us;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Forgets all values, keeping the memory.
    pub fn clear(&mut self) {
        if self.count > 0 {
            self.counts.fill(0);
        }
        (self.count, self.sum_us, self.max_ns) = (0, 0, 0);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Mean [s]; 0 when empty.
    pub fn mean_s(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum_us as f64 / 1e6 / self.count as f64 }
    }

    /// The value at quantile `q` in 0..=1 [s]: the middle of its bin, never above the largest
    /// value; `None` when empty.
    pub fn quantile_s(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for (bin, &count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                let middle = (lower_edge_ns(bin) + lower_edge_ns(bin + 1)) / 2;
                let value = if q >= 1.0 { self.max_ns } else { middle.min(self.max_ns) };
                return Some(value as f64 / 1e9);
            }
        }
        Some(self.max_ns as f64 / 1e9)
    }

    /// Filled bins: (upper edge [s], count).
    pub fn bins(&self) -> Vec<(f64, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(b, &count)| (lower_edge_ns(b + 1) as f64 / 1e9, count)).collect()
    }
}

/// The bin of a value [ns]: linear below the floor, then 64 an octave; the last takes the rest.
#[inline]
fn bin_of(value_ns: u64) -> usize {
    let units = value_ns >> (FLOOR_BITS - 6);
    if units < PER_OCTAVE {
        return units as usize;
    }
    let octave = 63 - units.leading_zeros() - 6;
    let within = (units >> octave) & (PER_OCTAVE - 1);
    ((u64::from(octave) + 1) * PER_OCTAVE + within).min(BINS as u64 - 1) as usize
}

/// Lower edge of a bin [ns].
fn lower_edge_ns(bin: usize) -> u64 {
    let (octave, within) = (bin as u64 / PER_OCTAVE, bin as u64 % PER_OCTAVE);
    let units = if octave == 0 { within } else { (PER_OCTAVE + within) << (octave - 1) };
    units << (FLOOR_BITS - 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_lies_in_its_own_bin_and_the_value_before_in_the_one_below() {
        for bin in 1..BINS {
            assert_eq!(bin_of(lower_edge_ns(bin)), bin);
            assert_eq!(bin_of(lower_edge_ns(bin) - 1), bin - 1);
        }
        assert_eq!(bin_of(u64::MAX), BINS - 1);
    }

    #[test]
    fn quantiles_are_within_the_stated_error() {
        let mut histogram = Histogram::new();
        for value_us in 1..=100_000u64 {
            histogram.record(SimDuration(value_us * 1_000));
        }
        for q in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let found = histogram.quantile_s(q).unwrap();
            assert!((found / (q * 0.1) - 1.0).abs() < 0.008, "{q}: {found}");
        }
        assert_eq!(histogram.quantile_s(1.0), Some(0.1));
        assert!((histogram.mean_s() - 0.050_000_5).abs() < 1e-9);
    }

    #[test]
    fn a_message_that_lay_for_two_days_is_told_from_one_that_lay_for_ten_hours() {
        let hours = |h: u64| SimDuration(h * 3_600_000_000_000);
        let mut histogram = Histogram::new();
        histogram.record_n(hours(10), 1 << 32);
        histogram.record_n(hours(48), 1 << 33);
        for (q, expected) in [(0.3, 10.0), (0.5, 48.0)] {
            let found = histogram.quantile_s(q).unwrap() / 3_600.0;
            assert!((found / expected - 1.0).abs() < 0.008, "{q}: {found}");
        }
    }

    #[test]
    fn merging_is_the_same_as_recording_together() {
        let (mut a, mut b, mut both) = (Histogram::new(), Histogram::new(), Histogram::new());
        for value in (0..50_000u64).map(|i| SimDuration(i * i * 31)) {
            if value.0 % 3 == 0 {
                a.record(value)
            } else {
                b.record(value)
            }
            both.record(value);
        }
        a.merge(&b);
        assert_eq!(a, both);
        a.clear();
        assert_eq!(a, Histogram::new());
    }
}
