use std::path::Path;

use diagnostic::Diagnostic;

use super::super::step::Step;
use super::Study;

fn read(text: &str) -> Result<Study, Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("runs.csv"), "N,D,loss\n").unwrap();
    std::fs::write(folder.path().join("more.csv"), "N,D,loss\n").unwrap();
    Study::parse(Path::new("study.toml"), folder.path(), text)
}

#[test]
fn a_step_is_a_command_with_its_options() {
    let study = read(
        "title = \"what next\"\nseed = 3\ndraws = 500\n[runs]\nfiles = \"*.csv\"\n\
         where = [\"D>1e6\"]\n[fit]\nlaw = \"chinchilla\"\n[plan]\nbudget = \"1e20 FLOP\"\n\
         [[forecast]]\nscenario = \"gap\"\n[[forecast]]\nscenario = \"gap\"\nset = [\"gap=100\"]\n",
    )
    .unwrap();
    let lines: Vec<String> = study.steps.iter().map(Step::command_line).collect();
    assert_eq!(
        lines,
        [
            "isoflop fit more.csv runs.csv '--where=D>1e6' --law=chinchilla --bootstrap=500 --seed=3",
            "isoflop plan '--budget=1e20 FLOP' --draws=500 --seed=3 --law=@results@/fits/fit.json",
            "isoflop forecast gap",
            "isoflop forecast gap --set=gap=100",
        ]
    );
    assert_eq!(study.steps[3].name, "forecast-2");
    assert_eq!(study.steps[1].uses, ["fit"]);
}

#[test]
fn what_is_wrong_is_pointed_at_with_what_to_do() {
    for (text, said) in [
        ("title = 3", "study.toml:1:9"),
        ("titel = \"x\"", "did you mean `title`?"),
        ("title = \"x\"\n[runs]\nfiles = \"rums.csv\"", "did you mean `runs.csv`?"),
        ("title = \"x\"\n[runs]\nfiles = \"*.parquet\"", "no file matches"),
        ("title = \"x\"\n[runs]\nfiles = \"-\"", "standard input"),
        ("title = \"x\"\n[runs]\nfiles = \"runs.csv\"\ncolum = \"N=a\"", "did you mean `column`?"),
        ("title = \"x\"\n[plan]\nbudjet = \"1e20 FLOP\"", "did you mean `budget`?"),
        ("title = \"x\"\n[plan]\nlaw = \"hoffmann-2022\"", "--budget"),
        ("title = \"x\"\n[fit]\nlaw = \"chinchilla\"", "no runs to fit"),
        ("title = \"x\"", "asks nothing"),
        ("", "no title"),
        ("title = \"x\"\ndraws = 1000000\n[claims]", "from 0 to 4000"),
        ("title = \"x\"\n[claims]\n[[section]]\nheading = \"a\"", "no text"),
        (
            "title = \"x\"\n[claims]\n[[section]]\nheading = \"a\"\ntext=\"b\"\nafter=\"claim\"",
            "`claims`?",
        ),
        ("title = \"x\"\n[plan]\nbudget = true", "takes text or a number"),
        ("title = \"x\"\n[[forecast]]\nname = \"A b\"\nscenario = \"gap\"", "cannot name a step"),
        ("title = \"x\"\n[machine]\n", "[simulate]"),
        ("title = \n", "no TOML"),
    ] {
        let problem = read(text).expect_err(text).to_string();
        assert!(problem.contains(said), "{text}\n{problem}");
        assert!(problem.contains("study.toml"), "{problem}");
    }
}
