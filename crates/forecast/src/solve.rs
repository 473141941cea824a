//! Where a function of one input takes a wanted value.

/// How an input is moved away from where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    /// By factors: quantities above zero.
    Factors,
    /// By steps of this size in its base unit: dates, growth, and what may be zero.
    Steps(u64),
}

/// Steps away from the start: the farthest factor is about a million, the farthest step about
/// fourteen times the unit step.
const REACH: i32 = 48;

/// The value nearest to `start` at which `f` crosses `target`; `None` where there is none within
/// a factor of a million. Where `f` is undefined nothing crosses.
pub(crate) fn nearest_crossing(
    start: f64,
    walk: Walk,
    target: f64,
    mut f: impl FnMut(f64) -> f64,
) -> Option<f64> {
    let at = |h: f64| match walk {
        Walk::Factors => start * h.exp(),
        Walk::Steps(unit) => start + unit as f64 * h,
    };
    let mut off = |h: f64| f(at(h)) - target;
    let here = off(0.0);
    if here == 0.0 {
        return Some(start);
    }
    // Distances that grow by 15 % reach 14 from 0.02 in 48 steps.
    let distance = |step: i32| if step == 0 { 0.0 } else { 0.02 * 1.15_f64.powi(step - 1) };
    let mut last = [here; 2];
    for step in 1..=REACH {
        for (side, sign) in [1.0, -1.0].into_iter().enumerate() {
            let (near, far) = (sign * distance(step - 1), sign * distance(step));
            let value = off(far);
            let crosses =
                (last[side] < 0.0) != (value < 0.0) && !value.is_nan() && !last[side].is_nan();
            let before = std::mem::replace(&mut last[side], value);
            if crosses {
                return Some(at(bisect(near, far, before, &mut off)));
            }
        }
    }
    None
}

/// A point between `a` and `b` where the sign of `f` changes from that of `at_a`.
fn bisect(mut a: f64, mut b: f64, at_a: f64, f: &mut impl FnMut(f64) -> f64) -> f64 {
    for _ in 0..60 {
        let middle = f64::midpoint(a, b);
        if middle == a || middle == b {
            break;
        }
        if (f(middle) < 0.0) == (at_a < 0.0) { a = middle } else { b = middle }
    }
    f64::midpoint(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_crossing_is_found_on_either_side() {
        let square = |x: f64| x * x;
        let found = nearest_crossing(3.0, Walk::Factors, 16.0, square).unwrap();
        assert!((found - 4.0).abs() < 1e-9);
        let found = nearest_crossing(3.0, Walk::Factors, 1e-6, square).unwrap();
        assert!((found - 1e-3).abs() < 1e-12);
        let found = nearest_crossing(1.0, Walk::Steps(1), -5.0, |x| x * 2.0).unwrap();
        assert!((found + 2.5).abs() < 1e-9);
        assert_eq!(nearest_crossing(3.0, Walk::Factors, 9.0, square), Some(3.0));
    }

    #[test]
    fn what_never_crosses_or_is_undefined_has_no_crossing() {
        assert_eq!(nearest_crossing(1.0, Walk::Factors, -1.0, |x| x * x), None);
        assert_eq!(nearest_crossing(1.0, Walk::Factors, 1.0, |_| f64::NAN), None);
        assert_eq!(nearest_crossing(f64::NAN, Walk::Factors, 1.0, |x| x), None);
    }
}
