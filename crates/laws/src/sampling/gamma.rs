//! Ratios of gamma functions and their derivatives, without the cancellation of large arguments.

/// ln [Γ(x + m) / Γ(x)] for x > 0, m >= 0.
///
/// Above x = 10 by Stirling's series with the large terms cancelled by hand (NIST Digital Library
/// of Mathematical Functions, 5.11.1), so that it keeps its digits where m is far smaller than x.
pub(crate) fn ln_rising(x: f64, m: f64) -> f64 {
    if m == 0.0 {
        return 0.0;
    }
    if x < 10.0 {
        // The recurrence lifts x over 10 on both sides.
        let (mut lift, mut low) = (0.0, x);
        if m > 16.0 || m.fract() != 0.0 {
            while low < 10.0 {
                lift += (m / low).ln_1p();
                low += 1.0;
            }
            return ln_rising(low, m) - lift;
        }
        for j in 0..m as u32 {
            lift += (x + f64::from(j)).ln();
        }
        return lift;
    }
    let top = x + m;
    m * x.ln() + ((top - 0.5) * (m / x).ln_1p() - m) + (stirling(top) - stirling(x))
}

/// What Stirling's formula leaves of ln Γ(x), for x >= 10 to 1e-16.
fn stirling(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y * (1.0 / 1188.0)))))
        / x
}

/// ψ(x + m) - ψ(x) and ψ'(x + m) - ψ'(x) for x > 0, m >= 0.
pub(crate) fn rising_derivatives(x: f64, m: f64) -> (f64, f64) {
    if m <= 16.0 && m.fract() == 0.0 {
        let (mut first, mut second) = (0.0, 0.0);
        for j in 0..m as u32 {
            let term = 1.0 / (x + f64::from(j));
            first += term;
            second -= term * term;
        }
        return (first, second);
    }
    let (high, low) = (polygamma(x + m), polygamma(x));
    (high.0 - low.0, high.1 - low.1)
}

/// ψ(x) and ψ'(x) for x > 0, by recurrence up to 10 and the asymptotic series from there (NIST
/// Digital Library of Mathematical Functions, 5.11.2 and its derivative).
fn polygamma(x: f64) -> (f64, f64) {
    let (mut digamma, mut trigamma, mut x) = (0.0, 0.0, x);
    while x < 10.0 {
        let term = 1.0 / x;
        digamma -= term;
        trigamma += term * term;
        x += 1.0;
    }
    let r = 1.0 / x;
    let y = r * r;
    digamma += x.ln()
        - 0.5 * r
        - y * (1.0 / 12.0
            - y * (1.0 / 120.0
                - y * (1.0 / 252.0
                    - y * (1.0 / 240.0 - y * (1.0 / 132.0 - y * (691.0 / 32760.0))))));
    trigamma += r
        + 0.5 * y
        + r * y
            * (1.0 / 6.0
                - y * (1.0 / 30.0
                    - y * (1.0 / 42.0
                        - y * (1.0 / 30.0 - y * (5.0 / 66.0 - y * (691.0 / 2730.0))))));
    (digamma, trigamma)
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::gamma::{digamma, ln_gamma};

    #[test]
    fn the_ratio_agrees_with_an_independent_log_gamma() {
        for x in [1e-3, 0.2, 1.0, 3.7, 9.99, 10.0, 65.6, 1e4] {
            for m in [0.3, 1.0, 7.0, 16.0, 17.0, 100.5, 1e4, 1e7] {
                let expected = ln_gamma(x + m) - ln_gamma(x);
                let error = (ln_rising(x, m) - expected).abs() / (1.0 + ln_gamma(x + m).abs());
                assert!(error < 1e-13, "{x} {m}: {error:e}");
            }
        }
    }

    #[test]
    fn the_derivatives_agree_with_an_independent_digamma_and_with_differences() {
        for x in [1e-3, 0.2, 1.0, 3.7, 10.0, 65.6, 1e4] {
            for m in [1.0, 7.0, 16.0, 17.0, 1e4, 1e7] {
                let (first, second) = rising_derivatives(x, m);
                let expected = digamma(x + m) - digamma(x);
                assert!((first / expected - 1.0).abs() < 1e-10, "{x} {m}: {first} {expected}");
                let h = 1e-4 * x;
                let slope =
                    (rising_derivatives(x + h, m).0 - rising_derivatives(x - h, m).0) / (2.0 * h);
                assert!((second / slope - 1.0).abs() < 1e-5, "{x} {m}: {second} {slope}");
            }
        }
    }

    #[test]
    fn digits_stay_where_the_step_is_tiny_beside_the_argument() {
        // Γ(x + 1) / Γ(x) = x, Γ(x + 2) / Γ(x) = x (x + 1).
        for x in [12.0, 1e6, 1e12, 1e18] {
            assert!((ln_rising(x, 1.0) - x.ln()).abs() < 1e-14 * x.ln());
            let half = ln_rising(x, 0.5) + ln_rising(x + 0.5, 0.5);
            assert!((half - x.ln()).abs() < 1e-13, "{x}");
        }
    }
}
