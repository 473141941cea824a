//! Work that may take long, shown when it takes over two seconds.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};

use super::{LOG_EVERY, REDRAW, style};
use crate::text::duration;

/// Work that is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// Follows work: [`tick`](Self::tick) after every resample, dropped at the end.
pub(crate) struct Work {
    done: Arc<AtomicUsize>,
    /// Closed when the work is over.
    over: Option<Sender<()>>,
    shown: Option<JoinHandle<()>>,
}

impl Work {
    /// For `what`, of `count` resamples where they are counted. `always` shows it from the start,
    /// and as lines where the standard error is no terminal.
    pub(crate) fn new(what: String, count: Option<usize>, always: bool) -> Self {
        let done = Arc::new(AtomicUsize::new(0));
        let (over, ended) = channel::<()>();
        let seen = Arc::clone(&done);
        let patience = if always { Duration::ZERO } else { PATIENCE };
        let started = Instant::now();
        let shown = std::thread::spawn(move || {
            let wait = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
            if !wait(patience) {
                return;
            }
            let bar = ProgressBar::with_draw_target(
                Some(count.unwrap_or(1).max(1) as u64),
                ProgressDrawTarget::stderr(),
            );
            let state = || {
                let (done, passed) = (seen.load(Ordering::Relaxed), started.elapsed());
                match count {
                    Some(count) if done > 0 => {
                        let left = count.saturating_sub(done) as f64 / done as f64;
                        let left = (passed.as_secs_f64() * left).min(1e9);
                        let left = duration(Duration::from_secs_f64(left));
                        format!("{done} of {count} resamples, {left} left")
                    }
                    _ => duration(passed),
                }
            };
            if bar.is_hidden() {
                while always && wait(LOG_EVERY) {
                    let _ = writeln!(anstream::stderr(), "  {what}: {}", state());
                }
                return;
            }
            let counted = if count.is_some() { " {bar:30}" } else { "" };
            bar.set_style(style(&format!("{{prefix}}{counted} {{msg}}")));
            bar.set_prefix(what);
            loop {
                bar.set_position(seen.load(Ordering::Relaxed) as u64);
                bar.set_message(state());
                if !wait(REDRAW) {
                    break;
                }
            }
            bar.finish_and_clear();
        });
        Self { done, over: Some(over), shown: Some(shown) }
    }

    /// One more resample is done.
    pub(crate) fn tick(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.over = None;
        if let Some(shown) = self.shown.take() {
            // The thread only draws; whatever happened to it, the fit is there.
            let _ = shown.join();
        }
    }
}
