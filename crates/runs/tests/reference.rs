//! The columns of published tables are found by their own names, and known troubles in them are
//! reported. Needs the tables: `ISOFLOP_REFERENCE` names the folder they are in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use runs::{Asked, Domain, Finding, Observations, Request, RunTable};

/// The folder of the tables; `None`, told on stderr, where it is not at hand.
fn folder(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ISOFLOP_REFERENCE");
    if folder.is_none() {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
    }
    folder.map(PathBuf::from)
}

/// Every CSV file below `folder`.
fn tables(folder: &Path) -> Vec<PathBuf> {
    let mut tables = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "csv") {
                tables.push(path);
            }
        }
    }
    tables
}

/// Where the values of `name` come from, and the first of them.
fn found(table: &RunTable, name: &str) -> Option<(String, f64)> {
    let request = Request::new(Asked::new(name, Domain::Finite), []);
    let observations = Observations::from_table(table, &request).ok()?;
    Some((observations.columns()[0].source(), observations.target()[0]))
}

#[test]
fn the_columns_of_published_tables_are_found() {
    let Some(folder) = folder("columns of published tables") else { return };
    for (table, expected) in [
        ("chinchilla_epoch/runs.csv", &[("N", "`N`"), ("C", "`C`"), ("width", "`d_model`")][..]),
        (
            "chinchilla_epoch/svg_extracted_data.csv",
            &[("N", "`Model Size`"), ("C", "`Training FLOP`"), ("D", "C / (6 * N)")],
        ),
        ("datablations/runs.csv", &[("U", "`U`"), ("epochs", "`epochs`"), ("seed", "`seed`")]),
        ("gadre_overtraining/runs.csv", &[("M", "D / N"), ("error", "`err_avg`"), ("loss", "")]),
        ("isoflops_open_athena/isoflops.csv", &[("N", "`N`"), ("D", "`D`"), ("loss", "`loss`")]),
        ("nanochat/isoflop_optima_jan26.csv", &[("bpb", "`val_bpb`"), ("N", "")]),
        ("nanochat/core_reference_models.csv", &[("N", "`params`")]),
        ("gpt3_curves/curves.csv", &[("loss", "`val_loss`"), ("step", "`step`")]),
        (
            "steplaw_dense/runs.csv",
            &[("M", "`D/N`"), ("lr", "`lr`"), ("batch", "`bs`"), ("depth", "`numl`")],
        ),
        (
            "routing_clark2022/final_losses.csv",
            &[("N", "`total_parameter_count`"), ("E", "`num_experts`"), ("D", "")],
        ),
        (
            "downstream_olmo_ladder/ladder_190M_1B.csv",
            &[("N", "`n_params`"), ("D", "`tokens`"), ("loss", "`c4_ce`")],
        ),
        (
            "downstream_observational/base_llm_benchmark_eval.csv",
            &[
                ("N", "`Model Size (B)` x 1e9"),
                ("D", "`Pretraining Data Size (T)` x 1e12"),
                ("C", "`FLOPs (1E21)` x 1e21"),
            ],
        ),
        ("cluster_validation/vtrain_multi_node_a100.csv", &[("N", "`params_billion` x 1e9")]),
        ("bnsl_4digit_addition/curve.csv", &[("D", "`dataset_size`"), ("loss", "`test_xent`")]),
        (
            "inference_repeated_sampling/pythia_math_counts.csv",
            &[("accuracy", "n_correct / n_samples"), ("n_correct", "`n_correct`")],
        ),
        (
            "rl_grpo_gsm8k_qwen3/curves_0.6b_1.7b_4b.csv",
            &[("N", "`params`"), ("step", "`grpo_step`")],
        ),
        (
            "decentralised_runs/diloco_scaling_loss.csv",
            &[("loss", "`eval_loss`"), ("C", "6 * N * D")],
        ),
    ] {
        let read = RunTable::read(folder.join(table)).unwrap();
        for &(name, source) in expected {
            let shown = found(&read, name).map_or_else(String::new, |(source, _)| source);
            assert_eq!(shown, source, "{name} of {table}");
        }
    }
    let table = folder.join("downstream_observational/base_llm_benchmark_eval.csv");
    let table = RunTable::read(table).unwrap();
    assert_eq!(found(&table, "N").map(|(_, n)| n), Some(7e9));
    assert_eq!(found(&table, "C").map(|(_, c)| c), Some(8.4e22));
}

#[test]
fn no_published_table_makes_any_request_panic() {
    let Some(folder) = folder("requests to every published table") else { return };
    let names = ["N", "D", "C", "loss", "U", "epochs", "M", "lr", "batch", "step", "k", "error"];
    let mut used = 0;
    for path in tables(&folder) {
        let Ok(table) = RunTable::read(&path) else { continue };
        used += usize::from(Observations::from_table(&table, &Request::default()).is_ok());
        for name in names {
            if let Err(problem) = Observations::from_table(
                &table,
                &Request::new(Asked::positive(name), [Asked::positive("width")]),
            ) {
                assert!(!problem.message().is_empty(), "{}", path.display());
            }
        }
    }
    assert!(used >= 6, "only {used} tables have N, D and a loss");
}

#[test]
fn known_troubles_of_published_tables_are_reported() {
    let Some(folder) = folder("troubles of published tables") else { return };
    let findings = |table: &str, request: &Request| {
        let table = RunTable::read(folder.join(table)).unwrap();
        Observations::from_table(&table, request).unwrap().findings().to_vec()
    };
    let default = Request::default();
    // Czech et al. 2026 flag nearly repeated N, and C of one sweep is a profiler's, not 6 N D.
    let found = findings("isoflops_open_athena/isoflops.csv", &default);
    let near = |f: &Finding| matches!(f, Finding::NearDuplicates { lines, .. } if lines.len() > 10);
    assert!(found.iter().any(near), "{found:?}");
    let compute = |f: &Finding| matches!(f, Finding::ComputeDisagrees { low, .. } if *low < 0.8);
    assert!(found.iter().any(compute), "{found:?}");
    let mixed = |f: &Finding| matches!(f, Finding::Mixed { distinct: 3, .. });
    assert!(found.iter().any(mixed), "{found:?}");
    // Fitting one data set at a time, nothing is mixed.
    let one = default.clone().filter("dataset=comma".parse().unwrap());
    let found = findings("isoflops_open_athena/isoflops.csv", &one);
    assert!(!found.iter().any(|f| matches!(f, Finding::Mixed { .. })), "{found:?}");
    // Every evaluation of every run of the ladder is a row.
    let found = findings("downstream_olmo_ladder/ladder_190M_1B.csv", &default);
    let ladder = |f: &Finding| matches!(f, Finding::Checkpoints { runs: 16, rows: 1566, .. });
    assert!(found.iter().any(ladder), "{found:?}");
    // Muennighoff et al. 2023: repeating data long enough raises the loss.
    let found = findings("datablations/runs.csv", &default);
    let worse = |f: &Finding| matches!(f, Finding::Dominated { pairs, .. } if pairs.len() > 20);
    assert!(found.iter().any(worse), "{found:?}");
    // The digitised runs of Hoffmann et al. 2022 agree with 6 N D by construction.
    let found = findings("chinchilla_epoch/runs.csv", &default);
    assert!(!found.iter().any(|f| matches!(f, Finding::ComputeDisagrees { .. })), "{found:?}");
}
