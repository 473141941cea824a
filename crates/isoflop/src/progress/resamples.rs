//! The resamples of a fit as they go on, shown when they take over two seconds.

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

/// Follows a fit: [`tick`](Self::tick) after every resample, dropped at the end.
pub(crate) struct Resamples {
    done: Arc<AtomicUsize>,
    /// Closed when the fit is over.
    over: Option<Sender<()>>,
    shown: Option<JoinHandle<()>>,
}

impl Resamples {
    /// For a fit of `rows` rows and `count` resamples. `always` shows it from the start, and as
    /// lines where the standard error is no terminal.
    pub(crate) fn new(rows: usize, count: usize, always: bool) -> Self {
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
                Some(count.max(1) as u64),
                ProgressDrawTarget::stderr(),
            );
            if bar.is_hidden() {
                while always && wait(LOG_EVERY) {
                    let _ = writeln!(
                        anstream::stderr(),
                        "  {} of {count} resamples, {}",
                        seen.load(Ordering::Relaxed),
                        duration(started.elapsed())
                    );
                }
                return;
            }
            bar.set_style(style("{prefix} {bar:30} {pos} of {len} resamples, {msg}"));
            bar.set_prefix(format!("fitting {rows} rows"));
            loop {
                let done = seen.load(Ordering::Relaxed);
                bar.set_position(done as u64);
                let passed = started.elapsed();
                bar.set_message(if done == 0 {
                    duration(passed)
                } else {
                    let left =
                        passed.as_secs_f64() * (count - done.min(count)) as f64 / done as f64;
                    format!("{} left", duration(Duration::from_secs_f64(left.min(1e9))))
                });
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

impl Drop for Resamples {
    fn drop(&mut self) {
        self.over = None;
        if let Some(shown) = self.shown.take() {
            // The thread only draws; whatever happened to it, the fit is there.
            let _ = shown.join();
        }
    }
}
