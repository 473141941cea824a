//! What a trainer asks of the machine: one step, some losses, its state. The CPU engine is the
//! first; a GPU engine implements the same trait.

mod leaves;

use std::sync::{Mutex, PoisonError};

use crate::kernels::add_assign;
use crate::optimiser::{Optimiser, OptimiserSettings};
use crate::shape::Shape;
use crate::threads::Threads;
use crate::transformer::{Sequences, Transformer, Workspace};

pub use leaves::LeafSum;

/// The outcome of one training step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Mean loss of the batch before the update, in nats per token.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
}

/// A model with its optimiser on some machine.
pub trait Engine: Send {
    /// Dimensions of the model.
    fn shape(&self) -> &Shape;

    /// Trains on `batch` at `schedule` times the peak learning rates.
    fn train(&mut self, batch: Sequences<'_>, schedule: f32) -> Step;

    /// Mean loss of each sequence of `batch`, in nats per token.
    fn losses(&mut self, batch: Sequences<'_>) -> Vec<f64>;

    /// Updates so far.
    fn steps(&self) -> u64;

    /// Visits every number that a later run needs to go on bit for bit: parameters first, then
    /// the optimiser's memory.
    fn save(&self, write: &mut dyn FnMut(&[f32]) -> std::io::Result<()>) -> std::io::Result<()>;

    /// Fills every number that [`Self::save`] visits, in the same order, as after `steps` updates.
    fn restore(
        &mut self,
        steps: u64,
        read: &mut dyn FnMut(&mut [f32]) -> std::io::Result<()>,
    ) -> std::io::Result<()>;
}

/// Tokens that one core works on at once: enough to fill matrix products, few enough for caches.
const LEAF_TOKENS: usize = 1024;

/// The engine on this machine's cores.
///
/// A batch is cut into leaves of about a thousand tokens. Each leaf's gradient is computed on
/// one core and leaves are added in a binary tree whose shape depends on the batch alone, so the
/// result is the same for any number of threads.
pub struct CpuEngine {
    model: Transformer,
    parameters: Vec<f32>,
    optimiser: Optimiser,
    threads: Threads,
    workspaces: Pool<Workspace>,
    gradients: Pool<Vec<f32>>,
}

impl CpuEngine {
    /// A fresh model: initial parameters from `seed`.
    ///
    /// `shape` must have passed [`Shape::check`].
    pub fn new(shape: Shape, settings: OptimiserSettings, seed: u64, threads: Threads) -> Self {
        let model = Transformer::new(shape);
        let parameters = model.layout.initial(seed);
        let optimiser = Optimiser::new(settings, &model.layout);
        Self {
            model,
            parameters,
            optimiser,
            threads,
            workspaces: Pool::default(),
            gradients: Pool::default(),
        }
    }

    /// All parameters, in the order of the layout.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Replaces all parameters; the optimiser's memory stays.
    ///
    /// # Panics
    /// When `values` has another length.
    pub fn set_parameters(&mut self, values: &[f32]) {
        self.parameters.copy_from_slice(values);
    }

    /// Mean loss of `batch` and its gradient, added in the order that [`Engine::train`] uses.
    pub fn mean_gradient(&self, batch: Sequences<'_>) -> (f64, Vec<f32>) {
        let tokens = batch.inputs.len() as f64;
        let (loss, gradient) = self.gradient(&self.leaves(batch), (1.0 / tokens) as f32);
        (loss / tokens, gradient)
    }

    /// One update along `gradient` at `schedule` times the peak learning rates; returns the
    /// gradient's norm before clipping. With [`Self::mean_gradient`] it makes one
    /// [`Engine::train`].
    pub fn apply(&mut self, mut gradient: Vec<f32>, schedule: f32) -> f64 {
        let norm =
            self.optimiser.step(&mut self.parameters, &mut gradient, schedule, &self.threads);
        if self.gradients.is_empty() {
            self.gradients.put(gradient);
        }
        norm
    }

    /// Sum of losses over the leaves `range` and, in the buffer, the gradient of `scale` times it.
    fn gradient(&self, leaves: &[Sequences<'_>], scale: f32) -> (f64, Vec<f32>) {
        if let [leaf] = leaves {
            let mut workspace = self.workspace();
            let mut gradient =
                self.gradients.take().unwrap_or_else(|| vec![0.0; self.parameters.len()]);
            self.model.forward(&self.parameters, *leaf, &mut workspace, Some(scale));
            self.model.backward(&self.parameters, *leaf, &mut workspace, &mut gradient);
            let loss = workspace.losses[..leaf.inputs.len()].iter().map(|x| f64::from(*x)).sum();
            self.workspaces.put(workspace);
            return (loss, gradient);
        }
        let (left, right) = leaves.split_at(leaves.len() / 2);
        let ((loss, mut gradient), (right_loss, right_gradient)) =
            self.threads.join(|| self.gradient(left, scale), || self.gradient(right, scale));
        add_assign(&mut gradient, &right_gradient);
        self.gradients.put(right_gradient);
        (loss + right_loss, gradient)
    }

    fn workspace(&self) -> Workspace {
        let shape = &self.model.shape;
        self.workspaces.take().unwrap_or_else(|| Workspace::new(shape, leaf_sequences(shape)))
    }

    fn leaves<'a>(&self, batch: Sequences<'a>) -> Vec<Sequences<'a>> {
        let shape = &self.model.shape;
        let (sequences, each) = (batch.inputs.len() / shape.context, leaf_sequences(shape));
        (0..sequences)
            .step_by(each)
            .map(|start| batch.slice(start..(start + each).min(sequences), shape.context))
            .collect()
    }

    /// Bytes that training `batch_tokens` at once on `threads` cores holds, counted on paper:
    /// parameters, optimiser, one gradient and one leaf's activations for each core at work.
    pub fn bytes_on_paper(
        shape: &Shape,
        settings: &OptimiserSettings,
        batch_tokens: usize,
        threads: usize,
    ) -> usize {
        let layout = crate::parameters::Layout::new(shape);
        let leaf = leaf_sequences(shape) * shape.context;
        let at_work = threads.min(batch_tokens.div_ceil(leaf)).max(1);
        let activations = at_work * leaf * Workspace::numbers_per_token(shape);
        let optimiser = Optimiser::numbers(settings.method, &layout);
        4 * (layout.len() * (1 + at_work) + optimiser + activations)
    }
}

/// Sequences of a leaf.
pub(crate) fn leaf_sequences(shape: &Shape) -> usize {
    (LEAF_TOKENS / shape.context).max(1)
}

impl Engine for CpuEngine {
    fn shape(&self) -> &Shape {
        &self.model.shape
    }

    fn train(&mut self, batch: Sequences<'_>, schedule: f32) -> Step {
        let tokens = batch.inputs.len() as f64;
        let leaves = self.leaves(batch);
        let (loss, mut gradient) = self.gradient(&leaves, (1.0 / tokens) as f32);
        let gradient_norm =
            self.optimiser.step(&mut self.parameters, &mut gradient, schedule, &self.threads);
        self.gradients.put(gradient);
        Step { loss: loss / tokens, gradient_norm }
    }

    fn losses(&mut self, batch: Sequences<'_>) -> Vec<f64> {
        let context = self.model.shape.context;
        let mut losses = vec![0.0; batch.inputs.len() / context];
        let each = leaf_sequences(&self.model.shape);
        let leaves = self.leaves(batch);
        let tasks: Vec<_> = leaves.into_iter().zip(losses.chunks_mut(each)).collect();
        let this = &*self;
        self.threads.for_each(tasks, |(leaf, losses)| {
            let mut workspace = this.workspace();
            this.model.forward(&this.parameters, leaf, &mut workspace, None);
            for (loss, tokens) in losses.iter_mut().zip(workspace.losses.chunks(context)) {
                *loss = tokens.iter().map(|x| f64::from(*x)).sum::<f64>() / context as f64;
            }
            this.workspaces.put(workspace);
        });
        losses
    }

    fn steps(&self) -> u64 {
        self.optimiser.steps()
    }

    fn save(&self, write: &mut dyn FnMut(&[f32]) -> std::io::Result<()>) -> std::io::Result<()> {
        write(&self.parameters)?;
        self.optimiser.state().try_for_each(write)
    }

    fn restore(
        &mut self,
        steps: u64,
        read: &mut dyn FnMut(&mut [f32]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        read(&mut self.parameters)?;
        self.optimiser.restore(steps).try_for_each(read)
    }
}

/// Buffers kept for the next step; which thread gets which does not matter.
struct Pool<T>(Mutex<Vec<T>>);

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn put(&self, buffer: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimiser::Method;

    fn settings(method: Method) -> OptimiserSettings {
        OptimiserSettings {
            method,
            matrix_learning_rate: 0.01,
            embedding_learning_rate: 0.05,
            head_learning_rate: 0.01,
            weight_decay: 0.1,
            clip: 1.0,
        }
    }

    fn batch(tokens: usize) -> (Vec<u32>, Vec<u32>) {
        let at = |i: usize| ((i * i * 31 + i * 7) % 101) as u32;
        ((0..tokens).map(at).collect(), (1..=tokens).map(at).collect())
    }

    fn train(method: Method, threads: usize, steps: usize) -> (Vec<Step>, Vec<f32>) {
        let shape = Shape::from_depth(2, 64, 128);
        let mut engine = CpuEngine::new(shape, settings(method), 5, Threads::new(threads));
        let (inputs, targets) = batch(64 * 70);
        let batch = Sequences { inputs: &inputs, targets: &targets };
        let steps = (0..steps).map(|_| engine.train(batch, 1.0)).collect();
        (steps, engine.parameters)
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
        for method in [Method::Muon, Method::AdamW] {
            let one = train(method, 1, 4);
            for threads in [2, 3, 5] {
                let several = train(method, threads, 4);
                assert_eq!(one, several, "{method:?} on {threads} threads");
            }
        }
    }

    #[test]
    fn both_optimisers_learn() {
        for method in [Method::Muon, Method::AdamW] {
            let (steps, _) = train(method, 2, 30);
            assert!(steps[29].loss < 0.8 * steps[0].loss, "{method:?}: {:?}", steps[29]);
        }
    }

    #[test]
    fn a_restored_engine_goes_on_bit_for_bit() {
        let shape = Shape::from_depth(2, 64, 128);
        let (inputs, targets) = batch(64 * 20);
        let batch = Sequences { inputs: &inputs, targets: &targets };
        let mut whole = CpuEngine::new(shape, settings(Method::Muon), 1, Threads::new(1));
        whole.train(batch, 1.0);
        let mut saved = Vec::new();
        whole
            .save(&mut |numbers| {
                saved.push(numbers.to_vec());
                Ok(())
            })
            .unwrap();
        let mut resumed = CpuEngine::new(shape, settings(Method::Muon), 99, Threads::new(2));
        let mut pieces = saved.into_iter();
        resumed
            .restore(1, &mut |slot| {
                slot.copy_from_slice(&pieces.next().unwrap());
                Ok(())
            })
            .unwrap();
        for _ in 0..3 {
            assert_eq!(whole.train(batch, 0.5), resumed.train(batch, 0.5));
        }
        assert_eq!(whole.parameters, resumed.parameters);
    }

    #[test]
    fn losses_of_sequences_average_to_the_training_loss() {
        let shape = Shape::from_depth(2, 64, 128);
        let mut engine = CpuEngine::new(shape, settings(Method::Muon), 1, Threads::new(2));
        let (inputs, targets) = batch(64 * 37);
        let batch = Sequences { inputs: &inputs, targets: &targets };
        let losses = engine.losses(batch);
        assert_eq!(losses.len(), 37);
        let mean = losses.iter().sum::<f64>() / 37.0;
        assert!((mean - engine.train(batch, 1.0).loss).abs() < 1e-6);
    }
}
