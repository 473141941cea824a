//! What crosses each class of link in a step, by what it is for.

use crate::layer::sums;
use crate::memory::Share;
use crate::network::MOST_TIERS;
use crate::{Batch, Bytes, Group, Layout, Link, Machine, Misfit, Model, Part, Stack, Zero};

/// Bytes per level of the network.
type ByLevel = [f64; MOST_TIERS + 1];

/// What the busiest accelerator sends in one step over each class of links, by what it is for.
/// What overlaps with computing is counted like what does not.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// The classes of links, from the inside out.
    pub links: Vec<Link>,
    sent: [ByLevel; Self::KINDS.len()],
}

impl Traffic {
    /// What traffic is for.
    pub const KINDS: [Part; 5] =
        [Part::Tensor, Part::Context, Part::Experts, Part::Pipeline, Part::Data];

    /// What an accelerator sends over the `link`-th class of links for `part`; zero for links that
    /// are not there and parts that send nothing.
    pub fn sent(&self, link: usize, part: Part) -> Bytes {
        let kind = Self::KINDS.iter().position(|kind| *kind == part);
        let row = kind.and_then(|kind| self.sent.get(kind));
        Bytes(row.and_then(|row| row.get(link)).copied().unwrap_or(0.0))
    }

    /// All that an accelerator sends over the `link`-th class of links.
    pub fn total(&self, link: usize) -> Bytes {
        Self::KINDS.into_iter().map(|part| self.sent(link, part)).sum()
    }

    /// Traffic of one step under a layout. Sums over ranks cross as rings do (each rank sends
    /// (g-1)/g of the bytes, twice to sum and hand on), by the algorithm that the time of
    /// [`step`](crate::step()) assumes; copies for experts count at every level that they leave.
    ///
    /// # Errors
    /// As [`step`](crate::step()).
    pub fn new(
        machine: &Machine,
        model: &Model,
        batch: Batch,
        layout: &Layout,
        stack: &Stack,
    ) -> Result<Self, Misfit> {
        layout.check(model, batch.sequence, batch.sequences)?;
        if layout.ranks() != u64::from(machine.accelerators) {
            return Err(Misfit::Ranks);
        }
        let network = &machine.network;
        let (tp, cp, pp) = (f64::from(layout.tp), f64::from(layout.cp), f64::from(layout.pp));
        let micro_batches = f64::from(layout.micro_batches(batch.sequences));
        let layers = f64::from(model.layers) / pp;
        let passes = micro_batches * layers;
        let tokens = f64::from(layout.micro_batch) * f64::from(batch.sequence) / cp;
        let activation = machine.precision.activation_bytes();
        let width = tokens * f64::from(model.hidden) * activation;
        let with_experts = f64::from(model.expert_layers()) / f64::from(model.layers);
        let mut sent = [[0.0; MOST_TIERS + 1]; Self::KINDS.len()];
        let [tensor, context, experts, pipeline, data] = &mut sent;

        // The sums of a dense layer forward and backward; beside experts only those of attention.
        for (group, numbers, times) in sums(model, layout, tokens, 1.0 - with_experts) {
            let carried = network.carried(group, numbers * activation, 1.0, false);
            add(tensor, 4.0 * times * passes, carried);
        }
        // Keys and values forward; again with their gradients backward.
        let part = tokens * model.attention.kv_width() / tp * 2.0;
        let group = Group::new(layout.cp, layout.tp);
        add(context, 3.0 * passes, network.carried(group, part * cp, 1.0, false));
        // Out and back, forward and backward.
        if let Some(mixture) = &model.experts {
            let copies = f64::from(mixture.active);
            let group = Group::new(layout.ep, 1);
            let crossing = network.exchanged(group, width / tp, copies, stack.merge_experts);
            add(experts, 4.0 * passes * with_experts, crossing);
        }
        if layout.pp > 1 {
            let parts = f64::from(layout.interleave);
            let level = network.level_of(tp * cp * f64::from(layout.dp));
            pipeline[level] += 2.0 * parts * micro_batches * width / tp;
        }
        of_data(data, machine, layout, stack, &Share::new(model, layout), micro_batches, layers);
        Ok(Self { links: network.links(), sent })
    }
}

fn add(sum: &mut ByLevel, times: f64, once: ByLevel) {
    for (sum, once) in sum.iter_mut().zip(once) {
        *sum += times * once;
    }
}

/// Gradients and parameters.
fn of_data(
    sum: &mut ByLevel,
    machine: &Machine,
    layout: &Layout,
    stack: &Stack,
    share: &Share,
    micro_batches: f64,
    layers: f64,
) {
    let network = &machine.network;
    let replicas = layout.dp * layout.cp;
    let sharing = layout.sharding_ranks();
    let group = Group::new(sharing, layout.tp);
    let across = Group::new(replicas / sharing, layout.tp * sharing);
    let expert_ranks = (replicas * layout.tp / layout.ep).max(1);
    let expert_group = Group::new(expert_ranks, layout.ep);
    let gradient = if stack.wide_gradients { 4.0 } else { 2.0 };
    let weight = 2.0;
    let mut gather = |times: f64, bytes: f64| {
        for (group, held) in [(group, share.common), (expert_group, share.experts)] {
            add(sum, times, network.carried(group, bytes * held, layers, stack.by_tensor));
        }
    };
    let once_across = match layout.zero {
        Zero::None => {
            for (group, held) in
                [(Group::new(replicas, layout.tp), share.common), (expert_group, share.experts)]
            {
                add(sum, 2.0, network.carried(group, gradient * held, 1.0, false));
            }
            return;
        }
        Zero::Optimizer => {
            gather(1.0, gradient);
            gather(1.0, weight);
            gradient
        }
        Zero::Gradients => {
            gather(micro_batches, weight);
            gather(1.0, weight);
            weight * micro_batches
        }
        Zero::Parameters => {
            gather(3.0 * micro_batches, weight);
            weight * micro_batches
        }
    };
    let part = once_across * share.common / f64::from(sharing);
    add(sum, 2.0, network.carried(across, part, 1.0, false));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;

    const BATCH: Batch = Batch { sequences: 256, sequence: 4096 };

    fn machine(accelerators: u32) -> Machine {
        let device = crate::accelerator("h100").unwrap();
        Machine::new(&device, accelerators, Precision::Bf16, None, &[]).unwrap()
    }

    fn traffic(name: &str, accelerators: u32, layout: &Layout) -> Traffic {
        let model = crate::model(name).unwrap();
        Traffic::new(&machine(accelerators), &model, BATCH, layout, &Stack::MODERN).unwrap()
    }

    fn near(found: Bytes, expected: f64) {
        assert!((found.get() / expected - 1.0).abs() < 1e-12, "{found} {expected:e}");
    }

    #[test]
    fn tensor_traffic_is_megatrons() {
        // 8 b s h (t-1)/t bytes times a layer in 16 bits: 8 (t-1)/t numbers a token and width
        // (Narayanan et al. 2021, arXiv:2104.04473, section 3.2), here two bytes each.
        let layout = Layout { tp: 4, dp: 2, ..Layout::default() };
        let found = traffic("llama3-8b", 8, &layout);
        let tokens = BATCH.tokens().get() / 2.0;
        near(found.sent(0, Part::Tensor), 2.0 * 8.0 * 3.0 / 4.0 * tokens * 4096.0 * 32.0);
        assert_eq!(found.sent(0, Part::Context), Bytes(0.0));
        assert_eq!(found.links.len(), 2);
        assert_eq!(found.total(1), Bytes(0.0));
    }

    #[test]
    fn data_traffic_grows_by_stage_as_rajbhandari_counts_it() {
        // Summing 4-byte gradients: 2 (n-1)/n 4 P; stage 3 with one micro-batch: three gathers or
        // scatters of 2 bytes (arXiv:1910.02054, section 7).
        let model = crate::model("llama3-8b").unwrap();
        let multiplied = |zero: Zero, bytes: f64| {
            let layout = Layout { dp: 8, micro_batch: 32, zero, ..Layout::default() };
            let share = Share::new(&model, &layout).common;
            near(traffic("llama3-8b", 8, &layout).sent(0, Part::Data), bytes * 7.0 / 8.0 * share);
        };
        multiplied(Zero::None, 8.0);
        multiplied(Zero::Optimizer, 6.0);
        multiplied(Zero::Gradients, 4.0);
        multiplied(Zero::Parameters, 6.0);
    }

    #[test]
    fn stages_and_experts_send_what_their_tokens_are() {
        let layout = Layout { pp: 2, dp: 8, ..Layout::default() };
        let found = traffic("llama3-8b", 16, &layout);
        // Each token's width in 16 bits, forth and back, to the next node.
        near(found.sent(1, Part::Pipeline), 2.0 * BATCH.tokens().get() / 8.0 * 4096.0 * 2.0);
        let layout = Layout { dp: 8, ep: 8, ..Layout::default() };
        let found = traffic("qwen3-30b-a3b", 8, &layout);
        // Eight copies of each token, 7/8 of them leave; out and back, twice.
        let tokens = BATCH.tokens().get() / 8.0;
        near(found.sent(0, Part::Experts), 4.0 * 48.0 * 8.0 * 7.0 / 8.0 * tokens * 2048.0 * 2.0);
    }

    #[test]
    fn a_step_that_hides_nothing_is_at_least_as_long_as_its_traffic_takes() {
        let model = crate::model("llama3-8b").unwrap();
        let machine = machine(64);
        for layout in [
            Layout { tp: 8, dp: 8, ..Layout::default() },
            Layout { tp: 16, dp: 4, zero: Zero::Optimizer, ..Layout::default() },
            Layout { cp: 8, dp: 8, zero: Zero::Parameters, ..Layout::default() },
            Layout { pp: 8, dp: 8, ..Layout::default() },
        ] {
            let step = crate::step(&machine, &model, BATCH, &layout, &Stack::EARLY).unwrap();
            let found = Traffic::new(&machine, &model, BATCH, &layout, &Stack::EARLY).unwrap();
            for part in [Part::Tensor, Part::Pipeline, Part::Data] {
                for (index, link) in found.links.iter().enumerate() {
                    let least = found.sent(index, part) / Bytes(link.bandwidth.get());
                    assert!(least <= step.part(part).get() * (1.0 + 1e-9), "{layout} {part:?}");
                }
            }
        }
    }

    #[test]
    fn layouts_that_do_not_fit_are_refused() {
        let model = crate::model("llama3-8b").unwrap();
        let layout = Layout { tp: 3, ..Layout::default() };
        let found = Traffic::new(&machine(3), &model, BATCH, &layout, &Stack::MODERN);
        assert_eq!(found, Err(Misfit::Heads));
    }
}
