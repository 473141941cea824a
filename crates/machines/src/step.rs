//! One training step in closed form: how long it takes and where the time goes.

use std::fmt;

use diagnostic::Diagnostic;
use runs::{Flop, Seconds};

use crate::layer::Layer;
use crate::memory::{self, Share};
use crate::{
    Batch, FlopConvention, Group, Layout, Machine, Memory, Misfit, Model, Recompute, Schedule,
    Stack, Zero,
};

/// What a part of the step is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Linear layers.
    Linear,
    /// Scores, softmax and values.
    Attention,
    /// Kernels bound by memory: norms, activations, residuals, casts.
    Streaming,
    /// The output head and the loss.
    Head,
    /// Forward work done again.
    Recompute,
    /// The optimiser's update.
    Optimizer,
    /// Stages waiting for the pipeline to fill and drain, and for the fullest stage.
    Bubble,
    /// Tensor parallel traffic that nothing hides.
    Tensor,
    /// Context parallel traffic that nothing hides.
    Context,
    /// Expert traffic that nothing hides.
    Experts,
    /// Traffic between stages that nothing hides.
    Pipeline,
    /// Gradients and parameters on the network that nothing hides.
    Data,
    /// Waiting for the host to send off kernels.
    Host,
}

impl Part {
    /// All parts, in the order in which they are shown.
    pub const ALL: [Self; 13] = [
        Self::Linear,
        Self::Attention,
        Self::Streaming,
        Self::Head,
        Self::Recompute,
        Self::Optimizer,
        Self::Bubble,
        Self::Tensor,
        Self::Context,
        Self::Experts,
        Self::Pipeline,
        Self::Data,
        Self::Host,
    ];

    /// In a word or two.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear layers",
            Self::Attention => "attention",
            Self::Streaming => "memory-bound kernels",
            Self::Head => "output head",
            Self::Recompute => "recomputation",
            Self::Optimizer => "optimiser",
            Self::Bubble => "pipeline bubble",
            Self::Tensor => "tensor traffic",
            Self::Context => "context traffic",
            Self::Experts => "expert traffic",
            Self::Pipeline => "stage traffic",
            Self::Data => "data traffic",
            Self::Host => "waiting for the host",
        }
    }
}

/// One step: its time by part, its memory, and what it computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    parts: [f64; Part::ALL.len()],
    /// Memory of the fullest accelerator.
    pub memory: Memory,
    /// Micro-batches per replica.
    pub micro_batches: u32,
}

impl Step {
    /// The time of one step: the sum of its parts, exactly.
    pub fn time(&self) -> Seconds {
        Seconds(self.parts.iter().sum())
    }

    /// The time of one part.
    pub fn part(&self, part: Part) -> Seconds {
        Seconds(self.parts[part as usize])
    }

    /// All parts with their times; they add up to [`Step::time`].
    pub fn parts(&self) -> impl Iterator<Item = (Part, Seconds)> {
        Part::ALL.into_iter().zip(self.parts.into_iter().map(Seconds))
    }

    /// Tokens a second of the whole machine.
    pub fn tokens_per_second(&self, batch: Batch) -> f64 {
        batch.tokens().get() / self.time().get()
    }

    /// Model FLOP of the step under a convention.
    pub fn flop(model: &Model, batch: Batch, convention: FlopConvention) -> Flop {
        let sequence = f64::from(batch.sequence);
        model.flop_per_token(sequence, convention) * batch.tokens().get()
    }

    /// Model FLOP utilisation against the dense bf16 peak, under a convention. It can exceed one
    /// where the linear layers run at a lower precision.
    pub fn mfu(
        &self,
        machine: &Machine,
        model: &Model,
        batch: Batch,
        convention: FlopConvention,
    ) -> f64 {
        let flop = Self::flop(model, batch, convention).get();
        flop / (self.time().get() * f64::from(machine.accelerators) * machine.bf16_peak.get())
    }
}

/// Parameters' and gradients' traffic of one step on one accelerator.
pub(crate) struct DataTraffic {
    /// Once a step, beside the last backward pass.
    pub(crate) scatter: f64,
    /// Once a step, beside the first forward pass.
    pub(crate) gather: f64,
    /// In every micro-batch's forward pass.
    pub(crate) each_forward: f64,
    /// In every micro-batch's backward pass.
    pub(crate) each_backward: f64,
}

/// Weights and biases of a GPT layer: two norms, two matrices each in attention and feed-forward.
const TENSORS_PER_LAYER: f64 = 12.0;

pub(crate) fn data_traffic(
    machine: &Machine,
    layout: &Layout,
    stack: &Stack,
    share: &Share,
    layers: f64,
) -> DataTraffic {
    let network = &machine.network;
    let replicas = layout.dp * layout.cp;
    let sharing = layout.sharding_ranks();
    let group = Group::new(sharing, layout.tp);
    // Copies of the sharded model, summed over once a step.
    let across = Group::new(replicas / sharing, layout.tp * sharing);
    let expert_ranks = (replicas * layout.tp / layout.ep).max(1);
    let expert_group = Group::new(expert_ranks, layout.ep);
    let gradient = if stack.wide_gradients { 4.0 } else { 2.0 };
    let weight = 2.0;
    // A layer at a time, or each of its tensors.
    let pieces = layers * if stack.by_tensor { TENSORS_PER_LAYER } else { 1.0 };
    let ring =
        |group: Group, bytes: f64| network.gather_pieces(group, bytes, pieces, stack.by_tensor);
    let gather =
        |bytes: f64| ring(group, bytes * share.common) + ring(expert_group, bytes * share.experts);
    let scatter = |bytes: f64| {
        gather(bytes) + network.all_reduce(across, bytes * share.common / f64::from(sharing))
    };
    match layout.zero {
        Zero::None => DataTraffic {
            scatter: network.all_reduce(Group::new(replicas, layout.tp), gradient * share.common)
                + network.all_reduce(expert_group, gradient * share.experts),
            gather: 0.0,
            each_forward: 0.0,
            each_backward: 0.0,
        },
        Zero::Optimizer => DataTraffic {
            scatter: scatter(gradient),
            gather: gather(weight),
            each_forward: 0.0,
            each_backward: 0.0,
        },
        // Gradients leave after every micro-batch, since nobody keeps them whole.
        Zero::Gradients => DataTraffic {
            scatter: 0.0,
            gather: gather(weight),
            each_forward: 0.0,
            each_backward: scatter(weight),
        },
        Zero::Parameters => DataTraffic {
            scatter: 0.0,
            gather: 0.0,
            each_forward: gather(weight),
            each_backward: gather(weight) + scatter(weight),
        },
    }
}

/// One step of `model` on `machine` under `layout`, whatever the memory: the time in closed form.
///
/// Every part is what one accelerator of the fullest stage spends, so that they add up to the
/// time between two updates. Sources: pipeline bubble (p-1)/(v m) of Narayanan et al. 2021
/// (arXiv:2104.04473, section 2.2), zero-bubble ZB-H1 a third of it (arXiv:2401.10241), traffic by
/// scheme as there and in Rajbhandari et al. 2020 (arXiv:1910.02054).
///
/// # Errors
/// A layout that does not divide what it has to divide; see [`explain`] for words.
pub fn step(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    layout: &Layout,
    stack: &Stack,
) -> Result<Step, Misfit> {
    layout.check(model, batch.sequence, batch.sequences)?;
    if layout.ranks() != u64::from(machine.accelerators) {
        return Err(Misfit::Ranks);
    }
    let pieces = Pieces::new(machine, model, batch, layout, stack);
    Ok(assemble(machine, model, batch, layout, stack, &pieces))
}

/// What does not depend on stages, replicas and sharding: one layer and the head, for one
/// micro-batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pieces {
    layer: Layer,
    head: f64,
}

impl Pieces {
    pub(crate) fn new(
        machine: &Machine,
        model: &Model,
        batch: Batch,
        layout: &Layout,
        stack: &Stack,
    ) -> Self {
        let sequence = f64::from(batch.sequence);
        let tokens = f64::from(layout.micro_batch) * sequence / f64::from(layout.cp);
        // The head is on the last stage; its loss reads and writes the logits.
        let vocabulary = f64::from(model.vocabulary) / f64::from(layout.tp);
        let loss_bytes = if stack.fused_kernels { 10.0 } else { 20.0 };
        let head = 3.0 * machine.wide(tokens, vocabulary, f64::from(model.hidden))
            + machine.stream(tokens * vocabulary * loss_bytes, 6.0);
        Self { layer: Layer::new(machine, model, layout, stack, sequence), head }
    }

    /// One layer's forward pass.
    pub(crate) fn forward(&self) -> f64 {
        self.layer.forward.total()
    }

    /// One layer's backward pass, with what it repeats.
    pub(crate) fn backward(&self, recompute: Recompute) -> f64 {
        self.layer.backward.total() + self.repeated(recompute)
    }

    /// What of a layer's forward pass is done again.
    fn repeated(&self, recompute: Recompute) -> f64 {
        let layer = &self.layer;
        match recompute {
            Recompute::None => 0.0,
            Recompute::Selective => layer.core,
            Recompute::Operators => {
                layer.core + 0.5 * layer.forward.linear + layer.forward.streaming
            }
            Recompute::Full => layer.forward.total(),
        }
    }

    /// What of a layer's backward pass can wait: the gradients by weight, half of its products.
    pub(crate) fn weight_gradients(&self) -> f64 {
        0.5 * self.layer.backward.linear
    }

    /// The head's products, forward and backward, with the loss.
    pub(crate) fn head(&self) -> f64 {
        self.head
    }

    /// Time that no choice of stages, replicas and sharding goes below: all layers of all
    /// micro-batches, over all accelerators.
    pub(crate) fn least(
        &self,
        machine: &Machine,
        model: &Model,
        batch: Batch,
        layout: &Layout,
    ) -> f64 {
        let work = f64::from(model.layers)
            * (self.layer.forward.total() + self.layer.backward.total())
            + self.head;
        let ranks = f64::from(layout.tp) * f64::from(layout.cp);
        let micro_batches = f64::from(batch.sequences) / f64::from(layout.micro_batch);
        work * micro_batches * ranks / f64::from(machine.accelerators)
    }
}

/// The time of a layout that [`Layout::check`] passed, from its pieces.
pub(crate) fn assemble(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    layout: &Layout,
    stack: &Stack,
    pieces: &Pieces,
) -> Step {
    let sequence = f64::from(batch.sequence);
    let micro_batches = layout.micro_batches(batch.sequences);
    let m = f64::from(micro_batches);
    let pp = f64::from(layout.pp);
    let layers = f64::from(model.layers);
    let (layer, head) = (&pieces.layer, pieces.head);
    let (forward, backward) = (layer.forward.total(), layer.backward.total());
    let repeated = pieces.repeated(layout.recompute);

    // The fullest stage sets the pace: the one with most layers, or the last with the head.
    let per_layer = forward + backward + repeated;
    let mean_layers = layers / pp;
    let parts = f64::from(layout.interleave);
    let most_layers = (mean_layers / parts).ceil() * parts;
    let most = most_layers * per_layer;
    // Where layers do not divide, the last stage takes fewer, to make room for the head.
    let fewer = if most_layers * pp > layers { 1.0 } else { 0.0 };
    let last = (most_layers - fewer) * per_layer + head;
    let fullest = if layout.pp == 1 { layers * per_layer + head } else { most.max(last) };
    let mean = mean_layers * per_layer + head / pp;
    let imbalance = m * (fullest - mean);

    // Between stages: each micro-batch crosses forward and backward, once per interleaved part.
    let crossing = crossing(machine, model, batch, layout);
    let fill = 2.0 * (pp - 1.0) * crossing;
    let pipeline = if stack.overlap_pipeline { fill } else { fill + 2.0 * parts * m * crossing };

    // Filling and draining.
    let weights = mean_layers * pieces.weight_gradients() + head / (3.0 * pp);
    let waiting = match layout.schedule {
        Schedule::OneForwardOneBackward => mean / parts,
        // Weight gradients move into the gaps: forward and input gradients wait, less those.
        Schedule::ZeroBubble => (mean - 2.0 * weights).max(0.0) / parts,
    };
    let bubble = (pp - 1.0) * waiting + imbalance;

    // Gradients and parameters.
    let share = Share::new(model, layout);
    let traffic = data_traffic(machine, layout, stack, &share, mean_layers);
    let stage_forward = mean_layers * forward;
    let stage_backward = mean_layers * (backward + repeated);
    let data = if stack.overlap_data {
        machine.exposed(traffic.scatter, stage_backward, mean_layers)
            + machine.exposed(traffic.gather, stage_forward, mean_layers)
            + m * (machine.exposed(traffic.each_forward, stage_forward, mean_layers)
                + machine.exposed(traffic.each_backward, stage_backward, mean_layers))
    } else {
        traffic.scatter + traffic.gather + m * (traffic.each_forward + traffic.each_backward)
    };

    let optimizer = update(machine, layout, &share);

    let stage = m * mean_layers;
    let mut times = [0.0; Part::ALL.len()];
    let mut set = |part: Part, time: f64| times[part as usize] = time;
    set(Part::Linear, stage * (layer.forward.linear + layer.backward.linear));
    set(Part::Attention, stage * (layer.forward.attention + layer.backward.attention));
    set(Part::Streaming, stage * (layer.forward.streaming + layer.backward.streaming));
    set(Part::Head, m * head / pp);
    set(Part::Recompute, stage * repeated);
    set(Part::Optimizer, optimizer);
    set(Part::Bubble, bubble);
    set(Part::Tensor, stage * (layer.forward.tensor + layer.backward.tensor));
    set(Part::Context, stage * (layer.forward.context + layer.backward.context));
    set(Part::Experts, stage * (layer.forward.experts + layer.backward.experts));
    set(Part::Pipeline, pipeline);
    set(Part::Data, data);
    set(Part::Host, stage * (layer.forward.host + layer.backward.host));
    let memory = memory::memory(machine, model, layout, stack, sequence, m);
    Step { parts: times, memory, micro_batches }
}

/// Sending a micro-batch's activations, or their gradients, to the next stage.
pub(crate) fn crossing(machine: &Machine, model: &Model, batch: Batch, layout: &Layout) -> f64 {
    if layout.pp == 1 {
        return 0.0;
    }
    let near = f64::from(layout.tp) * f64::from(layout.cp);
    let tokens = f64::from(layout.micro_batch) * f64::from(batch.sequence);
    // Tensor parallel ranks send a part each.
    let bytes = tokens * f64::from(model.hidden) * machine.precision.activation_bytes() / near;
    machine.network.send(near * f64::from(layout.dp), bytes)
}

/// Time of the optimiser: master weights and two moments are read and written, gradients read,
/// weights written.
pub(crate) fn update(machine: &Machine, layout: &Layout, share: &Share) -> f64 {
    let ranks = [layout.dp, layout.cp, layout.tp].into_iter().map(f64::from).product::<f64>();
    let sharing =
        if layout.zero >= Zero::Optimizer { f64::from(layout.sharding_ranks()) } else { 1.0 };
    let of_experts = sharing.min((ranks / f64::from(layout.ep)).max(1.0));
    machine.stream(30.0 * (share.common / sharing + share.experts / of_experts), 20.0)
}

/// A misfit as a problem for people.
pub fn explain(misfit: Misfit, layout: &Layout, machine: &Machine, model: &Model) -> Diagnostic {
    Diagnostic::error(format!("the layout does not fit: {}", misfit.describe()))
        .note(format!("layout: {layout}, {} accelerators", layout.ranks()))
        .note(format!(
            "machine: {} accelerators of {}; model: {}, {} layers, {} heads",
            machine.accelerators,
            machine.memory,
            model.title,
            model.layers,
            model.attention.heads()
        ))
        .help("change the number named, or let the search find a layout")
}

impl fmt::Display for Step {
    /// The time, its parts from the longest on with their shares, and the memory by kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "step {}, {} micro-batches", self.time(), self.micro_batches)?;
        let mut parts: Vec<(Part, Seconds)> = self.parts().collect();
        parts.sort_by(|a, b| b.1.get().total_cmp(&a.1.get()));
        for (part, time) in parts.into_iter().filter(|(_, time)| time.get() > 0.0) {
            let share = 100.0 * (time / self.time());
            writeln!(f, "  {:24} {share:5.1} %  {time}", part.name())?;
        }
        writeln!(f, "memory {} per accelerator", self.memory.total())?;
        for (kind, size) in self.memory.parts() {
            writeln!(f, "  {kind:24} {size:>8}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
