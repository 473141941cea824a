//! The text of what is named on the command line: a file or, for `-`, the standard input.

use std::path::Path;
use std::sync::OnceLock;

use diagnostic::Diagnostic;

/// It can be read once, and be asked for again.
static STDIN: OnceLock<String> = OnceLock::new();

/// Whether a name stands for the standard input.
pub(crate) fn is_stdin(name: &Path) -> bool {
    name.as_os_str() == "-"
}

/// What its problems are to call it, and the text.
pub(crate) fn read(name: &Path) -> std::io::Result<(String, String)> {
    if !is_stdin(name) {
        return Ok((name.display().to_string(), std::fs::read_to_string(name)?));
    }
    let text = if let Some(text) = STDIN.get() {
        text.clone()
    } else {
        let text = std::io::read_to_string(std::io::stdin())?;
        STDIN.get_or_init(|| text).clone()
    };
    Ok(("<stdin>".to_owned(), text))
}

/// Like [`read`], with a problem that says what could not be read.
pub(crate) fn named(name: &Path) -> Result<(String, String), Diagnostic> {
    read(name).map_err(|problem| {
        let what = if is_stdin(name) {
            "the standard input".to_owned()
        } else {
            format!("`{}`", name.display())
        };
        Diagnostic::error(format!("{what} cannot be read: {problem}"))
    })
}
