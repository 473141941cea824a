//! What `isoflop simulate` says of swarms.

use clap::Parser;
use diagnostic::Diagnostic;
use serde_json::Value;

use super::super::{SimulateArgs, respond};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: SimulateArgs,
}

fn simulate(line: &str) -> Result<String, Diagnostic> {
    // Words in quotes stay together.
    let words = line.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<String>>(),
        _ => vec![part.to_owned()],
    });
    let args = Line::parse_from(std::iter::once("simulate".to_owned()).chain(words)).args;
    respond(&args, 100)
}

fn shown(line: &str) -> String {
    let said = simulate(line).unwrap_or_else(|problem| panic!("{problem}"));
    anstream::adapter::strip_str(&said).to_string()
}

#[test]
fn a_thousand_homes_in_ninety_days() {
    insta::assert_snapshot!(shown("homes-1000 --time '90 day' --events"));
}

#[test]
fn covenants_claims_do_not_close() {
    let said = shown("covenant --loss 2.2 --scheme sparse --inner-steps 30 --no-plot --sources");
    insta::assert_snapshot!(said);
    assert!(said.contains("does not close, because"));
}

#[test]
fn sites_as_peers_and_hostile_ones() {
    insta::assert_snapshot!(shown(
        "intellect-1 --swarm --loss 2.3 --adversaries 0.1 --audit 0.05 --no-plot"
    ));
}

#[test]
fn json_holds_the_numbers_and_the_same_seed_the_same() {
    let line = "homes-1000 --loss 2.5 --draws 20 --seed 3 --events 200 --json";
    let first: Value = serde_json::from_str(&simulate(line).unwrap()).unwrap();
    assert_eq!(first, serde_json::from_str::<Value>(&simulate(line).unwrap()).unwrap());
    let number = |value: &Value| value.as_f64().unwrap();
    let time = &first["time"];
    assert!(number(&time["interval"][0]) < number(&time["best"]));
    let events = &first["events"];
    let ratio = number(&events["tokens_per_second"]) / number(&events["closed_form"]);
    assert!((ratio - 1.0).abs() < 0.05, "{ratio}");
    assert_eq!(first["schemes"].as_array().unwrap().len(), 5);
}

#[test]
fn offices_send_as_one_and_say_why_the_other_ways_lose() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/swarm/offices.toml");
    insta::assert_snapshot!(shown(&format!("{file} --loss 2.7 --no-plot")));
}

#[test]
fn eighty_columns_are_enough() {
    let args = ["simulate", "homes-1000", "--time", "90 day", "--draws", "20"];
    let said = respond(&Line::parse_from(args).args, 80).unwrap();
    for line in anstream::adapter::strip_str(&said).to_string().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn ways_can_be_asked_for_and_a_server_given() {
    let line = "homes-1000 --loss 2.7 --scheme diloco --compression int8 --draws 0 --json";
    let way = |more: &str| -> String {
        let answer: Value =
            serde_json::from_str(&simulate(&format!("{line}{more}")).unwrap()).unwrap();
        answer["design"]["exchange"].as_str().unwrap().to_owned()
    };
    assert_eq!(way(" --exchange butterfly"), "butterfly");
    assert_eq!(way(" --exchange ring --congestion cubic --packet-loss 0.001"), "ring");
    assert_eq!(way(" --aggregator '100 Gbit/s' --exchange aggregator"), "aggregator");
}

#[test]
fn bad_input_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let peer = "name='x'\ntitle='X'\nsource='s'\n[[peers]]\nname='p'\ncount=9\n\
                accelerator='rtx-4090'\nup='10 Mbit/s'\ndown='50 Mbit/s'\nround_trip='40 ms'\n";
    let none = file("none.toml", "name='x'\ntitle='X'\nsource='s'\n");
    let zero = file("zero.toml", &peer.replace("10 Mbit", "0 Mbit"));
    let early = file("early.toml", &peer.replace("40 ms", "-40 ms"));
    let device = file("device.toml", &peer.replace("rtx-4090", "rtx-4091"));
    for (line, expected) in [
        ("dgx-h100 --swarm", "a swarm with no peer"),
        (none.as_str(), "neither sites nor peers"),
        (zero.as_str(), "more than zero"),
        (early.as_str(), "zero or more"),
        (device.as_str(), "did you mean `rtx-4090`?"),
        ("homes-1001", "did you mean `homes-1000`?"),
        ("homes-1000 --up '0 Mbit/s'", "more than zero"),
        ("homes-1000 --round-trip '-5 ms'", "zero or more"),
        ("homes-1000 --aggregator '0 Mbit/s'", "more than zero"),
        ("homes-1000 --exchange aggregator", "needs a server"),
        ("homes-1000 --packet-loss 1", "from 0 to 0.5"),
        ("homes-1000 --loss 1.0", "no design reaches"),
        ("homes-1000 --time '3 GB'", "expected a time"),
        ("homes-1000 --level 2", "out of range"),
        ("homes-1000 --adversaries -1", "out of range"),
        ("homes-1000 --campus intellect-1", "not one campus"),
        ("homes-1000 --law no-such-law", "no published constants"),
        ("no-such-file.toml", "cannot be read"),
        ("homes-1000 --model llama3-8b --size 7B", "contradict"),
        ("homes-1000 --model lama3-8b", "llama3-8b"),
    ] {
        let problem = simulate(line).unwrap_err().to_string();
        assert!(problem.contains(expected), "{line}: {problem}");
    }
}
