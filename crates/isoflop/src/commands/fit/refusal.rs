//! Why a law could not be fitted, for people.

use diagnostic::{Diagnostic, nearest};
use laws::FitError;
use runs::Observations;

/// The problem with what to do about it.
pub(crate) fn refusal(problem: &FitError, observations: &Observations) -> Diagnostic {
    let shown = Diagnostic::error(problem.to_string());
    match problem {
        FitError::Input(problem) => problem.clone(),
        FitError::TooFewSettings { .. } | FitError::TooFewRuns { .. } => {
            let mut shown = shown.note(format!(
                "`{}` has {} usable {} of {} {}",
                observations.origin(),
                observations.len(),
                if observations.len() == 1 { "row" } else { "rows" },
                observations.run_count(),
                if observations.run_count() == 1 { "run" } else { "runs" },
            ));
            for exclusion in observations.exclusions() {
                shown = shown.note(format!("left out: {exclusion}"));
            }
            match problem {
                FitError::TooFewSettings { of, .. } if of.len() > 1 => shown.help(format!(
                    "add runs that differ in {}, and not always by the same factor, or hold \
                     parameters with --hold",
                    of.join(" and ")
                )),
                FitError::TooFewSettings { of, .. } => shown.help(format!(
                    "add runs that differ in {}, or hold parameters with --hold",
                    of.join("")
                )),
                _ => shown.help("add runs, or name another column of runs: --column run=NAME"),
            }
        }
        FitError::NothingVaries { target, .. } => shown
            .help(format!("check the column of {target}: --column {target}=NAME takes another")),
        FitError::NotFinite => shown
            .note("a logarithm or power of a number that is zero or negative has no value")
            .help("keep the rows where the formula has one, as in --where 'x>0', or set --bound"),
        FitError::NoParameter { name, known, .. } => {
            match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => shown.help(format!("did you mean `{near}`?")),
                None => {
                    shown.help("--bound, --hold, --free and --share take parameters of the law")
                }
            }
        }
        FitError::NotGiven { name } => shown.help(format!("add {name}=VALUE to the setting")),
        FitError::Option { .. }
        | FitError::NoBudget { .. }
        | FitError::NoCut { .. }
        | FitError::NothingShared => shown,
    }
}
