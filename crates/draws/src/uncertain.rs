//! Uncertain inputs: what a formula writes down, as distributions to draw from.
//!
//! The formula language knows the shape of `300 to 3000` or `mix(0.8: a, 0.2: b)` and the units of
//! its numbers; the draws know the mathematics. This is where the two meet.
//!
//! ```text
//!  formula::Input  ──▶  draws::Dist, checked  ──▶  draws::Inputs, by name
//!  a to b               dates and growth: normal, the rest lognormal where positive
//! ```

use diagnostic::Diagnostic;
use formula::{
    Checked, Form, Input, Nature, Recipe, RecipeArgument, RecipeLabel, RecipeValue, ValueType,
};

use crate::{Dist, Inputs, Level};

#[cfg(test)]
mod tests;

/// An uncertain input that cannot be drawn from.
#[derive(Debug, Clone)]
pub struct Misfit {
    /// The input's name, by which the place where it is written can be found.
    pub input: String,
    /// Its outermost family: `to`, `normal`, ...
    pub family: String,
    /// What is wrong, without a place.
    pub problem: Diagnostic,
}

/// An uncertain input, ready to be drawn from.
#[derive(Debug, Clone)]
pub struct Uncertain {
    /// Its name in the formula, which also names its random stream.
    pub name: String,
    /// In base units; dates in seconds since the year 0, growth in log-rates per second.
    pub dist: Dist,
    /// How its numbers are to be read.
    pub value: ValueType,
}

/// Every uncertain input of a program, in the order written; the ends of `a to b` are the 5% and
/// 95% quantiles.
///
/// ```
/// use draws::uncertain::uncertain_inputs;
/// use formula::{Environment, Program};
///
/// let program = Program::parse("<example>", "gap = 300 to 3000")?;
/// let found = uncertain_inputs(&program.check(&Environment::new())?).map_err(|e| e.problem)?;
/// assert_eq!(found[0].name, "gap");
/// assert!((found[0].dist.quantile(0.05) - 300.0).abs() < 1e-9);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// The first input whose numbers make no distribution.
pub fn uncertain_inputs(checked: &Checked) -> Result<Vec<Uncertain>, Box<Misfit>> {
    uncertain_inputs_at(checked, Level::P90)
}

/// Every uncertain input of a program, in the order written; `level` is that of `a to b`.
///
/// # Errors
/// The first input whose numbers make no distribution.
pub fn uncertain_inputs_at(checked: &Checked, level: Level) -> Result<Vec<Uncertain>, Box<Misfit>> {
    checked.inputs().into_iter().map(|input| uncertain(checked, input, level)).collect()
}

/// Those of the `uncertain` inputs that are `needed`, as a list to sample from.
///
/// # Errors
/// Two inputs of one name.
pub fn sampled(uncertain: &[Uncertain], needed: &[&str]) -> Result<Inputs, Diagnostic> {
    let mut inputs = Inputs::new();
    for input in uncertain.iter().filter(|input| needed.contains(&input.name.as_str())) {
        inputs.add(input.name.clone(), input.dist.clone())?;
    }
    Ok(inputs)
}

fn uncertain(checked: &Checked, input: Input, level: Level) -> Result<Uncertain, Box<Misfit>> {
    let Input { name, recipe, .. } = input;
    let made = checked.value_type(&name).and_then(|value| {
        let dist = Reader { value: &value, level }.dist(&recipe)?;
        Ok((dist, value))
    });
    match made {
        Ok((dist, value)) => Ok(Uncertain { name, dist, value }),
        Err(problem) => Err(Box::new(Misfit { input: name, family: recipe.family, problem })),
    }
}

/// Reads the recipes of one quantity.
struct Reader<'a> {
    value: &'a ValueType,
    /// The level of `a to b`.
    level: Level,
}

impl Reader<'_> {
    fn dist(&self, recipe: &Recipe) -> Result<Dist, Diagnostic> {
        self.family(recipe)?.map_err(|error| self.refused(error))
    }

    /// The outer error is about how the recipe is written, the inner one about its numbers.
    fn family(&self, recipe: &Recipe) -> Result<Result<Dist, crate::Error>, Diagnostic> {
        let family = recipe.family.as_str();
        let through = quantiles(recipe)?;
        if let (true, "lognormal" | "loguniform") = (self.is_date(), family) {
            return Err(Diagnostic::error(format!("a date has no `{family}` distribution"))
                .note("dates count from an arbitrary year, so that they have no logarithm")
                .help("write `a to b`, which is normal for dates, or `uniform(a, b)`"));
        }
        Ok(match (family, through) {
            ("q", Some(points)) if self.is_additive() => Dist::normal_through(&points),
            ("q", Some(points)) => Dist::quantiles(&points),
            ("normal", Some(points)) => Dist::normal_through(&points),
            ("lognormal", Some(points)) => Dist::lognormal_through(&points),
            ("mix", _) => self.mix(recipe)?,
            (_, Some(_)) => {
                return Err(Diagnostic::error(format!("`{family}` does not take quantiles"))
                    .help("quantiles define `q(...)`, `normal(...)` and `lognormal(...)`"));
            }
            ("to", None) => {
                let [low, high] = numbers(recipe, ["low", "high"])?;
                if self.is_additive() {
                    Dist::normal_through(&[(self.level.lower(), low), (self.level.upper(), high)])
                } else {
                    Dist::interval(low, high, self.level)
                }
            }
            ("normal", None) => {
                let [mean, sd] = numbers(recipe, ["mean", "sd"])?;
                Dist::normal(mean, sd)
            }
            ("lognormal", None) => {
                let [mu, sigma] = numbers(recipe, ["mu", "sigma"])?;
                Dist::lognormal(mu, sigma)
            }
            ("uniform", None) => {
                let [low, high] = numbers(recipe, ["low", "high"])?;
                Dist::uniform(low, high)
            }
            ("loguniform", None) => {
                let [low, high] = numbers(recipe, ["low", "high"])?;
                Dist::loguniform(low, high)
            }
            ("triangular" | "tri", None) => {
                let [low, mode, high] = numbers(recipe, ["low", "mode", "high"])?;
                Dist::triangular(low, mode, high)
            }
            ("pert", None) => {
                let [low, mode, high] = numbers(recipe, ["low", "mode", "high"])?;
                Dist::pert(low, mode, high)
            }
            ("beta", None) => {
                let [a, b] = numbers(recipe, ["a", "b"])?;
                Dist::beta(a, b)
            }
            ("student", None) => {
                let [freedom, location, scale] = numbers(recipe, ["freedom", "location", "scale"])?;
                Dist::student(freedom, location, scale)
            }
            ("poisson", None) => {
                let [mean] = numbers(recipe, ["mean"])?;
                Dist::poisson(mean)
            }
            ("bernoulli", None) => {
                let [p] = numbers(recipe, ["p"])?;
                Dist::bernoulli(p)
            }
            ("zero", None) => {
                let [share, part] = arguments(recipe, ["share", "part"])?;
                Dist::zero(number(recipe, share)?, self.part(part)?)
            }
            ("clip", None) => {
                let [part, low, high] = arguments(recipe, ["part", "low", "high"])?;
                Dist::clip(self.part(part)?, number(recipe, low)?, number(recipe, high)?)
            }
            ("data", None) => {
                let values = recipe.arguments.iter().map(|argument| number(recipe, argument));
                Dist::data(values.collect::<Result<Vec<f64>, Diagnostic>>()?)
            }
            ("q", None) => {
                return Err(Diagnostic::error("`q` needs the probability of each quantile")
                    .help("for example `q(10%: 1, 50%: 2, 90%: 5)`"));
            }
            ("fit", None) => {
                return Err(Diagnostic::error("draws of a fit cannot be read in a formula alone")
                    .help("write the interval that the fit reported, as in `1.7 to 1.9`"));
            }
            (other, None) => {
                return Err(Diagnostic::error(format!("`{other}` has no draws")));
            }
        })
    }

    fn mix(&self, recipe: &Recipe) -> Result<Result<Dist, crate::Error>, Diagnostic> {
        let part = |argument: &RecipeArgument| {
            let weight = match &argument.label {
                None => 1.0,
                Some(RecipeLabel::Number(weight)) => *weight,
                Some(RecipeLabel::Name(name)) => {
                    return Err(Diagnostic::error(format!("`{name}` is not a weight"))
                        .help("for example `mix(0.8: 1 to 2, 0.2: 5)`"));
                }
            };
            Ok((weight, self.part(argument)?))
        };
        Ok(Dist::mix(recipe.arguments.iter().map(part).collect::<Result<_, _>>()?))
    }

    /// A distribution inside another; a fixed number is one too, and so is never.
    fn part(&self, argument: &RecipeArgument) -> Result<Dist, Diagnostic> {
        let made = match &argument.value {
            RecipeValue::Nested(recipe) => return self.dist(recipe),
            RecipeValue::Number(value) if *value == f64::INFINITY => Dist::data([*value]),
            RecipeValue::Number(value) => Dist::constant(*value),
        };
        made.map_err(|error| self.refused(error))
    }

    /// Whether the quantity is one of which differences, not ratios, are the measure.
    fn is_additive(&self) -> bool {
        self.is_date() || self.value.nature() == Nature::Growth
    }

    fn is_date(&self) -> bool {
        self.value.form() == Form::Instant
    }

    /// An error of the draws, with its numbers as they would be written.
    fn refused(&self, error: crate::Error) -> Diagnostic {
        match &error {
            crate::Error::Order { family, low_name, low, high_name, high } => {
                let [low, high] = [low, high].map(|end| self.written(*end));
                let message =
                    format!("{family}: {low_name} ({low}) must be below {high_name} ({high})");
                Diagnostic::error(message).help("write the lower one first")
            }
            // Of a date or growth these may be differences, which are not written as the values.
            crate::Error::Parameter { family, parameter, value, allowed }
                if !self.is_additive() && is_quantity(family, parameter) =>
            {
                let value = self.written(*value);
                Diagnostic::error(format!(
                    "{family}: {parameter} is {value}, but must be {allowed}"
                ))
            }
            _ => error.into(),
        }
    }

    fn written(&self, value: f64) -> String {
        let factor = self.value.unit().map_or(1.0, formula::Unit::factor);
        self.value.show(value / factor, 4)
    }
}

/// Whether a parameter of a family is in the unit of what is drawn.
fn is_quantity(family: &str, parameter: &str) -> bool {
    let bare = parameter.starts_with("weight")
        || parameter.starts_with("prob")
        || parameter.contains("logarithm")
        || matches!(parameter, "degrees of freedom" | "sum of the weights");
    !bare && !matches!(family, "beta" | "poisson" | "bernoulli")
}

/// The points of a recipe whose labels are probabilities.
fn quantiles(recipe: &Recipe) -> Result<Option<Vec<(f64, f64)>>, Diagnostic> {
    let labelled =
        |argument: &RecipeArgument| matches!(argument.label, Some(RecipeLabel::Number(_)));
    if recipe.family == "mix" || !recipe.arguments.iter().any(labelled) {
        return Ok(None);
    }
    let point = |argument: &RecipeArgument| match argument.label {
        Some(RecipeLabel::Number(p)) => Ok((p, number(recipe, argument)?)),
        _ => Err(Diagnostic::error(format!(
            "`{}` has quantiles and other labels together",
            recipe.family
        ))),
    };
    recipe.arguments.iter().map(point).collect::<Result<Vec<_>, _>>().map(Some)
}

fn number(recipe: &Recipe, argument: &RecipeArgument) -> Result<f64, Diagnostic> {
    match &argument.value {
        RecipeValue::Number(value) => Ok(*value),
        RecipeValue::Nested(inner) => Err(Diagnostic::error(format!(
            "`{}` takes a number here, not `{}`",
            recipe.family, inner.family
        ))
        .note("a distribution stands in another only as the part of `mix`, `zero` or `clip`")),
    }
}

fn numbers<const K: usize>(recipe: &Recipe, names: [&str; K]) -> Result<[f64; K], Diagnostic> {
    let mut out = [0.0; K];
    for (slot, argument) in out.iter_mut().zip(arguments(recipe, names)?) {
        *slot = number(recipe, argument)?;
    }
    Ok(out)
}

/// The arguments in the order of `names`, given in that order or by name.
fn arguments<'r, const K: usize>(
    recipe: &'r Recipe,
    names: [&str; K],
) -> Result<[&'r RecipeArgument; K], Diagnostic> {
    let family = &recipe.family;
    let usage = format!("write `{family}({})`, or each with its name", names.join(", "));
    let place = |index: usize, argument: &RecipeArgument| match &argument.label {
        None => Ok(index),
        Some(RecipeLabel::Name(name)) => {
            names.iter().position(|known| known == name).ok_or_else(|| {
                Diagnostic::error(format!("`{family}` has no `{name}`")).help(usage.clone())
            })
        }
        Some(RecipeLabel::Number(_)) => {
            Err(Diagnostic::error(format!("`{family}` takes no quantiles")).help(usage.clone()))
        }
    };
    let mut found = [None; K];
    for (index, argument) in recipe.arguments.iter().enumerate() {
        let slot = found.get_mut(place(index, argument)?).filter(|slot| slot.is_none());
        let slot = slot.ok_or_else(|| {
            let count = recipe.arguments.len();
            Diagnostic::error(format!("`{family}` takes {K} numbers, each once, not {count}"))
                .help(usage.clone())
        })?;
        *slot = Some(argument);
    }
    let missing = found.iter().position(Option::is_none);
    if let Some(missing) = missing {
        let name = names[missing];
        return Err(Diagnostic::error(format!("`{family}` needs `{name}`")).help(usage));
    }
    // Every slot is filled, by the check above; the first argument is never used.
    Ok(found.map(|argument| argument.unwrap_or(&recipe.arguments[0])))
}
