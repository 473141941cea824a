//! One run: from a configuration and a token file to a loss, through any number of interruptions.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};
use diagnostic::Diagnostic;
use runs::NatsPerToken;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{self, Header};
use crate::corpus::Split;
use crate::engine::{CpuEngine, Engine};
use crate::recipe::RunConfig;
use crate::threads::Threads;
use crate::tokens::{BatchSampler, TokenFile, validation_windows};
use crate::transformer::Sequences;

/// One point of a loss curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Steps done.
    pub step: u64,
    /// Tokens seen.
    pub tokens: u64,
    /// Mean training loss since the last point, in nats per token.
    pub train_loss: f64,
    /// Learning rate as a share of its peak.
    pub schedule: f32,
    /// Norm of the last gradient before clipping.
    pub gradient_norm: f64,
}

/// Points on a loss curve.
const CURVE_POINTS: u64 = 200;
/// Steps at the end over which the final training loss is averaged, as a share of all.
const FINAL_SHARE: f64 = 0.05;

/// A loss on validation text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Validation {
    /// Mean loss.
    pub loss: NatsPerToken,
    /// Its standard error over the text: the spread of windows over the root of their number.
    /// Shared by all runs on the same text, so differences between runs are known better.
    pub standard_error: NatsPerToken,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// All steps were done.
    Finished {
        /// On the validation text.
        validation: Validation,
        /// Mean training loss of the last steps.
        train_loss: NatsPerToken,
    },
    /// The loss stopped being a number.
    Diverged {
        /// Steps done.
        step: u64,
    },
    /// Asked to stop; the checkpoint holds all that was done.
    Interrupted,
}

/// A run that ended, with its cost.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainedRun {
    /// How it ended.
    pub ended: Ended,
    /// Loss over training.
    pub curve: Vec<CurvePoint>,
    /// Seconds by the clock, interruptions left out.
    pub wall_s: f64,
    /// Seconds of processor time.
    pub cpu_s: f64,
}

/// What a run tells while it goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps done by an earlier process.
    pub resumed: u64,
    /// Loss of the last batch.
    pub loss: f64,
}

/// Where and how a run executes; none of it changes the result.
pub struct Execution<'a> {
    /// Where the checkpoint is kept; `None` keeps none.
    pub checkpoint: Option<&'a Path>,
    /// Time between checkpoints.
    pub interval: Duration,
    /// Threads that work on the run.
    pub threads: Threads,
    /// Set from outside to stop after the current step.
    pub stop: &'a AtomicBool,
}

/// What a run reads: the order of its training text, and where it is validated. Checked before the
/// first step, not after the last.
pub(crate) struct TextOfRun {
    pub(crate) sampler: BatchSampler,
    pub(crate) windows: Vec<usize>,
}

impl TextOfRun {
    /// # Errors
    /// When the shape is impossible or the text too small.
    pub(crate) fn new(config: &RunConfig, tokens: &TokenFile) -> Result<Self, Diagnostic> {
        config.shape.check()?;
        if tokens.vocabulary() as usize > config.shape.vocab {
            return Err(Diagnostic::error(format!(
                "the text has {} different tokens, the model a vocabulary of {}",
                tokens.vocabulary(),
                config.shape.vocab
            )));
        }
        let context = config.shape.context;
        let train_tokens = tokens.len(Split::Train) as u64;
        let batch = config.batch_tokens / context;
        let sampler = BatchSampler::new(train_tokens, context, batch, config.seed)?;
        // A short text is validated on whole.
        let held_out = tokens.len(Split::Validation);
        let most = held_out.saturating_sub(1) / context;
        let count = (config.validation_tokens / context).min(most).max(1);
        let windows = validation_windows(held_out as u64, context, count)?;
        Ok(Self { sampler, windows })
    }
}

/// Trains `config` on `tokens`, going on from a checkpoint if there is one.
///
/// # Errors
/// When the shape is impossible, the text is too small, or a checkpoint cannot be written.
pub fn train(
    config: &RunConfig,
    tokens: &TokenFile,
    execution: &Execution<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<TrainedRun, Diagnostic> {
    let TextOfRun { sampler, windows } = TextOfRun::new(config, tokens)?;
    let context = config.shape.context;

    let mut engine =
        CpuEngine::new(config.shape, config.optimiser, config.seed, execution.threads.clone());
    let (config_hash, corpus_hash) = (config.hash(), tokens.summary().hash.clone());
    let mut state = execution
        .checkpoint
        .and_then(|path| checkpoint::load(path, &config_hash, &corpus_hash, &mut engine))
        .unwrap_or(Header {
            config_hash,
            corpus_hash,
            step: 0,
            wall_s: 0.0,
            cpu_s: 0.0,
            curve: Vec::new(),
            pending: (0.0, 0),
        });
    let resumed = state.step;
    let clock = Clock::start(&state, &execution.threads);
    let mut saved = Instant::now();
    let mut reader = Reader::new(context);
    let every = config.steps.div_ceil(CURVE_POINTS);

    while state.step < config.steps {
        if execution.stop.load(Ordering::Relaxed) {
            if let Some(path) = execution.checkpoint {
                clock.stop(&mut state);
                checkpoint::save(path, &state, &engine)?;
            }
            return Ok(ended(Ended::Interrupted, state, &clock));
        }
        let sequences = reader.read(tokens, Split::Train, sampler.batch(state.step));
        let schedule = config.schedule.at(state.step, config.steps);
        let step = engine.train(sequences, schedule);
        state.step += 1;
        if !step.loss.is_finite() || !step.gradient_norm.is_finite() {
            return Ok(ended(Ended::Diverged { step: state.step }, state, &clock));
        }
        state.pending = (state.pending.0 + step.loss, state.pending.1 + 1);
        if state.step.is_multiple_of(every) || state.step == config.steps {
            state.curve.push(CurvePoint {
                step: state.step,
                tokens: state.step * config.batch_tokens as u64,
                train_loss: state.pending.0 / state.pending.1 as f64,
                schedule,
                gradient_norm: step.gradient_norm,
            });
            state.pending = (0.0, 0);
        }
        progress(Progress { step: state.step, resumed, loss: step.loss });
        if let Some(path) = execution.checkpoint
            && saved.elapsed() >= execution.interval
        {
            clock.stop(&mut state);
            checkpoint::save(path, &state, &engine)?;
            saved = Instant::now();
        }
    }

    let validation = validate(&mut engine, tokens, &windows, &mut reader);
    let from = (config.steps as f64 * (1.0 - FINAL_SHARE)) as u64;
    let last: Vec<&CurvePoint> = state.curve.iter().filter(|point| point.step > from).collect();
    let train_loss = last.iter().map(|point| point.train_loss).sum::<f64>() / last.len() as f64;
    let ending = if validation.loss.get().is_finite() {
        Ended::Finished { validation, train_loss: NatsPerToken(train_loss) }
    } else {
        Ended::Diverged { step: state.step }
    };
    Ok(ended(ending, state, &clock))
}

fn ended(ended: Ended, mut state: Header, clock: &Clock) -> TrainedRun {
    clock.stop(&mut state);
    TrainedRun { ended, curve: state.curve, wall_s: state.wall_s, cpu_s: state.cpu_s }
}

/// Loss on the given windows of the validation text, and its standard error.
pub(crate) fn validate(
    engine: &mut dyn Engine,
    tokens: &TokenFile,
    windows: &[usize],
    reader: &mut Reader,
) -> Validation {
    let losses: Vec<f64> = windows
        .chunks(64)
        .flat_map(|part| {
            engine.losses(reader.read(tokens, Split::Validation, part.iter().copied()))
        })
        .collect();
    let count = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let variance =
        losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    Validation { loss: NatsPerToken(mean), standard_error: NatsPerToken((variance / count).sqrt()) }
}

/// Gathers windows of a token file into batches.
pub(crate) struct Reader {
    window: Vec<u32>,
    inputs: Vec<u32>,
    targets: Vec<u32>,
}

impl Reader {
    pub(crate) fn new(context: usize) -> Self {
        Self { window: vec![0; context + 1], inputs: Vec::new(), targets: Vec::new() }
    }

    pub(crate) fn read(
        &mut self,
        tokens: &TokenFile,
        split: Split,
        starts: impl Iterator<Item = usize>,
    ) -> Sequences<'_> {
        self.inputs.clear();
        self.targets.clear();
        for start in starts {
            tokens.copy_to(split, start, &mut self.window);
            self.inputs.extend(&self.window[..self.window.len() - 1]);
            self.targets.extend(&self.window[1..]);
        }
        Sequences { inputs: &self.inputs, targets: &self.targets }
    }
}

/// Wall and processor time of a run over all its processes.
struct Clock {
    wall_before: f64,
    cpu_before: f64,
    wall: Instant,
    cpu: Cpu,
}

/// A run on one thread shares its process with other runs; a run on several has it alone.
enum Cpu {
    Thread(ThreadTime),
    Process(ProcessTime),
}

impl Clock {
    fn start(state: &Header, threads: &Threads) -> Self {
        let cpu = if threads.count() == 1 {
            Cpu::Thread(ThreadTime::now())
        } else {
            Cpu::Process(ProcessTime::now())
        };
        Self { wall_before: state.wall_s, cpu_before: state.cpu_s, wall: Instant::now(), cpu }
    }

    fn stop(&self, state: &mut Header) {
        state.wall_s = self.wall_before + self.wall.elapsed().as_secs_f64();
        let cpu = match &self.cpu {
            Cpu::Thread(time) => time.elapsed(),
            Cpu::Process(time) => time.elapsed(),
        };
        state.cpu_s = self.cpu_before + cpu.as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_text::squares;
    use crate::recipe::Recipe;

    fn config() -> RunConfig {
        let recipe = Recipe { context: 32, validation_tokens: 2048, ..Recipe::default() };
        recipe.run(1, 256, 40_000.0, 3)
    }

    fn execute(
        config: &RunConfig,
        tokens: &TokenFile,
        checkpoint: Option<&Path>,
        stop_at: Option<u64>,
        threads: usize,
    ) -> TrainedRun {
        let stop = AtomicBool::new(false);
        let execution = Execution {
            checkpoint,
            interval: Duration::from_secs(3600),
            threads: Threads::new(threads),
            stop: &stop,
        };
        train(config, tokens, &execution, &mut |progress| {
            if Some(progress.step) == stop_at {
                stop.store(true, Ordering::Relaxed);
            }
        })
        .unwrap()
    }

    #[test]
    fn an_interrupted_run_ends_with_the_same_numbers_as_one_that_was_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, config) = (squares(folder.path()), config());
        let whole = execute(&config, &tokens, None, None, 2);
        let path = folder.path().join("checkpoint");
        for stop_at in [5, 6, 40] {
            let part = execute(&config, &tokens, Some(&path), Some(stop_at), 1);
            assert_eq!(part.ended, Ended::Interrupted);
        }
        let resumed = execute(&config, &tokens, Some(&path), None, 1);
        assert_eq!(whole.ended, resumed.ended);
        assert_eq!(whole.curve, resumed.curve);
        let Ended::Finished { validation, .. } = whole.ended else { panic!("{whole:?}") };
        assert!(validation.loss.get() < 3.0, "{validation:?}");
    }

    #[test]
    fn a_torn_or_foreign_checkpoint_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, config) = (squares(folder.path()), config());
        let whole = execute(&config, &tokens, None, None, 1);
        let path = folder.path().join("checkpoint");
        execute(&config, &tokens, Some(&path), Some(9), 1);
        let good = std::fs::read(&path).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        let other = RunConfig { seed: 4, ..config.clone() };
        execute(&other, &tokens, Some(&folder.path().join("other")), Some(9), 1);
        let foreign = std::fs::read(folder.path().join("other")).unwrap();
        for bytes in [&good[..good.len() - 7], &flipped, b"", &foreign] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(execute(&config, &tokens, Some(&path), None, 1).ended, whole.ended);
        }
    }

    #[test]
    fn a_learning_rate_beyond_reason_is_reported_as_divergence() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = squares(folder.path());
        let mut config = config();
        config.optimiser.matrix_learning_rate = f32::INFINITY;
        let run = execute(&config, &tokens, None, None, 1);
        assert!(matches!(run.ended, Ended::Diverged { .. }), "{:?}", run.ended);
    }

    #[test]
    fn text_too_small_for_a_batch_or_for_validation_is_said_before_training() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = squares(folder.path());
        let mut config = config();
        config.shape.context = 1 << 20;
        config.batch_tokens = 1 << 20;
        let stop = AtomicBool::new(false);
        let execution = Execution {
            checkpoint: None,
            interval: Duration::from_secs(1),
            threads: Threads::new(1),
            stop: &stop,
        };
        let mut steps = 0;
        let error = train(&config, &tokens, &execution, &mut |_| steps += 1).unwrap_err();
        assert!(error.message().contains("validation"), "{error}");
        assert_eq!(steps, 0);
    }
}
