//! Which inputs the answer hangs on.
//!
//! A model is a closure over blocks of columns: `FnMut(&[&[f64]], &mut [f64])`, one slice per
//! input in order of declaration, one output slice of the same length. It is cloned for every
//! thread, so it may own scratch space. What it leaves unwritten counts as undefined.

mod indices;
mod rank;
mod tornado;

pub use indices::{Aspect, Index, Share, SobolIndices, SobolPlan, sobol_indices};
pub use rank::{rank_correlations, spearman};
pub use tornado::{Bar, Tornado, tornado};

use rayon::prelude::*;

/// Rows that a model is given at a time.
const BLOCK: usize = 4096;

/// Runs a model over whole columns.
fn run<M>(model: &M, columns: &[&[f64]], rows: usize) -> Vec<f64>
where
    M: FnMut(&[&[f64]], &mut [f64]) + Clone + Send,
{
    let mut output = vec![f64::NAN; rows];
    output.par_chunks_mut(BLOCK).enumerate().for_each_with(model.clone(), |model, (i, out)| {
        let here = i * BLOCK..i * BLOCK + out.len();
        let block: Vec<&[f64]> = columns.iter().map(|column| &column[here.clone()]).collect();
        model(&block, out);
    });
    output
}

/// A row's inputs, for a message: `gap = 3, rate = 0.5`.
fn describe_row(names: &[String], columns: &[&[f64]], row: usize) -> String {
    let values: Vec<String> = names
        .iter()
        .zip(columns)
        .map(|(name, column)| format!("{name} = {}", column[row]))
        .collect();
    values.join(", ")
}
