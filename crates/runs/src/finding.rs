//! What deserves a second look in the rows that a law is fitted to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exclusion::in_words;

/// Something in the rows that a law would take at face value and perhaps should not.
///
/// A finding drops nothing. Where a [rule](crate::Rules) would, [`rule`](Self::rule) names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// A column was given for a name that the law does not ask for.
    UnusedColumn {
        /// The name.
        name: String,
        /// The column or expression.
        column: String,
    },
    /// Rows that repeat an earlier row in every cell. They count twice.
    DuplicateRows {
        /// The line of the first row, and of the row that repeats it.
        pairs: Vec<(usize, usize)>,
    },
    /// Rows whose variables are almost, but not exactly, those of another row.
    NearDuplicates {
        /// The lines of all such rows.
        lines: Vec<usize>,
        /// How many settings they are.
        settings: usize,
        /// How near, in per cent.
        percent: f64,
    },
    /// A column of C that is not 6 N D.
    ComputeDisagrees {
        /// The column.
        column: String,
        /// The least ratio of the column to 6 N D.
        low: f64,
        /// The ratio in the middle.
        median: f64,
        /// The largest ratio.
        high: f64,
        /// The rows that are further from 6 N D than the tolerance.
        lines: Vec<usize>,
    },
    /// Losses that do not compare: several tokenizers, vocabularies or data sets.
    Mixed {
        /// What differs: `tokenizer`, `vocab` or `dataset`.
        what: String,
        /// The column that says so.
        column: String,
        /// How many values it has.
        distinct: usize,
        /// The first few of them, in order of appearance.
        values: Vec<String>,
    },
    /// Several points of one run, which are not independent.
    Checkpoints {
        /// How many runs have several.
        runs: usize,
        /// How many rows these runs have.
        rows: usize,
        /// The column of runs; `None` where rows of one N with D in equal steps were taken for one.
        column: Option<String>,
        /// The rows before the last of their run.
        lines: Vec<usize>,
    },
    /// Points of a run before its learning rate has decayed, whose loss is above what the same
    /// tokens give at the end of a schedule.
    Unannealed {
        /// The column that says so.
        column: String,
        /// The rows.
        lines: Vec<usize>,
    },
    /// Points of a run's curve that jump above their neighbours.
    Spikes {
        /// The rows.
        lines: Vec<usize>,
    },
    /// Rows that no law can make which falls in N and D.
    Dominated {
        /// The line of the row, and of one with no more N and no more D but a far lower loss.
        pairs: Vec<(usize, usize)>,
        /// How much higher the loss is at least, in per cent.
        percent: f64,
    },
    /// Losses above that of guessing every token alike, ln(vocabulary).
    WorseThanGuessing {
        /// The rows.
        lines: Vec<usize>,
    },
    /// Shares above 1: per cent, or not shares.
    NotShares {
        /// Of which name.
        name: String,
        /// The rows.
        lines: Vec<usize>,
        /// Whether all values are possible as per cent.
        percent: bool,
    },
    /// Values so small that their unit is in doubt: N of 70 is more likely 70 million.
    SmallUnit {
        /// Of which name.
        name: String,
        /// The largest value there is.
        largest: f64,
        /// What the largest value is at least, where the unit is right.
        expected: f64,
    },
}

impl Finding {
    /// The lines of the rows it is about; empty where it is about a whole column.
    pub fn lines(&self) -> Vec<usize> {
        match self {
            Self::DuplicateRows { pairs } => pairs.iter().map(|&(_, line)| line).collect(),
            Self::Dominated { pairs, .. } => pairs.iter().map(|&(line, _)| line).collect(),
            Self::NearDuplicates { lines, .. }
            | Self::ComputeDisagrees { lines, .. }
            | Self::Checkpoints { lines, .. }
            | Self::Unannealed { lines, .. }
            | Self::Spikes { lines }
            | Self::WorseThanGuessing { lines }
            | Self::NotShares { lines, .. } => lines.clone(),
            Self::UnusedColumn { .. } | Self::Mixed { .. } | Self::SmallUnit { .. } => Vec::new(),
        }
    }

    /// The field of the [rules](crate::Rules) that leaves these rows out, where there is one; on
    /// the command line it is a flag of the same name.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::DuplicateRows { .. } => Some("drop_duplicates"),
            Self::Checkpoints { column: Some(_), .. } => Some("last_checkpoint_only"),
            Self::Unannealed { .. } => Some("drop_unannealed"),
            Self::Spikes { .. } => Some("drop_spikes"),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::UnusedColumn { .. } => "leave it out, or take a law that uses it".to_owned(),
            Self::DuplicateRows { .. } => {
                "they count twice; `--drop-duplicates` leaves the repeats out".to_owned()
            }
            Self::NearDuplicates { .. } => {
                "one run read twice counts twice; keep one of each if that is what they are"
                    .to_owned()
            }
            Self::ComputeDisagrees { median, .. } => compute_advice(*median).to_owned(),
            Self::Mixed { what, .. } if what == "dataset" => {
                "a law holds for one data set; fit one at a time with --where, or name the column \
                 as the group"
                    .to_owned()
            }
            Self::Mixed { .. } => {
                "nats per token compare only within one tokenizer; fit one at a time with --where, \
                 or take bits per byte"
                    .to_owned()
            }
            Self::Checkpoints { column: Some(_), .. } => {
                "they are not independent and most are not at the end of a schedule; \
                 `--last-checkpoint-only` keeps one a run"
                    .to_owned()
            }
            Self::Checkpoints { column: None, .. } => {
                "if they are checkpoints, add a column that names the run".to_owned()
            }
            Self::Unannealed { .. } => {
                "such a loss is above what the same tokens give at the end of a schedule; \
                 `--drop-unannealed` leaves them out"
                    .to_owned()
            }
            Self::Spikes { .. } => "`--drop-spikes` leaves them out".to_owned(),
            Self::Dominated { .. } => {
                "look for a diverged or mistuned run, another data set, or repeated data".to_owned()
            }
            Self::WorseThanGuessing { .. } => {
                "the run diverged, or the loss is not in nats per token".to_owned()
            }
            Self::NotShares { name, percent: true, .. } => {
                format!("if they are per cent, say --column '{name}={name}/100'")
            }
            Self::NotShares { .. } => "they are not shares; another column is meant".to_owned(),
            Self::SmallUnit { name, .. } => {
                format!("if it is in millions or billions, say --column '{name}=COLUMN*1e6'")
            }
        }
    }
}

/// What a ratio of C to 6 N D may come from.
fn compute_advice(median: f64) -> &'static str {
    if !(0.01..100.0).contains(&median) {
        "the units of C, N or D are in doubt"
    } else if median < 0.5 {
        "C may count the forward pass only (2 N D), or N more than the parameters a token uses"
    } else if median < 1.0 {
        "N may include embeddings that C leaves out, or C may count active parameters only"
    } else {
        "C may include attention, the output head or recomputation, or N leave out embeddings"
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = |count: usize| if count == 1 { "row" } else { "rows" };
        match self {
            Self::UnusedColumn { name, column } => {
                write!(
                    f,
                    "`--column {name}={column}` changes nothing: the law does not use {name}"
                )?;
            }
            Self::DuplicateRows { pairs } => {
                let verb = if pairs.len() == 1 { "repeats" } else { "repeat" };
                write!(
                    f,
                    "{} {} {verb} an earlier row exactly: {}",
                    pairs.len(),
                    rows(pairs.len()),
                    paired(pairs, "is")
                )?;
            }
            Self::NearDuplicates { lines, settings, percent } => write!(
                f,
                "{} rows are within {percent} % of another in every variable, without being the \
                 same ({settings} {}): {}",
                lines.len(),
                if *settings == 1 { "setting" } else { "settings" },
                in_words(lines)
            )?,
            Self::ComputeDisagrees { column, low, median, high, lines } => write!(
                f,
                "`{column}` is {} to {} times 6 N D, {} in the middle: {}",
                ratio(*low),
                ratio(*high),
                ratio(*median),
                in_words(lines)
            )?,
            Self::Mixed { what, column, distinct, values } => {
                let more = distinct.saturating_sub(values.len());
                let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
                write!(
                    f,
                    "the rows mix {distinct} values of the {what} (`{column}`): {}{tail}",
                    values.join(", ")
                )?;
            }
            Self::Checkpoints { runs, rows, column, lines } => {
                match column {
                    Some(column) => write!(
                        f,
                        "{runs} {} several rows, {rows} in all (`{column}`)",
                        if *runs == 1 { "run has" } else { "runs have" }
                    )?,
                    None => write!(
                        f,
                        "{rows} rows look like checkpoints of {runs} {}: one N, D in equal steps",
                        if *runs == 1 { "run" } else { "runs" }
                    )?,
                }
                write!(f, "; before the last of their run: {}", in_words(lines))?;
            }
            Self::Unannealed { column, lines } => write!(
                f,
                "{} {} from before the end of a decaying schedule (`{column}`): {}",
                lines.len(),
                if lines.len() == 1 { "row is" } else { "rows are" },
                in_words(lines)
            )?,
            Self::Spikes { lines } => write!(
                f,
                "{} {} above the neighbours in the run's curve: {}",
                lines.len(),
                if lines.len() == 1 { "row spikes" } else { "rows spike" },
                in_words(lines)
            )?,
            Self::Dominated { pairs, percent } => write!(
                f,
                "{} {} a loss more than {percent} % above that of a row with no more N and no \
                 more D: {}",
                pairs.len(),
                if pairs.len() == 1 { "row has" } else { "rows have" },
                paired(pairs, "against")
            )?,
            Self::WorseThanGuessing { lines } => write!(
                f,
                "{} {} a loss above ln(vocabulary), which guessing gives: {}",
                lines.len(),
                if lines.len() == 1 { "row has" } else { "rows have" },
                in_words(lines)
            )?,
            Self::NotShares { name, lines, .. } => write!(
                f,
                "{name} is above 1 in {} {}: {}",
                lines.len(),
                rows(lines.len()),
                in_words(lines)
            )?,
            Self::SmallUnit { name, largest, expected } => write!(
                f,
                "the largest {name} is {largest}, below {expected:e}: its unit is in doubt"
            )?,
        }
        write!(f, "; {}", self.advice())
    }
}

/// A ratio with three digits.
fn ratio(value: f64) -> String {
    if (0.01..100.0).contains(&value) { format!("{value:.3}") } else { format!("{value:.2e}") }
}

/// Pairs of lines: `line 5 is line 3, line 9 is line 4 and 2 more`.
fn paired(pairs: &[(usize, usize)], word: &str) -> String {
    const MOST: usize = 5;
    let shown: Vec<String> = pairs
        .iter()
        .take(MOST)
        .map(|(first, second)| {
            // Duplicates name the first row first, comparisons the row in question.
            if word == "is" {
                format!("line {second} is line {first}")
            } else {
                format!("line {first} {word} line {second}")
            }
        })
        .collect();
    let more = pairs.len().saturating_sub(MOST);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    shown.join(", ") + &tail
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind: what people read.
    #[test]
    fn every_finding_in_words() {
        let name = || "D".to_owned();
        let findings = [
            Finding::UnusedColumn { name: "U".to_owned(), column: "seen".to_owned() },
            Finding::DuplicateRows { pairs: (0..7).map(|i| (2, 3 + i)).collect() },
            Finding::NearDuplicates { lines: vec![2, 3], settings: 1, percent: 0.1 },
            Finding::ComputeDisagrees {
                column: "total_flos".to_owned(),
                low: 1.0e-9,
                median: 1.2e-9,
                high: 1.3e-9,
                lines: vec![4],
            },
            Finding::Mixed {
                what: "dataset".to_owned(),
                column: "corpus".to_owned(),
                distinct: 9,
                values: vec!["c4".to_owned(), "pile".to_owned()],
            },
            Finding::Checkpoints { runs: 1, rows: 3, column: None, lines: vec![2, 3] },
            Finding::Checkpoints {
                runs: 2,
                rows: 6,
                column: Some("run".to_owned()),
                lines: vec![2],
            },
            Finding::Unannealed { column: "lr".to_owned(), lines: vec![2] },
            Finding::Spikes { lines: vec![2, 9] },
            Finding::Dominated { pairs: vec![(4, 2), (5, 2)], percent: 10.0 },
            Finding::WorseThanGuessing { lines: vec![3] },
            Finding::NotShares { name: "accuracy".to_owned(), lines: vec![3], percent: true },
            Finding::NotShares { name: "error".to_owned(), lines: vec![3, 4], percent: false },
            Finding::SmallUnit { name: name(), largest: 20.5, expected: 1e4 },
        ];
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"));
        for finding in findings {
            let json = serde_json::to_string(&finding).unwrap();
            assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
        }
    }
}
