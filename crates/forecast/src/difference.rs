//! Why two scenarios differ: what changed, and how much of the difference each change makes.

use diagnostic::Diagnostic;
use formula::ValueType;

use crate::question::{Question, Statistic};
use crate::run::Settings;
use crate::scenario::Scenario;
use crate::written::Written;

/// Draws behind each partial scenario; all have the same.
const SAMPLES: usize = 1 << 14;

/// Up to so many changes every order of making them counts; beyond, two orders.
const MOST_EXACT: usize = 8;

/// The name of all changes that are not of one input's value.
const STRUCTURE: &str = "the model";

/// One thing that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The input, or `the model` for all that is not an input's value.
    pub name: String,
    /// How it was written.
    pub was: String,
    /// How it is written now.
    pub is: String,
    /// Its share of the difference, in base units; all shares add up to it.
    pub part: f64,
}

/// A difference, attributed.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The answer of the first scenario, in base units.
    pub before: f64,
    /// The answer of the second.
    pub after: f64,
    /// The changes, the largest part first.
    pub changes: Vec<Change>,
    /// Whether the parts are Shapley values (each change's effect, averaged over every order of
    /// making them), or averages over two opposite orders, for more than eight changes.
    pub exact: bool,
    /// How the numbers are to be read.
    pub value: ValueType,
}

impl Scenario {
    /// Attributes the difference between the answers of this scenario and `other` to what changed
    /// between them, on common draws.
    ///
    /// ```
    /// use forecast::{Scenario, Statistic};
    ///
    /// let before = Scenario::from_toml("a.toml", r#"
    ///     [inputs]
    ///     power = "1 GW to 4 GW"
    ///     price = "50 USD/MWh"
    ///     [outputs]
    ///     bill = "power * price * 1 yr"
    /// "#)?;
    /// let mut after = before.clone();
    /// after.set("price=100 USD/MWh")?;
    /// let found = before.difference(&after, "bill", Statistic::Median, 0)?;
    /// assert_eq!(found.changes[0].name, "price");
    /// assert_eq!(found.changes[0].part, found.after - found.before);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// A question that does not fit one of the scenarios or what lies between them, and answers
    /// without a finite difference.
    pub fn difference(
        &self,
        other: &Scenario,
        expression: &str,
        statistic: Statistic,
        case: usize,
    ) -> Result<Difference, Diagnostic> {
        let mut changes = changes(self, other);
        let asked = Written::new("the question", expression);
        let mut value = None;
        let mut answer = |taken: &[bool]| -> Result<f64, Diagnostic> {
            let names = changes.iter().zip(taken).filter(|(_, taken)| **taken);
            let names: Vec<&str> = names.map(|(change, _)| change.name.as_str()).collect();
            let question = Question::new(&between(self, other, &names), &asked, case, &[])?;
            let settings = Settings { samples: SAMPLES, seed: self.seed() };
            let draws = question.model.draw(settings)?;
            let found = statistic.of(&question.answer(&draws, settings, &[])?);
            if !found.is_finite() {
                let shown = question.value.show(found, 3);
                return Err(asked
                    .error(
                        format!("this is {shown}, from which nothing can be subtracted"),
                        "asked",
                    )
                    .help("ask for a probability, such as `prob(closes <= 2031)`"));
            }
            value.get_or_insert_with(|| question.value.clone());
            Ok(found)
        };
        let count = changes.len();
        let before = answer(&vec![false; count])?;
        let after = answer(&vec![true; count])?;
        let exact = count <= MOST_EXACT;
        let parts = match count {
            0 => Vec::new(),
            1 => vec![after - before],
            _ if exact => shapley(count, &mut answer)?,
            _ => two_orders(count, &mut answer)?,
        };
        for (change, part) in changes.iter_mut().zip(parts) {
            change.part = part;
        }
        changes.sort_by(|a, b| b.part.abs().total_cmp(&a.part.abs()));
        let value = value.unwrap_or_else(ValueType::number);
        Ok(Difference { before, after, changes, exact, value })
    }
}

/// What is written differently in the two: input by input, then the rest in one.
fn changes(a: &Scenario, b: &Scenario) -> Vec<Change> {
    let change = |name: &str, was: &str, is: &str| Change {
        name: name.to_owned(),
        was: was.to_owned(),
        is: is.to_owned(),
        part: 0.0,
    };
    let mut changes: Vec<Change> = a
        .inputs
        .iter()
        .filter_map(|input| {
            let other = b.input(input.name.text())?;
            let same = input.value == other.value && input.trend == other.trend;
            let text = |input: &crate::scenario::Input| match &input.trend {
                Some(trend) => format!("trend {}", trend.text()),
                None => input.value.text().to_owned(),
            };
            (!same).then(|| change(input.name.text(), &text(input), &text(other)))
        })
        .collect();
    let added: Vec<&str> = only_in(b, a);
    let removed: Vec<&str> = only_in(a, b);
    let correlations = |s: &Scenario| -> Vec<(String, f64)> {
        s.correlations.iter().map(|c| (format!("{}, {}", c.a, c.b), c.rho)).collect()
    };
    let same = a.time == b.time
        && a.level() == b.level()
        && a.units == b.units
        && a.series == b.series
        && a.choices == b.choices
        && a.model == b.model
        && a.trends == b.trends
        && a.data == b.data
        && correlations(a) == correlations(b)
        && a.outputs == b.outputs;
    if !same || !added.is_empty() || !removed.is_empty() {
        changes.push(change(STRUCTURE, &removed.join(", "), &added.join(", ")));
    }
    changes
}

/// The inputs of `a` that `b` does not have.
fn only_in<'a>(a: &'a Scenario, b: &Scenario) -> Vec<&'a str> {
    a.inputs.iter().map(|input| input.name.text()).filter(|name| b.input(name).is_none()).collect()
}

/// The scenario `a` with the changes of these names made.
fn between(a: &Scenario, b: &Scenario, names: &[&str]) -> Scenario {
    let mut out = if names.contains(&STRUCTURE) { b.clone() } else { a.clone() };
    for input in &mut out.inputs {
        let name = input.name.text().to_owned();
        let from = if names.contains(&name.as_str()) { b } else { a };
        if let (Some(chosen), true) =
            (from.input(&name), a.input(&name).is_some() && b.input(&name).is_some())
        {
            *input = chosen.clone();
        }
    }
    out
}

/// Each change's effect, averaged over every order of making the changes (Shapley 1953).
fn shapley(
    count: usize,
    answer: &mut impl FnMut(&[bool]) -> Result<f64, Diagnostic>,
) -> Result<Vec<f64>, Diagnostic> {
    let taken = |set: usize| -> Vec<bool> { (0..count).map(|i| set >> i & 1 == 1).collect() };
    let values = (0..1_usize << count)
        .map(|set| answer(&taken(set)))
        .collect::<Result<Vec<f64>, Diagnostic>>()?;
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    let part = |i: usize| {
        (0..1_usize << count)
            .filter(|set| set >> i & 1 == 0)
            .map(|set| {
                let size = set.count_ones() as usize;
                let weight = factorial(size) * factorial(count - size - 1) / factorial(count);
                weight * (values[set | 1 << i] - values[set])
            })
            .sum()
    };
    Ok((0..count).map(part).collect())
}

/// Each change's effect, averaged over the order written and its reverse.
fn two_orders(
    count: usize,
    answer: &mut impl FnMut(&[bool]) -> Result<f64, Diagnostic>,
) -> Result<Vec<f64>, Diagnostic> {
    let mut parts = vec![0.0; count];
    let forward: Vec<usize> = (0..count).collect();
    let backward: Vec<usize> = (0..count).rev().collect();
    for order in [forward, backward] {
        let mut taken = vec![false; count];
        let mut before = answer(&taken)?;
        for i in order {
            taken[i] = true;
            let after = answer(&taken)?;
            parts[i] += (after - before) / 2.0;
            before = after;
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_equal_changes_share_equally() {
        let text = "[inputs]\na = 2\nb = 2\nc = \"1 to 3\"\n[outputs]\nout = \"a * b + c\"";
        let before = Scenario::from_toml("x.toml", text).unwrap();
        let mut after = before.clone();
        for change in ["a=5", "b=5", "c=2 to 6"] {
            after.set(change).unwrap();
        }
        let found = before.difference(&after, "out", Statistic::Mean, 0).unwrap();
        let total: f64 = found.changes.iter().map(|change| change.part).sum();
        assert!((total - (found.after - found.before)).abs() < 1e-9);
        let part = |name: &str| found.changes.iter().find(|c| c.name == name).unwrap().part;
        assert!((part("a") - 10.5).abs() < 1e-9 && (part("b") - 10.5).abs() < 1e-9);
        assert!(found.exact);
    }

    #[test]
    fn changes_of_the_model_are_one_change() {
        let text = "[inputs]\na = 2\n[outputs]\nout = \"a\"";
        let before = Scenario::from_toml("x.toml", text).unwrap();
        let after = "[inputs]\na = 3\nb = 4\n[outputs]\nout = \"a + b\"";
        let after = Scenario::from_toml("y.toml", after).unwrap();
        let found = before.difference(&after, "out", Statistic::Median, 0).unwrap();
        let parts: Vec<(&str, f64)> =
            found.changes.iter().map(|change| (change.name.as_str(), change.part)).collect();
        assert_eq!(parts, [(STRUCTURE, 4.0), ("a", 1.0)]);
        assert_eq!(found.changes[0].is, "b");
        let same = before.difference(&before, "out", Statistic::Median, 0).unwrap();
        assert_eq!((same.before, same.after, same.changes.len()), (2.0, 2.0, 0));
    }

    #[test]
    fn many_changes_still_add_up() {
        let inputs: Vec<String> = (0..10).map(|i| format!("x{i} = 1")).collect();
        let sum: Vec<String> = (0..10).map(|i| format!("x{i}")).collect();
        let (inputs, sum) = (inputs.join("\n"), sum.join(" + "));
        let text = format!("[inputs]\n{inputs}\n[outputs]\nout = \"({sum}) ^ 2\"");
        let before = Scenario::from_toml("x.toml", &text).unwrap();
        let mut after = before.clone();
        for i in 0..10 {
            after.set(&format!("x{i}=2")).unwrap();
        }
        let found = before.difference(&after, "out", Statistic::Median, 0).unwrap();
        let total: f64 = found.changes.iter().map(|change| change.part).sum();
        assert!(!found.exact && (total - 300.0).abs() < 1e-9);
        assert!(found.changes.iter().all(|change| (change.part - 30.0).abs() < 1e-9));
    }

    #[test]
    fn answers_that_may_be_never_are_refused_with_advice() {
        let before = crate::catalogue::find("gap").unwrap();
        let mut after = before.clone();
        after.set("penalty=1").unwrap();
        let shown = before.difference(&after, "closes", Statistic::Quantile(0.9), 0).unwrap_err();
        assert!(shown.to_string().contains("ask for a probability"), "{shown}");
        let found =
            before.difference(&after, "prob(closes <= 2036-01-01)", Statistic::Mean, 0).unwrap();
        assert!(found.changes[0].part > 0.0 && found.changes.len() == 1);
    }
}
