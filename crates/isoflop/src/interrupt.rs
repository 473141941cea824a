//! Ctrl-C: asks work to stop cleanly, or ends the program between files.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use diagnostic::Diagnostic;

static STOP: AtomicBool = AtomicBool::new(false);
static WATCHED: AtomicBool = AtomicBool::new(false);
static WRITING: Mutex<()> = Mutex::new(());

/// From now on Ctrl-C (or SIGTERM) sets the returned flag instead of ending the program; the
/// second one ends it. The flag stays set: a command of several parts asks again before each.
pub(crate) fn watch() -> Result<&'static AtomicBool, Diagnostic> {
    handle(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            // Every file is whole at any moment, so there is nothing to tidy.
            quit();
        }
    })?;
    Ok(&STOP)
}

/// From now on Ctrl-C ends the program with code 3, once a file that is being [written](whole) is
/// whole.
pub(crate) fn quit_between_files() -> Result<(), Diagnostic> {
    handle(|| {
        let _written = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        quit();
    })
}

/// Writes a file that Ctrl-C does not cut short.
pub(crate) fn whole<T>(write: impl FnOnce() -> T) -> T {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    write()
}

fn handle(act: impl FnMut() + Send + 'static) -> Result<(), Diagnostic> {
    if WATCHED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(act)
        .map_err(|error| Diagnostic::error(format!("Ctrl-C cannot be watched: {error}")))
}

#[expect(clippy::exit, reason = "the user asked for the end")]
fn quit() {
    std::process::exit(3);
}
