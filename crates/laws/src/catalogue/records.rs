//! The parts of a law's file that come in numbers: published constants and figures.

use diagnostic::Diagnostic;
use serde::Deserialize;
use toml::Spanned;

use super::constants::Published;
use super::figures::{Figure, Given};
use super::toml_parts::{Amount, File, Ordered, Several, Which};
use crate::Law;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishedEntry {
    id: Spanned<String>,
    source: String,
    values: Ordered<Spanned<Amount>>,
    #[serde(default)]
    intervals: Ordered<Spanned<[f64; 2]>>,
    level: Option<Spanned<f64>>,
    #[serde(default)]
    errors: Ordered<f64>,
    unverified: Option<Which>,
    second_hand: Option<Which>,
    #[serde(default)]
    fitted_on: String,
    #[serde(default)]
    conventions: String,
    #[serde(default)]
    domain: Ordered<Spanned<[f64; 2]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FigureEntry {
    published: Option<Spanned<String>>,
    what: String,
    expression: Spanned<String>,
    #[serde(default)]
    given: Ordered<Spanned<Several<Amount>>>,
    value: Spanned<Several<f64>>,
    /// Relative; half a unit of the last digit of `value` unless it is given.
    within: Option<f64>,
    #[serde(default)]
    source: String,
}

impl File<'_> {
    pub(super) fn constants(
        &self,
        law: &Law,
        entry: PublishedEntry,
    ) -> Result<Published, Diagnostic> {
        let id = entry.id.get_ref().clone();
        if law.published(&id).is_some() {
            let message = format!("constants `{id}` are there twice");
            return Err(self.error(message, entry.id.span(), "this id is taken"));
        }
        let names = law.parameter_names();
        let mut values = Vec::new();
        for (name, amount) in entry.values.iter() {
            let name = self.one_of(name, &names, "parameter")?;
            let value = self.number(amount)?;
            let (low, high) =
                law.parameter(&name).map_or((f64::NAN, f64::NAN), |parameter| parameter.bounds);
            if !(low <= value && value <= high) {
                let message = format!("`{name}` is {value}, outside its bounds {low} to {high}");
                return Err(self.error(message, amount.span(), "outside"));
            }
            values.push((name, value));
        }
        let valued: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
        let mut intervals = Vec::new();
        for (name, range) in entry.intervals.iter() {
            intervals.push((self.one_of(name, &valued, "value")?, self.range(range)?));
        }
        let mut errors = Vec::new();
        for (name, error) in entry.errors.iter() {
            errors.push((self.one_of(name, &valued, "value")?, *error));
        }
        let ranged: Vec<&str> = (law.variables.iter().chain(&law.given))
            .map(|quantity| quantity.name.as_str())
            .collect();
        let mut domain = Vec::new();
        for (name, range) in entry.domain.iter() {
            domain.push((self.one_of(name, &ranged, "variable")?, self.range(range)?));
        }
        let which = |which: Option<Which>| which.map_or(Vec::new(), |which| which.of(&values));
        let (unverified, second_hand) = (which(entry.unverified), which(entry.second_hand));
        if let Some(name) =
            unverified.iter().chain(&second_hand).find(|name| !valued.contains(&name.as_str()))
        {
            let message = format!("`{name}` is marked as unsure, but has no value");
            return Err(self.error(message, entry.id.span(), "in these constants"));
        }
        if let Some(level) = &entry.level
            && !(0.0 < *level.get_ref() && *level.get_ref() < 1.0)
        {
            return Err(self.error(
                "the level of an interval lies between 0 and 1",
                level.span(),
                "here",
            ));
        }
        Ok(Published {
            id,
            source: entry.source,
            values,
            intervals,
            level: entry.level.map(Spanned::into_inner),
            errors,
            unverified,
            second_hand,
            fitted_on: entry.fitted_on,
            conventions: entry.conventions,
            domain,
        })
    }

    /// The figures of an entry: one, or one for each value of a list.
    pub(super) fn figures(
        &self,
        law: &Law,
        entry: &FigureEntry,
    ) -> Result<Vec<Figure>, Diagnostic> {
        let ids: Vec<&str> = law.published.iter().map(|published| published.id.as_str()).collect();
        let published = (entry.published.as_ref())
            .map(|id| self.one_of(id, &ids, "set of constants"))
            .transpose()?;
        let settable: Vec<&str> = (law.variables.iter().chain(&law.given))
            .map(|quantity| quantity.name.as_str())
            .chain(law.parameter_names())
            .collect();
        let count = entry.value.get_ref().length();
        for (name, several) in entry.given.iter() {
            self.one_of(name, &settable, "variable, given quantity or parameter")?;
            if several.get_ref().length().is_some_and(|length| Some(length) != count) {
                return Err(self
                    .error("a list beside another of another length", several.span(), "this list")
                    .at(self.origin, self.text, entry.value.span(), "the values"));
            }
        }
        let expression_text = entry.expression.get_ref().clone();
        let expression = self.formula(&expression_text, entry.expression.span());
        let mut figures = Vec::new();
        for index in 0..count.unwrap_or(1) {
            let Some((value, span)) = entry.value.get_ref().get(index, &entry.value.span()) else {
                break;
            };
            let given = entry.given.iter().filter_map(|(name, several)| {
                let value = match several.get_ref().get(index, &several.span())? {
                    (Amount::Number(number), _) => Given::Number(number),
                    (Amount::Expression(text), span) => {
                        Given::Expression(self.formula(&text, span), text)
                    }
                };
                Some((name.get_ref().clone(), value))
            });
            figures.push(Figure {
                published: published.clone(),
                what: entry.what.clone(),
                source: entry.source.clone(),
                value,
                tolerance: match entry.within {
                    Some(relative) => relative * value.abs(),
                    None => half_a_last_digit(self.text.get(span).unwrap_or_default()),
                },
                expression: expression.clone(),
                expression_text: expression_text.clone(),
                given: given.collect(),
            });
        }
        Ok(figures)
    }
}

/// Half a unit of the last digit written: 0.05 for `18.4`, 5e7 for `7.22e10`... and a trifle, as
/// the half itself is not a binary number.
fn half_a_last_digit(number: &str) -> f64 {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: f64 = exponent.parse().unwrap_or(0.0);
    let decimals = mantissa.split_once('.').map_or("", |(_, decimals)| decimals);
    let decimals = decimals.chars().filter(char::is_ascii_digit).count() as f64;
    0.5 * (1.0 + 1e-9) * 10_f64.powf(exponent - decimals)
}
