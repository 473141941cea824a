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

#[test]
fn other_sizes_and_other_laws_move_as_the_planner_says() {
    let law = law();
    let stranger = Columns::new(1)
        .with("E", vec![1.6934])
        .with("A", vec![406.4])
        .with("B", vec![410.7])
        .with("alpha", vec![0.3392])
        .with("beta", vec![0.2849]);
    let plan = LivePlan {
        prefix: "my-plan",
        law: &law,
        budget: Budget::Compute(1e22),
        served: 0.0,
        machine: None,
        computes: vec![1e20, 1e23],
        others: vec![None, Some(OtherLaw { law: stranger.clone() })],
    };
    let live = plan.live().unwrap().unwrap();
    for (budget, served) in [(1e22, 0.0), (3e21, 2e11)] {
        let setting = [("my_plan_budget", budget), ("my_plan_served", served)];
        let frontier = |law: &Columns| {
            let believed =
                Believed::stated("x", laws::catalogue::find("chinchilla").unwrap(), law.clone());
            let serving = (served > 0.0).then(|| Serving::tokens(Tokens(served)));
            Frontier::new(believed, &FlopText::default(), &Setting::new(), None, serving).unwrap()
        };
        let own = frontier(&law);
        let flop = Drawn::certain(Flop(budget), 1);
        let best = own.optimal(&flop).unwrap();
        let at = |output, summary| live.evaluate(&setting, &plan.of_size(output, summary)).unwrap();
        let (sizes, above) = (at("choice", Summary::First), at("above", Summary::First));
        assert_eq!(sizes.len(), FACTORS.len());
        for (place, doublings) in FACTORS.into_iter().enumerate() {
            let size = best.parameters.best.get() * 2_f64.powf(doublings);
            assert!((sizes[place] / size - 1.0).abs() < 1e-6, "{} {size}", sizes[place]);
            let run = own.of_size(runs::Parameters(size), &flop).unwrap();
            let expected = run.loss.best - best.loss.best;
            let (found, missing) = (above[place], expected.is_nan() && above[place].is_nan());
            assert!(missing || (found - expected).abs() < 1e-7, "{place}: {found} {expected}");
        }
        // The dearest draw is as far above its own best.
        let high = at("above", Summary::Quantile(1.0));
        let run = own.of_size(runs::Parameters(sizes[10]), &flop).unwrap();
        let expected = (run.loss.best - best.loss.best).max(run.loss.draws[0] - best.loss.draws[0]);
        assert!((high[10] - expected).abs() < 1e-7, "{} {expected}", high[10]);
        let theirs = frontier(&stranger).optimal(&Drawn::certain(Flop(1e23), 1)).unwrap();
        for (output, expected) in [
            ("N", theirs.parameters.best.get()),
            ("D", theirs.tokens.best.get()),
            ("ratio", theirs.tokens.best.get() / theirs.parameters.best.get()),
        ] {
            let found = live.evaluate(&setting, &plan.along(2, output, Summary::First)).unwrap()[1];
            assert!((found / expected - 1.0).abs() < 1e-6, "{output}: {found} {expected}");
        }
    }
    let unknown = live.evaluate(&[], &plan.along(1, "N", Summary::First));
    assert!(unknown.unwrap_err().to_string().contains("no live program"));
}

#[test]
fn so_many_devices_take_so_many_days() {
    let law = law();
    let machine = Machine {
        peak: 989e12,
        count: Some(512),
        mfu: vec![0.4],
        goodput: vec![0.9],
        price: Vec::new(),
    };
    let plan = LivePlan {
        prefix: "plan",
        law: &law,
        budget: Budget::Days(30.0, 512.0),
        served: 0.0,
        machine: Some(machine),
        computes: vec![1e20],
        others: Vec::new(),
    };
    let live = plan.live().unwrap().unwrap();
    let days = live.evaluate(&[("plan_mfu", 0.2)], &plan.source("days")).unwrap()[0];
    assert!((days / 30.0 - 1.0).abs() < 1e-9, "{days}");
    let flop = live.evaluate(&[("plan_mfu", 0.2)], &plan.source("C")).unwrap()[0];
    assert!((flop / (30.0 * 86_400.0 * 512.0 * 989e12 * 0.2 * 0.9) - 1.0).abs() < 1e-12);
}
