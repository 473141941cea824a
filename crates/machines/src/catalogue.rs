//! What the catalogue knows: accelerators, models and clusters, each one file, none of them code.

mod text;

use diagnostic::{Diagnostic, nearest};

pub use text::quantity;
pub(crate) use text::{Text, Written};

use crate::{Accelerator, Cluster, Model};

type Files = &'static [(&'static str, &'static str)];

const ACCELERATORS: Files = include!(concat!(env!("OUT_DIR"), "/accelerators.rs"));
const MODELS: Files = include!(concat!(env!("OUT_DIR"), "/models.rs"));
const CLUSTERS: Files = include!(concat!(env!("OUT_DIR"), "/clusters.rs"));

/// The names of the catalogue's accelerators, in alphabetical order.
pub fn accelerators() -> impl Iterator<Item = &'static str> {
    ACCELERATORS.iter().map(|&(name, _)| name)
}

/// The names of the catalogue's models, in alphabetical order.
pub fn models() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|&(name, _)| name)
}

/// The names of the catalogue's clusters, in alphabetical order.
pub fn clusters() -> impl Iterator<Item = &'static str> {
    CLUSTERS.iter().map(|&(name, _)| name)
}

/// The accelerator called `name`.
///
/// ```
/// let h100 = machines::accelerator("h100")?;
/// assert_eq!(h100.memory.map(|memory| memory.0), Some(80e9));
/// let slip = machines::accelerator("h1000").unwrap_err();
/// assert!(slip.to_string().contains("did you mean `h100`?"));
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// A name that the catalogue does not hold, with the nearest one.
pub fn accelerator(name: &str) -> Result<Accelerator, Diagnostic> {
    let (origin, text) = find("accelerator", ACCELERATORS, name)?;
    Accelerator::from_toml(&origin, text)
}

/// The model called `name`.
///
/// # Errors
/// A name that the catalogue does not hold, with the nearest one.
pub fn model(name: &str) -> Result<Model, Diagnostic> {
    let (origin, text) = find("model", MODELS, name)?;
    Model::from_toml(&origin, text)
}

/// The cluster called `name`.
///
/// # Errors
/// A name that the catalogue does not hold, with the nearest one.
pub fn cluster(name: &str) -> Result<Cluster, Diagnostic> {
    let (origin, text) = find("cluster", CLUSTERS, name)?;
    Cluster::from_toml(&origin, text)
}

fn find(what: &str, files: Files, name: &str) -> Result<(String, &'static str), Diagnostic> {
    if let Some((found, text)) = files.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok((format!("catalogue/{what}s/{found}.toml"), text));
    }
    let problem = Diagnostic::error(format!("no {what} is called `{name}`"));
    let names = || files.iter().map(|&(known, _)| known);
    let near = nearest(name, names()).or_else(|| {
        let asked = name.to_lowercase();
        names().find(|known| asked.len() >= 2 && known.contains(&asked))
    });
    Err(match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("`isoflop list {what}s` prints the names")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_catalogue_reads_and_is_called_like_its_file() {
        for name in accelerators() {
            let read = accelerator(name).unwrap_or_else(|problem| panic!("{problem}"));
            assert_eq!(read.name, name);
        }
        for name in models() {
            let read = model(name).unwrap_or_else(|problem| panic!("{problem}"));
            assert_eq!(read.name, name);
        }
        for name in clusters() {
            let read = cluster(name).unwrap_or_else(|problem| panic!("{problem}"));
            assert_eq!(read.name, name);
        }
        assert!(accelerators().count() > 40 && models().count() > 10 && clusters().count() > 3);
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let problem = model("lama3-8b").unwrap_err().to_string();
        assert!(problem.contains("did you mean `llama3-8b`?"), "{problem}");
        let problem = cluster("atlantis").unwrap_err().to_string();
        assert!(problem.contains("isoflop list clusters"), "{problem}");
    }
}
