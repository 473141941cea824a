//! Which machines a kind of model is trained by: drivers play any of them.

use std::collections::BTreeMap;

use diagnostic::Diagnostic;

use super::coordinator::{Coordinator, Standing};
use super::learner::Learner;
use super::machine::Effect;
use super::message::PeerId;
use super::pipeline::{Conductor, Model, Stage};
use super::real_time::Machine;
use super::settings::Settings;
use super::time::Time;
use super::virtual_time::VirtualPeer;
use super::worker::Worker;
use crate::train::Validation;

/// A model, by the machines that train it.
pub trait Roles: Sized {
    /// Who leads.
    type Coordinator: Lead;
    /// Who computes.
    type Worker: Machine;

    /// A coordinator of a fresh run.
    fn coordinator(self, settings: Settings) -> Self::Coordinator;

    /// A coordinator from what one saved.
    ///
    /// # Errors
    /// When the bytes are torn or belong to other settings.
    fn restored(self, settings: Settings, saved: &[u8]) -> Result<Self::Coordinator, Diagnostic>;

    /// A worker that holds nothing yet; in a site that `head` speaks for, if there is one.
    fn worker(
        self,
        settings: Settings,
        id: PeerId,
        peer: &VirtualPeer,
        head: Option<PeerId>,
    ) -> Self::Worker;

    /// A worker says goodbye.
    fn leave(worker: &mut Self::Worker) -> Vec<Effect>;
}

/// A machine that leads a run.
pub trait Lead: Machine {
    /// All that it needs to go on without loss.
    fn save(&self) -> Vec<u8>;

    /// Rounds that it will not close again, even after a restart.
    fn version(&self) -> u64;

    /// Windows trained on.
    fn trained(&self) -> u64;

    /// Whether every window was trained on.
    fn is_finished(&self) -> bool;

    /// Why the run cannot go on, if so.
    fn problem(&self) -> Option<String>;

    /// Everybody who was ever here.
    fn attendance(&self) -> BTreeMap<PeerId, Attendance>;

    /// The loss on held-out text.
    fn validate(&mut self) -> Validation;
}

/// What a peer did, and how it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attendance {
    /// Windows it trained on that counted.
    pub windows: u64,
    /// How it stands.
    pub standing: Standing,
}

impl<L: Learner> Roles for L {
    type Coordinator = Coordinator<L>;
    type Worker = Worker<L>;

    fn coordinator(self, settings: Settings) -> Coordinator<L> {
        Coordinator::new(settings, self)
    }

    fn restored(self, settings: Settings, saved: &[u8]) -> Result<Coordinator<L>, Diagnostic> {
        Coordinator::restore(settings, self, saved)
    }

    fn worker(
        self,
        settings: Settings,
        id: PeerId,
        peer: &VirtualPeer,
        head: Option<PeerId>,
    ) -> Worker<L> {
        let worker = Worker::new(id, settings, self, peer.speed).with_habit(peer.habit.clone());
        match head {
            Some(head) => worker.in_site(head),
            None => worker,
        }
    }

    fn leave(worker: &mut Worker<L>) -> Vec<Effect> {
        worker.leave()
    }
}

impl<L: Learner> Lead for Coordinator<L> {
    fn save(&self) -> Vec<u8> {
        Coordinator::save(self)
    }

    fn version(&self) -> u64 {
        Coordinator::version(self)
    }

    fn trained(&self) -> u64 {
        Coordinator::trained(self)
    }

    fn is_finished(&self) -> bool {
        Coordinator::is_finished(self)
    }

    fn problem(&self) -> Option<String> {
        None
    }

    fn attendance(&self) -> BTreeMap<PeerId, Attendance> {
        let peers = self.peers().iter();
        peers
            .map(|(id, p)| (*id, Attendance { windows: p.windows, standing: p.standing }))
            .collect()
    }

    fn validate(&mut self) -> Validation {
        Coordinator::validate(self)
    }
}

/// A model that is trained in stages.
pub struct InStages<M>(pub M);

impl<M: Model> Roles for InStages<M> {
    type Coordinator = Conductor<M>;
    type Worker = Stage<M>;

    fn coordinator(self, settings: Settings) -> Conductor<M> {
        Conductor::new(settings, self.0)
    }

    fn restored(self, settings: Settings, saved: &[u8]) -> Result<Conductor<M>, Diagnostic> {
        Conductor::restore(settings, self.0, saved)
    }

    fn worker(
        self,
        settings: Settings,
        _: PeerId,
        peer: &VirtualPeer,
        _: Option<PeerId>,
    ) -> Stage<M> {
        Stage::new(settings, self.0, peer.speed).with_habit(peer.habit.clone())
    }

    fn leave(worker: &mut Stage<M>) -> Vec<Effect> {
        worker.leave()
    }
}

impl<M: Model> Lead for Conductor<M> {
    fn save(&self) -> Vec<u8> {
        Conductor::save(self)
    }

    fn version(&self) -> u64 {
        Conductor::version(self)
    }

    fn trained(&self) -> u64 {
        Conductor::trained(self)
    }

    fn is_finished(&self) -> bool {
        Conductor::is_finished(self)
    }

    fn problem(&self) -> Option<String> {
        Conductor::problem(self)
    }

    fn attendance(&self) -> BTreeMap<PeerId, Attendance> {
        Conductor::attendance(self)
    }

    fn validate(&mut self) -> Validation {
        Conductor::validate(self)
    }
}

impl<M: Model> Machine for Conductor<M> {
    fn step(&mut self, now: Time, event: super::machine::Event) -> Vec<Effect> {
        Conductor::step(self, now, event)
    }
}

impl<M: Model> Machine for Stage<M> {
    fn step(&mut self, _: Time, event: super::machine::Event) -> Vec<Effect> {
        Stage::step(self, event)
    }
}
