//! Options that every command which trains shares: the text, the cores, the folder.

use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;
use lab::corpus::CorpusSource;
use lab::machine;
use lab::sweep::{PlannedRun, Row, Settings, Summary, run_sweep};
use lab::table::read_rows;
use lab::tokens::{TokenFile, cache_folder, open_or_build};

use crate::interrupt;
use crate::progress::{SweepProgress, show_tokens};

/// The text to train on and the machine to use.
#[derive(Debug, Clone, Args)]
pub(crate) struct TextSource {
    /// Text files or folders to train on, instead of the Rust source of Isoflop's dependencies
    #[arg(long, value_name = "PATH", num_args = 1..)]
    corpus: Vec<PathBuf>,
    /// Where tokenised text is kept [default: $ISOFLOP_CACHE, or the user's cache folder]
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    /// Cores to use [default: all]
    #[arg(long, value_name = "COUNT")]
    cores: Option<usize>,
    /// Seconds between a run's checkpoints
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    checkpoint_every: u64,
    /// Show no progress
    #[arg(long)]
    no_progress: bool,
}

impl TextSource {
    /// The tokenised text, made now if it was not before.
    pub(crate) fn open(&self) -> Result<TokenFile, Diagnostic> {
        let source = if self.corpus.is_empty() {
            CorpusSource::RustDependencies
        } else {
            CorpusSource::Paths(self.corpus.clone())
        };
        let cache = cache_folder(self.cache.as_deref())?;
        if self.no_progress {
            return open_or_build(&source, &cache, &mut |_| {});
        }
        open_or_build(&source, &cache, &mut show_tokens())
    }

    /// Cores to use.
    pub(crate) fn cores(&self) -> usize {
        self.cores.unwrap_or_else(machine::cores).clamp(1, 1024)
    }

    /// Seconds between checkpoints.
    pub(crate) fn checkpoint_every(&self) -> u64 {
        self.checkpoint_every
    }

    /// Makes the runs of `plan` that `folder` does not hold yet, showing progress.
    pub(crate) fn sweep(
        &self,
        plan: &[PlannedRun],
        tokens: &TokenFile,
        folder: &std::path::Path,
    ) -> Result<Summary, Diagnostic> {
        let stop = interrupt::watch()?;
        let rows: Vec<Row> = read_rows(&folder.join("runs.csv"))?;
        let corpus = &tokens.summary().hash[..16];
        let kept: Vec<bool> = plan
            .iter()
            .map(|run| {
                let hash = run.config.hash();
                rows.iter().any(|row| row.config_hash == hash && row.corpus_hash == corpus)
            })
            .collect();
        let cores = self.cores();
        let peak = if kept.iter().all(|kept| *kept) { 1.0 } else { machine::matmul_peak(cores) };
        let progress = SweepProgress::new(plan, &kept, peak, self.no_progress);
        let settings = Settings {
            folder,
            cores,
            checkpoint_interval: std::time::Duration::from_secs(self.checkpoint_every),
            stop,
        };
        let summary = run_sweep(plan, tokens, &settings, &progress);
        progress.finish();
        summary
    }
}
