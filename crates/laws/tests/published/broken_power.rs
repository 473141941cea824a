//! Caballero et al. 2022 (arXiv:2210.14891), figure 4 left: a sharp inflection.

use laws::{Law, Objective, ResidualScale, catalogue, fit};

use crate::reference::{near, numbers, observe, pick, point, table, words};

#[test]
fn the_break_of_four_digit_addition_is_found_as_well_as_by_163840_starts() {
    let Some(table) = table("bnsl_4digit_addition/curve.csv", "broken power law") else { return };
    let (x, y, split) =
        (numbers(&table, "dataset_size"), numbers(&table, "test_xent"), words(&table, "split"));
    let part =
        |name: &str| -> Vec<usize> { (0..table.len()).filter(|&row| split[row] == name).collect() };
    // Their error is of ln(1 + y): the same law, one higher, in logarithms.
    let known = catalogue::find("broken-power-law-1").unwrap();
    let formula = format!("shifted = 1 + y\n{}", known.formula);
    let law = Law::new("shifted", "shifted", &formula, known.variables, known.parameters).unwrap();
    let fitted = part("fit");
    let shifted: Vec<f64> = y.iter().map(|y| 1.0 + y).collect();
    let observations = observe([("shifted", pick(&shifted, &fitted)), ("x", pick(&x, &fitted))]);
    let fit = fit(&law, &observations, &point(Objective::squares(ResidualScale::Log))).unwrap();
    // What they report is the error of ln y.
    let rmsle = |rows: &[usize]| {
        let squares = rows.iter().map(|&row| {
            let setting = laws::Setting::new().with("x", x[row]);
            let value = fit.predict(&setting, 0.9, 0).unwrap()[0].value - 1.0;
            (y[row] / value).ln().powi(2)
        });
        (squares.sum::<f64>() / rows.len() as f64).sqrt()
    };
    let (error, extrapolated) = (rmsle(&fitted), rmsle(&part("extrapolate")));
    eprintln!("addition: {:?}", fit.estimates);
    eprintln!(
        "addition: RMSLE {error:.7} (theirs 0.000598), extrapolated {extrapolated:.5} (0.01092)"
    );
    eprintln!("addition: {:?} {:?}", fit.certificate, fit.warnings);
    for (name, value) in [
        ("a", 0.41389),
        ("b", 2.27727),
        ("c0", 0.05508),
        ("c1", 5.66291),
        ("d1", 612.584),
        ("f1", 0.059193),
    ] {
        near(name, fit.value_of(name).unwrap(), value, 1e-4);
    }
    near("RMSLE", error, 0.000_598, 1e-3);
    assert!(fit.certificate.converged, "{:?}", fit.certificate);
    near("extrapolated RMSLE", extrapolated, 0.01092, 1e-3);
}
