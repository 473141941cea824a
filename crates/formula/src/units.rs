//! Units by name: the built-in table, prefixes, price years, and units a program declares.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use crate::dimension::{Dimension, Ratio, Symbol};
use crate::unit_table::{BINARY, CURRENCIES, NAMED, Prefixes, SCALES, SI, UNITS};

/// A unit as written: `bn USD/GW[it]/yr`. Its scale word is kept apart from its atoms.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct UnitText {
    pub(crate) scale: Option<String>,
    pub(crate) atoms: Vec<Atom>,
    /// A kind on a plain number, as in `1.2 [facility/it]`.
    pub(crate) kind: Vec<(String, i32)>,
}

/// One named unit with its exponent and kind.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Atom {
    pub(crate) name: String,
    pub(crate) exponent: i32,
    pub(crate) kind: Vec<(String, i32)>,
}

/// A unit understood: how many base units it is, and of which dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub(crate) text: UnitText,
    pub(crate) factor: f64,
    pub(crate) dimension: Dimension,
}

impl Unit {
    /// Base units in one of this unit (seconds, bits, FLOP, ... and their products).
    pub fn factor(&self) -> f64 {
        self.factor
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.text)
    }
}

/// One unit name resolved.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) factor: f64,
    pub(crate) dimension: Dimension,
    pub(crate) prefixes: Prefixes,
}

/// The units a program knows.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    known: HashMap<String, Known>,
    symbols: HashMap<String, Symbol>,
    names: Vec<String>,
}

impl Default for Units {
    fn default() -> Self {
        let mut units = Self { known: HashMap::new(), symbols: HashMap::new(), names: Vec::new() };
        for row in UNITS {
            let dimension = units.dimension_of(row.dimension);
            let known = Known { factor: row.factor, dimension, prefixes: row.prefixes };
            for &name in row.names {
                units.known.insert(name.to_owned(), known.clone());
            }
        }
        for name in CURRENCIES {
            units.declare_base(name);
        }
        units
    }
}

impl Units {
    /// The symbol of a base unit or kind, made on first use. Kinds are spelled `[it]`.
    pub(crate) fn symbol(&mut self, name: &str) -> Symbol {
        if let Some(&symbol) = self.symbols.get(name) {
            return symbol;
        }
        let symbol = Symbol(self.names.len() as u32);
        self.names.push(name.to_owned());
        self.symbols.insert(name.to_owned(), symbol);
        symbol
    }

    pub(crate) fn dimension_of(&mut self, exponents: &[(&str, i8)]) -> Dimension {
        exponents.iter().fold(Dimension::none(), |all, &(name, exponent)| {
            let base = Dimension::of(self.symbol(name));
            let part = base.power(Ratio::whole(i64::from(exponent)));
            part.and_then(|part| all.times(&part)).unwrap_or_default()
        })
    }

    /// Declares `name` as a new base unit.
    pub(crate) fn declare_base(&mut self, name: &str) {
        let dimension = Dimension::of(self.symbol(name));
        let known = Known { factor: 1.0, dimension, prefixes: Prefixes::None };
        self.known.insert(name.to_owned(), known);
    }

    /// Declares `name` as `factor` base units of `dimension`.
    pub(crate) fn declare(&mut self, name: &str, factor: f64, dimension: Dimension) {
        let known = Known { factor, dimension, prefixes: Prefixes::None };
        self.known.insert(name.to_owned(), known);
    }

    /// A unit by name, with prefix or price year.
    pub(crate) fn find(&mut self, name: &str) -> Option<Known> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        if is_priced(name) {
            let dimension = Dimension::of(self.symbol(name));
            return Some(Known { factor: 1.0, dimension, prefixes: Prefixes::None });
        }
        let (prefix, base) = self.split_prefix(name)?;
        let known = &self.known[base];
        Some(Known { factor: prefix * known.factor, ..known.clone() })
    }

    /// Whether `name` is a unit.
    pub(crate) fn is_unit(&self, name: &str) -> bool {
        self.known.contains_key(name) || is_priced(name) || self.split_prefix(name).is_some()
    }

    fn split_prefix<'a>(&self, name: &'a str) -> Option<(f64, &'a str)> {
        let tables = [(BINARY, true), (SI, false)];
        tables.iter().find_map(|&(table, binary)| {
            table.iter().find_map(|&(prefix, factor)| {
                let base = name.strip_prefix(prefix)?;
                let known = self.known.get(base)?;
                let allowed = match known.prefixes {
                    Prefixes::None => false,
                    Prefixes::Si => !binary,
                    Prefixes::SiAndBinary => true,
                };
                allowed.then_some((factor, base))
            })
        })
    }

    /// Understands a unit as written; the index of the first unknown atom otherwise.
    pub(crate) fn understand(&mut self, text: &UnitText) -> Result<Unit, Misfit> {
        let mut factor = text.scale.as_deref().and_then(scale).unwrap_or(1.0);
        let mut dimension = self.kinds(&text.kind, 1).ok_or(Misfit::TooLarge)?;
        for (index, atom) in text.atoms.iter().enumerate() {
            let known = self.find(&atom.name).ok_or(Misfit::Unknown(index))?;
            factor *= known.factor.powi(atom.exponent);
            let part = known.dimension.power(Ratio::whole(i64::from(atom.exponent)));
            let kinds = self.kinds(&atom.kind, i64::from(atom.exponent));
            dimension = part
                .and_then(|part| dimension.times(&part))
                .and_then(|all| all.times(&kinds?))
                .ok_or(Misfit::TooLarge)?;
        }
        Ok(Unit { text: text.clone(), factor, dimension })
    }

    fn kinds(&mut self, kinds: &[(String, i32)], power: i64) -> Option<Dimension> {
        kinds.iter().try_fold(Dimension::none(), |all, (name, exponent)| {
            let base = Dimension::of(self.symbol(&format!("[{name}]")));
            all.times(&base.power(Ratio::whole(i64::from(*exponent) * power))?)
        })
    }

    /// The known unit nearest to `name`, and near enough to be a slip.
    pub(crate) fn nearest(&self, name: &str) -> Option<&str> {
        let mut names: Vec<&str> = self.known.keys().map(String::as_str).collect();
        names.sort_unstable();
        let close = diagnostic::nearest(name, names.iter().copied())?;
        // For a name of one or two letters anything is near: advice would be noise.
        (name.chars().count() > 2).then_some(close)
    }

    pub(crate) fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.0 as usize).map_or("?", String::as_str)
    }

    pub(crate) fn is_kind(&self, symbol: Symbol) -> bool {
        self.name(symbol).starts_with('[')
    }

    /// The dimension without its kinds, and the kinds alone.
    pub(crate) fn split_kinds(&self, dimension: &Dimension) -> (Dimension, Dimension) {
        let mut parts = (Dimension::none(), Dimension::none());
        for &(symbol, exponent) in dimension.exponents() {
            let one = Dimension::of(symbol).power(exponent).unwrap_or_default();
            let part = if self.is_kind(symbol) { &mut parts.1 } else { &mut parts.0 };
            *part = part.times(&one).unwrap_or_default();
        }
        parts
    }

    /// The dimension for a person: its units, and its name where it has one: `J/s (power)`.
    pub(crate) fn describe(&mut self, dimension: &Dimension) -> String {
        if dimension.is_none() {
            return "a plain number".to_owned();
        }
        let (plain, kinds) = self.split_kinds(dimension);
        let known = NAMED.iter().find(|(_, exponents)| self.dimension_of(exponents) == plain);
        let units = self.spell(dimension);
        match known {
            Some((name, _)) if kinds.is_none() => format!("{name} ({units})"),
            Some((name, _)) => format!("{name} of kind {} ({units})", self.spell(&kinds)),
            None => units,
        }
    }

    /// The dimension in units: `USD/W/yr`. Energy and power are spelled in J and W.
    pub(crate) fn spell(&mut self, dimension: &Dimension) -> String {
        let mut factors: Vec<(String, Ratio)> = Vec::new();
        let mut rest = dimension.clone();
        let (mass, length) = (self.symbol("kg"), self.symbol("m"));
        let exponent = rest.exponent(mass);
        if exponent != Ratio::ZERO
            && rest.exponent(length) == exponent.times(Ratio::whole(2)).unwrap_or(Ratio::ZERO)
        {
            let time = rest.exponent(self.symbol("s"));
            let watt = exponent.times(Ratio::whole(-3)) == Some(time);
            let (name, row): (_, &[_]) = if watt {
                ("W", &[("kg", 1), ("m", 2), ("s", -3)])
            } else {
                ("J", &[("kg", 1), ("m", 2), ("s", -2)])
            };
            let unit = self.dimension_of(row).power(exponent);
            if let Some(left) = unit.and_then(|unit| rest.over(&unit)) {
                rest = left;
                factors.push((name.to_owned(), exponent));
            }
        }
        let (plain, kinds) = self.split_kinds(&rest);
        factors.extend(plain.exponents().iter().map(|&(s, e)| (self.name(s).to_owned(), e)));
        factors.sort_by_key(|&(_, exponent)| exponent.is_negative());
        let mut text = String::new();
        for (name, exponent) in factors {
            let shown = if exponent.is_negative() { exponent.negated() } else { exponent };
            match (text.is_empty(), exponent.is_negative()) {
                (true, false) => {}
                (false, false) => text.push(' '),
                (_, true) => text.push('/'),
            }
            text.push_str(&name);
            if shown != Ratio::ONE {
                let _ = write!(text, "^{shown}");
            }
        }
        if !kinds.is_none() {
            text.push_str(&self.spell_kinds(&kinds));
        }
        text
    }

    fn spell_kinds(&self, kinds: &Dimension) -> String {
        let list: Vec<(String, i32)> = kinds
            .exponents()
            .iter()
            .map(|&(s, e)| {
                let name = self.name(s).trim_matches(['[', ']']).to_owned();
                (name, e.as_whole().unwrap_or(1) as i32)
            })
            .collect();
        format!("[{}]", KindText(&list))
    }
}

/// What is wrong with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The atom of this index has no known name.
    Unknown(usize),
    /// Exponents outgrow the machine.
    TooLarge,
}

/// The factor of a scale word.
pub(crate) fn scale(word: &str) -> Option<f64> {
    SCALES.iter().find(|(name, _)| *name == word).map(|&(_, factor)| factor)
}

/// `USD_2025`: a currency with the year of its prices.
pub(crate) fn is_priced(name: &str) -> bool {
    name.split_once('_').is_some_and(|(currency, year)| {
        CURRENCIES.contains(&currency)
            && year.len() == 4
            && year.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Kinds with exponents, printed as they are read: `facility/it`.
struct KindText<'a>(&'a [(String, i32)]);

impl fmt::Display for KindText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut order: Vec<&(String, i32)> = self.0.iter().filter(|(_, e)| *e > 0).collect();
        order.extend(self.0.iter().filter(|(_, e)| *e <= 0));
        for (index, (name, exponent)) in order.into_iter().enumerate() {
            write_factor(f, index == 0, name, *exponent, "*")?;
        }
        Ok(())
    }
}

fn write_factor(
    f: &mut fmt::Formatter<'_>,
    first: bool,
    name: &str,
    exponent: i32,
    times: &str,
) -> fmt::Result {
    match (first, exponent < 0) {
        (_, true) => write!(f, "/{name}")?,
        (true, false) => write!(f, "{name}")?,
        (false, false) => write!(f, "{times}{name}")?,
    }
    match exponent.unsigned_abs() {
        1 => Ok(()),
        power => write!(f, "^{power}"),
    }
}

impl fmt::Display for UnitText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scale) = &self.scale {
            write!(f, "{scale}")?;
            if !(self.atoms.is_empty() && self.kind.is_empty()) {
                f.write_str(" ")?;
            }
        }
        if !self.kind.is_empty() {
            write!(f, "[{}]", KindText(&self.kind))?;
        }
        for (index, atom) in self.atoms.iter().enumerate() {
            write_factor(f, index == 0, &atom.name, atom.exponent, " ")?;
            if !atom.kind.is_empty() {
                write!(f, "[{}]", KindText(&atom.kind))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(name: &str) -> Option<f64> {
        Units::default().find(name).map(|known| known.factor)
    }

    #[test]
    fn prefixes_apply_where_the_unit_takes_them() {
        assert_eq!(factor("GW"), Some(1e9));
        assert_eq!(factor("GiB"), Some(8.0 * 1024f64.powi(3)));
        assert_eq!(factor("kg"), Some(1.0));
        assert_eq!(factor("kyr"), None);
        assert_eq!(factor("KiW"), None);
    }

    #[test]
    fn a_price_year_is_a_unit_of_its_own() {
        let mut units = Units::default();
        let (old, new) = (units.find("USD_2023").unwrap(), units.find("USD_2025").unwrap());
        assert_ne!(old.dimension, new.dimension);
        assert!(units.find("USD_25").is_none());
    }

    #[test]
    fn dimensions_are_described_by_name_and_unit() {
        let mut units = Units::default();
        let watt = units.find("W").unwrap().dimension;
        assert_eq!(units.describe(&watt), "power (W)");
        let cost = units.find("USD").unwrap().dimension.over(&watt).unwrap();
        assert_eq!(units.describe(&cost), "USD/W");
    }
}
