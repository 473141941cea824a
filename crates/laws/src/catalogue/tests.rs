//! What holds for every file of the catalogue, and how bad files are refused.

use proptest::prelude::*;

use super::{all, find, names};
use crate::Law;
use formula::{Columns, Source};

#[test]
fn every_file_is_a_law_of_that_name() {
    for (name, law) in names().zip(all().unwrap()) {
        assert_eq!(law.name, name);
        for text in [&law.title, &law.source, &law.target.meaning] {
            assert!(!text.is_empty(), "{name} lacks a title, a source or its target's meaning");
        }
        let meant = law.variables.iter().chain(&law.given).map(|it| (&it.name, &it.meaning));
        let meant = meant.chain(law.parameters.iter().map(|it| (&it.name, &it.meaning)));
        let meant =
            meant.chain(law.derived.iter().map(|it| (&it.quantity.name, &it.quantity.meaning)));
        for (named, meaning) in meant {
            assert!(!meaning.is_empty(), "{name}: {named} has no meaning");
        }
    }
}

#[test]
fn every_parameter_has_a_place_to_start_from() {
    for law in all().unwrap() {
        let names = law.parameter_names();
        let linear = law.checked().linear_names(&law.target.name, &names).unwrap();
        for parameter in &law.parameters {
            let (low, high) = parameter.search.unwrap_or(parameter.bounds);
            let known = parameter.fixed.is_some()
                || (low.is_finite() && high.is_finite())
                || linear.names.contains(&parameter.name);
            // A floor such as `e_inf` is linear in itself, if not together with what it stands in.
            let alone = law.checked().linear_in(&law.target.name, &[&parameter.name]).unwrap();
            assert!(known || (low == 0.0 && alone), "{}: {}", law.name, parameter.name);
        }
    }
}

#[test]
fn ids_of_constants_are_unique_in_the_catalogue() {
    let mut ids: Vec<String> = Vec::new();
    for law in all().unwrap() {
        ids.extend(law.published.into_iter().map(|published| published.id));
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn every_published_figure_comes_out_again() {
    let mut wrong = Vec::new();
    for law in all().unwrap() {
        assert!(!law.figures.is_empty(), "{} has no figure", law.name);
        for figure in &law.figures {
            let again = law.recompute(figure).unwrap_or_else(|problem| panic!("{problem}"));
            if !again.agrees() {
                wrong.push(format!(
                    "{}, {:?}, {}: {} computed, {} published",
                    law.name, figure.published, figure.what, again.value, figure.value
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_figure_is_held_to_the_last_digit_it_is_written_with() {
    let law = find("chinchilla").unwrap();
    for figure in &law.figures {
        let mut other = figure.clone();
        other.value += 2.1 * figure.tolerance;
        assert!(!law.recompute(&other).unwrap().agrees(), "{other:?}");
    }
    let tolerance = |what: &str| law.figures.iter().find(|f| f.what == what).unwrap().tolerance;
    assert!((tolerance("compute-optimal model size") - 0.5e6).abs() < 1.0);
    assert!((tolerance("loss of the best run") - 0.5e-4).abs() < 1e-9);
}

#[test]
fn laws_and_their_gradients_are_finite_in_the_middle_of_their_ranges() {
    for law in all().unwrap() {
        let compiled = law.checked().compile(&[&law.target.name]).unwrap();
        let gradient = compiled.gradient(&law.parameter_names()).unwrap();
        let mut columns = Columns::new(1);
        for parameter in &law.parameters {
            let (low, high) = parameter.search.unwrap_or(parameter.bounds);
            let middle = match parameter.fixed {
                Some(value) => value,
                None if parameter.logarithmic => (low * high).sqrt(),
                None if high.is_finite() => 0.5 * (low + high),
                None => low.max(0.0) + 1.0,
            };
            columns.set_number(&parameter.name, middle);
        }
        for variable in &law.variables {
            let (low, high) = variable.within;
            let value = if high.is_finite() { 0.5 * (low + high) } else { low.max(1e3) };
            columns.set_number(&variable.name, value);
        }
        for (name, column) in gradient.evaluate(&columns).unwrap().into_columns() {
            assert!(column[0].is_finite(), "{}: {name} = {}", law.name, column[0]);
        }
    }
}

proptest! {
    /// Learning curve M4 is written as six Newton steps; they must solve its equation.
    #[test]
    fn the_implicit_learning_curve_solves_its_equation(
        ln_a in -3.0..3.0_f64, kappa in -30.0..30.0_f64, floor in 0.0..5.0_f64, span in 0.1..20.0_f64,
    ) {
        let a = ln_a.exp();
        let law = find("learning-curve-m4").unwrap();
        // b such that the equation's right side is exp(kappa), in the scale of z.
        let ln_b = kappa - (a - 1.0) * span.ln();
        let values = [("e_inf", floor), ("fall", span), ("a", a), ("b", ln_b.exp()), ("c", -0.5), ("x", 1.0)];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        let share = law.evaluate(Source::new("test", "s"), &values).unwrap();
        let rest = law.evaluate(Source::new("test", "1 - s"), &values).unwrap();
        // ln s - a ln(1 - s) = kappa, where neither logarithm has lost its digits.
        if share > 1e-12 && rest > 1e-6 {
            let found = share.ln() - a * rest.ln();
            prop_assert!((found - kappa).abs() <= 1e-8 * (1.0 + kappa.abs() + a / rest * 1e-8), "{found} {kappa}");
        }
    }
}

#[test]
fn derivatives_through_the_newton_steps_are_those_of_the_implicit_curve() {
    let law = find("learning-curve-m4").unwrap();
    let gradient = law.checked().compile(&["e", "s"]).unwrap().gradient(&["c"]).unwrap();
    for (a, b, x) in [(0.1, 1.0, 10.0), (0.5, 30.0, 1e3), (1.6, 900.0, 1e4), (10.0, 2.0, 7.0_f64)] {
        let numbers = [("e_inf", 1.0), ("fall", 1.0), ("a", a), ("b", b), ("c", -0.5), ("x", x)];
        let mut columns = Columns::new(1);
        for (name, value) in numbers {
            columns.set_number(name, value);
        }
        let out = gradient.evaluate(&columns).unwrap();
        let (s, slope) = (out.get("s").unwrap()[0], out.get("d(e)/d(c)").unwrap()[0]);
        let implicit = s * (1.0 - s) * x.ln() / (1.0 + (a - 1.0) * s);
        assert!((slope / implicit - 1.0).abs() < 1e-9, "a = {a}: {slope} {implicit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A damaged file is refused or read, never a panic; so are its figures.
    #[test]
    fn damaged_files_are_answered(start in 0.0..1.0_f64, length in 0_usize..40, put in "\\PC{0,6}") {
        let (_, text) = super::FILES.iter().find(|(name, _)| *name == "overtraining").unwrap();
        let mut text: Vec<char> = text.chars().collect();
        let start = (start * text.len() as f64) as usize;
        let end = (start + length).min(text.len());
        text.splice(start..end, put.chars());
        if let Ok(law) = Law::from_toml("law.toml", &text.iter().collect::<String>()) {
            for figure in &law.figures {
                let _ = law.recompute(figure);
            }
        }
    }
}

/// A law's file around `rest`, which may bring tables of its own.
fn file(rest: &str) -> String {
    format!(
        "name = \"test\"\ntitle = \"t\"\nsource = \"s\"\nformula = \"loss = E + A / N^alpha\"\n{rest}\n\
         [variables]\nN = {{}}\n[parameters]\nE = {{ at_least = 0 }}\nA = {{}}\nalpha = {{ within = [0, 2] }}\n"
    )
}

fn refusal(text: &str) -> String {
    Law::from_toml("law.toml", text).err().unwrap_or_else(|| panic!("accepted: {text}")).to_string()
}

#[test]
fn a_formula_with_a_slip_is_pointed_at_in_the_file() {
    let text = file("").replace("A / N^alpha", "A / M^alpha");
    let message = refusal(&text);
    assert!(message.contains("law.toml:4:27"), "{message}");

    let several = file("").replace(
        "\"loss = E + A / N^alpha\"",
        "\"\"\"\nloss = E + term\nterm = A / N^^alpha\n\"\"\"",
    );
    let message = refusal(&several);
    assert!(message.contains("law.toml:6:14"), "{message}");

    let derived = format!("{}[derived]\nhalf = {{ expression = \"A / E / bta\" }}\n", file(""));
    let message = refusal(&derived);
    assert!(message.contains("law.toml:13:32") && message.contains("bta"), "{message}");
}

#[test]
fn entries_that_cannot_be_meant_are_refused_where_they_stand() {
    let end = |rest: &str| format!("{}{rest}\n", file(""));
    let published = |rest: &str| end(&format!("[[published]]\nid = \"p\"\nsource = \"s\"\n{rest}"));
    let values = "values = { E = 1, A = 2, alpha = 0.3 }\n";
    let figure = |rest: &str| {
        published(&format!("{values}[[figures]]\npublished = \"p\"\nwhat = \"w\"\n{rest}"))
    };
    for (text, says, place) in [
        (file("titel = \"x\""), "unknown field `titel`", "law.toml:5:1"),
        (file("").replace("source = \"s\"\n", ""), "missing field `source`", "law.toml"),
        (file("").replace("[0, 2]", "[2, 0]"), "from a smaller to a larger", "law.toml:11:20"),
        (file("").replace("[0, 2]", "[0, nan]"), "from a smaller to a larger", "law.toml:11:20"),
        (
            file("").replace("A = {}", "A = { logarithmic = true }"),
            "may be zero or less",
            "law.toml:10:1",
        ),
        (file("").replace("at_least = 0", "at_least = 0, at_most = -1"), "no room", "law.toml:9:1"),
        (
            file("").replace("at_least = 0", "at_least = 0, search = [-1, 1]"),
            "outside its bounds",
            "law.toml:9:30",
        ),
        (
            file("").replace("at_least = 0", "at_least = 0, fixed = -1"),
            "fixed outside",
            "law.toml:9:29",
        ),
        (file("").replace("at_least = 0", "fixed = \"1 / 0\""), "finite number", "law.toml:9:15"),
        (file("").replace("N = {}", "N = {}\nE = {}"), "declared twice", "law.toml:10:1"),
        (file("").replace("A = {}", "A = {}\nB = {}"), "does not depend on its parameter `B`", ""),
        (published("values = { alpah = 1 }"), "no parameter `alpah`", "law.toml:15:12"),
        (published("values = { alpha = 3 }"), "outside its bounds", "law.toml:15:20"),
        (published(&format!("{values}errors = {{ e = 1 }}")), "no value `e`", "law.toml:16:12"),
        (published(&format!("{values}unverified = [\"B\"]")), "has no value", "law.toml:13:6"),
        (published(&format!("{values}level = 95")), "between 0 and 1", "law.toml:16:9"),
        (
            published(&format!("{values}domain = {{ E = [1, 2] }}")),
            "no variable `E`",
            "law.toml:16:12",
        ),
        (figure("expression = \"E\"\nvalue = 1\ngiven = { M = 1 }"), "`M`", "law.toml:21:11"),
        (
            figure("expression = \"E\"\nvalue = [1, 2]\ngiven = { N = [1] }"),
            "another length",
            "law.toml:21:15",
        ),
        (figure("expression = \"E\"\nvalue = \"x\""), "expected f64", "law.toml:20:9"),
    ] {
        let message = refusal(&text);
        assert!(message.contains(says) && message.contains(place), "{says}, {place}\n{message}");
    }
}

#[test]
fn a_figure_without_a_value_for_a_name_says_which() {
    let text = format!(
        "{}[[published]]\nid = \"p\"\nsource = \"s\"\nvalues = {{ E = 1, A = 2 }}\n\
         [[figures]]\npublished = \"p\"\nwhat = \"w\"\nexpression = \"loss\"\nvalue = 1\n",
        file("")
    );
    let law = Law::from_toml("law.toml", &text).unwrap();
    let message = law.recompute(&law.figures[0]).unwrap_err().to_string();
    assert!(message.contains("`alpha`") || message.contains("`N`"), "{message}");
}
