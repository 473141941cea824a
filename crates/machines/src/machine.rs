//! An accelerator and its network, with its rates resolved for one precision.

use diagnostic::Diagnostic;
use runs::Seconds;

use crate::{Accelerator, Bytes, FlopPerSecond, Network, Precision, Site, Tier};

/// Like accelerators in one network, ready to compute with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// How many accelerators there are.
    pub accelerators: u32,
    /// Memory of each.
    pub memory: Bytes,
    /// What joins them.
    pub network: Network,
    /// The precision of the linear layers.
    pub precision: Precision,
    /// Dense peak at that precision.
    pub peak: FlopPerSecond,
    /// Dense bf16 peak, which MFU is commonly stated against.
    pub bf16_peak: FlopPerSecond,
    linear_rate: f64,
    bf16_rate: f64,
    attention_rate: f64,
    portable_attention_rate: f64,
    memory_rate: f64,
    half: f64,
    launch: f64,
    contention: f64,
}

impl Machine {
    /// `accelerators` of a kind, `domain` of them on the fast links, with the given fabric beyond.
    ///
    /// # Errors
    /// Accelerators whose file lacks what training needs: a peak at the precision, the memory,
    /// its bandwidth, or (for more than one) links.
    pub fn new(
        accelerator: &Accelerator,
        accelerators: u32,
        precision: Precision,
        domain: Option<u32>,
        tiers: &[Tier],
    ) -> Result<Self, Diagnostic> {
        let missing = |what: &str| {
            Diagnostic::error(format!("{} has no {what}", accelerator.title))
                .note("no source for it was found, and none is guessed")
                .help(format!(
                    "add it to a copy of catalogue/accelerators/{}.toml",
                    accelerator.name
                ))
        };
        if accelerators == 0 {
            return Err(Diagnostic::error("a machine needs at least one accelerator"));
        }
        let peak = accelerator.peak.at(precision);
        let peak = peak.ok_or_else(|| missing(&format!("dense {precision} peak")))?;
        // Attention runs in bf16 whatever the linear layers use; fp32 devices do all in fp32.
        let bf16_peak = match precision {
            Precision::Fp32 => peak,
            _ => accelerator.peak.bf16.ok_or_else(|| missing("dense bf16 peak"))?,
        };
        let memory = accelerator.memory.ok_or_else(|| missing("memory size"))?;
        let bandwidth = accelerator.memory_bandwidth.ok_or_else(|| missing("memory bandwidth"))?;
        let network = match Network::new(accelerator, domain, tiers) {
            Some(network) if network.reach() >= f64::from(accelerators) => network,
            None if accelerators == 1 => {
                Network::flat(crate::BytesPerSecond(f64::INFINITY), Seconds(0.0))
            }
            Some(network) => {
                return Err(Diagnostic::error(format!(
                    "the network joins {} accelerators, the machine has {accelerators}",
                    network.reach()
                ))
                .help("give the fabric a tier that joins all of them"));
            }
            None => return Err(missing("links to other accelerators")),
        };
        let sustained = &accelerator.sustained;
        Ok(Self {
            accelerators,
            memory,
            network,
            precision,
            peak,
            bf16_peak,
            linear_rate: peak.get() * sustained.matmul_at(precision),
            bf16_rate: bf16_peak.get() * sustained.matmul,
            attention_rate: bf16_peak.get() * sustained.attention,
            portable_attention_rate: bf16_peak.get() * sustained.portable_attention,
            memory_rate: bandwidth.get() * sustained.memory,
            half: sustained.half,
            launch: sustained.launch.get(),
            contention: sustained.contention,
        })
    }

    /// All accelerators of a site.
    ///
    /// # Errors
    /// As [`Machine::new`].
    pub fn of_site(site: &Site, precision: Precision) -> Result<Self, Diagnostic> {
        Self::new(&site.accelerator, site.accelerators, precision, site.domain, &site.tiers)
    }

    /// The same with another number of accelerators.
    #[must_use]
    pub fn with_accelerators(mut self, accelerators: u32) -> Self {
        self.accelerators = accelerators;
        self
    }

    /// The same where hops and launching kernels take no time.
    #[must_use]
    pub fn without_latency(mut self) -> Self {
        self.launch = 0.0;
        self.network = self.network.scaled(1.0, 0.0);
        self
    }

    /// The same with links that carry any number of bytes at once; hops take as long as before.
    #[must_use]
    pub fn with_endless_bandwidth(mut self) -> Self {
        self.network = self.network.scaled(f64::INFINITY, 1.0);
        self
    }

    /// How much of a dimension of `size` the matrix unit's tiles and waves keep busy.
    fn filled(&self, size: f64) -> f64 {
        size / (size + self.half)
    }

    /// Time of multiplying m by k with k by n at `rate`, with operands of `operand` bytes and an
    /// output of 2.
    fn product(&self, rate: f64, operand: f64, m: f64, n: f64, k: f64) -> f64 {
        // 2 m n k over the share of each dimension that is filled, x / (x + half).
        let half = self.half;
        let arithmetic = 2.0 * (m + half) * (n + half) * (k + half) / rate;
        let traffic = (operand * (m * k + k * n) + 2.0 * m * n) / self.memory_rate;
        self.launch + arithmetic.max(traffic)
    }

    /// A linear layer's multiplication, at the machine's precision.
    pub(crate) fn linear(&self, m: f64, n: f64, k: f64) -> f64 {
        self.product(self.linear_rate, self.precision.operand_bytes(), m, n, k)
    }

    /// A multiplication that stays in bf16 (output head, router, unfused attention).
    pub(crate) fn wide(&self, m: f64, n: f64, k: f64) -> f64 {
        self.product(self.bf16_rate, 2.0, m, n, k)
    }

    /// `count` like multiplications side by side in one kernel (experts, attention heads).
    pub(crate) fn grouped(&self, count: f64, m: f64, n: f64, k: f64, precise: bool) -> f64 {
        let (rate, operand) = if precise {
            (self.bf16_rate, 2.0)
        } else {
            (self.linear_rate, self.precision.operand_bytes())
        };
        self.launch + count * (self.product(rate, operand, m, n, k) - self.launch)
    }

    /// Fused attention that does `flop` with heads of width `head` over `sequence` tokens.
    pub(crate) fn fused_attention(&self, flop: f64, head: f64, sequence: f64, tuned: bool) -> f64 {
        let rate = if tuned { self.attention_rate } else { self.portable_attention_rate };
        // Narrow heads leave the units waiting for the softmax between the two products, short
        // sequences for the edges of the causal mask; both are in full use at 128 and 4,096.
        let shape = self.filled(head) / self.filled(128.0)
            * (sequence / (sequence + 512.0))
            * (4608.0 / 4096.0);
        self.launch + flop / (rate * shape)
    }

    /// What traffic of `time` adds to work when it runs in `pieces` beside `cover` seconds of it: at
    /// least the first piece, which nothing can cover, and what the rest takes from the work.
    pub(crate) fn exposed(&self, time: f64, cover: f64, pieces: f64) -> f64 {
        let left = (time / pieces.max(1.0)).max(time - cover);
        left + self.contention * (time - left)
    }

    /// What traffic takes from the work beside it, as a share of its own time.
    pub(crate) fn contention(&self) -> f64 {
        self.contention
    }

    /// Moving `bytes` through memory in `kernels` kernels.
    pub(crate) fn stream(&self, bytes: f64, kernels: f64) -> f64 {
        bytes / self.memory_rate + kernels * self.launch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h100() -> Machine {
        let device = crate::accelerator("h100").unwrap();
        Machine::new(&device, 8, Precision::Bf16, None, &[]).unwrap()
    }

    #[test]
    fn small_multiplications_are_bound_by_launch_and_memory() {
        let machine = h100();
        assert!(machine.wide(1.0, 1.0, 1.0) >= machine.launch);
        // One row times a square matrix reads the matrix: far from the peak.
        let row = machine.wide(1.0, 8192.0, 8192.0);
        assert!(2.0 * 8192.0 * 8192.0 / row < 0.01 * machine.peak.get());
        let large = machine.wide(8192.0, 8192.0, 8192.0);
        assert!(2.0 * 8192.0_f64.powi(3) / large > 0.5 * machine.peak.get());
    }

    #[test]
    fn what_a_device_lacks_is_named() {
        let device = crate::accelerator("t4").unwrap();
        let problem = Machine::new(&device, 1, Precision::Bf16, None, &[]).unwrap_err();
        assert!(problem.to_string().contains("no dense bf16 peak"), "{problem}");
        let device = crate::accelerator("rtx-4090").unwrap();
        let problem = Machine::new(&device, 2, Precision::Bf16, None, &[]).unwrap_err();
        assert!(problem.to_string().contains("no links to other accelerators"), "{problem}");
        assert!(Machine::new(&device, 1, Precision::Bf16, None, &[]).is_ok());
        assert!(Machine::new(&device, 0, Precision::Bf16, None, &[]).is_err());
    }
}
