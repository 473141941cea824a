//! Ctrl-C: the first asks the work to stop cleanly, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

use diagnostic::Diagnostic;

static STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C (or SIGTERM) sets the returned flag instead of ending the program. The flag
/// stays set: a command of several parts asks again before each.
pub(crate) fn watch() -> Result<&'static AtomicBool, Diagnostic> {
    static WATCHED: AtomicBool = AtomicBool::new(false);
    if WATCHED.swap(true, Ordering::Relaxed) {
        return Ok(&STOP);
    }
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            // Every file is whole at any moment, so there is nothing to tidy.
            #[expect(clippy::exit, reason = "the user asked twice")]
            std::process::exit(3);
        }
    })
    .map_err(|error| Diagnostic::error(format!("Ctrl-C cannot be watched: {error}")))?;
    Ok(&STOP)
}
