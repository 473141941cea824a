//! The keys that the book's page on JSON documents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// In every answer.
const HEAD: [&str; 3] = ["schema_version", "version", "command"];

/// By what is asked, as the page's tables say it: the version of the keys, and the keys.
pub(crate) fn answers() -> BTreeMap<String, (Option<u64>, BTreeSet<String>)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/json.md");
    let text = std::fs::read_to_string(page).expect("the page");
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [asked, schema, keys] = cells[..] else { panic!("three cells: {line}") };
        let version = schema.parse().ok();
        let mut all: BTreeSet<String> =
            outside_brackets(keys).split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if version.is_some() {
            all.extend(HEAD.map(str::to_owned));
        }
        for one in asked.split("`, `") {
            let name = one.replace('`', "");
            assert!(found.insert(name, (version, all.clone())).is_none(), "twice: {line}");
        }
    }
    found
}

fn outside_brackets(text: &str) -> String {
    let mut depth = 0;
    text.chars()
        .filter(|&c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        })
        .collect()
}

/// `answer` has the keys that are documented for what was asked, no other, and their version.
pub(crate) fn compare(asked: &str, answer: &Value) {
    let all = answers();
    let (version, keys) = all.get(asked).unwrap_or_else(|| panic!("no row for `{asked}`"));
    let printed: BTreeSet<String> =
        answer.as_object().expect("an object").keys().cloned().collect();
    let missing: Vec<&String> = keys.difference(&printed).collect();
    let more: Vec<&String> = printed.difference(keys).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "docs/src/json.md on `{asked}`: not printed {missing:?}, not documented {more:?}"
    );
    assert_eq!(answer["schema_version"].as_u64(), *version, "{asked}");
    if version.is_some() {
        let command = answer["command"].as_str().expect("a command");
        assert!(asked.to_lowercase().starts_with(command), "`{asked}` says that it is `{command}`");
    }
}
