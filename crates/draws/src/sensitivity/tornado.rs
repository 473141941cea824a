//! One input at a time, from one end of its interval to the other.

use crate::{Error, Inputs, Level};

use super::run;

/// What a model's output does when each input in turn goes through its interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Tornado {
    /// The level of the interval that each input goes through.
    pub level: Level,
    /// The output with every input at its median.
    pub baseline: f64,
    /// One bar per input, the longest first.
    pub bars: Vec<Bar>,
}

/// One input's effect with all others at their medians.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// The input.
    pub name: String,
    /// Its value at the lower end.
    pub low: f64,
    /// Its value at the upper end.
    pub high: f64,
    /// Its median, where it stands while another moves.
    pub middle: f64,
    /// The output there; `+inf` is `never`, NaN undefined.
    pub at_low: f64,
    /// The output with the input at its upper end.
    pub at_high: f64,
    /// Whether the input depends on others, which this analysis holds still all the same: see
    /// [`sobol_indices`](super::sobol_indices) for groups.
    pub dependent: bool,
}

impl Bar {
    /// The distance between the two outputs: infinite when just one of them is `never`.
    pub fn swing(&self) -> f64 {
        if self.at_low.to_bits() == self.at_high.to_bits() {
            0.0
        } else {
            (self.at_high - self.at_low).abs()
        }
    }
}

/// Runs the model with each input at either end of its interval, the rest at their medians.
///
/// ```
/// use draws::{Dist, Inputs, Level, sensitivity};
///
/// let mut inputs = Inputs::new();
/// inputs.add("capex", Dist::interval(29.0, 60.0, Level::P90)?)?;
/// inputs.add("load", Dist::uniform(0.55, 0.9)?)?;
/// let cost = |x: &[&[f64]], out: &mut [f64]| {
///     for i in 0..out.len() {
///         out[i] = 0.2 * x[0][i] + 0.6 * x[1][i];
///     }
/// };
/// let tornado = sensitivity::tornado(&inputs, &cost, Level::P90)?;
/// assert_eq!(tornado.bars[0].name, "capex");
/// # Ok::<(), draws::Error>(())
/// ```
pub fn tornado<M>(inputs: &Inputs, model: &M, level: Level) -> Result<Tornado, Error>
where
    M: FnMut(&[&[f64]], &mut [f64]) + Clone + Send,
{
    let names = inputs.names();
    let rows = 1 + 2 * names.len();
    let mut columns = Vec::new();
    let mut ends = Vec::new();
    for i in 0..names.len() {
        let at = |p| inputs.marginal_quantile(i, p);
        let (low, middle, high) = (at(level.lower()), at(0.5), at(level.upper()));
        let mut column = vec![middle; rows];
        (column[1 + 2 * i], column[2 + 2 * i]) = (low, high);
        columns.push(column);
        ends.push((low, middle, high));
    }
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let output = run(model, &slices, rows);
    let mut bars: Vec<Bar> = names
        .iter()
        .zip(ends)
        .enumerate()
        .map(|(i, (name, (low, middle, high)))| Bar {
            name: name.clone(),
            low,
            high,
            middle,
            at_low: output[1 + 2 * i],
            at_high: output[2 + 2 * i],
            dependent: inputs.depends_on_others(i),
        })
        .collect();
    // An undefined swing sorts first: it is what most needs a look.
    bars.sort_by(|a, b| b.swing().total_cmp(&a.swing()));
    Ok(Tornado { level, baseline: output[0], bars })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dist;

    #[test]
    fn bars_are_exact_for_a_known_model_and_sorted() {
        let mut inputs = Inputs::new();
        inputs.add("small", Dist::uniform(0.0, 1.0).unwrap()).unwrap();
        inputs.add("large", Dist::uniform(0.0, 10.0).unwrap()).unwrap();
        inputs.add("fixed", Dist::constant(2.0).unwrap()).unwrap();
        let sum = |x: &[&[f64]], out: &mut [f64]| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = x[0][i] + x[1][i] * x[2][i];
            }
        };
        let tornado = tornado(&inputs, &sum, Level::P90).unwrap();
        assert_eq!(tornado.baseline, 10.5);
        let swings: Vec<(&str, f64)> =
            tornado.bars.iter().map(|bar| (bar.name.as_str(), bar.swing())).collect();
        assert_eq!(swings[0].0, "large");
        assert!((swings[0].1 - 18.0).abs() < 1e-12 && (swings[1].1 - 0.9).abs() < 1e-12);
        assert_eq!(swings[2], ("fixed", 0.0));
    }

    #[test]
    fn a_date_that_becomes_never_swings_without_bound() {
        let mut inputs = Inputs::new();
        inputs.add("rate", Dist::normal(0.5, 1.0).unwrap()).unwrap();
        inputs.add("idle", Dist::normal(0.0, 1.0).unwrap()).unwrap();
        let date = |x: &[&[f64]], out: &mut [f64]| {
            for (i, out) in out.iter_mut().enumerate() {
                *out = if x[0][i] > 0.0 { 2026.0 + 1.0 / x[0][i] } else { f64::INFINITY };
            }
        };
        let tornado = tornado(&inputs, &date, Level::P90).unwrap();
        assert_eq!((tornado.bars[0].swing(), tornado.bars[1].swing()), (f64::INFINITY, 0.0));
    }
}
