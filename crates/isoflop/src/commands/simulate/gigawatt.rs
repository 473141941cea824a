//! `isoflop simulate --power`, and `--scale`: what a facility delivers as it grows.

use diagnostic::Diagnostic;
use machines::{
    Batch, Bends, Cluster, Failures, FlopConvention, Layout, Machine, Model, NetworkCost, Part,
    Power, Site, Space, Stack, Usd, Wan, Watts, between_sites, search,
};
use runs::{Flop, Seconds, Tokens};

use super::SimulateArgs;
use super::asked::BatchAsked;
use super::machine::{self, one_site, positive};
use super::run::Run;

mod figures;
mod json;
mod show;

/// The sizes of machine that are looked at.
const SIZES: std::ops::RangeInclusive<f64> = 8e3..=1.3e6;

/// The line between neighbouring sites where none is stated: the cluster of this name.
const RING: &str = "ten-gigawatt-ring";

/// What a facility delivers.
struct Answer {
    name: String,
    site: Site,
    /// Power at the meter that the accelerators can draw.
    facility: Watts,
    /// How many accelerators that is.
    powered: u32,
    model: Model,
    batch: Batch,
    /// Where the batch comes from, for people.
    batch_source: String,
    convention: FlopConvention,
    precision: machines::Precision,
    sizes: Vec<Size>,
    /// The facility's own among the sizes.
    own: Option<usize>,
    sites: Vec<Spread>,
    wan: Wan,
    wan_source: String,
    run: Run,
    /// The network over the accelerators' price, and the fibre.
    network: NetworkCost,
    fibre: Option<Usd>,
}

/// A machine of one size.
struct Size {
    accelerators: u32,
    facility: Result<Watts, Diagnostic>,
    batch: Batch,
    layout: Layout,
    step: Seconds,
    mfu: f64,
    goodput: f64,
    bends: Bends,
}

/// The same accelerators on several sites.
struct Spread {
    sites: u32,
    accelerators: u32,
    step: Seconds,
    mfu: f64,
    transfer: Seconds,
    latency: Seconds,
}

impl Size {
    fn tokens_per_second(&self) -> f64 {
        self.batch.tokens().get() / self.step.get() * self.goodput
    }
}

pub(super) fn respond(args: &SimulateArgs, width: usize) -> Result<String, Diagnostic> {
    let answer = Answer::new(args)?;
    if args.json {
        return Ok(format!("{:#}\n", json::of(&answer)));
    }
    let mut text = show::for_people(&answer, width);
    if !args.no_plot {
        text.push('\n');
        text.push_str(&show::plot(&answer).render(width, 12));
    }
    Ok(text)
}

/// The answer as a part of a study's report.
pub(super) fn part(args: &SimulateArgs) -> Result<crate::study::Part, Diagnostic> {
    Ok(figures::part(&Answer::new(args)?))
}

/// The site to grow, its facility's power, and how many accelerators that runs.
fn facility(args: &SimulateArgs) -> Result<(String, Site, Watts, u32, Option<Wan>), Diagnostic> {
    if args.machine.power.is_none() {
        let cluster = args.machine.cluster()?;
        let site = super::asked::like_sites(&cluster)?.clone();
        let count = site.accelerators.saturating_mul(cluster.sites.len() as u32);
        let power = Power::new(&site.accelerator, count, 1.0, site.pue)?.facility;
        return Ok((cluster.title, site, power, count, cluster.wan));
    }
    let accelerator = args.machine.accelerator()?;
    let watts = args.machine.facility()?;
    let mut cluster = one_site("site", accelerator, 1);
    args.machine.adapt(&mut cluster)?;
    let mut site = cluster.sites.remove(0);
    let count = Power::accelerators(&site.accelerator, watts, site.pue)?;
    let Some(count) = u32::try_from(count).ok().filter(|count| *count > 0) else {
        return Err(Diagnostic::error(format!(
            "{watts} runs {count} of {}",
            site.accelerator.title
        ))
        .help("give a power that runs at least one accelerator and at most 4 billion"));
    };
    site.accelerators = count;
    Ok((format!("{watts} of {}", site.accelerator.title), site, watts, count, None))
}

/// The machine of a site grown to `count` accelerators: its outermost tier reaches as far.
fn grown(site: &Site, count: u32) -> Site {
    let mut site = Site { accelerators: count, ..site.clone() };
    if let Some(last) = site.tiers.last_mut() {
        last.accelerators = last.accelerators.max(count);
    }
    site
}

/// The batch beyond which more tokens a step help less and less, after Epoch's rule: 4 Mi tokens at
/// 3e23 FLOP, growing with the sixth root of compute and the root of sparsity (Erdil and Schneider
/// 2024, arXiv:2411.01137, section 2.4).
pub(super) fn critical_batch(compute: Flop, sparsity: f64) -> Tokens {
    Tokens(4_194_304.0 * (compute.get() / 3e23).powf(1.0 / 6.0) * sparsity.sqrt())
}

impl Answer {
    fn new(args: &SimulateArgs) -> Result<Self, Diagnostic> {
        let training = &args.training;
        let (name, site, facility, powered, wan) = facility(args)?;
        let model = training.model()?;
        let (precision, convention) = (training.precision(), training.convention());
        let run = args.run.read(&model, &site)?;
        let sequence = training.context.unwrap_or(model.sequence);
        let (batch, batch_source) = batch(training.batch()?, &model, sequence, run.tokens)?;
        let stack = training.stack();
        let mut space = args.layout.space();
        space.runners_up = 0;

        let domain = machine::domain(&site);
        let own = machine::usable(powered, domain);
        let mut counts: Vec<u32> = (0..32)
            .map(|shift| f64::from(domain) * 2_f64.powi(shift))
            .filter(|count| SIZES.contains(count))
            .map(|count| count as u32)
            .filter(|count| (f64::from(*count) / f64::from(own) - 1.0).abs() > 0.1)
            .chain([own])
            .collect();
        counts.sort_unstable();
        let mut sizes = Vec::new();
        for count in counts {
            let machine = Machine::of_site(&grown(&site, count), precision)?;
            let Some(bends) = Bends::new(&machine, &model, batch, &stack, &space) else { continue };
            let (step, batch) = (bends.found.step, bends.batch);
            let (_, goodput) = run.failures.best_interval(count)?;
            let busy = super::answer::busy(&step) * goodput;
            let power = Power::new(&site.accelerator, count, busy.clamp(0.0, 1.0), site.pue);
            sizes.push(Size {
                accelerators: count,
                facility: power.map(|power| power.facility),
                batch,
                layout: bends.found.layout,
                step: step.time(),
                mfu: step.mfu(&machine, &model, batch, convention),
                goodput,
                bends,
            });
        }
        if sizes.is_empty() {
            let machine = Machine::of_site(&grown(&site, own), precision)?;
            let found = search(&machine, &model, batch, &stack, &space);
            return Err(found
                .nothing_fits(&machine, &model)
                .unwrap_or_else(|| Diagnostic::error("no layout of any size was found")));
        }
        let (wan, wan_source) = line(args, wan)?;
        let mut answer = Self {
            own: sizes.iter().position(|size| size.accelerators == own),
            name,
            site,
            facility,
            powered,
            model,
            batch,
            batch_source,
            convention,
            precision,
            sizes,
            sites: Vec::new(),
            wan,
            wan_source,
            run,
            network: NetworkCost::of_catalogue()?,
            fibre: fibre(args)?,
        };
        answer.sites = answer.spread(args, own, &stack, &space)?;
        Ok(answer)
    }

    /// The facility's accelerators on 1, 2, 4, ... sites.
    fn spread(
        &self,
        args: &SimulateArgs,
        own: u32,
        stack: &Stack,
        space: &Space,
    ) -> Result<Vec<Spread>, Diagnostic> {
        let mut spreads = Vec::new();
        for sites in [1_u32, 2, 4, 8, 16, 32] {
            let each = own / sites;
            let sequences = self.batch.sequences / sites;
            if each == 0 || sequences == 0 {
                break;
            }
            let site = grown(&self.site, each);
            let machine = Machine::of_site(&site, self.precision)?;
            let asked = Batch { sequences, ..self.batch };
            let quickest = asked
                .divisible(each)
                .into_iter()
                .filter_map(|batch| {
                    let best = search(&machine, &self.model, batch, stack, space).best?;
                    Some((batch, best.step))
                })
                .min_by(|a, b| {
                    let time = |(batch, step): &(Batch, machines::Step)| {
                        step.time().get() / batch.tokens().get()
                    };
                    time(a).total_cmp(&time(b))
                });
            let Some((batch, alone)) = quickest else { continue };
            let (mut step, mut transfer, mut latency) = (alone.time(), Seconds(0.0), Seconds(0.0));
            if sites > 1 {
                let cluster = Cluster {
                    name: self.name.clone(),
                    title: self.name.clone(),
                    source: String::new(),
                    sites: vec![site; sites as usize],
                    wan: Some(self.wan),
                    peers: Vec::new(),
                };
                let (parameters, run) = (self.model.parameters(), &args.run);
                let (bytes, every, cover) = (run.exchange_bytes, run.every, run.cover);
                let found = between_sites(&cluster, &alone, parameters, bytes, every, cover)?;
                (step, transfer, latency) = (found.step, found.transfer, found.latency);
            }
            let mfu =
                alone.mfu(&machine, &self.model, batch, self.convention) * (alone.time() / step);
            let accelerators = each * sites;
            spreads.push(Spread { sites, accelerators, step, mfu, transfer, latency });
        }
        Ok(spreads)
    }

    /// What the parts of the facility's own step that are not computing take.
    fn waiting(&self) -> Vec<(Part, f64)> {
        let Some(own) = self.own.and_then(|own| self.sizes.get(own)) else { return Vec::new() };
        let step = &own.bends.found.step;
        [Part::Bubble, Part::Tensor, Part::Experts, Part::Pipeline, Part::Data, Part::Context]
            .into_iter()
            .map(|part| (part, step.part(part) / step.time()))
            .filter(|(_, share)| *share > 0.01)
            .collect()
    }

    /// The facility's accelerators, and their goodput were they back in a tenth of the time, where
    /// failures take a tenth.
    fn quick_restart(&self) -> Option<(u32, f64)> {
        let own = self.own.and_then(|own| self.sizes.get(own))?;
        let restart = self.run.failures.restart / 10.0;
        let quick = Failures { restart, ..self.run.failures };
        let (_, goodput) = quick.best_interval(own.accelerators).ok()?;
        (own.goodput < 0.9).then_some((own.accelerators, goodput))
    }

    /// The failures that the sizes met.
    fn failures(&self) -> &Failures {
        &self.run.failures
    }
}

/// The batch of a step, and where it comes from.
fn batch(
    asked: BatchAsked,
    model: &Model,
    sequence: u32,
    tokens: Option<Tokens>,
) -> Result<(Batch, String), Diagnostic> {
    match asked {
        BatchAsked::Sequences(sequences) => {
            Ok((Batch { sequences, sequence }, "stated".to_owned()))
        }
        BatchAsked::Tokens(tokens) => Ok((Batch::nearest(tokens, sequence)?, "stated".to_owned())),
        BatchAsked::Open => {
            let active = model.active_parameters().get();
            let tokens = tokens.unwrap_or(Tokens(20.0 * active));
            let compute = Flop(6.0 * active * tokens.get());
            let sparsity = model.parameters().get() / active;
            let critical = critical_batch(compute, sparsity);
            let source = format!(
                "critical at {compute} after Epoch's rule, 4 Mi tokens (C / 3e23 FLOP)^(1/6) times \
                 the root of sparsity (arXiv:2411.01137); {tokens} of training"
            );
            Ok((Batch::nearest(critical, sequence)?, source))
        }
    }
}

/// The line between sites, and where it comes from.
fn line(args: &SimulateArgs, own: Option<Wan>) -> Result<(Wan, String), Diagnostic> {
    let (mut cluster, source) = match own {
        Some(_) => (args.machine.cluster()?, "the cluster's".to_owned()),
        None => (machines::cluster(RING)?, format!("that of `{RING}`")),
    };
    let stated = args.machine.between_bandwidth.is_some();
    let stated = stated || args.machine.between_round_trip.is_some();
    args.machine.between(&mut cluster)?;
    let wan = cluster.wan.ok_or_else(|| Diagnostic::error("no line between sites is known"))?;
    Ok((wan, if stated { "stated".to_owned() } else { source }))
}

/// What the fibre between sites costs, if that is stated.
fn fibre(args: &SimulateArgs) -> Result<Option<Usd>, Diagnostic> {
    let text = args.run.fibre_cost.as_deref();
    text.map(|text| positive("--fibre-cost", &text.replace('$', "1 USD * "), "USD").map(Usd))
        .transpose()
}
