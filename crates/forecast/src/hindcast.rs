//! The truth laid on the fan: a scenario that starts in the past, against what came.
//!
//! A data series with `output = "name"` holds observations of that output. Every observation
//! within the time axis is placed in the draws of the path at its date.

use diagnostic::Diagnostic;
use draws::Level;

use crate::model::Model;
use crate::run::{Column, OutputRun, Run};
use crate::score;

/// One observation on the fan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// When, in decimal years.
    pub date: f64,
    /// What came, in the unit of the output.
    pub value: f64,
    /// The interval that was forecast.
    pub interval: (f64, f64),
    /// The median that was forecast.
    pub median: f64,
    /// Where the truth lay in the draws, from 0 to 1.
    pub pit: f64,
    /// The score of the forecast, in natural logarithms where all is above zero, else in the unit.
    pub crps: f64,
}

/// An output against its observations.
#[derive(Debug, Clone, PartialEq)]
pub struct Hindcast {
    /// The data series.
    pub data: String,
    /// The output.
    pub output: String,
    /// `capability holds, locality fails`; empty without choices.
    pub label: String,
    /// The level of the intervals.
    pub level: Level,
    /// The observations after the first time, in the order of their dates. (At the first time
    /// nothing is forecast.)
    pub truths: Vec<Truth>,
}

impl Hindcast {
    /// The share of truths inside their intervals.
    pub fn coverage(&self) -> f64 {
        let inside =
            |truth: &Truth| truth.interval.0 <= truth.value && truth.value <= truth.interval.1;
        score::coverage(&self.truths.iter().map(inside).collect::<Vec<bool>>())
    }
}

impl Model {
    /// Every output with observations, in every case, against them.
    ///
    /// ```
    /// use forecast::{Model, Scenario};
    ///
    /// let scenario = Scenario::from_toml("x.toml", r#"
    ///     [scenario]
    ///     from = 2020
    ///     to = 2024
    ///     samples = 10_000
    ///     [data.seen]
    ///     unit = "GW"
    ///     output = "power"
    ///     points = [["2021-07-02", 1.5], ["2023", 9.0], ["2030", 99.0]]
    ///     [inputs]
    ///     growth = "1.2x/yr to 1.5x/yr"
    ///     [outputs]
    ///     power = { expr = "1 GW * exp(growth * (t - from))", in = "GW" }
    /// "#)?;
    /// let model = Model::new(&scenario)?;
    /// let found = &model.hindcasts(&model.run()?, draws::Level::P90)?[0];
    /// assert_eq!(found.truths.len(), 2);
    /// assert_eq!(found.coverage(), 0.5);
    /// assert_eq!(found.truths[1].pit, 1.0);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Data of an output that there is not, or that is no path, or in another unit than the
    /// output is shown in.
    pub fn hindcasts(&self, run: &Run, level: Level) -> Result<Vec<Hindcast>, Diagnostic> {
        let mut found = Vec::new();
        for data in &self.scenario.data {
            let Some(name) = &data.output else { continue };
            let Some(asked) = self.scenario.outputs.iter().find(|output| output.name == *name)
            else {
                return Err(name.unknown("output", self.scenario.output_names()));
            };
            let shown = asked.unit.as_ref().map_or("", crate::written::Written::text);
            if shown != data.unit {
                return Err(name
                    .error(
                        format!(
                            "the data are in `{}`, the output is shown in `{shown}`",
                            data.unit
                        ),
                        "of this output",
                    )
                    .help("give both the same unit: `unit` of the data and `in` of the output"));
            }
            for case in &run.cases {
                let Some(output) = case.output(name.text()) else { continue };
                let Some(times) = &output.times else {
                    return Err(name.error(
                        "observations are of a path",
                        "has one value, not one at each time",
                    ));
                };
                let truths = data
                    .points
                    .iter()
                    .filter_map(|point| {
                        let sample = sample(output, times, point.date)?;
                        Some(judge(point.date, point.value, &sample, level))
                    })
                    .collect();
                found.push(Hindcast {
                    data: data.name.text().to_owned(),
                    output: name.text().to_owned(),
                    label: case.label.clone(),
                    level,
                    truths,
                });
            }
        }
        Ok(found)
    }
}

/// The draws of a path at a date after its first time, on the straight line between two times
/// (of the logarithms, where both are above zero); `None` outside the axis.
fn sample(output: &OutputRun, times: &[f64], date: f64) -> Option<Vec<f64>> {
    let next = times.iter().position(|time| *time >= date)?;
    let before = next.checked_sub(1)?;
    let share = (date - times[before]) / (times[next] - times[before]);
    let values = |number: usize| match &output.columns[number] {
        Column::Drawn(values) => values.clone(),
        Column::Exact(value) => vec![*value],
        Column::OfDraws(estimate) => vec![estimate.value],
    };
    let (a, b) = (values(before), values(next));
    let rows = a.len().max(b.len());
    // What does not vary has one value for all draws.
    let at = |values: &[f64], row: usize| values[row.min(values.len() - 1)];
    let between = |a: f64, b: f64| {
        if a > 0.0 && b > 0.0 {
            (a.ln() * (1.0 - share) + b.ln() * share).exp()
        } else {
            a * (1.0 - share) + b * share
        }
    };
    Some((0..rows).map(|row| between(at(&a, row), at(&b, row))).collect())
}

fn judge(date: f64, value: f64, sample: &[f64], level: Level) -> Truth {
    let found = draws::select::quantiles(sample, &[level.lower(), 0.5, level.upper()]);
    let positive = value > 0.0 && sample.iter().all(|x| *x > 0.0);
    let crps = if positive {
        let logs: Vec<f64> = sample.iter().map(|x| x.ln()).collect();
        score::crps(&logs, value.ln())
    } else {
        score::crps(sample, value)
    };
    Truth {
        date,
        value,
        interval: (found[0], found[2]),
        median: found[1],
        pit: score::pit(sample, value),
        crps,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Model, Scenario};

    #[test]
    fn data_that_do_not_fit_their_output_are_refused() {
        for (data, outputs, expected) in [
            ("output = \"powr\"", "power = \"(t - from) / yr\"", "did you mean `power`?"),
            ("output = \"power\"\nunit = \"GW\"", "power = \"(t - from) / yr\"", "is shown in ``"),
            ("output = \"power\"", "power = \"3\"", "are of a path"),
        ] {
            let text = format!(
                "[scenario]\nfrom = 2020\nto = 2024\n[data.d]\n{data}\npoints = [[\"2021\", 1]]\n[outputs]\n{outputs}"
            );
            let scenario = Scenario::from_toml("x.toml", &text).unwrap();
            let found = Model::new(&scenario).and_then(|model| {
                let run = model.run()?;
                model.hindcasts(&run, draws::Level::P90)
            });
            let shown = found.unwrap_err().to_string();
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
