//! What any law of N and D says of a budget C = 6 N D: the best split, and the cost of another.

use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

/// A law of the loss: fitted, published or made up.
pub type Surface<'a> = dyn Fn(Parameters, Tokens) -> f64 + Sync + 'a;

/// The least of `height` between `low` and `high`; `None` where it lies at an end or is no number.
///
/// A scan finds the valley, golden sections its floor, to about 1e-8 where the floor is round.
pub(super) fn minimum(low: f64, high: f64, height: impl Fn(f64) -> f64) -> Option<f64> {
    const STEPS: usize = 400;
    if !low.is_finite() || !high.is_finite() || low >= high {
        return None;
    }
    let at = |step: usize| low + (high - low) * step as f64 / STEPS as f64;
    let best = (0..=STEPS)
        .map(|step| (step, height(at(step))))
        .filter(|(_, height)| height.is_finite())
        .min_by(|a, b| a.1.total_cmp(&b.1))?
        .0;
    if best == 0 || best == STEPS {
        return None;
    }
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut left, mut right) = (at(best - 1), at(best + 1));
    let (mut a, mut b) = (right - golden * (right - left), left + golden * (right - left));
    let (mut low_a, mut low_b) = (height(a), height(b));
    while right - left > 1e-6 {
        if low_a <= low_b {
            (right, b, low_b) = (b, a, low_a);
            a = right - golden * (right - left);
            low_a = height(a);
        } else {
            (left, a, low_a) = (a, b, low_b);
            b = left + golden * (right - left);
            low_b = height(b);
        }
    }
    // Closer than this, rounding hides the floor; three points well apart still show its middle.
    let (middle, reach) = (0.5 * (left + right), 1e-3);
    let [before, here, after] = [middle - reach, middle, middle + reach].map(&height);
    let bend = before - 2.0 * here + after;
    let shift = 0.5 * reach * (before - after) / bend;
    Some(if bend > 0.0 && shift.abs() < reach { middle + shift } else { middle })
}

/// N* and D* of a budget C = 6 N D under a law; `None` where more of one of the two never hurts.
pub fn optimum(surface: &Surface, compute: Flop) -> Option<(Parameters, Tokens)> {
    let ln_product = (compute.get() / 6.0).ln();
    let split = |ln_n: f64| (Parameters(ln_n.exp()), Tokens((ln_product - ln_n).exp()));
    let best = minimum(0.0, ln_product, |ln_n| {
        let (n, d) = split(ln_n);
        surface(n, d)
    })?;
    Some(split(best))
}

/// What a split of a budget costs against the best one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Deadweight {
    /// The budget.
    pub compute: Flop,
    /// Its tokens over those of the best split, minus one.
    pub tokens_error: f64,
    /// How much higher its loss is, in the unit of the law.
    pub loss_penalty: f64,
    /// Compute that a best split would not have needed for the same loss.
    pub wasted: Flop,
    /// The same as a share of the budget.
    pub share: f64,
}

/// The deadweight of training on `tokens` with a budget C = 6 N D: the budget less the smaller
/// one that reaches the same loss when split in the best way (Czech et al., arXiv:2603.22339).
///
/// `None` where the law has no best split of the budget.
pub fn deadweight(surface: &Surface, compute: Flop, tokens: Tokens) -> Option<Deadweight> {
    let (best_n, best_d) = optimum(surface, compute)?;
    let parameters = Parameters(compute.get() / 6.0 / tokens.get());
    let (loss, least) = (surface(parameters, tokens), surface(best_n, best_d));
    if !(tokens.get() > 0.0 && loss.is_finite() && least.is_finite()) {
        return None;
    }
    // The frontier falls with C, so the smaller budget is found by halving.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let share = 0.5 * (low + high);
        let reached = optimum(surface, compute * (1.0 - share)).map(|(n, d)| surface(n, d));
        if reached.is_some_and(|reached| reached <= loss) { low = share } else { high = share }
    }
    Some(Deadweight {
        compute,
        tokens_error: tokens / best_d - 1.0,
        loss_penalty: (loss - least).max(0.0),
        wasted: compute * low,
        share: low,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chinchilla(n: Parameters, d: Tokens) -> f64 {
        1.69 + 406.4 / n.get().powf(0.34) + 410.7 / d.get().powf(0.28)
    }

    /// N* = G (C/6)^a, G = (alpha A / (beta B))^(1/(alpha+beta)) (Hoffmann et al. 2022, eq. 4).
    #[test]
    fn the_best_split_is_that_of_the_closed_form() {
        let g = (0.34 * 406.4 / (0.28 * 410.7_f64)).powf(1.0 / 0.62);
        for c in [1e17, 1e21, 3.8e25] {
            let (n, d) = optimum(&chinchilla, Flop(c)).unwrap();
            let exact = g * (c / 6.0_f64).powf(0.28 / 0.62);
            assert!((n.get() / exact - 1.0).abs() < 1e-6, "{c}: {}", n.get() / exact - 1.0);
            assert!((6.0 * n.get() * d.get() / c - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_law_without_an_optimum_inside_has_none() {
        let only_n = |n: Parameters, _: Tokens| 1.0 + 10.0 / n.get().powf(0.3);
        assert_eq!(optimum(&only_n, Flop(1e21)), None);
        assert_eq!(optimum(&|_, _| f64::NAN, Flop(1e21)), None);
        assert_eq!(optimum(&chinchilla, Flop(-1.0)), None);
        assert_eq!(deadweight(&only_n, Flop(1e21), Tokens(1e9)), None);
        assert_eq!(deadweight(&chinchilla, Flop(1e21), Tokens(f64::NAN)), None);
    }

    #[test]
    fn the_best_split_wastes_nothing() {
        let (_, d) = optimum(&chinchilla, Flop(1e21)).unwrap();
        let nothing = deadweight(&chinchilla, Flop(1e21), d).unwrap();
        assert!(nothing.share < 1e-9 && nothing.loss_penalty < 1e-12, "{nothing:?}");
        assert!(deadweight(&chinchilla, Flop(1e21), d * 3.0).unwrap().share > 0.01);
    }
}
