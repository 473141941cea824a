//! Blocks of values that share a scale: int8, int4, and the 4-bit float E3M0.
//!
//! A block is its scale (bf16) and then its codes. With scale s = bf16(largest / top), where top is
//! 127 or 7, the rounding of s moves largest/s by less than 1/4, so the largest value always gets
//! the top code, no code exceeds it, and the error is at most s/2. Products of a code and a bf16
//! are exact in f32, so encoding what was decoded gives the same bytes.

use super::Refusal;
use super::plain::{from_bf16, push_scale, scale, to_bf16};
use crate::kernels::wide;

/// Below this, a block counts as zeros: its scale would not be a normal number.
const SMALLEST: f32 = f32::from_bits((127 - 100) << 23);

/// Encoded size of `len` values.
pub(super) fn bytes(len: usize, block: usize, bits: usize) -> usize {
    let (whole, rest) = (len / block, len % block);
    let size = |n: usize| if n == 0 { 0 } else { 2 + (n * bits).div_ceil(8) };
    whole.saturating_mul(size(block)).saturating_add(size(rest))
}

#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    let top = values.iter().fold(0_u32, |top, x| top.max(x.to_bits() & 0x7FFF_FFFF));
    f32::from_bits(top)
}

/// The scale of a block as it will be read, and its inverse; both 0 for a block of zeros.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn scale_of(values: &[f32], top: f32) -> (f32, f32) {
    let largest = largest(values);
    if largest < SMALLEST {
        return (0.0, 0.0);
    }
    let scale = from_bf16(to_bf16(largest / top));
    (scale, 1.0 / scale)
}

/// Nearest integer of a small number: adding 1.5·2^23 leaves no bits for a fraction.
#[inline(always)]
fn round(x: f32) -> i32 {
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()).cast_signed()
}

pub(super) fn encode_int8(values: &[f32], bytes: &mut Vec<u8>, block: usize) {
    wide(|| {
        for values in values.chunks(block) {
            let (scale, inverse) = scale_of(values, 127.0);
            push_scale(bytes, scale);
            let start = bytes.len();
            bytes.resize(start + values.len(), 0);
            for (to, x) in bytes[start..].iter_mut().zip(values) {
                *to = round(x * inverse) as u8;
            }
        }
    });
}

pub(super) fn decode_int8(bytes: &[u8], values: &mut [f32], block: usize) -> Result<(), Refusal> {
    wide(|| {
        let mut rest = bytes;
        for values in values.chunks_mut(block) {
            let (s, codes) = take_block(&mut rest, values.len())?;
            for (x, code) in values.iter_mut().zip(codes) {
                *x = f32::from(code.cast_signed()) * s;
            }
        }
        Ok(())
    })
}

/// The scale and the `size` bytes of codes at the front of `rest`, which shrinks.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn take_block<'a>(rest: &mut &'a [u8], size: usize) -> Result<(f32, &'a [u8]), Refusal> {
    let short = "it ends early";
    let (head, after) = rest.split_first_chunk::<2>().ok_or(short)?;
    let (codes, after) = after.split_at_checked(size).ok_or(short)?;
    *rest = after;
    Ok((scale(*head)?, codes))
}

pub(super) fn encode_int4(values: &[f32], bytes: &mut Vec<u8>, block: usize) {
    wide(|| {
        encode_nibbles(values, bytes, block, 7.0, |x| round(x) as u8 & 15);
    });
}

pub(super) fn decode_int4(bytes: &[u8], values: &mut [f32], block: usize) -> Result<(), Refusal> {
    // Sign-extended: the code moves to the top of its byte and back.
    wide(|| decode_nibbles(bytes, values, block, |code| f32::from((code << 4).cast_signed() >> 4)))
}

/// E3M0: the sign and an exponent. Code 0 is zero; code c = 1..7 is 2^(c−7) times the scale.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn e3m0(x: f32) -> u8 {
    let bits = x.to_bits();
    let sign = (bits >> 31) as u8;
    // Rounding to the nearer power of two: from 1.5 on, the carry moves into the exponent.
    let exponent = (((bits & 0x7FFF_FFFF) + 0x0040_0000) >> 23).cast_signed() - 127;
    let code = (exponent + 7).clamp(0, 7) as u8;
    // Below the smallest power the next level is zero, and the middle is 2^-7: exponent −7 means
    // 0.75·2^-7 and more here.
    let code = if f32::from_bits(bits & 0x7FFF_FFFF) >= 0.007_812_5 { code.max(1) } else { 0 };
    if code == 0 { 0 } else { code | sign << 3 }
}

/// What each code of [`e3m0`] stands for.
const E3M0: [f32; 16] = {
    let mut levels = [0.0; 16];
    let mut code = 1;
    while code < 8 {
        levels[code] = 1.0 / (1_u32 << (7 - code)) as f32;
        levels[code + 8] = -levels[code];
        code += 1;
    }
    levels
};

pub(super) fn encode_fp4(values: &[f32], bytes: &mut Vec<u8>, block: usize) {
    wide(|| encode_nibbles(values, bytes, block, 1.0, e3m0));
}

pub(super) fn decode_fp4(bytes: &[u8], values: &mut [f32], block: usize) -> Result<(), Refusal> {
    wide(|| decode_nibbles(bytes, values, block, |code| E3M0[usize::from(code)]))
}

/// Two codes in a byte, the first one low; the last of an odd block has 0 above it.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn encode_nibbles(
    values: &[f32],
    bytes: &mut Vec<u8>,
    block: usize,
    top: f32,
    code: impl Fn(f32) -> u8,
) {
    for values in values.chunks(block) {
        let (scale, inverse) = scale_of(values, top);
        push_scale(bytes, scale);
        let start = bytes.len();
        bytes.resize(start + values.len().div_ceil(2), 0);
        let (pairs, odd) = values.as_chunks::<2>();
        for (to, [low, high]) in bytes[start..].iter_mut().zip(pairs) {
            *to = code(low * inverse) | code(high * inverse) << 4;
        }
        if let ([x], Some(to)) = (odd, bytes.last_mut()) {
            *to = code(x * inverse);
        }
    }
}

#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
fn decode_nibbles(
    bytes: &[u8],
    values: &mut [f32],
    block: usize,
    level: impl Fn(u8) -> f32,
) -> Result<(), Refusal> {
    let mut rest = bytes;
    for values in values.chunks_mut(block) {
        let (s, codes) = take_block(&mut rest, values.len().div_ceil(2))?;
        let (pairs, odd) = values.as_chunks_mut::<2>();
        for ([low, high], code) in pairs.iter_mut().zip(codes) {
            *low = level(code & 15) * s;
            *high = level(code >> 4) * s;
        }
        if let ([x], Some(code)) = (odd, codes.last()) {
            *x = level(code & 15) * s;
        }
    }
    Ok(())
}
