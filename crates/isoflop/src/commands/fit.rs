//! `isoflop fit`: the law of a run table, its intervals and its verdict.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;
use laws::{FitError, FitOptions, fit};
use runs::{Filter, Flop, Observations, Parameters, Request, RunTable, Tokens, write_atomically};

use super::Outcome;
use crate::{progress, terminal_plot};
use answer::Answer;

mod answer;
#[cfg_attr(not(test), expect(dead_code, reason = "awaits `--approach` on the command line"))]
mod approach;
mod chart;
mod words;

pub(crate) use chart::loss_against_compute;

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
    let observations =
        Observations::from_table(&table, &Request { columns, filters, ..Request::default() })?;
    let options = FitOptions {
        huber_delta: args.huber,
        bootstrap: args.bootstrap,
        level: args.level,
        seed: args.seed,
    };
    let waiting = progress::waiting(format!(
        "fitting {} rows, {} resamples",
        observations.len(),
        options.bootstrap
    ));
    let fit = fit(&observations, &options).map_err(|problem| refusal(&problem, &observations))?;
    waiting.finish_and_clear();
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

/// The column or expression for a name, as in `loss=final/val_loss`.
fn columns(choices: &[String]) -> Result<Vec<(String, String)>, Diagnostic> {
    let pair = |choice: &String| match choice.split_once('=') {
        Some((name, column)) if !name.trim().is_empty() && !column.trim().is_empty() => {
            Ok((name.trim().to_owned(), column.trim().to_owned()))
        }
        _ => Err(Diagnostic::error(format!("`--column {choice}` is not a name and a column"))
            .help("write --column NAME=COLUMN, where NAME is N, D, loss or run")),
    };
    choices.iter().map(pair).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use laws::{Chinchilla, Fit};
    use runs::NatsPerToken;
    use serde_json::Value;

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
}
