//! How a model is spread over accelerators.

use std::fmt;

use crate::Model;

/// A way to spread training over accelerators. Their number is `tp * cp * pp * dp`; experts are
/// spread over the same ranks (`ep` of the `cp * dp`, or of `tp * cp * dp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Tensor parallel ranks.
    pub tp: u32,
    /// How many of them split the width that a product sums over, while the others split the width
    /// that comes out. 1 is Megatron's way; more splits matrices both ways (van de Geijn and Watts
    /// 1997, SUMMA), so that what a rank sends falls with the root of their number.
    pub rows: u32,
    /// Context parallel ranks: parts of each sequence.
    pub cp: u32,
    /// Pipeline stages.
    pub pp: u32,
    /// Data parallel replicas.
    pub dp: u32,
    /// Expert parallel ranks.
    pub ep: u32,
    /// Parts of the model per pipeline stage (interleaving); 1 is plain.
    pub interleave: u32,
    /// Sequences per micro-batch and replica.
    pub micro_batch: u32,
    /// What data parallel ranks share out among themselves.
    pub zero: Zero,
    /// How many ranks share one copy, if not all of the data parallel ones.
    pub shard: Option<u32>,
    /// The order of forward and backward passes in a pipeline.
    pub schedule: Schedule,
    /// What the backward pass computes again.
    pub recompute: Recompute,
    /// Whether norms and residuals are split along the sequence over the tensor parallel ranks
    /// (Korthikanti et al. 2022).
    pub sequence_parallel: bool,
}

/// What data parallel ranks share out (Rajbhandari et al. 2020, arXiv:1910.02054).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Zero {
    /// Nothing: gradients are summed by all.
    #[default]
    None,
    /// Optimiser states (stage 1, Megatron's distributed optimiser).
    Optimizer,
    /// And gradients (stage 2).
    Gradients,
    /// And parameters (stage 3, FSDP).
    Parameters,
}

/// The order of passes in a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Schedule {
    /// One forward, one backward, interleaved where the layout says so (arXiv:2104.04473).
    #[default]
    OneForwardOneBackward,
    /// Weight gradients fill the bubble (Qi et al. 2023, arXiv:2401.10241, ZB-H1).
    ZeroBubble,
}

/// What the backward pass computes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Recompute {
    /// Nothing.
    #[default]
    None,
    /// The core of attention.
    Selective,
    /// Every second multiplication and all memory-bound kernels (PyTorch's selective policy).
    Operators,
    /// Every layer, from its input.
    Full,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            tp: 1,
            rows: 1,
            cp: 1,
            pp: 1,
            dp: 1,
            ep: 1,
            interleave: 1,
            micro_batch: 1,
            zero: Zero::None,
            shard: None,
            schedule: Schedule::OneForwardOneBackward,
            recompute: Recompute::None,
            sequence_parallel: false,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TP {}", self.tp)?;
        if self.rows > 1 {
            write!(f, " ({} by {})", self.columns(), self.rows)?;
        }
        write!(f, " CP {} PP {} DP {}", self.cp, self.pp, self.dp)?;
        if self.ep > 1 {
            write!(f, " EP {}", self.ep)?;
        }
        if self.interleave > 1 {
            write!(f, " x{} interleaved", self.interleave)?;
        }
        write!(f, " micro-batch {}", self.micro_batch)?;
        match self.zero {
            Zero::None => {}
            Zero::Optimizer => f.write_str(" ZeRO-1")?,
            Zero::Gradients => f.write_str(" ZeRO-2")?,
            Zero::Parameters => f.write_str(" ZeRO-3")?,
        }
        if self.schedule == Schedule::ZeroBubble {
            f.write_str(" zero-bubble")?;
        }
        match self.recompute {
            Recompute::None => {}
            Recompute::Selective => f.write_str(" recompute attention")?,
            Recompute::Operators => f.write_str(" recompute half")?,
            Recompute::Full => f.write_str(" recompute all")?,
        }
        if self.sequence_parallel { f.write_str(" SP") } else { Ok(()) }
    }
}

/// Why a layout does not fit a model, a batch or a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Misfit {
    /// A size of zero.
    Zero,
    /// More or fewer ranks than accelerators.
    Ranks,
    /// The heads do not divide by the tensor parallel ranks.
    Heads,
    /// Widths do not divide by the tensor parallel ranks.
    Width,
    /// Tensor parallel ranks, width or sequence do not divide by the rows.
    Rows,
    /// More stages, times parts, than layers.
    Layers,
    /// The sequence does not divide by the context parallel ranks.
    Sequence,
    /// The batch does not divide by replicas and micro-batches.
    Batch,
    /// The experts do not divide by the expert parallel ranks, or there are none.
    Experts,
    /// The expert parallel ranks do not divide the ranks of a stage.
    ExpertRanks,
    /// Sharding ranks do not divide the data parallel ones.
    Shard,
    /// Interleaving needs micro-batches in multiples of the stages.
    Interleave,
    /// The memory of an accelerator is too small.
    Memory,
}

impl Misfit {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Zero,
        Self::Ranks,
        Self::Heads,
        Self::Width,
        Self::Rows,
        Self::Layers,
        Self::Sequence,
        Self::Batch,
        Self::Experts,
        Self::ExpertRanks,
        Self::Shard,
        Self::Interleave,
        Self::Memory,
    ];

    /// In words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Zero => "a size is zero",
            Self::Ranks => "TP x CP x PP x DP is not the number of accelerators",
            Self::Heads => "the heads do not divide by TP",
            Self::Width => "the width of the feed-forward does not divide by TP",
            Self::Rows => "TP, the model's width or the sequence does not divide by TP's rows",
            Self::Layers => "there are fewer layers than stages times interleaved parts",
            Self::Sequence => "the sequence does not divide by CP (twice, for causal balance)",
            Self::Batch => "the batch does not divide by DP x micro-batch",
            Self::Experts => "the experts do not divide by EP",
            Self::ExpertRanks => "EP does not divide the ranks of a stage",
            Self::Shard => "the sharding ranks do not divide DP x CP",
            Self::Interleave => "interleaving needs micro-batches in multiples of the stages",
            Self::Memory => "the accelerator's memory is too small",
        }
    }
}

const fn divides(whole: u32, part: u32) -> bool {
    part != 0 && whole.is_multiple_of(part)
}

impl Layout {
    /// Tensor parallel ranks that split the width that comes out of a product.
    pub const fn columns(&self) -> u32 {
        self.tp / if self.rows == 0 { 1 } else { self.rows }
    }

    /// How many accelerators it takes.
    pub fn ranks(&self) -> u64 {
        let ranks = [self.tp, self.cp, self.pp, self.dp].map(u64::from);
        ranks.into_iter().fold(1, u64::saturating_mul)
    }

    /// Micro-batches per step and replica, for a global `batch` of sequences.
    pub const fn micro_batches(&self, batch: u32) -> u32 {
        batch / self.dp.saturating_mul(self.micro_batch)
    }

    /// Ranks that share one copy of what [`Zero`] shares out.
    pub fn sharding_ranks(&self) -> u32 {
        self.shard.unwrap_or_else(|| self.dp.saturating_mul(self.cp))
    }

    /// Whether the layout's numbers divide what they have to divide.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, model: &Model, sequence: u32, batch: u32) -> Result<(), Misfit> {
        let sizes =
            [self.tp, self.cp, self.pp, self.dp, self.ep, self.interleave, self.micro_batch];
        if sizes.contains(&0)
            || self.rows == 0
            || self.shard == Some(0)
            || batch == 0
            || sequence == 0
        {
            return Err(Misfit::Zero);
        }
        if self.ranks() > u64::from(u32::MAX) {
            return Err(Misfit::Ranks);
        }
        // Attention is split over rows by tokens.
        let by_rows = divides(model.hidden, self.rows) && divides(sequence, self.rows);
        if !divides(self.tp, self.rows) || !by_rows {
            return Err(Misfit::Rows);
        }
        let heads = model.attention.heads();
        if !divides(heads, self.columns()) {
            return Err(Misfit::Heads);
        }
        // `max` lets a width of zero (a mixture without dense layers) pass.
        if !divides(model.ffn.max(self.tp), self.tp) {
            return Err(Misfit::Width);
        }
        // Embedding and head may count as layers of the first and last stage.
        let places = self.pp.saturating_mul(self.interleave);
        if places > model.layers.saturating_add(if self.pp > 1 { 2 } else { 0 }) {
            return Err(Misfit::Layers);
        }
        let parts = if self.cp == 1 { 1 } else { self.cp.saturating_mul(2) };
        if !divides(sequence, parts) {
            return Err(Misfit::Sequence);
        }
        if !divides(batch, self.dp.saturating_mul(self.micro_batch)) {
            return Err(Misfit::Batch);
        }
        match &model.experts {
            None if self.ep > 1 => return Err(Misfit::Experts),
            Some(experts) if !divides(experts.count, self.ep) => return Err(Misfit::Experts),
            _ => {}
        }
        let stage = self.tp.saturating_mul(self.cp).saturating_mul(self.dp);
        if !divides(stage, self.ep) {
            return Err(Misfit::ExpertRanks);
        }
        if !divides(self.dp.saturating_mul(self.cp), self.sharding_ranks()) {
            return Err(Misfit::Shard);
        }
        if self.interleave > 1 && (self.pp == 1 || !divides(self.micro_batches(batch), self.pp)) {
            return Err(Misfit::Interleave);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_refuses_what_breaks_it() {
        let model = crate::model("llama3-8b").unwrap();
        let mixture = crate::model("qwen3-30b-a3b").unwrap();
        let plain = Layout { dp: 8, ..Layout::default() };
        assert_eq!(plain.check(&model, 8192, 64), Ok(()));
        for (layout, expected) in [
            (Layout { tp: 0, ..plain }, Misfit::Zero),
            (Layout { tp: 3, ..plain }, Misfit::Heads),
            (Layout { rows: 0, ..plain }, Misfit::Zero),
            (Layout { tp: 8, rows: 3, dp: 1, ..plain }, Misfit::Rows),
            (Layout { pp: 8, dp: 1, interleave: 8, ..plain }, Misfit::Layers),
            (Layout { cp: 3, ..plain }, Misfit::Sequence),
            (Layout { dp: 7, ..plain }, Misfit::Batch),
            (Layout { ep: 2, ..plain }, Misfit::Experts),
            (Layout { shard: Some(3), ..plain }, Misfit::Shard),
            (Layout { interleave: 2, ..plain }, Misfit::Interleave),
            (Layout { tp: u32::MAX, cp: u32::MAX, ..plain }, Misfit::Ranks),
        ] {
            assert_eq!(layout.check(&model, 8192, 64), Err(expected), "{layout}");
        }
        let spread = Layout { dp: 8, ep: 16, ..Layout::default() };
        assert_eq!(spread.check(&mixture, 4096, 64), Err(Misfit::ExpertRanks));
    }
}
