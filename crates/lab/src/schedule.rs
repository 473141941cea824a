//! Learning-rate schedules, sized to each run's horizon.

use serde::{Deserialize, Serialize};

/// How the learning rate falls from its peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// Warm-up, stable, decay: at the peak, then down a straight line (Hu et al. 2024,
    /// arXiv:2404.06395).
    #[default]
    Wsd,
    /// Half a cosine from the peak on (Loshchilov & Hutter 2016, arXiv:1608.03983).
    Cosine,
}

/// The learning rate over a run, as a share of its peak.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// How it falls.
    pub decay: Decay,
    /// Steps of linear warm-up, as a share of all steps.
    pub warmup: f32,
    /// For WSD: the share of all steps, at the end, over which it falls.
    pub decay_share: f32,
    /// The share of the peak that is left at the end.
    pub final_share: f32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { decay: Decay::Wsd, warmup: 0.02, decay_share: 0.6, final_share: 0.02 }
    }
}

impl Schedule {
    /// The share of the peak learning rate at `step` (from 0) of `steps`.
    pub fn at(&self, step: u64, steps: u64) -> f32 {
        let steps = steps.max(1) as f32;
        let warmup = (self.warmup * steps).max(1.0);
        let done = step as f32 + 1.0;
        if done < warmup {
            return done / warmup;
        }
        let fall = |progress: f32| {
            let left = match self.decay {
                Decay::Wsd => 1.0 - progress,
                Decay::Cosine => 0.5 * (1.0 + (std::f32::consts::PI * progress).cos()),
            };
            self.final_share + (1.0 - self.final_share) * left
        };
        let start = match self.decay {
            Decay::Wsd => (steps * (1.0 - self.decay_share)).max(warmup),
            Decay::Cosine => warmup,
        };
        fall(((done - start) / (steps - start).max(1.0)).clamp(0.0, 1.0))
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        [
            ("warmup", self.warmup),
            ("decay_share", self.decay_share),
            ("final_share", self.final_share),
        ]
        .into_iter()
        .find(|(_, share)| !(0.0..=1.0).contains(share))
        .map(|(name, share)| format!("schedule.{name} is a share from 0 to 1, not {share}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_warms_up_stays_and_falls_to_its_final_share() {
        for decay in [Decay::Wsd, Decay::Cosine] {
            let schedule = Schedule { decay, ..Schedule::default() };
            for steps in [1, 2, 7, 1000] {
                let values: Vec<f32> = (0..steps).map(|step| schedule.at(step, steps)).collect();
                assert!(values.iter().all(|v| (0.0..=1.0).contains(v)), "{values:?}");
                let peak = values.iter().copied().fold(0.0, f32::max);
                assert!(peak > 0.5 || steps < 3, "{steps} steps never reach the peak: {peak}");
                let after = values.iter().position(|v| *v == peak).unwrap();
                assert!(values[after..].windows(2).all(|pair| pair[1] <= pair[0] + 1e-6));
                assert!(
                    (values[values.len() - 1] - schedule.final_share).abs() < 1e-5 || steps == 1
                );
            }
        }
    }
}
