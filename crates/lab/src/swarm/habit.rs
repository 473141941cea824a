//! How a peer behaves: honest, or one of the ways in which peers are hostile. For rehearsals.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A peer's habit; in a pipeline of every vector that it sends to a neighbour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Habit {
    /// Sends what it computed.
    #[default]
    Honest,
    /// Sends its change times minus `size`.
    SignFlip {
        /// Factor.
        size: f32,
    },
    /// Sends zeros.
    Zero,
    /// Sends its first change again and again.
    Stale {
        /// The first change, once there is one.
        #[serde(skip)]
        first: Option<Vec<u8>>,
    },
    /// Sends noise of the size of its change times `size`.
    Noise {
        /// Factor.
        size: f32,
    },
    /// Sends bytes that no codec writes.
    Garbage,
}

impl Habit {
    /// One of each that is not honest, with noise of this size.
    #[cfg(test)]
    pub(super) fn hostile(noise: f32) -> [Self; 5] {
        let stale = Self::Stale { first: None };
        let noise = Self::Noise { size: noise };
        [Self::SignFlip { size: 1.0 }, Self::Zero, stale, noise, Self::Garbage]
    }

    /// The change that is sent instead of `change`.
    pub(super) fn change(&self, mut change: Vec<f32>, round: u64) -> Vec<f32> {
        match self {
            Self::Honest | Self::Stale { .. } | Self::Garbage => {}
            Self::SignFlip { size } => change.iter_mut().for_each(|x| *x *= -size),
            Self::Zero => change.fill(0.0),
            Self::Noise { size } => {
                let norm = super::robust::norm(&change) as f32;
                let bound = size * norm * (3.0 / change.len().max(1) as f32).sqrt();
                let mut random = ChaCha8Rng::seed_from_u64(round);
                change.fill_with(|| bound * (2.0 * random.random::<f32>() - 1.0));
            }
        }
        change
    }

    /// The gradient of step `tag` that a member of a site sends instead of `gradient`.
    pub(super) fn gradient(&mut self, gradient: Vec<f32>, tag: u64) -> Vec<f32> {
        if *self == Self::Honest {
            return gradient;
        }
        let body = self.change(gradient, tag).into_iter().flat_map(f32::to_le_bytes).collect();
        let sent = self.bytes(body, tag);
        let values = sent.as_chunks().0.iter();
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    /// The bytes that are sent instead of `body`.
    pub(super) fn bytes(&mut self, body: Vec<u8>, round: u64) -> Vec<u8> {
        match self {
            Self::Stale { first } => first.get_or_insert(body).clone(),
            Self::Garbage => {
                let mut random = ChaCha8Rng::seed_from_u64(round);
                (0..body.len() + 3).map(|_| random.random()).collect()
            }
            _ => body,
        }
    }
}
