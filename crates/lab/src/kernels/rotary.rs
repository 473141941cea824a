//! Rotary position embeddings (Su et al. 2021, arXiv:2104.09864).

use super::wide;

/// Base of the wavelengths.
const BASE: f32 = 10_000.0;

/// Cosine and sine of every position's angles: `[context, head_width / 2]` each.
pub(crate) struct Rotary {
    cos: Vec<f32>,
    sin: Vec<f32>,
    half: usize,
}

impl Rotary {
    /// Tables for positions `0..context` and heads of `head_width` features.
    pub(crate) fn new(context: usize, head_width: usize) -> Self {
        let half = head_width / 2;
        let angles = (0..context * half).map(|at| {
            let (position, pair) = (at / half, at % half);
            f64::from(position as u32) * f64::from(BASE).powf(-(pair as f64) / half as f64)
        });
        let (cos, sin) = angles.map(|angle| (angle.cos() as f32, angle.sin() as f32)).unzip();
        Self { cos, sin, half }
    }

    /// Rotates the first and second half of every head of `x` (`[sequences * context, heads *
    /// head_width]`) by its position's angles.
    pub(crate) fn rotate(&self, x: &mut [f32], context: usize, width: usize) {
        self.turn(x, context, width, 1.0);
    }

    /// The gradient of [`Self::rotate`]: the same turn backwards.
    pub(crate) fn rotate_back(&self, x: &mut [f32], context: usize, width: usize) {
        self.turn(x, context, width, -1.0);
    }

    fn turn(&self, x: &mut [f32], context: usize, width: usize, direction: f32) {
        let half = self.half;
        wide(|| {
            for (token, row) in x.chunks_exact_mut(width).enumerate() {
                let at = token % context * half;
                let (cos, sin) = (&self.cos[at..at + half], &self.sin[at..at + half]);
                for head in row.chunks_exact_mut(2 * half) {
                    let (first, second) = head.split_at_mut(half);
                    for i in 0..half {
                        let (a, b) = (first[i], second[i]);
                        let sin = direction * sin[i];
                        first[i] = a * cos[i] - b * sin;
                        second[i] = a * sin + b * cos[i];
                    }
                }
            }
        });
    }
}
