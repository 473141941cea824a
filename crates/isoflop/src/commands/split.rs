//! `isoflop split`: pre-training, RL and inference out of one budget.

use std::io::Write;
use std::path::Path;

use clap::Args;
use diagnostic::Diagnostic;
use laws::FitOptions;
use plan::Believed;
use plan::dimensions::{Aim, Capability, Curve, Dimension, Machine, Question, Split, capability};
use runs::{Flop, Tokens};

use super::plan::{file, law};
use super::{Outcome, quantity};
use crate::commands::shares::share;
use crate::{interrupt, terminal_plot, text};

pub(crate) mod json;
pub(crate) mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop split maths-rl-samples --budget \"1e24 FLOP\"
      the split that reaches most, what each choice would still bring, what half and double reach
  isoflop split maths-rl-samples --reach 0.8 --queries 1e7
      the least compute over the model's life that solves 80 % of the problems
  isoflop split aime-thinking --budget 1e25 --tokens \"15 T\" --on \"4096 h100\" --days 90
      with a stock of data and a machine: which limit binds, and what more of it would bring
  isoflop split maths-rl-samples --budget 1e24 --law fit.json --set \"rl_rate=1e18 to 3e18\"
      with a law of your own runs, all its draws, and an assumption of your own
  isoflop split my-capability.toml --budget 1e24 --json
      a capability of your own; for programs";

/// Split a budget between pre-training, RL and inference
///
/// A capability is a formula over model size N, training tokens D, RL compute, samples k and
/// tokens of thought T of a query, with what each costs; `isoflop list capabilities` prints those
/// that come with the program. The best split is sought for the best values of all assumptions and
/// for every draw of them, so that everything has an interval. All FLOP are those of the model's
/// whole life, its queries included.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct SplitArgs {
    /// A capability of the catalogue, or the path of a capability's file
    capability: String,
    /// The compute over the model's life, as `1e24 FLOP`
    #[arg(long, value_name = "FLOP", conflicts_with = "reach", required_unless_present = "reach")]
    budget: Option<String>,
    /// The capability to reach with the least compute
    #[arg(long, value_name = "VALUE")]
    reach: Option<f64>,
    /// Queries over the model's life: a number or an uncertain one [default: the capability's]
    #[arg(long, value_name = "COUNT")]
    queries: Option<String>,
    /// The stock of training tokens, as `15 T`
    #[arg(long, value_name = "TOKENS")]
    tokens: Option<String>,
    /// The accelerators, as `4096 h100`; without a number, as many as the megawatts feed
    #[arg(long, value_name = "MACHINE")]
    on: Option<String>,
    /// Days in which pre-training and RL must end
    #[arg(long, value_name = "DAYS", requires = "on")]
    days: Option<f64>,
    /// Megawatts of the facility, for training and for serving
    #[arg(long, value_name = "MW", requires = "on")]
    megawatts: Option<f64>,
    /// Days over which the queries come, evenly
    #[arg(long, value_name = "DAYS", default_value_t = 365.25)]
    serving_days: f64,
    /// A saved fit or published constants in place of a law, as `fit.json` or `rl=scalerl-32k`
    #[arg(long, value_name = "[ROLE=]LAW")]
    law: Vec<String>,
    /// Another value for an assumption, as `b_mean=0.28 to 0.34`; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// How many draws of everything uncertain; 0 for the best values alone
    #[arg(long, value_name = "COUNT", default_value_t = 4000)]
    draws: usize,
    /// The seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    level: f64,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plot
    #[arg(long)]
    no_plot: bool,
}

/// The most draws that are taken: more add nothing but time.
const MOST_DRAWS: usize = 50_000;

/// Everything that was computed.
pub(crate) struct Answer {
    pub(crate) split: Split,
    /// What as much compute reaches under all draws, where a capability was asked for.
    pub(crate) same: Option<Split>,
    pub(crate) half: Option<Split>,
    pub(crate) double: Option<Split>,
    /// With all dimensions, then with some held at their least.
    pub(crate) curves: Vec<Curve>,
    pub(crate) level: f64,
    /// How a budget that was not in FLOP became one.
    pub(crate) converted: Option<String>,
}

/// Reads, optimises and reports.
///
/// # Errors
/// What cannot be read, and questions without an answer.
pub(crate) fn run(args: &SplitArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let answer = answer(args)?;
    let mut said = if args.json {
        format!("{:#}\n", json::json(&answer))
    } else {
        show::for_people(&answer, terminal_plot::width())
    };
    if let (false, Some(words)) = (args.json, &answer.converted) {
        text::hanging(&mut said, (0, 2), words, terminal_plot::width());
    }
    if !args.json && !args.no_plot {
        said.push('\n');
        said.push_str(&show::plot(&answer).render(terminal_plot::width(), 14));
    }
    text::say(out, &said)?;
    Ok(Outcome::Done)
}

fn answer(args: &SplitArgs) -> Result<Answer, Diagnostic> {
    if !(0.01..=0.999).contains(&args.level) {
        return Err(Diagnostic::error(format!("`--level {}` is out of range", args.level))
            .help("give a share between 0.01 and 0.999"));
    }
    if args.draws > MOST_DRAWS {
        return Err(Diagnostic::error(format!("`--draws {}` is too many", args.draws))
            .help(format!("give at most {MOST_DRAWS}")));
    }
    let (question, converted) = question(args)?;
    let split = question.answer()?;
    let total = split.total.best;
    let neighbour = |factor: f64| split.at_budget(Flop(factor * total.get())).ok();
    let (half, double) = (neighbour(0.5), neighbour(2.0));
    let same = if args.reach.is_some() { neighbour(1.0) } else { None };
    let mut curves = Vec::new();
    if !args.no_plot || args.json {
        let ends = (Flop(total.get() / 100.0), Flop(total.get() * 100.0));
        for without in left_out(&split) {
            curves.push(split.curve(ends, 33, &without)?);
        }
    }
    Ok(Answer { split, same, half, double, curves, level: args.level, converted })
}

/// What a curve is drawn without: nothing, RL, more than the least a query, both.
fn left_out(split: &Split) -> Vec<Vec<Dimension>> {
    let chosen = |dimension: Dimension| {
        split.through.iter().any(|through| through.choice.dimension() == dimension)
    };
    let rl = chosen(Dimension::Rl);
    let inference = chosen(Dimension::Inference) && split.serves();
    let mut all = vec![Vec::new()];
    if rl {
        all.push(vec![Dimension::Rl]);
    }
    if inference {
        all.push(vec![Dimension::Inference]);
    }
    if rl && inference {
        all.push(vec![Dimension::Rl, Dimension::Inference]);
    }
    all
}

/// What is asked, and how a budget that was not in FLOP became one.
fn question(args: &SplitArgs) -> Result<(Question, Option<String>), Diagnostic> {
    let path = Path::new(&args.capability);
    let capability = if path.extension().is_some_and(|extension| extension == "toml") {
        Capability::read(path)?
    } else {
        capability(&args.capability)?
    };
    let mut converted = None;
    let aim = match (&args.budget, args.reach) {
        (_, Some(target)) => Aim::Reach(target),
        (Some(budget), None) => {
            let (flop, words) = quantity::compute(budget, "--budget")?;
            converted = words;
            Aim::Budget(flop)
        }
        (None, None) => {
            return Err(Diagnostic::error("say what the split is to do")
                .help("give --budget \"1e24 FLOP\", or --reach 0.8"));
        }
    };
    let mut question = Question {
        draws: args.draws,
        seed: args.seed,
        days: args.days,
        megawatts: args.megawatts,
        serving_days: args.serving_days,
        ..Question::new(capability, aim)
    };
    if let Some(tokens) = &args.tokens {
        question.tokens = Some(Tokens(quantity::positive(tokens, "--tokens", "token")?));
    }
    if let Some(on) = &args.on {
        let (count, name) = accelerators(on)?;
        question.machine = Some(Machine::catalogued(name, count)?);
    }
    if let Some(queries) = &args.queries {
        question.changes.push(("queries".to_owned(), queries.clone()));
    }
    for change in &args.set {
        let Some((name, value)) = change.split_once('=') else {
            return Err(Diagnostic::error(format!("`--set {change}` is not a name and a value"))
                .help("write --set \"NAME=VALUE\""));
        };
        question.changes.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    for asked in &args.law {
        let (role, name) = match asked.split_once('=') {
            Some((role, name)) => (Some(role.trim()), name.trim()),
            None => (None, asked.trim()),
        };
        let believed = believed(name)?;
        let role = match role {
            Some(role) if question.capability.slots.iter().any(|slot| slot.role == role) => {
                role.to_owned()
            }
            Some(role) => {
                let roles: Vec<&str> =
                    question.capability.slots.iter().map(|slot| slot.role.as_str()).collect();
                let problem = Diagnostic::error(format!("the capability has no law `{role}`"));
                return Err(problem.help(format!("its laws are {}", roles.join(", "))));
            }
            None => question.role_for(&believed.law)?,
        };
        question.laws.push((role, believed));
    }
    Ok((question, converted))
}

/// `1024 h100`, or `h100` for as many as the power feeds: a number and a name.
fn accelerators(text: &str) -> Result<(Option<f64>, &str), Diagnostic> {
    match text.trim().split_once(char::is_whitespace) {
        None => Ok((None, text.trim())),
        Some((count, name)) => Ok((Some(quantity::positive(count, "--on", "")?), name.trim())),
    }
}

/// A saved fit, a run table that is fitted first, or published constants.
pub(crate) fn believed(name: &str) -> Result<Believed, Diagnostic> {
    Ok(believed_with_scatter(name)?.0)
}

/// The same, with the spread of a fit's residuals.
pub(crate) fn believed_with_scatter(name: &str) -> Result<(Believed, Option<f64>), Diagnostic> {
    if file(name).is_none() {
        return Ok((Question::published(name)?, None));
    }
    let defaults = FitOptions::default();
    let source = law::named(name, None, defaults.level, defaults.seed)?;
    let scatter = source.fit.map(|fit| fit.spread).filter(|spread| *spread > 0.0);
    Ok((source.believed, scatter))
}
