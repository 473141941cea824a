//! What stands beside the plan: neighbours, rules, other laws, longer training.

use std::fmt::Write as _;

use plan::{Drawn, Mistake, Quantity};

use super::super::answer::Answer;
use super::super::asked::Asked;
use super::super::words::{
    COUNT, MONEY, TIME, amount, drawn, mean_share, number, share, three_digits,
};
use crate::commands::fit::words::{bold, rounded, table};
use crate::text::hanging;

pub(super) fn others(text: &mut String, asked: &Asked, answer: &Answer) {
    let at = asked.level;
    let _ = writeln!(text, "\n{}", bold("neighbours"));
    let mut rows: Vec<Vec<String>> =
        vec![["budget", "N*", "D*", "loss", "money", "time"].map(str::to_owned).into()];
    let row =
        |name: String, best: &plan::Allocation, money: Option<String>, time: Option<String>| {
            let interval = best.loss.interval(at);
            vec![
                name,
                amount(best.parameters.best.get(), best.parameters.interval(at), COUNT),
                amount(best.tokens.best.get(), best.tokens.interval(at), COUNT),
                rounded(best.loss.best, interval),
                money.unwrap_or_default(),
                time.unwrap_or_default(),
            ]
        };
    let dollars = |money: &Drawn<machines::Usd>| {
        format!("${}", amount(money.best.get(), money.interval(at), MONEY))
    };
    let long = |time: &Drawn<runs::Seconds>| amount(time.best.number(), time.interval(at), TIME);
    let mut shown = false;
    for neighbour in &answer.neighbours {
        if neighbour.factor > 1.0 && !shown {
            rows.push(row(
                "this".to_owned(),
                &answer.plan.optimum,
                answer.cost.money.as_ref().ok().map(dollars),
                answer.cost.time.as_ref().map(long),
            ));
            shown = true;
        }
        rows.push(row(
            format!("{}x", neighbour.factor),
            &neighbour.best,
            neighbour.money.as_ref().map(dollars),
            neighbour.time.as_ref().map(long),
        ));
    }
    table(text, &rows);
}

pub(super) fn rules(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let at = asked.level;
    let certain = asked.source.fit.is_none() || answer.plan.ignorance.share.draws.is_empty();
    let draws = if certain {
        "if the law is right"
    } else {
        "mean over the draws of the law, and their interval"
    };
    let _ = writeln!(text, "\n{} of the budget, {draws}", bold("wasted"));
    let mut rows: Vec<Vec<String>> =
        vec![["by", "N", "D/N", "loss", "wasted", "money", "time"].map(str::to_owned).into()];
    let mut push = |mistake: &Mistake| {
        let flop = &mistake.flop;
        let lost = asked.means.money(flop).ok().map(|lost| lost.mean());
        let days = asked.count().map(|count| asked.means.time(flop, count).mean());
        let ratio = mistake.run.tokens_per_parameter();
        rows.push(vec![
            mistake.by.clone(),
            amount(mistake.run.parameters.best.get(), None, COUNT),
            ratio_in_words(&ratio, at),
            rounded(mistake.run.loss.best, mistake.run.loss.interval(at)),
            mean_share(&mistake.share, at),
            lost.map_or(String::new(), |lost| format!("${}", amount(lost, None, MONEY))),
            days.map_or(String::new(), |days| amount(days, None, TIME)),
        ]);
    };
    push(&answer.plan.ignorance);
    for mistake in &answer.mistakes {
        push(mistake);
    }
    table(text, &rows);
    if asked.source.fit.is_some() && asked.size().is_none() {
        let said = "What the plan wastes is what experiments could save at most: `isoflop next`";
        hanging(text, (2, 2), said, width);
    }
}

pub(super) fn laws(text: &mut String, asked: &Asked, answer: &Answer) {
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
    table(text, &rows);
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
    for stretch in &long.stretches {
        let run = &stretch.run;
        let served = stretch.served.best.get();
        rows.push(vec![
            amount(run.tokens.best.get(), None, COUNT),
            rounded(run.tokens_per_parameter().best, None),
            rounded(run.loss.best, run.loss.interval(at)),
            format!("{} of the best", share(stretch.marginal.best)),
            share(stretch.waste.best),
            if served > 0.0 {
                format!("{} tokens", amount(served, stretch.served.interval(at), COUNT))
            } else {
                "-".to_owned()
            },
        ]);
    }
    table(text, &rows);
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

/// Tokens per parameter, to three digits at most.
fn ratio_in_words(ratio: &Drawn<f64>, at: f64) -> String {
    match ratio.interval(at) {
        Some(interval) => rounded(ratio.best, Some(interval)),
        None => three_digits(ratio.best),
    }
}
