//! The incomplete beta function and its inverse, on which `beta`, `pert` and `student` stand.

use crate::solve::root;

/// `(I_x(a, b), 1 - I_x(a, b))`, both without cancellation; `y` is `1 - x`, given apart so that it
/// keeps its digits when `x` is close to 1.
///
/// Continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions, by Lentz's
/// method. Relative error about 1e-13 for small shapes, growing to 1e-9 at shapes of a million.
pub(crate) fn tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    tails_scaled(a, b, ln_beta(a, b), x, y)
}

/// [`tails`] with the logarithm of the complete beta function at hand.
fn tails_scaled(a: f64, b: f64, ln_beta: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    let front = (a * x.ln() + b * y.ln() - ln_beta).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        let lower = (front * fraction(a, b, x) / a).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (front * fraction(b, a, y) / b).min(1.0);
        (1.0 - upper, upper)
    }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    // The number of terms grows as the square root of the shapes: 20,000 covers shapes of 1e6.
    for m in 1..20_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            step = c * d;
            h *= step;
        }
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

/// The `x` with `I_x(a, b) = p`, found on the logit scale so that both ends keep their digits.
pub(crate) fn quantile(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return p.clamp(0.0, 1.0);
    }
    let whole = ln_beta(a, b);
    let excess = |logit: f64| {
        let (lower, upper) = tails_scaled(a, b, whole, sigmoid(logit), sigmoid(-logit));
        if p < 0.5 {
            lower.max(f64::MIN_POSITIVE).ln() - p.ln()
        } else {
            (1.0 - p).ln() - upper.max(f64::MIN_POSITIVE).ln()
        }
    };
    sigmoid(bracketed_root((a / b).ln(), excess))
}

/// The point that the upper tail `p` (at most 1/2) of Student's t with `freedom` lies above.
pub(crate) fn student_upper(freedom: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return f64::INFINITY;
    }
    if p >= 0.5 {
        return 0.0;
    }
    let whole = ln_beta(freedom / 2.0, 0.5);
    let tail = |t| student_tail_scaled(freedom, whole, t).max(f64::MIN_POSITIVE);
    let excess = |ln_t: f64| p.ln() - tail(ln_t.exp()).ln();
    bracketed_root(0.0, excess).exp()
}

/// The probability above `t >= 0` of Student's t.
pub(crate) fn student_tail(freedom: f64, t: f64) -> f64 {
    student_tail_scaled(freedom, ln_beta(freedom / 2.0, 0.5), t)
}

fn student_tail_scaled(freedom: f64, ln_beta: f64, t: f64) -> f64 {
    // Squares of t overflow long before t does.
    let (x, y) = if t > 1e100 {
        (freedom / t / t, 1.0)
    } else {
        (freedom / (freedom + t * t), t * t / (freedom + t * t))
    };
    0.5 * tails_scaled(freedom / 2.0, 0.5, ln_beta, x, y).0
}

fn sigmoid(logit: f64) -> f64 {
    if logit >= 0.0 { 1.0 / (1.0 + (-logit).exp()) } else { logit.exp() / (1.0 + logit.exp()) }
}

/// A root of an increasing function, searched outward from `start` first.
fn bracketed_root(start: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    const FAR: f64 = 745.0;
    let start = start.clamp(-FAR, FAR);
    let at_start = f(start);
    let (mut near, mut step) = (start, if at_start > 0.0 { -0.5 } else { 0.5 });
    loop {
        let next = (near + step).clamp(-FAR, FAR);
        if (f(next) > 0.0) != (at_start > 0.0) {
            return root(near.min(next), near.max(next), f);
        }
        if next.abs() >= FAR {
            return next;
        }
        near = next;
        step *= 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Beta, ContinuousCDF, StudentsT};

    #[test]
    fn the_quantile_inverts_the_probability_in_both_tails() {
        for (a, b) in [(0.1, 0.1), (0.5, 3.0), (1.0, 1.0), (2.0, 5.0), (300.0, 2.0), (1e6, 1e6)] {
            for p in [1e-12, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-12] {
                let x = quantile(a, b, p);
                let (lower, upper) = tails(a, b, x, 1.0 - x);
                let error = if p < 0.5 { lower / p - 1.0 } else { upper / (1.0 - p) - 1.0 };
                // Close to 1 the value itself has no digits left for the tail above it.
                let allowed = if x > 0.999 { 1e-2 } else { 1e-7 };
                let exhausted = x > 1.0 - 1e-13;
                assert!(error.abs() < allowed || exhausted, "{a} {b} {p}: {x} {error:e}");
            }
        }
    }

    #[test]
    fn probabilities_agree_with_an_independent_implementation() {
        for (a, b) in [(0.5, 0.5), (2.0, 5.0), (30.0, 4.0), (400.0, 600.0)] {
            let other = Beta::new(a, b).unwrap();
            for i in 1..50 {
                let x = f64::from(i) / 50.0;
                assert!((tails(a, b, x, 1.0 - x).0 - other.cdf(x)).abs() < 1e-11, "{a} {b} {x}");
            }
        }
        for freedom in [1.0, 2.5, 30.0] {
            let other = StudentsT::new(0.0, 1.0, freedom).unwrap();
            for p in [0.4, 0.1, 0.01, 1e-6] {
                let t = student_upper(freedom, p);
                assert!((1.0 - other.cdf(t) - p).abs() < 1e-11, "{freedom} {p} {t}");
            }
        }
    }

    #[test]
    fn student_with_one_and_two_degrees_has_its_closed_form() {
        for p in [1e-14, 1e-6, 0.01, 0.2, 0.45] {
            let cauchy = 1.0 / (std::f64::consts::PI * p).tan();
            assert!((student_upper(1.0, p) / cauchy - 1.0).abs() < 1e-11, "{p}");
            let two = (1.0 - 2.0 * p) / (2.0 * p * (1.0 - p)).sqrt();
            assert!((student_upper(2.0, p) / two - 1.0).abs() < 1e-10, "{p}");
        }
    }
}
