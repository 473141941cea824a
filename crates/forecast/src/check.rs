//! Published claims: what was stated, what comes out, and what it would need to be true.

use diagnostic::Diagnostic;
use draws::Draws;
use formula::{Form, Nature, ValueType};

use crate::model::{CaseModel, Extra, Model};
use crate::run::Settings;
use crate::scenario::{Check, Scenario, plain_input};
use crate::solve::{Walk, nearest_crossing};
use crate::written::Written;

/// The value within a range that is nearest to `found`.
fn nearest(found: f64, (from, to): (f64, f64)) -> f64 {
    found.max(from.min(to)).min(from.max(to))
}

/// Names that no formula can reach.
const VALUE: &str = "claimed value";
const STATED: &str = "stated value";
const STATED_TO: &str = "stated upper end";
const WITHIN: &str = "tolerance";
const PARTLY: &str = "wider tolerance";

/// Draws behind a claim that depends on uncertain inputs.
const SAMPLES: usize = 20_000;

/// Steps of the curve that leads from what is stated to what is needed.
const CURVE: u32 = 36;

/// Seconds in a year of 365.25 days: the step by which dates and growth are moved.
const YEAR: u64 = 31_557_600;

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It comes out within the tolerance.
    Agrees,
    /// It comes out within the wider tolerance only.
    Partly,
    /// It does not come out.
    No,
    /// The numbers it was made with give no number.
    Undefined,
    /// It states no number; what comes out is for the reader to judge.
    Model,
    /// It cannot be computed: something has not been measured.
    Unverifiable,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 6] =
        [Self::Agrees, Self::Partly, Self::No, Self::Undefined, Self::Model, Self::Unverifiable];

    /// In one word, as files and the command line have it: `yes`, `partly`, `no`, `undefined`,
    /// `model`, `unverifiable`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Agrees => "yes",
            Self::Partly => "partly",
            Self::No => "no",
            Self::Undefined => "undefined",
            Self::Model => "model",
            Self::Unverifiable => "unverifiable",
        }
    }

    /// The verdict of this word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    /// Whether a check with this verdict passes: as `expected`, or where nothing is expected,
    /// neither wrong nor undefined.
    pub fn passes(self, expected: Option<Self>) -> bool {
        match expected {
            Some(expected) => self == expected,
            None => !matches!(self, Self::No | Self::Undefined),
        }
    }
}

/// A claim, recomputed.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Its name.
    pub claim: String,
    /// What it says in words.
    pub words: String,
    /// Where it was made.
    pub source: String,
    /// What is stated, from and to; the same for a single number. In base units.
    pub stated: Option<(f64, f64)>,
    /// What comes out; over draws, the median. NaN for what cannot be computed.
    pub found: f64,
    /// Whether it was computed over draws.
    pub of_draws: bool,
    /// How the numbers are to be read.
    pub value: ValueType,
    /// How it stands.
    pub verdict: Verdict,
    /// How it stood when it was written down; for a claim of several statements, the whole of it.
    pub expected: Option<Verdict>,
    /// What would make it true, one input at a time; empty where it agrees.
    pub needs: Vec<Need>,
    /// What comes out as the first input that can make it true is moved there; `None` where the
    /// claim agrees or no such input exists.
    pub curve: Option<Curve>,
    /// What to know about it.
    pub note: String,
    /// What nobody has measured; empty where it can be computed.
    pub missing: String,
}

/// What comes out of a claim over one of its inputs, all else as stated.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Which of [`Checked::needs`] it follows.
    pub need: usize,
    /// The input and what comes out, in base units, from below the one value to above the other.
    pub points: Vec<(f64, f64)>,
}

/// The value of one input that would make a claim true, all else as stated.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The input.
    pub input: String,
    /// The value it was stated with, in base units.
    pub stated: f64,
    /// The value that would make the claim true; `None` where none does, within a factor of a
    /// million.
    pub needed: Option<f64>,
    /// How its numbers are to be read.
    pub value: ValueType,
}

impl Checked {
    /// What comes out over what is stated (the nearer end of a range).
    pub fn ratio(&self) -> Option<f64> {
        self.stated.map(|stated| self.found / nearest(self.found, stated))
    }
}

/// The model of a claim, checked: the scenario with the claim's values; `None` for a claim that
/// cannot be computed.
pub(crate) fn prepared(scenario: &Scenario, check: &Check) -> Result<Option<Model>, Diagnostic> {
    let Some(expression) = &check.expression else { return Ok(None) };
    let mut scenario = scenario.clone();
    for (name, value) in &check.given {
        scenario.inputs.push(plain_input(name.clone(), value.clone()));
    }
    for (name, value) in &check.with {
        scenario.set_value(name, value)?;
    }
    let mut definitions: Vec<(String, Written)> = vec![(VALUE.to_owned(), expression.clone())];
    for (name, stated) in [(STATED, &check.stated), (STATED_TO, &check.stated_to)] {
        if let Some(stated) = stated {
            definitions.push((name.to_owned(), stated.clone()));
        }
    }
    for (name, tolerance) in [(WITHIN, Some(&check.within)), (PARTLY, check.partly.as_ref())] {
        if let Some(tolerance) = tolerance.filter(|text| !text.text().trim().ends_with('%')) {
            definitions.push((name.to_owned(), tolerance.clone()));
        }
    }
    let loose: Vec<&str> =
        check.with.iter().chain(&check.given).map(|(name, _)| name.text()).collect();
    let model = Model::with(&scenario, &Extra { loose: &loose, definitions: &definitions })?;
    let case = &model.cases[0];
    if let Some(stated) = &check.stated
        && case.checked.names().contains(&STATED)
        && case.checked.depends_on(STATED)?.iter().any(|leaf| leaf.starts_with(STATED))
    {
        return Err(stated
            .error("what is stated is a number, not a distribution", "this is drawn")
            .help("for a range write its lower end here and `to = \"...\"` beside it"));
    }
    let of = |name: &str| case.checked.dimension_of(name);
    for (name, place) in [
        (STATED, check.stated.as_ref()),
        (STATED_TO, check.stated_to.as_ref()),
        (WITHIN, Some(&check.within)),
        (PARTLY, check.partly.as_ref()),
    ] {
        let Some(place) = place.filter(|_| case.checked.names().contains(&name)) else { continue };
        if of(name)? != of(VALUE)? {
            let (value, own) = (case.checked.value_type(VALUE)?, case.checked.value_type(name)?);
            let message =
                format!("the claim is {}, not {}", value.description(), own.description());
            return Err(place
                .error(message, format!("this is {}", own.description()))
                .help("state it in the dimension of `expr`"));
        }
    }
    if case.checked.compile(&[VALUE])?.column_names().len() > 1 {
        return Err(expression
            .error("a claim is one number, not a path", "this has a value at every time")
            .help("take it at a date: `at(x, 2030)`"));
    }
    Ok(Some(model))
}

impl Scenario {
    /// Recomputes every claim that the scenario checks.
    ///
    /// ```
    /// use forecast::{Scenario, Verdict};
    ///
    /// let scenario = Scenario::from_toml("claim.toml", r#"
    ///     [inputs]
    ///     gap = "300 to 3000"
    ///     fast = "8x/yr to 40x/yr"
    ///     slow = "3.6x/yr to 5.2x/yr"
    ///     [[check]]
    ///     claim = "closes in five and a half years"
    ///     with = { gap = 1000, fast = "20x/yr", slow = "5x/yr" }
    ///     expr = "ln(gap) / (fast - slow)"
    ///     stated = "5.5 yr"
    ///     within = "5%"
    /// "#)?;
    /// let claim = &scenario.check_claims()?[0];
    /// assert_eq!(claim.verdict, Verdict::No);
    /// assert!((claim.needs[0].needed.unwrap() - 2048.0).abs() < 0.5);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// A claim whose names or units do not fit.
    pub fn check_claims(&self) -> Result<Vec<Checked>, Diagnostic> {
        self.checks.iter().map(|check| checked(self, check)).collect()
    }
}

fn checked(scenario: &Scenario, check: &Check) -> Result<Checked, Diagnostic> {
    let Some(model) = prepared(scenario, check)? else {
        return Ok(Checked {
            claim: check.claim.text().to_owned(),
            words: check.words.clone(),
            source: check.source.clone(),
            stated: None,
            found: f64::NAN,
            of_draws: false,
            value: ValueType::number(),
            verdict: Verdict::Unverifiable,
            expected: check.verdict,
            needs: Vec::new(),
            curve: None,
            note: check.note.clone(),
            missing: check.missing.clone(),
        });
    };
    let case = &model.cases[0];
    let settings = Settings { samples: SAMPLES, seed: scenario.seed() };
    let varies = |name: &str| {
        let column = case.column(name);
        model.inputs.dist(&column).is_some_and(|dist| dist.quantile(0.0) < dist.quantile(1.0))
    };
    let of_draws = case.checked.depends_on(VALUE)?.iter().any(|name| varies(name));
    let settings = if of_draws { settings } else { Settings { samples: 2, ..settings } };
    let draws = model.draw(settings)?;
    let claim = Claim { case, draws: &draws, settings };
    let number = |name: &str| {
        if case.checked.names().contains(&name) {
            claim.median(name, None).map(Some)
        } else {
            Ok(None)
        }
    };
    let found = claim.median(VALUE, None)?;
    let stated = match number(STATED)? {
        Some(from) => Some((from, number(STATED_TO)?.unwrap_or(from))),
        None => None,
    };
    let value = case.checked.value_type(VALUE)?;
    let mut checked = Checked {
        claim: check.claim.text().to_owned(),
        words: check.words.clone(),
        source: check.source.clone(),
        stated,
        found,
        of_draws,
        value,
        verdict: Verdict::Undefined,
        expected: check.verdict,
        needs: Vec::new(),
        curve: None,
        note: check.note.clone(),
        missing: String::new(),
    };
    let Some(stated) = stated else {
        if !found.is_nan() {
            checked.verdict = Verdict::Model;
        }
        return Ok(checked);
    };
    if found.is_nan() || stated.0.is_nan() || stated.1.is_nan() {
        return Ok(checked);
    }
    let nearest = nearest(found, stated);
    let tolerance = |name: &str, written: &Written| -> Result<f64, Diagnostic> {
        if let Some(amount) = number(name)? {
            return Ok(amount);
        }
        let share = crate::number::share(written.text())
            .ok_or_else(|| written.error("expected a share or an amount", "not a tolerance"))?;
        Ok(share * nearest.abs())
    };
    let off = (found - nearest).abs();
    // Rounding must not decide: 5 % of 20 is 1, and 21 is within it.
    let close = |tolerance: f64| off <= tolerance * (1.0 + 1e-9);
    checked.verdict = if close(tolerance(WITHIN, &check.within)?) {
        Verdict::Agrees
    } else if match &check.partly {
        Some(partly) => close(tolerance(PARTLY, partly)?),
        None => false,
    } {
        Verdict::Partly
    } else {
        Verdict::No
    };
    if checked.verdict != Verdict::Agrees {
        for (name, _) in check.with.iter().chain(&check.given) {
            if let Some(need) = claim.need(&model, name.text(), nearest)? {
                checked.needs.push(need);
            }
        }
        checked.curve = claim.curve(&checked.needs);
    }
    Ok(checked)
}

/// A claim over its draws.
struct Claim<'a> {
    case: &'a CaseModel,
    draws: &'a Draws,
    settings: Settings,
}

impl Claim<'_> {
    /// The median of a definition over the draws, with one input at a given value.
    fn median(&self, name: &str, set: Option<(&str, f64)>) -> Result<f64, Diagnostic> {
        let compiled = self.case.checked.compile(&[name])?;
        let needed = compiled.inputs();
        let rows = if needed.is_empty() { 1 } else { self.settings.samples };
        let fixed = vec![set.map_or(0.0, |(_, value)| value); rows];
        let slices = needed
            .iter()
            .map(|input| match set {
                Some((name, _)) if name == input.name => Ok(fixed.as_slice()),
                _ => Ok(self.draws.column(&self.case.column(&input.name))?),
            })
            .collect::<Result<Vec<&[f64]>, Diagnostic>>()?;
        let columns = draws::evaluate::columns(&compiled, &slices, rows)?;
        let median = columns.first().map(|column| draws::select::quantiles(column, &[0.5])[0]);
        Ok(median.unwrap_or(f64::NAN))
    }

    /// What the input would have to be; `None` where the claim does not depend on it.
    fn need(&self, model: &Model, name: &str, target: f64) -> Result<Option<Need>, Diagnostic> {
        let checked = &self.case.checked;
        if !checked.depends_on(VALUE)?.iter().any(|leaf| leaf == name) {
            return Ok(None);
        }
        let value = checked.value_type(name)?;
        let stated =
            model.inputs.dist(&self.case.column(name)).map_or(f64::NAN, draws::Dist::median);
        let walk = walk(&value, stated);
        let needed = nearest_crossing(stated, walk, target, |x| {
            self.median(VALUE, Some((name, x))).unwrap_or(f64::NAN)
        });
        Ok(Some(Need { input: name.to_owned(), stated, needed, value }))
    }

    /// What comes out from a quarter below the stated value of the first input that has a needed
    /// one to a quarter beyond that, on the way on which it was found.
    fn curve(&self, needs: &[Need]) -> Option<Curve> {
        let (number, need, needed) = (needs.iter().enumerate())
            .find_map(|(number, need)| Some((number, need, need.needed?)))?;
        let by_factors = walk(&need.value, need.stated) == Walk::Factors;
        let way = |value: f64| if by_factors { (value / need.stated).ln() } else { value };
        let (from, to) = (way(need.stated), way(needed));
        let point = |step: u32| {
            let share = f64::from(step) / f64::from(CURVE) * 1.5 - 0.25;
            let along = from + share * (to - from);
            let x = if by_factors { need.stated * along.exp() } else { along };
            Some((x, self.median(VALUE, Some((&need.input, x))).ok()?))
        };
        let points: Option<Vec<(f64, f64)>> = (0..=CURVE).map(point).collect();
        Some(Curve { need: number, points: points? })
    }
}

/// How an input of this type is moved away from `start`.
pub(crate) fn walk(value: &ValueType, start: f64) -> Walk {
    match (value.form(), value.nature()) {
        (Form::Instant, _) => Walk::Steps(YEAR),
        (_, Nature::Growth) if start > 0.0 => Walk::Factors,
        _ if start == 0.0 => Walk::Steps(1),
        _ => Walk::Factors,
    }
}
