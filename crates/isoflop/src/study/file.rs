//! Reading `study.toml`.

mod reader;
mod runs;
mod sections;
mod steps;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use toml::de::DeTable;

use super::step::{Kind, Step};
use reader::{Reader, entries};
pub(super) use steps::RESULTS;
use steps::Shared;

/// A study, read and checked as far as that goes without computing.
#[derive(Debug, Clone)]
pub(crate) struct Study {
    /// As it was named.
    pub(crate) path: PathBuf,
    /// Its folder, absolute: paths in the file start there.
    pub(crate) folder: PathBuf,
    pub(super) text: String,
    pub(crate) title: String,
    pub(super) subtitle: String,
    pub(super) seed: u64,
    pub(super) level: f64,
    /// Draws behind what is live in the page, the best values among them.
    pub(super) rows: usize,
    pub(super) steps: Vec<Step>,
    pub(super) sections: Vec<Words>,
}

/// Words of the user's own.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) heading: String,
    /// Markdown.
    pub(super) text: String,
    /// The step it stands behind; `start` and `end` are places too.
    pub(super) after: String,
}

const KEYS: [&str; 14] = [
    "title",
    "subtitle",
    "draws",
    "seed",
    "level",
    "runs",
    "section",
    "fit",
    "plan",
    "simulate",
    "pass-at-k",
    "forecast",
    "claims",
    "machine",
];

/// More draws than this make a page that is slow to open.
const MOST_DRAWS: i64 = 4_000;

impl Study {
    /// Reads the study at `path`.
    ///
    /// # Errors
    /// What is no study, with its place.
    pub(crate) fn read(path: &Path) -> Result<Self, Diagnostic> {
        let shown = path.display();
        if path.is_dir() {
            let inside = path.join("study.toml");
            let problem = Diagnostic::error(format!("`{shown}` is a folder, not a study"));
            return Err(if inside.exists() {
                problem.help(format!("name its file: {}", inside.display()))
            } else {
                problem.help("name a study's file, or start one: `isoflop new RUNS.csv`")
            });
        }
        let text = std::fs::read_to_string(path).map_err(|problem| {
            Diagnostic::error(format!("cannot read the study `{shown}`: {problem}"))
                .help("start one with `isoflop new RUNS.csv`")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let folder = folder.canonicalize().map_err(|problem| {
            Diagnostic::error(format!("cannot find the folder of `{shown}`: {problem}"))
        })?;
        Self::parse(path, &folder, &text)
    }

    fn parse(path: &Path, folder: &Path, text: &str) -> Result<Self, Diagnostic> {
        let reader = Reader { origin: path.display().to_string(), text, folder };
        let parsed = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            reader.error(format!("this is no TOML: {}", error.message()), span, "here")
        })?;
        let table = entries(parsed.get_ref());
        reader.known(&table, &KEYS, "a key of a study")?;
        let get = |key: &str| table.iter().find(|(name, ..)| name == key);
        let title = match get("title") {
            Some((_, _, value)) => reader.string(value)?,
            None => {
                return Err(reader
                    .error("the study has no title", 0..0, "before the first table")
                    .help("add a line: title = \"the question\""));
            }
        };
        let subtitle = get("subtitle").map_or(Ok(String::new()), |(_, _, v)| reader.string(v))?;
        let draws = get("draws").map(|(_, _, v)| reader.whole(v, 0..=MOST_DRAWS)).transpose()?;
        let seed = get("seed").map(|(_, _, v)| reader.whole(v, 0..=i64::MAX)).transpose()?;
        let level = get("level").map(|(_, _, v)| reader.level(v)).transpose()?;
        let shared = Shared {
            draws: draws.map(|draws| draws.to_string()),
            seed: seed.map(|seed| seed.to_string()),
            level: level.map(|level| level.to_string()),
        };
        let runs = get("runs").map(|(_, _, value)| reader.runs(value)).transpose()?;
        if let Some((_, place, _)) = get("machine") {
            return Err(reader
                .error("a machine is simulated in the table `simulate`", place.clone(), "unknown")
                .help("write [simulate] with `cluster = \"...\"` and `model = \"...\"`"));
        }
        let mut steps = Vec::new();
        for kind in Kind::ALL {
            let Some((_, place, value)) = get(kind.name()) else {
                // Runs are there to be fitted.
                if kind == Kind::Fit
                    && let (Some(runs), Some((_, place, _))) = (&runs, get("runs"))
                {
                    let one = reader.step(
                        kind,
                        &Vec::new(),
                        place.clone(),
                        Some(runs),
                        &shared,
                        &steps,
                    )?;
                    steps.push(one);
                }
                continue;
            };
            for (table, place) in reader.tables(value, place)? {
                let one = reader.step(kind, &table, place, runs.as_ref(), &shared, &steps)?;
                steps.push(one);
            }
        }
        if steps.is_empty() {
            return Err(reader.error("the study asks nothing", 0..0, "no step follows").help(
                "add a table: [runs], [plan], [simulate], [pass-at-k], [[forecast]] or [claims]",
            ));
        }
        let sections = match get("section") {
            Some((_, place, value)) => reader.sections(value, place, &steps)?,
            None => Vec::new(),
        };
        let seed = seed.unwrap_or(0) as u64;
        let path = path.to_owned();
        Ok(Self {
            title,
            subtitle,
            seed,
            level: level.unwrap_or(0.9),
            rows: draws.unwrap_or(1_000) as usize + 1,
            steps,
            sections,
            path,
            text: text.to_owned(),
            folder: folder.to_owned(),
        })
    }

    /// The names of its steps, in order.
    pub(crate) fn step_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }

    /// The files that its answers hang on.
    pub(crate) fn watched(&self) -> Vec<PathBuf> {
        let files = self.steps.iter().filter_map(|step| super::key::files(step, &self.folder).ok());
        files.flatten().map(|path| self.folder.join(path)).collect()
    }

    /// Where its results go unless somebody says otherwise.
    pub(crate) fn default_results(&self) -> PathBuf {
        let stem = self.path.file_stem().map_or("study".into(), |stem| stem.to_string_lossy());
        self.folder.join("isoflop-out").join(&*stem)
    }
}
