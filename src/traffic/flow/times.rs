//! How long answers took that are not told apart: their mean, their variance and the least.

use crate::kernel::math;

/// Times of many, none of which is known by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Took {
    pub mean_s: f64,
    pub variance: f64,
    pub least_s: f64,
}

impl Took {
    /// All of them are so much longer [s].
    pub(super) fn later(self, by_s: f64) -> Took {
        Took { mean_s: self.mean_s + by_s, least_s: self.least_s + by_s, ..self }
    }

    /// The same for waits that were counted in whole steps of so long [s]: what they seem to differ
    /// by for that reason alone is taken off their variance.
    ///
    /// # Source
    /// A wait w is counted as a step or none, the former w / step of the times: a variance of
    /// w (step - w). Of longer ones any part of a step is as likely: step² / 6 in the mean.
    fn counted_in_steps(self, step_s: f64) -> Took {
        let by_steps = match self.mean_s < step_s {
            true => self.mean_s * (step_s - self.mean_s),
            false => step_s * step_s / 6.0,
        };
        Took { variance: (self.variance - by_steps).max(0.0), ..self }
    }

    /// How they are taken to be spread.
    ///
    /// # Source
    /// The only such law with their mean, variance and least time, if they are spread further than
    /// evenly from the least on (own derivation): a few that waited long stay apart from the many.
    pub(super) fn spread(&self) -> Spread {
        let above_s = (self.mean_s - self.least_s).max(0.0);
        let squares = self.variance + above_s * above_s;
        // Less is rounding.
        let any = above_s > 1e-9 && self.variance > 1e-18;
        if any && 4.0 * above_s * above_s < 3.0 * squares {
            let length_s = 1.5 * squares / above_s;
            return Spread {
                at_least: 1.0 - 2.0 * above_s / length_s,
                from_s: self.least_s,
                length_s,
            };
        }
        let half_s = math::sqrt(3.0 * self.variance).min(above_s);
        Spread { length_s: 2.0 * half_s, ..Spread::at(self.mean_s - half_s) }
    }
}

/// A part of them at one time, the others even over an interval from it on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    at_least: f64,
    from_s: f64,
    pub length_s: f64,
}

impl Spread {
    /// All of them at one time [s].
    pub(super) fn at(time_s: f64) -> Spread {
        Spread { at_least: 0.0, from_s: time_s, length_s: 0.0 }
    }

    /// The time that a part of them does not exceed [s].
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let beyond = (part - self.at_least).max(0.0) / (1.0 - self.at_least);
        self.from_s + self.length_s * beyond
    }

    /// Up to which part of them the number `number` of `parts` is: the first is those at one time,
    /// where there are any.
    pub(super) fn up_to(&self, number: u64, parts: u64) -> f64 {
        let first = u64::from(self.at_least > 0.0 && parts > 1);
        let others = parts - first;
        match number + 1 - first {
            0 => self.at_least,
            of if of == others => 1.0,
            of if first == 0 => of as f64 / others as f64,
            of => self.at_least + (1.0 - self.at_least) * of as f64 / others as f64,
        }
    }
}

/// Kinds of times that are told apart.
const KINDS: usize = 8;
/// Times that differ by less are of one kind, as a part of them and [s].
const OF_ONE_KIND: (f64, f64) = (1.0 / 8.0, 0.005);

/// Times of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    count: u64,
    sum_s: f64,
    squares: f64,
    least_s: f64,
}

impl Sums {
    fn took(&self) -> Took {
        let n = self.count as f64;
        let mean_s = self.sum_s / n;
        let variance = (self.squares / n - mean_s * mean_s).max(0.0);
        Took { mean_s, variance, least_s: self.least_s }
    }
}

/// How long answers took, in a few kinds: one call of two may have been made again, a request of a
/// queue in which who came last goes first may have been buried.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    kinds: [Sums; KINDS],
    /// Of these, so many are of something.
    used: usize,
    /// The longest step that they were counted in, if in whole steps [s].
    step_s: f64,
}

impl Times {
    /// All answers.
    pub(super) fn count(&self) -> u64 {
        self.kinds[..self.used].iter().map(|kind| kind.count).sum()
    }

    /// How many are of each kind, and how long they took.
    pub(super) fn each(&self) -> impl Iterator<Item = (u64, Took)> {
        let of = |kind: &Sums| (kind.count, kind.took().counted_in_steps(self.step_s));
        self.kinds[..self.used].iter().map(of)
    }

    /// Adds answers that took so long, counted in whole steps of so long if at all [s]: to the kind
    /// that is like them, else as one of their own, else to the nearest.
    pub(super) fn add(&mut self, count: u64, time: Took, step_s: f64) {
        if count == 0 {
            return;
        }
        self.step_s = self.step_s.max(step_s);
        let mut apart_s = match self.used {
            KINDS => f64::INFINITY,
            _ => OF_ONE_KIND.1.max(self.step_s) + OF_ONE_KIND.0 * time.mean_s,
        };
        let mut place = self.used;
        for (other, kind) in self.kinds[..self.used].iter().enumerate() {
            let by_s = (kind.sum_s / kind.count as f64 - time.mean_s).abs();
            if by_s < apart_s {
                (apart_s, place) = (by_s, other);
            }
        }
        let (kind, n) = (&mut self.kinds[place], count as f64);
        let before_s = if place == self.used { f64::INFINITY } else { kind.least_s };
        kind.least_s = before_s.min(time.least_s);
        kind.count += count;
        kind.sum_s += time.mean_s * n;
        kind.squares += (time.mean_s * time.mean_s + time.variance) * n;
        self.used = self.used.max(place + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Times, Took};

    /// Mean, variance and least of the law that a time is spread by.
    fn of_law(time: Took) -> Took {
        let spread = time.spread();
        let n = 1_000_000;
        let values = (0..n).map(|number| spread.quantile((f64::from(number) + 0.5) / f64::from(n)));
        let mean_s = values.clone().sum::<f64>() / f64::from(n);
        let squares = values.map(|value| (value - mean_s).powi(2)).sum::<f64>();
        Took { mean_s, variance: squares / f64::from(n), least_s: spread.quantile(0.0) }
    }

    #[test]
    fn the_law_has_their_moments() {
        for (variance, least_s) in
            [(0.0, 0.5), (0.01, 0.5), (0.25 / 3.0, 0.5), (0.3, 0.5), (4.0, 0.9)]
        {
            let time = Took { mean_s: 1.0, variance, least_s };
            let law = of_law(time);
            assert!((law.mean_s - 1.0).abs() < 1e-5, "{time:?}: {law:?}");
            assert!((law.variance - variance).abs() < 1e-4 * (1.0 + variance), "{time:?}: {law:?}");
            assert!(law.least_s >= least_s - 1e-9, "{time:?}: {law:?}");
        }
    }

    #[test]
    fn parts_are_all_of_them() {
        for time in [(0.3, 0.5), (0.01, 0.5)].map(|(variance, least_s)| Took {
            mean_s: 1.0,
            variance,
            least_s,
        }) {
            let spread = time.spread();
            for parts in 1..=8 {
                let ends: Vec<f64> = (0..parts).map(|number| spread.up_to(number, parts)).collect();
                assert!(
                    ends.is_sorted() && ends[0] > 0.0 && ends[ends.len() - 1] == 1.0,
                    "{ends:?}"
                );
            }
        }
    }

    #[test]
    fn steps_are_no_spread() {
        let at = |mean_s: f64| Took { mean_s, variance: 0.0, least_s: mean_s };
        // Each has waited for 30 ms, which three in ten were counted to have for a step of 100 ms.
        let mut times = Times::default();
        times.add(700, at(0.0), 0.1);
        times.add(300, at(0.1), 0.1);
        let (count, took) = times.each().next().expect("answers");
        assert_eq!((count, times.each().count()), (1_000, 1));
        assert!((took.mean_s - 0.03).abs() < 1e-12 && took.variance < 1e-12, "{took:?}");
    }

    #[test]
    fn a_few_long_ones_stay_apart() {
        let mut times = Times::default();
        let at = |mean_s: f64| Took { mean_s, variance: 0.0, least_s: mean_s };
        for number in 0..1_000 {
            times.add(99, at(0.3 + f64::from(number) * 1e-5), 0.0);
            times.add(1, at(0.8), 0.0);
        }
        let kinds: Vec<(u64, Took)> = times.each().collect();
        assert_eq!(kinds.iter().map(|kind| kind.0).collect::<Vec<u64>>(), [99_000, 1_000]);
        assert!((kinds[0].1.mean_s - 0.305).abs() < 1e-4 && (kinds[1].1.mean_s - 0.8).abs() < 1e-9);
    }
}
