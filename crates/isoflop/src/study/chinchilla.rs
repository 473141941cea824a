//! The compute-optimal run of Chinchilla's law as formulas that a page computes anew.
//!
//! With S tokens served, a budget C buys 6 N D + 2 N S = C, and the least loss lies where
//!
//! ```text
//!  ln(alpha A) - alpha ln N = ln(beta B) - beta ln D + ln(1 + S / 3 D),   N = C / (6 D + 2 S)
//! ```
//!
//! (with S = 0, eq. 4 of Hoffmann et al. 2022). In d = ln D the difference of the sides rises with
//! a slope between alpha + beta and 1 + beta, so a few of Newton's steps from S = 0 find it.

mod formulas;
mod sliders;

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program};
use report::{Draws, Live, Source, Summary};

/// How the reader states the budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    /// In FLOP.
    Compute(f64),
    /// In dollars.
    Money(f64),
    /// In hours of one accelerator.
    DeviceHours(f64),
    /// In days of so many accelerators.
    Days(f64, f64),
}

/// What the program is about; columns hold the best values first, then the draws.
#[derive(Debug, Clone)]
pub(crate) struct LivePlan<'a> {
    /// What the program's names start with: a step's name.
    pub(crate) prefix: &'a str,
    /// Columns `E`, `A`, `B`, `alpha` and `beta`.
    pub(crate) law: &'a Columns,
    pub(crate) budget: Budget,
    /// Tokens to be served, in tokens that cost as much as one that trains costs a third of.
    pub(crate) served: f64,
    /// The machine: dense peak in FLOP/s, MFU, goodput, price of an hour.
    pub(crate) machine: Option<Machine>,
    /// Budgets of the figure, in FLOP.
    pub(crate) computes: Vec<f64>,
    /// Laws that it is compared with; `None` for one that has no closed form.
    pub(crate) others: Vec<Option<OtherLaw>>,
}

/// A law beside the plan's, with the columns of [`LivePlan::law`].
#[derive(Debug, Clone)]
pub(crate) struct OtherLaw {
    pub(crate) law: Columns,
}

/// Sizes of the figure of what a wrong one costs: doublings of the best.
pub(crate) const FACTORS: [f64; 33] = {
    let mut doublings = [0.0; 33];
    let mut step = 0;
    while step < 33 {
        doublings[step] = (step as f64 - 16.0) / 5.0;
        step += 1;
    }
    doublings
};

/// What a FLOP takes.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) peak: f64,
    /// How many there are, where that is said.
    pub(crate) count: Option<u32>,
    pub(crate) mfu: Vec<f64>,
    pub(crate) goodput: Vec<f64>,
    /// USD an hour of one accelerator; empty where no price is known.
    pub(crate) price: Vec<f64>,
}

const PARAMETERS: [&str; 5] = ["E", "A", "B", "alpha", "beta"];

impl LivePlan<'_> {
    /// The sliders, draws and programs; `None` where a name is missing from the law.
    pub(crate) fn live(&self) -> Result<Option<Live>, Diagnostic> {
        let rows = self.law.rows();
        let mut columns = Columns::new(rows);
        for name in PARAMETERS {
            let Some(values) = self.law.get(name) else { return Ok(None) };
            columns.set(self.name(name), values.to_vec());
        }
        if let Some(machine) = &self.machine {
            columns.set(self.name("mfu"), self.rows_of(&machine.mfu));
            columns.set(self.name("goodput"), self.rows_of(&machine.goodput));
            if self.priced() {
                columns.set(self.name("price"), self.rows_of(&machine.price));
            }
        }
        let live = self.sliders(Live::new(columns));
        let mut live = live.program(&self.program("plan"), &self.plan()?)?;
        if let Some(machine) = &self.machine {
            live = live.constant(self.name("peak"), machine.peak);
        }
        live = self.frontier(live, 0, self.law)?;
        for (number, other) in self.others.iter().enumerate() {
            if let Some(other) = other {
                live = self.frontier(live, number + 1, &other.law)?;
            }
        }
        let factors = FACTORS.map(|step| 2_f64.powf(step)).to_vec();
        let live = live
            .derive(self.name("best_size"), self.source("N"))
            .derive(self.name("flop"), self.source("C").summarised(Summary::Draws))
            .derive(self.name("best_loss"), self.source("loss").summarised(Summary::Draws))
            .swept_program(&self.program("sizes"), &self.sizes()?, &self.name("factor"), factors)?;
        Ok(Some(live))
    }

    /// The best runs of the figure's budgets under one of the laws.
    fn frontier(&self, mut live: Live, number: usize, law: &Columns) -> Result<Live, Diagnostic> {
        let prefix = self.law_prefix(number);
        let swept = self.name("compute");
        let mut names = Environment::new().parameter(&swept, "").parameter(self.name("served"), "");
        for parameter in PARAMETERS {
            let name = format!("{prefix}_{parameter}");
            let Some(values) = law.get(parameter) else { return Ok(live) };
            // Published constants are one number, not a column.
            let certain = number > 0 && values.iter().all(|value| *value == values[0]);
            if certain {
                live = live.constant(&name, values[0]);
                names = names.parameter(&name, "");
            } else {
                if number > 0 {
                    live.draws.push(Draws { name: name.clone(), values: self.rows_of(values) });
                }
                names = names.input(&name, "");
            }
        }
        let text = self.optimum(&swept, &prefix);
        let compiled = Program::parse("the live frontier", &text)?
            .check(&names)?
            .compile(&["loss", "N", "D", "ratio"])?;
        live.swept_program(&self.frontier_name(number), &compiled, &swept, self.computes.clone())
    }

    /// As many rows as the plan's own law has, from the first on.
    fn rows_of(&self, values: &[f64]) -> Vec<f64> {
        (0..self.law.rows())
            .map(|row| values.get(row).or(values.first()).copied().unwrap_or(f64::NAN))
            .collect()
    }

    /// What a page says of `output` under the best law, and of its ends over the draws.
    pub(crate) fn source(&self, output: &str) -> Source {
        Source::new(self.program("plan"), output, Summary::First)
    }

    /// The same along the budgets of the figure, under law number `law`, the plan's own first.
    pub(crate) fn along(&self, law: usize, output: &str, summary: Summary) -> Source {
        Source::new(self.frontier_name(law), output, summary)
    }

    /// `choice`, a model of another size, and `above`, its loss above the best, for each size of
    /// the figure.
    pub(crate) fn of_size(&self, output: &str, summary: Summary) -> Source {
        Source::new(self.program("sizes"), output, summary)
    }

    /// Names without prefix of the sliders that change the run.
    pub(crate) fn deciding(&self) -> &'static [&'static str] {
        match self.budget {
            Budget::Compute(_) => &["budget", "served"],
            Budget::Money(_) => &["budget", "served", "mfu", "price"],
            Budget::DeviceHours(_) | Budget::Days(..) => &["budget", "served", "mfu"],
        }
    }

    fn frontier_name(&self, law: usize) -> String {
        let name = self.program("frontier");
        if law == 0 { name } else { format!("{name}-{}", law + 1) }
    }

    fn law_prefix(&self, law: usize) -> String {
        let own = self.prefix.replace('-', "_");
        if law == 0 { own } else { format!("{own}_law{}", law + 1) }
    }

    fn program(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}_{what}", self.prefix.replace('-', "_"))
    }

    pub(crate) fn priced(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| !machine.price.is_empty())
    }

    pub(crate) fn outputs(&self) -> Vec<&'static str> {
        let mut outputs = vec!["C", "N", "D", "ratio", "loss", "training"];
        if self.machine.is_some() {
            outputs.push("hours");
        }
        if self.machine.as_ref().is_some_and(|machine| machine.count.is_some()) {
            outputs.push("days");
        }
        if self.priced() {
            outputs.push("cost");
        }
        outputs
    }

    /// FLOP of the budget.
    fn budget_text(&self) -> String {
        let budget = self.name("budget");
        let rate =
            format!("{} * {} * {}", self.name("peak"), self.name("mfu"), self.name("goodput"));
        match self.budget {
            Budget::Compute(_) => budget,
            Budget::Money(_) => format!("{budget} / {} * 3600 * {rate}", self.name("price")),
            Budget::DeviceHours(_) => format!("{budget} * 3600 * {rate}"),
            Budget::Days(_, count) => format!("{budget} * 86400 * {count} * {rate}"),
        }
    }
}

#[cfg(test)]
mod tests;
