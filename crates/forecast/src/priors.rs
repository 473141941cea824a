//! Sets of priors: inputs kept in a table, shared by scenarios.
//!
//! Two layouts of columns are read. By quantiles: `id` or `parameter`, `unit`, any two or three of
//! `p5 p10 p50 p90 p95`, and `dist`. By ends: `parameter`, `dist` (`to`, `norm`, `const`, ...),
//! `low`, `high` (5% and 95%), `lclip`, `rclip`, `units`, and `lab` to tell several sets apart
//! (`priors:labs.csv#openai`).

use diagnostic::Diagnostic;
use runs::RunTable;

use crate::scenario::{Input, Reader};
use crate::written::{File, Written};

/// Named inputs from one table.
#[derive(Debug, Clone)]
pub struct PriorSet {
    /// As the scenario names it: `priors:economics`.
    pub name: Written,
    /// Every prior of it.
    pub inputs: Vec<Input>,
}

/// The same set is the one of the same name.
impl PartialEq for PriorSet {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl PriorSet {
    /// Reads the set that `name` stands for, a file from the one called `from`.
    pub(crate) fn find(name: Written, from: &str, reader: Reader<'_>) -> Result<Self, Diagnostic> {
        let Some(wanted) = name.text().strip_prefix("priors:") else {
            return Err(name
                .error("only sets of priors can be used", "not a set of priors")
                .help("write `priors:NAME` or `priors:FILE.csv`"));
        };
        let (path, group) = match wanted.split_once('#') {
            Some((path, group)) => (path, Some(group)),
            None => (wanted, None),
        };
        let is_file = std::path::Path::new(path).extension().is_some_and(|end| end == "csv");
        let (origin, text) = if is_file {
            reader(from, path).map_err(|problem| {
                name.error(format!("the priors cannot be read: {problem}"), "this file")
            })?
        } else {
            let known = crate::catalogue::priors();
            let found = known.iter().find(|(known, _)| *known == path).ok_or_else(|| {
                name.restated(path).unknown("set of priors", known.iter().map(|(name, _)| *name))
            })?;
            (format!("catalogue/priors/{path}.csv"), found.1.to_owned())
        };
        let inputs = read(&origin, &text, group)?;
        if inputs.is_empty() {
            return Err(name.error("this set has no priors", "nothing in it"));
        }
        Ok(Self { name, inputs })
    }

    /// The prior of this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name.text() == name)
    }
}

/// The quantile columns known, with their probabilities as formulas write them.
const QUANTILES: [(&str, &str); 5] =
    [("p5", "5%"), ("p10", "10%"), ("p50", "50%"), ("p90", "90%"), ("p95", "95%")];

fn read(origin: &str, text: &str, group: Option<&str>) -> Result<Vec<Input>, Diagnostic> {
    let table = RunTable::from_bytes(origin, text.as_bytes())?;
    let column = |names: &[&str]| {
        names.iter().find(|name| table.has(name)).map(|name| table.text(name)).transpose()
    };
    let Some(names) = column(&["id", "parameter"])? else {
        return Err(Diagnostic::error(format!(
            "{origin} has neither a column `id` nor `parameter`"
        ))
        .help("a table of priors has one row for each named prior"));
    };
    let units = column(&["unit", "units"])?;
    let shapes = column(&["dist"])?;
    let sources = column(&["source"])?;
    let notes = column(&["note", "description"])?;
    let dates = column(&["last_updated", "date"])?;
    let labs = column(&["lab"])?;
    let [low, high, low_clip, high_clip] =
        [column(&["low"])?, column(&["high"])?, column(&["lclip"])?, column(&["rclip"])?];
    let mut quantiles = Vec::new();
    for (name, share) in QUANTILES {
        if let Some(cells) = column(&[name])? {
            quantiles.push((share, cells));
        }
    }
    if let (Some(low), Some(high)) = (&low, &high) {
        quantiles.push(("5%", low.clone()));
        quantiles.push(("95%", high.clone()));
    }
    let file = File::new(origin, text);
    let cell = |column: &Option<Vec<&str>>, row: usize| {
        column.as_ref().map_or("", |cells| cells[row]).trim().to_owned()
    };
    let mut inputs = Vec::new();
    for row in 0..table.len() {
        if group.is_some_and(|group| cell(&labs, row) != group) {
            continue;
        }
        let known: Vec<(&str, &str)> = quantiles
            .iter()
            .map(|(share, cells)| (*share, cells[row].trim()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let unit = Unit::of(&cell(&units, row));
        let clip = [cell(&low_clip, row), cell(&high_clip, row)];
        let Some(formula) = formula(&cell(&shapes, row), &known, &unit, &clip) else { continue };
        let place = line_of(&file, table.line_number(row));
        inputs.push(Input {
            name: place.restated(names[row].trim()),
            value: place.restated(formula),
            source: match cell(&sources, row) {
                source if source.is_empty() => origin.to_owned(),
                source => source,
            },
            note: cell(&notes, row),
            date: cell(&dates, row),
            source_range: None,
            trend: None,
        });
    }
    Ok(inputs)
}

/// The line of a table, as the place of a prior.
fn line_of(file: &File, number: usize) -> Written {
    let mut start = 0;
    for (index, line) in file.text.split_inclusive('\n').enumerate() {
        if index + 1 == number {
            let length = line.trim_end().len();
            return file.written(&line[..length], start..start + length);
        }
        start += line.len();
    }
    file.written("", 0..0)
}

/// How a number and its unit are written together.
enum Unit {
    Plain,
    Growth,
    Named(String),
}

impl Unit {
    fn of(text: &str) -> Self {
        match text {
            "" | "ratio" | "share" | "number" | "multiplier" | "probability" | "count" | "x"
            | "exponent" => Self::Plain,
            "x/yr" => Self::Growth,
            "per year" => Self::Named("/yr".to_owned()),
            named => Self::Named(named.to_owned()),
        }
    }

    fn with(&self, number: &str) -> String {
        match self {
            Self::Plain => number.to_owned(),
            Self::Growth => format!("{number}x/yr"),
            // `bn USD/GW` and `%/yr` alike stand after the number.
            Self::Named(unit) => format!("{number} {unit}"),
        }
    }
}

/// A row as a formula; `None` where it holds no number.
fn formula(
    shape: &str,
    quantiles: &[(&str, &str)],
    unit: &Unit,
    clip: &[String; 2],
) -> Option<String> {
    let middle = quantiles.iter().find(|(share, _)| *share == "50%");
    let [(_, low), .., (_, high)] = quantiles else {
        return quantiles.first().map(|(_, value)| unit.with(value));
    };
    let (low, high) = (unit.with(low), unit.with(high));
    let labelled = |family: &str| {
        let points: Vec<String> = quantiles
            .iter()
            .map(|(share, value)| format!("{share}: {}", unit.with(value)))
            .collect();
        format!("{family}({})", points.join(", "))
    };
    let body = match shape {
        "const" => unit.with(middle.map_or(quantiles[0].1, |(_, value)| value)),
        "norm" | "normal" => labelled("normal"),
        "uniform" => format!("uniform({low}, {high})"),
        "loguniform" => format!("loguniform({low}, {high})"),
        "triangular" | "tri" => {
            format!("triangular({low}, {}, {high})", unit.with(middle.map_or("0", |(_, v)| v)))
        }
        _ if quantiles.len() == 3 => labelled("q"),
        _ => format!("{low} to {high}"),
    };
    if clip.iter().all(String::is_empty) {
        return Some(body);
    }
    let end = |text: &str, open: &str| {
        if text.is_empty() { open.to_owned() } else { unit.with(text) }
    };
    // An open end is far outside what the body draws.
    Some(format!("clip({body}, {}, {})", end(&clip[0], "-1e300"), end(&clip[1], "1e300")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_either_layout_become_formulas() {
        let by_quantiles = "id,unit,p5,p50,p95,dist,source\n\
            pue,ratio,1.08,1.2,1.4,lognormal,a report\n\
            peak,FLOP/s,,1.979e15,,const,a data sheet\n\
            growth,x/yr,2,,5,lognormal,a fit\n";
        let found = read("p.csv", by_quantiles, None).unwrap();
        let texts: Vec<&str> = found.iter().map(|input| input.value.text()).collect();
        let expected = ["q(5%: 1.08, 50%: 1.2, 95%: 1.4)", "1.979e15 FLOP/s", "2x/yr to 5x/yr"];
        assert_eq!(texts, expected);
        assert_eq!(found[0].source, "a report");

        let by_ends = "lab,parameter,dist,low,high,lclip,rclip,units\n\
            a,chips,to,955000,1590000,,,GPU\n\
            a,share,norm,0.4,0.8,0.1,0.95,share\n\
            b,share,const,0.5,,,,share\n";
        let found = read("p.csv", by_ends, Some("a")).unwrap();
        let texts: Vec<&str> = found.iter().map(|input| input.value.text()).collect();
        assert_eq!(
            texts,
            ["955000 GPU to 1590000 GPU", "clip(normal(5%: 0.4, 95%: 0.8), 0.1, 0.95)"]
        );
        assert_eq!(read("p.csv", by_ends, Some("b")).unwrap()[0].value.text(), "0.5");
    }

    #[test]
    fn a_table_without_names_is_refused() {
        let shown = read("p.csv", "a,b\n1,2\n", None).unwrap_err().to_string();
        assert!(shown.contains("neither a column `id` nor `parameter`"), "{shown}");
    }
}
