//! Accuracy against tokens of thought: o1-mini on AIME 2024.

use laws::{Objective, ResidualScale, catalogue, fit};

use crate::reference::{numbers, observe, point, table};

#[test]
fn accuracy_rises_with_the_logarithm_of_tokens_as_published() {
    let Some(table) = table("inference_o1mini_aime/think_budget.csv", "test-time tokens") else {
        return;
    };
    let observations = observe([
        ("accuracy", numbers(&table, "accuracy")),
        ("tokens", numbers(&table, "avg_tokens_used")),
    ]);
    let law = catalogue::find("test-time-log-linear").unwrap();
    let options = point(Objective::squares(ResidualScale::Linear));
    let fit = fit(&law, &observations, &options).unwrap();
    assert!((fit.value_of("a").unwrap() + 0.339).abs() < 5e-4, "{:?}", fit.estimates);
    assert!((fit.value_of("b").unwrap() - 0.0663).abs() < 5e-5, "{:?}", fit.estimates);
    assert!((fit.explained - 0.82).abs() < 5e-3, "{}", fit.explained);
}
