//! Quantities as people write them, in the language of formulas.

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program, Source};
use plan::{Budget, BudgetKind, Means, MeansRequest};
use runs::Flop;

use super::fit::amount::number;

/// FLOP above 0: `1e20`, `1e20 FLOP`, `8 * 400 TFLOP/s * 1 day`.
pub(crate) fn flop(text: &str, option: &str) -> Result<f64, Diagnostic> {
    positive(text, option, "FLOP")
}

/// Compute, and in what words it was converted: FLOP as [`flop`] reads them, or any other budget
/// that `isoflop plan` knows, at the machine and prices that it assumes.
pub(crate) fn compute(text: &str, option: &str) -> Result<(Flop, Option<String>), Diagnostic> {
    let problem = match flop(text, option) {
        Ok(found) => return Ok((Flop(found), None)),
        Err(problem) => problem,
    };
    let Ok(budget) = Budget::parse(option, text) else { return Err(problem) };
    if matches!(budget.kind, BudgetKind::Compute | BudgetKind::Loss(_) | BudgetKind::Until) {
        return Err(problem);
    }
    let funded = Means::new(&MeansRequest::default(), Some(&budget), 0, 0)?.fund(&budget, None)?;
    let assumed = funded.assumptions.iter().map(|one| format!("{} {}", one.what, one.value));
    let words = format!(
        "`{}` is {:.2e} FLOP ({})",
        budget.words,
        funded.flop.best.get(),
        assumed.collect::<Vec<String>>().join("; ")
    );
    Ok((funded.flop.best, Some(words)))
}

/// A number above 0 in `unit`; a bare number is in that unit.
pub(crate) fn positive(text: &str, option: &str, unit: &str) -> Result<f64, Diagnostic> {
    let value = match number(text) {
        Some(value) => value,
        None => value(text, option, unit)?,
    };
    if value > 0.0 && value.is_normal() {
        return Ok(value);
    }
    Err(Diagnostic::error(format!("`{option}`: `{text}` is not above zero and finite"))
        .help(format!("give a quantity such as `1e20 {unit}`")))
}

/// A share, `1 %` or `0.01`, from `least` to 1.
pub(crate) fn share(text: &str, option: &str, least: f64) -> Result<f64, Diagnostic> {
    let plain = text.trim();
    let value = match plain.strip_suffix('%') {
        Some(percent) => number(percent).map(|percent| percent / 100.0),
        None => number(plain),
    };
    value.filter(|value| (least..=1.0).contains(value)).ok_or_else(|| {
        Diagnostic::error(format!("`{option}`: `{text}` is not a share"))
            .help(format!("give a share of the loss, as in {option} 1%"))
    })
}

fn value(text: &str, option: &str, unit: &str) -> Result<f64, Diagnostic> {
    let mut program = Program::new();
    program.define("value", Source::new(option, text))?;
    program.define("one", Source::new("unit", format!("1 {unit}")))?;
    let checked = program.check(&Environment::new()).map_err(|problem| {
        Diagnostic::error(format!("`{option}`: `{text}` is no amount of {unit}"))
            .note(problem.message().to_owned())
            .help(format!("give a quantity such as `1e20 {unit}`"))
    })?;
    let found = checked.dimension_of("value")?;
    if !found.is_empty() && found != checked.dimension_of("one")? {
        return Err(Diagnostic::error(format!("expected a quantity in {unit}, found `{found}`"))
            .at(option, text, 0..text.len(), "this")
            .help(format!("write {option} with a unit such as `{unit}`")));
    }
    let answer = checked.compile(&["value", "one"])?.evaluate(&Columns::new(1))?;
    let first = |name: &str| answer.get(name).and_then(|column| column.first().copied());
    let unit = if found.is_empty() { 1.0 } else { first("one").unwrap_or(f64::NAN) };
    Ok(first("value").unwrap_or(f64::NAN) / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_machines_are_compute_at_what_is_assumed() {
        let (bare, words) = compute("1e20", "--budget").unwrap();
        assert_eq!((bare, words), (Flop(1e20), None));
        let (paid, words) = compute("500 USD", "--budget").unwrap();
        let (rented, _) = compute("1 day on 8 H100", "--budget").unwrap();
        assert!(paid.get() > 1e19 && rented.get() > 1e19);
        assert!(words.unwrap().contains("MFU"));
        assert!(compute("5 GB", "--budget").unwrap_err().to_string().contains("FLOP"));
        assert!(compute("loss 2", "--budget").is_err());
    }

    #[test]
    fn flop_come_bare_with_units_and_as_products() {
        for text in ["1e20", "1e20 FLOP", "100 EFLOP", "1e15 FLOP/s * 1e5 s", "100_000_000T"] {
            let found = flop(text, "--budget").unwrap();
            assert!((found / 1e20 - 1.0).abs() < 1e-12, "{text}: {found}");
        }
        for (text, word) in [
            ("5 GB", "FLOP"),
            ("-1", "above zero"),
            ("many", "many"),
            ("1e400", "too large"),
            ("", ""),
        ] {
            let message = flop(text, "--budget").unwrap_err().to_string();
            assert!(message.contains(word), "{text}: {message}");
        }
        assert_eq!(share("2 %", "--bend", 0.0).unwrap(), 0.02);
        assert_eq!(share("0.02", "--bend", 0.0).unwrap(), 0.02);
        assert!(share("200%", "--bend", 0.0).is_err() && share("nan", "--bend", 0.0).is_err());
    }
}
