//! Warnings about scenarios that run but should not be believed as they are.
//!
//! Each names a failure that published forecasts have had: a curve that becomes infinite, an
//! answer that does not depend on what it is said to depend on, inputs that nothing uses.

use diagnostic::Diagnostic;
use formula::Form;

use crate::model::{CaseModel, Extra, Model};
use crate::run::{Run, Settings};
use crate::scenario::{Input, Scenario};

mod numbers;
mod text;

/// Draws behind the test of what moves what.
const SAMPLES: usize = 256;

/// How far an input is changed to see whether anything moves.
const FACTOR: f64 = 1000.0;

/// Point estimates in one answer without any uncertainty: more look exact and are not.
const MOST_POINTS: usize = 6;

/// A warning with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// Its name: `unused-input`, `insensitive-output`, ...
    pub name: &'static str,
    /// What it is about, with its place.
    pub warning: Diagnostic,
}

impl Model {
    /// The warnings about a scenario and its answer; `today` in decimal years dates the priors.
    ///
    /// ```
    /// use forecast::{Model, Scenario};
    ///
    /// let text = "[inputs]\na = \"uniform(1, 2)\"\nb = 3\n[outputs]\nout = \"a\"";
    /// let model = Model::new(&Scenario::from_toml("x.toml", text)?)?;
    /// let lints = model.lints(&model.run()?, 2026.9)?;
    /// assert_eq!(lints[0].name, "unused-input");
    /// assert!(lints[0].warning.to_string().contains("x.toml:3:1"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// More than fits in memory.
    pub fn lints(&self, run: &Run, today: f64) -> Result<Vec<Lint>, Diagnostic> {
        let mut lints = Vec::new();
        let names: Vec<&str> = self.scenario.inputs.iter().map(|input| input.name.text()).collect();
        let loose = Model::with(&self.scenario, &Extra { loose: &names, definitions: &[] })?;
        loose.unused(&mut lints)?;
        loose.insensitive(&mut lints)?;
        self.points(&loose, &mut lints)?;
        self.stale(today, &mut lints);
        self.outside_data(&mut lints);
        text::lints(self, &mut lints)?;
        for (number, output) in self.scenario.outputs.iter().enumerate() {
            for (place, case) in run.cases.iter().enumerate() {
                let Some(found) = case.outputs.get(number) else { continue };
                let label = if case.label.is_empty() {
                    String::new()
                } else {
                    format!(" where {}", case.label)
                };
                if let Some(lint) = numbers::lint(self, output, found, (place, &label)) {
                    lints.push(lint);
                    break;
                }
            }
        }
        Ok(lints)
    }

    /// Inputs that no output, check or sensitivity depends on.
    fn unused(&self, lints: &mut Vec<Lint>) -> Result<(), Diagnostic> {
        let mut used: Vec<String> = Vec::new();
        for case in &self.cases {
            for output in &self.scenario.outputs {
                used.extend(case.checked.depends_on(output.name.text())?);
            }
        }
        for Input { name, .. } in &self.scenario.inputs {
            let own = name.text();
            let reached = used.iter().any(|leaf| base(leaf) == own);
            let mentioned = |text: &str| words(text).any(|word| word == own);
            let checked = (self.scenario.checks.iter())
                .any(|check| check.expression.as_ref().is_some_and(|e| mentioned(e.text())));
            let asked =
                self.scenario.sensitivity.iter().any(|request| mentioned(request.of.text()));
            if !reached && !checked && !asked {
                let warning = Diagnostic::warning(format!("nothing depends on `{own}`"));
                let warning = name
                    .point(warning, "no output uses this input")
                    .help("delete it, or use it in a formula");
                lints.push(Lint { name: "unused-input", warning });
            }
        }
        Ok(())
    }

    /// Outputs that stay the same, draw by draw, when an input that they name is changed a
    /// thousandfold.
    fn insensitive(&self, lints: &mut Vec<Lint>) -> Result<(), Diagnostic> {
        let settings = Settings { samples: SAMPLES, seed: self.scenario.seed() };
        let draws = self.draw(settings)?;
        for output in &self.scenario.outputs {
            for Input { name, .. } in &self.scenario.inputs {
                let mut named = false;
                let mut moves = false;
                for case in &self.cases {
                    let depends = case.checked.depends_on(output.name.text())?;
                    if !depends.iter().any(|leaf| leaf == name.text())
                        || case.checked.value_type(name.text())?.form() == Form::Instant
                    {
                        continue;
                    }
                    named = true;
                    moves |= moves_with(case, output.name.text(), name.text(), &draws)?;
                }
                if named && !moves {
                    let message = format!(
                        "`{}` does not move when `{}` is changed a thousandfold",
                        output.name.text(),
                        name.text()
                    );
                    let warning = output
                        .expression
                        .point(Diagnostic::warning(message), "names it, yet stays the same")
                        .note(format!("in each of {SAMPLES} draws, up and down"))
                        .help("look for a limit, a comparison or a share that swallows it");
                    lints.push(Lint { name: "insensitive-output", warning });
                }
            }
        }
        Ok(())
    }

    /// Products of many point estimates, and answers made of many of them and nothing uncertain.
    fn points(&self, loose: &Model, lints: &mut Vec<Lint>) -> Result<(), Diagnostic> {
        for output in &self.scenario.outputs {
            let name = output.name.text();
            let uncertain = self.cases[0].checked.depends_on(name)?;
            let is_point = |input: &String| !uncertain.iter().any(|leaf| base(leaf) == input);
            let multiplied = loose.cases[0].checked.factors(name)?;
            let product = multiplied.iter().filter(|&input| is_point(input)).count();
            let all = loose.cases[0].checked.depends_on(name)?.len();
            let message = if product > MOST_POINTS {
                format!("`{name}` multiplies {product} point estimates")
            } else if uncertain.is_empty() && all > MOST_POINTS {
                format!("`{name}` is made of {all} point estimates and no range")
            } else {
                continue;
            };
            let warning = output
                .expression
                .point(Diagnostic::warning(message), "looks exact")
                .help("give the least certain of them a range, `a to b`");
            lints.push(Lint { name: "point-estimates", warning });
        }
        Ok(())
    }

    /// Priors written down more than a year ago.
    fn stale(&self, today: f64, lints: &mut Vec<Lint>) {
        for input in &self.scenario.inputs {
            let Some(date) = crate::number::date(&input.date) else { continue };
            if today - date > 1.0 {
                let message = format!("`{}` was written down on {}", input.name.text(), input.date);
                let warning = input
                    .value
                    .point(Diagnostic::warning(message), "more than a year old")
                    .help("look whether its source has been renewed");
                lints.push(Lint { name: "stale-prior", warning });
            }
        }
    }

    /// Trends carried on for longer than the data behind them.
    fn outside_data(&self, lints: &mut Vec<Lint>) {
        let Some(end) = self.cases[0].checked.times().and_then(|times| times.last().copied())
        else {
            return;
        };
        for trend in &self.scenario.trends {
            let named = |data: &&crate::data::DataSpec| data.name == trend.data;
            let Some((from, to)) =
                self.scenario.data.iter().find(named).map(crate::data::DataSpec::window)
            else {
                continue;
            };
            if end - to > to - from {
                let message = format!(
                    "`{}` is carried on for {:.1} years from {:.1} years of data",
                    trend.name.text(),
                    end - to,
                    to - from
                );
                let warning = trend
                    .name
                    .point(Diagnostic::warning(message), "far outside its data")
                    .help("let the growth fade, or look no farther than the data reach back");
                lints.push(Lint { name: "outside-data", warning });
            }
        }
    }
}

/// Whether any value of an output changes when an input is multiplied or divided.
fn moves_with(
    case: &CaseModel,
    output: &str,
    input: &str,
    draws: &draws::Draws,
) -> Result<bool, Diagnostic> {
    let compiled = case.checked.compile(&[output])?;
    let column = case.column(input);
    let evaluate = |factor: f64| {
        let moved: Vec<f64> = draws.column(&column)?.iter().map(|value| value * factor).collect();
        let slices = compiled
            .inputs()
            .iter()
            .map(|needed| match case.column(&needed.name) {
                name if name == column => Ok(moved.as_slice()),
                name => Ok(draws.column(&name)?),
            })
            .collect::<Result<Vec<&[f64]>, Diagnostic>>()?;
        draws::evaluate::columns(&compiled, &slices, SAMPLES)
    };
    let bits = |columns: Vec<Vec<f64>>| -> Vec<u64> {
        columns.into_iter().flatten().map(f64::to_bits).collect()
    };
    let plain = evaluate(1.0)?;
    // A probability or a mean of what hardly ever happens is 0 or 1 in a few draws, whatever moves.
    if !compiled.is_rowwise() && plain.iter().flatten().all(|x| *x == 0.0 || *x == 1.0) {
        return Ok(true);
    }
    let plain = bits(plain);
    Ok(bits(evaluate(FACTOR)?) != plain || bits(evaluate(1.0 / FACTOR)?) != plain)
}

/// `cost` of `cost.1`.
fn base(leaf: &str) -> &str {
    leaf.split('.').next().unwrap_or(leaf)
}

/// The names in a formula.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

impl Scenario {
    /// The names of all lints, for a list of them.
    pub const LINTS: [&'static str; 13] = [
        "unused-input",
        "insensitive-output",
        "point-estimates",
        "stale-prior",
        "outside-data",
        "extreme-probability",
        "undefined-output",
        "infinite-path",
        "unstated-level",
        "shadowed-input",
        "percent-or-points",
        "quantiles-added",
        "narrower-than-source",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lints(text: &str) -> Vec<&'static str> {
        let mut scenario = Scenario::from_toml("x.toml", text).unwrap();
        scenario.stated_level.get_or_insert_default();
        let model = Model::new(&scenario).unwrap_or_else(|problem| panic!("{problem}"));
        let run = model.run_with(Settings { samples: 2000, seed: 1 }).unwrap();
        let found = model.lints(&run, 2026.9).unwrap();
        assert!(found.iter().all(|lint| Scenario::LINTS.contains(&lint.name)));
        found.into_iter().map(|lint| lint.name).collect()
    }

    #[test]
    fn each_known_failure_has_its_warning() {
        for (text, expected) in [
            ("[inputs]\na = \"1 to 2\"\n[outputs]\no = \"a\"", vec![]),
            ("[inputs]\na = \"1 to 2\"\nb = 2\n[outputs]\no = \"a\"", vec!["unused-input"]),
            (
                "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[outputs]\no = \"a + 0 * min(b, 1e9)\"\np = \"max(a * b, 0)\"",
                vec!["insensitive-output"],
            ),
            (
                "[inputs]\na = \"1 to 2\"\nb = 5\n[outputs]\no = \"a + max(0, min(b, 0))\"",
                vec!["insensitive-output"],
            ),
            (
                "[inputs]\na = \"1 to 2\"\n[outputs]\no = \"prob(a > 0.1)\"",
                vec!["extreme-probability"],
            ),
            ("[inputs]\na = \"normal(0, 1)\"\n[outputs]\no = \"ln(a)\"", vec!["undefined-output"]),
            (
                "[scenario]\nfrom = 2026\nto = 2046\n[inputs]\na = \"1 to 2\"\n[series]\nx = { start = \"a\", next = \"x ^ 2 * 4\" }\n[outputs]\no = \"x\"",
                vec!["infinite-path"],
            ),
            (
                "[inputs]\na = { value = \"1 to 2\", date = \"2024-01-01\" }\n[outputs]\no = \"a\"",
                vec!["stale-prior"],
            ),
            (
                "[inputs]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\ng = 7\n[outputs]\no = \"a * b * c * d * e * f * g\"",
                vec!["point-estimates"],
            ),
            (
                "[inputs]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\ng = 7\nh = \"1 to 2\"\n[model]\nx = \"a * b / c\"\n[outputs]\no = \"x * d * e / f ^ 2 * g * h\"",
                vec!["point-estimates"],
            ),
            (
                "[inputs]\na = 1\nb = 2\nc = 3\nd = 4\ne = 5\nf = 6\ng = 7\nh = \"1 to 2\"\n[outputs]\no = \"a * b * c + d * e * f * g * h\"",
                vec![],
            ),
            (
                "[scenario]\nfrom = 2025\nto = 2045\n[data]\nd = { points = [[\"2020\", 1], [\"2022\", 4], [\"2024\", 17]] }\n[trend]\nt = { data = \"d\" }\n[inputs]\ng = { trend = \"t.growth\" }\n[series]\nx = { at = \"g * (t - from)\" }\n[outputs]\no = \"x\"",
                vec!["outside-data"],
            ),
        ] {
            assert_eq!(lints(text), expected, "{text}");
        }
    }

    #[test]
    fn each_slip_of_the_pen_has_its_warning_and_what_is_meant_has_none() {
        for (text, expected) in [
            (
                "[inputs]\na = \"1 to 2\"\n[model]\n\"f(a)\" = \"a ^ 2\"\n[outputs]\no = \"f(a)\"",
                vec!["shadowed-input"],
            ),
            (
                "[inputs]\na = \"1 to 2\"\n[model]\n\"f(x)\" = \"x ^ 2\"\n[outputs]\no = \"f(a)\"",
                vec![],
            ),
            (
                "[inputs]\na = \"uniform(20%, 40%)\"\n[outputs]\no = \"a + 5%\"",
                vec!["percent-or-points"],
            ),
            ("[inputs]\na = \"uniform(20%, 40%)\"\n[outputs]\no = \"a * (1 + 5%)\"", vec![]),
            (
                "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[outputs]\no = \"q(a, 95%) + q(b, 95%)\"",
                vec!["quantiles-added"],
            ),
            (
                "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[model]\nx = \"median(a)\"\ny = \"median(b)\"\n[outputs]\no = \"x + 2 * y\"",
                vec!["quantiles-added"],
            ),
            ("[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[outputs]\no = \"q(a + b, 95%)\"", vec![]),
            ("[inputs]\na = \"q(5%: 1, 95%: 2) + q(5%: 1, 95%: 2)\"\n[outputs]\no = \"a\"", vec![]),
            (
                "[inputs]\na = { value = \"2 to 3\", source_range = \"1 to 4\" }\n[outputs]\no = \"a\"",
                vec!["narrower-than-source"],
            ),
            (
                "[inputs]\na = { value = 2, source_range = \"1 to 4\" }\n[outputs]\no = \"a\"",
                vec!["narrower-than-source"],
            ),
            (
                "[inputs]\na = { value = \"1 to 4\", source_range = \"2 to 3\" }\n[outputs]\no = \"a\"",
                vec![],
            ),
            (
                "[scenario]\nuse = [\"priors:economics\"]\n[inputs]\npue = \"1.15 to 1.25\"\n[outputs]\no = \"pue\"",
                vec!["narrower-than-source"],
            ),
            (
                "[scenario]\nuse = [\"priors:economics\"]\n[inputs]\npue = \"1.05 to 1.5\"\n[outputs]\no = \"pue\"",
                vec![],
            ),
        ] {
            assert_eq!(lints(text), expected, "{text}");
        }
    }

    #[test]
    fn a_range_needs_a_level() {
        let of = |text: &str| {
            let model = Model::new(&Scenario::from_toml("x.toml", text).unwrap()).unwrap();
            let run = model.run_with(Settings { samples: 2000, seed: 1 }).unwrap();
            model.lints(&run, 2026.9).unwrap()
        };
        let open = of("[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[outputs]\no = \"a * b\"");
        assert_eq!(open.iter().map(|lint| lint.name).collect::<Vec<_>>(), ["unstated-level"]);
        assert!(open[0].warning.to_string().contains("x.toml:2:"), "{}", open[0].warning);
        let rest = "[inputs]\na = \"1 to 2\"\n[outputs]\no = \"a\"";
        assert!(of(&format!("[scenario]\nlevel = \"80%\"\n{rest}")).is_empty());
        assert!(of("[inputs]\na = \"uniform(1, 2)\"\n[outputs]\no = \"a\"").is_empty());
    }

    #[test]
    fn dates_that_never_come_are_no_infinite_paths() {
        let text = "[inputs]\na = \"mix(0.5: 2030-01-01, 0.5: never)\"\n[outputs]\no = \"a\"";
        assert!(lints(text).is_empty());
    }
}
