//! Studies from the command line: what is computed, what is kept, what is mended, what is refused.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

mod known_law;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("runs.csv"), known_law::runs()).expect("a file");
    fs::write(
        folder.path().join("study.toml"),
        "title = \"What next? <script>alert(1)</script>\"\ndraws = 200\n\
         [runs]\nfiles = \"runs.csv\"\n\
         [plan]\nbudget = \"1e19 FLOP\"\n\
         [[section]]\nheading = \"Why </script><b>\"\ntext = \"because <img src=x onerror=alert(1)> *it*\"\n",
    )
    .expect("a file");
    folder
}

fn isoflop(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "80")
        .output()
        .expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    let (code, out, said) = isoflop(folder, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {said}");
    serde_json::from_str(&out).expect("JSON")
}

fn states(ran: &Value) -> Vec<(&str, &str)> {
    let steps = ran["steps"].as_array().expect("steps");
    steps
        .iter()
        .map(|step| {
            (step["name"].as_str().expect("a name"), step["state"].as_str().expect("a state"))
        })
        .collect()
}

#[test]
fn a_study_computes_only_what_changed_and_mends_what_is_broken() {
    let folder = folder();
    let path = folder.path();
    let dry = json(path, &["run", "study.toml", "--dry-run"]);
    assert_eq!(states(&dry), [("fit", "due"), ("plan", "due")]);
    assert!(!path.join("isoflop-out").exists(), "a dry run writes nothing");

    let first = json(path, &["run", "study.toml"]);
    assert_eq!(states(&first), [("fit", "computed"), ("plan", "computed")]);
    let results = path.join("isoflop-out/study");
    for file in [
        "manifest.json",
        "report.html",
        "report.json",
        "answers/fit.json",
        "answers/plan.json",
        "draws/fit.parquet",
        "draws/plan.parquet",
        "figures/frontier.svg",
        "figures/cost-of-being-wrong.svg",
        "fits/fit.json",
    ] {
        assert!(results.join(file).exists(), "{file} is missing");
    }
    let page = fs::read_to_string(results.join("report.html")).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(!page.contains("<script>alert(1)"), "a title runs");
    assert!(!page.contains("<img src=x"), "a section runs");

    let again = json(path, &["run", "study.toml"]);
    assert_eq!(states(&again), [("fit", "unchanged"), ("plan", "unchanged")]);
    assert_eq!(again["unchanged"], true);

    // Another budget: the plan alone.
    let study = fs::read_to_string(path.join("study.toml")).unwrap();
    fs::write(path.join("study.toml"), study.replace("1e19", "2e19")).unwrap();
    let planned = json(path, &["run", "study.toml"]);
    assert_eq!(states(&planned), [("fit", "unchanged"), ("plan", "computed")]);

    // Half written: what a kill leaves.
    fs::remove_file(results.join("manifest.json")).unwrap();
    fs::write(results.join("answers/fit.json"), "{ \"law\"").unwrap();
    fs::write(results.join("steps/plan.json"), "{").unwrap();
    let (code, _, said) = isoflop(path, &["report", "study.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("half written") && said.contains("run the study again"), "{said}");
    let mended = json(path, &["run", "study.toml"]);
    assert_eq!(states(&mended), [("fit", "computed"), ("plan", "computed")]);
    assert!(json(path, &["report", "study.toml"])["figures"].as_array().unwrap().len() > 5);

    // A page that somebody changed is written again.
    fs::write(results.join("report.html"), "gone").unwrap();
    json(path, &["run", "study.toml"]);
    assert!(
        fs::read_to_string(results.join("report.html")).unwrap().starts_with("<!doctype html>")
    );

    // Another version: of all the results, of the page's data, of one step, of the program.
    let report = fs::read_to_string(results.join("report.json")).unwrap();
    fs::write(results.join("report.json"), report.replacen("\"format\":", "\"format\":9", 1))
        .unwrap();
    let (code, _, said) = isoflop(path, &["report", "study.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("report.json") && said.contains("run the study again"), "{said}");
    let step = fs::read_to_string(results.join("steps/plan.json")).unwrap();
    let place = step.find("\"program\":\"").expect("the program's hash") + 11;
    fs::write(results.join("steps/plan.json"), [&step[..place], "x", &step[place + 1..]].concat())
        .unwrap();
    let rebuilt = json(path, &["run", "study.toml"]);
    assert_eq!(states(&rebuilt), [("fit", "unchanged"), ("plan", "computed")]);
    assert_eq!(rebuilt["steps"][1]["reason"], "Isoflop was built anew");
    let manifest = fs::read_to_string(results.join("manifest.json")).unwrap();
    fs::write(results.join("manifest.json"), manifest.replace("\"format\": 2", "\"format\": 0"))
        .unwrap();
    let (code, _, said) = isoflop(path, &["report", "study.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("does not read") && said.contains("run the study again"), "{said}");
    let step = fs::read_to_string(results.join("steps/fit.json")).unwrap();
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(results.join("steps/fit.json"), step.replacen(&version, "\"version\":\"0.0.1\"", 1))
        .unwrap();
    let redone = json(path, &["run", "study.toml"]);
    assert_eq!(redone["steps"][0]["reason"], "made by another version");

    // The same answers come out of nothing.
    json(path, &["run", "study.toml", "--out", "elsewhere"]);
    let (code, said, _) = isoflop(path, &["diff", "study.toml", "elsewhere"]);
    assert_eq!(code, 0, "{said}");
    // Other runs are another answer.
    fs::write(
        path.join("runs.csv"),
        known_law::runs().replace("r5-4", "odd").lines().take(28).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    json(path, &["run", "study.toml"]);
    let (code, said, _) = isoflop(path, &["diff", "elsewhere", "study.toml"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("runs.csv has another content"), "{said}");
}

#[test]
fn figures_come_as_svg_csv_and_json_and_a_wrong_name_is_answered() {
    let folder = folder();
    let path = folder.path();
    json(path, &["run", "study.toml", "--no-figures"]);
    let (code, svg, said) =
        isoflop(path, &["report", "study.toml", "--figure", "frontier", "--svg"]);
    assert_eq!(code, 0, "{said}");
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{}", &svg[..80]);
    let (_, csv, _) = isoflop(path, &["report", "study.toml", "--figure", "frontier", "--csv"]);
    assert!(csv.contains("compute (FLOP),loss"), "{csv}");
    assert_eq!(csv.matches("r0-").count(), 5, "{csv}");
    let figure = json(path, &["report", "study.toml", "--figure", "frontier"]);
    assert_eq!(figure["name"], "frontier");
    let (code, _, said) = isoflop(path, &["report", "study.toml", "--figure", "frontir"]);
    assert_eq!(code, 2);
    assert!(said.contains("frontier"), "{said}");
}

#[test]
fn what_the_page_computes_is_what_the_planner_says() {
    let folder = folder();
    let path = folder.path();
    json(path, &["run", "study.toml", "--no-figures"]);
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(path.join("isoflop-out/study").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let (report, plan) = (read("report.json"), read("answers/plan.json"));
    let checks = &report["live"]["checks"][0];
    let settings = checks["at"].as_array().expect("settings");
    let rest =
        settings.iter().find(|check| check["setting"].as_array().unwrap().is_empty()).unwrap();
    let mut compared = 0;
    for (told, answers) in
        checks["sources"].as_array().unwrap().iter().zip(rest["answers"].as_array().unwrap())
    {
        let source = &told[0];
        if source["program"] != "plan-plan" {
            continue;
        }
        let value = answers[0].as_f64().unwrap();
        let key = match source["outputs"][0].as_str().unwrap() {
            "N" => "parameters",
            "D" => "tokens",
            "loss" => "loss",
            "ratio" => "tokens_per_parameter",
            _ => continue,
        };
        let drawn = &plan["chosen"][key];
        let interval = &drawn["interval"];
        let expected = match source["summary"]["quantile"].as_f64() {
            None => drawn["best"].as_f64().unwrap(),
            Some(_) if interval.is_null() => continue, // a choice, not a draw
            Some(level) if level < 0.5 => interval["low"].as_f64().unwrap(),
            Some(_) => interval["high"].as_f64().unwrap(),
        };
        // The interval of the page has the best law among its draws.
        let tolerance = if source["summary"] == "first" { 1e-6 } else { 0.02 };
        assert!((value / expected - 1.0).abs() < tolerance, "{key}: {value} {expected}");
        compared += 1;
    }
    // Four numbers, and the ends of the loss.
    assert_eq!(compared, 6);
}

#[test]
fn a_study_begins_from_a_table_without_questions() {
    let folder = folder();
    let path = folder.path();
    let (code, out, said) = isoflop(path, &["new", "runs.csv", "--out", "new.toml"]);
    assert_eq!(code, 0, "{said}");
    assert!(out.contains("isoflop run new.toml"), "{out}");
    let dry = json(path, &["run", "new.toml", "--dry-run"]);
    assert_eq!(states(&dry), [("fit", "due"), ("plan", "due")]);
    let (code, _, said) = isoflop(path, &["new", "runs.csv", "--out", "new.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("--force"), "{said}");
    let (code, _, said) =
        isoflop(path, &["new", "runs.csv", "--out", "x.toml", "--budget", "much"]);
    assert_eq!(code, 2, "{said}");
    assert!(!path.join("x.toml").exists());
}

#[test]
fn a_table_of_many_runs_is_sampled_with_a_note_and_its_page_stays_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let mut text = String::from("run,N,D,loss\n");
    let mut noise = 0.37_f64;
    for row in 0..25_000 {
        noise = (noise * 997.0).fract();
        let n = 1e6 * 1e3_f64.powf(noise);
        let d = n * 10_f64.powf(f64::from(row % 97) / 40.0);
        let loss =
            (1.7 + 400.0 / n.powf(0.34) + 1200.0 / d.powf(0.36)) * (1.0 + 0.01 * (noise - 0.5));
        let _ = writeln!(text, "r{row},{n},{d},{loss}");
    }
    fs::write(path.join("runs.csv"), text).unwrap();
    let (code, _, said) = isoflop(path, &["new", "runs.csv"]);
    assert_eq!(code, 0, "{said}");
    json(path, &["run", "study.toml"]);
    let page = fs::read_to_string(path.join("isoflop-out/study/report.html")).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("2,000 of 25,000 rows are drawn"), "the page says what it leaves out");
}

#[test]
fn bad_studies_are_refused_with_their_place() {
    let folder = folder();
    let path = folder.path();
    for (text, place) in [
        ("title = \"x\"\n[runs]\nfiles = \"rns.csv\"\n", "did you mean `runs.csv`"),
        ("title = \"x\"\n[runs]\nfiles = \"runs.csv\"\ncolumn = [\"N=size\"]\n", "bad.toml:4:1"),
        ("title = \"x\"\n[plan]\nbudget = \"much\"\n", "bad.toml:3"),
        (
            "title = \"x\"\n[runs]\nfiles = \"runs.csv\"\n[fit]\nlaw = \"chincilla\"\n",
            "bad.toml:5:1",
        ),
        ("title = \"x\"\n[[forecast]]\nscenario = \"nowhere.toml\"\n", "nowhere.toml"),
    ] {
        fs::write(path.join("bad.toml"), text).unwrap();
        let (code, _, said) = isoflop(path, &["run", "bad.toml"]);
        assert_eq!(code, 2, "{text}{said}");
        assert!(said.contains(place) && said.contains("bad.toml"), "{text}{said}");
    }
    let (code, _, said) = isoflop(path, &["run", "absent.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("isoflop new"), "{said}");
}

#[test]
fn a_scenario_has_sliders_claims_and_the_code_of_its_checks() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::write(
        path.join("study.toml"),
        "title = \"gap\"\ndraws = 300\n[[forecast]]\nname = \"gap\"\nscenario = \"gap\"\n\
         [[forecast]]\nname = \"gw\"\nscenario = \"marginal-gw\"\n[claims]\nabout = \"MGW-01\"\n",
    )
    .unwrap();
    let ran = json(path, &["run", "study.toml", "--no-figures"]);
    assert_eq!(ran["passes"], true);
    let text = fs::read_to_string(path.join("isoflop-out/study/report.json")).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let sliders = report["live"]["sliders"].as_array().unwrap();
    assert!(sliders.iter().any(|slider| slider["name"] == "gap_fast" && slider["unit"] == "x/yr"));
    assert!(sliders.iter().any(|slider| slider["name"] == "gw_revenue"));
    let names: Vec<String> =
        (json(path, &["report", "study.toml"])["figures"].as_array().unwrap().iter())
            .map(|figure| figure["name"].as_str().unwrap().to_owned())
            .collect();
    for name in [
        "fan-remaining-gap",
        "probability-of-date-gap",
        "tornado-closes-gap",
        "sobol-closes-gap",
        "bets-gw",
    ] {
        assert!(names.contains(&name.to_owned()), "{name} is not among {names:?}");
    }
}

#[test]
fn man_pages_and_the_books_reference_are_those_of_the_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, _, said) = isoflop(folder.path(), &["man", "--out", "pages"]);
    assert_eq!(code, 0, "{said}");
    let page = fs::read_to_string(folder.path().join("pages/isoflop-run.1")).unwrap();
    assert!(page.contains("dry\\-run"), "{page}");
    let (_, markdown, _) = isoflop(folder.path(), &["man", "--markdown"]);
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/commands.md");
    let written = fs::read_to_string(&book).unwrap_or_default();
    assert!(
        written == markdown,
        "docs/src/commands.md is not current: isoflop man --markdown > docs/src/commands.md"
    );
}
