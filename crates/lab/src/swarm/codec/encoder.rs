//! An encoder: a codec and what it lost so far.

use diagnostic::Diagnostic;

use super::{Codec, LARGEST, usable};
use crate::kernels::wide;

/// Encodes one vector after the other, and remembers what was lost if the codec says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    codec: Codec,
    len: usize,
    /// Empty without error feedback.
    residual: Vec<f32>,
}

impl Encoder {
    /// An encoder of vectors of `len` values that has lost nothing yet.
    pub fn new(codec: Codec, len: usize) -> Self {
        let residual = if codec.feedback.is_some() { vec![0.0; len] } else { Vec::new() };
        Self { codec, len, residual }
    }

    /// The codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// What was lost and will be added, times the decay, to the next vector; empty without error
    /// feedback.
    pub fn residual(&self) -> &[f32] {
        &self.residual
    }

    /// Goes on from a residual that was kept with a checkpoint.
    ///
    /// # Errors
    /// If it is not one of this encoder: another length, or not all numbers.
    pub fn restore(&mut self, residual: &[f32]) -> Result<(), Diagnostic> {
        if residual.len() != self.residual.len() || !usable(residual, LARGEST) {
            return Err(Diagnostic::error(format!(
                "an error memory of {} numbers was expected, found {} values",
                self.residual.len(),
                residual.len()
            ))
            .help("the checkpoint belongs to another model or codec"));
        }
        self.residual.copy_from_slice(residual);
        Ok(())
    }

    /// The bytes of `values`, always [`Codec::bytes`] many.
    ///
    /// Values that are no numbers or beyond 2^100, or another count of them than the encoder was
    /// made for, give bytes that no receiver accepts, and leave the memory as it was.
    pub fn encode(&mut self, values: &[f32]) -> Vec<u8> {
        if values.len() != self.len {
            return self.refused();
        }
        let Some(decay) = self.codec.feedback else {
            return if usable(values, LARGEST) { self.codec.write(values) } else { self.refused() };
        };
        let mut sum = vec![0.0; self.len];
        wide(|| {
            for ((m, x), e) in sum.iter_mut().zip(values).zip(&self.residual) {
                *m = x + decay * e;
            }
        });
        if !usable(&sum, LARGEST) {
            return self.refused();
        }
        let bytes = self.codec.write(&sum);
        // What the receiver will read defines what was lost.
        let Ok(sent) = self.codec.decode(&bytes, self.len) else { return self.refused() };
        wide(|| {
            for ((e, m), d) in self.residual.iter_mut().zip(&sum).zip(&sent) {
                *e = m - d;
            }
        });
        bytes
    }

    /// All ones: a NaN in every format.
    fn refused(&self) -> Vec<u8> {
        vec![0xFF; self.codec.bytes(self.len)]
    }
}
