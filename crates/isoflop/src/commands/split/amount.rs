//! Amounts as people write them: `1e24 FLOP`, `15 T`, `1024 h100`.

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program};

/// A positive number in base units of `unit`: with that unit, as `1e24 FLOP`, or without, as
/// `1e24` and `15T`.
pub(crate) fn amount(text: &str, unit: &str, option: &str) -> Result<f64, Diagnostic> {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
    let (digits, factor) = match plain.char_indices().last() {
        Some((at, 'k')) => (&plain[..at], 1e3),
        Some((at, 'M')) => (&plain[..at], 1e6),
        Some((at, 'B')) => (&plain[..at], 1e9),
        Some((at, 'T')) => (&plain[..at], 1e12),
        _ => (plain.as_str(), 1.0),
    };
    let value = match digits.parse::<f64>() {
        Ok(number) => number * factor,
        Err(_) => evaluated(text, unit, option)?,
    };
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    let message = format!("`{option} \"{text}\"` is not a finite number above zero");
    Err(Diagnostic::error(message).help(format!("write for example {option} \"1e15 {unit}\"")))
}

fn evaluated(text: &str, unit: &str, option: &str) -> Result<f64, Diagnostic> {
    let program = Program::parse(option, text)?;
    let checked = program.check(&Environment::new())?;
    let Some(name) = checked.names().first().map(|name| (*name).to_owned()) else {
        return Err(Diagnostic::error(format!("`{option}` is empty"))
            .help(format!("write for example {option} \"1e15 {unit}\"")));
    };
    if let Some(input) = checked.inputs().first() {
        let message = format!("`{option} \"{text}\"` is uncertain");
        return Err(Diagnostic::error(message)
            .note(format!("`{}` is drawn from a distribution", input.name))
            .help("state one number; uncertain assumptions go with --set"));
    }
    if checked.value_type(&name)?.description() != "a plain number" {
        checked.value_type_in(&name, unit)?;
    }
    let out = checked.compile(&[&name])?.evaluate(&Columns::new(1))?;
    Ok(out.get(&name).and_then(|column| column.first().copied()).unwrap_or(f64::NAN))
}

/// `1024 h100`, or `h100` for as many as the power feeds: a number and a name.
pub(super) fn accelerators(text: &str) -> Result<(Option<f64>, &str), Diagnostic> {
    match text.trim().split_once(char::is_whitespace) {
        None => Ok((None, text.trim())),
        Some((count, name)) => Ok((Some(amount(count, "", "--on")?), name.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_units_suffixes_and_sums() {
        for (text, unit, expected) in [
            ("1e24 FLOP", "FLOP", 1e24),
            ("1e24", "FLOP", 1e24),
            ("15 T", "token", 15e12),
            ("15_000 B", "token", 15e12),
            ("3 * 1e12 token", "token", 3e12),
            ("400 TFLOP/s * 1 h", "FLOP", 400e12 * 3600.0),
        ] {
            let found = amount(text, unit, "--budget").unwrap_or_else(|p| panic!("{text}: {p}"));
            assert!((found / expected - 1.0).abs() < 1e-12, "{text}: {found}");
        }
        for (text, expected) in [
            ("3 yr", "time"),
            ("-1e20 FLOP", "above zero"),
            ("0", "above zero"),
            ("1e20 to 1e21", "uncertain"),
            ("", "empty"),
            ("inf", "above zero"),
        ] {
            let problem = amount(text, "FLOP", "--budget").map(|_| ()).unwrap_err().to_string();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
        assert_eq!(accelerators("1024 h100").unwrap(), (Some(1024.0), "h100"));
        assert_eq!(accelerators("h100").unwrap(), (None, "h100"));
    }
}
