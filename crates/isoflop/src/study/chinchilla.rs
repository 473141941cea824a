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
use report::{Live, Notation, Slider, Source, Summary};
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
}

/// What a FLOP takes.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) peak: f64,
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
        let at = |values: &[f64]| -> Vec<f64> {
            (0..rows)
                .map(|row| values.get(row).or(values.first()).copied().unwrap_or(f64::NAN))
                .collect()
        };
        if let Some(machine) = &self.machine {
            columns.set(self.name("mfu"), at(&machine.mfu));
            columns.set(self.name("goodput"), at(&machine.goodput));
            if self.priced() {
                columns.set(self.name("price"), at(&machine.price));
            }
        }
        let live = self.sliders(Live::new(columns));
        let one = self.compiled(&self.budget_text(), &self.outputs())?;
        let along = self.compiled(&self.name("compute"), &["loss", "N", "D", "ratio"])?;
        let live = live.program(&self.program("plan"), &one)?;
        let live = live.swept_program(
            &self.program("frontier"),
            &along,
            &self.name("compute"),
            self.computes.clone(),
        )?;
        let live = match &self.machine {
            Some(machine) => live.constant(self.name("peak"), machine.peak),
            None => live,
        };
        Ok(Some(live))
    }

    /// What a page says of `output` under the best law, and of its ends over the draws.
    pub(crate) fn source(&self, output: &str) -> Source {
        Source::new(self.program("plan"), output, Summary::First)
    }

    /// The same along the budgets of the figure.
    pub(crate) fn along(&self, output: &str, summary: Summary) -> Source {
        Source::new(self.program("frontier"), output, summary)
    }

    fn program(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    fn name(&self, what: &str) -> String {
        format!("{}_{what}", self.prefix.replace('-', "_"))
    }

    pub(crate) fn priced(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| !machine.price.is_empty())
    }

    fn outputs(&self) -> Vec<&'static str> {
        let mut outputs = vec!["C", "N", "D", "ratio", "loss", "training"];
        if self.machine.is_some() {
            outputs.push("hours");
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

    fn compiled(&self, budget: &str, outputs: &[&str]) -> Result<formula::Compiled, Diagnostic> {
        let n = |what: &str| self.name(what);
        let (e, a, b, alpha, beta) = (n("E"), n("A"), n("B"), n("alpha"), n("beta"));
        let mut text = format!(
            "C = {budget}\n\
             served = {}\n\
             bestsize = ({alpha} * {a} / ({beta} * {b})) ^ (1 / ({alpha} + {beta})) \
             * (C / 6) ^ ({beta} / ({alpha} + {beta}))\n\
             d0 = ln(C / 6 / bestsize)\n",
            n("served"),
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
             loss = {e} + {a} / N ^ {alpha} + {b} / D ^ {beta}\n\
             training = 6 * N * D\n"
        );
        let mut names = Environment::new().parameter(n("served"), "");
        for name in PARAMETERS {
            names = names.input(n(name), "");
        }
        // The budget of the figure is the one that is swept.
        let swept = budget == n("compute");
        names = names.parameter(if swept { n("compute") } else { n("budget") }, "");
        if self.machine.is_some() && !swept {
            names = names.parameter(n("peak"), "").input(n("mfu"), "").input(n("goodput"), "");
            let _ = writeln!(
                text,
                "hours = training / ({} * {} * {}) / 3600",
                n("peak"),
                n("mfu"),
                n("goodput")
            );
            if self.priced() {
                names = names.input(n("price"), "");
                let _ = writeln!(text, "cost = hours * {}", n("price"));
            }
        }
        Program::parse("the live plan", &text)?.check(&names)?.compile(outputs)
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
            let along = live.evaluate(&[], &plan.along("loss", Summary::First)).unwrap();
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
                mfu: vec![0.4, 0.3],
                goodput: vec![1.0],
                price: vec![2.0, 4.0],
            }),
            computes: vec![1e20],
        };
        let live = plan.live().unwrap().unwrap();
        let flop = live.evaluate(&[], &plan.source("C").summarised(Summary::Draws)).unwrap();
        assert!((flop[0] / (1e6 / 2.0 * 3600.0 * 989e12 * 0.4) - 1.0).abs() < 1e-12);
        assert!((flop[1] / (1e6 / 4.0 * 3600.0 * 989e12 * 0.3) - 1.0).abs() < 1e-12);
        let cost = live.evaluate(&[("plan_mfu", 0.1)], &plan.source("cost")).unwrap();
        assert!((cost[0] / 1e6 - 1.0).abs() < 1e-9, "all of the budget is spent: {}", cost[0]);
    }
}
