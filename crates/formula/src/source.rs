//! Where a text comes from, so that every error can point at its characters.

use std::ops::Range;
use std::sync::Arc;

use diagnostic::Diagnostic;

/// A text, or a part of one, with the name of its origin (a path, `<stdin>`, `--formula`).
///
/// A formula inside a TOML file is a [`Source::part`] of that file, so that errors show the line
/// and column of the file.
#[derive(Debug, Clone)]
pub struct Source {
    origin: Arc<str>,
    text: Arc<str>,
    range: Range<usize>,
}

impl Source {
    /// The whole of `text`.
    pub fn new(origin: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let range = 0..text.len();
        Self { origin: origin.into(), text, range }
    }

    /// The bytes `range` of `text`; a range outside the text, or inside a character, is empty.
    pub fn part(
        origin: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
        range: Range<usize>,
    ) -> Self {
        let text = text.into();
        let range = if text.get(range.clone()).is_some() { range } else { 0..0 };
        Self { origin: origin.into(), text, range }
    }

    /// The value of a string of `text`, quotes and all at `span`: the part inside its quotes, whether
    /// one, three or none, so that errors point there; a text of its own where escapes stand
    /// between them.
    ///
    /// ```
    /// use formula::{Program, Source};
    ///
    /// let file = "cost = \"3 + \"";
    /// let mut program = Program::new();
    /// let problem = program.define("cost", Source::quoted("x.toml", file, 7..file.len(), "3 + "));
    /// assert!(problem.unwrap_err().to_string().contains("x.toml:1:"));
    /// ```
    pub fn quoted(
        origin: impl Into<Arc<str>>,
        text: impl Into<Arc<str>>,
        span: Range<usize>,
        value: &str,
    ) -> Self {
        let text = text.into();
        let raw = text.get(span.clone()).unwrap_or_default();
        let quotes = match raw.as_bytes() {
            [b'"', b'"', b'"', ..] | [b'\'', b'\'', b'\'', ..] => 3,
            [b'"' | b'\'', ..] => 1,
            _ => 0,
        };
        let inside = raw.get(quotes..raw.len().saturating_sub(quotes)).unwrap_or_default();
        // A line that begins inside three quotes is not a part of the value.
        if inside.trim_start_matches(['\r', '\n']) == value.trim_start_matches(['\r', '\n']) {
            let start = span.start + quotes;
            let range = start..start + inside.len();
            return Self::part(origin, text, range);
        }
        Self::new(origin, value)
    }

    pub(crate) fn code(&self) -> &str {
        &self.text[self.range.clone()]
    }

    /// The inside of the quoted `text` whose token is at `span`, as a source of its own.
    pub(crate) fn inside(&self, span: Span, text: &str) -> Source {
        let start = self.range.start + span.start as usize + 1;
        Self { range: start..start + text.len(), ..self.clone() }
    }

    /// Points `problem` at bytes `span` of this part.
    pub(crate) fn point(
        &self,
        problem: Diagnostic,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Diagnostic {
        let start = self.range.start + span.start;
        let end = (self.range.start + span.end).max(start + 1);
        problem.at(&*self.origin, &self.text, start..end, label)
    }
}

/// Bytes `start..end` of the source number `source` of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) source: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn to(self, other: Span) -> Span {
        Span {
            source: self.source,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The texts of a program, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(pub(crate) Vec<Source>);

impl Sources {
    pub(crate) fn error(
        &self,
        message: impl Into<String>,
        span: Span,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.point(Diagnostic::error(message), span, label)
    }

    pub(crate) fn point(
        &self,
        problem: Diagnostic,
        span: Span,
        label: impl Into<String>,
    ) -> Diagnostic {
        match self.0.get(span.source as usize) {
            Some(source) => source.point(problem, span.range(), label),
            None => problem,
        }
    }
}
