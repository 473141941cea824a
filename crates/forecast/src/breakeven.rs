//! What an answer would need, and how it moves: break-even values and elasticities.

use diagnostic::Diagnostic;
use formula::{Form, ValueType};

use crate::check::walk;
use crate::question::{Question, Statistic};
use crate::run::Settings;
use crate::scenario::Scenario;
use crate::solve::nearest_crossing;
use crate::written::Written;

/// Draws behind each step of the search.
const SAMPLES: usize = 1 << 14;

/// By how much inputs are moved for a derivative.
const MOVE: f64 = 0.01;

/// The value of one input that makes an answer what is wanted, all else as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakEven {
    /// The input, which is put at one value for all draws.
    pub input: String,
    /// Its median as it is, in base units.
    pub median: f64,
    /// The value that does it, in base units; `None` where none within a factor of a million does.
    pub needed: Option<f64>,
    /// How the numbers of the input are to be read.
    pub input_value: ValueType,
    /// The answer with the input at its median.
    pub at_median: f64,
    /// What is wanted.
    pub target: f64,
    /// How the numbers of the answer are to be read.
    pub value: ValueType,
}

/// How an answer moves with one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Elasticity {
    /// The input: its draws are all multiplied by the same factor, growth in its log-rate.
    pub input: String,
    /// The change of the answer for one more per cent of the input, in base units.
    pub per_percent: f64,
    /// The change of the answer's logarithm over that of the input; `None` for answers that are
    /// dates, or not above zero.
    pub elasticity: Option<f64>,
    /// How the numbers of the answer are to be read.
    pub value: ValueType,
}

impl Scenario {
    /// The value of `input` at which the `statistic` of `expression` is `target`, in case number
    /// `case` of the choices.
    ///
    /// ```
    /// use forecast::{Scenario, Statistic};
    ///
    /// let scenario = Scenario::from_toml("x.toml", r#"
    ///     [inputs]
    ///     revenue = "6 to 20"
    ///     cost = 12
    ///     [outputs]
    ///     surplus = "revenue - cost"
    /// "#)?;
    /// let found = scenario.break_even("surplus", Statistic::Median, "0", "cost", 0)?;
    /// assert!((found.needed.unwrap() - 120_f64.sqrt()).abs() < 0.02);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Names and units that do not fit, a path, a target that is not fixed, and an input on which
    /// the answer does not depend.
    pub fn break_even(
        &self,
        expression: &str,
        statistic: Statistic,
        target: &str,
        input: &str,
        case: usize,
    ) -> Result<BreakEven, Diagnostic> {
        let asked = Written::new("the question", expression);
        let named = Written::new("the input", input);
        if self.input(input).is_none() {
            return Err(named.unknown("input", self.inputs.iter().map(|input| input.name.text())));
        }
        let wanted = target_of(self, &asked, &Written::new("the target", target), case)?;
        let question = Question::new(self, &asked, case, &[input])?;
        let column = question.case().column(input);
        if !question.columns().contains(&column) {
            return Err(asked
                .error(format!("this does not depend on `{input}`"), "the same whatever it is")
                .note("an input of several distributions cannot be put at one value either"));
        }
        let settings = Settings { samples: SAMPLES, seed: self.seed() };
        let draws = question.model.draw(settings)?;
        let median = draws::select::quantiles(draws.column(&column)?, &[0.5])[0];
        let input_value = question.case().checked.value_type(input)?;
        let mut at = |x: f64| {
            let fixed = vec![x; SAMPLES];
            let values = question.answer(&draws, settings, &[(column.as_str(), &fixed)]);
            values.map_or(f64::NAN, |values| statistic.of(&values))
        };
        let at_median = at(median);
        let needed = nearest_crossing(median, walk(&input_value, median), wanted, &mut at);
        Ok(BreakEven {
            input: input.to_owned(),
            median,
            needed,
            input_value,
            at_median,
            target: wanted,
            value: question.value.clone(),
        })
    }

    /// How the `statistic` of `expression` moves with each input, the strongest first.
    ///
    /// A central difference on common draws: each input's draws are moved by one per cent up and
    /// down.
    ///
    /// ```
    /// use forecast::{Scenario, Statistic};
    ///
    /// let scenario = Scenario::from_toml("x.toml", r#"
    ///     [inputs]
    ///     length = "1 m to 3 m"
    ///     width = "2 m"
    ///     [outputs]
    ///     volume = "length * width ^ 2"
    /// "#)?;
    /// let found = scenario.elasticities("volume", Statistic::Median, 0)?;
    /// assert_eq!(found[0].input, "width");
    /// assert!((found[0].elasticity.unwrap() - 2.0).abs() < 1e-9);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Names and units that do not fit, and a path.
    pub fn elasticities(
        &self,
        expression: &str,
        statistic: Statistic,
        case: usize,
    ) -> Result<Vec<Elasticity>, Diagnostic> {
        let asked = Written::new("the question", expression);
        let loose: Vec<&str> = self.inputs.iter().map(|input| input.name.text()).collect();
        let question = Question::new(self, &asked, case, &loose)?;
        let settings = Settings { samples: SAMPLES, seed: self.seed() };
        let draws = question.model.draw(settings)?;
        let mut found = Vec::new();
        for leaf in question.compiled.inputs() {
            let column = question.case().column(&leaf.name);
            if question.case().checked.value_type(&leaf.name)?.form() == Form::Instant {
                // One per cent of a date is twenty years: a date has no scale.
                continue;
            }
            let moved = |factor: f64| -> Result<f64, Diagnostic> {
                let values: Vec<f64> =
                    draws.column(&column)?.iter().map(|value| value * factor).collect();
                let answer = question.answer(&draws, settings, &[(column.as_str(), &values)])?;
                Ok(statistic.of(&answer))
            };
            let (up, down) = (moved(1.0 + MOVE)?, moved(1.0 - MOVE)?);
            let positive = up > 0.0 && down > 0.0 && up.is_finite() && down.is_finite();
            let logs = || (up / down).ln() / ((1.0 + MOVE) / (1.0 - MOVE)).ln();
            found.push(Elasticity {
                input: column,
                per_percent: (up - down) / 2.0,
                elasticity: (positive && !question.is_date()).then(logs),
                value: question.value.clone(),
            });
        }
        let size = |one: &Elasticity| {
            if one.per_percent.is_nan() { f64::INFINITY } else { one.per_percent.abs() }
        };
        found.sort_by(|a, b| size(b).total_cmp(&size(a)));
        Ok(found)
    }
}

/// The number that is wanted of `asked`: fixed, and of its dimension.
fn target_of(
    scenario: &Scenario,
    asked: &Written,
    target: &Written,
    case: usize,
) -> Result<f64, Diagnostic> {
    let own = Question::new(scenario, target, case, &[])?;
    let of = Question::new(scenario, asked, case, &[])?;
    if of.is_condition() {
        return Err(asked
            .error("a condition has no break-even", "true or false")
            .help("ask for its probability: `prob(...)`"));
    }
    if own.value.description() != of.value.description() && own.value.form() != of.value.form()
        || own.dimension()? != of.dimension()?
    {
        let message =
            format!("expected {}, found {}", of.value.description(), own.value.description());
        return Err(target.error(message, format!("this is {}", own.value.description())));
    }
    if !own.columns().is_empty() {
        return Err(target.error("a target is fixed", "this is uncertain"));
    }
    let settings = Settings { samples: 1, seed: 0 };
    let answer = own.answer(&draws::Draws::new(draws::Design::Plain), settings, &[])?;
    Ok(answer.first().copied().unwrap_or(f64::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap() -> Scenario {
        crate::catalogue::find("gap").unwrap()
    }

    #[test]
    fn the_growth_that_closes_half_of_the_gaps_is_found_and_does_it() {
        let question = "prob(closes <= from + 5.5 yr)";
        let found = gap().break_even(question, Statistic::Median, "50%", "fast", 0).unwrap();
        assert!(found.at_median < 0.2 && found.target == 0.5);
        let growth = found.input_value.show(found.needed.unwrap(), 6);
        let mut scenario = gap();
        scenario.set(&format!("fast={growth}")).unwrap();
        let run = crate::Model::new(&scenario).unwrap().run().unwrap();
        let found = run.cases[0].output("by_mid_2031").unwrap().quantiles(0, &[0.5]).unwrap()[0];
        assert!((found.value - 0.5).abs() < 0.01, "{growth}: {found:?}");
    }

    #[test]
    fn questions_that_make_no_sense_are_refused() {
        for (expression, target, input, expected) in [
            ("naive", "8 GW", "gap", "expected time"),
            ("naive", "gap * 1 yr", "gap", "a target is fixed"),
            ("naive", "5 yr", "gp", "did you mean `gap`?"),
            ("naive", "5 yr", "fade", "does not depend on `fade`"),
            ("remaining", "1", "gap", "not a path"),
            ("closes < 2030", "1", "gap", "a condition has no break-even"),
            ("nave", "1", "gap", "naive"),
        ] {
            let found = gap().break_even(expression, Statistic::Median, target, input, 0);
            let shown = found.unwrap_err().to_string();
            assert!(shown.contains(expected), "{expression}: {shown}");
        }
    }

    #[test]
    fn elasticities_are_exact_for_products() {
        let scenario = crate::catalogue::find("marginal-gw").unwrap();
        let found = scenario.elasticities("value", Statistic::Mean, 0).unwrap();
        let of = |name: &str| found.iter().find(|one| one.input == name).unwrap();
        assert!((of("revenue").elasticity.unwrap() - 1.0).abs() < 1e-6);
        assert!(of("drag").elasticity.unwrap() < 0.0);
        // With both bets holding, the share of training is neither here nor there.
        assert!(
            found.iter().all(|one| one.input != "training") || of("training").per_percent == 0.0
        );
    }
}
