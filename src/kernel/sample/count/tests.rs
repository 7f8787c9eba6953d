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

/// Largest difference between the law of a rounded [`bent`] normal variable and the exact one of
/// these probabilities.
fn off_by(mean: f64, cumulants: (f64, f64, f64), most: u64, pmf: impl Fn(u64) -> f64) -> f64 {
    let normal = reference::Normal::new(0.0, 1.0).unwrap();
    let (variance, third, fourth) = cumulants;
    let (mut below, mut off) = (0.0, 0.0_f64);
    for k in 0..most {
        below += pmf(k);
        let (mut low, mut high) = (-9.0, 9.0);
        for _ in 0..60 {
            let z = 0.5 * (low + high);
            match mean + bent(z, variance, third, fourth) < k as f64 + 0.5 {
                true => low = z,
                false => high = z,
            }
        }
        off = off.max((normal.cdf(low) - below).abs());
    }
    off
}

/// At the least mean or variance that it is used for, where it is worst.
#[test]
fn counts_by_cumulants_are_within_two_in_ten_thousand_of_the_exact_law() {
    let mean = BY_CUMULANTS_FROM;
    let law = reference::Poisson::new(mean).unwrap();
    let off = off_by(mean, (mean, mean, mean), 60, |k| law.pmf(k));
    assert!(off < 2e-4, "Poisson: {off}");
    for (n, p) in [(20_u64, 0.5), (125, 0.08), (1_000, 0.01), (100_000, 0.0001)] {
        let (mean, variance) = (n as f64 * p, n as f64 * p * (1.0 - p));
        assert!((BY_CUMULANTS_FROM..1.01 * BY_CUMULANTS_FROM).contains(&mean));
        let cumulants = binomial_cumulants(variance, p);
        let law = reference::Binomial::new(p, n).unwrap();
        let off = off_by(mean, (variance, cumulants.0, cumulants.1), n.min(60), |k| law.pmf(k));
        assert!(off < 2e-4, "{n} of {p}: {off}");
    }
    for (good, bad, n) in [(90, 90, 80), (200, 200, 46), (30, 3_000, 1_500), (120, 12_000, 1_110)] {
        let (g, b, m) = (good as f64, bad as f64, n as f64);
        let share = m / (g + b);
        let variance = g * share * (1.0 - share) * b / (g + b - 1.0);
        let (third, fourth) = hypergeometric_cumulants(g, b, m, variance);
        let law = reference::Hypergeometric::new(good + bad, good, n).unwrap();
        let off = off_by(g * share, (variance, third, fourth), good.min(n), |k| law.pmf(k));
        assert!(off < 3e-4, "{good}, {bad}, {n} (variance {variance}): {off}");
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
    let binomial_law = reference::Binomial::new(0.2, 500).unwrap();
    for k in [0_u64, 1, 20, 99, 100, 101, 300, 499, 500] {
        let Probability { square, exponent } = binomial_pmf(k as f64, 500.0, 0.2);
        let error = 0.5 * math::ln(square) + exponent - binomial_law.ln_pmf(k);
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
