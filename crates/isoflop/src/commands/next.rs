//! `isoflop next`: the experiments that would teach most.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use laws::{Fit, Law, Setting};
use plan::design::{Design, Goal, Knowledge, Prior, Question, design};
use runs::{Flop, Observations};

use super::fit::amount::{number, setting};
use super::fit::law_choice::{LawArgs, bound};
use super::fit::objective::ObjectiveArgs;
use super::{Outcome, quantity};
use crate::{interrupt, progress, terminal_plot, text};
use family::Family;
use files::FileArgs;
use limits::LimitArgs;
use measured::Measured;
use rows::OptionalRows;

mod family;
mod files;
mod json;
mod limits;
mod measured;
mod rows;
mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop next runs.csv --budget '1e20 FLOP' --target '1e22 FLOP'
      the runs of 1e20 FLOP in all that tell most about the loss of the best run of 1e22
  isoflop next runs.csv --budget 1e20 --goal size --target 1e22 --batches 2
      about the best size there, in two batches: fit again after the first
  isoflop next runs.csv --budget 1e20 --target N=7B,D=2T --max-parameters 1B --max-run 2e19
      about one run, with small models only
  isoflop next runs.csv --budget 1e20 --goal choice --against kaplan-joint
      which of two laws is true
  isoflop next --law besiroglu-2024 --budget 1e19 --goal size --target 1e22
      before the first run: constants of a paper, each within a factor of 1.5, stand in for it
  isoflop next runs.csv --budget 1e14 --target 1e15 --sweep next.toml && isoflop lab sweep next.toml
      with the lab's own models: write the runs as a sweep, and make them
  isoflop next results.csv --budget 1e19 --target 1e21 --nanochat --depths 8..26 --csv next.csv
      with nanochat's models: its flags, and a table for other trainers";

/// Say which experiments would teach most
///
/// From a law fitted to the runs so far, with its uncertainty, the runs are chosen that most
/// reduce what is open about a goal within a budget: the loss of a target run, the best size for a
/// budget, or which of two laws is true. A run costs C = 6 N D. The answer says how narrow the
/// interval will be, and what the usual IsoFLOP grid would need for the same.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct NextArgs {
    #[command(flatten)]
    rows: OptionalRows,
    #[command(flatten)]
    law: LawArgs,
    /// A fit saved with `isoflop fit RUNS --out FIT.json`, of the same runs
    #[arg(long, value_name = "FIT", conflicts_with_all = ["law", "formula"], help_heading = "The law")]
    fit: Option<PathBuf>,
    #[command(flatten)]
    prior: PriorArgs,
    #[command(flatten)]
    objective: ObjectiveArgs,
    #[command(flatten)]
    goal: GoalArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    files: FileArgs,
    /// How many draws of the law
    #[arg(long, value_name = "COUNT", default_value_t = 1000, help_heading = "The intervals")]
    bootstrap: usize,
    /// The level of the intervals
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.9,
        allow_negative_numbers = true,
        help_heading = "The intervals"
    )]
    level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0, help_heading = "The intervals")]
    seed: u64,
    /// Answer in JSON
    #[arg(long, help_heading = "The answer")]
    json: bool,
    /// Leave out the plot
    #[arg(long, help_heading = "The answer")]
    no_plot: bool,
    /// Show progress from the start, and off a terminal too
    #[arg(long, help_heading = "The answer")]
    progress: bool,
}

/// What stands in for runs that there are not.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Before the first run")]
struct PriorArgs {
    /// Where a constant of the law may lie with 90 % probability, as in `alpha=0.3..0.4`
    #[arg(long, value_name = "NAME=LOW..HIGH")]
    prior: Vec<String>,
    /// The factor within which every other constant lies with 90 % probability [default: 1.5]
    #[arg(long, value_name = "FACTOR")]
    prior_factor: Option<f64>,
    /// How much a single run will scatter around the law [default: 1 %; with runs, what they do]
    #[arg(long, value_name = "SHARE")]
    noise: Option<String>,
}

/// What to learn, and for how much.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The question")]
struct GoalArgs {
    /// FLOP for all runs, each counted as 6 N D; or money, device-hours or time on a machine, as
    /// `isoflop plan` reads them
    #[arg(long, value_name = "BUDGET")]
    budget: String,
    /// What to learn
    #[arg(long, value_name = "GOAL", default_value = "loss")]
    goal: GoalKind,
    /// A budget in FLOP, whose best run is meant, or a run as in `N=7B,D=2T`
    #[arg(long, value_name = "FLOP|N,D", required_unless_present = "against")]
    target: Option<String>,
    /// The law to tell apart from the one that is fitted; implies --goal choice
    #[arg(long, value_name = "LAW")]
    against: Option<String>,
    /// In how many batches to spend the budget, equal shares each
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    batches: usize,
    /// How far the law may bend away from the truth per squared decade of N and D; 0 % trusts it
    /// [default: 1 %, or half of the backtest's error per decade if that is more]
    #[arg(long, value_name = "SHARE")]
    bend: Option<String>,
    /// The law's variables other than N and D, as in `U=100B`
    #[arg(long, value_name = "SETTING")]
    given: Option<String>,
    /// Budgets and sizes of the IsoFLOP grid to compare with
    #[arg(long, value_name = "BUDGETSxSIZES", default_value = "4x5")]
    grid: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GoalKind {
    /// What the law gives for the target: a run, or the best run of a budget
    Loss,
    /// N*, the best size for a budget
    Size,
    /// Which of two laws is true
    Choice,
}

/// Everything that was computed.
pub(crate) struct Answer<'a> {
    pub(crate) args: &'a NextArgs,
    pub(crate) question: &'a Question,
    pub(crate) known: &'a Knowledge,
    pub(crate) rival: Option<&'a Knowledge>,
    pub(crate) observations: Option<&'a Observations>,
    pub(crate) prior: &'a Prior,
    pub(crate) family: Option<&'a Family>,
    pub(crate) design: &'a Design,
    /// Why the bend is what it is.
    pub(crate) bend_from: BendFrom,
    /// How a budget that was not in FLOP became one.
    pub(crate) converted: Option<String>,
}

/// Where the bend comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BendFrom {
    Asked,
    Default,
    Backtest,
}

/// Designs, reports to `out` and writes the files that were asked for.
///
/// # Errors
/// Input that cannot be read or fitted, limits that leave no run, files that are there already.
pub(crate) fn run(args: &NextArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    text::say(out, &respond(args, terminal_plot::width())?)?;
    Ok(Outcome::Done)
}

/// The answer, in lines of about `width` characters; files are written.
fn respond(args: &NextArgs, width: usize) -> Result<String, Diagnostic> {
    args.check()?;
    args.files.check()?;
    let prior = args.prior.prior(args)?;
    let measured = if args.rows.given { Some(Measured::new(args)?) } else { None };
    let (known, rival) = match &measured {
        Some(measured) => measured.knowledge(args)?,
        None => (Knowledge::of_prior(&args.published()?, &prior)?, None),
    };
    let law = &known.law;
    let family = args.files.family(measured.as_ref().map(|measured| &measured.observations))?;
    let (bend, bend_from) = args.bend(measured.as_ref().map(|measured| &measured.fit))?;
    let (budget, converted) = quantity::compute(&args.goal.budget, "--budget")?;
    let given = args.goal.given.as_deref().map(|text| setting(text, law, "--given"));
    let question = Question {
        goal: args.goal(law)?,
        budget,
        batches: args.goal.batches,
        runs: args.limits.max_runs,
        repeats: args.limits.repeats,
        bend,
        limits: args.limits.limits(
            &known,
            budget / args.goal.batches.max(1) as f64,
            family.as_ref(),
        )?,
        candidates: args.limits.candidates,
        grid: grid(&args.goal.grid)?,
        given: given.transpose()?.unwrap_or_default(),
        level: args.level,
    };
    let shown = progress::Work::new("looking for runs".to_owned(), None, args.progress);
    let found = design(&known, rival.as_ref(), &question)?;
    drop(shown);
    let answer = Answer {
        args,
        question: &question,
        known: &known,
        rival: rival.as_ref(),
        observations: measured.as_ref().map(|measured| &measured.observations),
        prior: &prior,
        family: family.as_ref(),
        design: &found,
        bend_from,
        converted,
    };
    let written = args.files.write(&answer)?;
    if args.json {
        return Ok(format!("{:#}\n", json::json_of(&answer)));
    }
    let mut text = show::for_people(&answer, width);
    if !args.no_plot {
        text.push('\n');
        text.push_str(&show::plot(&answer).render(width, 16));
    }
    for line in written {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

impl NextArgs {
    fn check(&self) -> Result<(), Diagnostic> {
        if !(0.01..=0.999).contains(&self.level) {
            return Err(Diagnostic::error(format!("`--level {}` is out of range", self.level))
                .help("give a share between 0.01 and 0.999"));
        }
        if self.rows.given {
            if !self.prior.prior.is_empty() || self.prior.prior_factor.is_some() {
                return Err(Diagnostic::error("runs and a prior are both given")
                    .note("a fit to runs takes no prior")
                    .help("leave out --prior, or the runs"));
            }
            return Ok(());
        }
        for (given, option) in [
            (self.fit.is_some(), "--fit"),
            (self.goal.against.is_some(), "--against"),
            (self.goal.goal == GoalKind::Choice, "--goal choice"),
        ] {
            if given {
                return Err(Diagnostic::error(format!("`{option}` needs the runs made so far"))
                    .help("name the tables of runs: isoflop next RUNS ..."));
            }
        }
        Ok(())
    }

    /// The constants that stand in for runs.
    fn published(&self) -> Result<String, Diagnostic> {
        self.law.name().map(str::to_owned).ok_or_else(|| {
            Diagnostic::error("there are neither runs nor published constants to start from")
                .help("name tables of runs, or constants: --law besiroglu-2024")
                .help("`isoflop list laws` prints all constants")
        })
    }

    fn goal(&self, law: &Law) -> Result<Goal, Diagnostic> {
        let asked = &self.goal;
        if asked.against.is_some() || asked.goal == GoalKind::Choice {
            if asked.goal == GoalKind::Size || asked.target.is_some() {
                return Err(Diagnostic::error("a choice between laws has no target")
                    .help("leave out --target and --goal, or --against"));
            }
            return Ok(Goal::Choice);
        }
        let Some(target) = asked.target.as_deref() else {
            return Err(Diagnostic::error("`--target` is missing")
                .help("say for what: --target '1e22 FLOP', or --target N=7B,D=2T"));
        };
        let is_run = target.contains(',') || target.contains('=');
        Ok(match asked.goal {
            GoalKind::Size if is_run => {
                return Err(Diagnostic::error("the best size is that of a budget, not of a run")
                    .help("give --target in FLOP"));
            }
            GoalKind::Size => Goal::Size(Flop(quantity::flop(target, "--target")?)),
            _ if is_run => Goal::Loss(complete(setting(target, law, "--target")?, law)?),
            _ => Goal::LossAtBest(Flop(quantity::flop(target, "--target")?)),
        })
    }

    fn bend(&self, fit: Option<&Fit>) -> Result<(f64, BendFrom), Diagnostic> {
        if let Some(text) = &self.goal.bend {
            return Ok((quantity::share(text, "--bend", 0.0)?, BendFrom::Asked));
        }
        let backtest = fit.and_then(|fit| fit.backtest.as_ref());
        let found = backtest.map_or(0.0, |backtest| 0.5 * backtest.error_per_decade);
        Ok(if found > 0.01 {
            (found.min(1.0), BendFrom::Backtest)
        } else {
            (0.01, BendFrom::Default)
        })
    }
}

/// A target run needs every variable of the law.
fn complete(setting: Setting, law: &Law) -> Result<Setting, Diagnostic> {
    match law.variables.iter().find(|variable| setting.get(&variable.name).is_none()) {
        None => Ok(setting),
        Some(missing) => Err(Diagnostic::error(format!("`--target` lacks {}", missing.name))
            .help(format!("the law `{}` takes it: give a value", law.name))),
    }
}

impl PriorArgs {
    fn prior(&self, args: &NextArgs) -> Result<Prior, Diagnostic> {
        let mut prior = Prior { draws: args.bootstrap, seed: args.seed, ..Prior::default() };
        for text in &self.prior {
            let (name, ends) = bound(text).map_err(|_| {
                Diagnostic::error(format!("`--prior {text}` is not a name and a range"))
                    .help("write --prior NAME=LOW..HIGH, as in --prior alpha=0.3..0.4")
            })?;
            prior.ranges.push((name, ends));
        }
        if let Some(factor) = self.prior_factor {
            prior.factor = factor;
        }
        if let Some(noise) = &self.noise {
            prior.noise = quantity::share(noise, "--noise", 1e-6)?;
        }
        Ok(prior)
    }
}

/// `4x5`.
fn grid(text: &str) -> Result<(usize, usize), Diagnostic> {
    let side = |text: &str| number(text).filter(|x| x.fract() == 0.0 && *x >= 1.0 && *x <= 50.0);
    let sides =
        text.split_once('x').and_then(|(a, b)| Some((side(a)? as usize, side(b)? as usize)));
    sides.ok_or_else(|| {
        Diagnostic::error(format!("`--grid {text}` is no grid"))
            .help("write budgets and sizes, 1 to 50 each, as in --grid 4x5")
    })
}
