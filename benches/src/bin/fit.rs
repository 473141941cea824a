//! Times the fit of 240 runs, and of its bootstrap, against the limit of 50 ms.
//!
//! The runs are synthetic (nothing is read): Besiroglu et al.'s law at N and D spread as in
//! Hoffmann et al.'s figure 4, with noise of the size and heavy tails of the residuals there.
//! `cargo run --release -p benches --bin fit`

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::time::Instant;

use laws::{Chinchilla, FitError, FitOptions, Law, catalogue, fit};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StudentT, Uniform};
use runs::{Observation, Observations, Parameters, Tokens};

const LIMIT_MS: f64 = 50.0;

/// 240 runs: N from 57 M to 16 B, C = 6 N D from 1e18 to 1e22, both log-uniform.
fn epoch_like() -> Observations {
    let law = Chinchilla { e: 1.8172, a: 482.01, b: 2085.43, alpha: 0.3478, beta: 0.3658 };
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let uniform = Uniform::new(0.0, 1.0).expect("0 < 1");
    // Scale 0.004 with three degrees of freedom: a median size of 0.003 and rare 0.05.
    let noise = StudentT::new(3.0).expect("3 > 0");
    Observations::new((0..240).map(|i| {
        let n = 57e6 * 280_f64.powf(uniform.sample(&mut random));
        let c = 1e18 * 1e4_f64.powf(uniform.sample(&mut random));
        let (parameters, tokens) = (Parameters(n), Tokens(c / 6.0 / n));
        let error: f64 = 0.004 * noise.sample(&mut random);
        let loss = law.loss(parameters, tokens) * error.exp();
        Observation { run: i.to_string(), parameters, tokens, loss }
    }))
}

/// The least of several times in milliseconds: what the work takes when nothing interrupts it.
fn least_ms(
    law: &Law,
    runs: &Observations,
    bootstrap: usize,
    repeats: usize,
) -> Result<f64, FitError> {
    let options = FitOptions { bootstrap, ..FitOptions::default() };
    let mut least = f64::INFINITY;
    for _ in 0..repeats {
        let start = Instant::now();
        let fit = fit(law, runs, &options)?;
        least = least.min(start.elapsed().as_secs_f64() * 1e3);
        assert!(fit.certificate.converged, "a fit that did not converge is no measurement");
    }
    Ok(least)
}

fn main() -> Result<(), FitError> {
    let runs = epoch_like();
    let law = &catalogue::find("chinchilla")?;
    let one = fit(law, &runs, &FitOptions { bootstrap: 0, ..FitOptions::default() })?;
    let certificate = one.certificate;
    println!(
        "240 runs, sum of Huber (0.001) of log residuals {:.6e}, {} of {} starts at the minimum",
        one.value, certificate.starts_at_minimum, certificate.starts
    );
    let ms = least_ms(law, &runs, 0, 15)?;
    println!(
        "fit                    {ms:9.2} ms   limit {LIMIT_MS} ms   ratio {:.3}",
        ms / LIMIT_MS
    );
    for bootstrap in [1000, 4000] {
        let ms = least_ms(law, &runs, bootstrap, 3)?;
        println!(
            "fit and {bootstrap} resamples {ms:9.2} ms   {:.3} ms a resample on {} threads",
            ms / bootstrap as f64,
            std::thread::available_parallelism().map_or(1, usize::from)
        );
    }
    Ok(())
}
