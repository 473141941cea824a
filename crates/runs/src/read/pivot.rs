//! One row per run and step, from values that come one by one.

use std::collections::HashMap;
use std::ops::Range;

use diagnostic::Diagnostic;

use crate::builder::Builder;
use crate::table::Cell;

/// Gathers the values of one run into rows, by step.
pub(super) struct Pivot {
    run: Cell,
    run_column: usize,
    step_column: usize,
    first: usize,
    by_step: HashMap<i64, usize>,
}

impl Pivot {
    /// Begins a run, whose rows come next in the table.
    pub(super) fn new(builder: &mut Builder, run: &str) -> Result<Self, Diagnostic> {
        Ok(Self {
            run_column: builder.column("run")?,
            step_column: builder.column("step")?,
            run: builder.made(run)?,
            first: builder.rows(),
            by_step: HashMap::new(),
        })
    }

    /// Adds a value. A second value of one name at one step, as a restarted run logs it, begins a
    /// row of its own. `place` is the row's number if it is new.
    pub(super) fn add(
        &mut self,
        builder: &mut Builder,
        step: i64,
        place: u64,
        name: &str,
        value: f64,
    ) -> Result<usize, Diagnostic> {
        // A metric of one of these names is not the run or the step it was logged at.
        let column = match name {
            "run" | "step" => builder.column(&format!("metric.{name}"))?,
            _ => builder.column(name)?,
        };
        let known = self.by_step.get(&step).copied();
        let row = if let Some(row) = known.filter(|&row| !builder.is_set(row, column)) {
            row
        } else {
            let row = builder.row(place, 0)?;
            builder.set(row, self.run_column, self.run)?;
            let cell = builder.made(&step.to_string())?;
            builder.set(row, self.step_column, cell)?;
            self.by_step.insert(step, row);
            row
        };
        let cell = builder.number(value)?;
        builder.set(row, column, cell)?;
        Ok(row)
    }

    /// The rows made so far.
    pub(super) fn rows(&self, builder: &Builder) -> Range<usize> {
        self.first..builder.rows()
    }
}
