//! What the training software does: facts about a framework, not constants of a device.

use runs::Seconds;

/// What the training software does.
#[expect(clippy::struct_excessive_bools, reason = "independent switches, named where set")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stack {
    /// Attention in one kernel that never writes the scores (`FlashAttention`) and skips what a
    /// causal mask hides.
    pub fused_attention: bool,
    /// Attention kernels written for this very generation of device.
    pub tuned_attention: bool,
    /// Norms, activations and residuals in few kernels (compiled or hand written).
    pub fused_kernels: bool,
    /// Gradients and parameters cross the network while passes compute.
    pub overlap_data: bool,
    /// Parameters and gradients cross one tensor at a time over a ring through all ranks, as in
    /// the first versions of ZeRO-3, not a layer at a time.
    pub by_tensor: bool,
    /// Tensor parallel collectives run in pieces beside the multiplications.
    pub overlap_tensor: bool,
    /// Tensor parallel sums of input gradients run beside the weight gradients, as in Megatron
    /// from about 2022.
    pub overlap_input_gradients: bool,
    /// Activations between stages are sent while other micro-batches compute.
    pub overlap_pipeline: bool,
    /// Tokens cross to their experts while others compute.
    pub overlap_experts: bool,
    /// A token for several experts of one node crosses to it once.
    pub merge_experts: bool,
    /// Gradients are summed in 32 bits, not 16.
    pub wide_gradients: bool,
    /// Dropout after attention and feed-forward, as until about 2022.
    pub dropout: bool,
    /// What the host needs to send off one kernel; where the device is quicker, it waits. Graphs
    /// and compilers bring it near zero.
    pub dispatch: Seconds,
}

impl Stack {
    /// A framework of 2021: nothing fused or hidden.
    pub const EARLY: Self = Self {
        fused_attention: false,
        tuned_attention: false,
        fused_kernels: false,
        overlap_data: false,
        by_tensor: false,
        overlap_tensor: false,
        overlap_input_gradients: false,
        overlap_pipeline: false,
        overlap_experts: false,
        merge_experts: false,
        wide_gradients: false,
        dropout: true,
        dispatch: Seconds(12e-6),
    };

    /// A framework of 2025: everything fused and hidden where it can be.
    pub const MODERN: Self = Self {
        fused_attention: true,
        tuned_attention: true,
        fused_kernels: true,
        overlap_data: true,
        by_tensor: false,
        overlap_tensor: true,
        overlap_input_gradients: true,
        overlap_pipeline: true,
        overlap_experts: true,
        merge_experts: true,
        wide_gradients: true,
        dropout: false,
        dispatch: Seconds(2e-6),
    };
}

impl Default for Stack {
    fn default() -> Self {
        Self::MODERN
    }
}
