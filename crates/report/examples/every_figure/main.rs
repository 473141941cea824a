//! Every kind of figure in one report, from columns computed here:
//! `cargo run -p report --features png --example every_figure -- OUT` writes the page, the document
//! as JSON, and each figure as SVG and PNG, light and dark.
//!
//! The runs are drawn from a law with noise, and the draws are drawn around it: nothing in it is
//! measured.

mod forecasts;
mod laws;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use report::{
    Block, Cell, Document, Live, Notation, Number, PageOptions, Provenance, Sentence, Slider,
    Source, Table, Tone,
};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "report-out".into()));
    fs::create_dir_all(&out)?;
    let document = document()?;
    fs::write(out.join("report.html"), document.to_html(&PageOptions::default())?)?;
    fs::write(out.join("document.json"), document.to_json())?;
    #[cfg(feature = "png")]
    draw(&document, &out)?;
    Ok(())
}

#[cfg(feature = "png")]
fn draw(document: &Document, out: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let artist = report::Artist::new()?;
    for figure in document.figures() {
        for dark in [false, true] {
            let look = report::Look { dark, ..Default::default() };
            let stem = format!("{}-{}", figure.name, if dark { "dark" } else { "light" });
            fs::write(out.join(&stem).with_extension("svg"), artist.svg(figure, &look)?)?;
            fs::write(out.join(&stem).with_extension("png"), artist.png(figure, &look)?)?;
        }
    }
    Ok(())
}

fn document() -> Result<Document, Box<dyn Error>> {
    let draws = laws::draws();
    let plan = laws::plan()?;
    let mut live = Live::new(draws.clone())
        .slider(
            Slider::log("C", "Training compute", "FLOP", 1e20, 1e26, laws::BUDGET)
                .notation(Notation::Power)
                .note("6ND, without attention"),
        )
        .slider(
            Slider::linear("mfu", "MFU", "", 0.1, 0.7, 0.4)
                .notation(Notation::Percent)
                .note("model FLOP over peak FLOP"),
        )
        .slider(
            Slider::linear("price", "Price of an H100", "USD/h", 0.5, 6.0, 2.0)
                .notation(Notation::Dollars),
        )
        .slider(
            Slider::linear("growth", "Growth of compute", "ln/yr", 0.2, 2.5, forecasts::GROWTH)
                .note("uncertain until moved"),
        )
        .program("plan", &plan)?
        .program("compute", &forecasts::path()?)?
        .swept_program("choice", &laws::choice()?, "ratio", laws::ratios())?;
    live.record_checks(&[
        Source::median("plan", "params"),
        Source::median("plan", "loss"),
        Source::mean("plan", "within"),
        Source::median("plan", "cost"),
        Source::median("compute", "largest"),
        Source::median("choice", "excess"),
    ])?;
    let median = |output: &str, label: &str| -> Result<Number, Box<dyn Error>> {
        let source = Source::median("plan", output);
        let at = |level: f64| -> Result<f64, Box<dyn Error>> {
            Ok(live.evaluate(&[], &source.summarised(report::Summary::Quantile(level)))?[0])
        };
        let (low, high) = ((1.0 - 0.9) / 2.0, f64::midpoint(1.0, 0.9));
        let number = Number::new(label, at(0.5)?).interval(0.9, at(low)?, at(high)?);
        Ok(number.live(source.clone()))
    };
    let params = median("params", "Parameters N*")?.unit("param").notation(Notation::Short);
    let tokens = median("tokens", "Tokens D*")?.unit("token").notation(Notation::Short);
    let loss = median("loss", "Loss")?.unit("nat/token").notation(Notation::Fine);
    let cost = median("cost", "Cost")?.notation(Notation::Dollars);
    let ratio = median("ratio", "Tokens per parameter")?;
    let within = Source::mean("plan", "within");
    let share = live.evaluate(&[], &within)?[0];
    let reach = Number::new("Probability of a loss below 2.0 nat", share)
        .notation(Notation::Percent)
        .live(within.clone());

    let answer = vec![
        Block::Sentence(
            Sentence::new()
                .text("The budget is best spent on ")
                .number(params.clone())
                .text(" trained on ")
                .number(tokens.clone())
                .text(".")
                .tone(Tone::Answer),
        ),
        Block::Sentence(
            Sentence::new()
                .text("A loss below 2.0 nat per token is ")
                .choice(
                    share,
                    Some(within.clone()),
                    &[
                        (0.1, "very unlikely"),
                        (0.4, "unlikely"),
                        (0.6, "a coin flip"),
                        (0.9, "likely"),
                    ],
                    "very likely",
                )
                .text(": probability ")
                .number(reach.clone())
                .text(".")
                .tone(Tone::Good),
        ),
        Block::Sentence(
            Sentence::new()
                .text(
                    "The budget lies 2.0 decades beyond the largest run: the law is extrapolated.",
                )
                .tone(Tone::Caution),
        ),
        Block::Numbers(vec![
            params.tone(Tone::Answer),
            tokens.tone(Tone::Answer),
            loss.note("validation, nats per token"),
            cost.note("price of the accelerators alone"),
            ratio,
            reach,
        ]),
        Block::Text(
            "The law is `L = E + A/N^α + B/D^β`, with *draws* of its five parameters; see \
             [Hoffmann et al. 2022](https://arxiv.org/abs/2203.15556). <script>alert(1)</script>"
                .into(),
        ),
    ];
    let verdicts = Table {
        name: "verdict".into(),
        title: "What the fit supports".into(),
        head: ["Check", "Result", "Value", "Verdict"].map(String::from).to_vec(),
        rows: vec![
            vec![
                "Held-out scales".into(),
                "error of prediction over its interval".into(),
                Number::new("", 0.41).into(),
                Cell::Verdict(Tone::Good, "holds".into()),
            ],
            vec![
                "Distance of extrapolation".into(),
                "decades of compute beyond the runs".into(),
                Number::new("", 2.0).into(),
                Cell::Verdict(Tone::Caution, "far".into()),
            ],
            vec![
                "Exponents identified".into(),
                "width of β's 90% interval".into(),
                Number::new("", 0.033).into(),
                Cell::Verdict(Tone::Bad, "wide".into()),
            ],
        ],
        note: "Thresholds: interval ratio below 1; below 1 decade; below 0.02.".into(),
        ..Table::default()
    };
    let mut fit = vec![Block::Table(verdicts)];
    fit.extend(laws::figures(&draws)?.into_iter().map(Block::Figure));
    let plans = laws::plan_figures(&live)?.into_iter().map(Block::Figure).collect();
    let machines = forecasts::machine_figures().into_iter().map(Block::Figure).collect();
    let forecasts = forecasts::figures(&live)?.into_iter().map(Block::Figure).collect();
    let mut document = Document::new("What would 10²³ FLOP buy?")
        .subtitle("Every kind of figure, on runs drawn from a law with noise")
        .section("Answer", answer)
        .section("The law and the runs", fit)
        .section("The plan", plans)
        .section("The machine", machines)
        .section("The forecast", forecasts);
    document.live = Some(live);
    document.provenance = Provenance {
        command: "cargo run -p report --features png --example every_figure -- OUT".into(),
        facts: vec![
            ("isoflop".into(), env!("CARGO_PKG_VERSION").into()),
            ("seed".into(), "1".into()),
            ("draws".into(), "4000".into()),
        ],
        sources: vec!["Hoffmann et al. 2022, arXiv:2203.15556: the form of the law".into()],
    };
    Ok(document)
}
