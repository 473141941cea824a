//! What a swarm agrees on before it starts.

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::codec::Codec;
use super::pipeline::Pipeline;
use super::robust::Aggregation;
use crate::recipe::RunConfig;

/// How peers train together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Data parallel: gradients are averaged every step.
    Synchronous,
    /// Changes are averaged every so many steps.
    Diloco(Diloco),
    /// Each peer has some blocks of the model.
    Pipeline(Pipeline),
}

/// `DiLoCo` and its streaming form (Douillard et al. 2025, arXiv:2501.18512).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Diloco {
    /// H: inner steps between two averages of the same parameter.
    pub inner_steps: u32,
    /// Rate of the outer step.
    pub outer_learning_rate: f32,
    /// Nesterov momentum of the outer step.
    pub outer_momentum: f32,
    /// Parts of the parameters, averaged one after another within H steps; 1 is plain `DiLoCo`.
    pub fragments: u32,
    /// Inner steps that go on while an average is on its way; 0 waits.
    pub overlap: u32,
    /// Share of a peer's own parameters that is kept when an average arrives late (with overlap).
    pub mix: f32,
}

impl Default for Diloco {
    /// H as published. The outer step's rate and momentum are what settled best in the lab's own
    /// runs of 50 to 200 averages; the published (0.7, 0.9) goes 7 times as far as the mean change
    /// and is for runs of thousands.
    fn default() -> Self {
        Self {
            inner_steps: 30,
            outer_learning_rate: 0.5,
            outer_momentum: 0.8,
            fragments: 1,
            overlap: 0,
            mix: 0.5,
        }
    }
}

/// How work is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// Everybody the same.
    #[default]
    Even,
    /// In proportion to speed, so that all finish together.
    BySpeed,
}

/// Random audits: what a peer computed is repeated bit for bit.
///
/// Without sites a peer shows its state before one inner step of an update, and the coordinator
/// repeats the step. With sites the head of each repeats members' gradients, and no update is
/// audited: not that of a site, whose steps are sums that the coordinator would round otherwise,
/// and not that of a peer alone, which could call itself a site.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Share of updates, of members' gradients, or of all steps of a pipeline's stages, that are
    /// audited; 0 asks for no commitments.
    pub share: f64,
    /// Share of updates of suspicious peers (long, or pointing away from the others'); without
    /// meaning with sites.
    pub suspicious_share: f64,
    /// Whether there are sites.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sites: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Self { share: 0.0, suspicious_share: 0.5, sites: false }
    }
}

/// Everything peers agree on; it decides the result together with who delivered when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Model, optimiser, tokens and seed. A step's tokens are those of all peers together.
    pub run: RunConfig,
    /// Stands for every byte of the text.
    pub corpus: String,
    /// How peers train together.
    pub method: Method,
    /// Codec of updates.
    pub up: Codec,
    /// Codec of outcomes.
    pub down: Codec,
    /// How updates become one.
    pub aggregation: Aggregation,
    /// How work is shared out.
    pub share: Share,
    /// Windows a peer and inner step with `DiLoCo`.
    pub inner_windows: u32,
    /// Peers that must be there before the run starts.
    pub peers: u32,
    /// Share of a round's windows that must be delivered before it may end without the others.
    pub quorum: f64,
    /// A round may take this many times the 80 % quantile of earlier ones.
    pub patience: f64,
    /// Audits.
    pub audit: Audit,
    /// Rounds between checks that all hold the same state; 0 never checks.
    pub check_every: u64,
}

impl Settings {
    /// That a coordinator's file, which holds `saved`, is one of this run.
    pub(super) fn must_be(&self, saved: &Self) -> Result<(), Diagnostic> {
        if self == saved {
            return Ok(());
        }
        Err(Diagnostic::error("the coordinator's file belongs to other settings")
            .help("use the settings it was started with, or another folder"))
    }

    /// Tokens a window.
    pub fn context(&self) -> usize {
        self.run.shape.context
    }

    /// Windows of a step of all peers together.
    pub fn step_windows(&self) -> u64 {
        (self.run.batch_tokens / self.context()) as u64
    }

    /// Windows of the whole run.
    pub fn windows(&self) -> u64 {
        self.run.steps.saturating_mul(self.step_windows())
    }

    /// The learning rate as a share of its peak when `position` windows were given out.
    pub fn schedule(&self, position: u64) -> f32 {
        self.run.schedule.at(position / self.step_windows().max(1), self.run.steps)
    }

    /// Bytes that the largest message of an honest peer may take.
    pub fn largest_message(&self) -> usize {
        let parameters = self.run.shape.total_parameters() as usize;
        let (stream, evidence) = match self.method {
            Method::Pipeline(pipeline) if self.audit.share > 0.0 => {
                (pipeline.stream(self), pipeline.evidence(self))
            }
            Method::Pipeline(pipeline) => (pipeline.stream(self), 0),
            _ => (0, 0),
        };
        parameters.max(stream).saturating_mul(12).saturating_add(evidence).saturating_add(1 << 20)
    }

    /// Parts of the parameters.
    pub fn fragments(&self) -> u64 {
        match self.method {
            Method::Synchronous | Method::Pipeline(_) => 1,
            Method::Diloco(diloco) => u64::from(diloco.fragments),
        }
    }

    /// Inner steps of a round.
    pub fn round_steps(&self) -> u32 {
        match self.method {
            Method::Synchronous | Method::Pipeline(_) => 1,
            Method::Diloco(diloco) => (diloco.inner_steps / diloco.fragments.max(1)).max(1),
        }
    }

    /// How often each parameter is averaged in the whole run while all peers are there; none where
    /// nothing is averaged but gradients.
    pub fn averages(&self) -> Option<u64> {
        let Method::Diloco(diloco) = self.method else { return None };
        let between = u64::from(diloco.inner_steps) * u64::from(self.inner_windows);
        let between = between.saturating_mul(u64::from(self.peers)).max(1);
        Some(self.windows().div_ceil(between))
    }

    /// Inner steps that go on while an outcome is on its way.
    pub fn overlap(&self) -> u32 {
        match self.method {
            Method::Synchronous | Method::Pipeline(_) => 0,
            Method::Diloco(diloco) => diloco.overlap,
        }
    }

    /// Rounds that work is given out ahead.
    pub fn ahead(&self) -> u64 {
        u64::from(self.overlap() > 0)
    }

    /// Whether a round's number asks for a hash of the shared state.
    pub fn checks(&self, round: u64) -> bool {
        self.check_every > 0 && round.is_multiple_of(self.check_every)
    }

    /// Whether peers commit to their states, so that the coordinator can audit updates.
    pub fn audits_updates(&self) -> bool {
        self.audit.share > 0.0
            && !self.audit.sites
            && self.overlap() == 0
            && matches!(self.method, Method::Diloco(_))
    }

    /// Share of members' gradients that the head of a site audits.
    pub fn audits_members(&self) -> f64 {
        if self.audit.sites { self.audit.share } else { 0.0 }
    }

    /// Says what is wrong with settings that no swarm can have.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Diagnostic> {
        self.run.shape.check()?;
        if self.run.batch_tokens < self.context()
            || !self.run.batch_tokens.is_multiple_of(self.context())
            || self.windows() >= 1 << 40
        {
            return Err(Diagnostic::error(format!(
                "{} steps of {} tokens are not whole windows of {}, or too many",
                self.run.steps,
                self.run.batch_tokens,
                self.context()
            )));
        }
        let problem = self.problem();
        problem.map_or(Ok(()), |problem| Err(Diagnostic::error(problem)))
    }

    fn problem(&self) -> Option<String> {
        if let Method::Diloco(diloco) = self.method {
            if diloco.inner_steps == 0 || diloco.fragments == 0 {
                return Some("inner_steps and fragments are at least 1".to_owned());
            }
            if !diloco.inner_steps.is_multiple_of(diloco.fragments) {
                return Some(format!(
                    "{} fragments do not divide {} inner steps: each is averaged once in them",
                    diloco.fragments, diloco.inner_steps
                ));
            }
            if diloco.overlap >= diloco.inner_steps / diloco.fragments && diloco.overlap > 0 {
                return Some(format!(
                    "overlap {} must be below inner_steps / fragments = {}",
                    diloco.overlap,
                    diloco.inner_steps / diloco.fragments
                ));
            }
            if !(0.0..=1.0).contains(&diloco.mix) {
                return Some(format!("mix is a share from 0 to 1, not {}", diloco.mix));
            }
            if !(diloco.outer_learning_rate > 0.0 && diloco.outer_learning_rate <= 10.0) {
                return Some(format!(
                    "outer_learning_rate is above 0 and at most 10, not {}",
                    diloco.outer_learning_rate
                ));
            }
            if !(0.0..1.0).contains(&diloco.outer_momentum) {
                return Some(format!(
                    "outer_momentum is from 0 to below 1, not {}",
                    diloco.outer_momentum
                ));
            }
        }
        let shares = [
            ("quorum", self.quorum),
            ("audit", self.audit.share),
            ("audit_suspicious", self.audit.suspicious_share),
        ];
        if let Some((name, share)) = shares.into_iter().find(|(_, s)| !(0.0..=1.0).contains(s)) {
            return Some(format!("{name} is a share from 0 to 1, not {share}"));
        }
        if !(self.patience >= 1.0 && self.patience <= 1000.0) {
            return Some(format!("patience is from 1 to 1000, not {}", self.patience));
        }
        if self.peers == 0 || self.inner_windows == 0 {
            return Some("a swarm has at least 1 peer, and a peer's step 1 window".to_owned());
        }
        if let Method::Pipeline(pipeline) = self.method
            && let Some(problem) = pipeline.problem(self)
        {
            return Some(problem);
        }
        self.aggregation.problem()
    }
}
