//! No text of a scenario, however broken, makes anything panic, and no number is missing without a
//! warning that names it.

use forecast::{Model, Scenario, Settings, catalogue};
use proptest::prelude::*;

/// Pieces that break a scenario in the ways people and machines do.
const PIECES: [&str; 24] = [
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "never",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    " = \n",
    "/ 0",
    "to",
    "q(10%: 5, 90%: 1)",
    "é",
    "\u{0}",
    "first(",
    "ln(-1)",
    "2026-13-45",
    "#",
];

/// The shipped texts, which the catalogue holds beside this crate.
fn shipped() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../catalogue/scenarios");
    let mut texts: Vec<String> = catalogue::names()
        .map(|name| {
            std::fs::read_to_string(folder.join(format!("{name}.toml"))).expect("a shipped file")
        })
        .collect();
    texts.sort();
    texts
}

fn has_nan(column: &forecast::Column) -> bool {
    match column {
        forecast::Column::Exact(value) => value.is_nan(),
        forecast::Column::OfDraws(estimate) => estimate.value.is_nan(),
        forecast::Column::Drawn(values) => values.iter().any(|value| value.is_nan()),
    }
}

/// Reads, checks, runs, warns; whatever it says is an answer or a diagnostic.
fn survive(text: &str) {
    let Ok(mut scenario) = Scenario::from_toml("hostile.toml", text) else { return };
    scenario.samples = Some(16);
    let _ = scenario.check_claims();
    let Ok(model) = Model::new(&scenario) else { return };
    let settings = Settings { samples: 16, seed: 1 };
    let Ok(run) = model.run_with(settings) else { return };
    if let Ok(lints) = model.lints(&run, 2026.0) {
        for output in run.cases.iter().flat_map(|case| &case.outputs) {
            let name = format!("`{}`", output.name);
            let warned = |lint: &forecast::Lint| {
                ["undefined-output", "infinite-path"].contains(&lint.name)
                    && lint.warning.to_string().contains(&name)
            };
            let is_none = output.columns.iter().any(has_nan);
            assert!(
                !is_none || lints.iter().any(warned),
                "{name} is undefined and nothing says why"
            );
        }
    }
    let _ = model.hindcasts(&run, draws::Level::P90);
    let _ = scenario.as_of(2020.0).and_then(|past| Model::new(&past));
    for output in run.cases.iter().flat_map(|case| &case.outputs) {
        let _ = output.fan(&[0.05, 0.5, 0.95]);
        let _ = output.date_years();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_scenarios_of_the_catalogue_never_panic(
        which in 0_usize..64,
        edits in prop::collection::vec((0_usize..8000, 0_usize..12, 0..PIECES.len()), 1..4),
    ) {
        let texts = shipped();
        let mut text: Vec<char> = texts[which % texts.len()].chars().collect();
        for (at, cut, piece) in edits {
            let at = at % (text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        survive(&text.into_iter().collect::<String>());
    }
}
