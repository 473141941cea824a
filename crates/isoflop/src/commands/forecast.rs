//! `isoflop forecast`: a scenario run, with what it says, how sure it is and what it hangs on.

use std::io::Write;
use std::path::Path;

use clap::Args;
use diagnostic::Diagnostic;
use draws::Level;
use forecast::{
    BreakEven, Claim, Difference, Elasticity, Lint, MOST_SAMPLES, Run, Scenario, Sensitivity,
    Settings, Trace, catalogue,
};

use super::{Outcome, named_text};
use crate::commands::shares::{samples, share};
use crate::progress::Work;
use crate::study::Part;
use crate::{interrupt, terminal_plot, text};

mod asked;
mod figures;
pub(crate) mod json;
mod past;
mod questions;
pub(crate) mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop forecast gap
      a scenario of the catalogue: what is asked, over time, with dates and checks
  isoflop forecast gap --set \"fast=30x/yr\" --against gap
      with an input of your own, and what that changes, input by input on common draws
  isoflop forecast gap --tornado closes --sobol closes --elasticity remaining@2030
      what an answer hangs on
  isoflop forecast gap --break-even \"prob(closes <= 2031) = 50%\" --vary gap
      what an input would have to be
  isoflop forecast marginal-gw --choice capability=holds --trace
      one regime, every step from assumption to answer
  isoflop forecast my-scenario.toml --backtest 2024 --json
      a scenario of your own as it would have been run in 2024, against what came; for programs";

/// Run a scenario: outputs over time with intervals, dates, probabilities, what they hang on
///
/// A scenario is a file of assumptions with their sources, of how they unfold and of what is asked;
/// `isoflop list scenarios` prints those that come with the program. Every combination of its choices
/// is run on the same draws. Ends with code 1 where a check of the file fails: a published claim
/// that does not come out, unless the file says that it does not.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct ForecastArgs {
    /// A scenario of the catalogue, or a scenario's file (`-`: from the standard input)
    scenario: String,
    /// Another value for an input, a definition, a series, `from`, `to` or `step`; may be repeated
    #[arg(long, value_name = "NAME=EXPR")]
    set: Vec<String>,
    /// Lay the scenario over this one: what the scenario does not have is taken from here
    #[arg(long, value_name = "SCENARIO")]
    base: Option<String>,
    /// Lay this over the scenario: its entries take the place of those of the same name
    #[arg(long, value_name = "SCENARIO")]
    overlay: Vec<String>,
    /// Keep one variant of a choice
    #[arg(long, value_name = "NAME=VARIANT")]
    choice: Vec<String>,
    /// How many samples to draw [default: the scenario's]
    #[arg(long, value_name = "COUNT", value_parser = samples)]
    samples: Option<usize>,
    /// The seed of the draws [default: the scenario's]
    #[arg(long)]
    seed: Option<u64>,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    level: f64,
    /// Show these outputs only; may be repeated
    #[arg(long, value_name = "NAME")]
    output: Vec<String>,
    /// Show every step: input, constant, derived, final
    #[arg(long)]
    trace: bool,
    /// How an output swings from end to end of each input, or of a path as `remaining@2030`
    #[arg(long, value_name = "OUTPUT")]
    tornado: Vec<String>,
    /// Which inputs an output's variance comes from (Sobol indices)
    #[arg(long, value_name = "OUTPUT")]
    sobol: Vec<String>,
    /// How an output's median moves with each input
    #[arg(long, value_name = "OUTPUT")]
    elasticity: Vec<String>,
    /// Say why this differs from another scenario, input by input on common draws
    #[arg(long, value_name = "SCENARIO")]
    against: Option<String>,
    /// What would make this true: the value of each --vary input at which it holds
    #[arg(long, value_name = "OUTPUT = VALUE")]
    break_even: Vec<String>,
    /// The inputs of --break-even [default: each one that the output depends on]
    #[arg(long, value_name = "INPUT", requires = "break_even")]
    vary: Vec<String>,
    /// Run it as of this year and lay what came on its fan [default: where its data allow]
    #[arg(long, value_name = "YEAR", conflicts_with = "no_backtest")]
    backtest: Option<String>,
    /// Leave out the backtest
    #[arg(long)]
    no_backtest: bool,
    /// The day by which assumptions are judged stale, as 2026-07-01 [default: today]
    #[arg(long, value_name = "DATE")]
    today: Option<String>,
    /// Keep the draws of inputs and outputs
    #[cfg(feature = "parquet")]
    #[arg(long, value_name = "FILE.parquet")]
    draws: Option<std::path::PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plot
    #[arg(long)]
    no_plot: bool,
}

/// The name of the other scenario, and for each output why it differs.
type Against = (String, Vec<questions::Asked<Result<Difference, Diagnostic>>>);

/// Everything that was computed.
pub(crate) struct Answer {
    scenario: Scenario,
    run: Run,
    level: Level,
    /// The outputs to show.
    outputs: Vec<String>,
    checks: Vec<Claim>,
    lints: Vec<Lint>,
    traces: Vec<Trace>,
    sensitivities: Vec<Sensitivity>,
    elasticities: Vec<questions::Asked<Vec<Elasticity>>>,
    break_even: Vec<questions::Asked<Vec<BreakEven>>>,
    against: Option<Against>,
    past: past::Past,
}

impl Answer {
    fn outcome(&self) -> Outcome {
        if self.checks.iter().all(Claim::passes) { Outcome::Done } else { Outcome::No }
    }
}

/// Reads, runs and reports.
///
/// # Errors
/// What cannot be read or does not fit, with its place.
pub(crate) fn run(args: &ForecastArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let work = Work::new(format!("running {}", args.scenario), None, false);
    let answer = answer(args);
    drop(work);
    let answer = answer?;
    #[cfg(feature = "parquet")]
    if let Some(path) = &args.draws {
        interrupt::whole(|| asked::save(&answer, path))?;
    }
    text::say(out, &said(args, &answer, terminal_plot::width()))?;
    Ok(answer.outcome())
}

/// The answer as a part of a study's report; `step` names its live programs, which run over `rows`
/// draws.
pub(crate) fn part(step: &str, rows: usize, args: &ForecastArgs) -> Result<Part, Diagnostic> {
    figures::part(step, rows, &answer(args)?)
}

fn said(args: &ForecastArgs, answer: &Answer, width: usize) -> String {
    if args.json {
        format!("{:#}\n", json::json(answer))
    } else {
        show::for_people(answer, width, !args.no_plot)
    }
}

fn answer(args: &ForecastArgs) -> Result<Answer, Diagnostic> {
    if !(0.01..=0.999).contains(&args.level) {
        return Err(Diagnostic::error(format!("`--level {}` is out of range", args.level))
            .help("give a share between 0.01 and 0.999"));
    }
    let level = Level::new(args.level)?;
    let today = asked::today(args.today.as_deref())?;
    let scenario = asked::scenario(args)?;
    if scenario.outputs.is_empty() && scenario.checks.is_empty() {
        return Err(Diagnostic::error(format!("`{}` asks nothing", args.scenario))
            .help("write what is asked as `[outputs]`, and claims as `[[check]]`"));
    }
    let outputs = asked::outputs(args, &scenario)?;
    let mut asking = scenario.clone();
    asked::sensitivities(args, &mut asking);
    let model = asked::model(args, &asking)?;
    let run = model.run_with(Settings::of(&model))?;
    let lints = model.lints(&run, today)?;
    let against = match &args.against {
        None => None,
        Some(name) => {
            let other = read(name)?;
            Some((name.clone(), questions::differences(&other, &scenario, &outputs, &run)?))
        }
    };
    Ok(Answer {
        checks: forecast::claims(std::slice::from_ref(&scenario))?,
        lints,
        traces: if args.trace { model.trace(level)? } else { Vec::new() },
        sensitivities: model.sensitivities(level, SOBOL_ROWS)?,
        elasticities: questions::elasticities(&scenario, &args.elasticity, &run)?,
        break_even: questions::break_even(&scenario, &args.break_even, &args.vary, &run)?,
        against,
        past: if args.no_backtest {
            past::Past::default()
        } else {
            past::past(&scenario, &run, args.backtest.as_deref(), level)?
        },
        scenario,
        run,
        level,
        outputs,
    })
}

/// Rows behind Sobol indices.
const SOBOL_ROWS: usize = 1 << 13;

/// A scenario of a file, where the name is a path or `-`, or of the catalogue.
pub(crate) fn read(name: &str) -> Result<Scenario, Diagnostic> {
    let path = Path::new(name);
    if named_text::is_stdin(path) {
        let (origin, text) = named_text::named(path)?;
        return Scenario::from_text_here(&origin, &text);
    }
    if path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR) {
        return Scenario::read(path);
    }
    catalogue::find(name)
}
