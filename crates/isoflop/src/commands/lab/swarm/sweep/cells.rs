//! A sweep's runs that differ in their seed alone, as one line each.

use std::fmt::Write as _;
use std::path::Path;

use lab::swarm::row::SwarmRow;
use serde::Serialize;

use crate::table::{Side, on_side};

/// A mean over seeds, with its standard error where there are several.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Mean {
    mean: f64,
    standard_error: Option<f64>,
}

impl Mean {
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let spread = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let standard_error = (values.len() > 1).then(|| (spread / (n - 1.0) / n).sqrt());
        (!values.is_empty()).then_some(Self { mean, standard_error })
    }
}

/// Runs of one setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Cell {
    depth: usize,
    peers: u32,
    /// None of a synchronous run.
    inner_steps: Option<u32>,
    codec: String,
    outer_learning_rate: f32,
    seeds: usize,
    /// Seeds that diverged.
    diverged: usize,
    /// Of the seeds that did not diverge, in nats per token.
    loss: Option<Mean>,
    /// Loss over that of the synchronous run of the same seed and peers, less one.
    to_synchronous: Option<Mean>,
    bytes_per_token: f64,
    /// How many times fewer bytes than the synchronous run.
    less_traffic: Option<f64>,
}

impl Cell {
    /// `3`, or `2 of 3` where one diverged.
    fn seeds_in_words(&self) -> String {
        match self.diverged {
            0 => self.seeds.to_string(),
            diverged => format!("{} of {}", self.seeds - diverged, self.seeds),
        }
    }
}

/// `rows` with those of one setting together, in the order in which settings first come.
pub(super) fn cells(rows: &[&SwarmRow]) -> Vec<Cell> {
    let key = |row: &SwarmRow| {
        let rate = row.outer_learning_rate.to_bits();
        (row.depth, row.peers, row.group.clone(), row.inner_steps, row.up.clone(), rate)
    };
    let mut settings: Vec<Vec<&SwarmRow>> = Vec::new();
    for row in rows {
        match settings.iter_mut().find(|same| key(same[0]) == key(row)) {
            Some(same) => same.push(row),
            None => settings.push(vec![row]),
        }
    }
    settings.iter().map(|same| cell(same, rows)).collect()
}

fn cell(same: &[&SwarmRow], rows: &[&SwarmRow]) -> Cell {
    let first = same[0];
    let base = |row: &SwarmRow| {
        rows.iter().find(|other| {
            other.group == "synchronous"
                && (other.peers, other.depth, other.seed) == (row.peers, row.depth, row.seed)
        })
    };
    let losses: Vec<f64> = same.iter().filter_map(|row| row.loss).collect();
    let against: Vec<f64> =
        same.iter().filter_map(|row| Some(row.loss? / base(row)?.loss? - 1.0)).collect();
    let synchronous = first.group == "synchronous";
    Cell {
        depth: first.depth,
        peers: first.peers,
        inner_steps: (!synchronous).then_some(first.inner_steps),
        codec: first.up.clone(),
        outer_learning_rate: first.outer_learning_rate,
        seeds: same.len(),
        diverged: same.len() - losses.len(),
        loss: Mean::of(&losses),
        to_synchronous: if synchronous { None } else { Mean::of(&against) },
        bytes_per_token: first.bytes_per_token,
        less_traffic: base(first).map(|base| base.bytes as f64 / first.bytes as f64),
    }
}

/// The table for people, in lines of `width` characters.
pub(super) fn people(cells: &[Cell], table: &Path, width: usize) -> String {
    let several = cells.iter().any(|cell| cell.seeds > 1);
    let depths = cells.iter().any(|cell| cell.depth != cells[0].depth);
    let head = [
        depths.then_some("depth"),
        Some("peers"),
        Some("H"),
        Some("codec"),
        Some("outer"),
        several.then_some("seeds"),
        Some("loss"),
        Some("to synchronous"),
        Some("bytes/token"),
        Some("1/traffic"),
    ];
    let mut rows: Vec<Vec<String>> = vec![head.into_iter().flatten().map(str::to_owned).collect()];
    rows.extend(cells.iter().map(|cell| {
        let absent = || "-".to_owned();
        let row = [
            depths.then(|| cell.depth.to_string()),
            Some(cell.peers.to_string()),
            Some(cell.inner_steps.map_or_else(absent, |steps| steps.to_string())),
            Some(cell.codec.clone()),
            Some(cell.outer_learning_rate.to_string()),
            several.then(|| cell.seeds_in_words()),
            Some(cell.loss.map_or_else(
                || "diverged".to_owned(),
                |loss| format!("{:.4}{}", loss.mean, error(loss.standard_error, 4)),
            )),
            Some(cell.to_synchronous.map_or_else(absent, |gap| {
                let off = gap.standard_error.map(|off| 100.0 * off);
                format!("{:+.2}{} %", 100.0 * gap.mean, error(off, 2))
            })),
            Some(format!("{:.4}", cell.bytes_per_token)),
            Some(cell.less_traffic.map_or_else(absent, |less| format!("{less:.1}"))),
        ];
        row.into_iter().flatten().collect()
    }));
    let mut text = String::new();
    on_side(&mut text, &rows, width, Side::Right);
    if several {
        text.push_str("\u{b1} one standard error of the mean over seeds\n");
    }
    if several && cells.iter().any(|cell| cell.diverged > 0) {
        text.push_str("means are of the runs that did not diverge\n");
    }
    let _ = writeln!(text, "table  {}", table.display());
    text
}

fn error(standard_error: Option<f64>, digits: usize) -> String {
    standard_error.map(|error| format!(" \u{b1} {error:.digits$}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of `peers`, H = 30 or synchronous.
    fn row(group: &str, peers: u32, seed: u64, loss: Option<f64>) -> SwarmRow {
        let synchronous = group == "synchronous";
        SwarmRow {
            run: String::new(),
            group: group.to_owned(),
            status: if loss.is_some() { "done" } else { "diverged" }.to_owned(),
            seed,
            depth: 1,
            width: 16,
            context: 64,
            params_total: 0,
            params_non_embedding: 0,
            params_with_head: 0,
            tokens: 1000,
            compute_6nd: 0.0,
            compute: 0.0,
            batch_tokens: 64,
            learning_rate: 0.01,
            loss,
            loss_se: None,
            peers,
            inner_steps: if synchronous { 1 } else { 30 },
            fragments: 1,
            overlap: 0,
            outer_learning_rate: if synchronous { 0.0 } else { 0.5 },
            outer_momentum: 0.0,
            up: if synchronous { "fp32" } else { "int4" }.to_owned(),
            down: String::new(),
            bytes: if synchronous { 22_000 } else { 100 },
            bytes_per_token: if synchronous { 22.0 } else { 0.1 },
            seconds: 1.0,
            config_hash: String::new(),
            corpus_hash: String::new(),
            version: String::new(),
        }
    }

    #[test]
    fn seeds_become_means_and_each_is_held_against_the_synchronous_run_of_its_own_seed() {
        let rows = [
            row("synchronous", 8, 0, Some(2.00)),
            row("diloco", 8, 0, Some(2.04)),
            row("synchronous", 8, 1, Some(1.90)),
            row("diloco", 8, 1, Some(1.957)),
        ];
        let rows: Vec<&SwarmRow> = rows.iter().collect();
        insta::assert_snapshot!(people(&cells(&rows), Path::new("runs.csv"), 100), @r"
          peers   H  codec  outer  seeds             loss  to synchronous  bytes/token  1/traffic
              8   -   fp32      0      2  1.9500 ± 0.0500               -      22.0000        1.0
              8  30   int4    0.5      2  1.9985 ± 0.0415  +2.50 ± 0.50 %       0.1000      220.0
        ± one standard error of the mean over seeds
        table  runs.csv
        ");
        let diloco = &cells(&rows)[1];
        // Gaps of 2 % and 3 %: 2.5 % with a standard error of half their difference.
        let gap = diloco.to_synchronous.unwrap();
        assert!(
            (gap.mean - 0.025).abs() < 1e-12 && (gap.standard_error.unwrap() - 0.005).abs() < 1e-12
        );
    }

    #[test]
    fn a_seed_that_diverged_is_counted_beside_the_mean_of_the_others() {
        let rows = [row("diloco", 8, 0, Some(2.04)), row("diloco", 8, 1, None)];
        let rows: Vec<&SwarmRow> = rows.iter().collect();
        let text = people(&cells(&rows), Path::new("runs.csv"), 100);
        assert!(text.contains("1 of 2") && text.contains("that did not diverge"), "{text}");
    }

    #[test]
    fn one_seed_has_no_standard_error_and_a_run_that_diverged_no_loss() {
        let rows = [row("synchronous", 2, 0, Some(2.0)), row("diloco", 2, 0, None)];
        let rows: Vec<&SwarmRow> = rows.iter().collect();
        insta::assert_snapshot!(people(&cells(&rows), Path::new("runs.csv"), 100), @r"
          peers   H  codec  outer      loss  to synchronous  bytes/token  1/traffic
              2   -   fp32      0    2.0000               -      22.0000        1.0
              2  30   int4    0.5  diverged               -       0.1000      220.0
        table  runs.csv
        ");
    }
}
