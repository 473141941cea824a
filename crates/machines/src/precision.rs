//! Number formats.

use std::fmt;

/// The format in which matrix multiplications are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Precision {
    /// 32-bit.
    Fp32,
    /// bfloat16 or float16, accumulating in float32.
    #[default]
    Bf16,
    /// 8-bit floating point for the linear layers; the rest in bf16.
    Fp8,
    /// 4-bit floating point for the linear layers; the rest in bf16.
    Fp4,
}

impl Precision {
    /// Bytes of one operand element of a linear layer's multiplication, scales included.
    pub const fn operand_bytes(self) -> f64 {
        match self {
            Self::Fp32 => 4.0,
            Self::Bf16 => 2.0,
            Self::Fp8 => 1.0,
            // Four bits and one 8-bit scale per sixteen elements.
            Self::Fp4 => 0.5625,
        }
    }

    /// Bytes of one activation element outside the multiplications.
    pub const fn activation_bytes(self) -> f64 {
        match self {
            Self::Fp32 => 4.0,
            Self::Bf16 | Self::Fp8 | Self::Fp4 => 2.0,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp8 => "fp8",
            Self::Fp4 => "fp4",
        })
    }
}
