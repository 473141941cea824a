//! Peers of one site act as one peer of the swarm: they share every step over the site's own line.
//!
//! ```text
//! coordinator ◀── slow line ──▶ head of a site: a worker like any other
//!                                 │  fast line: parameters and windows ─▶ ◀─ gradient
//!                               members
//! ```
//!
//! The site's first peer is its head. It cuts the text of a step among all by their speeds and
//! applies the mean of their gradients, weighted by windows, in the order of the peers' numbers,
//! as a synchronous swarm does. Members keep nothing between two steps: who is silent costs the
//! head its share of the work, and may come back at any step. Who lies may not.

mod head;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub(super) use self::head::Head;
use super::habit::Habit;
use super::learner::Learner;
use super::message::PeerId;

/// What is said within a site. The order of variants is part of the format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SiteSay {
    /// Member: I am here, and compute so many tokens a second.
    Join {
        /// Tokens a second.
        speed: f64,
    },
    /// Head: you take part.
    Welcome,
    /// Head: the gradient at these parameters on these windows.
    Compute {
        /// Which step.
        tag: u64,
        /// The windows.
        windows: Vec<u64>,
        /// All parameters.
        parameters: Vec<f32>,
    },
    /// Member: the gradient.
    Gradient {
        /// Which step.
        tag: u64,
        /// Mean loss, nats per token.
        loss: f64,
        /// Mean gradient.
        gradient: Vec<f32>,
    },
    /// Head: the run is over.
    Over,
    /// Head, to the member and to the coordinator: this member's gradient was wrong, and it gets no
    /// more work.
    Refused {
        /// Which member.
        peer: PeerId,
    },
}

impl SiteSay {
    /// A word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Join { .. } => "site join",
            Self::Welcome => "site welcome",
            Self::Compute { .. } => "site compute",
            Self::Gradient { .. } => "site gradient",
            Self::Over => "site over",
            Self::Refused { .. } => "site refused",
        }
    }
}

/// A peer's place in its site.
pub(super) enum Place {
    /// Speaks for the site.
    Head(Box<Head>),
    /// Computes for the head.
    Member(Member),
}

impl Place {
    /// Bytes that crossed within the site since it was asked last.
    pub(super) fn take_crossed(&mut self) -> u64 {
        match self {
            Self::Head(head) => head.take_crossed(),
            Self::Member(_) => 0,
        }
    }
}

/// What a member knows.
pub(super) struct Member {
    pub(super) head: PeerId,
    pub(super) welcome: bool,
    /// What it says when its computing is done.
    pub(super) answer: Option<SiteSay>,
}

impl Member {
    pub(super) fn new(head: PeerId) -> Self {
        Self { head, welcome: false, answer: None }
    }

    /// Computes what the head asks for; its windows. None that is out of order is computed.
    pub(super) fn compute<L: Learner>(
        &mut self,
        learner: &mut L,
        habit: &mut Habit,
        say: SiteSay,
    ) -> Option<u64> {
        let SiteSay::Compute { tag, windows, parameters } = say else { return None };
        if windows.is_empty() || parameters.len() != learner.parameters().len() {
            return None;
        }
        self.welcome = true;
        learner.set_parameters(&parameters);
        let (loss, gradient) = learner.gradient(&windows);
        let gradient = habit.gradient(gradient, tag);
        self.answer = Some(SiteSay::Gradient { tag, loss, gradient });
        Some(windows.len() as u64)
    }
}
