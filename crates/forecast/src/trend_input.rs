//! Fitted trends as inputs of a scenario: `growth = { trend = "tokens.growth" }`.
//!
//! The input draws from the bootstrap of the trend; inputs of one trend keep their dependence.

use std::sync::{Arc, OnceLock};

use diagnostic::Diagnostic;
use draws::{Draws, Level};

use crate::backtest::{Backtest, backtest};
use crate::data::Point;
use crate::model::CaseModel;
use crate::scenario::{Input, Scenario, TrendRequest};
use crate::trend::{Shape, Trend, TrendOptions, running_top};
use crate::written::Written;

/// Seconds in a year of 365.25 days.
const YEAR: f64 = 31_557_600.0;

/// What an input may take from a trend.
const QUANTITIES: [&str; 3] = ["growth", "level", "break"];

/// A trend's draws, fitted when first needed. Not part of what the trend is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fitted(Arc<OnceLock<Arc<Draws>>>);

impl PartialEq for Fitted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Scenario {
    /// The trend called `name`, fitted to its data.
    ///
    /// # Errors
    /// A name that no trend has, data that there are not, and data that cannot be fitted.
    pub fn trend(&self, name: &str) -> Result<Trend, Diagnostic> {
        let known = self.trends.iter().map(|trend| trend.name.text());
        match self.trends.iter().find(|trend| trend.name.text() == name) {
            Some(request) => fit(self, request),
            None => Err(Written::new("the trend", name).unknown("trend", known)),
        }
    }

    /// Every trend against the naive forecasters from each origin that its data allow, with how
    /// many observations ahead were forecast at most; `None` for a trend with too few.
    ///
    /// # Errors
    /// Data and shapes that there are not.
    pub fn backtests(
        &self,
        ahead: usize,
        level: Level,
    ) -> Result<Vec<(&str, Option<Backtest>)>, Diagnostic> {
        let one = |request| {
            let (points, shape) = material(self, request)?;
            let found = backtest(&points, shape, ahead, level, self.seed());
            Ok((request.name.text(), found))
        };
        self.trends.iter().map(one).collect()
    }
}

fn fit(scenario: &Scenario, request: &TrendRequest) -> Result<Trend, Diagnostic> {
    let (points, shape) = material(scenario, request)?;
    let options = TrendOptions { shape, seed: scenario.seed(), ..TrendOptions::default() };
    Trend::fit(&points, options).map_err(|error| request.name.point(error.into(), "this trend"))
}

/// What a trend is fitted to, and its shape.
fn material(
    scenario: &Scenario,
    request: &TrendRequest,
) -> Result<(Vec<Point>, Shape), Diagnostic> {
    let named = |name: &str| scenario.data.iter().find(|data| data.name.text() == name);
    let known = || scenario.data.iter().map(|data| data.name.text());
    let data =
        named(request.data.text()).ok_or_else(|| request.data.unknown("data series", known()))?;
    let shape = match &request.shape {
        None => Shape::LogLinear,
        Some(name) => Shape::named(name.text())
            .ok_or_else(|| name.unknown("shape", Shape::ALL.map(Shape::name)))?,
    };
    let mut points = match request.top {
        Some(top) => running_top(&data.points, top),
        None => data.points.clone(),
    };
    let until = request.known_until.unwrap_or(f64::INFINITY);
    let (since, last) = request.window;
    points.retain(|point| since <= point.date && point.date <= last.min(until));
    Ok((points, shape))
}

/// The trend and the quantity that an input names.
fn asked<'a>(
    scenario: &'a Scenario,
    name: &'a Written,
) -> Result<(&'a TrendRequest, &'a str), Diagnostic> {
    let (trend, quantity) = name.text().rsplit_once('.').unwrap_or((name.text(), "growth"));
    let known = scenario.trends.iter().map(|trend| trend.name.text());
    let request = scenario
        .trends
        .iter()
        .find(|known| known.name.text() == trend)
        .ok_or_else(|| name.restated(trend).unknown("trend", known))?;
    match QUANTITIES.iter().find(|known| **known == quantity) {
        Some(quantity) => Ok((request, quantity)),
        None => Err(name.restated(quantity).unknown("quantity of a trend", QUANTITIES)),
    }
}

/// Whether the shape asked for is the one without a break; an unknown one is found out later.
fn has_no_break(request: &TrendRequest) -> bool {
    request.shape.as_ref().is_none_or(|shape| shape.text() == Shape::LogLinear.name())
}

/// Gives every input from a trend a distribution of the right dimension, so that formulas can be
/// checked; its draws come from [`joint`].
pub(crate) fn stand_in(scenario: &mut Scenario) -> Result<(), Diagnostic> {
    let mut values = Vec::new();
    for (number, Input { trend, .. }) in scenario.inputs.iter().enumerate() {
        let Some(name) = trend else { continue };
        let (request, quantity) = asked(scenario, name)?;
        let unit = scenario.data.iter().find(|data| data.name == request.data);
        let unit = unit.map_or("", |data| data.unit.as_str());
        let text = match quantity {
            "growth" => "data(2x/yr)".to_owned(),
            "break" if has_no_break(request) => {
                return Err(name
                    .error("this trend has no break", "of a log-linear trend")
                    .help("take a `kink`, a `jump`, or its `growth`"));
            }
            "break" => "data(2020-01-01)".to_owned(),
            _ => format!("data(1 {unit})"),
        };
        values.push((number, name.restated(text)));
    }
    for (number, value) in values {
        scenario.inputs[number].value = value;
    }
    Ok(())
}

/// The draws of every trend that inputs are taken from: one column for each such input, in base
/// units.
pub(crate) fn joint(
    scenario: &Scenario,
    case: &CaseModel,
) -> Result<Vec<(String, Arc<Draws>)>, Diagnostic> {
    let mut sets: Vec<(String, Draws)> = Vec::new();
    for input in &scenario.inputs {
        let Some(name) = &input.trend else { continue };
        let (request, quantity) = asked(scenario, name)?;
        let fitted = if let Some(fitted) = request.fitted.0.get() {
            Arc::clone(fitted)
        } else {
            let fitted = Arc::new(fit(scenario, request)?.draws()?);
            Arc::clone(request.fitted.0.get_or_init(|| fitted))
        };
        let own = input.name.text();
        let factor = match quantity {
            "growth" => 1.0 / YEAR,
            "break" => YEAR,
            // The stand-in is one of the data's unit.
            _ => case
                .uncertain
                .iter()
                .find(|uncertain| uncertain.name == own)
                .map_or(1.0, |uncertain| uncertain.dist.median()),
        };
        let column = fitted.column(quantity)?.iter().map(|value| value * factor).collect();
        let set = request.name.text();
        let known = sets.iter().position(|(known, _)| known == set);
        let place = known.unwrap_or(sets.len());
        if known.is_none() {
            sets.push((set.to_owned(), Draws::new(fitted.design())));
        }
        sets[place].1.push(own, column)?;
    }
    Ok(sets.into_iter().map(|(name, draws)| (name, Arc::new(draws))).collect())
}

#[cfg(test)]
mod tests {
    use crate::{Model, Scenario, Statistic};

    const TEXT: &str = r#"
        [scenario]
        samples = 20_000
        [data.tokens]
        unit = "token/day"
        points = [["2020", 1e9], ["2021", 2.2e9], ["2022", 3.9e9], ["2023", 8.3e9], ["2024", 1.6e10]]
        [trend.fit]
        data = "tokens"
        [inputs]
        growth = { trend = "fit.growth" }
        level = { trend = "fit.level" }
        [outputs]
        year = { expr = "exp(growth * 1 yr)" }
        in_2026 = { expr = "level * exp(growth * 2 yr)", in = "token/day" }
        [sensitivity]
        of = ["in_2026"]
    "#;

    #[test]
    fn a_fitted_trend_is_an_input_with_its_dependence() {
        let scenario = Scenario::from_toml("x.toml", TEXT).unwrap();
        let model = Model::new(&scenario).unwrap();
        let run = model.run().unwrap();
        let case = &run.cases[0];
        let median = |name: &str| case.output(name).unwrap().quantiles(0, &[0.5]).unwrap()[0].value;
        assert!((median("year") - 2.0).abs() < 0.1, "{}", median("year"));
        assert!((median("in_2026") / 6.4e10 - 1.0).abs() < 0.1, "{}", median("in_2026"));
        // Both are found as one group, since the trend ties them together.
        let found = &model.sensitivities(draws::Level::P90, 1 << 8).unwrap()[0];
        assert_eq!(found.sobol.as_ref().unwrap().indices.len(), 1);
        let found =
            scenario.break_even("in_2026", Statistic::Median, "1e11 token/day", "growth", 0);
        let found = found.unwrap();
        assert!(found.needed.unwrap() > found.median);
    }

    #[test]
    fn a_fit_may_be_written_where_it_is_used() {
        let text = TEXT
            .replace("[trend.fit]\n        data = \"tokens\"\n", "")
            .replace("{ trend = \"fit.growth\" }", "\"fit(tokens)\"")
            .replace("{ trend = \"fit.level\" }", "\"fit(tokens).level\"");
        let model = |text: &str| {
            Scenario::from_toml("x.toml", text).and_then(|scenario| Model::new(&scenario))
        };
        let (named, written) = (model(TEXT).unwrap(), model(&text).unwrap());
        let last = |model: &Model| {
            let run = model.run().unwrap();
            run.cases[0].output("in_2026").unwrap().quantiles(0, &[0.1, 0.9]).unwrap()
        };
        // Another name is another stream of draws.
        for (a, b) in last(&named).iter().zip(last(&written)) {
            assert!((a.value / b.value - 1.0).abs() < 0.005, "{} {}", a.value, b.value);
        }
        for (change, expected) in [
            ("fit(tokns)", "did you mean `tokens`?"),
            ("fit(tokens, kinc)", "did you mean `kink`?"),
            ("fit(tokens, top x)", "not a fit"),
            ("fit(tokens", "not a fit"),
            ("fit(tokens).grwth", "did you mean `growth`?"),
        ] {
            let shown = model(&text.replace("\"fit(tokens)\"", &format!("\"{change}\"")));
            let shown = shown.unwrap_err().to_string();
            assert!(shown.contains(expected), "{shown}");
        }
    }

    #[test]
    fn a_trend_that_is_not_there_is_named() {
        for (change, expected) in [
            (("fit.growth", "fitt.growth"), "did you mean `fit`?"),
            (("fit.growth", "fit.grwth"), "did you mean `growth`?"),
            (("fit.growth", "fit.break"), "has no break"),
            (("data = \"tokens\"", "data = \"token\""), "did you mean `tokens`?"),
            (("data = \"tokens\"", "data = \"tokens\"\nshape = \"kinc\""), "did you mean `kink`?"),
            (
                ("data = \"tokens\"", "data = \"tokens\"\ntop = 1\nshape = \"x\""),
                "there is no shape",
            ),
        ] {
            let text = TEXT.replace(change.0, change.1);
            let scenario = Scenario::from_toml("x.toml", &text).unwrap();
            let shown = Model::new(&scenario).unwrap_err().to_string();
            assert!(shown.contains(expected), "{shown}");
        }
    }
}
