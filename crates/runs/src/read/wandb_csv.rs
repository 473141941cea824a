//! The two CSV exports of the W&B web page: a chart, and the table of runs.
//!
//! A chart is a table with one column a run and metric; it becomes one row a run and step.

use std::collections::HashMap;

use diagnostic::Diagnostic;

use super::delimited::Records;
use crate::builder::Builder;

/// A chart's export: the columns of every run's series beside each other.
pub(super) struct Series {
    names: Vec<String>,
    /// What the first column counts: `Step`, or another axis.
    axis: String,
    /// Per run, in order of appearance: its name, and for each of its columns where and what.
    runs: Vec<(String, Vec<(usize, String)>)>,
}

/// Recognises a chart's export by its header: an axis, then `RUN - METRIC` columns, most of them
/// with a `__MIN` and a `__MAX` beside them.
pub(super) fn series(names: &[&str]) -> Option<Series> {
    let (axis, columns) = names.split_first()?;
    let has_minimum = columns.iter().any(|name| name.ends_with("__MIN"));
    let known_axis =
        ["Step", "_step", "Relative Time (Process)", "Relative Time (Wall)", "Wall Time"];
    if columns.is_empty() || !(has_minimum || known_axis.contains(axis)) {
        return None;
    }
    let mut runs: Vec<(String, Vec<(usize, String)>)> = Vec::new();
    let mut place = HashMap::new();
    for (index, name) in columns.iter().enumerate() {
        // Run names often hold ` - `, metrics hardly ever do.
        let (run, metric) = name.rsplit_once(" - ")?;
        let run_place = *place.entry(run).or_insert_with(|| {
            runs.push((run.to_owned(), Vec::new()));
            runs.len() - 1
        });
        runs[run_place].1.push((index + 1, metric.to_owned()));
    }
    let axis = if matches!(*axis, "Step" | "_step") { "step" } else { axis };
    let names = names.iter().map(|&name| name.to_owned()).collect();
    Some(Series { names, axis: axis.to_owned(), runs })
}

/// Turns a chart's export into one row per run and step; runs without a value there have none.
pub(super) fn read(
    series: &Series,
    records: &mut Records<'_>,
    builder: &mut Builder,
) -> Result<(), Diagnostic> {
    let run_column = builder.column("run")?;
    let axis = builder.column(&series.axis)?;
    let mut runs = Vec::new();
    for (run, columns) in &series.runs {
        let columns = columns
            .iter()
            .map(|(index, metric)| Ok((*index, builder.column(metric)?)))
            .collect::<Result<Vec<_>, Diagnostic>>()?;
        runs.push((builder.made(run)?, columns));
    }
    while let Some(record) = records.next_record()? {
        record.must_have(&series.names)?;
        let step = record.fields[0].cell(builder)?;
        for (run, columns) in &runs {
            if columns.iter().all(|&(index, _)| record.fields[index].is_empty()) {
                continue;
            }
            let row = builder.row(record.line, record.start)?;
            builder.set(row, run_column, *run)?;
            builder.set(row, axis, step)?;
            for &(index, column) in columns {
                let cell = record.fields[index].cell(builder)?;
                builder.set(row, column, cell)?;
            }
        }
    }
    Ok(())
}

/// Recognises the export of W&B's table of runs: the columns of the run's name and of how it
/// ended, which the house calls `run` and `status`.
pub(super) fn table_of_runs(names: &[&str]) -> Option<(usize, usize)> {
    let place = |wanted: &str| names.iter().position(|&name| name == wanted);
    let others = ["Created", "Runtime", "User", "Tags"];
    if place("run").or(place("status")).is_some() || others.into_iter().all(|o| place(o).is_none())
    {
        return None;
    }
    Some((place("Name")?, place("State")?))
}

/// How a run ended, as the house says it, from a tracker's word.
pub(super) fn status(word: &str) -> &str {
    if word.eq_ignore_ascii_case("finished") { "done" } else { word }
}

#[cfg(test)]
mod tests {
    use crate::RunTable;

    fn table(text: &str) -> RunTable {
        RunTable::from_bytes("export.csv", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_chart_becomes_a_row_a_run_and_step() {
        let table = table(
            "\"Step\",\"a - b - loss\",\"a - b - loss__MIN\",\"a - b - loss__MAX\",\"c - loss\",\"c - loss__MIN\",\"c - loss__MAX\"\n\
             \"10\",\"3.5\",\"3.5\",\"3.5\",\"\",\"\",\"\"\n\
             \"20\",\"3.25\",\"3.25\",\"3.25\",\"x\",\"3\",\"3\"\n",
        );
        assert_eq!(
            table.names().collect::<Vec<_>>(),
            ["run", "step", "loss", "loss__MIN", "loss__MAX"]
        );
        assert_eq!(table.text("run").unwrap(), ["a - b", "a - b", "c"]);
        assert_eq!(table.text("step").unwrap(), ["10", "20", "20"]);
        assert_eq!(table.text("loss").unwrap(), ["3.5", "3.25", "x"]);
        let shown = table.numbers("loss").unwrap_err().to_string();
        assert!(shown.contains("export.csv:3:28"), "{shown}");
        // Two runs share a line, and are no duplicates of each other.
        assert_ne!(table.row_text(1), table.row_text(2));
    }

    #[test]
    fn the_table_of_runs_is_called_as_the_house_calls_it() {
        let table =
            table("Name,State,Runtime,params,loss\na,finished,10,1e6,3\nb,crashed,5,1e6,4\n");
        assert_eq!(table.text("run").unwrap(), ["a", "b"]);
        assert_eq!(table.text("status").unwrap(), ["done", "crashed"]);
        assert!(!table.has("Name"));
    }

    #[test]
    fn other_tables_with_such_names_stay_as_they_are() {
        let table = table("step,a - b\n1,2\n");
        assert_eq!(table.names().collect::<Vec<_>>(), ["step", "a - b"]);
        let other = RunTable::from_bytes("x", b"Name,State,loss\na,Ohio,1\n").unwrap();
        assert!(other.has("State"));
    }
}
