//! What a peer asks of its model; the lab's engine is one, tests use smaller ones.

use std::sync::Arc;

use diagnostic::Diagnostic;

use crate::corpus::Split;
use crate::engine::{CpuEngine, Engine};
use crate::recipe::RunConfig;
use crate::threads::Threads;
use crate::tokens::{BatchSampler, TokenFile};
use crate::train::{Reader, TextOfRun, Validation, validate};

/// A model with its optimiser and its text. Two learners of the same settings do the same, bit
/// for bit, after the same calls.
pub trait Learner: Send {
    /// All parameters.
    fn parameters(&self) -> &[f32];

    /// Replaces all parameters.
    fn set_parameters(&mut self, values: &[f32]);

    /// One step on `windows` at `schedule` times the peak learning rate; the mean loss.
    fn train(&mut self, windows: &[u64], schedule: f32) -> f64;

    /// Mean loss on `windows` and its gradient.
    fn gradient(&mut self, windows: &[u64]) -> (f64, Vec<f32>);

    /// One update along `gradient`.
    fn apply(&mut self, gradient: Vec<f32>, schedule: f32);

    /// Parameters, the optimiser's memory, and the number of updates.
    fn state(&self) -> (Vec<f32>, u64);

    /// From [`Self::state`]; false, and nothing changed, when the length is another.
    fn restore(&mut self, state: &[f32], updates: u64) -> bool;

    /// The loss on held-out text.
    fn validate(&mut self) -> Validation;
}

/// The lab's engine on a token file.
pub struct EngineLearner {
    engine: CpuEngine,
    tokens: Arc<TokenFile>,
    sampler: BatchSampler,
    reader: Reader,
    windows: Vec<usize>,
    numbers: usize,
}

impl EngineLearner {
    /// A fresh model of `config` on `threads`.
    ///
    /// # Errors
    /// When the shape is impossible or the text too small.
    pub fn new(
        config: &RunConfig,
        tokens: &Arc<TokenFile>,
        threads: Threads,
    ) -> Result<Self, Diagnostic> {
        let TextOfRun { sampler, windows } = TextOfRun::new(config, tokens)?;
        let engine = CpuEngine::new(config.shape, config.optimiser, config.seed, threads);
        let mut numbers = 0;
        // Counting cannot fail.
        let _ = engine.save(&mut |part| {
            numbers += part.len();
            Ok(())
        });
        let reader = Reader::new(config.shape.context);
        Ok(Self { engine, tokens: tokens.clone(), sampler, reader, windows, numbers })
    }
}

impl Learner for EngineLearner {
    fn parameters(&self) -> &[f32] {
        self.engine.parameters()
    }

    fn set_parameters(&mut self, values: &[f32]) {
        self.engine.set_parameters(values);
    }

    fn train(&mut self, windows: &[u64], schedule: f32) -> f64 {
        let starts = windows.iter().map(|window| self.sampler.window(*window));
        let batch = self.reader.read(&self.tokens, Split::Train, starts);
        self.engine.train(batch, schedule).loss
    }

    fn gradient(&mut self, windows: &[u64]) -> (f64, Vec<f32>) {
        let starts = windows.iter().map(|window| self.sampler.window(*window));
        let batch = self.reader.read(&self.tokens, Split::Train, starts);
        self.engine.mean_gradient(batch)
    }

    fn apply(&mut self, gradient: Vec<f32>, schedule: f32) {
        self.engine.apply(gradient, schedule);
    }

    fn state(&self) -> (Vec<f32>, u64) {
        let mut state = Vec::with_capacity(self.numbers);
        // Writing to memory cannot fail.
        let _ = self.engine.save(&mut |part| {
            state.extend_from_slice(part);
            Ok(())
        });
        (state, self.engine.steps())
    }

    fn restore(&mut self, state: &[f32], updates: u64) -> bool {
        if state.len() != self.numbers {
            return false;
        }
        let mut rest = state;
        let read = self.engine.restore(updates, &mut |slot| {
            let (part, after) = rest.split_at(slot.len());
            slot.copy_from_slice(part);
            rest = after;
            Ok(())
        });
        read.is_ok()
    }

    fn validate(&mut self) -> Validation {
        validate(&mut self.engine, &self.tokens, &self.windows, &mut self.reader)
    }
}
