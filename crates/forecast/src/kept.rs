//! The draws of a run as columns that other programs, and later questions, read.

use diagnostic::Diagnostic;
use draws::Draws;
use formula::{Form, Nature, ValueType};

use crate::model::Model;
use crate::run::Run;

const YEAR: f64 = 31_557_600.0;

impl Model {
    /// All draws of a run by name, each column with its unit: inputs, and for each case the outputs
    /// that have a number for each draw. Row `i` of every column is the same imagined world.
    ///
    /// An output over time has a column `output@2030` for each time; after the name comes
    /// ` where ` and the case, if there are choices; an output that has the name of an input is
    /// `output NAME`. Dates are decimal years, infinite for `never`; growth is a factor a year.
    ///
    /// ```
    /// use forecast::{Model, Scenario};
    ///
    /// let text = "[inputs]\npower = \"8 GW to 12 GW\"\n[outputs]\nhalf = { expr = \"power / 2\", in = \"GW\" }";
    /// let model = Model::new(&Scenario::from_toml("x.toml", text)?)?;
    /// let kept = model.kept(&model.run()?)?;
    /// assert_eq!((kept.unit("power")?, kept.unit("half")?), ("GW", "GW"));
    /// assert!((kept.column("power")?[7] / 2.0 - kept.column("half")?[7]).abs() < 1e-9);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// More than fits in memory.
    pub fn kept(&self, run: &Run) -> Result<Draws, Diagnostic> {
        let mut kept = Draws::new(run.inputs.design())
            .with_seed(run.settings.seed)
            .with_source(self.scenario.origin.clone());
        for name in run.inputs.names() {
            let values = run.inputs.column(name)?;
            let (values, unit) = match self.input_value(name) {
                Some(value) => readable(&value, 1.0, values),
                None => (values.to_vec(), String::new()),
            };
            kept.push_in(name, unit, values)?;
        }
        for case in &run.cases {
            let outputs = case.draws(run.settings)?;
            for name in outputs.names() {
                let mut column = match case.label.as_str() {
                    "" => name.clone(),
                    label => format!("{name} where {label}"),
                };
                if kept.names().contains(&column) {
                    column = format!("output {column}");
                }
                let plain = name.split_once('@').map_or(name.as_str(), |(plain, _)| plain);
                let Some(output) = case.output(plain) else { continue };
                let given = output.value.unit().map_or(1.0, formula::Unit::factor);
                let (values, unit) = readable(&output.value, given, outputs.column(name)?);
                kept.push_in(column, unit, values)?;
            }
        }
        Ok(kept)
    }

    /// How the draws of an input are to be read.
    fn input_value(&self, column: &str) -> Option<ValueType> {
        self.cases.iter().find_map(|case| {
            let own = case.uncertain.iter().find(|one| case.column(&one.name) == column);
            let of_trend = || case.checked.value_type(column).ok();
            own.map(|one| one.value.clone()).or_else(of_trend)
        })
    }
}

/// Numbers as they are read elsewhere, and their unit; `given` base units make one of the numbers.
fn readable(value: &ValueType, given: f64, numbers: &[f64]) -> (Vec<f64>, String) {
    let of = |read: &dyn Fn(f64) -> f64| numbers.iter().map(|x| read(x * given)).collect();
    let unit = value.unit().or(value.readable_unit());
    match (value.form(), value.nature(), unit) {
        (Form::Instant, ..) => (of(&|x| x / YEAR), "decimal year".to_owned()),
        (_, Nature::Growth, _) if value.unit().is_none() => {
            (of(&|x| (x * YEAR).exp()), "x/yr".to_owned())
        }
        (.., Some(unit)) => (of(&|x| x / unit.factor()), unit.to_string()),
        (.., None) => (of(&|x| x), String::new()),
    }
}
