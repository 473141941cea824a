//! One type for every problem shown to a person: what is wrong, where, and what to do about it.
//!
//! Every reader in the workspace (run tables, sweep files, later the formula language) turns bad
//! input into a [`Diagnostic`]; the command line prints it the way rustc prints its own.
//!
//! ```
//! use diagnostic::Diagnostic;
//!
//! let source = "depth = 2\nwidht = 64\n";
//! let problem = Diagnostic::error("unknown key `widht`")
//!     .at("sweep.toml", source, 10..15, "not a key of [[run]]")
//!     .help("did you mean `width`?");
//! assert!(problem.to_string().contains("sweep.toml:2:1"));
//! ```

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// How serious a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The work cannot go on.
    Error,
    /// The work goes on, but its result deserves a second look.
    Warning,
}

/// The place in a text that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    origin: String,
    excerpt: String,
    first_line: usize,
    span: Range<usize>,
    label: String,
}

/// A problem, for a person: message, place in the source, notes, and what to do.
///
/// Messages are lower case without a full stop, as rustc writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    places: Vec<Place>,
    notes: Vec<String>,
    help: Vec<String>,
}

impl Diagnostic {
    /// A problem that stops the work.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// A problem that leaves a result worth a second look.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            places: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Points at `span` (bytes) of `source`, which came from `origin` (a path, or `<stdin>`).
    ///
    /// Only the lines that the span touches are kept, so `source` may be large; a span outside
    /// the text, or inside a character, is moved to the nearest valid place.
    #[must_use]
    pub fn at(
        mut self,
        origin: impl Into<String>,
        source: &str,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        let start = floor_char_boundary(source, span.start);
        let end = floor_char_boundary(source, span.end.max(start));
        let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = source[end..].find('\n').map_or(source.len(), |at| end + at);
        self.places.push(Place {
            origin: origin.into(),
            excerpt: source[line_start..line_end].to_owned(),
            first_line: source[..line_start].matches('\n').count() + 1,
            span: start - line_start..end - line_start,
            label: label.into(),
        });
        self
    }

    /// Points at `span` (bytes) of one `line` of text whose number in `origin` is `line_number`.
    #[must_use]
    pub fn at_line(
        mut self,
        origin: impl Into<String>,
        line_number: usize,
        line: &str,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        self = self.at(origin, line, span, label);
        if let Some(place) = self.places.last_mut() {
            place.first_line = line_number;
        }
        self
    }

    /// Adds a fact that explains the problem.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do about the problem.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// How serious it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The one-line message, without place or advice.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The whole problem as text with terminal colours.
    pub fn to_styled_string(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        for place in &self.places {
            group = group.element(
                Snippet::source(place.excerpt.as_str())
                    .line_start(place.first_line)
                    .path(place.origin.as_str())
                    .annotation(
                        AnnotationKind::Primary
                            .span(place.span.clone())
                            .label(place.label.as_str()),
                    ),
            );
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Diagnostic {}

/// The largest character boundary of `text` at or before `at`.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The known name nearest to `name` by edit distance, when it is near enough to be a slip.
///
/// ```
/// assert_eq!(diagnostic::nearest("widht", ["depth", "width"]), Some("width"));
/// assert_eq!(diagnostic::nearest("loss", ["depth", "width"]), None);
/// assert_eq!(diagnostic::nearest("for", ["EUR"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters: more would turn `for` into `EUR`.
    let allowed = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance with insertions, deletions, substitutions and swaps of neighbours.
fn edit_distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().take(64).collect();
    let b: Vec<char> = b.to_lowercase().chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitution = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitution.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_file_line_and_column_and_points_at_the_characters() {
        let text = "a = 1\nbb = zwei\n";
        let problem = Diagnostic::error("expected a number, found `zwei`")
            .at("x.toml", text, 11..15, "not a number")
            .help("write `bb = 2`");
        let shown = problem.to_string();
        assert!(shown.contains("--> x.toml:2:6"), "{shown}");
        assert!(shown.contains("^^^^ not a number"), "{shown}");
        assert!(shown.contains("help: write `bb = 2`"), "{shown}");
    }

    #[test]
    fn spans_out_of_range_or_inside_a_character_do_not_panic() {
        for (start, end) in [(0, 0), (1, 2), (2, 9), (50, 60), (9, 1)] {
            let span = Range { start, end };
            let shown = Diagnostic::warning("odd").at("x", "äöü\n", span, "here").to_string();
            assert!(shown.starts_with("warning: odd"), "{shown}");
        }
        assert!(Diagnostic::error("empty").at("x", "", 0..1, "").to_string().contains("empty"));
    }

    #[test]
    fn a_row_of_a_large_file_is_shown_alone_with_its_number() {
        let shown = Diagnostic::error("loss is not a number")
            .at_line("runs.csv", 812, "d4,1e6,abc", 7..10, "expected nats per token")
            .to_string();
        assert!(shown.contains("runs.csv:812:8"), "{shown}");
    }
}
