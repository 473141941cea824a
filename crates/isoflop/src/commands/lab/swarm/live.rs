//! A swarm as it goes on: peers, tokens a second, loss, bytes, who is behind.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::swarm::machine::{Note, RoundNote};
use lab::swarm::wire::PeerId;

use crate::text::{count, sparkline};

const REDRAW: Duration = Duration::from_millis(250);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The live view on the standard error; lines now and then when that is no terminal.
pub(super) struct Live {
    bar: ProgressBar,
    quiet: bool,
    drawn: Instant,
    losses: Vec<f64>,
    /// When each peer delivered last, and what was last said of it.
    peers: BTreeMap<PeerId, (Instant, String)>,
    bytes: u64,
    started: Instant,
    windows: u64,
    total: u64,
    context: u64,
}

impl Live {
    pub(super) fn new(total: u64, context: usize, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total.max(1)), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {msg}") {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self {
            bar,
            quiet,
            drawn: now,
            losses: Vec::new(),
            peers: BTreeMap::new(),
            bytes: 0,
            started: now,
            windows: 0,
            total,
            context: context as u64,
        }
    }

    pub(super) fn note(&mut self, note: &Note) {
        match note {
            Note::Round(round) => self.round(round),
            Note::Peer { peer, what } => {
                self.peers.insert(*peer, (Instant::now(), what.clone()));
                self.line(&format!("  {peer}: {what}"));
            }
        }
    }

    fn round(&mut self, round: &RoundNote) {
        self.losses.push(round.loss);
        self.windows = round.windows;
    }

    pub(super) fn delivered(&mut self, peer: PeerId) {
        if let Some((at, _)) = self.peers.get_mut(&peer) {
            *at = Instant::now();
        }
    }

    pub(super) fn traffic(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
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

    pub(super) fn tick(&mut self) {
        let every = if self.bar.is_hidden() { LOG_EVERY } else { REDRAW };
        if self.quiet || self.drawn.elapsed() < every {
            return;
        }
        self.drawn = Instant::now();
        let here = self.peers.values().filter(|(_, what)| is_here(what)).count();
        let behind = self
            .peers
            .iter()
            .filter(|(_, (_, what))| is_here(what))
            .max_by_key(|(_, (at, _))| at.elapsed())
            .map_or(String::new(), |(peer, (at, _))| {
                format!(", {peer} delivered {:.0} s ago", at.elapsed().as_secs_f64())
            });
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let message = format!(
            "loss {:.3} {} {} tok/s, {}B, {here} peers{behind}",
            self.losses.last().copied().unwrap_or(f64::NAN),
            sparkline(&self.losses, 12),
            count((self.windows * self.context) as f64 / seconds),
            count(self.bytes as f64),
        );
        self.bar.set_position(self.windows);
        self.bar.set_prefix(format!(
            "{:3.0} %",
            100.0 * self.windows as f64 / self.total.max(1) as f64
        ));
        self.bar.set_message(message.clone());
        if self.bar.is_hidden() {
            self.line(&format!(
                "  {:3.0} % {message}",
                100.0 * self.windows as f64 / self.total.max(1) as f64
            ));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn is_here(what: &str) -> bool {
    !(what.starts_with("gone") || what.starts_with("left") || what.starts_with("evicted"))
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
