//! The outer optimiser of `DiLoCo` (Douillard et al. 2023, arXiv:2311.08105, algorithm 1): SGD with
//! Nesterov momentum on the mean change of all peers.

use std::ops::Range;

use super::codec::{Codec, Encoder};
use super::settings::{Diloco, Method, Settings};
use crate::kernels::wide;

/// Parameters that all peers share, with the momentum of their outer steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Outer {
    /// The shared parameters.
    pub parameters: Vec<f32>,
    momentum: Vec<f32>,
    learning_rate: f32,
    decay: f32,
}

impl Outer {
    /// What a run of `settings` begins with; none where no outer step is made.
    pub(super) fn of(settings: &Settings, parameters: &[f32]) -> Option<Self> {
        match settings.method {
            Method::Synchronous | Method::Pipeline(_) => None,
            Method::Diloco(Diloco { outer_learning_rate, outer_momentum, .. }) => {
                Some(Self::new(parameters.to_vec(), outer_learning_rate, outer_momentum))
            }
        }
    }

    /// From `parameters`, with no momentum yet.
    pub fn new(parameters: Vec<f32>, learning_rate: f32, momentum: f32) -> Self {
        let zeros = vec![0.0; parameters.len()];
        Self { parameters, momentum: zeros, learning_rate, decay: momentum }
    }

    /// One outer step of the parameters `range` along `change`, the mean of (before - after).
    pub fn apply(&mut self, range: Range<usize>, change: &[f32]) {
        let (rate, decay) = (self.learning_rate, self.decay);
        let slots = self.parameters[range.clone()].iter_mut().zip(&mut self.momentum[range]);
        wide(|| {
            for ((p, m), d) in slots.zip(change) {
                *m = decay * *m + d;
                *p -= rate * (d + decay * *m);
            }
        });
    }

    /// Parameters, then momentum.
    pub fn state(&self) -> Vec<f32> {
        [self.parameters.as_slice(), &self.momentum].concat()
    }

    /// From [`Self::state`]; false, and nothing changed, when the length is another.
    pub fn restore(&mut self, state: &[f32]) -> bool {
        let n = self.parameters.len();
        if state.len() != 2 * n {
            return false;
        }
        self.parameters.copy_from_slice(&state[..n]);
        self.momentum.copy_from_slice(&state[n..]);
        true
    }
}

/// The parameters of fragment `index` of `fragments`: equal shares of the flat vector.
pub fn fragment(parameters: usize, fragments: u64, index: u64) -> Range<usize> {
    let at = |i: u64| (parameters as u128 * u128::from(i) / u128::from(fragments.max(1))) as usize;
    at(index)..at(index + 1)
}

/// One encoder of `codec` for each fragment of `parameters` numbers.
pub(super) fn encoders(settings: &Settings, codec: Codec, parameters: usize) -> Vec<Encoder> {
    let fragments = settings.fragments();
    (0..fragments)
        .map(|index| Encoder::new(codec, fragment(parameters, fragments, index).len()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_outer_steps_by_hand() {
        let mut outer = Outer::new(vec![1.0, 1.0], 0.5, 0.9);
        outer.apply(0..1, &[0.2]); // m = 0.2; p = 1 - 0.5 (0.2 + 0.18)
        outer.apply(0..1, &[0.1]); // m = 0.28; p = 0.81 - 0.5 (0.1 + 0.252)
        assert!((outer.parameters[0] - 0.634).abs() < 1e-6, "{:?}", outer.parameters);
        assert_eq!(outer.parameters[1], 1.0);
    }

    #[test]
    fn fragments_cover_every_parameter_once() {
        for (n, fragments) in [(10, 3), (7, 7), (5, 8), (0, 2)] {
            let mut next = 0;
            for index in 0..fragments {
                let range = fragment(n, fragments, index);
                assert_eq!(range.start, next);
                next = range.end;
            }
            assert_eq!(next, n);
        }
    }
}
