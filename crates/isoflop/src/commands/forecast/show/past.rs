//! The scenario against what came.

use std::fmt::Write as _;

use forecast::Hindcast;

use super::fan::{chart, on_axis};
use super::{Answer, HEIGHT, bold, case_words, hanging};
use crate::commands::eval::show::moment;
use crate::table::{Side, on_side};
use crate::terminal_plot::Series;

pub(super) fn past(text: &mut String, answer: &Answer, width: usize, plot: bool) {
    let past = &answer.past;
    if let Some(reason) = &past.left_out {
        text.push('\n');
        hanging(text, (0, 2), &format!("{} left out: {reason}", bold("backtest")), width);
    }
    if let Some(earlier) = &past.hindcast {
        let _ = writeln!(
            text,
            "\n{} as of {}, against what came after",
            bold("backtest"),
            moment(earlier.year)
        );
        if !earlier.known_today.is_empty() {
            let line = format!(
                "not fitted to the data, and so not blind to what came: {}",
                earlier.known_today.join(", ")
            );
            hanging(text, (2, 4), &line, width);
        }
        for hindcast in earlier.hindcasts.iter().filter(|one| !one.truths.is_empty()) {
            scores(text, answer, hindcast, width);
            let output = (earlier.run.cases.iter())
                .find(|case| case.label == hindcast.label)
                .and_then(|case| case.output(&hindcast.output));
            if let (true, Some(output)) = (plot, output) {
                let came = |truth: &forecast::Truth| (truth.date, on_axis(output, truth.value));
                let points = hindcast.truths.iter().map(came).collect();
                let came = Series { label: format!("what came ({})", hindcast.data), points };
                text.push_str(&chart(answer, output, vec![came]).render(width, HEIGHT));
            }
        }
    }
    if !past.trends.is_empty() {
        let line = format!(
            "{} each trend from every origin, up to three observations ahead, in natural logarithms",
            bold("trends")
        );
        text.push('\n');
        hanging(text, (0, 2), &line, width);
    }
    for (name, found) in &past.trends {
        let Some(found) = found else {
            let _ = writeln!(text, "  {name}: too few observations to test it on");
            continue;
        };
        let count = found.scores[0].origins.len();
        let _ = writeln!(text, "  {name}, {count} forecasts");
        let row = |scores: &forecast::Scores| {
            [
                format!("  {}", scores.forecaster),
                format!("{:.3}", scores.crps),
                format!("{:.2}", scores.interval_score),
                format!("{:.0} %", 100.0 * scores.coverage),
                tenths(scores.pit),
            ]
            .to_vec()
        };
        let mut rows = vec![headers(answer)];
        rows.extend(found.scores.iter().filter(|one| !one.origins.is_empty()).map(row));
        on_side(text, &rows, width, Side::Left);
    }
}

fn headers(answer: &Answer) -> Vec<String> {
    let share = answer.level.share() * 100.0;
    let inside = format!("inside {share:.4} %");
    ["", "CRPS", "interval score", &inside, "place of what came, by tenths"]
        .map(|cell| cell.trim_end_matches(".0000").replace(".0000", ""))
        .to_vec()
}

/// How many truths lay in each tenth of what was forecast, the lowest first.
fn tenths(counts: [usize; 10]) -> String {
    counts.map(|count| count.to_string()).join(" ")
}

fn scores(text: &mut String, answer: &Answer, hindcast: &Hindcast, width: usize) {
    let Some(first) = hindcast.truths.first() else { return };
    let scale = if first.in_logs { "natural logarithms" } else { "its unit" };
    let label = case_words(&answer.run, &hindcast.label);
    let _ = writeln!(
        text,
        "  {}{label}, {} observations of {}, in {scale}; lower is better",
        hindcast.output,
        hindcast.truths.len(),
        hindcast.data
    );
    let row = |who: String, crps: f64, interval: f64, coverage: f64, places: String| {
        vec![
            format!("  {who}"),
            format!("{crps:.3}"),
            format!("{interval:.2}"),
            format!("{:.0} %", 100.0 * coverage),
            places,
        ]
    };
    let mut rows = vec![headers(answer)];
    rows.push(row(
        "this scenario".to_owned(),
        hindcast.crps(),
        hindcast.interval_score(),
        hindcast.coverage(),
        tenths(hindcast.pit()),
    ));
    rows.extend(hindcast.naive.iter().map(|naive| {
        let who = naive.forecaster.to_string();
        row(who, naive.crps, naive.interval_score, naive.coverage, String::new())
    }));
    on_side(text, &rows, width, Side::Left);
    if hindcast.naive.is_empty() {
        text.push_str("    too few observations before it for a naive forecast\n");
    }
}
