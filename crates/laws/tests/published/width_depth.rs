//! Liu and Gore 2026 (arXiv:2602.05970): width, depth and data on Hoffmann's runs.

use laws::{FitOptions, Objective, ResidualScale, catalogue, fit};

use crate::reference::{numbers, observe, pick, point, table};

#[test]
fn the_205_lowest_losses_give_the_exponents_of_width_depth_and_data() {
    let Some(table) = table("chinchilla_epoch/runs.csv", "width and depth") else { return };
    let loss = numbers(&table, "loss");
    let mut order: Vec<usize> = (0..loss.len()).collect();
    order.sort_by(|&a, &b| loss[a].total_cmp(&loss[b]));
    order.truncate(205);
    let column = |name| pick(&numbers(&table, name), &order);
    let observations = observe([
        ("loss", column("loss")),
        ("width", column("d_model")),
        ("depth", column("n_layers")),
        ("D", column("D")),
    ]);
    let free = ["a_m", "a_l", "a_t"].map(|name| (name.to_owned(), f64::NAN));
    let options =
        FitOptions { held: free.to_vec(), ..point(Objective::squares(ResidualScale::Log)) };
    let law = catalogue::find("width-depth-time").unwrap();
    let fit = fit(&law, &observations, &options).unwrap();
    eprintln!("width, depth: {:?} {} {:?}", fit.estimates, fit.value, fit.certificate);
    // Theirs come from 50,000 steps of Adam; ours agree within their own standard errors.
    for (name, value, error) in
        [("a_m", 0.977, 0.083), ("a_l", 1.201, 0.269), ("a_t", 0.299, 0.014), ("E", 1.750, 0.026)]
    {
        let found = fit.value_of(name).unwrap();
        assert!((found - value).abs() < error, "{name}: {found}, published {value} +- {error}");
    }
    let mean = fit.residuals.iter().map(|r| r.abs()).sum::<f64>() / 205.0;
    assert!((mean - 0.0040).abs() < 2e-4, "{mean}");
    assert!(fit.certificate.converged);
}
