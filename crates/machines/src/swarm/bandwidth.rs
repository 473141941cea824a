//! How much bandwidth between two sites a share of computing needs: the graph of a step, played.
//!
//! A step is a graph of 4L - 1 pieces of work (arXiv:2501.18512): forward through L layers, and per
//! layer backward to its parameters, backward to its input (the first layer needs none) and the sum
//! of its gradients with the other site. Computing is one thing and the line another; each does its
//! work in the order in which it becomes ready. A layer's next forward waits for its sum. Steps in
//! which nothing is sent or awaited take their computing alone, so that a round costs as many
//! operations as it has sums.

use std::collections::BTreeMap;

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

/// Rounds that are played until they repeat, and as many that are measured.
const ROUNDS: u64 = 8;

/// A round being played.
struct Play {
    layers: usize,
    /// Computing of one piece of work.
    piece: f64,
    /// Sending of one layer.
    sending: f64,
    /// Inner steps from sending a layer to waiting for it.
    grace: u64,
    /// When computing and the line are free.
    computed: f64,
    sent: f64,
    /// When layers arrive, by the step that waits for them.
    due: BTreeMap<u64, Vec<(usize, f64)>>,
}

impl Play {
    /// Plays one step after which the layers for which `sends` holds are summed.
    fn step(&mut self, step: u64, sends: impl Fn(usize) -> bool) {
        let mut arrives = vec![0.0_f64; self.layers];
        for (layer, at) in self.due.remove(&step).unwrap_or_default() {
            arrives[layer] = arrives[layer].max(at);
        }
        for at in arrives {
            self.computed = self.computed.max(at) + self.piece;
        }
        for layer in (0..self.layers).rev() {
            // To the parameters, whose gradient then travels, and to the input.
            self.computed += self.piece;
            if sends(layer) {
                self.sent = self.sent.max(self.computed) + self.sending;
                self.due.entry(step + 1 + self.grace).or_default().push((layer, self.sent));
            }
            if layer > 0 {
                self.computed += self.piece;
            }
        }
    }
}

impl Replica {
    /// Time of one round at `bandwidth`, once rounds repeat.
    ///
    /// A fragment holds every so-manieth layer, is sent after its step of the round, and is waited
    /// for its overlap of steps later.
    pub fn round(&self, rhythm: Rhythm, bandwidth: BytesPerSecond) -> Seconds {
        let (layers, steps) = (self.layers.max(1), u64::from(rhythm.steps().max(1)));
        let (fragments, overlap) = match rhythm {
            Rhythm::EveryStep | Rhythm::Every { .. } => (1, 0),
            Rhythm::Streaming { fragments, overlap, .. } => {
                (u64::from(fragments.clamp(1, layers)), u64::from(overlap))
            }
        };
        let step = self.step.get();
        let mut play = Play {
            layers: layers as usize,
            piece: step / (3.0 * f64::from(layers) - 1.0),
            sending: self.parameters.get() * self.wire / f64::from(layers) / bandwidth.get(),
            grace: overlap,
            computed: 0.0,
            sent: 0.0,
            due: BTreeMap::new(),
        };
        // The step within a round after which a fragment is sent; the last ends the round.
        let sent_after = |fragment: u64| (fragment + 1) * steps / fragments;
        let (mut now, mut begun) = (0, 0.0);
        for round in 0..2 * ROUNDS {
            if round == ROUNDS {
                begun = play.computed;
            }
            for fragment in 0..fragments {
                // Several fragments of a short round may share a step.
                let last = (round * steps + sent_after(fragment)).saturating_sub(1).max(now);
                if fragment + 1 < fragments && sent_after(fragment + 1) == sent_after(fragment) {
                    continue;
                }
                while let Some((&due, _)) = play.due.range(..last).next() {
                    play.computed += (due - now) as f64 * step;
                    play.step(due, |_| false);
                    now = due + 1;
                }
                play.computed += (last - now) as f64 * step;
                let together = sent_after(fragment);
                play.step(last, |layer| {
                    sent_after(layer as u64 % fragments).max(1) == together.max(1)
                });
                now = last + 1;
            }
        }
        Seconds((play.computed - begun) / ROUNDS as f64)
    }

    /// Share of a round spent computing.
    pub fn utilisation(&self, rhythm: Rhythm, bandwidth: BytesPerSecond) -> f64 {
        let computing = f64::from(rhythm.steps()) * self.step.get();
        // Sums of many pieces round.
        (computing / self.round(rhythm, bandwidth).get()).min(1.0)
    }

    /// The least of `bandwidths`, in rising order, that reaches `utilisation`.
    pub fn least_bandwidth(
        &self,
        rhythm: Rhythm,
        utilisation: f64,
        bandwidths: &[BytesPerSecond],
    ) -> Option<BytesPerSecond> {
        let short = |bandwidth: &BytesPerSecond| self.utilisation(rhythm, *bandwidth) < utilisation;
        bandwidths.get(bandwidths.partition_point(short)).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::messages::{Work, finish};
    use super::*;

    const TEN_BILLION: Replica =
        Replica { parameters: Parameters(10e9), layers: 48, step: Seconds(0.8), wire: 2.0 };

    fn gbit(rate: f64) -> BytesPerSecond {
        BytesPerSecond(rate * 1e9 / 8.0)
    }

    #[test]
    fn data_parallelism_over_sites_needs_hundreds_of_gigabits() {
        let least = |rhythm, share| {
            let rates: Vec<_> = (1..2000).map(|at| gbit(f64::from(at))).collect();
            TEN_BILLION.least_bandwidth(rhythm, share, &rates).unwrap().get() * 8e-9
        };
        // What backward passes hide, two thirds of a step, and a quarter of a step more: 160 Gbit
        // in 0.92 x 0.8 s. Table 6 of arXiv:2503.09799 has 184 and table 4 of 2501.18512 222.
        let every = least(Rhythm::EveryStep, 0.8);
        assert!((every - 160.0 / 0.8 / (0.25 + 2.0 / 3.0)).abs() < 6.0, "{every}");
        assert!(least(Rhythm::Every { steps: 100 }, 0.8) < 10.0);
        // An overlap of a step: both tables have 3.6 and 7.5 Gbit/s for 80 and 99 %.
        let rhythm = Rhythm::Streaming { steps: 100, fragments: 16, overlap: 1 };
        assert!(least(rhythm, 0.99) < 12.0, "{}", least(rhythm, 0.99));
    }

    /// The pieces of work of so many steps of data parallelism.
    fn graph(replica: &Replica, bandwidth: BytesPerSecond, steps: usize) -> Vec<Work> {
        let layers = replica.layers as usize;
        let piece = replica.step.get() / (3.0 * layers as f64 - 1.0);
        let sending = replica.parameters.get() * replica.wire / layers as f64 / bandwidth.get();
        let (mut work, mut last): (Vec<Work>, Option<usize>) = (Vec::new(), None);
        let mut sums = vec![None; layers];
        let (computing, line) = (0, 1);
        for _ in 0..steps {
            for sum in &mut sums {
                let after = last.into_iter().chain(sum.take()).collect();
                work.push(Work { on: vec![computing], takes: piece, then: 0.0, after });
                last = Some(work.len() - 1);
            }
            for layer in (0..layers).rev() {
                for backward in 0..=usize::from(layer > 0) {
                    let after = last.into_iter().collect();
                    work.push(Work { on: vec![computing], takes: piece, then: 0.0, after });
                    last = Some(work.len() - 1);
                    if backward == 0 {
                        let after = vec![work.len() - 1];
                        work.push(Work { on: vec![line], takes: sending, then: 0.0, after });
                        sums[layer] = Some(work.len() - 1);
                    }
                }
            }
        }
        work
    }

    #[test]
    fn the_graph_of_a_step_takes_what_playing_its_messages_takes() {
        let small = Replica { layers: 6, ..TEN_BILLION };
        for rate in [30.0, 150.0, 300.0, 3000.0] {
            let messages = |steps| finish(&graph(&small, gbit(rate), steps)).unwrap();
            assert_eq!(graph(&small, gbit(rate), 1).len(), 4 * 6 - 1);
            let found = (messages(40) - messages(20)) / 20.0;
            let said = small.round(Rhythm::EveryStep, gbit(rate)).get();
            assert!((said / found - 1.0).abs() < 1e-9, "{rate}: {said} {found}");
        }
    }

    #[test]
    fn what_is_sent_behind_the_last_layer_is_all_that_a_quick_line_waits_for() {
        let round = TEN_BILLION.round(Rhythm::EveryStep, gbit(1000.0)).get();
        let a_layer = 160.0 / 48.0 / 1000.0;
        assert!((round - 0.8 - a_layer).abs() < 1e-9, "{round}");
        // And a slow one sends all the time but for the way back to the first gradient.
        let round = TEN_BILLION.round(Rhythm::Every { steps: 50 }, gbit(1.0)).get();
        assert!((round - 160.0 - 50.0 * 0.8 + 0.8 * 2.0 / 3.0).abs() < 0.02, "{round}");
    }

    #[test]
    fn one_layer_and_more_fragments_than_layers_or_steps_are_played_too() {
        let one = Replica { layers: 1, ..TEN_BILLION };
        let rhythm = Rhythm::Streaming { steps: 2, fragments: 9, overlap: 1 };
        for replica in [one, TEN_BILLION] {
            let share = replica.utilisation(rhythm, gbit(100.0));
            assert!(share > 0.0 && share <= 1.0, "{share}");
        }
        // Years of inner steps cost no more than their sums.
        let rhythm = Rhythm::Every { steps: u32::MAX };
        assert!(TEN_BILLION.utilisation(rhythm, gbit(0.001)) > 0.9);
    }

    proptest! {
        #[test]
        fn more_bandwidth_or_fewer_exchanges_never_compute_less(
            rate in 1e6..1e12f64, steps in 1_u32..1000, fragments in 1_u32..20, overlap in 0_u32..3,
        ) {
            for rhythm in [
                Rhythm::Every { steps },
                Rhythm::Streaming { steps: steps + 3, fragments, overlap },
            ] {
                let now = TEN_BILLION.utilisation(rhythm, BytesPerSecond(rate));
                prop_assert!(now > 0.0 && now <= 1.0);
                let wider = TEN_BILLION.utilisation(rhythm, BytesPerSecond(2.0 * rate));
                prop_assert!(wider >= now - 1e-9);
            }
            let at = |rhythm| TEN_BILLION.utilisation(rhythm, BytesPerSecond(rate));
            let seldom = at(Rhythm::Every { steps: steps + 1 });
            let often = at(Rhythm::Every { steps });
            prop_assert!(seldom >= often - 1e-9);
        }
    }
}
