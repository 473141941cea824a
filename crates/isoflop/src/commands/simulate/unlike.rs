//! Sites with unlike machines that train one model: each takes what it does in the same time.

use std::fmt::Write as _;

use diagnostic::Diagnostic;
use machines::{Batch, BetweenSites, Cluster, Failures, Step, between_sites};
use runs::{Seconds, Tokens};
use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::{Asked, BatchAsked};
use super::words::{count, money, percent, three, time, whole};
use super::{SimulateArgs, json as fields};
use crate::commands::fit::words::bold;
use crate::text::hanging;

/// Rounds of sharing the batch out anew: rates hang on shares only through layouts.
const ROUNDS: usize = 3;

/// All sites together.
struct Together {
    sites: Vec<(Asked, Answer)>,
    between: BetweenSites,
    /// Bytes of a whole step's tokens.
    tokens: Tokens,
    step: Seconds,
    goodput: f64,
}

pub(super) fn respond(
    args: &SimulateArgs,
    cluster: &Cluster,
    width: usize,
) -> Result<String, Diagnostic> {
    let together = Together::new(args, cluster)?;
    Ok(if args.json {
        format!("{:#}\n", together.json(cluster))
    } else {
        together.for_people(cluster, width)
    })
}

/// One site as a cluster of its own, with a share of the batch.
fn site(
    args: &SimulateArgs,
    cluster: &Cluster,
    index: usize,
    tokens: f64,
) -> Result<(Asked, Answer), Diagnostic> {
    let alone = Cluster { sites: vec![cluster.sites[index].clone()], wan: None, ..cluster.clone() };
    let asked = Asked::new(args, alone)?;
    let sequence = asked.batches.first().map_or(asked.model.sequence, |batch| batch.sequence);
    let batch = Batch::nearest(Tokens(tokens), sequence)?;
    let batches = batch.divisible(asked.machine.accelerators);
    let asked = Asked { batches, batch: BatchAsked::Tokens(batch.tokens()), ..asked };
    let answer = Answer::new(&asked)?;
    Ok((asked, answer))
}

impl Together {
    fn new(args: &SimulateArgs, cluster: &Cluster) -> Result<Self, Diagnostic> {
        if args.layout.one(1).is_ok_and(|layout| layout.is_some()) || args.swarm.events.is_some() {
            return Err(Diagnostic::error("unlike sites have a layout each")
                .help("leave out the layout and --events: each site's best is searched"));
        }
        let all = Asked::whole_batch(args, cluster)?;
        let mut shares: Vec<f64> = (cluster.sites.iter())
            .map(|site| {
                let peak = site.accelerator.peak.bf16.map_or(0.0, machines::FlopPerSecond::get);
                f64::from(site.accelerators) * peak
            })
            .collect();
        let mut sites = Vec::new();
        for _ in 0..ROUNDS {
            let sum: f64 = shares.iter().sum();
            sites = (0..shares.len())
                .map(|index| site(args, cluster, index, all.get() * shares[index] / sum))
                .collect::<Result<Vec<_>, _>>()?;
            shares = (sites.iter())
                .map(|(_, answer)| answer.batch.tokens().get() / answer.time.get())
                .collect();
        }
        let slowest = sites.iter().max_by(|a, b| a.1.time.get().total_cmp(&b.1.time.get()));
        let Some((asked, answer)) = slowest else {
            return Err(Diagnostic::error(format!("`{}` has no site", cluster.name)));
        };
        let parameters = asked.model.parameters();
        let alone: &Step = &answer.step;
        let (bytes, every, cover) = (asked.exchange_bytes, asked.every, asked.cover);
        let between = between_sites(cluster, alone, parameters, bytes, every, cover)?;
        let step = Seconds(answer.time.get() + (between.step - alone.time()).get());
        let accelerators = sites.iter().map(|(asked, _)| asked.machine.accelerators).sum();
        let failures: &Failures = &asked.run.failures;
        let (_, goodput) = failures.best_interval(accelerators)?;
        let tokens = Tokens(sites.iter().map(|(_, answer)| answer.batch.tokens().get()).sum());
        Ok(Self { sites, between, tokens, step, goodput })
    }

    /// Tokens a second that turn into progress.
    fn rate(&self) -> f64 {
        self.tokens.get() / self.step.get() * self.goodput
    }

    /// The share of a step in which a site waits for the others.
    fn idle(&self, answer: &Answer) -> f64 {
        1.0 - answer.time / self.step
    }

    /// What a second of all sites costs, and draws at the meter (W), where known.
    fn spent(&self) -> (Option<f64>, Option<f64>) {
        let money = self.sites.iter().map(|(asked, _)| asked.money_per_second());
        let power = self.sites.iter().map(|(_, answer)| answer.power.as_ref().ok());
        let money: Option<Vec<f64>> = money.map(|rate| rate.map(machines::Usd::get)).collect();
        let power: Option<Vec<f64>> =
            power.map(|power| power.map(|power| power.facility.get())).collect();
        (money.map(|all| all.iter().sum()), power.map(|all| all.iter().sum()))
    }

    fn for_people(&self, cluster: &Cluster, width: usize) -> String {
        let mut text = String::new();
        let (asked, first) = &self.sites[0];
        let title = format!("{} {} on {}", bold("simulate"), asked.model.title, cluster.title);
        hanging(&mut text, (0, 2), &title, width);
        let said = format!(
            "{} unlike sites share a step of {} tokens so that all end together",
            self.sites.len(),
            count(self.tokens.get())
        );
        hanging(&mut text, (2, 2), &said, width);
        text.push('\n');
        let rate = self.tokens.get() / self.step.get();
        let said = format!(
            "{} {}, {} tokens/s, {} turn into progress (goodput {})",
            bold("step"),
            time(self.step.get()),
            count(rate),
            count(self.rate()),
            percent(self.goodput)
        );
        hanging(&mut text, (0, 2), &said, width);
        let said = format!(
            "between sites: {} a site and exchange, {} on the line and {} of latency",
            self.between.sent,
            time(self.between.transfer.get()),
            time(self.between.latency.get())
        );
        hanging(&mut text, (2, 4), &said, width);
        let _ = writeln!(text, "\n{}", bold("sites"));
        for ((asked, answer), site) in self.sites.iter().zip(&cluster.sites) {
            let said = format!(
                "{}: {} {}, {} of the batch, step {}, waits {}; MFU {}; {}",
                site.name,
                whole(asked.machine.accelerators),
                asked.site.accelerator.title,
                percent(answer.batch.tokens().get() / self.tokens.get()),
                time(answer.time.get()),
                percent(self.idle(answer)),
                percent(answer.mfu * (answer.time / self.step)),
                answer.layout,
            );
            hanging(&mut text, (2, 4), &said, width);
        }
        if let Some(tokens) = first.tokens(asked) {
            let takes = tokens.get() / self.rate();
            let (dollars, watts) = self.spent();
            let mut said = format!("\n{} {} tokens", bold("run"), count(tokens.get()));
            if let Some(learned) = &first.learned {
                let _ = write!(said, " to a loss of {:.3} ({})", learned.loss.best, learned.law);
            }
            let _ = write!(said, ": {}", time(takes));
            if let Some(dollars) = dollars {
                let _ = write!(said, ", {}", money(dollars * takes));
            }
            if let Some(watts) = watts {
                let _ = write!(said, ", {} MWh at the meter", three(watts * takes / 3.6e9));
            }
            text.push('\n');
            hanging(&mut text, (0, 2), said.trim_start(), width);
        }
        text
    }

    fn json(&self, cluster: &Cluster) -> Value {
        let (asked, first) = &self.sites[0];
        let (dollars, watts) = self.spent();
        let sites: Vec<Value> = (self.sites.iter().zip(&cluster.sites))
            .map(|((asked, answer), site)| {
                json!({
                    "name": site.name,
                    "accelerator": asked.site.accelerator.name,
                    "accelerators": asked.machine.accelerators,
                    "batch_tokens": answer.batch.tokens().get(),
                    "step_seconds": answer.time.get(),
                    "idle_share": self.idle(answer),
                    "layout": fields::layout(&answer.layout),
                })
            })
            .collect();
        json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "simulate",
            "cluster": cluster.name,
            "model": asked.model.name,
            "unlike_sites": sites,
            "batch_tokens": self.tokens.get(),
            "step_seconds": self.step.get(),
            "tokens_per_second": self.tokens.get() / self.step.get(),
            "goodput": self.goodput,
            "tokens_per_second_with_failures": self.rate(),
            "between_sites": {
                "every_steps": asked.every,
                "sent_bytes": self.between.sent.get(),
                "transfer_seconds": self.between.transfer.get(),
                "latency_seconds": self.between.latency.get(),
            },
            "run": first.tokens(asked).map(|tokens| {
                let takes = tokens.get() / self.rate();
                json!({
                    "tokens": tokens.get(),
                    "seconds": takes,
                    "usd": dollars.map(|dollars| dollars * takes),
                    "facility_joules": watts.map(|watts| watts * takes),
                    "loss_nats_per_token": first.learned.as_ref().map(|learned| learned.loss.best),
                })
            }),
        })
    }
}
