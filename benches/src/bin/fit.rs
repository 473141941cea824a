//! Times fits of scaling laws against the tools that the field uses, in CPU seconds of all threads.
//!
//! `cargo run --release -p benches --bin fit [-- PART ...]`, the parts being fit, starts, bootstrap,
//! plane, terms and million.
//!
//! The 240 runs are those of Besiroglu et al. 2024 when `$ISOFLOP_REFERENCE` names a folder with
//! `chinchilla_epoch/runs.csv`, else synthetic ones of the same spread and scatter. The peer,
//! `benches/scipy/fit.py`, is run on the same rows when `$ISOFLOP_PYTHON` names a Python with scipy;
//! it does a part of its work, and its time is scaled up. Other peers' seconds are cited: they were
//! measured on a two-core Xeon machine.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cpu_time::ProcessTime;
use laws::{
    Axis, Chinchilla, FitOptions, Law, Loss, Objective, Resampling, ResidualScale, catalogue,
    descend_from, fit, surface,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, StudentT, Uniform};
use runs::{
    Asked, InMemory, Observation, Observations, Parameters, Request, Rules, RunTable, Tokens,
};
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Besiroglu et al. 2024, table 1.
const BESIROGLU: Chinchilla =
    Chinchilla { e: 1.8172, a: 482.01, b: 2085.43, alpha: 0.3478, beta: 0.3658 };

/// CPU seconds of Epoch's own notebook on their 240 runs: 4,500 starts of scipy 1.17 L-BFGS-B, and
/// 4,000 bootstraps of one start with autograd's BFGS.
const EPOCH_GRID: f64 = 61.3;
const EPOCH_BOOTSTRAP: f64 = 126.2;

/// vpnls 0.1.0 (Cython) on the same runs at a resolution of 0.001: CPU seconds, and its objective,
/// a mean over runs.
const VPNLS: f64 = 15.3;
const VPNLS_MEAN: f64 = 1.206_88e-5;

fn main() -> Outcome<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let [what, path] = asked.as_slice()
        && what == "million-rows"
    {
        return million_here(path);
    }
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|asked| asked == part);
    let (runs, real) = runs_240()?;
    let table = tempfile::NamedTempFile::new()?;
    write_table(&runs, &table)?;
    let peer = Peer { table: table.path() };
    println!(
        "240 runs, {}; CPU seconds of all threads, {} of them\n",
        if real { "those of Besiroglu et al. 2024" } else { "synthetic" },
        std::thread::available_parallelism().map_or(1, usize::from)
    );
    println!(
        "{:34} {:>9} {:>8}   {:>9} {:18} {:>8}   objective ours / peer's",
        "what", "CPU s", "wall s", "CPU s", "of", "ratio"
    );
    let law = catalogue::find("chinchilla")?;
    if wanted("fit") {
        one_fit(&law, &runs)?;
    }
    if wanted("starts") {
        grid_of_starts(&law, &runs, real, &peer)?;
    }
    if wanted("bootstrap") {
        bootstraps(&law, &runs, real, &peer)?;
    }
    if wanted("plane") {
        plane(&law, &runs, real, &peer)?;
    }
    if wanted("terms") {
        four_terms()?;
    }
    if wanted("million") {
        million()?;
    }
    Ok(())
}

/// CPU and wall seconds.
#[derive(Debug, Clone, Copy)]
struct Time {
    cpu: f64,
    wall: f64,
}

/// The work's answer and the least time of `repeats`: what it takes when nothing interrupts it.
fn timed<T>(repeats: usize, work: impl Fn() -> Outcome<T>) -> Outcome<(T, Time)> {
    let mut least = Time { cpu: f64::INFINITY, wall: f64::INFINITY };
    let once = |least: &mut Time| -> Outcome<T> {
        let (wall, cpu) = (Instant::now(), ProcessTime::now());
        let answer = work()?;
        least.cpu = least.cpu.min(cpu.elapsed().as_secs_f64());
        least.wall = least.wall.min(wall.elapsed().as_secs_f64());
        Ok(answer)
    };
    for _ in 1..repeats {
        once(&mut least)?;
    }
    Ok((once(&mut least)?, least))
}

/// One line of the table: ours, what it is held against, and the objectives.
fn row(what: &str, ours: Time, than: f64, of: &str, note: &str) {
    println!(
        "{what:34} {:>9.4} {:>8.3}   {than:>9.3} {of:18} {:>8.4}   {note}",
        ours.cpu,
        ours.wall,
        ours.cpu / than
    );
}

fn limit(what: &str, ours: Time, seconds: f64, note: &str) {
    row(what, ours, seconds, "limit", note);
}

fn point_fit() -> FitOptions {
    FitOptions { bootstrap: 0, backtest: false, ..FitOptions::default() }
}

fn one_fit(law: &Law, runs: &Observations) -> Outcome<()> {
    let (found, time) = timed(20, || Ok(fit(law, runs, &point_fit())?))?;
    let certificate = &found.certificate;
    let note = format!(
        "{:.10e}, {} of {} starts, improvement left {:.0e}",
        found.value,
        certificate.starts_at_minimum,
        certificate.starts,
        certificate.improvement_left
    );
    limit("fit by variable projection", time, 0.010, &note);
    let with = FitOptions { backtest: true, ..point_fit() };
    let (tried, time) = timed(10, || Ok(fit(law, runs, &with)?))?;
    let cuts = tried.backtest.map_or(0, |backtest| backtest.cuts.len());
    limit("  and its backtest", time, 0.050, &format!("{cuts} cuts, each searched anew"));
    Ok(())
}

/// The starts of Besiroglu et al. 2024 (arXiv:2404.10102), in the law's order.
fn starts() -> Vec<Vec<f64>> {
    let exponents = [0.0, 0.5, 1.0, 1.5, 2.0];
    let logs = [0.0, 5.0, 10.0, 15.0, 20.0, 25.0_f64];
    let mut starts = Vec::new();
    for ln_a in logs {
        for ln_b in logs {
            for ln_e in [-1.0, -0.5, 0.0, 0.5, 1.0_f64] {
                for alpha in exponents {
                    for beta in exponents {
                        starts.push(vec![ln_e.exp(), ln_a.exp(), ln_b.exp(), alpha, beta]);
                    }
                }
            }
        }
    }
    starts
}

fn grid_of_starts(law: &Law, runs: &Observations, real: bool, peer: &Peer<'_>) -> Outcome<()> {
    let starts = starts();
    let found = fit(law, runs, &point_fit())?;
    let (stops, time) = timed(2, || Ok(descend_from(law, runs, &point_fit(), &starts)?))?;
    let values: Vec<f64> = stops.iter().flatten().map(|stop| stop.value).collect();
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let within = |share: f64| values.iter().filter(|&&x| x <= best * (1.0 + share)).count();
    let what = format!("{} starts, Newton from each", starts.len());
    let note = format!(
        "{best:.10e}; {} starts within 1e-7 of it, {} within 0.1 %; ours by projection {:+.0e}",
        within(1e-7),
        within(1e-3),
        found.value / best - 1.0
    );
    limit(&what, time, 2.0, &note);
    if let Some(other) = peer.run("grid", 30) {
        let note = format!(
            "{best:.10e} / {:.10e}; {:.1} % of its starts within 0.1 %",
            other.best,
            100.0 * other.share
        );
        row("", time, other.seconds, &other.of(), &note);
    }
    if real {
        row("", time, EPOCH_GRID, "Epoch, cited", &format!("{best:.10e} / 1.0182740290e-3"));
    }
    Ok(())
}

fn bootstraps(law: &Law, runs: &Observations, real: bool, peer: &Peer<'_>) -> Outcome<()> {
    let resampling = Resampling::Runs;
    let options = FitOptions { bootstrap: 4000, resampling, ..point_fit() };
    let (found, time) = timed(2, || Ok(fit(law, runs, &options)?))?;
    let mut spread = String::new();
    for name in ["A", "alpha", "beta"] {
        let draws = found.draws_of(name).unwrap_or_default();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let square = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        write!(spread, "{name} {:.4}, ", (square / (draws.len() as f64 - 1.0)).sqrt())?;
    }
    let note = format!("SD {spread}{} not certified", found.bootstrap.not_certified);
    limit("fit and 4,000 bootstraps, 2 starts+", time, 2.0, &note);
    if let Some(other) = peer.run("bootstrap", 100) {
        row("", time, other.seconds, &other.of(), "one start each");
    }
    if real {
        row("", time, EPOCH_BOOTSTRAP, "Epoch, cited", "one start each");
    }
    Ok(())
}

/// The whole plane of exponents in steps of 0.001, on residuals of the loss itself.
fn plane(law: &Law, runs: &Observations, real: bool, peer: &Peer<'_>) -> Outcome<()> {
    let objective =
        Objective { residuals: ResidualScale::Linear, loss: Loss::Huber { delta: 1e-3 } };
    let options = FitOptions { objective: Some(objective), ..point_fit() };
    let axes = ["alpha", "beta"].map(|name| Axis::even(name, 0.01, 0.99, 981));
    let (picture, time) = timed(2, || Ok(surface(law, runs, &options, axes.clone())?))?;
    let searched = fit(law, runs, &options)?;
    let away = |name: &str, place: usize| {
        searched.value_of(name).map_or(f64::NAN, |x| (picture.best[place].1 - x).abs())
    };
    let far = away("alpha", 3).max(away("beta", 4));
    let note = format!(
        "{:.6e}; {:.1} passes a point; search {:.6e}, {far:.4} away",
        picture.best_value,
        picture.passes as f64 / picture.values.len() as f64,
        searched.value
    );
    limit("981 x 981 plane, linear residuals", time, 1.0, &note);
    if let Some(other) = peer.run("projection", 25) {
        let note = format!("{:.6e} / {:.6e} on its coarser grid", picture.best_value, other.best);
        row("", time, other.seconds, &other.of(), &note);
    }
    if real {
        let sum = VPNLS_MEAN * runs.len() as f64;
        let note = format!("{:.6e} / {sum:.6e}", picture.best_value);
        row("", time, VPNLS, "vpnls, cited", &note);
    }
    let options = FitOptions { objective: None, ..options };
    let (picture, time) = timed(1, || Ok(surface(law, runs, &options, axes.clone())?))?;
    let note = format!(
        "{:.6e}; {:.1} passes a point",
        picture.best_value,
        picture.passes as f64 / picture.values.len() as f64
    );
    limit("981 x 981 plane, log residuals", time, 5.0, &note);
    Ok(())
}

/// Seven parameters on 770 runs: 11 widths, 7 depths, 10 token counts.
fn four_terms() -> Outcome<()> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let noise = Normal::new(0.0, 0.005)?;
    let (mut width, mut depth, mut tokens, mut loss) = (vec![], vec![], vec![], vec![]);
    for i in 0..770_u32 {
        let w = 256.0 * 2_f64.powf(f64::from(i % 11) / 2.5);
        let l = 3.0 * 2_f64.powf(f64::from(i / 11 % 7) / 1.5);
        let d = 1e9 * 2_f64.powf(f64::from(i / 77));
        let law = 1.75 + 90.0 / w.powf(0.977) + 2.2 / l.powf(1.201) + 380.0 / d.powf(0.299);
        width.push(w.round());
        depth.push(l.round());
        tokens.push(d);
        let error: f64 = noise.sample(&mut random);
        loss.push(law * error.exp());
    }
    let columns = InMemory::new(
        (Asked::positive("loss"), loss),
        vec![
            (Asked::positive("width"), width),
            (Asked::positive("depth"), depth),
            (Asked::positive("D"), tokens),
        ],
    );
    let runs = Observations::from_columns("<memory>", columns, Rules::default())?;
    let law = catalogue::find("width-depth-time")?;
    let held = ["a_m", "a_l", "a_t"].map(|name| (name.to_owned(), f64::NAN)).to_vec();
    let options = FitOptions { held, ..point_fit() };
    let (found, time) = timed(3, || Ok(fit(&law, &runs, &options)?))?;
    let certificate = &found.certificate;
    let note = format!(
        "{:.6e}, {} of {} starts; a_m {:.3}, a_l {:.3}, a_t {:.3}",
        found.value,
        certificate.starts_at_minimum,
        certificate.starts,
        found.value_of("a_m").unwrap_or(f64::NAN),
        found.value_of("a_l").unwrap_or(f64::NAN),
        found.value_of("a_t").unwrap_or(f64::NAN)
    );
    limit("E, width, depth, data: 770 runs", time, 60.0, &note);
    Ok(())
}

/// A million rows, in a process of its own so that its peak memory is known.
fn million() -> Outcome<()> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let (uniform, noise) = (Uniform::new(0.0, 1.0)?, StudentT::new(3.0)?);
    let table = tempfile::Builder::new().suffix(".csv").tempfile()?;
    let mut out = std::io::BufWriter::new(&table);
    writeln!(out, "run,N,D,loss")?;
    for row in 0..1_000_000 {
        let n = 57e6 * 280_f64.powf(uniform.sample(&mut random));
        let d = 1e9 * 1e3_f64.powf(uniform.sample(&mut random));
        let error: f64 = 0.004 * noise.sample(&mut random);
        let loss = BESIROGLU.loss(Parameters(n), Tokens(d)).get() * error.exp();
        writeln!(out, "r{},{n:.0},{d:.0},{loss:.5}", row / 10)?;
    }
    out.flush()?;
    let output = Command::new(std::env::current_exe()?)
        .args(["million-rows".as_ref(), table.path().as_os_str()])
        .output()?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let number = |name: &str| answer[name].as_f64().unwrap_or(f64::NAN);
    let time = Time { cpu: number("cpu"), wall: number("wall") };
    let note = format!(
        "read {:.1}, take {:.1}, fit {:.1} CPU s; alpha {:.4} ± {:.4}",
        number("read"),
        number("take"),
        number("fit"),
        number("alpha"),
        number("half_width")
    );
    limit("1,000,000 rows of 100,000 runs", time, 10.0, &note);
    let peak = number("peak");
    println!("{:34} {peak:>6.0} MB peak, limit 1000 MB, ratio {:.2}", "", peak / 1000.0);
    Ok(())
}

fn million_here(path: &str) -> Outcome<()> {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let table = RunTable::read(path)?;
    let read = cpu.elapsed().as_secs_f64();
    let runs = Observations::from_table(&table, &Request::default())?;
    drop(table);
    let take = cpu.elapsed().as_secs_f64() - read;
    let found = fit(&catalogue::find("chinchilla")?, &runs, &FitOptions::default())?;
    let total = cpu.elapsed().as_secs_f64();
    let interval = found.interval("alpha").ok_or("the fit has no draws")?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(f64::NAN);
    let answer = serde_json::json!({
        "cpu": total, "wall": wall.elapsed().as_secs_f64(),
        "read": read, "take": take, "fit": total - read - take,
        "alpha": found.value_of("alpha"), "half_width": 0.5 * (interval.high - interval.low),
        "peak": peak * 1024.0 / 1e6,
    });
    println!("{answer}");
    Ok(())
}

/// The 240 runs, and whether they are the published ones.
fn runs_240() -> Outcome<(Observations, bool)> {
    let Ok(folder) = std::env::var("ISOFLOP_REFERENCE") else { return Ok((synthetic()?, false)) };
    let table = RunTable::read(Path::new(&folder).join("chinchilla_epoch/runs.csv"))?;
    let (n, d) = (table.numbers("N")?, table.numbers("D")?);
    let (loss, outlier) = (table.numbers("loss")?, table.numbers("epoch_outlier")?);
    let kept = (0..table.len()).filter(|&row| outlier[row] == 0.0);
    let runs = Observations::new(kept.map(|row| Observation {
        run: row.to_string(),
        parameters: Parameters(n[row]),
        tokens: Tokens(d[row]),
        loss: runs::NatsPerToken(loss[row]),
    }));
    Ok((runs, true))
}

/// N from 57 M to 16 B, C = 6 N D from 1e18 to 1e22, both log-uniform, about Besiroglu's law; the
/// noise of scale 0.004 with three degrees of freedom has a median size of 0.003 and rare 0.05.
fn synthetic() -> Outcome<Observations> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let (uniform, noise) = (Uniform::new(0.0, 1.0)?, StudentT::new(3.0)?);
    Ok(Observations::new((0..240).map(|i| {
        let n = 57e6 * 280_f64.powf(uniform.sample(&mut random));
        let c = 1e18 * 1e4_f64.powf(uniform.sample(&mut random));
        let (parameters, tokens) = (Parameters(n), Tokens(c / 6.0 / n));
        let error: f64 = 0.004 * noise.sample(&mut random);
        let loss = BESIROGLU.loss(parameters, tokens) * error.exp();
        Observation { run: i.to_string(), parameters, tokens, loss }
    })))
}

fn write_table(runs: &Observations, file: &tempfile::NamedTempFile) -> Outcome<()> {
    let mut out = std::io::BufWriter::new(file);
    writeln!(out, "N,D,loss")?;
    for ((n, d), loss) in runs.parameters().zip(runs.tokens()).zip(runs.loss()) {
        writeln!(out, "{},{},{}", n.get(), d.get(), loss.get())?;
    }
    Ok(out.flush()?)
}

/// The scipy program, and the table it reads.
struct Peer<'a> {
    table: &'a Path,
}

/// What it found, its seconds scaled up to the whole work.
struct Measured {
    seconds: f64,
    part: f64,
    best: f64,
    share: f64,
}

impl Peer<'_> {
    /// Runs a part of the work `what`; `None` without a Python.
    fn run(&self, what: &str, amount: usize) -> Option<Measured> {
        let python = std::env::var("ISOFLOP_PYTHON").ok()?;
        let output = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scipy/fit.py"))
            .args([what.as_ref(), self.table.as_os_str()])
            .arg(amount.to_string())
            .output()
            .ok()?;
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        let part = answer["part"].as_f64()?;
        Some(Measured {
            seconds: answer["seconds"].as_f64()? / part,
            part,
            best: answer["best"].as_f64()?,
            share: answer["share"].as_f64().unwrap_or(f64::NAN),
        })
    }
}

impl Measured {
    fn of(&self) -> String {
        format!("scipy, {:.2} % run", 100.0 * self.part)
    }
}
