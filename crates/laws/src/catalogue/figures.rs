//! Published numbers that follow from a law's constants, computed again.

use diagnostic::Diagnostic;
use formula::Source;

use crate::Law;

/// A number that a paper states and that its constants must give again.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The id of the constants it follows from; `None` for a property of the form, whose
    /// parameters are all given.
    pub published: Option<String>,
    /// What it is: `tokens per parameter at Gopher's compute`.
    pub what: String,
    /// Paper, or where it was computed.
    pub source: String,
    /// The published number.
    pub value: f64,
    /// How far off, absolutely, the recomputed number may be.
    pub tolerance: f64,
    pub(crate) expression: Source,
    pub(crate) expression_text: String,
    pub(crate) given: Vec<(String, Given)>,
}

/// What a figure sets a name to.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    Number(f64),
    /// Over parameters, derived quantities and the numbers given beside it.
    Expression(Source, String),
}

/// A figure with what the law's constants give for it.
#[derive(Debug, Clone, Copy)]
pub struct Recomputed<'a> {
    /// The figure.
    pub figure: &'a Figure,
    /// The number computed here.
    pub value: f64,
}

impl Recomputed<'_> {
    /// Whether the published number came out again.
    pub fn agrees(&self) -> bool {
        (self.value - self.figure.value).abs() <= self.figure.tolerance
    }
}

impl Figure {
    /// The expression, as written.
    pub fn expression(&self) -> &str {
        &self.expression_text
    }

    /// What names are set to, as `C = 5.76e23, N = N_opt`.
    pub fn given(&self) -> String {
        let given = self.given.iter().map(|(name, value)| match value {
            Given::Number(number) => format!("{name} = {}", crate::catalogue::plain(*number)),
            Given::Expression(_, text) => format!("{name} = {text}"),
        });
        given.collect::<Vec<_>>().join(", ")
    }
}

impl Law {
    /// The constants called `id`.
    pub fn published(&self, id: &str) -> Option<&crate::catalogue::Published> {
        self.published.iter().find(|published| published.id == id)
    }

    /// Computes a figure from the constants it names.
    ///
    /// # Errors
    /// Names in the figure's expressions that have no value.
    pub fn recompute<'a>(&self, figure: &'a Figure) -> Result<Recomputed<'a>, Diagnostic> {
        let mut values: Vec<(String, f64)> = (self.parameters.iter())
            .filter_map(|parameter| Some((parameter.name.clone(), parameter.fixed?)))
            .collect();
        // Later values replace earlier ones.
        if let Some(id) = &figure.published {
            let Some(published) = self.published(id) else {
                return Err(Diagnostic::error(format!(
                    "`{}` has no constants called `{id}`",
                    self.name
                )));
            };
            values.extend_from_slice(&published.values);
        }
        for (name, given) in &figure.given {
            if let Given::Number(number) = given {
                values.push((name.clone(), *number));
            }
        }
        let mut computed = Vec::new();
        for (name, given) in &figure.given {
            if let Given::Expression(source, _) = given {
                computed.push((name.clone(), self.evaluate(source.clone(), &values)?));
            }
        }
        values.extend(computed);
        let value = self.evaluate(figure.expression.clone(), &values)?;
        Ok(Recomputed { figure, value })
    }
}
