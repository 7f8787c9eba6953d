//! A law given as a table: cumulative probability against time, straight between the points.

use serde::Serialize;

/// Points (cumulative probability, time [s]) of a distribution, both never falling.
///
/// A first probability above 0 is the share at exactly the first time; the last must be 1. Two
/// points of one time are a jump in probability (many draws of just that time), two points of one
/// probability a gap in time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct EmpiricalTable {
    points: Vec<(f64, f64)>,
}

/// What keeps a table from being a cumulative distribution of times.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EmpiricalError {
    /// There is no point at all.
    #[error("the table has no points")]
    Empty,
    /// A point is no number, a probability outside 0 to 1, or a negative time.
    #[error("point {index}: probability {probability} and time {seconds} s are not possible")]
    Impossible {
        /// Place in the table, from 0.
        index: usize,
        /// Its cumulative probability.
        probability: f64,
        /// Its time [s].
        seconds: f64,
    },
    /// A point falls behind the one before it.
    #[error("point {index}: probability and time must not be less than at the point before")]
    Unsorted {
        /// Place in the table, from 0.
        index: usize,
    },
    /// The last probability is not 1.
    #[error("the last probability is {probability}; it must be 1 (100 %)")]
    Incomplete {
        /// The last cumulative probability.
        probability: f64,
    },
}

impl EmpiricalTable {
    /// Checks and keeps a table.
    ///
    /// # Errors
    /// See [`EmpiricalError`]; the first one found.
    pub fn new(points: &[(f64, f64)]) -> Result<EmpiricalTable, EmpiricalError> {
        let mut previous = (0.0, 0.0);
        for (index, &(probability, seconds)) in points.iter().enumerate() {
            let possible =
                (0.0..=1.0).contains(&probability) && seconds.is_finite() && seconds >= 0.0;
            if !possible {
                return Err(EmpiricalError::Impossible { index, probability, seconds });
            }
            if probability < previous.0 || seconds < previous.1 {
                return Err(EmpiricalError::Unsorted { index });
            }
            previous = (probability, seconds);
        }
        match points.last() {
            None => Err(EmpiricalError::Empty),
            Some(&(probability, _)) if probability != 1.0 => {
                Err(EmpiricalError::Incomplete { probability })
            }
            Some(_) => Ok(EmpiricalTable { points: points.to_vec() }),
        }
    }

    /// The points (cumulative probability, time [s]), sorted.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    pub(super) fn mean(&self) -> f64 {
        self.integral(|low, high| 0.5 * (low + high))
    }

    pub(super) fn variance(&self) -> f64 {
        // About the mean, not as a difference of two large numbers.
        let mean = self.mean();
        self.integral(|low, high| {
            let (low, high) = (low - mean, high - mean);
            (low * low + low * high + high * high) / 3.0
        })
    }

    /// Sum over the segments of their probability times `of_segment(first time, last time)`.
    fn integral(&self, of_segment: impl Fn(f64, f64) -> f64) -> f64 {
        let (mut previous_p, mut previous_x) = (0.0, self.points[0].1);
        let mut sum = 0.0;
        for &(p, x) in &self.points {
            sum += (p - previous_p) * of_segment(previous_x, x);
            (previous_p, previous_x) = (p, x);
        }
        sum
    }

    #[inline]
    pub(super) fn quantile(&self, p: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < p);
        let Some(&(high_p, high_x)) = self.points.get(after) else {
            return self.points[self.points.len() - 1].1;
        };
        if after == 0 {
            return high_x;
        }
        let (low_p, low_x) = self.points[after - 1];
        // partition_point leaves low_p < p <= high_p, so the segment has a width.
        low_x + (high_x - low_x) * ((p - low_p) / (high_p - low_p))
    }

    pub(super) fn cdf(&self, x: f64) -> f64 {
        let after = self.points.partition_point(|point| point.1 <= x);
        if after == 0 {
            return 0.0;
        }
        let (low_p, low_x) = self.points[after - 1];
        match self.points.get(after) {
            None => 1.0,
            Some(&(high_p, high_x)) => low_p + (high_p - low_p) * ((x - low_x) / (high_x - low_x)),
        }
    }
}
