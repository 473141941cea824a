use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: PortfolioCommand,
}

/// What the command says, or the problem, without colours, 100 characters wide.
fn said_to(options: &[&str]) -> String {
    let line = Line::try_parse_from(["portfolio"].into_iter().chain(options.iter().copied()));
    let said = match line {
        Ok(line) => said(&line.command, 100).unwrap_or_else(|problem| problem.to_string()),
        Err(problem) => problem.to_string(),
    };
    anstream::adapter::strip_str(&said).to_string()
}

/// A saved fit to runs with one per cent of scatter, in a file of its own.
fn fit(folder: &std::path::Path) -> String {
    let law = laws::catalogue::find("chinchilla").unwrap();
    let runs = (0..7_u32).flat_map(|size| {
        (0..5_u32).map(move |ratio| {
            let n = 1e7 * 2.5_f64.powf(f64::from(size));
            let d = n * 5.0 * 2_f64.powf(f64::from(ratio));
            let off = f64::from((size * 7 + ratio * 13) % 11) / 10.0 - 0.5;
            let loss = 1.8 + 480.0 / n.powf(0.35) + 2000.0 / d.powf(0.366);
            runs::Observation {
                run: format!("{size}-{ratio}"),
                parameters: Parameters(n),
                tokens: Tokens(d),
                loss: runs::NatsPerToken(loss * (1.0 + 0.01 * off)),
            }
        })
    });
    let options = laws::FitOptions { bootstrap: 400, ..laws::FitOptions::default() };
    let fit = laws::fit(&law, &runs::Observations::new(runs), &options).unwrap();
    let path = folder.join("fit.json");
    std::fs::write(&path, fit.to_json()).unwrap();
    path.display().to_string()
}

#[test]
fn a_family_for_people() {
    insta::assert_snapshot!(said_to(&["family", "--budget", "1e21 FLOP", "--spread", "16"]));
}

#[test]
fn families_between_sizes_and_at_their_optimum_spend_the_budget() {
    for options in [
        &["family", "--budget", "1e21", "--from", "100M", "--to", "2B", "--json"][..],
        &["family", "--budget", "1e21", "--optimal", "--count", "4", "--json"],
    ] {
        let answer: Value = serde_json::from_str(&said_to(options)).unwrap();
        let members = answer["members"].as_array().unwrap();
        let sum: f64 = members.iter().map(|member| member["flop"].as_f64().unwrap()).sum();
        assert!((sum / 1e21 - 1.0).abs() < 1e-9, "{options:?}");
    }
}

#[test]
fn bets_for_people() {
    insta::assert_snapshot!(said_to(&[
        "bets",
        "--budget",
        "1e24 FLOP",
        "--worlds",
        "4000",
        "--draws",
        "40",
        "--ideas",
        "32",
    ]));
}

#[test]
fn bets_in_loss_and_json() {
    let text = said_to(&[
        "bets",
        "--budget",
        "1e24",
        "--prior",
        "normal(0, 0.01)",
        "--effect",
        "loss",
        "--noise",
        "0.003",
        "--transfer",
        "0.95",
        "--worlds",
        "2000",
        "--json",
    ]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    let gain = answer["best"]["mean_gain"].as_f64().unwrap();
    let saved = answer["loss_of_one_large_run"]["best"].as_f64().unwrap()
        - answer["loss"]["best"].as_f64().unwrap();
    assert!(gain > 0.0 && (gain - saved).abs() < 1e-9, "{gain} {saved}");
    assert!(answer["table"].as_array().unwrap().len() > 50);
}

#[test]
fn runs_that_teach_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let fit = fit(folder.path());
    let said = said_to(&[
        "learn",
        "--law",
        &fit,
        "--budget",
        "1e23 FLOP",
        "--compute",
        "1e20",
        "--worlds",
        "200",
    ]);
    insta::assert_snapshot!(said.replace(&format!("{}/", folder.path().display()), ""));
    let json = said_to(&[
        "learn", "--law", &fit, "--budget", "1e23", "--run", "100M,2B", "--run", "1B,1B", "--json",
    ]);
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["runs"].as_array().unwrap().len(), 2);
    assert!(answer["waste_after"].as_f64() <= answer["waste_now"].as_f64());
}

#[test]
fn bad_questions_are_refused() {
    for (options, expected) in [
        (&["family", "--budget", "1 yr"][..], "how many accelerators"),
        (&["family", "--budget", "3 kg"], "FLOP"),
        (&["family", "--budget", "1e21", "--count", "0"], "0 members"),
        (&["family", "--budget", "1e21", "--from", "1B"], "--to"),
        (&["family", "--budget", "1e21", "--law", "scalerl"], "not N and D"),
        (&["bets", "--budget", "1e21", "--prior", "3"], "not one distribution"),
        (&["bets", "--budget", "1e21", "--transfer", "2"], "between 0 and 1"),
        (&["bets", "--budget", "1e21", "--scale", "1e22"], "not below the budget"),
        (&["bets", "--budget", "1e21", "--level", "1"], "out of range"),
        (&["learn", "--budget", "1e21", "--law", "besiroglu-2024"], "--scatter"),
        (
            &["learn", "--budget", "1e21", "--law", "besiroglu-2024", "--scatter", "0.01"],
            "one point",
        ),
        (&["learn", "--budget", "1e21", "--law", "nothing.json"], "cannot read"),
    ] {
        let refused = said_to(options);
        assert!(refused.contains(expected), "{options:?}: {refused}");
    }
}
