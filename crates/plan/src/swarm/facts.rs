//! What the catalogue holds of swarms: assumptions, compression, the replica tax.

use std::sync::OnceLock;

use diagnostic::Diagnostic;
use formula::Source;
use serde::Deserialize;

use super::design::SwarmDesign;
use crate::Drawn;
use crate::words::written::Written;

/// Something assumed, its source, and what nobody has measured of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// The value, in the formula language.
    pub text: String,
    /// The unit that it is read in.
    pub unit: String,
    /// Where it comes from.
    pub source: String,
    /// What nobody has measured.
    pub unmeasured: String,
}

/// A way to make updates smaller.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compression {
    /// Its name.
    pub name: String,
    /// Bytes per parameter of an update.
    pub bytes: f64,
    /// Whether sums of updates stay as small: what is sparse does not.
    pub sums: bool,
    /// Whether it is made for gradients of every step.
    pub every_step: bool,
    /// The rise of ln(loss), in the formula language.
    pub penalty: String,
    /// Where that comes from.
    pub source: String,
    /// What nobody has measured.
    pub unmeasured: String,
}

/// Activations between the stages of a pipeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activations {
    /// How many times smaller they travel.
    pub(super) ratio: f64,
    /// Bytes per number before.
    pub(super) bytes: f64,
    pub(super) penalty: String,
    pub(super) source: String,
    pub(super) unmeasured: String,
}

/// The measured part of the replica tax.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaxFile {
    pub(super) title: String,
    pub(super) source: String,
    pub(super) at_billion: f64,
    pub(super) fall: f64,
    pub(super) measured_to: f64,
    pub(super) unmeasured: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssumptionFile {
    assumption: Vec<Fact>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompressionFile {
    compression: Vec<Compression>,
    activations: Activations,
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) assumptions: Vec<Fact>,
    pub(super) compressions: Vec<Compression>,
    pub(super) activations: Activations,
    pub(super) tax: TaxFile,
}

/// What the catalogue holds.
///
/// # Errors
/// Files that cannot be read; the tests rule that out for those shipped.
pub(super) fn facts() -> Result<&'static Facts, Diagnostic> {
    static READ: OnceLock<Result<Facts, Diagnostic>> = OnceLock::new();
    READ.get_or_init(read).as_ref().map_err(Clone::clone)
}

fn read() -> Result<Facts, Diagnostic> {
    let assumptions: AssumptionFile = file(
        "catalogue/swarm/assumptions.toml",
        include_str!("../../../../catalogue/swarm/assumptions.toml"),
    )?;
    let compressions: CompressionFile = file(
        "catalogue/swarm/compression.toml",
        include_str!("../../../../catalogue/swarm/compression.toml"),
    )?;
    let tax =
        file("catalogue/swarm/tax.toml", include_str!("../../../../catalogue/swarm/tax.toml"))?;
    Ok(Facts {
        assumptions: assumptions.assumption,
        compressions: compressions.compression,
        activations: compressions.activations,
        tax,
    })
}

fn file<T: serde::de::DeserializeOwned>(origin: &str, text: &str) -> Result<T, Diagnostic> {
    toml::from_str(text).map_err(|problem| {
        let message = problem.message().lines().next().unwrap_or("not TOML").to_owned();
        Diagnostic::error(message).at(origin, text, problem.span().unwrap_or(0..0), "here")
    })
}

impl Facts {
    /// The assumption called `name`, drawn.
    pub(super) fn drawn(
        &self,
        name: &str,
        seed: u64,
        draws: usize,
    ) -> Result<Drawn<f64>, Diagnostic> {
        let fact = self.assumptions.iter().find(|fact| fact.name == name).ok_or_else(|| {
            Diagnostic::error(format!("catalogue/swarm/assumptions.toml has no `{name}`"))
        })?;
        drawn(name, &fact.text, &fact.unit, seed, draws)
    }
}

/// A quantity in words, drawn; shares come as shares.
pub(super) fn drawn(
    name: &str,
    text: &str,
    unit: &str,
    seed: u64,
    draws: usize,
) -> Result<Drawn<f64>, Diagnostic> {
    let origin = format!("catalogue/swarm: {name}");
    let (written, _) =
        Written::read(name, Source::new(origin.as_str(), text), &[unit])?.map_err(|found| {
            Diagnostic::error(format!("expected `{name}` in {unit}, found {found}")).at(
                &origin,
                text,
                0..text.len(),
                "here",
            )
        })?;
    let drawn = written.drawn(seed, draws)?;
    Ok(if unit == "%" { drawn.map(|share| share / 100.0) } else { drawn })
}

/// The compressions, for lists.
///
/// # Errors
/// As for all files of the catalogue.
pub(super) fn compression(name: &str) -> Result<&'static Compression, Diagnostic> {
    let all = &facts()?.compressions;
    all.iter().find(|one| one.name == name).ok_or_else(|| {
        let problem = Diagnostic::error(format!("no compression is called `{name}`"));
        let names = || all.iter().map(|one| one.name.as_str());
        match diagnostic::nearest(name, names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("one of: {}", names().collect::<Vec<_>>().join(", "))),
        }
    })
}

impl Facts {
    /// Every fact that a plan of `design` rests on.
    pub(super) fn all(&self, design: &SwarmDesign) -> Vec<Fact> {
        let mut all = self.assumptions.clone();
        let fact = |name: &str, text: String, source: &str, unmeasured: &str| Fact {
            name: name.to_owned(),
            text,
            unit: String::new(),
            source: source.to_owned(),
            unmeasured: unmeasured.to_owned(),
        };
        let tax = &self.tax;
        let exponent = format!("{} (N / 1e9)^-{}", tax.at_billion, tax.fall);
        all.push(fact(&tax.title, exponent, &tax.source, &tax.unmeasured));
        let compression = &design.compression;
        let name = format!("penalty of {}", compression.name);
        let (source, unmeasured) = (&compression.source, &compression.unmeasured);
        all.push(fact(&name, compression.penalty.clone(), source, unmeasured));
        if design.stages > 1 {
            let penalty = self.activations.penalty.clone();
            let (source, unmeasured) = (&self.activations.source, &self.activations.unmeasured);
            all.push(fact("penalty of compressed activations", penalty, source, unmeasured));
        }
        all
    }
}
