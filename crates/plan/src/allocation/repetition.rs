//! What tokens are worth when the text runs out and is read again.

use diagnostic::Diagnostic;
use laws::{Setting, catalogue};
use runs::Tokens;

use crate::{Believed, Drawn};

/// A stock of unique tokens, read several times where a run needs more.
///
/// Repeated tokens and the parameters that they could train lose value exponentially (Muennighoff
/// et al. 2023, arXiv:2305.16264, equations 5 and 6).
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition {
    /// Unique tokens there are.
    pub stock: Drawn<Tokens>,
    /// Repetitions after which a token has lost 1 - 1/e of its value.
    pub tokens: f64,
    /// The same for parameters beyond those that the stock is optimal for.
    pub parameters: f64,
    /// Where the two numbers come from.
    pub source: String,
}

/// The published constants of repetition.
const PUBLISHED: &str = "muennighoff-2023-repeated";

/// Tokens that no run reads twice.
const ENDLESS: f64 = 1e30;

impl Repetition {
    /// A stock with the published constants of repetition, which were fitted to up to 500 epochs
    /// of C4 with models of 7M to 9B parameters.
    ///
    /// # Errors
    /// A catalogue without them; the tests rule that out.
    pub fn of_stock(stock: Drawn<Tokens>) -> Result<Self, Diagnostic> {
        let law = catalogue::find("data-constrained")?;
        let missing = || Diagnostic::error(format!("the catalogue has no constants `{PUBLISHED}`"));
        let published = law.published(PUBLISHED).ok_or_else(missing)?;
        let value = |name: &str| {
            let found = published.values.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| *value).ok_or_else(missing)
        };
        Ok(Self {
            stock,
            tokens: value("R_D_star")?,
            parameters: value("R_N_star")?,
            source: published.source.clone(),
        })
    }

    /// Whether a law can be read with repetition: Chinchilla's, whose constants it takes over, and
    /// the law of repetition itself.
    pub fn suits(law: &laws::Law) -> bool {
        ["chinchilla", "data-constrained"].contains(&law.name.as_str())
    }

    /// `given` with a stock that has no end, where the law takes one.
    pub fn endless(law: &laws::Law, given: &Setting) -> Setting {
        if law.variables.iter().any(|variable| variable.name == "U") {
            given.clone().with("U", ENDLESS)
        } else {
            given.clone()
        }
    }

    /// The law with repetition that has `believed`'s constants where nothing is repeated.
    pub(crate) fn apply(&self, believed: Believed) -> Result<Believed, Diagnostic> {
        let mut law = catalogue::find("data-constrained")?;
        // The target and its unit are those of the runs.
        law.target = believed.law.target.clone();
        let rows = believed.values().rows();
        let mut values = believed.values().clone();
        for (name, value) in [("R_D_star", self.tokens), ("R_N_star", self.parameters)] {
            if values.get(name).is_none() {
                values.set(name, vec![value; rows]);
            }
        }
        let mut stock = self.stock.rows();
        stock.resize(rows, self.stock.best.get());
        values.set("U", stock);
        Ok(believed.with_law(law, values))
    }
}
