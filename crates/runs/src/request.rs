//! What a law asks of a table: its target, its variables, and which rows may go.

use diagnostic::{Diagnostic, nearest};
use serde::{Deserialize, Serialize};

use crate::Filter;
use crate::standard::standard;

/// The numbers that a law can use in a column; rows with others are left out and listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// Above zero and finite: whatever a law takes a logarithm or a power of.
    #[default]
    Positive,
    /// Zero or above, and finite.
    NonNegative,
    /// Any finite number.
    Finite,
    /// From 0 to 1, both included: an accuracy, an error rate.
    Share,
}

impl Domain {
    /// Whether a law can use `value`.
    pub fn holds(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Self::Positive => value > 0.0,
                Self::NonNegative => value >= 0.0,
                Self::Finite => true,
                Self::Share => (0.0..=1.0).contains(&value),
            }
    }

    /// The domain in words, after `is`.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Positive => "positive and finite",
            Self::NonNegative => "zero or above and finite",
            Self::Finite => "finite",
            Self::Share => "a share from 0 to 1",
        }
    }
}

/// One quantity that a law needs for every row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The name in the law: a standard name such as `N`, or any column.
    pub name: String,
    /// The numbers that are usable.
    pub domain: Domain,
}

impl Asked {
    /// `name`, of which the values in `domain` are usable.
    pub fn new(name: impl Into<String>, domain: Domain) -> Self {
        Self { name: name.into(), domain }
    }

    /// `name`, of which positive finite values are usable.
    pub fn positive(name: impl Into<String>) -> Self {
        Self::new(name, Domain::Positive)
    }
}

/// Which valid rows are left out. All off: nothing goes unless it is asked for, and the
/// [findings](crate::Finding) say when a rule is worth asking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each rule is on or off, whatever the others are"
)]
pub struct Rules {
    /// Keep only the last row of every run.
    pub last_checkpoint_only: bool,
    /// Leave out points of a run's curve that jump above their neighbours.
    pub drop_spikes: bool,
    /// Leave out rows that repeat an earlier row.
    pub drop_duplicates: bool,
    /// Leave out points of a run before its learning rate has decayed.
    pub drop_unannealed: bool,
}

/// What a law asks of a table.
///
/// ```
/// use runs::{Asked, Domain, Request};
///
/// let request = Request::new(Asked::new("accuracy", Domain::Share), ["N", "D"].map(Asked::positive))
///     .column("D", "tokens_in_billions*1e9");
/// assert_eq!(request.variables[1].name, "D");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the law predicts.
    pub target: Asked,
    /// What it predicts it from.
    pub variables: Vec<Asked>,
    /// For a name, the column to take or an expression over columns: (`D`, `tokens*1e9`). Besides
    /// the names of the law these may be `run`, `group`, `weight`, any standard name, and names
    /// that other expressions use.
    pub columns: Vec<(String, String)>,
    /// The conditions a row must meet.
    pub filters: Vec<Filter>,
    /// The column that says which run a row belongs to; found by name where `None`.
    pub run: Option<String>,
    /// The column that says which group a row belongs to; no groups where `None`.
    pub group: Option<String>,
    /// The column or expression of weights; all alike where `None`. A weight may be zero.
    pub weight: Option<String>,
    /// Which valid rows are left out.
    pub rules: Rules,
}

impl Default for Request {
    /// The loss from N and D.
    fn default() -> Self {
        Self::new(Asked::positive("loss"), ["N", "D"].map(Asked::positive))
    }
}

impl Request {
    /// `target` from `variables`, every column found by its name.
    pub fn new(target: Asked, variables: impl IntoIterator<Item = Asked>) -> Self {
        Self {
            target,
            variables: variables.into_iter().collect(),
            columns: Vec::new(),
            filters: Vec::new(),
            run: None,
            group: None,
            weight: None,
            rules: Rules::default(),
        }
    }

    /// Says which column, or which expression over columns, holds `name`.
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, column: impl Into<String>) -> Self {
        self.columns.push((name.into(), column.into()));
        self
    }

    /// Keeps only rows that meet `filter`.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Refuses a request that contradicts itself; gives the columns for standard names that
    /// nothing asks for.
    pub(crate) fn check(&self) -> Result<Vec<(String, String)>, Diagnostic> {
        let asked = || self.variables.iter().chain([&self.target]);
        check_names(asked())?;
        let expressions = self.columns.iter().map(|(_, text)| text);
        let expressions = expressions.chain(&self.weight);
        let expressions: Vec<&String> =
            expressions.chain(self.filters.iter().map(|filter| &filter.column)).collect();
        let in_expression = |name: &str| {
            expressions
                .iter()
                .flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_'))
                .any(|word| word == name)
        };
        let mut unused = Vec::new();
        for (place, (name, column)) in self.columns.iter().enumerate() {
            if self.columns[..place].iter().any(|(known, _)| known == name) {
                return Err(Diagnostic::error(format!(
                    "`--column {name}={column}`: {name} is given twice"
                ))
                .help("say once which column or expression it is"));
            }
            let used = ALWAYS_USED.contains(&name.as_str())
                || asked().any(|asked| asked.name == *name)
                || in_expression(name);
            if used {
                continue;
            }
            if standard(name).is_some() {
                unused.push((name.clone(), column.clone()));
                continue;
            }
            let names: Vec<&str> = asked().map(|asked| asked.name.as_str()).collect();
            let problem =
                Diagnostic::error(format!("`--column {name}={column}`: nothing asks for `{name}`"))
                    .note(format!("the law asks for {}", names.join(", ")));
            return Err(match nearest(name, names.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
        Ok(unused)
    }
}

/// Names that the checks look at, or that have a place of their own in a request.
const ALWAYS_USED: [&str; 12] = [
    "N",
    "D",
    "C",
    "run",
    "group",
    "weight",
    "step",
    "lr",
    "vocab",
    "annealed",
    "dataset",
    "tokenizer",
];

/// Refuses a name that is asked for twice.
pub(crate) fn check_names<'a>(asked: impl Iterator<Item = &'a Asked>) -> Result<(), Diagnostic> {
    let mut known: Vec<&str> = Vec::new();
    for asked in asked {
        if known.contains(&asked.name.as_str()) {
            return Err(Diagnostic::error(format!("the law asks for `{}` twice", asked.name))
                .help("name the target and every variable once"));
        }
        known.push(&asked.name);
    }
    Ok(())
}
