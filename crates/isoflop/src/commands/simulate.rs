//! `isoflop simulate`: what a machine delivers in training a model.

use std::io::Write;

use clap::Args;
use diagnostic::Diagnostic;
use machines::Cluster;

use super::Outcome;
use crate::progress::Work;
use crate::study::Part;
use crate::{interrupt, terminal_plot, text};
use answer::Answer;
use asked::Asked;

mod answer;
mod asked;
mod costs;
mod figures;
mod gigawatt;
mod json;
mod layout;
mod learned;
mod machine;
mod played;
mod run;
mod show;
mod swarm;
#[cfg(test)]
mod tests;
mod unlike;
mod words;

const EXAMPLES: &str = "\
Examples:
  isoflop simulate dgx-h100 --model llama3-8b
      the best layout of a model on a cluster of the catalogue, and where its step goes
  isoflop simulate --on '512 H100' --model llama3-70b --batch '4 M token' --search
      on so many accelerators; with the runners-up
  isoflop simulate eos --model gpt3-175b --tp 8 --pp 8 --virtual 4 --batch '1536 sequences'
      one layout of your own
  isoflop simulate my-cluster.toml --model my-model.toml --tokens '15 T'
      files of your own; days, money and energy of a whole run
  isoflop simulate llama3-24k --model llama3-70b --loss 1.95 --law besiroglu-2024
      days, money and energy to a loss
  isoflop simulate eos --model gpt3-175b --tp 8 --pp 8 --events --slow-hosts 0.01 --jitter 0.05
      the step event by event: who waits for whom, with slow hosts and passes that vary
  isoflop simulate ten-gigawatt-ring --model llama3-405b --batch '64 M token'
      several sites with fibre between them
  isoflop simulate --power '1 GW' --accelerator gb200 --model llama3-405b --batch '64 M token'
      what a facility's power delivers, over 10^4 to 10^6 accelerators
  isoflop simulate homes-1000 --time '90 day'
      the least loss that a thousand homes reach in 90 days, with the best design, its traffic,
      cost and energy, and how far behind a campus that is
  isoflop simulate covenant --loss 2.0 --scheme sparse --size 72B --inner-steps 30
      a design of somebody else's
  isoflop simulate intellect-1 --swarm --loss 2.2 --events
      sites with a network between them as peers; play the rounds as events too";

/// Simulate a training step, or a swarm on the internet: time, traffic, memory, power, cost
///
/// A cluster of peers, or any with --swarm, is a swarm: its answer is the time, traffic, cost and
/// energy to a loss, and how far behind a campus that is.
///
/// Without a layout, every layout is tried and the quickest that fits the memory is shown. Times
/// are closed forms over one set of constants per accelerator, never fitted to a row; `--flop`
/// names what MFU counts, always of the dense bf16 peak.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    machine: machine::MachineArgs,
    #[command(flatten)]
    training: asked::TrainingArgs,
    #[command(flatten)]
    layout: layout::LayoutArgs,
    #[command(flatten)]
    run: run::RunArgs,
    #[command(flatten)]
    swarm: swarm::SwarmArgs,
    /// Answer in JSON
    #[arg(long, help_heading = "The answer")]
    json: bool,
    /// Leave out the plot
    #[arg(long, help_heading = "The answer")]
    no_plot: bool,
}

/// Simulates and reports to `out`.
///
/// # Errors
/// Names that the catalogue does not hold, files that cannot be read, layouts that do not divide,
/// and models that do not fit.
pub(crate) fn run(args: &SimulateArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    if args.machine.cluster.as_deref() == Some("-") && args.training.model.as_deref() == Some("-") {
        return Err(Diagnostic::error("the standard input cannot be both cluster and model")
            .help("save one of them to a file"));
    }
    let work = Work::new("trying layouts".to_owned(), None, false);
    let said = respond(args, terminal_plot::width());
    drop(work);
    text::say(out, &said?)?;
    Ok(Outcome::Done)
}

fn respond(args: &SimulateArgs, width: usize) -> Result<String, Diagnostic> {
    if args.machine.power.is_some() || args.machine.scale {
        return gigawatt::respond(args, width);
    }
    let cluster = args.machine.cluster()?;
    if args.swarm.swarm || !cluster.peers.is_empty() {
        let shown = swarm::Shown { json: args.json, plot: !args.no_plot, width };
        let model = args.training.named()?;
        return swarm::respond(&cluster, &args.swarm, model.as_ref(), shown);
    }
    if asked::like_sites(&cluster).is_err() && cluster.wan.is_some() {
        return unlike::respond(args, &cluster, width);
    }
    let (asked, answer) = quickest(args, cluster)?;
    Ok(if args.json {
        format!("{:#}\n", json::of(&asked, &answer))
    } else {
        let mut said = show::for_people(&asked, &answer, width);
        if let Some(played) = answer.played.as_ref().filter(|_| !args.no_plot) {
            said.push('\n');
            said.push_str(&played::drawn(played, width));
        }
        said
    })
}

/// The answer as a part of a study's report; `step` names its live program.
pub(crate) fn part(step: &str, args: &SimulateArgs) -> Result<Part, Diagnostic> {
    if args.machine.power.is_some() || args.machine.scale {
        return gigawatt::part(args);
    }
    let cluster = args.machine.cluster()?;
    if args.swarm.swarm || !cluster.peers.is_empty() {
        return swarm::part(&cluster, &args.swarm, args.training.named()?.as_ref());
    }
    let (asked, answer) = quickest(args, cluster)?;
    figures::of_step(step, &asked, &answer)
}

/// All accelerators, or a few less that divide better: what trains quicker.
fn quickest(args: &SimulateArgs, cluster: Cluster) -> Result<(Asked, Answer), Diagnostic> {
    let asked = Asked::new(args, cluster)?;
    let answer = Answer::new(&asked);
    if let Some(sparing) = asked.sparing(args)?
        && let Ok(other) = Answer::new(&sparing)
    {
        let rate = |answer: &Answer| answer.over_days.tokens_per_second;
        if answer.as_ref().map_or(true, |answer| rate(answer) < rate(&other)) {
            return Ok((sparing, other));
        }
    }
    Ok((asked, answer?))
}
