//! The guide page "The language" is right: every block of it is run.

use formula::{Environment, Program};

const PAGE: &str = include_str!("../../../docs/src/language.md");

/// The blocks of the page: what follows the word `formula`, and the lines.
fn blocks() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut out = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```formula") {
            out.push((kind.trim(), lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    out
}

fn split(block: &[&str]) -> (String, String) {
    let (last, code) = block.split_last().expect("a block has lines");
    (code.join("\n"), last.trim_start_matches("# ").to_owned())
}

/// Each `# = value` belongs to the line before it, in the light of all lines of the block.
fn check_values(block: &[&str]) -> usize {
    let mut code: Vec<&str> = Vec::new();
    let mut count = 0;
    for line in block {
        let Some(wanted) = line.strip_prefix("# = ") else {
            code.push(line);
            continue;
        };
        let program =
            Program::parse("language.md", &code.join("\n")).unwrap_or_else(|e| panic!("{e}"));
        let checked = program.check(&Environment::new()).unwrap_or_else(|e| panic!("{e}"));
        let last = program.names().last().expect("a definition").to_owned();
        let shown = checked.constant(&last).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(shown.as_deref(), Some(wanted), "{}", code.join("\n"));
        count += 1;
    }
    count
}

#[test]
fn every_example_of_the_guide_prints_what_it_says() {
    let (mut values, mut errors) = (0, 0);
    for (kind, block) in blocks() {
        match kind {
            "" => values += check_values(&block),
            "error" => {
                let (code, wanted) = split(&block);
                let outcome = Program::parse("language.md", &code)
                    .and_then(|program| program.check(&Environment::new()));
                let shown = outcome.expect_err("an error").to_string();
                assert!(shown.contains(&wanted), "{code}\nexpected {wanted}\n{shown}");
                errors += 1;
            }
            "inputs" => {
                let (code, wanted) = split(&block);
                let checked = Program::parse("language.md", &code)
                    .unwrap()
                    .check(&Environment::new())
                    .unwrap();
                let names: Vec<String> =
                    checked.inputs().into_iter().map(|input| input.name).collect();
                assert_eq!(format!("inputs: {}", names.join(", ")), wanted);
            }
            "law" => {
                let (code, wanted) = split(&block);
                let names = ["N", "D"].iter().fold(Environment::new(), |e, n| e.data(*n, ""));
                let parameters = ["E", "A", "B", "alpha", "beta"];
                let names = parameters.iter().fold(names, |e, n| e.free_parameter(*n));
                let checked = Program::parse("language.md", &code).unwrap().check(&names).unwrap();
                let linear = checked.linear_names("loss", &parameters).unwrap();
                assert_eq!(format!("linear: {}", linear.names.join(", ")), wanted);
            }
            other => panic!("unknown kind of block: {other}"),
        }
    }
    assert!(values > 40 && errors > 5, "{values} values, {errors} errors");
}
