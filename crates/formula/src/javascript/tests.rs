//! The JavaScript, run by Node, against the evaluation here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::tape::tests::{bound, formulas, table};
use crate::{Columns, Environment, Program};

#[test]
fn literals_and_names_are_safe_to_paste() {
    assert_eq!(literal(f64::NEG_INFINITY), "(-Infinity)");
    assert_eq!(literal(-2.5), "(-2.5e0)");
    assert_eq!(quoted("</script>\""), "\"\\u003c/script\\u003e\\u0022\"");
}

/// What Node prints for `script`; `None` where there is no Node.
fn node(script: &str) -> Option<String> {
    let spawned = Command::new("node")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .arg("-")
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("node is not installed: the JavaScript was not run");
        return None;
    };
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn array(values: &[f64]) -> String {
    let list: Vec<String> = values.iter().map(|value| literal(*value)).collect();
    format!("[{}]", list.join(", "))
}

/// Runs each program on its table; one vector of columns a program.
fn run(programs: &[(Compiled, Columns)]) -> Option<Vec<Vec<Vec<f64>>>> {
    let mut script =
        String::from("const show = (x) => console.log(Array.from(x).map(String).join(' '));\n");
    for (compiled, given) in programs {
        script.push_str("{ const input = {");
        for input in compiled.inputs() {
            let _ = write!(
                script,
                "{}: {},",
                quoted(&input.name),
                array(&given.column(&input.name).unwrap())
            );
        }
        for name in compiled.parameters() {
            let _ = write!(script, "{}: {},", quoted(name), literal(given.number(name).unwrap()));
        }
        let code = compiled.to_javascript();
        let _ = writeln!(script, "}};\nconst out = ({code})(input, {});", given.rows());
        for name in compiled.column_names() {
            let _ = writeln!(script, "show(out[{}]);", quoted(name));
        }
        script.push_str("}\n");
    }
    let printed = node(&script)?;
    let mut lines = printed.lines();
    let number = |word: &str| match word {
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        word => word.parse().unwrap_or(f64::NAN),
    };
    let columns = programs.iter().map(|(compiled, _)| {
        let names = compiled.column_names().iter();
        names.map(|_| lines.next().unwrap().split(' ').map(number).collect()).collect()
    });
    Some(columns.collect())
}

#[test]
fn node_gives_the_same_numbers_for_laws_paths_and_samples() {
    let laws = Environment::new()
        .data("x", "")
        .data("y", "GW")
        .data("z", "")
        .parameter("p", "")
        .input("u", "");
    let texts = [
        "f = 1.8 + 482 / (1e8 * (3 + x))^0.35 + 2085 / (1e9 * (3 + z))^(0.3 + p / 10)",
        "f = ln(1.8 + 482 / (1e8 * (3 + x))^(0.35 + p / 10) + 2085 / (1e9 * (3 + z))^0.37)",
        "f = ln(exp(300 * x) + 2 * exp(-500 * z) + exp(x))",
        "f = (x - 0.5)^3 + abs(x)^p + tanh(z) + round(10 * x) + floor(z) + ceil(z)",
        "f = if(x < z or y > 1 GW, y * 38 USD/GW, -y * 1 USD/GW) in \"bn USD\"",
        "f = min(x, z) + max(x, 3 * z) + log10(abs(x)) + log2(abs(z)) + expm1(x) + log1p(x / 3)",
        "f = prob(u > 0.3) + median(u) * x + q(u, 90%) + mean(u + x) + prob(x > median(x))",
        "time from 2025 to 2035 step 1 yr\nseries s = start 3 + x next s * exp(step * +30 %/yr) + z\nf = s",
        "time from 2025 to 2035 step 1 yr\nseries s = start 3 + x next s * exp(step * 2x/yr) + z\nf = at(s, 2030-07-01) + if(first(s > 20) == never, 1, 2) + mean(s) + max(s)",
        "time from 2025 to 2035 step 1 yr\nf = argmax(-(t - 2028-06-01 + x * 1 yr)^2) - 2025",
    ];
    let mut programs = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let program = Program::parse("<test>", text).unwrap_or_else(|e| panic!("{e}"));
        let checked = program.check(&laws).unwrap_or_else(|e| panic!("{e}"));
        let compiled = checked.compile(&["f"]).unwrap();
        let given = table(index as u64 + 7, 0.7);
        let u = table(99, 0.0).get("x").unwrap().to_vec();
        programs.push((compiled.clone(), given.clone().with("u", u.clone())));
        if compiled.is_rowwise() {
            programs.push((compiled.gradient(&["x", "p"]).unwrap(), given.with("u", u)));
        }
    }
    let Some(results) = run(&programs) else { return };
    for (index, ((compiled, given), columns)) in programs.iter().zip(results).enumerate() {
        let ours = compiled.evaluate(given).unwrap();
        for (name, theirs) in compiled.column_names().iter().zip(columns) {
            for (row, (ours, theirs)) in ours.get(name).unwrap().iter().zip(theirs).enumerate() {
                let same = *ours == theirs || ours.is_nan() && theirs.is_nan();
                let near = (ours - theirs).abs() <= 1e-12 * ours.abs();
                assert!(same || near, "program {index}, {name}, row {row}: {ours:e} {theirs:e}");
            }
        }
    }
}

#[test]
fn node_gives_the_same_numbers_for_random_formulas() {
    let names = Environment::new().data("x", "").data("y", "").data("z", "").parameter("p", "");
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(
            proptest::test_runner::RngAlgorithm::ChaCha,
        ),
    );
    let texts: Vec<String> =
        (0..60).map(|_| formulas().new_tree(&mut runner).unwrap().current()).collect();
    let programs: Vec<(Compiled, Columns)> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let program = Program::parse("<test>", &format!("f = {text}")).unwrap();
            let compiled = program.check(&names).unwrap().compile(&["f"]).unwrap();
            (compiled, table(index as u64, 1.3))
        })
        .collect();
    let Some(results) = run(&programs) else { return };
    let mut compared = 0;
    for ((text, (compiled, given)), columns) in texts.iter().zip(&programs).zip(results) {
        let ours = compiled.evaluate(given).unwrap();
        for row in (0..300).step_by(13) {
            let wanted = bound(text, given, row);
            // Where digits cancel, 1e-12 of the result is more than anyone has.
            let (ours, theirs) = (ours.get("f").unwrap()[row], columns[0][row]);
            if wanted.error.is_finite() && ours.is_finite() {
                let allowed = 1e-12 * ours.abs() + 64.0 * wanted.error;
                assert!((ours - theirs).abs() <= allowed, "{text}, row {row}: {ours:e} {theirs:e}");
                compared += 1;
            }
        }
    }
    assert!(compared > 600, "only {compared} values were comparable");
}
