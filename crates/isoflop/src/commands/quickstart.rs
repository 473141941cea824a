//! `isoflop quickstart`: the whole loop in minutes. Train a family, fit its law, predict a run
//! that does not exist, train it, compare.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use diagnostic::Diagnostic;
use lab::machine;
use lab::recipe::RunConfig;
use lab::sweep::{PlannedRun, Row, Status, Sweep};
use laws::{Fit, FitError, FitOptions, Prediction, Setting, catalogue, fit};
use runs::{NatsPerToken, Observation, Observations, Parameters, Tokens, write_atomically};
use serde_json::{Value, json};

use super::Outcome;
use super::fit::loss_against_compute;
use super::lab::VOCABULARY;
use super::open::open;
use super::text_source::TextSource;
use crate::commands::shares::share;
use crate::study::{self, Study};
use crate::terminal_plot::{self, Highlight};
use crate::text::{complain, count, duration, say};

/// The family, as a sweep file that can also be run by itself.
const SWEEP: &str = include_str!("../../../../examples/quickstart/sweep.toml");
/// Compute of the predicted run over the largest of the family.
const REACH: f64 = 10.0;
/// Depths that the predicted run may have.
const DEPTHS: std::ops::RangeInclusive<usize> = 1..=12;
/// The group of the predicted run.
const TARGET: &str = "target";
/// Rate of training assumed for the estimate before anything was measured, in share of the peak.
const EXPECTED_SHARE: f64 = 0.25;

const EXAMPLES: &str = "\
Examples:
  isoflop quickstart
  isoflop quickstart --skip-target
      stop at the prediction; the same command without the option goes on from there
  isoflop quickstart --compute-scale 0.01
      a hundredth of the compute: seconds instead of minutes, and a law worth little
  isoflop quickstart --corpus notes/ book.txt
      train on your own text";

/// Train a family of small models, fit their law, predict a larger run, train it, compare
///
/// About twenty language models of 10^4 to 10^6 parameters are trained on this machine, on the
/// Rust source that building Isoflop left on it (or on any text: --corpus). A scaling law is
/// fitted to them and predicts the loss of a run of ten times the largest compute so far. The
/// prediction is saved, then the run is made, and the two are compared. Nothing is simulated.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct QuickstartArgs {
    /// Holds the table, the curves, the prediction and the fit
    #[arg(long, value_name = "FOLDER", default_value = "isoflop-out/quickstart")]
    out: PathBuf,
    /// Stop at the prediction, without training the run it is about
    #[arg(long)]
    skip_target: bool,
    /// Multiply every budget
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    #[arg(allow_negative_numbers = true)]
    compute_scale: f64,
    /// Resamples for the intervals
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    bootstrap: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    level: f64,
    /// Decides the models' initial parameters, the order of the text and the resamples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Open the report in the browser at the end
    #[arg(long)]
    open: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: TextSource,
}

/// Runs the loop.
pub(crate) fn run(args: &QuickstartArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let tell = |out: &mut dyn Write, text: &str| if args.json { Ok(()) } else { say(out, text) };
    let family = family(args)?;
    // Before an hour of training, not after.
    fit_options(args).check().map_err(|problem| Diagnostic::error(problem.to_string()))?;
    let tokens = args.source.open()?;
    let most = family.iter().map(|run| run.config.compute()).fold(0.0, f64::max);
    tell(out, &opening(args, &family, &tokens.summary().to_string(), most))?;

    let summary = args.source.sweep(&family, &tokens, &args.out)?;
    if summary.interrupted {
        tell(out, "stopped; the same command goes on from here\n")?;
        return Ok(Outcome::Interrupted);
    }
    let (fit, observations) = fit_family(args, &summary.rows)?;
    let target = target(args, &fit, most)?;
    let prediction = predict(&fit, &target.config, args)?;
    let saved = save_prediction(args, &fit, &target, &prediction)?;
    tell(out, &prediction_for_people(&fit, &target.config, &prediction, &saved))?;
    if args.skip_target {
        let chart = chart(&fit, &observations, &prediction, None);
        tell(
            out,
            &format!("\n{chart}\nnext   the same command without --skip-target trains it\n"),
        )?;
        let page = told(args, &target, &prediction, None);
        if args.json {
            say(out, &format!("{:#}\n", answer(&fit, &prediction, None, page.as_deref())))?;
        }
        return finish(args, page.as_deref(), out);
    }

    // The family again, so that its rows keep their place in the table.
    let plan: Vec<PlannedRun> = family.into_iter().chain([target]).collect();
    let summary = args.source.sweep(&plan, &tokens, &args.out)?;
    let Some(row) = summary.rows.iter().find(|row| row.group == TARGET) else {
        tell(out, "stopped; the same command goes on from here\n")?;
        return Ok(Outcome::Interrupted);
    };
    let chart = chart(&fit, &observations, &prediction, Some(row));
    tell(out, &comparison(row, &prediction, &chart, &args.out))?;
    let target = plan.last().ok_or_else(|| Diagnostic::error("there is no run to report"))?;
    let page = told(args, target, &prediction, Some(row));
    if args.json {
        say(out, &format!("{:#}\n", answer(&fit, &prediction, Some(row), page.as_deref())))?;
    }
    finish(args, page.as_deref(), out)
}

/// Says where the report lies, and opens it where that was asked for.
fn finish(
    args: &QuickstartArgs,
    page: Option<&Path>,
    out: &mut dyn Write,
) -> Result<Outcome, Diagnostic> {
    let Some(page) = page else { return Ok(Outcome::Done) };
    if !args.json {
        say(out, &format!("\nreport {}\n", page.display()))?;
    }
    if args.open {
        open(page)?;
    }
    Ok(Outcome::Done)
}

/// The report; nothing where these runs support none, with the reason on the standard error.
fn told(
    args: &QuickstartArgs,
    target: &PlannedRun,
    prediction: &Prediction,
    measured: Option<&Row>,
) -> Option<PathBuf> {
    // A law of few or tiny runs may not support a plan, but has a page all the same.
    let page = report(args, target, prediction, measured, true)
        .or_else(|_| report(args, target, prediction, measured, false));
    match page {
        Ok(page) => Some(page),
        Err(problem) => {
            complain(
                &problem.note("the runs and the prediction are whole; only the report is missing"),
            );
            None
        }
    }
}

/// The runs, their law and the next budget as a study of their own, answered into one page.
fn report(
    args: &QuickstartArgs,
    target: &PlannedRun,
    prediction: &Prediction,
    measured: Option<&Row>,
    planned: bool,
) -> Result<PathBuf, Diagnostic> {
    let plan = if planned {
        format!("[plan]\nbudget = \"{:.1e} FLOP\"\n\n", target.config.compute_6nd() * REACH)
    } else {
        String::new()
    };
    // The prediction was made without the run that it is about.
    let condition = format!("group!={TARGET}");
    let said = match (measured.and_then(|row| row.loss), prediction.new_run_interval) {
        (Some(loss), Some(ends)) => format!(
            "Before the largest run was trained the law predicted a loss of {:.3} for it, between {:.3} and {:.3} \
             ({:.0} %). It came out at {loss:.3}: {} the interval.",
            prediction.value,
            ends.low,
            ends.high,
            100.0 * ends.level,
            if ends.contains(loss) { "inside" } else { "outside" }
        ),
        _ => format!(
            "The law predicts a loss of {:.3} for a run that is not made yet.",
            prediction.value
        ),
    };
    let text = format!(
        "# Written by `isoflop quickstart`; `isoflop run` answers it again.\n\
         title = \"What do the runs of this machine say?\"\n\
         subtitle = \"real language models, trained here; a law; a prediction, and what came\"\n\
         seed = {}\nlevel = {}\ndraws = {}\n\n\
         [runs]\nfiles = [{}]\nwhere = [{}]\ncolumn = [\"N=params_with_head\"]\n\n\
         [fit]\npredict = [\"N={},D={}\"]\n\n\
         {plan}\
         [[section]]\nheading = \"Predicted, then made\"\nafter = \"start\"\ntext = {}\n",
        args.seed,
        args.level,
        args.bootstrap.min(4_000),
        toml::Value::String("runs.csv".into()),
        toml::Value::String(condition),
        target.config.shape.parameters_with_head(),
        target.config.tokens(),
        toml::Value::String(said),
    );
    let path = args.out.join("study.toml");
    let failed = |what: &Path, error: std::io::Error| {
        Diagnostic::error(format!("{} cannot be written: {error}", what.display()))
    };
    write_atomically(&path, text.as_bytes()).map_err(|error| failed(&path, error))?;
    let study = Study::read(&path)?;
    let options =
        study::Options { out: Some(args.out.join("report")), ..study::Options::default() };
    let ran = study::run(&study, &options, &mut |_| Ok(()))?;
    ran.page.ok_or_else(|| Diagnostic::error("the report has no page"))
}

/// The runs the law is fitted to.
fn family(args: &QuickstartArgs) -> Result<Vec<PlannedRun>, Diagnostic> {
    if !(args.compute_scale > 0.0 && args.compute_scale <= 1e6) {
        return Err(Diagnostic::error(format!(
            "--compute-scale takes a number above 0, not {}",
            args.compute_scale
        )));
    }
    let mut sweep = Sweep::parse("the quickstart's sweep", SWEEP)?;
    for group in &mut sweep.group {
        group.compute.iter_mut().for_each(|compute| *compute *= args.compute_scale);
        group.seeds = vec![args.seed];
        // The window moves along, so that the scaled grid has the same models.
        if let Some(window) = &mut group.within_tokens_per_parameter {
            *window = window.map(|ratio| ratio * args.compute_scale);
        }
    }
    sweep.plan(VOCABULARY)
}

fn fit_options(args: &QuickstartArgs) -> FitOptions {
    let (bootstrap, level, seed) = (args.bootstrap, args.level, args.seed);
    FitOptions { bootstrap, level, seed, ..FitOptions::default() }
}

fn fit_family(args: &QuickstartArgs, rows: &[Row]) -> Result<(Fit, Observations), Diagnostic> {
    let observations = Observations::new(rows.iter().filter_map(|row| {
        Some(Observation {
            run: row.run.clone(),
            parameters: Parameters(row.params_with_head as f64),
            tokens: Tokens(row.tokens as f64),
            loss: NatsPerToken(row.loss?),
        })
    }));
    let law = catalogue::find("chinchilla")?;
    let fit = fit(&law, &observations, &fit_options(args)).map_err(|problem| {
        Diagnostic::error(format!("no law can be fitted to these runs: {problem}"))
            .note(format!("they are the rows of {}", args.out.join("runs.csv").display()))
    })?;
    Ok((fit, observations))
}

/// The run of [`REACH`] times the compute whose depth the law likes best.
fn target(args: &QuickstartArgs, fit: &Fit, most: f64) -> Result<PlannedRun, Diagnostic> {
    let recipe = Sweep::parse("the quickstart's sweep", SWEEP)?.recipe;
    let runs = DEPTHS.map(|depth| {
        let run = recipe.run_at_compute(depth, VOCABULARY, REACH * most, args.seed);
        let loss = fit
            .law
            .values(fit.best_and_draws(None), &setting(&run))
            .map_err(|problem| unpredicted(&problem))?;
        Ok((loss.first().copied().unwrap_or(f64::INFINITY), run))
    });
    let runs = runs.collect::<Result<Vec<(f64, RunConfig)>, Diagnostic>>()?;
    runs.into_iter()
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, config)| PlannedRun { name: TARGET.into(), group: TARGET.into(), config })
        .ok_or_else(|| Diagnostic::error("there is no model to predict"))
}

fn setting(run: &RunConfig) -> Setting {
    let parameters = Parameters(run.shape.parameters_with_head() as f64);
    Setting::run(parameters, Tokens(run.tokens() as f64))
}

fn unpredicted(problem: &FitError) -> Diagnostic {
    Diagnostic::error(format!("the law predicts nothing: {problem}"))
}

fn predict(fit: &Fit, run: &RunConfig, args: &QuickstartArgs) -> Result<Prediction, Diagnostic> {
    let found = fit
        .predict(&setting(run), args.level, args.seed)
        .map_err(|problem| unpredicted(&problem))?;
    found.into_iter().next().ok_or_else(|| Diagnostic::error("the law predicts nothing"))
}

/// The best value of a parameter of the law.
fn value(fit: &Fit, name: &str) -> f64 {
    fit.value_of(name).unwrap_or(f64::NAN)
}

/// Writes the prediction before its run exists; one that says the same keeps its date.
fn save_prediction(
    args: &QuickstartArgs,
    fit: &Fit,
    target: &PlannedRun,
    prediction: &Prediction,
) -> Result<PathBuf, Diagnostic> {
    let path = args.out.join("prediction.json");
    let mut saved = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "law": law_values(fit),
        "objective": fit.objective.to_string(),
        "parameters": "with head: the blocks and the output projection",
        "fitted_runs": fit.data.rows,
        "run": target.config,
        "run_hash": target.config.hash(),
        "prediction": prediction,
    });
    let earlier: Option<Value> =
        std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let date = match earlier {
        Some(mut earlier) => {
            let date = earlier.as_object_mut().and_then(|fields| fields.remove("made"));
            date.filter(|_| earlier == saved)
        }
        None => None,
    };
    let now = || humantime::format_rfc3339_seconds(SystemTime::now()).to_string().into();
    saved["made"] = date.unwrap_or_else(now);
    write_atomically(&path, format!("{saved:#}\n").as_bytes())
        .and_then(|()| write_atomically(args.out.join("fit.json"), fit.to_json().as_bytes()))
        .map_err(|error| {
            Diagnostic::error(format!("{} cannot be written: {error}", path.display()))
        })?;
    Ok(path)
}

fn opening(args: &QuickstartArgs, family: &[PlannedRun], text: &str, most: f64) -> String {
    let total: f64 = family.iter().map(|run| run.config.compute()).sum();
    let sizes = family.iter().map(|run| run.config.shape.total_parameters() as f64);
    let smallest = sizes.clone().fold(f64::INFINITY, f64::min);
    let largest = sizes.fold(0.0, f64::max);
    let peak = machine::matmul_peak(args.source.cores());
    let seconds = |flop: f64| {
        duration(std::time::Duration::from_secs_f64((flop / peak / EXPECTED_SHARE).min(1e9)))
    };
    let mut opening = format!(
        "text   {text}\n\
         family {} models of {} to {} parameters, {total:.1e} FLOP; on {} cores about {}\n",
        family.len(),
        count(smallest),
        count(largest),
        args.source.cores(),
        seconds(total),
    );
    if !args.skip_target {
        let _ = writeln!(
            opening,
            "target one run of {:.1e} FLOP, predicted first, then made: about {}",
            REACH * most,
            seconds(REACH * most)
        );
    }
    opening
}

fn interval(prediction: &Prediction) -> String {
    prediction.new_run_interval.map_or("no interval".to_owned(), |interval| {
        format!(
            "{:.0} % interval for one new run {:.3} to {:.3}",
            100.0 * interval.level,
            interval.low,
            interval.high
        )
    })
}

fn prediction_for_people(
    fit: &Fit,
    run: &RunConfig,
    prediction: &Prediction,
    saved: &Path,
) -> String {
    let mut text = format!(
        "\nlaw    loss = {:.3} + {:.4} / N^{:.3} + {:.4} / D^{:.3} nats per byte, N with head\n\
         fit    {} runs, a run scatters {:.1} % around the law\n",
        value(fit, "E"),
        value(fit, "A"),
        value(fit, "alpha"),
        value(fit, "B"),
        value(fit, "beta"),
        fit.data.rows,
        100.0 * fit.spread,
    );
    if let Some(error) = fit.backtest.as_ref().map(|backtest| backtest.error_per_decade)
        && error > 0.0
    {
        let _ = writeln!(
            text,
            "check  refitted without its largest runs, the law misses them by {:.0} % per decade of \
             compute\n       beyond noise; the interval below holds that",
            100.0 * error
        );
    }
    for warning in &fit.warnings {
        let _ = writeln!(text, "note   {warning}");
    }
    let _ = write!(
        text,
        "\nprediction for a run that does not exist yet\n\
         run    depth {}, N {}, D {}, C {:.2e} FLOP with attention, {:.2e} as 6ND\n\
         loss   {:.3}; {}\n\
         saved  {}\n",
        run.shape.depth,
        count(run.shape.parameters_with_head() as f64),
        count(run.tokens() as f64),
        run.compute(),
        run.compute_6nd(),
        prediction.value,
        interval(prediction),
        saved.display(),
    );
    text
}

fn comparison(row: &Row, prediction: &Prediction, chart: &str, folder: &Path) -> String {
    let mut text = String::from("\n");
    match (row.status, row.loss) {
        (Status::Done, Some(measured)) => {
            let off = 100.0 * (prediction.value / measured - 1.0);
            let inside = match prediction.new_run_interval {
                Some(interval) if interval.contains(measured) => ", inside the interval",
                Some(_) => ", OUTSIDE the interval",
                None => "",
            };
            let _ = write!(
                text,
                "measured  {measured:.3} nats per byte\n\
                 predicted {:.3}, {:.1} % too {}{inside}\n\
                 {:9} {}\n",
                prediction.value,
                off.abs(),
                if off > 0.0 { "high" } else { "low" },
                "",
                interval(prediction),
            );
        }
        _ => text.push_str("the run diverged, so there is nothing to compare with\n"),
    }
    let _ = write!(
        text,
        "\n{chart}\n\
         next   isoflop fit {}                the law in full, with its intervals\n\
         \x20      isoflop fit YOUR_RUNS.csv --predict-compute 1e21\n\
         \x20      isoflop lab sweep --example > sweep.toml     a sweep of your own\n",
        folder.join("runs.csv").display()
    );
    text
}

fn chart(
    fit: &Fit,
    observations: &Observations,
    prediction: &Prediction,
    measured: Option<&Row>,
) -> String {
    let compute = prediction.setting.compute().unwrap_or(f64::NAN);
    let mut highlights = vec![Highlight {
        label: "predicted".into(),
        at: (compute, prediction.value),
        interval: prediction.new_run_interval.map(|interval| (interval.low, interval.high)),
    }];
    if let Some(loss) = measured.and_then(|row| row.loss) {
        let measured = Highlight { label: "measured".into(), at: (compute, loss), interval: None };
        highlights.push(measured);
    }
    loss_against_compute(fit, observations, highlights).render(terminal_plot::width(), 18)
}

fn law_values(fit: &Fit) -> Value {
    let values = fit.estimates.iter().map(|one| (one.name.clone(), one.value.into()));
    json!({
        "name": fit.law.name,
        "formula": fit.law.formula,
        "parameters": values.collect::<serde_json::Map<String, Value>>(),
    })
}

fn answer(fit: &Fit, prediction: &Prediction, row: Option<&Row>, page: Option<&Path>) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "law": law_values(fit),
        "warnings": fit.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "prediction": prediction,
        "measured": row,
        "page": page,
        "inside": row.and_then(|row| row.loss).zip(prediction.new_run_interval)
            .map(|(loss, interval)| interval.contains(loss)),
    })
}
