//! One quantity in the user's words, certain or uncertain, read by the formula language.

use diagnostic::Diagnostic;
use draws::uncertain::{Uncertain, sampled, uncertain_inputs};
use draws::{Design, Level};
use formula::{Columns, Compiled, Environment, Form, Program, Source};

use crate::Drawn;

/// A quantity as written: `10 M USD`, `30% to 45%`, `q(5%: 1.2, 50%: 2, 95%: 3)`.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    name: String,
    compiled: Compiled,
    inputs: Vec<Uncertain>,
    /// Base units in one of the unit that its numbers are asked in.
    unit: f64,
}

/// The name under which the unit is compiled; no formula can spell it.
const UNIT: &str = "the unit";

impl Written {
    /// Reads `source` as a quantity in one of `units`; which of them it is in. `name` also names
    /// its random stream, so that the same words are the same draws wherever they stand.
    ///
    /// # Errors
    /// Text that the language does not know, and quantities in no unit of those; the latter as
    /// `None`, with what was found in words, so that the caller can say what it expected.
    pub(crate) fn read(
        name: &str,
        source: Source,
        units: &[&str],
    ) -> Result<Result<(Self, usize), String>, Diagnostic> {
        let mut program = Program::new();
        program.define(name, source)?;
        let checked = program.check(&Environment::new())?;
        let value = checked.value_type(name)?;
        if value.form() != Form::Quantity {
            return Ok(Err(value.description().to_owned()));
        }
        for (index, unit) in units.iter().enumerate() {
            let mut with_unit = program.clone();
            with_unit.define(UNIT, Source::new("unit", format!("1 {unit}")))?;
            let checked = with_unit.check(&Environment::new())?;
            if checked.dimension_of(name)? == checked.dimension_of(UNIT)? {
                let one = checked.compile(&[UNIT])?.evaluate(&Columns::new(1))?;
                let unit = one.get(UNIT).and_then(|column| column.first().copied());
                let mut found = Self::new(name, &checked, checked.compile(&[name])?)?;
                found.unit = unit.unwrap_or(1.0);
                return Ok(Ok((found, index)));
            }
        }
        Ok(Err(value.description().to_owned()))
    }

    /// Reads `source` as a date, in seconds since the year 0 as the language has it.
    pub(crate) fn date(name: &str, source: Source) -> Result<Self, Diagnostic> {
        let mut program = Program::new();
        program.define(name, source)?;
        let checked = program.check(&Environment::new())?;
        let value = checked.value_type(name)?;
        if value.form() != Form::Instant {
            return Err(Diagnostic::error(format!(
                "expected a date, found {}",
                value.description()
            ))
            .help("write it as `2027-03-01`"));
        }
        let compiled = checked.compile(&[name])?;
        Self::new(name, &checked, compiled)
    }

    fn new(name: &str, checked: &formula::Checked, compiled: Compiled) -> Result<Self, Diagnostic> {
        let inputs = uncertain_inputs(checked).map_err(|misfit| misfit.problem)?;
        Ok(Self { name: name.to_owned(), compiled, inputs, unit: 1.0 })
    }

    /// Whether it is one number.
    pub(crate) fn is_certain(&self) -> bool {
        self.inputs.is_empty()
    }

    /// With every uncertain input at its median.
    pub(crate) fn best(&self) -> f64 {
        let mut columns = Columns::new(1);
        for input in &self.inputs {
            columns.set_number(&input.name, input.dist.median());
        }
        self.evaluate(&columns).first().map_or(f64::NAN, |value| value / self.unit)
    }

    /// The 5 % and 95 % quantiles, where the whole is one distribution.
    pub(crate) fn ends(&self) -> Option<(f64, f64)> {
        let [only] = &self.inputs[..] else { return None };
        let end = |p: f64| only.dist.quantile(p) / self.unit;
        (only.name == self.name).then(|| (end(Level::P90.lower()), end(Level::P90.upper())))
    }

    /// The best, and `draws` draws: those of a seed and name are always the same.
    pub(crate) fn drawn(&self, seed: u64, draws: usize) -> Result<Drawn<f64>, Diagnostic> {
        let best = self.best();
        if self.is_certain() {
            return Ok(Drawn::certain(best, draws));
        }
        let needed: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        let sampler = sampled(&self.inputs, &needed)?.sampler(seed, Design::Plain)?;
        let sample = sampler.draw(draws)?;
        let mut columns = Columns::new(draws);
        for name in needed {
            columns.set(name, sample.column(name)?.to_vec());
        }
        let values = self.evaluate(&columns);
        Ok(Drawn { best, draws: values.into_iter().map(|value| value / self.unit).collect() })
    }

    fn evaluate(&self, columns: &Columns) -> Vec<f64> {
        let rows = columns.rows();
        let Ok(answer) = self.compiled.evaluate(columns) else { return vec![f64::NAN; rows] };
        match answer.get(&self.name) {
            // What depends on no input is one number.
            Some([one]) => vec![*one; rows],
            Some(column) => column.to_vec(),
            None => vec![f64::NAN; rows],
        }
    }
}

/// `text` with money as people write it, `$10M` or `$2.5 bn`, in the words of the language.
pub(crate) fn dollars(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = rest[at + 1..].trim_start();
        let digits = rest
            .char_indices()
            .find(|&(i, c)| {
                let exponent = matches!(c, 'e' | 'E')
                    && rest[i + 1..].starts_with(|next: char| next.is_ascii_digit());
                !(c.is_ascii_digit() || matches!(c, '.' | '_') || exponent)
            })
            .map_or(rest.len(), |(i, _)| i);
        out.push_str(&rest[..digits]);
        rest = &rest[digits..];
        let word = rest.trim_start();
        let letters = word.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(word.len());
        let scale = match &word[..letters] {
            "k" | "K" | "thousand" => "k",
            "m" | "M" | "mn" | "million" => "M",
            "b" | "B" | "bn" | "billion" => "bn",
            "t" | "T" | "tn" | "trillion" => "tn",
            _ => "",
        };
        if !scale.is_empty() {
            out.push(' ');
            out.push_str(scale);
            rest = &word[letters..];
        }
        out.push_str(" USD");
    }
    out.push_str(rest);
    out
}

/// `20,000` as `20_000`: the language keeps commas for lists, and a list stands in brackets.
pub(crate) fn thousands(text: &str) -> String {
    if text.contains('(') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let group = |at: usize| {
        at > 0 && digit(at - 1) && (1..=3).all(|next| digit(at + next)) && !digit(at + 4)
    };
    text.char_indices().map(|(at, c)| if c == ',' && group(at) { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, units: &[&str]) -> (Written, usize) {
        Written::read("x", Source::new("x", text), units).unwrap().unwrap()
    }

    #[test]
    fn a_quantity_comes_in_the_first_unit_that_fits() {
        let (written, which) = read("2 k USD", &["FLOP", "USD"]);
        assert_eq!((written.best(), which), (2000.0, 1));
        assert!(written.is_certain());
        assert_eq!(written.drawn(1, 3).unwrap(), Drawn::certain(2000.0, 3));
        let refused = Written::read("x", Source::new("x", "3 GB"), &["FLOP"]).unwrap();
        assert!(refused.unwrap_err().contains("information"));
    }

    #[test]
    fn uncertain_quantities_have_their_median_and_the_same_draws_each_time() {
        let (written, _) = read("30% to 45%", &["%"]);
        assert!((written.best() - (30.0f64 * 45.0).sqrt()).abs() < 1e-9, "{}", written.best());
        let (low, high) = written.ends().unwrap();
        assert!((low - 30.0).abs() < 1e-9 && (high - 45.0).abs() < 1e-9);
        let drawn = written.drawn(7, 2000).unwrap();
        assert_eq!(drawn, written.drawn(7, 2000).unwrap());
        assert_ne!(drawn, written.drawn(8, 2000).unwrap());
        let inside = drawn.draws.iter().filter(|&&x| (30.0..45.0).contains(&x)).count();
        assert!((1750..1850).contains(&inside), "{inside}");
        // Two distributions in one expression.
        let (sum, _) = read("(1 USD to 2 USD) + (3 USD to 4 USD)", &["USD"]);
        assert!(sum.ends().is_none() && sum.drawn(1, 10).unwrap().draws.len() == 10);
    }

    #[test]
    fn money_is_read_as_people_write_it() {
        for (written, plain) in [
            ("$10M", "10 M USD"),
            ("$ 2.5 bn", "2.5 bn USD"),
            ("$45k to $50K", "45 k USD to 50 k USD"),
            ("$1e6", "1e6 USD"),
            ("$3/h", "3 USD/h"),
            ("$2B on H100", "2 bn USD on H100"),
            ("10 M USD", "10 M USD"),
            ("$", " USD"),
        ] {
            assert_eq!(dollars(written), plain);
        }
        assert_eq!(thousands("20,000,000 USD, 3,5"), "20_000_000 USD, 3,5");
        assert_eq!(thousands("max(1,200)"), "max(1,200)");
    }
}
