//! `isoflop quickstart`: the whole loop in minutes. Train a family, fit its law, predict a run
//! that does not exist, train it, compare.

mod family;
mod json;
mod law;
mod page;
mod show;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use diagnostic::Diagnostic;
use lab::sweep::PlannedRun;

use self::family::{family, target};
use self::json::answer;
use self::law::{fit_family, fit_options, predict, save_prediction};
use self::page::told;
use self::show::{chart, comparison, opening, prediction_for_people};
use super::Outcome;
use super::open::open;
use super::text_source::TextSource;
use crate::commands::shares::share;
use crate::text::{duration, say};

/// Compute of the predicted run over the largest of the family.
const REACH: f64 = 10.0;
/// The group of the predicted run.
const TARGET: &str = "target";

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
    let begun = Instant::now();
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
        return finish(args, page.as_deref(), begun, out);
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
    finish(args, page.as_deref(), begun, out)
}

/// Says where the report lies and how long it took, and opens it where that was asked for.
fn finish(
    args: &QuickstartArgs,
    page: Option<&Path>,
    begun: Instant,
    out: &mut dyn Write,
) -> Result<Outcome, Diagnostic> {
    let Some(page) = page else { return Ok(Outcome::Done) };
    if !args.json {
        let took = took(begun.elapsed(), since_clone());
        say(out, &format!("\nreport {}\n{took}\n", page.display()))?;
    }
    if args.open {
        open(page);
    }
    Ok(Outcome::Done)
}

/// `time   5 min 31 s; 12 min 04 s since git clone`.
fn took(here: Duration, since_clone: Option<Duration>) -> String {
    // Later the answer is not how long it takes, but when somebody asked.
    let recent = since_clone.filter(|since| *since < Duration::from_secs(2 * 3600));
    let clone = recent.map(|since| format!("; {} since git clone", duration(since)));
    format!("time   {}{}", duration(here), clone.unwrap_or_default())
}

/// How long ago the repository that this was built from was cloned: git writes one of its files
/// then, and never again.
fn since_clone() -> Option<Duration> {
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.git/description");
    SystemTime::now().duration_since(std::fs::metadata(written).ok()?.modified().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_since_the_clone_is_told_while_it_means_something() {
        let of = Duration::from_secs;
        assert_eq!(took(of(331), Some(of(724))), "time   5 min 31 s; 12 min 04 s since git clone");
        assert_eq!(took(of(331), Some(of(90_000))), "time   5 min 31 s");
        assert_eq!(took(of(9), None), "time   9 s");
    }
}
