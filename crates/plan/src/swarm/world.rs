//! The uncertain numbers of a swarm, as they may be together: one world per draw.

use diagnostic::Diagnostic;
use machines::swarm::link::Congestion;

use super::facts::{Facts, drawn, facts};

/// What replicas that sum seldom cost in loss: `M^(beta(N) + k ln(H / 30))` times that of one. Below
/// the 30 steps at which beta was measured it falls as ln H, to nothing where every step is summed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tax {
    /// beta of a billion parameters.
    pub at_billion: f64,
    /// How it falls: `beta(N) = at_billion (N / 1e9)^-fall`.
    pub fall: f64,
    /// The largest model measured; beyond it the fall goes on in part.
    pub measured_to: f64,
    /// How much of the fall goes on beyond: 0 to 1.
    pub beyond: f64,
    /// k.
    pub by_steps: f64,
}

/// The H of the runs behind beta.
const MEASURED_STEPS: f64 = 30.0;

impl Tax {
    /// beta of a model of `parameters`.
    pub fn exponent(&self, parameters: f64) -> f64 {
        let inside = parameters.min(self.measured_to);
        let beyond = (parameters / self.measured_to).max(1.0);
        self.at_billion * (inside / 1e9).powf(-self.fall) * beyond.powf(-self.fall * self.beyond)
    }

    /// The rise of ln(loss) with so many replicas and inner steps; never below zero.
    pub fn of(&self, parameters: f64, replicas: f64, steps: f64) -> f64 {
        let measured = self.exponent(parameters);
        let exponent = if steps < MEASURED_STEPS {
            measured * steps.max(1.0).ln() / MEASURED_STEPS.ln()
        } else {
            measured + self.by_steps * (steps / MEASURED_STEPS).ln()
        };
        replicas.max(1.0).ln() * exponent.max(0.0)
    }
}

/// One of the ways in which everything uncertain may be.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Share of the dense peak between exchanges.
    pub utilisation: f64,
    /// Factor on every line's rate.
    pub lines: f64,
    /// Factor on the odds of a peer being there.
    pub presence: f64,
    /// Spread of a peer's time from round to round.
    pub jitter: f64,
    /// Bytes per parameter that a device holds.
    pub held: f64,
    /// The replica tax.
    pub tax: Tax,
    /// Rise of ln(loss) by compression, in the catalogue's order.
    pub penalties: Vec<f64>,
    /// The same for activations between stages.
    pub activations: f64,
    /// Factor on the critical batch.
    pub critical_batch: f64,
    /// Dollars per joule of the owners.
    pub electricity: f64,
    /// Watts of the rest of a home computer.
    pub host: f64,
    /// Seconds over which a device is written off.
    pub life: f64,
    /// Seconds from the leaving of a peer to another in its place, beside fetching the stage.
    pub recover: f64,
    /// How all senders avoid congestion.
    pub congestion: Congestion,
}

impl World {
    /// The best guess first, then `draws` worlds of a seed.
    pub(super) fn all(
        seed: u64,
        draws: usize,
        congestion: Congestion,
    ) -> Result<Vec<Self>, Diagnostic> {
        let facts: &Facts = facts()?;
        let column = |name: &str| facts.drawn(name, seed, draws).map(|column| column.rows());
        let mut penalties = Vec::new();
        for one in &facts.compressions {
            let name = format!("penalty_{}", one.name.replace('-', "_"));
            penalties.push(drawn(&name, &one.penalty, "", seed, draws)?.rows());
        }
        let activations =
            drawn("penalty_activations", &facts.activations.penalty, "", seed, draws)?.rows();
        let (utilisation, lines, presence) =
            (column("utilisation")?, column("lines")?, column("presence")?);
        let (jitter, held, host) = (column("jitter")?, column("held")?, column("host")?);
        let (electricity, life, recover) =
            (column("electricity")?, column("life")?, column("recover")?);
        let (critical, fall, steps) =
            (column("critical_batch")?, column("tax_fall")?, column("tax_steps")?);
        let one = |row: usize| Self {
            utilisation: utilisation[row].clamp(0.01, 1.0),
            lines: lines[row],
            presence: presence[row],
            jitter: jitter[row].clamp(0.0, 3.0),
            held: held[row],
            tax: Tax {
                at_billion: facts.tax.at_billion,
                fall: facts.tax.fall,
                measured_to: facts.tax.measured_to,
                beyond: fall[row],
                by_steps: steps[row],
            },
            penalties: penalties.iter().map(|column| column[row]).collect(),
            activations: activations[row],
            critical_batch: critical[row],
            electricity: electricity[row],
            host: host[row],
            life: life[row],
            recover: recover[row],
            congestion,
        };
        Ok((0..=draws).map(one).collect())
    }

    /// A peer's availability in this world: its stated odds times the factor.
    pub(super) fn availability(&self, stated: f64) -> f64 {
        if stated >= 1.0 {
            return 1.0;
        }
        let odds = stated / (1.0 - stated) * self.presence;
        odds / (1.0 + odds)
    }
}
