//! Published trends come out of the published tables, which lie outside this repository.

#![expect(clippy::unwrap_used, reason = "a test: what is missing should fail it")]

use std::io::Write as _;
use std::path::PathBuf;

use forecast::{Point, Scenario, Shape, Trend, TrendOptions, running_top};
use runs::RunTable;

/// The folder of the tables, if there is one.
fn reference(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ISOFLOP_REFERENCE").map(PathBuf::from);
    if folder.is_none() {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
    }
    folder
}

fn read(folder: &std::path::Path, entry: &str) -> Vec<Point> {
    let text = format!("[data]\nx = {entry}");
    let origin = folder.join("test.toml").display().to_string();
    let reader = |_: &str, wanted: &str| {
        let path = folder.join(wanted);
        std::fs::read_to_string(&path).map(|text| (path.display().to_string(), text))
    };
    let scenario = Scenario::from_toml_with(&origin, &text, &reader);
    scenario.unwrap_or_else(|problem| panic!("{problem}")).data.remove(0).points
}

fn fit(points: &[Point], shape: Shape) -> Trend {
    Trend::fit(points, TrendOptions { shape, ..TrendOptions::default() }).unwrap()
}

fn between(points: &[Point], from: f64, to: f64) -> Vec<Point> {
    points.iter().copied().filter(|point| from <= point.date && point.date < to).collect()
}

#[test]
fn the_growth_of_training_compute_comes_out() {
    let Some(folder) = reference("growth of training compute") else { return };
    let all = read(
        &folder,
        "{ file = \"ai_models/notable_models.csv\", value = \"training_compute_flop FLOP\" }",
    );
    let notable = fit(&between(&all, 2010.0, 2024.42), Shape::LogLinear);
    let (low, high) = notable.growth_interval(draws::Level::P90);
    println!(
        "notable {:.3} ({:.3} to {:.3}), n = {}",
        notable.growth().exp(),
        low.exp(),
        high.exp(),
        notable.points.len()
    );
    // Published 4.1 (3.7-4.6); this later snapshot, which has more small models, gives 3.79.
    assert!((notable.growth().exp() - 3.79).abs() < 0.1);

    let top = between(&running_top(&all, 10), 2010.0, 2024.42);
    let frontier = fit(&top, Shape::LogLinear);
    println!("frontier {:.3}, n = {}", frontier.growth().exp(), frontier.points.len());
    // Published 5.3 (4.9-5.7); 4.79 on this snapshot.
    assert!((frontier.growth().exp() - 4.79).abs() < 0.25);

    let kink = fit(&top, Shape::Kink);
    println!("kink at {:?}, after it {:.3}", kink.break_date(), kink.growth().exp());
    // Published 4.2 after a kink.
    assert!((kink.growth().exp() - 4.2).abs() < 0.2, "{}", kink.growth().exp());
}

/// One column of the clusters whose performance was among the ten highest when they began.
fn of_leading_clusters(folder: &std::path::Path, column: &str) -> Vec<Point> {
    let table = RunTable::read(folder.join("gpu_clusters/gpu_clusters.csv")).unwrap();
    let [standard, dates] = ["include_standard", "date"].map(|name| table.text(name).unwrap());
    let [performance, values] = ["ops_16bit", column].map(|name| table.numbers(name).unwrap());
    let ranked: Vec<Point> = (0..table.len())
        .filter(|row| standard[*row] == "True" && performance[*row].is_finite())
        .filter_map(|row| {
            let date = forecast::date(dates[row])?;
            // The performance ranks it; the value that is fitted goes along as its range.
            Some(Point { date, value: performance[row], range: Some((values[row], values[row])) })
        })
        .collect();
    let fitted = |point: Point| Point { value: point.range.unwrap().0, range: None, ..point };
    between(&running_top(&ranked, 10), 2019.0, 2025.3)
        .into_iter()
        .map(fitted)
        .filter(|point| point.value.is_finite())
        .collect()
}

#[test]
fn the_growth_of_leading_clusters_comes_out() {
    let Some(folder) = reference("growth of leading clusters") else { return };
    // Pilz et al. 2025: 2.5, 2.0 and 1.9 a year to March 2025, of the ten with the most 16-bit
    // performance when they began; a later snapshot gives 2.38 (2.19 to 2.59), 1.80 (1.59 to 2.01) and
    // 1.78 (1.56 to 1.99). The table at hand ends in June 2024, without the largest sites of the year after.
    for (column, published, later) in [
        ("max_ops", 2.5, (2.19, 2.38, 2.59)),
        ("power_mw", 2.0, (1.59, 1.80, 2.01)),
        ("hardware_cost_usd", 1.9, (1.56, 1.78, 1.99)),
    ] {
        let trend = fit(&of_leading_clusters(&folder, column), Shape::LogLinear);
        let growth = trend.growth().exp();
        println!("{column}: {growth:.3} against {published}, n = {}", trend.points.len());
        assert!((growth - later.1).abs() <= 0.15, "{column}: {growth}");
        assert!((later.0..later.2).contains(&growth), "{column}: {growth}");
    }
    // Chips, ranked by themselves: 1.6.
    let all = read(
        &folder,
        "{ file = \"gpu_clusters/gpu_clusters.csv\", value = \"chip_quantity\", where = \"include_standard == 'True'\" }",
    );
    let chips = fit(&between(&running_top(&all, 10), 2019.0, 2025.3), Shape::LogLinear);
    assert!((chips.growth().exp() - 1.6).abs() <= 0.15, "{}", chips.growth().exp());
}

/// Release date and minutes of the 50 % horizon of the state-of-the-art models from November 2025 on,
/// of which the table at hand is without (METR, `benchmark_results_1_1`, as of April 2026).
const LATER_HORIZONS: [(&str, f64); 4] = [
    ("2025-11-18", 236.654_674),
    ("2025-11-24", 320.422_486),
    ("2025-12-11", 394.383_957),
    ("2026-02-05", 870.027_186),
];

/// The others of that list: METR estimates every horizon anew with each version.
const EARLIER_HORIZONS: [(&str, f64); 13] = [
    ("2019-02-14", 0.039_762),
    ("2020-05-28", 0.148_793),
    ("2022-03-15", 0.604_245),
    ("2023-03-14", 3.524_514),
    ("2023-11-06", 3.609_578),
    ("2024-05-13", 6.404_471),
    ("2024-06-20", 10.771_603),
    ("2024-09-12", 19.395_096),
    ("2024-10-22", 19.776_241),
    ("2024-12-05", 37.937_543),
    ("2025-02-24", 59.763_762),
    ("2025-04-16", 120.730_463),
    ("2025-08-07", 213.954_459),
];

fn listed(points: &[(&str, f64)]) -> Vec<Point> {
    let point = |(date, value): &(&str, f64)| Point {
        date: forecast::date(date).unwrap(),
        value: *value,
        range: None,
    };
    points.iter().map(point).collect()
}

/// Days in which the horizon doubles: over all, and from 2023 on.
fn doubling(points: &[Point]) -> (f64, f64) {
    let days = |points: &[Point]| fit(points, Shape::LogLinear).doubling_time() * 365.25;
    (days(points), days(&between(points, 2023.0, 2100.0)))
}

#[test]
fn the_doubling_of_time_horizons_of_a_list_is_what_the_list_says_of_itself() {
    let all = [listed(&EARLIER_HORIZONS), listed(&LATER_HORIZONS)].concat();
    let (whole, late) = doubling(&all);
    println!("doubling {whole:.2} d over all, {late:.2} d from 2023, n = {}", all.len());
    // The file's own `doubling_time_in_days`: 182.725 and 122.611 (99.552 to 149.126).
    assert!((whole / 182.725 - 1.0).abs() < 1e-3 && (late / 122.611 - 1.0).abs() < 1e-3);
    let from_2023 = fit(&between(&all, 2023.0, 2100.0), Shape::LogLinear);
    let (low, high) = from_2023.growth_interval(draws::Level::new(0.95).unwrap());
    let days = |growth: f64| std::f64::consts::LN_2 / growth * 365.25;
    println!("95 % from {:.0} to {:.0} d", days(high), days(low));
    assert!((94.0..104.0).contains(&days(high)) && (144.0..154.0).contains(&days(low)));
}

#[test]
fn the_doubling_of_time_horizons_comes_out() {
    let Some(folder) = reference("doubling of time horizons") else { return };
    let mut all = read(
        &folder,
        "{ file = \"metr_time_horizon/horizons.csv\", date = \"release_date\", value = \"p50_minutes min\", where = \"is_sota == 'True'\" }",
    );
    let (whole, late) = doubling(&all);
    println!("to August 2025: {whole:.1} d over all, {late:.1} d from 2023, n = {}", all.len());
    // The table has no model from November 2025 on; with those known in January 2026, when 188 and
    // 129 days were published:
    all.extend(listed(&LATER_HORIZONS[..3]));
    let (whole, late) = doubling(&all);
    println!("to January 2026: {whole:.1} d over all, {late:.1} d from 2023, n = {}", all.len());
    assert!((whole / 188.0 - 1.0).abs() < 0.03 && (late / 129.0 - 1.0).abs() < 0.03);
}

#[test]
fn rolling_backtests_cover_what_they_promise() {
    let Some(folder) = reference("rolling backtests of every series") else { return };
    let reader = |_: &str, wanted: &str| {
        let path = folder.join(wanted);
        std::fs::read_to_string(&path).map(|text| (path.display().to_string(), text))
    };
    let series = include_str!("../examples/backtests.toml");
    let scenario = Scenario::from_toml_with("backtests.toml", series, &reader).unwrap();
    let found = scenario.backtests(3, draws::Level::P90).unwrap();
    let (mut inside, mut forecasts, mut wins, mut count) = (0.0, 0.0, 0, 0);
    for (name, found) in &found {
        let Some(found) = found else { continue };
        let [average, _, slope, drift] = &found.scores;
        println!(
            "{name:26} {:4} {:.2} {:.3} {:.3} {:.3}",
            average.origins.len(),
            average.coverage,
            average.crps,
            slope.crps,
            drift.crps
        );
        inside += average.coverage * average.origins.len() as f64;
        forecasts += average.origins.len() as f64;
        wins += usize::from(found.beats_both());
        count += 1;
    }
    println!("inside {:.3}; better than both on {wins} of {count}", inside / forecasts);
    assert!((0.8..0.97).contains(&(inside / forecasts)));
    assert!(wins * 10 >= count * 7, "{wins} of {count}");
}

#[test]
fn chinese_record_models_were_two_to_ten_points_behind() {
    let Some(folder) = reference("lag of `behind` in intelligent-capital") else { return };
    let of = |country: &str| {
        let entry = format!(
            "{{ file = \"capabilities_index/eci.csv\", value = \"eci\", where = \"country == '{country}'\" }}"
        );
        let points = read(&folder, &entry);
        running_top(&points, 1)
    };
    let (ahead, behind) = (of("United States of America"), of("China"));
    // Versions of one model stand there with one value.
    let mut gaps: Vec<f64> = (behind.iter().filter(|point| point.date > 2024.4))
        .map(|point| {
            let best = ahead.iter().rfind(|other| other.date <= point.date).unwrap();
            best.value - point.value
        })
        .collect();
    gaps.dedup();
    assert_eq!(gaps.len(), 6, "{gaps:?}");
    assert!(gaps.iter().all(|gap| (1.9..9.9).contains(gap)), "{gaps:?}");
}
