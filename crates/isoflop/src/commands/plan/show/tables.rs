//! What stands beside the plan: neighbours, rules, other laws, longer training.

use std::fmt::Write as _;

use plan::{Drawn, Mistake, Quantity};

use super::super::answer::{Answer, Neighbour};
use super::super::asked::Asked;
use super::super::words::{drawn, losses, mean_share, number, share};
use crate::commands::amounts::{COUNT, MONEY, TIME, amount, three_digits};
use crate::commands::fit::words::{bold, rounded};
use crate::table::table;
use crate::text::hanging;

pub(super) fn others(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let at = asked.level;
    let _ = writeln!(text, "\n{}", bold("neighbours"));
    let cost = &answer.cost;
    let this = ("this".to_owned(), &answer.plan.optimum, cost.money.as_ref().ok(), &cost.time);
    let (less, more): (Vec<&Neighbour>, Vec<&Neighbour>) =
        answer.neighbours.iter().partition(|neighbour| neighbour.factor < 1.0);
    let budgets: Vec<Row<'_>> = less
        .iter()
        .map(|less| of(less))
        .chain(std::iter::once(this))
        .chain(more.iter().map(|more| of(more)))
        .collect();
    let found: Vec<f64> = budgets.iter().map(|(_, best, ..)| best.loss.best).collect();
    let mut rows: Vec<Vec<String>> =
        vec![["budget", "N*", "D*", "loss", "money", "time"].map(str::to_owned).into()];
    for ((name, best, money, time), loss) in budgets.into_iter().zip(losses(&found)) {
        let dollars = |money: &Drawn<machines::Usd>| {
            format!("${}", amount(money.best.get(), money.interval(at), MONEY))
        };
        let long =
            |time: &Drawn<runs::Seconds>| amount(time.best.number(), time.interval(at), TIME);
        rows.push(vec![
            name,
            amount(best.parameters.best.get(), best.parameters.interval(at), COUNT),
            amount(best.tokens.best.get(), best.tokens.interval(at), COUNT),
            loss,
            money.map(dollars).unwrap_or_default(),
            time.as_ref().map(long).unwrap_or_default(),
        ]);
    }
    table(text, &filled(rows), width);
}

/// A budget of the table: its name, its best run, money and time.
type Row<'a> = (
    String,
    &'a plan::Allocation,
    Option<&'a Drawn<machines::Usd>>,
    &'a Option<Drawn<runs::Seconds>>,
);

fn of(other: &Neighbour) -> Row<'_> {
    (format!("{}x", other.factor), &other.best, other.money.as_ref(), &other.time)
}

/// Rows without the columns that have a head and nothing else.
fn filled(rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let count = rows.first().map_or(0, Vec::len);
    let used: Vec<bool> =
        (0..count).map(|column| rows.iter().skip(1).any(|row| !row[column].is_empty())).collect();
    let kept = |row: Vec<String>| {
        row.into_iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell).collect()
    };
    rows.into_iter().map(kept).collect()
}

pub(super) fn rules(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let at = asked.level;
    let certain = answer.plan.ignorance.share.interval(at).is_none();
    let draws = if certain {
        "if the law is right"
    } else if asked.source.fit.is_some() {
        "mean over the draws of the law, and their interval"
    } else {
        "mean and interval over the draws of what is uncertain, if the law is right"
    };
    text.push('\n');
    hanging(text, (0, 2), &format!("{} of what a run costs, {draws}", bold("wasted")), width);
    let mut rows: Vec<Vec<String>> =
        vec![["by", "N", "D/N", "loss", "wasted", "money", "time"].map(str::to_owned).into()];
    let mistakes: Vec<&Mistake> =
        std::iter::once(&answer.plan.ignorance).chain(&answer.mistakes).collect();
    let found: Vec<f64> = mistakes.iter().map(|mistake| mistake.run.loss.best).collect();
    for (mistake, loss) in mistakes.into_iter().zip(losses(&found)) {
        let flop = &mistake.flop;
        let lost = asked.means.money(flop).ok().map(|lost| lost.mean());
        let days = asked.count().map(|count| asked.means.time(flop, count).mean());
        let ratio = mistake.run.tokens_per_parameter();
        rows.push(vec![
            mistake.by.clone(),
            amount(mistake.run.parameters.best.get(), None, COUNT),
            three_digits(ratio.best),
            loss,
            mean_share(&mistake.share, at),
            lost.map_or(String::new(), |lost| format!("${}", amount(lost, None, MONEY))),
            days.map_or(String::new(), |days| amount(days, None, TIME)),
        ]);
    }
    table(text, &filled(rows), width);
    if !certain && asked.source.fit.is_some() && asked.size().is_none() {
        let said = "What the plan wastes is what experiments could save at most: `isoflop next`";
        hanging(text, (2, 2), said, width);
    }
}

pub(super) fn laws(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    if answer.laws.is_empty() {
        return;
    }
    let at = asked.level;
    let _ = writeln!(text, "\n{} for the same budget", bold("other laws"));
    let mut rows: Vec<Vec<String>> =
        vec![["law", "N*", "D*", "D/N", "its loss", "wasted here"].map(str::to_owned).into()];
    for law in &answer.laws {
        let best = &law.best;
        rows.push(vec![
            law.name.clone(),
            drawn(&best.parameters, at, COUNT),
            drawn(&best.tokens, at, COUNT),
            number(&best.tokens_per_parameter(), at),
            rounded(best.loss.best, best.loss.interval(at)),
            mean_share(&law.waste.share, at),
        ]);
    }
    table(text, &rows, width);
}

pub(super) fn long(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let Some(long) = &answer.long else { return };
    let at = asked.level;
    let _ = writeln!(
        text,
        "\n{} {} parameters for longer and longer",
        bold("training"),
        amount(long.parameters.get(), None, COUNT)
    );
    let head = ["D", "D/N", "loss", "a FLOP more gains", "wasted", "best if it serves"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).into()];
    let found: Vec<f64> = long.stretches.iter().map(|stretch| stretch.run.loss.best).collect();
    for (stretch, loss) in long.stretches.iter().zip(losses(&found)) {
        let run = &stretch.run;
        let served = stretch.served.best.get();
        rows.push(vec![
            amount(run.tokens.best.get(), None, COUNT),
            three_digits(run.tokens_per_parameter().best),
            loss,
            format!("{} of the best", share(stretch.marginal.best)),
            share(stretch.waste.best),
            if served > 0.0 {
                format!("{} tokens", amount(served, stretch.served.interval(at), COUNT))
            } else {
                "-".to_owned()
            },
        ]);
    }
    table(text, &rows, width);
    let mut said = Vec::new();
    if long.optimal.best.get().is_finite() {
        said.push(format!(
            "this size is compute-optimal at {} tokens",
            drawn(&long.optimal, at, COUNT)
        ));
    }
    if long.halved.best.get().is_finite() {
        said.push(format!(
            "beyond {} tokens a FLOP gains less than half of what it would on a better size",
            drawn(&long.halved, at, COUNT)
        ));
    }
    if let Some(serving) = &asked.serving {
        let stop = long.best_when_serving(serving.weight().best);
        if stop.best.get().is_finite() {
            said.push(format!("for what is served, stop at {} tokens", drawn(&stop, at, COUNT)));
        }
    }
    if !said.is_empty() {
        hanging(text, (2, 2), &format!("When to stop: {}", said.join("; ")), width);
    }
}
