//! Approach 2 against published exponents, and on our own runs. Most need tables:
//! `ISOFLOP_REFERENCE` names the folder they are in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;

use laws::isoflop::{Approach2, Approach2Options, Lines, Reason, Row, Sweep, Warning, approach2};
use runs::{Flop, Parameters, RunTable, Tokens};

const NO_DRAWS: usize = 0;

/// The rows of a table that a condition on the row's number keeps.
fn sweep(table: &RunTable, [n, d, c, loss]: [&str; 4], keep: impl Fn(usize) -> bool) -> Sweep {
    let column = |name: &str| table.numbers(name).unwrap();
    let (n, d, c, loss) = (column(n), column(d), column(c), column(loss));
    let rows = (0..n.len()).filter(|&row| keep(row)).map(|row| Row {
        parameters: Parameters(n[row]),
        tokens: Tokens(d[row]),
        compute: Flop(c[row]),
        loss: loss[row],
        run: row,
    });
    Sweep::new(rows).unwrap()
}

/// A reference table; `None`, said aloud, where it is not at hand.
fn reference(what: &str, file: &str) -> Option<RunTable> {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
        return None;
    };
    Some(RunTable::read(std::path::Path::new(&folder).join(file)).unwrap())
}

/// The exponents a and b of N* and D*.
fn exponents(answer: &Approach2) -> (f64, f64) {
    let lines = answer.frontier.as_ref().unwrap().lines;
    (lines.parameters.exponent, lines.tokens.exponent)
}

/// Czech et al. (arXiv:2603.22339): parabolas in log N and in log D on four tables, every budget
/// of four sizes or more whose parabola has a minimum, wherever it lies.
#[test]
fn published_exponents_of_four_experiments_come_back() {
    let file = "isoflops_open_athena/isoflops.csv";
    let Some(table) = reference("Approach 2 on four published experiments", file) else { return };
    let names = table.text("experiment").unwrap();
    let options = Approach2Options { resamples: NO_DRAWS, ..Approach2Options::as_published() };
    for (start, budgets, used, a, b) in [
        ("epochai_chinchilla", 9, 9, 0.4951, 0.5049),
        ("ml_scalefit", 9, 9, 0.5134, 0.4879),
        ("marin", 7, 7, 0.4049, 0.5724),
        ("misfitting", 26, 21, 0.5064, 0.4936),
    ] {
        let sweep = sweep(&table, ["N", "D", "C", "loss"], |row| names[row].starts_with(start));
        let answer = approach2(&sweep, &options).unwrap();
        assert_eq!(answer.profiles.len(), budgets, "{start}");
        let believed = answer.profiles.iter().filter(|p| p.refused.is_none()).count();
        assert_eq!(believed, used, "{start}");
        let found = exponents(&answer);
        assert!((found.0 - a).abs() < 6e-5 && (found.1 - b).abs() < 6e-5, "{start}: {found:?}");
    }
}

/// The same tables as we would analyse them: what is refused, and that C need not be 6 N D.
#[test]
fn a_vertex_outside_the_runs_is_refused_and_measured_compute_respected() {
    let file = "isoflops_open_athena/isoflops.csv";
    let Some(table) = reference("refusals on published experiments", file) else { return };
    let names = table.text("experiment").unwrap();
    let options = Approach2Options { resamples: 400, ..Approach2Options::default() };
    let all = |start: &str| {
        let sweep = sweep(&table, ["N", "D", "C", "loss"], |row| names[row].starts_with(start));
        approach2(&sweep, &options).unwrap()
    };
    let epoch = all("epochai_chinchilla");
    let refused: Vec<_> = epoch.profiles.iter().filter(|p| p.refused.is_some()).collect();
    assert_eq!(refused.len(), 1);
    assert!((refused[0].compute.get() / 1e20 - 1.0).abs() < 1e-9);
    assert!(matches!(refused[0].refused, Some(Reason::OutsideRuns { .. })));
    let (a, b) = exponents(&epoch);
    assert!((a - 0.49199).abs() < 1e-5 && (a + b - 1.0).abs() < 1e-3, "{a} {b}");

    let marin = all("marin");
    let (a, b) = exponents(&marin);
    assert!(a + b < 0.99, "{a} {b}");
    assert!(marin.warnings.iter().any(|w| matches!(w, Warning::NotSixNd { .. })));
    for profile in &marin.profiles {
        let product = profile.six_nd_per_compute().unwrap();
        let (low, high) = marin.compute_per_6nd;
        assert!((0.99 / high..1.01 / low).contains(&product), "{product}");
    }
}

fn miniseries() -> RunTable {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/miniseries/runs.csv");
    RunTable::read(path).unwrap()
}

/// Our own 63 runs: four of seven budgets have the four sizes that a parabola needs.
#[test]
fn our_own_miniseries_gives_a_frontier_from_four_budgets() {
    let table = miniseries();
    let columns = |c| ["params_with_head", "tokens", c, "loss"];
    let mut found = Vec::new();
    for c in ["compute", "compute_6nd"] {
        let sweep = sweep(&table, columns(c), |_| true);
        let answer = approach2(&sweep, &Approach2Options::default()).unwrap();
        let refused: Vec<bool> = answer.profiles.iter().map(|p| p.refused.is_some()).collect();
        assert_eq!(refused, [true, true, false, false, false, false, true]);
        // The parabolas leave no more than what seeds differ by.
        let (scatter, repeats) = (answer.scatter.unwrap(), answer.repeat_scatter.unwrap());
        assert!(
            (0.005..0.012).contains(&repeats) && scatter < 1.3 * repeats,
            "{scatter} {repeats}"
        );
        let frontier = answer.frontier.as_ref().unwrap();
        let a = frontier.interval(|lines| lines.parameters.exponent).unwrap();
        let b = frontier.interval(|lines| lines.tokens.exponent).unwrap();
        assert!(a.high - a.low < 0.06 && b.high - b.low < 0.06, "{a:?} {b:?}");
        let uneven = answer.warnings.iter().any(|w| matches!(w, Warning::UnevenBudgets { .. }));
        assert_eq!(uneven, c == "compute_6nd");
        found.push((frontier.lines.parameters.exponent, frontier.at(Flop(1e13)).unwrap()));
    }
    // The two ways to count C agree on what to train with the most compute of the four.
    let [(a, measured), (a_6nd, six)] = found[..] else { panic!("{found:?}") };
    assert!((a - 0.490).abs() < 0.002 && (a_6nd - 0.480).abs() < 0.002, "{a} {a_6nd}");
    assert!((measured.parameters / six.parameters - 1.0).abs() < 0.03, "{measured:?} {six:?}");
    assert!(measured.parameters_interval.unwrap().contains(six.parameters.get()));
}

/// The 240 runs of Hoffmann et al. 2022, figure 4, as digitised by Besiroglu et al. 2024, whose C
/// carries the error of reading: their Approach 2 gives a 0.49 (0.462 to 0.534), b 0.51.
#[test]
fn hoffmanns_own_runs_give_hoffmanns_exponents() {
    let Some(table) = reference("Approach 2 on 240 digitised runs", "chinchilla_epoch/runs.csv")
    else {
        return;
    };
    let outlier = table.numbers("epoch_outlier").unwrap();
    let sweep = sweep(&table, ["N", "D", "C", "loss"], |row| outlier[row] == 0.0);
    let answer = approach2(&sweep, &Approach2Options::default()).unwrap();
    let (a, b) = exponents(&answer);
    assert!((0.462..0.534).contains(&a) && (0.483..0.529).contains(&b), "{a} {b}");
    assert!(answer.warnings.iter().any(|w| matches!(w, Warning::Smeared { .. })));
}

/// The optima that nanochat's log prints for three ways of counting parameters.
#[test]
fn nanochats_optima_give_its_exponents() {
    let file = "nanochat/isoflop_optima_jan26.csv";
    let Some(table) = reference("exponents of nanochat's optima", file) else { return };
    let column = |name: &str| table.numbers(name).unwrap();
    let (c, n, d) = (column("C"), column("N_opt"), column("D_opt"));
    let (loss, counted) = (column("val_bpb"), table.text("param_convention").unwrap());
    for (convention, a, b) in
        [("kaplan", 0.54, 0.49), ("chinchilla", 0.37, 0.50), ("transformer", 0.70, 0.41)]
    {
        let optima: Vec<_> = (0..table.len())
            .filter(|&row| counted[row].starts_with(convention))
            .map(|row| (Flop(c[row]), Parameters(n[row]), Tokens(d[row]), loss[row]))
            .collect();
        assert_eq!(optima.len(), 4, "{convention}");
        let lines = Lines::through_optima(&optima).unwrap();
        let (found_a, found_b) = (lines.parameters.exponent, lines.tokens.exponent);
        let near = |x: f64, y: f64| (x - y).abs() < 0.0051;
        assert!(near(found_a, a) && near(found_b, b), "{convention}: {found_a} {found_b}");
    }
}
