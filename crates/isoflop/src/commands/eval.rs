//! `isoflop eval`: the language at the shell.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use diagnostic::Diagnostic;
use draws::Level;

use super::shares::{samples, share};
use super::{Outcome, named_text};
use crate::terminal_plot;
use crate::text::say;
use answer::{Sampling, answers};
use definitions::{Definitions, Sound};
use kept::Kept;
use show::Look;

mod answer;
mod definitions;
mod histogram;
mod json;
mod kept;
#[cfg(feature = "repl")]
mod prompt;
pub(crate) mod show;
#[cfg(test)]
mod tests;
#[cfg(feature = "repl")]
mod words;

const EXAMPLES: &str = "\
Examples:
  isoflop eval \"ln(1000)/(20x/yr - 5x/yr)\"
      when a gap of 1000 times closes, growing 20 against 5 times a year: 4.98 yr
  isoflop eval \"6 * 70e9 * 1.4e12 * 1 FLOP / (400 TFLOP/s)\" --in yr
      one chip's time for a training run
  isoflop eval \"gap = 300 to 3000\" \"ln(gap) / ((8x/yr to 40x/yr) - 5x/yr)\"
      uncertain inputs: the median, the interval, and a histogram
  isoflop eval --draws gap.parquet \"prob(closes < 2036-01-01)\"
      draws that a forecast kept are added, divided, compared world by world
  isoflop eval --file model.txt --show cost --show \"first year\" --json
      definitions from a file, the answer in JSON
  echo \"8 GW + 1 yr\" | isoflop eval
      the standard input; an error points at the plus sign
  isoflop eval
      a prompt with history and completion; :help there says more

Write `a to b` for 5% and 95% quantiles (in brackets beside + - * /), `q(10%: a, 50%: b, 90%: c)`, `normal(mean, sd)`,
`uniform(a, b)` and more; `x = ...` defines a name; `#` starts a comment.";

/// Evaluate expressions with units, growth, dates and uncertainty
///
/// Units, kinds and dates are checked before anything is evaluated. What depends on uncertain
/// inputs is evaluated over draws of them and shown as the median and an interval, with no more
/// digits than the number of draws supports. The same seed gives the same answer.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct EvalArgs {
    /// Expressions, or definitions such as `gap = 300 to 3000`; `-` reads the standard input
    ///
    /// Write `--` before an expression that starts with a minus sign.
    #[arg(value_name = "EXPR", allow_negative_numbers = true)]
    expressions: Vec<String>,
    /// Read definitions from a file, or `-` for the standard input
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Draws that may be named: a file that `isoflop forecast --draws` or `isoflop run` wrote
    ///
    /// Every column is a name: `power@2030` is `power_2030`. Alone, all of them are shown.
    #[arg(long, value_name = "FILE.parquet")]
    draws: Option<PathBuf>,
    /// Answer only for this name; may be given several times
    #[arg(long, value_name = "NAME")]
    show: Vec<String>,
    /// Show values in this unit
    #[arg(long = "in", value_name = "UNIT")]
    unit: Option<String>,
    /// How many draws of the uncertain inputs to take
    #[arg(long, value_name = "COUNT", default_value = "100_000", value_parser = samples)]
    samples: usize,
    /// The seed of the draws
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// How many of the draws the reported interval holds
    #[arg(long, value_name = "SHARE", default_value = "90%", value_parser = level)]
    level: Level,
    /// At most so many significant digits
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=15))]
    digits: u8,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print the expressions as a JavaScript function instead of evaluating them
    #[arg(long, conflicts_with_all = ["json", "unit"])]
    javascript: bool,
}

/// A share that is a level.
fn level(text: &str) -> Result<Level, String> {
    Level::new(share(text)?)
        .map_err(|_| "expected a share between 0 and 1, such as 90% or 0.9".to_owned())
}

impl EvalArgs {
    /// The sampling of what `sound` draws; what a file keeps was drawn before.
    fn sampling(&self, sound: &Sound) -> Sampling {
        let kept = sound.kept.as_ref();
        let samples = kept.map_or(self.samples, |kept| kept.rows());
        let seed = kept.and_then(|kept| kept.seed()).unwrap_or(self.seed);
        Sampling { samples, seed, level: self.level }
    }
}

/// Evaluates what the arguments, files or the standard input say, or opens the prompt.
pub(crate) fn run(args: &EvalArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let stdin = std::io::stdin();
    let asks_nothing = args.expressions.is_empty() && args.file.is_empty() && args.draws.is_none();
    if asks_nothing && stdin.is_terminal() {
        #[cfg(feature = "repl")]
        return prompt::run(args, out);
        #[cfg(not(feature = "repl"))]
        return Err(Diagnostic::error("nothing to evaluate")
            .note("this build has no prompt")
            .help("give an expression: `isoflop eval \"1 GW * 1 yr\"`"));
    }
    let text = evaluate(args, &named_text::read, terminal_plot::width())?;
    say(out, &text)?;
    Ok(Outcome::Done)
}

/// A text and what it is called, by path.
type Read<'a> = dyn Fn(&Path) -> std::io::Result<(String, String)> + 'a;

/// The answer to all that was asked, for lines of `width` characters.
fn evaluate(args: &EvalArgs, read: &Read<'_>, width: usize) -> Result<String, Diagnostic> {
    let kept = args.draws.as_deref().map(Kept::load).transpose()?.map(Arc::new);
    let mut definitions = Definitions::over(kept.clone())?;
    let mut files = args.file.clone();
    if files.is_empty() && args.expressions.is_empty() && kept.is_none() {
        files.push("-".into());
    }
    for path in &files {
        let (origin, text) = read(path).map_err(|problem| {
            Diagnostic::error(format!("cannot read {}: {problem}", path.display()))
        })?;
        definitions.add(&origin, &text)?;
    }
    // What the command line asks for: its expressions, or else everything that is defined.
    let mut asked = Vec::new();
    for expression in &args.expressions {
        let (origin, text) = match expression.as_str() {
            "-" => read(Path::new("-")).map_err(|problem| {
                Diagnostic::error(format!("cannot read the standard input: {problem}"))
            })?,
            text => ("<expression>".to_owned(), text.to_owned()),
        };
        let names = definitions.add(&origin, &text)?;
        asked.extend(names.into_iter().filter(|name| is_bare(name)));
    }
    let sound = definitions.check()?;
    let names = if !args.show.is_empty() {
        args.show.clone()
    } else if !asked.is_empty() {
        asked
    } else if let (Some(kept), true) = (&kept, files.is_empty()) {
        kept.names().map(str::to_owned).collect()
    } else {
        sound.checked.names().into_iter().map(str::to_owned).collect()
    };
    answer(args, &sound, &names, width)
}

/// Whether a name is one that a bare expression got.
fn is_bare(name: &str) -> bool {
    name == "result" || name.starts_with("result ")
}

fn answer(
    args: &EvalArgs,
    sound: &Sound,
    names: &[String],
    width: usize,
) -> Result<String, Diagnostic> {
    if names.is_empty() {
        return Err(Diagnostic::error("nothing to evaluate")
            .help("write an expression, or a definition such as `gap = 300 to 3000`"));
    }
    if args.javascript {
        return Ok(sound.checked.to_javascript(names)? + "\n");
    }
    let sampling = args.sampling(sound);
    let answers = answers(sound, names, args.unit.as_deref(), sampling)?;
    if args.json {
        return Ok(format!("{:#}\n", json::json(&answers, sound, sampling)?));
    }
    show::show(&answers, sampling, Look { digits: usize::from(args.digits), width })
}
