//! A law with the values that it may have.

use diagnostic::Diagnostic;
use formula::Columns;
use laws::{Fit, Law, catalogue};

/// A law, the best values of its parameters, and draws of them.
#[derive(Debug, Clone)]
pub struct Believed {
    /// The law.
    pub law: Law,
    /// What people call these values: `besiroglu-2024`, or the name of a fit.
    pub name: String,
    /// Where the values come from.
    pub source: String,
    /// Compute (or the law's own axis) of the runs behind the values: least and largest.
    pub range: Option<(f64, f64)>,
    /// One column per parameter: the best values first, then the draws.
    values: Columns,
}

impl Believed {
    /// A fit with its draws; of `group`, where groups have laws of their own.
    pub fn fitted(name: &str, fit: &Fit, group: Option<&str>) -> Self {
        Self {
            law: fit.law.clone(),
            name: name.to_owned(),
            source: format!("fitted to {} runs", fit.data.rows),
            range: Some(fit.data.axis_range),
            values: fit.best_and_draws(group),
        }
    }

    /// Published constants, which are one point: papers do not print how their errors go together,
    /// and errors taken apart would give intervals that are far too wide.
    ///
    /// # Errors
    /// Constants that the catalogue does not have, and constants that lack a parameter.
    pub fn published(id: &str) -> Result<Self, Diagnostic> {
        for law in catalogue::all()? {
            let Some(published) = law.published(id) else { continue };
            let mut values = Columns::new(1);
            for parameter in &law.parameters {
                let value = published
                    .values
                    .iter()
                    .find(|(name, _)| *name == parameter.name)
                    .map(|(_, value)| *value)
                    .or(parameter.fixed);
                let Some(value) = value else {
                    let message = format!("`{id}` has no value for `{}`", parameter.name);
                    let help = format!("it is a parameter of the law `{}`", law.name);
                    return Err(Diagnostic::error(message).help(help));
                };
                values.set(&parameter.name, vec![value]);
            }
            let domain = |of: &str| {
                let known = published.domain.iter().find(|(name, _)| name == of);
                known.map(|(_, range)| *range)
            };
            return Ok(Self {
                name: id.to_owned(),
                source: published.source.clone(),
                range: domain("C"),
                values,
                law,
            });
        }
        let known: Vec<String> = catalogue::all()?
            .iter()
            .flat_map(|law| law.published.iter().map(|published| published.id.clone()))
            .collect();
        let problem = Diagnostic::error(format!("no published constants are called `{id}`"));
        Err(match diagnostic::nearest(id, known.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("`isoflop list laws` prints all laws with their constants"),
        })
    }

    /// Values that somebody states: one row for each parameter of the law, or a row of best values
    /// and rows of draws.
    pub fn stated(name: &str, law: Law, values: Columns) -> Self {
        let source = "as stated".to_owned();
        Self { law, name: name.to_owned(), source, range: None, values }
    }

    /// The same belief read through another law.
    pub(crate) fn with_law(self, law: Law, values: Columns) -> Self {
        Self { law, values, ..self }
    }

    /// How many draws there are beside the best values.
    pub fn draws(&self) -> usize {
        self.values.rows() - 1
    }

    /// One column per parameter: the best values first, then the draws.
    pub fn values(&self) -> &Columns {
        &self.values
    }

    /// The same, with the one point of a law without draws repeated `draws` times, so that it
    /// meets prices that have them.
    #[must_use]
    pub fn repeated(mut self, draws: usize) -> Self {
        if self.draws() == 0 && draws > 0 {
            let mut values = Columns::new(draws + 1);
            for (name, column) in self.values.into_columns() {
                values.set(name, vec![column[0]; draws + 1]);
            }
            self.values = values;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_constants_are_one_point_until_they_are_repeated() {
        let law = Believed::published("besiroglu-2024").unwrap();
        assert_eq!((law.draws(), law.law.name.as_str()), (0, "chinchilla"));
        let law = law.repeated(3);
        assert_eq!(law.draws(), 3);
        assert_eq!(law.values().get("alpha"), Some(&[0.3478; 4][..]));
    }

    #[test]
    fn unknown_constants_name_the_nearest() {
        let problem = Believed::published("besirolgu-2024").unwrap_err();
        assert!(problem.to_string().contains("besiroglu-2024"), "{problem}");
    }

    #[test]
    fn constants_without_a_parameter_are_refused() {
        let problem = Believed::published("hoffmann-2022-approach-2").unwrap_err();
        assert!(problem.to_string().contains("`k`"), "{problem}");
    }
}
