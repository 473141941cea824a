//! Reinforcement learning: constants of Khatri et al. 2025 (arXiv:2510.13786, `ScaleRL`), and
//! curves of GRPO on GSM8K.

use laws::{Fit, FitOptions, Objective, ResidualScale, Warning, catalogue, fit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::reference::{numbers, observe, table, words};

/// The sigmoid fitted to rewards at `compute`, from `start` on.
fn sigmoid(compute: &[f64], reward: &[f64], start: f64, bootstrap: usize) -> Fit {
    let observations = observe([("reward", reward.to_vec()), ("C", compute.to_vec())]);
    let options = FitOptions {
        objective: Some(Objective::squares(ResidualScale::Linear)),
        held: vec![("R0".to_owned(), start)],
        bootstrap,
        ..FitOptions::default()
    };
    fit(&catalogue::find("rl-sigmoid").unwrap(), &observations, &options).unwrap()
}

fn curve(c: f64, [start, end, steep, middle]: [f64; 4]) -> f64 {
    start + (end - start) / (1.0 + (middle / c).powf(steep))
}

#[test]
fn curves_made_from_published_constants_give_their_ceiling_back_within_its_margin() {
    let Some(table) = table("rl_scalerl_published/table1.csv", "ScaleRL round trip") else {
        return;
    };
    let (middle, steep, end) =
        (numbers(&table, "C_mid_gpu_hours"), numbers(&table, "B"), numbers(&table, "A"));
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut worst: f64 = 0.0;
    for row in 0..table.len() {
        for noise in [0.005, 0.01] {
            let truth = [0.2, end[row], steep[row], middle[row]];
            let compute: Vec<f64> =
                (0..60).map(|i| middle[row] * 10_f64.powf(-1.0 + f64::from(i) / 30.0)).collect();
            let reward: Vec<f64> = compute
                .iter()
                .map(|&c| curve(c, truth) + noise * random.sample::<f64, _>(StandardNormal))
                .collect();
            let fit = sigmoid(&compute, &reward, 0.2, 0);
            let off = (fit.value_of("A").unwrap() - end[row]).abs();
            worst = worst.max(off);
            assert!(off < 0.02, "row {row}, noise {noise}: A off by {off}");
            assert!(fit.certificate.converged);
        }
    }
    eprintln!("ScaleRL: A off by at most {worst:.4}");
}

#[test]
fn grpo_curves_are_fitted_at_least_as_well_as_by_a_grid() {
    let Some(table) = table("rl_grpo_gsm8k_qwen3/curves_0.6b_1.7b_4b.csv", "GRPO curves") else {
        return;
    };
    let (model, step, reward) =
        (words(&table, "model"), numbers(&table, "grpo_step"), numbers(&table, "gsm8k_acc"));
    let of = |name: &str, last: f64| -> (Vec<f64>, Vec<f64>, f64) {
        let rows: Vec<usize> =
            (0..table.len()).filter(|&row| model[row] == name && step[row] <= last).collect();
        let column = |values: &[f64]| rows[1..].iter().map(|&row| values[row]).collect();
        (column(&step), column(&reward), reward[rows[0]])
    };
    // The last column says whether the ceiling is known to a tenth: half-way up a curve it is not,
    // unless the curve has bent already, as that of the smallest model has.
    for (name, last, end, steep, middle, identified) in [
        ("0.6b", 52.0, 0.682, 7.34, 17.2, true),
        ("1.7b", 52.0, 0.836, 2.18, 15.1, true),
        ("4b", 52.0, 0.979, 0.64, 3.5, false),
        ("0.6b", 28.0, 0.670, 7.82, 17.0, true),
        ("1.7b", 28.0, 0.998, 1.56, 25.6, false),
        ("4b", 28.0, 0.992, 0.61, 3.8, false),
    ] {
        let (compute, rewards, start) = of(name, last);
        let fit = sigmoid(&compute, &rewards, start, 300);
        let theirs: f64 = compute
            .iter()
            .zip(&rewards)
            .map(|(&c, y)| (y - curve(c, [start, end, steep, middle])).powi(2))
            .sum();
        let found = ["A", "B", "C_mid"].map(|name| fit.value_of(name).unwrap());
        eprintln!(
            "{name} to step {last}: {found:?}, objective {:.3e} (grid {theirs:.3e}), A in {:?}, {:?}",
            fit.value,
            fit.interval("A"),
            fit.warnings
        );
        assert!(fit.value <= theirs * (1.0 + 1e-9), "{name} {last}: {} {theirs}", fit.value);
        if identified {
            assert!((found[0] - end).abs() < 0.01, "{name} {last}: {found:?}");
        }
        let about_ceiling = fit.warnings.iter().any(|warning| match warning {
            Warning::AtBound { parameter, .. } => parameter == "A",
            Warning::UnsteadyBootstrap { .. } => true,
            _ => false,
        });
        assert_eq!(about_ceiling, !identified, "{name} to step {last}: {:?}", fit.warnings);
    }
}
