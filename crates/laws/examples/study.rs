#![allow(missing_docs, clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]
use laws::{Chinchilla, FitOptions, Resampling, Setting, catalogue, fit, Objective};
use rand::{SeedableRng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use runs::{Flop, Observation, Observations, Parameters, Tokens, NatsPerToken};
const TRUTH: Chinchilla = Chinchilla { e: 1.8172, a: 482.01, b: 2085.43, alpha: 0.3478, beta: 0.3658 };
fn run(n: Parameters, d: Tokens, r: &mut ChaCha8Rng, share: f64) -> f64 {
    let z: f64 = StandardNormal.sample(r);
    let mut l = TRUTH.loss(n, d).get() * (0.01 * z).exp();
    let out = r.random::<f64>() < share;
    let size = 0.05 + 0.15 * r.random::<f64>();
    if out { l *= 1.0 + size; }
    l
}
fn sweep(sizes: usize, r: &mut ChaCha8Rng, share: f64) -> Observations {
    let mut rows = vec![];
    for b in 0..5 {
        let c = 1e18 * 10f64.powf(3.0 * b as f64 / 4.0);
        let best = TRUTH.optimal(Flop(c)).unwrap().parameters.get();
        for k in 0..sizes {
            let n = best * 4f64.powf(2.0 * k as f64 / (sizes - 1) as f64 - 1.0);
            let (n, d) = (Parameters(n), Tokens(c / 6.0 / n));
            rows.push(Observation { run: format!("{b} {k}"), parameters: n, tokens: d, loss: NatsPerToken(run(n, d, r, share)) });
        }
    }
    Observations::new(rows)
}
fn main() {
    let arg = |i: usize, d: &str| std::env::args().nth(i).unwrap_or(d.to_owned());
    let trials: u64 = arg(1, "100").parse().unwrap();
    let share: f64 = arg(2, "0.05").parse().unwrap();
    let want = arg(3, "");
    let sizes: Vec<usize> = arg(4, "4,10,20").split(',').map(|x| x.parse().unwrap()).collect();
    let law = catalogue::find("chinchilla").unwrap();
    let t4 = Objective { residuals: laws::ResidualScale::Log, loss: laws::Loss::StudentT { degrees: 4.0 } };
    let methods: Vec<(&str, Resampling, Option<Objective>)> = vec![
        ("runs", Resampling::Runs, None), ("wild", Resampling::Wild, None),
        ("tangent", Resampling::Tangent, None),("tan-t4", Resampling::Tangent, Some(t4)), ("tan-ls", Resampling::Tangent, Some(Objective::squares(laws::ResidualScale::Log))),
        ("post", Resampling::Posterior, None),
    ];
    println!("{:9} {:>3}  {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5}   ms  width(alpha) out", "method","n","E","A","B","alpha","beta","a","N10","N1000","law10","new10");
    for s in sizes {
        for (name, resampling, objective) in &methods {
            if !want.is_empty() && !want.split(',').any(|w| w == *name) { continue; }
            let mut held = [0.0; 10];
            let mut width = 0.0;
            let mut outside = 0.0; let mut walked = 0; let mut below = 0.0;
            let start = std::time::Instant::now();
            for seed in 0..trials {
                let mut r = ChaCha8Rng::seed_from_u64(seed);
                let obs = sweep(s, &mut r, share);
                let options = FitOptions { objective: *objective, resampling: *resampling, bootstrap: 300, seed, ..FitOptions::default() };
                let f = fit(&law, &obs, &options).unwrap();
                let v = TRUTH.values(); walked += usize::from(f.bootstrap.walked);
                for (i, name) in ["E", "A", "B", "alpha", "beta"].iter().enumerate() {
                    let int = f.interval(name).unwrap();
                    if int.contains(v[i]) { held[i] += 1.0; }
                    if !int.contains(f.value_of(name).unwrap()) { outside += 0.2; }
                    if i == 3 { width += (int.high / int.low).ln() / trials as f64; }
                }
                if f.interval("a").unwrap().contains(TRUTH.model_exponent()) { held[5] += 1.0; }
                for (j, c) in [1e22, 1e24].into_iter().enumerate() {
                    let o = f.optimum(Flop(c), &Setting::new(), 0.9).unwrap();
                    if o.first().and_then(|o| o.parameters).is_some_and(|i| i.contains(TRUTH.optimal(Flop(c)).unwrap().parameters.get())) { held[6 + j] += 1.0; }
                }
                let t = TRUTH.optimal(Flop(1e22)).unwrap();
                let p = f.predict(&Setting::run(t.parameters, t.tokens), 0.9, seed).unwrap();
                if p[0].law_interval.unwrap().contains(t.loss) { held[8] += 1.0; }
                for _ in 0..20 {
                    let new = run(t.parameters, t.tokens, &mut r, share);
                    if p[0].new_run_interval.unwrap().contains(new) { held[9] += 0.05; } if new < p[0].new_run_interval.unwrap().low { below += 5.0 / trials as f64; }
                }
            }
            print!("{name:9} {:3} ", 5 * s);
            for h in held { print!(" {:5.1}", 100.0 * h / trials as f64); }
            println!("  {:.0}  {width:.3} {:.1} walked {walked} below {below:.1}", start.elapsed().as_secs_f64() * 1e3 / trials as f64, 100.0 * outside / trials as f64);
        }
    }
}
