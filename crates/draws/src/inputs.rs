//! The uncertain inputs of a question: names, distributions, correlations.

use std::sync::Arc;

use diagnostic::nearest;

use crate::correlation::Pair;
use crate::{Design, Dist, Draws, Error, Sampler};

/// What a column of the inputs is drawn from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Dist(Dist),
    /// Column `column` of joint draws number `block`.
    Joint {
        block: usize,
        column: usize,
    },
}

/// A list of named uncertain inputs, from which a [`Sampler`] is made.
///
/// ```
/// use draws::{Design, Dist, Inputs, Level};
///
/// let mut inputs = Inputs::new();
/// inputs.add("gap", Dist::interval(300.0, 3000.0, Level::P90)?)?;
/// inputs.add("growth", Dist::normal(1.5, 0.4)?)?;
/// inputs.correlate("gap", "growth", -0.3)?;
/// let draws = inputs.sampler(7, Design::Plain)?.draw(10_000)?;
/// let gap = draws.quantile("gap", 0.5)?;
/// assert!((gap.value - 948.7).abs() < 4.0 * gap.standard_error);
/// # Ok::<(), draws::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    pub(crate) names: Vec<String>,
    pub(crate) sources: Vec<Source>,
    pub(crate) joint: Vec<(String, Arc<Draws>)>,
    pub(crate) pairs: Vec<Pair>,
}

impl Inputs {
    /// No inputs yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one input.
    pub fn add(&mut self, name: impl Into<String>, dist: Dist) -> Result<&mut Self, Error> {
        let name = name.into();
        self.check_new(&name)?;
        self.names.push(name);
        self.sources.push(Source::Dist(dist));
        Ok(self)
    }

    /// Adds every column of `draws` as an input, rows kept together, as from a fit: each row
    /// sampled is one row of `draws`, so that its columns keep whatever dependence they have.
    ///
    /// `name` stands for the whole set: it names its random stream, and its group in a
    /// sensitivity analysis.
    pub fn import(
        &mut self,
        name: impl Into<String>,
        draws: Arc<Draws>,
    ) -> Result<&mut Self, Error> {
        let name = name.into();
        if draws.rows() == 0 || draws.names().is_empty() {
            let expected = "at least one, in at least one column".into();
            return Err(Error::Rows { what: name, given: draws.rows(), expected });
        }
        if self.joint.iter().any(|(other, _)| *other == name) {
            return Err(Error::Duplicate(name));
        }
        for column in draws.names() {
            self.check_new(column)?;
        }
        let block = self.joint.len();
        for (column, column_name) in draws.names().iter().enumerate() {
            self.names.push(column_name.clone());
            self.sources.push(Source::Joint { block, column });
        }
        self.joint.push((name, draws));
        Ok(self)
    }

    fn check_new(&self, name: &str) -> Result<(), Error> {
        if self.names.iter().any(|other| other == name) {
            return Err(Error::Duplicate(name.into()));
        }
        Ok(())
    }

    /// Declares the Spearman rank correlation of two inputs, drawn through a Gaussian copula.
    ///
    /// Pairs not declared are independent, unless the nearest valid matrix has to move them (see
    /// [`Sampler::moved`]). An input with few distinct values (a count, a yes or no) reaches less
    /// than the correlation asked, since ties have no order.
    pub fn correlate(&mut self, a: &str, b: &str, rho: f64) -> Result<&mut Self, Error> {
        if !(-1.0..=1.0).contains(&rho) {
            return Err(Error::CorrelationRange { a: a.into(), b: b.into(), rho });
        }
        let (i, j) = (self.correlatable(a, b)?, self.correlatable(b, a)?);
        if i == j {
            let why = "they are one input";
            return Err(Error::CorrelationMember { name: a.into(), other: b.into(), why });
        }
        let known =
            self.pairs.iter().find(|pair| (pair.a, pair.b) == (i, j) || (pair.a, pair.b) == (j, i));
        match known {
            Some(pair) if (pair.rho - rho).abs() > 0.0 => Err(Error::CorrelationConflict {
                a: a.into(),
                b: b.into(),
                first: pair.rho,
                second: rho,
            }),
            Some(_) => Ok(self),
            None => {
                self.pairs.push(Pair { a: i, b: j, rho });
                Ok(self)
            }
        }
    }

    /// The position of input `name`, when it can be correlated at all.
    fn correlatable(&self, name: &str, other: &str) -> Result<usize, Error> {
        let index = self.index(name)?;
        let refuse =
            |why| Err(Error::CorrelationMember { name: name.into(), other: other.into(), why });
        match &self.sources[index] {
            Source::Joint { .. } => {
                refuse("it was imported with other columns, whose dependence is already given")
            }
            Source::Dist(dist) if dist.quantile(0.0) >= dist.quantile(1.0) => {
                refuse("it has one value only")
            }
            Source::Dist(_) => Ok(index),
        }
    }

    pub(crate) fn index(&self, name: &str) -> Result<usize, Error> {
        self.names.iter().position(|other| other == name).ok_or_else(|| Error::Unknown {
            what: "input",
            name: name.into(),
            nearest: nearest(name, self.names.iter().map(String::as_str)).map(Into::into),
        })
    }

    /// The inputs' names, in order of declaration.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The distribution of an input; none for one imported with others.
    pub fn dist(&self, name: &str) -> Option<&Dist> {
        match &self.sources[self.index(name).ok()?] {
            Source::Dist(dist) => Some(dist),
            Source::Joint { .. } => None,
        }
    }

    /// The quantile of one input by itself.
    pub(crate) fn marginal_quantile(&self, index: usize, p: f64) -> f64 {
        match &self.sources[index] {
            Source::Dist(dist) => dist.quantile(p),
            Source::Joint { block, column } => {
                crate::select::quantiles(self.joint[*block].1.column_at(*column), &[p])[0]
            }
        }
    }

    /// Whether an input is tied to others, by a declared correlation or by being imported.
    pub(crate) fn depends_on_others(&self, index: usize) -> bool {
        matches!(self.sources[index], Source::Joint { .. })
            || self.pairs.iter().any(|pair| pair.a == index || pair.b == index)
    }

    /// Makes the sampler for a seed and a design.
    pub fn sampler(&self, seed: u64, design: Design) -> Result<Sampler, Error> {
        Sampler::new(self, seed, design)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn two() -> Inputs {
        let mut inputs = Inputs::new();
        inputs.add("gap", Dist::interval(1.0, 2.0, Level::P90).unwrap()).unwrap();
        inputs.add("fixed", Dist::constant(1.0).unwrap()).unwrap();
        inputs.add("rate", Dist::uniform(0.0, 1.0).unwrap()).unwrap();
        inputs
    }

    #[test]
    fn impossible_correlations_are_refused_by_name() {
        let mut inputs = two();
        let says = |result: Result<&mut Inputs, Error>, words: &str| {
            let message = result.unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        says(inputs.correlate("gap", "rate", 1.2), "must lie between -1 and 1");
        says(inputs.correlate("gap", "rate", f64::NAN), "NaN");
        says(inputs.correlate("gap", "gap", 0.5), "one input");
        says(inputs.correlate("gap", "fixed", 0.5), "one value only");
        inputs.correlate("gap", "rate", 0.5).unwrap();
        inputs.correlate("rate", "gap", 0.5).unwrap();
        says(inputs.correlate("rate", "gap", 0.6), "declared as 0.5 and again as 0.6");
        let unknown = inputs.correlate("gap", "rat", 0.1).unwrap_err();
        assert_eq!(unknown.help().unwrap(), "did you mean `rate`?");
    }

    #[test]
    fn a_name_is_declared_once() {
        let mut inputs = two();
        let again = inputs.add("gap", Dist::constant(1.0).unwrap());
        assert_eq!(again.unwrap_err(), Error::Duplicate("gap".into()));
    }
}
