//! Everything that was asked of a fit, computed.

use diagnostic::Diagnostic;
use formula::{Environment, Program, Source};
use laws::{
    Allocation, Fit, FitError, Interval, Judgement, Law, Optimum, Prediction, Profile, Rival,
    Setting, Sharing, optimal,
};
use runs::{Flop, Observations};

use super::asked::Asked;
use super::choices::Choices;
use super::holdout::Holdout;
use super::words::{two_digits, unit_in_words};

/// A fit with everything that was asked of it.
pub(super) struct Answer<'a> {
    pub(super) fit: &'a Fit,
    pub(super) observations: &'a Observations,
    /// Whether the law was typed, so that it has no name.
    pub(super) typed: bool,
    pub(super) derived: Vec<DerivedNumber>,
    pub(super) frontier: Frontier,
    pub(super) predictions: Vec<Prediction>,
    pub(super) holdout: Option<Holdout>,
    /// Whether groups share what they were made to share.
    pub(super) sharing: Option<Sharing>,
    /// The fit under other choices.
    pub(super) choices: Option<Choices>,
    /// Published constants held against these rows.
    pub(super) rivals: Vec<Rival>,
    /// Profile likelihood intervals, where asked for.
    pub(super) profiles: Vec<Profile>,
}

/// A number that follows from the parameters alone.
pub(super) struct DerivedNumber {
    pub(super) name: String,
    pub(super) group: Option<String>,
    pub(super) meaning: String,
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
}

/// The compute-optimal runs.
pub(super) enum Frontier {
    /// The law does not take N and D.
    NotOfThisLaw,
    /// It also takes these variables, which the runs do not hold at one value.
    Lacks(Vec<String>),
    /// Budgets with their best runs; empty where more of N or D never helps.
    Of { given: Setting, optima: Vec<Optimum> },
}

impl<'a> Answer<'a> {
    /// Computes what was asked.
    ///
    /// # Errors
    /// A variable without a value.
    pub(super) fn new(
        fit: &'a Fit,
        observations: &'a Observations,
        holdout: Option<Holdout>,
        asked: &Asked,
        typed: bool,
    ) -> Result<Self, FitError> {
        let (level, seed) = (fit.options.level, fit.options.seed);
        let frontier = frontier(fit, observations, asked)?;
        let mut settings = asked.settings.clone();
        let mut seen: Vec<f64> = Vec::new();
        for &budget in &asked.budgets {
            if seen.contains(&budget.get()) {
                continue;
            }
            seen.push(budget.get());
            let Frontier::Of { given, .. } = &frontier else {
                if let Frontier::Lacks(names) = &frontier {
                    return Err(FitError::NotGiven { name: names.join(", ") });
                }
                continue;
            };
            let groups = fit.groups().into_iter();
            let best = groups.filter_map(|group| best_of(fit, group.as_deref(), budget, given));
            // Groups with laws of their own have optima of their own.
            settings.extend(best.map(|best| {
                given.clone().with("N", best.parameters.get()).with("D", best.tokens.get())
            }));
        }
        let predictions: Result<Vec<Vec<Prediction>>, FitError> =
            settings.iter().map(|setting| fit.predict(setting, level, seed)).collect();
        Ok(Self {
            fit,
            observations,
            typed,
            derived: derived(fit)?,
            frontier,
            predictions: predictions?.into_iter().flatten().collect(),
            holdout,
            sharing: None,
            choices: None,
            rivals: rivals(fit, observations)?,
            profiles: Vec::new(),
        })
    }
}

impl Answer<'_> {
    /// The interval of N* at a budget that is listed.
    pub(super) fn optimum_interval(&self, budget: Flop) -> Option<Interval> {
        let Frontier::Of { optima, .. } = &self.frontier else { return None };
        optima.iter().find(|optimum| optimum.best.compute == budget)?.parameters
    }

    /// Whether to trust the fit where it was asked to predict.
    pub(super) fn judgement(&self) -> Judgement {
        let axis = self.fit.data.axis.as_str();
        let at = |prediction: &Prediction| match axis {
            "C" => prediction.setting.compute(),
            axis => prediction.setting.get(axis),
        };
        self.fit.judge(&self.predictions.iter().filter_map(at).collect::<Vec<f64>>())
    }

    /// The unit of what the law gives, as people say it: the law's, or that of the column.
    pub(super) fn target_unit(&self) -> &str {
        target_unit(self.fit, self.observations)
    }
}

pub(super) fn target_unit<'a>(fit: &'a Fit, observations: &'a Observations) -> &'a str {
    let target = &fit.law.target;
    let column = observations.columns().iter().find(|choice| choice.name == target.name);
    match (target.unit.as_str(), column) {
        ("", Some(column)) => unit_in_words(&column.unit),
        (unit, _) => unit_in_words(unit),
    }
}

/// Searching again is too much to ask of a large table for a line beside the answer.
const MANY_ROWS: usize = 20_000;

fn rivals(fit: &Fit, observations: &Observations) -> Result<Vec<Rival>, FitError> {
    if observations.len() > MANY_ROWS || fit.groups().len() > 1 {
        return Ok(Vec::new());
    }
    fit.compare_published(observations)
}

/// The best run of a budget under the best law of a group.
pub(super) fn best_of(
    fit: &Fit,
    group: Option<&str>,
    budget: Flop,
    given: &Setting,
) -> Option<Allocation> {
    let value = |name: &str| {
        let of_group = group.and_then(|group| fit.value_of(&format!("{name}[{group}]")));
        of_group.or_else(|| fit.value_of(name))
    };
    let values: Option<Vec<f64>> = fit.law.parameter_names().into_iter().map(value).collect();
    optimal(&fit.law, &values?, budget, given).ok().flatten()
}

fn frontier(fit: &Fit, observations: &Observations, asked: &Asked) -> Result<Frontier, FitError> {
    let law = &fit.law;
    if !law.splits_compute() {
        return Ok(Frontier::NotOfThisLaw);
    }
    let mut given = Setting::new();
    let mut lacking = Vec::new();
    for variable in law.variables.iter().filter(|v| !["N", "D"].contains(&v.name.as_str())) {
        let name = variable.name.as_str();
        let column = observations.variable(name).unwrap_or_default();
        let constant = column.first().filter(|first| column.iter().all(|x| x == *first));
        match asked.given.get(name).or(constant.copied()) {
            Some(value) => given = given.with(name, value),
            None => lacking.push(name.to_owned()),
        }
    }
    if !lacking.is_empty() {
        return Ok(Frontier::Lacks(lacking));
    }
    let (low, high) = match fit.data.axis.as_str() {
        "C" => fit.data.axis_range,
        _ => return Ok(Frontier::NotOfThisLaw),
    };
    let middle = (low * high).sqrt();
    // Round budgets read better, and nothing depends on their last digits.
    let shown = [low, middle, high, high * 10.0].map(two_digits);
    let mut listed: Vec<f64> =
        shown.into_iter().chain(asked.budgets.iter().map(|c| c.get())).collect();
    listed.sort_by(f64::total_cmp);
    listed.dedup();
    let mut optima = Vec::new();
    for compute in listed {
        if asked.budgets.contains(&Flop(compute)) || compute > 6.0 {
            optima.extend(fit.optimum(Flop(compute), &given, fit.options.level)?);
        }
    }
    Ok(Frontier::Of { given, optima })
}

/// What the law derives from its parameters alone, for every group.
fn derived(fit: &Fit) -> Result<Vec<DerivedNumber>, Diagnostic> {
    let law = &fit.law;
    let names = of_parameters_alone(law)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut program = Program::parse(&law.name, &law.formula)?;
    for derived in &law.derived {
        let source = Source::new(law.name.as_str(), derived.expression.as_str());
        program.define(&derived.quantity.name, source)?;
    }
    let mut environment = Environment::new();
    for quantity in law.variables.iter().chain(&law.given) {
        environment = environment.data(&quantity.name, "");
    }
    for parameter in &law.parameters {
        environment = environment.input(&parameter.name, "");
    }
    let compiled = program.check(&environment)?.compile(&names)?;
    let mut numbers = Vec::new();
    for group in fit.groups() {
        let out = compiled.evaluate(&fit.best_and_draws(group.as_deref()))?;
        for derived in &law.derived {
            let name = &derived.quantity.name;
            let Some([value, draws @ ..]) = out.get(name) else { continue };
            if !value.is_finite() {
                continue;
            }
            let draws: Vec<f64> = draws.iter().copied().filter(|x| x.is_finite()).collect();
            numbers.push(DerivedNumber {
                name: group.as_ref().map_or(name.clone(), |group| format!("{name}[{group}]")),
                group: group.clone(),
                meaning: derived.quantity.meaning.clone(),
                value: *value,
                interval: Interval::of(draws, fit.options.level),
            });
        }
    }
    Ok(numbers)
}

fn of_parameters_alone(law: &Law) -> Result<Vec<&str>, Diagnostic> {
    let mut names = Vec::new();
    for derived in &law.derived {
        let name = derived.quantity.name.as_str();
        let needs = law.checked().depends_on(name)?;
        let other = |needed: &String| {
            law.variables.iter().chain(&law.given).any(|quantity| quantity.name == *needed)
        };
        if !needs.iter().any(other) {
            names.push(name);
        }
    }
    Ok(names)
}
