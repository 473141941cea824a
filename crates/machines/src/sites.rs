//! Several sites training one model, with fibre between them.

use diagnostic::Diagnostic;
use runs::{Parameters, Seconds};

use crate::{Bytes, Cluster, Step};

/// What crosses between sites in a step, and what of it nothing hides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetweenSites {
    /// Sites.
    pub sites: u32,
    /// Sent by each site, per exchange.
    pub sent: Bytes,
    /// Time of the bytes on the wire.
    pub transfer: Seconds,
    /// Time of light and switches around the ring.
    pub latency: Seconds,
    /// A step, exchange included (averaged over the steps between two exchanges).
    pub step: Seconds,
}

impl BetweenSites {
    /// Time of one exchange.
    pub fn exchange(&self) -> Seconds {
        self.transfer + self.latency
    }

    /// How much longer a step takes than on one site.
    pub fn slowdown(&self, alone: &Step) -> f64 {
        self.step / alone.time()
    }
}

/// A step of several like sites, each of which does `alone` on its share of the batch and sums
/// its gradients (`bytes` per parameter) with the others' over a ring in both directions, every
/// `steps` steps; the exchange hides under `cover` (0 to 1) of a step's time.
///
/// A ring in both directions moves the sum at twice one line's rate and goes half way round:
/// `(S-1)/S V / w` for the bytes and `S` hops of half a round trip, out and back.
///
/// # Errors
/// Clusters with one site or a swarm, and numbers out of range.
pub fn between_sites(
    cluster: &Cluster,
    alone: &Step,
    parameters: Parameters,
    bytes: f64,
    steps: u32,
    cover: f64,
) -> Result<BetweenSites, Diagnostic> {
    let Some(wan) = cluster.wan.filter(|_| cluster.sites.len() > 1) else {
        return Err(Diagnostic::error(format!("{} is not several sites", cluster.title))
            .help("give a cluster with more than one [[site]] and [wan]"));
    };
    let fine = |value: f64| value.is_finite() && value > 0.0;
    if !(fine(parameters.get()) && fine(bytes) && steps > 0 && (0.0..=1.0).contains(&cover)) {
        return Err(Diagnostic::error("numbers out of range").note(format!(
            "{parameters}, {bytes} bytes each, every {steps} steps, under {cover} of a step"
        )));
    }
    let sites = cluster.sites.len() as f64;
    let sent = 2.0 * (sites - 1.0) / sites * parameters.get() * bytes;
    let transfer = 0.5 * sent / wan.bandwidth.get();
    let latency = sites * 0.5 * wan.round_trip.get();
    let time = alone.time().get();
    let waiting = (transfer + latency - cover * time).max(0.0);
    Ok(BetweenSites {
        sites: cluster.sites.len() as u32,
        sent: Bytes(sent),
        transfer: Seconds(transfer),
        latency: Seconds(latency),
        step: Seconds(time + waiting / f64::from(steps)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Layout, Machine, Precision, Stack, Zero};

    fn alone() -> Step {
        let device = crate::accelerator("gb200").unwrap();
        let model = crate::model("llama3-405b").unwrap();
        let machine = Machine::new(&device, 8192, Precision::Bf16, None, &[]).unwrap();
        let layout = Layout { tp: 8, pp: 8, dp: 128, zero: Zero::Optimizer, ..Layout::default() };
        let batch = Batch { sequences: 2048, sequence: 8192 };
        crate::step(&machine, &model, batch, &layout, &Stack::MODERN).unwrap()
    }

    #[test]
    fn fibre_between_sites_costs_little_at_petabits() {
        let ring = crate::cluster("ten-gigawatt-ring").unwrap();
        let alone = alone();
        let found = between_sites(&ring, &alone, Parameters(72e12), 2.0, 1, 0.5).unwrap();
        assert_eq!(found.sites, 23);
        // Epoch's 72 T parameters over 6 Pbit/s: 144 TB out and back both ways round.
        let expected = 22.0 / 23.0 * 144e12 / 750e12;
        assert!((found.transfer.get() - expected).abs() < 1e-9, "{}", found.transfer);
        assert!(found.latency.get() < 0.1);
    }

    #[test]
    fn a_thin_line_is_paid_for_unless_steps_share_it() {
        let nodes = crate::cluster("intellect-1").unwrap();
        let alone = alone();
        let each = between_sites(&nodes, &alone, Parameters(10.2e9), 1.0, 1, 0.0).unwrap();
        let seldom = between_sites(&nodes, &alone, Parameters(10.2e9), 1.0, 100, 0.0).unwrap();
        assert!(each.slowdown(&alone) > 10.0 * seldom.slowdown(&alone));
        assert_eq!(each.exchange(), seldom.exchange());
    }

    #[test]
    fn one_site_and_nonsense_are_refused() {
        let ring = crate::cluster("ten-gigawatt-ring").unwrap();
        let single = crate::cluster("dgx-h100").unwrap();
        let alone = alone();
        assert!(between_sites(&single, &alone, Parameters(1e9), 2.0, 1, 0.5).is_err());
        assert!(between_sites(&ring, &alone, Parameters(1e9), 2.0, 0, 0.5).is_err());
        assert!(between_sites(&ring, &alone, Parameters(f64::NAN), 2.0, 1, 0.5).is_err());
        assert!(between_sites(&ring, &alone, Parameters(1e9), 2.0, 1, 1.5).is_err());
    }
}
