//! Clark et al. 2022 (arXiv:2202.01169): dense and routed models.

use laws::{Objective, ResidualScale, catalogue, fit};
use runs::RunTable;

use crate::reference::{near, numbers, observe, pick, point, table, words};

const SQUARES: Objective = Objective::squares(ResidualScale::Log);

fn dense(table: &RunTable) -> Vec<usize> {
    let (router, flop) = (words(table, "router_type"), numbers(table, "flop_increase"));
    (0..table.len()).filter(|&row| router[row] == "Dense" && flop[row] < 1.5).collect()
}

#[test]
fn dense_losses_fall_with_the_published_slope() {
    let Some(table) = table("routing_clark2022/final_losses.csv", "dense slope") else { return };
    let rows = dense(&table);
    let column = |name| pick(&numbers(&table, name), &rows);
    let observations =
        observe([("loss", column("loss_validation")), ("N", column("dense_parameter_count"))]);
    let fit = fit(&catalogue::find("kaplan-parameters").unwrap(), &observations, &point(SQUARES))
        .unwrap();
    near("slope", fit.value_of("alpha_N").unwrap(), 0.07876, 2e-4);
    near("N_c", fit.value_of("N_c").unwrap(), 3.42e13, 2e-3);
}

#[test]
fn s_base_gives_the_checked_constants() {
    let Some(table) = table("routing_clark2022/final_losses.csv", "S-BASE routing") else { return };
    let (router, k, frequency) =
        (words(&table, "router_type"), numbers(&table, "k"), numbers(&table, "routing_frequency"));
    let mut rows = dense(&table);
    rows.extend((0..table.len()).filter(|&row| {
        router[row] == "S-Base" && k[row] < 1.5 && (frequency[row] - 0.5).abs() < 0.01
    }));
    assert_eq!(rows.len(), 61);
    let column = |name| pick(&numbers(&table, name), &rows);
    let observations = observe([
        ("loss", column("loss_validation")),
        ("N", column("dense_parameter_count")),
        ("experts", column("num_experts")),
    ]);
    let fit =
        fit(&catalogue::find("moe-routing").unwrap(), &observations, &point(SQUARES)).unwrap();
    eprintln!("S-BASE: {:?} {:?}", fit.estimates, fit.certificate);
    for (name, value, tolerance) in [
        ("a", -0.0838, 2e-3),
        ("b", -0.1234, 3e-3),
        ("c", 0.0104, 1e-2),
        ("d", 1.122, 1e-3),
        ("E_start", 2.39, 5e-3),
        ("E_max", 218.0, 5e-3),
    ] {
        near(name, fit.value_of(name).unwrap(), value, tolerance);
    }
    near("RMSE", (fit.value / 61.0).sqrt(), 0.0074, 0.01);
    assert!(fit.certificate.converged);
}
