//! The optimum of one draw inside its limits: a primal-dual barrier method.
//!
//! minimise f(x) subject to c(x) <= 0 and lower <= x <= upper, in the logarithms x of the choices,
//! with exact first and second derivatives. Every point tried is strictly inside; steps follow
//! Newton's direction for the conditions of Karush, Kuhn and Tucker with products mu in place of
//! zero (Nocedal and Wright 2006, Numerical Optimization, chapter 19), with the Hessian lifted
//! where it is not convex, and are halved until the barrier function falls. Many draws move in
//! lockstep, so that the functions are evaluated by column.

use diagnostic::Diagnostic;

use super::dense::{MOST, Matrix, Vector, cholesky, cholesky_solve};
use super::functions::{Point, Space};
use super::task::{LIMITS, Solution, Task, lagrangian_gradient, lagrangian_hessian};

/// Products of slack and multiplier at which a row is done.
const LEAST_MU: f64 = 1e-8;
const MOST_STEPS: usize = 120;
/// A step may use this share of the way to a bound.
const REACH: f64 = 0.995;

/// One row on its way.
#[derive(Debug, Clone)]
struct Walker {
    row: usize,
    x: Vector,
    point: Option<Point>,
    step: Vector,
    length: f64,
    /// The step before any correction, and the Cholesky factor that gave it.
    newton: Vector,
    factor: Matrix,
    corrected: bool,
    /// The barrier function at x and its slope along the step.
    merit: f64,
    slope: f64,
    limits: [f64; LIMITS],
    limit_steps: [f64; LIMITS],
    lower: Vector,
    upper: Vector,
    mu: f64,
    steps: usize,
    done: bool,
}

/// Runs every row from its start; `None` for those whose start is not strictly inside.
pub(super) fn descend(
    task: &Task<'_>,
    starts: &[(usize, Vector)],
    space: &mut Space,
) -> Result<Vec<Option<Solution>>, Diagnostic> {
    let mut walkers: Vec<Walker> = starts.iter().map(|&(row, x)| Walker::new(row, x)).collect();
    let (mut rows, mut at, mut points) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let moving: Vec<usize> = (0..walkers.len()).filter(|&i| !walkers[i].done).collect();
        if moving.is_empty() {
            break;
        }
        rows.clear();
        at.clear();
        for &i in &moving {
            rows.push(walkers[i].row);
            at.push(walkers[i].trial());
        }
        task.functions.points(&rows, &at, space, &mut points)?;
        for ((&i, x), point) in moving.iter().zip(&at).zip(&points) {
            walkers[i].advance(task, *x, point);
        }
    }
    Ok(walkers.iter().map(|walker| walker.solution(task)).collect())
}

impl Walker {
    fn new(row: usize, x: Vector) -> Self {
        Self {
            row,
            x,
            point: None,
            step: [0.0; MOST],
            length: 0.0,
            newton: [0.0; MOST],
            factor: [[0.0; MOST]; MOST],
            corrected: false,
            merit: f64::INFINITY,
            slope: 0.0,
            limits: [0.0; LIMITS],
            limit_steps: [0.0; LIMITS],
            lower: [0.0; MOST],
            upper: [0.0; MOST],
            mu: 0.1,
            steps: 0,
            done: false,
        }
    }

    fn trial(&self) -> Vector {
        std::array::from_fn(|i| self.x[i] + self.length * self.step[i])
    }

    fn advance(&mut self, task: &Task<'_>, x: Vector, point: &Point) {
        self.steps += 1;
        let slacks = slacks(task, self.row, point);
        let merit = self.barrier(task, &x, point, &slacks);
        match &self.point {
            None => {
                if !merit.is_finite() {
                    self.done = true;
                    return;
                }
                self.start(task, point, &slacks);
            }
            Some(old) => {
                let before = self::slacks(task, self.row, old);
                let kept = (0..task.bounds.len()).all(|j| slacks[j] > (1.0 - REACH) * before[j]);
                let enough = self.merit
                    + 1e-4 * self.length * self.slope
                    + 1e-13 * self.merit.abs().max(1.0);
                if !(kept && merit <= enough) {
                    if !self.corrected && self.correct(task, &before, &slacks) {
                        return;
                    }
                    self.step = self.newton;
                    self.corrected = false;
                    self.length *= 0.5;
                    if self.length > 1e-9 && self.steps < MOST_STEPS {
                        return;
                    }
                    // Rounding leaves nothing to gain here: on to the next mu, or the end.
                    if self.mu <= LEAST_MU || self.steps >= MOST_STEPS {
                        self.done = true;
                        return;
                    }
                    self.mu = (0.1 * self.mu).max(LEAST_MU);
                    self.aim(task);
                    return;
                }
                self.x = x;
                self.point = Some(*point);
                self.update_multipliers(task, &slacks);
            }
        }
        self.tighten(task, &slacks);
        if self.steps >= MOST_STEPS {
            self.done = true;
        }
        if !self.done {
            self.aim(task);
        }
    }

    fn start(&mut self, task: &Task<'_>, point: &Point, slacks: &[f64; LIMITS]) {
        self.point = Some(*point);
        for (multiplier, slack) in self.limits.iter_mut().zip(slacks).take(task.bounds.len()) {
            *multiplier = self.mu / slack;
        }
        for &i in &task.free {
            self.lower[i] = self.mu / (self.x[i] - task.lower[i]);
            self.upper[i] = self.mu / (task.upper[i] - self.x[i]);
        }
    }

    /// The barrier function; infinite where x is not strictly inside.
    fn barrier(&self, task: &Task<'_>, x: &Vector, point: &Point, slacks: &[f64; LIMITS]) -> f64 {
        let (function, sign) = task.objective;
        let mut merit = sign * point[function].value;
        let mut room =
            |slack: f64| merit -= if slack > 0.0 { self.mu * slack.ln() } else { f64::NAN };
        for slack in &slacks[..task.bounds.len()] {
            room(*slack);
        }
        for &i in &task.free {
            room(x[i] - task.lower[i]);
            room(task.upper[i] - x[i]);
        }
        let derivatives = &point[function];
        let sound = merit.is_finite()
            && task.free.iter().all(|&i| derivatives.gradient[i].is_finite())
            && task.free.iter().all(|&i| derivatives.hessian[i][i].is_finite());
        if sound { merit } else { f64::INFINITY }
    }

    /// New multipliers along their own step, kept above zero and near mu over the slack.
    fn update_multipliers(&mut self, task: &Task<'_>, slacks: &[f64; LIMITS]) {
        let near = |value: f64, slack: f64, mu: f64| {
            let centre = mu / slack;
            value.clamp(1e-6 * centre, 1e6 * centre)
        };
        let moves = self.limit_steps.iter().zip(slacks).take(task.bounds.len());
        for (multiplier, (step, slack)) in self.limits.iter_mut().zip(moves) {
            let moved = *multiplier + self.length * step;
            *multiplier = near(moved.max((1.0 - REACH) * *multiplier), *slack, self.mu);
        }
        for &i in &task.free {
            // z+ = mu / room - (z / room) step, of the room before the step.
            let (down, up) = (self.x[i] - task.lower[i], task.upper[i] - self.x[i]);
            let moved = self.length * self.step[i];
            let (was_down, was_up) = (down - moved, up + moved);
            let lower = self.mu / was_down - self.lower[i] / was_down * self.step[i];
            let upper = self.mu / was_up + self.upper[i] / was_up * self.step[i];
            let lower = self.lower[i] + self.length * (lower - self.lower[i]);
            let upper = self.upper[i] + self.length * (upper - self.upper[i]);
            self.lower[i] = near(lower.max((1.0 - REACH) * self.lower[i]), down, self.mu);
            self.upper[i] = near(upper.max((1.0 - REACH) * self.upper[i]), up, self.mu);
        }
    }

    /// A smaller mu, as long as x solves the problem of this one.
    fn tighten(&mut self, task: &Task<'_>, slacks: &[f64; LIMITS]) {
        loop {
            let residual = self.residual(task, slacks, self.mu);
            if self.mu <= LEAST_MU {
                // The polish does the rest.
                self.done = residual < 10.0 * LEAST_MU;
                return;
            }
            if residual.is_nan() || residual > 10.0 * self.mu {
                return;
            }
            self.mu = (0.05 * self.mu).max(LEAST_MU);
        }
    }

    /// The largest violation of the conditions with products `mu`.
    fn residual(&self, task: &Task<'_>, slacks: &[f64; LIMITS], mu: f64) -> f64 {
        let Some(point) = &self.point else { return f64::INFINITY };
        let gradient = lagrangian_gradient(task, point, &self.limits);
        let mut worst: f64 = 0.0;
        for &i in &task.free {
            worst = worst.max((gradient[i] - self.lower[i] + self.upper[i]).abs());
            worst = worst.max((self.lower[i] * (self.x[i] - task.lower[i]) - mu).abs());
            worst = worst.max((self.upper[i] * (task.upper[i] - self.x[i]) - mu).abs());
        }
        for (multiplier, slack) in self.limits.iter().zip(slacks).take(task.bounds.len()) {
            worst = worst.max((multiplier * slack - mu).abs());
        }
        worst
    }

    /// Newton's step from x.
    fn aim(&mut self, task: &Task<'_>) {
        let Some(point) = self.point else { return };
        let slacks = slacks(task, self.row, &point);
        let free = &task.free;
        let n = free.len();
        let mut matrix = lagrangian_hessian(task, &point, &self.limits);
        let curvature = (0..n).map(|a| matrix[a][a].abs()).fold(1e-6, f64::max);
        let mut right = [0.0; MOST];
        let (function, sign) = task.objective;
        for (a, &i) in free.iter().enumerate() {
            let (down, up) = (self.x[i] - task.lower[i], task.upper[i] - self.x[i]);
            matrix[a][a] += self.lower[i] / down + self.upper[i] / up;
            right[a] = -sign * point[function].gradient[i] + self.mu / down - self.mu / up;
        }
        for (j, bound) in task.bounds.iter().enumerate() {
            let gradient = &point[bound.function].gradient;
            for (a, &i) in free.iter().enumerate() {
                right[a] -= self.mu / slacks[j] * bound.sign * gradient[i];
                for (b, &k) in free.iter().enumerate() {
                    matrix[a][b] += self.limits[j] / slacks[j] * gradient[i] * gradient[k];
                }
            }
        }
        let Some((found, factor)) = solve_lifted(&matrix, n, &right, curvature) else {
            self.done = true;
            return;
        };
        (self.factor, self.corrected) = (factor, false);
        self.step = [0.0; MOST];
        self.slope = 0.0;
        self.length = 1.0;
        for (a, &i) in free.iter().enumerate() {
            self.step[i] = found[a];
            self.slope -= right[a] * found[a];
            let room =
                if found[a] < 0.0 { self.x[i] - task.lower[i] } else { task.upper[i] - self.x[i] };
            // In logarithms a step of 3 is a factor of 20, beyond what second derivatives know.
            let room = room.min(3.0 / REACH);
            if found[a] != 0.0 {
                self.length = self.length.min(REACH * room / found[a].abs());
            }
        }
        for (j, bound) in task.bounds.iter().enumerate() {
            let gradient = &point[bound.function].gradient;
            let along: f64 = free.iter().map(|&i| bound.sign * gradient[i] * self.step[i]).sum();
            self.limit_steps[j] =
                self.mu / slacks[j] - self.limits[j] + self.limits[j] / slacks[j] * along;
        }
        self.newton = self.step;
        self.merit = self.barrier(task, &self.x, &point, &slacks);
    }

    /// Bends a step back that leaves a limit because the limit curves away from it (a second-order
    /// correction): without it, steps along the budget would be as small as the slack. Whether
    /// there was anything to bend.
    fn correct(&mut self, task: &Task<'_>, before: &[f64; LIMITS], slacks: &[f64; LIMITS]) -> bool {
        let Some(point) = &self.point else { return false };
        let left = (0..task.bounds.len()).filter(|&j| slacks[j] <= (1.0 - REACH) * before[j]);
        let worst =
            left.min_by(|&a, &b| (slacks[a] / before[a]).total_cmp(&(slacks[b] / before[b])));
        let Some(worst) = worst else { return false };
        let bound = &task.bounds[worst];
        let n = task.free.len();
        let mut across = [0.0; MOST];
        let mut along = 0.0;
        for (a, &i) in task.free.iter().enumerate() {
            across[a] = bound.sign * point[bound.function].gradient[i];
            along += across[a] * self.newton[i] * self.length;
        }
        let way = cholesky_solve(&self.factor, n, &across);
        let steepness: f64 = (0..n).map(|a| across[a] * way[a]).sum();
        // As much slack as the straight line would have left.
        let missing = (before[worst] - along).max(0.1 * before[worst]) - slacks[worst];
        let size = missing / steepness / self.length;
        if !size.is_finite() {
            return false;
        }
        for (a, &i) in task.free.iter().enumerate() {
            self.step[i] = self.newton[i] - size * way[a];
        }
        self.corrected = true;
        true
    }

    fn solution(&self, task: &Task<'_>) -> Option<Solution> {
        let point = self.point.as_ref()?;
        let slacks = slacks(task, self.row, point);
        let (function, sign) = task.objective;
        Some(Solution {
            x: self.x,
            objective: sign * point[function].value,
            limits: self.limits,
            lower: self.lower,
            upper: self.upper,
            residual: self.residual(task, &slacks, 0.0),
            curved: false,
        })
    }
}

fn slacks(task: &Task<'_>, row: usize, point: &Point) -> [f64; LIMITS] {
    task.slacks(row, &std::array::from_fn(|f| point[f].value))
}

/// Solves with as much added to the diagonal as makes the matrix positive definite. `curvature`
/// is that of the functions alone: the barrier's would lift far too much.
fn solve_lifted(
    matrix: &Matrix,
    n: usize,
    right: &Vector,
    curvature: f64,
) -> Option<(Vector, Matrix)> {
    let mut lift = 0.0;
    for _ in 0..40 {
        let mut lifted = *matrix;
        for (i, row) in lifted.iter_mut().enumerate().take(n) {
            row[i] += lift;
        }
        if let Some(factor) = cholesky(&lifted, n) {
            let found = cholesky_solve(&factor, n, right);
            if found[..n].iter().all(|x| x.is_finite()) {
                return Some((found, factor));
            }
        }
        lift = if lift == 0.0 { 1e-3 * curvature } else { 4.0 * lift };
    }
    None
}
