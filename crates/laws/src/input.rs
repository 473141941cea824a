//! From observations to rows: the law's variables, the axis of extrapolation, and what to record.

use std::collections::HashSet;

use diagnostic::Diagnostic;
use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::Law;
use crate::rows::Rows;

/// The data that a law was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Data {
    /// The table: a path, `<stdin>` or `<memory>`.
    pub origin: String,
    /// Rows used.
    pub rows: usize,
    /// Distinct runs among them.
    pub runs: usize,
    /// Distinct settings (values of the law's variables) among them.
    pub settings: usize,
    /// Name, column and convention of each column used.
    pub columns: Vec<(String, String, String)>,
    /// Rows left out, in words.
    pub excluded: Vec<String>,
    /// Least and largest value of each variable and of what the law gives.
    pub ranges: Vec<(String, f64, f64)>,
    /// What runs are ordered by for extrapolation: `C`, or the law's first variable.
    pub axis: String,
    /// Least and largest value on that axis.
    pub axis_range: (f64, f64),
    /// BLAKE3 hash of the rows used: their values in table order.
    pub hash: String,
}

/// What runs are ordered by: C where the observations have one, else the first variable.
pub(crate) fn axis(law: &Law, observations: &Observations) -> String {
    if !observations.compute().is_empty() {
        "C".to_owned()
    } else {
        law.variables.first().map_or_else(String::new, |variable| variable.name.clone())
    }
}

/// The rows of `observations` that the law takes, groups together when `grouped`.
pub(crate) fn rows(
    law: &Law,
    observations: &Observations,
    grouped: bool,
) -> Result<Rows, Diagnostic> {
    let column = |name: &str| {
        observations.variable(name).ok_or_else(|| {
            Diagnostic::error(format!("the observations have no column `{name}`"))
                .note(format!("the law `{}` takes it", law.name))
        })
    };
    let variables = law
        .variables
        .iter()
        .map(|variable| Ok((variable.name.clone(), column(&variable.name)?.to_vec())))
        .collect::<Result<Vec<_>, Diagnostic>>()?;
    let count = observations.len();
    let compute = observations.compute();
    let extent: Vec<f64> = match variables.first() {
        _ if !compute.is_empty() => compute.iter().map(|c| c.get().ln()).collect(),
        Some((_, column)) if column.iter().all(|&x| x > 0.0) => {
            column.iter().map(|x| x.ln()).collect()
        }
        Some((_, column)) => column.clone(),
        None => vec![0.0; count],
    };
    let group = match observations.group_index() {
        Some(groups) if grouped => groups.to_vec(),
        Some(_) | None if !grouped => vec![0; count],
        _ => {
            return Err(Diagnostic::error("parameters are to differ between groups, but no column of groups was chosen")
                .help("name one with --group COLUMN"));
        }
    };
    let weight = observations.weights().map_or_else(|| vec![1.0; count], <[f64]>::to_vec);
    let rows = Rows {
        variables,
        measured: observations.target().to_vec(),
        weight,
        run: observations.run_index().to_vec(),
        group,
        extent,
        source: (0..count).collect(),
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&row| rows.group[row]);
    Ok(if grouped { rows.select(&order) } else { rows })
}

pub(crate) fn group_name(observations: &Observations, group: usize) -> String {
    observations.group_names().get(group).cloned().unwrap_or_default()
}

pub(crate) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Values per row in the order of the table that was given.
pub(crate) fn in_table_order(rows: &Rows, values: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; values.len()];
    for (&source, &value) in rows.source.iter().zip(values) {
        out[source] = value;
    }
    out
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
}

pub(crate) fn data(law: &Law, observations: &Observations, rows: &Rows, axis: &str) -> Data {
    let mut ranges: Vec<(String, f64, f64)> = rows
        .variables
        .iter()
        .map(|(name, column)| {
            let (low, high) = range(column.iter().copied());
            (name.clone(), low, high)
        })
        .collect();
    let (low, high) = range(rows.measured.iter().copied());
    ranges.push((law.target.name.clone(), low, high));
    let (low, high) = range(rows.extent.iter().copied());
    let logarithmic = axis == "C"
        || rows.variables.first().is_some_and(|(_, column)| column.iter().all(|&x| x > 0.0));
    let runs: HashSet<usize> = rows.run.iter().copied().collect();
    let mut hash = blake3::Hasher::new();
    for (name, column) in
        rows.variables.iter().map(|(name, column)| (name, column)).chain([(
            &law.target.name,
            &rows.measured,
        )])
    {
        hash.update(name.as_bytes());
        for value in in_table_order(rows, column) {
            hash.update(&value.to_le_bytes());
        }
    }
    Data {
        origin: observations.origin().to_owned(),
        rows: rows.len(),
        runs: runs.len(),
        settings: rows.settings().1,
        columns: observations
            .columns()
            .iter()
            .map(|choice| {
                (choice.name.clone(), choice.source(), choice.convention.clone())
            })
            .collect(),
        excluded: observations.exclusions().iter().map(ToString::to_string).collect(),
        ranges,
        axis: axis.to_owned(),
        axis_range: if logarithmic { (low.exp(), high.exp()) } else { (low, high) },
        hash: hash.finalize().to_hex()[..16].to_owned(),
    }
}

impl Data {
    /// Least and largest value of a variable, or of what the law gives.
    pub fn range(&self, name: &str) -> Option<(f64, f64)> {
        let (_, low, high) = self.ranges.iter().find(|(known, ..)| known == name)?;
        Some((*low, *high))
    }
}
