//! The standard normal distribution: its cumulative probability, and the inverse.

use std::f64::consts::FRAC_1_SQRT_2;

/// Probability below `z`.
pub(crate) fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The value that a share `p` lies below, to about 1e-15 relative; infinite at 0 and 1, NaN
/// outside.
///
/// Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied
/// Statistics 37 (1988), routine PPND16.
pub(crate) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= CENTRAL { central(q) } else { tail(p) }
}

/// Replaces uniforms in (0, 1) by normal quantiles.
pub(crate) fn quantile_in_place(values: &mut [f64]) {
    const LANES: usize = 64;
    let mut uniforms = [0.5; LANES];
    for block in values.chunks_mut(LANES) {
        let uniforms = &mut uniforms[..block.len()];
        uniforms.copy_from_slice(block);
        // The central formula for all, without a branch, so that the loop becomes vector code;
        // then the 15 % in the tails again with the right one.
        for (value, &p) in block.iter_mut().zip(&*uniforms) {
            *value = central(p - 0.5);
        }
        for (value, &p) in block.iter_mut().zip(&*uniforms) {
            if (p - 0.5).abs() > CENTRAL {
                *value = tail(p);
            }
        }
    }
}

/// Half the width of the region around 1/2 where the first rational function holds.
const CENTRAL: f64 = 0.425;

#[inline]
fn central(q: f64) -> f64 {
    let r = 0.180_625 - q * q;
    q * ratio(r, &A, &B)
}

fn tail(p: f64) -> f64 {
    let outside = if p < 0.5 { p } else { 1.0 - p };
    if outside < 0.0 || outside.is_nan() {
        return f64::NAN;
    }
    if outside == 0.0 {
        return if p < 0.5 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let r = (-outside.ln()).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &C, &D) } else { ratio(r - 5.0, &E, &F) };
    if p < 0.5 { -z } else { z }
}

#[inline]
fn ratio(x: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
    let horner = |c: &[f64; 8]| {
        ((((((c[7] * x + c[6]) * x + c[5]) * x + c[4]) * x + c[3]) * x + c[2]) * x + c[1]) * x
            + c[0]
    };
    horner(numerator) / horner(denominator)
}

const A: [f64; 8] = [
    3.387_132_872_796_366_5,
    133.141_667_891_784_38,
    1_971.590_950_306_551_3,
    13_731.693_765_509_46,
    45_921.953_931_549_87,
    67_265.770_927_008_7,
    33_430.575_583_588_13,
    2_509.080_928_730_122_7,
];
const B: [f64; 8] = [
    1.0,
    42.313_330_701_600_91,
    687.187_007_492_057_9,
    5_394.196_021_424_751,
    21_213.794_301_586_597,
    39_307.895_800_092_71,
    28_729.085_735_721_943,
    5_226.495_278_852_854,
];
const C: [f64; 8] = [
    1.423_437_110_749_683_5,
    4.630_337_846_156_546,
    5.769_497_221_460_691,
    3.647_848_324_763_204_5,
    1.270_458_252_452_368_4,
    0.241_780_725_177_450_6,
    0.022_723_844_989_269_184,
    7.745_450_142_783_414e-4,
];
const D: [f64; 8] = [
    1.0,
    2.053_191_626_637_759,
    1.676_384_830_183_803_8,
    0.689_767_334_985_1,
    0.148_103_976_427_480_08,
    0.015_198_666_563_616_457,
    5.475_938_084_995_345e-4,
    1.050_750_071_644_416_9e-9,
];
const E: [f64; 8] = [
    6.657_904_643_501_103,
    5.463_784_911_164_114,
    1.784_826_539_917_291_3,
    0.296_560_571_828_504_87,
    0.026_532_189_526_576_124,
    0.001_242_660_947_388_078_4,
    2.711_555_568_743_487_6e-5,
    2.010_334_399_292_288_1e-7,
];
const F: [f64; 8] = [
    1.0,
    0.599_832_206_555_888,
    0.136_929_880_922_735_8,
    0.014_875_361_290_850_615,
    7.868_691_311_456_133e-4,
    1.846_318_317_510_054_8e-5,
    1.421_511_758_316_446e-7,
    2.044_263_103_389_939_8e-15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_the_cumulative_probability_into_the_far_tails() {
        for i in -800..=800 {
            let z = f64::from(i) / 100.0;
            let back = if z < 0.0 { quantile(cdf(z)) } else { -quantile(cdf(-z)) };
            assert!((back - z).abs() <= 4e-15 * z.abs().max(1.0), "{z} {back}");
        }
        assert!((quantile(0.95) - 1.644_853_626_951_472_2).abs() < 1e-15);
    }

    #[test]
    fn the_ends_are_infinite_and_the_outside_is_undefined() {
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
        assert!(quantile(-0.1).is_nan() && quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
    }

    #[test]
    fn the_block_form_equals_the_scalar_form() {
        let mut block: Vec<f64> = (1..1000).map(|i| f64::from(i) / 1000.0).collect();
        let scalar: Vec<f64> = block.iter().map(|&p| quantile(p)).collect();
        quantile_in_place(&mut block);
        assert_eq!(block, scalar);
    }
}
