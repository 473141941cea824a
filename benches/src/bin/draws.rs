//! Draws against their limits: a scenario by Monte Carlo, and Sobol indices of it.
//!
//! ```text
//! cargo run --release -p benches --bin draws [-- SAMPLES]
//! ```
//!
//! The model is the one of the peers' programs (numpy, Squiggle, `SALib`): twelve lognormal inputs,
//! thirty yearly steps, ten state updates a step. CPU seconds are this process's own, all threads
//! together, so that a busy machine does not change them much.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::time::Instant;

use draws::sensitivity::{SobolPlan, sobol_indices};
use draws::{Design, Dist, Error, Inputs, Level, select};
use rayon::prelude::*;

const INPUTS: [(&str, f64, f64); 12] = [
    ("p0", 6.0, 10.0),
    ("pg", 1.4, 1.75),
    ("hw", 1.25, 2.0),
    ("life", 3.0, 7.0),
    ("pue", 1.1, 1.4),
    ("util", 0.3, 0.8),
    ("mfu", 0.25, 0.5),
    ("d0", 0.8, 1.2),
    ("dg", 2.0, 8.0),
    ("decay", 0.75, 0.95),
    ("alg", 1.8, 5.0),
    ("cap", 30.0, 60.0),
];
const YEARS: usize = 30;
const OUTPUTS: usize = 3;
const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// State variables carried from year to year.
const STATES: usize = 9;
/// Years simulated before their quantiles are taken: bounds the memory for outputs.
const WINDOW: usize = 5;
/// Rows worked on at a time, so that states stay in the cache.
const BLOCK: usize = 1024;

fn inputs() -> Result<Inputs, Error> {
    let mut inputs = Inputs::new();
    for (name, low, high) in INPUTS {
        inputs.add(name, Dist::interval(low, high, Level::P90)?)?;
    }
    Ok(inputs)
}

/// The states of a block of rows at the start.
fn start(x: &[&[f64]], states: &mut [&mut [f64]; STATES]) {
    let [power, chips, perf, eff, dem, g, short, first, capex] = states;
    for i in 0..power.len() {
        power[i] = x[0][i];
        chips[i] = x[0][i] / x[4][i];
        perf[i] = 1.0;
        eff[i] = 1.0;
        dem[i] = x[7][i] * chips[i] * x[5][i];
        g[i] = x[8][i];
        short[i] = 0.0;
        first[i] = f64::INFINITY;
        capex[i] = 0.0;
    }
}

/// One year; writes supply, demand and their ratio.
fn step(
    year: usize,
    x: &[&[f64]],
    states: &mut [&mut [f64]; STATES],
    outputs: &mut [&mut [f64]; OUTPUTS],
) {
    let t = year as f64;
    let (fade_p, fade_h, fade_a) = (0.93_f64.powf(t), 0.97_f64.powf(t), 0.9_f64.powf(t));
    let n = outputs[0].len();
    let [pg, hw, life, pue] = [1, 2, 3, 4].map(|j| &x[j][..n]);
    let [util, mfu, decay, alg, cap] = [5, 6, 9, 10, 11].map(|j| &x[j][..n]);
    let [power, chips, perf, eff, dem, g, short, first, capex] =
        states.each_mut().map(|state| &mut state[..n]);
    let [supply, demand, ratio] = outputs.each_mut().map(|output| &mut output[..n]);
    for i in 0..n {
        let added = power[i] * (pg[i] - 1.0) * fade_p;
        power[i] += added;
        perf[i] *= 1.0 + (hw[i] - 1.0) * fade_h;
        chips[i] = chips[i] * (1.0 - 1.0 / life[i]) + added / pue[i] * perf[i];
        eff[i] *= 1.0 + (alg[i] - 1.0) * fade_a;
        supply[i] = chips[i] * util[i] * mfu[i] * eff[i];
        dem[i] *= g[i];
        demand[i] = dem[i];
        g[i] = 1.0 + (g[i] - 1.0) * decay[i];
        ratio[i] = dem[i] / supply[i];
        first[i] = if ratio[i] < 1.0 { first[i].min(t) } else { first[i] };
        short[i] += (ratio[i] - 1.0).max(0.0) / (1.0 + ratio[i]);
        capex[i] += cap[i] * added;
    }
}

/// Cuts every column of a set into blocks, and hands out the `n`-th block of each.
fn blocks<const K: usize>(columns: &mut [Vec<f64>]) -> Vec<[&mut [f64]; K]> {
    let mut cut: Vec<_> = columns.iter_mut().map(|column| column.chunks_mut(BLOCK)).collect();
    let mut all = Vec::new();
    'blocks: loop {
        let mut block: [&mut [f64]; K] = std::array::from_fn(|_| <&mut [f64]>::default());
        for (place, column) in block.iter_mut().zip(&mut cut) {
            match column.next() {
                Some(part) => *place = part,
                None => break 'blocks,
            }
        }
        all.push(block);
    }
    all
}

struct Timed {
    sampling: f64,
    simulation: f64,
    quantiles: f64,
    /// Median demand over supply in the tenth year, and how often supply ever meets demand.
    median: f64,
    met: f64,
}

fn monte_carlo(samples: usize, design: Design) -> Result<Timed, Error> {
    let mut clock = Clock::new();
    let sampler = inputs()?.sampler(7, design)?;
    let mut x = vec![vec![0.0; samples]; INPUTS.len()];
    sampler.fill(0, &mut x);
    let sampling = clock.lap();

    let mut states = vec![vec![0.0; samples]; STATES];
    let mut outputs = vec![vec![0.0; samples]; OUTPUTS * WINDOW];
    let (mut simulation, mut quantiles, mut median) = (0.0, 0.0, f64::NAN);
    let mut table = Vec::new();
    for window in 0..YEARS / WINDOW {
        blocks::<STATES>(&mut states)
            .into_par_iter()
            .zip(blocks::<{ OUTPUTS * WINDOW }>(&mut outputs))
            .enumerate()
            .for_each(|(b, (mut states, mut outputs))| {
                let rows = b * BLOCK..b * BLOCK + states[0].len();
                let x: [&[f64]; 12] = std::array::from_fn(|j| &x[j][rows.clone()]);
                if window == 0 {
                    start(&x, &mut states);
                }
                for (year, outputs) in outputs.chunks_mut(OUTPUTS).enumerate() {
                    if let [supply, demand, ratio] = outputs {
                        step(window * WINDOW + year, &x, &mut states, &mut [supply, demand, ratio]);
                    }
                }
            });
        simulation += clock.lap();
        table.par_extend(outputs.par_iter().map(|column| select::quantiles(column, &QUANTILES)));
        quantiles += clock.lap();
    }
    if let Some(row) = table.get(9 * OUTPUTS + 2) {
        median = row[2];
    }
    let met = states[7].iter().filter(|year| year.is_finite()).count() as f64 / samples as f64;
    Ok(Timed { sampling, simulation, quantiles, median, met })
}

/// The model for the sensitivity analysis, all thirty years of it as in the peer's program; its
/// output is the logarithm of demand over supply in the tenth.
fn tenth_year(x: &[&[f64]], out: &mut [f64]) {
    let mut store = vec![[0.0; BLOCK]; STATES + OUTPUTS];
    for first in (0..out.len()).step_by(BLOCK) {
        let rows = first..out.len().min(first + BLOCK);
        let x: Vec<&[f64]> = x.iter().map(|column| &column[rows.clone()]).collect();
        let mut slices: Vec<&mut [f64]> = store.iter_mut().map(|s| &mut s[..rows.len()]).collect();
        let Some((states, [supply, demand, ratio])) = slices.split_first_chunk_mut::<STATES>()
        else {
            return;
        };
        start(&x, states);
        for year in 0..YEARS {
            step(year, &x, states, &mut [supply, demand, ratio]);
            if year == 9 {
                for (value, ratio) in out[rows.clone()].iter_mut().zip(&**ratio) {
                    *value = ratio.ln();
                }
            }
        }
    }
}

fn main() -> Result<(), Error> {
    let samples = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    println!(
        "12 inputs, 30 yearly steps, {samples} samples, five quantiles of three outputs a year\n"
    );
    println!("design           CPU s   sample  simulate  quantiles   wall s   median y10   P(met)");
    for (name, design) in [("plain", Design::Plain), ("Sobol", Design::SOBOL)] {
        for _ in 0..3 {
            let wall = Instant::now();
            let t = monte_carlo(samples, design)?;
            let total = t.sampling + t.simulation + t.quantiles;
            println!(
                "{name:<14} {total:>7.2}  {:>7.2}  {:>8.2}  {:>9.2}  {:>7.2}  {:>11.3}  {:>7.3}",
                t.sampling,
                t.simulation,
                t.quantiles,
                wall.elapsed().as_secs_f64(),
                t.median,
                t.met
            );
        }
    }
    println!("limit             2.50 CPU s in all, 400 MB; numpy 3.8 CPU s");
    println!("peak memory      {:.0} MB\n", peak_megabytes());

    println!("Sobol first and total, 12 inputs, n = 2^14, 100 bootstraps (229,376 runs)\n");
    let inputs = inputs()?;
    let model = |x: &[&[f64]], out: &mut [f64]| tenth_year(x, out);
    for seed in 0..3 {
        let (mut clock, wall) = (Clock::new(), Instant::now());
        let found = sobol_indices(&inputs, &model, &SobolPlan { seed, ..SobolPlan::default() })?;
        let cpu = clock.lap();
        let mut order: Vec<_> = found.indices.iter().collect();
        order.sort_by(|a, b| b.total.value.total_cmp(&a.total.value));
        let largest: Vec<String> = order
            .iter()
            .take(5)
            .map(|index| format!("{} {:.3}", index.name, index.total.value))
            .collect();
        println!(
            "{cpu:.2} CPU s, {:.2} s wall, {} runs; total: {}",
            wall.elapsed().as_secs_f64(),
            found.evaluations,
            largest.join(", ")
        );
    }
    println!("limit 1.50 CPU s; SALib 2.15 CPU s\n");
    families(samples)
}

/// Nanoseconds a draw of each family, and to set its sampler up.
fn families(samples: usize) -> Result<(), Error> {
    let data: Vec<f64> = (0..1000).map(f64::from).collect();
    let lognormal = Dist::interval(1.0, 9.0, Level::P90)?;
    let families = [
        ("a to b", lognormal.clone()),
        ("q(...)", Dist::quantiles(&[(0.1, 1.0), (0.5, 2.0), (0.9, 9.0)])?),
        ("uniform", Dist::uniform(0.0, 1.0)?),
        ("triangular", Dist::triangular(0.0, 1.0, 3.0)?),
        ("beta", Dist::beta(2.0, 5.0)?),
        ("pert", Dist::pert(1.0, 2.0, 9.0)?),
        ("student", Dist::student(3.0, 0.0, 1.0)?),
        ("poisson", Dist::poisson(30.0)?),
        ("zero", Dist::zero(0.2, lognormal.clone())?),
        ("mix", Dist::mix(vec![(0.8, lognormal), (0.2, Dist::normal(20.0, 1.0)?)])?),
        ("data", Dist::data(data)?),
    ];
    println!("family         ns a draw    ms to set up");
    let mut column = [vec![0.0; samples]];
    for (name, dist) in families {
        let mut clock = Clock::new();
        let wall = Instant::now();
        let mut inputs = Inputs::new();
        inputs.add(name, dist)?;
        let sampler = inputs.sampler(7, Design::Plain)?;
        let ready = wall.elapsed().as_secs_f64() * 1e3;
        for round in 0..4 {
            sampler.fill(round * samples as u64, &mut column);
        }
        let nanoseconds = clock.lap() * 1e9 / (4.0 * samples as f64);
        println!("{name:<14} {nanoseconds:>9.1} {ready:>15.2}");
    }
    Ok(())
}

/// CPU seconds of this process between laps.
struct Clock(f64);

impl Clock {
    fn new() -> Self {
        Self(cpu_seconds())
    }

    fn lap(&mut self) -> f64 {
        let now = cpu_seconds();
        now - std::mem::replace(&mut self.0, now)
    }
}

/// User and system time of all threads, from `/proc` (ticks of 10 ms); NaN where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The process's name may hold spaces: count fields after its closing bracket.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let mut fields = after.split_whitespace().skip(11).map(str::parse::<f64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(system))) => (user + system) / 100.0,
        _ => f64::NAN,
    }
}

fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
}
