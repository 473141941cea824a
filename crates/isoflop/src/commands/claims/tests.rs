use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ClaimsArgs,
}

fn parsed(options: &[&str]) -> ClaimsArgs {
    let line = ["claims"].into_iter().chain(options.iter().copied());
    Line::try_parse_from(line).unwrap_or_else(|problem| panic!("{problem}")).args
}

/// What the command says, or the problem, without colours, 100 characters wide.
fn said_of(options: &[&str]) -> String {
    let args = parsed(options);
    let text = match answer(&args) {
        Ok(answer) => said(&args, &answer, 100),
        Err(problem) => problem.to_string(),
    };
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn all_claims_in_short() {
    insta::assert_snapshot!(said_of(&[]));
}

#[test]
fn claims_of_one_subject_with_what_they_would_need() {
    insta::assert_snapshot!(said_of(&["gap"]));
}

#[test]
fn the_shipped_claims_stand_as_they_were_written_down() {
    let answer = answer(&parsed(&["--check"])).unwrap();
    assert!(answer.claims.iter().all(|claim| claim.expected().is_some()));
    assert_eq!(answer.outcome(), Outcome::Done);
}

#[test]
fn a_claim_that_no_longer_stands_is_the_answer_no_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = "[[check]]\nclaim = \"A\"\nverdict = \"yes\"\nwords = \"four\"\nexpr = \"1 + 2\"\nstated = 4\n";
    std::fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    let outcome = |options: &[&str]| answer(&parsed(options)).unwrap().outcome();
    assert_eq!(outcome(&[&name]), Outcome::Done);
    assert_eq!(outcome(&[&name, "--check"]), Outcome::No);
    assert!(said_of(&[&name, "--check"]).contains("written down as yes"));
    let two =
        format!("{text}[[check]]\nclaim = \"A\"\nverdict = \"no\"\nexpr = \"3\"\nstated = 3\n");
    std::fs::write(&path, two).unwrap();
    assert_eq!(outcome(&[&name, "--check"]), Outcome::No);
}

#[test]
fn names_that_no_claim_has_are_met_with_the_nearest() {
    let text = said_of(&["MGW-99"]);
    assert!(text.contains("did you mean `MGW-"), "{text}");
    assert!(said_of(&["zebra"]).contains("no claim is called"));
    assert!(said_of(&["no-such.toml"]).contains("cannot be read"));
}

#[test]
fn json_tells_each_claim_with_what_it_would_need() {
    let whole: Value = serde_json::from_str(&said_of(&["MGW-01", "--json"])).unwrap();
    let claim = &whole["claims"][0];
    assert_eq!(claim["verdict"], "no");
    let needed = claim["statements"][0]["needs"][0]["needed"].as_f64().unwrap();
    assert!((needed - 2048.0).abs() < 0.5);
    let no: Value = serde_json::from_str(&said_of(&["--verdict", "no", "--json"])).unwrap();
    assert_eq!(no["claims"].as_array().unwrap().len(), 8);
}
