//! Finds the sustained constants of accelerators from published steps: one set per device family,
//! shared by all models, layouts and sizes. Prints them as `[sustained]` tables, and the error of
//! each group when its own rows had no say (cross-validation by group).
#![expect(clippy::print_stdout, reason = "a program that prints its result")]

#[path = "../tests/tables/mod.rs"]
mod tables;

use machines::Accelerator;
use tables::Errors;
use tables::calibration::{
    FAMILIES, NAMES, boards, constants, fit, folds, objective, taking_part, values, weighted,
};

fn main() {
    let Some(reference) = tables::reference() else {
        println!("ISOFLOP_REFERENCE is not set: nothing to calibrate on");
        return;
    };
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let cross = wanted.iter().any(|argument| argument == "cross");
    let mut all = tables::vtrain_cases(&reference);
    all.extend(tables::published_cases(&reference).0);
    for (family, names) in FAMILIES {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == family) {
            continue;
        }
        let devices: Vec<Accelerator> =
            names.iter().filter_map(|name| machines::accelerator(name).ok()).collect();
        let cases = taking_part(&all, names);
        let found = fit(&weighted(&cases), &devices, 60);
        println!("# {family}: {} rows, objective {:.4}", cases.len(), {
            objective(&weighted(&cases), &devices, &found)
        });
        for board in boards(&constants(&found), &devices) {
            println!("{}", board.name);
            for (name, value) in NAMES.iter().zip(values(&board.sustained)) {
                println!("{name} = {value:.4e}");
            }
        }
        if cross {
            let mut errors = Vec::new();
            for (held, sustained) in folds(&cases, &devices) {
                let boards = boards(&sustained, &devices);
                for case in cases.iter().filter(|case| held.contains(case.group.as_str())) {
                    let device = boards.iter().find(|device| device.name == case.device);
                    let Some(device) = device else { continue };
                    if let Some(predicted) = case.predict(device) {
                        errors.push(predicted.time / case.measured - 1.0);
                    }
                }
            }
            let errors = Errors(errors);
            println!(
                "# {family}, groups held out: median {:.1}%, mean {:.1}%, p90 {:.1}%",
                100.0 * errors.quantile(0.5),
                100.0 * errors.mean(),
                100.0 * errors.quantile(0.9)
            );
        }
    }
}
