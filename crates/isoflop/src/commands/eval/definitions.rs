//! What `isoflop eval` was given: definitions from arguments, files and the prompt, as one program.

use std::sync::Arc;

use diagnostic::Diagnostic;
use draws::uncertain::{Misfit, Uncertain, uncertain_inputs};
use formula::{Checked, Environment, Program, Source};

use super::kept::Kept;

/// Definitions that belong together, in the order given.
#[derive(Debug, Clone, Default)]
pub(super) struct Definitions {
    texts: Vec<Text>,
    program: Program,
    /// Draws from a file, which formulas may name.
    kept: Option<Arc<Kept>>,
}

/// One text and the names that it defines.
#[derive(Debug, Clone)]
struct Text {
    origin: String,
    written: String,
    names: Vec<String>,
}

/// Definitions whose names, units and distributions all make sense.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) checked: Checked,
    pub(super) uncertain: Vec<Uncertain>,
    pub(super) kept: Option<Arc<Kept>>,
}

impl Definitions {
    /// Definitions that may name draws from a file.
    pub(super) fn over(kept: Option<Arc<Kept>>) -> Result<Self, Diagnostic> {
        let mut program = Program::new();
        for (name, source) in kept.iter().flat_map(|kept| kept.definitions()) {
            program.define(name, source)?;
        }
        Ok(Self { texts: Vec::new(), program, kept })
    }

    /// Reads one more text; returns the names that it defines, `result` for a bare expression.
    pub(super) fn add(&mut self, origin: &str, text: &str) -> Result<Vec<String>, Diagnostic> {
        let known = self.program.names().count();
        self.program.add(Source::new(origin, text))?;
        let names: Vec<String> = self.program.names().skip(known).map(str::to_owned).collect();
        let (origin, written) = (origin.to_owned(), text.to_owned());
        self.texts.push(Text { origin, written, names: names.clone() });
        Ok(names)
    }

    /// The same without the texts that define one of `names`: they are about to be replaced.
    #[cfg(feature = "repl")]
    pub(super) fn without(&self, names: &[String]) -> Result<Self, Diagnostic> {
        let mut kept = Self::over(self.kept.clone())?;
        let stays = |text: &&Text| !text.names.iter().any(|name| names.contains(name));
        for text in self.texts.iter().filter(stays) {
            kept.add(&text.origin, &text.written)?;
        }
        Ok(kept)
    }

    /// The names defined, functions included, in order.
    #[cfg(feature = "repl")]
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.program.names()
    }

    /// Checks everything that can be checked before anything is drawn.
    pub(super) fn check(&self) -> Result<Sound, Diagnostic> {
        let names = match &self.kept {
            Some(kept) => kept.environment(),
            None => Environment::new(),
        };
        let checked = self.program.check(&names)?;
        let uncertain = uncertain_inputs(&checked).map_err(|misfit| self.point(*misfit))?;
        Ok(Sound { checked, uncertain, kept: self.kept.clone() })
    }

    /// Points at the distribution that cannot be drawn from.
    fn point(&self, misfit: Misfit) -> Diagnostic {
        let Misfit { input, family, problem } = misfit;
        let name = match input.rsplit_once('.') {
            Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &input,
        };
        let Some(text) = self.texts.iter().find(|text| text.names.iter().any(|n| n == name)) else {
            return problem.note(format!("in the uncertain input `{input}`"));
        };
        let statement = text.statement(name);
        let inside = &text.written[statement.clone()];
        // The call itself, where it is the only one of its family.
        let call = format!("{family}(");
        let span = match (inside.find(&call), inside.rfind(&call)) {
            (Some(first), Some(last)) if first == last => {
                let start = statement.start + first;
                start..start + call_length(&text.written[start..statement.end])
            }
            _ => statement,
        };
        problem.at(&*text.origin, &text.written, span, "in this distribution")
    }
}

impl Text {
    /// Where the value of `name` is written: after its equals sign, to the end of the statement.
    fn statement(&self, name: &str) -> std::ops::Range<usize> {
        let mut start = 0;
        for statement in self.written.split_inclusive(['\n', ';']) {
            let from = start;
            start += statement.len();
            let value = statement
                .trim_start()
                .strip_prefix(name)
                .and_then(|rest| rest.trim_start().strip_prefix('='));
            if let Some(value) = value {
                let skipped = statement.len() - value.trim_start().len();
                let value = &self.written[from + skipped..from + statement.len()];
                let value = value.split('#').next().unwrap_or(value);
                return from + skipped
                    ..from + skipped + value.trim_end_matches([';', '\n', ' ']).len();
            }
        }
        0..self.written.trim_end().len()
    }
}

/// The length of the call that `text` starts with, its closing bracket included.
fn call_length(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return at + 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}
