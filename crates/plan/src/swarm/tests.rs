//! Whole answers, and the loss side against what was measured.

use std::fmt::Write as _;

use laws::{FitOptions, Law, Setting, catalogue, fit};
use machines::swarm::exchange::Exchange;
use machines::swarm::link::Congestion;
use machines::{BytesPerSecond, Place};
use runs::{Asked, Observations, Request, RunTable, Seconds};

use super::*;
use crate::Believed;

const DAY: f64 = 86_400.0;

fn question(cluster: &str, goal: Goal) -> SwarmQuestion {
    SwarmQuestion {
        peers: Peers::of(&machines::cluster(cluster).unwrap()).unwrap(),
        believed: Believed::published("besiroglu-2024").unwrap(),
        given: Setting::new(),
        goal,
        size: None,
        space: Space::default(),
        adversaries: 0.0,
        audit: 0.0,
        campus: Some("llama3-24k".into()),
        patience: Seconds(365.25 * DAY),
        seed: 1,
        draws: 40,
    }
}

const TAX: Tax =
    Tax { at_billion: 0.00762, fall: 0.24, measured_to: 2.4e9, beyond: 0.5, by_steps: 0.0072 };

#[test]
fn the_tax_of_the_catalogue_is_that_of_the_published_runs() {
    let best = &World::all(0, 0, Congestion::Bbr).unwrap()[0].tax;
    assert_eq!(*best, TAX);
    // Charles et al. 2025, table 4: ln(L_8 / L_1) at H = 30.
    for (size, one, eight) in [(3.5e7, 3.482, 3.621), (1.3e9, 2.451, 2.493)] {
        let (said, found) = (best.of(size, 8.0, 30.0), f64::ln(eight / one));
        assert!((said - found).abs() < 0.004, "{size}: {said} {found}");
    }
    assert_eq!(best.of(1e9, 1000.0, 1.0), 0.0);
    assert_eq!(best.of(1e9, 1.0, 500.0), 0.0);
    for steps in [2.0, 29.9, 30.0, 100.0] {
        assert!(best.of(1e9, 64.0, steps) < best.of(1e9, 64.0, 1.2 * steps));
        assert!(best.of(1e9, 64.0, steps) < best.of(1e9, 128.0, steps));
        assert!(best.of(1e10, 64.0, steps) < best.of(1e9, 64.0, steps));
    }
}

#[test]
fn a_thousand_homes_answer_with_everything_asked() {
    let plan = question("homes-1000", Goal::Loss(2.4)).answer().unwrap();
    assert!(plan.time.best.get() > 3600.0 && plan.time.best.get() < 30.0 * DAY);
    let interval = plan.time.interval(0.9).unwrap();
    assert!(interval.low < plan.time.best.get() && plan.time.best.get() < interval.high);
    // The campus is ahead, and more so as models grow.
    assert!(plan.slower().unwrap().best > 10.0);
    let ratio = |size: &BySize| size.swarm.as_ref().unwrap().1 / size.campus.unwrap();
    assert!(ratio(&plan.sizes[4]) > ratio(&plan.sizes[2]));
    assert!(plan.sizes[0].practical && !plan.sizes[8].practical);
    // Every gradient over home lines is hopeless beside the best.
    let of = |family| plan.schemes.iter().find(|scheme| scheme.family == family).unwrap();
    let every = of(Family::DataParallel).best.as_ref().unwrap().2;
    assert!(every.get() > 1.5 * plan.time.best.get());
    assert!(plan.useful.best > 0.5 && plan.useful.best < 1.0);
    assert!(plan.compute_factor.best > 1.0);
    assert!(plan.facts.iter().any(|fact| !fact.unmeasured.is_empty()));
    // A round adds up.
    let one = &plan.delivered;
    let sum = one.compute + one.waiting + one.stragglers;
    assert!((sum / one.round - 1.0).abs() < 1e-9);
    // Energy is power over time, and households pay for it.
    assert!((plan.energy.best.get() / (one.watts * plan.time.best.get()) - 1.0).abs() < 1e-9);
}

#[test]
fn the_design_played_by_events_is_as_quick_as_its_closed_form() {
    let plan = question("homes-1000", Goal::Loss(2.4)).answer().unwrap();
    let rounds = 500;
    let played = plan.play(rounds, 3).unwrap();
    let rate = played.tokens.get() / played.time.get();
    assert!((rate / plan.delivered.tokens_per_second - 1.0).abs() < 0.05, "{rate}");
    assert_eq!(played, plan.play(rounds, 3).unwrap());
}

#[test]
fn the_least_loss_of_a_time_is_reached_in_that_time() {
    let plan = question("covenant", Goal::Time(Seconds(100.0 * DAY))).answer().unwrap();
    let share = plan.time.best.get() / (100.0 * DAY);
    assert!((0.9..1.05).contains(&share), "{share}");
    let longer = question("covenant", Goal::Time(Seconds(200.0 * DAY))).answer().unwrap();
    assert!(longer.loss < plan.loss);
}

#[test]
fn same_seed_same_answer() {
    let run = |seed| {
        let asked = SwarmQuestion { seed, campus: None, ..question("covenant", Goal::Loss(2.2)) };
        asked.answer().unwrap().time
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).draws, run(2).draws);
    assert_eq!(run(1).best, run(2).best);
}

#[test]
fn better_lines_are_never_slower_and_adversaries_cost() {
    let plain = SwarmQuestion { campus: None, ..question("homes-1000", Goal::Loss(2.6)) };
    let best = |asked: &SwarmQuestion| {
        let plan = asked.answer().unwrap();
        plan.schemes.iter().filter_map(|s| s.best.as_ref()).map(|b| b.2.get()).fold(1e99, f64::min)
    };
    let now = best(&plain);
    let mut quicker = plain.clone();
    for class in &mut quicker.peers.classes {
        class.up = BytesPerSecond(4.0 * class.up.get());
        class.down = BytesPerSecond(4.0 * class.down.get());
    }
    assert!(best(&quicker) <= now);
    let hostile = SwarmQuestion { adversaries: 0.2, audit: 0.1, ..plain.clone() };
    assert!(best(&hostile) > 1.2 * now);
    let small = SwarmQuestion { size: Some(runs::Parameters(1e9)), ..plain };
    assert!(best(&small) >= now * (1.0 - 1e-9));
}

#[test]
fn sites_with_a_network_between_them_are_peers() {
    let peers = Peers::of(&machines::cluster("intellect-1").unwrap()).unwrap();
    assert_eq!((peers.classes.len(), peers.count(), peers.classes[0].devices), (1, 14, 8));
    let asked = SwarmQuestion {
        peers,
        size: Some(runs::Parameters(10.2e9)),
        space: Space {
            family: Some(Family::DiLoCo),
            steps: Some(100),
            compression: Some("int8".into()),
            ..Space::default()
        },
        campus: None,
        ..question("intellect-1", Goal::Loss(2.2))
    };
    let plan = asked.answer().unwrap();
    // 469 s of exchange on its lines over the world (arXiv:2412.01152).
    assert!((plan.delivered.exchange.get() / 469.0 - 1.0).abs() < 0.03);
}

#[test]
fn what_is_fixed_stays_fixed() {
    let asked = SwarmQuestion {
        space: Space { stages: Some(3), steps: Some(77), ..Space::default() },
        campus: None,
        ..question("homes-1000", Goal::Loss(2.6))
    };
    let design = asked.answer().unwrap().design;
    assert_eq!((design.family, design.stages), (Family::Pipeline, 3));
    assert_eq!(design.rhythm.steps(), 77);
}

/// A swarm of equal peers that hold the model and exchange int8 every 30 steps.
fn equal_peers(line: f64, round_trip: f64) -> SwarmQuestion {
    let mut asked = question("covenant", Goal::Loss(2.6));
    asked.campus = None;
    asked.size = Some(runs::Parameters(1e9));
    asked.space = Space {
        family: Some(Family::DiLoCo),
        compression: Some("int8".into()),
        steps: Some(30),
        ..Space::default()
    };
    let class = &mut asked.peers.classes[0];
    (class.up, class.down) = (BytesPerSecond(line), BytesPerSecond(line));
    (class.session, class.availability, class.round_trip) = (None, 1.0, Seconds(round_trip));
    asked
}

#[test]
fn each_way_to_exchange_is_chosen_where_it_is_the_best() {
    let chosen = |asked: &SwarmQuestion| {
        let plan = asked.answer().unwrap();
        let time = plan.ways[0].time.unwrap().get();
        assert_eq!(plan.ways[0].exchange, plan.design.exchange);
        // No other way that is there is quicker.
        let here = plan.ways.iter().filter(|way| way.lacks.is_none());
        let others =
            here.filter_map(|way| way.time.map(Seconds::get)).fold(f64::INFINITY, f64::min);
        assert!(time <= others * 1.02, "{time} {others}");
        plan.design.exchange
    };
    // Lines on which a sum takes a good tenth of the computing between sums.
    let plain = equal_peers(2e10, 0.0);
    assert_eq!(chosen(&plain), Exchange::Shares);
    // Where every fifth lies, it pays to make every sum twice.
    let hostile = SwarmQuestion { adversaries: 0.2, ..plain.clone() };
    assert_eq!(chosen(&hostile), Exchange::Butterfly);
    // Much wider down than up, a server that sums halves what goes up.
    let mut home = plain.clone();
    home.peers.classes[0].down = BytesPerSecond(5.0 * home.peers.classes[0].up.get());
    home.peers.aggregator = Some(BytesPerSecond(1e13));
    assert_eq!(chosen(&home), Exchange::Aggregator);
    // One whose own line is slow does not.
    home.peers.aggregator = Some(BytesPerSecond(1e6));
    assert_ne!(chosen(&home), Exchange::Aggregator);
    // And three such homes fetch each other's updates, which go up once.
    let mut few = plain;
    few.peers.classes[0].count = 3;
    few.peers.classes[0].down = BytesPerSecond(20.0 * few.peers.classes[0].up.get());
    assert_eq!(chosen(&few), Exchange::AllGather);
}

#[test]
fn peers_of_a_place_send_as_one_unless_their_own_network_is_slower_than_the_world() {
    let mut asked = equal_peers(14e6, 0.08);
    asked.peers.classes[0].count = 32;
    let united = |asked: &SwarmQuestion, mbit: f64| {
        let mut asked = asked.clone();
        let bandwidth = BytesPerSecond(mbit * 1e6 / 8.0);
        asked.peers.classes[0].place = Some(Place { peers: 8, bandwidth });
        let plan = asked.answer().unwrap();
        assert!(plan.ways.iter().any(|way| way.united) && plan.ways.iter().any(|way| !way.united));
        (plan.design.united, plan.delivered.replicas, plan.delivered.peers)
    };
    let (one, replicas, peers) = united(&asked, 100_000.0);
    assert!(one && (peers / replicas - 8.0).abs() < 0.5, "{one} {peers} {replicas}");
    assert!(!united(&asked, 1.0).0);
    // What a single peer cannot hold, a place can in shards.
    asked.size = Some(runs::Parameters(2e11));
    asked.goal = Goal::Loss(2.3);
    assert!(asked.answer().is_err());
    assert!(united(&asked, 100_000.0).0);
}

#[test]
fn congestion_control_counts_where_lines_lose_packets() {
    let mut asked = equal_peers(14e6, 0.08);
    // Alone, a peer would wait for no line.
    asked.space.everybody = true;
    asked.peers = asked.peers.with_packet_loss(0.01).unwrap();
    let bbr = asked.answer().unwrap().time.best;
    asked.peers.congestion = Congestion::Reno;
    assert!(asked.answer().unwrap().time.best.get() > 1.2 * bbr.get());
    assert!(asked.peers.with_packet_loss(0.6).is_err());
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let one = machines::cluster("dgx-h100").unwrap();
    let problem = Peers::of(&one).unwrap_err().to_string();
    assert!(problem.contains("no peer"), "{problem}");
    let plain = question("homes-1000", Goal::Loss(2.4));
    let cases = [
        (SwarmQuestion { goal: Goal::Loss(1.0), ..plain.clone() }, "no design reaches"),
        (SwarmQuestion { goal: Goal::Loss(f64::NAN), ..plain.clone() }, "out of range"),
        (SwarmQuestion { goal: Goal::Time(Seconds(-1.0)), ..plain.clone() }, "out of range"),
        (SwarmQuestion { adversaries: 1.0, ..plain.clone() }, "out of range"),
        (SwarmQuestion { audit: f64::NAN, ..plain.clone() }, "out of range"),
        (SwarmQuestion { size: Some(runs::Parameters(0.0)), ..plain.clone() }, "out of range"),
        (SwarmQuestion { campus: Some("covenant".into()), ..plain.clone() }, "not one campus"),
        (
            SwarmQuestion {
                space: Space { compression: Some("fp5".into()), ..Space::default() },
                ..plain.clone()
            },
            "did you mean",
        ),
        (
            SwarmQuestion {
                believed: Believed::published("charles-2025").unwrap(),
                ..plain.clone()
            },
            "no N and D",
        ),
    ];
    for (asked, expected) in cases {
        let problem = asked.answer().unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
    }
}

/// A table of the published runs, where the environment names their folder.
fn reference(name: &str) -> Option<RunTable> {
    let Ok(root) = std::env::var("ISOFLOP_REFERENCE") else {
        eprintln!("ISOFLOP_REFERENCE is not set: {name} is not checked");
        return None;
    };
    let path = std::path::Path::new(&root).join("decentralised_runs").join(name);
    Some(RunTable::read(path).unwrap())
}

#[test]
fn losses_of_diloco_refitted_on_small_models_predict_the_large_within_half_a_per_cent() {
    let Some(table) = reference("diloco_scaling_loss.csv") else { return };
    let column = |name: &str| -> Vec<f64> {
        let text = table.text(name).unwrap();
        text.iter().map(|cell| cell.trim().parse().unwrap_or(f64::NAN)).collect()
    };
    let (size, replicas, loss) = (column("params"), column("replicas_m"), column("eval_loss"));
    let replicated: Vec<usize> = (0..loss.len()).filter(|&i| replicas[i] >= 1.0).collect();
    let (small, large): (Vec<usize>, Vec<usize>) =
        replicated.into_iter().partition(|&i| size[i] < 1e9);
    assert!(small.len() >= 20 && large.len() >= 4);
    let mut csv = String::from("N,M,loss\n");
    for &i in &small {
        writeln!(csv, "{},{},{}", size[i], replicas[i], loss[i]).unwrap();
    }
    let small = RunTable::from_bytes("small.csv", csv.as_bytes()).unwrap();
    let worst = |law: &Law| {
        let request = Request::new(
            Asked::positive("loss"),
            law.variables.iter().map(|variable| Asked::positive(&variable.name)),
        );
        let rows = Observations::from_table(&small, &request).unwrap();
        let options = FitOptions { bootstrap: 0, ..FitOptions::default() };
        let values = fit(law, &rows, &options).unwrap().best_and_draws(None);
        let miss = |&i: &usize| {
            let setting = Setting::new().with("N", size[i]).with("M", replicas[i]);
            (law.values(values.clone(), &setting).unwrap()[0] / loss[i] - 1.0).abs()
        };
        large.iter().map(miss).fold(0.0, f64::max)
    };
    let typed = |formula| Law::typed(formula, |name| ["loss", "N", "M"].contains(&name)).unwrap();
    // With a floor, and a tax that falls with size, as the catalogue has it.
    let found = worst(&typed("loss = E + A / N^alpha + B * ln(M) / N^c"));
    assert!(found < 0.005, "{found}");
    // The published form, a power law without a floor, bends too little.
    let bare = worst(&catalogue::find("diloco").unwrap());
    assert!((0.01..0.025).contains(&bare), "{bare}");
}

#[test]
fn the_constants_of_the_tax_come_out_of_the_tables() {
    let Some(table) = reference("diloco_scaling_loss.csv") else { return };
    let number = |table: &RunTable, name: &str| -> Vec<f64> {
        let text = table.text(name).unwrap();
        text.iter().map(|cell| cell.trim().parse().unwrap_or(f64::NAN)).collect()
    };
    let [size, replicas, loss] =
        ["params", "replicas_m", "eval_loss"].map(|name| number(&table, name));
    // Least squares of ln(L_M / L_1) on ln M (N / 1e9)^-fall, the fall by trial.
    let fitted = |fall: f64| {
        let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
        for i in (0..loss.len()).filter(|&i| replicas[i] > 1.0) {
            let one = (0..loss.len()).find(|&j| replicas[j] == 1.0 && size[j] == size[i]).unwrap();
            let (x, y) =
                (replicas[i].ln() * (size[i] / 1e9).powf(-fall), (loss[i] / loss[one]).ln());
            (xy, xx, yy) = (xy + x * y, xx + x * x, yy + y * y);
        }
        (yy - xy * xy / xx, xy / xx)
    };
    let best = (0..120).map(|at| f64::from(at) * 0.005);
    let fall = best.min_by(|a, b| fitted(*a).0.total_cmp(&fitted(*b).0)).unwrap();
    assert!((fall - TAX.fall).abs() < 0.006, "{fall}");
    assert!((fitted(fall).1 / TAX.at_billion - 1.0).abs() < 0.01);

    let Some(table) = reference("streaming_diloco_loss.csv") else { return };
    let (model, algorithm) = (table.text("model").unwrap(), table.text("algorithm").unwrap());
    let [replicas, steps, loss] =
        ["replicas_m", "inner_steps_h", "eval_loss"].map(|name| number(&table, name));
    let mut slopes = Vec::new();
    for i in (0..loss.len()).filter(|&i| steps[i] == 30.0 && algorithm[i] == "streaming-fp4") {
        let like = |j: &usize| {
            model[*j] == model[i]
                && algorithm[*j] == algorithm[i]
                && replicas[*j] == replicas[i]
                && steps[*j] == 100.0
        };
        let other = (0..loss.len()).find(like).unwrap();
        let rise = (loss[other] / loss[i]).ln() / f64::ln(100.0 / 30.0);
        slopes.push(rise / replicas[i].ln());
    }
    let mean = slopes.iter().sum::<f64>() / slopes.len() as f64;
    assert!(slopes.len() == 10 && (mean / TAX.by_steps - 1.0).abs() < 0.01, "{mean}");
}
