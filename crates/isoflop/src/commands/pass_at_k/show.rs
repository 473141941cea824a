//! What `isoflop pass-at-k` says to people.

use std::fmt::Write as _;

use super::Answer;
use crate::commands::fit::words::{bold, level, outside, rounded, with_range};
use crate::table::table;
use crate::terminal_plot::{Highlight, Plot, Scale, Series};
use crate::text::hanging;

pub(super) fn for_people(answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {} problems, {} samples of each",
        bold(&answer.origin),
        answer.problems,
        answer.samples
    );
    laws(&mut text, answer, width);
    let intervals = match &answer.beta {
        Ok(fit) if !fit.draws.is_empty() => format!(" ({} intervals)", level(answer.level)),
        _ => String::new(),
    };
    text.push('\n');
    let what = format!("{} share of problems solved by k samples{intervals}", bold("pass@k"));
    hanging(&mut text, (0, 2), &what, width);
    let mut rows = vec![["k", "counted", "Beta rates", "power law", ""].map(str::to_owned)];
    for row in &answer.rows {
        rows.push([
            samples(row.k),
            row.counted.as_ref().map_or(String::new(), |pass| {
                format!("{:.4} +- {:.4}", pass.value, pass.standard_error)
            }),
            row.beta.as_ref().map_or(String::new(), |beta| with_range(beta.value, beta.interval)),
            row.power.map_or(String::new(), |value| rounded(value, None)),
            row.beta
                .as_ref()
                .and_then(|beta| outside(beta.extrapolation_decades))
                .unwrap_or_default(),
        ]);
    }
    table(&mut text, &rows, width);
    targets(&mut text, answer, width);
    text
}

/// A number of samples: whole up to a million.
fn samples(k: f64) -> String {
    if k < 1e6 { format!("{k:.0}") } else { format!("{k:e}") }
}

fn laws(text: &mut String, answer: &Answer, width: usize) {
    match &answer.beta {
        Ok(fit) => {
            let rates = format!(
                "rates of success follow Beta({:.4}, {:.4}), by maximum likelihood",
                fit.rates.alpha, fit.rates.beta
            );
            hanging(text, (2, 4), &rates, width);
        }
        Err(problem) => hanging(text, (2, 4), &format!("no Beta rates: {problem}"), width),
    }
    match &answer.power {
        Ok(law) => {
            let _ = writeln!(text, "  power law -ln pass@k = {:.4} / k^{:.4}", law.a, law.b);
        }
        Err(problem) => hanging(text, (2, 4), &format!("no power law: {problem}"), width),
    }
}

fn targets(text: &mut String, answer: &Answer, width: usize) {
    if answer.targets.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{} of a problem to solve a share of them", bold("samples"));
    let mut rows = vec![["share", "Beta rates", "power law", ""].map(str::to_owned)];
    for (share, beta, power) in &answer.targets {
        rows.push([
            level(*share),
            beta.as_ref().map_or("never".to_owned(), |b| with_range(b.samples, b.interval)),
            power.map_or("never".to_owned(), |samples| rounded(samples, None)),
            beta.as_ref().and_then(|b| outside(b.extrapolation_decades)).unwrap_or_default(),
        ]);
    }
    table(text, &rows, width);
}

pub(super) fn plot(answer: &Answer) -> Plot {
    let counted = answer.rows.iter().filter_map(|row| Some((row.k, row.counted.as_ref()?.value)));
    let mut lines = Vec::new();
    if let Ok(fit) = &answer.beta {
        let largest = answer.rows.iter().map(|row| row.k).fold(1.0, f64::max);
        let steps = 60;
        let points = (0..=steps).map(|i| {
            let k = largest.powf(f64::from(i) / f64::from(steps));
            (k, fit.rates.pass_at(k))
        });
        lines.push(Series { label: "Beta rates".to_owned(), points: points.collect() });
    }
    let beyond = answer.rows.iter().filter(|row| row.counted.is_none());
    Plot {
        x_label: "k, samples of a problem".to_owned(),
        y_label: "pass@k".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: vec![Series { label: "counted".to_owned(), points: counted.collect() }],
        lines,
        highlights: beyond
            .filter_map(|row| {
                let beta = row.beta.as_ref()?;
                let interval = beta.interval.map(|ends| (ends.low, ends.high));
                let label = format!("k = {}", samples(row.k));
                Some(Highlight { label, at: (row.k, beta.value), interval })
            })
            .collect(),
    }
}
