//! What has to hold of any design.

use laws::{FitOptions, Setting, catalogue, fit};
use proptest::prelude::*;
use runs::{NatsPerToken, Observation, Observations};

use super::beliefs::State;
use super::*;

const TRUTH: [f64; 5] = [1.69, 406.4, 410.7, 0.34, 0.28];

/// Knowledge of a law from 20 runs of about 1 % of noise, sizes and tokens in other units:
/// divided by `units`.
fn known(law: &str, units: f64) -> Knowledge {
    let [e, a, b, alpha, beta] = TRUTH;
    let rows = (0..20_i32).map(|i| {
        let n = 1e7 * 3_f64.powi(i % 4);
        let d = n * 5.0 * 2.5_f64.powi(i / 4);
        let loss = e + a / n.powf(alpha) + b / d.powf(beta);
        let loss = loss * (1.0 + 0.01 * (f64::from(i) * 7.3).sin());
        Observation {
            run: i.to_string(),
            parameters: Parameters(n / units),
            tokens: Tokens(d / units),
            loss: NatsPerToken(loss),
        }
    });
    let observations = Observations::new(rows);
    let law = catalogue::find(law).unwrap();
    let options = FitOptions { bootstrap: 200, backtest: false, ..FitOptions::default() };
    let fit = fit(&law, &observations, &options).unwrap();
    Knowledge::of_fit(&law.name, &fit, &observations).unwrap()
}

fn question(goal: Goal, units: f64) -> Question {
    let flop = |c: f64| Flop(c / (units * units));
    Question {
        goal,
        budget: flop(1e20),
        batches: 1,
        runs: 8,
        repeats: 3,
        bend: 0.01,
        limits: Limits {
            parameters: (Parameters(1e7 / units), Parameters(1e10 / units)),
            tokens: (Tokens(1e8 / units), Tokens(1e12 / units)),
            tokens_per_parameter: (1.0, 300.0),
            run: (flop(1e16), flop(1e20)),
            sizes: Vec::new(),
        },
        candidates: 300,
        grid: (3, 4),
        given: Setting::new(),
        level: 0.9,
    }
}

fn beliefs(known: &Knowledge, goal: &Goal) -> (Vec<f64>, State, State) {
    let others = Setting::new();
    let limits = question(goal.clone(), 1.0).limits;
    let (n, d) = limits.candidates(100).unwrap();
    let values = goal.values(known, &others).unwrap();
    let bend = Bend::new(0.01, &known.made, [(1e7, 1e9), (1e8, 1e10)]);
    let points = Points::new(n, d, &others);
    let beliefs = Beliefs::of_goal(known, goal, &values, &others, bend).unwrap();
    (values, beliefs.state(&points, false).unwrap(), beliefs.state(&points, true).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn more_runs_never_make_the_goal_less_sure(
        order in proptest::collection::vec(0_usize..1000, 1..12), size in any::<bool>(),
    ) {
        let goal = if size { Goal::Size(Flop(1e22)) } else { Goal::LossAtBest(Flop(1e22)) };
        let known = known("chinchilla", 1.0);
        let (_, plain, bent) = beliefs(&known, &goal);
        let count = plain.scenarios[0].candidates();
        let order: Vec<usize> = order.iter().map(|place| place % count).collect();
        for mut state in [plain, bent] {
            let start = state.clone();
            let mut before = state.merit();
            for &run in &order {
                let mut promised = vec![0.0; count];
                state.merits(&mut promised);
                state.run(run, 1.0);
                prop_assert!(state.merit() >= before - 1e-12);
                prop_assert!((state.merit() - promised[run]).abs() < 1e-9 * (1.0 + promised[run]));
                before = state.merit();
            }
            // In any order the same, and nothing is left when all are taken back.
            let mut reversed = start.clone();
            for &run in order.iter().rev() {
                reversed.run(run, 1.0);
            }
            prop_assert!((reversed.merit() - state.merit()).abs() < 1e-6);
            for &run in &order {
                state.run(run, -1.0);
            }
            prop_assert!((state.merit() - start.merit()).abs() < 1e-6);
        }
    }
}

#[test]
fn slopes_of_goals_are_those_of_their_values() {
    let known = known("chinchilla", 1.0);
    let others = Setting::new();
    let tangents = tangents::Tangents::new(&known).unwrap();
    let theta = known.point(0);
    for goal in [
        Goal::Size(Flop(1e22)),
        Goal::LossAtBest(Flop(1e22)),
        Goal::Loss(Setting::new().with("N", 7e9).with("D", 1e11)),
    ] {
        let slopes =
            goal.slopes(&tangents, &known, std::slice::from_ref(&theta), &others, None).unwrap();
        let slopes = slopes[0].clone().unwrap();
        for (k, parameter) in known.law.parameters.iter().enumerate() {
            let step = 1e-5 * theta[k];
            let mut moved = known.clone();
            let column = |x: f64| vec![x; known.values.rows()];
            moved.values.set(&parameter.name, column(theta[k] + step));
            let up = goal.values(&moved, &others).unwrap()[0];
            moved.values.set(&parameter.name, column(theta[k] - step));
            let down = goal.values(&moved, &others).unwrap()[0];
            let numeric = (up - down) / (2.0 * step);
            let off = (numeric - slopes[k]).abs() / (slopes[k].abs() + 1e-9);
            assert!(off < 1e-4, "{goal:?} {}: {numeric} {}", parameter.name, slopes[k]);
        }
    }
}

#[test]
fn the_units_of_size_and_tokens_do_not_matter() {
    let of = |units: f64| {
        let goal = Goal::Size(Flop(1e22 / (units * units)));
        design(&known("chinchilla", units), None, &question(goal, units)).unwrap()
    };
    let (one, thousand) = (of(1.0), of(1000.0));
    assert!((one.best / thousand.best / 1000.0 - 1.0).abs() < 1e-4);
    let off = one.after[0].may_bend / thousand.after[0].may_bend - 1.0;
    assert!(off.abs() < 0.01, "{off}");
    assert_eq!(one.runs.len(), thousand.runs.len());
    for (a, b) in one.runs.iter().zip(&thousand.runs) {
        assert!((a.parameters / b.parameters / 1000.0 - 1.0).abs() < 1e-6, "{a:?} {b:?}");
        assert_eq!(a.times, b.times);
    }
}

#[test]
fn threads_do_not_change_a_design() {
    let known = known("chinchilla", 1.0);
    let question = question(Goal::LossAtBest(Flop(1e22)), 1.0);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| design(&known, None, &question).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn a_design_keeps_its_budget_its_runs_and_its_repeats() {
    let known = known("chinchilla", 1.0);
    for (runs, repeats, batches) in [(1, 1, 1), (3, 2, 2), (8, 1, 1)] {
        let question = Question { batches, runs, repeats, ..question(Goal::Size(Flop(1e22)), 1.0) };
        let found = design(&known, None, &question).unwrap();
        for batch in 0..batches {
            let of = || found.runs.iter().filter(move |run| run.batch == batch);
            assert!(of().map(|run| run.times).sum::<usize>() <= runs);
            let spent: f64 = of().map(|run| run.cost().get() * run.times as f64).sum();
            assert!(spent <= 1e20 / batches as f64 * (1.0 + 1e-9), "{spent}");
            assert!(of().all(|run| run.times <= repeats));
        }
        // Each batch leaves less open than the one before.
        let open: Vec<f64> = std::iter::once(found.now)
            .chain(found.after.iter().copied())
            .map(|certainty| certainty.may_bend)
            .collect();
        assert!(open.windows(2).all(|pair| pair[1] < pair[0]), "{open:?}");
    }
}

#[test]
fn the_goal_draws_the_runs_to_what_tells_of_it() {
    // What a model of 7e9 parameters trained on endless data reaches is told by large models,
    // what a model of 1e7 does, by long runs.
    let known = known("chinchilla", 1.0);
    let found = |n: f64, d: f64| {
        let goal = Goal::Loss(Setting::new().with("N", n).with("D", d));
        design(&known, None, &question(goal, 1.0)).unwrap()
    };
    let largest =
        |design: &Design| design.runs.iter().map(|run| run.parameters.get()).fold(0.0, f64::max);
    let (large, small) = (found(3e10, 3e11), found(1e7, 1e12));
    assert!(largest(&large) > largest(&small), "{:?} {:?}", large.runs, small.runs);
    for design in [large, small] {
        assert!(design.after[0].may_bend < design.now.may_bend);
        let usual = design.usual.unwrap();
        assert!(design.after[0].may_bend < usual.after.may_bend);
    }
}

#[test]
fn two_laws_are_told_apart_where_they_differ() {
    let (one, other) = (known("chinchilla", 1.0), known("kaplan-joint", 1.0));
    let question = Question { bend: 0.0, ..question(Goal::Choice, 1.0) };
    let found = design(&one, Some(&other), &question).unwrap();
    let after = found.after[0].law_holds;
    assert_eq!(found.now.law_holds, 0.5);
    assert!(after > 0.6 && after <= 1.0, "{after}");
    assert!(after >= found.usual.unwrap().after.law_holds - 0.02);
    // Against itself there is nothing to tell.
    let same = design(&one, Some(&one), &question).unwrap();
    assert!(same.after[0].law_holds < 0.8, "{:?}", same.after);
    assert!(design(&one, None, &question).unwrap_err().to_string().contains("two laws"));
}

#[test]
fn impossible_questions_are_refused_with_what_to_do() {
    let known = known("chinchilla", 1.0);
    let good = question(Goal::Size(Flop(1e22)), 1.0);
    let tight = Limits { run: (Flop(0.0), Flop(1e3)), ..good.limits.clone() };
    for (bad, word) in [
        (Question { budget: Flop(f64::NAN), ..good.clone() }, "--budget"),
        (Question { budget: Flop(-1.0), ..good.clone() }, "--budget"),
        (Question { batches: 0, ..good.clone() }, "--batches"),
        (Question { runs: 0, ..good.clone() }, "--max-runs"),
        (Question { repeats: 0, ..good.clone() }, "--repeats"),
        (Question { bend: f64::NAN, ..good.clone() }, "--bend"),
        (Question { grid: (0, 5), ..good.clone() }, "--grid"),
        (Question { candidates: 1, ..good.clone() }, "--candidates"),
        (Question { goal: Goal::Size(Flop(1.0)), ..good.clone() }, "--target"),
        (Question { limits: tight, ..good.clone() }, "smallest run"),
    ] {
        let message = design(&known, None, &bad).unwrap_err().to_string();
        assert!(message.contains(word), "{word}: {message}");
    }
}

#[test]
fn answers_that_do_not_exist_or_are_known_are_not_looked_for() {
    let good = question(Goal::Size(Flop(1e22)), 1.0);
    let with = |name: &str, value: f64| {
        let mut known = known("chinchilla", 1.0);
        let rows = known.values.rows();
        known.values.set(name, vec![value; rows]);
        known
    };
    // More data never helps: there is no best size.
    let message = design(&with("B", 0.0), None, &good).unwrap_err().to_string();
    assert!(message.contains("does not exist"), "{message}");
    let mut certain = with("E", 1.7);
    for name in ["A", "B", "alpha", "beta"] {
        let best = certain.values.get(name).unwrap()[0];
        certain.values.set(name, vec![best; certain.values.rows()]);
    }
    let message = design(&certain, None, &good).unwrap_err().to_string();
    assert!(message.contains("nothing is open"), "{message}");
}

#[test]
fn a_budget_below_the_cheapest_run_proposes_none_and_says_so() {
    let known = known("chinchilla", 1.0);
    let question = Question { budget: Flop(1e15), ..question(Goal::Size(Flop(1e22)), 1.0) };
    let found = design(&known, None, &question).unwrap();
    assert!(found.runs.is_empty());
    assert!(found.doubts.contains(&Doubt::NoRuns));
    assert!((found.after[0].may_bend / found.now.may_bend - 1.0).abs() < 1e-9);
}

#[test]
fn priors_are_checked_name_by_name() {
    let good = Prior::default();
    let stated = |name: &str, ends| Prior { ranges: vec![(name.to_owned(), ends)], ..good.clone() };
    let known = Knowledge::of_prior("besiroglu-2024", &stated("alpha", (0.3, 0.5))).unwrap();
    let mut alpha = known.values.get("alpha").unwrap()[1..].to_vec();
    alpha.sort_by(f64::total_cmp);
    assert!((alpha[50] - 0.3).abs() < 0.02 && (alpha[950] - 0.5).abs() < 0.03);
    for (prior, word) in [
        (stated("alhpa", (0.3, 0.5)), "alpha"),
        (stated("alpha", (0.0, 0.5)), "above 0"),
        (stated("alpha", (0.5, 0.3)), "above 0"),
        (Prior { factor: 1.0, ..good.clone() }, "factor"),
        (Prior { noise: 0.0, ..good.clone() }, "--noise"),
        (Prior { draws: 3, ..good.clone() }, "draws"),
    ] {
        let message = Knowledge::of_prior("besiroglu-2024", &prior).unwrap_err().to_string();
        assert!(message.contains(word), "{word}: {message}");
    }
}
