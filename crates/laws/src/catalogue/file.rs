//! Reads the file of one law.

use std::ops::Range;
use std::path::Path;

use diagnostic::Diagnostic;
use formula::{Environment, Program};
use serde::Deserialize;
use toml::Spanned;

use super::records::{FigureEntry, PublishedEntry};
use super::toml_parts::{Amount, File, Ordered};
use crate::law::Derived;
use crate::{Law, Parameter, Quantity, ResidualScale};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LawFile {
    name: String,
    title: String,
    source: String,
    #[serde(default)]
    notes: String,
    formula: Spanned<String>,
    residuals: Option<ResidualScale>,
    #[serde(default)]
    target: QuantityEntry,
    variables: Ordered<QuantityEntry>,
    parameters: Ordered<ParameterEntry>,
    #[serde(default)]
    given: Ordered<QuantityEntry>,
    #[serde(default)]
    derived: Ordered<DerivedEntry>,
    #[serde(default)]
    published: Vec<PublishedEntry>,
    #[serde(default)]
    figures: Vec<FigureEntry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuantityEntry {
    #[serde(default)]
    unit: String,
    #[serde(default)]
    meaning: String,
    within: Option<Spanned<[f64; 2]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterEntry {
    #[serde(default)]
    unit: String,
    #[serde(default)]
    meaning: String,
    at_least: Option<f64>,
    at_most: Option<f64>,
    within: Option<Spanned<[f64; 2]>>,
    search: Option<Spanned<[f64; 2]>>,
    #[serde(default)]
    logarithmic: bool,
    fixed: Option<Spanned<Amount>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DerivedEntry {
    expression: Spanned<String>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    meaning: String,
}

impl Law {
    /// Reads the file of a law.
    ///
    /// # Errors
    /// A file that cannot be read, and whatever [`Law::from_toml`] refuses.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|problem| {
            Diagnostic::error(format!("{} cannot be read: {problem}", path.display()))
                .help("give the path of a law's file, or a name that `isoflop list laws` prints")
        })?;
        Self::from_toml(&path.display().to_string(), &text)
    }

    /// A law from the text of its file, which came from `origin`.
    ///
    /// ```
    /// let law = laws::Law::from_toml("power.toml", r#"
    ///     name = "power"
    ///     title = "A power law with a floor"
    ///     source = "example"
    ///     formula = "loss = E + A / N^alpha"
    ///     [variables]
    ///     N = { unit = "param" }
    ///     [parameters]
    ///     E = { at_least = 0 }
    ///     A = { at_least = 0 }
    ///     alpha = { within = [0, 2] }
    /// "#)?;
    /// assert_eq!(law.parameter("alpha").map(|alpha| alpha.bounds), Some((0.0, 2.0)));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Text that is not TOML, entries that are missing or unknown, formulas that cannot be read,
    /// names that nothing declares, and numbers that contradict each other; each points at its
    /// place.
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let file = File { origin, text };
        let entries: LawFile = toml::from_str(text).map_err(|problem| {
            let message = problem.message().lines().next().unwrap_or("not a law").to_owned();
            file.error(message, problem.span().unwrap_or(0..0), "here")
                .help("the book's chapter \"Laws\" describes the file of a law")
        })?;
        file.law(entries)
    }
}

impl File<'_> {
    pub(super) fn error(
        &self,
        message: impl Into<String>,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(message).at(self.origin, self.text, span, label)
    }

    fn law(&self, entries: LawFile) -> Result<Law, Diagnostic> {
        self.each_name_once(&entries)?;
        let variables = self.quantities(&entries.variables)?;
        let given = self.quantities(&entries.given)?;
        let parameters = (entries.parameters.iter())
            .map(|(name, entry)| self.parameter(name, entry))
            .collect::<Result<Vec<_>, _>>()?;

        let formula = entries.formula.get_ref();
        let mut program = Program::new();
        program.add(self.formula(formula, entries.formula.span()))?;
        for (name, entry) in entries.derived.iter() {
            let (text, span) = (entry.expression.get_ref(), entry.expression.span());
            program.define(name.get_ref(), self.formula(text, span))?;
        }
        let mut law = Law::of_program(
            self.origin,
            &entries.name,
            formula,
            program,
            variables,
            given,
            parameters,
        )?;
        law.title = entries.title;
        law.source = entries.source;
        law.notes = entries.notes.trim().to_owned();
        law.residuals = entries.residuals.unwrap_or(ResidualScale::Log);
        law.target = self.quantity(&law.target.name, &entries.target)?;
        law.derived = (entries.derived.iter())
            .map(|(name, entry)| Derived {
                quantity: Quantity {
                    unit: entry.unit.clone(),
                    meaning: entry.meaning.clone(),
                    ..Quantity::positive(name.get_ref())
                },
                expression: entry.expression.get_ref().clone(),
            })
            .collect();
        for entry in entries.published {
            let published = self.constants(&law, entry)?;
            law.published.push(published);
        }
        for entry in &entries.figures {
            let figures = self.figures(&law, entry)?;
            law.figures.extend(figures);
        }
        Ok(law)
    }

    /// A name that stands for two things would silently take the meaning of one.
    fn each_name_once(&self, entries: &LawFile) -> Result<(), Diagnostic> {
        let names = (entries.variables.iter().map(|(name, _)| name))
            .chain(entries.parameters.iter().map(|(name, _)| name))
            .chain(entries.given.iter().map(|(name, _)| name))
            .chain(entries.derived.iter().map(|(name, _)| name));
        let mut seen: Vec<&Spanned<String>> = Vec::new();
        for name in names {
            if let Some(first) = seen.iter().find(|known| known.get_ref() == name.get_ref()) {
                return Err(self
                    .error(
                        format!("`{}` is declared twice", name.get_ref()),
                        name.span(),
                        "declared again",
                    )
                    .at(self.origin, self.text, first.span(), "first declared here"));
            }
            seen.push(name);
        }
        Ok(())
    }

    fn quantities(&self, entries: &Ordered<QuantityEntry>) -> Result<Vec<Quantity>, Diagnostic> {
        entries.iter().map(|(name, entry)| self.quantity(name.get_ref(), entry)).collect()
    }

    fn quantity(&self, name: &str, entry: &QuantityEntry) -> Result<Quantity, Diagnostic> {
        let mut quantity = Quantity {
            unit: entry.unit.clone(),
            meaning: entry.meaning.clone(),
            ..Quantity::positive(name)
        };
        if let Some(within) = &entry.within {
            quantity.within = self.range(within)?;
        }
        Ok(quantity)
    }

    fn parameter(
        &self,
        name: &Spanned<String>,
        entry: &ParameterEntry,
    ) -> Result<Parameter, Diagnostic> {
        let bounds = match (&entry.within, entry.at_least, entry.at_most) {
            (Some(within), None, None) => self.range(within)?,
            (None, low, high) => {
                let bounds = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
                let room = bounds.0 < bounds.1;
                if !room {
                    let message = format!("`{}` has no room between its bounds", name.get_ref());
                    return Err(self.error(message, name.span(), "this parameter"));
                }
                bounds
            }
            (Some(within), ..) => {
                return Err(self.error(
                    "`within` gives both bounds, so `at_least` and `at_most` have no place here",
                    within.span(),
                    "both bounds",
                ));
            }
        };
        let search = entry.search.as_ref().map(|range| self.range(range)).transpose()?;
        if let (Some((low, high)), Some(written)) = (search, &entry.search)
            && (low < bounds.0 || high > bounds.1)
        {
            let message = format!("`{}` is searched for outside its bounds", name.get_ref());
            return Err(self.error(message, written.span(), "wider than the bounds"));
        }
        let lowest = search.map_or(bounds.0, |(low, _)| low);
        let positive = lowest > 0.0;
        if entry.logarithmic && !positive {
            return Err(self
                .error(
                    format!("`{}` is logarithmic, but may be zero or less", name.get_ref()),
                    name.span(),
                    "this parameter",
                )
                .help("give it a `search` range that starts above zero"));
        }
        let fixed = entry.fixed.as_ref().map(|amount| self.number(amount)).transpose()?;
        if let (Some(value), Some(written)) = (fixed, &entry.fixed)
            && !(bounds.0 <= value && value <= bounds.1)
        {
            let message = format!("`{}` is fixed outside its bounds", name.get_ref());
            return Err(self.error(message, written.span(), "outside"));
        }
        Ok(Parameter {
            unit: entry.unit.clone(),
            meaning: entry.meaning.clone(),
            bounds,
            search,
            logarithmic: entry.logarithmic,
            fixed,
            ..Parameter::free(name.get_ref())
        })
    }

    /// `name`, if it is among `known`.
    pub(super) fn one_of(
        &self,
        name: &Spanned<String>,
        known: &[&str],
        what: &str,
    ) -> Result<String, Diagnostic> {
        let text = name.get_ref();
        if known.contains(&text.as_str()) {
            return Ok(text.clone());
        }
        let problem =
            self.error(format!("there is no {what} `{text}`"), name.span(), "not declared");
        Err(match diagnostic::nearest(text, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("there are: {}", known.join(", "))),
        })
    }

    pub(super) fn range(&self, range: &Spanned<[f64; 2]>) -> Result<(f64, f64), Diagnostic> {
        let [low, high] = *range.get_ref();
        if low < high {
            return Ok((low, high));
        }
        Err(self.error(
            "a range goes from a smaller to a larger number",
            range.span(),
            "not a range",
        ))
    }

    /// The value of a number or of an expression without names.
    pub(super) fn number(&self, amount: &Spanned<Amount>) -> Result<f64, Diagnostic> {
        let value = match amount.get_ref() {
            Amount::Number(number) => *number,
            Amount::Expression(text) => {
                let mut program = Program::new();
                program.define("value", self.formula(text, amount.span()))?;
                let compiled = program.check(&Environment::new())?.compile(&["value"])?;
                let answer = compiled.evaluate(&formula::Columns::new(1))?;
                answer.get("value").and_then(|column| column.first().copied()).unwrap_or(f64::NAN)
            }
        };
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.error("expected a finite number", amount.span(), format!("this is {value}")))
    }
}
