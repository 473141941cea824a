//! What failures, checkpoints, stragglers and data loading leave of the time.

use diagnostic::Diagnostic;
use runs::Seconds;

use crate::{Bytes, BytesPerSecond, Model};

/// Failures of a fleet and what they cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Failures {
    /// Mean time between failures of one accelerator with its share of host and network.
    pub between: Seconds,
    /// Writing a checkpoint, while training stands still.
    pub checkpoint: Seconds,
    /// From a failure to the next step: noticing, replacing, reading the checkpoint.
    pub restart: Seconds,
}

impl Failures {
    /// As Llama 3 405B met them: 419 unexpected interruptions of 16,384 H100 in 54 days
    /// (arXiv:2407.21783, section 3.3.4), so 50,700 hours per accelerator.
    pub const LLAMA3_BETWEEN: Seconds = Seconds(54.0 * 86_400.0 * 16_384.0 / 419.0);

    /// Time to write a checkpoint of `model`: 14 bytes per parameter (16-bit weights, 32-bit master
    /// weights and two moments) at `storage`'s rate.
    pub fn checkpoint_time(model: &Model, storage: BytesPerSecond) -> Seconds {
        Seconds(Self::checkpoint_size(model).get() / storage.get())
    }

    /// Size of a checkpoint.
    pub fn checkpoint_size(model: &Model) -> Bytes {
        Bytes(14.0 * model.parameters().get())
    }

    fn between_all(&self, accelerators: u32) -> f64 {
        self.between.get() / f64::from(accelerators.max(1))
    }

    /// Share of time that turns into progress when checkpoints are `interval` of work apart and
    /// failures come at random: Daly 2006 (eq. 20), exact for exponential failures that can also
    /// strike while writing and restarting.
    pub fn goodput(&self, accelerators: u32, interval: Seconds) -> f64 {
        let mean = self.between_all(accelerators);
        let segment = (interval.get() + self.checkpoint.get()) / mean;
        let spent = mean * (self.restart.get() / mean).exp() * segment.exp_m1();
        let share = interval.get() / spent;
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The interval of work between checkpoints that wastes least, and its goodput: Daly's
    /// higher-order estimate (2006, eq. 37), near Young's sqrt(2 checkpoint between) where
    /// checkpoints are short.
    ///
    /// # Errors
    /// Times that are negative or not finite, and a time between failures of zero.
    pub fn best_interval(&self, accelerators: u32) -> Result<(Seconds, f64), Diagnostic> {
        let fine = |time: Seconds| time.get().is_finite() && time.get() >= 0.0;
        let positive = self.between.get() > 0.0;
        if !(fine(self.between) && fine(self.checkpoint) && fine(self.restart) && positive) {
            return Err(Diagnostic::error("times of failures must be finite and not negative")
                .note(format!(
                    "between failures {}, checkpoint {}, restart {}",
                    self.between, self.checkpoint, self.restart
                )));
        }
        let mean = self.between_all(accelerators);
        let write = self.checkpoint.get();
        let interval = if write < 2.0 * mean {
            let part = write / (2.0 * mean);
            (2.0 * write * mean).sqrt() * (1.0 + part.sqrt() / 3.0 + part / 9.0) - write
        } else {
            mean
        };
        // Free checkpoints are written after every moment of work.
        let interval = Seconds(interval.max(1e-6 * mean));
        Ok((interval, self.goodput(accelerators, interval)))
    }
}

/// Hosts that run slowly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stragglers {
    /// Share of hosts that are slow.
    pub share: f64,
    /// How much longer they take: 0.1 is a tenth.
    pub slower: f64,
}

impl Stragglers {
    /// As found on 12,288 A100: half a percent of hosts, about a tenth slower (`MegaScale`,
    /// arXiv:2402.15627, section 5).
    pub const MEGASCALE: Self = Self { share: 0.005, slower: 0.1 };

    /// Expected factor on the time of a synchronous step over `hosts` drawn at random: everybody
    /// waits for the slowest, and one is enough.
    pub fn factor(&self, hosts: u32) -> f64 {
        let none =
            (1.0 - self.share.clamp(0.0, 1.0)).powi(i32::try_from(hosts).unwrap_or(i32::MAX));
        1.0 + (1.0 - none) * self.slower.max(0.0)
    }
}

/// Where training tokens are read from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    /// One store for all accelerators.
    Shared {
        /// What it delivers to all together.
        bandwidth: BytesPerSecond,
    },
    /// A copy of the tokenised set beside every node, made once.
    Local {
        /// What one node's disk delivers.
        bandwidth: BytesPerSecond,
        /// How many nodes have one.
        nodes: u32,
    },
}

impl Reading {
    /// Time to read a step's `tokens` at `bytes_per_token`: hidden while it is below the step's.
    pub fn time(&self, tokens: f64, bytes_per_token: f64) -> Seconds {
        let bytes = tokens * bytes_per_token;
        Seconds(match self {
            Self::Shared { bandwidth } => bytes / bandwidth.get(),
            Self::Local { bandwidth, nodes } => {
                bytes / (bandwidth.get() * f64::from((*nodes).max(1)))
            }
        })
    }

    /// A step of `step` that also has to read its tokens: whichever takes longer.
    pub fn bound(&self, step: Seconds, tokens: f64, bytes_per_token: f64) -> Seconds {
        Seconds(step.get().max(self.time(tokens, bytes_per_token).get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: Failures = Failures {
        between: Failures::LLAMA3_BETWEEN,
        checkpoint: Seconds(60.0),
        restart: Seconds(600.0),
    };

    #[test]
    fn the_interval_is_the_best_of_a_fine_grid() {
        for accelerators in [1_000, 16_384, 100_000, 1_000_000] {
            let (_, goodput) = FLEET.best_interval(accelerators).unwrap();
            let best = (1..20_000)
                .map(|tick| FLEET.goodput(accelerators, Seconds(f64::from(tick) * 5.0)))
                .fold(0.0, f64::max);
            assert!((best - goodput) / best < 2e-3, "{accelerators}: {goodput} of {best}");
        }
    }

    #[test]
    fn short_checkpoints_approach_youngs_interval() {
        let fleet = Failures { checkpoint: Seconds(1.0), ..FLEET };
        let (interval, _) = fleet.best_interval(1_000).unwrap();
        let young = (2.0 * Failures::LLAMA3_BETWEEN.get() / 1_000.0).sqrt();
        assert!((interval.get() / young - 1.0).abs() < 0.01);
    }

    #[test]
    fn llama_3_kept_more_than_nine_tenths_of_its_time() {
        // Its storage takes 2 TB/s (section 3.3.1); more than 90 % of the time was effective
        // (section 3.3.4).
        let model = crate::model("llama3-405b").unwrap();
        let checkpoint = Failures::checkpoint_time(&model, BytesPerSecond(2e12));
        let fleet = Failures { checkpoint, ..FLEET };
        let (_, goodput) = fleet.best_interval(16_384).unwrap();
        assert!((0.9..0.97).contains(&goodput), "{goodput}");
        // A hundred times the machine fails a hundred times as often: without quicker recovery,
        // little is left.
        let (_, goodput) = fleet.best_interval(1_638_400).unwrap();
        assert!(goodput < 0.1, "{goodput}");
    }

    #[test]
    fn bad_times_are_refused_and_extremes_do_not_panic() {
        for between in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let fleet = Failures { between: Seconds(between), ..FLEET };
            assert!(fleet.best_interval(8).is_err(), "{between}");
        }
        let hopeless = Failures { between: Seconds(1e-3), ..FLEET };
        assert!(hopeless.best_interval(u32::MAX).unwrap().1 < 1e-9);
    }

    #[test]
    fn one_slow_host_in_two_hundred_is_certain_among_thousands() {
        assert!((Stragglers::MEGASCALE.factor(1536) - 1.1).abs() < 1e-3);
        assert!(Stragglers::MEGASCALE.factor(1) < 1.001);
    }

    #[test]
    fn raw_text_in_one_store_stops_scaling_and_tokens_on_every_node_do_not() {
        // 2 TB of text tokenised once into 25 GB that every node keeps, on up to 256 accelerators
        // (arXiv:2509.05258, of which the abstract was read): 80 bytes of text for one of tokens.
        // A step of two accelerators a node takes 0.5 s for 8,192 tokens each.
        let raw_bytes = 4.0 * 2e12 / 25e9;
        let rate = |accelerators: u32, reading: Reading, bytes: f64| {
            let tokens = f64::from(accelerators) * 8192.0;
            tokens / reading.bound(Seconds(0.5), tokens, bytes).get()
        };
        let shared = Reading::Shared { bandwidth: BytesPerSecond(100e6) };
        let speedup = |count: u32| {
            let local = Reading::Local { bandwidth: BytesPerSecond(100e6), nodes: count / 2 };
            let two = Reading::Local { bandwidth: BytesPerSecond(100e6), nodes: 1 };
            let raw = rate(count, shared, raw_bytes) / rate(2, shared, raw_bytes);
            (raw, rate(count, local, 4.0) / rate(2, two, 4.0))
        };
        let (raw, tokenised) = speedup(256);
        assert!((tokenised - 128.0).abs() < 1e-9, "{tokenised}");
        assert!(raw < 20.0, "{raw}");
        assert_eq!(speedup(128).0, raw);
    }

    #[test]
    fn a_shared_store_bounds_what_local_copies_do_not() {
        let rate = BytesPerSecond(1e9);
        let shared = Reading::Shared { bandwidth: rate };
        let local = Reading::Local { bandwidth: rate, nodes: 256 };
        // Raw text with its context: 2 kB a token, far from tokenised data's two or four bytes.
        let bound = |reading: Reading| reading.bound(Seconds(1.0), 4e6, 2_000.0).get();
        assert_eq!((bound(shared), bound(local)), (8.0, 1.0));
    }
}
