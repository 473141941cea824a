//! What a design promises is what its runs deliver: simulated from a known law, fitted again.

use laws::{Fit, FitOptions, Law, Setting, catalogue, fit, optimal};
use plan::design::{Design, Goal, Knowledge, Limits, Question, design};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use runs::{Flop, NatsPerToken, Observation, Observations, Parameters, Tokens};

/// Besiroglu et al. 2024: E, A, B, alpha, beta.
const TRUTH: [f64; 5] = [1.8172, 482.01, 2085.43, 0.3478, 0.3658];
const NOISE: f64 = 0.01;

fn law() -> Law {
    catalogue::find("chinchilla").expect("it is in the catalogue")
}

/// Four budgets from 1e17 to 3e18 FLOP with four sizes each.
fn sweep() -> Vec<(Parameters, Tokens)> {
    let sizes = |c: f64| {
        let best = optimal(&law(), &TRUTH, Flop(c), &Setting::new()).expect("a law of N and D");
        let best = best.expect("an optimum").parameters.get();
        [0.3, 0.7, 1.5, 3.5].map(move |f| (Parameters(f * best), Tokens(c / (6.0 * f * best))))
    };
    [1e17, 3e17, 1e18, 3e18].into_iter().flat_map(sizes).collect()
}

fn measured(runs: &[(Parameters, Tokens)], seed: u64) -> Observations {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let [e, a, b, alpha, beta] = TRUTH;
    Observations::new(runs.iter().enumerate().map(|(i, &(n, d))| {
        let loss = e + a / n.get().powf(alpha) + b / d.get().powf(beta);
        let noise = NOISE * random.sample::<f64, _>(StandardNormal);
        Observation {
            run: i.to_string(),
            parameters: n,
            tokens: d,
            loss: NatsPerToken(loss * noise.exp()),
        }
    }))
}

fn fitted(observations: &Observations, bootstrap: usize) -> Fit {
    let options = FitOptions { bootstrap, backtest: false, ..FitOptions::default() };
    fit(&law(), observations, &options).expect("a fit")
}

fn question(goal: Goal) -> Question {
    Question {
        goal,
        budget: Flop(3e19),
        batches: 1,
        runs: 20,
        repeats: 3,
        bend: 0.01,
        limits: Limits {
            parameters: (Parameters(2e7), Parameters(2e9)),
            tokens: (Tokens(2e8), Tokens(1e12)),
            tokens_per_parameter: (1.0, 300.0),
            run: (Flop(1e17), Flop(3e19)),
            sizes: Vec::new(),
        },
        candidates: 1000,
        grid: (4, 5),
        given: Setting::new(),
        level: 0.9,
    }
}

/// The standard deviation of `goal` over fits to `runs` with new noise each.
fn realised(runs: &[(Parameters, Tokens)], goal: &Goal, first: u64, count: u64) -> f64 {
    let values: Vec<f64> = (first..first + count)
        .into_par_iter()
        .filter_map(|seed| {
            let fit = fitted(&measured(runs, seed), 0);
            let values: Vec<f64> = fit.estimates.iter().map(|estimate| estimate.value).collect();
            let compute = goal.compute().expect("a goal of a budget");
            let best = optimal(&law(), &values, compute, &Setting::new()).expect("a law")?;
            Some(match goal {
                Goal::Size(_) => best.parameters.get().ln(),
                _ => best.loss.ln(),
            })
        })
        .collect();
    // Robust, as the design counts: half the width of the middle 68 %.
    let ends = laws::Interval::of(values, 0.682_689_5).expect("values");
    0.5 * (ends.high - ends.low)
}

fn proposed(design: &Design) -> Vec<(Parameters, Tokens)> {
    let runs = design.runs.iter();
    runs.flat_map(|run| vec![(run.parameters, run.tokens); run.times]).collect()
}

#[test]
fn promised_intervals_are_delivered_and_beat_the_grid() {
    for goal in [Goal::LossAtBest(Flop(1e21)), Goal::Size(Flop(1e21))] {
        let observations = measured(&sweep(), 1_000_000);
        let fit = fitted(&observations, 1000);
        let known = Knowledge::of_fit("the sweep", &fit, &observations).expect("knowledge");
        let found = design(&known, None, &question(goal.clone())).expect("a design");
        let usual = found.usual.as_ref().expect("a grid");
        let count = 300;
        let now = realised(&sweep(), &goal, 0, count);
        let with = |extra: &[(Parameters, Tokens)], first: u64| {
            realised(&[&sweep()[..], extra].concat(), &goal, first, count) / now
        };
        // What is left of the interval; 300 fits on each side tell it to about 8 %.
        let (after, after_grid) = (with(&proposed(&found), 1000), with(&usual.grid.runs, 2000));
        let promised = found.after[0].law_holds / found.now.law_holds;
        let promised_grid = usual.after.law_holds / found.now.law_holds;
        assert!((after / promised - 1.0).abs() < 0.2, "{goal:?}: {after} for {promised}");
        assert!((after_grid / promised_grid - 1.0).abs() < 0.2, "{after_grid}, {promised_grid}");
        assert!(after < 0.95 * after_grid, "{goal:?}: design {after}, grid {after_grid}");
        // The budget is kept, and the grid needs more than twice as much.
        assert!(found.spent().get() <= 3e19 * (1.0 + 1e-9));
        let same = usual.same_certainty.expect("a grid large enough");
        assert!(same.get() > 1.5 * found.spent().get(), "{goal:?}: {same}");
    }
}

#[test]
fn a_prior_stands_in_for_the_first_runs() {
    let prior = plan::design::Prior { factor: 1.5, ..plan::design::Prior::default() };
    let known = Knowledge::of_prior("besiroglu-2024", &prior).expect("a prior");
    let goal = Goal::Size(Flop(1e21));
    let found = design(&known, None, &question(goal.clone())).expect("a design");
    let after = found.after[0].law_holds;
    assert!(after < 0.5 * found.now.law_holds, "{after} of {}", found.now.law_holds);
    // Enough settings to fit the law to these runs alone, and a promise for that fit. Huber's
    // objective is less sharp than the bound (a factor of 1.25 with normal noise).
    assert!(found.settings() > 5, "{:?}", found.runs);
    let delivered = realised(&proposed(&found), &goal, 0, 200);
    assert!(delivered < 1.7 * after && delivered > 0.7 * after, "{delivered} for {after}");
}
