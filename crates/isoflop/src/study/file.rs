//! Reading `study.toml`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use diagnostic::{Diagnostic, nearest};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::step::{Kind, Step};

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

type Table<'a> = Vec<(String, Range<usize>, &'a Spanned<DeValue<'a>>)>;

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
        let inputs =
            self.steps.iter().filter_map(|step| super::key::inputs(step, &self.folder).ok());
        inputs.flatten().map(|input| self.folder.join(input.path)).collect()
    }

    /// Where its results go unless somebody says otherwise.
    pub(crate) fn default_results(&self) -> PathBuf {
        let stem = self.path.file_stem().map_or("study".into(), |stem| stem.to_string_lossy());
        self.folder.join("isoflop-out").join(&*stem)
    }
}

/// What the study says of all steps.
struct Shared {
    draws: Option<String>,
    seed: Option<String>,
    level: Option<String>,
}

/// The run tables with options about their rows, as words of the command line.
struct Runs {
    words: Vec<String>,
    places: Vec<(String, Range<usize>)>,
}

struct Reader<'a> {
    origin: String,
    text: &'a str,
    folder: &'a Path,
}

impl Reader<'_> {
    fn error(&self, message: impl Into<String>, span: Range<usize>, label: &str) -> Diagnostic {
        Diagnostic::error(message).at(&self.origin, self.text, span, label)
    }

    fn known(&self, table: &Table<'_>, keys: &[&str], what: &str) -> Result<(), Diagnostic> {
        let Some((name, place, _)) = table.iter().find(|(name, ..)| !keys.contains(&name.as_str()))
        else {
            return Ok(());
        };
        let problem =
            self.error(format!("unknown key `{name}`"), place.clone(), &format!("not {what}"));
        Err(match nearest(name, keys.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("there are: {}", keys.join(", "))),
        })
    }

    fn string(&self, value: &Spanned<DeValue<'_>>) -> Result<String, Diagnostic> {
        value.get_ref().as_str().map(str::to_owned).ok_or_else(|| {
            self.error("expected text", value.span(), "not text").help("write it in quotes")
        })
    }

    fn whole(
        &self,
        value: &Spanned<DeValue<'_>>,
        within: std::ops::RangeInclusive<i64>,
    ) -> Result<i64, Diagnostic> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        number.filter(|number| within.contains(number)).ok_or_else(|| {
            let (from, to) = (within.start(), within.end());
            self.error("expected a whole number", value.span(), "not one in range")
                .help(format!("give one from {from} to {to}"))
        })
    }

    fn level(&self, value: &Spanned<DeValue<'_>>) -> Result<f64, Diagnostic> {
        let number = value.get_ref().as_float().and_then(|number| number.as_str().parse().ok());
        number.filter(|level| (0.01..=0.999).contains(level)).ok_or_else(|| {
            self.error("a level is a share", value.span(), "not one")
                .help("give one from 0.01 to 0.999, as in 0.9")
        })
    }

    /// One table, or each of an array of tables.
    fn tables<'a>(
        &self,
        value: &'a Spanned<DeValue<'a>>,
        key: &Range<usize>,
    ) -> Result<Vec<(Table<'a>, Range<usize>)>, Diagnostic> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(vec![(entries(table), key.clone())]),
            DeValue::Array(array) => array
                .iter()
                .map(|one| match one.get_ref() {
                    DeValue::Table(table) => Ok((entries(table), one.span())),
                    _ => Err(self.error("expected a table", one.span(), "not a table")),
                })
                .collect(),
            _ => Err(self
                .error("expected a table", value.span(), "not a table")
                .help("write `[name]` on a line of its own, and its keys below")),
        }
    }

    fn runs(&self, value: &Spanned<DeValue<'_>>) -> Result<Runs, Diagnostic> {
        let DeValue::Table(table) = value.get_ref() else {
            return Err(self
                .error("`runs` is a table", value.span(), "not a table")
                .help("write [runs] and below it files = \"runs.csv\""));
        };
        let table = entries(table);
        let options = Kind::row_options();
        let mut keys = vec!["files"];
        keys.extend(options.iter().map(|(name, _)| name.as_str()));
        self.known(&table, &keys, "a key of `runs`")?;
        let mut runs = Runs { words: Vec::new(), places: Vec::new() };
        let Some((_, _, files)) = table.iter().find(|(name, ..)| name == "files") else {
            return Err(self.error("`runs` names no files", value.span(), "here").help(
                "add files = \"runs.csv\", or several, or a pattern: [\"a.csv\", \"sweeps/*.csv\"]",
            ));
        };
        let patterns: Vec<&Spanned<DeValue<'_>>> = match files.get_ref() {
            DeValue::Array(all) => all.iter().collect(),
            _ => vec![files],
        };
        for pattern in patterns {
            runs.words.extend(self.files(pattern)?);
        }
        for (name, place, value) in &table {
            if let Some((_, switch)) = options.iter().find(|(known, _)| known == name) {
                runs.words.extend(self.words(name, value, *switch)?);
                runs.places.push((name.clone(), place.clone()));
            }
        }
        Ok(runs)
    }

    /// The files that a path or pattern stands for, in alphabetic order.
    fn files(&self, pattern: &Spanned<DeValue<'_>>) -> Result<Vec<String>, Diagnostic> {
        let text = self.string(pattern)?;
        let span = pattern.span();
        if text == "-" {
            return Err(self
                .error("a study cannot read the standard input", span, "here")
                .help("it could not be asked again: save the runs to a file"));
        }
        let missing = |what: String| {
            let problem = self
                .error(what, span.clone(), "not there")
                .note(format!("paths start at the study's folder, {}", self.folder.display()));
            match self.near(&text) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("correct the path, or leave it out"),
            }
        };
        if !text.contains(['*', '?', '[']) || self.folder.join(&text).exists() {
            return if self.folder.join(&text).exists() {
                Ok(vec![text])
            } else {
                Err(missing(format!("there is no file `{text}`")))
            };
        }
        let base = glob::Pattern::escape(&self.folder.display().to_string());
        let whole =
            if Path::new(&text).is_absolute() { text.clone() } else { format!("{base}/{text}") };
        let found = glob::glob(&whole).map_err(|problem| {
            self.error(format!("`{text}` is no pattern: {}", problem.msg), span.clone(), "here")
        })?;
        let mut files: Vec<String> = found
            .filter_map(Result::ok)
            .map(|path| path.strip_prefix(self.folder).unwrap_or(&path).display().to_string())
            .collect();
        files.sort();
        if files.is_empty() {
            return Err(missing(format!("no file matches `{text}`")));
        }
        Ok(files)
    }

    /// A file beside a missing one with nearly its name.
    fn near(&self, text: &str) -> Option<String> {
        let path = self.folder.join(text);
        let wanted = path.file_name()?.to_string_lossy().into_owned();
        let names: Vec<String> = std::fs::read_dir(path.parent()?)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
            .collect();
        let near = nearest(&wanted, names.iter().map(String::as_str))?;
        Some(Path::new(text).with_file_name(near).display().to_string())
    }

    /// An option as words of the command line.
    fn words(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        switch: bool,
    ) -> Result<Vec<String>, Diagnostic> {
        let one = |value: &Spanned<DeValue<'_>>| -> Result<String, Diagnostic> {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                DeValue::Float(number) => number.as_str().to_owned(),
                DeValue::Datetime(date) => date.to_string(),
                _ => {
                    return Err(self
                        .error(format!("`{name}` takes text or a number"), value.span(), "not one")
                        .help("write it as on the command line, in quotes"));
                }
            };
            Ok(format!("--{name}={text}"))
        };
        match (value.get_ref(), switch) {
            (DeValue::Boolean(true), true) => Ok(vec![format!("--{name}")]),
            (DeValue::Boolean(false), true) => Ok(Vec::new()),
            (_, true) => Err(self
                .error(format!("`{name}` is a switch"), value.span(), "not true or false")
                .help(format!("write {name} = true"))),
            (DeValue::Array(all), false) => all.iter().map(one).collect(),
            (_, false) => Ok(vec![one(value)?]),
        }
    }

    fn step(
        &self,
        kind: Kind,
        table: &Table<'_>,
        place: Range<usize>,
        runs: Option<&Runs>,
        shared: &Shared,
        earlier: &[Step],
    ) -> Result<Step, Diagnostic> {
        let options = kind.options();
        let mut keys = vec!["name"];
        keys.extend(kind.positional());
        keys.extend(options.iter().map(|(name, _)| name.as_str()));
        self.known(table, &keys, &format!("an option of `isoflop {}`", kind.name()))?;
        let name = self.name(kind, table, &place, earlier)?;
        let mut step =
            Step { name, kind, arguments: Vec::new(), places: Vec::new(), place, uses: Vec::new() };
        if kind == Kind::Fit {
            let Some(runs) = runs else {
                return Err(self
                    .error("there are no runs to fit", step.place, "this step")
                    .help("add [runs] and below it files = \"runs.csv\""));
            };
            step.arguments.extend(runs.words.iter().cloned());
            step.places.extend(runs.places.iter().cloned());
        }
        for (name, place, value) in table {
            if Some(name.as_str()) == kind.positional() {
                step.arguments.insert(0, self.string(value)?);
                step.places.push((name.clone(), place.clone()));
            } else if let Some((_, switch)) = options.iter().find(|(known, _)| known == name) {
                step.arguments.extend(self.words(name, value, *switch)?);
                step.places.push((name.clone(), place.clone()));
            }
        }
        for (of_study, option) in kind.shared() {
            let value = match *of_study {
                "draws" => &shared.draws,
                "seed" => &shared.seed,
                _ => &shared.level,
            };
            let own = table.iter().any(|(name, ..)| name == option);
            if let (Some(value), false) = (value, own) {
                step.arguments.push(format!("--{option}={value}"));
            }
        }
        if kind == Kind::Plan {
            uses_fits(&mut step, earlier);
        }
        kind.check(&step.arguments)
            .map_err(|problem| step.point(problem, &self.origin, self.text))?;
        Ok(step)
    }

    fn name(
        &self,
        kind: Kind,
        table: &Table<'_>,
        place: &Range<usize>,
        earlier: &[Step],
    ) -> Result<String, Diagnostic> {
        let taken = |name: &str| earlier.iter().any(|step| step.name == name);
        let Some((_, _, value)) = table.iter().find(|(name, ..)| name == "name") else {
            let count = earlier.iter().filter(|step| step.kind == kind).count();
            let name = match count {
                0 => kind.name().to_owned(),
                count => format!("{}-{}", kind.name(), count + 1),
            };
            return if taken(&name) {
                Err(self
                    .error(format!("two steps are named `{name}`"), place.clone(), "this one too")
                    .help("give it a name = \"...\" of its own"))
            } else {
                Ok(name)
            };
        };
        let name = self.string(value)?;
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(letter) {
            return Err(self
                .error(format!("`{name}` cannot name a step"), value.span(), "here")
                .help("use lower-case letters, digits and `-`, a letter first"));
        }
        let is_kind = Kind::ALL.iter().any(|other| *other != kind && other.name() == name);
        if taken(&name) || is_kind || ["start", "end"].contains(&name.as_str()) {
            return Err(self
                .error(format!("the name `{name}` is taken"), value.span(), "here")
                .help("choose another one"));
        }
        Ok(name)
    }

    fn sections(
        &self,
        value: &Spanned<DeValue<'_>>,
        key: &Range<usize>,
        steps: &[Step],
    ) -> Result<Vec<Words>, Diagnostic> {
        let mut sections = Vec::new();
        for (table, place) in self.tables(value, key)? {
            self.known(&table, &["heading", "text", "after"], "a key of a section")?;
            let get = |key: &str| table.iter().find(|(name, ..)| name == key);
            let text = |key: &str| match get(key) {
                Some((_, _, value)) => self.string(value),
                None => Err(self
                    .error(format!("a section has no {key}"), place.clone(), "this one")
                    .help(format!("add {key} = \"...\""))),
            };
            let (heading, words) = (text("heading")?, text("text")?);
            let after = match get("after") {
                None => "start".to_owned(),
                Some((_, _, value)) => {
                    let after = self.string(value)?;
                    let mut known = vec!["start", "end"];
                    known.extend(steps.iter().map(|step| step.name.as_str()));
                    if !known.contains(&after.as_str()) {
                        let problem =
                            self.error(format!("there is no step `{after}`"), value.span(), "here");
                        return Err(match nearest(&after, known.iter().copied()) {
                            Some(near) => problem.help(format!("did you mean `{near}`?")),
                            None => problem.help(format!("there are: {}", known.join(", "))),
                        });
                    }
                    after
                }
            };
            sections.push(Words { heading, text: words, after });
        }
        Ok(sections)
    }
}

/// A plan without a law follows the study's first fit; laws of its own may be fits by their names.
fn uses_fits(step: &mut Step, earlier: &[Step]) {
    let fits: Vec<&str> = (earlier.iter().filter(|step| step.kind == Kind::Fit))
        .map(|step| step.name.as_str())
        .collect();
    let mut has_law = false;
    for word in &mut step.arguments {
        let Some((option, value)) = word.split_once('=') else { continue };
        if !["--law", "--compare"].contains(&option) {
            continue;
        }
        has_law |= option == "--law";
        let option = option.to_owned();
        let values: Vec<String> = value
            .split(',')
            .map(|value| {
                if fits.contains(&value) {
                    step.uses.push(value.to_owned());
                    return fit_file(value);
                }
                value.to_owned()
            })
            .collect();
        *word = format!("{option}={}", values.join(","));
    }
    if let (false, Some(first)) = (has_law, fits.first()) {
        step.uses.push((*first).to_owned());
        step.arguments.push(format!("--law={}", fit_file(first)));
    }
}

/// Stands for the folder of the results in a step's arguments until it is known.
pub(super) const RESULTS: &str = "@results@";

fn fit_file(step: &str) -> String {
    format!("{RESULTS}/fits/{step}.json")
}

/// The entries of a table in the order in which they are written.
fn entries<'a>(table: &'a DeTable<'a>) -> Table<'a> {
    let mut entries: Table<'a> =
        table.iter().map(|(key, value)| (key.get_ref().to_string(), key.span(), value)).collect();
    entries.sort_by_key(|(_, place, _)| place.start);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Study, Diagnostic> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("runs.csv"), "N,D,loss\n").unwrap();
        std::fs::write(folder.path().join("more.csv"), "N,D,loss\n").unwrap();
        Study::parse(Path::new("study.toml"), folder.path(), text)
    }

    #[test]
    fn a_step_is_a_command_with_its_options() {
        let study = read(
            "title = \"what next\"\nseed = 3\ndraws = 500\n[runs]\nfiles = \"*.csv\"\n\
             where = [\"D>1e6\"]\n[fit]\nlaw = \"chinchilla\"\n[plan]\nbudget = \"1e20 FLOP\"\n\
             [[forecast]]\nscenario = \"gap\"\n[[forecast]]\nscenario = \"gap\"\nset = [\"gap=100\"]\n",
        )
        .unwrap();
        let lines: Vec<String> = study.steps.iter().map(Step::command_line).collect();
        assert_eq!(
            lines,
            [
                "isoflop fit more.csv runs.csv '--where=D>1e6' --law=chinchilla --bootstrap=500 --seed=3",
                "isoflop plan '--budget=1e20 FLOP' --draws=500 --seed=3 --law=@results@/fits/fit.json",
                "isoflop forecast gap",
                "isoflop forecast gap --set=gap=100",
            ]
        );
        assert_eq!(study.steps[3].name, "forecast-2");
        assert_eq!(study.steps[1].uses, ["fit"]);
    }

    #[test]
    fn what_is_wrong_is_pointed_at_with_what_to_do() {
        for (text, said) in [
            ("title = 3", "study.toml:1:9"),
            ("titel = \"x\"", "did you mean `title`?"),
            ("title = \"x\"\n[runs]\nfiles = \"rums.csv\"", "did you mean `runs.csv`?"),
            ("title = \"x\"\n[runs]\nfiles = \"*.parquet\"", "no file matches"),
            ("title = \"x\"\n[runs]\nfiles = \"-\"", "standard input"),
            (
                "title = \"x\"\n[runs]\nfiles = \"runs.csv\"\ncolum = \"N=a\"",
                "did you mean `column`?",
            ),
            ("title = \"x\"\n[plan]\nbudjet = \"1e20 FLOP\"", "did you mean `budget`?"),
            ("title = \"x\"\n[plan]\nlaw = \"hoffmann-2022\"", "--budget"),
            ("title = \"x\"\n[fit]\nlaw = \"chinchilla\"", "no runs to fit"),
            ("title = \"x\"", "asks nothing"),
            ("", "no title"),
            ("title = \"x\"\ndraws = 1000000\n[claims]", "from 0 to 4000"),
            ("title = \"x\"\n[claims]\n[[section]]\nheading = \"a\"", "no text"),
            (
                "title = \"x\"\n[claims]\n[[section]]\nheading = \"a\"\ntext=\"b\"\nafter=\"claim\"",
                "`claims`?",
            ),
            ("title = \"x\"\n[plan]\nbudget = true", "takes text or a number"),
            (
                "title = \"x\"\n[[forecast]]\nname = \"A b\"\nscenario = \"gap\"",
                "cannot name a step",
            ),
            ("title = \"x\"\n[machine]\n", "[simulate]"),
            ("title = \n", "no TOML"),
        ] {
            let problem = read(text).expect_err(text).to_string();
            assert!(problem.contains(said), "{text}\n{problem}");
            assert!(problem.contains("study.toml"), "{problem}");
        }
    }
}
