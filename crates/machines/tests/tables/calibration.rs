//! The sustained constants of a family of devices from published steps, and the same without the
//! rows of a group.

use std::collections::BTreeSet;

use machines::{Accelerator, Sustained};
use runs::Seconds;

use super::Case;

/// Devices that are one chip under different boards share constants.
pub(crate) const FAMILIES: [(&str, &[&str]); 6] = [
    ("a100", &["a100-40gb", "a100-80gb"]),
    ("h100", &["h100", "h200"]),
    ("h100-96gb", &["h100-96gb"]),
    ("blackwell", &["b200", "gb200", "b300", "gb300"]),
    ("tpu-v4", &["tpu-v4"]),
    ("tpu-v5e", &["tpu-v5e"]),
];

/// How strongly a constant is held near the general one.
const PULL: f64 = 0.02;

pub(crate) const NAMES: [&str; 12] = [
    "matmul",
    "matmul_fp8",
    "matmul_fp4",
    "half",
    "attention",
    "portable_attention",
    "memory",
    "launch",
    "scale_up",
    "scale_up_latency",
    "scale_out",
    "scale_out_latency",
];

pub(crate) fn values(constants: &Sustained) -> [f64; 12] {
    [
        constants.matmul,
        constants.matmul_fp8,
        constants.matmul_fp4,
        constants.half,
        constants.attention,
        constants.portable_attention,
        constants.memory,
        constants.launch.get(),
        constants.scale_up,
        constants.scale_up_latency.get(),
        constants.scale_out,
        constants.scale_out_latency.get(),
    ]
}

pub(crate) fn constants(values: &[f64; 12]) -> Sustained {
    let share = |value: f64| value.clamp(0.05, 0.95);
    Sustained {
        matmul: share(values[0]),
        matmul_fp8: share(values[1]),
        matmul_fp4: share(values[2]),
        half: values[3],
        attention: share(values[4]),
        portable_attention: share(values[5]),
        memory: share(values[6]),
        launch: Seconds(values[7]),
        scale_up: share(values[8]),
        scale_up_latency: Seconds(values[9]),
        scale_out: share(values[10]),
        scale_out_latency: Seconds(values[11]),
    }
}

/// Mean absolute log error, each group of rows counting by the square root of its size, and a
/// penalty that keeps constants that no row determines where they were.
pub(crate) fn objective(cases: &[(&Case, f64)], devices: &[Accelerator], at: &[f64; 12]) -> f64 {
    let sustained = constants(at);
    let devices: Vec<Accelerator> =
        devices.iter().map(|device| Accelerator { sustained, ..device.clone() }).collect();
    let (mut sum, mut weights) = (0.0, 0.0);
    for (case, weight) in cases {
        let Some(device) = devices.iter().find(|device| device.name == case.device) else {
            continue;
        };
        if let Some((_, step)) = case.predict(device) {
            sum += weight * (step.time() / case.measured).ln().abs();
            weights += weight;
        }
    }
    let start = values(&Sustained::GENERAL);
    let drift: f64 = at.iter().zip(start).map(|(value, start)| (value / start).ln().powi(2)).sum();
    sum / f64::max(weights, 1e-9) + PULL * drift
}

pub(crate) fn fit(cases: &[(&Case, f64)], devices: &[Accelerator], rounds: usize) -> [f64; 12] {
    let mut best = values(&Sustained::GENERAL);
    let mut least = objective(cases, devices, &best);
    let mut step = 0.3;
    for _ in 0..rounds {
        let before = least;
        for index in 0..best.len() {
            for factor in [1.0 + step, 1.0 / (1.0 + step)] {
                let mut trial = best;
                trial[index] = (trial[index] * factor).max(1e-7);
                let found = objective(cases, devices, &trial);
                if found < least {
                    (best, least) = (trial, found);
                    break;
                }
            }
        }
        if least > before - 1e-5 {
            step *= 0.5;
        }
        if step < 0.01 {
            break;
        }
    }
    best
}

pub(crate) fn weighted<'a>(cases: &[&'a Case]) -> Vec<(&'a Case, f64)> {
    let family = |case: &Case| case.group.split('|').next().unwrap_or_default().to_owned();
    let size = |name: &str| cases.iter().filter(|case| family(case) == name).count() as f64;
    cases.iter().map(|case| (*case, size(&family(case)).powf(-0.5))).collect()
}

/// The rows of a family's devices that take part in calibrating it: every eighth of the single-node
/// vTrain rows is enough to place a constant.
pub(crate) fn taking_part<'a>(all: &'a [Case], names: &[&str]) -> Vec<&'a Case> {
    (all.iter().enumerate())
        .filter(|(index, case)| {
            names.contains(&case.device.as_str())
                && (!case.table.starts_with("vtrain single") || index % 8 == 0)
        })
        .map(|(_, case)| case)
        .collect()
}

/// The constants of a family for each of five folds of whole groups, calibrated without that
/// fold's rows, and the groups of the fold.
pub(crate) fn folds<'a>(
    cases: &[&'a Case],
    devices: &[Accelerator],
) -> Vec<(BTreeSet<&'a str>, Sustained)> {
    const FOLDS: usize = 5;
    let groups: BTreeSet<&str> = cases.iter().map(|case| case.group.as_str()).collect();
    (0..FOLDS)
        .map(|fold| {
            let held: BTreeSet<&str> = groups.iter().copied().skip(fold).step_by(FOLDS).collect();
            let kept: Vec<&Case> = (cases.iter().copied())
                .filter(|case| !held.contains(case.group.as_str()))
                .collect();
            let sustained = constants(&fit(&weighted(&kept), devices, 30));
            (held, sustained)
        })
        .collect()
}
