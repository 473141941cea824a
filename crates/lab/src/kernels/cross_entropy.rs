//! Cross-entropy of the next token, in nats.

use super::exponential::exp;
use super::{LANES, sum, wide};

/// Loss of each row of `logits` (`[tokens, vocab]`) against its target, in nats.
///
/// With `gradient_scale`, each row is replaced by `scale * (softmax - one-hot)`, the gradient of
/// `scale * loss`.
pub(crate) fn cross_entropy(
    logits: &mut [f32],
    vocab: usize,
    targets: &[u32],
    losses: &mut [f32],
    gradient_scale: Option<f32>,
) {
    wide(|| {
        for ((row, target), loss) in logits.chunks_exact_mut(vocab).zip(targets).zip(losses) {
            let target = *target as usize;
            let highest = maximum(row);
            let target_logit = row[target];
            for x in row.iter_mut() {
                *x = exp(*x - highest);
            }
            let total = sum(vocab, |i| row[i]);
            *loss = total.ln() + highest - target_logit;
            if let Some(scale) = gradient_scale {
                let each = scale / total;
                for x in row.iter_mut() {
                    *x *= each;
                }
                row[target] -= scale;
            }
        }
    });
}

/// The largest number of a row; NaN if there is one, so that a broken model shows.
#[expect(clippy::inline_always, reason = "must be compiled inside `wide`")]
#[inline(always)]
pub(crate) fn maximum(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = if *x <= *lane { *lane } else { *x };
        }
    }
    lanes
        .iter()
        .chain(chunks.remainder())
        .fold(f32::NEG_INFINITY, |highest, x| if *x <= highest { highest } else { *x })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_cost_ln_vocab_and_push_evenly() {
        let mut logits = vec![3.0; 5];
        let mut losses = [0.0];
        cross_entropy(&mut logits, 5, &[2], &mut losses, Some(1.0));
        assert!((losses[0] - 5.0_f32.ln()).abs() < 1e-6);
        for (i, gradient) in logits.iter().enumerate() {
            let want = if i == 2 { 0.2 - 1.0 } else { 0.2 };
            assert!((gradient - want).abs() < 1e-6);
        }
    }

    #[test]
    fn a_broken_logit_gives_a_broken_loss() {
        let mut logits = vec![0.0, f32::NAN, 0.0];
        let mut losses = [0.0];
        cross_entropy(&mut logits, 3, &[0], &mut losses, None);
        assert!(losses[0].is_nan());
    }
}
