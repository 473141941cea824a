//! Values as they are, or with half their bits.

use super::{NOT_FINITE, Refusal};
use crate::kernels::wide;

pub(super) fn encode_f32(values: &[f32], bytes: &mut Vec<u8>) {
    bytes.resize(values.len() * 4, 0);
    wide(|| {
        for (to, x) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *to = x.to_le_bytes();
        }
    });
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all formats")]
pub(super) fn decode_f32(bytes: &[u8], values: &mut [f32]) -> Result<(), Refusal> {
    wide(|| {
        for (x, from) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *x = f32::from_le_bytes(*from);
        }
    });
    Ok(())
}

/// The upper half of an f32, rounded to nearest, ties to even. `x` is finite, and below the
/// largest bf16.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
pub(super) fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
}

#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
pub(super) fn from_bf16(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

pub(super) fn encode_bf16(values: &[f32], bytes: &mut Vec<u8>) {
    bytes.resize(values.len() * 2, 0);
    wide(|| {
        for (to, x) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(values) {
            *to = to_bf16(*x).to_le_bytes();
        }
    });
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all formats")]
pub(super) fn decode_bf16(bytes: &[u8], values: &mut [f32]) -> Result<(), Refusal> {
    wide(|| {
        for (x, from) in values.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *x = from_bf16(u16::from_le_bytes(*from));
        }
    });
    Ok(())
}

/// Appends `scale` as bf16.
pub(super) fn push_scale(bytes: &mut Vec<u8>, scale: f32) {
    bytes.extend_from_slice(&to_bf16(scale).to_le_bytes());
}

/// A scale that an encoder can have written: a number, not negative.
pub(super) fn scale(bytes: [u8; 2]) -> Result<f32, Refusal> {
    let scale = from_bf16(u16::from_le_bytes(bytes));
    if scale.is_finite() && scale.is_sign_positive() { Ok(scale) } else { Err(NOT_FINITE) }
}
