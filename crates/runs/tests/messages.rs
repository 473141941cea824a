//! What people see when a file cannot be read, as it is printed.

#![expect(clippy::unwrap_used, reason = "a test that fails should panic")]

use runs::RunTable;

fn refusal(name: &str, bytes: &[u8]) -> String {
    RunTable::from_bytes(name, bytes).unwrap_err().to_string()
}

fn bad_number(name: &str, text: &str) -> String {
    RunTable::from_bytes(name, text.as_bytes()).unwrap().numbers("loss").unwrap_err().to_string()
}

#[test]
fn a_row_that_ends_early() {
    insta::assert_snapshot!(refusal("runs.csv", b"run,tokens,loss\na,1,2\nb,1\n"));
}

#[test]
fn a_quote_that_is_never_closed() {
    insta::assert_snapshot!(refusal("runs.csv", b"run,loss\n\"a,1\nb,2\n"));
}

#[test]
fn a_word_where_a_number_should_be_in_json_lines() {
    insta::assert_snapshot!(bad_number(
        "runs.jsonl",
        "{\"loss\": 1}\n{\"eval\": {}, \"loss\": \"1,5\"}\n"
    ));
}

#[test]
fn a_word_where_a_number_should_be_in_a_line_as_long_as_a_book() {
    let objects = format!("[{}, {{\"loss\": \"high\"}}]", vec!["{\"loss\": 1}"; 500].join(", "));
    insta::assert_snapshot!(bad_number("runs.json", &objects));
}

#[test]
fn json_that_was_cut_off() {
    insta::assert_snapshot!(refusal("runs.jsonl", b"{\"run\": \"a\"}\n{\"run\": \"b"));
}

#[test]
fn a_spreadsheet() {
    insta::assert_snapshot!(refusal("runs.xlsx", b"PK\x03\x04..."));
}

#[test]
fn a_database_from_standard_input() {
    insta::assert_snapshot!(refusal("<stdin>", b"SQLite format 3\0..."));
}

#[test]
fn a_wandb_file_without_history() {
    insta::assert_snapshot!(refusal("run-a.wandb", b":W&B\xE1\xBE\0"));
}

#[test]
fn an_event_file_whose_length_is_wrong() {
    let file = std::fs::read_dir(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/tensorboard/nested/large"
    ));
    let mut bytes = std::fs::read(file.unwrap().next().unwrap().unwrap().path()).unwrap();
    let second = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize + 16;
    bytes[second] ^= 1;
    insta::assert_snapshot!(refusal("events.out.tfevents.1", &bytes));
}
