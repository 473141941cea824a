use serde_json::Value;

use super::*;

fn shown(name: Option<&str>) -> String {
    answer(name, false, 80).unwrap_or_else(|problem| panic!("{problem}"))
}

#[test]
fn the_list_has_every_law_with_its_target_and_variables() {
    let text = shown(None);
    for name in catalogue::names() {
        assert!(text.lines().any(|line| line.split(' ').next() == Some(name)), "{name}");
    }
    assert!(text.contains("loss(N, D)"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn one_law_is_shown_whole() {
    insta::assert_snapshot!(shown(Some("precision")));
}

#[test]
fn every_law_can_be_shown_and_none_of_its_figures_differs() {
    for name in catalogue::names() {
        let text = shown(Some(name));
        assert!(!text.contains("DIFFERS"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }
}

#[test]
fn json_holds_constants_doubts_and_figures() {
    let text = answer(Some("precision"), true, 80).unwrap();
    let law: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(law["target"]["name"], "loss");
    assert_eq!(law["parameters"][1]["bounds"], serde_json::json!([0.0, null]));
    assert_eq!(law["published"][0]["values"]["g_w"], 2.6745);
    assert!(law["published"][0]["unverified"].as_array().unwrap().contains(&"B".into()));
    assert_eq!(law["figures"][0]["agrees"], true);

    let all: Value = serde_json::from_str(&answer(None, true, 80).unwrap()).unwrap();
    assert_eq!(all["laws"].as_array().unwrap().len(), catalogue::names().count());
}

#[test]
fn unknown_names_are_answered_with_the_nearest_or_with_the_law_they_belong_to() {
    let problem = |name| answer(Some(name), false, 80).unwrap_err().to_string();
    assert!(problem("chinchila").contains("did you mean `chinchilla`"));
    assert!(problem("llama-3-2024").contains("`optimal-tokens`"));
    assert!(problem("zzz").contains("isoflop list laws"));
    assert!(problem("missing.toml").contains("cannot be read"));
}

mod machines_lists {
    use serde_json::Value;

    use super::super::{accelerators, clusters, models};

    type Answer = fn(Option<&str>, bool, usize) -> Result<String, diagnostic::Diagnostic>;

    const LISTS: [(&str, Answer); 3] = [
        ("accelerators", accelerators::answer),
        ("models", models::answer),
        ("clusters", clusters::answer),
    ];

    fn names(list: &str) -> Vec<&'static str> {
        match list {
            "accelerators" => machines::accelerators().collect(),
            "models" => machines::models().collect(),
            _ => machines::clusters().collect(),
        }
    }

    fn read(answer: Result<String, diagnostic::Diagnostic>) -> String {
        answer.unwrap_or_else(|problem| panic!("{problem}"))
    }

    #[test]
    fn every_entry_is_listed_and_can_be_shown_within_the_width() {
        for (list, answer) in LISTS {
            let all = read(answer(None, false, 100));
            assert!(all.lines().all(|line| line.chars().count() <= 100), "{all}");
            for name in names(list) {
                assert!(all.lines().any(|line| line.split(' ').next() == Some(name)), "{name}");
                let text = read(answer(Some(name), false, 100));
                assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
            }
        }
    }

    #[test]
    fn json_holds_every_entry_by_its_name() {
        for (list, answer) in LISTS {
            let all: Value = serde_json::from_str(&read(answer(None, true, 100))).unwrap();
            assert_eq!(all["schema_version"], 1);
            let entries = all[list].as_array().unwrap();
            assert_eq!(entries.len(), names(list).len());
            for (entry, name) in entries.iter().zip(names(list)) {
                assert_eq!(entry["name"], name);
                let one: Value =
                    serde_json::from_str(&read(answer(Some(name), true, 100))).unwrap();
                assert_eq!(one["title"], entry["title"]);
            }
        }
        let h100: Value =
            serde_json::from_str(&read(accelerators::answer(Some("H100"), true, 100))).unwrap();
        assert_eq!(h100["peak_flop_per_second"]["bf16"], 989.4e12);
        assert!((h100["price_usd_per_hour"]["best"].as_f64().unwrap() - 2.1).abs() < 1e-9);
        let llama: Value =
            serde_json::from_str(&read(models::answer(Some("llama3-8b"), true, 100))).unwrap();
        assert_eq!(llama["parameters"]["total"], 8_030_261_248.0);
    }

    #[test]
    fn lists_and_entries_read_well() {
        insta::assert_snapshot!(read(accelerators::answer(None, false, 100)));
        insta::assert_snapshot!(read(accelerators::answer(Some("H100 SXM"), false, 100)));
        insta::assert_snapshot!(read(models::answer(None, false, 100)));
        insta::assert_snapshot!(read(models::answer(Some("deepseek-v3"), false, 100)));
        insta::assert_snapshot!(read(clusters::answer(None, false, 100)));
        insta::assert_snapshot!(read(clusters::answer(Some("ten-gigawatt-ring"), false, 100)));
        insta::assert_snapshot!(read(clusters::answer(Some("covenant"), false, 100)));
    }

    #[test]
    fn unknown_entries_and_missing_files_are_answered() {
        for (_, answer) in LISTS {
            let problem = |name: &str| answer(Some(name), false, 80).unwrap_err().to_string();
            assert!(problem("missing.toml").contains("cannot be read"));
            assert!(problem("zzzzzz").contains("isoflop list"));
        }
        let slip = accelerators::answer(Some("h1000"), false, 80).unwrap_err().to_string();
        assert!(slip.contains("did you mean `h100`?"), "{slip}");
    }
}
