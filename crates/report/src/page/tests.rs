use formula::{Columns, Environment, Program};

use super::*;
use crate::{
    Axis, Cell, Figure, Frame, Live, Mark, Number, Panel, Provenance, Sentence, Slider, Source,
    Still, Table, Tone,
};

const HOSTILE: &str =
    "</script><script>alert(1)</script>\" onload='alert(1)' <img src=x onerror=alert(1)>";

fn live(draws: usize, columns: usize) -> Live {
    let names: Vec<String> = (0..columns).map(|column| format!("x{column}")).collect();
    let program = Program::parse("<test>", &format!("y = k * ({})", names.join(" + "))).unwrap();
    let environment =
        names.iter().fold(Environment::new().parameter("k", ""), |all, name| all.input(name, ""));
    let compiled = program.check(&environment).unwrap().compile(&["y"]).unwrap();
    let draw = |row: usize, column: usize| {
        ((row * 31 + column * 17) as f64 * 0.618_033_988_749_894).fract()
    };
    let table = names.iter().enumerate().fold(Columns::new(draws), |table, (column, name)| {
        table.with(name, (0..draws).map(|row| draw(row, column)).collect())
    });
    Live::new(table)
        .slider(Slider::linear("k", HOSTILE, HOSTILE, 0.0, 2.0, 1.0).note(HOSTILE))
        .program(HOSTILE, &compiled)
        .unwrap()
}

fn runs(rows: usize) -> Figure {
    let frame = Frame::new("runs")
        .numbers("x", HOSTILE, (0..rows).map(|row| row as f64 + 1.0).collect())
        .numbers("y", "", (0..rows).map(|row| (row % 97) as f64).collect());
    let panel = Panel::new(Axis::log(HOSTILE, HOSTILE), Axis::new(HOSTILE, "")).title(HOSTILE);
    Figure::new("runs", HOSTILE)
        .subtitle(HOSTILE)
        .source(HOSTILE)
        .frame(frame)
        .panel(panel.mark(Mark::points("runs", "x", "y").name(HOSTILE)))
}

fn hostile() -> Document {
    let number = Number::new(HOSTILE, 1.0).unit(HOSTILE).note(HOSTILE);
    let number = number.live(Source::median(HOSTILE, "y"));
    let table = Table {
        name: "table".into(),
        title: HOSTILE.into(),
        head: vec![HOSTILE.into(), HOSTILE.into()],
        rows: vec![vec![HOSTILE.into(), Cell::Verdict(Tone::Bad, HOSTILE.into())]],
        note: HOSTILE.into(),
        still: Some(Still::new(["k"], HOSTILE)),
    };
    let sentence = Sentence::new().text(HOSTILE).number(number.clone()).tone(Tone::Good);
    let document = Document::new(HOSTILE).subtitle(HOSTILE).section(
        HOSTILE,
        vec![
            Block::Text(HOSTILE.into()),
            Block::Sentence(sentence),
            Block::Numbers(vec![number]),
            Block::Table(table),
            Block::Figure(runs(5)),
        ],
    );
    let provenance = Provenance {
        command: HOSTILE.into(),
        facts: vec![(HOSTILE.into(), HOSTILE.into())],
        sources: vec![HOSTILE.into()],
    };
    Document { live: Some(live(10, 2)), provenance, ..document }
}

/// The page without its own scripts and style.
fn visible(page: &str) -> String {
    let mut rest = page;
    let mut out = String::new();
    for tag in ["style", "script", "script", "script", "script"] {
        let start = rest.find(&format!("<{tag}")).unwrap();
        let end = rest[start..].find(&format!("</{tag}>")).unwrap() + start;
        out.push_str(&rest[..start]);
        rest = &rest[end + tag.len() + 3..];
    }
    out + rest
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|rest| rest.split('>').next())
}

#[test]
fn no_string_of_a_document_becomes_markup() {
    let page = hostile().to_html(&PageOptions::default()).unwrap();
    let visible = visible(&page);
    for tag in tags(&visible) {
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        assert!(!["script", "img", "svg", "iframe", "object"].contains(&name), "<{tag}>");
        // Attributes end where their quotes do: none of the document's words is one.
        let words: String = tag.split('"').step_by(2).collect();
        assert!(!words.contains(" on") && !words.contains("src="), "<{tag}>");
    }
    // The data are packed, so that nothing in them ends their element.
    assert!(!page.contains("alert(1)</script>"));
}

#[test]
fn only_scripts_whose_hash_is_listed_run_and_nothing_is_loaded() {
    let page = hostile().to_html(&PageOptions::default()).unwrap();
    let policy = page.split("content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("connect-src") && !policy.contains("unsafe-eval"), "{policy}");
    for script in page.split("<script>").skip(1) {
        let script = script.split("</script>").next().unwrap();
        assert!(policy.contains(&hash(script)));
    }
    let visible = visible(&page);
    assert!(tags(&visible).all(|tag| !tag.starts_with("link")));
}

#[test]
fn a_watched_page_listens_to_one_address_only() {
    let watched = |address: &str| hostile().to_html(&PageOptions { reload: Some(address.into()) });
    let page = watched("http://127.0.0.1:4321/events").unwrap();
    assert!(page.contains("connect-src http://127.0.0.1:4321; base-uri"));
    assert!(watched("http://a\"; script-src *").is_err());
}

#[test]
fn four_thousand_draws_of_twenty_inputs_stay_below_two_megabytes() {
    let mut document = hostile();
    document.live = Some(live(4_000, 20));
    let page = document.to_html(&PageOptions::default()).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}

#[test]
fn a_million_runs_are_sampled_with_a_note() {
    let document = Document::new("many").section("runs", vec![Block::Figure(runs(1_000_000))]);
    let page = document.to_html(&PageOptions::default()).unwrap();
    assert!(page.contains("runs: 2,000 of 1,000,000 rows are drawn"), "no note");
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn a_document_comes_back_from_json_and_older_ones_are_named() {
    let document = hostile();
    let again = Document::from_json("document.json", &document.to_json()).unwrap();
    assert_eq!(again, document);
    let older = document.to_json().replacen("\"format\":2", "\"format\":0", 1);
    let problem = Document::from_json("document.json", &older).unwrap_err().to_string();
    assert!(problem.contains("another version of Isoflop: format 0"), "{problem}");
    assert!(Document::from_json("document.json", "{\"format\":2,").is_err());
    let mut stranger = document;
    if let Some(live) = &mut stranger.live {
        live.programs[0].javascript = "(input, rows) => { fetch(1) }".into();
    }
    let problem = Document::from_json("x", &stranger.to_json()).unwrap_err().to_string();
    assert!(problem.contains("not one that Isoflop wrote"), "{problem}");
}

#[test]
fn what_is_missing_is_named_before_anything_is_laid_out() {
    let figure = |mark: Mark| {
        let panel = Panel::new(Axis::new("x", ""), Axis::new("y", "")).mark(mark);
        let frame = Frame::new("runs").numbers("x", "", vec![1.0]);
        let figure = Figure::new("a", "").frame(frame).panel(panel);
        Document::new("").section("", vec![Block::Figure(figure)])
    };
    for (document, said) in [
        (figure(Mark::points("runs", "x", "z")), "draws a column `z` that `runs` does not have"),
        (figure(Mark::points("none", "x", "x")), "draws a frame `none` that it does not have"),
        (
            Document::new("").section(
                "",
                vec![Block::Numbers(vec![Number::new("", 1.0).live(Source::median("p", "y"))])],
            ),
            "a number is live, and the document has no programs",
        ),
    ] {
        let problem = document.to_html(&PageOptions::default()).unwrap_err().to_string();
        assert!(problem.contains(said), "{problem}");
    }
}

#[test]
fn sliders_and_programs_that_cannot_work_are_named() {
    let told = |change: &dyn Fn(&mut Live)| {
        let mut document = hostile();
        document.live.iter_mut().for_each(change);
        document.to_html(&PageOptions::default()).unwrap_err().to_string()
    };
    let problem = told(&|live| live.sliders[0].log = true);
    assert!(problem.contains("goes from 0 to 2"), "{problem}");
    let problem = told(&|live| live.sliders[0].to = f64::INFINITY);
    assert!(problem.contains("two finite ends"), "{problem}");
    let problem = told(&|live| live.sliders.clear());
    assert!(problem.contains("needs `k`, and nothing gives it"), "{problem}");
    let problem = told(&|live| live.draws[1].values.truncate(3));
    assert!(problem.contains("`x1` has 3 draws, `x0` has 10"), "{problem}");
}

#[test]
fn what_stands_still_says_so_for_the_sliders_that_would_change_it() {
    let mut document = hostile();
    if let Block::Figure(figure) = &mut document.sections[0].blocks[4] {
        figure.still = Some(Still::new(["other", "k"], "it is too dear"));
    }
    let page = document.to_html(&PageOptions::default()).unwrap();
    let note = "<p class=\"still\" data-still=\"0\" hidden> Shown for the study's inputs, not yours: \
                it is too dear.</p>";
    assert!(page.contains(note), "{page:.2000}");
    // Nothing can move it: nothing is said.
    let silent = Still::new(["other"], "it is too dear");
    if let Block::Figure(figure) = &mut document.sections[0].blocks[4] {
        figure.still = Some(silent);
    }
    assert!(!document.to_html(&PageOptions::default()).unwrap().contains("too dear"));
}

#[test]
fn live_columns_and_derived_names_that_cannot_work_are_named() {
    let words = Frame::new("runs").words("x", ["1"]).live(Source::median(HOSTILE, "y"));
    let panel = Panel::new(Axis::words("x", ["1"]), Axis::new("y", ""));
    let figure = Figure::new("a", "").frame(words).panel(panel.mark(Mark::rule_x("runs", "x")));
    let document = Document { live: Some(live(10, 2)), ..Document::new("") }
        .section("", vec![Block::Figure(figure)]);
    let problem = document.to_html(&PageOptions::default()).unwrap_err().to_string();
    assert!(problem.contains("a live column `x`"), "{problem}");
    let told = |live: Live| {
        let document = Document { live: Some(live), ..hostile() };
        document.to_html(&PageOptions::default()).unwrap_err().to_string()
    };
    let problem = told(live(10, 2).derive("d", Source::median("none", "y")));
    assert!(problem.contains("no live program `none`"), "{problem}");
    let own = live(10, 2).derive("k", Source::median(HOSTILE, "y"));
    let problem = told(own);
    assert!(problem.contains("needs `k`, derived too"), "{problem}");
    let swung = Source::new(HOSTILE, "y", crate::Summary::Swing(crate::End::Low));
    let problem = told(live(10, 2).derive("d", swung));
    assert!(problem.contains("swings no inputs"), "{problem}");
}
