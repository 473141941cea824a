//! `isoflop portfolio`: several runs out of one budget.

use std::io::Write;

use clap::{Args, Subcommand};
use diagnostic::Diagnostic;
use plan::Believed;
use plan::portfolio::{
    Bets, BetsAnswer, Effect, Family, Learn, Learned, Member, Odds, Prior, Ratio,
};
use runs::{Flop, Parameters, Tokens};

use super::{Outcome, quantity};
use crate::commands::shares::share;
use crate::{interrupt, terminal_plot, text};

mod json;
mod show;
#[cfg(test)]
mod tests;

const FAMILY_EXAMPLES: &str = "\
Examples:
  isoflop portfolio family --budget \"1e21 FLOP\" --count 6 --ratio 20 --spread 16
      six models at 20 tokens per parameter, the largest 16 times the smallest
  isoflop portfolio family --budget 1e21 --count 5 --from 100M --to 2B
      sizes between two ends; how many tokens per parameter the budget then allows
  isoflop portfolio family --budget 1e21 --count 5 --optimal --spread 1000 --law fit.json
      each compute-optimal under a law of your own, the largest with 1000 times the compute";

const BETS_EXAMPLES: &str = "\
Examples:
  isoflop portfolio bets --budget \"1e24 FLOP\" --prior \"student(3, -0.05, 0.1)\"
      how many ideas to try at which scale, when effects on effective compute have heavy tails
  isoflop portfolio bets --budget 1e24 --prior \"normal(0, 0.01)\" --effect loss --noise 0.003
      effects and noise in nats of loss
  isoflop portfolio bets --budget 1e24 --noise \"0.02 to 0.1\" --transfer \"uniform(0.7, 0.95)\"
      not sure how well small runs tell: the best number of bets has an interval";

const LEARN_EXAMPLES: &str = "\
Examples:
  isoflop portfolio learn --law fit.json --budget \"1e22 FLOP\" --runs 6 --compute 1e18
      are six more runs of 1e18 FLOP worth it before a run of 1e22 FLOP is sized?
  isoflop portfolio learn --law fit.json --budget 1e22 --run 100M,2B --run 400M,8B
      the same for runs of your own choice, N and D each";

/// Plan several runs out of one budget
///
/// A family of models, many small bets against one large run, or runs that narrow the law before
/// the large run is sized.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum PortfolioCommand {
    /// A family of models: sizes between two ends that use up the budget
    #[command(after_long_help = FAMILY_EXAMPLES, after_help = "Use --help for examples.")]
    Family(FamilyArgs),
    /// How many ideas to try, at which scale, before the large run
    ///
    /// Each idea has an effect drawn from the prior: on ln effective compute (0.1 is as good as
    /// 10.5 % more compute), or on the loss. An experiment shows it with noise, and with a
    /// correlation that falls with every decade between its scale and the large run. The idea that
    /// looks best is taken if its best linear estimate is above zero.
    #[command(after_long_help = BETS_EXAMPLES, after_help = "Use --help for examples.")]
    Bets(BetsArgs),
    /// What more runs for the law are worth before the large run is sized
    ///
    /// Waste is the share of the compute that the best size would not have needed for the same
    /// loss. The draws of the fit are the worlds that may be true; in each the runs are simulated
    /// and the size is chosen again from the draws that fit what was seen.
    #[command(after_long_help = LEARN_EXAMPLES, after_help = "Use --help for examples.")]
    Learn(LearnArgs),
}

/// What all three take.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// The compute, as `1e24 FLOP`
    #[arg(long, value_name = "FLOP")]
    budget: String,
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

#[derive(Debug, Clone, Args)]
pub(crate) struct FamilyArgs {
    #[command(flatten)]
    common: Common,
    /// A saved fit or published constants
    #[arg(long, value_name = "LAW", default_value = "besiroglu-2024")]
    law: String,
    /// How many models
    #[arg(long, value_name = "COUNT", default_value_t = 6)]
    count: usize,
    /// Tokens per parameter, the same for all
    #[arg(long, value_name = "RATIO", conflicts_with_all = ["from", "optimal"])]
    ratio: Option<f64>,
    /// How many times the largest size (the largest compute, with --optimal) is the smallest
    #[arg(long, value_name = "FACTOR", conflicts_with = "from")]
    spread: Option<f64>,
    /// The smallest size, as `100M`
    #[arg(long, value_name = "N", requires = "to", conflicts_with = "optimal")]
    from: Option<String>,
    /// The largest size
    #[arg(long, value_name = "N", requires = "from")]
    to: Option<String>,
    /// Each model compute-optimal under the law
    #[arg(long)]
    optimal: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BetsArgs {
    #[command(flatten)]
    common: Common,
    /// A saved fit or published constants: what effective compute is worth
    #[arg(long, value_name = "LAW", default_value = "besiroglu-2024")]
    law: String,
    /// What an idea's effect may be
    #[arg(long, value_name = "DISTRIBUTION", default_value = "student(3, -0.05, 0.1)")]
    prior: String,
    /// What effects are measured in
    #[arg(long, value_name = "UNIT", value_parser = ["compute", "loss"], default_value = "compute")]
    effect: String,
    /// The standard deviation of a measured effect, uncertain where wanted
    #[arg(long, value_name = "VALUE", default_value = "0.03 to 0.1")]
    noise: String,
    /// The correlation of effects a decade of compute apart, uncertain where wanted
    #[arg(long, value_name = "VALUE", default_value = "uniform(0.8, 0.95)")]
    transfer: String,
    /// The compute of one experiment [default: from 1/10 to 1/1,000,000 of the budget]
    #[arg(long, value_name = "FLOP", value_delimiter = ',')]
    scale: Vec<String>,
    /// The most ideas there are to try
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    ideas: usize,
    /// Simulated worlds
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    worlds: usize,
    /// Draws of noise and transfer, where they are uncertain
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    draws: usize,
    /// The seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LearnArgs {
    #[command(flatten)]
    common: Common,
    /// A saved fit with draws
    #[arg(long, value_name = "FIT")]
    law: String,
    /// How many runs, around the best size of their compute
    #[arg(long, value_name = "COUNT", default_value_t = 6)]
    runs: usize,
    /// The compute of each of them [default: a thousandth of the budget]
    #[arg(long, value_name = "FLOP")]
    compute: Option<String>,
    /// How many times the largest of their sizes is the smallest
    #[arg(long, value_name = "FACTOR", default_value_t = 16.0)]
    spread: f64,
    /// A run of your own choice instead, as `100M,2B`; may be given several times
    #[arg(long, value_name = "N,D")]
    run: Vec<String>,
    /// The standard deviation of ln loss between a run and the law [default: the fit's]
    #[arg(long, value_name = "VALUE")]
    scatter: Option<f64>,
    /// Worlds in which the runs are simulated
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    worlds: usize,
    /// The seed
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// A family with what ties it.
pub(crate) struct FamilyAnswer {
    pub(crate) law: Believed,
    pub(crate) family: Family,
    pub(crate) members: Vec<Member>,
}

/// Everything that was computed.
pub(crate) enum Answer {
    Family(Box<FamilyAnswer>),
    Bets(Box<(Bets, Believed, BetsAnswer)>),
    Learn(Box<(Learn, Believed, Learned)>),
}

/// Computes and reports.
///
/// # Errors
/// What cannot be read, and questions without an answer.
pub(crate) fn run(command: &PortfolioCommand, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    text::say(out, &said(command, terminal_plot::width())?)?;
    Ok(Outcome::Done)
}

fn said(command: &PortfolioCommand, width: usize) -> Result<String, Diagnostic> {
    let common = match command {
        PortfolioCommand::Family(args) => &args.common,
        PortfolioCommand::Bets(args) => &args.common,
        PortfolioCommand::Learn(args) => &args.common,
    };
    if !(0.01..=0.999).contains(&common.level) {
        return Err(Diagnostic::error(format!("`--level {}` is out of range", common.level))
            .help("give a share between 0.01 and 0.999"));
    }
    let answer = match command {
        PortfolioCommand::Family(args) => family(args)?,
        PortfolioCommand::Bets(args) => bets(args)?,
        PortfolioCommand::Learn(args) => learn(args)?,
    };
    if common.json {
        return Ok(format!("{:#}\n", json::json(&answer, common.level)));
    }
    let mut said = show::for_people(&answer, common.level, width);
    if let Some(words) = quantity::compute(&common.budget, "--budget")?.1 {
        text::hanging(&mut said, (0, 2), &words, width);
    }
    if !common.no_plot {
        said.push('\n');
        said.push_str(&show::plot(&answer, common.level).render(width, 14));
    }
    Ok(said)
}

fn budget(common: &Common) -> Result<Flop, Diagnostic> {
    Ok(quantity::compute(&common.budget, "--budget")?.0)
}

fn family(args: &FamilyArgs) -> Result<Answer, Diagnostic> {
    let law = super::split::believed(&args.law)?;
    let ratio = match (&args.from, &args.to) {
        (Some(from), Some(to)) => Ratio::Sizes {
            from: Parameters(quantity::positive(from, "--from", "param")?),
            to: Parameters(quantity::positive(to, "--to", "param")?),
        },
        _ if args.optimal => Ratio::Optimal { spread: args.spread.unwrap_or(100.0) },
        _ => Ratio::Tokens {
            per_parameter: args.ratio.unwrap_or(20.0),
            spread: args.spread.unwrap_or(10.0),
        },
    };
    let family = Family { budget: budget(&args.common)?, count: args.count, ratio };
    let members = family.members(&law)?;
    Ok(Answer::Family(Box::new(FamilyAnswer { law, family, members })))
}

fn bets(args: &BetsArgs) -> Result<Answer, Diagnostic> {
    let law = super::split::believed(&args.law)?;
    let budget = budget(&args.common)?;
    if args.draws > 10_000 {
        return Err(Diagnostic::error(format!("`--draws {}` is too many", args.draws))
            .help("give at most 10,000"));
    }
    let scales = if args.scale.is_empty() {
        Bets::usual_scales(budget)
    } else {
        let read = |text: &String| Ok(Flop(quantity::positive(text, "--scale", "FLOP")?));
        args.scale.iter().map(read).collect::<Result<_, Diagnostic>>()?
    };
    let bets = Bets {
        budget,
        prior: Prior::parse("--prior", &args.prior)?,
        effect: if args.effect == "loss" { Effect::Loss } else { Effect::Compute },
        odds: Odds::parse(&args.noise, &args.transfer, args.draws, args.seed)?,
        scales,
        ideas: args.ideas,
        worlds: args.worlds,
        seed: args.seed,
    };
    let answer = bets.answer(&law)?;
    Ok(Answer::Bets(Box::new((bets, law, answer))))
}

fn learn(args: &LearnArgs) -> Result<Answer, Diagnostic> {
    let (law, fitted) = super::split::believed_with_scatter(&args.law)?;
    let budget = budget(&args.common)?;
    let runs = if args.run.is_empty() {
        let compute = match &args.compute {
            Some(compute) => quantity::positive(compute, "--compute", "FLOP")?,
            None => budget.get() * 1e-3,
        };
        Learn::profile(&law, Flop(compute), args.runs, args.spread)?
    } else {
        let read = |text: &String| {
            let Some((n, d)) = text.split_once(',') else {
                return Err(Diagnostic::error(format!("`--run {text}` is not a size and tokens"))
                    .help("write --run N,D, as in --run 100M,2B"));
            };
            Ok((
                Parameters(quantity::positive(n, "--run", "param")?),
                Tokens(quantity::positive(d, "--run", "token")?),
            ))
        };
        args.run.iter().map(read).collect::<Result<_, Diagnostic>>()?
    };
    let Some(scatter) = args.scatter.or(fitted) else {
        return Err(Diagnostic::error("how far do runs lie from the law?")
            .help("give the standard deviation of ln loss, as in --scatter 0.005"));
    };
    let learn = Learn { budget, runs, scatter, worlds: args.worlds, seed: args.seed };
    let learned = learn.answer(&law)?;
    Ok(Answer::Learn(Box::new((learn, law, learned))))
}
