use laws::catalogue;
use proptest::prelude::*;
use runs::{Flop, Tokens};

use super::functions::{CAPABILITY, Space, TOTAL};
use super::*;
use crate::Believed;

fn ask(name: &str, budget: f64, draws: usize) -> Question {
    Question { draws, ..Question::new(capability(name).unwrap(), Aim::Budget(Flop(budget))) }
}

fn answer(question: &Question) -> Split {
    question.answer().unwrap_or_else(|problem| panic!("{problem}"))
}

fn with_queries(mut question: Question, queries: &str) -> Question {
    question.changes.push(("queries".to_owned(), queries.to_owned()));
    question
}

fn close(a: f64, b: f64, within: f64) -> bool {
    (a - b).abs() <= within * a.abs().max(b.abs())
}

#[test]
fn no_split_of_a_fine_grid_beats_the_optimum_of_any_draw() {
    for (budget, queries) in
        [(3e21, "1e6"), (6.5e21, "1e9"), (1e22, "1e8"), (1e24, "1e4"), (3e25, "1e8")]
    {
        let split = answer(&with_queries(ask("maths-rl-samples", budget, 60), queries));
        let (model, steps) = (&split.model, 20_usize);
        let at = |i: usize, step: usize| {
            let (low, high) = model.choices[i].within;
            (low * (high / low).powf(step as f64 / steps as f64)).ln()
        };
        let least = model.choices[1].within.0.ln();
        let count = steps + 1;
        let grid: Vec<[f64; 5]> = (0..count * count * count)
            .map(|i| {
                let (a, b, c) = (i % count, i / count % count, i / count / count);
                [at(0, a), least, at(2, b), at(3, c), 0.0]
            })
            .collect();
        let (mut values, mut space) = (Vec::new(), Space::default());
        for (row, &found) in split.capability.rows().iter().enumerate() {
            let mut points = grid.clone();
            let rows = vec![row; points.len()];
            model.functions.values(&rows, &points, &mut space, &mut values).unwrap();
            // The budget that N, C_rl and k leave goes to D: 6 N D.
            for (point, value) in points.iter_mut().zip(&values) {
                let spare = budget - value[TOTAL].exp();
                point[1] = (least.exp() + spare / (6.0 * point[0].exp())).ln();
            }
            points.retain(|point| point[1] > least);
            model
                .functions
                .values(&rows[..points.len()], &points, &mut space, &mut values)
                .unwrap();
            let best = values.iter().map(|v| v[CAPABILITY]).fold(f64::NEG_INFINITY, f64::max);
            let best = model.functions.unscaled(best);
            if found.is_nan() {
                assert!(best == 0.0, "{budget:e}, {row}: something meets the limits");
                continue;
            }
            assert!(best <= found + 1e-12, "{budget:e}, {row}: grid {best}, optimum {found}");
            assert!(best > 0.5 * found, "{budget:e}, {row}: grid {best}, optimum {found}");
        }
    }
}

#[test]
fn slopes_are_those_of_the_closed_forms() {
    let split = answer(&ask("maths-rl-samples", 1e24, 50));
    let model = &split.model;
    let x: Vec<_> = split.optima.rows.iter().map(|s| s.unwrap().x).collect();
    let names = ["pass_after", "b", "reward", "rl_R0", "rl_A"];
    let found = super::functions::Functions::others(
        &model.checked,
        &names,
        &model.choices,
        &model.given,
        &x,
    )
    .unwrap();
    let (samples, rl) = (split.through("k").unwrap(), split.through("C_rl").unwrap());
    let (reached, ks) = (split.capability.rows(), samples.value.rows());
    for (row, (&p, &k)) in reached.iter().zip(&ks).enumerate() {
        let [pass, b, reward, r0, a]: [f64; 5] = std::array::from_fn(|i| found[i][row]);
        // dP/dlnk = a b k^-b P with a = -ln(pass@1).
        let by_samples = -pass.ln() * b * k.powf(-b) * p;
        assert!(close(by_samples, samples.per_fold.rows()[row], 1e-9), "{row}");
        // dR/dlnC = B (R - R0)(A - R) / (A - R0), through the odds and then through coverage.
        let by_rl = 1.92 * (reward - r0) * (a - reward) / (a - r0);
        let odds = by_rl / (reward * (1.0 - reward));
        let by_rl = odds * (1.0 - pass) * k.powf(-b) * p;
        assert!(close(by_rl, rl.per_fold.rows()[row], 1e-9), "{row}");
    }
}

#[test]
fn without_queries_only_training_and_rl_are_left_and_a_law_alone_gives_its_closed_form() {
    let split = answer(&with_queries(ask("maths-rl-samples", 1e23, 20), "0"));
    assert_eq!(split.part(Dimension::Inference).unwrap().flop.best, Flop(0.0));
    assert!(close(split.through("k").unwrap().value.best, 1.0, 1e-12));
    let alone = answer(&ask("tasks-from-loss", 1e22, 0));
    let law = catalogue::find("chinchilla").unwrap();
    let published = law.published("gadre-2024-redpajama").unwrap();
    let values: Vec<f64> =
        law.parameters.iter().map(|p| published.value(&p.name).unwrap()).collect();
    let best = laws::optimal(&law, &values, Flop(1e22), &laws::Setting::new()).unwrap().unwrap();
    assert!(close(alone.through("N").unwrap().value.best, best.parameters.get(), 1e-9));
    assert!(close(alone.through("D").unwrap().value.best, best.tokens.get(), 1e-9));
}

#[test]
fn where_nothing_is_held_a_hundredth_is_worth_the_same_everywhere() {
    let split = answer(&ask("maths-rl-samples", 1e25, 200));
    let price = split.price(LimitKind::Compute).unwrap().per_fold.rows();
    let mut compared = 0;
    for (row, price) in price.iter().enumerate() {
        for through in &split.through {
            let (low, high) = through.choice.within;
            let value = through.value.rows()[row];
            if value > 1.01 * low && value < 0.99 * high {
                let worth = through.per_hundredth.rows()[row];
                assert!(close(worth, 0.01 * price, 1e-6), "{row} {}", through.choice.name);
                compared += 1;
            }
        }
    }
    assert!(compared > 600, "{compared}");
}

#[test]
fn prices_are_slopes_and_relaxed_limits_have_none() {
    let base = ask("maths-rl-samples", 1e25, 0);
    let machine = Some(Machine::catalogued("h100", Some(4000.0)).unwrap());
    let bound = Question {
        tokens: Some(Tokens(2e13)),
        machine: machine.clone(),
        days: Some(0.3),
        megawatts: Some(40.0),
        ..base.clone()
    };
    let split = answer(&bound);
    for (kind, step) in [
        (
            LimitKind::Compute,
            Box::new(|q: &mut Question, f: f64| q.aim = Aim::Budget(Flop(1e25 * f)))
                as Box<dyn Fn(&mut Question, f64)>,
        ),
        (LimitKind::Tokens, Box::new(|q, f| q.tokens = Some(Tokens(2e13 * f)))),
        (LimitKind::Days, Box::new(|q, f| q.days = Some(0.3 * f))),
        (LimitKind::ServingPower, Box::new(|q, f| q.megawatts = Some(40.0 * f))),
    ] {
        let reached = |factor: f64| {
            let mut question = bound.clone();
            step(&mut question, factor);
            answer(&question).capability.best
        };
        let slope = (reached(1.001) - reached(0.999)) / (1.001_f64.ln() - 0.999_f64.ln());
        let price = split.price(kind).unwrap().per_fold.best;
        assert!((price - slope).abs() < 1e-5 + 1e-3 * slope, "{kind:?}: {price} {slope}");
    }
    assert!(split.price(LimitKind::Days).unwrap().binds > 0.0);
    let relaxed = answer(&Question {
        tokens: Some(Tokens(1e16)),
        machine,
        days: Some(1e5),
        megawatts: Some(1e6),
        ..base.clone()
    });
    for kind in
        [LimitKind::Tokens, LimitKind::Days, LimitKind::TrainingPower, LimitKind::ServingPower]
    {
        let price = relaxed.price(kind).unwrap();
        assert!(price.per_fold.best.abs() < 1e-6 && price.binds == 0.0, "{kind:?}");
    }
    assert!(close(relaxed.capability.best, answer(&base).capability.best, 1e-9));
    assert!(split.capability.best < relaxed.capability.best);
}

#[test]
fn a_limit_that_binds_on_the_way_to_a_capability_has_its_price_in_compute() {
    let cost = |tokens: f64, reach: f64| {
        let question = Question {
            aim: Aim::Reach(reach),
            tokens: Some(Tokens(tokens)),
            ..ask("aime-thinking", 1.0, 0)
        };
        answer(&question)
    };
    let split = cost(3e12, 0.5);
    let total = |tokens, reach| cost(tokens, reach).total.best.get();
    let price = |kind| split.price(kind).unwrap();
    let slope = (total(3.003e12, 0.5) / total(2.997e12, 0.5)).ln() / (3.003_f64 / 2.997).ln();
    assert!(slope < -0.01 && close(price(LimitKind::Tokens).per_fold.best, slope, 1e-3));
    let slope = (total(3e12, 0.5001) - total(3e12, 0.4999)) / 2e-4;
    assert!(close(price(LimitKind::Capability).per_unit.best, slope, 1e-3));
}

#[test]
fn hostile_numbers_and_torn_files_do_not_panic() {
    let sizes = [0.0, -1.0, 1e-300, 1e300, f64::NAN, f64::INFINITY, 1e15, 3e22];
    let machine = |count| Some(Machine { name: "x".into(), peak: 1e15, watts: Some(700.0), count });
    for odd in sizes {
        let base = ask("maths-rl-samples", 1e23, 2);
        for question in [
            ask("maths-rl-samples", odd, 2),
            Question { tokens: Some(Tokens(odd)), ..base.clone() },
            Question { days: Some(odd), machine: machine(Some(10.0)), ..base.clone() },
            Question { days: Some(9.0), machine: machine(Some(odd)), ..base.clone() },
            Question { megawatts: Some(odd), machine: machine(None), ..base.clone() },
            Question { aim: Aim::Reach(odd), ..base.clone() },
            with_queries(base.clone(), &format!("{odd:e}")),
        ] {
            if let Ok(split) = question.answer() {
                assert!(split.capability.best.is_finite(), "{odd}");
            }
        }
    }
    let text = include_str!("../../../../catalogue/capabilities/maths-rl-samples.toml");
    for end in (0..text.len()).step_by(61).filter(|end| text.is_char_boundary(*end)) {
        if let Ok(torn) = Capability::from_toml("torn.toml", &text[..end]) {
            let _ = Question { draws: 0, ..Question::new(torn, Aim::Budget(Flop(1e23))) }.answer();
        }
    }
}

#[test]
fn the_least_cost_of_what_a_budget_reaches_is_that_budget() {
    for (name, budget) in [("maths-rl-samples", 1e24), ("aime-thinking", 2e25)] {
        let split = answer(&ask(name, budget, 0));
        let back = Question { aim: Aim::Reach(split.capability.best), ..split.question.clone() };
        let back = answer(&back);
        assert!(close(back.total.best.get(), budget, 1e-6), "{name}: {:e}", back.total.best.get());
        // The two shadow prices are each other's inverse.
        let gain = split.price(LimitKind::Compute).unwrap().per_fold.best;
        let cost = back.price(LimitKind::Capability).unwrap().per_unit.best / budget;
        assert!(close(gain * cost, 1.0, 1e-5), "{name}: {gain} {cost}");
    }
}

#[test]
fn every_optimum_is_certified_and_the_same_for_any_number_of_threads() {
    let question = ask("maths-rl-samples", 1e22, 1000);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (a, b) = (one.install(|| answer(&question)), three.install(|| answer(&question)));
    assert_eq!(a.capability, b.capability);
    assert_eq!(a.certainty.solved, 1001);
    assert!(a.certainty.residual < 1e-8 && a.certainty.proven == 1001, "{:?}", a.certainty);
    let bound = Question {
        tokens: Some(Tokens(15e12)),
        machine: Some(Machine::catalogued("h100", Some(8192.0)).unwrap()),
        days: Some(30.0),
        megawatts: Some(20.0),
        ..ask("aime-thinking", 3e25, 4000)
    };
    let sure = answer(&bound).certainty;
    assert!(sure.residual < 1e-8 && sure.proven == 4001, "{sure:?}");
    // Where RL is hardly worth it.
    let small = with_queries(ask("maths-rl-samples", 10_f64.powf(21.5), 1000), "1e6");
    let sure = answer(&small).certainty;
    assert!(sure.residual < 1e-8 && sure.proven == 1001, "{sure:?}");
}

#[test]
fn draws_of_a_law_of_ones_own_spread_the_answer() {
    let law = Believed::published("gadre-2024-redpajama").unwrap();
    let mut columns = formula::Columns::new(4);
    for (name, column) in law.values().clone().into_columns() {
        columns.set(name.as_str(), [1.0, 0.98, 1.0, 1.02].map(|f| f * column[0]).to_vec());
    }
    let own = Believed::stated("mine", law.law.clone(), columns);
    let mut question = ask("tasks-from-loss", 1e22, 300);
    let role = question.role_for(&own.law).unwrap();
    assert_eq!(role, "pretraining");
    let before = answer(&question);
    assert_eq!(before.capability.interval(0.9), None);
    question.laws.push((role, own));
    let after = answer(&question);
    assert!(close(after.capability.best, before.capability.best, 1e-12));
    assert!(after.capability.interval(0.9).is_some());
}

#[test]
fn the_links_of_maths_are_least_squares_through_published_constants() {
    let law = catalogue::find("pass-at-k").unwrap();
    let loss = catalogue::find("chinchilla").unwrap();
    let loss_of = |size: f64| {
        let mut values = loss.published("besiroglu-2024").unwrap().values.clone();
        values.extend([("N".to_owned(), size), ("D".to_owned(), 299_892_736_000.0)]);
        loss.evaluate(formula::Source::new("test", "loss"), &values).unwrap()
    };
    let models = [
        ("pythia-160m", 162_322_944.0),
        ("pythia-410m", 405_334_016.0),
        ("pythia-1b", 1_011_781_632.0),
        ("pythia-2.8b", 2_775_208_960.0),
    ];
    let rows = models.map(|(id, size)| {
        let published = law.published(id).unwrap();
        let pass = (-published.value("a").unwrap()).exp();
        (loss_of(size), (pass / (1.0 - pass)).ln(), published.value("b").unwrap())
    });
    let line = |points: [(f64, f64); 4]| {
        let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / 4.0;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let sum =
            |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|p| of(p.0 - x, p.1 - y)).sum::<f64>();
        (x, y, sum(&|x, y| x * y) / sum(&|x, _| x * x))
    };
    let (mean_loss, offset, slope) = line(rows.map(|(loss, odds, _)| (loss, odds)));
    let (mean_odds, b_mean, b_slope) = line(rows.map(|(_, odds, b)| (odds, b)));
    for (found, written) in [
        (mean_loss, 2.391_119),
        (offset, -5.391),
        (-slope, 5.28),
        (mean_odds, -5.390_998),
        (b_mean, 0.3033),
        (b_slope, 0.0245),
    ] {
        assert!(close(found, written, 2e-3), "{found} {written}");
    }
}

#[test]
fn trading_training_for_inference_is_the_ratio_of_their_shares_where_nothing_is_held() {
    let split = answer(&ask("aime-thinking", 1e25, 40));
    let share = |dimension| split.part(dimension).unwrap().share.rows();
    let (training, inference) = (share(Dimension::Pretraining), share(Dimension::Inference));
    let rates = exchange_rate(&split).unwrap().rows();
    for ((rate, training), inference) in rates.iter().zip(&training).zip(&inference) {
        assert!(close(*rate, training / inference, 1e-6));
    }
    // 6 N D + 2 N served is the same for a model ten times as large that generates so much less.
    let value = |name: &str| split.through(name).unwrap().value.best;
    let (n, d) = (value("N"), value("D"));
    let served = split.part(Dimension::Inference).unwrap().flop.best.get() / (2.0 * n);
    let own = 6.0 * n * d + 2.0 * n * served * snell_multiplier(&split, 10.0).unwrap().best;
    assert!(close(own, 6.0 * 10.0 * n * d + 2.0 * 10.0 * n * served, 1e-12));
    let none = answer(&with_queries(ask("aime-thinking", 1e25, 0), "0"));
    assert!(exchange_rate(&none).is_none() && snell_multiplier(&none, 10.0).is_none());
}

#[test]
fn bad_questions_say_what_is_wrong() {
    let says = |question: &Question, words: &str| {
        let problem = question.answer().map(|_| ()).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    };
    let good = ask("maths-rl-samples", 1e24, 0);
    says(&ask("maths-rl-samples", 1e12, 0), "not enough for the least of everything");
    says(&ask("maths-rl-samples", f64::NAN, 0), "above zero");
    says(&Question { aim: Aim::Reach(1.5), ..good.clone() }, "between 0 and 1");
    says(&Question { aim: Aim::Reach(0.999_999), ..good.clone() }, "no split reaches");
    says(&Question { days: Some(3.0), ..good.clone() }, "need a machine");
    says(&Question { tokens: Some(Tokens(3.0)), ..good.clone() }, "below the least");
    let changed = |name: &str, text: &str| Question {
        changes: vec![(name.to_owned(), text.to_owned())],
        ..good.clone()
    };
    says(&changed("anwser", "3"), "did you mean `answer`?");
    says(&changed("answer", "3 to"), "--set");
    says(&changed("queries", "-3"), "at least zero");
    // Bits per byte where nats per token are meant.
    let law = Believed::published("besiroglu-2024").unwrap();
    let mut columns = law.values().clone();
    columns.set("E", vec![0.4]);
    let other = Believed::stated("bits", law.law.clone(), columns);
    let mut wrong = ask("tasks-from-loss", 1e22, 0);
    wrong.laws.push(("pretraining".to_owned(), other));
    says(&wrong, "in the same unit");
    assert!(capability("maths").unwrap_err().to_string().contains("isoflop list"));
    let text = "name = \"x\"\ntitle = \"\"\nsource = \"\"\nformula = \"capability = N\"\n\
                [variables]\nM = { within = [1, 2] }\n[cost]\ntraining = \"N\"\nquery = \"1\"\nqueries = 0\n";
    let problem = Capability::from_toml("x.toml", text).unwrap_err().to_string();
    assert!(problem.contains("x.toml:6:1") && problem.contains("not a choice"), "{problem}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn twice_the_budget_never_lowers_the_capability(
        decades in 20.5..27.0_f64,
        name in prop::sample::select(vec!["maths-rl-samples", "aime-thinking", "tasks-from-loss"]),
        queries in prop::sample::select(vec!["0", "1e6", "1e9"]),
    ) {
        let budget = 10_f64.powf(decades + 1.0);
        let question = with_queries(ask(name, budget, 3), queries);
        if let Ok(split) = question.answer() {
            let twice = split.at_budget(Flop(2.0 * budget)).unwrap();
            for (less, more) in split.capability.rows().iter().zip(twice.capability.rows()) {
                prop_assert!(more >= less - 1e-9, "{less} {more}");
            }
            prop_assert!(split.certainty.residual < 1e-6, "{:?}", split.certainty);
        }
    }
}
