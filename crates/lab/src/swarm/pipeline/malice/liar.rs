//! A swarm of which one stage lies in whatever way.

use std::ops::Range;
use std::sync::Arc;

use diagnostic::Diagnostic;

use super::super::{Conductor, EngineModel, EnginePart, Evidence, Model, Part, Report, Say, Stage};
use crate::optimiser::RunningNorm;
use crate::swarm::machine::{Effect, Event};
use crate::swarm::message::{Message, PeerId};
use crate::swarm::real_time::Machine;
use crate::swarm::roles::Roles;
use crate::swarm::settings::Settings;
use crate::swarm::time::Time;
use crate::swarm::virtual_time::VirtualPeer;
use crate::train::Validation;

/// The step from which on a liar lies, after the first copy.
pub(super) const LIES_FROM: u64 = 5;

#[derive(Clone)]
pub(super) enum Lie {
    /// In what it sends.
    Said(Arc<dyn Fn(&mut Say) + Send + Sync>),
    /// In its update, of which it reports what is true.
    Update,
    /// It says nothing of this kind.
    Silence(&'static str),
}

/// The lab's model in stages, one of which lies.
pub(super) struct Hostile {
    pub(super) model: EngineModel,
    pub(super) liar: PeerId,
    pub(super) lie: Lie,
}

impl Roles for Hostile {
    type Coordinator = Conductor<EngineModel>;
    type Worker = LyingStage;

    fn coordinator(self, settings: Settings) -> Conductor<EngineModel> {
        Conductor::new(settings, self.model)
    }

    fn restored(self, settings: Settings, saved: &[u8]) -> Result<Self::Coordinator, Diagnostic> {
        Conductor::restore(settings, self.model, saved)
    }

    fn worker(
        self,
        settings: Settings,
        id: PeerId,
        peer: &VirtualPeer,
        _: Option<PeerId>,
    ) -> LyingStage {
        let lie = (id == self.liar).then_some(self.lie);
        let update = matches!(lie, Some(Lie::Update));
        let model = LyingModel { model: self.model, update };
        LyingStage { stage: Stage::new(settings, model, peer.speed), lie }
    }

    fn leave(worker: &mut LyingStage) -> Vec<Effect> {
        worker.stage.leave()
    }
}

pub(super) struct LyingStage {
    stage: Stage<LyingModel>,
    lie: Option<Lie>,
}

impl Machine for LyingStage {
    fn step(&mut self, _: Time, event: Event) -> Vec<Effect> {
        let mut effects = self.stage.step(event);
        match &self.lie {
            Some(Lie::Said(lie)) => {
                for effect in &mut effects {
                    if let Effect::Send(_, Message::Pipeline(say)) = effect
                        && step_of(say).is_some_and(|step| step >= LIES_FROM)
                    {
                        lie(say);
                    }
                }
            }
            Some(Lie::Silence(kind)) => effects.retain(
                |effect| !matches!(effect, Effect::Send(_, message) if message.kind() == *kind),
            ),
            _ => {}
        }
        effects
    }
}

fn step_of(say: &Say) -> Option<u64> {
    match say {
        Say::Activations(micro) | Say::Gradients(micro) => Some(micro.step),
        Say::Norm { step, .. }
        | Say::Total { step, .. }
        | Say::Done { step, .. }
        | Say::Kept { step, .. }
        | Say::Proof { step, .. } => Some(*step),
        _ => None,
    }
}

struct LyingModel {
    model: EngineModel,
    update: bool,
}

impl Model for LyingModel {
    type Part = LyingPart;

    fn part(&self, blocks: Range<usize>) -> LyingPart {
        LyingPart { part: self.model.part(blocks), update: self.update, updates: 0 }
    }

    fn validate(&mut self, parameters: &[f32]) -> Validation {
        self.model.validate(parameters)
    }
}

struct LyingPart {
    part: EnginePart,
    update: bool,
    updates: u64,
}

impl Part for LyingPart {
    fn forward(&mut self, micro: u32, windows: Range<u64>, stream: &[f32]) -> Vec<f32> {
        self.part.forward(micro, windows, stream)
    }

    fn losses(&mut self, micro: u32, windows: Range<u64>, stream: &[f32], scale: f32) -> f64 {
        self.part.losses(micro, windows, stream, scale)
    }

    fn backward(
        &mut self,
        micro: u32,
        windows: Range<u64>,
        gradient: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        self.part.backward(micro, windows, gradient)
    }

    fn apply(&mut self, mut gradient: Vec<f32>, norm: f64, schedule: f32) {
        if self.update && self.updates >= LIES_FROM {
            for x in &mut gradient {
                *x = -*x;
            }
        }
        self.updates += 1;
        self.part.apply(gradient, norm, schedule);
    }

    fn state(&self) -> Vec<f32> {
        self.part.state()
    }

    fn restore(&mut self, state: &[f32], updates: u64) -> bool {
        self.updates = updates;
        self.part.restore(state, updates)
    }
}

/// Of activations or of gradients, in what is sent.
pub(super) fn packed(is_forward: bool, lie: fn(&mut Vec<u8>)) -> Lie {
    said(move |say| match say {
        Say::Activations(micro) if is_forward => lie(&mut micro.body),
        Say::Gradients(micro) if !is_forward => lie(&mut micro.body),
        _ => {}
    })
}

/// Of norms, in what is sent.
pub(super) fn added(lie: fn(&mut RunningNorm)) -> Lie {
    said(move |say| {
        if let Say::Norm { norm, .. } = say {
            lie(norm);
        }
    })
}

/// Of the whole norm, in what is sent.
pub(super) fn summed(lie: fn(&mut f64)) -> Lie {
    said(move |say| {
        if let Say::Total { norm, .. } = say {
            lie(norm);
        }
    })
}

/// Of the loss and what is reported.
pub(super) fn done(lie: fn(&mut f64, &mut Option<Report>)) -> Lie {
    said(move |say| {
        if let Say::Done { loss, report, .. } = say {
            lie(loss, report);
        }
    })
}

/// Of hashes.
pub(super) fn reported(lie: fn(&mut Report)) -> Lie {
    said(move |say| {
        if let Say::Done { report: Some(report), .. } = say {
            lie(report);
        }
    })
}

/// Of the part that is kept.
pub(super) fn kept(lie: fn(&mut Vec<f32>)) -> Lie {
    said(move |say| {
        if let Say::Kept { state, .. } = say {
            lie(state);
        }
    })
}

/// Of evidence.
pub(super) fn shown(lie: fn(&mut Evidence)) -> Lie {
    said(move |say| {
        if let Say::Proof { evidence, .. } = say {
            lie(evidence);
        }
    })
}

fn said(lie: impl Fn(&mut Say) + Send + Sync + 'static) -> Lie {
    Lie::Said(Arc::new(lie))
}
