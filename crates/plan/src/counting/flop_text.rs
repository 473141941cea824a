//! How FLOP are counted, as formulas of a coordinate of model size.

use diagnostic::Diagnostic;
use formula::{Columns, Compiled, Environment, Program};
use runs::{Flop, Parameters, Tokens};

use crate::{Counted, FlopModel, ShapeFamily};

/// How FLOP are counted from a coordinate `x` of model size, as formulas: `N` in the law's own
/// convention, `train` (FLOP per training token) and `serve` (FLOP per served token). All three
/// rise with `x`.
#[derive(Debug, Clone, PartialEq)]
pub struct FlopText {
    /// The definitions.
    pub definitions: String,
    /// Least and largest `x`.
    pub span: (f64, f64),
}

/// C = 6 N D.
const SIX_N_D: &str = "N = exp(x)\ntrain = 6 * N\nserve = 2 * N";

impl Default for FlopText {
    /// C = 6 N D to train and 2 N per served token, attention left out (Kaplan et al. 2020,
    /// section 2.1), of one to 10^30 parameters.
    fn default() -> Self {
        Self { definitions: SIX_N_D.to_owned(), span: (0.0, 30.0 * std::f64::consts::LN_10) }
    }
}

impl FlopText {
    /// FLOP counted by `model`, where the law's N counts `counted` and models have the shapes of
    /// `family`, if the count needs any.
    ///
    /// # Errors
    /// A count that needs a shape, without a family.
    pub fn of(
        model: &FlopModel,
        counted: Counted,
        family: Option<&ShapeFamily>,
    ) -> Result<Self, Diagnostic> {
        let definitions = model.formula(counted, family)?;
        let span = match family {
            None => Self::default().span,
            // From one head to wider than anybody builds.
            Some(family) => (f64::from(family.head).ln(), 24.0 * std::f64::consts::LN_2),
        };
        Ok(Self { definitions, span })
    }

    /// Whether it is C = 6 N D.
    pub fn is_six_n_d(&self) -> bool {
        self.definitions == SIX_N_D
    }

    /// Made ready for single models.
    ///
    /// # Errors
    /// Definitions that cannot be read.
    pub fn curve(&self) -> Result<FlopCurve, Diagnostic> {
        let program = Program::parse("FLOP per token", &self.definitions)?;
        let checked = program.check(&Environment::new().input("x", ""))?;
        let compiled = checked.compile(&["N", "train", "serve"])?.gradient(&["x"])?;
        Ok(FlopCurve { compiled, span: self.span })
    }
}

/// FLOP per token of single models.
#[derive(Debug)]
pub struct FlopCurve {
    compiled: Compiled,
    span: (f64, f64),
}

/// One model as a way of counting sees it; slopes are by the coordinate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerToken {
    /// N in the law's convention.
    pub parameters: Parameters,
    /// FLOP per training token.
    pub train: Flop,
    /// FLOP per served token.
    pub serve: Flop,
    /// d ln N / dx.
    pub ln_parameters_by_x: f64,
    /// d train / dx.
    pub train_by_x: Flop,
    /// d serve / dx.
    pub serve_by_x: Flop,
}

impl FlopCurve {
    /// The model at a coordinate.
    ///
    /// # Errors
    /// None for definitions that were read.
    pub fn at(&self, x: f64) -> Result<PerToken, Diagnostic> {
        let out = self.compiled.evaluate(&Columns::new(1).with("x", vec![x]))?;
        let names = self.compiled.column_names();
        let [n, n_by_x, train, train_by_x, serve, serve_by_x] = std::array::from_fn(|i| {
            out.get(&names[i]).and_then(|column| column.first().copied()).unwrap_or(f64::NAN)
        });
        Ok(PerToken {
            parameters: Parameters(n),
            train: Flop(train),
            serve: Flop(serve),
            ln_parameters_by_x: n_by_x / n,
            train_by_x: Flop(train_by_x),
            serve_by_x: Flop(serve_by_x),
        })
    }

    /// The model for which `rising`, which rises with size, has this value.
    ///
    /// # Errors
    /// None for definitions that were read.
    pub fn where_is(
        &self,
        value: f64,
        rising: impl Fn(&PerToken) -> f64,
    ) -> Result<PerToken, Diagnostic> {
        let (mut low, mut high) = self.span;
        loop {
            let middle = 0.5 * (low + high);
            let here = self.at(middle)?;
            if middle <= low || middle >= high {
                return Ok(here);
            }
            if rising(&here) < value { low = middle } else { high = middle }
        }
    }

    /// The model of this many parameters.
    ///
    /// # Errors
    /// None for definitions that were read.
    pub fn of_size(&self, parameters: Parameters) -> Result<PerToken, Diagnostic> {
        self.where_is(parameters.get(), |model| model.parameters.get())
    }

    /// The model that spends a budget at this many tokens per parameter.
    ///
    /// # Errors
    /// None for definitions that were read.
    pub fn of_ratio(&self, ratio: f64, budget: Flop) -> Result<PerToken, Diagnostic> {
        self.where_is(budget.get(), |model| model.train.get() * ratio * model.parameters.get())
    }

    /// The model that spends a budget on this many tokens.
    ///
    /// # Errors
    /// None for definitions that were read.
    pub fn of_tokens(&self, tokens: Tokens, budget: Flop) -> Result<PerToken, Diagnostic> {
        self.where_is(budget.get(), |model| model.train.get() * tokens.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_by_size_ratio_and_tokens() {
        let curve = FlopText::default().curve().unwrap();
        let close = |found: PerToken, expected: f64| {
            assert!((found.parameters.get() / expected - 1.0).abs() < 1e-12, "{found:?}");
        };
        close(curve.of_size(Parameters(7e9)).unwrap(), 7e9);
        close(curve.of_ratio(20.0, Flop(1.2e23)).unwrap(), 1e21_f64.sqrt());
        close(curve.of_tokens(Tokens(1e12), Flop(6e22)).unwrap(), 1e10);
    }

    #[test]
    fn counts_that_hang_on_the_shape_follow_a_family() {
        let family = crate::shape_family("llama").unwrap();
        let exact = FlopModel::Exact { attended: crate::Attended::Causal, context: 8192 };
        let text = FlopText::of(&exact, Counted::Total, Some(&family)).unwrap();
        let model = text.curve().unwrap().of_size(Parameters(405e9)).unwrap();
        // Attention adds; the embedding table, which multiplies nothing, takes away.
        let over = model.train.get() / (6.0 * model.parameters.get()) - 1.0;
        assert!((0.02..0.06).contains(&over), "{over}");
        assert!(FlopText::of(&exact, Counted::Total, None).is_err());
    }

    #[test]
    fn slopes_are_by_the_coordinate() {
        let model = FlopText::default().curve().unwrap().of_size(Parameters(1e9)).unwrap();
        assert!((model.ln_parameters_by_x - 1.0).abs() < 1e-12);
        assert!((model.serve_by_x / model.serve - 1.0).abs() < 1e-12);
    }
}
