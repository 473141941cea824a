//! The sustained constants of a family of devices from published steps, and the same without the
//! rows of a group.

use std::collections::BTreeSet;

use machines::{Accelerator, Sustained};
use runs::Seconds;

use super::Case;

/// Devices that are one chip under different boards share constants.
pub(crate) const FAMILIES: [(&str, &[&str]); 5] = [
    ("a100", &["a100-40gb", "a100-80gb"]),
    ("h100", &["h100", "h200", "h100-96gb"]),
    ("blackwell", &["b200", "gb200", "b300", "gb300"]),
    ("tpu-v4", &["tpu-v4"]),
    ("tpu-v5e", &["tpu-v5e"]),
];

/// How strongly a constant is held near the general one.
const PULL: f64 = 0.02;

pub(crate) const NAMES: [&str; 13] = [
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
    "contention",
];

pub(crate) fn values(constants: &Sustained) -> [f64; 13] {
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
        constants.contention,
    ]
}

pub(crate) fn constants(values: &[f64; 13]) -> Sustained {
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
        contention: values[12].clamp(0.01, 0.95),
    }
}

/// How the rate of matrix units goes with the power that a board allows one chip: power is clock
/// times voltage squared, and voltage follows the clock.
const POWER: f64 = 1.0 / 3.0;

/// The constants of one board of a family: those of the family's first, with the rates of the
/// matrix units by what its chip may draw.
pub(crate) fn of_board(family: &Sustained, first: &Accelerator, board: &Accelerator) -> Sustained {
    let power = |device: &Accelerator| device.chip_power.map(machines::Watts::get);
    let peak = |device: &Accelerator| device.peak.bf16.map(machines::FlopPerSecond::get);
    let ratio = |of: Option<f64>, to: Option<f64>| of.zip(to).map_or(1.0, |(of, to)| of / to);
    // What is printed as the peak of a board may have its clock in it.
    let factor = ratio(power(board), power(first)).powf(POWER) / ratio(peak(board), peak(first));
    let share = |share: f64| (share * factor).min(0.95);
    Sustained {
        matmul: share(family.matmul),
        matmul_fp8: share(family.matmul_fp8),
        matmul_fp4: share(family.matmul_fp4),
        attention: share(family.attention),
        portable_attention: share(family.portable_attention),
        // A TPU's links have engines of their own.
        contention: if board.kind == "TPU" { 0.01 } else { family.contention },
        ..*family
    }
}

/// All boards of a family with its constants.
pub(crate) fn boards(family: &Sustained, devices: &[Accelerator]) -> Vec<Accelerator> {
    let Some(first) = devices.first() else { return Vec::new() };
    (devices.iter())
        .map(|device| Accelerator { sustained: of_board(family, first, device), ..device.clone() })
        .collect()
}

/// Mean absolute log error, each group of rows counting by the square root of its size, and a
/// penalty that keeps constants that no row determines where they were.
pub(crate) fn objective(cases: &[(&Case, f64)], devices: &[Accelerator], at: &[f64; 13]) -> f64 {
    let devices = boards(&constants(at), devices);
    let (mut sum, mut weights) = (0.0, 0.0);
    for (case, weight) in cases {
        let Some(device) = devices.iter().find(|device| device.name == case.device) else {
            continue;
        };
        if let Some(predicted) = case.predict(device) {
            sum += weight * (predicted.time / case.measured).ln().abs();
            weights += weight;
        }
    }
    let start = values(&Sustained::GENERAL);
    let drift: f64 = at.iter().zip(start).map(|(value, start)| (value / start).ln().powi(2)).sum();
    sum / f64::max(weights, 1e-9) + PULL * drift
}

/// A search along one constant and along pairs of them, with shrinking steps: absolute errors have
/// ridges on which no single constant leads down.
pub(crate) fn fit(cases: &[(&Case, f64)], devices: &[Accelerator], rounds: usize) -> [f64; 13] {
    let mut best = values(&Sustained::GENERAL);
    let mut least = objective(cases, devices, &best);
    let mut step = 0.3;
    for _ in 0..rounds {
        let before = least;
        let up = 1.0 + step;
        let mut attempt = |moves: &[(usize, f64)]| {
            let mut trial = best;
            for (index, factor) in moves {
                trial[*index] = (trial[*index] * factor).max(1e-7);
            }
            let found = objective(cases, devices, &trial);
            if found < least {
                (best, least) = (trial, found);
            }
        };
        for first in 0..NAMES.len() {
            attempt(&[(first, up)]);
            attempt(&[(first, 1.0 / up)]);
            for second in 0..first {
                for factor in [up, 1.0 / up] {
                    attempt(&[(first, up), (second, factor)]);
                    attempt(&[(first, 1.0 / up), (second, factor)]);
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
