//! The report of the runs: a study of their own, answered into one page.

use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use lab::sweep::{PlannedRun, Row};
use laws::Prediction;
use runs::write_atomically;

use super::{QuickstartArgs, REACH, TARGET};
use crate::study::{self, Study};
use crate::text::complain;

/// The report; nothing where these runs support none, with the reason on the standard error.
pub(super) fn told(
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
