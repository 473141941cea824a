//! The last digits of an optimum: Newton on the conditions themselves, with the limits that bind
//! as equations, and the proof that what it finds is an optimum.

use diagnostic::Diagnostic;

use super::dense::{MOST, Matrix, System, Vector, cholesky};
use super::functions::{COUNT, Point, Space};
use super::task::{LIMITS, Solution, Task, lagrangian_gradient, lagrangian_hessian};

/// Conditions met to this are met: gradients are of order one.
pub(super) const SOLVED: f64 = 1e-9;

/// Newton's steps, with room for a few changes of mind about what binds.
const MOST_STEPS: usize = 20;

/// What binds at an optimum.
struct Binding {
    limits: Vec<usize>,
    lower: Vec<usize>,
    upper: Vec<usize>,
    /// Choices that no bound holds.
    moving: Vec<usize>,
}

/// A row being polished.
struct Row {
    place: usize,
    binding: Binding,
    x: Vector,
    limits: [f64; LIMITS],
    finished: Option<Solution>,
    given_up: bool,
}

/// Polishes the solutions of `rows`; what does not come out better is left as it is.
pub(super) fn polish(
    task: &Task<'_>,
    rows: &[usize],
    solutions: &mut [Option<Solution>],
    space: &mut Space,
) -> Result<(), Diagnostic> {
    let mut polished: Vec<Row> = (solutions.iter().enumerate())
        .filter_map(|(place, solution)| Some(Row::new(task, place, solution.as_ref()?)))
        .collect();
    let mut points = Vec::new();
    for _ in 0..MOST_STEPS {
        let at_work: Vec<usize> = (0..polished.len())
            .filter(|&i| polished[i].finished.is_none() && !polished[i].given_up)
            .collect();
        if at_work.is_empty() {
            break;
        }
        let which: Vec<usize> = at_work.iter().map(|&i| rows[polished[i].place]).collect();
        let at: Vec<Vector> = at_work.iter().map(|&i| polished[i].x).collect();
        task.functions.points(&which, &at, space, &mut points)?;
        for ((&i, point), &row) in at_work.iter().zip(&points).zip(&which) {
            polished[i].step(task, row, point);
        }
    }
    for row in polished {
        if let (Some(better), Some(old)) = (row.finished, solutions[row.place])
            && better.objective <= old.objective + 1e-5
        {
            solutions[row.place] = Some(better);
        }
    }
    Ok(())
}

impl Row {
    fn new(task: &Task<'_>, place: usize, solution: &Solution) -> Self {
        let mut binding = Binding {
            limits: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            moving: Vec::new(),
        };
        let mut x = solution.x;
        for &i in &task.free {
            // Of a product of slack and multiplier that is nearly zero, the smaller one is.
            if solution.lower[i] > x[i] - task.lower[i] {
                binding.lower.push(i);
                x[i] = task.lower[i];
            } else if solution.upper[i] > task.upper[i] - x[i] {
                binding.upper.push(i);
                x[i] = task.upper[i];
            } else {
                binding.moving.push(i);
            }
        }
        // A limit binds where its multiplier is of more than the barrier's making.
        binding.limits = (0..task.bounds.len()).filter(|&j| solution.limits[j] > 1e-4).collect();
        let mut limits = [0.0; LIMITS];
        for &j in &binding.limits {
            limits[j] = solution.limits[j];
        }
        let given_up = binding.limits.len() > binding.moving.len();
        Self { place, binding, x, limits, finished: None, given_up }
    }

    fn step(&mut self, task: &Task<'_>, row: usize, point: &Point) {
        let Binding { limits, moving, .. } = &self.binding;
        let gradient = lagrangian_gradient(task, point, &self.limits);
        let slacks = task.slacks(row, &std::array::from_fn(|f| point[f].value));
        let residual = (moving.iter().map(|&i| gradient[i].abs()))
            .chain(limits.iter().map(|&j| slacks[j].abs()))
            .fold(0.0, f64::max);
        if residual < SOLVED * 1e-2 {
            self.finish(task, row, point, residual);
            return;
        }
        if moving.is_empty() || !residual.is_finite() {
            self.given_up = true;
            return;
        }
        let (n, m) = (moving.len(), limits.len());
        let hessian = lagrangian_hessian(task, point, &self.limits);
        let place = |i: usize| task.free.iter().position(|&f| f == i).unwrap_or(0);
        let Some(mut system) = System::new(n + m) else { return };
        for (a, &i) in moving.iter().enumerate() {
            for (b, &k) in moving.iter().enumerate() {
                system.set(a, b, hessian[place(i)][place(k)]);
            }
            let (function, sign) = task.objective;
            system.set_right(a, -sign * point[function].gradient[i]);
            for (c, &j) in limits.iter().enumerate() {
                let slope = task.bounds[j].sign * point[task.bounds[j].function].gradient[i];
                system.set(a, n + c, slope);
                system.set(n + c, a, slope);
            }
        }
        for (c, &j) in limits.iter().enumerate() {
            system.set_right(n + c, slacks[j]);
        }
        let Some(found) = system.solve() else {
            self.given_up = true;
            return;
        };
        // A choice that would leave its range stops at the end of it.
        let crossing = |a: &usize| {
            let (i, to) = (moving[*a], self.x[moving[*a]] + found[*a]);
            to < task.lower[i] || to > task.upper[i]
        };
        if let Some(a) = (0..n).find(crossing) {
            let i = moving[a];
            self.hold(task, i, found[a] < 0.0);
            return;
        }
        if found[..n].iter().any(|step| step.abs() > 1.0) {
            self.given_up = true;
            return;
        }
        for (a, &i) in moving.iter().enumerate() {
            self.x[i] += found[a];
        }
        for (c, &j) in limits.iter().enumerate() {
            self.limits[j] = found[n + c];
        }
    }

    /// Holds a choice at an end of its range.
    fn hold(&mut self, task: &Task<'_>, i: usize, at_least: bool) {
        let binding = &mut self.binding;
        binding.moving.retain(|&moving| moving != i);
        if at_least {
            self.x[i] = task.lower[i];
            binding.lower.push(i);
        } else {
            self.x[i] = task.upper[i];
            binding.upper.push(i);
        }
        self.given_up = binding.limits.len() > binding.moving.len();
    }

    /// Takes the point, if it meets every condition of an optimum.
    fn finish(&mut self, task: &Task<'_>, row: usize, point: &Point, residual: f64) {
        let values = std::array::from_fn(|f| point[f].value);
        let gradient = lagrangian_gradient(task, point, &self.limits);
        let (mut lower, mut upper) = ([0.0; MOST], [0.0; MOST]);
        for &i in &self.binding.lower {
            lower[i] = gradient[i];
        }
        for &i in &self.binding.upper {
            upper[i] = -gradient[i];
        }
        if self.rebind(task, row, &values, &lower, &upper) {
            return;
        }
        let objective = task.worth(row, &values, SOLVED);
        if objective.is_nan() {
            self.given_up = true;
            return;
        }
        self.finished = Some(Solution {
            x: self.x,
            objective,
            limits: self.limits.map(|multiplier| multiplier.max(0.0)),
            lower: lower.map(|multiplier| multiplier.max(0.0)),
            upper: upper.map(|multiplier| multiplier.max(0.0)),
            residual,
            curved: self.curves(task, point),
        });
    }

    /// Lets go of what does not bind after all, and holds what has gone too far; whether anything
    /// changed.
    fn rebind(
        &mut self,
        task: &Task<'_>,
        row: usize,
        values: &[f64; COUNT],
        lower: &Vector,
        upper: &Vector,
    ) -> bool {
        let beyond = |i: &&usize| {
            let x = self.x[**i];
            (task.lower[**i] - x).max(x - task.upper[**i]) > SOLVED
        };
        if let Some(&i) = self.binding.moving.iter().find(beyond) {
            let at_least = self.x[i] < task.lower[i];
            self.hold(task, i, at_least);
            return true;
        }
        let binding = &mut self.binding;
        let slacks = task.slacks(row, values);
        if let Some(j) =
            (0..task.bounds.len()).find(|j| slacks[*j] < -SOLVED && !binding.limits.contains(j))
        {
            binding.limits.push(j);
        } else if let Some(at) = binding.limits.iter().position(|&j| self.limits[j] < -SOLVED) {
            let j = binding.limits.remove(at);
            self.limits[j] = 0.0;
        } else if let Some(at) = binding.lower.iter().position(|&i| lower[i] < -SOLVED) {
            binding.moving.push(binding.lower.remove(at));
        } else if let Some(at) = binding.upper.iter().position(|&i| upper[i] < -SOLVED) {
            binding.moving.push(binding.upper.remove(at));
        } else {
            return false;
        }
        self.given_up = binding.limits.len() > binding.moving.len();
        true
    }

    /// Whether the Lagrangian curves upwards in every direction along the limits that bind: its
    /// Hessian with a large multiple of the limits' own directions added is positive definite
    /// (Debreu 1952, Econometrica 20, theorem 3).
    fn curves(&self, task: &Task<'_>, point: &Point) -> bool {
        let moving = &self.binding.moving;
        let hessian = lagrangian_hessian(task, point, &self.limits);
        let place = |i: usize| task.free.iter().position(|&f| f == i).unwrap_or(0);
        let mut matrix: Matrix = [[0.0; MOST]; MOST];
        let mut size: f64 = 1e-6;
        for (a, &i) in moving.iter().enumerate() {
            for (b, &k) in moving.iter().enumerate() {
                matrix[a][b] = hessian[place(i)][place(k)];
                size = size.max(matrix[a][b].abs());
            }
        }
        for &j in &self.binding.limits {
            let gradient = &point[task.bounds[j].function].gradient;
            let length: f64 = moving.iter().map(|&i| gradient[i] * gradient[i]).sum();
            for (a, &i) in moving.iter().enumerate() {
                for (b, &k) in moving.iter().enumerate() {
                    matrix[a][b] += 1e6 * size / length * gradient[i] * gradient[k];
                }
            }
        }
        cholesky(&matrix, moving.len()).is_some()
    }
}
