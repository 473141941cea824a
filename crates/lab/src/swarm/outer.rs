//! The outer optimiser of `DiLoCo` (Douillard et al. 2023, arXiv:2311.08105, algorithm 1): SGD with
//! Nesterov momentum on the mean change of all peers.

use std::ops::Range;

use super::codec::{Codec, Encoder};
use super::learner::Learner;
use super::settings::{Diloco, Method, Settings};
use crate::kernels::wide;

/// What all peers share: parameters, with the momentum of their outer steps, and the running mean of
/// gradients where that is averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct Outer {
    /// The parameters, then the running mean of gradients if it is averaged.
    pub shared: Vec<f32>,
    /// One number a parameter.
    momentum: Vec<f32>,
    learning_rate: f32,
    decay: f32,
}

impl Outer {
    /// What a run of `settings` begins with; none where no outer step is made.
    pub(super) fn of(settings: &Settings, learner: &impl Learner) -> Option<Self> {
        let Method::Diloco(diloco) = settings.method else { return None };
        let Diloco { outer_learning_rate, outer_momentum, .. } = diloco;
        let parameters = learner.parameters().len();
        Some(Self {
            shared: shared_by(settings, learner),
            momentum: vec![0.0; parameters],
            learning_rate: outer_learning_rate,
            decay: outer_momentum,
        })
    }

    /// The parameters alone.
    pub fn parameters(&self) -> &[f32] {
        &self.shared[..self.momentum.len()]
    }

    /// Takes the values `range` along `change`, the mean of (before - after): parameters by an outer
    /// step, running means of gradients all the way.
    pub fn apply(&mut self, range: Range<usize>, change: &[f32]) {
        let (rate, decay) = (self.learning_rate, self.decay);
        let (stepped, _) = split_at_parameters(range.clone(), self.momentum.len());
        let (change, change_of_means) = change.split_at(stepped.len());
        let (parameters, means) = self.shared[range].split_at_mut(stepped.len());
        let slots = parameters.iter_mut().zip(&mut self.momentum[stepped]);
        wide(|| {
            for ((p, m), d) in slots.zip(change) {
                *m = decay * *m + d;
                *p -= rate * (d + decay * *m);
            }
        });
        for (mean, d) in means.iter_mut().zip(change_of_means) {
            *mean -= d;
        }
    }

    /// What is shared, then the momentum.
    pub fn state(&self) -> Vec<f32> {
        [self.shared.as_slice(), &self.momentum].concat()
    }

    /// From [`Self::state`]; false, and nothing changed, when the length is another.
    pub fn restore(&mut self, state: &[f32]) -> bool {
        if state.len() != self.shared.len() + self.momentum.len() {
            return false;
        }
        let (shared, momentum) = state.split_at(self.shared.len());
        self.shared.copy_from_slice(shared);
        self.momentum.copy_from_slice(momentum);
        true
    }
}

/// What `learner` has of what all share: its parameters, and the running mean of its gradients where
/// that is averaged.
pub(super) fn shared_by(settings: &Settings, learner: &impl Learner) -> Vec<f32> {
    let mut shared = learner.parameters().to_vec();
    if settings.averages_momentum() {
        shared.extend(learner.momentum());
    }
    shared
}

/// Gives `learner` what [`shared_by`] took.
pub(super) fn share_with(learner: &mut impl Learner, shared: &[f32]) {
    let (parameters, momentum) = shared.split_at(learner.parameters().len());
    learner.set_parameters(parameters);
    if !momentum.is_empty() {
        learner.set_momentum(momentum);
    }
}

/// The part of `range` that is parameters, and the rest.
pub(super) fn split_at_parameters(
    range: Range<usize>,
    parameters: usize,
) -> (Range<usize>, Range<usize>) {
    let cut = |at: usize| at.min(parameters);
    (cut(range.start)..cut(range.end), range.start.max(parameters)..range.end.max(parameters))
}

/// The numbers of fragment `index` of `fragments`: equal shares of the flat vector.
pub fn fragment(numbers: usize, fragments: u64, index: u64) -> Range<usize> {
    let at = |i: u64| (numbers as u128 * u128::from(i) / u128::from(fragments.max(1))) as usize;
    at(index)..at(index + 1)
}

/// One encoder of `codec` for each fragment of `numbers` numbers.
pub(super) fn encoders(settings: &Settings, codec: Codec, numbers: usize) -> Vec<Encoder> {
    let fragments = settings.fragments();
    (0..fragments)
        .map(|index| Encoder::new(codec, fragment(numbers, fragments, index).len()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_outer_steps_by_hand() {
        let mut outer = Outer {
            shared: vec![1.0, 1.0, 0.7, 0.7],
            momentum: vec![0.0, 0.0],
            learning_rate: 0.5,
            decay: 0.9,
        };
        outer.apply(0..1, &[0.2]); // m = 0.2; p = 1 - 0.5 (0.2 + 0.18)
        outer.apply(0..1, &[0.1]); // m = 0.28; p = 0.81 - 0.5 (0.1 + 0.252)
        assert!((outer.parameters()[0] - 0.634).abs() < 1e-6, "{:?}", outer.parameters());
        assert_eq!(outer.parameters()[1], 1.0);
        // A running mean of gradients takes all of its change, in a range with parameters or without.
        outer.apply(1..3, &[0.0, 0.5]);
        outer.apply(3..4, &[0.2]);
        for (mean, expected) in outer.shared[2..].iter().zip([0.2, 0.5]) {
            assert!((mean - expected).abs() < 1e-6, "{:?}", outer.shared);
        }
        let mut copy = Outer { shared: vec![0.0; 4], momentum: vec![9.0; 2], ..outer.clone() };
        assert!(copy.restore(&outer.state()) && !copy.restore(&outer.state()[1..]));
        assert_eq!(copy, outer);
    }

    #[test]
    fn a_range_is_cut_where_the_parameters_end() {
        assert_eq!(split_at_parameters(0..4, 6), (0..4, 6..6));
        assert_eq!(split_at_parameters(4..8, 6), (4..6, 6..8));
        assert_eq!(split_at_parameters(8..9, 6), (6..6, 8..9));
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
