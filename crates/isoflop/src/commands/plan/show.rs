//! What `isoflop plan` says to people.

use std::fmt::Write as _;

use plan::{Advised, Assumption, BudgetKind, Constraint, Drawn};

use super::answer::{Answer, Shape, machine_in_words};
use super::asked::Asked;
use super::words::{drawn, flop, money, number, share};
use crate::commands::amounts::{COUNT, ENERGY, POWER, TIME, amount, three_digits};
use crate::commands::fit::words::{bold, level, outside, rounded, unit_in_words};
use crate::text::hanging;

mod tables;

/// The whole answer but for the plot.
pub(super) fn for_people(asked: &Asked, answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    title(&mut text, asked, answer, width);
    run(&mut text, asked, answer);
    shape(&mut text, asked, answer, width);
    cost(&mut text, asked, answer);
    limits(&mut text, asked, answer, width);
    scarcity(&mut text, asked, answer, width);
    tables::others(&mut text, asked, answer, width);
    tables::rules(&mut text, asked, answer, width);
    tables::laws(&mut text, asked, answer, width);
    tables::long(&mut text, asked, answer, width);
    assumptions(&mut text, asked, width);
    cautions(&mut text, asked, answer, width);
    text
}

/// `name   what it is` over several lines, names in one column.
fn lines(text: &mut String, name: &str, value: &str, width: usize) {
    let start = text.len();
    hanging(text, (12, 12), value, width);
    text.replace_range(start..start + 12, &format!("  {name:<9} "));
}

/// `name   what it is`, names in one column.
fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name:<9} {value}");
}

fn title(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let words: Vec<&str> = asked.funds.iter().map(|fund| fund.words.as_str()).collect();
    let mut what = format!("for {}", words.join(" and ")).replace("for until ", "until ");
    if let Some(target) = &answer.target {
        what = format!("for a loss of {}", target.loss);
    }
    let believed = &asked.source.believed;
    hanging(
        text,
        (0, 2),
        &format!("{} {what}, under {} ({})", bold("plan"), believed.name, believed.source),
        width,
    );
    let law = believed.law.formula.lines().next().unwrap_or_default();
    let fit = asked.source.fit.as_ref();
    let fitted_draws = fit.is_some_and(|fit| !fit.draws.is_empty());
    let intervals = match (fitted_draws, answer.budget.draws.len()) {
        (_, 0) => "no intervals".to_owned(),
        (false, draws) if fit.is_some() => format!(
            "{} intervals over {draws} draws of prices, MFU and amounts: this fit has no draws",
            level(asked.level)
        ),
        (true, draws) => {
            format!("{} intervals over {draws} draws of the law", level(asked.level))
        }
        (false, draws) => format!(
            "{} intervals over {draws} draws of prices, MFU and amounts: published constants are \
             one point",
            level(asked.level)
        ),
    };
    hanging(text, (2, 2), &format!("{law}; {}; {intervals}", asked.flop_model.describe()), width);
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
        let training = &chosen.training;
        if asked.serving.is_some() {
            line(text, "", &format!("training takes {} of it", flop(training, at)));
        } else if training.best.get() < 0.999 * answer.budget.best.get() {
            line(text, "", &format!("the limits leave {} of it to use", flop(training, at)));
        }
    }
    let (parameters, tokens) = match &answer.target {
        Some(target) => (&target.reached.parameters, &target.reached.tokens),
        None => (&best.parameters, &best.tokens),
    };
    let (n, d) = if asked.size().is_some() { ("N", "D") } else { ("N*", "D*") };
    line(text, n, &drawn(parameters, at, COUNT));
    line(text, d, &drawn(tokens, at, COUNT));
    line(text, "D/N", &number(&best.tokens_per_parameter(), at));
    let unit = unit_in_words(&asked.source.believed.law.target.unit);
    line(text, "loss", format!("{} {unit}", number(&chosen.loss, at)).trim_end());
    if let Some(interval) = answer.prediction.as_ref().and_then(|found| found.new_run_interval) {
        let one = crate::commands::fit::words::range(Some(interval));
        line(text, "", &format!("one such run: {one}"));
    }
}

fn shape(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let at = asked.level;
    if let Some(Shape { family, nearest, run, over_six_n }) = &answer.shape {
        let model = &nearest.model;
        let mut said = format!(
            "{} of width {} ({}): {} {}, {} tokens, loss {}",
            if model.layers == 1 {
                "1 layer".to_owned()
            } else {
                format!("{} layers", model.layers)
            },
            model.hidden,
            family.name,
            amount(nearest.parameters.get(), None, COUNT),
            asked.counted.describe(),
            amount(run.tokens.best.get(), None, COUNT),
            rounded(run.loss.best, run.loss.interval(at)),
        );
        if over_six_n.abs() > 0.02 {
            let sign = if *over_six_n > 0.0 { "more" } else { "fewer" };
            let _ = write!(
                said,
                "; every product counted, causal attention over {} tokens included, it takes {} \
                 {sign} FLOP than 6 N D",
                family.sequence,
                share(over_six_n.abs())
            );
        }
        lines(text, "shape", &said, width);
    }
    for (about, name) in [(Advised::Batch, "batch"), (Advised::LearningRate, "lr")] {
        let said: Vec<String> = answer
            .advice
            .iter()
            .filter(|advice| advice.about == about)
            .map(|advice| {
                let value = match about {
                    Advised::Batch => format!("{} tokens", amount(advice.value, None, COUNT)),
                    Advised::LearningRate => three_digits(advice.value),
                };
                let far = if advice.outside.is_empty() { "" } else { ", outside its runs" };
                format!("{value} ({}{far})", advice.id)
            })
            .collect();
        if !said.is_empty() {
            lines(text, name, &said.join(", "), width);
        }
    }
}

fn cost(text: &mut String, asked: &Asked, answer: &Answer) {
    let cost = &answer.cost;
    let at = asked.level;
    let _ = writeln!(text, "\n{} of this run on {}", bold("cost"), machine_in_words(&asked.means));
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
        said.push_str(". ");
        let when = if years.best.is_nan() {
            "It does not run out within 40 years".to_owned()
        } else if years.best == 0.0 {
            "The best run of endless text would need more already".to_owned()
        } else {
            format!("Read once, it runs out in {} years", number(years, at))
        };
        said.push_str(&when);
    }
    hanging(text, (0, 2), &format!("{}: {said}", bold("data")), width);
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
    all.push((format!("N counts {}", asked.counted.describe()), &asked.counted_by));
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
