//! One campus that reaches the same loss.

use diagnostic::Diagnostic;
use laws::Setting;
use machines::{FlopPerSecond, Joules, Usd};
use runs::{Flop, Parameters, Seconds, Tokens};

use crate::{Assumption, Believed, Drawn, FlopText, Frontier, Means, MeansRequest, PowerKind};

/// Tokens of a step that keep one accelerator at its MFU: Llama 3's 16 million on 16,384 H100
/// (arXiv:2407.21783, table 4).
const TOKENS_PER_ACCELERATOR: f64 = 1024.0;

/// The run of a campus.
#[derive(Debug, Clone, PartialEq)]
pub struct Campus {
    /// The cluster's name.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its accelerators.
    pub accelerators: u32,
    /// Those that the critical batch keeps busy.
    pub used: u32,
    /// FLOP a second of all, after MFU and goodput.
    pub rate: Drawn<FlopPerSecond>,
    /// The least compute that reaches the loss, times two for a batch at its critical size.
    pub flop: Drawn<Flop>,
    /// Its model.
    pub parameters: Drawn<Parameters>,
    /// Its tokens.
    pub tokens: Drawn<Tokens>,
    /// How long.
    pub time: Drawn<Seconds>,
    /// At the rent of its accelerators, or what owning them costs.
    pub money: Option<Drawn<Usd>>,
    /// At the facility's meter.
    pub energy: Option<Drawn<Joules>>,
    /// What that rests on.
    pub assumptions: Vec<Assumption>,
}

/// A campus and its law, ready to be asked for losses.
#[derive(Debug)]
pub(super) struct Rival {
    name: String,
    title: String,
    accelerators: u32,
    means: Means,
    frontier: Frontier,
}

impl Rival {
    pub(super) fn new(
        cluster: &str,
        believed: Believed,
        given: &Setting,
        seed: u64,
        draws: usize,
    ) -> Result<Self, Diagnostic> {
        let cluster = machines::cluster(cluster)?;
        let [site] = &cluster.sites[..] else {
            return Err(Diagnostic::error(format!("`{}` is not one campus", cluster.name))
                .help("compare with a cluster of one site, such as `campus-1gw`"));
        };
        let request = MeansRequest {
            on: Some(format!("{} {}", site.accelerators, site.accelerator.name)),
            pue: Some(format!("{}", site.pue)),
            ..MeansRequest::default()
        };
        let means = Means::new(&request, None, seed, draws)?;
        let frontier = Frontier::new(believed, &FlopText::default(), given, None, None)?;
        Ok(Self {
            name: cluster.name.clone(),
            title: cluster.title.clone(),
            accelerators: site.accelerators,
            means,
            frontier,
        })
    }

    /// The cheapest run that reaches `loss` with a batch of `critical` tokens, on as many
    /// accelerators as that keeps busy.
    pub(super) fn reach(&self, loss: f64, critical: f64) -> Result<Campus, Diagnostic> {
        let draws = self.frontier.believed.draws();
        let best = self.frontier.reaching(&Drawn::certain(loss, draws))?;
        // Steps and tokens trade as 1 + B / B_crit; at B_crit that is two.
        let flop: Drawn<Flop> = best.training.map(|flop| 2.0 * flop);
        let used = (critical / TOKENS_PER_ACCELERATOR)
            .clamp(1.0, f64::from(self.accelerators))
            .floor() as u32;
        Ok(Campus {
            name: self.name.clone(),
            title: self.title.clone(),
            accelerators: self.accelerators,
            used,
            rate: self.means.rate().map(|rate| rate * f64::from(self.accelerators)),
            time: self.means.time(&flop, used),
            money: self.means.money(&flop).ok(),
            energy: self.means.energy(&flop, PowerKind::Facility).ok(),
            assumptions: self.means.assumptions.clone(),
            parameters: best.parameters,
            tokens: best.tokens.map(|tokens| 2.0 * tokens),
            flop,
        })
    }
}
