//! The formulas of a plan, in the language.

use std::fmt::Write as _;

use diagnostic::Diagnostic;
use formula::{Environment, Program};

use super::{LivePlan, PARAMETERS};

/// Newton's steps: the slope hardly changes, and four leave no more than rounding.
const STEPS: usize = 4;

impl LivePlan<'_> {
    /// The best run of the budget, and what it takes.
    pub(super) fn plan(&self) -> Result<formula::Compiled, Diagnostic> {
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
    pub(super) fn sizes(&self) -> Result<formula::Compiled, Diagnostic> {
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
    pub(super) fn optimum(&self, budget: &str, law: &str) -> String {
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
