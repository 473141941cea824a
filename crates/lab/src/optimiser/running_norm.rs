//! The Euclidean norm of a vector that comes in parts: the same bits however it is cut.

use serde::{Deserialize, Serialize};

use crate::kernels::{LANES, add_lanes, sum, wide};

/// Squares that are summed in f32 before they go into the f64 sum, so that f32 keeps its digits.
const PIECE: usize = 4096;

/// The sum of squares so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RunningNorm {
    whole: f64,
    /// The partial sums of a piece that is not whole yet, and how many squares are in them.
    lanes: [f32; LANES],
    filled: u32,
}

impl RunningNorm {
    /// Whether [`Self::add`] can have made it, and can go on with it.
    pub fn is_possible(&self) -> bool {
        (self.filled as usize) < PIECE
    }

    /// Adds the next numbers of the vector.
    pub fn add(&mut self, values: &[f32]) {
        let missing = (PIECE - self.filled as usize % PIECE) % PIECE;
        let (head, rest) = values.split_at(missing.min(values.len()));
        self.fill(head);
        let mut pieces = rest.chunks_exact(PIECE);
        for piece in &mut pieces {
            self.whole += f64::from(wide(|| sum(PIECE, |i| piece[i] * piece[i])));
        }
        self.fill(pieces.remainder());
    }

    /// At most what is missing of a piece.
    fn fill(&mut self, values: &[f32]) {
        for x in values {
            self.lanes[self.filled as usize % LANES] += x * x;
            self.filled += 1;
        }
        if self.filled as usize >= PIECE {
            *self = Self { whole: self.value_squared(), ..Self::default() };
        }
    }

    fn value_squared(&self) -> f64 {
        self.whole + f64::from(wide(|| add_lanes(self.lanes)))
    }

    /// The norm of what was added.
    pub fn value(&self) -> f64 {
        self.value_squared().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at_once(values: &[f32]) -> f64 {
        let pieces = values.chunks(PIECE);
        pieces.map(|p| f64::from(wide(|| sum(p.len(), |i| p[i] * p[i])))).sum::<f64>().sqrt()
    }

    proptest! {
        #[test]
        fn however_a_vector_is_cut_its_norm_has_the_same_bits(
            cuts in proptest::collection::vec(0_usize..6000, 0..6),
        ) {
            let len: usize = cuts.iter().sum();
            let values: Vec<f32> = (0..len).map(|i| ((i * 7919) % 1013) as f32 * 1e-3 - 0.4).collect();
            let mut norm = RunningNorm::default();
            let mut rest = values.as_slice();
            for cut in cuts {
                let (part, after) = rest.split_at(cut);
                norm.add(part);
                rest = after;
            }
            prop_assert_eq!(norm.value(), at_once(&values));
        }
    }
}
