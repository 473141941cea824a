//! A sweep as it goes on: one line for the whole, one for each run at work.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab::sweep::{Event, PlannedRun, Status};
use lab::tokens::Progress as TokenProgress;

use crate::text::{count, duration, sparkline};

mod work;

pub(crate) use work::Work;

/// How often lines change, on a terminal and elsewhere.
const REDRAW: Duration = Duration::from_millis(200);
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Shows the making of tokens.
pub(crate) fn show_tokens() -> impl FnMut(TokenProgress) {
    let bar = ProgressBar::new(0);
    bar.set_style(style("reading text {bar:30} {bytes} of {total_bytes}"));
    move |progress| match progress {
        TokenProgress::Waiting => bar.set_message("waiting for another process"),
        TokenProgress::Reading { bytes, total } => {
            bar.set_length(total);
            bar.set_position(bytes);
            if bytes >= total {
                bar.finish_and_clear();
            }
        }
        TokenProgress::Warning(problem) => {
            let shown = problem.to_styled_string();
            bar.suspend(|| {
                let _ = writeln!(anstream::stderr(), "{shown}");
            });
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Follows the events of a sweep and shows them on the standard error.
pub(crate) struct SweepProgress {
    state: Mutex<State>,
}

struct State {
    bars: MultiProgress,
    whole: ProgressBar,
    terminal: bool,
    quiet: bool,
    /// FLOP a second that matrix products reach on the cores in use.
    peak: f64,
    started: Instant,
    logged: Instant,
    /// FLOP of runs that ended, in this process and in all.
    flop_finished_here: f64,
    flop_finished: f64,
    flop_planned: f64,
    runs_finished: usize,
    runs_planned: usize,
    at_work: BTreeMap<String, AtWork>,
}

struct AtWork {
    bar: ProgressBar,
    drawn: Instant,
    began: Instant,
    losses: Vec<f64>,
    /// FLOP of this run, done here and in all.
    flop_here: f64,
    flop: f64,
}

impl SweepProgress {
    /// For a plan of which `kept` runs are done already.
    pub(crate) fn new(plan: &[PlannedRun], kept: &[bool], peak: f64, quiet: bool) -> Self {
        let bars = MultiProgress::with_draw_target(if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        });
        let terminal = !quiet && !bars.is_hidden();
        let flop = |wanted: bool| {
            let runs = plan.iter().zip(kept).filter(|(_, kept)| **kept == wanted);
            runs.map(|(run, _)| run.config.compute()).sum::<f64>()
        };
        let (flop_finished, flop_left) = (flop(true), flop(false));
        let whole = bars.add(ProgressBar::new(1000));
        whole.set_style(style("{prefix} {bar:24} {msg}"));
        let now = Instant::now();
        let state = State {
            bars,
            whole,
            terminal,
            quiet,
            peak,
            started: now,
            logged: now,
            flop_finished_here: 0.0,
            flop_finished,
            flop_planned: flop_finished + flop_left,
            runs_finished: kept.iter().filter(|kept| **kept).count(),
            runs_planned: plan.len(),
            at_work: BTreeMap::new(),
        };
        Self { state: Mutex::new(state) }
    }

    /// Clears the lines.
    pub(crate) fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for run in state.at_work.values() {
            run.bar.finish_and_clear();
        }
        state.whole.finish_and_clear();
    }
}

impl lab::sweep::Observer for SweepProgress {
    fn event(&self, event: Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(run, threads) => state.started(run, threads),
            Event::Progress(run, progress) => state.progress(run, progress),
            Event::Finished(run, row) => state.finished(run, row),
        }
    }
}

impl State {
    fn started(&mut self, run: &PlannedRun, _threads: usize) {
        let bar = self.bars.insert_before(&self.whole, ProgressBar::new(run.config.steps));
        bar.set_style(style("  {prefix:34} {bar:16} {msg}"));
        bar.set_prefix(run.name.clone());
        let now = Instant::now();
        let at_work =
            AtWork { bar, drawn: now, began: now, losses: Vec::new(), flop_here: 0.0, flop: 0.0 };
        self.at_work.insert(run.name.clone(), at_work);
    }

    fn progress(&mut self, run: &PlannedRun, progress: lab::train::Progress) {
        let Some(at_work) = self.at_work.get_mut(&run.name) else { return };
        let step = run.config.compute() / run.config.steps as f64;
        at_work.losses.push(progress.loss);
        at_work.flop = progress.step as f64 * step;
        at_work.flop_here = (progress.step - progress.resumed) as f64 * step;
        if at_work.drawn.elapsed() >= REDRAW {
            at_work.drawn = Instant::now();
            let seconds = at_work.began.elapsed().as_secs_f64();
            let tokens = at_work.flop_here / run.config.shape.flop_per_token();
            at_work.bar.set_position(progress.step);
            at_work.bar.set_message(format!(
                "loss {:.3} {} {} tok/s",
                mean_of_last(&at_work.losses),
                sparkline(&at_work.losses, 12),
                count(tokens / seconds)
            ));
            self.redraw();
        }
    }

    fn finished(&mut self, run: &PlannedRun, row: &lab::sweep::Row) {
        if let Some(at_work) = self.at_work.remove(&run.name) {
            at_work.bar.finish_and_clear();
            self.bars.remove(&at_work.bar);
            self.flop_finished_here += at_work.flop_here;
        }
        self.flop_finished += run.config.compute();
        self.runs_finished += 1;
        let ending = match (row.status, row.loss) {
            (Status::Done, Some(loss)) => format!("loss {loss:.4}"),
            _ => "diverged: the loss stopped being a number".to_owned(),
        };
        let line = format!(
            "  {:34} N {:>6}  D {:>6}  {ending}  {}",
            run.name,
            count(row.params_with_head as f64),
            count(row.tokens as f64),
            duration(Duration::from_secs_f64(row.wall_s)),
        );
        if self.terminal {
            let _ = self.bars.println(line);
        } else if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{line}");
        }
        self.redraw();
    }

    fn redraw(&mut self) {
        let here: f64 =
            self.flop_finished_here + self.at_work.values().map(|run| run.flop_here).sum::<f64>();
        let all: f64 = self.flop_finished + self.at_work.values().map(|run| run.flop).sum::<f64>();
        let rate = here / self.started.elapsed().as_secs_f64().max(1e-3);
        let left = if rate > 0.0 { (self.flop_planned - all).max(0.0) / rate } else { 0.0 };
        let message = format!(
            "{} of {} runs, {:.0} GFLOP/s, {:.0} % of the matmul peak, {} left",
            self.runs_finished,
            self.runs_planned,
            rate / 1e9,
            100.0 * rate / self.peak,
            duration(Duration::from_secs_f64(left.min(1e9))),
        );
        if self.terminal {
            self.whole.set_prefix("all");
            self.whole.set_position((1000.0 * all / self.flop_planned) as u64);
            self.whole.set_message(message);
        } else if !self.quiet && self.logged.elapsed() >= LOG_EVERY {
            self.logged = Instant::now();
            let _ = writeln!(anstream::stderr(), "  {message}");
        }
    }
}

fn mean_of_last(losses: &[f64]) -> f64 {
    let last = &losses[losses.len().saturating_sub(20)..];
    last.iter().sum::<f64>() / last.len().max(1) as f64
}
