//! A tornado as a formula over inputs that swing one by one, for pages that compute anew.

use diagnostic::Diagnostic;
use formula::{Compiled, Environment};

use super::{Live, LiveInput, readable};
use crate::model::{Extra, program};
use crate::sensitivity::Sensitivity;
use crate::written::Written;

/// The name of what is asked in the program.
const SWUNG: &str = "swung";

/// What a tornado is of, as a function of inputs that swing.
#[derive(Debug, Clone)]
pub struct LiveSwings {
    /// The value, in its readable unit, as a function of the inputs.
    pub compiled: Compiled,
    /// The program's name for the value.
    pub shown: String,
    /// One an input, in the order of the tornado's bars; numbers in the inputs' readable units.
    pub swung: Vec<LiveSwing>,
    /// Inputs of the program that do not swing, each with its number.
    pub held: Vec<(String, f64)>,
    /// Program's names of inputs that can be set and that this does not follow: formulas of several
    /// uncertain numbers, each of which has a bar of its own.
    pub deaf: Vec<String>,
}

/// Where one input stands.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSwing {
    /// The program's name for it.
    pub leaf: String,
    /// Its lower end.
    pub low: f64,
    /// Its median.
    pub middle: f64,
    /// Its upper end.
    pub high: f64,
}

impl Live {
    /// What a tornado of this case computes; `None` without one.
    ///
    /// ```
    /// use draws::Level;
    /// use forecast::{Model, Settings, catalogue};
    ///
    /// let mut gap = catalogue::find("gap")?;
    /// gap.sensitivity[0].sobol = false;
    /// let found = &Model::new(&gap)?.sensitivities(Level::P90, 1)?[0];
    /// let live = &gap.live("gap", Settings { samples: 16, seed: 7 })?[0];
    /// let swings = live.swings(found)?.unwrap();
    /// assert_eq!(swings.swung.len(), found.tornado.as_ref().unwrap().bars.len());
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// A formula that does not fit, as one of another scenario.
    pub fn swings(&self, found: &Sensitivity) -> Result<Option<LiveSwings>, Diagnostic> {
        let Some(tornado) = &found.tornado else { return Ok(None) };
        let mut changed = self.scenario.clone();
        let mut environment = Environment::new();
        let settable = |input: &&LiveInput| input.single;
        for known in self.inputs.iter().filter(settable) {
            let (expression, unit) = known.reading.written(&known.leaf);
            let own = changed.inputs.iter_mut().find(|input| input.name.text() == known.name);
            if let Some(input) = own {
                input.value = input.value.restated(expression);
            }
            environment = environment.input(&known.leaf, &unit);
        }
        let (expression, _) = readable(&found.of, &found.value);
        let definition = [(SWUNG.to_owned(), Written::new(&self.scenario.origin, &expression))];
        let extra = Extra { loose: &[], definitions: &definition };
        let compiled =
            program(&changed, &self.combination, &extra)?.check(&environment)?.compile(&[SWUNG])?;
        let mut swung = Vec::new();
        for bar in &tornado.bars {
            let input = self.inputs.iter().filter(settable).find(|input| input.name == bar.name);
            let column = self.columns.iter().find(|(_, column)| *column == bar.name);
            let leaf = match (input, column) {
                (Some(input), _) => &input.leaf,
                (None, Some((leaf, _))) => leaf,
                (None, None) => &bar.name,
            };
            let read = |base: f64| input.map_or(base, |input| input.reading.read(base));
            swung.push(LiveSwing {
                leaf: leaf.clone(),
                low: read(bar.low),
                middle: read(bar.middle),
                high: read(bar.high),
            });
        }
        // What has no bar is certain: the same in every draw.
        let held = self.inputs.iter().filter(settable);
        let held = held.filter(|input| swung.iter().all(|swing| swing.leaf != input.leaf));
        let held = held.filter_map(|input| Some((input.leaf.clone(), *input.draws.first()?)));
        let deaf = self.inputs.iter().filter(|input| !input.single);
        Ok(Some(LiveSwings {
            compiled,
            shown: SWUNG.to_owned(),
            held: held.collect(),
            deaf: deaf.map(|input| input.leaf.clone()).collect(),
            swung,
        }))
    }
}

#[cfg(test)]
mod tests {
    use draws::Level;
    use formula::Columns;

    use super::*;
    use crate::{Model, Scenario, Settings, catalogue};

    const SETTINGS: Settings = Settings { samples: 64, seed: 3 };

    fn tornadoes(scenario: &Scenario) -> Vec<Sensitivity> {
        let mut asked = scenario.clone();
        asked.sensitivity.iter_mut().for_each(|request| request.sobol = false);
        Model::new(&asked).unwrap().sensitivities(Level::P90, 1).unwrap()
    }

    /// The value with all inputs in the middle, and with each at its ends; some stand elsewhere.
    fn swing(swings: &LiveSwings, moved: &[(&str, f64)]) -> (f64, Vec<(f64, f64)>) {
        let rows = 1 + 2 * swings.swung.len();
        let mut table = Columns::new(rows);
        let at = |leaf: &str, middle: f64| {
            moved.iter().find(|(name, _)| *name == leaf).map_or(middle, |&(_, value)| value)
        };
        for (place, one) in swings.swung.iter().enumerate() {
            let mut column = vec![at(&one.leaf, one.middle); rows];
            (column[1 + 2 * place], column[2 + 2 * place]) = (one.low, one.high);
            table.set(&one.leaf, column);
        }
        for (leaf, value) in &swings.held {
            table.set(leaf, vec![at(leaf, *value); rows]);
        }
        let found = swings.compiled.evaluate(&table).unwrap();
        let found = found.get(&swings.shown).unwrap();
        (found[0], (1..rows).step_by(2).map(|row| (found[row], found[row + 1])).collect())
    }

    /// In the unit that people read, as the value's type says.
    fn read(found: &Sensitivity, base: f64) -> f64 {
        use formula::{Form, Nature};
        let value = &found.value;
        match (value.form(), value.nature(), value.unit(), value.readable_unit()) {
            (Form::Instant, ..) => base / super::super::YEAR,
            (_, Nature::Growth, None, _) => (base * super::super::YEAR).exp(),
            (_, _, None, Some(unit)) => base / unit.factor(),
            _ => base,
        }
    }

    fn close(found: f64, expected: f64) -> bool {
        found == expected
            || (found.is_nan() && expected.is_nan())
            || (found - expected).abs() <= 1e-7 * expected.abs().max(1e-6)
    }

    #[test]
    fn bars_at_rest_are_those_of_the_tornado() {
        let mut seen = 0;
        for scenario in catalogue::names().map(|name| catalogue::find(name).unwrap()) {
            let cases = scenario.live("s", SETTINGS).unwrap();
            for found in tornadoes(&scenario) {
                let case = cases.iter().find(|case| case.label == found.label).unwrap_or(&cases[0]);
                let swings = case.swings(&found).unwrap();
                let (Some(swings), Some(tornado)) = (swings, &found.tornado) else { continue };
                let (base, ends) = swing(&swings, &[]);
                let about = format!("{} {}", scenario.title, found.of);
                let expected = read(&found, tornado.baseline);
                assert!(close(base, expected), "{about}: {base} {expected}");
                for ((low, high), bar) in ends.iter().zip(&tornado.bars) {
                    let expected = (read(&found, bar.at_low), read(&found, bar.at_high));
                    assert!(
                        close(*low, expected.0) && close(*high, expected.1),
                        "{about}, {}: {low} {high} {expected:?}",
                        bar.name
                    );
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "{seen}");
    }

    #[test]
    fn with_an_input_moved_the_other_bars_are_those_of_the_scenario_with_that_input() {
        for (name, set, leaf, value) in [
            ("gap", "fast=15x/yr", "s_fast", 15.0),
            ("marginal-gw", "load=0.6", "s_load", 0.6),
            ("marginal-gw", "capex=40 bn USD/GW", "s_capex", 40e9),
        ] {
            let scenario = catalogue::find(name).unwrap();
            let mut other = scenario.clone();
            other.set(set).unwrap();
            let cases = scenario.live("s", SETTINGS).unwrap();
            for (found, expected) in tornadoes(&scenario).iter().zip(tornadoes(&other)) {
                let case = cases.iter().find(|case| case.label == found.label).unwrap_or(&cases[0]);
                let swings = case.swings(found).unwrap().unwrap();
                let (base, ends) = swing(&swings, &[(leaf, value)]);
                let tornado = expected.tornado.as_ref().unwrap();
                assert!(close(base, read(&expected, tornado.baseline)), "{set}: {base}");
                let bars = found.tornado.as_ref().unwrap().bars.iter();
                let mut compared = 0;
                for (bar, (low, high)) in bars.zip(ends) {
                    let Some(there) = tornado.bars.iter().find(|one| one.name == bar.name) else {
                        continue;
                    };
                    let (at_low, at_high) =
                        (read(&expected, there.at_low), read(&expected, there.at_high));
                    assert!(close(low, at_low), "{set}, {}: {low} {at_low}", bar.name);
                    assert!(close(high, at_high), "{set}, {}: {high} {at_high}", bar.name);
                    compared += 1;
                }
                assert!(compared >= 3, "{set}: {compared}");
            }
        }
    }
}
