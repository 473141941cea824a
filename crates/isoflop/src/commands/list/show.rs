//! The catalogue for people.

use std::fmt::Write as _;

use diagnostic::Diagnostic;
use laws::{Law, Parameter, Quantity, ResidualScale, catalogue::Published};

use crate::text::{behind, hanging, paragraph};

/// Every law in two lines: its name and what it gives from what; its title and source.
pub(super) fn list(laws: &[Law], width: usize) -> String {
    let names = laws.iter().map(|law| law.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for law in laws {
        let variables: Vec<&str> = law.variables.iter().map(|v| v.name.as_str()).collect();
        let gives = format!("{}({})", law.target.name, variables.join(", "));
        behind(&mut out, &format!("{:names$}  ", law.name), &gives, width);
        // Who and when; the whole source is shown with the law.
        let source = law.source.split([',', ';']).next().unwrap_or_default();
        paragraph(&mut out, 4, &format!("{}. {source}", law.title), width);
    }
    let _ = writeln!(out, "\n{} laws; `isoflop list laws NAME` shows one whole", laws.len());
    out
}

/// One law with all that its file says, and its figures computed.
pub(super) fn law(law: &Law, width: usize) -> Result<String, Diagnostic> {
    let mut out = String::new();
    hanging(&mut out, (0, 2), &format!("{}: {}", law.name, law.title), width);
    paragraph(&mut out, 0, &law.source, width);
    out.push('\n');
    for line in law.formula.lines() {
        let _ = writeln!(out, "    {line}");
    }
    if !law.notes.is_empty() {
        out.push('\n');
        paragraph(&mut out, 0, &law.notes, width);
    }
    section(&mut out, "Gives", vec![quantity(&law.target)], width);
    let residuals = match law.residuals {
        ResidualScale::Log => "ln measured - ln law",
        ResidualScale::Linear => "measured - law",
    };
    let _ = writeln!(out, "  residuals: {residuals}");
    section(&mut out, "From", law.variables.iter().map(quantity).collect(), width);
    section(&mut out, "Parameters", law.parameters.iter().map(parameter).collect(), width);
    section(&mut out, "Given for what is derived", law.given.iter().map(quantity).collect(), width);
    if !law.derived.is_empty() {
        out.push_str("\nDerived\n");
    }
    for derived in &law.derived {
        let Quantity { name, unit, meaning, .. } = &derived.quantity;
        paragraph(&mut out, 2, &format!("{name} = {}", derived.expression), width);
        let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
        paragraph(&mut out, 6, &format!("{meaning}{unit}"), width);
    }
    if !law.published.is_empty() {
        out.push_str("\nPublished constants\n");
    }
    for published in &law.published {
        constants(&mut out, published, width);
    }
    if !law.figures.is_empty() {
        out.push_str("\nFigures: published, and computed from the constants\n");
    }
    let mut heading = String::new();
    for figure in &law.figures {
        let of = figure.published.as_deref().unwrap_or("any constants");
        let this = format!("{of}: {}", figure.what);
        if this != heading {
            paragraph(&mut out, 2, &this, width);
            heading = this;
        }
        let again = law.recompute(figure)?;
        let (published, computed) = (short(figure.value), short(again.value));
        let verdict = if again.agrees() { "" } else { "DIFFERS " };
        let before = format!("{published:>14} {computed:>14}  ");
        behind(&mut out, &before, &format!("{verdict}{}", figure.given()), width);
    }
    Ok(out)
}

/// Least room for a meaning beside its unit.
const LEAST: usize = 20;

/// Name, unit and meaning in columns; meanings wrap, and stand below where there is no room.
pub(super) fn section(out: &mut String, title: &str, rows: Vec<[String; 3]>, width: usize) {
    if rows.is_empty() {
        return;
    }
    let longest = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let (first, second) = (longest(0).unwrap_or(0), longest(1).unwrap_or(0));
    let _ = writeln!(out, "\n{title}");
    for [name, unit, meaning] in rows {
        let head = format!("  {name:first$}  {unit:second$}  ");
        if head.chars().count() + LEAST <= width {
            behind(out, &head, &meaning, width);
        } else {
            behind(out, &format!("  {name:first$}  "), &unit, width);
            paragraph(out, first + 4, &meaning, width);
        }
    }
}

fn quantity(quantity: &Quantity) -> [String; 3] {
    let mut meaning = quantity.meaning.clone();
    if quantity.within != (0.0, f64::INFINITY) {
        let _ = write!(meaning, "; {}", range(quantity.within));
    }
    [quantity.name.clone(), quantity.unit.clone(), meaning]
}

fn parameter(parameter: &Parameter) -> [String; 3] {
    let mut meaning = parameter.meaning.clone();
    if let Some(value) = parameter.fixed {
        let _ = write!(meaning, "; fixed at {} unless freed", short(value));
    }
    let bounds = match parameter.bounds {
        (f64::NEG_INFINITY, f64::INFINITY) => String::new(),
        (low, f64::INFINITY) => format!("at least {}", short(low)),
        (f64::NEG_INFINITY, high) => format!("at most {}", short(high)),
        bounds => range(bounds),
    };
    let unit = match (bounds.is_empty(), parameter.unit.is_empty()) {
        (true, _) => parameter.unit.clone(),
        (false, true) => bounds,
        (false, false) => format!("{bounds} {}", parameter.unit),
    };
    [parameter.name.clone(), unit, meaning]
}

fn constants(out: &mut String, published: &Published, width: usize) {
    let _ = writeln!(out, "  {}", published.id);
    paragraph(out, 6, &published.source, width);
    let values = published.values.iter().map(|(name, value)| {
        let mut text = format!("{name} = {}", short(*value));
        if let Some(error) = published.error(name) {
            let _ = write!(text, " ± {}", short(error));
        }
        if let Some(interval) = published.interval(name) {
            let _ = write!(text, " [{}]", range(interval));
        }
        text
    });
    let values: Vec<String> = values.collect();
    let level = published.level.map_or(String::new(), |level| {
        format!("; in brackets {} % intervals", short(level * 100.0))
    });
    paragraph(out, 6, &format!("{}{level}", values.join(", ")), width);
    for (doubt, names) in
        [("unverified", &published.unverified), ("second-hand", &published.second_hand)]
    {
        let all = names.len() == published.values.len();
        let names = if all { "all".to_owned() } else { names.join(", ") };
        if !names.is_empty() {
            paragraph(out, 6, &format!("{doubt}: {names}"), width);
        }
    }
    if !published.fitted_on.is_empty() {
        paragraph(out, 6, &format!("fitted on: {}", published.fitted_on), width);
    }
    if !published.conventions.is_empty() {
        paragraph(out, 6, &format!("conventions: {}", published.conventions), width);
    }
    if !published.domain.is_empty() {
        let domain: Vec<String> = (published.domain.iter())
            .map(|(name, bounds)| format!("{name} {}", range(*bounds)))
            .collect();
        paragraph(out, 6, &format!("domain: {}", domain.join(", ")), width);
    }
}

fn range((low, high): (f64, f64)) -> String {
    format!("{} to {}", short(low), short(high))
}

/// A number with at most six digits: `0.34`, `5.76e23`.
fn short(value: f64) -> String {
    let value: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if value == 0.0 || (1e-3..1e5).contains(&value.abs()) || !value.is_finite() {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}
