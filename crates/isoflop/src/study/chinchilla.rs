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

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program};
use report::{Draws, Live, Notation, Slider, Source, Summary};
use std::fmt::Write as _;

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

/// Newton's steps: the slope hardly changes, and six leave less than rounding.
const STEPS: usize = 6;

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

    fn sliders(&self, live: Live) -> Live {
        let around =
            |value: f64, decades: f64| (value / 10_f64.powf(decades), value * 10_f64.powf(decades));
        let budget = |label: &str, unit: &str, value: f64| {
            let (from, to) = around(value, 2.0);
            Slider::log(self.name("budget"), label, unit, from, to, value)
        };
        let mut live = live.slider(match self.budget {
            Budget::Compute(flop) => budget("Budget", "FLOP", flop).notation(Notation::Power),
            Budget::Money(usd) => budget("Budget", "", usd).notation(Notation::Dollars),
            Budget::DeviceHours(hours) => {
                budget("Budget", "device-hours", hours).notation(Notation::Short)
            }
            Budget::Days(days, _) => budget("Time of the machine", "days", days),
        });
        let served = if self.served > 0.0 { self.served } else { 0.0 };
        let most = match (served, self.computes.last()) {
            (served, _) if served > 0.0 => served * 100.0,
            // As many as cost what training costs at twenty tokens a parameter.
            (_, Some(most)) => (most / 120.0).sqrt() * 60.0,
            _ => 1e13,
        };
        live = live.slider(
            Slider::linear(self.name("served"), "Tokens to be served", "", 0.0, most, served)
                .notation(Notation::Short)
                .note("each costs 2 N FLOP out of the same budget"),
        );
        if let Some(machine) = &self.machine {
            let middle = machine.mfu.first().copied().unwrap_or(0.4);
            live = live.slider(
                Slider::linear(
                    self.name("mfu"),
                    "MFU",
                    "",
                    0.01,
                    1.0,
                    median(&machine.mfu, middle),
                )
                .notation(Notation::Percent)
                .note("of the accelerator's dense peak"),
            );
            if self.priced() {
                let price = median(&machine.price, 2.0);
                let (from, to) = around(price, 1.0);
                live = live.slider(
                    Slider::log(
                        self.name("price"),
                        "Price of an accelerator's hour",
                        "",
                        from,
                        to,
                        price,
                    )
                    .notation(Notation::Dollars),
                );
            }
        }
        live
    }

    /// The best run of the budget, and what it takes.
    fn plan(&self) -> Result<formula::Compiled, Diagnostic> {
        let n = |what: &str| self.name(what);
        let mut text = self.optimum(&self.budget_text(), &self.law_prefix(0));
        let _ = writeln!(text, "training = 6 * N * D");
        let mut names = Environment::new().parameter(n("budget"), "").parameter(n("served"), "");
        for name in PARAMETERS {
            names = names.input(n(name), "");
        }
        if let Some(machine) = &self.machine {
            names = names.parameter(n("peak"), "").input(n("mfu"), "").input(n("goodput"), "");
            let rate = format!("{} * {} * {}", n("peak"), n("mfu"), n("goodput"));
            let _ = writeln!(text, "hours = training / ({rate}) / 3600");
            if let Some(count) = machine.count {
                let _ = writeln!(text, "days = hours / 24 / {count}");
            }
            if self.priced() {
                names = names.input(n("price"), "");
                let _ = writeln!(text, "cost = hours * {}", n("price"));
            }
        }
        Program::parse("the live plan", &text)?.check(&names)?.compile(&self.outputs())
    }

    /// What a model of another size reaches with the same budget, above the best of each draw.
    fn sizes(&self) -> Result<formula::Compiled, Diagnostic> {
        let n = |what: &str| self.name(what);
        let text = format!(
            "choice = {} * {}\n\
             tokens = ({} - 2 * {} * choice) / (6 * choice)\n\
             above = {} + {} / choice ^ {} + {} / tokens ^ {} - {}\n",
            n("best_size"),
            n("factor"),
            n("flop"),
            n("served"),
            n("E"),
            n("A"),
            n("alpha"),
            n("B"),
            n("beta"),
            n("best_loss"),
        );
        let mut names = Environment::new();
        for name in ["best_size", "factor", "served"] {
            names = names.parameter(n(name), "");
        }
        for name in ["flop", "best_loss"].into_iter().chain(PARAMETERS) {
            names = names.input(n(name), "");
        }
        Program::parse("the live sizes", &text)?.check(&names)?.compile(&["choice", "above"])
    }

    /// Formulas for `C`, `N`, `D`, their `ratio` and the `loss` of the best run of a budget.
    fn optimum(&self, budget: &str, law: &str) -> String {
        let [e, a, b, alpha, beta] = PARAMETERS.map(|name| format!("{law}_{name}"));
        let mut text = format!(
            "C = {budget}\n\
             served = {}\n\
             bestsize = ({alpha} * {a} / ({beta} * {b})) ^ (1 / ({alpha} + {beta})) \
             * (C / 6) ^ ({beta} / ({alpha} + {beta}))\n\
             d0 = ln(C / 6 / bestsize)\n",
            self.name("served"),
        );
        for step in 0..STEPS {
            let _ = write!(
                text,
                "r{step} = served / (3 * exp(d{step}))\n\
                 g{step} = ln({alpha} * {a}) - {alpha} * (ln(C) - ln(6 * exp(d{step}) + 2 * served)) \
                 - ln({beta} * {b}) + {beta} * d{step} - ln(1 + r{step})\n\
                 d{} = d{step} - g{step} / (({alpha} + r{step}) / (1 + r{step}) + {beta})\n",
                step + 1
            );
        }
        let _ = write!(
            text,
            "D = exp(d{STEPS})\n\
             N = C / (6 * D + 2 * served)\n\
             ratio = D / N\n\
             loss = {e} + {a} / N ^ {alpha} + {b} / D ^ {beta}\n"
        );
        text
    }
}

fn median(values: &[f64], otherwise: f64) -> f64 {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() { otherwise } else { draws::select::quantiles(&finite, &[0.5])[0] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use laws::Setting;
    use plan::{Believed, Drawn, FlopText, Frontier, Serving};
    use runs::{Flop, Tokens};

    fn law() -> Columns {
        Columns::new(2)
            .with("E", vec![1.8172, 1.7])
            .with("A", vec![482.01, 406.4])
            .with("B", vec![2085.43, 410.7])
            .with("alpha", vec![0.3478, 0.34])
            .with("beta", vec![0.3658, 0.28])
    }

    /// What the page computes is what `isoflop plan` computes.
    #[test]
    fn the_formulas_give_what_the_planner_gives() {
        for served in [0.0, 1e11, 1e13] {
            let law = law();
            let plan = LivePlan {
                prefix: "plan",
                law: &law,
                budget: Budget::Compute(1e22),
                served,
                machine: None,
                computes: vec![1e20, 1e21, 1e24],
                others: Vec::new(),
            };
            let live = plan.live().unwrap().unwrap();
            let believed =
                Believed::stated("x", laws::catalogue::find("chinchilla").unwrap(), law.clone());
            let serving = (served > 0.0).then(|| Serving::tokens(Tokens(served)));
            let frontier =
                Frontier::new(believed, &FlopText::default(), &Setting::new(), None, serving)
                    .unwrap();
            let best = frontier.optimal(&Drawn::certain(Flop(1e22), 1)).unwrap();
            for (output, rows) in [
                ("N", best.parameters.rows()),
                ("D", best.tokens.rows()),
                ("loss", best.loss.rows()),
                ("training", best.training.rows()),
            ] {
                let found =
                    live.evaluate(&[], &plan.source(output).summarised(Summary::Draws)).unwrap();
                for (found, expected) in found.iter().zip(rows) {
                    assert!(
                        (found / expected - 1.0).abs() < 1e-6,
                        "{served} {output}: {found} {expected}"
                    );
                }
            }
            let along = live.evaluate(&[], &plan.along(0, "loss", Summary::First)).unwrap();
            let there = frontier.optimal(&Drawn::certain(Flop(1e24), 1)).unwrap().loss.best;
            assert!((along[2] / there - 1.0).abs() < 1e-7, "{} {there}", along[2]);
        }
    }

    #[test]
    fn a_budget_of_money_buys_what_the_price_and_mfu_allow() {
        let law = law();
        let plan = LivePlan {
            prefix: "plan",
            law: &law,
            budget: Budget::Money(1e6),
            served: 0.0,
            machine: Some(Machine {
                peak: 989e12,
                count: None,
                mfu: vec![0.4, 0.3],
                goodput: vec![1.0],
                price: vec![2.0, 4.0],
            }),
            computes: vec![1e20],
            others: Vec::new(),
        };
        let live = plan.live().unwrap().unwrap();
        let flop = live.evaluate(&[], &plan.source("C").summarised(Summary::Draws)).unwrap();
        assert!((flop[0] / (1e6 / 2.0 * 3600.0 * 989e12 * 0.4) - 1.0).abs() < 1e-12);
        assert!((flop[1] / (1e6 / 4.0 * 3600.0 * 989e12 * 0.3) - 1.0).abs() < 1e-12);
        let cost = live.evaluate(&[("plan_mfu", 0.1)], &plan.source("cost")).unwrap();
        assert!((cost[0] / 1e6 - 1.0).abs() < 1e-9, "all of the budget is spent: {}", cost[0]);
    }
}
