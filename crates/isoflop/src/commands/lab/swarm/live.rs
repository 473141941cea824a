//! A swarm in the terminal as it goes on: peers, tokens a second, loss, bytes, who is behind.

use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::swarm::machine::Note;

use super::view::View;
use crate::commands::amounts::{BYTES, amount};
use crate::text::{count, sparkline};

const REDRAW: Duration = Duration::from_millis(250);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The live view on the standard error; lines now and then when that is no terminal.
pub(super) struct Live {
    bar: ProgressBar,
    quiet: bool,
    drawn: Instant,
}

impl Live {
    pub(super) fn new(total: u64, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total.max(1)), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {msg}") {
            bar.set_style(style);
        }
        Self { bar, quiet, drawn: Instant::now() }
    }

    /// What happened to a peer, as a line.
    pub(super) fn note(&self, note: &Note) {
        if let Note::Peer { peer, what } = note {
            self.line(&format!("  {peer}: {what}"));
        }
    }

    fn line(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() {
            let _ = writeln!(anstream::stderr(), "{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Draws `view`, if it is time.
    pub(super) fn tick(&mut self, view: &View) {
        let every = if self.bar.is_hidden() { LOG_EVERY } else { REDRAW };
        if self.quiet || self.drawn.elapsed() < every {
            return;
        }
        self.drawn = Instant::now();
        let behind = view.behind().map_or(String::new(), |(peer, since)| {
            format!(", {peer} delivered {:.0} s ago", since.as_secs_f64())
        });
        let losses = view.losses();
        let message = format!(
            "loss {:.3} {} {} tok/s, {}, {} peers{behind}",
            losses.last().copied().unwrap_or(f64::NAN),
            sparkline(&losses, 12),
            count(view.tokens_per_second()),
            amount(view.bytes() as f64, None, BYTES),
            view.here(),
        );
        let (done, total) = view.progress();
        let share = format!("{:3.0} %", 100.0 * done as f64 / total.max(1) as f64);
        if self.bar.is_hidden() {
            self.line(&format!("  {share} {message}"));
        }
        self.bar.set_position(done);
        self.bar.set_prefix(share);
        self.bar.set_message(message);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar for work whose share is known, after two seconds.
pub(super) struct Share {
    bar: ProgressBar,
    started: Instant,
}

impl Share {
    pub(super) fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {percent} %, {eta} left")
        {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        Self { bar, started: Instant::now() }
    }

    pub(super) fn at(&self, share: f64) {
        if self.started.elapsed() > Duration::from_secs(2) && self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position((1000.0 * share) as u64);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
