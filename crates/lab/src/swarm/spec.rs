//! A swarm as written in TOML: what is trained, how, by whom, and what happens to them.

mod check;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use diagnostic::Diagnostic;
use serde::Deserialize;

use super::codec::Codec;
use super::habit::Habit;
use super::message::PeerId;
use super::pipeline::Pipeline;
use super::robust::Aggregation;
use super::settings::{Audit, Diloco, Method, Settings, Share};
use super::time::Time;
use super::virtual_time::{Act, Line, VirtualPeer};
use crate::recipe::{Recipe, RunConfig};

/// A swarm file.
///
/// ```
/// let swarm = lab::swarm::spec::Swarm::parse("swarm.toml", r#"
///     name = "flats"
///     depth = 1
///     tokens = 100e3
///
///     [method]
///     kind = "diloco"
///     inner_steps = 30
///
///     [wire]
///     up = "int4"
///     down = "int4"
///
///     [[peer]]
///     name = "desktop"
///     count = 2
///     speed = 20e3          # tokens a second
///     up = 20e6             # bits a second
///     down = 100e6
///     delay = 0.02          # seconds, one way
///
///     [[peer]]
///     name = "laptop"
///     speed = 5e3
///     up = 10e6
///     down = 50e6
///     delay = 0.05
///     joins_at = 30.0       # seconds
/// "#)?;
/// let settings = swarm.settings(256, "")?;
/// assert_eq!(settings.peers, 2); // that the run waits for
/// assert_eq!(swarm.peers().len(), 3);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swarm {
    /// For people and folder names.
    pub name: String,
    /// The model's one dial.
    pub depth: usize,
    /// Training tokens D of all peers together.
    pub tokens: f64,
    /// Decides initial parameters, the order of the text, and audits.
    #[serde(default)]
    pub seed: u64,
    /// Everything else about the model; its batch is that of all peers together.
    #[serde(default)]
    pub recipe: Recipe,
    /// How peers train together.
    #[serde(default)]
    pub method: MethodSpec,
    /// What crosses the lines.
    #[serde(default)]
    pub wire: Wire,
    /// Waiting, trust, audits.
    #[serde(default)]
    pub rules: Rules,
    /// The line of the coordinator; ideal if left out.
    pub coordinator: Option<LineSpec>,
    /// Who takes part.
    #[serde(default)]
    pub peer: Vec<PeerSpec>,
    /// Places whose peers act as one.
    #[serde(default)]
    pub site: Vec<SiteSpec>,
}

/// The name of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// Gradients are averaged every step.
    Synchronous,
    /// Changes are averaged every so many steps.
    #[default]
    Diloco,
    /// Each peer has some blocks of the model.
    Pipeline,
}

/// How peers train together.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MethodSpec {
    /// Which method.
    pub kind: MethodKind,
    /// H.
    pub inner_steps: u32,
    /// Rate of the outer step.
    pub outer_learning_rate: f32,
    /// Momentum of the outer step.
    pub outer_momentum: f32,
    /// Parts averaged one after another.
    pub fragments: u32,
    /// Inner steps that go on while an average is on its way.
    pub overlap: u32,
    /// Share of own parameters kept when an average arrives late.
    pub mix: f32,
    /// Tokens of a peer's inner step; the recipe's batch over the number of peers if left out.
    pub inner_batch_tokens: Option<usize>,
    /// How work is shared out.
    pub share: Share,
    /// Stages of a pipeline; the number of peers at the start if left out.
    pub stages: Option<u32>,
    /// Tokens of a pipeline's micro-batch; 1024 if left out.
    pub micro_batch_tokens: Option<usize>,
    /// Steps between copies of all stages.
    pub checkpoint_every: u64,
}

impl Default for MethodSpec {
    fn default() -> Self {
        let Diloco { inner_steps, outer_learning_rate, outer_momentum, fragments, overlap, mix } =
            Diloco::default();
        Self {
            kind: MethodKind::default(),
            inner_steps,
            outer_learning_rate,
            outer_momentum,
            fragments,
            overlap,
            mix,
            inner_batch_tokens: None,
            share: Share::BySpeed,
            stages: None,
            micro_batch_tokens: None,
            checkpoint_every: 64,
        }
    }
}

/// What crosses the lines.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    /// Codec of updates; in a pipeline, of activations.
    pub up: Codec,
    /// Codec of averages; in a pipeline, of gradients on their way back.
    pub down: Codec,
}

impl Default for Wire {
    fn default() -> Self {
        Self { up: Codec::INT8, down: Codec::INT8 }
    }
}

/// Waiting, trust, audits.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Share of a round's text that must be delivered before it may end without the others.
    pub quorum: f64,
    /// A round may take this many times the 80 % quantile of earlier ones.
    pub patience: f64,
    /// How updates become one.
    pub aggregation: Aggregation,
    /// Share of updates that are audited; with sites of their members' gradients, and in a pipeline of
    /// all steps of its stages.
    pub audit: f64,
    /// Share of updates of peers whose updates look odd; without meaning with sites.
    pub audit_suspicious: f64,
    /// Rounds between checks that all hold the same state; 0 never checks.
    pub check_every: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            quorum: 0.5,
            patience: 3.0,
            aggregation: Aggregation::Mean,
            audit: 0.0,
            audit_suspicious: 0.5,
            check_every: 16,
        }
    }
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineSpec {
    /// Bits a second up.
    pub up: f64,
    /// Bits a second down.
    pub down: f64,
    /// Seconds to the middle of the network, one way.
    #[serde(default)]
    pub delay: f64,
    /// Probability that a packet is lost, and sent again.
    #[serde(default)]
    pub loss: f64,
}

/// One or several equal peers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSpec {
    /// For people.
    pub name: String,
    /// How many of them.
    #[serde(default = "one")]
    pub count: u32,
    /// Tokens a second that it computes.
    pub speed: f64,
    /// Bits a second up.
    pub up: f64,
    /// Bits a second down.
    pub down: f64,
    /// Seconds to the middle of the network, one way.
    #[serde(default)]
    pub delay: f64,
    /// Probability that a packet is lost, and sent again.
    #[serde(default)]
    pub loss: f64,
    /// Second at which it joins; the run waits for those that join at 0.
    #[serde(default)]
    pub joins_at: f64,
    /// Second at which it says goodbye.
    pub leaves_at: Option<f64>,
    /// Second at which it dies.
    pub dies_at: Option<f64>,
    /// Second at which it stops for a while.
    pub stalls_at: Option<f64>,
    /// Seconds that it stops for.
    #[serde(default = "ten")]
    pub stalls_for: f64,
    /// How it behaves.
    #[serde(default)]
    pub habit: Habit,
    /// The site that it belongs to.
    pub site: Option<String>,
}

/// A place whose peers share every step, and act as one peer of the swarm.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSpec {
    /// What its peers call it.
    pub name: String,
    /// Bits a second that each of its peers sends to the others.
    pub up: f64,
    /// Bits a second that each of them receives.
    pub down: f64,
    /// Seconds to the middle of the site, one way.
    #[serde(default)]
    pub delay: f64,
}

fn one() -> u32 {
    1
}

fn ten() -> f64 {
    10.0
}

impl Swarm {
    /// Reads the swarm file at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is no swarm file.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error(format!("{} cannot be read: {error}", path.display())).help(
                "give the path of a swarm file; `isoflop lab swarm rehearse --example` prints one",
            )
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a swarm from TOML that came from `origin`.
    ///
    /// # Errors
    /// When it is no swarm file: the place and what was expected.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let swarm: Self = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().lines().next().unwrap_or("not a swarm");
            // A codec's name is refused by a diagnostic of its own.
            let message = message.strip_prefix("error: ").unwrap_or(message).to_owned();
            Diagnostic::error(message).at(origin, text, span, "here")
        })?;
        swarm.check().map_err(|problem| problem.note(format!("in {origin}")))?;
        Ok(swarm)
    }

    /// What the peers agree on.
    ///
    /// # Errors
    /// When no swarm can have these settings.
    pub fn settings(&self, vocab: usize, corpus: &str) -> Result<Settings, Diagnostic> {
        // Again, since a sweep changes what a file said.
        self.check()?;
        let run = self.recipe.run(self.depth, vocab, self.tokens, self.seed);
        let sites = self.sites();
        let members: BTreeSet<PeerId> =
            sites.iter().flat_map(|(peers, _)| &peers[1..]).copied().collect();
        let first = self
            .peers()
            .into_iter()
            .filter(|(peer, _, spec)| spec.joins_at == 0.0 && !members.contains(peer));
        let peers = (first.count() as u32).max(1);
        let spec = &self.method;
        let method = match spec.kind {
            MethodKind::Synchronous => Method::Synchronous,
            MethodKind::Diloco => Method::Diloco(Diloco {
                inner_steps: spec.inner_steps,
                outer_learning_rate: spec.outer_learning_rate,
                outer_momentum: spec.outer_momentum,
                fragments: spec.fragments,
                overlap: spec.overlap,
                mix: spec.mix,
            }),
            MethodKind::Pipeline => Method::Pipeline(self.pipeline(&run, peers)?),
        };
        let context = run.shape.context;
        let inner = spec.inner_batch_tokens.unwrap_or(run.batch_tokens / peers as usize);
        let settings = Settings {
            inner_windows: (inner / context).max(1) as u32,
            corpus: corpus.to_owned(),
            method,
            up: self.wire.up,
            down: self.wire.down,
            aggregation: self.rules.aggregation,
            share: spec.share,
            peers,
            quorum: self.rules.quorum,
            patience: self.rules.patience,
            audit: Audit {
                share: self.rules.audit,
                suspicious_share: self.rules.audit_suspicious,
                sites: !sites.is_empty(),
            },
            check_every: self.rules.check_every,
            run,
        };
        settings.check()?;
        Ok(settings)
    }

    /// Each site that has peers: them, the one that speaks for it first, and the line within it.
    pub fn sites(&self) -> Vec<(Vec<PeerId>, Line)> {
        let all = self.peers();
        let of = |site: &SiteSpec| {
            let peers = all.iter().filter(|(_, _, spec)| spec.site.as_ref() == Some(&site.name));
            (peers.map(|(peer, ..)| *peer).collect(), Line::new(site.up, site.down, site.delay))
        };
        self.site
            .iter()
            .map(of)
            .filter(|(peers, _): &(Vec<PeerId>, Line)| !peers.is_empty())
            .collect()
    }

    fn pipeline(&self, run: &RunConfig, peers: u32) -> Result<Pipeline, Diagnostic> {
        let spec = &self.method;
        let usual = Pipeline::new(spec.stages.unwrap_or(peers), run);
        if usual.stages == 1
            && let Some(peer) = self.peer.iter().find(|peer| peer.habit != Habit::Honest)
        {
            return Err(Diagnostic::error(format!(
                "peer `{}` has a habit, which changes what a stage sends to others: here is one stage",
                peer.name
            ))
            .help("take `habit` out, or set method.stages to 2 or more"));
        }
        let micro_windows = spec
            .micro_batch_tokens
            .map_or(usual.micro_windows, |tokens| (tokens / run.shape.context).max(1) as u32);
        Ok(Pipeline { micro_windows, checkpoint_every: spec.checkpoint_every, ..usual })
    }

    /// The coordinator's line.
    pub fn coordinators_line(&self) -> Line {
        self.coordinator.map_or_else(Line::default, |line| {
            Line::new(line.up, line.down, line.delay).losing(line.loss)
        })
    }

    /// Every peer with its number and name, in the order of the file.
    pub fn peers(&self) -> Vec<(PeerId, String, &PeerSpec)> {
        let all = self.peer.iter().flat_map(|spec| (0..spec.count).map(move |i| (i, spec)));
        all.enumerate()
            .map(|(index, (i, spec))| {
                let name = if spec.count > 1 {
                    format!("{} {}", spec.name, i + 1)
                } else {
                    spec.name.clone()
                };
                (PeerId(index as u32 + 1), name, spec)
            })
            .collect()
    }

    /// What happens, and when.
    pub fn acts(&self) -> Vec<(Time, Act)> {
        let mut acts = Vec::new();
        for (rank, _, spec) in self.peers() {
            let line = Line::new(spec.up, spec.down, spec.delay).losing(spec.loss);
            let peer = VirtualPeer { speed: spec.speed, line, habit: spec.habit.clone() };
            acts.push((Time::from_seconds(spec.joins_at), Act::Join(rank, peer)));
            let mut add = |at: Option<f64>, act| {
                if let Some(at) = at {
                    acts.push((Time::from_seconds(at), act));
                }
            };
            add(spec.leaves_at, Act::Leave(rank));
            add(spec.dies_at, Act::Kill(rank));
            let span = Duration::try_from_secs_f64(spec.stalls_for).unwrap_or_default();
            add(spec.stalls_at, Act::Stall(rank, span));
        }
        acts
    }
}
