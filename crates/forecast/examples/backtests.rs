//! Forecasts every series of the published tables from each of its origins, against what came.
//!
//! `ISOFLOP_REFERENCE=.../data cargo run --release -p forecast --example backtests`

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::path::Path;

use diagnostic::Diagnostic;
use draws::Level;
use forecast::{Backtest, Scenario};

/// Observations ahead, at most.
const AHEAD: usize = 3;

fn main() -> Result<(), Diagnostic> {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        return Err(Diagnostic::error("ISOFLOP_REFERENCE does not name the folder of the tables"));
    };
    let scenario = tables(Path::new(&folder))?;
    let found = scenario.backtests(AHEAD, Level::P90)?;
    println!("{:26} {:>4} {:>9}   CRPS of       last           wins", "", "", "inside");
    println!(
        "{:26} {:>4} {:>9} {:>9} {:>10} {:>8}",
        "series", "n", "90 %", "average", "slope", "drift"
    );
    let (mut series, mut wins, mut honest) = (0, 0, 0);
    let (mut inside, mut forecasts) = (0.0, 0.0);
    let mut pit = [0; 10];
    for (name, found) in found {
        let Some(found) = found else {
            println!("{name:26} too few origins");
            continue;
        };
        let Backtest { scores, .. } = &found;
        let crps = |number: usize| scores[number].crps;
        let count = scores[0].origins.len();
        println!(
            "{name:26} {count:4} {:>8.0}% {:>9.3} {:>10.3} {:>8.3} {:>4}",
            100.0 * scores[0].coverage,
            crps(0),
            crps(2),
            crps(3),
            if found.beats_both() { "both" } else { "-" }
        );
        series += 1;
        wins += usize::from(found.beats_both());
        honest += usize::from((0.8..=0.97).contains(&scores[0].coverage));
        inside += scores[0].coverage * count as f64;
        forecasts += count as f64;
        pit.iter_mut().zip(scores[0].pit).for_each(|(all, own)| *all += own);
    }
    println!("\n{series} series; better than both naive forecasters on {wins}");
    println!(
        "inside the 90 % fan {:.3} of {forecasts} forecasts; {honest} series between 0.80 and 0.97",
        inside / forecasts
    );
    println!("place of what came in the fan, by tenths: {pit:?}");
    Ok(())
}

/// The series of the tables, as a scenario of trends.
fn tables(folder: &Path) -> Result<Scenario, Diagnostic> {
    let read = |_: &str, wanted: &str| {
        let path = folder.join(wanted);
        std::fs::read_to_string(&path).map(|text| (path.display().to_string(), text))
    };
    Scenario::from_toml_with("backtests.toml", include_str!("backtests.toml"), &read)
}
