//! Blocks of the lab's model on a token file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use diagnostic::Diagnostic;

use super::model::{Model, Part};
use crate::corpus::Split;
use crate::optimiser::Optimiser;
use crate::parameters::Layout;
use crate::recipe::RunConfig;
use crate::swarm::learner::{EngineLearner, Learner};
use crate::threads::Threads;
use crate::tokens::{BatchSampler, TokenFile};
use crate::train::{Reader, TextOfRun, Validation};
use crate::transformer::{Transformer, Workspace};

/// The lab's model, to be cut.
pub struct EngineModel {
    run: RunConfig,
    tokens: Arc<TokenFile>,
    threads: Threads,
    sampler: BatchSampler,
}

impl EngineModel {
    /// The model of `run` on `tokens`.
    ///
    /// # Errors
    /// When the shape is impossible or the text too small.
    pub fn new(
        run: &RunConfig,
        tokens: &Arc<TokenFile>,
        threads: Threads,
    ) -> Result<Self, Diagnostic> {
        let sampler = TextOfRun::new(run, tokens)?.sampler;
        Ok(Self { run: run.clone(), tokens: tokens.clone(), threads, sampler })
    }
}

impl Model for EngineModel {
    type Part = EnginePart;

    fn part(&self, blocks: Range<usize>) -> EnginePart {
        let shape = self.run.shape;
        let whole = Layout::new(&shape);
        let place = whole.part(blocks.clone()).1;
        let model = Transformer::part(shape, blocks.clone());
        EnginePart {
            is_first: blocks.start == 0,
            is_last: blocks.end == shape.depth,
            parameters: whole.initial(self.run.seed)[place].to_vec(),
            optimiser: Optimiser::new(self.run.optimiser, &model.layout),
            model,
            kept: BTreeMap::new(),
            free: Vec::new(),
            reader: Reader::new(shape.context),
            tokens: self.tokens.clone(),
            sampler: self.sampler.clone(),
            threads: self.threads.clone(),
        }
    }

    fn validate(&mut self, parameters: &[f32]) -> Validation {
        // It could be made once, so it can be made now.
        let learner = EngineLearner::new(&self.run, &self.tokens, self.threads.clone());
        let nothing = runs::NatsPerToken(f64::NAN);
        learner.map_or(Validation { loss: nothing, standard_error: nothing }, |mut learner| {
            learner.set_parameters(parameters);
            learner.validate()
        })
    }
}

/// Some blocks of the lab's model.
pub struct EnginePart {
    is_first: bool,
    is_last: bool,
    model: Transformer,
    parameters: Vec<f32>,
    optimiser: Optimiser,
    /// Activations of micro-batches on their way.
    kept: BTreeMap<u32, Workspace>,
    free: Vec<Workspace>,
    reader: Reader,
    tokens: Arc<TokenFile>,
    sampler: BatchSampler,
    threads: Threads,
}

impl EnginePart {
    /// Forward up to the residual stream behind the last block.
    fn run(&mut self, windows: Range<u64>, stream: &[f32]) -> Workspace {
        let shape = &self.model.shape;
        let sequences = (windows.end - windows.start) as usize;
        let fits = |workspace: &Workspace| workspace.holds(sequences);
        let mut workspace =
            self.free.pop().filter(fits).unwrap_or_else(|| Workspace::new(shape, sequences));
        if self.is_first {
            let starts = windows.map(|window| self.sampler.window(window));
            let batch = self.reader.read(&self.tokens, Split::Train, starts);
            self.model.embed(&self.parameters, batch.inputs, &mut workspace);
        } else {
            workspace.stream(stream.len()).copy_from_slice(stream);
        }
        self.model.run_blocks(&self.parameters, sequences * shape.context, &mut workspace);
        workspace
    }
}

impl Part for EnginePart {
    fn forward(&mut self, micro: u32, windows: Range<u64>, stream: &[f32]) -> Vec<f32> {
        let shape = &self.model.shape;
        let numbers = (windows.end - windows.start) as usize * shape.context * shape.width;
        let mut workspace = self.run(windows, stream);
        let given = workspace.stream(numbers).to_vec();
        self.kept.insert(micro, workspace);
        given
    }

    fn losses(&mut self, micro: u32, windows: Range<u64>, stream: &[f32], scale: f32) -> f64 {
        let mut workspace = self.run(windows.clone(), stream);
        let starts = windows.map(|window| self.sampler.window(window));
        let batch = self.reader.read(&self.tokens, Split::Train, starts);
        self.model.project(&self.parameters, batch.targets, &mut workspace, Some(scale));
        let losses = &workspace.losses[..batch.targets.len()];
        let sum = losses.iter().map(|x| f64::from(*x)).sum();
        self.kept.insert(micro, workspace);
        sum
    }

    fn backward(
        &mut self,
        micro: u32,
        windows: Range<u64>,
        gradient: &[f32],
    ) -> (Vec<f32>, Vec<f32>) {
        let Some(mut w) = self.kept.remove(&micro) else { return (Vec::new(), Vec::new()) };
        let shape = &self.model.shape;
        let tokens = (windows.end - windows.start) as usize * shape.context;
        let mut own = vec![0.0; self.parameters.len()];
        if self.is_last {
            self.model.project_back(&self.parameters, tokens, &mut w, &mut own);
        } else {
            w.d_stream(gradient.len()).copy_from_slice(gradient);
        }
        self.model.run_blocks_back(&self.parameters, tokens, &mut w, &mut own);
        let before = if self.is_first {
            let starts = windows.map(|window| self.sampler.window(window));
            let batch = self.reader.read(&self.tokens, Split::Train, starts);
            self.model.embed_back(batch.inputs, &mut w, &mut own);
            Vec::new()
        } else {
            w.d_stream(tokens * shape.width).to_vec()
        };
        self.free.push(w);
        (own, before)
    }

    fn apply(&mut self, mut gradient: Vec<f32>, norm: f64, schedule: f32) {
        let parameters = &mut self.parameters;
        self.optimiser.step_with_norm(parameters, &mut gradient, norm, schedule, &self.threads);
    }

    fn state(&self) -> Vec<f32> {
        let mut state = self.parameters.clone();
        self.optimiser.state().for_each(|memory| state.extend_from_slice(memory));
        state
    }

    fn restore(&mut self, state: &[f32], updates: u64) -> bool {
        let memory: usize = self.optimiser.state().map(<[f32]>::len).sum();
        if state.len() != self.parameters.len() + memory {
            return false;
        }
        let (parameters, mut rest) = state.split_at(self.parameters.len());
        self.parameters.copy_from_slice(parameters);
        for slot in self.optimiser.restore(updates) {
            let (part, after) = rest.split_at(slot.len());
            slot.copy_from_slice(part);
            rest = after;
        }
        self.kept.clear();
        true
    }
}
