//! The rows a law is fitted to, by column, in the order in which the fitter walks them.

/// Rows by column, those of one group together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    /// The law's variables.
    pub(crate) variables: Vec<(String, Vec<f64>)>,
    pub(crate) measured: Vec<f64>,
    pub(crate) weight: Vec<f64>,
    /// The run of each row.
    pub(crate) run: Vec<usize>,
    /// The group of each row, ascending.
    pub(crate) group: Vec<usize>,
    /// Where on the axis of extrapolation a row lies: ln C, or ln of the one variable.
    pub(crate) extent: Vec<f64>,
    /// The row's number in the table that was given.
    pub(crate) source: Vec<usize>,
}

impl Rows {
    pub(crate) fn len(&self) -> usize {
        self.measured.len()
    }

    /// The rows with these numbers, in this order, which must keep groups together.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let pick = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
        let count = |column: &[usize]| rows.iter().map(|&row| column[row]).collect::<Vec<usize>>();
        Self {
            variables: self
                .variables
                .iter()
                .map(|(name, column)| (name.clone(), pick(column)))
                .collect(),
            measured: pick(&self.measured),
            weight: pick(&self.weight),
            run: count(&self.run),
            group: count(&self.group),
            extent: pick(&self.extent),
            source: count(&self.source),
        }
    }

    /// The rows of each run, runs in the order of their first row.
    pub(crate) fn by_run(&self) -> Vec<Vec<usize>> {
        let most = self.run.iter().max().map_or(0, |&run| run + 1);
        let mut place = vec![usize::MAX; most];
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for (row, &run) in self.run.iter().enumerate() {
            if place[run] == usize::MAX {
                place[run] = runs.len();
                runs.push(Vec::new());
            }
            runs[place[run]].push(row);
        }
        runs
    }

    /// Per row the number of its setting: rows with the same variables and group share one; and
    /// how many settings there are.
    pub(crate) fn settings(&self) -> (Vec<usize>, usize) {
        let compare = |&a: &usize, &b: &usize| {
            let columns = self.variables.iter();
            let variables = columns.map(|(_, column)| column[a].total_cmp(&column[b]));
            let start = self.group[a].cmp(&self.group[b]);
            variables.fold(start, std::cmp::Ordering::then)
        };
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(compare);
        let (mut setting, mut count) = (vec![0; self.len()], 0);
        for (place, row) in order.iter().enumerate() {
            if place > 0 && compare(&order[place - 1], row).is_ne() {
                count += 1;
            }
            setting[*row] = count;
        }
        (setting, if order.is_empty() { 0 } else { count + 1 })
    }
}
