#![allow(missing_docs, clippy::pedantic, clippy::print_stdout)]
use laws::*;
use runs::*;
use std::time::Instant;
fn main() {
    let table = RunTable::read("/work/shared/data/chinchilla_epoch/runs.csv").unwrap();
    let request = Request::default().filter("epoch_outlier=0".parse().unwrap());
    let obs = Observations::from_table(&table, &request).unwrap();
    let law = catalogue::find("chinchilla").unwrap();
    for bootstrap in [0, 0, 0, 1000, 4000] {
        let t = Instant::now();
        let c = cpu();
        let f = fit(&law, &obs, &FitOptions { bootstrap, objective: Some(Objective::huber(1e-3)), ..Default::default() }).unwrap();
        println!("{bootstrap}: {:.2} ms, cpu {:.2} ms, {:e} {}/{}", t.elapsed().as_secs_f64() * 1e3, (cpu() - c) * 1e3, f.value, f.certificate.starts_at_minimum, f.certificate.starts);
    }
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let v: Vec<&str> = s.rsplit_once(") ").unwrap().1.split(' ').collect();
    (v[11].parse::<f64>().unwrap() + v[12].parse::<f64>().unwrap()) / 100.0
}
