//! Optimisers: AdamW for every matrix, or Muon for the matrices inside blocks.

mod adamw;
mod muon;
mod running_norm;

use serde::{Deserialize, Serialize};

use crate::kernels::wide;
use crate::parameters::{Layout, Role, Tensor};
use crate::threads::Threads;

pub use running_norm::RunningNorm;

/// Which optimiser trains the matrices inside blocks. Embedding and head always use `AdamW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Momentum whose singular values are set to about one (Jordan et al. 2024).
    #[default]
    Muon,
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv:1711.05101).
    #[serde(rename = "adamw")]
    AdamW,
}

/// Everything an optimiser needs to know; peak values, before the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OptimiserSettings {
    /// For the matrices inside blocks.
    pub method: Method,
    /// Peak learning rate of the matrices inside blocks.
    pub matrix_learning_rate: f32,
    /// Peak learning rate of the token embedding.
    pub embedding_learning_rate: f32,
    /// Peak learning rate of the output projection.
    pub head_learning_rate: f32,
    /// Share of a matrix inside a block that one unit of learning rate takes away; the embedding
    /// and the head do not decay.
    pub weight_decay: f32,
    /// The gradient is scaled down to at most this norm; 0 leaves it alone.
    pub clip: f32,
}

/// The optimiser's memory of one matrix.
enum Memory {
    AdamW(adamw::Moments),
    Muon(muon::Momentum),
}

/// An optimiser with its memory.
pub struct Optimiser {
    settings: OptimiserSettings,
    tensors: Vec<Tensor>,
    memory: Vec<Memory>,
    steps: u64,
}

impl Optimiser {
    /// A fresh optimiser for the matrices of `layout`.
    pub fn new(settings: OptimiserSettings, layout: &Layout) -> Self {
        let tensors = layout.tensors().to_vec();
        let memory = tensors
            .iter()
            .map(|tensor| match (settings.method, tensor.role) {
                (Method::Muon, Role::Input | Role::Output) => {
                    Memory::Muon(muon::Momentum::new(tensor.rows, tensor.columns))
                }
                _ => Memory::AdamW(adamw::Moments::new(tensor.range.len())),
            })
            .collect();
        Self { settings, tensors, memory, steps: 0 }
    }

    /// One update of `parameters` along `gradient` (scaled down in place when clipped), at
    /// `schedule` times the peak learning rates. Returns the gradient's norm before clipping.
    pub(crate) fn step(
        &mut self,
        parameters: &mut [f32],
        gradient: &mut [f32],
        schedule: f32,
        threads: &Threads,
    ) -> f64 {
        let norm = norm(gradient);
        self.step_with_norm(parameters, gradient, norm, schedule, threads);
        norm
    }

    /// [`Self::step`] when the gradient is a part of one whose norm is `norm`.
    pub(crate) fn step_with_norm(
        &mut self,
        parameters: &mut [f32],
        gradient: &mut [f32],
        norm: f64,
        schedule: f32,
        threads: &Threads,
    ) {
        if self.settings.clip > 0.0 && norm > f64::from(self.settings.clip) {
            let factor = (f64::from(self.settings.clip) / norm) as f32;
            wide(|| gradient.iter_mut().for_each(|g| *g *= factor));
        }
        self.steps += 1;
        let (settings, steps) = (self.settings, self.steps);

        // One task a matrix: matrices are independent, so any order gives the same result.
        let mut rest = parameters;
        let mut tasks = Vec::with_capacity(self.tensors.len());
        for (tensor, memory) in self.tensors.iter().zip(&mut self.memory) {
            let (slot, after) = rest.split_at_mut(tensor.range.len());
            rest = after;
            tasks.push((tensor, memory, slot));
        }
        let gradient = &*gradient;
        threads.for_each(tasks, |(tensor, memory, slot)| {
            let gradient = &gradient[tensor.range.clone()];
            let (peak, decay) = match tensor.role {
                Role::Embedding => (settings.embedding_learning_rate, 0.0),
                Role::Head => (settings.head_learning_rate, 0.0),
                Role::Input | Role::Output => {
                    (settings.matrix_learning_rate, settings.weight_decay)
                }
            };
            let rate = peak * schedule;
            match memory {
                Memory::AdamW(moments) => moments.update(slot, gradient, rate, decay, steps),
                Memory::Muon(momentum) => momentum.update(slot, gradient, rate, decay, steps),
            }
        });
    }

    /// Updates so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Every number of the memory, matrix by matrix, for a checkpoint.
    pub(crate) fn state(&self) -> impl Iterator<Item = &[f32]> {
        self.memory.iter().flat_map(|memory| match memory {
            Memory::AdamW(moments) => moments.state().to_vec(),
            Memory::Muon(momentum) => momentum.state().to_vec(),
        })
    }

    /// The places of [`Self::state`], to fill from a checkpoint taken after `steps` updates.
    pub(crate) fn restore(&mut self, steps: u64) -> impl Iterator<Item = &mut [f32]> {
        self.steps = steps;
        self.memory.iter_mut().flat_map(|memory| match memory {
            Memory::AdamW(moments) => Vec::from(moments.state_mut()),
            Memory::Muon(momentum) => Vec::from(momentum.state_mut()),
        })
    }

    /// Numbers held beside the parameters, for layouts of this kind.
    pub(crate) fn numbers(method: Method, layout: &Layout) -> usize {
        layout
            .tensors()
            .iter()
            .map(|tensor| match (method, tensor.role) {
                (Method::Muon, Role::Input | Role::Output) => tensor.range.len(),
                _ => 2 * tensor.range.len(),
            })
            .sum()
    }
}

/// Euclidean norm, summed in pieces of 4096 so that f32 keeps its digits.
fn norm(values: &[f32]) -> f64 {
    let mut norm = RunningNorm::default();
    norm.add(values);
    norm.value()
}
