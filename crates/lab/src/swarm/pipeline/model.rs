//! What a pipeline asks of its model; the lab's engine is one, rehearsals use one that only has a size.

use std::ops::Range;

use runs::NatsPerToken;

use crate::optimiser::Optimiser;
use crate::parameters::Layout;
use crate::recipe::RunConfig;
use crate::train::Validation;

/// A model that is cut between its blocks.
pub trait Model: Send {
    /// Some blocks of it.
    type Part: Part;

    /// These blocks as a run begins with them, with the embedding before the first and the head
    /// behind the last.
    fn part(&self, blocks: Range<usize>) -> Self::Part;

    /// The loss of the whole model on held-out text.
    fn validate(&mut self, parameters: &[f32]) -> Validation;
}

/// Some blocks with their optimiser and their text. Two parts of the same blocks do the same, bit
/// for bit, after the same calls.
pub trait Part: Send {
    /// A micro-batch through the blocks: what the next part reads. `stream` is what the part before
    /// gave; the first part reads the text instead. Kept until [`Self::backward`].
    fn forward(&mut self, micro: u32, windows: Range<u64>, stream: &[f32]) -> Vec<f32>;

    /// The same in the last part, down to the sum of the losses in nats; the gradient will be that
    /// of `scale` times it.
    fn losses(&mut self, micro: u32, windows: Range<u64>, stream: &[f32], scale: f32) -> f64;

    /// Back through the blocks: the gradient of the parameters, and of what `forward` read (nothing
    /// in the first part). `gradient` is what the next part gave; the last has its losses instead.
    fn backward(
        &mut self,
        micro: u32,
        windows: Range<u64>,
        gradient: &[f32],
    ) -> (Vec<f32>, Vec<f32>);

    /// One update along `gradient`, a part of one with this `norm`.
    fn apply(&mut self, gradient: Vec<f32>, norm: f64, schedule: f32);

    /// Parameters, then the optimiser's memory.
    fn state(&self) -> Vec<f32>;

    /// From [`Self::state`] after so many updates; false, and nothing changed, when the length is
    /// another.
    fn restore(&mut self, state: &[f32], updates: u64) -> bool;
}

/// Has the size of a model and trains nothing: for rehearsals of time and bytes alone.
#[derive(Debug, Clone)]
pub struct DummyModel {
    run: RunConfig,
}

impl DummyModel {
    /// Of the size of `run`'s model and optimiser.
    pub fn new(run: &RunConfig) -> Self {
        Self { run: run.clone() }
    }
}

impl Model for DummyModel {
    type Part = DummyPart;

    fn part(&self, blocks: Range<usize>) -> DummyPart {
        let shape = &self.run.shape;
        let layout = Layout::new(shape).part(blocks.clone()).0;
        let memory = Optimiser::numbers(self.run.optimiser.method, &layout);
        DummyPart {
            is_first: blocks.start == 0,
            is_last: blocks.end == shape.depth,
            per_window: shape.context * shape.width,
            loss_per_window: shape.context as f64 * (shape.vocab as f64).ln(),
            state: layout.len() + memory,
        }
    }

    fn validate(&mut self, _: &[f32]) -> Validation {
        Validation { loss: NatsPerToken(f64::NAN), standard_error: NatsPerToken(f64::NAN) }
    }
}

/// Some blocks of a [`DummyModel`].
#[derive(Debug, Clone)]
pub struct DummyPart {
    is_first: bool,
    is_last: bool,
    per_window: usize,
    loss_per_window: f64,
    state: usize,
}

impl DummyPart {
    fn stream(&self, windows: &Range<u64>, none: bool) -> Vec<f32> {
        let windows = if none { 0 } else { windows.end - windows.start };
        vec![0.0; windows as usize * self.per_window]
    }
}

impl Part for DummyPart {
    fn forward(&mut self, _: u32, windows: Range<u64>, _: &[f32]) -> Vec<f32> {
        self.stream(&windows, self.is_last)
    }

    fn losses(&mut self, _: u32, windows: Range<u64>, _: &[f32], _: f32) -> f64 {
        (windows.end - windows.start) as f64 * self.loss_per_window
    }

    fn backward(&mut self, _: u32, windows: Range<u64>, _: &[f32]) -> (Vec<f32>, Vec<f32>) {
        (Vec::new(), self.stream(&windows, self.is_first))
    }

    fn apply(&mut self, _: Vec<f32>, _: f64, _: f32) {}

    fn state(&self) -> Vec<f32> {
        vec![0.0; self.state]
    }

    fn restore(&mut self, state: &[f32], _: u64) -> bool {
        state.len() == self.state
    }
}
