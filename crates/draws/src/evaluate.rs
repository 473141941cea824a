//! Formulas over columns of draws, on all threads; the same numbers for any number of them.

use diagnostic::Diagnostic;
use formula::{Compiled, Workspace};
use rayon::prelude::*;

/// Rows that one task evaluates: the columns of a block stay in the cache.
const BLOCK: usize = 8192;

/// Parts into which draws are dealt to learn how much a summary of them would vary.
pub const BATCHES: usize = 16;

/// Every output column of `compiled` over `inputs`, in the order of its inputs.
///
/// # Errors
/// Columns of another length, and more rows than fit in memory.
pub fn columns(
    compiled: &Compiled,
    inputs: &[&[f64]],
    rows: usize,
) -> Result<Vec<Vec<f64>>, Diagnostic> {
    let count = compiled.column_names().len();
    let mut outputs = Vec::with_capacity(count);
    for _ in 0..count {
        let mut column: Vec<f64> = Vec::new();
        column.try_reserve_exact(rows).map_err(|_| {
            Diagnostic::error(format!("{rows} samples of {count} values do not fit in memory"))
                .help("ask for fewer samples, or use a longer step")
        })?;
        column.resize(rows, 0.0);
        outputs.push(column);
    }
    let prepared = compiled.prepare_slices(inputs, rows)?;
    if !compiled.is_rowwise() {
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        prepared.evaluate(&[], &mut Workspace::default(), &mut slices)?;
        return Ok(outputs);
    }
    let mut blocks: Vec<(usize, Vec<&mut [f64]>)> =
        (0..rows.div_ceil(BLOCK)).map(|block| (block * BLOCK, Vec::with_capacity(count))).collect();
    for output in &mut outputs {
        for (block, part) in blocks.iter_mut().zip(output.chunks_mut(BLOCK)) {
            block.1.push(part);
        }
    }
    blocks.into_par_iter().try_for_each_init(
        Workspace::default,
        |workspace, (start, mut parts)| {
            let end = (start + BLOCK).min(rows);
            prepared.evaluate_rows(start..end, &[], workspace, &mut parts)
        },
    )?;
    Ok(outputs)
}

/// The standard error of each summary over the draws (the same in every row), from the same
/// summary over parts of them; `whole` holds the summaries of all.
///
/// # Errors
/// As [`columns`].
pub fn summary_errors(
    compiled: &Compiled,
    inputs: &[&[f64]],
    whole: &[f64],
) -> Result<Vec<f64>, Diagnostic> {
    let batch = |batch: usize| {
        let parts: Vec<Vec<f64>> = inputs
            .iter()
            .map(|input| input.iter().copied().skip(batch).step_by(BATCHES).collect())
            .collect();
        let slices: Vec<&[f64]> = parts.iter().map(Vec::as_slice).collect();
        let rows = slices.first().map_or(1, |part| part.len());
        let outputs = columns(compiled, &slices, rows)?;
        Ok(outputs.iter().map(|column| column.first().copied().unwrap_or(f64::NAN)).collect())
    };
    let batches =
        (0..BATCHES).into_par_iter().map(batch).collect::<Result<Vec<Vec<f64>>, Diagnostic>>()?;
    let error = |(column, &whole): (usize, &f64)| {
        let squares: f64 = batches
            .iter()
            .map(|batch| batch[column])
            .map(
                |part| if part.to_bits() == whole.to_bits() { 0.0 } else { (part - whole).powi(2) },
            )
            .sum();
        let count = BATCHES as f64;
        let error = (squares / (count - 1.0) / count).sqrt();
        if error.is_nan() { f64::INFINITY } else { error }
    };
    Ok(whole.iter().enumerate().map(error).collect())
}
