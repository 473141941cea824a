//! What `isoflop split` says to people.

use std::fmt::Write as _;

use plan::dimensions::{Aim, Curve, Dimension, Split, Through, exchange_rate, snell_multiplier};
use plan::{Drawn, Quantity};

use super::Answer;
use crate::commands::fit::words::{bold, level, rounded, with_range};
use crate::table::table;
use crate::terminal_plot::{Highlight, Plot, Scale, Series};
use crate::text::{behind, hanging, paragraph};

/// A value with its interval, as many digits as that supports.
pub(crate) fn shown<Q: Quantity>(drawn: &Drawn<Q>, share: f64) -> String {
    with_range(drawn.best.number(), drawn.interval(share))
}

/// A number that is exact as it stands: `1e24`, `2000`.
pub(crate) fn exact(value: f64) -> String {
    let value: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    let plain = value == 0.0 || (1e-3..1e6).contains(&value.abs());
    if plain { format!("{value}") } else { format!("{value:e}") }
}

/// A share in per cent.
fn per_cent(share: f64) -> String {
    if share > 0.0 && share < 5e-4 {
        "less than 0.1 %".to_owned()
    } else {
        format!("{:.1} %", 100.0 * share)
    }
}

pub(super) fn for_people(answer: &Answer, width: usize) -> String {
    let (split, share) = (&answer.split, answer.level);
    let capability = &split.question.capability;
    let mut text = String::new();
    hanging(&mut text, (0, 2), &format!("{} {}", bold(&capability.name), capability.title), width);
    headline(&mut text, split, share, width);
    parts(&mut text, split, share, width);
    choices(&mut text, split, share, width);
    prices(&mut text, split, share, width);
    neighbours(&mut text, answer, width);
    trade(&mut text, split, share, width);
    assumptions(&mut text, split, width);
    certainty(&mut text, split, width);
    text
}

fn headline(text: &mut String, split: &Split, share: f64, width: usize) {
    let target = &split.question.capability.meaning;
    let reached = shown(&split.capability, share);
    text.push('\n');
    match split.question.aim {
        Aim::Budget(budget) => {
            behind(text, &format!("{} {reached}  ", bold("reaches")), target, width);
            let _ = writeln!(text, "  with {} FLOP over the model's life", exact(budget.get()));
        }
        Aim::Reach(asked) => {
            let total = shown(&split.total, share);
            let _ = writeln!(text, "{} {total} FLOP over the model's life", bold("costs"));
            behind(text, &format!("  for {}  ", exact(asked)), target, width);
        }
    }
    let draws = split.capability.draws.len();
    if draws > 0 {
        let _ = writeln!(text, "  in brackets {} intervals over {draws} draws", level(share));
    }
}

fn parts(text: &mut String, split: &Split, share: f64, width: usize) {
    let _ = writeln!(text, "\n{}", bold("split"));
    let mut rows = vec![["", "share, %", "FLOP", ""].map(str::to_owned)];
    for part in &split.parts {
        let note = match part.least {
            least if least >= 1.0 => "no more than the least".to_owned(),
            least if least > 0.0 => {
                format!("no more than the least in {} of draws", per_cent(least))
            }
            _ => String::new(),
        };
        let percent: Drawn<f64> = part.share.map(|share| 100.0 * share);
        rows.push([
            part.dimension.name().to_owned(),
            shown(&percent, share),
            shown(&part.flop, share),
            note,
        ]);
    }
    table(text, &rows, width);
}

fn choices(text: &mut String, split: &Split, share: f64, width: usize) {
    text.push('\n');
    let what = format!(
        "{} and what one more hundredth of all compute through it would add",
        bold("choices")
    );
    hanging(text, (0, 2), &what, width);
    let mut rows = vec![["", "value", "unit", "adds", ""].map(str::to_owned)];
    for through in &split.through {
        rows.push([
            through.choice.name.clone(),
            shown(&through.value, share),
            through.choice.unit.clone(),
            shown(&through.per_hundredth, share),
            held(through),
        ]);
    }
    table(text, &rows, width);
}

fn held(through: &Through) -> String {
    let (least, most) = through.held;
    let low = through.choice.within.0;
    let part = |share: f64, end: f64, word: &str| {
        let end = exact(end);
        match share {
            0.0 => None,
            1.0 => Some(format!("{word} {end}")),
            share => Some(format!("{word} {end} in {} of draws", per_cent(share))),
        }
    };
    let parts = [part(least, low, "at least:"), part(most, through.greatest, "at most:")];
    parts.into_iter().flatten().collect::<Vec<String>>().join("; ")
}

fn prices(text: &mut String, split: &Split, share: f64, width: usize) {
    let reach = matches!(split.question.aim, Aim::Reach(_));
    let what = if reach { "FLOP of cost" } else { "capability" };
    let _ = writeln!(text, "\n{} and their shadow prices in {what}", bold("limits"));
    let mut rows =
        vec![["", "amount", "1 % more adds", "one unit more adds", "binds"].map(str::to_owned)];
    for price in &split.prices {
        let unit = price.limit.kind.unit();
        // 1 % of a capability is a hundredth of its value.
        let hundredth: Drawn<f64> = price.per_fold.map(|per_fold| 0.01 * per_fold);
        let hundredth = if reach {
            hundredth.with(&split.total, |share, total| share * total)
        } else {
            hundredth
        };
        rows.push([
            price.limit.kind.name().to_owned(),
            format!("{} {unit}", exact(price.limit.amount)).trim_end().to_owned(),
            if price.binds > 0.0 { shown(&hundredth, share) } else { "0".to_owned() },
            if price.binds > 0.0 { shown(&price.per_unit, share) } else { "0".to_owned() },
            match price.binds {
                0.0 => "no".to_owned(),
                1.0 => "yes".to_owned(),
                binds => format!("in {} of draws", per_cent(binds)),
            },
        ]);
    }
    table(text, &rows, width);
}

fn neighbours(text: &mut String, answer: &Answer, width: usize) {
    let _ = writeln!(text, "\n{}", bold("neighbours"));
    let mut heading = vec![String::new(), "FLOP".to_owned(), "capability".to_owned()];
    heading.extend(answer.split.parts.iter().map(|part| format!("{}, %", part.dimension.name())));
    let mut rows = vec![heading];
    for (name, split) in [
        ("half", answer.half.as_ref()),
        ("this", Some(answer.same.as_ref().unwrap_or(&answer.split))),
        ("double", answer.double.as_ref()),
    ] {
        let Some(split) = split else {
            rows.push(vec![name.to_owned(), String::new(), "nothing meets the limits".to_owned()]);
            continue;
        };
        let mut row = vec![
            name.to_owned(),
            exact(split.total.best.get()),
            shown(&split.capability, answer.level),
        ];
        row.extend(split.parts.iter().map(|part| rounded(100.0 * part.share.best, None)));
        rows.push(row);
    }
    table(text, &rows, width);
}

fn trade(text: &mut String, split: &Split, share: f64, width: usize) {
    let (Some(rate), Some(multiplier)) = (exchange_rate(split), snell_multiplier(split, 10.0))
    else {
        return;
    };
    let _ = writeln!(text, "\n{}", bold("training against inference, here"));
    hanging(
        text,
        (2, 4),
        &format!(
            "an order of magnitude less training costs {} orders more inference (1 to 2 over many \
             tasks: Villalobos and Atkinson 2023)",
            shown(&rate, share)
        ),
        width,
    );
    hanging(
        text,
        (2, 4),
        &format!(
            "the compute of a model ten times the size would pay for {} times the tokens of this \
             one (Snell et al. 2024)",
            shown(&multiplier, share)
        ),
        width,
    );
}

fn assumptions(text: &mut String, split: &Split, width: usize) {
    let _ = writeln!(text, "\n{} (change one with --set NAME=VALUE)", bold("assumptions"));
    for (role, name, source) in &split.laws {
        hanging(text, (2, 6), &format!("law {role}: {name}; {source}"), width);
    }
    for amount in &split.assumptions {
        let unit = if amount.unit.is_empty() { String::new() } else { format!(" {}", amount.unit) };
        let meaning =
            if amount.meaning.is_empty() { String::new() } else { format!(", {}", amount.meaning) };
        let line = format!("{} = {}{unit}{meaning}; {}", amount.name, amount.value, amount.source);
        hanging(text, (2, 6), &line, width);
    }
    let capability = &split.question.capability;
    if let Some(first) = capability.notes.lines().next() {
        paragraph(text, 2, first, width);
    }
    let hint = format!(
        "`isoflop list capabilities {}` says what is assumed where the pieces meet",
        capability.name
    );
    paragraph(text, 2, &hint, width);
}

fn certainty(text: &mut String, split: &Split, width: usize) {
    let certainty = split.certainty;
    let mut line = format!(
        "{} of {} optima proven to second order; first-order conditions met to 1e{:.0}",
        certainty.proven,
        certainty.solved,
        // Its digits hang on the processor, its size does not.
        certainty.residual.max(1e-14).log10().ceil()
    );
    if certainty.unreachable > 0 {
        let _ = write!(
            line,
            "; in {} draws nothing meets target and limits: they are left out of the intervals",
            certainty.unreachable
        );
    }
    text.push('\n');
    hanging(text, (0, 2), &line, width);
}

/// The capability against the budget, with everything and with some dimensions left out.
pub(super) fn plot(answer: &Answer) -> Plot {
    let label = |without: &[Dimension]| match without {
        [] => "best split".to_owned(),
        without => {
            let names: Vec<&str> = without
                .iter()
                .map(|dimension| match dimension {
                    Dimension::Inference => "more a query",
                    other => other.name(),
                })
                .collect();
            format!("without {}", names.join(" and "))
        }
    };
    let points = |curve: &Curve| -> Vec<(f64, f64)> {
        curve.points.iter().map(|point| (point.budget.get(), point.capability)).collect()
    };
    let (all, some): (Vec<_>, Vec<_>) =
        answer.curves.iter().partition(|curve| curve.without.is_empty());
    let series = |curve: &&Curve| Series { label: label(&curve.without), points: points(curve) };
    let split = &answer.split;
    let interval = match split.question.aim {
        Aim::Budget(_) => split.capability.interval(answer.level),
        Aim::Reach(_) => None,
    };
    Plot {
        x_label: "compute over the model's life, FLOP".to_owned(),
        y_label: split.question.capability.meaning.clone(),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: some.iter().map(series).collect(),
        lines: all.iter().map(series).collect(),
        highlights: vec![Highlight {
            label: "this split".to_owned(),
            at: (split.total.best.get(), split.capability.best),
            interval: interval.map(|ends| (ends.low, ends.high)),
        }],
    }
}
