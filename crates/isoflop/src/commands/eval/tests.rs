use std::io;
use std::path::Path;

use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: EvalArgs,
}

/// The answer to a command line, with `file` as every file and the standard input; colours
/// dropped, as on a plain terminal.
fn ask_with(file: &str, line: &[&str]) -> Result<String, String> {
    let args = Line::try_parse_from([&["eval"], line].concat()).map_err(|e| e.to_string())?.args;
    let read = |path: &Path| match path.to_str() {
        Some("missing.txt") => Err(io::Error::other("no such file")),
        _ => Ok((path.display().to_string(), file.to_owned())),
    };
    match evaluate(&args, &read, 80) {
        Ok(text) => Ok(anstream::adapter::strip_str(&text).to_string()),
        Err(problem) => Err(problem.to_string()),
    }
}

fn ask(line: &[&str]) -> String {
    ask_with("", line).unwrap_or_else(|problem| panic!("{line:?}\n{problem}"))
}

fn refuse(line: &[&str]) -> String {
    ask_with("", line).err().unwrap_or_else(|| panic!("accepted: {line:?}"))
}

fn json(line: &[&str]) -> Value {
    serde_json::from_str(&ask(&[line, &["--json"]].concat())).unwrap()
}

#[test]
fn certain_values_are_one_line() {
    for (line, shown) in [
        (&["ln(1000)/(20x/yr - 5x/yr)"][..], "4.98 yr\n"),
        (&["ln(1000)/(20x/yr - 5x/yr)", "--digits", "6"], "4.98289 yr\n"),
        (&["ln(1000)/(20x/yr - 5x/yr)", "--in", "mo"], "59.8 mo\n"),
        (&["--in", "mo", "1 yr in d"], "12 mo\n"),
        (&["--", "-2^2"], "-4\n"),
        (&["-2"], "-2\n"),
        (&["a = 3 GW", "b = 2", "a * b"], "6 GW\n"),
        (&["2030-01-01 + 18 mo"], "2031-07-02\n"),
        (&["if(1 > 2, 2030-01-01, never)"], "never\n"),
        (&["3 > 2"], "true\n"),
        (&["1 GW", "2 yr"], "result    1 GW\nresult 2  2 yr\n"),
        (&["a = 3 GW", "b = 2"], "a  3 GW\nb  2\n"),
        (&["a = 3 GW", "b = 2", "a * b", "--show", "b"], "2\n"),
    ] {
        assert_eq!(ask(line), shown, "{line:?}");
    }
}

#[test]
fn an_uncertain_value_for_people() {
    insta::assert_snapshot!(ask(&["gap = 300 to 3000", "ln(gap)/((8x/yr to 40x/yr) - 5x/yr)"]));
}

#[test]
fn an_uncertain_date_with_never() {
    insta::assert_snapshot!(ask(&[
        "pace = normal(1 /yr, 0.8 /yr)",
        "if(pace > 0, 2026-01-01 + 3 / pace, never)",
        "--level",
        "80%",
    ]));
}

#[test]
fn a_path_is_a_table_of_times() {
    let file = "
        # power a year
        time from 2025 to 2030 step 1 yr
        growth = 1.35x/yr to 1.75x/yr
        series power = start 11 GW to 14 GW next power * exp(growth * step)
        enough = first(power >= 40 GW)
        in_time = prob(power_2030 >= 60 GW)
        power_2030 = at(power, 2030)
        certain = 3 GW
        likely = power_2030 > 60 GW";
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    insta::assert_snapshot!(ask_with(&lines.join("\n"), &["--file", "model.txt"]).unwrap());
}

#[test]
fn a_probability_shows_the_digits_the_draws_support() {
    insta::assert_snapshot!(ask(&["prob(300 to 3000 > 1000)", "--samples", "10k"]));
}

#[test]
fn errors_for_people() {
    let all = [
        &["8 GW + 1 yr"][..],
        &["gap = 300 to 3000", "ln(gpa)"],
        &["power = 9 GW to 3 GW", "power * 1 yr"],
        &["x = 2 + normal(1 GW, -1 GW) / (1 GW)"],
        &["1 yr", "--in", "GW"],
        &["1 yr", "--show", "rseult"],
        &["--file", "missing.txt"],
    ];
    let shown: Vec<String> = all.iter().map(|line| refuse(line)).collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn options_out_of_range_are_refused() {
    for line in [
        &["1", "--samples", "1"][..],
        &["1", "--samples", "1.5"],
        &["1", "--samples", "1e12"],
        &["1", "--level", "90"],
        &["1", "--level", "0"],
        &["1", "--digits", "0"],
        &["1", "--javascript", "--json"],
    ] {
        refuse(line);
    }
    assert!(refuse(&["# nothing"]).contains("nothing to evaluate"));
}

#[test]
fn json_is_one_object_with_units_and_quantiles() {
    let line = ["gap = 300 to 3000", "ln(gap)/((8x/yr to 40x/yr) - 5x/yr)", "--in", "mo"];
    let answer = json(&[&line[..], &["--seed", "7", "--level", "80%"]].concat());
    assert_eq!(answer["schema_version"], 1);
    assert_eq!((&answer["seed"], &answer["samples"]), (&7.into(), &100_000.into()));
    let value = &answer["values"][0];
    assert_eq!((&value["name"], &value["unit"]), (&"result".into(), &"mo".into()));
    let quantiles = value["quantiles"].as_array().unwrap();
    let at = |p: f64| quantiles.iter().find(|q| q["p"] == p).unwrap()["value"].as_f64().unwrap();
    assert_eq!(value["interval"], serde_json::json!([at(0.1), at(0.9)]));
    // The median gap and growth: ln(948.7) / (ln(17.89) - ln(5)) = 5.38 yr.
    assert!((at(0.5) / 12.0 - 5.38).abs() < 0.1, "{value}");
    assert_eq!(answer["inputs"][1]["name"], "result.1");
    assert_eq!(answer["inputs"][1]["unit"], "x/yr");
    let growth = answer["inputs"][1]["median"].as_f64().unwrap();
    assert!((growth - 320_f64.sqrt()).abs() < 1e-6, "{growth}");

    let exact = json(&["3 > 2", "never", "2030-07-02", "5 GW"]);
    let values: Vec<&Value> = (0..4).map(|i| &exact["values"][i]["value"]).collect();
    assert_eq!(values[..2], [&Value::from(true), &"never".into()]);
    assert!((values[2].as_f64().unwrap() - 2030.5).abs() < 0.01);
    assert_eq!((values[3], &exact["values"][3]["unit"]), (&5e9.into(), &"W".into()));
}

#[test]
fn the_same_seed_gives_the_same_answer_whatever_the_threads() {
    let line = ["a = 1 to 2", "b = 3 to 9", "a^b + prob(a > 1.5)", "--samples", "50k", "--json"];
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ask(&line))
    };
    assert_eq!(with(1), with(3));
    let line = ["a = 1 to 2", "b = 3 to 9", "a^b", "--json"];
    assert_ne!(ask(&line), ask(&[&line[..], &["--seed", "1"]].concat()));
    let rowwise = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| ask(&line))
    };
    assert_eq!(rowwise(1), rowwise(4));
}

#[test]
fn a_unit_asked_for_scales_the_draws() {
    let median = |line: &[&str]| {
        json(line)["values"][0]["median"].as_f64().unwrap_or_else(|| panic!("{line:?}"))
    };
    let base = median(&["1 GW to 4 GW"]);
    assert!((base - 2e9).abs() < 1e7);
    for line in [&["1 GW to 4 GW", "--in", "MW"][..], &["1 GW to 4 GW in kW", "--in", "MW"]] {
        assert!((median(line) - base / 1e6).abs() < 1e-6, "{line:?}");
    }
}

#[test]
fn few_and_odd_draws_get_an_answer() {
    for (line, part) in [
        (&["1 to 2", "--samples", "2"][..], "~"),
        (&["prob(1 to 2 > 1.5)", "--samples", "3"], "%"),
        (&["ln(normal(0, 1))"], "undefined in 50,0"),
        (&["1 / (0 * (1 to 2))"], "infinite"),
        (&["bernoulli(0.3)"], "0"),
        (&["(1 to 2) > 1.5"], "true with probability"),
        (&["exp(1000 * (1 to 2))"], "infinite"),
    ] {
        assert!(ask(line).contains(part), "{line:?}\n{}", ask(line));
    }
}

#[test]
fn javascript_is_a_function() {
    let code = ask(&["gap = 300 to 3000", "ln(gap)", "--javascript"]);
    assert!(code.starts_with("(input, rows) => {"), "{code}");
    assert!(code.contains("input[\"gap\"]"), "{code}");
}

/// Questions like those of full scenarios, typed by hand.
#[test]
fn the_pieces_of_scenarios_are_evaluated() {
    let marginal = "
capex = 29 bn USD/GW to 60 bn USD/GW
life_it = 3 yr to 7 yr
wacc = 6 %/yr to 15 %/yr
annuity(r, n) = r / (1 - exp(-r * n))
price = 45 USD/MWh to 110 USD/MWh
load = uniform(55%, 85%)
pue = 1.1 to 1.4
rev = 6 bn USD/GW/yr to 20 bn USD/GW/yr
elast = normal(5%: 0.4, 95%: 1.1)
cost = capex * annuity(wacc, life_it) + price * load * pue in \"bn USD/GW/yr\"
surplus = rev * elast - cost in \"bn USD/GW/yr\"
earns = prob(surplus > 0 USD/W/yr)";
    let file = ask_with(marginal, &["--file", "m", "--show", "cost", "--show", "earns"]).unwrap();
    assert!(file.contains("cost") && file.contains("bn USD/GW/yr"), "{file}");
    let closing = "
gap = 300 to 3000
g_dec = 8x/yr to 40x/yr
g_front = 3.6x/yr to 5.2x/yr
fade = 2 yr to 15 yr
penalty = 1.2 to 3
left = ln(gap * penalty) / ((g_dec - g_front) * fade)
wait = if(left < 1, -fade * ln(1 - min(left, 1)), never - 2026-01-01)
closes = if(left < 1, 2026-01-01 - fade * ln(1 - min(left, 1 - 1e-12)), never)";
    let file = ask_with(closing, &["--file", "m", "--show", "closes"]).unwrap();
    assert!(file.contains("never "), "{file}");
}

#[cfg(feature = "parquet")]
#[test]
fn kept_draws_are_used_world_by_world() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.parquet");
    let mut draws = draws::Draws::new(draws::Design::Plain).with_seed(7);
    let years = (0..100).map(f64::from);
    draws.push_in("cost@2030 where built", "bn USD/GW/yr", vec![8.0; 100]).unwrap();
    draws.push_in("value", "bn USD/GW/yr", years.clone().map(|i| i / 5.0).collect()).unwrap();
    let dates = years.clone().map(|i| if i < 50.0 { 2030.5 } else { f64::INFINITY });
    draws.push_in("closes", "decimal year", dates.collect()).unwrap();
    draws.push_in("fast", "x/yr", vec![20.0; 100]).unwrap();
    draws.save(&path).unwrap();
    let path = path.to_str().unwrap();
    let kept = |line: &[&str]| json(&[&["--draws", path], line].concat())["values"].clone();
    let surplus = kept(&["value - cost_2030_where_built", "--in", "bn USD/GW/yr"]);
    assert!((surplus[0]["median"].as_f64().unwrap() - 1.9).abs() < 1e-9, "{surplus}");
    let share = kept(&["prob(value > cost_2030_where_built)"]);
    assert_eq!(share[0]["value"], 0.59);
    assert_eq!(kept(&["closes < 2031-01-01"])[0]["probability"], 0.5);
    assert_eq!(kept(&["fast"])[0]["unit"], "x/yr");
    // What is drawn beside them has as many draws, and nothing to do with them.
    let both = kept(&["own = 1 to 2", "own * value / (1 bn USD/GW/yr)"]);
    assert!((8.0..20.0).contains(&both[0]["median"].as_f64().unwrap()), "{both}");
    let all = ask(&["--draws", path]);
    assert!(all.contains("closes") && all.contains("100 draws, seed 7"), "{all}");
    let wrong = refuse(&["--draws", path, "closed"]);
    assert!(wrong.contains("did you mean `closes`?"), "{wrong}");
    let missing = refuse(&["--draws", "nowhere.parquet"]);
    assert!(missing.contains("nowhere.parquet") && missing.contains("writes one"), "{missing}");
}

#[cfg(feature = "parquet")]
#[test]
fn columns_that_would_have_one_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.parquet");
    let mut draws = draws::Draws::new(draws::Design::Plain);
    draws.push("a@1", vec![1.0]).unwrap();
    draws.push("a 1", vec![1.0]).unwrap();
    draws.save(&path).unwrap();
    let shown = refuse(&["--draws", path.to_str().unwrap()]);
    assert!(shown.contains("`a@1` and `a 1` would both be called `a_1`"), "{shown}");
}
