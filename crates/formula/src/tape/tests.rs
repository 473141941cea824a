//! Columns against the plain recursive evaluator, derivatives against dual numbers.

use proptest::prelude::*;

use crate::ast::Ast;
use crate::oracle::{Bound, Dual, Number, evaluate};
use crate::parse::Parser;
use crate::source::{Source, Sources};
use crate::units::Units;
use crate::{Columns, Compiled, Environment, Program};

const NAMES: [&str; 4] = ["x", "y", "z", "p"];

/// Random formulas in x, y, z (data) and p (a parameter), defined for all their values.
pub(crate) fn formulas() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        1 => (-3.0..3.0f64).prop_map(|v| format!("({v:.3})")),
        1 => prop::sample::select(vec!["0", "1", "2", "0.5"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            4 => (pair.clone(), prop::sample::select(vec!["+", "-", "*"]))
                .prop_map(|((a, b), op)| format!("({a} {op} {b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a} / (1 + abs({b})))")),
            1 => pair.clone().prop_map(|(a, b)| format!("({a} / exp(0.1 * {b}))")),
            1 => pair.clone().prop_map(|(a, b)| format!("(0.1 + abs({a}))^({b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("exp(tanh({a}))^({b})")),
            1 => pair.clone().prop_map(|(a, b)| format!("{a} / (0.5 + abs({b}))^p")),
            1 => (inner.clone(), 2..5u8).prop_map(|(a, n)| format!("({a})^{n}")),
            1 => inner.clone().prop_map(|a| format!("(-({a}))")),
            1 => inner.clone().prop_map(|a| format!("(exp(tanh({a})) - 1)")),
            1 => inner.clone().prop_map(|a| format!("(1 - exp(-abs({a})))")),
            1 => inner.clone().prop_map(|a| format!("ln(1 + abs({a}))")),
            1 => inner.clone().prop_map(|a| format!("log10(0.2 + abs({a}))")),
            1 => inner.clone().prop_map(|a| format!("sqrt(0.3 + abs({a}))")),
            1 => inner.clone().prop_map(|a| format!("log1p(abs({a}))")),
            1 => inner.clone().prop_map(|a| format!("expm1(tanh({a}))")),
            1 => pair.clone().prop_map(|(a, b)| format!("ln(exp({a}) + exp({b}))")),
            1 => pair.clone().prop_map(|(a, b)| format!("ln(2 * exp({a}) + (1 + abs({b})) * exp(-{b}) + 3)")),
            1 => (pair.clone(), prop::sample::select(vec!["min", "max"]))
                .prop_map(|((a, b), op)| format!("{op}({a}, {b})")),
            1 => (pair.clone(), inner.clone())
                .prop_map(|((a, b), c)| format!("if({a} < {b} and not {c} > 2, {c}, {a})")),
        ]
    })
}

fn names() -> Environment {
    Environment::new().data("x", "").data("y", "").data("z", "").parameter("p", "")
}

fn compile(text: &str) -> Compiled {
    let program =
        Program::parse("<test>", &format!("f = {text}")).unwrap_or_else(|e| panic!("{e}"));
    program.check(&names()).unwrap_or_else(|e| panic!("{e}")).compile(&["f"]).unwrap()
}

fn parse(text: &str) -> (Ast, usize) {
    let sources = Sources(vec![Source::new("<test>", text)]);
    let (mut units, mut ast) = (Units::default(), Ast::default());
    let root = Parser::new(&sources, 0, &mut units, &mut ast).unwrap().lone_expression().unwrap();
    (ast, root)
}

/// 300 rows, more than a block, from a seed.
pub(crate) fn table(seed: u64, p: f64) -> Columns {
    let mut state = seed | 1;
    let mut column = || -> Vec<f64> {
        (0..300)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64 * 4.0 - 2.0
            })
            .collect()
    };
    let (x, y, z) = (column(), column(), column());
    Columns::new(300).with("x", x).with("y", y).with("z", z).with_number("p", p)
}

pub(crate) fn at(given: &Columns, name: &str, row: usize) -> f64 {
    given.number(name).unwrap_or_else(|| given.get(name).unwrap()[row])
}

pub(crate) fn bound(text: &str, given: &Columns, row: usize) -> Bound {
    let (ast, root) = parse(text);
    evaluate(&ast, root, &|name| Bound::constant(at(given, name, row)))
}

/// Different orders of the same operations differ by small multiples of the bound.
const SLACK: f64 = 64.0;

fn near(ours: f64, theirs: Bound) -> bool {
    let doubtful = !theirs.error.is_finite() || !theirs.value.is_finite();
    doubtful || (ours - theirs.value).abs() <= SLACK * theirs.error + 1e-300
}

#[test]
fn most_values_of_random_formulas_can_be_compared() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut comparable, mut tight) = (0, 0);
    for seed in 0..200 {
        let text = formulas().new_tree(&mut runner).unwrap().current();
        let wanted = bound(&text, &table(seed, 0.7), 3);
        comparable += usize::from(wanted.error.is_finite() && wanted.value.is_finite());
        tight += usize::from(SLACK * wanted.error <= 1e-9 * wanted.value.abs());
    }
    assert!(comparable > 150 && tight > 100, "{comparable} comparable, {tight} tightly");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn columns_agree_with_the_plain_evaluator(text in formulas(), seed: u64, p in -2.0..2.0f64) {
        let given = table(seed, p);
        let out = compile(&text).evaluate(&given).unwrap();
        let column = out.get("f").unwrap();
        for row in [0, 1, 100, 255, 256, 299] {
            let wanted = bound(&text, &given, row);
            prop_assert!(near(column[row], wanted), "{text}\nrow {row}: {} against {wanted:?}", column[row]);
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_around_it(text in formulas(), seed: u64) {
        let given = table(seed, 0.7);
        let compiled = compile(&text);
        let whole = compiled.evaluate(&given).unwrap();
        let prepared = compiled.prepare(&given).unwrap();
        let parameters: Vec<f64> = compiled.parameters().iter().map(|_| 0.7).collect();
        let mut part = vec![0.0; 130];
        let mut workspace = crate::Workspace::default();
        prepared.evaluate_rows(101..231, &parameters, &mut workspace, &mut [&mut part]).unwrap();
        for (ours, theirs) in part.iter().zip(&whole.get("f").unwrap()[101..231]) {
            // The rows at the end of a block go through the same steps one by one.
            let same = ours == theirs || ours.is_nan() && theirs.is_nan();
            prop_assert!(same || (ours - theirs).abs() <= 1e-13 * theirs.abs(), "{text}: {ours} {theirs}");
        }
    }

    #[test]
    fn gradients_and_hessians_agree_with_dual_numbers(text in formulas(), seed: u64, p in -2.0..2.0f64) {
        let given = table(seed, p);
        let compiled = compile(&text).hessian(&NAMES).unwrap();
        let out = compiled.evaluate(&given).unwrap();
        let (ast, root) = parse(&text);
        for row in [3, 257] {
            for (i, by) in NAMES.iter().enumerate() {
                for (j, and) in NAMES.iter().enumerate().skip(i) {
                    let dual = evaluate(&ast, root, &|name| {
                        let value = Bound::constant(at(&given, name, row));
                        let first = Dual::new(value, f64::from(u8::from(name == *by)));
                        Dual::new(first, f64::from(u8::from(name == *and)))
                    });
                    let slope = out.get(&format!("d(f)/d({by})")).unwrap()[row];
                    prop_assert!(near(slope, dual.value.slope), "{text}\nd/d{by}: {slope} against {:?}", dual.value.slope);
                    let curve = out.get(&format!("d2(f)/d({by})d({and})")).unwrap()[row];
                    prop_assert!(near(curve, dual.slope.slope), "{text}\nd2/d{by}d{and}: {curve} against {:?}", dual.slope.slope);
                    prop_assert!(j >= i);
                }
            }
        }
    }
}

#[test]
fn derivatives_of_laws_agree_with_central_differences() {
    let laws = [
        "E + A / N^alpha + B / D^beta",
        "ln(E + A / N^alpha + B / D^beta)",
        "ln(exp(E) + exp(A / 100 - alpha * ln(N)) + exp(B / 100 - beta * ln(D)))",
        "E + (A / N^(alpha / beta) + B / D)^beta",
        "E / (1 + (A / N)^alpha) + tanh(beta * ln(D) / 30)",
    ];
    let names = Environment::new().data("N", "").data("D", "");
    let at = [("E", 1.8), ("A", 482.0), ("B", 2085.0), ("alpha", 0.35), ("beta", 0.37)];
    let names = at.iter().fold(names, |names, (name, _)| names.parameter(*name, ""));
    for law in laws {
        let program = Program::parse("<law>", &format!("f = {law}")).unwrap();
        let compiled = program.check(&names).unwrap().compile(&["f"]).unwrap();
        let given = at.iter().fold(
            Columns::new(2).with("N", vec![1e8, 3e9]).with("D", vec![2e9, 6e10]),
            |given, &(name, value)| given.with_number(name, value),
        );
        let by: Vec<&str> = at.iter().map(|(name, _)| *name).collect();
        let gradient = compiled.gradient(&by).unwrap().evaluate(&given).unwrap();
        for (name, value) in at {
            // Fourth order, so that the step can be large enough for its digits.
            let step = 1e-3 * value;
            let at = |steps: f64| {
                let given = given.clone().with_number(name, value + steps * step);
                compiled.evaluate(&given).unwrap().get("f").unwrap().to_vec()
            };
            let (down2, down, up, up2) = (at(-2.0), at(-1.0), at(1.0), at(2.0));
            for row in 0..2 {
                let ends = down2[row] - up2[row];
                let difference = (ends + 8.0 * (up[row] - down[row])) / (12.0 * step);
                let slope = gradient.get(&format!("d(f)/d({name})")).unwrap()[row];
                let scale = slope.abs().max(1e-9 / value);
                assert!(
                    (slope - difference).abs() < 1e-6 * scale,
                    "{law} by {name}: {slope} {difference}"
                );
            }
        }
    }
}

#[test]
fn small_differences_and_large_exponents_keep_their_digits() {
    let names = || Environment::new().data("x", "");
    for (text, x, wanted) in [
        ("ln(1 + x)", 1e-17, 1e-17),
        ("exp(x) - 1", 1e-17, 1e-17),
        ("1 - exp(-x)", 1e-17, 1e-17),
        ("ln(exp(x) + exp(2 * x))", 5000.0, 10_000.0),
        ("ln(3 * exp(x) + exp(x) + 0)", -5000.0, -5000.0 + 4f64.ln()),
        ("ln(1 + exp(x))", -800.0, 0.0),
        ("ln(1 + exp(x))", 800.0, 800.0),
        ("exp(ln(exp(x)))", -2.0, (-2f64).exp()),
    ] {
        let program = Program::parse("<test>", &format!("f = {text}")).unwrap();
        let compiled = program.check(&names()).unwrap().compile(&["f"]).unwrap();
        let out = compiled.evaluate(&Columns::new(1).with("x", vec![x])).unwrap();
        let value = out.get("f").unwrap()[0];
        assert!((value - wanted).abs() <= 1e-15 * wanted.abs(), "{text} at {x}: {value}");
    }
}

#[test]
fn a_branch_not_taken_leaks_nothing_into_the_derivative() {
    let program = Program::parse("<test>", "f = if(x > 0, ln(x) + sqrt(x) + 1 / x, x)").unwrap();
    let compiled =
        program.check(&Environment::new().data("x", "")).unwrap().compile(&["f"]).unwrap();
    let out = compiled.hessian(&["x"]).unwrap();
    let out = out.evaluate(&Columns::new(2).with("x", vec![0.0, -1.0])).unwrap();
    assert_eq!(out.get("d(f)/d(x)").unwrap(), [1.0, 1.0]);
    assert_eq!(out.get("d2(f)/d(x)d(x)").unwrap(), [0.0, 0.0]);
}

#[test]
fn paths_and_uncertain_growth_are_differentiated_through() {
    let text = "time from 2025 to 2030 step 1 yr\nseries x = start a next x * exp(g * step / (1 yr))\nlast = at(x, 2030)";
    let names = Environment::new().input("a", "").input("g", "");
    let checked = Program::parse("<test>", text).unwrap().check(&names).unwrap();
    let compiled = checked.compile(&["last"]).unwrap().gradient(&["a", "g"]).unwrap();
    let out =
        compiled.evaluate(&Columns::new(1).with("a", vec![2.0]).with("g", vec![0.1])).unwrap();
    let value = 2.0 * 0.5f64.exp();
    for (name, wanted) in
        [("last", value), ("d(last)/d(a)", value / 2.0), ("d(last)/d(g)", 5.0 * value)]
    {
        assert!((out.get(name).unwrap()[0] - wanted).abs() < 1e-13 * wanted, "{name}");
    }
}
