//! A family of models: sizes between two ends, for one budget in all.

use diagnostic::Diagnostic;
use runs::{Flop, Parameters, Tokens};

use super::frontier::{optimum, plain};
use crate::{Believed, Drawn, Frontier};

/// How many tokens each member sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ratio {
    /// As many tokens per parameter for all; the sizes follow from the budget and from how many
    /// times the largest is the smallest.
    Tokens {
        /// D / N.
        per_parameter: f64,
        /// The largest N over the smallest.
        spread: f64,
    },
    /// Sizes between two ends; the tokens per parameter, equal for all, follow from the budget.
    Sizes {
        /// The smallest N.
        from: Parameters,
        /// The largest N.
        to: Parameters,
    },
    /// Each member compute-optimal for its share; the largest share over the smallest.
    Optimal {
        /// The largest share of the compute over the smallest.
        spread: f64,
    },
}

/// A family for one budget.
///
/// ```
/// use plan::Believed;
/// use plan::portfolio::{Family, Ratio};
/// use runs::Flop;
///
/// let law = Believed::published("besiroglu-2024")?;
/// let family = Family {
///     budget: Flop(1e21),
///     count: 5,
///     ratio: Ratio::Tokens { per_parameter: 20.0, spread: 16.0 },
/// };
/// let members = family.members(&law)?;
/// let total: f64 = members.iter().map(|member| member.compute.get()).sum();
/// assert!((total / 1e21 - 1.0).abs() < 1e-12);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    /// Compute of all members together, 6 N D each.
    pub budget: Flop,
    /// How many members.
    pub count: usize,
    /// What ties them.
    pub ratio: Ratio,
}

/// One model of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// N.
    pub parameters: Parameters,
    /// D.
    pub tokens: Tokens,
    /// 6 N D.
    pub compute: Flop,
    /// What the law predicts.
    pub loss: Drawn<f64>,
}

/// The most members of a family.
const MOST: usize = 1000;

impl Family {
    /// The members, smallest first; their compute adds up to the budget.
    ///
    /// # Errors
    /// No member or too many, ends that are not a range, a law that takes more than N and D, and
    /// a member that has no optimum under the law.
    pub fn members(&self, law: &Believed) -> Result<Vec<Member>, Diagnostic> {
        let budget = self.budget.get();
        if !(1..=MOST).contains(&self.count) {
            return Err(Diagnostic::error(format!("a family of {} members", self.count))
                .help(format!("give from 1 to {MOST}")));
        }
        above_zero("budget", budget)?;
        let frontier = plain(law)?;
        let mut members = Vec::with_capacity(self.count);
        for (n, d) in self.sizes(&frontier)? {
            members.push(Member {
                parameters: Parameters(n),
                tokens: Tokens(d),
                compute: Flop(6.0 * n * d),
                loss: frontier.run(Parameters(n), Tokens(d))?.loss,
            });
        }
        Ok(members)
    }

    /// N and D of every member.
    fn sizes(&self, frontier: &Frontier) -> Result<Vec<(f64, f64)>, Diagnostic> {
        let product = self.budget.get() / 6.0;
        match self.ratio {
            Ratio::Tokens { per_parameter, spread } => {
                above_zero("number of tokens per parameter", per_parameter)?;
                let steps = geometric(self.count, spread)?;
                let squares: f64 = steps.iter().map(|step| step * step).sum();
                let smallest = (product / (per_parameter * squares)).sqrt();
                Ok(steps.iter().map(|s| (smallest * s, per_parameter * smallest * s)).collect())
            }
            Ratio::Sizes { from, to } => {
                above_zero("smallest size", from.get())?;
                let steps = geometric(self.count, to.get() / from.get())?;
                let squares: f64 = steps.iter().map(|step| step * step).sum();
                let ratio = product / (from.get() * from.get() * squares);
                Ok(steps.iter().map(|s| (from.get() * s, ratio * from.get() * s)).collect())
            }
            Ratio::Optimal { spread } => {
                let steps = geometric(self.count, spread)?;
                let sum: f64 = steps.iter().sum();
                let of = |step: &f64| optimum(frontier, Flop(self.budget.get() * step / sum));
                steps.iter().map(of).collect()
            }
        }
    }
}

/// `count` factors in equal steps from 1 to `spread`.
fn geometric(count: usize, spread: f64) -> Result<Vec<f64>, Diagnostic> {
    let sound = (1.0..=1e9).contains(&spread);
    if !sound {
        return Err(Diagnostic::error(format!(
            "the largest member is {spread} times the smallest"
        ))
        .help("give a factor from 1 to 1e9"));
    }
    let steps = count.saturating_sub(1).max(1) as f64;
    Ok((0..count).map(|i| spread.powf(i as f64 / steps)).collect())
}

pub(super) fn above_zero(what: &str, value: f64) -> Result<(), Diagnostic> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("the {what} is {value}")).help("give a finite number above zero"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law() -> Believed {
        Believed::published("besiroglu-2024").unwrap()
    }

    #[test]
    fn every_kind_of_family_spends_the_budget_and_keeps_its_promise() {
        for ratio in [
            Ratio::Tokens { per_parameter: 20.0, spread: 100.0 },
            Ratio::Sizes { from: Parameters(1e8), to: Parameters(1e10) },
            Ratio::Optimal { spread: 1e3 },
        ] {
            let members = Family { budget: Flop(3e22), count: 7, ratio }.members(&law()).unwrap();
            let total: f64 = members.iter().map(|member| member.compute.get()).sum();
            assert!((total / 3e22 - 1.0).abs() < 1e-9, "{ratio:?}: {total:e}");
            let sizes: Vec<f64> = members.iter().map(|member| member.parameters.get()).collect();
            let losses: Vec<f64> = members.iter().map(|member| member.loss.best).collect();
            assert!(sizes.is_sorted() && losses.is_sorted_by(|a, b| a > b), "{ratio:?}");
            let steps: Vec<f64> = sizes.windows(2).map(|pair| pair[1] / pair[0]).collect();
            assert!(steps.iter().all(|step| (step / steps[0] - 1.0).abs() < 1e-3), "{steps:?}");
            if let Ratio::Tokens { .. } = ratio {
                assert!((sizes[6] / sizes[0] / 100.0 - 1.0).abs() < 1e-12);
                assert!((members[3].tokens / members[3].parameters / 20.0 - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_family_of_one_is_the_run_itself() {
        let ratio = Ratio::Optimal { spread: 10.0 };
        let one = Family { budget: Flop(5.76e23), count: 1, ratio }.members(&law()).unwrap();
        assert!((one[0].parameters.get() / 7.22e10 - 1.0).abs() < 2e-3);
    }

    #[test]
    fn impossible_families_are_refused() {
        let tokens = |per_parameter, spread| Ratio::Tokens { per_parameter, spread };
        for (budget, count, ratio) in [
            (1e20, 0, tokens(20.0, 2.0)),
            (1e20, 3, tokens(-20.0, 2.0)),
            (1e20, 3, tokens(20.0, 0.5)),
            (f64::NAN, 3, tokens(20.0, 2.0)),
            (1e20, 3, Ratio::Sizes { from: Parameters(1e9), to: Parameters(1e8) }),
            (1e20, 3, Ratio::Optimal { spread: f64::INFINITY }),
        ] {
            let family = Family { budget: Flop(budget), count, ratio };
            assert!(family.members(&law()).is_err(), "{family:?}");
        }
    }
}
