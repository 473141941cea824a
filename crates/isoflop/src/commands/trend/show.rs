//! What `isoflop trend` says to people.

use std::fmt::Write as _;

use forecast::{Shape, Trend};

use super::Answer;
use crate::commands::eval::show::moment;
use crate::commands::fit::words::bold;
use crate::table::{Side, on_side};
use crate::terminal_plot::{Highlight, Plot, Scale, Series};
use crate::text::hanging;

/// Rows of the plot.
const HEIGHT: usize = 14;

/// Points of a drawn curve.
const CURVE: usize = 120;

pub(super) fn for_people(answer: &Answer, width: usize, plot: bool) -> String {
    let trend = &answer.trend;
    let mut text = String::new();
    let unit = if answer.data.unit.is_empty() {
        String::new()
    } else {
        format!(" in {}", answer.data.unit)
    };
    let column = answer.data.name.text().split_whitespace().next().unwrap_or_default();
    let first = trend.points.first().map_or(f64::NAN, |point| point.date);
    let dropped = match answer.dropped {
        0 => String::new(),
        count => format!("; {count} not above zero left out"),
    };
    let line = format!(
        "{}{unit}: {} points from {} to {}{dropped}; intervals {}",
        bold(column),
        trend.points.len(),
        moment(first),
        moment(trend.last_date()),
        answer.level
    );
    hanging(&mut text, (0, 2), &line, width);
    if plot {
        text.push('\n');
        text.push_str(&chart(answer).render(width, HEIGHT));
    }
    growth(&mut text, answer, width);
    shapes(&mut text, answer, width);
    fragility(&mut text, answer, width);
    fan(&mut text, answer, width);
    past(&mut text, answer, width);
    text
}

/// `4.2x/yr`.
pub(super) fn rate(growth: f64) -> String {
    let factor = growth.exp();
    if (0.01..1e4).contains(&factor) {
        format!("{factor:.3}x/yr")
    } else {
        format!("{factor:.2e}x/yr")
    }
}

/// How long a doubling or halving takes at a log-rate a year.
fn doubling(growth: f64) -> String {
    let years = std::f64::consts::LN_2 / growth.abs();
    let what = if growth < 0.0 { "halves" } else { "doubles" };
    match years {
        y if !y.is_finite() => "stands still".to_owned(),
        y if y < 1.0 => format!("{what} in {:.0} days", y * 365.25),
        y => format!("{what} in {y:.2} years"),
    }
}

fn growth(text: &mut String, answer: &Answer, width: usize) {
    let trend = &answer.trend;
    let (low, high) = trend.growth_interval(answer.level);
    let how = if answer.asked { "as asked" } else { "the lowest BIC" };
    let line = format!(
        "{} {} ({} to {}) at the end of the data; {}; {} shape, {how}",
        bold("growth"),
        rate(trend.growth()),
        rate(low),
        rate(high),
        doubling(trend.growth()),
        trend.shape
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    if let Some(date) = trend.break_date() {
        let (low, high) = trend.break_interval(answer.level);
        let what = match trend.shape {
            Shape::Hyperbolic => "infinite at",
            Shape::Logistic => "half of the ceiling at",
            _ => "break at",
        };
        let line = format!("{what} {date:.1} ({low:.1} to {high:.1})");
        hanging(text, (2, 4), &line, width);
    }
    let line = format!("points scatter by a factor of {:.2} around it", trend.sigma.exp());
    hanging(text, (2, 4), &line, width);
}

fn shapes(text: &mut String, answer: &Answer, width: usize) {
    text.push('\n');
    let how = format!("{} lower is better; cross-validation in squared logarithms", bold("shapes"));
    hanging(text, (0, 2), &how, width);
    let mut rows = vec![["", "growth", "AICc", "BIC", "cross-validation"].map(str::to_owned)];
    for (quality, growth) in &answer.shapes {
        rows.push([
            quality.shape.to_string(),
            rate(*growth),
            format!("{:.1}", quality.aicc),
            format!("{:.1}", quality.bic),
            format!("{:.4}", quality.cross_validation),
        ]);
    }
    on_side(text, &rows, width, Side::Left);
    let by_cross_validation =
        answer.shapes.iter().min_by(|a, b| a.0.cross_validation.total_cmp(&b.0.cross_validation));
    if let (Some((best, _)), Some((other, _))) = (answer.shapes.first(), by_cross_validation)
        && best.shape != other.shape
    {
        let _ =
            writeln!(text, "  cross-validation prefers {}: the shape is not settled", other.shape);
    }
}

fn fragility(text: &mut String, answer: &Answer, width: usize) {
    let Some(found) = &answer.fragility else { return };
    let line = format!(
        "{} growth with one point dropped: {} to {}; the point of {} moves it most",
        bold("hangs on"),
        rate(found.lowest),
        rate(found.highest),
        moment(found.most)
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    let mut rows = vec![
        ["known until", "points", "growth then", "BIC gain over log-linear"].map(str::to_owned),
    ];
    rows.extend(answer.snapshots.iter().map(|one| {
        [
            moment(one.until),
            one.points.to_string(),
            rate(one.growth),
            format!("{:.1}", one.bic_gain),
        ]
    }));
    on_side(text, &rows, width, Side::Left);
}

fn fan(text: &mut String, answer: &Answer, width: usize) {
    let line = format!(
        "{} average of local trends: the next observation, median and {}",
        bold("forecast"),
        answer.level
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    let rows: Vec<[String; 2]> = answer
        .fan
        .iter()
        .map(|(date, [low, middle, high])| {
            [moment(*date), format!("{} ({} to {})", digits(*middle), digits(*low), digits(*high))]
        })
        .collect();
    on_side(text, &rows, width, Side::Left);
}

fn past(text: &mut String, answer: &Answer, width: usize) {
    let Some(found) = &answer.backtest else { return };
    let line = format!(
        "{} from every origin, up to {} observations ahead, {} forecasts, in natural logarithms; \
         lower is better",
        bold("backtest"),
        found.ahead,
        found.scores[0].origins.len()
    );
    text.push('\n');
    hanging(text, (0, 2), &line, width);
    let share = format!("inside {} %", digits(100.0 * found.level.share()));
    let mut rows = vec![
        ["", "CRPS", "interval score", share.as_str(), "place of what came, by tenths"]
            .map(str::to_owned),
    ];
    for scores in found.scores.iter().filter(|scores| !scores.origins.is_empty()) {
        let tenths: Vec<String> = scores.pit.iter().map(usize::to_string).collect();
        rows.push([
            scores.forecaster.to_string(),
            format!("{:.3}", scores.crps),
            format!("{:.2}", scores.interval_score),
            format!("{:.0} %", 100.0 * scores.coverage),
            tenths.join(" "),
        ]);
    }
    on_side(text, &rows, width, Side::Left);
    if !found.beats_both() {
        let line = "the forecast is no better here than a naive one: trust its fan less";
        hanging(text, (2, 4), line, width);
    }
}

/// Three digits.
fn digits(value: f64) -> String {
    formula::ValueType::number().show(value, 3)
}

fn chart(answer: &Answer) -> Plot {
    let trend: &Trend = &answer.trend;
    let first = trend.points.first().map_or(f64::NAN, |point| point.date);
    let end = answer.fan.last().map_or(trend.last_date(), |(date, _)| *date);
    let curve = (0..=CURVE)
        .map(|i| first + (end - first) * i as f64 / CURVE as f64)
        .map(|date| (date, trend.log_level(date).exp()))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let edge = |number: usize| Series {
        label: if number == 0 { format!("forecast, {}", answer.level) } else { String::new() },
        points: answer.fan.iter().map(|(date, ends)| (*date, ends[number])).collect(),
    };
    Plot {
        x_label: "date".to_owned(),
        y_label: answer.data.name.text().to_owned(),
        x_scale: Scale::Linear,
        y_scale: Scale::Log,
        series: vec![Series {
            label: "observed".to_owned(),
            points: trend.points.iter().map(|point| (point.date, point.value)).collect(),
        }],
        lines: vec![
            Series { label: format!("{} trend", trend.shape), points: curve },
            edge(0),
            edge(2),
        ],
        highlights: answer
            .fan
            .last()
            .map(|(date, [low, middle, high])| Highlight {
                label: format!("forecast for {}", moment(*date)),
                at: (*date, *middle),
                interval: Some((*low, *high)),
            })
            .into_iter()
            .collect(),
    }
}
