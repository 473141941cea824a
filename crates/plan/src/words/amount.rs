//! Numbers of tokens, parameters and rates in the user's words.

use diagnostic::Diagnostic;
use formula::Source;
use runs::{Parameters, Tokens};

use crate::words::written::Written;
use crate::{Drawn, Quantity};

/// A number of tokens: `1.4e12`, `15 T`, `15 T tokens`, `100T to 1000T`; `name` names its draws.
///
/// # Errors
/// Words that are no number of tokens, and numbers that are not above zero.
pub fn tokens(
    origin: &str,
    text: &str,
    seed: u64,
    draws: usize,
) -> Result<Drawn<Tokens>, Diagnostic> {
    amount(origin, text, &["token", ""], "a number of tokens such as `15 T`", (seed, draws))
}

/// A number of parameters: `7e9`, `7B`, `405 B param`.
///
/// # Errors
/// Words that are no number of parameters, numbers that are not above zero or not certain.
pub fn parameters(origin: &str, text: &str) -> Result<Parameters, Diagnostic> {
    let units = ["param", ""];
    let found = amount(origin, text, &units, "a number of parameters such as `7B`", (0, 2))?;
    match found.interval(0.9) {
        None => Ok(found.best),
        Some(_) => Err(Diagnostic::error("a model has one size, not a range of them").at(
            origin,
            text,
            0..text.len(),
            "give one number",
        )),
    }
}

/// Growth in words, `5x/yr`, `doubles in 7 mo` or `+10 %/yr`, as a log-rate per year.
///
/// # Errors
/// Words that are no growth.
pub fn growth(origin: &str, text: &str, seed: u64, draws: usize) -> Result<Drawn<f64>, Diagnostic> {
    let read = Written::read(&name_of(origin), Source::new(origin, text), &["yr^-1"])?;
    let (written, _) =
        read.map_err(|found| refusal(origin, text, "growth such as `5x/yr`", &found))?;
    written.drawn(seed, draws)
}

fn amount<Q: Quantity>(
    origin: &str,
    text: &str,
    units: &[&str],
    expected: &str,
    (seed, draws): (u64, usize),
) -> Result<Drawn<Q>, Diagnostic> {
    let plain = suffixed(text);
    let read = Written::read(&name_of(origin), Source::new(origin, plain.as_str()), units)?;
    let (written, _) = read.map_err(|found| refusal(origin, text, expected, &found))?;
    let drawn = written.drawn(seed, draws)?;
    let wrong = |number: &f64| !(*number > 0.0 && number.is_finite());
    if wrong(&drawn.best) || drawn.draws.iter().any(wrong) {
        let message = format!("expected {expected}, above zero in every draw");
        return Err(Diagnostic::error(message).at(origin, text, 0..text.len(), "found this"));
    }
    Ok(drawn.map(|number| number))
}

fn name_of(origin: &str) -> String {
    // Not the name of a unit, which `tokens` is.
    format!("asked_{}", origin.trim_start_matches('-').replace('-', "_"))
}

fn refusal(origin: &str, text: &str, expected: &str, found: &str) -> Diagnostic {
    let message = format!("expected {expected}, found {found}");
    Diagnostic::error(message).at(origin, text, 0..text.len(), "this amount")
}

/// `15 T` and `7B` as the language writes them, `15e12` and `7e9`. A letter that begins a longer
/// word is left alone.
fn suffixed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let exponent = match character {
            'k' => Some("e3"),
            'M' => Some("e6"),
            'B' => Some("e9"),
            'T' => Some("e12"),
            _ => None,
        };
        let ends = characters.peek().is_none_or(|next| !next.is_alphanumeric());
        match exponent {
            Some(exponent) if digits && ends => {
                let number = out.trim_end().len();
                out.truncate(number);
                out.push_str(exponent);
                digits = false;
            }
            _ => {
                out.push(character);
                digits = match character {
                    c if c.is_ascii_digit() => true,
                    ' ' | '.' | '_' => digits,
                    _ => false,
                };
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, expected) in [
            ("1.4e12", 1.4e12),
            ("15 T", 15e12),
            ("15T tokens", 15e12),
            ("1.5 B token", 1.5e9),
            ("30_000 M", 3e10),
            ("2 Ttoken", 2e12),
        ] {
            let found = tokens("--tokens", text, 0, 0).unwrap_or_else(|e| panic!("{e}"));
            assert!((found.best.get() / expected - 1.0).abs() < 1e-12, "{text}: {found:?}");
        }
        assert_eq!(parameters("--size", "7B").unwrap(), Parameters(7e9));
        let stock = tokens("--data", "100 T to 1000 T", 0, 4000).unwrap();
        let interval = stock.interval(0.9).unwrap();
        assert!((interval.low / 1e14 - 1.0).abs() < 0.1, "{interval:?}");
        assert!((interval.high / 1e15 - 1.0).abs() < 0.1, "{interval:?}");
    }

    #[test]
    fn growth_is_a_log_rate_per_year() {
        let found = growth("--growth", "5x/yr", 0, 0).unwrap().best;
        assert!((found - 5.0_f64.ln()).abs() < 1e-9, "{found}");
    }

    #[test]
    fn what_is_no_such_number_is_refused() {
        for (text, says) in [
            ("", "expected"),
            ("many", "many"),
            ("0", "above zero"),
            ("-1 T", "above zero"),
            ("3 kg", "expected a number of tokens"),
            ("1e400", ""),
        ] {
            let problem = tokens("--tokens", text, 0, 10).unwrap_err().to_string();
            assert!(problem.contains(says), "{text}: {problem}");
        }
        assert!(parameters("--size", "1B to 2B").is_err());
        assert!(growth("--growth", "5", 0, 0).is_err());
    }
}
