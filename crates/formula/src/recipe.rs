//! Uncertain inputs, as written: which family of distributions, with which numbers.

/// A distribution as the formula spells it. Its mathematics belongs to the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// `to`, `q`, `normal`, `uniform`, `mix`, ...
    pub family: String,
    /// In the order written. Quantities are in base units, dates in seconds since the year 0.
    pub arguments: Vec<RecipeArgument>,
}

/// One argument of a [`Recipe`].
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeArgument {
    /// What stands before the colon.
    pub label: Option<RecipeLabel>,
    /// The number, or the distribution nested here.
    pub value: RecipeValue,
}

/// The label of an argument: a probability or weight, or a word.
#[derive(Debug, Clone, PartialEq)]
pub enum RecipeLabel {
    /// `10%:` is 0.1, `0.8:` is 0.8.
    Number(f64),
    /// `mean:`.
    Name(String),
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum RecipeValue {
    /// A fixed number.
    Number(f64),
    /// A distribution inside `mix`, `zero` or `clip`.
    Nested(Recipe),
}

impl Recipe {
    /// Every fixed number in it that stands for a value of the quantity itself.
    pub(crate) fn values(&self) -> Vec<f64> {
        let mut out = Vec::new();
        for argument in &self.arguments {
            match &argument.value {
                RecipeValue::Number(value) => out.push(*value),
                RecipeValue::Nested(recipe) => out.extend(recipe.values()),
            }
        }
        out
    }

    /// Whether every draw is above zero, whatever the draw.
    pub(crate) fn is_positive(&self) -> bool {
        match self.family.as_str() {
            "lognormal" | "loguniform" => true,
            "to" | "q" | "uniform" | "pert" | "tri" | "triangular" | "data" => {
                self.values().iter().all(|value| *value > 0.0)
            }
            _ => false,
        }
    }
}
