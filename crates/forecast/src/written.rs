//! What a person wrote, with its place, so that every error can point at it.

use std::ops::Range;
use std::sync::Arc;

use diagnostic::Diagnostic;
use formula::Source;

/// A text and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) origin: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl File {
    pub(crate) fn new(origin: &str, text: &str) -> Self {
        Self { origin: origin.into(), text: text.into() }
    }

    pub(crate) fn error(
        &self,
        message: impl Into<String>,
        span: Range<usize>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(message).at(&*self.origin, &self.text, span, label)
    }

    /// The string, number or word at `span`, whose value is `text`.
    pub(crate) fn written(&self, text: impl Into<String>, span: Range<usize>) -> Written {
        let text = text.into();
        let (origin, whole) = (Arc::clone(&self.origin), Arc::clone(&self.text));
        let code = Source::quoted(origin, whole, span.clone(), &text);
        Written { text, code, file: self.clone(), span }
    }
}

/// A name, formula or other text, with its place.
#[derive(Debug, Clone)]
pub struct Written {
    text: String,
    code: Source,
    file: File,
    span: Range<usize>,
}

impl Written {
    /// A text of its own, such as an argument of the command line.
    pub fn new(origin: &str, text: &str) -> Self {
        File::new(origin, text).written(text, 0..text.len())
    }

    /// Another text that stands at the place of this one.
    pub(crate) fn restated(&self, text: impl Into<String>) -> Self {
        let text = text.into();
        let code = Source::new(Arc::clone(&self.file.origin), text.as_str());
        Self { text, code, file: self.file.clone(), span: self.span.clone() }
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as a formula, whose errors point into the file.
    pub(crate) fn source(&self) -> Source {
        self.code.clone()
    }

    /// An error that points here.
    pub(crate) fn error(&self, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        self.point(Diagnostic::error(message), label)
    }

    /// Points a problem here.
    pub(crate) fn point(&self, problem: Diagnostic, label: impl Into<String>) -> Diagnostic {
        problem.at(&*self.file.origin, &self.file.text, self.span.clone(), label)
    }

    /// An error for a name that is not among `known`.
    pub(crate) fn unknown<'a>(
        &self,
        what: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        let known: Vec<&str> = known.into_iter().collect();
        let problem = self.error(format!("there is no {what} `{}`", self.text), "not known");
        match diagnostic::nearest(&self.text, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => problem,
            None => problem.help(format!("there are: {}", known.join(", "))),
        }
    }
}

/// Two texts are the same if they say the same, wherever they stand.
impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
