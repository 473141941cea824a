//! Successes per problem, and where they are read from.

use std::collections::HashMap;

use diagnostic::Diagnostic;
use runs::{Filter, RunTable};

/// Per problem, how many samples were drawn and how many of them were correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    pub(crate) samples: Vec<u64>,
    pub(crate) correct: Vec<u64>,
}

/// Above this, counts lose digits as floats.
const LARGEST: u64 = 1 << 53;

impl Counts {
    /// The counts of problems given as (samples, correct).
    ///
    /// # Errors
    /// No problem, a problem without samples, and more correct samples than samples.
    pub fn new(problems: impl IntoIterator<Item = (u64, u64)>) -> Result<Self, Diagnostic> {
        let (samples, correct): (Vec<u64>, Vec<u64>) = problems.into_iter().unzip();
        for (i, (&n, &c)) in samples.iter().zip(&correct).enumerate() {
            check(n, c).map_err(|what| Diagnostic::error(format!("problem {}: {what}", i + 1)))?;
        }
        if samples.is_empty() {
            return Err(none());
        }
        Ok(Self { samples, correct })
    }

    /// Reads the columns `n_samples` and `n_correct` of the rows that pass every filter, one row a
    /// problem. A column `problem`, where there is one, must then name each problem once.
    ///
    /// # Errors
    /// A missing column, a cell that is no count, more correct samples than samples, a problem
    /// that comes twice (such as a table of several models), and no row left.
    pub fn from_table(table: &RunTable, filters: &[Filter]) -> Result<Self, Diagnostic> {
        let samples = table.numbers("n_samples")?;
        let correct = table.numbers("n_correct")?;
        let names = if table.has("problem") { Some(table.text("problem")?) } else { None };
        let mut kept = vec![true; table.len()];
        for filter in filters {
            for (kept, keeps) in kept.iter_mut().zip(filter.keeps(table)?) {
                *kept &= keeps;
            }
        }
        let mut lines: HashMap<&str, usize> = HashMap::new();
        let mut counts = Self { samples: Vec::new(), correct: Vec::new() };
        for row in (0..table.len()).filter(|&row| kept[row]) {
            let line = table.line_number(row);
            let place = |what: String| {
                Diagnostic::error(format!("`{}`, line {line}: {what}", table.origin()))
            };
            let n = count("n_samples", samples[row]).map_err(place)?;
            let c = count("n_correct", correct[row]).map_err(place)?;
            check(n, c).map_err(place)?;
            if let Some(name) = names.as_ref().map(|names| names[row])
                && let Some(first) = lines.insert(name, line)
            {
                return Err(place(format!("problem `{name}` was already on line {first}"))
                    .note("every problem counts once, with all its samples in one row")
                    .help("keep the rows of one model and benchmark, such as `model=NAME`"));
            }
            counts.samples.push(n);
            counts.correct.push(c);
        }
        if counts.samples.is_empty() {
            return Err(none());
        }
        Ok(counts)
    }

    /// How many problems there are; at least one.
    pub fn problems(&self) -> usize {
        self.samples.len()
    }

    /// The problems as (samples, correct).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, u64)> {
        self.samples.iter().copied().zip(self.correct.iter().copied())
    }

    /// The fewest samples of any problem: the largest k that [`pass_at`](super::pass_at) allows.
    pub fn fewest_samples(&self) -> u64 {
        self.samples.iter().copied().min().unwrap_or(0)
    }
}

fn none() -> Diagnostic {
    Diagnostic::error("no problem is left to count")
        .help("give one row a problem, with its n_samples and n_correct")
}

fn check(n: u64, c: u64) -> Result<(), String> {
    if n == 0 {
        Err("a problem without samples says nothing".to_owned())
    } else if c > n {
        Err(format!("{c} correct of only {n} samples"))
    } else if n > LARGEST {
        Err(format!("{n} samples are more than can be counted exactly"))
    } else {
        Ok(())
    }
}

fn count(column: &str, value: f64) -> Result<u64, String> {
    if value >= 0.0 && value.fract() == 0.0 && value <= LARGEST as f64 {
        Ok(value as u64)
    } else if value.is_nan() {
        Err(format!("`{column}` is missing"))
    } else {
        Err(format!("`{column}` is {value}, but a count is a whole number from 0 to 2^53"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, filters: &[&str]) -> Result<Counts, String> {
        let table = RunTable::from_bytes("counts.csv", text.as_bytes()).unwrap();
        let filters: Vec<Filter> = filters.iter().map(|f| f.parse().unwrap()).collect();
        Counts::from_table(&table, &filters).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_table_is_read_by_its_column_names_and_filtered() {
        let text = "model,problem,n_samples,n_correct\na,1,10,3\na,2,20,0\nb,1,10,9\n";
        let counts = read(text, &["model=a"]).unwrap();
        assert!(counts.iter().eq([(10, 3), (20, 0)]));
        assert_eq!((counts.problems(), counts.fewest_samples()), (2, 10));
    }

    #[test]
    fn what_is_no_count_is_refused_with_its_line() {
        for (row, expected) in [
            ("1,10,11", "11 correct of only 10 samples"),
            ("1,0,0", "without samples"),
            ("1,10,1.5", "`n_correct` is 1.5"),
            ("1,-1,0", "`n_samples` is -1"),
            ("1,1e300,0", "a whole number"),
            ("1,nan,0", "`n_samples` is missing"),
            ("7,10,1", "already on line 2"),
        ] {
            let shown = read(&format!("problem,n_samples,n_correct\n7,5,1\n{row}\n"), &[]);
            let shown = shown.unwrap_err();
            assert!(shown.contains(expected) && shown.contains("line 3"), "{shown}");
        }
        assert!(
            read("n_samples,n_correct\n5,1\n", &["n_samples=6"])
                .unwrap_err()
                .contains("no problem")
        );
        assert!(read("n_sample,n_correct\n5,1\n", &[]).unwrap_err().contains("did you mean"));
        assert!(Counts::new([]).is_err() && Counts::new([(3, 4)]).is_err());
    }
}
