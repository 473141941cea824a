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
