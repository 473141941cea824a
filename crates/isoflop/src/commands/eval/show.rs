//! Answers for people.

use std::fmt::Write as _;

use diagnostic::Diagnostic;
use draws::Estimate;
use formula::{Form, Nature, ValueType};

use super::answer::{Answer, Drawn, Found, Sampling};
use super::histogram::Bars;

/// Seconds in a year and a day, as dates count them.
const YEAR: f64 = 31_557_600.0;
const DAY: f64 = 86_400.0;

/// The widest large histogram, and the width of a small one in a table.
const WIDEST: usize = 64;
const SMALL: usize = 16;

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// Significant digits, at most; uncertain numbers show fewer where the draws support fewer.
    pub(crate) digits: usize,
    /// Characters to a line.
    pub(crate) width: usize,
}

/// All answers as text: one alone at length, several as a table.
pub(super) fn show(
    answers: &[Answer],
    sampling: Sampling,
    look: Look,
) -> Result<String, Diagnostic> {
    let mut text = match answers {
        [only] if only.times.is_none() => alone(only, look)?,
        _ => table(answers, look)?,
    };
    let uncertain = |found: &Found| !matches!(found, Found::Exact(_));
    if answers.iter().any(|answer| answer.found.iter().any(uncertain)) {
        let _ = write!(text, "{} draws, seed {}", thousands(sampling.samples), sampling.seed);
        text.push_str(&match answers {
            [only] => error_of(only),
            _ => String::new(),
        });
        text.push('\n');
    }
    Ok(text)
}

fn alone(answer: &Answer, look: Look) -> Result<String, Diagnostic> {
    let value = &answer.value;
    let Some(Found::Drawn(drawn)) = answer.found.first() else {
        let found = answer.found.iter().map(|found| short(value, found, look));
        return Ok(found.map(|line| line + "\n").collect());
    };
    let summary = &drawn.summary;
    let interval = summary.interval;
    let mut text = format!(
        "{}   {} to {}, {}",
        estimate(value, summary.median, look),
        estimate(value, interval.low, look),
        estimate(value, interval.high, look),
        interval.level,
    );
    let remarks = remarks(drawn, look);
    if !remarks.is_empty() {
        let _ = write!(text, "; {remarks}");
    }
    text.push('\n');
    let width = look.width.saturating_sub(4).clamp(8, WIDEST);
    if let Some(bars) = Bars::of(drawn.values()?, width, has_ratios(value)) {
        let digits = 2.min(look.digits);
        let label = |edge| match value.form() {
            Form::Instant => exact(value, edge, digits),
            _ => rounded(&exact(value, edge, digits), digits),
        };
        text.push_str(&bars.picture(label));
    }
    Ok(text)
}

/// The Monte Carlo error of the one number shown.
fn error_of(answer: &Answer) -> String {
    let number = match answer.found.first() {
        Some(Found::Drawn(drawn)) if answer.times.is_none() => drawn.summary.median,
        Some(Found::OfDraws(number) | Found::Condition(number)) if answer.times.is_none() => {
            *number
        }
        _ => return String::new(),
    };
    let error = number.standard_error;
    if !error.is_finite() || error == 0.0 || !number.value.is_finite() {
        return String::new();
    }
    let value = &answer.value;
    let error = match (value.form(), value.nature()) {
        (Form::Truth, _) => format!("{} pp", ValueType::number().show(error * 100.0, 1)),
        (Form::Instant, _) => format!("{} d", ValueType::number().show(error / DAY, 1)),
        (_, Nature::Growth) if value.unit().is_none() => {
            let factor = (number.value * YEAR).exp() * error * YEAR;
            format!("{}x/yr", ValueType::number().show(factor, 1))
        }
        // A difference of two shares is in percentage points.
        (_, Nature::Share) if value.unit().is_none() => value.show(error, 1).replace('%', "pp"),
        _ => value.show(error, 1),
    };
    let what =
        if matches!(answer.found.first(), Some(Found::Drawn(_))) { "median" } else { "value" };
    format!("; Monte Carlo error of the {what} {error}")
}

fn table(answers: &[Answer], look: Look) -> Result<String, Diagnostic> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    let mut bars: Vec<Option<Bars>> = Vec::new();
    let mut level = None;
    for answer in answers {
        let path = answer.found.len() > 1 || answer.times.is_some();
        if path {
            rows.push([answer.name.clone(), String::new(), String::new(), String::new()]);
        }
        for (step, found) in answer.found.iter().enumerate() {
            let name = match &answer.times {
                Some(times) => format!("  {}", moment(times[step])),
                None => answer.name.clone(),
            };
            let mut row = [name, short(&answer.value, found, look), String::new(), String::new()];
            if let Found::Drawn(drawn) = found {
                let interval = drawn.summary.interval;
                let ends = [interval.low, interval.high].map(|e| estimate(&answer.value, e, look));
                level = Some(interval.level);
                row[1] = estimate(&answer.value, drawn.summary.median, look);
                row[2] = ends.join(" to ");
                row[3] = remarks(drawn, look);
                bars.resize_with(rows.len(), || None);
                bars.push(Bars::of(drawn.values()?, SMALL, has_ratios(&answer.value)));
            }
            if let Found::Condition(share) = found {
                row[1] = format!("{} true", probability(*share, look));
            }
            rows.push(row);
        }
    }
    if let Some(level) = level {
        rows.insert(0, ["", "median", &level.to_string(), ""].map(str::to_owned));
        bars.insert(0, None);
    }
    bars.resize_with(rows.len(), || None);
    let widths = [0, 1, 2, 3]
        .map(|column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    // The small histograms are what a narrow terminal goes without.
    let room = widths.iter().sum::<usize>() + 2 * widths.len() + SMALL <= look.width;
    let mut text = String::new();
    for (row, bars) in rows.iter().zip(&bars) {
        let mut line = String::new();
        for (cell, width) in row[..3].iter().zip(widths) {
            let _ = write!(line, "{cell}{}  ", " ".repeat(width - cell.chars().count()));
        }
        if room && level.is_some() {
            line.push_str(&bars.as_ref().map_or_else(|| " ".repeat(SMALL), Bars::line));
            line.push_str("  ");
        }
        line.push_str(&row[3]);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    Ok(text)
}

/// One number on its own.
fn short(value: &ValueType, found: &Found, look: Look) -> String {
    match found {
        Found::Exact(number) => exact(value, *number, look.digits),
        Found::OfDraws(number) => estimate(value, *number, look),
        Found::Condition(share) => format!("true with probability {}", probability(*share, look)),
        Found::Drawn(drawn) => estimate(value, drawn.summary.median, look),
    }
}

/// What else there is to know of the draws: how many never come or are undefined.
fn remarks(drawn: &Drawn, look: Look) -> String {
    let summary = &drawn.summary;
    let mut remarks = Vec::new();
    if let Some(never) = summary.never {
        remarks.push(format!("never {}", probability(never, look)));
    }
    if summary.undefined > 0 {
        let (undefined, rows) = (thousands(summary.undefined), thousands(summary.rows));
        remarks.push(format!("undefined in {undefined} of {rows} draws"));
    }
    remarks.join(", ")
}

pub(crate) fn probability(share: Estimate, look: Look) -> String {
    let percent =
        Estimate { value: share.value * 100.0, standard_error: share.standard_error * 100.0 };
    let number = ValueType::number();
    format!("{} %", estimate(&number, percent, look))
}

/// A number with the digits that its standard error supports.
pub(crate) fn estimate(value: &ValueType, number: Estimate, look: Look) -> String {
    if !number.value.is_finite() {
        return exact(value, number.value, look.digits);
    }
    match (value.form(), value.nature()) {
        (Form::Instant, _) => date(value, number),
        (_, Nature::Growth) if value.unit().is_none() => {
            let factor = (number.value * YEAR).exp();
            let standard_error = factor * number.standard_error * YEAR;
            in_digits(value, number.value, Estimate { value: factor, standard_error }, look)
        }
        _ => in_digits(value, number.value, number, look),
    }
}

fn in_digits(value: &ValueType, number: f64, shown: Estimate, look: Look) -> String {
    if shown.value == 0.0 {
        let about = if shown.standard_error > 0.0 { "~" } else { "" };
        return format!("{about}{}", value.show(number, look.digits));
    }
    match shown.digits().min(look.digits) {
        0 => format!("~{}", rounded(&value.show(number, 1), 1)),
        digits => rounded(&value.show(number, digits), digits),
    }
}

/// A shown number whose whole part has no more than `digits` digits that are not zero:
/// `3001 GW` is `3000 GW` in three. (An exact value keeps its whole part.)
fn rounded(shown: &str, digits: usize) -> String {
    let split = shown.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(shown.len());
    let (whole, rest) = shown.split_at(split);
    let extra = whole.trim_start_matches('-').len().saturating_sub(digits);
    match (whole.parse::<i64>(), i32::try_from(extra)) {
        (Ok(number), Ok(extra)) if (1..18).contains(&extra) && !rest.starts_with('.') => {
            let place = 10_f64.powi(extra);
            format!("{:.0}{rest}", (number as f64 / place).round() * place)
        }
        _ => shown.to_owned(),
    }
}

/// A date to the day, month or year, whichever the draws support.
fn date(value: &ValueType, number: Estimate) -> String {
    let mut text = value.show(number.value, 15);
    let keep = match number.standard_error / DAY {
        days if days <= 1.0 => 10,
        days if days <= 31.0 => 7,
        _ => 4,
    };
    if text.len() == 10 && text.is_ascii() {
        text.truncate(keep);
    }
    text
}

pub(crate) fn exact(value: &ValueType, number: f64, digits: usize) -> String {
    // A time, or a date, that is infinite is one that does not come.
    let is_time = value.form() == Form::Instant || value.description().starts_with("time");
    if number == f64::INFINITY && is_time { "never".to_owned() } else { value.show(number, digits) }
}

fn has_ratios(value: &ValueType) -> bool {
    value.form() == Form::Quantity && value.nature() != Nature::Growth
}

/// A moment of the time axis: whole years bare, others with two decimals.
pub(crate) fn moment(year: f64) -> String {
    if (year - year.round()).abs() < 1e-6 { format!("{year:.0}") } else { format!("{year:.2}") }
}

/// `100,000`.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_rounded_to_the_digits_known() {
        for (shown, digits, kept) in [
            ("3001 GW", 3, "3000 GW"),
            ("-11507", 2, "-12000"),
            ("949", 3, "949"),
            ("14.1 yr", 1, "14.1 yr"),
            ("5.7e6", 1, "5.7e6"),
            ("infinite", 2, "infinite"),
            ("999x/yr", 1, "1000x/yr"),
        ] {
            assert_eq!(rounded(shown, digits), kept, "{shown}");
        }
    }

    #[test]
    fn counts_are_grouped_and_moments_short() {
        assert_eq!([1, 999, 1000, 12_345_678].map(thousands), ["1", "999", "1,000", "12,345,678"]);
        assert_eq!([2027.0, 2027.5, 2_027.000_000_1].map(moment), ["2027", "2027.50", "2027"]);
    }
}
