//! Rank correlation of each input with an output, from draws at hand.

use rayon::prelude::*;

use crate::{Design, Draws, Error, Estimate};

/// The Spearman rank correlation of two columns; rows where either is undefined (NaN) take no
/// part, equal values share their mean rank, and `never` ranks above every date. NaN when one of
/// them does not vary, or when there are fewer than two rows.
pub fn spearman(x: &[f64], y: &[f64]) -> f64 {
    let (x, y): (Vec<f64>, Vec<f64>) =
        x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan()).map(|(&x, &y)| (x, y)).unzip();
    pearson(&ranks(&x), &ranks(&y))
}

/// The Spearman rank correlation of an output column with each of the named input columns.
///
/// The standard error of independent rows is Bonett and Wright's (Psychometrika 65, 2000); that of
/// replicates is their spread.
pub fn rank_correlations(
    draws: &Draws,
    output: &str,
    inputs: &[String],
) -> Result<Vec<(String, Estimate)>, Error> {
    let target = draws.column(output)?;
    let columns = inputs
        .iter()
        .map(|name| Ok((name.clone(), draws.column(name)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(columns
        .into_par_iter()
        .map(|(name, column)| (name, estimate(column, target, draws.design())))
        .collect())
}

fn estimate(x: &[f64], y: &[f64], design: Design) -> Estimate {
    let value = spearman(x, y);
    let standard_error = match design.replicates() {
        None => {
            let n = x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan()).count() as f64;
            (1.0 - value * value) * ((1.0 + value * value / 2.0) / (n - 3.0)).sqrt()
        }
        Some(replicates) => {
            let every = |column: &[f64], r| -> Vec<f64> {
                column.iter().copied().skip(r).step_by(replicates).collect()
            };
            let squares: f64 = (0..replicates)
                .map(|r| (spearman(&every(x, r), &every(y, r)) - value).powi(2))
                .sum();
            (squares / (replicates * (replicates - 1)) as f64).sqrt()
        }
    };
    Estimate {
        value,
        standard_error: if standard_error.is_nan() { f64::INFINITY } else { standard_error },
    }
}

/// Ranks from 0, equal values sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    let at = |i: u32| values[i as usize];
    order.sort_unstable_by(|&i, &j| at(i).total_cmp(&at(j)));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|&i, &j| at(i) >= at(j)) {
        let rank = first as f64 + (group.len() - 1) as f64 / 2.0;
        for &i in group {
            ranks[i as usize] = rank;
        }
        first += group.len();
    }
    ranks
}

fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
        xy += (x - mx) * (y - my);
    }
    if xx > 0.0 && yy > 0.0 { (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0) } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dist, Inputs};

    #[test]
    fn only_the_order_matters_and_ties_share_a_rank() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(spearman(&x, &x.map(f64::exp)), 1.0);
        assert_eq!(spearman(&x, &x.map(|v| -v * v)), -1.0);
        assert_eq!(ranks(&[3.0, 1.0, 3.0, f64::INFINITY]), [1.5, 0.0, 1.5, 3.0]);
        assert!(spearman(&x, &[7.0; 5]).is_nan());
        assert!(spearman(&[], &[]).is_nan());
        assert_eq!(spearman(&[1.0, 2.0, f64::NAN], &[1.0, 2.0, 0.0]), 1.0);
    }

    #[test]
    fn the_standard_error_covers_the_truth() {
        let truth = 0.5;
        let mut inputs = Inputs::new();
        inputs.add("a", Dist::normal(0.0, 1.0).unwrap()).unwrap();
        inputs.add("b", Dist::normal(0.0, 1.0).unwrap()).unwrap();
        inputs.correlate("a", "b", truth).unwrap();
        for design in [Design::Plain, Design::SOBOL] {
            let covered = (0..200)
                .filter(|&seed| {
                    let draws = inputs.sampler(seed, design).unwrap().draw(1024).unwrap();
                    let found = &rank_correlations(&draws, "b", &["a".into()]).unwrap()[0].1;
                    (found.value - truth).abs() < 2.0 * found.standard_error
                })
                .count();
            assert!((176..200).contains(&covered), "{design:?} {covered} of 200");
        }
    }
}
