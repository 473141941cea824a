//! `isoflop simulate CLUSTER --swarm`: training over the internet.

use crate::commands::shares::share;
use crate::study::Part;
use clap::Args;
use diagnostic::Diagnostic;
use laws::{Fit, Setting};
use machines::swarm::link::Congestion;
use machines::swarm::round::Exchange;
use machines::{Cluster, Model};
use plan::Believed;
use plan::swarm::{Family, Goal, Peers, Space, SwarmPlan, SwarmQuestion, bandwidth, time};

use crate::commands::fit::amount;

mod chart;
mod claims;
mod figures;
mod json;
mod short;
mod show;
#[cfg(test)]
mod tests;
mod ways;
mod words;

/// What is asked of a swarm.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The swarm")]
pub(crate) struct SwarmArgs {
    /// Take sites with a network between them as peers, as clusters of peers are anyway
    #[arg(long)]
    pub(super) swarm: bool,
    /// The loss to reach
    #[arg(long, value_name = "LOSS", conflicts_with = "time")]
    pub(super) loss: Option<f64>,
    /// The time in which to reach the least loss [default: 90 day]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    time: Option<String>,
    /// The model's size, as in `8B` [default: the best]
    #[arg(long, value_name = "PARAMETERS")]
    size: Option<String>,
    /// Published constants of a law of N and D, or a fit saved as .json
    #[arg(long, value_name = "ID|FIT", default_value = "besiroglu-2024")]
    pub(super) law: String,
    /// A variable of the law beside N and D, as in `width=1024`
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) given: Vec<String>,
    /// The campus to compare with
    #[arg(long, value_name = "CLUSTER", default_value = "llama3-24k")]
    campus: String,
    /// The longest time that counts as practical
    #[arg(long, value_name = "TIME", default_value = "1 yr", allow_hyphen_values = true)]
    patience: String,
    /// Only designs of this kind
    #[arg(long, value_name = "KIND")]
    scheme: Option<SchemeArg>,
    /// Only designs with so many inner steps between sums, H
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    inner_steps: Option<u32>,
    /// Only designs with this compression of updates: fp32, bf16, int8, fp4, sparse, dct-sign
    #[arg(long, value_name = "NAME")]
    compression: Option<String>,
    /// Only designs that spread a model over so many peers
    #[arg(long, value_name = "PEERS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    stages: Option<u32>,
    /// The line of every peer up, as in `20 Mbit/s` [default: the cluster's]
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    up: Option<String>,
    /// And down
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    down: Option<String>,
    /// To another peer and back, as in `40 ms`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    round_trip: Option<String>,
    /// The share of packets that every line loses at random [default: the cluster's]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    packet_loss: Option<f64>,
    /// How senders avoid congestion
    #[arg(long, value_name = "KIND", default_value = "bbr")]
    congestion: CongestionArg,
    /// The line, each way, of a server that could sum for all, as in `10 Gbit/s` [default: none]
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    aggregator: Option<String>,
    /// Only designs whose updates travel so [default: the quickest way]
    #[arg(long, value_name = "WAY")]
    exchange: Option<ExchangeArg>,
    /// The share of peers that send harmful updates
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_hyphen_values = true)]
    adversaries: f64,
    /// The share of updates that others compute again to find them
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_hyphen_values = true)]
    audit: f64,
    /// Play so many rounds as events too, and say how far they are from the closed form; on a
    /// cluster, the step
    #[arg(long, value_name = "ROUNDS", num_args = 0..=1, default_missing_value = "1000",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) events: Option<u32>,
    /// Draws of what is uncertain, where the law has none of its own
    #[arg(long, value_name = "COUNT", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(0..=10_000))]
    draws: u32,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    pub(super) level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Say where every assumption comes from, and what nobody has measured
    #[arg(long)]
    sources: bool,
}

/// Kinds of designs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SchemeArg {
    /// Gradients summed after every step
    DataParallel,
    /// Updates summed every H steps
    Diloco,
    /// In fragments that travel while others compute
    Streaming,
    /// Sparse updates that everybody fetches
    Sparse,
    /// Pipelines through several peers
    Pipelines,
}

/// Congestion control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CongestionArg {
    /// Takes no notice of random loss
    Bbr,
    /// Linux's usual one
    Cubic,
    /// Halves its window at each loss
    Reno,
}

impl From<CongestionArg> for Congestion {
    fn from(asked: CongestionArg) -> Self {
        match asked {
            CongestionArg::Bbr => Self::Bbr,
            CongestionArg::Cubic => Self::Cubic,
            CongestionArg::Reno => Self::Reno,
        }
    }
}

/// Ways for updates to travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ExchangeArg {
    /// Each peer sums the share that suits its line
    Shares,
    /// Around a ring of all peers
    Ring,
    /// Pairs of peers sum, so that each sum is made twice
    Butterfly,
    /// Everybody fetches everybody's update
    AllGather,
    /// A server sums for all: with --aggregator
    Aggregator,
}

impl From<ExchangeArg> for Exchange {
    fn from(asked: ExchangeArg) -> Self {
        match asked {
            ExchangeArg::Shares => Self::Shares,
            ExchangeArg::Ring => Self::Ring,
            ExchangeArg::Butterfly => Self::Butterfly,
            ExchangeArg::AllGather => Self::AllGather,
            ExchangeArg::Aggregator => Self::Aggregator,
        }
    }
}

impl From<SchemeArg> for Family {
    fn from(asked: SchemeArg) -> Self {
        match asked {
            SchemeArg::DataParallel => Self::DataParallel,
            SchemeArg::Diloco => Self::DiLoCo,
            SchemeArg::Streaming => Self::Streaming,
            SchemeArg::Sparse => Self::Sparse,
            SchemeArg::Pipelines => Self::Pipeline,
        }
    }
}

/// How the answer is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) json: bool,
    pub(super) plot: bool,
    pub(super) width: usize,
}

/// The answer with what was asked.
struct Answer {
    question: SwarmQuestion,
    plan: SwarmPlan,
    level: f64,
    /// Rounds played as events, and tokens a second that counted there.
    played: Option<(u32, f64)>,
    claims: Vec<forecast::Claim>,
}

/// The answer of a swarm. Of a `model` that is named the size counts.
///
/// # Errors
/// Clusters without peers, words that cannot be read, and losses that no design reaches.
pub(super) fn respond(
    cluster: &Cluster,
    args: &SwarmArgs,
    model: Option<&Model>,
    shown: Shown,
) -> Result<String, Diagnostic> {
    let answer = Answer::new(cluster, args, model)?;
    if shown.json {
        return Ok(format!("{:#}\n", json::of(&answer, args.seed)));
    }
    let mut said = show::for_people(&answer, args.sources, shown.width);
    if shown.plot {
        said.push('\n');
        said.push_str(&chart::plot(&answer).render(shown.width, 14));
    }
    Ok(said)
}

/// The answer as a part of a study's report.
pub(super) fn part(
    cluster: &Cluster,
    args: &SwarmArgs,
    model: Option<&Model>,
) -> Result<Part, Diagnostic> {
    Ok(figures::part(&Answer::new(cluster, args, model)?, args.seed))
}

impl Answer {
    fn new(cluster: &Cluster, args: &SwarmArgs, model: Option<&Model>) -> Result<Self, Diagnostic> {
        if !(0.01..=0.999).contains(&args.level) {
            let message = format!("`--level {}` is out of range", args.level);
            return Err(Diagnostic::error(message).help("give a share between 0.01 and 0.999"));
        }
        let lines = (args.up.as_deref(), args.down.as_deref(), args.round_trip.as_deref());
        let mut peers = Peers::of(cluster)?.with_lines(lines.0, lines.1, lines.2)?;
        if let Some(share) = args.packet_loss {
            peers = peers.with_packet_loss(share)?;
        }
        peers.congestion = args.congestion.into();
        let server = args.aggregator.as_ref().map(|text| bandwidth("--aggregator", text));
        peers.aggregator = server.transpose()?;
        if args.exchange == Some(ExchangeArg::Aggregator) && peers.aggregator.is_none() {
            return Err(Diagnostic::error("an aggregator needs a server with a line")
                .help("give its line: `--aggregator '10 Gbit/s'`"));
        }
        let goal = match (args.loss, &args.time) {
            (Some(loss), _) => Goal::Loss(loss),
            (None, Some(text)) => Goal::Time(time("--time", text)?),
            (None, None) => Goal::Time(time("--time", "90 day")?),
        };
        let size = match (&args.size, model) {
            (Some(_), Some(_)) => {
                return Err(Diagnostic::error("--model and --size contradict each other")
                    .help("of a swarm's model only the size counts: leave one of them out"));
            }
            (Some(text), None) => Some(plan::amount::parameters("--size", text)?),
            (None, model) => model.map(Model::parameters),
        };
        let mut given = Setting::new();
        for text in &args.given {
            let (name, value) = amount::named(text, "--given")?;
            given = given.with(name, amount::positive(value, "--given")?);
        }
        let question = SwarmQuestion {
            peers,
            believed: believed(&args.law)?,
            given,
            goal,
            size,
            space: Space {
                steps: args.inner_steps,
                compression: args.compression.clone(),
                stages: args.stages,
                family: args.scheme.map(Family::from),
                exchange: args.exchange.map(Exchange::from),
                ..Space::default()
            },
            adversaries: args.adversaries,
            audit: args.audit,
            campus: Some(args.campus.clone()),
            patience: time("--patience", &args.patience)?,
            seed: args.seed,
            draws: args.draws as usize,
        };
        let plan = question.answer()?;
        let played = match args.events {
            Some(rounds) => {
                let played = plan.play(rounds, args.seed)?;
                Some((rounds, played.tokens.get() / played.time.get()))
            }
            None => None,
        };
        let claims = claims::about(&question.peers.name)?;
        Ok(Self { question, plan, level: args.level, played, claims })
    }
}

/// Published constants, or a fit.
pub(super) fn believed(name: &str) -> Result<Believed, Diagnostic> {
    let path = std::path::Path::new(name);
    if path.extension().is_none_or(|extension| extension != "json") {
        return Believed::published(name);
    }
    let text = std::fs::read_to_string(path).map_err(|problem| {
        Diagnostic::error(format!("cannot read `{name}`: {problem}"))
            .help("name a fit saved with `isoflop fit RUNS --out FIT.json`")
    })?;
    Ok(Believed::fitted(name, &Fit::from_json(name, &text)?, None))
}
