//! `isoflop lab swarm`: one model trained by many machines.

mod join;
mod live;
mod page;
mod pipeline;
mod rehearse;
mod show;
mod start;
mod sweep;
mod view;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use diagnostic::Diagnostic;
use lab::swarm::rehearsal::{Played, rounds_csv, traffic_csv};
use lab::swarm::row::SwarmRow;
use lab::swarm::settings::Settings;
use lab::swarm::spec::Swarm;
use lab::table::{read_rows, write_rows};

use super::super::Outcome;
use crate::text::complain;

/// A swarm file to start from.
const EXAMPLE: &str = r#"# Three desktops and a laptop train one small model together.
name = "example"
depth = 1                # the model's one dial
tokens = 200e3           # D, of all peers together
seed = 0

[recipe]                 # as in a sweep file; the batch is that of all peers together
context = 64
batch_tokens = 1024
validation_tokens = 32768

[method]
kind = "diloco"          # or "synchronous", "pipeline"
inner_steps = 30         # H
outer_learning_rate = 0.5
outer_momentum = 0.8
fragments = 1            # above 1: streaming, one part after another
overlap = 0              # inner steps that go on while an average is on its way
share = "by_speed"       # or "even"

[wire]                   # fp32, bf16, int8, int4, fp4, top-k, dct-sign
up = "int4"
down = "int4"

[rules]
quorum = 0.5             # of a round's text, before it may end without the others
patience = 3.0           # times the 80 % quantile of earlier rounds
aggregation = "mean"     # or { clip_to_median = { factor = 1.0 } }, { trimmed_mean = { share = 0.2 } }, { centred_clip = { rounds = 3 } }
audit = 0.0              # share of updates of which one inner step is repeated

[[peer]]
name = "desktop"
count = 3
speed = 20e3             # tokens a second
up = 20e6                # bit/s
down = 100e6
delay = 0.02             # seconds to the middle of the network, one way

[[peer]]
name = "laptop"
speed = 5e3
up = 10e6
down = 50e6
delay = 0.05
# joins_at = 3.0         # seconds; also leaves_at, dies_at, stalls_at with stalls_for
# habit = { sign_flip = { size = 1.0 } }   # or "zero", { stale = {} }, { noise = { size = 1.0 } }, "garbage"
"#;

/// Train one model on many machines over slow lines
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SwarmCommand {
    Rehearse(rehearse::RehearseArgs),
    Start(start::StartArgs),
    Join(join::JoinArgs),
    Sweep(sweep::SweepArgs),
}

/// Runs a `lab swarm` command.
pub(super) fn run(command: SwarmCommand, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    match command {
        SwarmCommand::Rehearse(args) => rehearse::run(&args, out),
        SwarmCommand::Start(args) => start::run(&args, out),
        SwarmCommand::Join(args) => join::run(&args, out),
        SwarmCommand::Sweep(args) => sweep::run(&args, out),
    }
}

fn read(path: &Path) -> Result<Swarm, Diagnostic> {
    if path.as_os_str() == "-" {
        let text = std::io::read_to_string(std::io::stdin()).map_err(|error| {
            Diagnostic::error(format!("the standard input cannot be read: {error}"))
        })?;
        return Swarm::parse("<stdin>", &text);
    }
    Swarm::read(path)
}

/// Averages in a whole run below which the outer step does not settle.
const FEW: u64 = 50;

/// Says when a run is too short for its method.
fn warn_of_few_averages(settings: &Settings) {
    if let Some(averages) = settings.averages().filter(|averages| *averages < FEW) {
        complain(
            &Diagnostic::warning(format!(
                "the run has {averages} averages: with fewer than {FEW}, DiLoCo ends several per cent \
                 above the synchronous loss"
            ))
            .help("give it more `tokens`, or a smaller `inner_steps`, or a smaller batch"),
        );
    }
}

fn folder(out: Option<&PathBuf>, name: &str) -> PathBuf {
    out.cloned().unwrap_or_else(|| PathBuf::from("isoflop-out").join(name))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    runs::write_atomically(path, bytes).map_err(|error| {
        Diagnostic::error(format!("{} cannot be written: {error}", path.display()))
            .help("name another folder with `--out`, or free some space")
    })
}

fn make_folder(folder: &Path) -> Result<(), Diagnostic> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Diagnostic::error(format!("the folder {} cannot be made: {error}", folder.display()))
    })
}

/// Adds or replaces the run's row in `runs.csv`, and writes its logs beside it.
fn keep(folder: &Path, name: &str, settings: &Settings, played: &Played) -> Result<(), Diagnostic> {
    make_folder(folder)?;
    let table = folder.join("runs.csv");
    let mut rows: Vec<SwarmRow> = read_rows(&table)?;
    rows.retain(|row| row.run != name);
    rows.push(SwarmRow::new(name, settings, &played.account));
    write_rows(&table, &rows)?;
    let context = settings.context();
    let rounds = rounds_csv(&played.rounds, context);
    write(&folder.join(format!("{name}.rounds.csv")), rounds.as_bytes())?;
    let traffic = traffic_csv(&played.traffic);
    write(&folder.join(format!("{name}.traffic.csv")), traffic.as_bytes())
}

#[cfg(test)]
mod tests {
    use lab::swarm::rehearsal::{Dummy, play};

    use super::*;

    #[test]
    fn the_example_can_be_rehearsed_and_shown() {
        let swarm = Swarm::parse("example", EXAMPLE).unwrap();
        let settings = swarm.settings(256, "").unwrap();
        let played =
            play(&swarm, &settings, || Dummy::new(&settings.run), &mut |_| true).unwrap().unwrap();
        assert!(played.account.finished);
        let shown = show::people(&settings, &played, None);
        for wanted in ["DiLoCo, H = 30", "int4 up", "bytes a token", "laptop", "not trained"] {
            assert!(shown.contains(wanted), "{wanted} is missing:\n{shown}");
        }
        let json: serde_json::Value =
            serde_json::from_str(&show::json("lab swarm rehearse", &settings, &played, false))
                .unwrap();
        assert_eq!(json["account"]["finished"], true);
    }

    #[test]
    fn mistakes_in_a_swarm_file_are_shown_where_they_are() {
        for (from, to, wanted) in [
            ("inner_steps", "inner_step", "swarm.toml:14"),
            ("up = \"int4\"", "up = \"int5\"", "int5"),
            ("speed = 20e3", "speed = -1.0", "speed of peer `desktop`"),
            ("overlap = 0 ", "overlap = 99", "overlap 99"),
            ("count = 3", "joins_at = 3.0\ncount = 3", ""),
        ] {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_ne!(text, EXAMPLE, "{from}");
            let outcome = Swarm::parse("swarm.toml", &text).and_then(|s| s.settings(256, ""));
            match outcome {
                Err(problem) => {
                    let shown = problem.to_string();
                    assert!(!wanted.is_empty() && shown.contains(wanted), "{from}: {shown}");
                }
                Ok(_) => assert!(wanted.is_empty(), "{from} was not refused"),
            }
        }
    }
}
