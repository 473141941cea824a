//! The truth laid on the fan: a scenario that starts in the past, against what came.
//!
//! A data series with `output = "name"` holds observations of that output. Every observation
//! within the time axis is placed in the draws of the path at its date.

use diagnostic::Diagnostic;
use draws::Level;

use crate::backtest::{self, Forecaster};
use crate::data::Point;
use crate::model::Model;
use crate::run::{Column, OutputRun, Run};
use crate::scenario::Scenario;
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
    /// Whether it was scored in natural logarithms, as it is where all is above zero; in the unit
    /// of the output otherwise.
    pub in_logs: bool,
    /// The continuous ranked probability score; lower is better.
    pub crps: f64,
    /// The score of the interval; lower is better.
    pub interval_score: f64,
}

/// How a naive forecaster did on the same observations, knowing those up to the first time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Naive {
    /// Who.
    pub forecaster: Forecaster,
    /// Mean CRPS in natural logarithms; lower is better.
    pub crps: f64,
    /// Mean interval score in natural logarithms; lower is better.
    pub interval_score: f64,
    /// The share of truths inside its intervals.
    pub coverage: f64,
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
    /// The last slope carried on and a random walk with drift; empty where too few observations
    /// came before the first time, or where something is not above zero.
    pub naive: Vec<Naive>,
}

impl Hindcast {
    /// The share of truths inside their intervals.
    pub fn coverage(&self) -> f64 {
        let inside =
            |truth: &Truth| truth.interval.0 <= truth.value && truth.value <= truth.interval.1;
        score::coverage(&self.truths.iter().map(inside).collect::<Vec<bool>>())
    }

    /// Counts of the truths' places in what was forecast, in ten equal bins.
    pub fn pit(&self) -> [usize; 10] {
        score::tenths(self.truths.iter().map(|truth| truth.pit))
    }

    /// The mean CRPS over all observations.
    pub fn crps(&self) -> f64 {
        self.truths.iter().map(|truth| truth.crps).sum::<f64>() / self.truths.len() as f64
    }

    /// The mean interval score over all observations.
    pub fn interval_score(&self) -> f64 {
        self.truths.iter().map(|truth| truth.interval_score).sum::<f64>() / self.truths.len() as f64
    }
}

impl Scenario {
    /// This scenario as it could have been run at `year` (decimal): its time axis begins there and
    /// its trends know no later observation. Inputs that are not fitted stay as they are.
    ///
    /// # Errors
    /// A scenario without a time axis.
    pub fn as_of(&self, year: f64) -> Result<Self, Diagnostic> {
        let mut past = self.clone();
        let Some(time) = &mut past.time else {
            return Err(Diagnostic::error("a scenario without a time axis has no earlier date")
                .help("give it `from` and `to` in `[scenario]`"));
        };
        time.from = time.from.restated(format!("{year}"));
        for trend in &mut past.trends {
            trend.known_until = Some(year);
            trend.fitted = crate::trend_input::Fitted::default();
        }
        Ok(past)
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
                let truths: Vec<Truth> = data
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
                    naive: naive(&data.points, times, &truths, level, run.settings.seed),
                    truths,
                });
            }
        }
        Ok(found)
    }
}

/// The naive forecasters on the observations `truths` of a path, from those before its first time.
fn naive(points: &[Point], times: &[f64], truths: &[Truth], level: Level, seed: u64) -> Vec<Naive> {
    let known: Vec<Point> = points.iter().copied().filter(|point| point.date <= times[0]).collect();
    let positive = known.iter().all(|point| point.value > 0.0);
    if truths.is_empty() || !positive || !truths.iter().all(|truth| truth.in_logs) {
        return Vec::new();
    }
    let dates: Vec<f64> = truths.iter().map(|truth| truth.date).collect();
    let count = truths.len() as f64;
    [Forecaster::LastSlope, Forecaster::Drift]
        .into_iter()
        .filter_map(|forecaster| {
            let samples = backtest::predict(forecaster, &known, &dates, seed);
            if samples
                .iter()
                .any(|sample| sample.iter().any(|x| !x.is_finite()) || sample.is_empty())
            {
                return None;
            }
            let (mut crps, mut interval_score, mut inside) = (0.0, 0.0, Vec::new());
            for (truth, sample) in truths.iter().zip(&samples) {
                let value = truth.value.ln();
                let ends = draws::select::quantiles(sample, &[level.lower(), level.upper()]);
                crps += score::crps(sample, value) / count;
                interval_score +=
                    score::interval_score(ends[0], ends[1], level.share(), value) / count;
                inside.push(ends[0] <= value && value <= ends[1]);
            }
            let coverage = score::coverage(&inside);
            Some(Naive { forecaster, crps, interval_score, coverage })
        })
        .collect()
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
    let in_logs = value > 0.0 && sample.iter().all(|x| *x > 0.0);
    let place = |x: f64| if in_logs { x.ln() } else { x };
    let (low, high, truth) = (place(found[0]), place(found[2]), place(value));
    let crps = if in_logs {
        score::crps(&sample.iter().map(|x| x.ln()).collect::<Vec<f64>>(), truth)
    } else {
        score::crps(sample, truth)
    };
    Truth {
        date,
        value,
        interval: (found[0], found[2]),
        median: found[1],
        pit: score::pit(sample, value),
        in_logs,
        crps,
        interval_score: score::interval_score(low, high, level.share(), truth),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Forecaster, Model, Scenario};

    /// Seven years that double and wobble; the growth is fitted to them.
    const DOUBLING: &str = r#"
        [scenario]
        from = 2024
        to = 2026
        samples = 4096
        [data.seen]
        output = "level"
        points = [["2017", 1], ["2018", 2.3], ["2019", 3.7], ["2020", 8.4], ["2021", 15],
                  ["2022", 33], ["2023", 66]]
        [trend.past]
        data = "seen"
        [inputs]
        growth = { trend = "past.growth" }
        [outputs]
        level = "8.2 * exp(growth * (t - 2020))"
    "#;

    #[test]
    fn a_scenario_run_from_an_earlier_date_knows_nothing_later_and_is_set_against_naive_forecasts()
    {
        let scenario = Scenario::from_toml("x.toml", DOUBLING).unwrap();
        let now = Model::new(&scenario).unwrap();
        let whole = now.hindcasts(&now.run().unwrap(), draws::Level::P90).unwrap();
        assert!(whole[0].truths.is_empty() && whole[0].naive.is_empty());

        let past = Model::new(&scenario.as_of(2020.0).unwrap()).unwrap();
        let run = past.run().unwrap();
        let found = &past.hindcasts(&run, draws::Level::P90).unwrap()[0];
        let dates: Vec<f64> = found.truths.iter().map(|truth| truth.date).collect();
        assert_eq!(dates, [2021.0, 2022.0, 2023.0]);
        let who: Vec<Forecaster> = found.naive.iter().map(|naive| naive.forecaster).collect();
        assert_eq!(who, [Forecaster::LastSlope, Forecaster::Drift]);
        assert!(found.naive.iter().all(|naive| naive.crps > 0.0 && naive.interval_score > 0.0));
        assert!(found.crps() > 0.0 && found.crps() < 0.3, "{}", found.crps());

        // Other observations after the date change nothing that was forecast from it.
        let other = DOUBLING.replace("[\"2023\", 66]", "[\"2023\", 6600]");
        let other = Scenario::from_toml("x.toml", &other).unwrap();
        let other = Model::new(&other.as_of(2020.0).unwrap()).unwrap();
        let level = |run: &crate::Run| run.cases[0].outputs[0].quantiles(6, &[0.5]).unwrap();
        assert_eq!(level(&run), level(&other.run().unwrap()));
    }

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
