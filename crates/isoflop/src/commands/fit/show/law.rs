//! The law, what it was fitted by, and its parameters.

use std::fmt::Write as _;

use laws::{Resampling, ResidualScale};

use super::super::answer::Answer;
use super::super::words::{bold, level, percent, range, rounded};
use crate::text::{behind, hanging};

pub(super) fn about(text: &mut String, answer: &Answer<'_>, width: usize) {
    let fit = answer.fit;
    let law = &fit.law;
    let unit = match answer.target_unit() {
        "" => String::new(),
        unit => format!(", {} in {unit}", law.target.name),
    };
    let mut lines = law.formula.lines().map(str::trim).filter(|line| !line.is_empty());
    text.push('\n');
    let head = format!(
        "{} {}{unit}",
        bold(&if answer.typed { "law".to_owned() } else { format!("law {}", law.name) }),
        lines.next().unwrap_or_default()
    );
    hanging(text, (0, 4), &head, width);
    for line in lines {
        let _ = writeln!(text, "    {line}");
    }
    let objective = format!("objective: {} = {:.6e}", fit.objective, fit.value);
    hanging(text, (2, 4), &objective, width);
    let scale = match fit.objective.residuals {
        ResidualScale::Log => {
            format!("a single run scatters {:.2} % around the law", 100.0 * fit.spread)
        }
        ResidualScale::Linear => {
            format!("a single run scatters {} around the law", rounded(fit.spread, None))
        }
    };
    let of = match fit.objective.residuals {
        ResidualScale::Log => format!("ln {}", law.target.name),
        ResidualScale::Linear => law.target.name.clone(),
    };
    let explains = percent(fit.explained);
    let spread = format!("{scale}, which explains {explains} % of the variation of {of}");
    hanging(text, (2, 4), &spread, width);
    parameters(text, answer, width);
}

fn parameters(text: &mut String, answer: &Answer<'_>, width: usize) {
    let fit = answer.fit;
    let intervals = match (fit.options.bootstrap, fit.bootstrap.normal) {
        (0, _) => "no intervals: --bootstrap is 0".to_owned(),
        (draws, true) => format!(
            "{} interval ({draws} normal draws of the cluster-robust covariance, seed {})",
            level(fit.options.level),
            fit.options.seed
        ),
        (draws, false) => {
            // What was done, which may be other than what was asked.
            let how = match fit.bootstrap.resampling {
                Resampling::Tangent => "draws around the best law",
                Resampling::Posterior => "draws of the posterior",
                Resampling::Runs => "resamples of the runs",
                Resampling::Rows => "resamples of the rows",
                Resampling::Wild => "resamples of the residuals",
            };
            format!(
                "{} interval ({draws} {how}, seed {})",
                level(fit.options.level),
                fit.options.seed
            )
        }
    };
    let names = fit.estimates.iter().map(|estimate| &estimate.name);
    let names = names.chain(fit.held.iter().map(|(name, _)| name));
    let names = names.chain(answer.derived.iter().map(|number| &number.name));
    let wide = names.map(|name| name.chars().count()).max().unwrap_or(6).max(6);
    // Columns as usual; where a terminal is narrow, words are wrapped behind a smaller one.
    let start = wide + 16;
    let room = if width < start + 24 + 20 { 17 } else { 24 };
    text.push('\n');
    behind(text, &format!("  {:<wide$} {:>11}  ", "", "value"), &intervals, width);
    let mut row = |name: &str, value: String, interval: String, note: &str| {
        let before = format!("  {name:<wide$} {value:>11}  {interval:<room$} ");
        behind(text, &before, note, width);
    };
    for estimate in &fit.estimates {
        let interval = fit.interval(&estimate.name);
        let meaning = fit.law.parameter(&estimate.parameter).map_or("", |p| p.meaning.as_str());
        row(&estimate.name, rounded(estimate.value, interval), range(interval), meaning);
    }
    for (name, value) in &fit.held {
        row(name, rounded(*value, None), "held".to_owned(), "");
    }
    for number in &answer.derived {
        let shown = rounded(number.value, number.interval);
        row(&number.name, shown, range(number.interval), &number.meaning);
    }
}
