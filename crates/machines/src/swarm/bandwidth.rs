//! How much bandwidth between two sites a share of computing needs.

use runs::{Parameters, Seconds};

use super::round::Rhythm;
use crate::BytesPerSecond;

/// Two replicas that exchange a model layer by layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replica {
    /// Parameters.
    pub parameters: Parameters,
    /// Layers, which are sent as they are ready and used as they arrive.
    pub layers: u32,
    /// Computing of one step.
    pub step: Seconds,
    /// Bytes per parameter on the wire.
    pub wire: f64,
}

impl Replica {
    /// Time of one round at `bandwidth`.
    ///
    /// The exchange starts behind the first layer of a backward pass, and the next forward pass
    /// starts with the layer that arrives first, so that one step's computing runs beside it: of
    /// the two, the longer, and a layer of the other. A fragment of Streaming `DiLoCo` has its
    /// steps of overlap and one more.
    pub fn round(&self, rhythm: Rhythm, bandwidth: BytesPerSecond) -> Seconds {
        let (step, layers) = (self.step.get(), f64::from(self.layers.max(1)));
        let steps = f64::from(rhythm.steps());
        let all = self.parameters.get() * self.wire / bandwidth.get();
        Seconds(match rhythm {
            Rhythm::EveryStep | Rhythm::Every { .. } => {
                let computing = steps * step + all / layers;
                let sending = (steps - 1.0) * step + all + step / layers;
                computing.max(sending)
            }
            Rhythm::Streaming { fragments, overlap, .. } => {
                let fragments = f64::from(fragments.max(1));
                let one = all / fragments;
                let cover = (1.0 + f64::from(overlap)) * step;
                // With nothing given it to arrive in, a fragment's last layer is waited for.
                let edge = if overlap == 0 { one * fragments / layers } else { 0.0 };
                steps * step + fragments * (one - cover).max(0.0) + edge
            }
        })
    }

    /// Share of a round spent computing.
    pub fn utilisation(&self, rhythm: Rhythm, bandwidth: BytesPerSecond) -> f64 {
        f64::from(rhythm.steps()) * self.step.get() / self.round(rhythm, bandwidth).get()
    }

    /// The least of `bandwidths`, in rising order, that reaches `utilisation`.
    pub fn least_bandwidth(
        &self,
        rhythm: Rhythm,
        utilisation: f64,
        bandwidths: &[BytesPerSecond],
    ) -> Option<BytesPerSecond> {
        let enough =
            |bandwidth: &&BytesPerSecond| self.utilisation(rhythm, **bandwidth) >= utilisation;
        bandwidths.iter().find(enough).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEN_BILLION: Replica =
        Replica { parameters: Parameters(10e9), layers: 48, step: Seconds(0.8), wire: 2.0 };

    #[test]
    fn data_parallelism_over_sites_needs_hundreds_of_gigabits() {
        let grid: Vec<BytesPerSecond> = (0..50)
            .map(|at| BytesPerSecond(10_f64.powf(-1.0 + 4.0 * f64::from(at) / 49.0) * 1e9 / 8.0))
            .collect();
        let gbit = |rhythm| TEN_BILLION.least_bandwidth(rhythm, 0.8, &grid).unwrap().get() * 8e-9;
        // Table 6 of arXiv:2503.09799: 184.2 Gbit/s.
        assert!((gbit(Rhythm::EveryStep) - 184.2).abs() < 0.1);
        assert!(gbit(Rhythm::Every { steps: 100 }) < 10.0);
    }

    proptest! {
        #[test]
        fn more_bandwidth_or_fewer_exchanges_never_compute_less(
            rate in 1e6..1e12f64, steps in 1_u32..1000,
        ) {
            let rhythm = Rhythm::Every { steps };
            let at = |rhythm, rate| TEN_BILLION.utilisation(rhythm, BytesPerSecond(rate));
            let now = at(rhythm, rate);
            prop_assert!(now > 0.0 && now <= 1.0);
            prop_assert!(at(rhythm, 2.0 * rate) >= now);
            let seldom = Rhythm::Every { steps: steps + 1 };
            prop_assert!(at(seldom, rate) >= now - 1e-12);
        }
    }
}
