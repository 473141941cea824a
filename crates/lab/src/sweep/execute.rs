//! Runs packed onto the cores: the longest first, one core each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use diagnostic::Diagnostic;

use super::row::Row;
use super::spec::PlannedRun;
use crate::table::{read_rows, write_rows};
use crate::threads::Threads;
use crate::tokens::TokenFile;
use crate::train::{CurvePoint, Ended, Execution, Progress, train};

/// Where and how a sweep executes; none of it changes the results.
pub struct Settings<'a> {
    /// Holds `runs.csv`, the loss curves and, meanwhile, the checkpoints.
    pub folder: &'a Path,
    /// Cores to use.
    pub cores: usize,
    /// Time between a run's checkpoints.
    pub checkpoint_interval: Duration,
    /// Set from outside to stop after the current steps.
    pub stop: &'a AtomicBool,
}

/// What a sweep tells while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// A run begins, on so many threads.
    Started(&'a PlannedRun, usize),
    /// A run made a step.
    Progress(&'a PlannedRun, Progress),
    /// A run ended; its row is written.
    Finished(&'a PlannedRun, &'a Row),
}

/// Receives [`Event`]s from all of a sweep's threads.
pub trait Observer: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

impl<F: Fn(Event<'_>) + Sync> Observer for F {
    fn event(&self, event: Event<'_>) {
        self(event);
    }
}

/// A sweep that ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// One row for each finished run, in the order of the plan; earlier ones included.
    pub rows: Vec<Row>,
    /// Runs that an earlier sweep had finished.
    pub kept: usize,
    /// Whether it was asked to stop before all runs were done.
    pub interrupted: bool,
}

/// Makes every run of `plan` that `folder/runs.csv` does not hold yet.
///
/// A row counts as the run's when configuration and corpus are the same. Rows of runs that are not
/// in the plan stay in the file, after the plan's.
///
/// # Errors
/// When the folder is in use by another sweep or cannot be written, or when a run cannot start.
/// Runs that finished before stay in the file.
pub fn run_sweep(
    plan: &[PlannedRun],
    tokens: &TokenFile,
    settings: &Settings<'_>,
    observer: &dyn Observer,
) -> Result<Summary, Diagnostic> {
    let folder = Folder::open(settings.folder)?;
    let corpus = tokens.summary();
    let earlier: Vec<Row> = read_rows(&folder.table())?;
    let places: BTreeMap<String, usize> =
        plan.iter().enumerate().map(|(index, run)| (run.config.hash(), index)).collect();
    let mut rows: Vec<Option<Row>> = vec![None; plan.len()];
    let mut foreign = Vec::new();
    for row in earlier {
        match places.get(&row.config_hash) {
            Some(&index) if row.corpus_hash == corpus.hash[..16] => {
                let (run, group) = (plan[index].name.clone(), plan[index].group.clone());
                rows[index] = Some(Row { run, group, ..row });
            }
            _ => foreign.push(row),
        }
    }
    let mut waiting: Vec<usize> = (0..plan.len()).filter(|index| rows[*index].is_none()).collect();
    let kept = plan.len() - waiting.len();
    // The shortest last, to be taken from the end: a long run that starts late would leave the
    // other cores idle.
    waiting.sort_by(|a, b| plan[*a].config.compute().total_cmp(&plan[*b].config.compute()));

    let cores = settings.cores.max(1);
    let workers = cores.min(waiting.len());
    let threads = cores / workers.max(1);
    let state = Mutex::new(State { waiting, rows, failure: None });
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let next = || lock().next(settings);
    let work = || {
        while let Some(index) = next() {
            let run = &plan[index];
            let result = one_run(run, tokens, settings, &folder, threads, observer);
            let mut state = lock();
            match result {
                Ok(None) => {}
                Ok(Some(row)) => {
                    state.rows[index] = Some(row.clone());
                    let all: Vec<Row> =
                        state.rows.iter().flatten().chain(&foreign).cloned().collect();
                    if let Err(problem) = write_rows(&folder.table(), &all) {
                        state.failure.get_or_insert(problem);
                    } else {
                        // Only now is the run safe without it.
                        let _ = fs::remove_file(folder.checkpoint(run));
                        observer.event(Event::Finished(run, &row));
                    }
                }
                Err(problem) => {
                    state.failure.get_or_insert(problem);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });

    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(problem) = state.failure {
        return Err(problem);
    }
    let rows: Vec<Row> = state.rows.into_iter().flatten().collect();
    let interrupted = rows.len() < plan.len();
    Ok(Summary { rows, kept, interrupted })
}

struct State {
    /// Indices into the plan, shortest run first.
    waiting: Vec<usize>,
    rows: Vec<Option<Row>>,
    failure: Option<Diagnostic>,
}

impl State {
    fn next(&mut self, settings: &Settings<'_>) -> Option<usize> {
        if settings.stop.load(Ordering::Relaxed) || self.failure.is_some() {
            return None;
        }
        self.waiting.pop()
    }
}

/// One run from its checkpoint, if any, to its row; `None` when it was asked to stop.
fn one_run(
    run: &PlannedRun,
    tokens: &TokenFile,
    settings: &Settings<'_>,
    folder: &Folder,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Option<Row>, Diagnostic> {
    observer.event(Event::Started(run, threads));
    let checkpoint = folder.checkpoint(run);
    let execution = Execution {
        checkpoint: Some(&checkpoint),
        interval: settings.checkpoint_interval,
        threads: Threads::new(threads),
        stop: settings.stop,
    };
    let trained = train(&run.config, tokens, &execution, &mut |progress| {
        observer.event(Event::Progress(run, progress));
    })
    .map_err(|problem| problem.note(format!("in the run {}", run.name)))?;
    if trained.ended == Ended::Interrupted {
        return Ok(None);
    }
    folder.write_curve(run, &trained.curve)?;
    Ok(Some(Row::new(run, tokens.summary(), &trained)))
}

/// A sweep's folder, locked against a second sweep.
struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    fn open(path: &Path) -> Result<Self, Diagnostic> {
        let cannot = |error: std::io::Error| {
            Diagnostic::error(format!("the folder {} cannot be used: {error}", path.display()))
                .help("name a folder that can be written with `--out`")
        };
        fs::create_dir_all(path.join("curves")).map_err(cannot)?;
        let lock = File::create(path.join(".lock")).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Diagnostic::error(format!("another sweep is running in {}", path.display()))
                    .help("wait for it, or name another folder with `--out`"))
            }
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    fn table(&self) -> PathBuf {
        self.path.join("runs.csv")
    }

    fn checkpoint(&self, run: &PlannedRun) -> PathBuf {
        self.path.join(format!(".{}.checkpoint", run.config.hash()))
    }

    fn write_curve(&self, run: &PlannedRun, curve: &[CurvePoint]) -> Result<(), Diagnostic> {
        let mut text = String::from("step,tokens,train_loss,schedule,gradient_norm\n");
        for point in curve {
            let CurvePoint { step, tokens, train_loss, schedule, gradient_norm } = point;
            // Writing to a string does not fail.
            let _ =
                writeln!(text, "{step},{tokens},{train_loss:.6},{schedule:.6},{gradient_norm:.6}");
        }
        let path = self.path.join("curves").join(format!("{}.csv", run.name));
        runs::write_atomically(&path, text.as_bytes()).map_err(|error| {
            Diagnostic::error(format!("{} cannot be written: {error}", path.display()))
                .help("free some space and start the same command again: finished runs are kept")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_text::squares;
    use crate::sweep::{Status, Sweep};

    const SWEEP: &str = r#"
        name = "test"
        [recipe]
        context = 32
        validation_tokens = 2048
        [[group]]
        name = "grid"
        compute = [2e9, 4e9]
        depths = [1, 2]
        seeds = [0, 1]
    "#;

    struct Bench {
        folder: tempfile::TempDir,
        tokens: TokenFile,
        plan: Vec<PlannedRun>,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let tokens = squares(folder.path());
        let plan = Sweep::parse("test", SWEEP).unwrap().plan(256).unwrap();
        Bench { folder, tokens, plan }
    }

    fn sweep(
        bench: &Bench,
        out: &str,
        cores: usize,
        observer: &dyn Observer,
    ) -> Result<Summary, Diagnostic> {
        let stop = AtomicBool::new(false);
        sweep_until(bench, out, cores, observer, &stop)
    }

    fn sweep_until(
        bench: &Bench,
        out: &str,
        cores: usize,
        observer: &dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Summary, Diagnostic> {
        let settings = Settings {
            folder: &bench.folder.path().join(out),
            cores,
            checkpoint_interval: Duration::from_millis(5),
            stop,
        };
        run_sweep(&bench.plan, &bench.tokens, &settings, observer)
    }

    fn losses(summary: &Summary) -> Vec<(String, Option<f64>)> {
        summary.rows.iter().map(|row| (row.run.clone(), row.loss)).collect()
    }

    #[test]
    fn rows_come_in_the_order_of_the_plan_and_do_not_depend_on_the_cores() {
        let bench = bench();
        let one = sweep(&bench, "one", 1, &|_: Event<'_>| {}).unwrap();
        let three = sweep(&bench, "three", 3, &|_: Event<'_>| {}).unwrap();
        assert_eq!(losses(&one), losses(&three));
        assert!(one.rows.iter().all(|row| row.status == Status::Done));
        let names: Vec<&str> = one.rows.iter().map(|row| row.run.as_str()).collect();
        let planned: Vec<&str> = bench.plan.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, planned);
        assert_eq!(read_rows::<Row>(&bench.folder.path().join("one/runs.csv")).unwrap(), one.rows);
    }

    #[test]
    fn a_sweep_stopped_anywhere_goes_on_to_the_same_table_and_repeats_no_finished_run() {
        let bench = bench();
        let whole = sweep(&bench, "whole", 2, &|_: Event<'_>| {}).unwrap();
        let (mut sittings, mut kept) = (0, 0);
        let last = loop {
            let (stop, steps) = (AtomicBool::new(false), Mutex::new(0));
            let summary = sweep_until(
                &bench,
                "parts",
                2,
                &|event: Event<'_>| {
                    if let Event::Progress(..) = event {
                        let mut steps = steps.lock().unwrap();
                        *steps += 1;
                        stop.store(*steps > 60, Ordering::Relaxed);
                    }
                },
                &stop,
            )
            .unwrap();
            sittings += 1;
            assert!(summary.kept >= kept && sittings < 100);
            kept = summary.kept;
            if !summary.interrupted {
                break summary;
            }
        };
        assert!(sittings > 2, "the test never interrupted");
        assert_eq!(losses(&whole), losses(&last));
        let names = |folder: &str| -> Vec<_> {
            let path = bench.folder.path().join(folder);
            let mut names: Vec<_> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names("parts"), [".lock", "curves", "runs.csv"], "checkpoints are cleared away");
    }

    #[test]
    fn a_diverged_run_is_marked_and_the_sweep_goes_on() {
        let mut bench = bench();
        bench.plan[0].config.optimiser.matrix_learning_rate = f32::INFINITY;
        let summary = sweep(&bench, "out", 2, &|_: Event<'_>| {}).unwrap();
        assert_eq!(summary.rows[0].status, Status::Diverged);
        assert_eq!(summary.rows[0].loss, None);
        assert!(summary.rows[1..].iter().all(|row| row.status == Status::Done));
        let again = sweep(&bench, "out", 2, &|_: Event<'_>| {}).unwrap();
        assert_eq!(again.kept, bench.plan.len());
    }

    #[test]
    fn rows_of_other_sweeps_stay_in_the_table_in_their_order() {
        let mut bench = bench();
        let all = sweep(&bench, "out", 2, &|_: Event<'_>| {}).unwrap().rows;
        bench.plan.truncate(2);
        bench.plan.reverse();
        bench.plan[0].config.seed = 77;
        let again = sweep(&bench, "out", 2, &|_: Event<'_>| {}).unwrap();
        assert_eq!(again.kept, 1);
        let table: Vec<Row> = read_rows(&bench.folder.path().join("out/runs.csv")).unwrap();
        assert_eq!(table[..2], again.rows);
        assert_eq!(table[2], all[1]);
        assert_eq!(table[3..], all[2..]);
    }

    #[test]
    fn somebody_elses_table_is_not_replaced_and_a_second_sweep_waits() {
        let bench = bench();
        let out = bench.folder.path().join("mine");
        fs::create_dir_all(&out).unwrap();
        fs::write(out.join("runs.csv"), "my,notes\n1,2\n").unwrap();
        let problem = sweep(&bench, "mine", 1, &|_: Event<'_>| {}).unwrap_err().to_string();
        assert!(problem.contains("not a table that this command wrote"), "{problem}");
        assert_eq!(fs::read_to_string(out.join("runs.csv")).unwrap(), "my,notes\n1,2\n");

        let _held = Folder::open(&bench.folder.path().join("held")).unwrap();
        let problem = sweep(&bench, "held", 1, &|_: Event<'_>| {}).unwrap_err().to_string();
        assert!(problem.contains("another sweep is running"), "{problem}");
    }
}
