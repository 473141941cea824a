//! Figures as the page draws them, at rest and with sliders moved, against runs of the scenario.

use clap::Parser;
use report::{Block, Column, Figure, Live, Section, Values};

use crate::commands::forecast::ForecastArgs;

const ROWS: usize = 4000;

/// As many as bands are drawn from.
const FEW_ROWS: usize = report::PATH_DRAWS;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ForecastArgs,
}

/// Sections and programs of a scenario whose page has all the draws of its run.
fn page(options: &[&str]) -> (Vec<Section>, Live) {
    page_of(ROWS, options)
}

fn page_of(rows: usize, options: &[&str]) -> (Vec<Section>, Live) {
    let samples = rows.to_string();
    let line = ["forecast", "--samples", samples.as_str(), "--no-backtest"];
    let args = Line::parse_from(line.into_iter().chain(options.iter().copied())).args;
    let part = crate::commands::forecast::part("my-step", rows, &args).unwrap();
    (part.sections, part.live.unwrap())
}

fn figures(sections: &[Section]) -> Vec<&Figure> {
    let blocks = sections.iter().flat_map(|section| &section.blocks);
    let figures = blocks.filter_map(|block| match block {
        Block::Figure(figure) => Some(figure),
        _ => None,
    });
    figures.collect()
}

fn figure<'a>(sections: &'a [Section], name: &str) -> &'a Figure {
    figures(sections).into_iter().find(|figure| figure.name == name).unwrap()
}

fn numbers(column: &Column) -> &[f64] {
    match &column.values {
        Values::Numbers(values) => values,
        Values::Words(_) => &[],
    }
}

/// What the page computes of a column.
fn computed(live: &Live, setting: &[(&str, f64)], column: &Column) -> Vec<f64> {
    column.live.iter().flat_map(|source| live.evaluate(setting, source).unwrap()).collect()
}

fn column<'a>(figure: &'a Figure, frame: &str, name: &str) -> &'a Column {
    figure.frames.iter().find(|one| one.name == frame).unwrap().column(name).unwrap()
}

/// A probability at a date, between its neighbours.
fn at(years: &[f64], shares: &[f64], year: f64) -> f64 {
    let after = years.iter().position(|known| *known >= year).unwrap();
    let part = (year - years[after - 1]) / (years[after] - years[after - 1]);
    shares[after - 1] + part * (shares[after] - shares[after - 1])
}

#[test]
fn untouched_the_page_computes_what_the_figures_show() {
    for scenario in ["gap", "marginal-gw"] {
        let (sections, live) = page_of(FEW_ROWS, &[scenario]);
        let mut moving = Vec::new();
        for figure in figures(&sections) {
            for column in figure.frames.iter().flat_map(|frame| &frame.columns) {
                let (shown, found) = (numbers(column), computed(&live, &[], column));
                if column.live.is_empty() || column.written.is_some() {
                    continue;
                }
                moving.push(figure.name.clone());
                assert_eq!(shown.len(), found.len(), "{} {}", figure.name, column.name);
                for (shown, found) in shown.iter().zip(found) {
                    // A quantile between two draws may be taken in two ways.
                    let close = *shown == found
                        || (shown - found).abs() <= 0.01 * shown.abs().max(0.01)
                        || (shown.is_nan() && found.is_nan());
                    assert!(close, "{} {}: {found} {shown}", figure.name, column.name);
                }
            }
        }
        let moves = |name: &str| moving.iter().any(|moving| moving.starts_with(name));
        assert!(moves("tornado-"), "{moving:?}");
        assert!(moves(if scenario == "gap" { "probability-of-date" } else { "bets" }));
    }
}

#[test]
fn with_an_input_moved_dates_are_those_of_the_scenario_with_that_input() {
    let (sections, live) = page(&["gap"]);
    let (other, _) = page(&["gap", "--set", "fast=15x/yr"]);
    let setting = [("my_step_fast", 15.0)];
    let (own, there) =
        (figure(&sections, "probability-of-date"), figure(&other, "probability-of-date"));
    let of = |name| computed(&live, &setting, column(own, "path", name));
    let (years, shares) = (of("year"), of("probability"));
    let expected = |year| {
        let of = |name| numbers(column(there, "path", name));
        at(of("year"), of("probability"), year)
    };
    for year in [2034.0, 2038.0, 2045.0] {
        let (found, expected) = (at(&years, &shares, year), expected(year));
        assert!((found - expected).abs() < 0.03, "{year}: {found} {expected}");
        // It is another answer than the study's.
        let before = at(
            numbers(column(own, "path", "year")),
            numbers(column(own, "path", "probability")),
            year,
        );
        assert!((before - expected).abs() > 0.03, "{year}: {before} {expected}");
    }
    // The bars of the other inputs are those of that scenario's tornado.
    let (own, there) = (figure(&sections, "tornado-closes"), figure(&other, "tornado-closes"));
    let names = |figure: &Figure| match &column(figure, "swings", "input").values {
        Values::Words(names) => names.clone(),
        Values::Numbers(_) => Vec::new(),
    };
    let (mine, theirs) = (names(own), names(there));
    for end in ["base", "at_low", "at_high"] {
        let found = computed(&live, &setting, column(own, "swings", end));
        let expected = numbers(column(there, "swings", end));
        for input in ["gap", "slow", "fade", "penalty"] {
            let place = |names: &[String]| names.iter().position(|name| name == input).unwrap();
            let (found, expected) = (found[place(&mine)], expected[place(&theirs)]);
            let same = found == expected || (found - expected).abs() < 1e-6;
            assert!(same, "{input} {end}: {found} {expected}");
        }
    }
}

#[test]
fn with_an_input_moved_two_bets_are_worth_what_the_scenario_with_that_input_says() {
    let (sections, live) = page(&["marginal-gw"]);
    let (other, _) = page(&["marginal-gw", "--set", "elasticity=1.2"]);
    let values = |sections: &[Section]| column(figure(sections, "bets"), "cells", "value").clone();
    let found = computed(&live, &[("my_step_elasticity", 1.2)], &values(&sections));
    let (expected, before) = (values(&other), values(&sections));
    assert_eq!(found.len(), 4);
    for ((found, expected), before) in found.iter().zip(numbers(&expected)).zip(numbers(&before)) {
        assert!((found - expected).abs() < 0.02, "{found} {expected}");
        assert!(found > before, "{found} {before}");
    }
    let words = column(figure(&sections, "bets"), "cells", "words");
    assert_eq!(words.written.as_ref().unwrap().notation, report::Notation::Percent);
}

#[test]
fn shares_of_variance_stand_still_and_say_why_for_every_slider() {
    let (sections, live) = page(&["gap"]);
    let still = figure(&sections, "sobol-closes").still.as_ref().unwrap();
    assert!(still.why.contains("shares of variance"), "{}", still.why);
    let sliders: Vec<&String> = live.sliders.iter().map(|slider| &slider.name).collect();
    assert_eq!(still.sliders.iter().collect::<Vec<_>>(), sliders);
    // Whatever a slider reaches moves or says that it does not.
    for figure in figures(&sections) {
        let columns = figure.frames.iter().flat_map(|frame| &frame.columns);
        let moves = columns.into_iter().any(|column| !column.live.is_empty());
        assert!(moves || figure.still.is_some(), "{}", figure.name);
        assert!(!moves || !figure.moved_title.is_empty(), "{}", figure.name);
    }
}
