//! `isoflop compare`: which law extrapolates best on these runs.

use std::io::Write;

use clap::Args;
use diagnostic::Diagnostic;
use laws::{FitError, FitOptions, Law, compare};
use runs::Observations;
use serde_json::{Value, json};

use super::Outcome;
use super::fit::law_choice::{find, typed};
use super::fit::objective::ObjectiveArgs;
use super::fit::refusal;
use super::fit::rows::RowArgs;
use super::fit::show::data;
use crate::commands::shares::share;
use crate::{interrupt, progress, terminal_plot, text};

mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop compare runs.csv --laws chinchilla,kaplan-joint,overtraining
      three laws of the catalogue, each fitted below several cuts and tried above
  isoflop compare runs.csv --laws chinchilla,my-law.toml --formula 'loss = A / N^alpha + B / D^beta'
      with a law of your own and a typed one
  isoflop compare runs.csv --laws chinchilla,kaplan-joint --json
      for programs";

/// Say which of several laws extrapolates best on these runs
///
/// Each law is fitted to the runs below a cut in compute (or in the first law's first variable)
/// and predicts those above it, for several cuts. Laws are ranked by the mean size of the error of
/// those predictions; beside it stand its side, how often the intervals held, the interval score
/// (Gneiting and Raftery 2007), Akaike's corrected criterion of the fit to all rows, and how
/// surely the best law is better than each other.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    rows: RowArgs,
    /// Laws of the catalogue, files of laws, or saved fits
    #[arg(long, value_name = "LAWS", value_delimiter = ',')]
    laws: Vec<String>,
    /// A typed law, called by its formula
    #[arg(long, value_name = "FORMULA")]
    formula: Vec<String>,
    #[command(flatten)]
    objective: ObjectiveArgs,
    /// How many resamples to refit per law and cut for the intervals; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    bootstrap: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share, allow_negative_numbers = true)]
    level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Show progress from the start, and off a terminal too
    #[arg(long)]
    progress: bool,
}

/// Compares and reports.
///
/// # Errors
/// Input that cannot be read or understood, laws of different targets, and too few runs.
pub(crate) fn run(args: &CompareArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    text::say(out, &respond(args, terminal_plot::width())?)?;
    Ok(Outcome::Done)
}

fn respond(args: &CompareArgs, width: usize) -> Result<String, Diagnostic> {
    if args.laws.len() + args.formula.len() < 2 {
        return Err(too_few());
    }
    let table = args.rows.table()?;
    let columns = args.rows.columns()?;
    let mut laws: Vec<Law> = Vec::new();
    for name in &args.laws {
        laws.push(find(name.trim())?);
    }
    for formula in &args.formula {
        let mut law = typed(formula, |name| table.provides(name, &columns))?;
        law.name = formula.split_whitespace().collect::<Vec<_>>().join(" ");
        laws.push(law);
    }
    check(&laws)?;
    let [first, others @ ..] = laws.as_slice() else { return Err(too_few()) };
    let objective = args.objective.objective(first)?;
    let options = FitOptions {
        objective: Some(objective),
        bootstrap: args.bootstrap,
        level: args.level,
        seed: args.seed,
        shared: args.rows.shared(),
        ..FitOptions::default()
    };
    let request = args.rows.request(first, others, objective.residuals)?;
    let observations = Observations::from_table(&table, &request)?;
    let shown = progress::Work::new(
        format!("comparing {} laws on {} rows", laws.len(), observations.len()),
        None,
        args.progress,
    );
    let comparison = compare(&laws, &observations, &options)
        .map_err(|problem: FitError| refusal(&problem, &observations))?;
    drop(shown);
    if !args.json {
        let mut text = String::new();
        data::title(&mut text, &observations);
        data::columns(&mut text, &observations, &laws, width);
        data::left_out(&mut text, &observations, &table, width);
        show::about(&mut text, &comparison, objective, width);
        return Ok(text);
    }
    let answer: Value = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "compare",
        "origin": observations.origin(),
        "rows": observations.len(),
        "runs": observations.run_count(),
        "compute_convention": observations.compute_convention(),
        "objective": { "name": objective.to_string(), "kind": objective },
        "seed": args.seed,
        "comparison": comparison,
    });
    Ok(format!("{answer:#}\n"))
}

fn too_few() -> Diagnostic {
    Diagnostic::error("a comparison takes at least two laws")
        .help("name them: --laws chinchilla,kaplan-joint; `isoflop list laws` prints all")
}

fn check(laws: &[Law]) -> Result<(), Diagnostic> {
    let [first, _, ..] = laws else { return Err(too_few()) };
    for (place, law) in laws.iter().enumerate() {
        if laws[..place].iter().any(|known| known.name == law.name) {
            return Err(Diagnostic::error(format!("the law `{}` is named twice", law.name)));
        }
        if law.target.name != first.target.name {
            return Err(Diagnostic::error(format!(
                "`{}` gives {} and `{}` gives {}, which do not compare",
                first.name, first.target.name, law.name, law.target.name
            ))
            .help("compare laws that predict the same quantity"));
        }
    }
    Ok(())
}
