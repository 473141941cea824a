//! Standard names of columns, their synonyms and conventions: the reader of
//! `catalogue/columns.toml`, which holds them as data.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// A name that laws use, such as N, and the headers that are taken for it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StandardName {
    pub(crate) name: String,
    /// What it is: `the model parameters`.
    pub(crate) means: String,
    /// The unit of the values.
    pub(crate) unit: String,
    /// What goes wrong where the convention is not known.
    #[serde(default)]
    pub(crate) matters: String,
    /// Whether a header may end in a scale such as `_M`.
    #[serde(default)]
    pub(crate) scaled: bool,
    /// Formulas over standard names that give it.
    #[serde(default)]
    pub(crate) derive: Vec<String>,
    columns: Vec<Synonyms>,
}

/// Header names that follow one convention.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Synonyms {
    pub(crate) convention: String,
    /// Whether the names leave the convention open.
    #[serde(default)]
    pub(crate) unstated: bool,
    pub(crate) unit: Option<String>,
    names: Vec<String>,
    #[serde(default)]
    starts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    prefixes: Vec<String>,
    scales: BTreeMap<String, f64>,
    name: Vec<StandardName>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    toml::from_str(include_str!("../../../catalogue/columns.toml"))
        .expect("the embedded catalogue of columns is checked by a test")
});

/// The standard name `name`, if it is one.
pub(crate) fn standard(name: &str) -> Option<&'static StandardName> {
    CATALOGUE.name.iter().find(|known| known.name == name)
}

/// A header with the forms in which it is compared.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) written: &'a str,
    /// Lower case, everything but letters and digits read as one `_`.
    plain: String,
    /// `plain` behind a prefix such as `metrics_`.
    unprefixed: Option<String>,
    /// `plain` before a scale such as `_m`, and the scale.
    scaled: Option<(String, f64)>,
}

impl<'a> Header<'a> {
    pub(crate) fn new(written: &'a str) -> Self {
        let plain = plain(written);
        let unprefixed = CATALOGUE
            .prefixes
            .iter()
            .filter_map(|prefix| plain.strip_prefix(prefix.as_str())?.strip_prefix('_'))
            .min_by_key(|rest| rest.len())
            .map(str::to_owned);
        let scaled = scale(&plain).map(|(base, factor)| (base.to_owned(), factor));
        Self { written, plain, unprefixed, scaled }
    }

    /// What its values are to be multiplied with, where it names a scale.
    pub(crate) fn factor(&self) -> f64 {
        self.scaled.as_ref().map_or(1.0, |(_, factor)| *factor)
    }

    /// The words of the header.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.plain.split('_').filter(|word| !word.is_empty())
    }
}

/// A header that is taken for a standard name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    /// Its place among the headers.
    pub(crate) header: usize,
    pub(crate) synonyms: &'static Synonyms,
    pub(crate) factor: f64,
}

/// How alike a header and a synonym are, nearest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Same,
    SameButCase,
    SameWords,
    Prefixed,
    Scaled,
}

impl StandardName {
    /// Headers that are taken for this name, best first.
    pub(crate) fn matches(&'static self, headers: &[Header<'_>]) -> Vec<Match> {
        use Likeness::{Prefixed, Same, SameButCase, SameWords, Scaled};
        let mut found: Vec<Match> = Vec::new();
        for likeness in [Same, SameButCase, SameWords, Prefixed, Scaled] {
            if likeness == Scaled && !self.scaled {
                continue;
            }
            for synonyms in &self.columns {
                for name in &synonyms.names {
                    let words = plain(name);
                    for (index, header) in headers.iter().enumerate() {
                        let same = match likeness {
                            Same => header.written == name,
                            SameButCase => header.written.eq_ignore_ascii_case(name),
                            SameWords => header.plain == words,
                            Prefixed => header.unprefixed.as_ref() == Some(&words),
                            Scaled => {
                                header.scaled.as_ref().is_some_and(|(base, _)| *base == words)
                            }
                        };
                        if same && found.iter().all(|known| known.header != index) {
                            let factor = if likeness == Scaled { header.factor() } else { 1.0 };
                            found.push(Match { header: index, synonyms, factor });
                        }
                    }
                }
                if likeness == SameWords {
                    for (index, header) in headers.iter().enumerate() {
                        let starts = |start: &String| header.written.starts_with(start.as_str());
                        if synonyms.starts.iter().any(starts)
                            && found.iter().all(|known| known.header != index)
                        {
                            found.push(Match { header: index, synonyms, factor: 1.0 });
                        }
                    }
                }
            }
        }
        found
    }

    /// Every known header name.
    pub(crate) fn known(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().flat_map(|synonyms| synonyms.names.iter().map(String::as_str))
    }
}

/// A header in lower case, with everything that is no letter or digit as one `_`.
pub(crate) fn plain(header: &str) -> String {
    let mut out = String::with_capacity(header.len());
    for character in header.chars() {
        if character.is_alphanumeric() {
            out.extend(character.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    if out.ends_with('_') {
        out.pop();
    }
    out
}

/// What stands before the scale at the end of a header, and the scale: `params_m`, `flops_1e21`.
fn scale(plain: &str) -> Option<(&str, f64)> {
    let (base, last) = plain.rsplit_once('_')?;
    let factor =
        CATALOGUE.scales.get(last).copied().or_else(|| {
            last.strip_prefix("1e")?.parse::<i32>().ok().map(|power| 10_f64.powi(power))
        })?;
    Some((base.strip_suffix("_in").unwrap_or(base), factor)).filter(|_| factor.is_normal())
}
