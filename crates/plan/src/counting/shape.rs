//! Families of shapes: which real models have about so many parameters.

use machines::{Attention, Experts, Model, Norm};
use runs::Parameters;

mod file;
#[cfg(test)]
mod tests;

pub use file::{shape_families, shape_family};

/// Which parameters a number of them counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// Every stored number.
    Total,
    /// Those outside the embedding tables and the output head.
    NonEmbedding,
    /// Those and the output head, tied or not: nanochat's scaling parameters.
    WithHead,
    /// Those that one token passes, embeddings included; in a dense model all.
    Active,
    /// Those that multiply each token: active ones without the input embedding, with the head.
    Multiplying,
}

impl Counted {
    /// All conventions, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Total, Self::NonEmbedding, Self::WithHead, Self::Active, Self::Multiplying];

    /// The name by which people choose it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::NonEmbedding => "non-embedding",
            Self::WithHead => "with-head",
            Self::Active => "active",
            Self::Multiplying => "multiplying",
        }
    }

    /// In words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Total => "all parameters, embeddings included",
            Self::NonEmbedding => "parameters without embeddings and head",
            Self::WithHead => "parameters without the input embedding, with the head",
            Self::Active => "parameters that one token passes, embeddings included",
            Self::Multiplying => "parameters that multiply each token, head included",
        }
    }

    /// The convention called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counted| counted.name() == name)
    }

    /// So many parameters of a model.
    pub fn of(self, model: &Model) -> Parameters {
        let head = f64::from(model.vocabulary) * f64::from(model.hidden);
        match self {
            Self::Total => model.parameters(),
            Self::NonEmbedding => model.non_embedding_parameters(),
            Self::WithHead => model.non_embedding_parameters() + Parameters(head),
            Self::Active => model.active_parameters(),
            Self::Multiplying => model.multiplying_parameters(),
        }
    }
}

/// A rule that gives every size of model a shape.
///
/// ```
/// use plan::{Counted, shape_family};
/// use runs::Parameters;
///
/// let nanochat = shape_family("nanochat")?;
/// let near = nanochat.nearest(Parameters(3.2e8), Counted::WithHead, 3);
/// assert_eq!((near[0].model.layers, near[0].model.hidden), (18, 1152));
/// assert_eq!(near[0].parameters.get(), 324_403_200.0);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[expect(clippy::struct_excessive_bools, reason = "independent switches, named where set")]
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeFamily {
    /// Its name in the catalogue.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where the rule comes from.
    pub source: String,
    /// Width over depth.
    pub aspect: f64,
    /// Whether depth alone sets the width (rounded up to whole heads), so that there is one shape
    /// per depth; otherwise depth and width may go apart a little.
    pub dial: bool,
    /// Width of an attention head.
    pub head: u32,
    /// Width of all query heads together over the model's.
    pub heads_over_width: f64,
    /// Query heads that share one key and value head.
    pub queries_per_kv: u32,
    /// Width of the feed-forward over the model's.
    pub ffn: f64,
    /// Whether the feed-forward has a gate.
    pub gated: bool,
    /// Whether queries and keys are normalised by head, with scales.
    pub qk_norm: bool,
    /// Whether linear layers have biases.
    pub biases: bool,
    /// Norms.
    pub norm: Norm,
    /// Rows of the embedding table.
    pub vocabulary: u32,
    /// Whether the output head is the embedding table.
    pub tied: bool,
    /// Sequence length in training.
    pub sequence: u32,
    /// Experts, in a mixture.
    pub experts: Option<FamilyExperts>,
}

/// The experts of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyExperts {
    /// Routed experts per layer.
    pub count: u32,
    /// Routed experts per token.
    pub active: u32,
    /// Experts that every token passes.
    pub shared: u32,
    /// Width of one expert over the model's.
    pub ffn: f64,
}

/// A real shape near what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// The shape.
    pub model: Model,
    /// Its parameters, counted as asked.
    pub parameters: Parameters,
    /// ln of its parameters over those asked for.
    pub distance: f64,
    /// ln of its width over depth, over the family's.
    pub aspect: f64,
}

impl Configuration {
    /// How far it is from what was asked: a tenth off in width over depth counts as a hundredth off
    /// in parameters.
    pub fn nearness(&self) -> f64 {
        self.distance.hypot(0.1 * self.aspect)
    }
}

/// No width beyond: sixteen million features are far past what anybody builds, and products of two
/// such numbers stay exact.
const WIDEST: u32 = 1 << 24;

/// Depth and width may part from the family's ratio by this factor. Loss hardly feels it: 3 % over a
/// factor of 40 (Kaplan et al. 2020, arXiv:2001.08361, figure 5); machines and readers do.
const APART: f64 = 1.25;

impl ShapeFamily {
    /// The model of so many layers and features; both at least 1, features rounded to whole heads.
    pub fn model(&self, layers: u32, width: u32) -> Model {
        let layers = layers.max(1);
        let heads_wide =
            (f64::from(width.clamp(1, WIDEST)) / f64::from(self.head)).round().max(1.0);
        self.exact(layers, heads_wide as u32 * self.head)
    }

    /// The same without rounding, and with no layers where that is asked.
    fn exact(&self, layers: u32, width: u32) -> Model {
        let wide = f64::from(width);
        let heads = (wide * self.heads_over_width / f64::from(self.head)).round().max(1.0) as u32;
        let wanted = (heads / self.queries_per_kv).max(1);
        let kv_heads = (1..=wanted).rev().find(|kv| heads.is_multiple_of(*kv)).unwrap_or(1);
        let features = |ratio: f64| (wide * ratio).round().max(1.0) as u32;
        Model {
            name: format!("{}-d{layers}-w{width}", self.name),
            title: format!("{} of {layers} layers and width {width}", self.name),
            source: self.source.clone(),
            layers,
            hidden: width,
            attention: Attention::Grouped {
                heads,
                kv_heads,
                head: self.head,
                qkv_bias: false,
                qk_norm: self.qk_norm,
                sinks: false,
            },
            ffn: features(self.ffn),
            gated: self.gated,
            experts: self.experts.map(|experts| Experts {
                count: experts.count,
                active: experts.active,
                shared: experts.shared,
                width: features(experts.ffn),
                dense_layers: 0,
                router_bias: false,
            }),
            vocabulary: self.vocabulary,
            tied: self.tied,
            positions: 0,
            biases: self.biases,
            norm: self.norm,
            sequence: self.sequence,
        }
    }

    /// The model of so many layers at the family's ratio of width to depth.
    pub fn of_depth(&self, layers: u32) -> Model {
        let heads = f64::from(layers.max(1)) * self.aspect / f64::from(self.head);
        // 42.6667 * 48 / 128 is 16, not a little more.
        let heads = if self.dial { (heads - 1e-3).ceil() } else { heads.round() };
        let most = f64::from(WIDEST / self.head);
        self.exact(layers.max(1), heads.clamp(1.0, most) as u32 * self.head)
    }

    /// ln of the width, as a real number, at which models of the family's ratio of width to depth
    /// have `target` parameters: the coordinate of [`FlopModel::formula`](crate::FlopModel::formula).
    pub fn log_width(&self, target: Parameters, counted: Counted) -> f64 {
        let polynomial = Polynomial::of(self, |model| counted.of(model).get());
        polynomial.width_of(target.get(), self.aspect).ln()
    }

    /// Up to `most` real shapes nearest to `target` parameters and the family's ratio of width to
    /// depth, the nearest first ([`Configuration::nearness`]). Targets beyond what can be
    /// built get the smallest or largest shapes; a target that is no number gets none.
    pub fn nearest(&self, target: Parameters, counted: Counted, most: usize) -> Vec<Configuration> {
        if target.get().is_nan() || most == 0 {
            return Vec::new();
        }
        let target = target.get().clamp(1e-300, 1e300);
        let polynomial = Polynomial::of(self, |model| counted.of(model).get());
        let width = polynomial.width_of(target, self.aspect).min(f64::from(WIDEST));
        let mut shapes: Vec<(u32, u32)> = Vec::new();
        if self.dial {
            let depth = (width / self.aspect).round().max(1.0) as u32;
            let around = most as u32 + 2;
            for layers in depth.saturating_sub(around).max(1)..=depth.saturating_add(around) {
                shapes.push((layers, self.of_depth(layers).hidden));
            }
        } else {
            let step = f64::from(self.head);
            let (low, high) = (width / APART / step, width * APART / step);
            let middle = width / step;
            // Of very wide models only the widths next to the middle matter.
            let low = low.floor().max(middle - 256.0).max(1.0) as u32;
            let high = high.ceil().min(middle + 256.0).clamp(1.0, f64::from(WIDEST) / step) as u32;
            for heads in low..=high.max(low) {
                let wide = heads * self.head;
                let layers = polynomial.layers_of(target, f64::from(wide));
                for layers in [layers.floor(), layers.ceil()] {
                    shapes.push((layers.clamp(1.0, f64::from(WIDEST)) as u32, wide));
                }
            }
        }
        shapes.sort_unstable();
        shapes.dedup();
        let apart = |&(layers, width): &(u32, u32)| {
            (f64::from(width) / f64::from(layers) / self.aspect).ln().abs()
        };
        if !self.dial {
            // Tiny models have no shape within the bound: then the squarest ones.
            let least = shapes.iter().map(&apart).fold(f64::INFINITY, f64::min);
            let bound = APART.ln().max(least + 1e-9);
            shapes.retain(|shape| apart(shape) <= bound);
        }
        let mut found: Vec<Configuration> = shapes
            .iter()
            .map(|&(layers, width)| {
                let model = self.exact(layers, width);
                let parameters = counted.of(&model);
                let distance = (parameters.get() / target).ln();
                let aspect = (f64::from(width) / f64::from(layers) / self.aspect).ln();
                Configuration { model, parameters, distance, aspect }
            })
            .collect();
        found.sort_by(|a, b| a.nearness().total_cmp(&b.nearness()));
        found.truncate(most);
        found
    }
}

/// A count of a family's models as `layers (a w^2 + b w + c) + d w` in the width w, exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Polynomial {
    pub(crate) square: f64,
    pub(crate) linear: f64,
    pub(crate) constant: f64,
    pub(crate) tables: f64,
}

impl Polynomial {
    /// Taken from the counts themselves at three widths, at which nothing is rounded.
    pub(crate) fn of(family: &ShapeFamily, count: impl Fn(&Model) -> f64) -> Self {
        let unit = family.head * family.queries_per_kv * 16;
        let width = f64::from(unit);
        let tables = count(&family.exact(0, unit));
        let layer = |times: u32| {
            let wide = family.exact(1, unit * times);
            count(&wide) - count(&family.exact(0, unit * times))
        };
        let (one, two, three) = (layer(1), layer(2), layer(3));
        // Second difference of a parabola.
        let square = 0.5 * (three - 2.0 * two + one);
        let linear = two - one - 3.0 * square;
        Self {
            square: square / (width * width),
            linear: linear / width,
            constant: one - square - linear,
            // Norms at the end of the stream and tables, both as wide as the stream.
            tables: tables / width,
        }
    }

    /// One layer.
    fn layer(&self, width: f64) -> f64 {
        (self.square * width + self.linear) * width + self.constant
    }

    /// The count.
    pub(crate) fn at(&self, layers: f64, width: f64) -> f64 {
        layers * self.layer(width) + self.tables * width
    }

    /// The width at which models of a ratio count `target`.
    fn width_of(&self, target: f64, aspect: f64) -> f64 {
        let (mut low, mut high) = (-10.0_f64, 700.0_f64);
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            let width = middle.exp();
            if self.at(width / aspect, width) < target { low = middle } else { high = middle }
        }
        low.exp()
    }

    /// The layers with which models of a width count `target`.
    fn layers_of(&self, target: f64, width: f64) -> f64 {
        (target - self.tables * width) / self.layer(width)
    }
}
