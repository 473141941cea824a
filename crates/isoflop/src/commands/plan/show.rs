//! What `isoflop plan` says to people.

use std::fmt::Write as _;

use plan::{Assumption, BudgetKind, Constraint, Drawn, Mistake, Quantity};

use super::answer::{Answer, machine_in_words};
use super::asked::Asked;
use super::words::{
    COUNT, ENERGY, MONEY, POWER, TIME, amount, drawn, flop, mean_share, money, number, share,
    three_digits,
};
use crate::commands::fit::words::{bold, level, outside, rounded, table, unit_in_words};
use crate::text::hanging;

/// The whole answer but for the plot.
pub(super) fn for_people(asked: &Asked, answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    title(&mut text, asked, answer, width);
    run(&mut text, asked, answer);
    cost(&mut text, asked, answer);
    limits(&mut text, asked, answer, width);
    scarcity(&mut text, asked, answer, width);
    others(&mut text, asked, answer);
    rules(&mut text, asked, answer, width);
    laws(&mut text, asked, answer);
    long(&mut text, asked, answer, width);
    assumptions(&mut text, asked, width);
    cautions(&mut text, asked, answer, width);
    text
}

/// `name   what it is`, names in one column.
fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<9} {value}");
}

fn title(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let words: Vec<&str> = asked.funds.iter().map(|fund| fund.words.as_str()).collect();
    let mut what = words.join(" and ");
    if let Some(target) = &answer.target {
        what = format!("a loss of {}", target.loss);
    }
    let believed = &asked.source.believed;
    hanging(
        text,
        (0, 2),
        &format!("{} for {what}, under {} ({})", bold("plan"), believed.name, believed.source),
        width,
    );
    let law = believed.law.formula.lines().next().unwrap_or_default();
    let intervals = match (asked.source.fit.is_some(), answer.budget.draws.len()) {
        (_, 0) => "no intervals".to_owned(),
        (true, draws) => {
            format!("{} intervals over {draws} draws of the law", level(asked.level))
        }
        (false, draws) => format!(
            "{} intervals over {draws} draws of prices and MFU: published constants are one point",
            level(asked.level)
        ),
    };
    hanging(text, (2, 2), &format!("{law}; FLOP are 6 N D to train; {intervals}"), width);
}

fn run(text: &mut String, asked: &Asked, answer: &Answer) {
    let best = &answer.plan.optimum;
    let at = asked.level;
    let chosen = answer.chosen();
    let _ = writeln!(
        text,
        "\n{} {} parameters on {} tokens",
        bold("train"),
        amount(answer.plan.size.get(), best.parameters.interval(at), COUNT),
        amount(chosen.tokens.best.get(), best.tokens.interval(at), COUNT),
    );
    if let Some(target) = &answer.target {
        line(text, "needs C", &flop(&target.reached.budget, at));
        if target.never > 0.0 {
            line(text, "", &format!("in {} of draws no budget reaches it", share(target.never)));
        }
    } else {
        line(text, "C", &flop(&answer.budget, at));
    }
    let (parameters, tokens) = match &answer.target {
        Some(target) => (&target.reached.parameters, &target.reached.tokens),
        None => (&best.parameters, &best.tokens),
    };
    line(text, "N*", &drawn(parameters, at, COUNT));
    line(text, "D*", &drawn(tokens, at, COUNT));
    line(text, "D/N", &number(&best.tokens_per_parameter(), at));
    let unit = unit_in_words(&asked.source.believed.law.target.unit);
    line(text, "loss", &format!("{} {unit}", number(&chosen.loss, at)).trim_end().to_owned());
    if let Some(interval) = answer.prediction.as_ref().and_then(|found| found.new_run_interval) {
        let one = crate::commands::fit::words::range(Some(interval));
        line(text, "", &format!("one such run: {one}"));
    }
}

fn cost(text: &mut String, asked: &Asked, answer: &Answer) {
    let cost = &answer.cost;
    let at = asked.level;
    let _ = writeln!(text, "\n{} on {}", bold("cost"), machine_in_words(&asked.means));
    match &cost.money {
        Ok(dollars) => line(text, "money", &money(dollars, at)),
        Err(why) => line(text, "money", &format!("not known: {}", why.message())),
    }
    if let Some(serving) = &cost.serving {
        line(text, "serving", &format!("{} more", money(serving, at)));
    }
    let hours: Drawn<f64> = cost.device_time.map(|seconds| seconds / 3600.0);
    line(text, "devices", &format!("{} hours", drawn(&hours, at, COUNT)));
    match &cost.time {
        Some(time) => line(text, "time", &drawn(time, at, TIME)),
        None => line(text, "time", "add --on '512 H100' for days"),
    }
    if let Some(energy) = &cost.energy {
        let power = cost.power.as_ref().map_or(String::new(), |power| {
            format!(", {} at the meter", amount(power.best.get(), power.interval(at), POWER))
        });
        line(text, "energy", &format!("{}{power}", drawn(energy, at, ENERGY)));
    }
}

fn limits(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let at = asked.level;
    let mut said: Vec<String> = answer
        .plan
        .binding
        .iter()
        .map(|binding| {
            let gain = number(&binding.doubled, at);
            match binding.constraint {
                Constraint::Budget => {
                    format!("the budget: twice as much lowers the loss by {gain}")
                }
                Constraint::Largest => {
                    format!("the largest size: twice as large lowers the loss by {gain}")
                }
                Constraint::Tokens => {
                    format!("the tokens: twice as many lower the loss by {gain}")
                }
                Constraint::Size => format!("the size asked for: the best one lowers it by {gain}"),
            }
        })
        .collect();
    if asked.funds.len() > 1 && asked.target.is_none() {
        let parts = asked.funds.iter().zip(&answer.smallest).map(|(fund, part)| {
            format!("`{}` is the smallest in {} of draws", fund.words, share(*part))
        });
        said.push(parts.collect::<Vec<String>>().join(", "));
    }
    if said.is_empty() {
        said.push("nothing".to_owned());
    }
    text.push('\n');
    hanging(text, (0, 2), &format!("{}: {}", bold("what binds"), said.join("; ")), width);
}

fn scarcity(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let Some(scarce) = &answer.scarcity else { return };
    let at = asked.level;
    let mut said = format!(
        "{} unique tokens are read {} times; endless text would lower the loss by {}",
        drawn(&scarce.stock, at, COUNT),
        number(&scarce.passes, at),
        number(&scarce.lost, at),
    );
    let _ = write!(
        said,
        ". With unlimited compute, passes alone come down to {} (a law that cannot say that many \
         passes hurt), regularised ensembles to {} if they are worth {} times the data here as \
         they were at 200 M tokens (Kim et al. 2025)",
        rounded(scarce.repeated.best, None),
        rounded(scarce.ensembled.best, None),
        plan::scarcity::ENSEMBLE_WORTH,
    );
    if let Some(years) = &answer.exhausted {
        let _ = match years.best.is_nan() {
            true => write!(said, ". The stock does not run out within 40 years"),
            false => {
                write!(said, ". Without passes the stock runs out in {} years", number(years, at))
            }
        };
    }
    hanging(text, (0, 2), &format!("{}: {said}", bold("data")), width);
}

fn others(text: &mut String, asked: &Asked, answer: &Answer) {
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

fn rules(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let at = asked.level;
    let draws = match answer.plan.ignorance.share.draws.is_empty() || asked.source.fit.is_none() {
        true => "if the law is right",
        false => "mean over the draws of the law, and their interval",
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

fn laws(text: &mut String, asked: &Asked, answer: &Answer) {
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

fn long(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
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
            match served > 0.0 {
                true => format!("{} tokens", amount(served, stretch.served.interval(at), COUNT)),
                false => "-".to_owned(),
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

fn assumptions(text: &mut String, asked: &Asked, width: usize) {
    let mut all: Vec<(String, &str)> = Vec::new();
    for assumption in &asked.means.assumptions {
        all.push((format!("{} {}", assumption.what, assumption.value), &assumption.source));
    }
    let differs = |assumption: &&Assumption| !asked.means.assumptions.contains(assumption);
    for assumption in
        asked.serving_means.iter().flat_map(|means| &means.assumptions).filter(differs)
    {
        let said = format!("to serve, {} {}", assumption.what, assumption.value);
        all.push((said, &assumption.source));
    }
    if asked.serving.is_some() && asked.serving_means.is_none() {
        let said = "a served FLOP costs what a trained one does".to_owned();
        all.push((said, "--serve-mfu, --serve-on and --serve-price say otherwise"));
    }
    if asked.funds.iter().any(|fund| fund.kind == BudgetKind::Until) {
        all.push((format!("start {}", asked.start), "today, or --start"));
    }
    if asked.stock.is_some() {
        let said = "constants of repetition without their error".to_owned();
        all.push((said, "Muennighoff et al. 2023"));
    }
    text.push('\n');
    if asked.sources {
        let _ = writeln!(text, "{}", bold("assumed"));
        for (said, source) in all {
            hanging(text, (2, 4), &format!("{said} [{source}]"), width);
        }
        return;
    }
    let said: Vec<String> = all.into_iter().map(|(said, _)| said).collect();
    let said = format!("{}: {} (--sources says where from)", bold("assumed"), said.join("; "));
    hanging(text, (0, 2), &said, width);
}

fn cautions(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let mut said = Vec::new();
    let compute = answer.chosen().training.best.get();
    if let Some((_, high)) = asked.source.believed.range
        && let Some(far) = outside((compute / high).log10())
    {
        said.push(format!("the budget lies {far} the runs behind the law"));
    }
    let missing = answer.plan.optimum.parameters.missing();
    if missing > 0 {
        said.push(format!(
            "{missing} of {} draws have no best run and are left out of intervals",
            answer.plan.optimum.parameters.draws.len()
        ));
    }
    if asked.source.fit.is_none() {
        let name = &asked.source.believed.name;
        said.push(format!(
            "`{name}` was fitted to other data, tokenizer and architecture than yours: give your \
             own runs with --law"
        ));
    }
    if let Some(judgement) = &answer.judgement {
        said.push(format!(
            "the fit there is {}; {}",
            judgement.verdict.in_words(),
            judgement.advice
        ));
    }
    for caution in said {
        hanging(text, (0, 2), &format!("{}: {caution}", bold("note")), width);
    }
}

/// Tokens per parameter, to three digits at most.
fn ratio_in_words(ratio: &Drawn<f64>, at: f64) -> String {
    match ratio.interval(at) {
        Some(interval) => rounded(ratio.best, Some(interval)),
        None => three_digits(ratio.best),
    }
}
