//! What the training software does: facts about a framework, not constants of a device.

/// What the training software does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    /// Attention in one kernel that never writes the scores (FlashAttention) and skips what a
    /// causal mask hides.
    pub fused_attention: bool,
    /// Norms, activations and residuals in few kernels (compiled or hand written).
    pub fused_kernels: bool,
    /// Gradients and parameters cross the network while passes compute.
    pub overlap_data: bool,
    /// Tensor parallel collectives run in pieces beside the multiplications.
    pub overlap_tensor: bool,
    /// Activations between stages are sent while other micro-batches compute.
    pub overlap_pipeline: bool,
    /// Tokens cross to their experts while others compute.
    pub overlap_experts: bool,
    /// Gradients are summed in 32 bits, not 16.
    pub wide_gradients: bool,
    /// Dropout after attention and feed-forward, as until about 2022.
    pub dropout: bool,
}

impl Stack {
    /// A framework of 2021: nothing fused or hidden.
    pub const EARLY: Self = Self {
        fused_attention: false,
        fused_kernels: false,
        overlap_data: false,
        overlap_tensor: false,
        overlap_pipeline: false,
        overlap_experts: false,
        wide_gradients: false,
        dropout: true,
    };

    /// A framework of 2025: everything fused and hidden where it can be.
    pub const MODERN: Self = Self {
        fused_attention: true,
        fused_kernels: true,
        overlap_data: true,
        overlap_tensor: true,
        overlap_pipeline: true,
        overlap_experts: true,
        wide_gradients: true,
        dropout: false,
    };
}

impl Default for Stack {
    fn default() -> Self {
        Self::MODERN
    }
}
