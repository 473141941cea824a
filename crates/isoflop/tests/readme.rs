//! What the README and the book show is what the program prints.

use std::path::Path;
use std::process::Command;

/// The commands and outputs of the blocks marked `console`: a line `$ isoflop ...`, then its output.
fn transcripts(markdown: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        match (inside, line.strip_prefix("$ ")) {
            (false, _) => inside = line == "```console",
            (true, _) if line == "```" => inside = false,
            (true, Some(command)) => found.push((command.to_owned(), String::new())),
            (true, None) => {
                let (_, output) = found.last_mut().expect("a console block begins with a command");
                output.push_str(line);
                output.push('\n');
            }
        }
    }
    found
}

/// The words of a command line; double quotes keep spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (part, text) in line.split('"').enumerate() {
        if part % 2 == 1 {
            words.push(text.to_owned());
        } else {
            words.extend(text.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Whether the lines are the same but for spaces at their ends; `...` stands for any lines.
fn matches(expected: &[&str], shown: &[&str]) -> bool {
    match expected.split_first() {
        None => shown.is_empty(),
        Some((line, rest)) if line.trim() == "..." => {
            (0..=shown.len()).any(|skipped| matches(rest, &shown[skipped..]))
        }
        Some((line, rest)) => shown.split_first().is_some_and(|(first, after)| {
            line.trim_end() == first.trim_end() && matches(rest, after)
        }),
    }
}

#[test]
fn console_blocks_of_the_readme_and_the_book_are_what_the_commands_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![
        root.join("README.md"),
        root.join("examples/miniseries/README.md"),
        root.join("examples/swarm/README.md"),
    ];
    let book = std::fs::read_dir(root.join("docs/src")).expect("the book");
    pages.extend(book.map(|entry| entry.expect("a page").path()));
    let mut checked = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        for (command, expected) in transcripts(&text) {
            let arguments = command.strip_prefix("isoflop ").expect("a command of ours");
            let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
                .args(words(arguments))
                .current_dir(&root)
                .env("COLUMNS", "100")
                .output()
                .expect("the command starts");
            let shown = String::from_utf8_lossy(&output.stdout);
            let (lines, wanted): (Vec<&str>, Vec<&str>) =
                (shown.lines().collect(), expected.lines().collect());
            assert!(
                matches(&wanted, &lines),
                "{}: `{command}` prints\n{shown}{}\nand the page shows\n{expected}",
                page.display(),
                String::from_utf8_lossy(&output.stderr),
            );
            checked += 1;
        }
    }
    assert!(checked > 0, "no page shows a transcript");
}
