//! `AdamW` on one matrix (Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2).

use crate::kernels::wide;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.95;
const EPSILON: f32 = 1e-8;

/// First and second moments of one matrix's gradient.
pub(super) struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Moments {
    pub(super) fn new(len: usize) -> Self {
        Self { first: vec![0.0; len], second: vec![0.0; len] }
    }

    pub(super) fn state(&self) -> [&[f32]; 2] {
        [&self.first, &self.second]
    }

    pub(super) fn state_mut(&mut self) -> [&mut [f32]; 2] {
        [&mut self.first, &mut self.second]
    }

    pub(super) fn update(
        &mut self,
        parameters: &mut [f32],
        gradient: &[f32],
        rate: f32,
        decay: f32,
        step: u64,
    ) {
        // Bias corrections in f64: 0.95^step is below f32's resolution of 1 only late, 0.9^1 not.
        let power = i32::try_from(step).unwrap_or(i32::MAX);
        let first_bias = 1.0 - f64::from(BETA_1).powi(power);
        let second_bias = 1.0 - f64::from(BETA_2).powi(power);
        let step_size = (f64::from(rate) / first_bias) as f32;
        let inverse_bias = (1.0 / second_bias) as f32;
        let keep = 1.0 - rate * decay;
        wide(|| {
            let moments = self.first.iter_mut().zip(&mut self.second);
            for ((p, g), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
                *m = BETA_1 * *m + (1.0 - BETA_1) * g;
                *v = BETA_2 * *v + (1.0 - BETA_2) * g * g;
                *p = *p * keep - step_size * *m / ((*v * inverse_bias).sqrt() + EPSILON);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_has_the_size_of_the_rate_whatever_the_gradient() {
        let mut moments = Moments::new(3);
        let mut p = [1.0, 1.0, 1.0];
        moments.update(&mut p, &[1e-3, -50.0, 2.0], 0.1, 0.0, 1);
        for (p, want) in p.iter().zip([0.9, 1.1, 0.9]) {
            assert!((p - want).abs() < 1e-4, "{p}");
        }
    }

    #[test]
    fn decay_shrinks_parameters_that_have_no_gradient() {
        let mut moments = Moments::new(1);
        let mut p = [2.0];
        moments.update(&mut p, &[0.0], 0.1, 0.5, 1);
        assert!((p[0] - 1.9).abs() < 1e-6);
    }
}
