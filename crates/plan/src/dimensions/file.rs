//! Reads the file of a capability.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use diagnostic::Diagnostic;
use formula::Source;
use serde::Deserialize;
use toml::Spanned;

use super::capability::{Amount, Capability, Choice, Slot};

/// A table; its places say in which order it is written.
type Table<T> = BTreeMap<Spanned<String>, T>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CapabilityFile {
    name: String,
    title: String,
    source: String,
    #[serde(default)]
    notes: String,
    formula: Spanned<String>,
    #[serde(default)]
    target: TargetEntry,
    variables: Table<ChoiceEntry>,
    #[serde(default)]
    laws: Table<SlotEntry>,
    #[serde(default)]
    parameters: Table<AmountEntry>,
    cost: CostEntry,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetEntry {
    #[serde(default)]
    meaning: String,
    within: Option<Spanned<[f64; 2]>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceEntry {
    #[serde(default)]
    unit: String,
    #[serde(default)]
    meaning: String,
    within: Spanned<[f64; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SlotEntry {
    constants: String,
    gives: Spanned<String>,
    #[serde(default)]
    given: Table<Spanned<String>>,
    #[serde(default)]
    values: Table<AmountEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountEntry {
    value: Spanned<toml::Value>,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    meaning: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CostEntry {
    training: Spanned<String>,
    rl: Option<Spanned<String>>,
    query: Spanned<String>,
    queries: Spanned<toml::Value>,
}

/// The text of a file and what it is called.
struct File<'a> {
    origin: &'a str,
    text: &'a str,
}

impl Capability {
    /// Reads the file of a capability.
    ///
    /// # Errors
    /// A file that cannot be read, and whatever [`Capability::from_toml`] refuses.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|problem| {
            Diagnostic::error(format!("{} cannot be read: {problem}", path.display())).help(
                "give the path of a capability's file, or a name that `isoflop list capabilities` \
                 prints",
            )
        })?;
        Self::from_toml(&path.display().to_string(), &text)
    }

    /// A capability from the text of its file, which came from `origin`.
    ///
    /// # Errors
    /// Text that is not TOML, entries that are missing or unknown, variables other than N, D,
    /// `C_rl`, k and T, and ranges without room. Formulas are checked when a question is asked,
    /// since laws of one's own may take part in them.
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let file = File { origin, text };
        let entries: CapabilityFile = toml::from_str(text).map_err(|problem| {
            let message = problem.message().lines().next().unwrap_or("not a capability").to_owned();
            file.error(message, problem.span().unwrap_or(0..0), "here")
                .help("the book's chapter \"Split a budget\" describes the file of a capability")
        })?;
        file.capability(entries)
    }
}

impl File<'_> {
    fn error(&self, message: impl Into<String>, span: Range<usize>, label: &str) -> Diagnostic {
        Diagnostic::error(message).at(self.origin, self.text, span, label)
    }

    fn capability(&self, entries: CapabilityFile) -> Result<Capability, Diagnostic> {
        let mut choices = Vec::new();
        for (name, entry) in in_order(entries.variables) {
            choices.push(self.choice(&name, entry)?);
        }
        let mut slots = Vec::new();
        for (role, entry) in in_order(entries.laws) {
            let role = role.into_inner();
            slots.push(Slot {
                constants: entry.constants,
                gives: self.name(&entry.gives)?,
                given: in_order(entry.given)
                    .into_iter()
                    .map(|(name, text)| (name.into_inner(), self.formula(&text)))
                    .collect(),
                values: self.amounts(entry.values, &format!("{role}_"))?,
                role,
            });
        }
        let within = match &entries.target.within {
            Some(within) => self.range(within)?,
            None => (f64::NEG_INFINITY, f64::INFINITY),
        };
        Ok(Capability {
            name: entries.name,
            title: entries.title,
            source: entries.source,
            notes: entries.notes.trim().to_owned(),
            place: self.formula(&entries.formula),
            formula: entries.formula.into_inner(),
            meaning: entries.target.meaning,
            within,
            choices,
            slots,
            parameters: self.amounts(entries.parameters, "")?,
            training: self.formula(&entries.cost.training),
            rl: entries.cost.rl.as_ref().map(|rl| self.formula(rl)),
            query: self.formula(&entries.cost.query),
            queries: self.amount(
                "queries",
                AmountEntry {
                    value: entries.cost.queries,
                    unit: String::new(),
                    meaning: "queries over the model's life".to_owned(),
                    source: "the capability's file".to_owned(),
                },
            )?,
        })
    }

    fn choice(&self, name: &Spanned<String>, entry: ChoiceEntry) -> Result<Choice, Diagnostic> {
        let known = Choice::NAMES.map(|(name, _)| name);
        if !known.contains(&name.get_ref().as_str()) {
            return Err(self
                .error(format!("`{}` is not a choice", name.get_ref()), name.span(), "this name")
                .help(format!(
                    "the choices are {}; other numbers are parameters",
                    known.join(", ")
                )));
        }
        let within = self.range(&entry.within)?;
        if !(within.0 > 0.0 && within.1.is_finite()) {
            return Err(self.error(
                format!("`{}` needs a range of finite numbers above zero", name.get_ref()),
                entry.within.span(),
                "this range",
            ));
        }
        let name = name.get_ref().clone();
        Ok(Choice { name, unit: entry.unit, meaning: entry.meaning, within })
    }

    fn amounts(
        &self,
        entries: Table<AmountEntry>,
        prefix: &str,
    ) -> Result<Vec<Amount>, Diagnostic> {
        in_order(entries)
            .into_iter()
            .map(|(name, entry)| self.amount(&format!("{prefix}{}", name.get_ref()), entry))
            .collect()
    }

    fn amount(&self, name: &str, entry: AmountEntry) -> Result<Amount, Diagnostic> {
        let span = entry.value.span();
        let (value, place) = match entry.value.into_inner() {
            toml::Value::String(text) => {
                let place = self.formula(&Spanned::new(span, text.clone()));
                (text, place)
            }
            toml::Value::Integer(_) | toml::Value::Float(_) => {
                let text = self.text.get(span.clone()).unwrap_or_default().to_owned();
                (text, Source::part(self.origin, self.text, span))
            }
            _ => {
                return Err(self
                    .error("expected a number or a formula in quotes", span, "this value")
                    .help("for example `value = \"0.28 to 0.34\"`"));
            }
        };
        let AmountEntry { unit, meaning, source, .. } = entry;
        Ok(Amount { name: name.to_owned(), value, place, unit, meaning, source })
    }

    fn name(&self, name: &Spanned<String>) -> Result<String, Diagnostic> {
        let text = name.get_ref();
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && text.starts_with(|first: char| first.is_ascii_alphabetic());
        if plain {
            return Ok(text.clone());
        }
        Err(self.error(format!("`{text}` is not a name"), name.span(), "letters, digits and _"))
    }

    fn range(&self, range: &Spanned<[f64; 2]>) -> Result<(f64, f64), Diagnostic> {
        let [low, high] = *range.get_ref();
        if low < high {
            return Ok((low, high));
        }
        let message = "a range goes from a smaller to a larger number";
        Err(self.error(message, range.span(), "not a range"))
    }

    /// The formula that a TOML string holds, so that errors point into the file.
    fn formula(&self, value: &Spanned<String>) -> Source {
        Source::quoted(self.origin, self.text, value.span(), value.get_ref())
    }
}

/// The entries of a table in the order in which they are written.
fn in_order<T>(table: Table<T>) -> Vec<(Spanned<String>, T)> {
    let mut entries: Vec<(Spanned<String>, T)> = table.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
}
