//! `[runs]`: the tables that a study is about.

use std::ops::Range;
use std::path::Path;

use diagnostic::{Diagnostic, nearest};
use toml::Spanned;
use toml::de::DeValue;

use super::super::step::Kind;
use super::reader::{Reader, entries};

/// The run tables with options about their rows, as words of the command line.
pub(super) struct Runs {
    pub(super) words: Vec<String>,
    pub(super) places: Vec<(String, Range<usize>)>,
}

impl Reader<'_> {
    pub(super) fn runs(&self, value: &Spanned<DeValue<'_>>) -> Result<Runs, Diagnostic> {
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
}
