//! Which inputs an answer hangs on: tornado and Sobol indices.

use diagnostic::Diagnostic;
use draws::Level;
use draws::sensitivity::{self, Aspect, SobolIndices, SobolPlan, Tornado};
use formula::ValueType;

use crate::model::Model;
use crate::question::Question;
use crate::scenario::{Scenario, SensitivityRequest};
use crate::written::Written;

/// The sensitivity of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensitivity {
    /// Of what.
    pub of: String,
    /// `capability holds, locality fails`; empty without choices.
    pub label: String,
    /// How its numbers are to be read.
    pub value: ValueType,
    /// How the numbers of each input of the tornado are to be read, in the order of its bars.
    pub inputs: Vec<ValueType>,
    /// One bar an input, where asked for.
    pub tornado: Option<Tornado>,
    /// Shares of variance, where asked for.
    pub sobol: Option<SobolIndices>,
}

impl Model {
    /// The analyses that the scenario asks for, in each case of its choices; once, without a label,
    /// where no choice changes them.
    ///
    /// Dates, and values that are infinite somewhere, are explained by rank; all else by value.
    ///
    /// ```
    /// use forecast::{Model, catalogue};
    ///
    /// let mut scenario = catalogue::find("marginal-gw")?;
    /// scenario.sensitivity[0].sobol = false;
    /// let found = &Model::new(&scenario)?.sensitivities(draws::Level::P90, 1 << 10)?[0];
    /// // Capital cost swings the surplus of the next gigawatt most, the price of power hardly.
    /// let names: Vec<&str> =
    ///     found.tornado.as_ref().unwrap().bars.iter().map(|bar| bar.name.as_str()).collect();
    /// assert_eq!(names[0], "capex");
    /// assert!(names.iter().position(|name| *name == "price") > Some(5));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// A path, a value that summarises draws, or one that is undefined somewhere.
    pub fn sensitivities(&self, level: Level, rows: usize) -> Result<Vec<Sensitivity>, Diagnostic> {
        let mut all = Vec::new();
        for request in &self.scenario.sensitivity {
            let cases = (0..self.cases.len())
                .map(|case| of(&self.scenario, request, case, level, rows))
                .collect::<Result<Vec<_>, _>>()?;
            all.extend(merged(cases));
        }
        Ok(all)
    }

    /// The analysis of any value: an output's name or a formula, in case number `case`.
    ///
    /// # Errors
    /// As [`Model::sensitivities`]; and a formula that does not fit.
    pub fn sensitivity(
        &self,
        expression: &str,
        case: usize,
        level: Level,
        rows: usize,
    ) -> Result<Sensitivity, Diagnostic> {
        let of_what = Written::new("the question", expression);
        let request = SensitivityRequest { of: of_what, tornado: true, sobol: true };
        of(&self.scenario, &request, case, level, rows)
    }
}

/// One analysis for each case, or a single one where all are the same.
fn merged(mut cases: Vec<Sensitivity>) -> Vec<Sensitivity> {
    let same = |a: &Sensitivity, b: &Sensitivity| {
        (&a.value, &a.inputs, &a.tornado, &a.sobol) == (&b.value, &b.inputs, &b.tornado, &b.sobol)
    };
    if cases.len() > 1 && cases.iter().all(|case| same(case, &cases[0])) {
        cases.truncate(1);
        cases[0].label.clear();
    }
    cases
}

fn of(
    scenario: &Scenario,
    request: &SensitivityRequest,
    case: usize,
    level: Level,
    rows: usize,
) -> Result<Sensitivity, Diagnostic> {
    let question = Question::new(scenario, &request.of, case, &[])?;
    if !question.is_rowwise() {
        return Err(request
            .of
            .error("this is one number over all draws", "has no value in a single draw")
            .note("a probability or quantile over samples cannot be explained draw by draw")
            .help("ask for the condition itself, or for the value"));
    }
    let inputs = question.inputs()?;
    if inputs.names().is_empty() {
        return Err(request
            .of
            .error("this depends on nothing uncertain", "the same in every draw"));
    }
    let model = question.block_model(inputs.names());
    let point = |error: draws::Error| request.of.point(error.into(), "of this");
    let tornado = request
        .tornado
        .then(|| sensitivity::tornado(&inputs, &model, level).map_err(point))
        .transpose()?;
    let sobol = if request.sobol {
        let aspect = if question.is_date() { Aspect::Rank } else { Aspect::Value };
        let plan = SobolPlan { rows, level, aspect, seed: scenario.seed(), ..SobolPlan::default() };
        let found = match sensitivity::sobol_indices(&inputs, &model, &plan) {
            Err(draws::Error::Output { kind: "never", .. }) => {
                let plan = SobolPlan { aspect: Aspect::Rank, ..plan };
                sensitivity::sobol_indices(&inputs, &model, &plan)
            }
            found => found,
        };
        Some(found.map_err(point)?)
    } else {
        None
    };
    let checked = &question.case().checked;
    let value_of = |column: &str| {
        let leaf = column.split(" = ").next().unwrap_or(column);
        checked.value_type(leaf).unwrap_or_else(|_| ValueType::number())
    };
    let bars = tornado.iter().flat_map(|tornado| &tornado.bars);
    Ok(Sensitivity {
        of: request.of.text().to_owned(),
        label: question.case().label(),
        inputs: bars.map(|bar| value_of(&bar.name)).collect(),
        value: question.value.clone(),
        tornado,
        sobol,
    })
}
