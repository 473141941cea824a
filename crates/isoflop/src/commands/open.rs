//! Opening a page in the browser.

use std::path::Path;
use std::process::{Command, Stdio};

use diagnostic::Diagnostic;

use crate::text::complain;

/// Opens a page where there is a display; a warning says where it lies otherwise, for the answer
/// is there all the same.
pub(crate) fn open(page: &Path) {
    if let Err(problem) = open_address(&page.display().to_string()) {
        complain(&problem);
    }
}

/// Opens a file or an address.
pub(crate) fn open_address(address: &str) -> Result<(), Diagnostic> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    if !has_display() {
        return Err(Diagnostic::warning(format!("there is no display to open `{address}` on"))
            .help("copy the file to a machine that has one: it needs nothing else"));
    }
    let started = Command::new(program)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.map(drop).map_err(|problem| {
        Diagnostic::warning(format!("`{program}` does not open `{address}`: {problem}"))
            .help("open the file in a browser yourself")
    })
}

/// Whether a window could be shown.
pub(crate) fn has_display() -> bool {
    cfg!(any(target_os = "macos", windows))
        || std::env::var_os("DISPLAY").is_some_and(|display| !display.is_empty())
        || std::env::var_os("WAYLAND_DISPLAY").is_some_and(|display| !display.is_empty())
}
