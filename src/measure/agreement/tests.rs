//! Comparisons by hand.

use super::*;

fn same(value: f64) -> f64 {
    0.02 * value
}

fn finding(exact: &[f64], flow: &[f64]) -> Finding {
    compared("x", Quantity::Count, exact, flow, same).finding
}

#[test]
fn noise_is_told_from_disagreement() {
    let exact = [100.0, 101.0, 99.0, 100.0];
    assert_eq!(finding(&exact, &[100.5, 101.5, 99.5, 100.5]), Finding::Agrees);
    assert_eq!(finding(&exact, &[110.0, 111.0, 109.0, 110.0]), Finding::Missed);
    assert_eq!(finding(&exact, &[120.0, 80.0, 125.0, 81.0]), Finding::Undecided);
    assert_eq!(finding(&[5.0, 5.0], &[5.0, 5.0]), Finding::Agrees, "no spread, no difference");
}

#[test]
fn the_spread_is_that_of_the_differences() {
    // Common luck: each seed moves both alike, and the differences are all the same.
    let row = compared("x", Quantity::Count, &[90.0, 110.0], &[91.0, 111.0], same);
    assert_eq!((row.off(), row.se), (1.0, 0.0));
    assert!((row.exact_sd - 200f64.sqrt()).abs() < 1e-12 && row.exact_sd == row.flow_sd);
}

/// Two-sided values of R's `fisher.test(matrix(c(a, n - a, b, n - b), 2))`, by hand: for n = 4,
/// (4, 0): 2 / C(8, 4) = 2 / 70; for n = 3, (1, 0): 1.
#[test]
fn the_exact_test_of_two_counts() {
    for (trials, a, b, expected) in [(4, 4, 0, 2.0 / 70.0), (3, 1, 0, 1.0), (5, 0, 0, 1.0)] {
        let p = fisher(trials, a, b);
        assert!((p - expected).abs() < 1e-12, "{trials} {a} {b}: {p}");
    }
    assert!((fisher(20, 6, 1) - fisher(20, 1, 6)).abs() < 1e-12);
    // The two counts that DESIGN.md, section 1 tells of: 6 of 20 against 1 of 20.
    assert!((fisher(20, 6, 1) - 0.0915).abs() < 5e-4, "{}", fisher(20, 6, 1));
}

#[test]
fn what_is_seen_as_often_agrees() {
    let of = |trials, exact, flow| chance("x", trials, exact, flow).finding;
    assert_eq!(of(100, 33, 24), Finding::Agrees);
    assert_eq!(of(100, 33, 15), Finding::Missed);
    assert_eq!(of(8, 3, 2), Finding::Undecided, "too few to tell");
    assert_eq!((of(8, 0, 0), of(8, 8, 8)), (Finding::Agrees, Finding::Agrees));
    assert_eq!(of(2, 0, 2), Finding::Missed, "in all of one, in none of the other");
}
