//! `isoflop fit`: the law of a run table, its intervals and its verdict.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use clap::Args;
use diagnostic::Diagnostic;
use laws::{Chinchilla, Fit, FitError, FitOptions, Interval, Optimum, Prediction, Verdict, fit};
use runs::{Columns, Filter, Flop, Observations, Parameters, RunTable, Tokens, write_atomically};
use serde_json::{Value, json};

use super::Outcome;
use crate::terminal_plot::{self, Highlight, Plot, Scale, Series};

const EXAMPLES: &str = "\
Examples:
  isoflop fit runs.csv
      fit every finished run, with 1000 bootstrap resamples and 90 % intervals
  isoflop fit runs.csv --predict-compute 1e15 --out fit.json
      also say what the best run of 1e15 FLOP would reach, and save the fit with its draws
  isoflop fit runs.csv --predict 70B,1.4T
      what a run of 70e9 parameters and 1.4e12 tokens would reach
  isoflop fit w_and_b.csv --column N=n_params --column loss=eval/loss --where group=main
      name the columns, and use a part of the rows
  zcat runs.csv.gz | isoflop fit - --json
      read the standard input and answer in JSON";

/// Fit a scaling law to a table of training runs: parameters, intervals, verdict
///
/// The law is loss = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022). It is fitted by the
/// sum of Huber losses of log residuals, from starts all over the plane of exponents, and the
/// intervals come from refitting resampled runs. N is parameters, D training tokens, C = 6 N D.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct FitArgs {
    /// The run table: a CSV or TSV file, or `-` for the standard input
    #[arg(value_name = "RUNS")]
    runs: PathBuf,
    /// The law to fit
    #[arg(long, value_name = "NAME", default_value = "chinchilla", value_parser = ["chinchilla"])]
    law: String,
    /// Which column holds N, D, loss or run, as in `N=n_params`
    #[arg(long = "column", value_name = "ROLE=NAME")]
    columns: Vec<String>,
    /// Keep only rows that meet a condition, as in `group=main` or `compute<1e13`
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Predict the loss of a run, as in `70B,1.4T`
    #[arg(long, value_name = "N,D")]
    predict: Vec<String>,
    /// Predict the loss of the compute-optimal run of a budget in FLOP
    #[arg(long, value_name = "FLOP")]
    predict_compute: Vec<String>,
    /// How many resamples of the runs to refit for the intervals; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    bootstrap: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where Huber's loss of the log residual turns from quadratic to straight; 1 is least squares
    #[arg(long, value_name = "DELTA", default_value_t = 1e-3)]
    huber: f64,
    /// Save the fit, draws included, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plot
    #[arg(long)]
    no_plot: bool,
}

/// Fits, reports to `out` and saves where asked.
///
/// # Errors
/// Input that cannot be read, understood or fitted, and files that cannot be written.
#[expect(clippy::needless_pass_by_value, reason = "every command takes its arguments whole")]
pub(crate) fn run(args: FitArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let columns = columns(&args.columns)?;
    let filters: Vec<Filter> =
        args.conditions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let runs_asked: Vec<(Parameters, Tokens)> =
        args.predict.iter().map(|text| run_asked(text)).collect::<Result<_, _>>()?;
    let budgets_asked: Vec<Flop> = args
        .predict_compute
        .iter()
        .map(|text| amount(text, "--predict-compute").map(Flop))
        .collect::<Result<_, _>>()?;

    let table = RunTable::read(&args.runs)?;
    let observations = Observations::from_table(&table, &columns, &filters)?;
    let options = FitOptions {
        huber_delta: args.huber,
        bootstrap: args.bootstrap,
        level: args.level,
        seed: args.seed,
    };
    let fit = fit(&observations, &options).map_err(|problem| refusal(&problem, &observations))?;
    let answer = Answer::new(&fit, &runs_asked, &budgets_asked);
    if let Some(path) = &args.out {
        write_atomically(path, fit.to_json().as_bytes()).map_err(|problem| {
            Diagnostic::error(format!("cannot write `{}`: {problem}", path.display()))
                .help("name a file in a folder that exists and can be written to")
        })?;
    }
    let mut text = if args.json {
        format!("{:#}\n", answer.json(&args.law))
    } else {
        let mut text = answer.for_people(&observations, &table);
        if !args.no_plot {
            text.push('\n');
            text.push_str(&answer.plot(&observations).render(terminal_plot::width(), 18));
        }
        text
    };
    if let (Some(path), false) = (&args.out, args.json) {
        let _ = writeln!(text, "\nsaved to {}", path.display());
    }
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads the output may stop early, as `head` does.
        Err(problem) if problem.kind() != io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::error(format!("cannot write the answer: {problem}")))
        }
        _ => Ok(Outcome::Done),
    }
}

fn columns(choices: &[String]) -> Result<Columns, Diagnostic> {
    let mut columns = Columns::default();
    for choice in choices {
        let refuse = |message: String| {
            Diagnostic::error(message)
                .help("write --column ROLE=NAME, where ROLE is N, D, loss or run")
        };
        let Some((role, name)) = choice.split_once('=') else {
            return Err(refuse(format!("`--column {choice}` has no `=`")));
        };
        let slot = match role.trim() {
            "N" => &mut columns.parameters,
            "D" => &mut columns.tokens,
            "loss" => &mut columns.loss,
            "run" => &mut columns.run,
            other => return Err(refuse(format!("`--column {choice}`: no role `{other}`"))),
        };
        if slot.replace(name.trim().to_owned()).is_some() {
            return Err(refuse(format!("`--column {choice}`: the role is given twice")));
        }
    }
    Ok(columns)
}

fn run_asked(text: &str) -> Result<(Parameters, Tokens), Diagnostic> {
    let Some((n, d)) = text.split_once(',') else {
        return Err(Diagnostic::error(format!("`--predict {text}` is not a pair of N and D"))
            .help("write parameters and tokens, as in --predict 70B,1.4T"));
    };
    let (n, d) = (amount(n, "--predict")?, amount(d, "--predict")?);
    if !(6.0 * n * d).is_normal() {
        return Err(Diagnostic::error(format!("`--predict {text}`: 6 N D is out of range")));
    }
    Ok((Parameters(n), Tokens(d)))
}

/// A positive number, with `_` between digits and a suffix k, M, B or T where wanted.
fn amount(text: &str, option: &str) -> Result<f64, Diagnostic> {
    let plain = text.trim().replace('_', "");
    let (digits, factor) = match plain.char_indices().last() {
        Some((at, 'k')) => (&plain[..at], 1e3),
        Some((at, 'M')) => (&plain[..at], 1e6),
        Some((at, 'B')) => (&plain[..at], 1e9),
        Some((at, 'T')) => (&plain[..at], 1e12),
        _ => (plain.as_str(), 1.0),
    };
    match digits.parse::<f64>() {
        Ok(number) if (number * factor).is_normal() && number > 0.0 => Ok(number * factor),
        _ => Err(Diagnostic::error(format!("`{option}`: `{text}` is not a positive number"))
            .help("write a number such as 1.4e12, 1.4T, 70B or 125_000_000")),
    }
}

fn refusal(problem: &FitError, observations: &Observations) -> Diagnostic {
    let mut shown = Diagnostic::error(problem.to_string());
    if matches!(problem, FitError::TooFewSettings { .. } | FitError::TooFewRuns { .. }) {
        shown = shown.note(format!(
            "`{}` has {} usable rows of {} runs",
            observations.origin(),
            observations.len(),
            observations.run_names().len()
        ));
        for exclusion in observations.exclusions() {
            shown = shown.note(format!("left out: {exclusion}"));
        }
        shown = shown.help("add runs that differ in N, in D and in their ratio");
    }
    shown
}

/// A fit with everything that was asked of it.
struct Answer<'a> {
    fit: &'a Fit,
    optima: Vec<Optimum>,
    predictions: Vec<Prediction>,
}

impl<'a> Answer<'a> {
    fn new(fit: &'a Fit, runs: &[(Parameters, Tokens)], budgets: &[Flop]) -> Self {
        let FitOptions { level, seed, .. } = fit.options;
        let (low, high) = fit.data.compute;
        let middle = Flop((low.get() * high.get()).sqrt());
        // Round budgets read better, and nothing depends on their last digits.
        let shown = [low, middle, high, high * 10.0].map(|c| Flop(two_digits(c.get())));
        let mut listed: Vec<f64> = shown.iter().chain(budgets).map(|c| c.get()).collect();
        listed.sort_by(f64::total_cmp);
        listed.dedup();
        let optima =
            listed.into_iter().filter_map(|compute| fit.optimum(Flop(compute), level)).collect();
        let best = budgets
            .iter()
            .filter_map(|&compute| fit.law.optimal(compute))
            .map(|best| (best.parameters, best.tokens));
        let predictions =
            runs.iter().copied().chain(best).map(|(n, d)| fit.predict(n, d, level, seed)).collect();
        Self { fit, optima, predictions }
    }

    /// The law's parameters by name, and the exponent of N* where there is an optimum.
    fn parameters(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let law = &self.fit.law;
        let exponent = law.optimal(self.fit.data.compute.1).map(|_| ("a", law.model_exponent()));
        Chinchilla::NAMES.into_iter().zip(law.values()).chain(exponent)
    }

    fn for_people(&self, observations: &Observations, table: &RunTable) -> String {
        let mut text = String::new();
        self.about_data(&mut text, observations);
        if let Some((low, high)) = compute_ratios(table, observations) {
            let _ = writeln!(
                text,
                "  the table's own `compute` is {low:.2} to {high:.2} times 6 N D; what follows \
                 counts 6 N D"
            );
        }
        self.about_law(&mut text);
        self.about_optima(&mut text);
        self.about_predictions(&mut text);
        self.about_trust(&mut text);
        text
    }

    fn about_data(&self, text: &mut String, observations: &Observations) {
        let data = &self.fit.data;
        let (low, high) = data.compute;
        let _ = writeln!(
            text,
            "{} {} rows of {} runs, {} distinct (N, D), C = 6 N D from {:.1e} to {:.1e} FLOP",
            bold(&data.origin),
            data.rows,
            data.runs,
            data.settings,
            low.get(),
            high.get()
        );
        for choice in observations.columns() {
            let _ = writeln!(
                text,
                "  {:<4} is {}: {}{}",
                choice.role.name(),
                choice.column.as_ref().map_or("the row".to_owned(), |name| format!("`{name}`")),
                choice.convention,
                if choice.also.is_empty() {
                    String::new()
                } else {
                    format!(" (not used: {})", choice.also.join(", "))
                }
            );
        }
        for exclusion in observations.exclusions() {
            let _ = writeln!(text, "  left out: {exclusion}");
        }
    }

    fn about_law(&self, text: &mut String) {
        let fit = self.fit;
        let certificate = &fit.certificate;
        let _ = writeln!(
            text,
            "\n{} loss = E + A / N^alpha + B / D^beta, loss in nats per token",
            bold("law")
        );
        let _ = writeln!(
            text,
            "  objective: sum of Huber({}) of ln loss - ln law = {:.6e}; {} of {} starts end there{}",
            fit.options.huber_delta,
            fit.objective,
            certificate.starts_at_minimum,
            certificate.starts,
            if certificate.converged { ", gradient zero" } else { ", NOT converged" }
        );
        let _ = writeln!(
            text,
            "  a single run scatters {:.2} % around the law, which explains {} % of the variation \
             of ln loss",
            100.0 * fit.spread,
            percent(fit.explained)
        );
        let intervals = match fit.options.bootstrap {
            0 => "no intervals: --bootstrap is 0".to_owned(),
            draws => format!(
                "{} interval ({draws} resamples of the runs, seed {})",
                level(fit.options.level),
                fit.options.seed
            ),
        };
        let _ = writeln!(text, "\n  {:<6} {:>11}  {intervals}", "", "value");
        for (name, value) in self.parameters() {
            let interval = fit.interval(name);
            let note = if name == "a" { "N* grows as C^a; a = beta/(alpha+beta)" } else { "" };
            let line = format!(
                "  {name:<6} {:>11}  {:<24} {note}",
                rounded(value, interval),
                range(interval)
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }

    fn about_optima(&self, text: &mut String) {
        if self.optima.is_empty() {
            let _ = writeln!(text, "\nno compute-optimal run: one of the two terms is zero");
            return;
        }
        let intervals = match self.fit.options.bootstrap {
            0 => String::new(),
            _ => format!(" ({} intervals)", level(self.fit.options.level)),
        };
        let _ =
            writeln!(text, "\n{} of a budget C = 6 N D{intervals}", bold("compute-optimal run"));
        let mut rows = vec![["C, FLOP", "N*", "D*", "D*/N*", "loss", ""].map(str::to_owned)];
        for optimum in &self.optima {
            let best = &optimum.best;
            rows.push([
                format!("{:.1e}", best.compute.get()),
                with_range(best.parameters.get(), optimum.parameters),
                with_range(best.tokens.get(), optimum.tokens),
                with_range(best.tokens_per_parameter(), optimum.tokens_per_parameter),
                with_range(best.loss.get(), optimum.loss),
                outside(optimum.extrapolation_decades).unwrap_or_default(),
            ]);
        }
        table(text, &rows);
    }

    fn about_predictions(&self, text: &mut String) {
        if self.predictions.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{}", bold("predictions"));
        for prediction in &self.predictions {
            let interval = prediction.new_run_interval;
            let _ = writeln!(
                text,
                "  N {:.3e}, D {:.3e}, C {:.2e} FLOP: loss {} nats per token",
                prediction.parameters.get(),
                prediction.tokens.get(),
                prediction.compute.get(),
                rounded(prediction.loss.get(), interval),
            );
            if let (Some(law), Some(_)) = (prediction.law_interval, interval) {
                let _ = writeln!(
                    text,
                    "    {} interval for a new run {}, for the law itself {}",
                    level(law.level),
                    range(interval),
                    range(Some(law))
                );
            }
            if let Some(outside) = outside(prediction.extrapolation_decades) {
                let _ = writeln!(text, "    {outside} the compute of the runs");
            }
        }
    }

    fn about_trust(&self, text: &mut String) {
        let fit = self.fit;
        text.push('\n');
        let warn = AnsiColor::Yellow.on_default().bold();
        for warning in &fit.warnings {
            let _ = writeln!(text, "{warn}warning{warn:#}: {warning}");
        }
        let _ = writeln!(text, "{}: {}", bold("verdict"), verdict_in_words(fit.verdict()));
    }

    fn json(&self, law: &str) -> Value {
        let fit = self.fit;
        let parameters: serde_json::Map<String, Value> = self
            .parameters()
            .map(|(name, value)| {
                (name.to_owned(), json!({ "value": value, "interval": fit.interval(name) }))
            })
            .collect();
        let warnings: Vec<Value> = fit
            .warnings
            .iter()
            .map(|warning| json!({ "message": warning.to_string(), "data": warning }))
            .collect();
        json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "fit",
            "law": law,
            "formula": "loss = E + A / N^alpha + B / D^beta",
            "units": { "loss": "nats per token", "N": "parameters", "D": "tokens", "C": "FLOP" },
            "compute_convention": "C = 6 N D",
            "data": fit.data,
            "objective": {
                "name": "sum of Huber losses of ln loss - ln law",
                "huber_delta": fit.options.huber_delta,
                "value": fit.objective,
            },
            "level": fit.options.level,
            "seed": fit.options.seed,
            "parameters": parameters,
            "certificate": fit.certificate,
            "bootstrap": fit.bootstrap,
            "spread": fit.spread,
            "explained": fit.explained,
            "compute_optimal": self.optima,
            "predictions": self.predictions,
            "warnings": warnings,
            "verdict": fit.verdict(),
            "verdict_in_words": verdict_in_words(fit.verdict()),
        })
    }

    fn plot(&self, observations: &Observations) -> Plot {
        let points: Vec<Point> = observations
            .compute()
            .zip(observations.parameters())
            .zip(observations.loss())
            .map(|((c, n), loss)| Point { c: c.get(), n: n.get(), loss: loss.get() })
            .collect();
        let highlights: Vec<Highlight> = self
            .predictions
            .iter()
            .map(|prediction| Highlight {
                label: format!("predicted at {:.1e} FLOP", prediction.compute.get()),
                at: (prediction.compute.get(), prediction.loss.get()),
                interval: prediction.new_run_interval.map(|interval| (interval.low, interval.high)),
            })
            .collect();
        let places = points.iter().map(|point| point.c).chain(highlights.iter().map(|h| h.at.0));
        let (low, high) =
            places.fold((f64::INFINITY, 0.0_f64), |(low, high), c| (low.min(c), high.max(c)));
        let frontier: Vec<(f64, f64)> = (0..=100)
            .map(|i| low * (high / low).powf(f64::from(i) / 100.0))
            .filter_map(|c| Some((c, self.fit.law.optimal(Flop(c))?.loss.get())))
            .collect();
        Plot {
            x_label: "C = 6 N D, FLOP".to_owned(),
            y_label: "loss, nats per token".to_owned(),
            x_scale: Scale::Log,
            y_scale: Scale::Linear,
            series: series(&points),
            lines: if frontier.is_empty() {
                Vec::new()
            } else {
                let label = "compute-optimal under the law".to_owned();
                vec![Series { label, points: frontier }]
            },
            highlights,
        }
    }
}

/// Least and largest ratio of the table's `compute` column, where it has one, to 6 N D.
fn compute_ratios(table: &RunTable, observations: &Observations) -> Option<(f64, f64)> {
    if !table.has("compute") {
        return None;
    }
    let column = table.text("compute").ok()?;
    let mut row = 0;
    let mut ratios: Option<(f64, f64)> = None;
    for (&line, c) in observations.lines().iter().zip(observations.compute()) {
        // Both go down the file, so one pass finds the row of every line.
        while row < table.len() && table.line_number(row) != line {
            row += 1;
        }
        let ratio = column.get(row)?.parse::<f64>().ok()? / c.get();
        let (low, high) = ratios.unwrap_or((ratio, ratio));
        ratios = Some((low.min(ratio), high.max(ratio)));
    }
    ratios.filter(|(low, high)| low.is_finite() && high.is_finite())
}

#[derive(Debug, Clone, Copy)]
struct Point {
    c: f64,
    n: f64,
    loss: f64,
}

/// Most series that a plot can tell apart.
const SERIES: usize = 8;

/// Points by budget where they form profiles of equal compute, else by model size, else all as
/// one.
fn series(points: &[Point]) -> Vec<Series> {
    for (key, name) in [((|p: &Point| p.c) as fn(&Point) -> f64, "C"), (|p| p.n, "N")] {
        if let Some(groups) = groups(points, key) {
            return groups
                .into_iter()
                .map(|group| {
                    let logs: f64 = group.iter().map(|point| key(point).ln()).sum();
                    let middle = (logs / group.len() as f64).exp();
                    Series {
                        label: format!("{name} {middle:.1e}"),
                        points: group.iter().map(|point| (point.c, point.loss)).collect(),
                    }
                })
                .collect();
        }
    }
    let points = points.iter().map(|point| (point.c, point.loss)).collect();
    vec![Series { label: "runs".to_owned(), points }]
}

/// Groups of points whose key differs little within and clearly between; `None` where there are
/// too many or too small ones.
fn groups(points: &[Point], key: fn(&Point) -> f64) -> Option<Vec<Vec<Point>>> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let mut groups: Vec<Vec<Point>> = Vec::new();
    for point in sorted {
        match groups.last_mut() {
            Some(group) if key(&point) < 1.3 * key(&group[group.len() - 1]) => group.push(point),
            _ => groups.push(vec![point]),
        }
    }
    let tight = |group: &Vec<Point>| key(&group[group.len() - 1]) < 2.0 * key(&group[0]);
    let fits = (2..=SERIES).contains(&groups.len())
        && groups.iter().all(tight)
        && groups.iter().filter(|group| group.len() >= 3).count() * 2 >= groups.len();
    fits.then_some(groups)
}

/// `12x outside`, when it is worth a word.
fn outside(decades: f64) -> Option<String> {
    (decades > 0.05).then(|| {
        let factor = 10_f64.powf(decades);
        if factor < 10.0 {
            format!("{factor:.1}x outside")
        } else {
            format!("{factor:.0}x outside")
        }
    })
}

fn verdict_in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sound => {
            "the law describes these runs; trust it among them, and outside them only as far as \
             the intervals say"
        }
        Verdict::Caution => "usable with care: read the warnings first",
        Verdict::NotIdentified => {
            "these runs cannot tell the terms of the law apart; use it only for losses close to \
             the runs, not for its parameters or for planning"
        }
    }
}

/// Rows of cells, each column as wide as its widest cell, the first to the right.
fn table<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    let wide = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = wide(column);
            let _ = match column {
                0 => write!(line, "  {cell:>width$}"),
                _ => write!(line, "  {cell:<width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

fn bold(text: &str) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// `90 %`, from 0.9.
fn level(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 100.0)
}

/// A share in per cent, with more digits the closer it is to all.
fn percent(share: f64) -> String {
    let decimals = (-(1.0 - share).max(1e-6).log10()).floor().clamp(0.0, 4.0) as usize;
    format!("{:.*}", decimals.saturating_sub(1), 100.0 * share.max(0.0))
}

fn two_digits(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// The power of ten of the last digit that an interval supports: two digits of its width.
fn last_digit(interval: Option<Interval>) -> Option<i32> {
    let width = interval.map(|interval| interval.high - interval.low)?;
    (width > 0.0 && width.is_finite()).then(|| width.log10().floor() as i32 - 1)
}

/// A value to the last digit that its interval supports; four significant digits without one.
fn rounded(value: f64, interval: Option<Interval>) -> String {
    let size = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let last = last_digit(interval).unwrap_or(size - 3).min(size);
    if (-4..6).contains(&size) {
        let unit = 10_f64.powi(last.max(0));
        let value = if last > 0 { (value / unit).round() * unit } else { value };
        return format!("{value:.*}", (-last).max(0) as usize);
    }
    format!("{:.*e}", (size - last).clamp(0, 15) as usize, value)
}

fn range(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |ends| {
        format!("{} to {}", rounded(ends.low, interval), rounded(ends.high, interval))
    })
}

/// `value (low to high)`.
fn with_range(value: f64, interval: Option<Interval>) -> String {
    let shown = rounded(value, interval);
    if interval.is_some() { format!("{shown} ({})", range(interval)) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use runs::NatsPerToken;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        fit: FitArgs,
    }

    /// A sweep of 5 budgets x 5 sizes as the lab would write it, with 1 % of ripple for noise and
    /// two runs that failed.
    fn table() -> String {
        let law = Chinchilla { e: 1.7, a: 120.0, b: 300.0, alpha: 0.33, beta: 0.30 };
        let mut text = "run,status,params_total,params_with_head,tokens,loss\n".to_owned();
        for i in 0..25_i32 {
            let c = 1e12 * 10_f64.powf(f64::from(i / 5) * 0.5);
            let best = law.optimal(Flop(c)).unwrap().parameters.get();
            let n = (best * 4_f64.powf(f64::from(i % 5) / 2.0 - 1.0)).round();
            let d = (c / 6.0 / n).round();
            let NatsPerToken(loss) = law.loss(Parameters(n), Tokens(d));
            let loss = loss * (1.0 + 0.01 * (f64::from(i) * 7.3).sin());
            let _ = writeln!(text, "c{}n{},done,{},{n},{d},{loss:.4}", i / 5, i % 5, n + 4096.0);
        }
        text + "c9n0,diverged,5000,4000,1e9,\nc9n1,diverged,9000,8000,1e9,nan\n"
    }

    /// What the command prints for `text` as its table, or the problem, without colours.
    fn answer(text: &str, options: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.csv");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let words = ["fit", path, "--no-plot"].into_iter().chain(options.iter().copied());
        let args = match Line::try_parse_from(words) {
            Ok(line) => line.fit,
            Err(problem) => return problem.to_string(),
        };
        let mut out = Vec::new();
        let shown = match run(args, &mut out) {
            Ok(outcome) => {
                assert_eq!(outcome, Outcome::Done);
                String::from_utf8(out).unwrap()
            }
            Err(problem) => problem.to_string(),
        };
        let shown = shown.replace(&format!("{}/", folder.path().display()), "");
        anstream::adapter::strip_str(&shown).to_string()
    }

    #[test]
    fn a_fit_for_people() {
        let shown = answer(&table(), &["--predict-compute", "1e15", "--predict", "1M,20M"]);
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_fit_without_a_bootstrap_shows_no_intervals() {
        insta::assert_snapshot!(answer(&table(), &["--bootstrap", "0", "--where", "tokens<1e8"]));
    }

    #[test]
    fn a_fit_that_cannot_be_identified() {
        let text: String = table()
            .lines()
            .enumerate()
            .filter(|(i, line)| *i == 0 || line.contains("n2,"))
            .flat_map(|(i, line)| {
                if i == 0 {
                    vec![line.to_owned()]
                } else {
                    vec![line.to_owned(), line.replace("n2,", "n7,")]
                }
            })
            .map(|line| line + "\n")
            .collect();
        let mut text = text;
        for i in 1..6_i32 {
            let (n, d) = (1e5 * 2_f64.powi(i), 2e6 * 2_f64.powi(i));
            let _ = writeln!(text, "x{i},done,9,{n},{d},{}", 5.0 - 0.2 * f64::from(i));
        }
        insta::assert_snapshot!(answer(&text, &["--bootstrap", "200"]));
    }

    #[test]
    fn a_missing_column() {
        insta::assert_snapshot!(answer(
            &table().replace("tokens", "tokns"),
            &["--column", "D=tokens"]
        ));
    }

    #[test]
    fn a_cell_that_is_not_a_number() {
        insta::assert_snapshot!(answer(&table().replace("7.4772", "7.4772 nats"), &[]));
    }

    #[test]
    fn too_few_runs() {
        let few = table().lines().take(5).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(answer(&(few + "\nz,oom,1,1,1,\n"), &[]));
    }

    #[test]
    fn options_that_make_no_sense() {
        let shown: Vec<String> = [
            &["--predict", "70B"][..],
            &["--predict-compute", "lots"],
            &["--column", "M=width"],
            &["--where", "group~main"],
            &["--level", "90"],
            &["--out", "/no/such/folder/fit.json"],
        ]
        .into_iter()
        .map(|options| answer(&table(), options))
        .collect();
        insta::assert_snapshot!(shown.join("\n\n"));
    }

    #[test]
    fn json_is_one_object_with_its_conventions_and_all_digits() {
        let shown = answer(&table(), &["--json", "--bootstrap", "100", "--predict", "1M,20M"]);
        let value: Value = serde_json::from_str(&shown).unwrap();
        for key in ["schema_version", "objective", "level", "seed", "version", "warnings"] {
            assert!(!value[key].is_null(), "{key}: {shown}");
        }
        assert_eq!(value["data"]["rows"], 25);
        assert_eq!(value["data"]["excluded"][0], "2 rows with status `diverged`: lines 27-28");
        assert_eq!(value["predictions"].as_array().map(Vec::len), Some(1));
        assert!(value["parameters"]["alpha"]["interval"]["low"].is_number());
    }

    #[test]
    fn a_saved_fit_is_the_fit_that_was_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fit.json");
        let out = path.to_str().unwrap();
        let shown = answer(&table(), &["--json", "--bootstrap", "100", "--out", out]);
        let value: Value = serde_json::from_str(&shown).unwrap();
        let saved = Fit::from_json(out, &std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(value["parameters"]["E"]["value"].as_f64(), Some(saved.law.e));
        assert_eq!(saved.draws.len(), 100);
    }

    #[test]
    fn numbers_are_shown_to_the_digit_their_interval_supports() {
        let interval = |low, high| Some(Interval { low, high, level: 0.9 });
        for (value, ends, expected) in [
            (477.83, interval(310.0, 690.0), "480"),
            (1.817_218, interval(1.765, 1.873), "1.82"),
            (2143.4, interval(1100.0, 5700.0), "2100"),
            (7.2163e10, interval(6.1e10, 9.3e10), "7.2e10"),
            (0.0, interval(0.0, 0.3), "0.00"),
            (3.5, interval(0.0, 4e5), "4"),
            (3.456_78, None, "3.457"),
        ] {
            assert_eq!(rounded(value, ends), expected, "{value}");
        }
        assert_eq!((percent(0.9912).as_str(), percent(0.5).as_str()), ("99.1", "50"));
    }

    #[test]
    fn a_plot_groups_runs_by_budget_then_by_size_then_not_at_all() {
        let point = |c: f64, n: f64| Point { c, n, loss: 3.0 };
        let labels = |points: Vec<Point>| {
            series(&points).into_iter().map(|series| series.label).collect::<Vec<_>>()
        };
        let by_budget = (0..9).map(|i| point(10_f64.powi(12 + i / 3), f64::from(i + 1))).collect();
        assert_eq!(labels(by_budget), ["C 1.0e12", "C 1.0e13", "C 1.0e14"]);
        let by_size =
            (0..9).map(|i| point(1e12 * 1.2_f64.powi(i), 10_f64.powi(6 + i % 3))).collect();
        assert_eq!(labels(by_size), ["N 1.0e6", "N 1.0e7", "N 1.0e8"]);
        let scattered =
            (0..30).map(|i| point(1e12 * 1.4_f64.powi(i), 1e6 * 1.4_f64.powi(i))).collect();
        assert_eq!(labels(scattered), ["runs"]);
    }
}
