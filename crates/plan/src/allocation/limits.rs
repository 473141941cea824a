//! Limits besides the budget, and the best runs within them.

use diagnostic::Diagnostic;
use laws::Reached;
use runs::{Parameters, Tokens};

use crate::{Allocation, Frontier};

/// Limits besides the budget.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// The size asked for, rather than the best one.
    pub size: Option<Parameters>,
    /// The largest model that may be trained.
    pub largest: Option<Parameters>,
    /// The most tokens that may be trained on, repetitions counted.
    pub tokens: Option<Tokens>,
}

impl Allocation {
    /// The best runs within `limits` that cost no more than these: loss falls with N and with D,
    /// so a run over a limit goes to it, and what that frees goes to the other of the two.
    pub(crate) fn within(self, frontier: &Frontier, limits: Limits) -> Result<Self, Diagnostic> {
        let largest = match limits.largest {
            Some(largest) => frontier.coordinate(largest)?,
            None => f64::INFINITY,
        };
        let tokens = limits.tokens.map_or(f64::INFINITY, Tokens::get);
        let fits = |run: &Self| {
            run.at.x.iter().all(|x| x.is_nan() || *x <= largest)
                && run.tokens.rows().iter().all(|d| d.is_nan() || *d <= tokens)
        };
        if fits(&self) {
            return Ok(self);
        }
        let Reached { x, ln_budget } = &self.at;
        let x: Vec<f64> = x.iter().map(|x| if *x > largest { largest } else { *x }).collect();
        let smaller = frontier.allocation(Reached { x, ln_budget: ln_budget.clone() })?;
        if fits(&smaller) {
            return Ok(smaller);
        }
        // Where tokens are over the limit, the rest of the budget buys parameters.
        let mut x = smaller.at.x.clone();
        let over: Vec<bool> = smaller.tokens.rows().iter().map(|d| *d > tokens).collect();
        if limits.size.is_none() {
            let bought = frontier.sizes_of(tokens, ln_budget)?;
            for ((x, bought), over) in x.iter_mut().zip(bought).zip(&over) {
                if *over {
                    *x = bought.min(largest);
                }
            }
        }
        let spent = frontier.costs(&x, tokens)?;
        let ln_budget = ln_budget
            .iter()
            .zip(spent)
            .zip(over)
            .map(|((budget, spent), over)| if over { spent.ln().min(*budget) } else { *budget })
            .collect();
        frontier.allocation(Reached { x, ln_budget })
    }
}
