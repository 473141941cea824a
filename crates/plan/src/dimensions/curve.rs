//! The capability against the budget, with every dimension and with some of them left out.

use diagnostic::Diagnostic;
use runs::Flop;

use super::capability::Dimension;
use super::question::{Aim, Question};
use super::search::optimise;
use super::split::Split;
use super::stated::task;

/// One budget of a [`Curve`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// FLOP over the model's life.
    pub budget: Flop,
    /// The most capability that it buys under the best values.
    pub capability: f64,
}

/// The best capability of many budgets, under the best values.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Dimensions that are held at their least; empty where all are used.
    pub without: Vec<Dimension>,
    /// Budgets ascending; those that buy nothing are left out.
    pub points: Vec<CurvePoint>,
}

impl Split {
    /// The same question at another budget, with all its draws.
    ///
    /// # Errors
    /// As [`Question::answer`].
    pub fn at_budget(&self, budget: Flop) -> Result<Split, Diagnostic> {
        let question = Question { aim: Aim::Budget(budget), ..self.question.clone() };
        Split::with(&question, self.model.clone(), std::slice::from_ref(&self.optima))
    }

    /// The best capability against the budget between two ends, under the best values; `without`
    /// names dimensions that are held at the least that their choices allow.
    ///
    /// # Errors
    /// As [`Question::answer`].
    pub fn curve(
        &self,
        (from, to): (Flop, Flop),
        count: usize,
        without: &[Dimension],
    ) -> Result<Curve, Diagnostic> {
        let mut points = Vec::new();
        let still: Vec<&str> = (self.model.choices.iter())
            .filter(|choice| without.contains(&choice.dimension()))
            .map(|choice| choice.name.as_str())
            .collect();
        let steps = count.max(2) - 1;
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            let budget = from.get() * (to.get() / from.get()).powf(share);
            let question = Question { aim: Aim::Budget(Flop(budget)), ..self.question.clone() };
            let stated = task(&question, &self.model, &still)?;
            let found = optimise(&stated.task, 1, &[])?;
            if let Some(Some(solution)) = found.rows.first() {
                let capability = self.model.functions.unscaled(-solution.objective);
                points.push(CurvePoint { budget: Flop(budget), capability });
            }
        }
        Ok(Curve { without: without.to_vec(), points })
    }
}
