//! How many FLOP a token costs: `6 N`, or counted on a shape with attention, head and experts.

use diagnostic::Diagnostic;
use machines::{FlopConvention, Model};
use runs::Flop;

use crate::counting::shape::{Counted, Polynomial, ShapeFamily};

/// How attention's own products are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attended {
    /// Not at all.
    None,
    /// The half of the sequence that a causal mask leaves.
    Causal,
    /// The whole sequence, as `PaLM` counts (arXiv:2204.02311, appendix B), and `DeepSeek`'s M.
    Full,
}

impl Attended {
    /// Products per token over those of the whole sequence.
    const fn share(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Causal => 0.5,
            Self::Full => 1.0,
        }
    }
}

/// What a token of training and a token of serving cost.
///
/// ```
/// use plan::{Attended, Counted, FlopModel};
///
/// let model = machines::model("llama3-405b")?;
/// let plain = FlopModel::Parameters(Counted::Multiplying);
/// let whole = FlopModel::Exact { attended: Attended::Causal, context: 8192 };
/// // Attention adds 4 % at a context of 8,192.
/// assert!((whole.train(&model) / plain.train(&model) - 1.042).abs() < 1e-3);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlopModel {
    /// Six for each parameter so counted, two in serving: `C = 6 N D`. In a mixture count active
    /// ones: [`Counted::Multiplying`].
    Parameters(Counted),
    /// Every product: the parameters that multiply a token (experts at work and the output head,
    /// not the input embedding), and attention over a context.
    Exact {
        /// How attention's products are counted.
        attended: Attended,
        /// Tokens per sequence.
        context: u32,
    },
    /// `DeepSeek`'s M: products of the blocks with attention over the whole sequence, without head
    /// and embeddings (arXiv:2401.02954, equation 2: `72 n d^2 + 12 n d l`).
    NonEmbedding {
        /// How attention's products are counted.
        attended: Attended,
        /// Tokens per sequence.
        context: u32,
    },
}

/// Serving computes the forward pass alone: one of three.
const FORWARD: f64 = 1.0 / 3.0;

impl FlopModel {
    /// FLOP to train a model on one token, forward and backward, without recomputation.
    pub fn train(&self, model: &Model) -> Flop {
        let attention = |attended: Attended, context: u32| {
            let context = f64::from(context);
            let full = model.flop_per_token(context, FlopConvention::FullAttention)
                - model.flop_per_token(context, FlopConvention::SixNd);
            full * attended.share()
        };
        match *self {
            Self::Parameters(counted) => Flop(6.0 * counted.of(model).get()),
            Self::Exact { attended, context } => {
                Flop(6.0 * model.multiplying_parameters().get()) + attention(attended, context)
            }
            Self::NonEmbedding { attended, context } => {
                let head = f64::from(model.vocabulary) * f64::from(model.hidden);
                let inner = model.multiplying_parameters().get() - head;
                Flop(6.0 * inner) + attention(attended, context)
            }
        }
    }

    /// FLOP to serve one token, read or written, at half the context where attention is causal.
    pub fn serve(&self, model: &Model) -> Flop {
        self.train(model) * FORWARD
    }

    /// What is counted, in words.
    pub fn describe(&self) -> String {
        let attention = |attended: Attended, context: u32| match attended {
            Attended::None => ", without attention's own products".to_owned(),
            Attended::Causal => format!(" and causal attention over {context} tokens"),
            Attended::Full => format!(" and attention over all of {context} tokens"),
        };
        match *self {
            Self::Parameters(counted) => format!("6 N per token: {}", counted.describe()),
            Self::Exact { attended, context } => {
                format!("6 per parameter that multiplies{}", attention(attended, context))
            }
            Self::NonEmbedding { attended, context } => {
                format!("6 per parameter of the blocks at work{}", attention(attended, context))
            }
        }
    }

    /// How much more it counts than `6 N`, N being counted as the law does: 0.03 is 3 % more.
    pub fn over_six_n(&self, model: &Model, law: Counted) -> f64 {
        self.train(model) / Flop(6.0 * law.of(model).get()) - 1.0
    }

    /// The formula of this count: from the coordinate `x`, the law's `N`, and FLOP per token of
    /// training and of serving, `train` and `serve`.
    ///
    /// For `6 N` with N as the law counts it no shape is needed and `x` is ln N. Otherwise `x` is
    /// ln of the width along `family` ([`ShapeFamily::log_width`] finds it for an N), and `law` says which parameters N counts. Names used beside
    /// those four: `model_width`, `model_layers`, `model_products`, `model_attention`.
    ///
    /// # Errors
    /// A count that needs a shape, without a family.
    pub fn formula(
        &self,
        law: Counted,
        family: Option<&ShapeFamily>,
    ) -> Result<String, Diagnostic> {
        let Some(family) = family else {
            return match *self {
                Self::Parameters(counted) if counted == law => {
                    Ok("N = exp(x)\ntrain = 6 * N\nserve = 2 * N".to_owned())
                }
                _ => Err(Diagnostic::error(format!(
                    "FLOP as {} hang on the model's shape",
                    self.describe()
                ))
                .help("name a family of shapes: `--shape llama`")),
            };
        };
        let count = |name: &str, counted: Counted| {
            let polynomial = Polynomial::of(family, |model| counted.of(model).get());
            format!("{name} = {}", polynomial.formula())
        };
        let products = match *self {
            Self::Parameters(counted) if counted == law => "model_products = N".to_owned(),
            Self::Parameters(counted) => count("model_products", counted),
            Self::Exact { .. } => count("model_products", Counted::Multiplying),
            Self::NonEmbedding { .. } => {
                let inner = |model: &Model| {
                    let head = f64::from(model.vocabulary) * f64::from(model.hidden);
                    model.multiplying_parameters().get() - head
                };
                format!("model_products = {}", Polynomial::of(family, inner).formula())
            }
        };
        let attention = match *self {
            Self::Parameters(_) => 0.0,
            Self::Exact { attended, context } | Self::NonEmbedding { attended, context } => {
                12.0 * f64::from(context) * family.heads_over_width * attended.share()
            }
        };
        let train = if attention > 0.0 {
            format!(
                "model_attention = {attention:?} * model_layers * model_width\n\
                 train = 6 * model_products + model_attention"
            )
        } else {
            "train = 6 * model_products".to_owned()
        };
        Ok(format!(
            "model_width = exp(x)\nmodel_layers = model_width / {:?}\n{}\n{products}\n{train}\n\
             serve = train / 3",
            family.aspect,
            count("N", law),
        ))
    }
}

impl Polynomial {
    /// As a formula of `model_layers` and `model_width`.
    fn formula(&self) -> String {
        let Self { square, linear, constant, tables } = *self;
        let mut layer = format!("{square:?} * model_width * model_width");
        if linear != 0.0 {
            layer = format!("{layer} + {linear:?} * model_width");
        }
        if constant != 0.0 {
            layer = format!("{layer} + {constant:?}");
        }
        let mut all = format!("model_layers * ({layer})");
        if tables != 0.0 {
            all = format!("{all} + {tables:?} * model_width");
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use formula::{Columns, Environment, Program};

    use super::*;
    use crate::counting::shape::{shape_families, shape_family};

    fn exact(attended: Attended, context: u32) -> FlopModel {
        FlopModel::Exact { attended, context }
    }

    fn evaluate(text: &str, x: f64) -> [f64; 3] {
        let program = Program::parse("<flop>", text).unwrap();
        let checked = program.check(&Environment::new().data("x", "")).unwrap();
        let compiled = checked.compile(&["N", "train", "serve"]).unwrap();
        let answer = compiled.evaluate(&Columns::new(1).with("x", vec![x])).unwrap();
        ["N", "train", "serve"].map(|name| answer.get(name).unwrap()[0])
    }

    #[test]
    fn llama_405b_costs_4_percent_more_with_attention_than_6nd() {
        // 3.8e25 FLOP for 15.6T tokens (arXiv:2407.21783, section 3.2.1) is 6ND of 405.9B.
        let model = machines::model("llama3-405b").unwrap();
        let six = FlopModel::Parameters(Counted::Total).train(&model).get() * 15.6e12;
        assert!((six / 3.8e25 - 1.0).abs() < 0.01, "{six}");
        let causal = exact(Attended::Causal, 8192).over_six_n(&model, Counted::Total);
        let full = exact(Attended::Full, 8192).over_six_n(&model, Counted::Total);
        // 126 layers, a context of 8,192 and a width of 16,384: 8.3 % with the whole sequence, half
        // of it with the mask; the input embedding, which multiplies nothing, is 0.5 %.
        assert!((causal - 0.0365).abs() < 1e-3, "{causal}");
        assert!((full - 0.0782).abs() < 1e-3, "{full}");
    }

    #[test]
    fn deepseeks_m_is_72_n_d2_and_12_n_d_l() {
        // arXiv:2401.02954, equation 2, for blocks of 12 d^2 parameters: here 30 layers of 4,096.
        let mut family = shape_family("nanochat").unwrap();
        family.dial = false;
        let (n, d, l) = (30.0, 4096.0, 4096.0);
        let model = family.model(30, 4096);
        let m = FlopModel::NonEmbedding { attended: Attended::Full, context: 4096 };
        assert_eq!(m.train(&model).get(), 72.0 * n * d * d + 12.0 * n * d * l);
    }

    #[test]
    fn deepseeks_optimum_is_a_shape_of_its_own_m() {
        // M = 0.1715 C^0.5243 and D = 5.8316 C^0.4757 (equation 4): M D = 1.0001 C, and at 1e24
        // FLOP 6.57e11 FLOP per token and 1.52T tokens.
        let (m, d) = (0.1715 * 1e24f64.powf(0.5243), 5.8316 * 1e24f64.powf(0.4757));
        assert!((m * d / 1e24 - 1.0001).abs() < 1e-3, "{}", m * d / 1e24);
        assert!((m / 6.57e11 - 1.0).abs() < 5e-3 && (d / 1.52e12 - 1.0).abs() < 5e-3, "{m} {d}");
        let family = shape_family("gpt").unwrap();
        let count = FlopModel::NonEmbedding { attended: Attended::Full, context: 4096 };
        let text = count.formula(Counted::NonEmbedding, Some(&family)).unwrap();
        let (mut low, mut high) = (0.0, 20.0);
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if evaluate(&text, middle)[1] < m { low = middle } else { high = middle }
        }
        let [n, ..] = evaluate(&text, low);
        // 6.57e11 FLOP per token are about a hundred billion parameters, less attention's part.
        assert!(n < m / 6.0 && n > 0.9 * m / 6.0, "{n:e}");
        let near = family.nearest(runs::Parameters(n), Counted::NonEmbedding, 1);
        let real = count.train(&near[0].model).get();
        assert!((real / m - 1.0).abs() < 0.02, "{real:e}");
    }

    #[test]
    fn experts_at_rest_cost_nothing() {
        let model = machines::model("deepseek-v3").unwrap();
        let plain = FlopModel::Parameters(Counted::Multiplying).train(&model).get();
        // 37B active of 671B.
        assert!((plain / (6.0 * 37e9) - 1.0).abs() < 0.03, "{plain:e}");
        let all = FlopModel::Parameters(Counted::Total).train(&model).get();
        assert!(all > 17.0 * plain);
    }

    #[test]
    fn formulas_agree_with_the_counts_of_real_shapes() {
        for name in shape_families() {
            let family = shape_family(name).unwrap();
            let width = family.head * family.queries_per_kv * 16;
            // Layers at the family's ratio need not be whole: compare per layer and table.
            for count in [
                FlopModel::Parameters(Counted::Total),
                FlopModel::Parameters(Counted::Multiplying),
                exact(Attended::Causal, 4096),
                exact(Attended::None, 1),
                FlopModel::NonEmbedding { attended: Attended::Full, context: 2048 },
            ] {
                let text = count.formula(Counted::WithHead, Some(&family)).unwrap();
                let [n, train, serve] = evaluate(&text, f64::from(width).ln());
                let (one, two) = (family.model(1, width), family.model(2, width));
                let layers = f64::from(width) / family.aspect;
                let along = |of: &dyn Fn(&Model) -> f64| {
                    let layer = of(&two) - of(&one);
                    of(&one) + (layers - 1.0) * layer
                };
                let expected = along(&|model| count.train(model).get());
                assert!((train / expected - 1.0).abs() < 1e-9, "{name} {count:?}");
                assert!((serve * 3.0 / train - 1.0).abs() < 1e-12);
                let expected = along(&|model| Counted::WithHead.of(model).get());
                assert!((n / expected - 1.0).abs() < 1e-9, "{name}");
                let x = family.log_width(runs::Parameters(n), Counted::WithHead);
                assert!((x - f64::from(width).ln()).abs() < 1e-9, "{name}: {x}");
            }
        }
    }

    #[test]
    fn six_n_needs_no_shape_and_the_rest_says_so() {
        let six = FlopModel::Parameters(Counted::NonEmbedding);
        let text = six.formula(Counted::NonEmbedding, None).unwrap();
        assert_eq!(text, "N = exp(x)\ntrain = 6 * N\nserve = 2 * N");
        let [n, train, serve] = evaluate(&text, 1e9f64.ln());
        assert!((n / 1e9 - 1.0).abs() < 1e-12 && (train / 6e9 - 1.0).abs() < 1e-12);
        assert!((serve / 2e9 - 1.0).abs() < 1e-12);
        let problem = six.formula(Counted::Total, None).unwrap_err().to_string();
        assert!(problem.contains("--shape"), "{problem}");
        insta::assert_snapshot!(
            exact(Attended::Causal, 2048)
                .formula(Counted::WithHead, Some(&shape_family("nanochat").unwrap()))
                .unwrap()
        );
    }

    #[test]
    fn counts_say_what_they_count() {
        let shown: Vec<String> = [
            FlopModel::Parameters(Counted::Total),
            exact(Attended::Causal, 8192),
            FlopModel::NonEmbedding { attended: Attended::Full, context: 4096 },
            exact(Attended::None, 1),
        ]
        .map(|count| count.describe())
        .to_vec();
        insta::assert_debug_snapshot!(shown);
    }
}
