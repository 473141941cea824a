//! The three sample scenarios are read, and their units and kinds hold.
//!
//! They lie beside the reference tables; without those the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test: what is missing should fail it")]

use std::io::Write as _;

use formula::{Environment, Program, Source};
use toml::{Table, Value};

/// Reads a scenario's formulas the way a forecast does.
fn program(path: &std::path::Path) -> Program {
    let text = std::fs::read_to_string(path).unwrap();
    let file = path.display().to_string();
    let table: Table = text.parse().unwrap();
    let empty = Table::new();
    let section = |name: &str| table.get(name).and_then(Value::as_table).unwrap_or(&empty);
    // The place of a formula in the file, so that errors would show it.
    let source = |formula: &str| {
        let start = text.find(&format!("\"{formula}\"")).map_or(0, |at| at + 1);
        Source::part(file.as_str(), text.as_str(), start..start + formula.len())
    };
    let formula = |value: &Value, key: &str| {
        let inside = value.get(key).unwrap_or(value);
        inside.as_str().map_or_else(|| inside.to_string(), str::to_owned)
    };
    let mut program = Program::new();
    let ok =
        |outcome: Result<(), diagnostic::Diagnostic>| outcome.unwrap_or_else(|e| panic!("{e}"));
    for (name, unit) in section("units") {
        ok(program.declare_unit(name, source(unit.as_str().unwrap())));
    }
    let scenario = section("scenario");
    if let (Some(from), Some(to)) = (scenario.get("from"), scenario.get("to")) {
        let text = |value: &Value| Source::new("[scenario]", value.to_string().as_str());
        ok(program.set_time(text(from), text(to), source(scenario["step"].as_str().unwrap())));
    }
    for (name, value) in section("inputs") {
        ok(program.define(name, source(&formula(value, "value"))));
    }
    for (name, value) in section("choice") {
        ok(program.define(name, source(&formula(value, "holds"))));
    }
    for (name, value) in section("series") {
        match value.get("at") {
            Some(at) => ok(program.define(name, source(at.as_str().unwrap()))),
            None => ok(program.define_series(
                name,
                source(value["start"].as_str().unwrap()),
                source(value["next"].as_str().unwrap()),
            )),
        }
    }
    for (head, value) in section("model") {
        ok(program.define_function(
            Source::new("[model]", head.as_str()),
            source(value.as_str().unwrap()),
        ));
    }
    for (name, value) in section("outputs") {
        if program.names().any(|known| known == name) {
            continue;
        }
        ok(program.define(name, source(&formula(value, "expr"))));
    }
    for (index, of) in
        section("sensitivity").get("of").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        ok(program.define(&format!("sensitivity_{index}"), source(of.as_str().unwrap())));
    }
    for (index, check) in
        table.get("check").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let stated = Source::new("stated", check["stated"].as_str().unwrap());
        ok(program.define(&format!("stated_{index}"), stated));
        let expr = check["expr"].as_str().unwrap();
        ok(program.define(
            &format!("check_{index}"),
            Source::new("check", format!("{expr} - stated_{index}")),
        ));
    }
    program
}

#[test]
fn the_sample_scenarios_are_read_and_their_units_hold() {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        // Not `eprintln!`: the test harness would keep that to itself.
        let what = "three sample scenarios parse and have the right units";
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
        return;
    };
    let folder = std::path::Path::new(&folder).join("../reference/scenarios");
    assert!(folder.exists(), "{} is missing", folder.display());
    for (file, name, description, inputs) in [
        ("gap_closing.toml", "naive", "time (s)", 5),
        ("gap_closing.toml", "closes", "a date", 5),
        ("marginal_gw.toml", "cost", "USD/J", 12),
        ("marginal_gw.toml", "surplus", "USD/J", 12),
        ("supply_demand.toml", "ratio", "a plain number", 12),
        ("supply_demand.toml", "power0", "power (W)", 12),
    ] {
        let program = program(&folder.join(file));
        let checked = program.check(&Environment::new()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(checked.value_type(name).unwrap().description(), description, "{name}");
        assert_eq!(checked.inputs().len(), inputs, "{file}");
        assert!(checked.compile(&[name]).is_ok());
    }
}

#[test]
fn the_annuity_of_the_claims_comes_out() {
    // 8.5 bn USD/GW/yr within 2 %, from the point values of the claim.
    let program = Program::parse(
        "<test>",
        "annuity(r, n) = r / (1 - (1 + r * yr) ^ (-n / yr))
         capex = 38 bn USD/GW
         share = 68.4%
         wacc = 6.3 %/yr
         capex_part = capex * share * annuity(wacc, 5 yr) + capex * (1 - share) * annuity(wacc, 14 yr)
         cost = capex_part + 1 * 68.5 USD/MWh + 0.3 bn USD/GW/yr in \"bn USD/GW/yr\"",
    )
    .unwrap();
    let checked = program.check(&Environment::new()).unwrap_or_else(|e| panic!("{e}"));
    let compiled = checked.compile(&["cost"]).unwrap();
    let out = compiled.evaluate(&formula::Columns::new(1)).unwrap();
    let cost = out.get("cost").unwrap()[0];
    assert!((cost / 8.5 - 1.0).abs() < 0.02, "{cost}");
}
