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
    /// Whether they are taken only where no other column can be, and are no alternative to one.
    #[serde(default)]
    fallback: bool,
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

impl Likeness {
    /// Whether `header` is so alike to the synonym `name`, which is `words` in plain letters.
    fn holds(self, header: &Header<'_>, name: &str, words: &str) -> bool {
        match self {
            Self::Same => header.written == name,
            Self::SameButCase => header.written.eq_ignore_ascii_case(name),
            Self::SameWords => header.plain == words,
            Self::Prefixed => header.unprefixed.as_deref() == Some(words),
            Self::Scaled => header.scaled.as_ref().is_some_and(|(base, _)| base == words),
        }
    }
}

impl StandardName {
    /// Headers that are taken for this name, best first.
    pub(crate) fn matches(&'static self, headers: &[Header<'_>]) -> Vec<Match> {
        let found = self.matches_among(headers, false);
        if found.is_empty() { self.matches_among(headers, true) } else { found }
    }

    fn matches_among(&'static self, headers: &[Header<'_>], fallback: bool) -> Vec<Match> {
        use Likeness::{Prefixed, Same, SameButCase, SameWords, Scaled};
        let mut found: Vec<Match> = Vec::new();
        for likeness in [Same, SameButCase, SameWords, Prefixed, Scaled] {
            if likeness == Scaled && !self.scaled {
                continue;
            }
            for synonyms in self.columns.iter().filter(|it| it.fallback == fallback) {
                let names = synonyms.names.iter().map(|name| (name.as_str(), plain(name)));
                let names: Vec<(&str, String)> = names.collect();
                // By synonym and then by header: the synonyms are in order of preference.
                for (header, factor) in names
                    .iter()
                    .flat_map(|name| headers.iter().enumerate().map(move |header| (name, header)))
                    .filter(|((name, words), (_, header))| likeness.holds(header, name, words))
                    .map(|(_, (index, header))| {
                        (index, if likeness == Scaled { header.factor() } else { 1.0 })
                    })
                    .chain(headers.iter().enumerate().filter_map(|(index, header)| {
                        let starts = |start: &String| header.written.starts_with(start.as_str());
                        let is = likeness == SameWords && synonyms.starts.iter().any(starts);
                        is.then_some((index, 1.0))
                    }))
                {
                    if found.iter().all(|known| known.header != header) {
                        found.push(Match { header, synonyms, factor });
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// The headers taken for `name`, best first.
    fn taken<'h>(name: &str, headers: &[&'h str]) -> Vec<&'h str> {
        let read: Vec<Header<'_>> = headers.iter().map(|header| Header::new(header)).collect();
        let found = standard(name).unwrap().matches(&read);
        found.into_iter().map(|found| headers[found.header]).collect()
    }

    #[test]
    fn the_catalogue_is_read_and_says_something_about_every_name() {
        let mut names = HashSet::new();
        for name in &CATALOGUE.name {
            assert!(names.insert(&name.name), "{} twice", name.name);
            assert!(!name.means.is_empty() && !name.columns.is_empty(), "{}", name.name);
            let mut headers = HashSet::new();
            for synonyms in &name.columns {
                assert!(!synonyms.convention.is_empty(), "{}", name.name);
                // Whoever leaves the convention open has to say what that matters for.
                assert!(!synonyms.unstated || !name.matters.is_empty(), "{}", name.name);
                for header in &synonyms.names {
                    assert!(headers.insert(header), "{header} twice for {}", name.name);
                }
            }
            assert!(headers.len() > 1 || name.name == "k", "{}", name.name);
        }
    }

    #[test]
    fn every_derivation_is_over_standard_names() {
        for name in &CATALOGUE.name {
            for formula in &name.derive {
                let mut program = formula::Program::new();
                program
                    .define("it", formula::Source::new("columns.toml", formula.as_str()))
                    .unwrap();
                for outside in program.outside_names() {
                    assert!(standard(outside).is_some(), "{outside} in {formula}");
                    assert_ne!(outside, name.name, "{formula}");
                }
            }
        }
    }

    #[test]
    fn trackers_and_trainers_are_understood() {
        for (name, header) in [
            ("loss", "final/val_loss"),
            ("loss", "eval/loss"),
            ("loss", "summary.eval/loss"),
            ("loss", "metrics.val_loss"),
            ("loss", "Validation Loss"),
            ("loss", "test_loss__c4"),
            ("loss", "train/loss"),
            ("N", "num_parameters"),
            ("N", "config.n_params"),
            ("N", "model_size__params"),
            ("N", "Model Size (B)"),
            ("N", "params_transformer"),
            ("C", "total_flos"),
            ("C", "train/total_flos"),
            ("C", "Training FLOP"),
            ("C", "flops_budget"),
            ("D", "train/num_input_tokens_seen"),
            ("D", "tokens_trained"),
            ("D", "throughput/total_tokens"),
            ("lr", "train/learning_rate"),
            ("lr", "optim/learning_rate_group0"),
            ("lr", "params.lr"),
            ("step", "_step"),
            ("step", "train/global_step"),
            ("bpb", "val_bpb"),
            ("run", "training_run_id"),
            ("epochs", "train/epoch"),
            ("batch", "total_batch_size"),
            ("width", "model_dim"),
        ] {
            assert_eq!(taken(name, &["x", header, "y"]), [header], "{name}");
        }
    }

    #[test]
    fn the_best_column_comes_first_and_a_fallback_only_where_nothing_else_is() {
        assert_eq!(taken("loss", &["train_loss", "eval/loss"]), ["eval/loss"]);
        assert_eq!(taken("loss", &["bpb", "train_loss"]), ["train_loss", "bpb"]);
        assert_eq!(taken("loss", &["val_loss", "l", "loss"]), ["val_loss", "loss", "l"]);
        assert_eq!(taken("loss", &["loss", "eval_loss", "train_loss"]), ["eval_loss", "loss"]);
        assert_eq!(taken("N", &["params_total", "params_with_head"])[0], "params_with_head");
        assert_eq!(taken("N", &["n", "N"]), ["N", "n"]);
        let nanochat = ["params_wte", "params_transformer", "params_scalars", "params_total"];
        assert_eq!(taken("N", &nanochat), ["params_total", "params_transformer"]);
    }

    #[test]
    fn a_scale_is_read_from_the_end_of_a_header_alone() {
        for (header, factor) in [
            ("params_M", 1e6),
            ("N (B)", 1e9),
            ("tokens in billions", 1e9),
            ("FLOPs (1E21)", 1e21),
            ("M_params", 1.0),
            ("M", 1.0),
            ("params_1e999", 1.0),
        ] {
            assert_eq!(Header::new(header).factor(), factor, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(header in any::<String>()) {
            for name in &CATALOGUE.name {
                let header = Header::new(&header);
                prop_assert!(header.factor().is_normal());
                prop_assert!(name.matches(std::slice::from_ref(&header)).len() < 2);
            }
        }
    }
}
