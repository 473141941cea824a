//! Training against inference, near a split: against what others found.

use super::capability::Dimension;
use super::split::Split;
use crate::drawn::Drawn;

/// How many e-folds of inference FLOP make up for one e-fold less of training FLOP at the same
/// capability, near the split: N and D shrink alike, which makes every token of a query cheaper,
/// and queries use more tokens or samples. `None` without queries, N, D and one of T and k.
///
/// Villalobos and Atkinson 2023, "Trading off compute in training and inference", find 1 to 2
/// over many tasks.
pub fn exchange_rate(split: &Split) -> Option<Drawn<f64>> {
    let query = split.through("T").or_else(|| split.through("k"))?;
    let (size, data) = (split.through("N")?, split.through("D")?);
    let both: Drawn<f64> = size.per_fold.with(&data.per_fold, |n, d| 0.5 * (n + d));
    split.serves().then(|| both.with(&query.per_fold, |both, query| both / query - 0.5))
}

/// How many times the tokens a model may use at inference, for the same compute in all, when a
/// model `larger` times its size is the alternative: M + 3 (D / served) (M - 1), where `served`
/// tokens are those that the model generates over its life (Snell et al. 2024,
/// arXiv:2408.03314, section 7). `None` without queries.
pub fn snell_multiplier(split: &Split, larger: f64) -> Option<Drawn<f64>> {
    let (size, data) = (&split.through("N")?.value, &split.through("D")?.value);
    let flop = &split.part(Dimension::Inference)?.flop;
    let served: Drawn<f64> = flop.with(size, |flop, n| flop / (2.0 * n));
    let multiplier = |data: f64, served: f64| larger + 3.0 * data / served * (larger - 1.0);
    split.serves().then(|| data.with(&served, multiplier))
}
