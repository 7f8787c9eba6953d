//! Count samplers against the probability functions of `statrs`, with fixed seeds.

use statrs::distribution::{self as reference, ContinuousCDF, Discrete};

use super::*;
use crate::kernel::stream::RootSeed;

/// Chi-square of counts against a probability function, cells of at least 10 expected, and its
/// 99.99 % limit.
fn chi_square(draws: &[u64], pmf: impl Fn(u64) -> f64) -> (f64, f64) {
    let (least, most) = (*draws.iter().min().unwrap(), *draws.iter().max().unwrap());
    let mut counts = vec![0.0; (most - least + 1) as usize];
    for draw in draws {
        counts[(draw - least) as usize] += 1.0;
    }
    let total = draws.len() as f64;
    let mut cells = vec![];
    let (mut observed, mut expected, mut expected_sum) = (0.0, 0.0, 0.0);
    for (offset, count) in counts.iter().enumerate() {
        observed += count;
        // All that lies below the least draw belongs to the first cell.
        if offset == 0 {
            expected += (0..least).rev().take(1_000).map(&pmf).sum::<f64>() * total;
        }
        expected += pmf(least + offset as u64) * total;
        if expected >= 10.0 {
            cells.push((observed, expected));
            expected_sum += expected;
            (observed, expected) = (0.0, 0.0);
        }
    }
    cells.push((observed, total - expected_sum));
    // Cells too small to count on their own are joined to their neighbour.
    if cells.last().unwrap().1 < 10.0 && cells.len() > 1 {
        let (observed, expected) = cells.pop().unwrap();
        let last = cells.last_mut().unwrap();
        *last = (last.0 + observed, last.1 + expected);
    }
    let statistic = cells.iter().map(|(o, e)| (o - e) * (o - e) / e).sum();
    let law = reference::ChiSquared::new((cells.len() - 1).max(1) as f64).unwrap();
    (statistic, law.inverse_cdf(0.9999))
}

#[test]
fn poisson_counts_follow_the_reference() {
    for mean in [0.01, 0.8, 9.9, 10.0, 37.5, 800.0, 250_000.0] {
        let mut stream = Stream::named(RootSeed(21), "poisson");
        let draws: Vec<u64> = (0..100_000).map(|_| poisson(&mut stream, mean)).collect();
        let law = reference::Poisson::new(mean).unwrap();
        let (statistic, limit) = chi_square(&draws, |k| law.pmf(k));
        assert!(statistic < limit, "mean {mean}: {statistic} over {limit}");
    }
    let mut stream = Stream::named(RootSeed(21), "poisson");
    assert_eq!(poisson(&mut stream, 0.0), 0);
    assert_eq!(poisson(&mut stream, f64::NAN), 0);
    assert_eq!(poisson(&mut stream, -1.0), 0);
}

#[test]
fn binomial_counts_follow_the_reference() {
    let cases =
        [(1, 0.3), (20, 0.1), (20, 0.9), (40, 0.5), (1_000, 0.02), (1_000, 0.97), (100_000, 0.4)];
    for (n, p) in cases {
        let mut stream = Stream::named(RootSeed(22), "binomial");
        let draws: Vec<u64> = (0..100_000).map(|_| binomial(&mut stream, n, p)).collect();
        let law = reference::Binomial::new(p, n).unwrap();
        let (statistic, limit) = chi_square(&draws, |k| law.pmf(k));
        assert!(statistic < limit, "{n} of {p}: {statistic} over {limit}");
    }
    let mut stream = Stream::named(RootSeed(22), "binomial");
    assert_eq!(binomial(&mut stream, 9, 0.0), 0);
    assert_eq!(binomial(&mut stream, 9, 1.0), 9);
    assert_eq!(binomial(&mut stream, 9, 2.0), 9);
    assert_eq!(binomial(&mut stream, 0, 0.5), 0);
}

/// How the normal law with a term for skewness differs from the exact one, at the least variance
/// that it is used for.
#[test]
fn large_binomials_are_within_six_in_ten_thousand_of_the_exact_law() {
    let normal = reference::Normal::new(0.0, 1.0).unwrap();
    for (n, p) in [(602_u64, 0.5), (2_050, 0.08), (15_200, 0.01), (1_510_000, 0.0001)] {
        let (mean, variance) = (n as f64 * p, n as f64 * p * (1.0 - p));
        assert!(variance > NORMAL_FROM_VARIANCE && variance < 152.0);
        let (spread, skew) = (variance.sqrt(), (1.0 - 2.0 * p) / 6.0);
        let exact = reference::Binomial::new(p, n).unwrap();
        let mut below = 0.0;
        for k in 0..(mean + 8.0 * spread) as u64 {
            below += exact.pmf(k);
            // The root near (k + 1/2 - mean) / spread of
            // mean + spread z + skew (z^2 - 1) = k + 1/2.
            let off = k as f64 + 0.5 - mean + skew;
            let root = (spread * spread + 4.0 * skew * off).max(0.0).sqrt();
            let z = 2.0 * off / (spread + root);
            let difference = (normal.cdf(z) - below).abs();
            assert!(difference < 6e-4, "{k} of {n}, {p}: {difference}");
        }
    }
}

#[test]
fn counts_of_fifty_million_have_the_right_mean_and_spread() {
    let mut stream = Stream::named(RootSeed(23), "large");
    let (n, p) = (50_000_000_u64, 0.37);
    let trial_count = 20_000;
    let (mut sum, mut squares) = (0.0, 0.0);
    for _ in 0..trial_count {
        let deviation = binomial(&mut stream, n, p) as f64 - n as f64 * p;
        sum += deviation;
        squares += deviation * deviation;
    }
    let variance = n as f64 * p * (1.0 - p);
    let mean_in_errors = sum / trial_count as f64 / (variance / trial_count as f64).sqrt();
    assert!(mean_in_errors.abs() < 4.0, "{mean_in_errors}");
    let ratio = squares / trial_count as f64 / variance;
    assert!((ratio - 1.0).abs() < 4.0 * (2.0 / trial_count as f64).sqrt(), "{ratio}");
}

#[test]
fn count_probabilities_match_the_reference_in_the_far_tails() {
    let poisson_law = reference::Poisson::new(100.0).unwrap();
    for k in [0_u64, 1, 15, 16, 99, 100, 101, 250, 400] {
        let error = ln_poisson_pmf(k as f64, 100.0) - poisson_law.ln_pmf(k);
        assert!(error.abs() < 1e-10, "{k}: {error}");
    }
    let binomial_law = reference::Binomial::new(0.2, 500).unwrap();
    for k in [0_u64, 1, 20, 99, 100, 101, 300, 499, 500] {
        let error = ln_binomial_pmf(k as f64, 500.0, 0.2) - binomial_law.ln_pmf(k);
        assert!(error.abs() < 1e-9, "{k}: {error}");
    }
}

#[test]
fn hypergeometric_draws_have_their_law_in_every_regime() {
    // (good, bad, drawn): one by one in its four forms, inversion, and next to the ends.
    let cases = [
        (30, 70, 8),
        (8, 900, 300),
        (900, 8, 300),
        (300, 60, 352),
        (100, 300, 100),
        (2_000, 3_000, 40),
        (5_000, 70, 4_000),
        (40_000, 90_000, 1_500),
    ];
    let mut stream = Stream::named(RootSeed(11), "hypergeometric");
    for (good, bad, n) in cases {
        let draws: Vec<u64> =
            (0..20_000).map(|_| hypergeometric(&mut stream, good, bad, n)).collect();
        let law = reference::Hypergeometric::new(good + bad, good, n).unwrap();
        let (statistic, limit) = chi_square(&draws, |k| law.pmf(k));
        assert!(statistic < limit, "{good}, {bad}, {n}: {statistic} over {limit}");
    }
}

#[test]
fn large_hypergeometric_draws_have_their_mean_and_variance() {
    let (good, bad, n) = (3_000_000_u64, 5_000_000_u64, 1_000_000_u64);
    let mut stream = Stream::named(RootSeed(12), "hypergeometric");
    let draws: Vec<f64> =
        (0..20_000).map(|_| hypergeometric(&mut stream, good, bad, n) as f64).collect();
    let mean = draws.iter().sum::<f64>() / 20_000.0;
    let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / 19_999.0;
    let (share, all) = (good as f64 / 8e6, 8e6);
    let expected = n as f64 * share * (1.0 - share) * (all - n as f64) / (all - 1.0);
    assert!((mean - n as f64 * share).abs() < 4.0 * (expected / 20_000.0).sqrt(), "{mean}");
    assert!((variance / expected - 1.0).abs() < 0.04, "{variance} {expected}");
}

#[test]
fn hypergeometric_draws_stay_between_their_ends() {
    let mut stream = Stream::named(RootSeed(13), "hypergeometric");
    for (good, bad, n) in [(0, 5, 3), (5, 0, 3), (5, 5, 0), (5, 5, 10), (5, 5, 99), (1, 1, 1)] {
        for _ in 0..50 {
            let k = hypergeometric(&mut stream, good, bad, n);
            assert!(k <= good && k <= n && n.min(good + bad) - k <= bad, "{good} {bad} {n} {k}");
        }
    }
}
