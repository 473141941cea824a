//! MFU and goodput of a simulated machine.

use diagnostic::Diagnostic;
use machines::{
    Batch, BytesPerSecond, Failures, FlopConvention, Found, Layout, Machine, Model, Precision,
    Space, Stack, search,
};
use runs::{Seconds, Tokens};

use crate::words::fleet::Fleet;

/// A model trained on a cluster, as the simulator has it: the quickest layout that fits, with the
/// batch near the one asked for that trains quickest.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// The cluster's name in the catalogue.
    pub cluster: String,
    /// The model's name.
    pub model: String,
    /// The cluster's accelerators.
    pub fleet: Fleet,
    /// The precision of the linear layers.
    pub precision: Precision,
    /// The batch of a step.
    pub batch: Batch,
    /// The layout.
    pub layout: Layout,
    /// The time of a step.
    pub step: Seconds,
    /// Model FLOP utilisation of the dense peak at the precision.
    pub mfu: f64,
    /// The share of time that failures and checkpoints leave.
    pub goodput: f64,
    /// The site's facility power over its IT power.
    pub pue: f64,
}

/// From a failure to the next step, where nothing else is known: noticing it, replacing a node and
/// reading the checkpoint.
const RESTART: Seconds = Seconds(600.0);

/// What a store takes where the cluster's file says nothing: Llama 3's sustained 2 TB/s
/// (arXiv:2407.21783, section 3.3.1).
const STORAGE: BytesPerSecond = BytesPerSecond(2e12);

impl Simulated {
    /// Trains `model` with about `batch` tokens a step on the cluster called `cluster`. MFU is in
    /// the `convention` in which the plan counts FLOP.
    ///
    /// # Errors
    /// Clusters that the catalogue does not hold or that are not one site, batches below one
    /// sequence, and models that no layout fits.
    pub fn new(
        cluster: &str,
        model: &Model,
        batch: Tokens,
        precision: Precision,
        convention: FlopConvention,
    ) -> Result<Self, Diagnostic> {
        let cluster = machines::cluster(cluster)?;
        let [site] = &cluster.sites[..] else {
            return Err(Diagnostic::error(format!("`{}` is not one site", cluster.name))
                .note("several sites and swarms synchronise seldom, which changes what is learnt")
                .help("name a cluster of one site"));
        };
        let machine = Machine::of_site(site, precision)?;
        let (mut best, mut unfit) = (None::<(f64, Batch, Found)>, None);
        for batch in Batch::nearest(batch, model.sequence)?.divisible(site.accelerators) {
            let found = search(&machine, model, batch, &Stack::MODERN, &Space::default());
            unfit = unfit.or_else(|| found.nothing_fits(&machine, model));
            let Some(found) = found.best else { continue };
            let rate = found.step.tokens_per_second(batch);
            if best.is_none_or(|(fastest, ..)| rate > fastest) {
                best = Some((rate, batch, found));
            }
        }
        let Some((_, batch, best)) = best else {
            return Err(unfit.unwrap_or_else(|| Diagnostic::error("no layout fits")));
        };
        let bf16_mfu = best.step.mfu(&machine, model, batch, convention);
        let failures = Failures {
            between: Failures::LLAMA3_BETWEEN,
            checkpoint: Failures::checkpoint_time(model, site.storage.unwrap_or(STORAGE)),
            restart: RESTART,
        };
        let (_, goodput) = failures.best_interval(site.accelerators)?;
        Ok(Self {
            cluster: cluster.name.clone(),
            model: model.name.clone(),
            fleet: Fleet { accelerator: site.accelerator.clone(), count: Some(site.accelerators) },
            precision,
            batch,
            layout: best.layout,
            step: best.step.time(),
            mfu: bf16_mfu * (machine.bf16_peak / machine.peak),
            goodput,
            pue: site.pue,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulated(cluster: &str, model: &str, batch: f64) -> Result<Simulated, Diagnostic> {
        let model = machines::model(model)?;
        let convention = FlopConvention::CausalAttention;
        Simulated::new(cluster, &model, Tokens(batch), Precision::Bf16, convention)
    }

    #[test]
    fn a_node_of_eight_trains_llama_8b_at_a_plausible_rate() {
        let found = simulated("dgx-h100", "llama3-8b", 1e6).unwrap();
        assert_eq!(found.fleet.count, Some(8));
        assert!((found.batch.tokens().get() / 1e6 - 1.0).abs() < 0.13, "{:?}", found.batch);
        assert!((0.3..0.65).contains(&found.mfu), "{}", found.mfu);
        assert!((0.99..1.0).contains(&found.goodput), "{}", found.goodput);
    }

    #[test]
    fn what_cannot_be_simulated_is_refused() {
        for (cluster, model, batch, expected) in [
            ("homes-1000", "llama3-8b", 1e6, "not one site"),
            ("atlantis", "llama3-8b", 1e6, "isoflop list clusters"),
            ("dgx-h100", "llama3-405b", 1e6, "no layout"),
            ("dgx-h100", "llama3-8b", f64::NAN, "sequences"),
            ("dgx-h100", "llama3-8b", 1.0, "sequences"),
        ] {
            let problem = simulated(cluster, model, batch).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
