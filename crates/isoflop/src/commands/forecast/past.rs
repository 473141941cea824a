//! The scenario against what came: run as of an earlier year, and its trends from every origin.

use diagnostic::Diagnostic;
use draws::Level;
use forecast::{Backtest, Hindcast, Model, Run, Scenario, Settings};

use super::asked;

/// Draws behind a hindcast: it is scored against a handful of observations.
const SAMPLES: usize = 1 << 14;

/// How many observations ahead a trend is tested.
const AHEAD: usize = 3;

#[derive(Default)]
pub(super) struct Past {
    /// The scenario run from an earlier year, with the observations of its outputs.
    pub(super) hindcast: Option<Earlier>,
    /// Each trend from every origin; `None` where its data are too few.
    pub(super) trends: Vec<(String, Option<Backtest>)>,
    /// Why there is no hindcast although there are data.
    pub(super) left_out: Option<String>,
}

/// A run from an earlier year.
pub(super) struct Earlier {
    pub(super) year: f64,
    pub(super) run: Run,
    pub(super) hindcasts: Vec<Hindcast>,
    /// Inputs that are not fitted, and so know what came.
    pub(super) known_today: Vec<String>,
}

/// The past of a scenario, as far as its data reach.
pub(super) fn past(
    scenario: &Scenario,
    run: &Run,
    asked: Option<&str>,
    level: Level,
) -> Result<Past, Diagnostic> {
    let trends = scenario.backtests(AHEAD, level)?;
    let mut past = Past {
        trends: trends.into_iter().map(|(name, found)| (name.to_owned(), found)).collect(),
        ..Past::default()
    };
    if let Some(text) = asked {
        let year = asked::year("--backtest", text)?;
        let earlier = earlier(scenario, year, level)?;
        if earlier.hindcasts.iter().all(|hindcast| hindcast.truths.is_empty()) {
            let problem = if scenario.data.iter().all(|data| data.output.is_none()) {
                Diagnostic::error("this scenario has no observations of its outputs")
                    .help("name the output in its data: `[data.NAME]` with `output = \"...\"`")
            } else {
                Diagnostic::error(format!("no observation lies after {text} within the time axis"))
                    .help("give an earlier --backtest YEAR")
            };
            return Err(problem);
        }
        past.hindcast = Some(earlier);
    } else if let Some(year) = default_year(scenario, run) {
        match earlier(scenario, year, level) {
            Ok(found) if found.hindcasts.iter().any(|one| !one.truths.is_empty()) => {
                past.hindcast = Some(found);
            }
            Ok(_) => {}
            Err(problem) => past.left_out = Some(problem.message().to_owned()),
        }
    }
    Ok(past)
}

/// The first time of the scenario where observations follow it, else the year before which about
/// two thirds of the observations lie.
fn default_year(scenario: &Scenario, run: &Run) -> Option<f64> {
    let mut outputs = run.cases.iter().flat_map(|case| &case.outputs);
    let from = *outputs.find_map(|output| output.times.as_ref())?.first()?;
    let mut dates: Vec<f64> = (scenario.data.iter())
        .filter(|data| data.output.is_some())
        .flat_map(|data| data.points.iter().map(|point| point.date))
        .collect();
    dates.sort_by(f64::total_cmp);
    let last = *dates.last()?;
    if from < last {
        return Some(from);
    }
    let year = dates[(2 * dates.len() / 3).min(dates.len() - 1)].floor();
    (year < last).then_some(year)
}

fn earlier(scenario: &Scenario, year: f64, level: Level) -> Result<Earlier, Diagnostic> {
    let past = scenario.as_of(year)?;
    let model = Model::new(&past)?;
    let settings = Settings { samples: scenario.samples().min(SAMPLES), seed: scenario.seed() };
    let run = model.run_with(settings)?;
    let known_today = (past.inputs.iter())
        .filter(|input| input.trend.is_none())
        .map(|input| input.name.text().to_owned())
        .collect();
    Ok(Earlier { year, hindcasts: model.hindcasts(&run, level)?, run, known_today })
}
