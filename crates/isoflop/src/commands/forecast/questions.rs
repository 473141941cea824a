//! Questions beyond the run: elasticities, break-even values, why two scenarios differ.

use diagnostic::Diagnostic;
use forecast::{BreakEven, Case, Difference, Elasticity, Run, Scenario, Statistic};
use formula::Form;

use super::asked::at_a_date;

/// An answer and the question as it is put to the model.
pub(super) struct Asked<T> {
    pub(super) question: String,
    /// `capability holds, locality fails`; empty without choices, or where they change nothing.
    pub(super) label: String,
    pub(super) found: T,
}

/// The answers to a question in every case; one, where no choice changes it.
fn in_cases<T: PartialEq>(
    question: &str,
    run: &Run,
    answer: impl Fn(usize) -> Result<T, Diagnostic>,
) -> Result<Vec<Asked<T>>, Diagnostic> {
    let found = (0..run.cases.len()).map(answer).collect::<Result<Vec<T>, _>>()?;
    let alike = found.iter().all(|one| *one == found[0]);
    let asked = |(case, found): (&Case, T)| Asked {
        question: question.to_owned(),
        label: if alike { String::new() } else { case.label.clone() },
        found,
    };
    let mut all: Vec<Asked<T>> = run.cases.iter().zip(found).map(asked).collect();
    all.truncate(if alike { 1 } else { all.len() });
    Ok(all)
}

pub(super) fn elasticities(
    scenario: &Scenario,
    of: &[String],
    run: &Run,
) -> Result<Vec<Asked<Vec<Elasticity>>>, Diagnostic> {
    let mut all = Vec::new();
    for of in of {
        let question = at_a_date(of);
        all.extend(in_cases(&question, run, |case| {
            scenario.elasticities(&question, Statistic::Median, case)
        })?);
    }
    Ok(all)
}

/// The break-even values of each `output = value`, in every case.
pub(super) fn break_even(
    scenario: &Scenario,
    equations: &[String],
    vary: &[String],
    run: &Run,
) -> Result<Vec<Asked<Vec<BreakEven>>>, Diagnostic> {
    let mut all = Vec::new();
    for equation in equations {
        let (left, right) = sides(equation)?;
        let left = at_a_date(left);
        all.extend(in_cases(&format!("{left} = {right}"), run, |case| {
            let solve =
                |input: &str| scenario.break_even(&left, Statistic::Median, right, input, case);
            if !vary.is_empty() {
                return vary.iter().map(|input| solve(input)).collect();
            }
            // An input that cannot be put at one value, or that does not matter, is no answer.
            let (mut first, mut found) = (None, Vec::new());
            for input in &scenario.inputs {
                match solve(input.name.text()) {
                    Ok(one) => found.push(one),
                    Err(problem) => first = first.or(Some(problem)),
                }
            }
            match first {
                Some(problem) if found.is_empty() => Err(problem),
                _ => Ok(found),
            }
        })?);
    }
    Ok(all)
}

/// The sides of `output = value`; `<=`, `>=`, `==` and `!=` belong to formulas.
fn sides(equation: &str) -> Result<(&str, &str), Diagnostic> {
    let bytes = equation.as_bytes();
    let alone = |place: &usize| {
        let before = place.checked_sub(1).and_then(|before| bytes.get(before));
        bytes[*place] == b'='
            && bytes.get(place + 1) != Some(&b'=')
            && !before.is_some_and(|before| b"<>=!".contains(before))
    };
    let places: Vec<usize> = (0..bytes.len()).filter(alone).collect();
    match places.as_slice() {
        &[place] => Ok((equation[..place].trim(), equation[place + 1..].trim())),
        _ => Err(Diagnostic::error(format!("`--break-even {equation}` is not an equation"))
            .help("write --break-even \"OUTPUT = VALUE\"")),
    }
}

/// Why `after` differs from `before`, for each output in every case: of a path at its last time.
pub(super) fn differences(
    before: &Scenario,
    after: &Scenario,
    outputs: &[String],
    run: &Run,
) -> Result<Vec<Asked<Result<Difference, Diagnostic>>>, Diagnostic> {
    let Some(case) = run.cases.first() else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for name in outputs {
        let Some(output) = case.output(name) else { continue };
        let question = match output.times.as_deref() {
            Some([.., last]) => format!("at({name}, {last})"),
            _ => name.clone(),
        };
        let is_condition = output.value.form() == Form::Truth;
        let statistic = if is_condition { Statistic::Probability } else { Statistic::Median };
        all.extend(in_cases(&question, run, |case| {
            Ok(before.difference(after, &question, statistic, case))
        })?);
    }
    // Where no output has an answer the first problem says why.
    if !all.is_empty() && all.iter().all(|one| one.found.is_err()) {
        if let Some(Asked { found: Err(problem), .. }) = all.into_iter().next() {
            return Err(problem);
        }
        return Ok(Vec::new());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::sides;

    #[test]
    fn an_equation_has_one_sign_of_its_own() {
        assert_eq!(sides("x=3").unwrap(), ("x", "3"));
        assert_eq!(sides("prob(a <= 2031) = 50%").unwrap(), ("prob(a <= 2031)", "50%"));
        for bad in ["x", "x == 3", "x = y = 3", ""] {
            assert!(sides(bad).is_err(), "{bad}");
        }
    }
}
