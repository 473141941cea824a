//! Everything that can be wrong with a distribution, an input list or a column of draws.

use diagnostic::Diagnostic;

/// What was wrong, with the names and the values, and what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter of a distribution is outside its range, infinite or not a number.
    #[error("{family}: {parameter} is {value}, but must be {allowed}")]
    Parameter {
        /// The distribution, as written: `beta`, `a to b`, ...
        family: &'static str,
        /// The parameter's name.
        parameter: String,
        /// What was given.
        value: f64,
        /// What would be accepted.
        allowed: String,
    },
    /// Two parameters are in the wrong order, such as `9 to 3`.
    #[error("{family}: {low_name} ({low}) must be below {high_name} ({high})")]
    Order {
        /// The distribution, as written.
        family: &'static str,
        /// Name of the parameter that must be the lower one.
        low_name: String,
        /// Its value.
        low: f64,
        /// Name of the parameter that must be the higher one.
        high_name: String,
        /// Its value.
        high: f64,
    },
    /// A distribution was given the wrong number of things.
    #[error("{family}: {what} needs {needed}, but {given} given")]
    Count {
        /// The distribution, as written.
        family: &'static str,
        /// What was counted: quantiles, weights, values.
        what: &'static str,
        /// What is needed.
        needed: String,
        /// How many there were.
        given: usize,
    },
    /// A distribution so wide that some of its draws are not finite numbers.
    #[error("{family}: this is so wide that its draws overflow (they reach {extreme})")]
    Overflow {
        /// The distribution, as written.
        family: &'static str,
        /// The value reached by an extreme draw.
        extreme: f64,
    },
    /// A level that is not strictly between 0 and 1.
    #[error("an interval's level is {0}, but must lie strictly between 0 and 1 (90% is 0.9)")]
    Level(f64),
    /// A probability outside 0 to 1.
    #[error("a probability is {0}, but must lie between 0 and 1")]
    Probability(f64),
    /// Two inputs or columns have one name.
    #[error("`{0}` is declared twice")]
    Duplicate(String),
    /// A name that no input or column has.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What was looked for: input, column.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The known name nearest to it, when one is near.
        nearest: Option<String>,
    },
    /// A rank correlation outside -1 to 1.
    #[error("the rank correlation of `{a}` and `{b}` is {rho}, but must lie between -1 and 1")]
    CorrelationRange {
        /// One input.
        a: String,
        /// The other input.
        b: String,
        /// What was asked.
        rho: f64,
    },
    /// One pair was given two different correlations.
    #[error("the rank correlation of `{a}` and `{b}` is declared as {first} and again as {second}")]
    CorrelationConflict {
        /// One input.
        a: String,
        /// The other input.
        b: String,
        /// What was asked first.
        first: f64,
        /// What was asked later.
        second: f64,
    },
    /// An input that cannot take part in a declared correlation.
    #[error("`{name}` cannot be correlated with `{other}`: {why}")]
    CorrelationMember {
        /// The input at fault.
        name: String,
        /// The other input.
        other: String,
        /// Why not.
        why: &'static str,
    },
    /// Correlations that no set of numbers can have together.
    #[error(
        "the declared rank correlations contradict one another: the nearest possible ones move \
         `{a}` and `{b}` from {asked} to {nearest:.2}"
    )]
    CorrelationImpossible {
        /// One input of the pair that had to move farthest.
        a: String,
        /// The other input.
        b: String,
        /// What was asked for this pair.
        asked: f64,
        /// What the nearest valid matrix gives it.
        nearest: f64,
    },
    /// Contradictory correlations among more inputs than a repair is sought for.
    #[error(
        "the declared rank correlations of {given} connected inputs contradict one another, and \
         the nearest possible ones are sought for at most {limit}"
    )]
    CorrelationTooMany {
        /// How many inputs are connected.
        given: usize,
        /// The most that are repaired.
        limit: usize,
    },
    /// Something that does not fit the number of rows.
    #[error("{what} has {given} rows, but {expected} are needed")]
    Rows {
        /// What was counted.
        what: String,
        /// How many it has.
        given: usize,
        /// How many it needs.
        expected: String,
    },
    /// More inputs than the quasi-random sequence has dimensions.
    #[error("{given} inputs are too many for the Sobol sequence, which has {limit} dimensions")]
    Dimensions {
        /// How many dimensions were needed.
        given: usize,
        /// How many there are.
        limit: usize,
    },
    /// A model gave values that an analysis cannot use.
    #[error("the model's output is {kind} in {count} of {total} rows (first where {first})")]
    Output {
        /// `undefined` (NaN) or `never` (infinite).
        kind: &'static str,
        /// In how many rows.
        count: usize,
        /// Of how many.
        total: usize,
        /// The inputs of the first such row.
        first: String,
        /// What to do about it.
        help: &'static str,
    },
    /// A group of inputs that splits inputs which depend on each other.
    #[error("group `{group}` has `{inside}` but not `{outside}`, which depends on it")]
    Group {
        /// The group's name.
        group: String,
        /// An input in the group.
        inside: String,
        /// An input that must be in the same group.
        outside: String,
    },
    /// A file of draws that cannot be read or written.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// What to do about it, where that is not plain from the message.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::Order { family: "a to b" | "q(...)", low, high, .. }
                if low.total_cmp(high).is_eq() =>
            {
                format!("write the plain number `{low}` for a value without uncertainty")
            }
            Self::Order { low, high, .. } => format!("did you mean {high} and {low}?"),
            Self::Overflow { .. } => {
                "narrow the range, or work with the logarithm of the quantity".into()
            }
            Self::Unknown { nearest: Some(name), .. } => format!("did you mean `{name}`?"),
            Self::CorrelationConflict { .. } => "keep one of the two".into(),
            Self::CorrelationImpossible { .. } => {
                "weaken the correlations around this pair, or leave this pair undeclared".into()
            }
            Self::Dimensions { .. } => "use plain random sampling".into(),
            Self::Output { help, .. } => (*help).into(),
            Self::Group { outside, .. } => format!("add `{outside}` to the group"),
            _ => return None,
        })
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let diagnostic = Self::error(error.to_string());
        match error.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dist, Level};

    #[test]
    fn a_reversed_range_is_shown_with_its_numbers_and_the_likely_meaning() {
        let error = Dist::interval(9.0, 3.0, Level::P90).unwrap_err();
        let shown = Diagnostic::from(error).to_string();
        assert!(shown.contains("p5 (9) must be below p95 (3)"), "{shown}");
        assert!(shown.contains("did you mean 3 and 9?"), "{shown}");
    }
}
