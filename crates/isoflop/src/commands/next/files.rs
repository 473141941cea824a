//! The runs as files that trainers read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use diagnostic::Diagnostic;
use lab::sweep::Sweep;
use plan::design::Proposal;
use runs::{Observations, write_atomically};

use super::super::lab::VOCABULARY;
use super::Answer;
use super::family::{Family, Maker, depths};
use crate::interrupt;

/// Files to write, and the models they are for.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The answer")]
pub(super) struct FileArgs {
    /// Write the runs as a sweep of the lab's own models, for `isoflop lab sweep`
    #[arg(long, value_name = "FILE", conflicts_with = "nanochat")]
    pub(super) sweep: Option<PathBuf>,
    /// Write the runs as a table, one row each
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Give the runs as flags of nanochat's training script, of its own models
    #[arg(long)]
    pub(super) nanochat: bool,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    /// Choose only models of this family [default: the lab's with --sweep, nanochat's with
    /// --nanochat]
    #[arg(long, value_name = "FAMILY", help_heading = "The runs that can be made")]
    family: Option<Maker>,
    /// The depths of the family's models, as in `1..8`, `8..26/2` or `8,12` [default: 1..12 of the
    /// lab's, 4..40/2 of nanochat's]
    #[arg(long, value_name = "DEPTHS", help_heading = "The runs that can be made")]
    depths: Option<String>,
}

impl FileArgs {
    /// Refuses files that are there before anything takes time.
    pub(super) fn check(&self) -> Result<(), Diagnostic> {
        for path in self.sweep.iter().chain(&self.csv) {
            if path.exists() && !self.force {
                return Err(Diagnostic::error(format!("`{}` is there already", path.display()))
                    .help("name another file, or replace it with --force"));
            }
        }
        let wrong = match self.family {
            Some(Maker::Nanochat) if self.sweep.is_some() => "--sweep",
            Some(Maker::Lab) if self.nanochat => "--nanochat",
            _ => return Ok(()),
        };
        Err(Diagnostic::error(format!("`{wrong}` is not for models of this family"))
            .help(format!("leave out --family, or {wrong}")))
    }

    /// The family of models to choose from, if there is one.
    pub(super) fn family(
        &self,
        observations: Option<&Observations>,
    ) -> Result<Option<Family>, Diagnostic> {
        let maker = match (self.family, &self.sweep, self.nanochat) {
            (Some(maker), ..) => maker,
            (None, Some(_), _) => Maker::Lab,
            (None, None, true) => Maker::Nanochat,
            (None, None, false) if self.depths.is_some() => {
                return Err(Diagnostic::error("`--depths` needs a family of models")
                    .help("name it: --family lab or --family nanochat"));
            }
            _ => return Ok(None),
        };
        let depths = match (&self.depths, maker) {
            (Some(text), _) => depths(text)?,
            (None, Maker::Lab) => (1..=12).collect(),
            (None, Maker::Nanochat) => (4..=40).step_by(2).collect(),
        };
        Family::new(maker, &depths, observations).map(Some)
    }

    /// Writes the files, and says so.
    pub(super) fn write(&self, answer: &Answer<'_>) -> Result<Vec<String>, Diagnostic> {
        let mut said = Vec::new();
        if let Some(path) = &self.sweep {
            let text = sweep(answer);
            if answer.design.runs.is_empty() {
                return Err(Diagnostic::error("there is no run to write to a sweep")
                    .help("allow a larger budget, or smaller runs"));
            }
            // What the lab would refuse is not worth a file.
            Sweep::parse(&path.display().to_string(), &text)?.plan(VOCABULARY)?;
            save(path, &text)?;
            let batch = if answer.question.batches > 1 { " --group batch-1" } else { "" };
            said.push(format!("next   isoflop lab sweep {}{batch} --dry-run", path.display()));
        }
        if let Some(path) = &self.csv {
            save(path, &csv(answer))?;
            said.push(format!("saved to {}", path.display()));
        }
        Ok(said)
    }
}

fn save(path: &Path, text: &str) -> Result<(), Diagnostic> {
    interrupt::whole(|| write_atomically(path, text.as_bytes())).map_err(|problem| {
        Diagnostic::error(format!("cannot write `{}`: {problem}", path.display()))
            .help("name a file in a folder that exists and can be written to")
    })
}

/// A proposal with the seed of its first run: the same setting in a later batch goes on counting.
fn seeded(runs: &[Proposal]) -> Vec<(&Proposal, usize)> {
    let mut used: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    let mut seeded = Vec::with_capacity(runs.len());
    for run in runs {
        let setting = (run.parameters.get().to_bits(), run.tokens.get().to_bits());
        let next = used.entry(setting).or_insert(0);
        seeded.push((run, *next));
        *next += run.times;
    }
    seeded
}

/// A sweep file of the lab: one group of runs per setting, named by its batch.
fn sweep(answer: &Answer<'_>) -> String {
    let mut text =
        "# Written by `isoflop next`; `isoflop lab sweep` makes the runs.\nname = \"next\"\n"
            .to_owned();
    for (run, seed) in seeded(&answer.design.runs) {
        let Some(depth) = answer.family.and_then(|family| family.depth(run.parameters)) else {
            continue;
        };
        let seeds: Vec<String> = (seed..seed + run.times).map(|seed| seed.to_string()).collect();
        let _ = write!(
            text,
            "\n[[group]]\nname = \"batch-{}\"\ndepths = [{depth}]\ntokens = [{:e}]\nseeds = [{}]\n",
            run.batch + 1,
            run.tokens.get(),
            seeds.join(", ")
        );
    }
    text
}

/// A table of the runs, one row each.
fn csv(answer: &Answer<'_>) -> String {
    let family = answer.family;
    let depth = if family.is_some() { ",depth" } else { "" };
    let mut text = format!("run,batch,seed,N,D,tokens_per_parameter,flop_6nd{depth}\n");
    for (place, (run, seed)) in seeded(&answer.design.runs).into_iter().enumerate() {
        let (n, d) = (run.parameters.get(), run.tokens.get());
        for seed in seed..seed + run.times {
            let _ = write!(
                text,
                "b{}-{:02}-s{seed},{},{seed},{n:.0},{d:.0},{:.4},{:.6e}",
                run.batch + 1,
                place + 1,
                run.batch + 1,
                d / n,
                run.cost().get(),
            );
            if let Some(family) = family {
                let depth = family.depth(run.parameters).map_or(String::new(), |d| d.to_string());
                let _ = write!(text, ",{depth}");
            }
            text.push('\n');
        }
    }
    text
}

/// Flags of nanochat's `base_train`, one line per run.
pub(super) fn nanochat(answer: &Answer<'_>) -> Vec<String> {
    let family = answer.family.filter(|family| family.maker == Maker::Nanochat);
    let runs = answer.design.runs.iter().filter_map(|run| {
        let depth = family?.depth(run.parameters)?;
        let ratio = Family::nanochat_ratio(depth, run.tokens.get());
        Some((format!("--depth={depth} --target-param-data-ratio={ratio:.3}"), run.times))
    });
    runs.map(|(line, times)| if times > 1 { format!("{line}  # {times} times") } else { line })
        .collect()
}
