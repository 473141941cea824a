//! `isoflop new`: a study from a table of runs, by the few questions that matter.

mod asking;
mod compose;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;
use runs::write_atomically;

use self::asking::Asking;
use self::compose::compose;
use super::Outcome;
use crate::interrupt;
use crate::study::Study;
use crate::text::{complain, say};

const EXAMPLES: &str = "\
Examples:
  isoflop new runs.csv
      asks for the question, the law and the budget, and writes study.toml
  isoflop new runs.csv --budget '10 M USD' --yes
      asks nothing
  isoflop new runs.csv sweep/*.csv --law data-constrained --out data.toml
  isoflop new --scenario gap --yes
      a study of a scenario, without runs";

/// Start a study from a table of runs, by the few questions that matter
///
/// Asks on a terminal; with --yes, or where the standard input is no terminal, it takes the
/// defaults. The file that it writes can be edited: it says what else there is.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct NewArgs {
    /// Run tables
    #[arg(value_name = "RUNS", required_unless_present = "scenario")]
    runs: Vec<PathBuf>,
    /// The study's file
    #[arg(long, value_name = "FILE", default_value = "study.toml")]
    out: PathBuf,
    /// The question, which is the report's title
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    /// The law to fit [default: chinchilla, or Kaplan's of the one column that is there]
    #[arg(long, value_name = "NAME", requires = "runs")]
    law: Option<String>,
    /// The budget to plan: `1e24 FLOP`, `10 M USD`, `30 day on 512 H100`
    #[arg(long, value_name = "BUDGET")]
    budget: Option<String>,
    /// Which column holds a name of the law: `N=n_params`
    #[arg(long = "column", value_name = "NAME=COLUMN", requires = "runs")]
    columns: Vec<String>,
    /// A scenario to run: a name or a file
    #[arg(long, value_name = "SCENARIO")]
    scenario: Vec<String>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Asks and writes.
///
/// # Errors
/// Runs that cannot be read, answers that mean nothing, a file that is there already.
pub(crate) fn run(args: &NewArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let shown = args.out.display();
    if args.out.exists() && !args.force {
        return Err(Diagnostic::error(format!("`{shown}` is there already"))
            .help("replace it with --force, or name another with --out"));
    }
    let stdin = std::io::stdin();
    let asks = !args.yes && stdin.is_terminal();
    let mut asking = Asking { out, input: &mut stdin.lock(), asks };
    let new = compose(args, &mut asking)?;
    interrupt::whole(|| write_atomically(&args.out, new.text.as_bytes())).map_err(|problem| {
        Diagnostic::error(format!("cannot write `{shown}`: {problem}"))
            .help("name a file in a folder that exists and can be written to")
    })?;
    // What was written is what `isoflop run` reads.
    Study::read(&args.out)?;
    if let Some(doubt) = &new.doubt {
        complain(doubt);
    }
    let mut text = String::new();
    for (name, value) in &new.chosen {
        let _ = writeln!(text, "{name:8}{value}");
    }
    let _ = writeln!(text, "wrote   {shown}\nnext    isoflop run {shown} --open");
    say(asking.out, &text)?;
    Ok(Outcome::Done)
}
