//! Samplers against the distributions of `statrs` and the samplers of `rand_distr`, with fixed
//! seeds.

use statrs::distribution::{self as reference, ContinuousCDF};

use super::*;
use crate::kernel::stream::{RootSeed, Stream};

/// A cumulative distribution function.
type Cdf = Box<dyn Fn(f64) -> f64>;

fn laws_with_references() -> Vec<(Distribution, Cdf)> {
    let gamma = |shape, scale: f64| {
        let law = reference::Gamma::new(shape, 1.0 / scale).unwrap();
        let cdf: Cdf = Box::new(move |x| law.cdf(x));
        (Distribution::Gamma { shape, scale }, cdf)
    };
    let lognormal = reference::LogNormal::new(-3.0, 0.9).unwrap();
    let exponential = reference::Exp::new(1.0 / 0.05).unwrap();
    let weibull = reference::Weibull::new(0.7, 2.0).unwrap();
    let pareto = reference::Pareto::new(0.5, 2.5).unwrap();
    let uniform = reference::Uniform::new(1.0, 3.0).unwrap();
    vec![
        (Distribution::Exponential { mean: 0.05 }, Box::new(move |x| exponential.cdf(x)) as Cdf),
        (Distribution::Lognormal { mu: -3.0, sigma: 0.9 }, Box::new(move |x| lognormal.cdf(x))),
        gamma(0.3, 2.0),
        gamma(1.0, 0.01),
        gamma(7.5, 0.2),
        gamma(400.0, 1.0),
        (Distribution::Weibull { shape: 0.7, scale: 2.0 }, Box::new(move |x| weibull.cdf(x))),
        (Distribution::Pareto { shape: 2.5, minimum: 0.5 }, Box::new(move |x| pareto.cdf(x))),
        (
            Distribution::empirical(&[(0.0, 1.0), (0.25, 1.5), (1.0, 3.0)]).unwrap(),
            Box::new(move |x| uniform.cdf(x)),
        ),
    ]
}

fn samples(law: &Distribution, count: usize) -> Vec<f64> {
    let mut stream = Stream::named(RootSeed(11), "samples");
    (0..count).map(|_| law.sample(stream.luck())).collect()
}

fn quick_samples(law: &Distribution, count: usize) -> Vec<f64> {
    let mut stream = Stream::named(RootSeed(12), "quick samples");
    (0..count).map(|_| law.sample_quickly(stream.luck())).collect()
}

/// Greatest distance between the share of the sample up to x and `cdf(x)`, times the root of the
/// count.
fn kolmogorov_smirnov(mut sample: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let n = sample.len() as f64;
    let distance = sample.iter().enumerate().fold(0.0_f64, |most, (rank, &x)| {
        let p = cdf(x);
        most.max(p - rank as f64 / n).max((rank + 1) as f64 / n - p)
    });
    distance * n.sqrt()
}

// Quantile of the Kolmogorov distribution at 99.99 %: nine laws, one fixed seed.
const KOLMOGOROV_LIMIT: f64 = 2.23;

#[test]
fn samples_follow_the_reference_distribution() {
    for (law, cdf) in laws_with_references() {
        let distance = kolmogorov_smirnov(samples(&law, 100_000), cdf);
        assert!(distance < KOLMOGOROV_LIMIT, "{law:?}: {distance}");
    }
}

#[test]
fn quick_samples_follow_the_reference_distribution() {
    for (law, cdf) in laws_with_references() {
        let sample = quick_samples(&law, 400_000);
        let mean = sample.iter().sum::<f64>() / sample.len() as f64;
        let standard_error = (law.variance() / sample.len() as f64).sqrt();
        assert!((mean - law.mean()).abs() < 4.0 * standard_error, "{law:?}: mean {mean}");
        let distance = kolmogorov_smirnov(sample, cdf);
        assert!(distance < KOLMOGOROV_LIMIT, "{law:?}: {distance}");
    }
}

#[test]
fn quick_samples_of_a_slower_law_of_one_kind_are_slower() {
    let pairs = [
        (Distribution::Exponential { mean: 1.0 }, Distribution::Exponential { mean: 1.1 }),
        (
            Distribution::Lognormal { mu: 0.0, sigma: 0.5 },
            Distribution::Lognormal { mu: 0.1, sigma: 0.5 },
        ),
    ];
    for (fast, slow) in pairs {
        for number in 0..10_000 {
            let luck = Luck(number);
            assert!(fast.sample_quickly(luck) < slow.sample_quickly(luck), "{number}");
        }
    }
}

#[test]
fn the_smirnov_test_sees_a_wrong_scale() {
    let law = reference::Gamma::new(7.5, 5.0).unwrap();
    let sample = samples(&Distribution::Gamma { shape: 7.5, scale: 0.203 }, 100_000);
    assert!(kolmogorov_smirnov(sample, |x| law.cdf(x)) > KOLMOGOROV_LIMIT);
}

#[test]
fn cdf_and_quantile_agree_with_the_reference_and_with_each_other() {
    for (law, cdf) in laws_with_references() {
        for p in [0.001, 0.01, 0.2, 0.5, 0.8, 0.99, 0.999_9] {
            let x = law.quantile(p);
            assert!((cdf(x) - p).abs() < 1e-9, "{law:?}: reference at p {p}: {}", cdf(x));
            assert!((law.cdf(x) - p).abs() < 1e-12, "{law:?}: own at p {p}: {}", law.cdf(x));
        }
        assert_eq!(law.cdf(-1.0), 0.0);
    }
}

#[test]
fn moments_of_samples_are_those_of_the_law() {
    for (law, _) in laws_with_references() {
        let count = 200_000;
        let sample = samples(&law, count);
        let mean = sample.iter().sum::<f64>() / count as f64;
        let standard_error = (law.variance() / count as f64).sqrt();
        let deviation = (mean - law.mean()).abs() / standard_error;
        assert!(deviation < 4.0, "{law:?}: mean {mean} against {}", law.mean());
        // The fourth moment of a Pareto law of shape 2.5 is infinite: no test of its variance
        // converges.
        if !matches!(law, Distribution::Pareto { .. }) {
            let squares = sample.iter().map(|x| (x - law.mean()).powi(2)).sum::<f64>();
            let ratio = squares / count as f64 / law.variance();
            assert!((ratio - 1.0).abs() < 0.05, "{law:?}: variance off by {ratio}");
        }
    }
}

#[test]
fn a_sample_is_the_quantile_of_its_draw_where_the_inverse_is_used() {
    for (law, _) in laws_with_references() {
        if matches!(law, Distribution::Gamma { .. }) {
            continue;
        }
        for number in 0..1_000 {
            let luck = Luck(number);
            let expected = law.quantile(1.0 - luck.open_uniform(0));
            let found = law.sample(luck);
            assert!((found / expected - 1.0).abs() < 1e-9, "{law:?}: {found} {expected}");
        }
    }
}

#[test]
fn gamma_samples_agree_with_those_of_rand_distr() {
    // Two samples, two generators: their mean logarithms (sensitive at the small end) must agree.
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    use rand_distr::Distribution as _;
    let other = rand_distr::Gamma::new(0.3, 2.0).unwrap();
    let mut generator = ChaCha8Rng::seed_from_u64(5);
    let count = 100_000;
    let theirs = (0..count).map(|_| math::ln(other.sample(&mut generator))).sum::<f64>();
    let ours = samples(&Distribution::Gamma { shape: 0.3, scale: 2.0 }, count);
    let ours = ours.into_iter().map(math::ln).sum::<f64>();
    // Variance of the logarithm: trigamma(0.3) = 12.2.
    let standard_error = (2.0 * 12.2 / count as f64).sqrt();
    assert!(((ours - theirs) / count as f64).abs() < 4.0 * standard_error);
}

#[test]
fn fits_return_to_the_moments_given() {
    let quantile = |p, value| Moment::Quantile { p, value };
    let pairs = [
        [Moment::Median(0.003), quantile(0.99, 0.025)],
        [Moment::Mean(0.004), quantile(0.99, 0.025)],
        [Moment::Mean(0.004), Moment::Median(0.003)],
        [quantile(0.9, 0.010), quantile(0.999, 0.050)],
        [Moment::Median(720.0), quantile(0.95, 1_800.0)],
    ];
    for kind in [
        DistributionKind::Lognormal,
        DistributionKind::Gamma,
        DistributionKind::Weibull,
        DistributionKind::Pareto,
    ] {
        for pair in pairs {
            for moments in [pair, [pair[1], pair[0]]] {
                let law = Distribution::fit(kind, &moments).unwrap();
                for moment in moments {
                    let found = match moment {
                        Moment::Mean(_) => law.mean(),
                        Moment::Median(_) => law.quantile(0.5),
                        Moment::Quantile { p, .. } => law.quantile(p),
                    };
                    let error = (found / moment.value() - 1.0).abs();
                    assert!(error < 1e-8, "{law:?} from {moments:?}: {moment} found {found}");
                }
            }
        }
    }
}

#[test]
fn one_moment_fits_the_laws_of_one_parameter() {
    let mean = |moment| Distribution::fit(DistributionKind::Exponential, &[moment]).unwrap().mean();
    assert_eq!(mean(Moment::Mean(0.004)), 0.004);
    assert!((mean(Moment::Median(1.0)) - 1.0 / std::f64::consts::LN_2).abs() < 1e-15);
    assert!((mean(Moment::Quantile { p: 0.99, value: 4.605_170_185_988_09 }) - 1.0).abs() < 1e-13);
    let constant = Distribution::fit(DistributionKind::Constant, &[Moment::Median(0.0)]);
    assert_eq!(constant, Ok(Distribution::Constant { value: 0.0 }));
}

#[test]
fn of_two_lognormals_with_one_mean_and_one_p99_the_calmer_is_taken() {
    let moments = [Moment::Mean(1.0), Moment::Quantile { p: 0.99, value: 5.0 }];
    let law = Distribution::fit(DistributionKind::Lognormal, &moments).unwrap();
    // sigma = z - sqrt(z^2 - 2 ln 5), from ln p99 = mu + z sigma and mu = -sigma^2 / 2.
    let z = math::inverse_normal(0.99);
    let sigma_expected = z - (z * z - 2.0 * math::ln(5.0)).sqrt();
    let Distribution::Lognormal { sigma, .. } = law else { panic!("{law:?}") };
    assert!((sigma - sigma_expected).abs() < 1e-12);
}

#[test]
fn impossible_moments_are_refused_with_their_reason() {
    let p99 = |value| Moment::Quantile { p: 0.99, value };
    let message = |kind, moments: &[Moment]| {
        Distribution::fit(kind, moments).expect_err("no law has these moments").to_string()
    };
    use DistributionKind::{Exponential, Gamma, Lognormal, Pareto};
    let cases = [
        (
            message(Lognormal, &[Moment::Median(0.025), p99(0.003)]),
            "the p99 of 3ms must be above the median of 25ms",
        ),
        (
            message(Lognormal, &[Moment::Mean(0.003), Moment::Median(0.004)]),
            "no lognormal has a mean of 3ms and a median of 4ms (nearly) as given",
        ),
        (
            message(Lognormal, &[Moment::Mean(0.001), p99(1.0)]),
            "no lognormal has a mean of 1ms and a p99 of 1s (nearly) as given",
        ),
        (
            message(Pareto, &[Moment::Mean(1.0)]),
            "pareto takes 2 of mean, median and quantiles, not 1",
        ),
        (
            message(Exponential, &[Moment::Mean(1.0), Moment::Median(1.0)]),
            "exponential takes 1 of mean, median and quantiles, not 2",
        ),
        (message(Exponential, &[Moment::Mean(-1.0)]), "the mean of -1 s must be a positive time"),
        (
            message(Gamma, &[Moment::Mean(f64::NAN), p99(1.0)]),
            "the mean of NaN s must be a positive time",
        ),
        (
            message(Gamma, &[Moment::Median(1.0), Moment::Quantile { p: 0.5, value: 2.0 }]),
            "the median of 1s and the p50 of 2s say the same thing twice",
        ),
        (
            message(Gamma, &[Moment::Median(1.0), Moment::Quantile { p: 1.0, value: 2.0 }]),
            "the share of a quantile must lie between 0 and 1, not be 1",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
    assert_eq!(Moment::Quantile { p: 0.999, value: 0.25 }.to_string(), "p99.9 of 250ms");
}

#[test]
fn pareto_moments_are_infinite_where_they_are() {
    let law = |shape| Distribution::Pareto { shape, minimum: 1.0 };
    assert_eq!(law(1.0).mean(), f64::INFINITY);
    assert_eq!(law(2.0).variance(), f64::INFINITY);
    assert_eq!(law(2.0).mean(), 2.0);
    assert_eq!(law(3.0).variance(), 0.75);
}

#[test]
fn empirical_tables_hold_jumps_and_gaps() {
    // Half of all draws take exactly 1 s, the rest lies between 3 s and 4 s.
    let law = Distribution::empirical(&[(0.5, 1.0), (0.5, 3.0), (1.0, 4.0)]).unwrap();
    assert_eq!(law.quantile(0.2), 1.0);
    assert_eq!(law.quantile(0.5), 1.0);
    assert_eq!(law.quantile(0.75), 3.5);
    assert_eq!(law.quantile(1.0), 4.0);
    assert_eq!(law.cdf(0.9), 0.0);
    assert_eq!(law.cdf(1.0), 0.5);
    assert_eq!(law.cdf(2.0), 0.5);
    assert_eq!(law.cdf(3.5), 0.75);
    assert_eq!(law.mean(), 0.5 * 1.0 + 0.5 * 3.5);
    let variance = 0.25 * 2.5 * 2.5 + 0.5 / 12.0;
    assert!((law.variance() - variance).abs() < 1e-12);
}

#[test]
fn tables_that_are_no_distribution_are_refused() {
    let refuse = |points: &[(f64, f64)]| Distribution::empirical(points).unwrap_err();
    assert_eq!(refuse(&[]), EmpiricalError::Empty);
    assert_eq!(refuse(&[(0.5, 1.0), (0.4, 2.0)]), EmpiricalError::Unsorted { index: 1 });
    assert_eq!(refuse(&[(0.5, 1.0), (1.0, 0.5)]), EmpiricalError::Unsorted { index: 1 });
    assert_eq!(refuse(&[(0.5, 1.0)]), EmpiricalError::Incomplete { probability: 0.5 });
    for point in [(1.5, 1.0), (0.5, -1.0), (f64::NAN, 1.0), (0.5, f64::INFINITY)] {
        assert!(matches!(refuse(&[point]), EmpiricalError::Impossible { index: 0, .. }));
    }
}
