//! Every format that a real tool wrote, read back to the numbers that went in.
//!
//! `fixtures/make.py` made the files with the tools named in `fixtures/versions.txt`, from a law
//! without noise, so that every value is recomputed here.

#![expect(clippy::unwrap_used, reason = "a test that fails should panic")]

use std::path::PathBuf;

use runs::{RunTable, Unit};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(name: &str) -> RunTable {
    RunTable::read(fixture(name)).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The loss of the sweep that the fixtures hold.
fn loss(params: f64, tokens: f64) -> f64 {
    1.5 + 400.0 / params.powf(0.34) + 400.0 / tokens.powf(0.28)
}

/// The rows of a run where a column has a value: its step and value.
fn series(table: &RunTable, step: &str, run: &str, name: &str) -> Vec<(f64, f64)> {
    let (runs, values) = (table.text("run").unwrap(), table.numbers(name).unwrap());
    let cells = table.text(name).unwrap();
    let steps = table.numbers(step).unwrap();
    (0..table.len())
        .filter(|&row| runs[row] == run && !cells[row].is_empty())
        .map(|row| (steps[row], values[row]))
        .collect()
}

/// Checks that the two runs' training losses and tokens are those of the law.
fn check_sweep(table: &RunTable, step: &str, loss_name: &str, precision: f64) {
    for (run, params) in [("small", 1e6), ("large", 4e6)] {
        let losses = series(table, step, run, loss_name);
        let tokens = series(table, step, run, "tokens");
        assert_eq!(losses.len(), 3, "{run}: {losses:?}");
        for (index, (at, value)) in losses.into_iter().enumerate() {
            assert_eq!(at, index as f64 + 1.0);
            assert_eq!(tokens[index], (at, at * 1e6), "{run}");
            let expected = loss(params, at * 1e6);
            assert!((value - expected).abs() <= precision * expected, "{value} {expected}");
        }
    }
}

fn first_of<'t>(table: &'t RunTable, run: &str, name: &str) -> &'t str {
    let row = table.text("run").unwrap().iter().position(|&known| known == run).unwrap();
    table.text(name).unwrap()[row]
}

#[test]
fn wandb_offline_runs_keep_history_settings_and_how_they_ended() {
    let table = RunTable::read(fixture("wandb")).unwrap();
    check_sweep(&table, "_step", "train.loss", 1e-15);
    assert_eq!(first_of(&table, "small", "params"), "1000000");
    assert_eq!(first_of(&table, "small", "optimizer.lr"), "0.01");
    assert_eq!(first_of(&table, "small", "note"), "a \"quoted\" note");
    assert_eq!(first_of(&table, "small", "status"), "done");
    assert_eq!(first_of(&table, "large", "status"), "failed");
    let diverged = series(&table, "_step", "large", "eval/loss");
    assert!(diverged.len() == 1 && diverged[0].1.is_nan());
    assert_eq!(series(&table, "_step", "small", "eval/loss"), [(4.0, 2.5)]);
    assert!(!table.names().any(|name| name.starts_with("_wandb.")), "W&B's own settings");
    let place = table.place(0).unwrap();
    assert!(place.unit == Unit::Record && place.file.ends_with("run-large.wandb"), "{place}");
}

#[test]
fn tensorboard_folders_are_runs_in_both_encodings_of_scalars() {
    let table = read("tensorboard");
    let runs = table.text("run").unwrap();
    for run in ["small", "nested/large", "hyper/seven"] {
        assert!(runs.contains(&run), "{runs:?}");
    }
    for (run, params) in [("small", 1e6), ("nested/large", 4e6)] {
        for (step, value) in series(&table, "step", run, "train/loss") {
            // Single precision.
            let expected = loss(params, step * 1e6);
            assert!((value - expected).abs() < 1e-7 * expected, "{value} {expected}");
        }
        let tokens = series(&table, "step", run, "tokens");
        assert_eq!(tokens, [(1.0, 1e6), (2.0, 2e6), (3.0, 3e6)], "{run}");
    }
    assert_eq!(first_of(&table, "nested/large", "wall_time"), "1001");
    assert_eq!(series(&table, "step", "hyper/seven", "final/loss"), [(9.0, 2.25)]);
    assert_eq!(first_of(&table, "hyper/seven", "params"), "7");
    assert_eq!(first_of(&table, "hyper/seven", "name"), "seven");
    assert!(!table.has("weights") && !table.has("note/text_summary"), "no scalars");
    assert_eq!(table.remarks(), []);
}

#[test]
fn a_single_event_file_is_the_run_of_its_folder() {
    let folder = std::fs::read_dir(fixture("tensorboard/small")).unwrap();
    let file = folder.map(|entry| entry.unwrap().path()).next().unwrap();
    let table = RunTable::read(file).unwrap();
    assert!(table.text("run").unwrap().iter().all(|&run| run == "small"));
    assert_eq!(table.len(), 3);
}

fn check_mlflow(table: &RunTable) {
    check_sweep(table, "step", "train/loss", 1e-15);
    assert_eq!(first_of(table, "large", "params"), "4000000");
    assert_eq!(first_of(table, "large", "optimizer/name"), "adamw");
    assert_eq!(first_of(table, "small", "status"), "done");
    assert_eq!(first_of(table, "large", "status"), "failed");
    assert_eq!(series(table, "step", "small", "eval/loss"), [(3.0, 2.5)]);
    assert!(series(table, "step", "large", "eval/loss")[0].1.is_nan());
    assert_eq!(table.len(), 6, "one row a run and step");
}

#[test]
fn mlflow_folders_are_read_from_the_store_an_experiment_or_a_run() {
    check_mlflow(&read("mlruns"));
    let store = fixture("mlruns");
    let experiment = std::fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.join("meta.yaml").is_file() && !path.ends_with("0"))
        .unwrap();
    check_mlflow(&RunTable::read(&experiment).unwrap());
    let run = std::fs::read_dir(&experiment)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    let table = RunTable::read(&run).unwrap();
    assert_eq!(table.len(), 3);
    assert_eq!(table.place(0).unwrap().unit, Unit::Step);
}

#[cfg(feature = "sqlite")]
mod databases {
    use super::*;

    #[test]
    fn mlflow_databases_read_as_its_folders_do() {
        check_mlflow(&read("mlflow.db"));
    }

    #[test]
    fn trackio_projects_keep_metrics_and_settings() {
        let table = read("trackio.db");
        check_sweep(&table, "step", "train/loss", 1e-15);
        assert_eq!(first_of(&table, "large", "params"), "4000000");
        assert_eq!(first_of(&table, "small", "optimizer.lr"), "0.01");
        assert_eq!(table.place(4).unwrap().number, 5);
    }

    fn database(sql: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        (folder, path)
    }

    #[test]
    fn a_foreign_database_is_refused_with_its_tables() {
        let (_folder, path) = database("CREATE TABLE films (x); CREATE TABLE actors (y)");
        let shown = RunTable::read(&path).unwrap_err().to_string();
        assert!(shown.contains("actors, films"), "{shown}");
    }

    #[test]
    fn a_locked_database_says_so() {
        let (_folder, path) = database("CREATE TABLE films (x)");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let shown = RunTable::read(&path).unwrap_err().to_string();
        assert!(shown.contains("another program is writing"), "{shown}");
    }

    #[test]
    fn a_database_that_is_being_written_ahead_is_read_with_its_log() {
        let (_folder, path) = database(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT);
             CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT, config TEXT, created_at TEXT)",
        );
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "INSERT INTO metrics VALUES (1, 't', 'a', 7, '{\"loss\": 2.5, \"step\": 1, \"bad\": NaN}');
                 INSERT INTO configs VALUES (1, 'a', '{\"loss\": \"ce\"}', 't')",
            )
            .unwrap();
        let table = RunTable::read(&path).unwrap();
        assert_eq!(table.numbers("loss").unwrap(), [2.5]);
        assert_eq!(table.text("step").unwrap(), ["7"]);
        assert_eq!(table.text("metric.step").unwrap(), ["1"]);
        assert_eq!(table.text("config.loss").unwrap(), ["ce"]);
        assert_eq!(table.text("run_id").unwrap(), ["a"], "as older versions have it");
    }
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn a_build_without_sqlite_names_the_feature() {
    let shown = RunTable::read(fixture("mlflow.db")).unwrap_err().to_string();
    assert!(shown.contains("--features sqlite"), "{shown}");
}

#[cfg(feature = "parquet")]
mod parquet_files {
    use super::*;

    fn check(name: &str) {
        let table = read(name);
        assert_eq!(table.text("run").unwrap(), ["a", "b", ""]);
        assert_eq!(table.text("params").unwrap(), ["1000000", "4000000", ""]);
        assert_eq!(table.text("tokens").unwrap(), ["9007199254740993", "7", "8"], "no rounding");
        let losses = table.numbers("loss").unwrap();
        assert!(losses[0] == 4.125 && losses[1].is_nan() && losses[2].is_nan());
        assert_eq!(table.numbers("half").unwrap(), [0.1, 0.2, 0.3]);
        assert_eq!(table.text("done").unwrap(), ["true", "false", ""]);
        assert_eq!(table.text("config.lr").unwrap(), ["0.01", "0.02", ""]);
        assert_eq!(table.text("kind").unwrap(), ["x", "y", "x"]);
        assert_eq!(table.text("unsigned").unwrap()[0], "18446744073709551615");
        assert!(table.remarks()[0].to_string().contains("tags"));
        assert_eq!(table.place(2).unwrap().to_string().rsplit(", ").next(), Some("row 3"));
    }

    #[test]
    fn parquet_columns_keep_their_values_and_holes() {
        check("snappy.parquet");
        check("none.parquet");
        let frame = read("pandas.parquet");
        assert_eq!(frame.text("__index_level_0__").unwrap(), ["first", "second"]);
        assert_eq!(frame.numbers("loss").unwrap(), [4.125, 3.5]);
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstandard_is_read_where_it_is_built_in() {
        check("zstd.parquet");
    }

    #[cfg(not(feature = "zstd"))]
    #[test]
    fn zstandard_is_refused_with_what_to_do() {
        let shown = RunTable::read(fixture("zstd.parquet")).unwrap_err().to_string();
        assert!(shown.contains("snappy") && shown.contains("zstd"), "{shown}");
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_names_the_feature() {
    let shown = RunTable::read(fixture("snappy.parquet")).unwrap_err().to_string();
    assert!(shown.contains("--features parquet"), "{shown}");
}

#[test]
fn trainer_states_are_one_run_with_a_row_an_entry() {
    for name in
        ["trainer", "trainer/small/checkpoint-3", "trainer/small/checkpoint-3/trainer_state.json"]
    {
        let table = read(name);
        assert_eq!(table.len(), 5);
        assert!(table.text("run").unwrap().iter().all(|&run| run == "small"));
        assert_eq!(table.text("step").unwrap(), ["1", "2", "3", "3", "3"]);
        assert_eq!(table.numbers("loss").unwrap()[2], loss(1e6, 3e6));
        assert_eq!(table.text("eval_loss").unwrap()[3], "NaN");
        assert_eq!(table.numbers("total_flos").unwrap()[4], 1.8e13);
        assert_eq!(table.text("max_steps").unwrap()[0], "3");
        assert!(!table.has("best_metric"));
        assert_eq!(table.line_number(1), 19);
    }
}

#[test]
fn every_table_of_the_reference_folder_reads() {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        eprintln!("left out: reading the reference tables, as ISOFLOP_REFERENCE is not set");
        return;
    };
    let mut read = 0;
    for kind in std::fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        for file in std::fs::read_dir(kind.path()).unwrap().flatten() {
            if file.path().extension().is_some_and(|end| end == "csv") {
                let table =
                    RunTable::read(file.path()).unwrap_or_else(|problem| panic!("{problem}"));
                assert!(!table.is_empty());
                read += 1;
            }
        }
    }
    assert!(read > 0);
}

#[test]
fn several_files_keep_their_origin_and_all_columns() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let one = path("one.csv", "run,loss\na,1\nb,2\n");
    let two =
        path("two.jsonl", "{\"run\": \"c\", \"tokens\": 5}\n{\"run\": \"d\", \"loss\": \"x\"}\n");
    let table = RunTable::read_all(&[&one, &two]).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["run", "loss", "tokens", "file"]);
    assert_eq!(table.text("run").unwrap(), ["a", "b", "c", "d"]);
    assert_eq!(table.text("tokens").unwrap(), ["", "", "5", ""]);
    let files = table.text("file").unwrap();
    assert!(files[1].ends_with("one.csv") && files[2].ends_with("two.jsonl"));
    assert!(table.place(3).unwrap().to_string().ends_with("two.jsonl:2"));
    let shown = table.numbers("loss").unwrap_err().to_string();
    assert!(shown.contains("two.jsonl:2:23") && shown.contains("`x`"), "{shown}");
    assert!(!RunTable::read(&one).unwrap().has("file"));
    assert!(RunTable::read_all(&[""; 0]).is_err());
}

#[test]
fn a_folder_of_two_kinds_asks_which() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runs.csv"), "run,loss\na,1\n").unwrap();
    std::fs::write(folder.path().join("trainer_state.json"), "{\"log_history\": []}").unwrap();
    let shown = RunTable::read(folder.path()).unwrap_err().to_string();
    assert!(shown.contains("states of a Trainer and tables of runs"), "{shown}");
    std::fs::remove_file(folder.path().join("trainer_state.json")).unwrap();
    assert_eq!(RunTable::read(folder.path()).unwrap().numbers("loss").unwrap(), [1.0]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_end() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("mlruns")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
    std::fs::write(folder.path().join("runs.csv"), "run,loss\na,1\n").unwrap();
    assert_eq!(RunTable::read(folder.path()).unwrap().len(), 1);
}
