//! Coverage against samples as a part of a report.

use report::{
    Block, Cell, Figure, Frame, Hue, Mark, Notation, Number, Section, Sentence, Table, Tone, charts,
};

use super::{Answer, json_of};
use crate::commands::fit::words;
use crate::study::{Part, numbers_of};

pub(super) fn part(answer: &Answer, seed: u64) -> Part {
    let (mut samples, mut coverage, mut series) = (vec![], vec![], vec![]);
    let mut add = |k: f64, value: f64, of: &str| {
        samples.push(k);
        coverage.push(value);
        series.push(of.to_owned());
    };
    for row in &answer.rows {
        if let Some(counted) = &row.counted {
            add(row.k, counted.value, "counted");
        }
    }
    for row in &answer.rows {
        if let Some(beta) = &row.beta {
            add(row.k, beta.value, "Beta distribution");
        }
    }
    for row in &answer.rows {
        if let Some(power) = row.power {
            add(row.k, power, "power law");
        }
    }
    let shown = Frame::new("coverage")
        .numbers("samples", "", samples)
        .numbers("coverage", "", coverage)
        .words("series", series);
    let band: Vec<_> = (answer.rows.iter())
        .filter_map(|row| Some((row.k, row.beta.as_ref()?.interval?)))
        .collect();
    let mut figure = charts::coverage(shown);
    let level = words::level(answer.level);
    if !band.is_empty() {
        let frame = Frame::new("band")
            .numbers("samples", "", band.iter().map(|(k, _)| *k).collect())
            .numbers("low", "", band.iter().map(|(_, ends)| ends.low).collect())
            .numbers("high", "", band.iter().map(|(_, ends)| ends.high).collect());
        let mark = Mark::band("band", "samples", "low", "high")
            .name(format!("{level} interval of the Beta distribution"))
            .hue(Hue::Quiet);
        if let Some(panel) = figure.panels.first_mut() {
            panel.marks.insert(0, mark);
        }
        figure = figure.frame(frame);
    }
    let last = answer.rows.iter().rev().find_map(|row| Some((row.k, row.counted.as_ref()?.value)));
    let sentence = match last {
        Some((k, value)) => Sentence::new()
            .text(format!("{} samples of each of {} problems solve ", k, answer.problems))
            .number(Number::new("solved", value).notation(Notation::Percent))
            .text(" of them."),
        None => Sentence::new().text(format!("{} problems were sampled.", answer.problems)),
    };
    let mut sentences = vec![sentence.clone()];
    for (share, beta, power) in &answer.targets {
        let mut target = Sentence::new()
            .text("To solve ")
            .number(Number::new("target", *share).notation(Notation::Percent));
        target = match beta {
            Some(budget) => {
                let number = Number::new("samples", budget.samples).notation(Notation::Short);
                let number = match budget.interval {
                    Some(ends) => number.interval(ends.level, ends.low, ends.high),
                    None => number,
                };
                target.text(" takes ").number(number).text(" samples under the Beta distribution")
            }
            None => target.text(" is beyond the Beta distribution"),
        };
        target = match power {
            Some(samples) => {
                let number = Number::new("samples", *samples).notation(Notation::Short);
                target.text(" and ").number(number).text(" under the power law.")
            }
            None => target.text("."),
        };
        sentences.push(target);
    }
    for refused in [answer.beta.as_ref().err(), answer.power.as_ref().err()].into_iter().flatten() {
        sentences.push(Sentence::new().text(format!("{refused}.")).tone(Tone::Caution));
    }
    let number = |value: Option<f64>| match value {
        Some(value) => Cell::from(Number::new("", value).notation(Notation::Percent)),
        None => Cell::from(""),
    };
    let table = Table {
        name: "pass-at-k".into(),
        title: "Share of problems solved by k samples".into(),
        head: ["k", "counted", "Beta distribution", "power law"].map(str::to_owned).to_vec(),
        rows: (answer.rows.iter())
            .map(|row| {
                vec![
                    Cell::from(Number::new("", row.k).notation(Notation::Short)),
                    number(row.counted.as_ref().map(|pass| pass.value)),
                    number(row.beta.as_ref().map(|beta| beta.value)),
                    number(row.power),
                ]
            })
            .collect(),
        note: format!(
            "{} samples a problem at least; beyond, both columns extrapolate.",
            answer.samples
        ),
        ..Table::default()
    };
    let figure = Figure { title: "Coverage grows with samples".into(), ..figure }
        .subtitle("share of problems solved by at least one of k samples; unbiased up to the samples at hand")
        .source(answer.origin.clone());
    let mut blocks: Vec<Block> = sentences.iter().cloned().map(Block::Sentence).collect();
    blocks.extend([Block::Figure(figure), Block::Table(table)]);
    let draws = answer.beta.as_ref().ok().map(|fit| {
        vec![
            ("alpha".to_owned(), fit.draws.iter().map(|draw| draw.alpha).collect()),
            ("beta".to_owned(), fit.draws.iter().map(|draw| draw.beta).collect()),
        ]
    });
    Part {
        answer: json_of(answer, seed),
        headline: sentences,
        sections: vec![Section { heading: "Repeated sampling".into(), blocks }],
        draws: numbers_of(draws.unwrap_or_default(), seed, &answer.origin),
        sources: vec![
            "Chen et al. 2021, arXiv:2107.03374 (unbiased pass@k)".to_owned(),
            "Schaeffer et al. 2025, arXiv:2502.17578 (power law of coverage)".to_owned(),
        ],
        ..Part::default()
    }
}
