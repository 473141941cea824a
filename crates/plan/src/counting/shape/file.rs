//! Reads families of shapes from the catalogue.

use diagnostic::{Diagnostic, nearest};
use machines::Norm;
use serde::Deserialize;
use toml::Spanned;

use super::{FamilyExperts, ShapeFamily};

const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

/// The names of the families of shapes, in alphabetical order.
pub fn shape_families() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|&(name, _)| name)
}

/// The family called `name`.
///
/// # Errors
/// A name that the catalogue does not hold, with the nearest one.
pub fn shape_family(name: &str) -> Result<ShapeFamily, Diagnostic> {
    if let Some((name, text)) = FILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return ShapeFamily::from_toml(&format!("catalogue/shapes/{name}.toml"), text);
    }
    let problem = Diagnostic::error(format!("no family of shapes is called `{name}`"));
    Err(match nearest(name, shape_families()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => {
            problem.help(format!("known are {}", shape_families().collect::<Vec<_>>().join(", ")))
        }
    })
}

#[expect(clippy::struct_excessive_bools, reason = "independent switches, named in the file")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    source: String,
    aspect: Spanned<f64>,
    #[serde(default)]
    dial: bool,
    head: Spanned<u32>,
    #[serde(default = "one")]
    heads_over_width: Spanned<f64>,
    queries_per_kv: Spanned<u32>,
    ffn: Spanned<f64>,
    gated: bool,
    #[serde(default)]
    qk_norm: bool,
    #[serde(default)]
    biases: bool,
    norm: Norm,
    vocabulary: Spanned<u32>,
    tied: bool,
    sequence: Spanned<u32>,
    experts: Option<Spanned<ExpertsEntry>>,
    published: Option<Spanned<PublishedEntry>>,
}

fn one() -> Spanned<f64> {
    Spanned::new(0..0, 1.0)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpertsEntry {
    count: u32,
    active: u32,
    #[serde(default)]
    shared: u32,
    ffn: f64,
}

/// Counts that the rule has to give, to the digits stated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedEntry {
    source: String,
    layers: Vec<u32>,
    parameters: Vec<f64>,
    counted: String,
}

impl ShapeFamily {
    /// A family from the text of its file, which came from `origin`.
    ///
    /// # Errors
    /// Text that is not TOML, unknown keys, numbers out of range, and a rule that does not give the
    /// published counts; each points at its place.
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let error = |message: String, span, label: &str| {
            Diagnostic::error(message).at(origin, text, span, label)
        };
        let file: File = toml::from_str(text).map_err(|problem| {
            let message = problem.message().lines().next().unwrap_or("not TOML").to_owned();
            error(message, problem.span().unwrap_or(0..0), "here")
        })?;
        for (name, given, low, high) in [
            ("aspect", &file.aspect, 0.1, 1e5),
            ("heads_over_width", &file.heads_over_width, 0.01, 100.0),
            ("ffn", &file.ffn, 0.01, 1e3),
        ] {
            if !(low..=high).contains(given.get_ref()) {
                let message = format!("expected `{name}` from {low} to {high}");
                return Err(error(message, given.span(), "out of range"));
            }
        }
        for (name, given, high) in [
            ("head", &file.head, 1 << 12),
            ("queries_per_kv", &file.queries_per_kv, 1 << 10),
            ("vocabulary", &file.vocabulary, 1 << 24),
            ("sequence", &file.sequence, 1 << 28),
        ] {
            if !(1..=high).contains(given.get_ref()) {
                let message = format!("expected `{name}` from 1 to {high}");
                return Err(error(message, given.span(), "out of range"));
            }
        }
        let mut experts = None;
        if let Some(entry) = &file.experts {
            let ExpertsEntry { count, active, shared, ffn } = *entry.get_ref();
            let sound = 0 < active && active <= count && count <= 1 << 16 && shared <= 1 << 16;
            if !(sound && (1e-4..=1e3).contains(&ffn)) {
                let message =
                    "a mixture sends each token to at least one of its experts".to_owned();
                return Err(error(message, entry.span(), "these experts"));
            }
            experts = Some(FamilyExperts { count, active, shared, ffn });
        }
        let family = Self {
            name: file.name,
            title: file.title,
            source: file.source,
            aspect: file.aspect.into_inner(),
            dial: file.dial,
            head: file.head.into_inner(),
            heads_over_width: file.heads_over_width.into_inner(),
            queries_per_kv: file.queries_per_kv.into_inner(),
            ffn: file.ffn.into_inner(),
            gated: file.gated,
            qk_norm: file.qk_norm,
            biases: file.biases,
            norm: file.norm,
            vocabulary: file.vocabulary.into_inner(),
            tied: file.tied,
            sequence: file.sequence.into_inner(),
            experts,
        };
        if let Some(published) = &file.published {
            family
                .agrees(published.get_ref())
                .map_err(|message| error(message, published.span(), "published"))?;
        }
        Ok(family)
    }

    fn agrees(&self, published: &PublishedEntry) -> Result<(), String> {
        let Some(counted) = super::Counted::named(&published.counted) else {
            return Err(format!("`{}` is no way of counting parameters", published.counted));
        };
        for (layers, stated) in published.layers.iter().zip(&published.parameters) {
            let found = counted.of(&self.of_depth(*layers)).get();
            // Half a unit of the last digit that is stated.
            let text = format!("{stated:e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let digits = mantissa.split_once('.').map_or("", |(_, digits)| digits);
            let digits = i32::try_from(digits.len()).unwrap_or(0);
            let unit = 10f64.powi(exponent.parse::<i32>().unwrap_or(0) - digits);
            // Halves round either way, and `175B` may be 174.6.
            if (found - stated).abs() > 0.51 * unit.max(1.0) {
                return Err(format!(
                    "{layers} layers have {found:e} parameters, {} says {stated:e}",
                    published.source
                ));
            }
        }
        Ok(())
    }
}
