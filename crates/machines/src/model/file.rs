//! Reads the file of one model.

use diagnostic::Diagnostic;
use serde::Deserialize;
use toml::Spanned;

use super::{Attention, Experts, Model, Norm};
use crate::catalogue::{Text, Written};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    source: String,
    layers: Spanned<u32>,
    hidden: Spanned<u32>,
    ffn: u32,
    #[serde(default)]
    gated: bool,
    vocabulary: Spanned<u32>,
    #[serde(default)]
    tied: bool,
    #[serde(default)]
    positions: u32,
    #[serde(default)]
    biases: bool,
    norm: Norm,
    sequence: Spanned<u32>,
    attention: Spanned<AttentionEntry>,
    experts: Option<Spanned<ExpertsEntry>>,
    published: Option<PublishedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttentionEntry {
    heads: u32,
    kv_heads: Option<u32>,
    head: Option<u32>,
    #[serde(default)]
    qkv_bias: bool,
    #[serde(default)]
    qk_norm: bool,
    #[serde(default)]
    sinks: bool,
    query_rank: Option<u32>,
    kv_rank: Option<u32>,
    rotary: Option<u32>,
    value: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpertsEntry {
    count: u32,
    active: u32,
    #[serde(default)]
    shared: u32,
    width: u32,
    #[serde(default)]
    dense_layers: u32,
    #[serde(default)]
    router_bias: bool,
}

/// What the source says the shape adds up to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedEntry {
    parameters: Written,
    /// Relative; zero demands every digit.
    #[serde(default)]
    tolerance: f64,
}

impl Model {
    /// A model from the text of its file, which came from `origin`.
    ///
    /// # Errors
    /// Text that is not TOML, unknown keys, sizes of zero, heads that do not divide, and a shape
    /// whose parameters are not the published number; each points at its place.
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let text = Text { origin, text };
        let file: File = text.read()?;
        let sizes = [
            ("layers", &file.layers),
            ("hidden", &file.hidden),
            ("vocabulary", &file.vocabulary),
            ("sequence", &file.sequence),
        ];
        for (name, size) in sizes {
            if *size.get_ref() == 0 {
                let message = format!("`{name}` is zero");
                return Err(text.error(message, size.span(), "must be at least 1"));
            }
        }
        let hidden = *file.hidden.get_ref();
        let attention = attention(&text, &file.attention, hidden)?;
        let mut experts = None;
        if let Some(entry) = &file.experts {
            let given = entry.get_ref();
            if given.count == 0 || given.active == 0 || given.active > given.count {
                let message = "a mixture sends each token to at least one of its experts";
                let label = format!("{} of {} experts", given.active, given.count);
                return Err(text.error(message, entry.span(), label));
            }
            experts = Some(Experts {
                count: given.count,
                active: given.active,
                shared: given.shared,
                width: given.width,
                dense_layers: given.dense_layers.min(*file.layers.get_ref()),
                router_bias: given.router_bias,
            });
        }
        let model = Self {
            name: file.name,
            title: file.title,
            source: file.source,
            layers: *file.layers.get_ref(),
            hidden,
            attention,
            ffn: file.ffn,
            gated: file.gated,
            experts,
            vocabulary: *file.vocabulary.get_ref(),
            tied: file.tied,
            positions: file.positions,
            biases: file.biases,
            norm: file.norm,
            sequence: *file.sequence.get_ref(),
        };
        if let Some(published) = &file.published {
            let stated = text.positive(&published.parameters, "param")?;
            let counted = model.parameters().get();
            if (counted - stated).abs() > published.tolerance * stated {
                let message =
                    format!("this shape has {counted} parameters, its source says {stated}");
                return Err(text
                    .error(message, file.layers.span(), "the shape starts here")
                    .help("correct the shape, or state the tolerance of a rounded number"));
            }
        }
        Ok(model)
    }
}

fn attention(
    text: &Text<'_>,
    entry: &Spanned<AttentionEntry>,
    hidden: u32,
) -> Result<Attention, Diagnostic> {
    let given = entry.get_ref();
    let refuse = |message: &str| text.error(message, entry.span(), "this attention");
    if given.heads == 0 {
        return Err(refuse("attention without heads"));
    }
    match (given.query_rank, given.kv_rank, given.rotary, given.value, given.head) {
        (None, None, None, None, head) => {
            let kv_heads = given.kv_heads.unwrap_or(given.heads);
            if kv_heads == 0 || !given.heads.is_multiple_of(kv_heads) {
                return Err(refuse("the query heads do not divide by the key and value heads"));
            }
            let head = match head {
                Some(head) if head > 0 => head,
                None if hidden.is_multiple_of(given.heads) => hidden / given.heads,
                _ => return Err(refuse("the width does not divide by the heads; state `head`")),
            };
            Ok(Attention::Grouped {
                heads: given.heads,
                kv_heads,
                head,
                qkv_bias: given.qkv_bias,
                qk_norm: given.qk_norm,
                sinks: given.sinks,
            })
        }
        (Some(query_rank), Some(kv_rank), Some(rotary), Some(value), Some(head)) => {
            Ok(Attention::Latent { heads: given.heads, query_rank, kv_rank, head, rotary, value })
        }
        _ => Err(refuse(
            "latent attention needs query_rank, kv_rank, head, rotary and value together",
        )),
    }
}
