//! `exp`, `ln` and their relatives for whole columns: no branches, no tables, so that the compiler
//! turns a loop over them into vector code.
//!
//! `FUSED` says that the machine multiplies and adds in one rounding; without it the same
//! polynomials lose at most one more unit in the last place. Coefficients: interpolation at
//! Chebyshev nodes in 60 digits; relative error of the polynomials below 2^-60 (exp) and 2^-57
//! (ln), so that rounding decides.

#![expect(clippy::inline_always, reason = "must become part of the vectorised loop around it")]
#![expect(clippy::unreadable_literal, reason = "coefficients are given to the last bit")]

use std::f64::consts::{LOG2_E, LOG10_E};

/// Adding it rounds a number below 2^51 to a whole one, which then stands in the low bits.
const ROUND: f64 = 6755399441055744.0;
/// ln 2 in two parts, the first with 21 zero bits at its end: its small multiples are exact.
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;

#[inline(always)]
fn madd<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`: gives `n` and `e^r - 1`.
#[inline(always)]
fn reduce<const FUSED: bool>(x: f64) -> (f64, f64) {
    const Q: [f64; 11] = [
        0.5,
        0.1666666666666667,
        0.04166666666666667,
        0.008333333333326136,
        0.0013888888888883748,
        0.00019841269874820627,
        2.4801587325547743e-05,
        2.7557255400206422e-06,
        2.75572736431103e-07,
        2.5105217004720745e-08,
        2.0914686968086876e-09,
    ];
    let n = madd::<FUSED>(x, LOG2_E, ROUND) - ROUND;
    let r = madd::<FUSED>(n, -LN2_LOW, madd::<FUSED>(n, -LN2_HIGH, x));
    let r2 = r * r;
    // Pairs first: a shorter chain of dependent steps than one term at a time.
    let pair = |i: usize| madd::<FUSED>(Q[i + 1], r, Q[i]);
    let r4 = r2 * r2;
    let low = madd::<FUSED>(pair(2), r2, pair(0));
    let middle = madd::<FUSED>(pair(6), r2, pair(4));
    let high = madd::<FUSED>(Q[10], r2, pair(8));
    let q = madd::<FUSED>(madd::<FUSED>(high, r4, middle), r4, low);
    (n, madd::<FUSED>(r2, q, r))
}

/// `2^n` for whole `n`, `|n| < 1000`.
#[inline(always)]
fn power_of_two(n: f64) -> f64 {
    f64::from_bits((n + ROUND).to_bits().wrapping_add(1023) << 52)
}

/// `e^x`.
#[inline(always)]
pub fn exp<const FUSED: bool>(x: f64) -> f64 {
    // Beyond these the answer is infinity or zero anyway; a NaN fails both tests and stays.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let (n, e) = reduce::<FUSED>(x);
    // In two steps, because 2^n alone may be too large or too small for a number.
    let half = (n * 0.5 + ROUND) - ROUND;
    (1.0 + e) * power_of_two(half) * power_of_two(n - half)
}

/// `e^x - 1`, exact for small `x`.
#[inline(always)]
pub fn expm1<const FUSED: bool>(x: f64) -> f64 {
    let large = exp::<FUSED>(x);
    let near = if x > 40.0 { 40.0 } else { x };
    let near = if near < -40.0 { -40.0 } else { near };
    let (n, e) = reduce::<FUSED>(near);
    let scale = power_of_two(n);
    let small = madd::<FUSED>(scale, e, scale - 1.0);
    let value = if x > 40.0 { large } else { small };
    if x < -40.0 { -1.0 } else { value }
}

/// The natural logarithm.
#[inline(always)]
pub fn ln<const FUSED: bool>(x: f64) -> f64 {
    const R: [f64; 7] = [
        0.666666666666667,
        0.39999999999899444,
        0.2857142862600327,
        0.22222211130259878,
        0.18182889455674947,
        0.15331710618210773,
        0.14616585424888623,
    ];
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    let tiny = x < f64::MIN_POSITIVE;
    let scaled = if tiny { x * 18014398509481984.0 } else { x };
    // x = 2^k m with m between sqrt(1/2) and sqrt(2).
    let bits = scaled.to_bits().wrapping_add(ONE - SQRT_HALF);
    let biased = f64::from_bits((bits >> 52) | 0x4330_0000_0000_0000);
    let k = biased - if tiny { 4503599627371573.0 } else { 4503599627371519.0 };
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + SQRT_HALF);
    // ln m = 2 atanh(s), s = f / (2 + f), arranged so that f itself enters unrounded.
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let z2 = z * z;
    let low = madd::<FUSED>(madd::<FUSED>(R[3], z, R[2]), z2, madd::<FUSED>(R[1], z, R[0]));
    let high = madd::<FUSED>(R[6], z2, madd::<FUSED>(R[5], z, R[4]));
    let r = z * madd::<FUSED>(high, z2 * z2, low);
    let half = 0.5 * f * f;
    let small = madd::<FUSED>(s, half + r, k * LN2_LOW);
    let value = madd::<FUSED>(k, LN2_HIGH, -((half - small) - f));
    let value = if x < f64::INFINITY { value } else { x };
    let value = if x >= 0.0 { value } else { f64::NAN };
    if x == 0.0 { f64::NEG_INFINITY } else { value }
}

/// `ln(1 + x)`, exact for small `x`.
#[inline(always)]
pub fn log1p<const FUSED: bool>(x: f64) -> f64 {
    let u = 1.0 + x;
    // What the sum above lost, relative to u.
    let lost = (x - (u - 1.0)) / u;
    let fixable = u > 0.0 && u < 1e300;
    ln::<FUSED>(u) + if fixable { lost } else { 0.0 }
}

/// The decimal logarithm.
#[inline(always)]
pub fn log10<const FUSED: bool>(x: f64) -> f64 {
    let log = ln::<FUSED>(x);
    let product = log * LOG10_E;
    if !FUSED {
        return product;
    }
    // The rounding of the product and of the constant, put back.
    let lost = madd::<FUSED>(log, LOG10_E, -product) + log * 1.098319650216765e-17;
    if product.abs() < f64::INFINITY { product + lost } else { product }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh<const FUSED: bool>(x: f64) -> f64 {
    let size = if x.abs() > 22.0 { 22.0 } else { x.abs() };
    let e = expm1::<FUSED>(2.0 * size);
    (e / (e + 2.0)).copysign(x)
}

/// `x^y` given `log = ln |x|`: also for a negative base with a whole exponent.
#[inline(always)]
pub fn power<const FUSED: bool>(x: f64, y: f64, log: f64) -> f64 {
    let size = exp::<FUSED>(y * log);
    let whole = y == y.floor();
    let odd = whole && (y * 0.5) != (y * 0.5).floor();
    let signed = if odd { -size } else { size };
    let negative = if whole { signed } else { f64::NAN };
    let value = if x < 0.0 { negative } else { size };
    // Anything to the power 0 is 1, and 1 to any power.
    if y == 0.0 || x == 1.0 { 1.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many numbers lie between two.
    fn ulps(a: f64, b: f64) -> u64 {
        if a == b || a.is_nan() && b.is_nan() {
            return 0;
        }
        let order = |x: f64| {
            let bits = x.to_bits().cast_signed();
            if bits < 0 { i64::MIN - bits } else { bits }
        };
        order(a).abs_diff(order(b))
    }

    fn worst(
        name: &str,
        range: std::ops::Range<f64>,
        ours: [fn(f64) -> f64; 2],
        theirs: fn(f64) -> f64,
        limits: [u64; 2],
    ) {
        let count = 40_000;
        for (ours, limit) in ours.into_iter().zip(limits) {
            let mut most = (0, 0.0);
            for i in 0..count {
                let x = range.start
                    + (range.end - range.start) * (f64::from(i) + 0.37) / f64::from(count);
                let off = ulps(ours(x), theirs(x));
                if off > most.0 {
                    most = (off, x);
                }
            }
            assert!(most.0 <= limit, "{name}: {} ulp at {:e}", most.0, most.1);
        }
    }

    #[test]
    fn functions_agree_with_the_standard_library_to_the_last_places() {
        worst("exp", -745.0..709.7, [exp::<true>, exp::<false>], f64::exp, [1, 2]);
        worst("exp", -1.0..1.0, [exp::<true>, exp::<false>], f64::exp, [1, 2]);
        worst("expm1", -2.0..2.0, [expm1::<true>, expm1::<false>], f64::exp_m1, [2, 3]);
        worst("expm1", -45.0..700.0, [expm1::<true>, expm1::<false>], f64::exp_m1, [2, 3]);
        worst("ln", 1e-310..5.0, [ln::<true>, ln::<false>], f64::ln, [1, 2]);
        worst("ln", 0.9..1.1, [ln::<true>, ln::<false>], f64::ln, [1, 2]);
        worst("ln", 1e290..1e308, [ln::<true>, ln::<false>], f64::ln, [1, 2]);
        worst("log1p", -0.9..5.0, [log1p::<true>, log1p::<false>], f64::ln_1p, [2, 3]);
        worst("log1p", -1e-9..1e-9, [log1p::<true>, log1p::<false>], f64::ln_1p, [2, 3]);
        worst("log10", 1e-5..1e5, [log10::<true>, log10::<false>], f64::log10, [1, 3]);
        worst("tanh", -30.0..30.0, [tanh::<true>, tanh::<false>], f64::tanh, [3, 4]);
    }

    #[test]
    fn the_ends_of_the_number_line_are_right() {
        let inf = f64::INFINITY;
        for (x, y) in [(inf, inf), (-inf, 0.0), (710.0, inf), (-746.0, 0.0), (0.0, 1.0)] {
            assert_eq!(exp::<true>(x).to_bits(), f64::to_bits(y), "exp {x}");
        }
        assert_eq!(ulps(exp::<true>(-744.0), (-744f64).exp()), 0);
        for (x, y) in [(inf, inf), (0.0, -inf), (1.0, 0.0), (5e-324, 5e-324f64.ln())] {
            assert_eq!(ln::<true>(x).to_bits(), f64::to_bits(y), "ln {x}");
        }
        for (x, y) in [(inf, inf), (-inf, -1.0), (1e-300, 1e-300)] {
            assert_eq!(expm1::<true>(x).to_bits(), f64::to_bits(y), "expm1 {x}");
        }
        for (x, y) in [(inf, inf), (-1.0, -inf), (1e-300, 1e-300), (1e305, 1e305f64.ln())] {
            assert_eq!(log1p::<true>(x).to_bits(), f64::to_bits(y), "log1p {x}");
        }
        for f in
            [exp::<true>, ln::<true>, expm1::<true>, log1p::<true>, log10::<true>, tanh::<true>]
        {
            assert!(f(f64::NAN).is_nan());
        }
        assert!(ln::<true>(-1.0).is_nan() && log1p::<true>(-2.0).is_nan());
    }

    #[test]
    fn powers_of_negative_numbers_follow_the_standard_library() {
        for x in [-8.0, -2.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, f64::INFINITY] {
            for y in [-3.0, -2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0] {
                let (ours, theirs) = (power::<true>(x, y, x.abs().ln()), f64::powf(x, y));
                let near = (ours - theirs).abs() <= 1e-14 * theirs.abs();
                // The sign of a zero base is not followed: (-0)^-3 is +inf here.
                let both = ours.abs() == theirs.abs() && x == 0.0;
                assert!(
                    near || both || ours == theirs || ours.is_nan() && theirs.is_nan(),
                    "{x}^{y}: {ours} {theirs}"
                );
            }
        }
    }
}
