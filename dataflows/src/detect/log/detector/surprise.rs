//! How unlikely a count is.

/// The natural logarithm of `n!`, by Stirling's series.
fn ln_factorial(n: f64) -> f64 {
    if n < 2.0 {
        return 0.0;
    }
    let tau = std::f64::consts::TAU;
    n * n.ln() - n + 0.5 * (tau * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n * n * n)
}

/// `-log10 P(X >= lines)` for a Poisson count of which `expected` are expected.
///
/// The tail is its first term times the sum of a geometric series that bounds the rest.
pub(super) fn poisson(lines: u64, expected: f64) -> f64 {
    let (lines, expected) = (lines as f64, expected.max(1e-3));
    if lines <= expected {
        return 0.0;
    }
    let first = lines * expected.ln() - expected - ln_factorial(lines);
    let rest = -(1.0 - expected / (lines + 1.0)).ln();
    (-(first + rest) / std::f64::consts::LN_10).max(0.0)
}

#[test]
fn tails_are_those_of_the_table() {
    let near = |lines, expected, table: f64| {
        let found = poisson(lines, expected);
        assert!((found - table).abs() < 0.05, "P(X >= {lines} | {expected}): {found}, not {table}");
    };
    // 1 - sum of e^-m m^k / k!, as decades.
    near(5, 1.0, 2.437);
    near(10, 2.0, 4.333);
    near(30, 10.0, 6.640);
    assert_eq!(poisson(3, 3.0), 0.0);
    assert!(poisson(1_000_000, 0.0) > 1e6);
}
