//! A model of a few numbers for tests of the machines: each window pulls the parameters to a
//! point of its own.

use runs::NatsPerToken;

use super::learner::Learner;
use crate::train::Validation;

/// Minimises the mean of |x - target(window)|^2 / 2 by SGD with momentum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Toy {
    state: Vec<f32>,
    updates: u64,
}

const SIZE: usize = 6;

impl Toy {
    pub(super) fn new() -> Self {
        let mut state = vec![0.0; 2 * SIZE];
        state[..SIZE].fill(4.0);
        Self { state, updates: 0 }
    }

    fn target(window: u64, at: usize) -> f32 {
        let x = window.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(11 * at as u32) >> 40;
        x as f32 / (1 << 24) as f32 - 0.5 + at as f32 * 0.1
    }
}

impl Learner for Toy {
    fn parameters(&self) -> &[f32] {
        &self.state[..SIZE]
    }

    fn set_parameters(&mut self, values: &[f32]) {
        self.state[..SIZE].copy_from_slice(values);
    }

    fn train(&mut self, windows: &[u64], schedule: f32) -> f64 {
        let (loss, gradient) = self.gradient(windows);
        self.apply(gradient, schedule);
        loss
    }

    fn gradient(&mut self, windows: &[u64]) -> (f64, Vec<f32>) {
        let n = windows.len().max(1) as f32;
        let mut loss = 0.0;
        let gradient = (0..SIZE)
            .map(|at| {
                let off = |window: &u64| self.state[at] - Self::target(*window, at);
                loss += windows.iter().map(|w| f64::from(off(w)).powi(2) / 2.0).sum::<f64>();
                windows.iter().map(off).sum::<f32>() / n
            })
            .collect();
        (loss / f64::from(n), gradient)
    }

    fn apply(&mut self, gradient: Vec<f32>, schedule: f32) {
        self.updates += 1;
        for (at, g) in gradient.iter().enumerate() {
            self.state[SIZE + at] = 0.5 * self.state[SIZE + at] + g;
            self.state[at] -= 0.1 * schedule * self.state[SIZE + at];
        }
    }

    fn state(&self) -> (Vec<f32>, u64) {
        (self.state.clone(), self.updates)
    }

    fn restore(&mut self, state: &[f32], updates: u64) -> bool {
        if state.len() != 2 * SIZE {
            return false;
        }
        self.state.copy_from_slice(state);
        self.updates = updates;
        true
    }

    fn validate(&mut self) -> Validation {
        let windows: Vec<u64> = (1 << 40..(1 << 40) + 200).collect();
        let loss = self.gradient(&windows).0;
        Validation { loss: NatsPerToken(loss), standard_error: NatsPerToken(0.0) }
    }
}
