//! Files that are damaged, cut off or made to do harm end in an error or in fewer rows, never in
//! a panic or in all of the memory.

#![expect(clippy::unwrap_used, reason = "a test that fails should panic")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use runs::RunTable;

const FIXTURES: [&str; 9] = [
    "wandb/run-small.wandb",
    "trainer/small/checkpoint-3/trainer_state.json",
    "mlflow.db",
    "trackio.db",
    "snappy.parquet",
    "none.parquet",
    "pandas.parquet",
    "zstd.parquet",
    "tensorboard",
];

fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    if name != "tensorboard" {
        return path;
    }
    let folder = fs::read_dir(path.join("nested/large")).unwrap();
    folder.map(|entry| entry.unwrap().path()).next().unwrap()
}

/// Reads bytes under the name of a fixture, and everything in the table that comes of it.
fn try_to_read(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    let path = folder.join(Path::new(name).file_name().unwrap());
    // Writing over a file makes some file systems wait for the disk.
    let _ = fs::remove_file(&path);
    fs::write(&path, bytes).unwrap();
    let read = RunTable::read(&path);
    if let Ok(table) = &read {
        let names: Vec<String> = table.names().map(str::to_owned).collect();
        for name in names {
            let _ = table.numbers(&name).map_err(|problem| problem.to_string());
        }
        for row in 0..table.len() {
            assert!(!table.place(row).unwrap().to_string().is_empty());
        }
    }
    read.is_ok()
}

#[test]
fn files_cut_off_anywhere_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    for name in FIXTURES {
        let whole = fs::read(fixture(name)).unwrap();
        let step = (whole.len() / 400).max(1);
        for cut in (0..whole.len()).step_by(step) {
            try_to_read(folder.path(), name, &whole[..cut]);
        }
    }
}

#[test]
fn logs_that_are_still_written_read_up_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["wandb/run-small.wandb", "tensorboard"] {
        let whole = fs::read(fixture(name)).unwrap();
        assert!(try_to_read(folder.path(), name, &whole[..whole.len() - 3]), "{name}");
    }
}

#[test]
fn a_changed_byte_in_a_log_costs_its_record_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(fixture("tensorboard")).unwrap();
    let mut bad = whole.clone();
    // The data of the last record; its checksum is the last four bytes.
    let at = bad.len() - 6;
    bad[at] ^= 1;
    let path = folder.path().join("events.out.tfevents.1");
    fs::write(&path, &bad).unwrap();
    let table = RunTable::read(&path).unwrap();
    assert_eq!(table.len(), 2);
    assert!(table.remarks()[0].to_string().contains("1 records that fail their checksum"));

    // The length of the second record: nothing after it can be found.
    let first = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize + 16;
    let mut lost = whole;
    lost[first] ^= 1;
    fs::write(&path, &lost).unwrap();
    let shown = RunTable::read(&path).unwrap_err().to_string();
    assert!(shown.contains("length of record 2"), "{shown}");

    let mut bad = fs::read(fixture("wandb/run-small.wandb")).unwrap();
    let at = bad.windows(15).rposition(|part| part == b"13.505227880839").unwrap();
    bad[at] ^= 1;
    let path = folder.path().join("run.wandb");
    fs::write(&path, &bad).unwrap();
    let table = RunTable::read(&path).unwrap();
    assert!(table.remarks()[0].to_string().contains("1 damaged parts"));
}

#[test]
fn lengths_that_promise_too_much_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    // A record of 2^62 bytes with a checksum that is right.
    let mut bytes = fs::read(fixture("tensorboard")).unwrap();
    bytes.extend((1u64 << 62).to_le_bytes());
    bytes.extend(masked_crc32c(&(1u64 << 62).to_le_bytes()).to_le_bytes());
    assert!(try_to_read(folder.path(), "events.out.tfevents.1", &bytes));
    // Pieces of records, first after first, that never end.
    let mut bytes = b":W&B\xE1\xBE\0".to_vec();
    bytes.extend(std::iter::repeat_n([0u8, 0, 0, 0, 0, 0, 2], 50_000).flatten());
    assert!(!try_to_read(folder.path(), "run.wandb", &bytes));
}

/// The checksum of a length, bit by bit.
fn masked_crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[test]
fn a_file_longer_than_a_table_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.csv");
    // Ten gibibytes of nothing, which take no room on the disk.
    let file = fs::File::create(&path).unwrap();
    if file.set_len(10 << 30).is_err() {
        eprintln!("left out: this file system has no sparse files of 10 GiB");
        return;
    }
    let shown = RunTable::read(&path).unwrap_err().to_string();
    assert!(shown.contains("2048 MiB"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn files_with_changed_bytes_never_panic(
        which in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = fs::read(fixture(FIXTURES[which])).unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        try_to_read(folder.path(), FIXTURES[which], &bytes);
    }

    #[test]
    fn random_bytes_after_any_magic_never_panic(
        magic in 0..5usize,
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let magic: &[u8] =
            [b"PAR1".as_slice(), b"SQLite format 3\0", b":W&B\xE1\xBE\0", b"{", b"run,loss\n"][magic];
        try_to_read(folder.path(), "random", &[magic, &bytes].concat());
    }

    #[test]
    fn text_of_any_kind_never_panics(text in "[{}\\[\\]\":,\\\\a-c0-9 .\\-é\n|\t]{0,80}", start in 0..4usize) {
        let start = ["", "{\"log_history\": [", "Step 1 | Validation bpb: 2\nstep 1/2 (1%) | loss: 2", "Step,a - b__MIN\n"][start];
        let _ = RunTable::from_bytes("x", format!("{start}{text}").as_bytes());
    }
}
