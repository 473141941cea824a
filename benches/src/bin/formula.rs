//! The formula language beside hand-written loops and other expression crates, in one run.
//!
//! `cargo run --release -p benches --bin formula`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::time::Instant;

use exmex::prelude::*;
use fasteval::{Compiler, Evaler};
use formula::{Columns, Environment, Program, Workspace};
use pulp::{Arch, Simd, WithSimd};

const ROWS: usize = 1_000_000;

fn main() {
    println!("times are the least of many repetitions, one core, {:?}\n", Arch::new());
    let mut failed = false;
    failed |= expression("arithmetic", "(a * b + c) / (d - e) * a - b", |[a, b, c, d, e]| {
        (a * b + c) / (d - e) * a - b
    });
    failed |= expression("with exp and ln", "a * exp(b) + ln(c) * d / e", |[a, b, c, d, e]| {
        a * b.exp() + c.ln() * d / e
    });
    failed |= gradient();
    if failed {
        println!("\na limit was missed");
    }
}

/// The least time of `work` in seconds: repeated for about a second.
fn least(mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = f64::INFINITY;
    let mut count = 0;
    while count < 5 || start.elapsed().as_secs_f64() < 1.0 {
        let one = Instant::now();
        work();
        best = best.min(one.elapsed().as_secs_f64());
        count += 1;
    }
    best
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "MISSED" }
}

/// Five variables, six operations, a million rows.
fn expression(title: &str, text: &str, by_hand: impl Fn([f64; 5]) -> f64) -> bool {
    let names = ["a", "b", "c", "d", "e"];
    let columns: Vec<Vec<f64>> = (0..5)
        .map(|k| (0..ROWS).map(|i| 1.0 + f64::from(k) + (i % 977) as f64 / 1000.0).collect())
        .collect();
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let mut reference = vec![0.0; ROWS];
    let hand = least(|| {
        let [a, b, c, d, e] = [slices[0], slices[1], slices[2], slices[3], slices[4]];
        let rows = a.iter().zip(b).zip(c).zip(d).zip(e);
        for (out, ((((&a, &b), &c), &d), &e)) in reference.iter_mut().zip(rows) {
            *out = by_hand([a, b, c, d, e]);
        }
        black_box(&mut reference);
    });

    let environment = names.iter().fold(Environment::new(), |known, name| known.data(*name, ""));
    let program = Program::parse("<bench>", &format!("f = {text}")).expect("a formula");
    let compiled = program.check(&environment).expect("checks").compile(&["f"]).expect("compiles");
    let prepared = compiled.prepare_slices(&slices, ROWS).expect("columns");
    let (mut workspace, mut out) = (Workspace::default(), vec![0.0; ROWS]);
    let ours = least(|| {
        prepared.evaluate(&[], &mut workspace, &mut [&mut out]).expect("evaluates");
        black_box(&mut out);
    });
    for (ours, hand) in out.iter().zip(&reference) {
        assert!((ours - hand).abs() <= 1e-14 * hand.abs(), "{text}: {ours} {hand}");
    }

    let fast = fasteval_time(text, &slices);
    let exmex = exmex_time(text, &slices);
    let ns = |seconds: f64| seconds / ROWS as f64 * 1e9;
    println!("{title}: {text}, {ROWS} rows");
    println!("  by hand       {:7.2} ns/row", ns(hand));
    println!("  formula       {:7.2} ns/row", ns(ours));
    println!("  exmex         {:7.2} ns/row", ns(exmex));
    println!("  fasteval      {:7.2} ns/row", ns(fast));
    let (ratio, lead) = (ours / hand, exmex.min(fast) / ours);
    println!("  against by hand {ratio:.2} (at most 1.5: {})", verdict(ratio <= 1.5));
    println!(
        "  against the faster crate {lead:.1} times as fast (at least 5: {})\n",
        verdict(lead >= 5.0)
    );
    ratio > 1.5 || lead < 5.0
}

fn fasteval_time(text: &str, columns: &[&[f64]]) -> f64 {
    // fasteval knows no `ln`; `log(x)` is its natural logarithm with an explicit base.
    let text = text.replace("exp(b)", "(e() ^ b)").replace("ln(c)", "log(e(), c)");
    let mut slab = fasteval::Slab::new();
    let parser = fasteval::Parser::new();
    let compiled = parser
        .parse(&text, &mut slab.ps)
        .expect("parses")
        .from(&slab.ps)
        .compile(&slab.ps, &mut slab.cs);
    let mut row = [0.0; 5];
    least(|| {
        for i in 0..ROWS {
            for (value, column) in row.iter_mut().zip(columns) {
                *value = column[i];
            }
            let mut lookup = |name: &str, arguments: Vec<f64>| match name {
                "a" => Some(row[0]),
                "b" => Some(row[1]),
                "c" => Some(row[2]),
                "d" => Some(row[3]),
                "e" if arguments.is_empty() => Some(row[4]),
                _ => None,
            };
            let value = compiled.eval(&slab, &mut lookup);
            black_box(value.unwrap_or(f64::NAN));
        }
    })
}

fn exmex_time(text: &str, columns: &[&[f64]]) -> f64 {
    let expression = exmex::FlatEx::<f64>::parse(&text.replace("ln(c)", "log(c)")).expect("parses");
    // exmex orders variables by name, as the columns are; its `e` is Euler's number.
    let used: Vec<&&[f64]> = columns.iter().take(expression.var_names().len()).collect();
    let mut row = vec![0.0; used.len()];
    least(|| {
        for i in 0..ROWS {
            for (value, column) in row.iter_mut().zip(&used) {
                *value = column[i];
            }
            black_box(expression.eval(&row).unwrap_or(f64::NAN));
        }
    })
}

/// Value and gradient of the Chinchilla law in five parameters over 240 rows.
fn gradient() -> bool {
    const COUNT: usize = 240;
    let n: Vec<f64> = (0..COUNT).map(|i| 5e7 * 1.02f64.powf(i as f64)).collect();
    let d: Vec<f64> = (0..COUNT).map(|i| 1e9 * 1.015f64.powf((i * 7 % COUNT) as f64)).collect();
    let parameters = ["E", "A", "B", "alpha", "beta"];
    let values = [1.8172, 482.01, 2085.43, 0.3478, 0.3658];
    let known = Environment::new().data("N", "").data("D", "");
    let known = parameters.iter().fold(known, |known, name| known.parameter(*name, ""));
    let program =
        Program::parse("<bench>", "f = log(E + A / N^alpha + B / D^beta)").expect("a law");
    let checked = program.check(&known).expect("checks");
    let compiled =
        checked.compile(&["f"]).expect("compiles").gradient(&parameters).expect("smooth");
    let table = Columns::new(COUNT).with("N", n.clone()).with("D", d.clone());
    let prepared = compiled.prepare(&table).expect("columns");
    let order: Vec<f64> = compiled
        .parameters()
        .iter()
        .map(|name| values[parameters.iter().position(|p| p == name).expect("known")])
        .collect();

    let mut ours = vec![vec![0.0; COUNT]; 6];
    let mut workspace = Workspace::default();
    let repeats = 400_u32;
    let formula = least(|| {
        let mut slices: Vec<&mut [f64]> = ours.iter_mut().map(Vec::as_mut_slice).collect();
        for _ in 0..repeats {
            prepared.evaluate(black_box(&order), &mut workspace, &mut slices).expect("evaluates");
        }
        black_box(&mut slices);
    }) / f64::from(repeats);

    let (log_n, log_d): (Vec<f64>, Vec<f64>) =
        (n.iter().map(|n| n.ln()).collect(), d.iter().map(|d| d.ln()).collect());
    let mut theirs = vec![vec![0.0; COUNT]; 6];
    let hand = least(|| {
        for _ in 0..repeats {
            let out = &mut theirs[..];
            let work = ByHand { values: black_box(values), log_n: &log_n, log_d: &log_d, out };
            Arch::new().dispatch(work);
        }
        black_box(&mut theirs);
    }) / f64::from(repeats);
    for (ours, theirs) in ours.iter().flatten().zip(theirs.iter().flatten()) {
        assert!((ours - theirs).abs() <= 1e-12 * theirs.abs(), "{ours} {theirs}");
    }

    let exp_program = Program::parse("<bench>", "f = exp(x)").expect("a formula");
    let exp = exp_program.check(&Environment::new().data("x", "")).expect("checks");
    let exp = exp.compile(&["f"]).expect("compiles");
    let table = Columns::new(COUNT).with("x", (0..COUNT).map(|i| i as f64 / 50.0 - 2.0).collect());
    let prepared = exp.prepare(&table).expect("columns");
    let mut out = vec![0.0; COUNT];
    let exp = least(|| {
        for _ in 0..repeats {
            prepared.evaluate(&[], &mut workspace, &mut [&mut out]).expect("evaluates");
        }
        black_box(&mut out);
    }) / f64::from(repeats);

    let ns = |seconds: f64| seconds / COUNT as f64 * 1e9;
    let (ratio, rate) = (formula / hand, COUNT as f64 / formula / 1e6);
    println!("value and gradient of log(E + A/N^alpha + B/D^beta), {COUNT} rows");
    println!("  by hand       {:7.2} ns/row (same exp and ln, one loop)", ns(hand));
    println!("  formula       {:7.2} ns/row, {rate:.0} M rows/s", ns(formula));
    println!(
        "  one exp       {:7.2} ns/row; three of it are {:.0} % of the time above",
        ns(exp),
        300.0 * exp / formula
    );
    println!("  against by hand {ratio:.2} (at most 2: {})", verdict(ratio <= 2.0));
    println!("  rows a second (at least 25 M: {})", verdict(rate >= 25.0));
    ratio > 2.0 || rate < 25.0
}

/// The same by hand: one loop over the rows.
struct ByHand<'a> {
    values: [f64; 5],
    log_n: &'a [f64],
    log_d: &'a [f64],
    out: &'a mut [Vec<f64>],
}

impl WithSimd for ByHand<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "must become part of the vectorised caller")]
    fn with_simd<S: Simd>(self, _: S) {
        let [e, a, b, alpha, beta] = self.values;
        let [f, by_e, by_a, by_b, by_alpha, by_beta] = self.out else { return };
        let rows = self.log_n.iter().zip(self.log_d);
        let first = f.iter_mut().zip(by_e).zip(by_a).zip(by_b).zip(by_alpha).zip(by_beta);
        for ((&log_n, &log_d), (((((f, by_e), by_a), by_b), by_alpha), by_beta)) in rows.zip(first)
        {
            let (u, v) = if S::F64_LANES >= 4 {
                (
                    formula::kernel::exp::<true>(-alpha * log_n),
                    formula::kernel::exp::<true>(-beta * log_d),
                )
            } else {
                (
                    formula::kernel::exp::<false>(-alpha * log_n),
                    formula::kernel::exp::<false>(-beta * log_d),
                )
            };
            let sum = e + a * u + b * v;
            *f = if S::F64_LANES >= 4 {
                formula::kernel::ln::<true>(sum)
            } else {
                formula::kernel::ln::<false>(sum)
            };
            let slope = 1.0 / sum;
            *by_e = slope;
            *by_a = u * slope;
            *by_b = v * slope;
            *by_alpha = -a * u * log_n * slope;
            *by_beta = -b * v * log_d * slope;
        }
    }
}
