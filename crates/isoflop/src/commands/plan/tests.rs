//! What `isoflop plan` says.

use clap::Parser;
use diagnostic::Diagnostic;
use serde_json::Value;

use super::{PlanArgs, respond};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: PlanArgs,
}

const RUNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/miniseries/runs.csv");

fn plan(line: &str) -> Result<String, Diagnostic> {
    // Words in quotes stay together.
    let words = line.split('\'').enumerate().flat_map(|(i, part)| match i % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect::<Vec<String>>(),
        _ => vec![part.to_owned()],
    });
    let args = Line::parse_from(std::iter::once("plan".to_owned()).chain(words)).args;
    respond(&args, 100)
}

fn json(line: &str) -> Value {
    serde_json::from_str(&plan(&format!("{line} --json")).unwrap()).unwrap()
}

fn best(of: &Value) -> f64 {
    of["best"].as_f64().unwrap()
}

#[test]
fn a_budget_under_published_constants() {
    insta::assert_snapshot!(plan("--budget '1e24 FLOP' --on '512 H100'").unwrap());
}

#[test]
fn a_loss_to_reach_with_own_runs() {
    insta::assert_snapshot!(plan(&format!("--budget 'loss 0.72' --law {RUNS} --no-plot")).unwrap());
}

#[test]
fn a_size_that_is_given_and_served() {
    let line = "--budget '1e23 FLOP' --size 8B --serve '2 T token' --no-plot --sources";
    insta::assert_snapshot!(plan(line).unwrap());
}

#[test]
fn a_simulated_machine_gives_the_mfu() {
    let line = "--budget '30 day on eos' --simulate eos --no-plot";
    insta::assert_snapshot!(plan(line).unwrap());
}

#[test]
fn text_that_runs_out() {
    let line = "--budget '1e24 FLOP' --data '200 B to 800 B' --budget-growth 5x/yr \
                --data-growth '+5 %/yr' --compare muennighoff-2023,hoffmann-2022 --no-plot";
    insta::assert_snapshot!(plan(line).unwrap());
}

#[test]
fn budgets_in_different_words_meet_in_one() {
    let one = json("--budget '1e24 FLOP' --mfu 40% --goodput 90% --price '2 USD/h'");
    let cost = best(&one["cost"]["usd"]);
    let line = format!("--budget '{cost} USD' --mfu 40% --goodput 90% --price '2 USD/h'");
    let two = json(&line);
    for of in ["parameters", "tokens", "loss"] {
        let (a, b) = (best(&one["chosen"][of]), best(&two["chosen"][of]));
        assert!((a / b - 1.0).abs() < 1e-9, "{of}: {a} {b}");
    }
    let both = json(&format!("{line} --budget '1e23 FLOP'"));
    assert!((best(&both["budget_flop"]) / 1e23 - 1.0).abs() < 1e-12);
    assert_eq!(both["budgets"][1]["smallest_in"], 1.0);
}

#[test]
fn what_half_the_budget_could_not_serve_is_left_out() {
    let line = format!("--law {RUNS} --budget '1e16 FLOP' --size 3M --serve '1 B token'");
    let neighbours = &json(&line)["neighbours"];
    assert_eq!(neighbours.as_array().unwrap().len(), 1);
    assert_eq!(neighbours[0]["factor"], 2.0);
}

#[test]
fn twice_the_price_never_costs_less() {
    let cost = |price: f64| {
        let line = format!("--budget '1e24 FLOP' --on H100 --price '{price} USD/h'");
        best(&json(&line)["cost"]["usd"])
    };
    assert!((cost(4.0) / cost(2.0) - 2.0).abs() < 1e-9);
}

#[test]
fn the_same_seed_gives_the_same_answer_and_another_does_not() {
    let line = format!("--law {RUNS} --budget '1e5 USD' --json");
    let one = plan(&line).unwrap();
    assert_eq!(one, plan(&line).unwrap());
    assert_ne!(one, plan(&format!("{line} --seed 7")).unwrap());
}

#[test]
fn what_cannot_be_planned_says_why() {
    let lines = [
        "--budget 1e24",
        "--budget '1 FLOP'",
        "--budget '-1 FLOP'",
        "--budget '10 day on 512 H10'",
        "--budget '30 day'",
        "--budget '10 day on 512 H100' --on A100",
        "--budget 'loss 1.8'",
        "--budget 'loss 1.9' --budget '1e22 FLOP'",
        "--budget 'loss 2' --budget 'loss 2.1'",
        "--budget '1e22 FLOP' --law llama-3-2024",
        "--budget '1e22 FLOP' --law chinchilla",
        "--budget '1e22 FLOP' --law besiroglu-2042",
        "--budget '1e22 FLOP' --law nowhere.json",
        "--budget '1e22 FLOP' --size 8B --max-size 7B",
        "--budget '1e22 FLOP' --size 70B --serve '1e15 token'",
        "--budget '1e22 FLOP' --serve-mfu 10%",
        "--budget '1e22 FLOP' --data '10 B' --law kaplan-2020-joint",
        "--budget '1e22 FLOP' --flop exact",
        "--budget '1e22 FLOP' --shape lama",
        "--budget '1e22 FLOP' --mfu 140%",
        "--budget '1e22 FLOP' --rule scalerl",
        "--budget '1e22 FLOP' --level 90",
        "--budget '1e22 FLOP' --max-tokens 3kg",
        "--budget '1e22 FLOP' --data '10 B' --compare kaplan-2020-joint",
        "--budget '1e22 FLOP' --size 1e300",
        "--budget 'loss 1e300'",
        "--budget '1e22 FLOP' --given U=1e9",
        "--budget '1e22 FLOP' --given N=3",
        "--budget '1e22 FLOP' --law muennighoff-2023-repeated --given V=1e9",
        "--budget '1e22 FLOP' --law muennighoff-2023-repeated",
        "--budget '1e22 FLOP' --law pythia-2.8b",
    ];
    let said: Vec<String> = lines
        .iter()
        .map(|line| match plan(line) {
            Err(problem) => format!("$ isoflop plan {line}\n{problem}\n"),
            Ok(answer) => format!("$ isoflop plan {line}\nNO ERROR\n{answer}\n"),
        })
        .collect();
    let said = said.join("\n");
    assert!(!said.contains("NO ERROR"), "{said}");
    insta::assert_snapshot!(said);
}
