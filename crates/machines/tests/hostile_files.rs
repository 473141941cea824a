//! Files of the catalogue with mistakes in them: read or refused, and simulated or refused, but
//! never met with a panic.

use std::fs;
use std::path::PathBuf;

use machines::{Accelerator, Batch, Cluster, Machine, Model, Precision, Space, Stack, search};
use proptest::prelude::*;

fn files(kind: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../catalogue").join(kind);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read_to_string(path).expect("a file")).collect()
}

/// What slips of hand and malice put where a number stood.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "7",
    "4294967295",
    "2147483648",
    "99999999999999",
    "1e308",
    "-1e-308",
    "nan",
    "inf",
    "''",
    "[]",
    "true",
];

/// A mistake: what to do, where (as a share of the text), with which number or letter.
fn mistakes() -> impl Strategy<Value = Vec<(u8, f64, usize, char)>> {
    prop::collection::vec((0_u8..4, 0.0..1.0, 0..NUMBERS.len(), any::<char>()), 1..4)
}

fn mutated(text: &str, mistakes: &[(u8, f64, usize, char)]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for &(what, at, number, letter) in mistakes {
        let place = ((text.len() as f64 * at) as usize).min(text.len().saturating_sub(1));
        match what {
            0 if !text.is_empty() => {
                text.remove(place);
            }
            1 => text.insert(place, letter),
            // The next number becomes another.
            _ => {
                let Some(start) = (place..text.len()).find(|&i| text[i].is_ascii_digit()) else {
                    continue;
                };
                let end = (start..text.len())
                    .find(|&i| !(text[i].is_ascii_digit() || "._".contains(text[i])))
                    .unwrap_or(text.len());
                text.splice(start..end, NUMBERS[number].chars());
            }
        }
    }
    text.into_iter().collect()
}

/// Trains `model` on eight of a device that works, or on `machine`.
fn train(machine: &Machine, model: &Model) {
    let batch = Batch { sequences: 16, sequence: model.sequence.clamp(1, 8192) };
    let space = Space { most_tensor: 8, most_context: 2, most_micro_batch: 2, ..Space::default() };
    let found = search(machine, model, batch, &Stack::MODERN, &space);
    let _ = found.binding();
    let _ = found.nothing_fits(machine, model).map(|problem| problem.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn models(file in prop::sample::select(files("models")), slips in mistakes()) {
        let device = machines::accelerator("h100").unwrap();
        let machine = Machine::new(&device, 8, Precision::Bf16, None, &[]).unwrap();
        match Model::from_toml("x.toml", &mutated(&file, &slips)) {
            Ok(model) => train(&machine, &model),
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }

    #[test]
    fn accelerators(file in prop::sample::select(files("accelerators")), slips in mistakes()) {
        match Accelerator::from_toml("x.toml", &mutated(&file, &slips)) {
            Ok(device) => {
                if let Ok(machine) = Machine::new(&device, 8, Precision::Bf16, None, &[]) {
                    train(&machine, &machines::model("gpt2").unwrap());
                }
            }
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }

    #[test]
    fn clusters(file in prop::sample::select(files("clusters")), slips in mistakes()) {
        match Cluster::from_toml("x.toml", &mutated(&file, &slips)) {
            Ok(cluster) => {
                let _ = cluster.accelerators();
                for site in cluster.sites.iter().take(1) {
                    if let Ok(machine) = Machine::of_site(site, Precision::Bf16) {
                        train(&machine, &machines::model("gpt2").unwrap());
                    }
                }
            }
            Err(problem) => prop_assert!(!problem.to_string().is_empty()),
        }
    }
}
