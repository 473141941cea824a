//! Ways of choosing a model size without a law of one's own.

use diagnostic::Diagnostic;
use laws::{Setting, catalogue};
use runs::{Flop, Parameters, Tokens};

use crate::{Believed, Drawn, FlopText, Frontier};

/// A rule of thumb, or somebody else's law.
#[derive(Debug, Clone)]
pub enum Rule {
    /// So many tokens for each parameter.
    Ratio(f64),
    /// The best run under a law.
    Law(Box<Believed>),
    /// A published power law of the best size in compute (`N_opt`).
    Size(String),
    /// A published power law of the best number of tokens in compute (`D_opt`).
    Tokens(String),
}

impl Rule {
    /// From words: `20:1` or a name of published constants.
    ///
    /// # Errors
    /// A ratio that is not positive, and constants that the catalogue does not have or that give
    /// no size.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let ratio = text.strip_suffix(":1").unwrap_or(text).trim();
        if let Ok(ratio) = ratio.parse::<f64>() {
            if ratio.is_finite() && ratio > 0.0 {
                return Ok(Self::Ratio(ratio));
            }
            let problem = Diagnostic::error(format!("`{text}` is not a positive ratio"));
            return Err(problem.help("write tokens per parameter, such as 20:1"));
        }
        for law in catalogue::all()? {
            if law.published(text).is_none() {
                continue;
            }
            return match law.name.as_str() {
                "optimal-model-size" => Ok(Self::Size(text.to_owned())),
                "optimal-tokens" => Ok(Self::Tokens(text.to_owned())),
                _ if law.splits_compute() => Ok(Self::Law(Box::new(Believed::published(text)?))),
                _ => {
                    let message = format!("`{text}` are constants of `{}`", law.name);
                    let help = "a rule has to say how large a model to train: give a ratio such \
                                as 20:1, or constants of a law with N and D";
                    Err(Diagnostic::error(message).help(help))
                }
            };
        }
        Err(Believed::published(text).expect_err("no law has these constants"))
    }

    /// What people call it.
    pub fn name(&self) -> String {
        match self {
            Self::Ratio(ratio) => format!("{ratio}:1"),
            Self::Law(law) => law.name.clone(),
            Self::Size(id) | Self::Tokens(id) => id.clone(),
        }
    }

    /// The model size that it chooses for a budget of training FLOP; `None` where its law has no
    /// best run.
    ///
    /// # Errors
    /// A law with variables beside N and D that `given` lacks.
    pub fn size(
        &self,
        budget: Flop,
        flop: &FlopText,
        given: &Setting,
    ) -> Result<Option<Parameters>, Diagnostic> {
        let curve = flop.curve()?;
        let power = |id: &str| -> Result<f64, Diagnostic> {
            let law = Believed::published(id)?;
            let at = Setting::new().with("C", budget.get());
            Ok(law.law.values(law.values().clone(), &at)?[0])
        };
        let size = match self {
            Self::Ratio(ratio) => curve.of_ratio(*ratio, budget)?.parameters,
            Self::Size(id) => Parameters(power(id)?),
            Self::Tokens(id) => curve.of_tokens(Tokens(power(id)?), budget)?.parameters,
            Self::Law(law) => {
                let frontier = Frontier::new(law.as_ref().clone(), flop, given, None, None)?;
                frontier.optimal(&Drawn::certain(budget, 0))?.parameters.best
            }
        };
        Ok(size.get().is_finite().then_some(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rule: &str, budget: f64) -> f64 {
        let rule = Rule::parse(rule).unwrap();
        let size = rule.size(Flop(budget), &FlopText::default(), &Setting::new()).unwrap();
        size.unwrap().get()
    }

    #[test]
    fn a_ratio_spends_the_budget_at_that_ratio() {
        let n = size("20:1", 1.2e21);
        assert!((6.0 * n * 20.0 * n / 1.2e21 - 1.0).abs() < 1e-10);
    }

    /// Hoffmann et al. 2022: 67B parameters and 1.5 T tokens for Gopher's budget by Approach 1;
    /// the two of them make 5 % more than the budget.
    #[test]
    fn gophers_budget_by_approach_1() {
        let n = size("hoffmann-2022-approach-1", 5.76e23);
        assert!((n / 67e9 - 1.0).abs() < 0.04, "{n}");
        assert!((5.76e23 / 6.0 / n / 1.5e12 - 1.0).abs() < 0.08);
    }

    /// Llama 3: 402B parameters on 16.55 T tokens for 3.8e25 FLOP by their own power law.
    #[test]
    fn the_llama_3_flagship() {
        let n = size("llama-3-2024", 3.8e25);
        assert!((n / 402e9 - 1.0).abs() < 0.05, "{n}");
        assert!((3.8e25 / 6.0 / n / 16.55e12 - 1.0).abs() < 0.02);
    }

    #[test]
    fn what_chooses_no_size_is_refused() {
        for (text, says) in [
            ("0:1", "not a positive ratio"),
            ("nan", "not a positive ratio"),
            ("besiroglu-2042", "besiroglu-2024"),
            ("scalerl", "how large a model"),
        ] {
            let problem = Rule::parse(text).unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
