use std::fmt::Write as _;

use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: TrendArgs,
}

/// Sixteen half-years that double every year, with a wobble.
fn table() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut text = "who,date,power\n".to_owned();
    for i in 0..16 {
        let (year, month) = (2016 + i / 2, if i % 2 == 0 { "01" } else { "07" });
        let wobble = [1.0, 1.2, 0.9, 1.1][i % 4];
        let value = 2_f64.powf(i as f64 / 2.0) * wobble;
        let _ = writeln!(text, "a,{year}-{month}-01,{value:.4}");
    }
    text.push_str("b,2020-01-01,0\nb,2021-01-01,\n");
    std::fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    (folder, name)
}

fn said_of(options: &[&str]) -> String {
    let line = ["trend"].into_iter().chain(options.iter().copied());
    let args = Line::try_parse_from(line).unwrap_or_else(|problem| panic!("{problem}")).args;
    let text = match answer(&args) {
        Ok(answer) => said(&args, &answer, 100),
        Err(problem) => problem.to_string(),
    };
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn a_table_is_told_with_its_growth_shapes_fan_and_backtest() {
    let (_folder, name) = table();
    let on_one_line = |text: String| text.split_whitespace().collect::<Vec<&str>>().join(" ");
    let text = on_one_line(said_of(&[&name, "--value", "power MW", "--to", "2026"]));
    for part in [
        "power in MW: 16 points",
        "1 not above zero left out",
        "log-linear shape, the lowest BIC",
        "cross-validation",
        "growth with one point dropped",
        "known until",
        "local trends",
        "last slope",
        "by tenths",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let kink = on_one_line(said_of(&[&name, "--value", "power", "--shape", "kink", "--no-plot"]));
    assert!(kink.contains("kink shape, as asked") && kink.contains("break at"), "{kink}");
    assert!(!said_of(&[&name, "--value", "power", "--no-backtest"]).contains("last slope"));
}

#[test]
fn json_holds_the_same_numbers_for_the_same_seed() {
    let (_folder, name) = table();
    let options = [&name, "--value", "power", "--shape", "log-linear", "--json"];
    let text = said_of(&options);
    assert_eq!(text, said_of(&options));
    let found: Value = serde_json::from_str(&text).unwrap();
    let growth = found["growth_per_year"][1].as_f64().unwrap();
    assert!((growth - 2.0).abs() < 0.1, "{growth}");
    assert_eq!(found["backtest"]["scores"].as_array().unwrap().len(), 4);
    assert_eq!(found["forecast"].as_array().unwrap().len(), TIMES);
    let late = said_of(&[&name, "--value", "power", "--since", "2020", "--json"]);
    let late: Value = serde_json::from_str(&late).unwrap();
    assert_eq!(late["points"].as_array().unwrap().len(), 8);
}

#[test]
fn problems_say_what_to_do() {
    let (_folder, name) = table();
    for (options, expected) in [
        (vec![name.as_str(), "--value", "powr"], "did you mean `power`?"),
        (vec![&name, "--value", "power", "--date", "who"], "is not a date"),
        (vec![&name, "--value", "power", "--shape", "kinc"], "did you mean `kink`?"),
        (vec![&name, "--value", "power", "--since", "2023"], "needs"),
        (vec![&name, "--value", "power", "--since", "soon"], "is not a date"),
        (vec![&name, "--value", "power", "--to", "2020"], "not after the last observation"),
        (vec![&name, "--value", "power", "--level", "90"], "out of range"),
        (vec![&name, "--value", "power", "--top", "0"], "keeps nothing"),
        (vec![&name, "--value", "power", "--ahead", "0"], "out of range"),
        (vec![&name, "--value", "power", "--where", "who == 'c'"], "no observations"),
        (vec!["no-such.csv", "--value", "power"], "cannot be read"),
    ] {
        let shown = said_of(&options);
        assert!(shown.contains(expected), "{options:?}: {shown}");
    }
}
