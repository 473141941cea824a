//! `exp` for f32 that a compiler can vectorise.

/// `e^x` to about 2e-7 relative for x in [-87, 88]; smaller x gives e^-87, larger gives e^88.
///
/// Range reduction `x = k ln 2 + r`, a Taylor polynomial of degree 7 on |r| <= ln 2 / 2, and the
/// exponent put together from k's bits; no branch, so loops over it fill whole registers.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to the nearest integer
    const LN_2_HIGH: f32 = 0.693_359_4; // few bits, so that k * LN_2_HIGH is exact
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = x - k * LN_2_HIGH - k * LN_2_LOW;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    // The low bits of `shifted` hold k; moved up they are the exponent of 2^k.
    let exponent = shifted.to_bits().wrapping_add(127).wrapping_shl(23);
    p * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for step in 0..175_000 {
            let x = -87.0 + step as f32 * 1e-3;
            let (got, want) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((got / want - 1.0).abs() < 4e-7, "exp({x}) = {got}, not {want}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(1e9) > 1e38);
        assert!(exp(f32::NAN).is_nan());
    }
}
