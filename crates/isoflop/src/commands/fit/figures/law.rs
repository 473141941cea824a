//! The law in words and as a table, and the verdict.

use laws::{Interval, Verdict};
use report::{Cell, Notation, Number, Sentence, Table, Tone};

use crate::commands::fit::answer::Answer;
use crate::commands::fit::words;

impl Answer<'_> {
    /// `loss = E + A / N^alpha ... explains 99.2 % ...`.
    pub(super) fn law_in_words(&self) -> Sentence {
        let fit = self.fit;
        Sentence::new()
            .text(format!(
                "The law {} is fitted to {} rows of {} runs; it explains ",
                fit.law.formula, fit.data.rows, fit.data.runs
            ))
            .number(Number::new("explained", fit.explained).notation(Notation::Percent))
            .text(" of the variation, and a single run scatters ")
            .number(Number::new("scatter", fit.spread).notation(Notation::Percent))
            .text(" around it.")
    }

    pub(super) fn verdict(&self) -> Sentence {
        let judgement = self.judgement();
        let tone = match judgement.verdict {
            Verdict::Trustworthy => Tone::Good,
            Verdict::UsableWithCare | Verdict::WeaklyIdentified => Tone::Caution,
            _ => Tone::Bad,
        };
        let verdict = judgement.verdict.in_words();
        Sentence::new().text(format!("Verdict: {verdict}; {}.", judgement.advice)).tone(tone)
    }

    pub(super) fn parameters(&self) -> Table {
        let fit = self.fit;
        let number = |value: f64, interval: Option<Interval>| {
            let number = Number::new("", value).notation(Notation::Plain);
            match interval {
                Some(ends) => number.interval(ends.level, ends.low, ends.high),
                None => number,
            }
        };
        let meaning = |name: &str| {
            let known = fit.law.parameters.iter().find(|parameter| parameter.name == name);
            known.map_or(String::new(), |parameter| parameter.meaning.clone())
        };
        let fitted = fit.estimates.iter().map(|one| {
            vec![
                Cell::from(one.name.clone()),
                Cell::from(number(one.value, fit.interval(&one.name))),
                Cell::from(meaning(&one.parameter)),
            ]
        });
        let derived = self.derived.iter().map(|one| {
            vec![
                Cell::from(one.name.clone()),
                Cell::from(number(one.value, one.interval)),
                Cell::from(one.meaning.clone()),
            ]
        });
        Table {
            name: "parameters".into(),
            title: "The parameters".into(),
            head: ["", "value", "meaning"].map(str::to_owned).to_vec(),
            rows: fitted.chain(derived).collect(),
            note: format!(
                "Least {} over {} starts; intervals hold {} of the draws.",
                fit.objective,
                fit.certificate.starts,
                words::level(fit.options.level)
            ),
            ..Table::default()
        }
    }
}
