//! What expressions mean: values, units, kinds, growth and dates, and what is refused.

use formula::{Columns, Environment, Program};

fn show(text: &str) -> String {
    let program = Program::parse("<test>", text).unwrap_or_else(|e| panic!("{e}"));
    let checked = program.check(&Environment::new()).unwrap_or_else(|e| panic!("{e}"));
    let named = |name: &&str| *name == "result";
    let all = checked.names();
    let last =
        all.iter().copied().find(named).or(all.first().copied()).unwrap_or_default().to_owned();
    checked.constant(&last).unwrap_or_else(|e| panic!("{e}")).expect("a constant")
}

fn refuse(text: &str) -> String {
    let outcome = Program::parse("<test>", text).and_then(|p| p.check(&Environment::new()));
    outcome.err().unwrap_or_else(|| panic!("accepted: {text}")).to_string()
}

#[test]
fn arithmetic_has_the_precedence_of_mathematics() {
    for (text, value) in [
        ("-2^2", "-4"),
        ("2^3^2", "512"),
        ("2 + 3 * 4", "14"),
        ("-2 * 3 - 4 / 2", "-8"),
        ("2^-1", "0.5"),
        ("(1 + 2) * 3", "9"),
        ("12k + 1_000", "13000"),
        ("3e26 / 1e26", "3"),
        ("not 1 > 2 and 3 >= 3", "true"),
        ("if(2 > 1, 10, 20)", "10"),
        ("max(1, 5, 3) - min(4, 2)", "3"),
        ("log10(1000) + ln(exp(2)) + log2(8) + abs(-1) + sqrt(16)", "13"),
        ("beta = 2\nq = 3\nbeta^q", "8"),
        ("1 −\u{a0}2 × 3", "-5"),
    ] {
        assert_eq!(show(text), value, "{text}");
    }
}

#[test]
fn units_follow_numbers_and_results_choose_theirs() {
    for (text, value) in [
        ("38 bn USD/GW * 2 GW", "76 bn USD"),
        ("8 GW * 3 h", "24 GW h"),
        ("60 Mbit/s * 1 h", "216 Gbit"),
        ("100 km / 2 h in \"km/h\"", "50 km/h"),
        ("6 * 70e9 * 1.4e12 * 1 FLOP", "5.88e23 FLOP"),
        ("5.88e23 FLOP / (400 TFLOP/s) in \"yr\"", "46.6 yr"),
        ("1 GiB / (1 MB)", "1074"),
        ("50 USD/MWh * 1 GW * 1 yr", "438 M USD"),
        ("0.45 /yr * 12 GW", "5.4 GW/yr"),
        ("40%", "40 %"),
        ("40% + 3 pp", "43 %"),
        ("8 GW[it] / (2 GW[it])", "4"),
        ("PUE = 1.2 [facility/it]\n8 GW[it] * PUE", "9.6 GW[facility]"),
        ("unit H100e = 1.979e15 FLOP/s\n2e18 FLOP/s in \"H100e\"", "1011 H100e"),
        ("unit wafer\n3 wafer * 2", "6 wafer"),
        ("index = 1.06 USD_2025/USD_2023\n100 USD_2023 * index + 1 USD_2025", "107 USD_2025"),
    ] {
        let shown = show(text);
        let close = shown == value;
        assert!(close, "{text}: {shown}, not {value}");
    }
}

#[test]
fn growth_is_a_log_rate() {
    for (text, value) in [
        ("ln(1000)/(20x/yr - 5x/yr)", "4.98 yr"),
        ("20x/yr - 5x/yr", "4x/yr"),
        ("exp(doubles in 7 mo * 7 mo)", "2"),
        ("exp(halves in 8 mo * 2 yr)", "0.125"),
        ("exp(+30 %/yr * 2 yr)", "1.69"),
        ("exp(-50 %/yr * 1 yr)", "0.5"),
        ("6 %/yr * 2 yr", "12 %"),
    ] {
        assert_eq!(show(text), value, "{text}");
    }
}

#[test]
fn dates_are_instants() {
    for (text, value) in [
        ("2025-07-01 - 2025-01-01 in \"mo\"", "5.95 mo"),
        ("2025-07-01 + 1 yr > 2026", "true"),
        ("2025-07-01 - 2020", "5.5 yr"),
        ("x = 2030\n2035-01-01 - x", "5 yr"),
        ("2025-07-01", "2025-07-01"),
        ("max(2025-07-01, 2031)", "2031"),
        ("never > 2030", "true"),
        ("if(1 > 2, 2030-01-01, never)", "never"),
        ("2030-01-01 == never", "false"),
    ] {
        assert_eq!(show(text), value, "{text}");
    }
}

#[test]
fn paths_walk_the_time_axis() {
    let axis = "time from 2025 to 2030 step 1 yr\nseries x = start 1 next 2 * x\n";
    for (text, value) in [
        ("at(x, 2028)", "8"),
        ("at(x, 2027-07-02)", "5.99"),
        ("first(x >= 5)", "2028"),
        ("first(x >= 500)", "never"),
        ("max(x)", "32"),
        ("min(x)", "1"),
        ("mean(x)", "10.5"),
        ("argmax(-(x - 4)^2)", "2027"),
        ("first(t >= 2027)", "2027"),
        ("at(if(t > 2026, x, 0), 2030) + step / (1 yr)", "33"),
        ("x", "1, 2, 4, 8, 16, 32"),
        ("series y = at x * (t - from) / 1 yr\nmax(y)", "160"),
        ("series y = start 0 next y + x\nat(y, 2027)", "6"),
        ("series y = start 0 next y + before(x)\nat(y, 2027)", "3"),
        // Whole paths of other series, wherever they are defined and looked at.
        ("series y = start 0 next y + max(x)\ny", "0, 32, 64, 96, 128, 160"),
        ("series y = start at(x, 2028) next y + at(x, 2026)\ny", "8, 10, 12, 14, 16, 18"),
        ("series z = start 0 next z + max(y)\nseries y = start 1 next y + 1\nat(z, 2026)", "6"),
        ("series y = start 0 next y + at(x, t)\nat(y, 2027)", "3"),
    ] {
        assert_eq!(show(&format!("{axis}{text}")), value, "{text}");
    }
}

#[test]
fn errors_point_at_their_characters_and_say_what_to_do() {
    for (text, parts) in [
        ("8 GW + 1 yr", &["cannot add power (W) and time (s)", "<test>:1:6"][..]),
        ("8 GW[it] + 8 GW[facility]", &["of kind", "named ratio"]),
        (
            "PUE = 1.2 [facility/it]\n8 GW[it] + 8 GW[facility]",
            &["multiply the left side by `PUE`"],
        ),
        ("1 USD_2023 + 1 USD_2025", &["price index"]),
        ("alpha = 1\nalhpa + 1", &["unknown name `alhpa`", "did you mean `alpha`?", "<test>:2:1"]),
        ("5 tokn", &["unknown unit `tokn`", "did you mean `tok`"]),
        ("sqr(4)", &["unknown function `sqr`", "did you mean `sqrt`?"]),
        ("exp(3 GW)", &["`exp` takes a plain number", "divide by a unit"]),
        ("ln(20x/yr)", &["growth", "multiply by a time"]),
        ("20x/yr + 6 %/yr", &["growth is a log-rate"]),
        ("3 pp * 8 GW", &["percentage point is a difference"]),
        ("a = b\nb = c\nc = a", &["circle", "a -> b -> c -> a"]),
        ("f(x) = f(x) + 1\nf(2)", &["circle"]),
        ("(1 + 2", &["expected `)`"]),
        ("1 + ", &["expected a value, found the end"]),
        ("1 < 2 < 3", &["comparisons do not chain"]),
        ("a = 1\na = 2", &["defined twice"]),
        ("max(3)", &["needs a path"]),
        ("t + 1 yr", &["no time axis"]),
        ("2025-01-01 + 2026-01-01", &["cannot add a date and a date"]),
        ("t = 3\nx = 5 t", &["unknown unit `t`"]),
        ("h = 3\nx = 5 h", &["both a unit and a name"]),
        ("2 ** 3", &["write a power with `^`"]),
        ("x = 1 = 2", &["compare with `==`"]),
        ("exp(x) = 3", &["function of the language"]),
        ("2x", &["growth needs a time"]),
        ("1 if", &["unknown unit `if`"]),
        ("8 GW in \"yr\"", &["cannot be shown in yr"]),
        ("(3 GW)^x\nx = 2 yr", &["an exponent is a plain number"]),
        (
            "time from 2025 to 2030 step 1 yr\nseries x = start 1 next y\nseries y = start 1 next x",
            &["wait for each other", "before("],
        ),
        (
            "time from 2025 to 2030 step 1 yr\nseries x = start 1 next x + at(x, from)",
            &["a series waits for its own future", "`x` needs a whole path", "its start"],
        ),
        (
            "time from 2025 to 2030 step 1 yr\nseries x = start 1 next x + max(y)\n\
             series y = start 1 next y + before(x)",
            &["a series waits for its own future"],
        ),
        (
            "time from 2025 to 2030 step 1 yr\nseries x = start max(y) next x\n\
             series y = start 1 next y + before(x)",
            &["a series waits for its own future"],
        ),
        ("normal(1 GW, 1 yr)", &["expected power (W), found time (s)"]),
        ("x = 1 to 2\ny = normal(x, 1)", &["must be fixed"]),
    ] {
        let shown = refuse(text);
        for part in parts {
            assert!(shown.contains(part), "{text}\nexpected: {part}\n{shown}");
        }
    }
}

#[test]
fn uncertain_inputs_are_named_columns_with_recipes() {
    let program = Program::parse(
        "<test>",
        "gap = 300 to 3000\ncost = 2 * normal(5%: 1 USD, 95%: 3 USD) + mix(0.8: 1 USD to 2 USD, 0.2: 0)\nshare = uniform(55%, 85%)\nresult = gap * cost * share",
    )
    .unwrap();
    let checked = program.check(&Environment::new()).unwrap();
    let names: Vec<String> = checked.inputs().into_iter().map(|input| input.name).collect();
    assert_eq!(names, ["gap", "cost.1", "cost.2", "share"]);
    let compiled = checked.compile(&["result"]).unwrap();
    let given = Columns::new(2)
        .with("gap", vec![10.0, 20.0])
        .with("cost.1", vec![1.0, 2.0])
        .with("cost.2", vec![0.0, 1.0])
        .with("share", vec![0.5, 0.5]);
    let out = compiled.evaluate(&given).unwrap();
    assert_eq!(out.get("result"), Some(&[10.0, 50.0][..]));
}

#[test]
fn an_interval_beside_arithmetic_needs_its_brackets() {
    for text in ["1 to 2 + 3", "1 + 2 to 3", "2 * 3 to 10", "1 to 2 / 3", "1 - 2 * 3 to 4"] {
        let message = refuse(text);
        assert!(message.contains("needs brackets"), "{text}: {message}");
    }
    for text in ["(1 to 2) + 3", "1 to (2 + 3)", "-1 to 1", "(1 to 2) < 3", "2^1 to 2^3"] {
        let program = Program::parse("<test>", text).unwrap_or_else(|e| panic!("{e}"));
        let again = Program::parse("<test>", &program.print()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(program.print(), again.print(), "{text}");
    }
}

#[test]
fn samples_are_summarised() {
    let program = Program::parse(
        "<test>",
        "x = uniform(0, 10)\np = prob(x > 4)\nm = median(x)\na = mean(x)\nhigh = q(x, 90%)\nabove = prob(x > median(x))",
    )
    .unwrap();
    let checked = program.check(&Environment::new()).unwrap();
    let compiled = checked.compile(&["p", "m", "a", "high", "above", "x"]).unwrap();
    let given = Columns::new(5).with("x", vec![1.0, 5.0, 3.0, 9.0, 7.0]);
    let out = compiled.evaluate(&given).unwrap();
    for (name, value) in [("p", 0.6), ("m", 5.0), ("a", 5.0), ("high", 8.2), ("above", 0.4)] {
        assert!((out.get(name).unwrap()[0] - value).abs() < 1e-12, "{name}");
    }
    assert_eq!(out.get("x").unwrap()[3], 9.0);
}

#[test]
fn a_law_tells_its_linear_parameters() {
    let names = Environment::new()
        .data("N", "")
        .data("D", "")
        .free_parameter("E")
        .free_parameter("A")
        .free_parameter("B")
        .parameter("alpha", "")
        .parameter("beta", "");
    let all = ["E", "A", "B", "alpha", "beta"];
    for (law, links) in [
        ("loss = E + A / N^alpha + B / D^beta", &[][..]),
        ("log(loss) = log(E + A / N^alpha + B / D^beta)", &[]),
        ("loss = log(E + A / N^alpha + B / D^beta)", &["log"]),
        ("loss = E + A * exp(-alpha * ln(N)) + B * D^(-beta) + A * B * 0 ", &[]),
    ] {
        let checked = Program::parse("<law>", law).unwrap().check(&names).unwrap();
        let linear = checked.linear_names("loss", &all).unwrap();
        assert_eq!(linear.links, links, "{law}");
        let wanted: &[&str] = if law.contains("A * B") { &["E", "A"] } else { &["E", "A", "B"] };
        assert_eq!(linear.names, wanted, "{law}");
        assert_eq!(checked.depends_on("loss").unwrap().len(), 7);
        assert!(!checked.linear_in("loss", &["alpha"]).unwrap());
    }
}
