//! A report whose every string tries to run a script, and a frame of a million rows:
//! `cargo run -p report --example hostile -- OUT`. `OUT/still` holds the same without sliders.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use formula::{Columns, Environment, Program};
use report::{
    Axis, Block, Cell, Document, Figure, Frame, Live, Mark, Number, PageOptions, Panel, Provenance,
    Sentence, Slider, Source, Table, Tone,
};

const STRINGS: [&str; 6] = [
    "<script>window.pwned = 1</script>",
    "\"><img src=x onerror=\"window.pwned = 1\">",
    "' onfocus='window.pwned = 1' autofocus x='",
    "</script></textarea></title><svg onload=window.pwned=1>",
    "</text></svg><script>window.pwned = 1</script>",
    "javascript:window.pwned=1 &lt; \u{2028} ${window.pwned = 1} {{7*7}}",
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "report-hostile".into()));
    fs::create_dir_all(&out)?;
    let all = STRINGS.join(" ");
    let name = "__proto__\"]</script><script>window.pwned=1</script>";
    let program = Program::parse("<test>", "answer = x * 2")?;
    let program = program.check(&Environment::new().parameter("x", ""))?.compile(&["answer"])?;
    let mut live = Live::new(Columns::new(1))
        .slider(Slider::linear("x", STRINGS[1], STRINGS[0], 0.0, 10.0, 3.0).note(STRINGS[2]))
        .program(name, &program)?;
    let source = Source::median(name, "answer");
    live.record_checks(std::slice::from_ref(&source))?;
    let number = Number::new(STRINGS[1], 6.0).unit(STRINGS[4]).note(STRINGS[3]).live(source);
    let rows = 1_000_000;
    let many = Frame::new("runs")
        .numbers("x", STRINGS[1], (0..rows).map(|row| f64::from(row) + 1.0).collect())
        .numbers("y", STRINGS[4], (0..rows).map(|row| f64::from(row % 997)).collect())
        .words("run", (0..rows).map(|row| STRINGS[row as usize % STRINGS.len()]));
    let few = Frame::new("few")
        .numbers("x", "", vec![1.0, 2.0])
        .words("y", [STRINGS[0], STRINGS[4]])
        .words("words", [STRINGS[1], STRINGS[3]]);
    let document = Document::new(STRINGS[0])
        .subtitle(STRINGS[3])
        .section(
            STRINGS[1],
            vec![
                Block::Text(STRINGS.join("\n\n")),
                Block::Text(
                    "[a](javascript:window.pwned=1) ![b](https://example.org/x.png)".into(),
                ),
                Block::Sentence(Sentence::new().text(&all).number(number.clone()).tone(Tone::Bad)),
                Block::Numbers(vec![number.clone()]),
                Block::Table(Table {
                    name: "table".into(),
                    title: all.clone(),
                    head: vec![STRINGS[0].into(), STRINGS[1].into()],
                    rows: vec![vec![Cell::Verdict(Tone::Good, STRINGS[2].into()), number.into()]],
                    note: all.clone(),
                    ..Table::default()
                }),
            ],
        )
        .section(
            STRINGS[4],
            vec![
                Block::Figure(
                    Figure::new("many", STRINGS[0]).subtitle(&all).source(&all).frame(many).panel(
                        Panel::new(Axis::log(STRINGS[0], STRINGS[3]), Axis::new(STRINGS[4], ""))
                            .title(STRINGS[1])
                            .mark(Mark::points("runs", "x", "y").by("run").text("run")),
                    ),
                ),
                Block::Figure(
                    Figure::new("few", STRINGS[4]).frame(few).panel(
                        Panel::new(Axis::new("x", ""), Axis::words("", [STRINGS[0], STRINGS[4]]))
                            .mark(Mark::lying_bars("few", "x", "y").text("words").name(STRINGS[0])),
                    ),
                ),
            ],
        );
    let mut document = Document { live: Some(live), ..document };
    document.provenance = Provenance {
        command: all.clone(),
        facts: vec![(STRINGS[0].into(), STRINGS[1].into())],
        sources: vec![all],
    };
    fs::write(out.join("report.html"), document.to_html(&PageOptions::default())?)?;
    // The same without anything to move.
    if let Some(live) = &mut document.live {
        live.sliders.clear();
        *live = std::mem::take(live).constant("x", 3.0);
    }
    fs::create_dir_all(out.join("still"))?;
    fs::write(out.join("still").join("report.html"), document.to_html(&PageOptions::default())?)?;
    Ok(())
}
