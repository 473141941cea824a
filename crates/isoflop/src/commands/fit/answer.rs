//! What `isoflop fit` answers, in text and in JSON.

use std::fmt::Write as _;

use anstyle::AnsiColor;
use laws::{Chinchilla, Fit, FitOptions, Optimum, Prediction, Side, Verdict, Warning};
use runs::{Flop, Observations, Parameters, RunTable, Tokens};
use serde_json::{Value, json};

use super::words::{bold, level, outside, percent, range, rounded, table, two_digits, with_range};

/// A fit with everything that was asked of it.
pub(super) struct Answer<'a> {
    pub(super) fit: &'a Fit,
    optima: Vec<Optimum>,
    pub(super) predictions: Vec<Prediction>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(fit: &'a Fit, runs: &[(Parameters, Tokens)], budgets: &[Flop]) -> Self {
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

    pub(super) fn for_people(&self, observations: &Observations, table: &RunTable) -> String {
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
        self.about_backtest(&mut text);
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
                choice.name,
                choice.source(),
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

    fn about_backtest(&self, text: &mut String) {
        let Some(backtest) = &self.fit.backtest else {
            let _ = writeln!(text, "\n{}: none; {NO_BACKTEST}", bold("backtest"));
            return;
        };
        let _ = writeln!(
            text,
            "\n{} the law refitted without the runs above C, and tried on them",
            bold("backtest")
        );
        let head = ["C, FLOP", "fitted", "held out", "decades above", "mean error", "within 90 %"];
        let mut rows = vec![head.map(str::to_owned)];
        for cut in &backtest.cuts {
            let off = 100.0 * cut.predicted_too_high();
            let side = if off > 0.0 { Side::TooHigh } else { Side::TooLow };
            rows.push([
                format!("{:.1e}", cut.compute.get()),
                cut.fitted.to_string(),
                cut.held_out.to_string(),
                format!("{:.1}", cut.decades),
                format!(
                    "{:.1} % {side}, standard error {:.1} %",
                    off.abs(),
                    100.0 * cut.standard_error
                ),
                format!("{} of {}", cut.within, cut.held_out),
            ]);
        }
        table(text, &rows);
        if backtest.error_per_decade == 0.0 {
            let _ = writeln!(text, "  beyond noise: nothing");
            return;
        }
        let _ = writeln!(
            text,
            "  beyond noise: {:.1} % per decade of extrapolation, added to the intervals for a new \
             run",
            100.0 * backtest.error_per_decade
        );
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
        let _ = writeln!(text, "{}: {}", bold("verdict"), verdict_in_words(fit));
    }

    pub(super) fn json(&self, law: &str) -> Value {
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
            "backtest": fit.backtest,
            "backtest_absent": fit.backtest.is_none().then_some(NO_BACKTEST),
            "spread": fit.spread,
            "explained": fit.explained,
            "compute_optimal": self.optima,
            "predictions": self.predictions,
            "warnings": warnings,
            "verdict": fit.verdict(),
            "verdict_in_words": verdict_in_words(fit),
        })
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

/// Why a fit has no backtest.
const NO_BACKTEST: &str = "it needs a cut in C, up to two decades below the largest, with at least \
                           8 runs of 8 distinct (N, D) below and 2 runs above";

fn verdict_in_words(fit: &Fit) -> String {
    let bias = fit.warnings.iter().find_map(|warning| match warning {
        Warning::ExtrapolationBias { side, .. } => Some(side),
        _ => None,
    });
    match fit.verdict() {
        Verdict::Sound => {
            let outside = if fit.backtest.is_some() {
                "the intervals say"
            } else {
                "you have checked: no backtest was possible"
            };
            format!(
                "the law describes these runs; trust it among them, and outside them only as far \
                 as {outside}"
            )
        }
        Verdict::Caution => match bias {
            Some(side) => format!(
                "usable with care among these runs; outside them expect it to predict {side}: \
                 read the warnings first"
            ),
            None => "usable with care: read the warnings first".to_owned(),
        },
        Verdict::NotIdentified => {
            "these runs cannot tell the terms of the law apart; use it only for losses close to \
             the runs, not for its parameters or for planning"
                .to_owned()
        }
    }
}
