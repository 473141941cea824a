//! What is asked of a design.

use diagnostic::Diagnostic;
use laws::Setting;
use runs::Flop;

use super::candidates::Limits;
use super::goal::Goal;

/// What is asked of a design.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What the runs are to teach.
    pub goal: Goal,
    /// FLOP for all runs, each counted as 6 N D.
    pub budget: Flop,
    /// In how many batches it is spent, equal shares each.
    pub batches: usize,
    /// The most runs of a batch.
    pub runs: usize,
    /// The most runs of one setting, which differ by their seeds.
    pub repeats: usize,
    /// How far the law may bend away from the truth: the standard deviation, on the residual scale
    /// (0.01 is 1 % of the loss) per squared decade of N, of D, and of both together. 0 trusts the
    /// law.
    pub bend: f64,
    /// What a run may be.
    pub limits: Limits,
    /// About how many runs to choose from.
    pub candidates: usize,
    /// Budgets, and sizes at each, of the IsoFLOP grid to compare with.
    pub grid: (usize, usize),
    /// The law's variables other than N and D.
    pub given: Setting,
    /// The level of the intervals.
    pub level: f64,
}

impl Question {
    pub(super) fn check(&self) -> Result<(), Diagnostic> {
        let refuse = |option: &str, value: f64, expected: &str| {
            let value = if value.abs() < 1e6 { value.to_string() } else { format!("{value:.3e}") };
            Err(Diagnostic::error(format!("`{option}` of {value} is out of range"))
                .help(format!("give {expected}")))
        };
        if !(self.budget.get() > 0.0 && self.budget.get().is_finite()) {
            return refuse("--budget", self.budget.get(), "FLOP above 0");
        }
        if !(1..=20).contains(&self.batches) {
            return refuse("--batches", self.batches as f64, "1 to 20 batches");
        }
        if !(1..=1000).contains(&self.runs) {
            return refuse("--max-runs", self.runs as f64, "1 to 1000 runs a batch");
        }
        if !(1..=1000).contains(&self.repeats) {
            return refuse("--repeats", self.repeats as f64, "1 to 1000 runs of a setting");
        }
        if !(0.0..=1.0).contains(&self.bend) {
            return refuse("--bend", self.bend, "a share from 0 to 1, such as 0.01");
        }
        if !(4..=200_000).contains(&self.candidates) {
            return refuse("--candidates", self.candidates as f64, "4 to 200,000 runs");
        }
        let (budgets, sizes) = self.grid;
        if !(1..=50).contains(&budgets) || !(1..=50).contains(&sizes) {
            return refuse("--grid", budgets as f64, "1x1 to 50x50 budgets and sizes");
        }
        if let Some(compute) = self.goal.compute()
            && !(compute.get() > 6.0 && compute.get() < 1e60)
        {
            return refuse("--target", compute.get(), "a budget between 6 and 1e60 FLOP");
        }
        Ok(())
    }
}
