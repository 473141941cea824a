//! Ctrl-C: the first asks the work to stop cleanly, the second ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

use diagnostic::Diagnostic;

static STOP: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C (or SIGTERM) sets the returned flag instead of ending the program.
pub(crate) fn watch() -> Result<&'static AtomicBool, Diagnostic> {
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
