//! A scenario of thirty years from its file, and the list of claims, against limits and peers.
//!
//! `cargo run --release -p benches --bin forecast`
//!
//! The scenario is `benches/forecast/thirty-years.toml`. `thirty_years.py` is the same model in
//! numpy, run when `$ISOFLOP_PYTHON` names a Python that has it; `thirty_years.mjs` in Squiggle, run
//! by node when `$ISOFLOP_SQUIGGLE` names a folder in which `npm install @quri/squiggle-lang` was run.
//! Each measurement is a process of its own, so that its peak of memory is its own.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::process::Command;
use std::time::Instant;

use cpu_time::ProcessTime;
use diagnostic::Diagnostic;
use forecast::{Model, Scenario, Settings, catalogue};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/forecast/thirty-years.toml");

const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Samples, CPU seconds and megabytes within which the scenario has to be answered.
const LIMITS: [(usize, f64, f64); 2] = [(1_000_000, 2.5, 400.0), (100_000, 0.3, 400.0)];

/// Seconds within which all claims have to be judged.
const CLAIMS_LIMIT: f64 = 1.0;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [part, rest @ ..] = arguments.as_slice() {
        println!("{}", measured(part, rest.first().and_then(|n| n.parse().ok()).unwrap_or(0))?);
        return Ok(());
    }
    println!("12 inputs, 13 states, 30 yearly steps, five quantiles of every output and year\n");
    println!("{:32} {:>8} {:>8} {:>8} {:>10}", "what", "CPU s", "wall s", "MB", "of limit");
    let mut medians = Vec::new();
    for (samples, seconds, megabytes) in LIMITS {
        let found = child("scenario", samples, None)?;
        show(&format!("{samples} samples, from the file"), &found, seconds, Some(megabytes));
        let numpy = numpy(samples)?;
        match &numpy {
            Some(peer) => println!("{:32} {}", "", against(&found, peer)),
            None => println!("{:32} numpy not installed, or ISOFLOP_PYTHON not set", ""),
        }
        medians.push((found, numpy));
    }
    match squiggle(100_000)? {
        Some(peer) => println!(
            "{:32} {:8.2} CPU s for the last year only, {:.0} times ours for all; its median within {}",
            "Squiggle, 100000 samples",
            seconds_of(&peer),
            seconds_of(&peer) / seconds_of(&medians[1].0),
            apart(
                medians_of(&medians[1].0).last().copied().unwrap_or(f64::NAN),
                peer["median"].as_f64().unwrap_or(f64::NAN)
            )
        ),
        None => println!("{:32} not installed, or ISOFLOP_SQUIGGLE not set", "Squiggle"),
    }
    let claims = child("claims", 0, None)?;
    show(&format!("all {} claims", claims["count"]), &claims, CLAIMS_LIMIT, None);
    show("Sobol indices, 229,376 runs", &child("sobol", 1 << 14, None)?, 1.5, None);
    let one = child("scenario", 100_000, Some("1"))?;
    let three = child("scenario", 100_000, Some("3"))?;
    let same = one["bits"] == three["bits"] && one["bits"] == medians[1].0["bits"];
    println!("\nsame numbers for 1, 3 and all threads: {}", if same { "yes" } else { "NO" });
    Ok(())
}

/// Measures one part in this process.
fn measured(part: &str, samples: usize) -> Result<Value, Diagnostic> {
    let (begin, cpu) = (Instant::now(), ProcessTime::now());
    let mut found = match part {
        "claims" => json!({ "count": forecast::claims(&catalogue::claims()?)?.len() }),
        "sobol" => {
            let model = Model::new(&Scenario::read(FILE.as_ref())?)?;
            let found = model.sensitivity("ln(at(ratio, 2036))", 0, draws::Level::P90, samples)?;
            json!({ "count": found.sobol.map_or(0, |sobol| sobol.evaluations) })
        }
        _ => {
            let model = Model::new(&Scenario::read(FILE.as_ref())?)?;
            let settings = Settings { samples, ..Settings::of(&model) };
            let fans = model.fans(settings, &QUANTILES)?;
            let all = || fans.iter().flat_map(|case| &case.outputs);
            let values = || {
                let rows = all().flat_map(|(_, fan)| fan.rows.iter().flatten());
                rows.map(|estimate| estimate.value)
            };
            let bits = values().fold(0_u64, |sum, value| {
                sum.rotate_left(5).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ value.to_bits()
            });
            let ratio = all()
                .find(|(name, _)| name == "ratio")
                .map(|(_, fan)| fan.rows.iter().map(|row| row[2].value).collect::<Vec<f64>>());
            json!({ "bits": bits, "medians": ratio })
        }
    };
    found["cpu_s"] = cpu.elapsed().as_secs_f64().into();
    found["wall_s"] = begin.elapsed().as_secs_f64().into();
    found["megabytes"] = peak_megabytes().into();
    Ok(found)
}

/// The same in a fresh process.
fn child(part: &str, samples: usize, threads: Option<&str>) -> Outcome<Value> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(part).arg(samples.to_string());
    if let Some(threads) = threads {
        command.env("RAYON_NUM_THREADS", threads);
    }
    answer_of(&mut command)
}

fn answer_of(command: &mut Command) -> Outcome<Value> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn seconds_of(found: &Value) -> f64 {
    found["cpu_s"].as_f64().unwrap_or(f64::NAN)
}

fn show(what: &str, found: &Value, limit: f64, megabytes: Option<f64>) {
    let number = |name: &str| found[name].as_f64().unwrap_or(f64::NAN);
    let memory = megabytes.map_or(String::new(), |limit| {
        format!(", {:.2} of {limit} MB", number("megabytes") / limit)
    });
    println!(
        "{what:32} {:8.3} {:8.3} {:8.0} {:10.2} of {limit} s{memory}",
        number("cpu_s"),
        number("wall_s"),
        number("megabytes"),
        number("cpu_s") / limit
    );
}

/// Medians further apart than this are no Monte-Carlo error.
const APART: f64 = 0.1;

fn medians_of(found: &Value) -> Vec<f64> {
    serde_json::from_value(found["medians"].clone()).unwrap_or_default()
}

/// `1.2 %`, or that the models are not the same.
fn apart(a: f64, b: f64) -> String {
    let share = (a / b - 1.0).abs();
    let verdict = if share < APART { "" } else { ": NOT THE SAME MODEL" };
    format!("{:.1} %{verdict}", 100.0 * share)
}

/// The peer's time over ours, and how far the medians of all years lie apart.
fn against(ours: &Value, peer: &Value) -> String {
    let (a, b) = (medians_of(ours), medians_of(peer));
    let furthest = |one: &(&f64, &f64), other: &(&f64, &f64)| {
        let share = |pair: &(&f64, &f64)| (pair.0 / pair.1 - 1.0).abs();
        share(one).total_cmp(&share(other))
    };
    let (x, y) = a.iter().zip(&b).max_by(furthest).map_or((f64::NAN, f64::NAN), |(x, y)| (*x, *y));
    format!(
        "numpy {:.2} CPU s, ratio {:.1}; medians of {} years within {}",
        seconds_of(peer),
        seconds_of(peer) / seconds_of(ours),
        a.len().min(b.len()),
        apart(x, y)
    )
}

fn numpy(samples: usize) -> Outcome<Option<Value>> {
    let Ok(python) = std::env::var("ISOFLOP_PYTHON") else { return Ok(None) };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/forecast/thirty_years.py");
    answer_of(Command::new(python).arg(script).arg(samples.to_string())).map(Some)
}

fn squiggle(samples: usize) -> Outcome<Option<Value>> {
    let Ok(folder) = std::env::var("ISOFLOP_SQUIGGLE") else { return Ok(None) };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/forecast/thirty_years.mjs");
    answer_of(Command::new("node").arg(script).arg(folder).arg(samples.to_string())).map(Some)
}

/// The peak of this process's memory, from `/proc`; NaN where there is none.
fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}
