//! Time of one layer for one micro-batch on one accelerator, by what takes it.

use crate::{Attention, Group, Layout, Machine, Model, Precision, Stack};

/// Kernels that routing to experts and back adds to a forward pass without graphs or fusion.
const EXPERT_KERNELS: f64 = 120.0;

/// Seconds of one pass through one layer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pass {
    pub(crate) linear: f64,
    pub(crate) attention: f64,
    pub(crate) streaming: f64,
    /// Tensor parallel collectives that nothing hides.
    pub(crate) tensor: f64,
    /// Key and value rings that nothing hides.
    pub(crate) context: f64,
    /// Exchanges with experts that nothing hides.
    pub(crate) experts: f64,
    /// Waiting for the host to send off the next kernel.
    pub(crate) host: f64,
}

impl Pass {
    pub(crate) fn total(&self) -> f64 {
        self.linear
            + self.attention
            + self.streaming
            + self.tensor
            + self.context
            + self.experts
            + self.host
    }

    fn scaled_sum(&self, other: &Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a * (1.0 - share) + b * share;
        Self {
            linear: mix(self.linear, other.linear),
            attention: mix(self.attention, other.attention),
            streaming: mix(self.streaming, other.streaming),
            tensor: mix(self.tensor, other.tensor),
            context: mix(self.context, other.context),
            experts: mix(self.experts, other.experts),
            host: mix(self.host, other.host),
        }
    }
}

/// The two passes of a layer, experts and dense layers averaged by how many there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Layer {
    pub(crate) forward: Pass,
    pub(crate) backward: Pass,
    /// What selective recomputation repeats.
    pub(crate) core: f64,
}

/// How long a device with `device` seconds of work waits for a host that needs `host` seconds to
/// send it off. The longer of the two would hold if all kernels were alike; small and large ones
/// mix, so that both ends wait where the two are near (a norm of order three).
fn waiting(host: f64, device: f64) -> f64 {
    if host < 0.2 * device {
        return 0.0;
    }
    (host.powi(3) + device.powi(3)).cbrt() - device
}

/// Bytes that the memory-bound kernels of one layer move forward per token: whole widths, and
/// those split over tensor parallel ranks.
fn streamed(model: &Model, stack: &Stack, width: f64) -> (f64, f64, f64) {
    let hidden = f64::from(model.hidden);
    let heads = model.attention.score_width() + model.attention.kv_width();
    let inner = if model.gated { 3.0 } else { 2.0 };
    if stack.fused_kernels {
        // Norm reads and writes, residual merged with the next norm; rotation; activation.
        (2.0 * 8.0 * hidden, 2.0 * (2.0 * heads + inner * width), 6.0)
    } else {
        // Norms, dropout with its mask and residual apart; biases, where there are, read and write
        // once more what they are added to.
        let dropout = if stack.dropout { 6.0 } else { 0.0 };
        let (whole, twice) = if model.biases { (28.0, 2.0) } else { (20.0, 1.0) };
        ((whole + dropout) * hidden, 2.0 * twice * (2.0 * heads + inner * width), 16.0)
    }
}

/// The sums of one pass over the tensor parallel ranks: among which, of how many numbers, how often.
/// What comes out of a product is summed over those that split the width that it sums over. One way
/// (Megatron's) that is after attention and after the feed-forward, of which the layer has
/// `feed_forward` on average; both ways it is also before them.
pub(crate) fn sums(
    model: &Model,
    layout: &Layout,
    tokens: f64,
    feed_forward: f64,
) -> [(Group, f64, f64); 3] {
    let (columns, rows) = (f64::from(layout.columns()), f64::from(layout.rows));
    let along = Group::new(layout.rows, layout.columns());
    let heads = model.attention.score_width() + model.attention.kv_width();
    let up = if model.gated { 2.0 } else { 1.0 } * f64::from(model.ffn);
    let hidden = f64::from(model.hidden) / rows;
    [
        (Group::new(layout.columns(), 1), tokens * hidden, 1.0 + feed_forward),
        (along, tokens * heads / columns, 1.0),
        (along, tokens * up / columns, feed_forward),
    ]
}

/// Both passes of a layer whose feed-forward is `width` wide, without experts.
fn block(
    machine: &Machine,
    model: &Model,
    layout: &Layout,
    stack: &Stack,
    sequence: f64,
    feed_forward: bool,
) -> Layer {
    let (tp, cp) = (f64::from(layout.tp), f64::from(layout.cp));
    let (columns, rows) = (f64::from(layout.columns()), f64::from(layout.rows));
    let hidden = f64::from(model.hidden);
    let width = if feed_forward { f64::from(model.ffn) } else { 0.0 };
    let tokens = f64::from(layout.micro_batch) * sequence / cp;

    // Projections, each once forward and twice backward (by input and by weight).
    let mut linear = match model.attention {
        Attention::Grouped { kv_heads, head, .. } => {
            let kv = 2.0 * (f64::from(kv_heads) / columns).max(1.0) * f64::from(head);
            machine.linear(tokens, model.attention.score_width() / columns + kv, hidden / rows)
        }
        Attention::Latent { query_rank, kv_rank, head, rotary, .. } => {
            let (query, kv) = (f64::from(query_rank), f64::from(kv_rank));
            let heads = f64::from(model.attention.heads()) / columns;
            machine.linear(tokens, query + kv + f64::from(rotary), hidden / rows)
                + machine.linear(tokens, model.attention.score_width() / columns, query / rows)
                + machine.linear(
                    tokens,
                    heads * f64::from(head) + model.attention.value_width() / columns,
                    kv / rows,
                )
        }
    };
    linear += machine.linear(tokens, hidden / rows, model.attention.value_width() / columns);
    let up = if model.gated { 2.0 } else { 1.0 };
    if width > 0.0 {
        linear += machine.linear(tokens, up * width / columns, hidden / rows);
        linear += machine.linear(tokens, hidden / rows, width / columns);
    }

    // Attention: each token of this rank against the whole sequence.
    let heads = f64::from(model.attention.heads()) / tp;
    let (scores, values) = (model.attention.score_width() / tp, model.attention.value_width() / tp);
    let head = scores / heads;
    let (attention_forward, attention_backward) = if stack.fused_attention {
        // A causal mask leaves half; the backward pass does five products for the forward's two.
        let flop = tokens * sequence * (scores + values);
        (
            machine.fused_attention(flop, head, sequence, stack.tuned_attention),
            machine.fused_attention(2.5 * flop, head, sequence, stack.tuned_attention),
        )
    } else {
        let count = f64::from(layout.micro_batch) * heads;
        let rows = sequence / cp;
        let products = machine.grouped(count, rows, sequence, head, true)
            + machine.grouped(count, rows, head, sequence, true);
        let scores = count * rows * sequence;
        // Beside the products, kernels read and write the scores at 2 bytes each: forward softmax 4,
        // a mask of its own 4, dropout 5 with its mask; backward softmax 6 (its output too).
        let mask = if stack.fused_kernels { 0.0 } else { 4.0 };
        let dropout = if stack.dropout { 5.0 } else { 0.0 };
        (
            products + machine.stream((4.0 + mask + dropout) * scores, 3.0),
            2.0 * products + machine.stream((6.0 + mask + dropout) * scores, 6.0),
        )
    };

    // Everything that only moves memory.
    let (whole, split, kernels) = streamed(model, stack, width);
    let whole = if layout.sequence_parallel { whole / tp } else { whole };
    let mut moved = tokens * (whole + split / tp);
    if matches!(machine.precision, Precision::Fp8 | Precision::Fp4) {
        // Each operand is read in 16 bits and written twice (as is and transposed).
        let operands = 2.0 * hidden + (model.attention.value_width() + width) / tp;
        moved += tokens * operands * (2.0 + 2.0 * machine.precision.operand_bytes());
    }
    let weights = (model.attention_matrices() + model.ffn_matrices(width)) / tp;
    let gradient = if stack.wide_gradients { 8.0 } else { 4.0 };
    let streaming_forward = machine.stream(moved, kernels);
    let streaming_backward = machine.stream(2.0 * moved + gradient * weights, 2.0 * kernels);

    let [across, along @ ..] = sums(model, layout, tokens, if feed_forward { 1.0 } else { 0.0 });
    let sum = |(group, numbers, times): (Group, f64, f64)| {
        times * machine.network.all_reduce(group, numbers * machine.precision.activation_bytes())
    };
    let mut collective = sum(across);
    if layout.rows > 1 {
        collective += along.map(sum).iter().sum::<f64>();
    }
    let hide = |time: f64, work: f64| {
        // Collectives in pieces beside multiplications go over the domain's links only, but where
        // matrices are split both ways, which is done in pieces throughout.
        let inside = tp <= machine.network.domain() || layout.rows > 1;
        if stack.overlap_tensor && inside { machine.exposed(time, work, tp) } else { time }
    };

    // Keys and values pass around the context ranks, beside attention.
    let ring = if layout.cp > 1 {
        let part = tokens * model.attention.kv_width() / tp * 2.0;
        machine.network.all_gather(Group::new(layout.cp, layout.tp), part * cp)
    } else {
        0.0
    };
    let (cover_forward, cover_backward) = (attention_forward, attention_backward);
    Layer {
        forward: Pass {
            linear,
            attention: attention_forward,
            streaming: streaming_forward,
            tensor: hide(collective, linear),
            context: machine.exposed(ring, cover_forward, cp),
            experts: 0.0,
            host: 0.0,
        },
        backward: Pass {
            linear: 2.0 * linear,
            attention: attention_backward,
            streaming: streaming_backward,
            tensor: if stack.overlap_input_gradients {
                // Half of the products are those of weights, which no sum waits for.
                let beside = machine.exposed(collective, linear, f64::INFINITY);
                beside.min(hide(collective, 2.0 * linear))
            } else {
                hide(collective, 2.0 * linear)
            },
            context: machine.exposed(2.0 * ring, cover_backward, cp),
            experts: 0.0,
            host: 0.0,
        },
        core: if stack.fused_attention { 0.0 } else { attention_forward },
    }
}

/// The experts of a layer, on top of its attention.
fn expert_block(
    machine: &Machine,
    model: &Model,
    layout: &Layout,
    stack: &Stack,
    sequence: f64,
    attention: &Layer,
) -> Layer {
    let Some(experts) = &model.experts else { return *attention };
    let (tp, cp, ep) = (f64::from(layout.tp), f64::from(layout.cp), f64::from(layout.ep));
    let (hidden, width) = (f64::from(model.hidden), f64::from(experts.width));
    // Tokens of one rank: tensor parallel ranks take a part each where experts are spread.
    let tokens = f64::from(layout.micro_batch) * sequence / cp / tp;
    let (active, shared) = (f64::from(experts.active), f64::from(experts.shared));
    let local = f64::from(experts.count) / ep;
    let rows = tokens * active / local;
    let up = if model.gated { 2.0 } else { 1.0 };
    let mut linear = machine.grouped(local, rows, up * width, hidden, false)
        + machine.grouped(local, rows, hidden, width, false)
        + machine.wide(tokens, f64::from(experts.count), hidden);
    if shared > 0.0 {
        linear += machine.linear(tokens, up * width * shared, hidden)
            + machine.linear(tokens, hidden, width * shared);
    }
    let inner = if model.gated { 3.0 } else { 2.0 };
    // Sorting to experts and back reads and writes each copy; activation between.
    let mut moved = tokens * active * 2.0 * (4.0 * hidden + inner * width);
    if matches!(machine.precision, Precision::Fp8 | Precision::Fp4) {
        moved +=
            tokens * active * (hidden + width) * (2.0 + 2.0 * machine.precision.operand_bytes());
    }
    let kernels = if stack.fused_kernels { 6.0 } else { 20.0 };
    let one = model.ffn_matrices(width);
    let gradient = if stack.wide_gradients { 8.0 } else { 4.0 };
    let weights = one * (local + shared);

    // Out to the experts and back.
    let group = Group::new(layout.ep, 1);
    let bytes = tokens * hidden * machine.precision.activation_bytes();
    let exchange = 2.0 * machine.network.exchange(group, bytes, active, stack.merge_experts);
    let hide = |time: f64, work: f64| {
        if stack.overlap_experts { machine.exposed(time, work, 4.0) } else { time }
    };
    let mut layer = *attention;
    layer.forward.linear += linear;
    layer.backward.linear += 2.0 * linear;
    layer.forward.streaming += machine.stream(moved, kernels);
    layer.backward.streaming += machine.stream(2.0 * moved + gradient * weights, 2.0 * kernels);
    layer.forward.experts += hide(exchange, attention.forward.total());
    layer.backward.experts += hide(exchange, attention.backward.total());
    layer
}

impl Layer {
    /// The average layer of `model` under `layout`.
    pub(crate) fn new(
        machine: &Machine,
        model: &Model,
        layout: &Layout,
        stack: &Stack,
        sequence: f64,
    ) -> Self {
        let mut layer = Self::of_device(machine, model, layout, stack, sequence);
        let with_experts = f64::from(model.expert_layers()) / f64::from(model.layers);
        let kernels = if stack.fused_kernels { 12.0 } else { 30.0 }
            + if stack.fused_attention { 0.0 } else { 6.0 }
            + if layout.tp > 1 { 4.0 } else { 0.0 }
            + EXPERT_KERNELS * with_experts;
        let dispatch = stack.dispatch.get();
        layer.forward.host = waiting(kernels * dispatch, layer.forward.total());
        layer.backward.host = waiting(2.0 * kernels * dispatch, layer.backward.total());
        layer
    }

    /// The same, were the host always ahead.
    fn of_device(
        machine: &Machine,
        model: &Model,
        layout: &Layout,
        stack: &Stack,
        sequence: f64,
    ) -> Self {
        let with_experts = f64::from(model.expert_layers()) / f64::from(model.layers);
        if with_experts == 0.0 {
            return block(machine, model, layout, stack, sequence, true);
        }
        let attention = block(machine, model, layout, stack, sequence, false);
        let mixture = expert_block(machine, model, layout, stack, sequence, &attention);
        if with_experts == 1.0 {
            return mixture;
        }
        let dense = block(machine, model, layout, stack, sequence, true);
        Self {
            forward: dense.forward.scaled_sum(&mixture.forward, with_experts),
            backward: dense.backward.scaled_sum(&mixture.backward, with_experts),
            core: dense.core,
        }
    }
}
