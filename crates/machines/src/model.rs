//! A transformer's shape, and what follows from it exactly: parameters and FLOP.

mod file;

use runs::{Flop, Parameters};
use serde::Deserialize;

/// A decoder-only transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name in the catalogue: `llama3-8b`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where the shape is published.
    pub source: String,
    /// Blocks.
    pub layers: u32,
    /// Width of the residual stream, h.
    pub hidden: u32,
    /// How tokens attend.
    pub attention: Attention,
    /// Width of the dense feed-forward layers.
    pub ffn: u32,
    /// Whether the feed-forward multiplies with a gate (`SwiGLU`): three matrices, not two.
    pub gated: bool,
    /// Experts, in a mixture.
    pub experts: Option<Experts>,
    /// Rows of the embedding table, padding included.
    pub vocabulary: u32,
    /// Whether the output head is the embedding table.
    pub tied: bool,
    /// Learned position embeddings, if any.
    pub positions: u32,
    /// Whether the linear layers have biases.
    pub biases: bool,
    /// Norms.
    pub norm: Norm,
    /// Sequence length that the model is trained at, unless a run says otherwise.
    pub sequence: u32,
}

/// How tokens attend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Query heads sharing key and value heads (one each in multi-head attention).
    Grouped {
        /// Query heads.
        heads: u32,
        /// Key and value heads.
        kv_heads: u32,
        /// Width of a head.
        head: u32,
        /// Whether query, key and value projections have biases.
        qkv_bias: bool,
        /// Whether queries and keys are normalised by head.
        qk_norm: bool,
        /// Whether each head has a learned sink.
        sinks: bool,
    },
    /// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434).
    Latent {
        /// Heads.
        heads: u32,
        /// Rank of the queries' compression.
        query_rank: u32,
        /// Rank of the keys' and values' compression.
        kv_rank: u32,
        /// Width of a head without position.
        head: u32,
        /// Width of a head's rotary part.
        rotary: u32,
        /// Width of a value head.
        value: u32,
    },
}

/// A mixture of experts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Experts {
    /// Routed experts per layer.
    pub count: u32,
    /// Routed experts per token.
    pub active: u32,
    /// Experts that every token passes.
    pub shared: u32,
    /// Width of one expert.
    pub width: u32,
    /// First layers that are dense instead.
    pub dense_layers: u32,
    /// Whether the router has a bias per expert.
    pub router_bias: bool,
}

/// Normalisation of the residual stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// A scale.
    Rms,
    /// A scale and a shift.
    Layer,
    /// A scale, no shift.
    LayerWithoutBias,
    /// Neither: normalised only (nanochat).
    Unscaled,
}

/// Which operations count as model FLOP. Named beside every MFU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlopConvention {
    /// 6 N D over active parameters, without attention.
    SixNd,
    /// 6 N plus attention over the whole sequence, 12 L s w per token (`PaLM`, llm-foundry), w
    /// being the width of all heads.
    FullAttention,
    /// 6 N plus attention over the half that a causal mask leaves (Megatron-Bridge).
    CausalAttention,
}

impl FlopConvention {
    /// In words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::SixNd => "6ND, active parameters without the input embedding",
            Self::FullAttention => "6ND and attention over the whole sequence",
            Self::CausalAttention => "6ND and causal attention",
        }
    }
}

impl Attention {
    /// Width of all query heads together, as the scores see it.
    pub fn score_width(&self) -> f64 {
        match *self {
            Self::Grouped { heads, head, .. } => f64::from(heads) * f64::from(head),
            Self::Latent { heads, head, rotary, .. } => {
                f64::from(heads) * (f64::from(head) + f64::from(rotary))
            }
        }
    }

    /// Width of all heads together, as the values see it.
    pub fn value_width(&self) -> f64 {
        match *self {
            Self::Grouped { heads, head, .. } => f64::from(heads) * f64::from(head),
            Self::Latent { heads, value, .. } => f64::from(heads) * f64::from(value),
        }
    }

    /// Width of one token's keys and values together, as ring attention passes them on.
    pub fn kv_width(&self) -> f64 {
        match *self {
            Self::Grouped { kv_heads, head, .. } => 2.0 * f64::from(kv_heads) * f64::from(head),
            Self::Latent { heads, head, rotary, value, .. } => {
                f64::from(heads) * (f64::from(head) + f64::from(rotary) + f64::from(value))
            }
        }
    }

    /// Query heads.
    pub const fn heads(&self) -> u32 {
        match *self {
            Self::Grouped { heads, .. } | Self::Latent { heads, .. } => heads,
        }
    }

    /// Key and value heads.
    pub const fn kv_heads(&self) -> u32 {
        match *self {
            Self::Grouped { kv_heads, .. } => kv_heads,
            Self::Latent { heads, .. } => heads,
        }
    }

    /// Parameters of one layer: matrices, and the small rest.
    fn parameters(&self, hidden: f64, biases: bool) -> (f64, f64) {
        match *self {
            Self::Grouped { heads, kv_heads, head, qkv_bias, qk_norm, sinks } => {
                let (heads, kv, head) = (f64::from(heads), f64::from(kv_heads), f64::from(head));
                let (q, kv) = (heads * head, kv * head);
                let matrices = hidden * (q + 2.0 * kv) + q * hidden;
                let mut rest = 0.0;
                if biases || qkv_bias {
                    rest += q + 2.0 * kv;
                }
                if biases {
                    rest += hidden;
                }
                if qk_norm {
                    rest += 2.0 * head;
                }
                if sinks {
                    rest += heads;
                }
                (matrices, rest)
            }
            Self::Latent { heads, query_rank, kv_rank, head, rotary, value } => {
                let [a, rq, rkv, dn, dr, dv] =
                    [heads, query_rank, kv_rank, head, rotary, value].map(f64::from);
                let matrices = hidden * rq
                    + rq * a * (dn + dr)
                    + hidden * (rkv + dr)
                    + rkv * a * (dn + dv)
                    + a * dv * hidden;
                (matrices, rq + rkv)
            }
        }
    }
}

impl Model {
    /// Parameters of the attention matrices of one layer.
    pub(crate) fn attention_matrices(&self) -> f64 {
        self.attention.parameters(f64::from(self.hidden), self.biases).0
    }

    /// Matrices of a feed-forward of `width`.
    pub(crate) fn ffn_matrices(&self, width: f64) -> f64 {
        let matrices = if self.gated { 3.0 } else { 2.0 };
        matrices * f64::from(self.hidden) * width
    }

    fn ffn_biases(&self, width: f64) -> f64 {
        if !self.biases {
            return 0.0;
        }
        let inner = if self.gated { 2.0 } else { 1.0 };
        inner * width + f64::from(self.hidden)
    }

    /// How many layers have experts.
    pub fn expert_layers(&self) -> u32 {
        self.experts.map_or(0, |experts| self.layers.saturating_sub(experts.dense_layers))
    }

    /// All parameters, embeddings included.
    pub fn parameters(&self) -> Parameters {
        Parameters(self.count(|experts| experts.count, true))
    }

    /// Parameters that one token passes, embeddings included.
    pub fn active_parameters(&self) -> Parameters {
        Parameters(self.count(|experts| experts.active, true))
    }

    /// Parameters that multiply each token: active ones without the input embedding and the
    /// positions; the output head counts once, tied or not.
    pub fn multiplying_parameters(&self) -> Parameters {
        Parameters(self.count(|experts| experts.active, false))
    }

    /// Parameters outside the embedding tables and the output head.
    pub fn non_embedding_parameters(&self) -> Parameters {
        let tables = if self.tied { 1.0 } else { 2.0 };
        let width = f64::from(self.hidden);
        let embeddings = (tables * f64::from(self.vocabulary) + f64::from(self.positions)) * width;
        self.parameters() - Parameters(embeddings)
    }

    fn count(&self, experts_counted: impl Fn(&Experts) -> u32, embeddings: bool) -> f64 {
        let hidden = f64::from(self.hidden);
        let norm = match self.norm {
            Norm::Layer => 2.0 * hidden,
            Norm::Rms | Norm::LayerWithoutBias => hidden,
            Norm::Unscaled => 0.0,
        };
        let (matrices, rest) = self.attention.parameters(hidden, self.biases);
        let every_layer = matrices + rest + 2.0 * norm;
        let dense = self.ffn_matrices(f64::from(self.ffn)) + self.ffn_biases(f64::from(self.ffn));
        let expert_layers = f64::from(self.expert_layers());
        let dense_layers = f64::from(self.layers) - expert_layers;
        let mut sum = every_layer * f64::from(self.layers) + dense * dense_layers + norm;
        if let Some(experts) = &self.experts {
            let one = self.ffn_matrices(f64::from(experts.width))
                + self.ffn_biases(f64::from(experts.width));
            let router =
                f64::from(experts.count) * (hidden + if experts.router_bias { 1.0 } else { 0.0 });
            let counted = f64::from(experts_counted(experts)) + f64::from(experts.shared);
            sum += expert_layers * (one * counted + router);
        }
        let table = f64::from(self.vocabulary) * hidden;
        sum += table;
        if embeddings {
            if !self.tied {
                sum += table;
            }
            sum += f64::from(self.positions) * hidden;
        }
        sum
    }

    /// Training FLOP of one token at sequence length `sequence`, forward and backward, without
    /// recomputation.
    pub fn flop_per_token(&self, sequence: f64, convention: FlopConvention) -> Flop {
        let matrices = 6.0 * self.multiplying_parameters().get();
        let width = self.attention.score_width() + self.attention.value_width();
        let attention = 6.0 * f64::from(self.layers) * sequence * width;
        Flop(match convention {
            FlopConvention::SixNd => matrices,
            FlopConvention::FullAttention => matrices + attention,
            FlopConvention::CausalAttention => matrices + 0.5 * attention,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_add_up_to_the_published_parameters_to_the_last_digit() {
        // Files of these models demand it too, at reading; here the numbers stand apart from them.
        for (name, total) in [
            ("llama3-8b", 8_030_261_248.0),
            ("llama3-70b", 70_553_706_496.0),
            ("llama2-7b", 6_738_415_616.0),
            ("gpt2", 124_439_808.0),
            ("mixtral-8x7b", 46_702_792_704.0),
        ] {
            assert_eq!(crate::model(name).unwrap().parameters().get(), total, "{name}");
        }
    }

    #[test]
    fn flop_conventions_differ_by_the_attention_they_count() {
        let model = crate::model("llama3-8b").unwrap();
        let per_token = |convention| model.flop_per_token(8192.0, convention).get();
        let (none, causal, full) = (
            per_token(FlopConvention::SixNd),
            per_token(FlopConvention::CausalAttention),
            per_token(FlopConvention::FullAttention),
        );
        // 12 L s h = 12 * 32 * 8192 * 4096.
        assert_eq!(full - none, 12.0 * 32.0 * 8192.0 * 4096.0);
        assert_eq!(full - causal, causal - none);
    }

    #[test]
    fn a_shape_that_contradicts_its_source_is_refused() {
        let text = "name='x'\ntitle='x'\nsource='x'\nlayers=2\nhidden=8\nffn=32\nvocabulary=10\n\
                    norm='rms'\nsequence=16\n[attention]\nheads=2\n[published]\nparameters='5 param'\n";
        let problem = Model::from_toml("x.toml", text).unwrap_err().to_string();
        assert!(problem.contains("its source says 5"), "{problem}");
        for (from, to, expected) in [
            ("layers=2", "layers=0", "`layers` is zero"),
            ("heads=2", "heads=3", "does not divide"),
            ("heads=2", "heads=0", "without heads"),
            ("heads=2", "heads=2\nkv_rank=4", "together"),
        ] {
            let problem = Model::from_toml("x.toml", &text.replace(from, to));
            let problem = problem.unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
