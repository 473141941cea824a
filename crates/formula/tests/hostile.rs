//! Any input gets an answer or an error: no panic, no overflow of the stack, no long wait.

use std::time::{Duration, Instant};

use formula::{Columns, Environment, Program};
use proptest::prelude::*;

/// Reads, checks and evaluates whatever can be; the error otherwise.
fn run(text: &str) -> Result<(), String> {
    let program = Program::parse("<test>", text).map_err(|e| e.to_string())?;
    let again = Program::parse("<again>", &program.print());
    let checked = program.check(&Environment::new()).map_err(|e| e.to_string())?;
    assert!(again.is_ok() || text.contains("unit"), "{text}\n{}", program.print());
    let names: Vec<String> = checked.names().into_iter().map(str::to_owned).collect();
    let compiled = checked.compile(&names).map_err(|e| e.to_string())?;
    let mut given = Columns::new(3);
    for input in compiled.inputs() {
        given.set(input.name, vec![-1.0, 0.0, 2.5]);
    }
    compiled.evaluate(&given).map_err(|e| e.to_string())?;
    Ok(())
}

fn quickly(text: &str, expected: Option<&str>) {
    let start = Instant::now();
    let outcome = run(text);
    let limit = Duration::from_secs(30);
    let begin: String = text.chars().take(60).collect();
    assert!(start.elapsed() < limit, "{begin} took {:?}", start.elapsed());
    match (outcome, expected) {
        (Ok(()), None) => {}
        (Err(shown), Some(part)) => assert!(shown.contains(part), "{begin}\n{shown}"),
        (Ok(()), Some(part)) => panic!("{begin} was accepted; expected: {part}"),
        (Err(shown), None) => panic!("{begin} was refused\n{shown}"),
    }
}

fn lines(range: std::ops::Range<usize>, line: impl Fn(usize) -> String) -> String {
    range.map(line).collect::<Vec<String>>().concat()
}

#[test]
fn deep_nesting_is_refused_and_long_chains_are_not() {
    let many = 100_000;
    quickly(&"(".repeat(many), Some("nested too deeply"));
    quickly(&format!("{}1{}", "(".repeat(many), ")".repeat(many)), Some("nested too deeply"));
    quickly(&format!("{}1", "-".repeat(many)), Some("nested too deeply"));
    quickly(&format!("1{}", "^1".repeat(many)), Some("nested too deeply"));
    quickly(&format!("{}true", "not ".repeat(many)), Some("not"));
    quickly(&"f(".repeat(many), Some("nested too deeply"));
    quickly(&"[".repeat(many), Some("expected"));
    quickly(&format!("1{}", " + 1".repeat(many)), None);
    quickly(&format!("x = 1 to 2\nx{}", " + 2 * x".repeat(many / 4)), None);
    quickly(&format!("1{}", " * 1 GW".repeat(1000)), None);
    quickly(&format!("{}1{}", "(".repeat(140), ")".repeat(140)), None);
}

#[test]
fn programs_that_would_grow_without_bound_are_refused() {
    let mut doubling = String::from("f0(x) = x + 1\n");
    for level in 1..60 {
        let below = level - 1;
        let line = format!("f{level}(x) = f{below}(f{below}(x) + 1)\n");
        doubling.push_str(&line);
    }
    quickly(&format!("{doubling}y = 1 to 2\nf59(y)"), Some("without bound"));
    let shared = lines(1..1000, |i| format!("x{i} = x{0} + x{0}\n", i - 1));
    quickly(&format!("x0 = 1 to 2\n{shared}"), None);
    let chain = lines(1..3000, |i| format!("f{i}(x) = f{}(x) + 1\n", i - 1));
    quickly(&format!("f0(x) = x\n{chain}f2999(1)"), Some("too deeply"));
    let squares = lines(1..200, |i| format!("x{i} = x{0} * x{0}\n", i - 1));
    quickly(&format!("x0 = 1 GW\n{squares}"), Some("exponents"));
    quickly(
        "time from 2000 to 3000 step 1 s\nseries x = start 0 next x + 1\nmax(x)",
        Some("cannot be walked"),
    );
    let wide = "time from 2000 to 2900 step 1 d\nseries x = start 0 next x + 1\n";
    quickly(&format!("{wide}max(x)"), Some("cannot be walked"));
    let paths = lines(0..300, |i| format!("a{} = max(t - from) + a{i}\n", i + 1));
    quickly(&format!("time from 2000 to 2005 step 1 yr\na0 = 1 yr\n{paths}"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_characters_never_panic(text in "\\PC{0,60}") {
        let _ = run(&text);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = run(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_tokens_never_panic(words in prop::collection::vec(prop::sample::select(vec![
        "1", "2.5", "2030", "2025-07-01", "x", "y", "f", "t", "(", ")", ",", "+", "-", "*", "/", "^",
        "%", "=", "==", "<", ">=", ":", "to", "in", "and", "or", "not", "never", "true", "if", "min",
        "max", "exp", "ln", "prob", "q", "mix", "normal", "uniform", "first", "at", "mean", "GW",
        "USD", "yr", "[it]", "[facility/it]", "k", "bn", "pp", "\n", "\n", "x =", "y =", "f(x) =",
        "series x = start", "next", "time from 2025 to 2030 step 1 yr\n", "unit z =", "doubles in",
        "20x/yr", "+30 %/yr", "before", "\"GW\"", "0", "log(x) =", "step", "from",
    ]), 0..24)) {
        let _ = run(&words.join(" "));
    }

    #[test]
    fn units_of_a_product_are_the_product_of_the_units(
        a in prop::sample::select(vec!["GW", "USD", "token/s", "FLOP/s", "USD/GW/yr", "GiB", "m^2", "GW[it]", "/yr"]),
        b in prop::sample::select(vec!["yr", "MWh", "GW[it]", "FLOP", "USD_2025/USD_2023", "Mbit/s", "token[served]"]),
        x in 0.5..100.0f64, y in 0.5..100.0f64,
    ) {
        let text = format!("a = {x} {a}\nb = {y} {b}\np = a * b\nr1 = p / b - a\nr2 = p / a - b\nr3 = a / b * b - a\nc = b * a - p");
        let checked = Program::parse("<test>", &text).unwrap().check(&Environment::new()).unwrap();
        for name in ["r1", "r3"] {
            prop_assert_eq!(checked.dimension_of(name).unwrap(), checked.dimension_of("a").unwrap());
        }
        prop_assert_eq!(checked.dimension_of("r2").unwrap(), checked.dimension_of("b").unwrap());
        let values = checked.compile(&["a", "b", "p", "c"]).unwrap().evaluate(&Columns::new(1)).unwrap();
        let at = |name: &str| values.get(name).unwrap()[0];
        prop_assert!((at("p") - at("a") * at("b")).abs() <= 1e-15 * at("p"));
        prop_assert_eq!(at("c"), 0.0);
    }

    #[test]
    fn the_order_of_definitions_does_not_matter(order in Just(vec![
        "a = 3 GW", "b = a * 2 yr", "f(x) = x * a", "c = f(b) / a", "d = c + b", "u = 1 to 2", "e = u * d",
    ]).prop_shuffle()) {
        let checked = Program::parse("<test>", &order.join("\n")).unwrap().check(&Environment::new()).unwrap();
        let out = checked.compile(&["e"]).unwrap().evaluate(&Columns::new(1).with("u", vec![1.5])).unwrap();
        let year = 31_557_600.0;
        prop_assert_eq!(out.get("e").unwrap()[0], 1.5 * (2.0 * 3e9 * 2.0 * year));
    }
}
