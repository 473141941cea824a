//! What the page computes is what the planner computes.

use super::*;
use laws::Setting;
use plan::{Believed, Drawn, FlopText, Frontier, Serving};
use runs::{Flop, Tokens};

fn law() -> Columns {
    Columns::new(2)
        .with("E", vec![1.8172, 1.7])
        .with("A", vec![482.01, 406.4])
        .with("B", vec![2085.43, 410.7])
        .with("alpha", vec![0.3478, 0.34])
        .with("beta", vec![0.3658, 0.28])
}

/// What the page computes is what `isoflop plan` computes.
#[test]
fn the_formulas_give_what_the_planner_gives() {
    for served in [0.0, 1e11, 1e13] {
        let law = law();
        let plan = LivePlan {
            prefix: "plan",
            law: &law,
            budget: Budget::Compute(1e22),
            served,
            machine: None,
            computes: vec![1e20, 1e21, 1e24],
            others: Vec::new(),
        };
        let live = plan.live().unwrap().unwrap();
        let believed =
            Believed::stated("x", laws::catalogue::find("chinchilla").unwrap(), law.clone());
        let serving = (served > 0.0).then(|| Serving::tokens(Tokens(served)));
        let frontier =
            Frontier::new(believed, &FlopText::default(), &Setting::new(), None, serving).unwrap();
        let best = frontier.optimal(&Drawn::certain(Flop(1e22), 1)).unwrap();
        for (output, rows) in [
            ("N", best.parameters.rows()),
            ("D", best.tokens.rows()),
            ("loss", best.loss.rows()),
            ("training", best.training.rows()),
        ] {
            let found =
                live.evaluate(&[], &plan.source(output).summarised(Summary::Draws)).unwrap();
            for (found, expected) in found.iter().zip(rows) {
                assert!(
                    (found / expected - 1.0).abs() < 1e-6,
                    "{served} {output}: {found} {expected}"
                );
            }
        }
        let along = live.evaluate(&[], &plan.along(0, "loss", Summary::First)).unwrap();
        let there = frontier.optimal(&Drawn::certain(Flop(1e24), 1)).unwrap().loss.best;
        assert!((along[2] / there - 1.0).abs() < 1e-7, "{} {there}", along[2]);
    }
}

#[test]
fn a_budget_of_money_buys_what_the_price_and_mfu_allow() {
    let law = law();
    let plan = LivePlan {
        prefix: "plan",
        law: &law,
        budget: Budget::Money(1e6),
        served: 0.0,
        machine: Some(Machine {
            peak: 989e12,
            count: None,
            mfu: vec![0.4, 0.3],
            goodput: vec![1.0],
            price: vec![2.0, 4.0],
        }),
        computes: vec![1e20],
        others: Vec::new(),
    };
    let live = plan.live().unwrap().unwrap();
    let flop = live.evaluate(&[], &plan.source("C").summarised(Summary::Draws)).unwrap();
    assert!((flop[0] / (1e6 / 2.0 * 3600.0 * 989e12 * 0.4) - 1.0).abs() < 1e-12);
    assert!((flop[1] / (1e6 / 4.0 * 3600.0 * 989e12 * 0.3) - 1.0).abs() < 1e-12);
    let cost = live.evaluate(&[("plan_mfu", 0.1)], &plan.source("cost")).unwrap();
    assert!((cost[0] / 1e6 - 1.0).abs() < 1e-9, "all of the budget is spent: {}", cost[0]);
}
