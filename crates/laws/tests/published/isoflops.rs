//! Czech et al. 2026 (arXiv:2603.22339): four `IsoFLOP` experiments.

use laws::{Fit, FitOptions, Loss, Objective, ResidualScale, catalogue, fit};
use runs::{Observations, Request};

use crate::reference::{huber_sum, near, numbers, point, table, words};

fn of(what: &str, experiment: &str, options: &FitOptions) -> Option<Fit> {
    let runs = table("isoflops_open_athena/isoflops.csv", what)?;
    let filter = format!("experiment={experiment}").parse().unwrap();
    let observations = Observations::from_table(&runs, &Request::default().filter(filter)).unwrap();
    Some(fit(&catalogue::find("chinchilla").unwrap(), &observations, options).unwrap())
}

#[test]
fn the_surface_fits_of_four_experiments_come_out_to_the_printed_digits() {
    for (experiment, runs, floor, alpha, beta, share) in [
        ("epochai_chinchilla__massivetext__chinchilla", 123, 1.9643, 0.3975, 0.5092, 0.562),
        ("ml_scalefit__massivetext__chinchilla", 124, 1.8722, 0.3777, 0.3928, 0.510),
        ("marin_202603__comma__llama_2", 85, 2.7009, 0.6658, 0.3499, 0.345),
        ("misfitting__fineweb_c4__transformer", 176, 2.6916, 0.6102, 0.7048, 0.536),
    ] {
        let what = "surface fits of IsoFLOP experiments";
        let Some(fit) = of(what, experiment, &point(Objective::huber(1e-3))) else { return };
        assert_eq!(fit.data.rows, runs);
        let found = ["E", "alpha", "beta", "a"].map(|name| fit.value_of(name).unwrap());
        eprintln!("{experiment}: {found:?}, {:?}", fit.certificate);
        for ((value, printed), unit) in
            found.iter().zip([floor, alpha, beta, share]).zip([1e-4, 1e-4, 1e-4, 1e-3])
        {
            assert!((value - printed).abs() < 0.7 * unit, "{experiment}: {found:?}, not {printed}");
        }
        assert!(fit.certificate.converged);
        assert_eq!(fit.certificate.starts_at_minimum, fit.certificate.starts);
    }
}

#[test]
fn huber_of_the_loss_itself_gives_the_exponents_of_a_fine_grid_and_a_lower_objective() {
    let objective =
        Objective { residuals: ResidualScale::Linear, loss: Loss::Huber { delta: 1e-3 } };
    let what = "Huber of the loss itself";
    let experiment = "ml_scalefit__massivetext__chinchilla";
    let Some(fit) = of(what, experiment, &point(objective)) else { return };
    let table = table("isoflops_open_athena/isoflops.csv", what).unwrap();
    let (names, n, d, loss) = (
        words(&table, "experiment"),
        numbers(&table, "N"),
        numbers(&table, "D"),
        numbers(&table, "loss"),
    );
    let rows = (0..table.len()).filter(|&row| names[row].starts_with("ml_scalefit"));
    let theirs = huber_sum(
        rows.map(|row| {
            let (n, d) = (n[row] / 1e6, d[row] / 1e9);
            loss[row] - (1.8608 + 4.1479 / n.powf(0.36) + 1.0546 / d.powf(0.40))
        }),
        1e-3,
    );
    eprintln!("grid point {theirs:e}, ours {:e}: {:?}", fit.value, fit.estimates);
    near("objective of the grid, per row", theirs / 124.0, 13.1e-6, 0.01);
    assert!(fit.value < theirs);
    assert!((fit.value_of("alpha").unwrap() - 0.36).abs() < 0.01);
    assert!((fit.value_of("beta").unwrap() - 0.40).abs() < 0.01);
    // At the exponents of their grid the rest is theirs to the printed digits.
    let held = [("alpha", 0.36), ("beta", 0.40)].map(|(name, value)| (name.to_owned(), value));
    let at_grid = FitOptions { held: held.to_vec(), ..point(objective) };
    let fit = of(what, experiment, &at_grid).unwrap();
    eprintln!("at the grid's exponents {:e}: {:?}", fit.value, fit.estimates);
    assert!(fit.value <= theirs * (1.0 + 1e-9), "{}", fit.value);
    near("E", fit.value_of("E").unwrap(), 1.8608, 1e-3);
    near("A", fit.value_of("A").unwrap() / 1e6_f64.powf(0.36), 4.1479, 5e-3);
    near("B", fit.value_of("B").unwrap() / 1e9_f64.powf(0.40), 1.0546, 5e-3);
}
