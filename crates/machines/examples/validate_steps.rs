//! Predicts published steps and prints the error by group:
//! `validate_steps [ACCELERATORS] [rows] [cross] [page]`.
//!
//! Reads the tables under `ISOFLOP_REFERENCE`. A folder of accelerator files replaces the
//! catalogue's, to try other constants. `rows` prints every prediction beside its measurement;
//! `cross` adds predictions with constants that no row of the same group had a say in (five folds
//! of whole groups); `page` prints the book's page of all rows, held-out predictions included.
#![expect(clippy::print_stdout, reason = "a program that prints a table")]

#[path = "../tests/tables/mod.rs"]
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use machines::{Accelerator, Machine, Part};
use runs::Seconds;
use tables::calibration::{FAMILIES, boards, folds, taking_part};
use tables::{Case, Errors, Predicted, page};

fn devices(folder: Option<&Path>, cases: &[Case]) -> HashMap<String, Accelerator> {
    let names: std::collections::BTreeSet<&str> =
        cases.iter().map(|case| case.device.as_str()).collect();
    (names.into_iter())
        .map(|name| {
            let device = match folder {
                None => machines::accelerator(name),
                Some(folder) => {
                    let path = folder.join(format!("{name}.toml"));
                    let text = std::fs::read_to_string(&path).expect("the device's file reads");
                    Accelerator::from_toml(&path.display().to_string(), &text)
                }
            };
            (name.to_owned(), device.unwrap_or_else(|problem| panic!("{problem}")))
        })
        .collect()
}

/// Why no layout of a row fits.
fn why(case: &Case, device: &Accelerator) -> String {
    let machine = Machine::new(device, case.accelerators, case.precision, case.domain, &case.tiers);
    match machine {
        Err(problem) => problem.message().to_owned(),
        Ok(machine) => (case.layouts.iter())
            .filter_map(|layout| {
                let step = machines::step(&machine, &case.model, case.batch, layout, &case.stack);
                Some(format!("{layout}: {}", step.err()?.describe()))
            })
            .next_back()
            .unwrap_or_else(|| "no layout to try".to_owned()),
    }
}

/// Predicted times by row, each with constants calibrated without the rows of its group.
fn held_out<'a>(
    cases: &'a [Case],
    devices: &HashMap<String, Accelerator>,
) -> HashMap<&'a str, Seconds> {
    let mut times = HashMap::new();
    for (_, names) in FAMILIES {
        let like: Vec<Accelerator> =
            names.iter().filter_map(|name| devices.get(*name).cloned()).collect();
        for (held, sustained) in folds(&taking_part(cases, names), &like) {
            let boards = boards(&sustained, &like);
            for case in cases.iter().filter(|case| held.contains(case.group.as_str())) {
                let device = boards.iter().find(|device| device.name == case.device);
                let Some(device) = device else { continue };
                if let Some(predicted) = case.predict(device) {
                    times.insert(case.id.as_str(), predicted.time);
                }
            }
        }
    }
    times
}

/// The page of the book with every row.
fn print_page(
    cases: &[Case],
    devices: &HashMap<String, Accelerator>,
    held_out: &HashMap<&str, Seconds>,
) {
    println!("{}", page::HEAD);
    for (table, title) in [
        ("published", "Published steps"),
        ("vtrain multi node", "vTrain, several nodes"),
        ("vtrain single node", "vTrain, one node"),
    ] {
        println!("## {title}\n\n{}", page::TABLE);
        for case in cases.iter().filter(|case| case.table == table) {
            let Some(predicted) = case.predict(&devices[&case.device]) else { continue };
            let blind = held_out.get(case.id.as_str()).map_or("-".to_owned(), |time| {
                format!("{:+.0} %", 100.0 * (*time / case.measured - 1.0))
            });
            println!("{} {blind} |", page::row(case, &predicted));
        }
        println!();
    }
}

fn main() {
    let Some(reference) = tables::reference() else {
        println!("ISOFLOP_REFERENCE is not set: nothing to compare with");
        return;
    };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.iter().find(|argument| Path::new(argument).is_dir());
    let with_rows = arguments.iter().any(|argument| argument == "rows");
    let mut cases = tables::vtrain_cases(&reference);
    let (published, left_out) = tables::published_cases(&reference);
    cases.extend(published);
    let devices = devices(folder.map(Path::new), &cases);

    let as_page = arguments.iter().any(|argument| argument == "page");
    let held_out = if as_page || arguments.iter().any(|argument| argument == "cross") {
        held_out(&cases, &devices)
    } else {
        HashMap::new()
    };
    if as_page {
        return print_page(&cases, &devices, &held_out);
    }
    let mut by_family: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut unpredicted = 0;
    for case in &cases {
        let Some(Predicted { layout, step, time }) = case.predict(&devices[&case.device]) else {
            unpredicted += 1;
            println!(
                "no layout: {} {}: {}",
                case.id,
                case.group,
                why(case, &devices[&case.device])
            );
            continue;
        };
        let error = time / case.measured - 1.0;
        let blind = held_out.get(case.id.as_str()).map(|time| *time / case.measured - 1.0);
        let kind = if case.mixture { "mixture" } else { "dense" };
        let family = case.group.split('|').next().unwrap_or_default();
        for key in [
            format!("{} {family} {}", case.table, case.device),
            format!("{} {family}", case.table),
            format!("{} all {kind}", case.table),
        ] {
            if let Some(blind) = blind {
                by_family.entry(format!("{key}, held out")).or_default().push(blind);
            }
            by_family.entry(key).or_default().push(error);
        }
        if with_rows {
            let parts: Vec<String> = (step.parts())
                .filter(|(_, time)| *time / step.time() > 0.02)
                .map(|(part, time)| {
                    let name = part.name().split(' ').next().unwrap_or_default();
                    let name = if part == Part::Streaming { "mem" } else { name };
                    format!("{name} {:.0}%", 100.0 * (time / step.time()))
                })
                .collect();
            println!(
                "{:32} {:10} n {:5} {:4} measured {:8.3} predicted {:8.3} {:+5.0}%{}  {layout}  {}",
                case.group,
                case.device,
                case.accelerators,
                case.precision.to_string(),
                case.measured.get(),
                time.get(),
                100.0 * error,
                blind.map_or(String::new(), |blind| format!(" held out {:+5.0}%", 100.0 * blind)),
                parts.join(", ")
            );
        }
    }
    println!("{unpredicted} without a layout, {left_out} rows state too little");
    println!(
        "{:54} {:>5} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "", "rows", "median", "mean", "p90", "max", "bias"
    );
    for (name, errors) in by_family {
        let rows = errors.len();
        let errors = Errors(errors);
        let [median, p90, most] = [0.5, 0.9, 1.0].map(|at| 100.0 * errors.quantile(at));
        println!(
            "{name:54} {rows:5} {median:6.1}% {:6.1}% {p90:6.1}% {most:6.1}% {:+6.1}%",
            100.0 * errors.mean(),
            100.0 * errors.bias()
        );
    }
}
