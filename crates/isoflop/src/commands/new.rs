//! `isoflop new`: a study from a table of runs, by the few questions that matter.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use diagnostic::Diagnostic;
use plan::Budget;
use runs::{Observations, RunTable, write_atomically};

use super::Outcome;
use super::fit::law_choice;
use crate::interrupt;
use crate::text::say;

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
    /// The law to fit
    #[arg(long, value_name = "NAME")]
    law: Option<String>,
    /// The budget to plan: `1e24 FLOP`, `10 M USD`, `30 day on 512 H100`
    #[arg(long, value_name = "BUDGET")]
    budget: Option<String>,
    /// Which column holds a name of the law: `N=n_params`
    #[arg(long = "column", value_name = "NAME=COLUMN")]
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
    if args.out.exists() && !args.force {
        let message = format!("`{}` is there already", args.out.display());
        return Err(
            Diagnostic::error(message).help("replace it with --force, or name another with --out")
        );
    }
    let stdin = std::io::stdin();
    let asks = !args.yes && stdin.is_terminal();
    let mut asking = Asking { out, input: &mut stdin.lock(), asks };
    let text = compose(args, &mut asking)?;
    interrupt::whole(|| write_atomically(&args.out, text.as_bytes())).map_err(|problem| {
        Diagnostic::error(format!("cannot write `{}`: {problem}", args.out.display()))
            .help("name a file in a folder that exists and can be written to")
    })?;
    // What was written is what `isoflop run` reads.
    crate::study::Study::read(&args.out)?;
    let shown = args.out.display();
    say(asking.out, &format!("wrote   {shown}\nnext    isoflop run {shown} --open\n"))?;
    Ok(Outcome::Done)
}

/// Where questions are put, and whether.
struct Asking<'a> {
    out: &'a mut dyn Write,
    input: &'a mut dyn BufRead,
    asks: bool,
}

impl Asking<'_> {
    /// The answer, again until `check` takes it; the default where nothing is asked or answered.
    fn ask(
        &mut self,
        question: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), Diagnostic>,
    ) -> Result<String, Diagnostic> {
        while self.asks {
            let shown = if default.is_empty() { "none".to_owned() } else { default.to_owned() };
            say(self.out, &format!("{question} [{shown}] "))?;
            let mut line = String::new();
            let read = self.input.read_line(&mut line).map_err(|problem| {
                Diagnostic::error(format!("the answer cannot be read: {problem}"))
            })?;
            if read == 0 {
                // Nobody is there any more.
                self.asks = false;
                break;
            }
            let answer = line.trim();
            let answer = if answer.is_empty() { default } else { answer };
            match check(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(problem) => say(self.out, &format!("{problem}\n"))?,
            }
        }
        check(default)?;
        Ok(default.to_owned())
    }
}

/// The study as text.
fn compose(args: &NewArgs, asking: &mut Asking<'_>) -> Result<String, Diagnostic> {
    let beside = args.out.parent().unwrap_or(Path::new("")).to_owned();
    let stated =
        |given: &Option<String>, default: &str| given.clone().unwrap_or_else(|| default.to_owned());
    let fine = |_: &str| Ok(());
    let mut text = String::new();
    let mut facts = String::new();
    let mut law = String::new();
    let mut most = None;
    if !args.runs.is_empty() {
        let table = RunTable::read_all(&args.runs)?;
        law = stated(&args.law, "chinchilla");
        let check = |name: &str| law_choice::find(name).map(drop);
        if args.law.is_none() {
            law = asking.ask("which law? (`isoflop list laws`)", &law, check)?;
        } else {
            check(&law)?;
        }
        let chosen = law_choice::find(&law)?;
        let columns =
            args.columns.iter().map(|pair| pair.split_once('=')).collect::<Option<Vec<_>>>();
        let columns = columns.ok_or_else(|| {
            Diagnostic::error("`--column` takes a name and a column")
                .help("write --column N=n_params")
        })?;
        let columns =
            columns.into_iter().map(|(name, column)| (name.to_owned(), column.to_owned()));
        let variables =
            chosen.variables.iter().map(|variable| runs::Asked::positive(&variable.name));
        let request = runs::Request {
            columns: columns.collect(),
            ..runs::Request::new(runs::Asked::positive(&chosen.target.name), variables)
        };
        let observations = Observations::from_table(&table, &request)?;
        let compute = observations.compute().iter().map(|c| c.get()).fold(0.0, f64::max);
        most = (compute > 0.0 && chosen.splits_compute()).then_some(compute);
        let _ = write!(facts, "# {} rows of {} runs", observations.len(), observations.run_count());
        if let Some(most) = most {
            let _ = write!(facts, ", up to {most:.1e} FLOP");
        }
        facts.push('\n');
    }
    let default = match (args.runs.is_empty(), args.scenario.first()) {
        (true, Some(name)) => super::forecast::read(name)?.title,
        _ if most.is_some() => "What should we train next?".to_owned(),
        _ => "What do these runs say?".to_owned(),
    };
    let title = match &args.title {
        Some(title) => title.clone(),
        None => asking.ask("what is the question?", &default, fine)?,
    };
    let budget = match (&args.budget, most) {
        (Some(budget), _) => {
            Budget::parse("--budget", budget)?;
            budget.clone()
        }
        (None, Some(most)) => {
            let default = format!("{:.0e} FLOP", 10.0 * most);
            let question =
                "which budget is to be planned? (FLOP, money, `30 day on 512 H100`; `no` for none)";
            asking.ask(question, &default, |words| {
                if words == "no" { Ok(()) } else { Budget::parse("the budget", words).map(drop) }
            })?
        }
        (None, None) => "no".to_owned(),
    };
    let _ = writeln!(
        text,
        "# A study: `isoflop run {}` answers it into one page.",
        quoted_path(&args.out)
    );
    let _ = writeln!(text, "title = {}\n", toml_string(&title));
    text.push_str("# Of everything random; and how many draws stand behind each interval.\nseed = 0\ndraws = 1000\n");
    if !args.runs.is_empty() {
        let files: Vec<String> = args
            .runs
            .iter()
            .map(|path| toml_string(&from(&beside, path).display().to_string()))
            .collect();
        let _ = write!(text, "\n{facts}[runs]\nfiles = [{}]\n", files.join(", "));
        if args.columns.is_empty() {
            text.push_str("# column = [\"N=n_params\", \"loss=eval/loss\"]   names that are not found by themselves\n# where = [\"group=main\"]                         a part of the rows\n");
        } else {
            let columns: Vec<String> = args.columns.iter().map(|pair| toml_string(pair)).collect();
            let _ = writeln!(text, "column = [{}]", columns.join(", "));
        }
        let _ = write!(
            text,
            "\n# Options of `isoflop fit` without their dashes.\n[fit]\nlaw = {}\n# holdout = \"1 decade\"\n",
            toml_string(&law)
        );
    }
    if budget != "no" {
        let _ = write!(
            text,
            "\n# Options of `isoflop plan`; the law is the fit above unless another is named.\n[plan]\nbudget = {}\n\
             # on = \"512 H100\"\n# serve = \"1e12 token\"\n# compare = [\"besiroglu-2024\"]\n",
            toml_string(&budget)
        );
    }
    for scenario in &args.scenario {
        super::forecast::read(scenario)?;
        let path = Path::new(scenario);
        let name = if path.exists() {
            from(&beside, path).display().to_string()
        } else {
            scenario.clone()
        };
        let _ = write!(
            text,
            "\n# Options of `isoflop forecast`.\n[[forecast]]\nscenario = {}\n",
            toml_string(&name)
        );
    }
    text.push_str(
        "\n# Words of your own, in Markdown; `after` names a step, `start` or `end`.\n\
         # [[section]]\n# heading = \"Why we ask\"\n# text = \"\"\"\n# ...\n# \"\"\"\n# after = \"start\"\n",
    );
    Ok(text)
}

fn quoted_path(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

/// `path` as seen from `folder`.
fn from(folder: &Path, path: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() || path.is_absolute() {
        return path.to_owned();
    }
    match path.strip_prefix(folder) {
        Ok(inside) => inside.to_owned(),
        // A path that leads out of the folder is said from the root.
        Err(_) => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

fn toml_string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_put_again_until_the_answer_means_something() {
        let mut out = Vec::new();
        let mut input: &[u8] = b"many dollars\n2 M USD\n";
        let mut asking = Asking { out: &mut out, input: &mut input, asks: true };
        let found =
            asking.ask("budget?", "1e20 FLOP", |words| Budget::parse("it", words).map(drop));
        assert_eq!(found.unwrap(), "2 M USD");
        assert_eq!(String::from_utf8(out).unwrap().matches("budget? [1e20 FLOP]").count(), 2);
    }

    #[test]
    fn where_nobody_answers_the_default_holds() {
        let mut out = Vec::new();
        let mut input: &[u8] = b"";
        let mut asking = Asking { out: &mut out, input: &mut input, asks: true };
        assert_eq!(asking.ask("law?", "chinchilla", |_| Ok(())).unwrap(), "chinchilla");
        assert!(!asking.asks);
    }
}
