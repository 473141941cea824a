//! `isoflop plan`: what to train with a budget.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;

use super::Outcome;
use crate::commands::shares::share;
use crate::study::Part;
use crate::{interrupt, terminal_plot, text};
use answer::Answer;
use asked::Asked;

mod answer;
mod asked;
mod chart;
mod counting;
mod figures;
mod json;
pub(crate) mod law;
mod machine;
mod serving;
mod show;
#[cfg(test)]
mod tests;
mod words;

const EXAMPLES: &str = "\
Examples:
  isoflop plan --budget '1e24 FLOP'
      under the law of Besiroglu et al. 2024, since no runs of yours are given
  isoflop fit runs.csv --out fit.json && isoflop plan --law fit.json --budget '10 M USD'
      under your own law, with its uncertainty
  isoflop plan --law runs.csv --budget '30 day on 512 H100' --mfu '35% to 45%'
      fit the runs first; MFU as a range
  isoflop plan --budget 'loss 2.1' --on '1024 H100'
      the cheapest way to a loss
  isoflop plan --budget '1e24 FLOP' --serve '10 T token' --serve-mfu 10%
      the least cost over the model's life, training and serving together
  isoflop plan --budget '1e26 FLOP' --data '15 T token'
      text that runs out is read again
  isoflop plan --budget '1e22 FLOP' --size 8B
      a size that is given: what its training is worth, and when to stop
  isoflop plan --budget '1e24 FLOP' --compare besiroglu-2024,hoffmann-2022,fit.json
      several laws side by side";

/// Say what to train with a budget: model size, tokens, loss, cost, and how sure that is
///
/// A budget is FLOP, money, device-hours, time on a machine, energy, a finish date, or a loss to
/// reach; given several, the smallest binds. Everything is computed for every draw of the law and
/// of MFU, goodput and price, so every number has its interval. FLOP are 6 N D to train and 2 N a
/// served token unless `--flop` says otherwise.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct PlanArgs {
    /// What you have, or the loss to reach: `1e24 FLOP`, `10 M USD`, `20_000 H100-hours`,
    /// `30 day on 512 H100`, `5 MW-month on GB200`, `until 2027-03-01 on 512 H100`, `loss 2.1`
    #[arg(long, value_name = "BUDGET", required = true, allow_hyphen_values = true)]
    budget: Vec<String>,
    #[command(flatten)]
    law: law::LawArgs,
    #[command(flatten)]
    limits: asked::LimitArgs,
    #[command(flatten)]
    machine: machine::MachineArgs,
    #[command(flatten)]
    counting: counting::CountArgs,
    #[command(flatten)]
    serving: serving::ServingArgs,
    #[command(flatten)]
    others: asked::OtherArgs,
    /// How many draws of prices and MFU, where the law has none of its own; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1000, help_heading = "The intervals")]
    draws: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share, help_heading = "The intervals")]
    level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0, help_heading = "The intervals")]
    seed: u64,
    /// Answer in JSON
    #[arg(long, help_heading = "The answer")]
    json: bool,
    /// Say where every assumption comes from
    #[arg(long, help_heading = "The answer")]
    sources: bool,
    /// Leave out the plot
    #[arg(long, help_heading = "The answer")]
    no_plot: bool,
}

/// Plans and reports to `out`.
///
/// # Errors
/// Words that cannot be read, laws without N and D, limits that contradict each other.
pub(crate) fn run(args: &PlanArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    text::say(out, &respond(args, terminal_plot::width())?)?;
    Ok(Outcome::Done)
}

fn respond(args: &PlanArgs, width: usize) -> Result<String, Diagnostic> {
    let (asked, answer) = answered(args)?;
    if args.json {
        return Ok(format!("{:#}\n", answer.json(&asked)));
    }
    let mut said = show::for_people(&asked, &answer, width);
    if !args.no_plot {
        said.push('\n');
        said.push_str(&chart::plot(&asked, &answer)?.render(width, 11));
    }
    Ok(said)
}

/// The answer as a part of a study's report.
pub(crate) fn part(step: &str, args: &PlanArgs) -> Result<Part, Diagnostic> {
    let (asked, answer) = answered(args)?;
    figures::part(step, &asked, &answer)
}

fn answered(args: &PlanArgs) -> Result<(Asked, Answer), Diagnostic> {
    let mut asked = Asked::new(args, None)?;
    let mut answer = Answer::new(&asked)?;
    if let Some(cluster) = &args.machine.simulate {
        // The machine's MFU hangs on the model, and the model on what the machine affords: the
        // second time the model hardly moves.
        for _ in 0..2 {
            let simulated = answer.simulated(&asked, cluster, args.machine.precision())?;
            asked = Asked::new(args, Some(&simulated))?;
            answer = Answer::new(&asked)?;
        }
    }
    Ok((asked, answer))
}

/// A file that a name stands for, if it looks like one.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    // Published constants may have a point in their name: `pythia-2.8b`.
    let published = || {
        laws::catalogue::all()
            .is_ok_and(|laws| laws.iter().any(|law| law.published(name).is_some()))
    };
    (path.exists() || path.extension().is_some() && !published()).then_some(path)
}
