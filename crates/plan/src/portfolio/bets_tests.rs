use super::*;

fn bets(prior: &str, noise: &str, transfer: &str) -> Bets {
    Bets {
        budget: Flop(1e24),
        prior: Prior::parse("--prior", prior).unwrap(),
        effect: Effect::Compute,
        odds: Odds::parse(noise, transfer, 40, 1).unwrap(),
        scales: Bets::usual_scales(Flop(1e24)),
        ideas: 64,
        worlds: 20_000,
        seed: 3,
    }
}

fn law() -> Believed {
    Believed::published("besiroglu-2024").unwrap()
}

/// The mean of the largest of n standard normal variables.
const ORDER: [(usize, f64); 4] = [(2, 0.564_19), (8, 1.423_60), (32, 2.069_67), (64, 2.343_73)];

fn effect_of(answer: &BetsAnswer, k: usize, scale: f64, budget: f64) -> f64 {
    let bet = (answer.table.iter())
        .find(|bet| bet.k == k && (bet.scale.get() / scale - 1.0).abs() < 1e-9)
        .unwrap();
    bet.gain + (budget / (budget - k as f64 * scale)).ln()
}

#[test]
fn perfect_experiments_find_the_largest_of_normal_effects() {
    let answer = bets("normal(0, 0.1)", "0", "1").answer(&law()).unwrap();
    for (k, largest) in ORDER {
        let found = effect_of(&answer, k, 1e18, 1e24);
        // Two ideas may both be bad: then none is taken, which saves a quarter of the mean of the
        // smaller of two half-normal variables, 2 (sqrt 2 - 1) / sqrt pi.
        let none = if k == 2 { 0.1 * 0.25 * 0.467_4 } else { 0.0 };
        assert!((found - 0.1 * largest - none).abs() < 2.5e-3, "{k}: {found} {largest}");
    }
    // Nothing is lost by a smaller scale: the cheapest and all ideas are best.
    assert_eq!((answer.best.k, answer.best.scale), (64, Flop(1e18)));
}

#[test]
fn noise_and_distance_shrink_the_gain_by_the_correlation_with_what_is_seen() {
    let answer = bets("normal(0, 0.1)", "0.1", "0.9").answer(&law()).unwrap();
    for (k, largest) in &ORDER[1..] {
        for decades in [1.0, 3.0, 6.0] {
            if *k as f64 >= 10_f64.powf(decades) {
                continue;
            }
            let rho = 0.9_f64.powf(decades);
            let expected = rho * 0.1 * 0.1 / 0.02_f64.sqrt() * largest;
            let found = effect_of(&answer, *k, 1e24 * 10_f64.powf(-decades), 1e24);
            assert!((found - expected).abs() < 3e-3, "{k} {decades}: {found} {expected}");
        }
    }
    assert!(answer.best.gain > 0.0 && answer.best.k > 1);
}

#[test]
fn without_transfer_no_bet_is_worth_its_compute() {
    let answer = bets("normal(-0.01, 0.1)", "0.05", "0").answer(&law()).unwrap();
    assert_eq!((answer.best.k, answer.best.gain, answer.taken), (0, 0.0, 0.0));
    assert!((answer.loss.best / answer.loss_alone.best - 1.0).abs() < 1e-12);
}

#[test]
fn heavy_tails_are_worth_more_ideas_than_thin_ones_of_the_same_spread() {
    let thin = bets("normal(-0.05, 0.1)", "0.05", "0.9");
    let heavy = bets("student(3, -0.05, 0.0577)", "0.05", "0.9");
    assert!((thin.prior.spread() / heavy.prior.spread() - 1.0).abs() < 0.05);
    let (thin, heavy) = (thin.answer(&law()).unwrap(), heavy.answer(&law()).unwrap());
    assert!(heavy.best.gain > thin.best.gain, "{:?} {:?}", heavy.best, thin.best);
    assert!(heavy.luck.iter().all(|gain| gain.is_finite()));
}

#[test]
fn uncertain_odds_give_intervals_and_the_seed_alone_decides() {
    let question = bets("normal(-0.05, 0.1)", "0.02 to 0.1", "uniform(0.7, 0.95)");
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let a = one.install(|| question.answer(&law())).unwrap();
    let b = three.install(|| question.answer(&law())).unwrap();
    assert_eq!(a, b);
    let interval = a.gain.interval(0.9).unwrap();
    assert!(interval.low < a.best.gain && a.best.gain < interval.high, "{interval:?}");
    assert!(a.share.best < 0.5 && a.loss.best < a.loss_alone.best);
    let other = Bets { seed: 4, ..question }.answer(&law()).unwrap();
    assert!((other.best.gain - a.best.gain).abs() < 6.0 * a.standard_error + 1e-12);
}

#[test]
fn effects_in_loss_are_paid_for_in_loss() {
    let question = Bets { effect: Effect::Loss, ..bets("normal(0, 0.01)", "0.002", "0.95") };
    let answer = question.answer(&law()).unwrap();
    assert!(answer.best.k > 0);
    let saved = answer.loss_alone.best - answer.loss.best;
    assert!((saved - answer.best.gain).abs() < 1e-9, "{saved} {}", answer.best.gain);
}

#[test]
fn impossible_bets_are_refused() {
    let good = bets("normal(0, 0.1)", "0.1", "0.9");
    for bad in [
        Bets { budget: Flop(-1.0), ..good.clone() },
        Bets { ideas: 0, ..good.clone() },
        Bets { worlds: 3, ..good.clone() },
        Bets { worlds: 10_000_000, ideas: 1000, ..good.clone() },
        Bets { scales: vec![Flop(1e25)], ..good.clone() },
    ] {
        assert!(bad.answer(&law()).is_err());
    }
    for (noise, transfer) in [("-1", "0.5"), ("0.1", "1.5"), ("3 yr", "0.5"), ("0.1", "0.5 to 1.5")]
    {
        assert!(Odds::parse(noise, transfer, 100, 0).is_err(), "{noise} {transfer}");
    }
}
