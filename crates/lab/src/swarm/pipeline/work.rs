//! A step of a stage: micro-batches forward and back, the norm, the update. It sends nothing itself,
//! so an audit repeats a step with the same code.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Pipeline;
use super::message::{Evidence, Report, Side};
use super::model::Part;
use super::transcript::Record;
use crate::engine::LeafSum;
use crate::optimiser::RunningNorm;
use crate::swarm::codec::{Codec, Encoder};
use crate::swarm::habit::Habit;
use crate::swarm::settings::Settings;

/// Packed vectors that wait, by step and micro-batch.
type Inbox = BTreeMap<(u64, u32), Vec<u8>>;

/// The work of one stage, step after step.
pub(super) struct Work<P> {
    pub(super) stage: usize,
    pub(super) stages: usize,
    pub(super) part: P,
    pub(super) step: u64,
    batches: Vec<Range<u64>>,
    forward: usize,
    backward: usize,
    sum: LeafSum,
    /// What came from the stage before and from the next one.
    pub(super) activations: Inbox,
    pub(super) gradients: Inbox,
    pub(super) norm: Option<(u64, RunningNorm)>,
    pub(super) total: Option<(u64, f64)>,
    told_norm: bool,
    gradient: Option<(f64, Vec<f32>)>,
    /// What an audit needs; nothing without audits.
    record: Option<Record>,
    /// How it behaves towards the stage before and the next one.
    habits: [Habit; 2],
}

/// What a stage did next.
pub(super) enum Turn {
    /// Nothing before more has come.
    Waits,
    /// A micro-batch, which costs so many tokens' work of this part.
    Computed(f64, Option<Out>),
    /// Its part of the norm.
    Told(Out),
    /// The last of the step.
    Ended(Ended),
    /// What came from a neighbour cannot be read; or, from nobody, what it computed itself is no
    /// vector of numbers.
    Broken(Option<Side>, String),
}

/// What goes on to other stages.
pub(super) enum Out {
    /// Of a micro-batch, to the next.
    Activations(u32, Vec<u8>),
    /// Of a micro-batch, to the one before.
    Gradients(u32, Vec<u8>),
    /// To the next.
    Norm(RunningNorm),
    /// To all others.
    Total(f64),
}

/// Whose vector it is, and why no stage can go on with it.
type Unusable = (Option<Side>, String);

/// A step that is done.
pub(super) struct Ended {
    /// Mean loss, nats per token, in the last stage; else 0.
    pub(super) loss: f64,
    pub(super) audit: Option<(Report, Evidence)>,
}

impl<P: Part> Work<P> {
    /// With `part` after `step` steps, as `stage` of `stages`.
    pub(super) fn new(
        settings: &Settings,
        stage: usize,
        stages: usize,
        part: P,
        step: u64,
    ) -> Self {
        let audited = settings.audit.share > 0.0;
        let mut work = Self {
            stage,
            stages,
            record: audited.then(|| Record::new(part.state())),
            part,
            step,
            batches: Vec::new(),
            forward: 0,
            backward: 0,
            sum: LeafSum::new(0),
            activations: BTreeMap::new(),
            gradients: BTreeMap::new(),
            norm: None,
            total: None,
            told_norm: false,
            gradient: None,
            habits: [Habit::Honest, Habit::Honest],
        };
        work.open(settings);
        work
    }

    #[must_use]
    pub(super) fn with_habit(mut self, habit: &Habit) -> Self {
        self.habits = [habit.clone(), habit.clone()];
        self
    }

    /// The step that this evidence is of, once more; nothing when it is not all of one.
    pub(super) fn repeat(mut self, settings: &Settings, evidence: &Evidence) -> Option<Ended> {
        let step = self.step;
        let (up, down) = (settings.up, settings.down);
        self.activations = self.unpack(settings, up, self.is_first(), &evidence.activations)?;
        self.gradients = self.unpack(settings, down, self.is_last(), &evidence.gradients)?;
        self.norm = evidence.norm.map(|norm| (step, norm));
        self.total = evidence.total.map(|total| (step, total));
        loop {
            match self.turn(settings) {
                Turn::Computed(..) | Turn::Told(_) => {}
                Turn::Ended(ended) => return Some(ended),
                Turn::Waits | Turn::Broken(..) => return None,
            }
        }
    }

    /// What came one after another, by micro-batch; nothing when it is not all of a step.
    fn unpack(&self, settings: &Settings, codec: Codec, none: bool, all: &[u8]) -> Option<Inbox> {
        let batches = if none { &[] } else { &self.batches[..] };
        let (mut rest, mut inbox) = (all, Inbox::new());
        for (micro, windows) in (0..).zip(batches) {
            let (body, after) = rest.split_at_checked(codec.bytes(numbers(settings, windows)))?;
            inbox.insert((self.step, micro), body.to_vec());
            rest = after;
        }
        rest.is_empty().then_some(inbox)
    }

    /// Micro-batches of a step.
    pub(super) fn micro_batches(&self) -> usize {
        self.batches.len()
    }

    /// Whether only the update is left of the step.
    pub(super) fn is_computed(&self) -> bool {
        self.backward == self.batches.len()
    }

    fn is_first(&self) -> bool {
        self.stage == 0
    }

    fn is_last(&self) -> bool {
        self.stage + 1 == self.stages
    }

    /// The micro-batches of the step that begins.
    fn open(&mut self, settings: &Settings) {
        self.batches = Pipeline::of(settings).micro_batches(settings, self.step);
        self.sum = LeafSum::new(self.batches.len());
        (self.forward, self.backward, self.told_norm) = (0, 0, false);
        let step = self.step;
        self.activations.retain(|(of, _), _| *of >= step);
        self.gradients.retain(|(of, _), _| *of >= step);
    }

    /// Goes one thing further.
    pub(super) fn turn(&mut self, settings: &Settings) -> Turn {
        if self.is_computed() {
            return self.update(settings);
        }
        self.compute(settings).unwrap_or_else(|(from, why)| Turn::Broken(from, why))
    }

    /// One micro-batch forward or back, back first.
    fn compute(&mut self, settings: &Settings) -> Result<Turn, Unusable> {
        let tokens = |windows: &Range<u64>| {
            (windows.end - windows.start) as f64 * settings.run.shape.context as f64
        };
        if !self.is_last()
            && self.backward < self.forward
            && let Some(body) = self.gradients.remove(&(self.step, self.backward as u32))
        {
            let windows = self.batches[self.backward].clone();
            let micro = self.backward as u32;
            let gradient = read(&body, settings.down, numbers(settings, &windows), Side::Next)?;
            self.note_read(Side::Next, &body);
            let (own, before) = self.part.backward(micro, windows.clone(), &gradient);
            self.sum.add(0.0, own);
            self.backward += 1;
            let out = self.back(settings, micro, before)?;
            // Forward is a third of the work, backward two.
            return Ok(Turn::Computed(tokens(&windows) * (2.0 / 3.0), out));
        }
        let Some(windows) = self.batches.get(self.forward).cloned() else {
            return Ok(Turn::Waits);
        };
        let micro = self.forward as u32;
        let stream = if self.is_first() {
            Vec::new()
        } else {
            let Some(body) = self.activations.remove(&(self.step, micro)) else {
                return Ok(Turn::Waits);
            };
            let stream = read(&body, settings.up, numbers(settings, &windows), Side::Before)?;
            self.note_read(Side::Before, &body);
            stream
        };
        self.forward += 1;
        if self.is_last() {
            let scale = (1.0 / settings.run.batch_tokens as f64) as f32;
            let loss = self.part.losses(micro, windows.clone(), &stream, scale);
            let (own, before) = self.part.backward(micro, windows.clone(), &[]);
            self.sum.add(loss, own);
            self.backward += 1;
            let out = self.back(settings, micro, before)?;
            return Ok(Turn::Computed(tokens(&windows), out));
        }
        let given = self.part.forward(micro, windows.clone(), &stream);
        let body = self.pack(settings.up, Side::Next, micro, given)?;
        let out = Some(Out::Activations(micro, body));
        Ok(Turn::Computed(tokens(&windows) * (1.0 / 3.0), out))
    }

    /// The gradient for the stage before, if there is one.
    fn back(
        &mut self,
        settings: &Settings,
        micro: u32,
        before: Vec<f32>,
    ) -> Result<Option<Out>, Unusable> {
        if self.is_first() {
            return Ok(None);
        }
        let body = self.pack(settings.down, Side::Before, micro, before)?;
        Ok(Some(Out::Gradients(micro, body)))
    }

    fn pack(
        &mut self,
        codec: Codec,
        to: Side,
        micro: u32,
        values: Vec<f32>,
    ) -> Result<Vec<u8>, Unusable> {
        let (habit, numbers) = (&mut self.habits[to as usize], values.len());
        let moment = self.step << 20 | u64::from(micro);
        let values = habit.change(values, moment);
        let body = habit.bytes(Encoder::new(codec, numbers).encode(&values), moment);
        if let Some(record) = &mut self.record {
            // Who sends what nobody can read would be taken for a liar: rather say so.
            if *habit == Habit::Honest {
                codec.decode(&body, numbers).map_err(|why| (None, why.message().to_owned()))?;
            }
            record.sent(to, &body);
        }
        Ok(body)
    }

    fn note_read(&mut self, from: Side, body: &[u8]) {
        if let Some(record) = &mut self.record {
            record.read(from, body);
        }
    }

    /// The end of a step: the norm of all stages' gradients, then the update.
    fn update(&mut self, settings: &Settings) -> Turn {
        if self.gradient.is_none() {
            self.gradient = self.sum.take();
        }
        let Some((_, gradient)) = &self.gradient else { return Turn::Waits };
        let (step, clips) = (self.step, settings.run.optimiser.clip > 0.0);
        if clips && !self.told_norm {
            let so_far = if self.stage == 0 {
                Some(RunningNorm::default())
            } else {
                self.norm.filter(|(of, _)| *of == step).map(|(_, norm)| norm)
            };
            if let Some(before) = so_far {
                let mut norm = before;
                norm.add(gradient);
                self.told_norm = true;
                let (is_first, is_last) = (self.is_first(), self.is_last());
                if let Some(record) = &mut self.record {
                    record.norms((!is_first).then_some(before), (!is_last).then_some(norm));
                }
                if !is_last {
                    return Turn::Told(Out::Norm(norm));
                }
                self.total = Some((step, norm.value()));
                return Turn::Told(Out::Total(norm.value()));
            }
        }
        let norm = if clips {
            self.total.filter(|(of, _)| *of == step && self.told_norm).map(|(_, norm)| norm)
        } else {
            Some(0.0)
        };
        let Some(norm) = norm else { return Turn::Waits };
        let Some((loss, gradient)) = self.gradient.take() else { return Turn::Waits };
        let schedule = settings.run.schedule.at(step, settings.run.steps);
        self.part.apply(gradient, norm, schedule);
        self.step += 1;
        let (part, step) = (&self.part, self.step);
        let audit = self.record.as_mut().map(|record| record.close(part.state(), step, norm));
        self.open(settings);
        Turn::Ended(Ended { loss: loss / settings.run.batch_tokens as f64, audit })
    }
}

/// Numbers of the residual stream of these windows.
fn numbers(settings: &Settings, windows: &Range<u64>) -> usize {
    let shape = &settings.run.shape;
    (windows.end - windows.start) as usize * shape.context * shape.width
}

/// What came, as this stage reads it.
fn read(body: &[u8], codec: Codec, numbers: usize, from: Side) -> Result<Vec<f32>, Unusable> {
    codec.decode(body, numbers).map_err(|problem| (Some(from), problem.message().to_owned()))
}
