//! Runs, a law, its draws, and plans.

use std::error::Error;

use formula::{Columns, Compiled, Environment, Program};
use report::{Figure, Frame, Live, Source, Summary, charts};

pub(crate) const DRAWS: usize = 4_000;
pub(crate) const BUDGET: f64 = 1e23;

/// E, A, B, alpha, beta.
const LAW: [f64; 5] = [1.82, 482.0, 2085.0, 0.348, 0.366];

/// Numbers from a normal distribution, the same each time.
pub(crate) struct Normal(u64);

impl Normal {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn next(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

pub(crate) fn draws() -> Columns {
    let mut normal = Normal::new(1);
    let mut columns = vec![Vec::new(); 6];
    for _ in 0..DRAWS {
        let (a, b) = (normal.next(), normal.next());
        let [e, big_a, big_b, alpha, beta] = LAW;
        columns[0].push(e + 0.015 * normal.next() + 0.012 * b);
        columns[1].push(big_a * (0.16 * a + 0.02 * normal.next()).exp());
        columns[2].push(big_b * (0.20 * b + 0.03 * normal.next()).exp());
        columns[3].push(alpha + 0.0085 * a);
        columns[4].push(beta + 0.0098 * b);
        columns[5].push(crate::forecasts::GROWTH + 0.2 * normal.next());
    }
    let names = ["E", "A", "B", "alpha", "beta", "growth"];
    names.into_iter().zip(columns).fold(Columns::new(DRAWS), |t, (name, c)| t.with(name, c))
}

fn names() -> Environment {
    ["E", "A", "B", "alpha", "beta"]
        .into_iter()
        .fold(Environment::new(), |names, name| names.input(name, ""))
}

pub(crate) fn plan() -> Result<Compiled, diagnostic::Diagnostic> {
    let text = "G = (alpha * A / (beta * B))^(1 / (alpha + beta))\n\
                params = G * (C / 6)^(beta / (alpha + beta))\n\
                tokens = C / 6 / params\n\
                ratio = tokens / params\n\
                loss = E + A / params^alpha + B / tokens^beta\n\
                within = if(loss < 2.0, 1, 0)\n\
                cost = C / (9.89e14 * mfu) / 3600 * price";
    let names = names().parameter("C", "").parameter("mfu", "").parameter("price", "");
    let outputs = ["params", "tokens", "ratio", "loss", "within", "cost"];
    Program::parse("<plan>", text)?.check(&names)?.compile(&outputs)
}

/// Loss above the best, at another ratio of tokens to parameters.
pub(crate) fn choice() -> Result<Compiled, diagnostic::Diagnostic> {
    let text = "G = (alpha * A / (beta * B))^(1 / (alpha + beta))\n\
                best = G * (C / 6)^(beta / (alpha + beta))\n\
                params = sqrt(C / 6 / ratio)\n\
                excess = A / params^alpha + B / (C / 6 / params)^beta - A / best^alpha - B / (C / 6 / best)^beta";
    let names = names().parameter("C", "").parameter("ratio", "");
    Program::parse("<choice>", text)?.check(&names)?.compile(&["excess"])
}

pub(crate) fn ratios() -> Vec<f64> {
    steps(1.0, 1000.0, 31)
}

/// Equal factors.
pub(crate) fn steps(from: f64, to: f64, count: usize) -> Vec<f64> {
    (0..count).map(|n| from * (to / from).powf(n as f64 / (count - 1) as f64)).collect()
}

fn loss(n: f64, d: f64) -> f64 {
    LAW[0] + LAW[1] / n.powf(LAW[3]) + LAW[2] / d.powf(LAW[4])
}

fn best(compute: f64) -> f64 {
    let [_, a, b, alpha, beta] = LAW;
    (alpha * a / (beta * b)).powf(1.0 / (alpha + beta))
        * (compute / 6.0).powf(beta / (alpha + beta))
}

struct Run {
    params: f64,
    tokens: f64,
    loss: f64,
    fitted: f64,
}

fn runs() -> Vec<Run> {
    let mut normal = Normal::new(7);
    let mut runs = Vec::new();
    for budget in steps(6e18, 1e21, 7) {
        for share in [-0.75, -0.45, -0.2, 0.0, 0.2, 0.45, 0.75] {
            let params = best(budget) * 10_f64.powf(share + 0.03 * normal.next());
            let tokens = budget / 6.0 / params;
            let fitted = loss(params, tokens);
            let loss = fitted + 0.008 * normal.next();
            runs.push(Run { params, tokens, loss, fitted });
        }
    }
    runs
}

fn column(runs: &[Run], get: impl Fn(&Run) -> f64) -> Vec<f64> {
    runs.iter().map(get).collect()
}

/// Median and the ends of the 90% interval of the best loss at each compute.
fn frontier(
    compute: Vec<f64>,
    draws: &Columns,
    noise: f64,
) -> Result<Frame, diagnostic::Diagnostic> {
    let mut live = Live::new(draws.clone());
    for (name, value) in [("mfu", 0.4), ("price", 2.0)] {
        live = live.constant(name, value);
    }
    let live = live.swept_program("plan", &plan()?, "C", compute.clone())?;
    let at =
        |level: f64| live.evaluate(&[], &Source::new("plan", "loss", Summary::Quantile(level)));
    let low = at(0.05)?.into_iter().map(|value| value - 1.64 * noise).collect();
    let high = at(0.95)?.into_iter().map(|value| value + 1.64 * noise).collect();
    Ok(Frame::new("frontier")
        .numbers("compute", "FLOP", compute)
        .numbers("loss", "nat/token", at(0.5)?)
        .numbers("low", "nat/token", low)
        .numbers("high", "nat/token", high))
}

pub(crate) fn figures(draws: &Columns) -> Result<Vec<Figure>, Box<dyn Error>> {
    let all = runs();
    let compute = |run: &Run| 6.0 * run.params * run.tokens;
    let table = |name: &str, runs: &[Run]| {
        Frame::new(name)
            .numbers("compute", "FLOP", column(runs, compute))
            .numbers("params", "param", column(runs, |run| run.params))
            .numbers("tokens", "token", column(runs, |run| run.tokens))
            .numbers("loss", "nat/token", column(runs, |run| run.loss))
            .numbers("residual", "nat/token", column(runs, |run| run.loss - run.fitted))
            .words("run", (0..runs.len()).map(|number| format!("run {number}")))
            .words("budget", runs.iter().map(|run| budget_word(compute(run))))
    };
    let source = "49 runs drawn from a law with noise of 0.008 nat; C = 6ND";
    let budget =
        Frame::new("budget").numbers("compute", "FLOP", vec![BUDGET]).words("budget", ["budget"]);
    let mut figures = vec![
        charts::frontier(
            table("runs", &all),
            frontier(steps(4e18, 4e23, 41), draws, 0.0)?,
            0.9,
            Some(budget),
        )
        .titled("Compute-optimal loss keeps falling to the budget, two decades beyond the runs")
        .subtitle("All runs, the frontier of the fitted law, and the 90% interval of its draws")
        .source(source),
    ];
    let profiles: Vec<(f64, f64, String)> = steps(6e18, 1e21, 7)
        .into_iter()
        .flat_map(|budget| {
            steps(best(budget) * 0.12, best(budget) * 8.0, 31).into_iter().map(move |params| {
                (params, loss(params, budget / 6.0 / params), budget_word(budget))
            })
        })
        .collect();
    let curves = Frame::new("profiles")
        .numbers("params", "param", profiles.iter().map(|row| row.0).collect())
        .numbers("loss", "nat/token", profiles.iter().map(|row| row.1).collect())
        .words("budget", profiles.iter().map(|row| row.2.clone()));
    let budgets = steps(6e18, 1e21, 7);
    let optima = Frame::new("optima")
        .numbers("params", "param", budgets.iter().map(|&c| best(c)).collect())
        .numbers("low", "param", budgets.iter().map(|&c| best(c) * 0.86).collect())
        .numbers("high", "param", budgets.iter().map(|&c| best(c) * 1.16).collect())
        .numbers(
            "loss",
            "nat/token",
            budgets.iter().map(|&c| loss(best(c), c / 6.0 / best(c))).collect(),
        )
        .words("budget", budgets.iter().map(|&c| budget_word(c)));
    figures.push(
        charts::isoflop_profiles(table("runs", &all), curves, optima, 0.9)
            .titled("The best size grows as C^0.51: seven IsoFLOP profiles and their optima")
            .subtitle("Curves: the fitted law at fixed compute; dots: runs")
            .source(source),
    );
    let grid: Vec<(f64, f64)> = steps(3e7, 1e10, 30)
        .into_iter()
        .flat_map(|n| steps(1e9, 4e11, 30).into_iter().map(move |d| (n, d)))
        .collect();
    let surface = Frame::new("surface")
        .numbers("params", "param", grid.iter().map(|row| row.0).collect())
        .numbers("tokens", "token", grid.iter().map(|row| row.1).collect())
        .numbers("loss", "nat/token", grid.iter().map(|row| loss(row.0, row.1)).collect());
    let path = steps(1e18, 1e22, 20);
    let path = Frame::new("path")
        .numbers("params", "param", path.iter().map(|&c| best(c)).collect())
        .numbers("tokens", "token", path.iter().map(|&c| c / 6.0 / best(c)).collect());
    figures.push(
        charts::loss_surface(surface, table("runs", &all), path)
            .titled("Parameters and tokens help equally along the compute-optimal path")
            .subtitle("Loss of the fitted law")
            .source(source),
    );
    figures.push(
        charts::residuals(
            table("runs", &all),
            &[
                ("compute", "training compute", true),
                ("params", "parameters", true),
                ("tokens", "training tokens", true),
            ],
        )
        .titled("Residuals show no trend with compute, parameters or tokens")
        .subtitle("Measured minus fitted loss")
        .source(source),
    );
    let (kept, held_out): (Vec<Run>, Vec<Run>) =
        runs().into_iter().partition(|run| compute(run) < 2e20);
    let nearly = |runs: Vec<Run>| -> Vec<Run> {
        runs.into_iter().filter(|run| run.loss < frontier_loss(compute(run)) + 0.03).collect()
    };
    figures.push(
        charts::extrapolation(
            table("kept", &nearly(kept)),
            table("held-out", &nearly(held_out)),
            frontier(steps(5e18, 1.2e21, 25), draws, 0.008)?,
            0.9,
        )
        .titled("Fitted to runs below 2×10²⁰ FLOP, the law predicts the larger ones")
        .subtitle("Runs near the frontier; the held-out ones were not seen by the fit")
        .source(source),
    );
    let parameters =
        ["E", "A", "B", "alpha", "beta"].iter().fold(Frame::new("parameters"), |f, name| {
            f.numbers(name, "", draws.get(name).unwrap_or_default().to_vec())
        });
    figures.push(
        charts::posteriors(&parameters)
            .titled("All five parameters are identified; B within a factor of 1.4")
            .source("4,000 draws"),
    );
    figures.push(
        charts::pairs(parameters)
            .titled("A trades against α, and B against β")
            .subtitle("350 of 4,000 draws")
            .source("4,000 draws"),
    );
    Ok(figures)
}

fn frontier_loss(compute: f64) -> f64 {
    loss(best(compute), compute / 6.0 / best(compute))
}

fn budget_word(compute: f64) -> String {
    let nearest = steps(6e18, 1e21, 7)
        .into_iter()
        .min_by(|a, b| (a / compute).ln().abs().total_cmp(&(b / compute).ln().abs()))
        .unwrap_or(compute);
    format!("{nearest:.0e} FLOP")
}

pub(crate) fn plan_figures(live: &Live) -> Result<Vec<Figure>, Box<dyn Error>> {
    let compute = steps(1e18, 1e25, 15);
    let laws = [
        ("this law", 1.0, 0.0),
        ("20 tokens a parameter", 0.93, 0.0),
        ("Kaplan et al.", 1.4, 0.22),
    ];
    let mut rows: Vec<(f64, f64, &str)> = Vec::new();
    for (name, factor, tilt) in laws {
        for &c in &compute {
            rows.push((c, best(c) * factor * (c / 1e20).powf(tilt), name));
        }
    }
    let optima = Frame::new("optima")
        .numbers("compute", "FLOP", rows.iter().map(|row| row.0).collect())
        .numbers("params", "param", rows.iter().map(|row| row.1).collect())
        .numbers("tokens", "token", rows.iter().map(|row| row.0 / 6.0 / row.1).collect())
        .numbers("ratio", "", rows.iter().map(|row| row.0 / 6.0 / row.1.powi(2)).collect())
        .words("law", rows.iter().map(|row| row.2));
    let plain = Live::new(laws_draws(live)).constant("mfu", 0.4).constant("price", 2.0);
    let plain = plain.swept_program("plan", &plan()?, "C", compute.clone())?;
    let mut band = Frame::new("band").numbers("compute", "FLOP", compute);
    for (output, unit) in [("params", "param"), ("tokens", "token"), ("ratio", "")] {
        for (end, level) in [("low", 0.05), ("high", 0.95)] {
            let source = Source::new("plan", output, Summary::Quantile(level));
            band = band.numbers(&format!("{output}_{end}"), unit, plain.evaluate(&[], &source)?);
        }
    }
    let allocation = charts::allocation(optima, vec![band], 0.9)
        .titled("Laws agree on the allocation up to 10²¹ FLOP and part beyond")
        .subtitle(
            "Compute-optimal parameters, tokens and their ratio; the band belongs to this law",
        )
        .source("draws of the fitted law; the others scaled for the picture");
    let excess = |level: f64| Source::new("choice", "excess", Summary::Quantile(level));
    let mut curve = Frame::new("curve").numbers("choice", "", ratios());
    for (name, level) in [("cost", 0.5), ("low", 0.05), ("high", 0.95)] {
        curve = curve
            .numbers(name, "nat/token", live.evaluate(&[], &excess(level))?)
            .live(excess(level));
    }
    let chosen = Source::median("plan", "ratio");
    let chosen = Frame::new("chosen")
        .numbers("choice", "", live.evaluate(&[], &chosen)?)
        .live(chosen)
        .words("words", ["optimum of the median"]);
    let wrong = charts::cost_of_being_wrong(curve, chosen, "Tokens per parameter", 0.9)
        .titled("A factor of three in tokens per parameter costs less than 0.01 nat")
        .subtitle("Loss above the best of each draw, at the budget")
        .source("the first 1,000 of 4,000 draws, recomputed in the page");
    Ok(vec![allocation, wrong])
}

fn laws_draws(live: &Live) -> Columns {
    live.draws
        .iter()
        .fold(Columns::new(DRAWS), |table, draws| table.with(&draws.name, draws.values.clone()))
}
