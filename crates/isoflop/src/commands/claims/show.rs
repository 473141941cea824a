//! What `isoflop claims` says to people.

use std::fmt::Write as _;

use forecast::{Checked, Claim, Verdict};
use formula::{Form, Nature, ValueType};

use super::Answer;
use crate::commands::fit::words::bold;
use crate::commands::forecast::show::{shown, statement_lines};
use crate::terminal_plot::{Highlight, Plot, Scale, Series};
use crate::text::{hanging, paragraph};

/// Rows of a claim's plot.
const HEIGHT: usize = 10;

/// A plot that spans more than this factor is drawn in powers of ten.
const WIDE: f64 = 30.0;

pub(super) fn for_people(answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    if answer.named {
        for claim in &answer.claims {
            if !text.is_empty() {
                text.push('\n');
            }
            whole(&mut text, claim, width, answer.plot);
        }
        return text;
    }
    let names = answer.claims.iter().map(|claim| claim.id.chars().count()).max().unwrap_or(0);
    for claim in &answer.claims {
        let verdict = claim.verdict().word();
        let mut line = format!("{:<names$}  {verdict:<12}  ", claim.id);
        let indent = line.chars().count();
        let _ = write!(line, "{}{}", claim.words, in_short(claim));
        // Spaces within a line are kept by writing its beginning as it is.
        let (head, rest) =
            line.split_at(line.char_indices().nth(indent).map_or(line.len(), |(at, _)| at));
        let mut wrapped = String::new();
        paragraph(&mut wrapped, indent, rest, width);
        text.push_str(head);
        text.push_str(wrapped.trim_start());
        if wrapped.is_empty() {
            text.push('\n');
        }
        if answer.check && !claim.passes() {
            let line = match claim.expected() {
                Some(expected) => format!("written down as {}", expected.word()),
                None => "no verdict is written down, and this fails".to_owned(),
            };
            paragraph(&mut text, indent, &line, width);
        }
    }
    text.push('\n');
    let count = |verdict: Verdict| {
        let count = answer.claims.iter().filter(|claim| claim.verdict() == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict.word()))
    };
    let counts: Vec<String> = Verdict::ALL.into_iter().filter_map(count).collect();
    let line = format!(
        "{} claims: {}; `isoflop claims NAME` tells one with what it would need",
        answer.claims.len(),
        counts.join(", ")
    );
    hanging(&mut text, (0, 2), line.replace("0 claims: ; ", "no claims; ").as_str(), width);
    text
}

/// What is stated against what comes out, of the first statement with a number.
fn in_short(claim: &Claim) -> String {
    let numbers = claim.statements.iter().filter_map(|one| {
        let (from, to) = one.stated?;
        let stated = shown(&one.value, from);
        let stated = if from.to_bits() == to.to_bits() {
            stated
        } else {
            format!("{stated} to {}", shown(&one.value, to))
        };
        Some(format!("{stated}: {}", shown(&one.value, one.found)))
    });
    let numbers: Vec<String> = numbers.collect();
    if numbers.is_empty() { String::new() } else { format!(" ({})", numbers.join("; ")) }
}

/// One claim at length.
fn whole(text: &mut String, claim: &Claim, width: usize, plot: bool) {
    let verdict = claim.verdict().word();
    hanging(text, (0, 2), &format!("{} {verdict}", bold(&claim.id)), width);
    paragraph(text, 2, &claim.words, width);
    paragraph(text, 2, &claim.source, width);
    for statement in &claim.statements {
        if claim.statements.len() > 1 {
            let line = format!("{}: {}", statement.verdict.word(), statement.words);
            hanging(text, (2, 4), line.trim_end_matches(": "), width);
        }
        statement_lines(text, statement, (4, 6), width);
        paragraph(text, 4, &statement.note, width);
    }
    // One chart a claim: its first statement that something could make true.
    let drawn = claim.statements.iter().find_map(|one| chart(one, width.saturating_sub(4)));
    for line in drawn.filter(|_| plot).iter().flat_map(|chart| chart.lines()) {
        let _ = writeln!(text, "    {}", line.trim_end());
    }
}

/// What comes out as one input goes from what is stated to what would make the claim true.
fn chart(statement: &Checked, width: usize) -> Option<String> {
    let curve = statement.curve.as_ref()?;
    let need = statement.needs.get(curve.need)?;
    let (needed, (from, to)) = (need.needed?, statement.stated?);
    let stated = statement.found.max(from.min(to)).min(from.max(to));
    let (x, y) = (Axis::of(&need.value, need.stated), Axis::of(&statement.value, stated));
    let points: Vec<(f64, f64)> =
        curve.points.iter().map(|&(at, out)| (x.place(at), y.place(out))).collect();
    let mark = |label: String, at: f64, out: f64| Highlight {
        label,
        at: (x.place(at), y.place(out)),
        interval: None,
    };
    let what = |says: &str, at: f64, out: f64| {
        let (at, out) = (shown(&need.value, at), shown(&statement.value, out));
        format!("{says}: {} {at} gives {out}", need.input)
    };
    let plot = Plot {
        x_label: x.label(&need.input),
        y_label: y.label("what comes out"),
        x_scale: scale(points.iter().map(|(x, _)| *x)),
        y_scale: scale(points.iter().map(|(_, y)| *y)),
        series: Vec::new(),
        highlights: vec![
            mark(what("as claimed", need.stated, statement.found), need.stated, statement.found),
            mark(what("would be true", needed, stated), needed, stated),
        ],
        lines: vec![Series { label: String::new(), points }],
    };
    Some(plot.render(width, HEIGHT)).filter(|chart| !chart.is_empty())
}

fn scale(values: impl Iterator<Item = f64>) -> Scale {
    let ends = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.fold(ends, |(low, high), value| (low.min(value), high.max(value)));
    if low > 0.0 && high / low > WIDE { Scale::Log } else { Scale::Linear }
}

/// How base units lie on an axis: in the unit in which the reference is shown.
struct Axis<'a> {
    value: &'a ValueType,
    factor: f64,
    unit: String,
}

impl<'a> Axis<'a> {
    fn of(value: &'a ValueType, reference: f64) -> Self {
        let whole = value.show(reference, 15);
        let (number, unit) = whole.split_once(' ').unwrap_or((&whole, ""));
        let factor = match (value.form(), number.parse::<f64>()) {
            (Form::Quantity, Ok(number)) if number != 0.0 && reference != 0.0 => number / reference,
            _ => 1.0,
        };
        Self { value, factor, unit: unit.to_owned() }
    }

    fn place(&self, number: f64) -> f64 {
        match (self.value.form(), self.value.nature()) {
            (Form::Instant, _) => number / YEAR,
            (_, Nature::Growth) => (number * YEAR).exp(),
            _ => number * self.factor,
        }
    }

    fn label(&self, name: &str) -> String {
        match (self.value.form(), self.value.nature()) {
            (Form::Instant, _) => format!("{name}, year"),
            (_, Nature::Growth) => format!("{name}, x/yr"),
            _ if self.unit.is_empty() => name.to_owned(),
            _ => format!("{name}, {}", self.unit),
        }
    }
}

/// Seconds in a year of 365.25 days.
const YEAR: f64 = 31_557_600.0;
