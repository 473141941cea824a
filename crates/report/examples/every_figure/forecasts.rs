//! Machines and forecasts.

use std::error::Error;

use formula::{Compiled, Environment, Program};
use report::{Figure, Frame, Live, Source, Summary, charts};

use crate::laws::{Normal, steps};

/// Of the largest training run, a year.
pub(crate) const GROWTH: f64 = 1.4;

/// The largest training run, by year.
pub(crate) fn path() -> Result<Compiled, diagnostic::Diagnostic> {
    let text = "time from 2026 to 2034 step 1 yr\n\
                series largest = start 5e26 next largest * exp(growth)";
    let names = Environment::new().input("growth", "");
    Program::parse("<compute>", text)?.check(&names)?.compile(&["largest"])
}

pub(crate) fn figures(live: &Live) -> Result<Vec<Figure>, Box<dyn Error>> {
    let mut normal = Normal::new(3);
    let years: Vec<f64> = (0..9).map(|year| 2026.0 + f64::from(year)).collect();
    let source = |level: f64| Source::new("compute", "largest", Summary::Quantile(level));
    let mut fan = Frame::new("path").numbers("year", "", years);
    for (name, level) in
        [("median", 0.5), ("inner_low", 0.25), ("inner_high", 0.75), ("low", 0.05), ("high", 0.95)]
    {
        fan = fan.numbers(name, "FLOP", live.evaluate(&[], &source(level))?).live(source(level));
    }
    let past: Vec<f64> = (0..40).map(|n| 2016.0 + f64::from(n) * 0.25).collect();
    let grown = |year: f64| 5e26 * (1.4 * (year - 2026.0)).exp();
    let history = Frame::new("history").numbers("year", "", past.clone()).numbers(
        "value",
        "FLOP",
        past.iter().map(|&y| grown(y) * (0.5 * normal.next()).exp()).collect(),
    );
    let mut figures = vec![
        charts::fan(history.clone(), fan, "Compute of a training run", true, (0.5, 0.9))
            .titled("The largest run passes 10³⁰ FLOP between 2031 and 2033")
            .subtitle("History and forecast under a growth that the draws hold uncertain")
            .source("synthetic history"),
    ];
    let mut rows = Vec::new();
    for cut in [2020.0, 2022.0, 2024.0] {
        for ahead in [1.0, 2.0] {
            let middle = grown(cut + ahead) * (0.35 * normal.next()).exp();
            let width = (0.45 * f64::sqrt(1.0 + ahead)).exp();
            rows.push((
                cut + ahead,
                middle,
                middle / width,
                middle * width,
                format!("made in {cut}"),
            ));
        }
    }
    let made = Frame::new("forecasts")
        .numbers("year", "", rows.iter().map(|row| row.0).collect())
        .numbers("value", "FLOP", rows.iter().map(|row| row.1).collect())
        .numbers("low", "FLOP", rows.iter().map(|row| row.2).collect())
        .numbers("high", "FLOP", rows.iter().map(|row| row.3).collect())
        .words("cut", rows.iter().map(|row| row.4.clone()));
    let smooth = Frame::new("history").numbers("year", "", past.clone()).numbers(
        "value",
        "FLOP",
        past.iter().map(|&y| grown(y)).collect(),
    );
    figures.push(
        charts::backtest(smooth, made, "Compute of a training run", true, 0.9)
            .titled("Five of six earlier forecasts held what came within their interval")
            .source("synthetic history"),
    );
    let dates: Vec<f64> = (0..60).map(|n| 2026.0 + f64::from(n) * 0.25).collect();
    let events =
        [("10²⁹ FLOP", 2029.8, 0.7), ("10³⁰ FLOP", 2031.4, 0.9), ("10³¹ FLOP", 2033.1, 1.1)];
    let mut shares = Vec::new();
    for (event, middle, width) in events {
        for &date in &dates {
            shares.push((date, 1.0 / (1.0 + (-(date - middle) / width * 1.7).exp()), event));
        }
    }
    let shares = Frame::new("probability")
        .numbers("year", "", shares.iter().map(|row| row.0).collect())
        .numbers("probability", "", shares.iter().map(|row| row.1).collect())
        .words("event", shares.iter().map(|row| row.2));
    let marked =
        Frame::new("marked").numbers("year", "", vec![2031.4]).words("words", ["median: May 2031"]);
    figures.push(
        charts::probability_of_date(shares, marked)
            .titled("A run of 10³⁰ FLOP by 2032 has a probability of three in four")
            .subtitle("Probability that the largest run has reached a size by a date")
            .source("synthetic"),
    );
    let inputs = ["growth of compute", "price of power", "MFU", "utilisation", "PUE"];
    let swings = Frame::new("swings")
        .words("input", inputs)
        .numbers("base", "bn USD", vec![12.0; 5])
        .numbers("at_low", "bn USD", vec![5.1, 14.6, 15.2, 13.1, 11.7])
        .numbers("at_high", "bn USD", vec![26.0, 8.9, 10.1, 11.2, 12.4])
        .words("low", ["0.9/yr", "$40/MWh", "30%", "60%", "1.1"])
        .words("high", ["1.9/yr", "$110/MWh", "48%", "85%", "1.3"]);
    figures.push(
        charts::tornado(swings, "Cost of the largest run in 2030")
            .titled("Growth of compute moves the answer more than all else together")
            .subtitle("One input at a time at its 5% and 95% quantile, the others at their median")
            .source("synthetic"),
    );
    let both: Vec<(&str, &str, f64)> = inputs
        .iter()
        .zip([(0.62, 0.71), (0.14, 0.19), (0.08, 0.1), (0.03, 0.04), (0.01, 0.01)])
        .flat_map(|(input, (first, total))| {
            [(*input, "first order", first), (*input, "total", total)]
        })
        .collect();
    let indices = Frame::new("indices")
        .words("input", both.iter().map(|row| row.0))
        .words("order", both.iter().map(|row| row.1))
        .numbers("share", "", both.iter().map(|row| row.2).collect())
        .numbers("low", "", both.iter().map(|row| row.2 * 0.85).collect())
        .numbers("high", "", both.iter().map(|row| row.2 * 1.15).collect());
    figures.push(
        charts::sobol(indices, 0.9)
            .titled("Two inputs explain three quarters of the variance; interactions are small")
            .source("synthetic"),
    );
    let cells = Frame::new("cells")
        .words("across", ["demand grows", "demand stalls", "demand grows", "demand stalls"])
        .words("down", ["build", "build", "wait", "wait"])
        .numbers("value", "bn USD", vec![42.0, -18.0, 11.0, 2.0])
        .words(
            "words",
            ["+$42 B\nP = 48%", "−$18 B\nP = 12%", "+$11 B\nP = 28%", "+$2 B\nP = 12%"],
        );
    figures.push(
        charts::bets(cells, "Demand", "Supply")
            .titled("Building pays unless demand stalls")
            .subtitle("Net present value and probability of each pair of outcomes")
            .source("synthetic"),
    );
    let claims = Frame::new("claims")
        .words("claim", ["power by 2030", "cost of a run", "chips shipped", "tokens left"])
        .numbers("stated", "", vec![1.1, 0.4, 2.6, 0.95])
        .numbers("low", "", vec![0.6, 0.55, 0.7, 0.4])
        .numbers("middle", "", vec![1.0; 4])
        .numbers("high", "", vec![1.7, 1.9, 1.5, 2.4]);
    figures.push(
        charts::claims(claims, 0.9)
            .titled("Two of four claims lie outside what their own inputs give")
            .source("synthetic"),
    );
    let samples = steps(1.0, 10_000.0, 17);
    let mut solved = Vec::new();
    for (series, a, b) in [("1B", 2.6, 0.26), ("8B", 1.6, 0.31), ("70B", 0.9, 0.36)] {
        for &k in &samples {
            solved.push((k, (-a * f64::powf(k, -b)).exp(), series));
        }
    }
    let solved = Frame::new("coverage")
        .numbers("samples", "", solved.iter().map(|row| row.0).collect())
        .numbers("coverage", "", solved.iter().map(|row| row.1).collect())
        .words("series", solved.iter().map(|row| row.2));
    figures.push(
        charts::coverage(solved)
            .titled("Ten thousand samples of the small model solve what one of the large does not")
            .source("synthetic"),
    );
    let compute = steps(10.0, 1e5, 30);
    let score = |c: f64, ceiling: f64| ceiling / (1.0 + (300.0 / c).powf(0.8));
    let curve = Frame::new("curve")
        .numbers("compute", "GPU h", compute.clone())
        .numbers("score", "", compute.iter().map(|&c| score(c, 0.61)).collect())
        .numbers("low", "", compute.iter().map(|&c| score(c, 0.57)).collect())
        .numbers("high", "", compute.iter().map(|&c| score(c, 0.66)).collect());
    let few = steps(12.0, 8000.0, 16);
    let measured = Frame::new("runs").numbers("compute", "GPU h", few.clone()).numbers(
        "score",
        "",
        few.iter().map(|&c| score(c, 0.61) + 0.012 * normal.next()).collect(),
    );
    let ceiling =
        Frame::new("ceiling").numbers("score", "", vec![0.61]).words("words", ["ceiling 61%"]);
    figures.push(
        charts::sigmoid(measured, curve, ceiling, 0.9)
            .titled("RL levels off at 61%: ten times the compute buys two more points")
            .source("synthetic"),
    );
    Ok(figures)
}

pub(crate) fn machine_figures() -> Vec<Figure> {
    let machines = ["512 H100, TP 8 × PP 4", "512 H100, TP 4 × PP 8", "64 homes, DiLoCo"];
    let parts = ["compute", "tensor parallel", "pipeline bubble", "data parallel", "waiting"];
    let times =
        [[3.1, 0.6, 0.35, 0.2, 0.05], [3.1, 0.35, 0.7, 0.25, 0.05], [3.9, 0.0, 0.0, 1.1, 0.9]];
    let rows: Vec<(&str, &str, f64, f64)> = machines
        .iter()
        .zip(times)
        .flat_map(|(machine, times)| {
            let total: f64 = times.iter().sum();
            parts.iter().zip(times).map(move |(part, time)| (*machine, *part, time, time / total))
        })
        .collect();
    let parts = Frame::new("parts")
        .words("machine", rows.iter().map(|row| row.0))
        .words("part", rows.iter().map(|row| row.1))
        .numbers("time", "s", rows.iter().map(|row| row.2).collect())
        .words("share", rows.iter().map(|row| format!("{:.0}%", 100.0 * row.3)));
    let traffic = Frame::new("traffic")
        .words("message", ["tensor parallel", "pipeline", "gradients", "DiLoCo outer step"])
        .numbers("bytes", "B", vec![8.1e11, 6.4e9, 2.8e10, 1.4e8])
        .words("words", ["810 GB", "6.4 GB", "28 GB", "140 MB"]);
    vec![
        charts::step_time(parts)
            .titled("Tensor parallelism over eight beats the deeper pipeline by 5%")
            .subtitle("Time of a training step by what the accelerators do in it")
            .source("numbers for the picture"),
        charts::traffic(traffic)
            .titled("The outer step of DiLoCo sends 200 times less than gradients each step")
            .source("numbers for the picture"),
    ]
}
