//! Codecs: how a vector of pseudo-gradients becomes fewer bytes, and back.
//!
//! | name | bits per value | method |
//! |---|---|---|
//! | `fp32` | 32 | as it is |
//! | `bf16` | 16 | rounded to nearest, ties to even |
//! | `int8` | 8 + 16/block | one bf16 scale per block, levels −127..127 (INTELLECT-1, arXiv:2412.01152) |
//! | `int4` | 4 + 16/block | the same with levels −7..7 |
//! | `fp4` | 4 + 16/block | E3M0: sign and power of two under the block's scale (Streaming `DiLoCo`, arXiv:2501.18512, section 3.3) |
//! | `top-k 64/4096` | 14·64/4096 + 32/4096 | the 64 largest of 4096: 12-bit index, 2-bit value (`SparseLoCo`, arXiv:2508.15706) |
//! | `dct-sign 32/64x64` | 13·32/4096 + 16/4096 | the 32 largest coefficients of a 64×64 cosine transform: index and sign (`DeMo`, arXiv:2411.19870) |
//!
//! **Error feedback.** What a codec loses can be kept and added to the next vector, times a decay
//! β: with input x, memory e and what the receiver reads d, the codec encodes `m = x + β e` and
//! then `e = m − d`. So `d + e = x + β e_before`, the sum is conserved. It is on by default for
//! `top-k` (0.95) and `dct-sign` (0.999), which lose most of each vector, and `int4 feedback 1`
//! asks for it elsewhere.
//!
//! Values beyond 2^100, infinities and NaN are never written as numbers: a vector that holds one
//! becomes bytes that every receiver refuses.
//!
//! ```
//! use lab::swarm::codec::{Codec, Encoder};
//!
//! let codec: Codec = "int8".parse()?;
//! let values = [0.5, -1.0, 0.25];
//! let bytes = Encoder::new(codec, values.len()).encode(&values);
//! assert_eq!(bytes.len(), codec.bytes(3));
//! let back = codec.decode(&bytes, 3)?;
//! assert!(values.iter().zip(&back).all(|(x, y)| (x - y).abs() <= 1.0 / 254.0 * 1.01));
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod bits;
mod block;
mod cosine;
mod encoder;
mod name;
mod plain;
#[cfg(test)]
mod properties;
mod sparse;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

pub use encoder::Encoder;

/// The largest magnitude that is encoded; beyond, a vector has diverged.
const LARGEST: f32 = f32::from_bits((127 + 100) << 23);
/// The largest magnitude that is decoded: some more, since a codec may round up.
const LARGEST_DECODED: f32 = f32::from_bits((127 + 110) << 23);

/// A format and what becomes of the error it makes.
///
/// As text, and in TOML and JSON: the names of the table above, with `feedback β` after them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Codec {
    // Private: sizes are in range, since only names and constants make them.
    format: Format,
    feedback: Option<f32>,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Four bytes each, nothing lost.
    F32,
    /// Two bytes each: the upper half of an f32.
    Bf16,
    /// One byte each, and a scale for every `block` values.
    Int8 {
        /// Values that share a scale.
        block: usize,
    },
    /// Half a byte each, linear levels, and a scale for every `block` values.
    Int4 {
        /// Values that share a scale.
        block: usize,
    },
    /// Half a byte each, powers of two, and a scale for every `block` values.
    Fp4 {
        /// Values that share a scale.
        block: usize,
    },
    /// The `keep` largest of every `chunk` values.
    TopK {
        /// Values kept of a chunk.
        keep: usize,
        /// Values in a chunk.
        chunk: usize,
    },
    /// The signs of the `keep` largest cosine coefficients of every `side` × `side` values.
    DctSign {
        /// Coefficients kept of a chunk.
        keep: usize,
        /// Rows and columns of a chunk, a power of two.
        side: usize,
    },
}

impl Codec {
    /// Nothing lost.
    pub const F32: Self = Self { format: Format::F32, feedback: None };
    /// Two bytes each.
    pub const BF16: Self = Self { format: Format::Bf16, feedback: None };
    /// One byte each, blocks of 256.
    pub const INT8: Self = Self { format: Format::Int8 { block: 256 }, feedback: None };
    /// Half a byte each, linear, blocks of 128.
    pub const INT4: Self = Self { format: Format::Int4 { block: 128 }, feedback: None };
    /// Half a byte each, powers of two, blocks of 128.
    pub const FP4: Self = Self { format: Format::Fp4 { block: 128 }, feedback: None };
    /// `SparseLoCo`: 64 of 4096, decay 0.95.
    pub const TOP_K: Self =
        Self { format: Format::TopK { keep: 64, chunk: 4096 }, feedback: Some(0.95) };
    /// `DeMo`: 32 of 64 × 64, decay 0.999.
    pub const DCT_SIGN: Self =
        Self { format: Format::DctSign { keep: 32, side: 64 }, feedback: Some(0.999) };

    /// How values are written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The decay β of the error memory, in 0..=1; `None` forgets what was lost.
    pub fn feedback(&self) -> Option<f32> {
        self.feedback
    }

    /// Size of `len` encoded values, in bytes: exact, and the same for any values.
    pub fn bytes(&self, len: usize) -> usize {
        match self.format {
            Format::F32 => len.saturating_mul(4),
            Format::Bf16 => len.saturating_mul(2),
            Format::Int8 { block } => block::bytes(len, block, 8),
            Format::Int4 { block } | Format::Fp4 { block } => block::bytes(len, block, 4),
            Format::TopK { keep, chunk } => sparse::bytes(len, keep, chunk, 2),
            Format::DctSign { keep, side } => cosine::bytes(len, keep, side),
        }
    }

    /// Bits per value in the long run.
    pub fn bits_per_value(&self) -> f64 {
        let many = 1 << 24;
        self.bytes(many) as f64 * 8.0 / many as f64
    }

    /// The `len` values that `bytes` hold.
    ///
    /// Allocates for `len` values and no more, after the size of `bytes` was found right.
    ///
    /// # Errors
    /// If `bytes` have not the size of `len` values, or hold what no encoder writes: a NaN, an
    /// infinity, a number beyond 2^110, an index out of order or out of range.
    pub fn decode(&self, bytes: &[u8], len: usize) -> Result<Vec<f32>, Diagnostic> {
        if bytes.len() != self.bytes(len) {
            return Err(Diagnostic::error(format!(
                "{len} values as {self} are {} bytes, found {}",
                self.bytes(len),
                bytes.len()
            )));
        }
        let mut values = vec![0.0; len];
        match self.format {
            Format::F32 => plain::decode_f32(bytes, &mut values),
            Format::Bf16 => plain::decode_bf16(bytes, &mut values),
            Format::Int8 { block } => block::decode_int8(bytes, &mut values, block),
            Format::Int4 { block } => block::decode_int4(bytes, &mut values, block),
            Format::Fp4 { block } => block::decode_fp4(bytes, &mut values, block),
            Format::TopK { keep, chunk } => sparse::decode(bytes, &mut values, keep, chunk),
            Format::DctSign { keep, side } => cosine::decode(bytes, &mut values, keep, side),
        }
        .and_then(|()| if usable(&values, LARGEST_DECODED) { Ok(()) } else { Err(NOT_FINITE) })
        .map_err(|why| {
            Diagnostic::error(format!("a vector encoded as {self} is refused: {why}"))
                .note("a peer sent it broken, or its training diverged")
        })?;
        Ok(values)
    }

    /// Writes `values`, all usable, in the format; no memory of errors.
    fn write(&self, values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes(values.len()));
        match self.format {
            Format::F32 => plain::encode_f32(values, &mut bytes),
            Format::Bf16 => plain::encode_bf16(values, &mut bytes),
            Format::Int8 { block } => block::encode_int8(values, &mut bytes, block),
            Format::Int4 { block } => block::encode_int4(values, &mut bytes, block),
            Format::Fp4 { block } => block::encode_fp4(values, &mut bytes, block),
            Format::TopK { keep, chunk } => sparse::encode(values, &mut bytes, keep, chunk),
            Format::DctSign { keep, side } => cosine::encode(values, &mut bytes, keep, side),
        }
        bytes
    }
}

/// Why bytes are no vector; said to the peer's operator.
type Refusal = &'static str;
const NOT_FINITE: Refusal = "a value is not a finite number, or beyond 2^110";

/// Whether every value is a number of at most `limit`.
fn usable(values: &[f32], limit: f32) -> bool {
    crate::kernels::wide(|| {
        // Branch-free, so that it runs at the speed of memory. Finite magnitudes order as integers.
        let largest = values.iter().fold(0_u32, |top, x| top.max(x.to_bits() & 0x7FFF_FFFF));
        largest <= limit.to_bits()
    })
}
