//! Numbers of the plan, its sentence and its caveats.

use plan::{Allocation, Constraint, Drawn, Quantity};
use report::{Notation, Number, Sentence, Tone};

use super::Page;
use crate::commands::fit::words::unit_in_words;
use crate::commands::plan::answer::machine_in_words;

impl Page<'_> {
    pub(super) fn number<Q: Quantity>(
        &self,
        label: &str,
        quantity: &Drawn<Q>,
        output: &str,
    ) -> Number {
        let number = Number::new(label, quantity.best.number());
        let number = match quantity.interval(self.asked.level) {
            Some(ends) => number.interval(ends.level, ends.low, ends.high),
            None => number,
        };
        match self.live {
            Some(_) if self.plan.outputs().contains(&output) => {
                number.live(self.plan.source(output))
            }
            _ => number,
        }
    }

    pub(super) fn unit(&self) -> &str {
        unit_in_words(&self.asked.source.believed.law.target.unit)
    }

    pub(super) fn size(&self, run: &Allocation) -> Number {
        self.number("Model size", &run.parameters, "N").unit("parameters").notation(Notation::Short)
    }

    fn tokens(&self, run: &Allocation) -> Number {
        self.number("Training text", &run.tokens, "D").unit("tokens").notation(Notation::Short)
    }

    fn loss(&self, run: &Allocation) -> Number {
        self.number("Loss", &run.loss, "loss").unit(self.unit()).notation(Notation::Fine)
    }

    fn compute(&self, run: &Allocation) -> Number {
        self.number("Training compute", &run.training, "training")
            .unit("FLOP")
            .notation(Notation::Power)
    }

    fn money(&self) -> Option<Number> {
        let money = self.answer.cost.money.as_ref().ok()?;
        Some(self.number("Cost", money, "cost").notation(Notation::Dollars))
    }

    pub(super) fn numbers(&self, run: &Allocation) -> Vec<Number> {
        let ratio = run.tokens_per_parameter();
        let mut numbers = vec![
            self.size(run),
            self.tokens(run),
            self.number("Tokens per parameter", &ratio, "ratio"),
            self.loss(run).note("under the law; one run scatters around it"),
            self.compute(run),
        ];
        numbers.extend(
            self.money()
                .map(|money| money.note(format!("on {}", machine_in_words(&self.asked.means)))),
        );
        if let Some(time) = &self.answer.cost.time {
            let days: Drawn<f64> = time.map(|seconds| seconds / 86_400.0);
            numbers.push(self.number("Time", &days, "days").unit("days"));
        }
        numbers
    }

    pub(super) fn sentence(&self, run: &Allocation) -> Sentence {
        let mut sentence = Sentence::new()
            .text("Train ")
            .number(self.size(run))
            .text(" on ")
            .number(self.tokens(run))
            .text(": the law expects a loss of ")
            .number(self.loss(run));
        if let Some(money) = self.money() {
            sentence = sentence.text(" for ").number(money);
        }
        sentence.text(".").tone(Tone::Answer)
    }

    pub(super) fn caveats(&self) -> Vec<Sentence> {
        let (asked, answer) = (self.asked, self.answer);
        let mut always = Vec::new();
        if asked.source.fit.is_none() {
            always.push(
                "The law is published constants, one point: the intervals hold prices and MFU, and nothing of the law's own error."
                    .to_owned(),
            );
        }
        // What the budget decides.
        let mut caveats = Vec::new();
        if let Some(judgement) = &answer.judgement
            && !matches!(judgement.verdict, laws::Verdict::Trustworthy)
        {
            caveats.push(format!(
                "At this budget the fit is {}: {}.",
                judgement.verdict.in_words(),
                judgement.advice.trim_end_matches('.')
            ));
        }
        if let Some((_, most)) = asked.source.believed.range {
            let times = answer.chosen().training.best.get() / most;
            if times > 1.05 {
                caveats.push(format!(
                    "The budget lies {times:.0} times beyond the largest run behind the law."
                ));
            }
        }
        if let Some(found) = &answer.prediction
            && let Some(ends) = found.new_run_interval
        {
            caveats.push(format!(
                "One such run, its own scatter and the backtest's error included, would come out between {:.3} and {:.3} ({:.0} %).",
                ends.low,
                ends.high,
                100.0 * ends.level
            ));
        }
        for binding in &answer.plan.binding {
            let what = match binding.constraint {
                Constraint::Budget => continue,
                Constraint::Largest => "the largest size allowed",
                Constraint::Tokens => "the text",
                Constraint::Size => "the size that is given",
            };
            caveats.push(format!("Beside the budget, {what} binds."));
        }
        let told = |words| Sentence::new().text(words).tone(Tone::Caution);
        let still = self.still_run("");
        let caveats = caveats.into_iter().map(told);
        let caveats = caveats.map(|sentence| Sentence { still: still.clone(), ..sentence });
        always.into_iter().map(told).chain(caveats).collect()
    }
}
