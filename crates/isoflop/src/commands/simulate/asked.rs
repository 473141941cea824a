//! What is asked, resolved: machine, model, batch, what may vary.

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use machines::events::{Played, Unlike};
use machines::{
    Batch, Cluster, FlopConvention, Layout, Machine, Model, Precision, Site, Space, Stack, Usd,
};
use runs::Tokens;

use super::machine::{self, is_file, read};
use super::run::{HOST, Run};
use super::{SimulateArgs, layout, learned};

/// What is trained, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The training")]
pub(super) struct TrainingArgs {
    /// The model: of the catalogue (`isoflop list models`), or the path of a model's file; a swarm's
    /// is chosen, or has a --size
    #[arg(long, value_name = "MODEL")]
    pub(super) model: Option<String>,
    /// A step's batch: `4 M token` (within an eighth, so that it divides), or `512 sequences`
    /// (exactly) [default: 4 M tokens, or a sequence per eight accelerators if that is more]
    #[arg(long, value_name = "BATCH", allow_hyphen_values = true)]
    pub(super) batch: Option<String>,
    /// Tokens per sequence [default: the model's]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) context: Option<u32>,
    /// The precision of the linear layers
    #[arg(long, value_name = "PRECISION", value_enum, default_value_t = PrecisionArg::Bf16)]
    precision: PrecisionArg,
    /// Which FLOP MFU counts: 6 N D, with causal attention, or with attention in full
    #[arg(long, value_name = "COUNT", value_enum, default_value_t = FlopArg::Causal)]
    flop: FlopArg,
    /// What the software does: everything fused and overlapped, or nothing
    #[arg(long, value_name = "YEAR", value_enum, default_value_t = StackArg::Modern)]
    stack: StackArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionArg {
    Fp32,
    Bf16,
    Fp8,
    Fp4,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FlopArg {
    #[value(name = "6nd")]
    SixNd,
    Causal,
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StackArg {
    /// As frameworks of 2025
    Modern,
    /// As frameworks of 2021
    Early,
}

/// A batch as people say it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum BatchAsked {
    /// So many sequences, exactly.
    Sequences(u32),
    /// So many tokens, within an eighth.
    Tokens(Tokens),
    /// Nothing said.
    Open,
}

/// A batch where none is stated: Llama 3 405B began with 4 M tokens, and later had a sequence of
/// 8,192 tokens per eight accelerators (arXiv:2407.21783, section 3.4.1).
const FIRST_BATCH: f64 = 4_194_304.0;
const ACCELERATORS_PER_SEQUENCE: f64 = 8.0;

impl TrainingArgs {
    pub(super) fn model(&self) -> Result<Model, Diagnostic> {
        self.named()?.ok_or_else(|| {
            Diagnostic::error("no model is named")
                .help("name one: `--model llama3-8b`; `isoflop list models` prints them")
        })
    }

    /// The model, where one is named.
    pub(super) fn named(&self) -> Result<Option<Model>, Diagnostic> {
        let Some(model) = &self.model else { return Ok(None) };
        if is_file(model) {
            let (origin, text) = read(model)?;
            return Model::from_toml(&origin, &text).map(Some);
        }
        machines::model(model).map(Some)
    }

    pub(super) fn precision(&self) -> Precision {
        match self.precision {
            PrecisionArg::Fp32 => Precision::Fp32,
            PrecisionArg::Bf16 => Precision::Bf16,
            PrecisionArg::Fp8 => Precision::Fp8,
            PrecisionArg::Fp4 => Precision::Fp4,
        }
    }

    pub(super) fn convention(&self) -> FlopConvention {
        match self.flop {
            FlopArg::SixNd => FlopConvention::SixNd,
            FlopArg::Causal => FlopConvention::CausalAttention,
            FlopArg::Full => FlopConvention::FullAttention,
        }
    }

    pub(super) fn stack(&self) -> Stack {
        match self.stack {
            StackArg::Modern => Stack::MODERN,
            StackArg::Early => Stack::EARLY,
        }
    }

    pub(super) fn batch(&self) -> Result<BatchAsked, Diagnostic> {
        let Some(text) = &self.batch else { return Ok(BatchAsked::Open) };
        let words = text.trim();
        let number = words.strip_suffix("sequences").or_else(|| words.strip_suffix("sequence"));
        let Some(number) = number else {
            let tokens = plan::amount::tokens("--batch", words, 0, 0)?;
            return Ok(BatchAsked::Tokens(tokens.best));
        };
        let number = number.trim().replace(['_', ','], "");
        match number.parse::<u32>() {
            Ok(sequences) if sequences > 0 => Ok(BatchAsked::Sequences(sequences)),
            _ => Err(Diagnostic::error(format!(
                "expected a whole number of sequences, at least one, found `{words}`"
            ))
            .help("for example `--batch \"512 sequences\"`, or `--batch \"4 M token\"`")),
        }
    }
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) cluster: Cluster,
    /// One of its like sites.
    pub(super) site: Site,
    /// That site's accelerators.
    pub(super) machine: Machine,
    pub(super) model: Model,
    /// Accelerators of the site that stand by.
    pub(super) spare: u32,
    /// Batches of one site to try.
    pub(super) batches: Vec<Batch>,
    pub(super) batch: BatchAsked,
    pub(super) convention: FlopConvention,
    pub(super) stack: Stack,
    /// The layout that is asked for; `None` to search.
    pub(super) layout: Option<Layout>,
    pub(super) space: Space,
    /// Whether the runners-up are to be shown.
    pub(super) with_search: bool,
    pub(super) run: Run,
    pub(super) every: u32,
    pub(super) exchange_bytes: f64,
    pub(super) cover: f64,
    /// What makes ranks unlike, if the step is to be played event by event.
    pub(super) unlike: Option<Unlike>,
    /// The loss to reach and the law that says when, if asked for.
    pub(super) goal: Option<learned::Goal>,
}

impl Asked {
    pub(super) fn new(args: &SimulateArgs, cluster: Cluster) -> Result<Self, Diagnostic> {
        let model = args.training.model()?;
        let site = like_sites(&cluster)?.clone();
        let precision = args.training.precision();
        let machine = Machine::of_site(&site, precision)?;
        let batch = args.training.batch()?;
        let sequence = args.training.context.unwrap_or(model.sequence);
        let layout = args.layout.one(machine.accelerators)?;
        let sites = cluster.sites.len() as u32;
        let batches = batches(batch, sequence, machine.accelerators, sites, layout.as_ref())?;
        let run = args.run.read(&model, &site)?;
        let unlike = args.swarm.events.map(|_| Unlike {
            slow: run.stragglers,
            host: HOST,
            jitter: args.run.jitter,
            seed: args.swarm.seed,
        });
        if unlike.is_none() && args.run.jitter != 0.0 {
            return Err(Diagnostic::error(
                "--jitter varies passes, which are played with --events",
            )
            .help("add --events, or leave --jitter out"));
        }
        Ok(Self {
            goal: learned::Goal::of(args, &model, run.tokens)?,
            run,
            unlike,
            every: args.run.every,
            exchange_bytes: args.run.exchange_bytes,
            cover: args.run.cover,
            space: args.layout.space(),
            with_search: args.layout.search.is_some(),
            convention: args.training.convention(),
            stack: args.training.stack(),
            spare: 0,
            cluster,
            site,
            machine,
            model,
            batches,
            batch,
            layout,
        })
    }

    /// The tokens of a step of all sites.
    pub(super) fn whole_batch(
        args: &SimulateArgs,
        cluster: &Cluster,
    ) -> Result<Tokens, Diagnostic> {
        let model = args.training.model()?;
        let sequence = f64::from(args.training.context.unwrap_or(model.sequence));
        Ok(match args.training.batch()? {
            BatchAsked::Sequences(sequences) => Tokens(f64::from(sequences) * sequence),
            BatchAsked::Tokens(tokens) => tokens,
            BatchAsked::Open => {
                let all =
                    cluster.sites.iter().map(|site| f64::from(site.accelerators)).sum::<f64>();
                Tokens(FIRST_BATCH.max(all / ACCELERATORS_PER_SEQUENCE * sequence))
            }
        })
    }

    /// The same where some of each site's accelerators stand by, so that layouts divide better;
    /// `None` where that would change nothing or a layout is asked for.
    pub(super) fn sparing(&self, args: &SimulateArgs) -> Result<Option<Self>, Diagnostic> {
        let count = machine::usable(self.machine.accelerators, machine::domain(&self.site));
        if self.layout.is_some() || count == self.machine.accelerators {
            return Ok(None);
        }
        let mut cluster = self.cluster.clone();
        for site in &mut cluster.sites {
            site.accelerators = count;
        }
        let spare = self.machine.accelerators - count;
        Ok(Some(Self { spare, ..Self::new(args, cluster)? }))
    }

    /// One site's step event by event, if that is asked for.
    pub(super) fn played(
        &self,
        batch: Batch,
        layout: &Layout,
    ) -> Result<Option<Played>, Diagnostic> {
        let play = |unlike: &Unlike| {
            machines::events::play(&self.machine, &self.model, batch, layout, &self.stack, unlike)
        };
        self.unlike.as_ref().map(play).transpose()
    }

    /// What the run comes to under a law, if that is asked for.
    pub(super) fn learned(&self) -> Result<Option<learned::Learned>, Diagnostic> {
        self.goal.as_ref().map(|goal| goal.learned(&self.model)).transpose()
    }

    pub(super) fn sites(&self) -> u32 {
        self.cluster.sites.len() as u32
    }

    /// Accelerators of all sites.
    pub(super) fn accelerators(&self) -> u32 {
        self.machine.accelerators.saturating_mul(self.sites())
    }

    /// Money for a second of the whole machine, if a price is known.
    pub(super) fn money_per_second(&self) -> Option<Usd> {
        let (hourly, _) = self.run.price.as_ref().ok()?;
        let owned =
            f64::from(self.accelerators()) + f64::from(self.spare) * f64::from(self.sites());
        Some(*hourly * (owned / 3600.0))
    }

    /// The batch of all sites together, from that of one.
    pub(super) fn whole(&self, batch: Batch) -> Batch {
        Batch { sequences: batch.sequences.saturating_mul(self.sites()), ..batch }
    }

    /// The problem of a layout that does not fit.
    pub(super) fn refused(&self, misfit: machines::Misfit, batch: Batch, l: &Layout) -> Diagnostic {
        layout::refused(misfit, l, &self.machine, &self.model, batch)
    }
}

/// The first site, if the others are like it.
pub(super) fn like_sites(cluster: &Cluster) -> Result<&Site, Diagnostic> {
    let Some((first, rest)) = cluster.sites.split_first() else {
        return Err(Diagnostic::error(format!("`{}` has no site", cluster.name)));
    };
    let like = |site: &&Site| Site { name: first.name.clone(), ..(*site).clone() } == *first;
    match rest.iter().find(|site| !like(site)) {
        None => Ok(first),
        Some(other) => Err(Diagnostic::error(format!(
            "sites `{}` and `{}` of `{}` are unlike",
            first.name, other.name, cluster.name
        ))
        .note("one step of unlike sites waits for the slowest")
        .help("give all sites the same accelerators and fabric")),
    }
}

/// Batches of one site.
fn batches(
    asked: BatchAsked,
    sequence: u32,
    accelerators: u32,
    sites: u32,
    layout: Option<&Layout>,
) -> Result<Vec<Batch>, Diagnostic> {
    let tokens = match asked {
        BatchAsked::Sequences(sequences) if sequences.is_multiple_of(sites) => {
            return Ok(vec![Batch { sequences: sequences / sites, sequence }]);
        }
        BatchAsked::Sequences(sequences) => {
            let below = (sequences / sites).max(1) * sites;
            return Err(Diagnostic::error(format!(
                "a batch of {sequences} sequences does not divide by {sites} sites"
            ))
            .help(format!("the nearest that does: {below} sequences")));
        }
        BatchAsked::Tokens(tokens) => tokens.get(),
        BatchAsked::Open => {
            let each = f64::from(accelerators) * f64::from(sites) / ACCELERATORS_PER_SEQUENCE;
            FIRST_BATCH.max(each * f64::from(sequence))
        }
    };
    let batch = Batch::nearest(Tokens(tokens / f64::from(sites)), sequence)?;
    let Some(layout) = layout else {
        return Ok(batch.divisible(accelerators));
    };
    // The nearest that this layout divides.
    let stages = if layout.interleave > 1 { layout.pp } else { 1 };
    let part = layout.dp.saturating_mul(layout.micro_batch).saturating_mul(stages).max(1);
    let sequences = (f64::from(batch.sequences) / f64::from(part)).round().max(1.0);
    let sequences = (sequences * f64::from(part)).min(f64::from(u32::MAX)) as u32;
    let close = f64::from(sequences) / f64::from(batch.sequences);
    if asked != BatchAsked::Open && !(0.875..=1.125).contains(&close) {
        return Ok(vec![batch]);
    }
    Ok(vec![Batch { sequences, sequence }])
}
