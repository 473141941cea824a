//! The shape of a model: its dimensions, its exact parameter counts and its exact FLOP per token.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

/// The feed-forward layer of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Mlp {
    /// `max(0, x W1)^2 W2` with a hidden width of 4 (So et al. 2021, arXiv:2109.08668).
    #[default]
    SquaredRelu,
    /// `(silu(x W1) * x W3) W2` with a hidden width of 8/3 (Shazeer 2020, arXiv:2002.05202).
    Swiglu,
}

/// The output projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// A matrix of its own.
    #[default]
    Untied,
    /// The transposed token embedding.
    Tied,
}

/// Dimensions of a decoder-only transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Blocks.
    pub depth: usize,
    /// Features of the residual stream.
    pub width: usize,
    /// Attention heads; each has `width / heads` features.
    pub heads: usize,
    /// Tokens a sequence.
    pub context: usize,
    /// Distinct tokens.
    pub vocab: usize,
    /// The feed-forward layer.
    pub mlp: Mlp,
    /// The output projection.
    pub head: Head,
}

/// Width of the residual stream per block of depth on the one-dial family.
pub const WIDTH_PER_DEPTH: usize = 16;
/// Features of one attention head on the one-dial family.
pub const HEAD_WIDTH: usize = 16;

impl Shape {
    /// The one-dial family: depth sets everything (width `16 depth`, heads of 16 features).
    ///
    /// The idea is nanochat's (one dial, constant aspect ratio); its 64 features a block and
    /// heads of 128 are scaled down so that depths 1 to 8 span 10^4 to 10^6 parameters.
    pub fn from_depth(depth: usize, context: usize, vocab: usize) -> Self {
        let width = WIDTH_PER_DEPTH * depth;
        Self {
            depth,
            width,
            heads: width / HEAD_WIDTH,
            context,
            vocab,
            mlp: Mlp::default(),
            head: Head::default(),
        }
    }

    /// Says what is wrong with a shape that no model can have.
    pub fn check(&self) -> Result<(), Diagnostic> {
        let positive = [
            ("depth", self.depth),
            ("width", self.width),
            ("heads", self.heads),
            ("context", self.context),
            ("vocab", self.vocab),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(Diagnostic::error(format!("a model's {name} must be at least 1")));
            }
            if value > 1 << 24 {
                return Err(Diagnostic::error(format!(
                    "a model's {name} of {value} is beyond what this engine can hold"
                )));
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(Diagnostic::error(format!(
                "width {} does not divide into {} heads",
                self.width, self.heads
            ))
            .help(format!("use a width that is a multiple of {}", self.heads)));
        }
        if !self.head_width().is_multiple_of(2) {
            return Err(Diagnostic::error(format!(
                "heads of {} features cannot be rotated in pairs",
                self.head_width()
            ))
            .help("rotary embeddings need an even number of features in each head"));
        }
        // Four f32 copies of the parameters are the least that training holds.
        if self.total_parameters_f64() > 4e9 {
            return Err(Diagnostic::error(format!(
                "this shape has {:.2e} parameters, more than this engine trains (4e9)",
                self.total_parameters_f64()
            )));
        }
        Ok(())
    }

    fn total_parameters_f64(&self) -> f64 {
        let (d, v) = (self.width as f64, self.vocab as f64);
        let hidden = self.hidden() as f64;
        let matrices = if self.mlp == Mlp::Swiglu { 3.0 } else { 2.0 };
        self.depth as f64 * (4.0 * d * d + matrices * d * hidden) + 2.0 * v * d
    }

    /// Features of one attention head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Hidden features of the feed-forward layer.
    pub fn hidden(&self) -> usize {
        match self.mlp {
            Mlp::SquaredRelu => 4 * self.width,
            // 8/3 of the width, rounded up to a multiple of 8, so that three matrices hold about
            // as many parameters as the two of squared ReLU.
            Mlp::Swiglu => (8 * self.width).div_ceil(3).next_multiple_of(8),
        }
    }

    /// Parameters in the blocks alone: attention and feed-forward matrices ("non-embedding").
    pub fn non_embedding_parameters(&self) -> u64 {
        let (d, hidden) = (self.width as u64, self.hidden() as u64);
        let mlp = match self.mlp {
            Mlp::SquaredRelu => 2 * d * hidden,
            Mlp::Swiglu => 3 * d * hidden,
        };
        self.depth as u64 * (4 * d * d + mlp)
    }

    /// Parameters that multiply every token: the blocks and the output projection.
    ///
    /// The convention in which small families have the steadiest tokens-per-parameter ratio; a
    /// tied head counts here, since it multiplies like any other.
    pub fn parameters_with_head(&self) -> u64 {
        self.non_embedding_parameters() + self.embedding_parameters()
    }

    /// Every stored number.
    pub fn total_parameters(&self) -> u64 {
        let tables = match self.head {
            Head::Untied => 2,
            Head::Tied => 1,
        };
        self.non_embedding_parameters() + tables * self.embedding_parameters()
    }

    fn embedding_parameters(&self) -> u64 {
        self.vocab as u64 * self.width as u64
    }

    /// FLOP to train on one token, forward and backward, without attention: `6 N` with N the
    /// parameters that multiply every token.
    pub fn matmul_flop_per_token(&self) -> f64 {
        6.0 * self.parameters_with_head() as f64
    }

    /// FLOP to train on one token in the attention products, forward and backward.
    ///
    /// A token at position t attends to t+1 tokens, so a causal sequence of T tokens needs
    /// `2 * 2 * width * (T+1)/2` FLOP a token and layer forward and three times that with the
    /// backward pass: `6 depth width (T+1)`. (Counting the masked half too gives the `12 depth
    /// width T` of PaLM, arXiv:2204.02311, appendix B.)
    pub fn attention_flop_per_token(&self) -> f64 {
        6.0 * self.depth as f64 * self.width as f64 * (self.context as f64 + 1.0)
    }

    /// FLOP to train on one token: matrix products and causal attention, exact.
    pub fn flop_per_token(&self) -> f64 {
        self.matmul_flop_per_token() + self.attention_flop_per_token()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dial_spans_ten_thousand_to_a_million_parameters() {
        let counts: Vec<u64> =
            (1..=8).map(|d| Shape::from_depth(d, 128, 256).total_parameters()).collect();
        assert_eq!(counts[0], 12 * 16 * 16 + 2 * 256 * 16);
        assert!(counts[0] < 12_000 && counts[7] > 1_500_000);
        assert!(counts.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_tied_head_is_stored_once_and_multiplies_all_the_same() {
        let untied = Shape::from_depth(3, 128, 256);
        let tied = Shape { head: Head::Tied, ..untied };
        assert_eq!(tied.total_parameters() + 256 * 48, untied.total_parameters());
        assert_eq!(tied.parameters_with_head(), untied.parameters_with_head());
    }

    #[test]
    fn flop_per_token_counts_only_the_causal_half_of_attention() {
        let shape = Shape::from_depth(2, 128, 256);
        let n = f64::from(2 * 12 * 32 * 32 + 256 * 32);
        assert_eq!(shape.matmul_flop_per_token(), 6.0 * n);
        assert_eq!(shape.attention_flop_per_token(), 6.0 * 2.0 * 32.0 * 129.0);
    }

    #[test]
    fn impossible_shapes_are_named() {
        let good = Shape::from_depth(2, 128, 256);
        assert!(good.check().is_ok());
        for (bad, word) in [
            (Shape { heads: 3, ..good }, "3 heads"),
            (Shape { depth: 0, ..good }, "depth"),
            (Shape { width: 6, heads: 2, ..good }, "pairs"),
            (Shape { width: 1 << 20, heads: 1 << 10, ..good }, "parameters"),
            (Shape { context: usize::MAX, ..good }, "context"),
        ] {
            let message = bad.check().unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
