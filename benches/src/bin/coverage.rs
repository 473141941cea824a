//! How often intervals hold the truth, on simulated sweeps of which the truth is known.
//!
//! A sweep: five IsoFLOP budgets from 1e18 to 1e21 FLOP, 4, 10 or 20 sizes each, to a factor of
//! four either side of the optimum; Besiroglu et al.'s law (arXiv:2404.10102); log-normal noise of
//! one per cent, and one run in twenty 5 to 20 % too high. Intervals are at 90 %.
//!
//! `cargo run --release -p benches --bin coverage [SWEEPS] [METHOD,...] [SIZES,...]`

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::time::Instant;

use laws::{
    Chinchilla, End, Fit, FitError, FitOptions, Law, Loss, Objective, Profiled, Resampling,
    ResidualScale, Setting, catalogue, fit,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use runs::{Flop, NatsPerToken, Observation, Observations, Parameters, Tokens};

const TRUTH: Chinchilla =
    Chinchilla { e: 1.8172, a: 482.01, b: 2085.43, alpha: 0.3478, beta: 0.3658 };
const LEVEL: f64 = 0.9;
const DRAWS: usize = 300;
const LARGEST: f64 = 1e21;
/// New runs that are tried per sweep.
const NEW_RUNS: usize = 20;

const QUANTITIES: [&str; 11] =
    ["E", "A", "B", "alpha", "beta", "a", "N* 10x", "N* 1000x", "law 10x", "run 10x", "mean"];

/// The loss of a run: the law, noise, and one time in twenty a run gone wrong.
fn measured(n: Parameters, d: Tokens, random: &mut ChaCha8Rng) -> NatsPerToken {
    let noise: f64 = StandardNormal.sample(random);
    let wrong = random.random::<f64>() < 0.05;
    let by = 0.05 + 0.15 * random.random::<f64>();
    let factor = if wrong { 1.0 + by } else { 1.0 };
    TRUTH.loss(n, d) * ((0.01 * noise).exp() * factor)
}

fn best(compute: f64) -> laws::Allocation {
    TRUTH.optimal(Flop(compute)).expect("the law has an optimum")
}

fn sweep(sizes: usize, random: &mut ChaCha8Rng) -> Observations {
    let mut rows = Vec::new();
    for budget in 0..5 {
        let c = LARGEST / 1000.0 * 1000_f64.powf(f64::from(budget) / 4.0);
        for size in 0..sizes {
            let off = 2.0 * size as f64 / (sizes - 1) as f64 - 1.0;
            let n = best(c).parameters * 4_f64.powf(off);
            let d = Tokens(c / 6.0 / n.get());
            let loss = measured(n, d, random);
            rows.push(Observation {
                run: format!("{budget} {size}"),
                parameters: n,
                tokens: d,
                loss,
            });
        }
    }
    Observations::new(rows)
}

#[derive(Clone, Copy)]
struct Method {
    name: &'static str,
    resampling: Resampling,
    loss: Option<Loss>,
    profiles: bool,
}

/// Shares of [`QUANTITIES`] that the intervals of one fit hold.
fn held(
    fit: &Fit,
    runs: &Observations,
    method: Method,
    random: &mut ChaCha8Rng,
) -> Result<[f64; 10], FitError> {
    let mut held = [f64::NAN; 10];
    let is = |inside: bool| f64::from(u8::from(inside));
    let truth: Vec<(Profiled, f64)> = Chinchilla::NAMES
        .iter()
        .zip(TRUTH.values())
        .map(|(name, value)| (Profiled::Parameter((*name).to_owned()), value))
        .chain([
            (Profiled::Exponent, TRUTH.model_exponent()),
            (Profiled::OptimalSize(Flop(10.0 * LARGEST)), best(10.0 * LARGEST).parameters.get()),
            (
                Profiled::OptimalSize(Flop(1000.0 * LARGEST)),
                best(1000.0 * LARGEST).parameters.get(),
            ),
        ])
        .collect();
    if method.profiles {
        for (held, (of, value)) in held.iter_mut().zip(&truth) {
            let profile = fit.profile(runs, of, LEVEL)?;
            let above = match profile.low {
                End::At(low) | End::Bound(low) => low <= *value,
                End::Open(_) => true,
            };
            let below = match profile.high {
                End::At(high) | End::Bound(high) => *value <= high,
                End::Open(_) => true,
            };
            *held = is(above && below);
        }
        return Ok(held);
    }
    for (held, (of, value)) in held.iter_mut().zip(&truth) {
        let interval = match of {
            Profiled::Parameter(name) => fit.interval(name),
            Profiled::Exponent => fit.interval("a"),
            Profiled::OptimalSize(compute) => fit
                .optimum(*compute, &Setting::new(), LEVEL)?
                .first()
                .and_then(|optimum| optimum.parameters),
        };
        *held = is(interval.is_some_and(|interval| interval.contains(*value)));
    }
    let target = best(10.0 * LARGEST);
    let setting = Setting::run(target.parameters, target.tokens);
    let predictions = fit.predict(&setting, LEVEL, fit.options.seed)?;
    let law = predictions.first().and_then(|prediction| prediction.law_interval);
    let new = predictions.first().and_then(|prediction| prediction.new_run_interval);
    held[8] = is(law.is_some_and(|law| law.contains(target.loss)));
    let inside = (0..NEW_RUNS).filter(|_| {
        let loss = measured(target.parameters, target.tokens, random).get();
        new.is_some_and(|new| new.contains(loss))
    });
    held[9] = inside.count() as f64 / NEW_RUNS as f64;
    Ok(held)
}

fn row(law: &Law, method: Method, sizes: usize, sweeps: u64) -> Result<(), FitError> {
    let start = Instant::now();
    let mut shares = [0.0; 10];
    for seed in 0..sweeps {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let runs = sweep(sizes, &mut random);
        let objective = method.loss.map(|loss| Objective { residuals: ResidualScale::Log, loss });
        let options = FitOptions {
            objective,
            resampling: method.resampling,
            bootstrap: if method.profiles { 0 } else { DRAWS },
            level: LEVEL,
            seed,
            ..FitOptions::default()
        };
        let fit = fit(law, &runs, &options)?;
        for (share, held) in shares.iter_mut().zip(held(&fit, &runs, method, &mut random)?) {
            *share += 100.0 * held / sweeps as f64;
        }
    }
    print!("{:24} {:4}", method.name, 5 * sizes);
    let known: Vec<f64> = shares.iter().copied().filter(|share| !share.is_nan()).collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    for share in shares.iter().chain([&mean]) {
        if share.is_nan() {
            print!(" {:>8}", "-");
        } else {
            print!(" {share:8.1}");
        }
    }
    println!(" {:6.0}", start.elapsed().as_secs_f64() * 1e3 / sweeps as f64);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |place: usize| std::env::args().nth(place);
    let sweeps: u64 = argument(1).map_or(Ok(1000), |text| text.parse())?;
    let wanted = argument(2).filter(|text| text != "all");
    let sizes: Vec<usize> = argument(3)
        .unwrap_or_else(|| "4,10,20".to_owned())
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let law = catalogue::find("chinchilla").map_err(|problem| problem.to_string())?;
    let method = |name, resampling, loss, profiles| Method { name, resampling, loss, profiles };
    let student = Some(Loss::StudentT { degrees: 4.0 });
    let methods = [
        method("tangent", Resampling::Tangent, None, false),
        method("tangent-student", Resampling::Tangent, student, false),
        method("tangent-squares", Resampling::Tangent, Some(Loss::Squares), false),
        method("posterior", Resampling::Posterior, None, false),
        method("profile", Resampling::Tangent, None, true),
        method("profile-student", Resampling::Tangent, student, true),
        method("runs", Resampling::Runs, None, false),
        method("wild", Resampling::Wild, None, false),
    ];
    println!("per cent of {sweeps} sweeps whose 90 % interval holds the truth");
    print!("{:24} {:>4}", "method", "runs");
    for quantity in QUANTITIES {
        print!(" {quantity:>8}");
    }
    println!(" {:>6}", "ms");
    for method in methods {
        if wanted.as_ref().is_some_and(|wanted| !wanted.split(',').any(|name| name == method.name))
        {
            continue;
        }
        for &sizes in &sizes {
            row(&law, method, sizes, sweeps)?;
        }
    }
    Ok(())
}
