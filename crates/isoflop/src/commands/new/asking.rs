//! Questions on a terminal.

use std::io::{BufRead, Write};

use diagnostic::Diagnostic;

use crate::text::say;

/// Where questions are put, and whether.
pub(super) struct Asking<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) input: &'a mut dyn BufRead,
    pub(super) asks: bool,
}

impl Asking<'_> {
    /// The answer, again until `check` takes it; the default where nothing is asked or answered.
    pub(super) fn ask(
        &mut self,
        question: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), Diagnostic>,
    ) -> Result<String, Diagnostic> {
        while self.asks {
            say(self.out, &format!("{question} [{default}] "))?;
            let mut line = Vec::new();
            let read = self.input.read_until(b'\n', &mut line).map_err(|problem| {
                Diagnostic::error(format!("the answer cannot be read: {problem}"))
            })?;
            if read == 0 {
                // Nobody is there any more.
                self.asks = false;
                say(self.out, "\n")?;
                break;
            }
            let line = String::from_utf8_lossy(&line);
            let answer = if line.trim().is_empty() { default } else { line.trim() };
            match check(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(problem) => say(self.out, &format!("{problem}\n"))?,
            }
        }
        check(default)?;
        Ok(default.to_owned())
    }
}
