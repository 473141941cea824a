//! Catalogued laws with published constants, on the runs they were fitted to.
//!
//! The tables are read from the folder that `ISOFLOP_REFERENCE` names.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;
use std::path::Path;

use formula::Columns;
use laws::{Law, catalogue};

/// A table of numbers by column; `None`, and a word on what is left out, without the folder.
fn table(file: &str) -> Option<Vec<(String, Vec<String>)>> {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ =
            writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): laws on {file}");
        return None;
    };
    let text = std::fs::read_to_string(Path::new(&folder).join(file)).expect("the table");
    let mut lines = text.lines().map(|line| line.split(','));
    let mut columns: Vec<(String, Vec<String>)> =
        lines.next().expect("a header").map(|name| (name.to_owned(), Vec::new())).collect();
    for line in lines {
        for ((_, column), cell) in columns.iter_mut().zip(line) {
            column.push(cell.to_owned());
        }
    }
    Some(columns)
}

/// What `law` gives for the rows in which the column `flag` is `value`, and what was measured.
fn given_and_measured(
    law: &Law,
    id: &str,
    table: &[(String, Vec<String>)],
    names: &[(&str, &str)],
    measured: &str,
    (flag, value): (&str, &str),
) -> Vec<(f64, f64)> {
    let cells = |name: &str| &table.iter().find(|(known, _)| known == name).expect("a column").1;
    let numbers = |name: &str| -> Vec<f64> {
        let kept = cells(name).iter().zip(cells(flag)).filter(|(_, flag)| *flag == value);
        kept.map(|(cell, _)| cell.parse().expect("a number")).collect()
    };
    let measured = numbers(measured);
    let mut columns = Columns::new(measured.len());
    for (variable, column) in names {
        columns.set(*variable, numbers(column));
    }
    for parameter in &law.parameters {
        let published = law.published(id).and_then(|published| published.value(&parameter.name));
        columns.set_number(&parameter.name, published.or(parameter.fixed).expect("a value"));
    }
    let out = law.checked().compile(&[&law.target.name]).unwrap().evaluate(&columns).unwrap();
    out.get(&law.target.name).expect("the target").iter().copied().zip(measured).collect()
}

/// The sum of Huber's losses of log residuals, delta 1e-3.
fn objective(rows: &[(f64, f64)]) -> f64 {
    let huber = |r: f64| if r.abs() <= 1e-3 { 0.5 * r * r } else { 1e-3 * (r.abs() - 5e-4) };
    rows.iter().map(|(law, measured)| huber(measured.ln() - law.ln())).sum()
}

#[test]
fn published_laws_of_the_chinchilla_runs_have_their_published_objectives() {
    let Some(table) = table("chinchilla_epoch/runs.csv") else { return };
    let law = catalogue::find("chinchilla").unwrap();
    for (id, published) in [
        ("besiroglu-2024", 0.001_022_84),
        ("hoffmann-2022-full", 0.001_231_16),
        ("hoffmann-2022", 0.004_121_01),
    ] {
        let rows = given_and_measured(
            &law,
            id,
            &table,
            &[("N", "N"), ("D", "D")],
            "loss",
            ("epoch_outlier", "0"),
        );
        assert_eq!(rows.len(), 240);
        let found = objective(&rows);
        assert!((found - published).abs() < 6e-9, "{id}: {found}");
    }
}

#[test]
fn the_data_constrained_law_has_its_published_objective() {
    let Some(table) = table("datablations/runs.csv") else { return };
    let rows = given_and_measured(
        &catalogue::find("data-constrained").unwrap(),
        "muennighoff-2023-repeated",
        &table,
        &[("N", "N"), ("D", "D"), ("U", "U")],
        "loss",
        ("used_in_published_fit", "1"),
    );
    assert_eq!(rows.len(), 182);
    let found = objective(&rows);
    assert!((found - 0.015_825_935_26).abs() < 1e-10, "{found}");
}

#[test]
fn the_broken_power_law_has_its_published_errors_on_addition() {
    let Some(table) = table("bnsl_4digit_addition/curve.csv") else { return };
    let law = catalogue::find("broken-power-law-1").unwrap();
    for (split, published) in [("fit", 0.000_598), ("extrapolate", 0.010_92)] {
        let rows = given_and_measured(
            &law,
            "caballero-2022-addition",
            &table,
            &[("x", "dataset_size")],
            "test_xent",
            ("split", split),
        );
        let squares = rows.iter().map(|(law, measured)| (law.ln() - measured.ln()).powi(2));
        let found = (squares.sum::<f64>() / rows.len() as f64).sqrt();
        assert!((found / published - 1.0).abs() < 0.02, "{split}: {found}");
    }
}
