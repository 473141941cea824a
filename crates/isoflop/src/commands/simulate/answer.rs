//! What the machine delivers: the step, and what failures, prices and power make of it.

use diagnostic::Diagnostic;
use machines::events::Played;
use machines::{
    Batch, BetweenSites, Bytes, Found, Layout, Part, Power, Reading, Search, Step, Traffic,
    between_sites, check_memory, search,
};
use runs::{Seconds, Tokens};

use super::asked::Asked;
use super::learned::Learned;
use super::run::HOST;

/// Everything that was computed.
#[derive(Debug)]
pub(super) struct Answer {
    /// The batch of one site, and of all.
    pub(super) site_batch: Batch,
    pub(super) batch: Batch,
    pub(super) layout: Layout,
    /// The step of one site.
    pub(super) step: Step,
    pub(super) search: Option<Search>,
    pub(super) traffic: Traffic,
    pub(super) between: Option<BetweenSites>,
    /// What a step waits for beside its own parts.
    pub(super) waits: Vec<(&'static str, Seconds)>,
    /// The whole step.
    pub(super) time: Seconds,
    pub(super) mfu: f64,
    pub(super) over_days: OverDays,
    pub(super) power: Result<Power, Diagnostic>,
    /// Where a step's tokens are read, and how long that takes beside it.
    pub(super) reading: Option<(Reading, Seconds)>,
    /// The step of one site event by event, if that was asked for.
    pub(super) played: Option<Played>,
    /// What the run's tokens come to under a law, if that was asked for.
    pub(super) learned: Option<Learned>,
}

/// What failures and slow hosts leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct OverDays {
    /// Between two failures of the whole machine.
    pub(super) between: Seconds,
    pub(super) interval: Seconds,
    pub(super) checkpoint: Bytes,
    /// The share of time that failures and checkpoints leave.
    pub(super) goodput: f64,
    /// How much longer a step takes because of slow hosts.
    pub(super) straggling: f64,
    /// Tokens a second that turn into progress.
    pub(super) tokens_per_second: f64,
}

impl Answer {
    pub(super) fn new(asked: &Asked) -> Result<Self, Diagnostic> {
        let (site_batch, found, search) = match asked.layout {
            Some(layout) => one(asked, layout)?,
            None => quickest(asked)?,
        };
        let Found { layout, step } = found;
        let traffic = Traffic::new(&asked.machine, &asked.model, site_batch, &layout, &asked.stack)
            .map_err(|misfit| asked.refused(misfit, site_batch, &layout))?;
        let batch = asked.whole(site_batch);
        let mut waits = Vec::new();
        let between = if asked.sites() > 1 {
            let parameters = asked.model.parameters();
            let (bytes, every, cover) = (asked.exchange_bytes, asked.every, asked.cover);
            Some(between_sites(&asked.cluster, &step, parameters, bytes, every, cover)?)
        } else {
            None
        };
        if let Some(between) = &between {
            waits.push(("between sites", between.step - step.time()));
        }
        let text = &asked.run.text;
        let reading = text.reading(asked.machine.accelerators).map(|reading| {
            let tokens = site_batch.tokens().get();
            let bound = reading.bound(step.time(), tokens, text.token_bytes);
            if bound > step.time() {
                waits.push(("reading tokens", bound - step.time()));
            }
            (reading, reading.time(tokens, text.token_bytes))
        });
        let played = asked.played(site_batch, &layout)?;
        let time =
            Seconds(step.time().get() + waits.iter().map(|(_, time)| time.get()).sum::<f64>());
        let mfu = step.mfu(&asked.machine, &asked.model, site_batch, asked.convention)
            * (step.time() / time);
        let over_days = over_days(asked, batch, time)?;
        let busy = busy(&step) * (step.time() / time) * over_days.goodput;
        let power = Power::new(
            &asked.site.accelerator,
            asked.accelerators(),
            busy.clamp(0.0, 1.0),
            asked.site.pue,
        );
        Ok(Self {
            site_batch,
            batch,
            layout,
            step,
            search,
            traffic,
            between,
            waits,
            time,
            mfu,
            over_days,
            power,
            reading,
            played,
            learned: asked.learned()?,
        })
    }

    /// The tokens of the run: those asked for, or those that reach the loss asked for.
    pub(super) fn tokens(&self, asked: &Asked) -> Option<Tokens> {
        let reached = self.learned.as_ref().map(|learned| learned.tokens.best);
        asked.run.tokens.or(reached)
    }

    /// All parts of the step with their times, which add up to [`Self::time`].
    pub(super) fn parts(&self) -> Vec<(&'static str, Seconds)> {
        let own = self.step.parts().map(|(part, time)| (part.name(), time));
        own.chain(self.waits.iter().copied()).collect()
    }

    /// How long so many tokens take, failures included.
    pub(super) fn time_of(&self, tokens: f64) -> Seconds {
        Seconds(tokens / self.over_days.tokens_per_second)
    }
}

fn over_days(asked: &Asked, batch: Batch, time: Seconds) -> Result<OverDays, Diagnostic> {
    let accelerators = asked.accelerators();
    let failures = &asked.run.failures;
    let (interval, goodput) = failures.best_interval(accelerators)?;
    let straggling = asked
        .run
        .stragglers
        .map_or(1.0, |stragglers| stragglers.factor(accelerators.div_ceil(HOST)));
    Ok(OverDays {
        between: failures.between / f64::from(accelerators),
        interval,
        checkpoint: machines::Failures::checkpoint_size(&asked.model),
        goodput,
        straggling,
        tokens_per_second: batch.tokens().get() / (time.get() * straggling) * goodput,
    })
}

/// The share of a step in which an accelerator computes rather than waits.
pub(super) fn busy(step: &Step) -> f64 {
    let computing = [
        Part::Linear,
        Part::Attention,
        Part::Streaming,
        Part::Head,
        Part::Recompute,
        Part::Optimizer,
    ];
    computing.into_iter().map(|part| step.part(part) / step.time()).sum()
}

type Chosen = (Batch, Found, Option<Search>);

/// The layout that is asked for.
fn one(asked: &Asked, layout: Layout) -> Result<Chosen, Diagnostic> {
    let batch = asked.batches[0];
    let step = machines::step(&asked.machine, &asked.model, batch, &layout, &asked.stack)
        .map_err(|misfit| asked.refused(misfit, batch, &layout))?;
    check_memory(&asked.machine, &asked.model, batch, &layout, &asked.stack, &step)?;
    Ok((batch, Found { layout, step }, None))
}

/// The quickest layout that fits, of the batch that trains quickest.
fn quickest(asked: &Asked) -> Result<Chosen, Diagnostic> {
    let (mut best, mut unfit) = (None::<(f64, Chosen)>, None);
    for &batch in &asked.batches {
        let found = search(&asked.machine, &asked.model, batch, &asked.stack, &asked.space);
        let Some(quickest) = found.best else {
            let misses = found.nothing_fits(&asked.machine, &asked.model);
            unfit = unfit.or(misses);
            continue;
        };
        let rate = quickest.step.tokens_per_second(batch);
        if best.as_ref().is_none_or(|(known, _)| rate > *known) {
            best = Some((rate, (batch, quickest, Some(found))));
        }
    }
    match best {
        Some((_, chosen)) => Ok(chosen),
        None => Err(unfit.unwrap_or_else(|| Diagnostic::error("no batch was tried"))),
    }
}
