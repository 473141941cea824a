//! Values for people: unit, prefix and digits chosen to be read.

use diagnostic::Diagnostic;

use crate::checked::Checked;
use crate::dimension::Dimension;
use crate::graph::Id;
use crate::lex::{days_in_month, is_leap};
use crate::types::{Form, Nature};
use crate::unit_table::{Prefixes, SI, YEAR};
use crate::units::{Atom, Unit, UnitText, Units};

/// How the numbers of a value are to be read: date, condition, share, growth, or in a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueType {
    form: Form,
    nature: Nature,
    /// The unit of the numbers, where one was asked for; base units otherwise.
    asked: Option<Unit>,
    /// The unit to show in, when none was asked for.
    shown: Option<Unit>,
    /// The prefixable atom that leads `shown`, with its bare size.
    prefix: Option<(String, f64)>,
    /// The dimension in words: `power (W)`.
    description: String,
}

impl ValueType {
    /// A plain number.
    pub fn number() -> Self {
        Self {
            form: Form::Quantity,
            nature: Nature::Plain,
            asked: None,
            shown: None,
            prefix: None,
            description: "a plain number".to_owned(),
        }
    }

    /// Whether it is an amount, a moment or a condition.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether it is a share, percentage points or growth.
    pub fn nature(&self) -> Nature {
        self.nature
    }

    /// The unit its numbers are in, where one was asked for with `in`; base units otherwise.
    pub fn unit(&self) -> Option<&Unit> {
        self.asked.as_ref()
    }

    /// The unit in which its numbers read best, where none was asked for and it has one.
    pub fn readable_unit(&self) -> Option<&Unit> {
        self.shown.as_ref()
    }

    /// What it is, in words: `power (W)`, `a date`.
    pub fn description(&self) -> &str {
        &self.description
    }

    pub(crate) fn factor(&self) -> Option<f64> {
        self.asked.as_ref().map(|unit| unit.factor)
    }

    /// A value of this type as text with `digits` significant digits: `4.98 yr`, `38 bn USD/GW`,
    /// `2031-04`, `never`.
    ///
    /// ```
    /// use formula::{Environment, Program};
    ///
    /// let program = Program::parse("<example>", "ln(1000) / (20x/yr - 5x/yr)")?;
    /// let checked = program.check(&Environment::new())?;
    /// assert_eq!(checked.constant("result")?.as_deref(), Some("4.98 yr"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    pub fn show(&self, value: f64, digits: usize) -> String {
        if value.is_nan() {
            return "undefined".to_owned();
        }
        match (self.form, self.nature) {
            (Form::Truth, _) => if value == 0.0 { "false" } else { "true" }.to_owned(),
            (Form::Instant, _) => show_instant(value),
            (_, Nature::Growth) if self.asked.is_none() => {
                format!("{}x/yr", number((value * YEAR).exp(), digits))
            }
            (_, Nature::Share | Nature::Points) if self.asked.is_none() => {
                let name = if self.nature == Nature::Share { "%" } else { "pp" };
                let (value, per) = match &self.shown {
                    Some(unit) => (value / unit.factor, unit.text.to_string()),
                    None => (value, String::new()),
                };
                format!("{} {name}{per}", number(value * 100.0, digits))
            }
            _ => self.show_quantity(value, digits),
        }
    }

    fn show_quantity(&self, value: f64, digits: usize) -> String {
        if let Some(unit) = &self.asked {
            return format!("{} {unit}", number(value, digits));
        }
        let Some(unit) = &self.shown else { return number(value, digits) };
        let mut value = value / unit.factor;
        let mut text = unit.text.clone();
        if let (Some((bare, size)), Some(atom)) = (&self.prefix, text.atoms.first_mut())
            && value != 0.0
            && value.is_finite()
            && !(0.1..10_000.0).contains(&value.abs())
        {
            // A prefix that leaves one to three digits before the point.
            let base = value * size;
            let fits = |factor: f64| (1.0..1000.0).contains(&(base.abs() / factor));
            if let Some((prefix, factor)) = SI
                .iter()
                .copied()
                .filter(|(prefix, _)| *prefix != "u")
                .chain([("", 1.0)])
                .find(|&(_, factor)| fits(factor))
            {
                atom.name = format!("{prefix}{bare}");
                value = base / factor;
            }
        }
        let money = text.atoms.first().is_some_and(|atom| {
            crate::unit_table::CURRENCIES.contains(&atom.name.split('_').next().unwrap_or(""))
        });
        if money && value.abs() >= 1e6 {
            let (word, factor) = match value.abs() {
                size if size >= 1e12 => ("tn", 1e12),
                size if size >= 1e9 => ("bn", 1e9),
                _ => ("M", 1e6),
            };
            text.scale = Some(word.to_owned());
            value /= factor;
        }
        format!("{} {text}", number(value, digits))
    }
}

/// A number with so many significant digits, plain where that is short and `3.2e24` otherwise.
pub(crate) fn number(value: f64, digits: usize) -> String {
    let digits = digits.clamp(1, 17);
    if value == 0.0 || !value.is_finite() {
        return match value {
            v if v == f64::INFINITY => "infinite".to_owned(),
            v if v == f64::NEG_INFINITY => "-infinite".to_owned(),
            _ => "0".to_owned(),
        };
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let places = (digits - 1).saturating_add_signed(-exponent as isize);
        return trim(&format!("{value:.places$}")).to_owned();
    }
    format!("{}e{exponent}", trim(mantissa))
}

/// Without zeros at the end of a fraction.
fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A moment as `2031`, `2031-07` or `2031-07-15`: as much as it says beyond the start of a year.
fn show_instant(seconds: f64) -> String {
    if seconds == f64::INFINITY {
        return "never".to_owned();
    }
    let years = seconds / YEAR;
    if !(0.0..100_000.0).contains(&years) {
        return format!("year {}", number(years, 4));
    }
    let year = (years + 1e-9).floor();
    let share = (years - year).max(0.0);
    if share < 1e-8 {
        return format!("{year:04}");
    }
    let whole = year as u16;
    let days = if is_leap(whole) { 366.0 } else { 365.0 };
    let mut day = (share * days + 1e-6).floor() as u16;
    let mut month = 1;
    while month < 12 && day >= u16::from(days_in_month(whole, month)) {
        day -= u16::from(days_in_month(whole, month));
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

impl Checked {
    /// How the numbers of definition, series or input `name` are to be read.
    pub fn value_type(&self, name: &str) -> Result<ValueType, Diagnostic> {
        let root = self.find(name)?;
        let kind = &self.graph.types[root];
        let mut units = self.units.clone();
        let asked = self
            .definitions
            .iter()
            .find(|definition| definition.name == name)
            .and_then(|definition| definition.unit.clone());
        let (shown, prefix) = self.shown_unit(root, &mut units);
        let description = kind.describe(&mut units);
        Ok(ValueType { form: kind.form, nature: kind.nature, asked, shown, prefix, description })
    }

    /// `value_type` with another unit to show in, which must have the right dimension.
    pub fn value_type_in(&self, name: &str, unit: &str) -> Result<ValueType, Diagnostic> {
        let mut value = self.value_type(name)?;
        let mut units = self.units.clone();
        let understood = crate::check::parse_unit(&mut units, "unit", unit)?;
        let dimension = self.dimension(self.find(name)?);
        if value.form != Form::Quantity || understood.dimension != *dimension {
            let wants = units.describe(&understood.dimension);
            let message =
                format!("`{name}` is {} and cannot be shown in {unit}, {wants}", value.description);
            return Err(Diagnostic::error(message));
        }
        value.asked = Some(understood);
        Ok(value)
    }

    /// The unit of a value's numbers in words; empty for plain numbers and conditions.
    pub fn unit_in_words(&self, name: &str, value: &ValueType) -> Result<String, Diagnostic> {
        Ok(match (value.form(), value.nature(), value.unit()) {
            (_, _, Some(unit)) => unit.to_string(),
            (Form::Instant, ..) => "decimal year".to_owned(),
            (Form::Truth, ..) => String::new(),
            (_, Nature::Growth, None) => "x/yr".to_owned(),
            (_, _, None) => self.dimension_of(name)?,
        })
    }

    /// A definition that depends on no data, parameter or sample, shown with three digits;
    /// `None` where it does depend on one.
    pub fn constant(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        let compiled = self.compile(&[name])?;
        if !compiled.inputs().is_empty() || !compiled.parameters().is_empty() {
            return Ok(None);
        }
        let values = compiled.evaluate(&crate::Columns::new(1))?;
        let output = &compiled.outputs()[0];
        let shown: Vec<String> = compiled
            .column_names()
            .iter()
            .filter_map(|name| values.get(name))
            .map(|column| output.value.show(column[0], 3))
            .collect();
        Ok(Some(shown.join(", ")))
    }

    /// The unit in which a value reads best, and the atom in it that takes other prefixes.
    fn shown_unit(&self, root: Id, units: &mut Units) -> (Option<Unit>, Option<(String, f64)>) {
        let kind = &self.graph.types[root];
        if kind.form != Form::Quantity || kind.dimension.is_none() {
            return (None, None);
        }
        let hinted = smallest(&self.graph.hints[root].0, &kind.dimension, units);
        let Some(unit) = hinted.or_else(|| from_base(&kind.dimension, units)) else {
            return (None, None);
        };
        // Amounts of compute and text are read in powers of ten: 5.88e23 FLOP.
        let counts = |atom: &Atom| matches!(atom.name.as_str(), "FLOP" | "token" | "param" | "OP");
        let count = matches!(&unit.text.atoms[..], [only] if counts(only));
        let leads = |atom: &&Atom| atom.exponent == 1 && !count;
        let prefix = unit.text.atoms.first().filter(leads).and_then(|atom| {
            let bare = bare_name(&atom.name, units)?;
            let size = units.find(&atom.name)?.factor / units.find(&bare)?.factor;
            Some((bare, size))
        });
        (Some(unit), prefix)
    }
}

/// The name without its SI prefix, where the unit takes prefixes.
fn bare_name(name: &str, units: &mut Units) -> Option<String> {
    let is_prefixable = |units: &mut Units, name: &str| {
        units.find(name).is_some_and(|known| known.prefixes != Prefixes::None)
    };
    // A time in seconds is not improved by `Gs`, nor a length by `Mm`.
    if matches!(name, "s" | "m" | "kg" | "g") {
        return None;
    }
    let stripped = SI.iter().find_map(|(prefix, _)| {
        let rest = name.strip_prefix(prefix)?;
        (!rest.is_empty() && is_prefixable(units, rest)).then(|| rest.to_owned())
    });
    stripped.or_else(|| is_prefixable(units, name).then(|| name.to_owned()))
}

/// The fewest of the atoms that make up the dimension: `USD/MWh GW yr` is `USD`.
fn smallest(atoms: &[Atom], dimension: &Dimension, units: &mut Units) -> Option<Unit> {
    // A hint has few atoms, so that all choices can be tried.
    let mut choices: Vec<u32> = (1..1 << atoms.len().min(8)).collect();
    choices.sort_by_key(|choice| choice.count_ones());
    choices.into_iter().find_map(|choice| {
        let chosen = atoms.iter().enumerate().filter(|(index, _)| choice >> index & 1 == 1);
        let mut atoms: Vec<Atom> = chosen.map(|(_, atom)| atom.clone()).collect();
        // As people write them: `USD/GW/yr`, the time last.
        let second = units.dimension_of(&[("s", 1)]);
        atoms.sort_by_key(|atom| {
            let time = units.find(&atom.name).is_some_and(|known| known.dimension == second);
            (atom.exponent < 0, time)
        });
        let unit = units.understand(&UnitText { atoms, ..UnitText::default() }).ok()?;
        (unit.dimension == *dimension).then_some(unit)
    })
}

/// A unit for a dimension of which nothing but its base units is known.
fn from_base(dimension: &Dimension, units: &mut Units) -> Option<Unit> {
    let spelled = units.spell(dimension);
    crate::check::parse_unit(units, "unit", &spelled)
        .ok()
        .filter(|unit| unit.dimension == *dimension)
}
