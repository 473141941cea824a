//! The answer: how the compute goes, what it reaches, what more of each thing would bring.

use std::sync::Arc;

use diagnostic::Diagnostic;
use runs::Flop;

use super::assemble::Model;
use super::capability::{Amount, Choice, Dimension};
use super::dense::{MOST, Vector};
use super::functions::{CAPABILITY, Functions, Space, TOTAL};
use super::limits::{Limit, LimitKind};
use super::question::{Aim, Question};
use super::search::{Optima, optimise};
use super::stated::{Stated, check_corner, outside, task, unreachable};
use super::task::Solution;
use crate::drawn::Drawn;

/// What one dimension gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which.
    pub dimension: Dimension,
    /// Its FLOP over the model's life.
    pub flop: Drawn<Flop>,
    /// The same as a share of all.
    pub share: Drawn<f64>,
    /// Whether nothing at all is to be spent on it beyond the least that its choices allow, as a
    /// share of the draws (of the best values, without draws).
    pub least: f64,
}

/// What more compute through one choice would bring.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// The choice.
    pub choice: Choice,
    /// Its value at the optimum.
    pub value: Drawn<f64>,
    /// d capability / d ln choice, all else as it is.
    pub per_fold: Drawn<f64>,
    /// What a hundredth of all compute, spent through this choice, would add to the capability:
    /// equal for all choices that no bound holds.
    pub per_hundredth: Drawn<f64>,
    /// d capability / d FLOP through it.
    pub per_flop: Drawn<f64>,
    /// Share of draws in which it is at its least, and at its greatest.
    pub held: (f64, f64),
    /// The greatest that it may be: the end of what the capability is for, or the stock of tokens.
    pub greatest: f64,
}

/// A limit with what one more unit of it is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// The limit.
    pub limit: Limit,
    /// d capability / d ln limit for a budget; d ln FLOP / d ln limit where a capability is to be
    /// reached (below zero: more of it saves compute; above zero for the capability itself).
    pub per_fold: Drawn<f64>,
    /// The same of one more unit: capability (or FLOP) per FLOP, token, day or megawatt.
    pub per_unit: Drawn<f64>,
    /// Share of draws in which it binds.
    pub binds: f64,
}

/// How sure the optimiser is of its optima.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certainty {
    /// Draws and best values for which there is an optimum.
    pub solved: usize,
    /// Those for which limits and target contradict each other.
    pub unreachable: usize,
    /// The largest violation of the first-order conditions, in log-odds or capability per e-fold.
    pub residual: f64,
    /// Optima that are proven to second order too.
    pub proven: usize,
}

/// The best split of one question.
#[derive(Debug, Clone)]
pub struct Split {
    /// What was asked.
    pub question: Question,
    /// The capability reached.
    pub capability: Drawn<f64>,
    /// FLOP over the model's life.
    pub total: Drawn<Flop>,
    /// What each dimension gets; those the capability does not have are left out.
    pub parts: Vec<Part>,
    /// The choices, with what more compute through each would bring.
    pub through: Vec<Through>,
    /// The limits, with what more of each would bring.
    pub prices: Vec<Price>,
    /// Every number that was assumed, as it was used.
    pub assumptions: Vec<Amount>,
    /// The laws that were used: role, name and source.
    pub laws: Vec<(String, String, String)>,
    /// How sure the optima are.
    pub certainty: Certainty,
    pub(super) model: Arc<Model>,
    pub(super) optima: Optima,
}

impl Split {
    pub(super) fn of(question: &Question) -> Result<Self, Diagnostic> {
        let model = Arc::new(Model::new(question)?);
        Self::with(question, model, &[])
    }

    /// The split of another question about the same model.
    pub(super) fn with(
        question: &Question,
        model: Arc<Model>,
        hints: &[Optima],
    ) -> Result<Self, Diagnostic> {
        let stated = task(question, &model, &[])?;
        check_corner(question, &model, &stated)?;
        let optima = optimise(&stated.task, model.rows, hints)?;
        if optima.rows.first().is_none_or(Option::is_none) {
            return Err(outside(question, &model)?.unwrap_or_else(|| unreachable(question)));
        }
        let rows = model.rows;
        let at: Vec<Vector> = (optima.rows.iter())
            .map(|found| found.map_or([f64::NAN; MOST], |solution| solution.x))
            .collect();
        let names = ["capability", "training", "rl", "served"];
        let costs = Functions::others(&model.checked, &names, &model.choices, &model.given, &at)?;
        // Log-odds have no end where a share passes 1: what looks like an optimum there is none.
        if question.capability.is_share()
            && costs[0][0] > 0.999
            && let Some(problem) = outside(question, &model)?
        {
            return Err(problem);
        }
        let total: Vec<f64> =
            (0..rows).map(|row| costs[1][row] + costs[2][row] + costs[3][row]).collect();
        let held = held(&stated, &optima, &model);
        let parts = parts(&model, &costs, &total, &held);
        let through = through(&model, &optima, &at, &total, (&held, &stated.task.upper))?;
        let prices = prices(question, &model, &stated, &optima, &total);
        let certainty = certainty(&optima);
        Ok(Self {
            question: question.clone(),
            capability: Drawn::from_rows(&costs[0]),
            total: Drawn::from_rows(&total),
            parts,
            through,
            prices,
            assumptions: model.assumptions.clone(),
            laws: model.laws.clone(),
            certainty,
            optima,
            model,
        })
    }

    /// Whether there are queries at all.
    pub fn serves(&self) -> bool {
        self.model.serves
    }

    /// The part of a dimension, if the capability has it.
    pub fn part(&self, dimension: Dimension) -> Option<&Part> {
        self.parts.iter().find(|part| part.dimension == dimension)
    }

    /// What more through a choice would bring.
    pub fn through(&self, name: &str) -> Option<&Through> {
        self.through.iter().find(|through| through.choice.name == name)
    }

    /// The price of a limit.
    pub fn price(&self, kind: LimitKind) -> Option<&Price> {
        self.prices.iter().find(|price| price.limit.kind == kind)
    }
}

/// By choice and row: whether it is at its least, at its greatest, or neither.
fn held(stated: &Stated<'_>, optima: &Optima, model: &Model) -> Vec<Vec<i8>> {
    let task = &stated.task;
    let of = |i: usize, solution: &Option<Solution>| {
        let Some(solution) = solution else { return 0 };
        if !task.free.contains(&i) || solution.x[i] - task.lower[i] < 1e-3 {
            -1
        } else {
            i8::from(task.upper[i] - solution.x[i] < 1e-3)
        }
    };
    (0..model.choices.len())
        .map(|i| optima.rows.iter().map(|solution| of(i, solution)).collect())
        .collect()
}

/// The share of the draws (of the best values, without draws) for which something holds.
fn share_of(rows: impl ExactSizeIterator<Item = bool>) -> f64 {
    let count = rows.len();
    let skipped = usize::from(count > 1);
    let held = rows.skip(skipped).filter(|held| *held).count();
    held as f64 / (count - skipped).max(1) as f64
}

fn parts(model: &Model, costs: &[Vec<f64>], total: &[f64], held: &[Vec<i8>]) -> Vec<Part> {
    let of = |dimension: Dimension| {
        let choices: Vec<usize> = (0..model.choices.len())
            .filter(|&i| model.choices[i].dimension() == dimension)
            .collect();
        let flop = &costs[match dimension {
            Dimension::Pretraining => 1,
            Dimension::Rl => 2,
            Dimension::Inference => 3,
        }];
        if choices.is_empty() && flop.iter().all(|flop| *flop == 0.0) {
            return None;
        }
        let share: Vec<f64> = flop.iter().zip(total).map(|(flop, total)| flop / total).collect();
        let least = (0..model.rows)
            .map(|row| !choices.is_empty() && choices.iter().all(|&i| held[i][row] < 0));
        Some(Part {
            dimension,
            flop: Drawn::from_rows(flop),
            share: Drawn::from_rows(&share),
            least: share_of(least),
        })
    };
    Dimension::ALL.into_iter().filter_map(of).collect()
}

fn through(
    model: &Model,
    optima: &Optima,
    at: &[Vector],
    total: &[f64],
    (held, upper): (&[Vec<i8>], &Vector),
) -> Result<Vec<Through>, Diagnostic> {
    let rows: Vec<usize> = (0..model.rows).collect();
    let mut points = Vec::new();
    model.functions.points(&rows, at, &mut Space::default(), &mut points)?;
    let there = |row: usize| optima.rows[row].is_some();
    let of = |(i, choice): (usize, &Choice)| {
        let by_row = |number: &dyn Fn(f64, f64, f64) -> f64| {
            let of_row = |row: usize| {
                if !there(row) {
                    return f64::NAN;
                }
                let ability = &points[row][CAPABILITY];
                let slope = ability.gradient[i] * model.functions.scale_slope(ability.value);
                number(slope, points[row][TOTAL].gradient[i], total[row])
            };
            rows.iter().map(|&row| of_row(row)).collect::<Vec<f64>>()
        };
        // d total / d ln choice is the total times the gradient of its logarithm.
        Through {
            value: Drawn::from_rows(&at.iter().map(|x| x[i].exp()).collect::<Vec<f64>>()),
            per_fold: Drawn::from_rows(&by_row(&|slope, _, _| slope)),
            per_hundredth: Drawn::from_rows(&by_row(&|slope, cost, _| 0.01 * slope / cost)),
            per_flop: Drawn::from_rows(&by_row(&|slope, cost, total| slope / cost / total)),
            held: (
                share_of(held[i].iter().map(|held| *held < 0)),
                share_of(held[i].iter().map(|held| *held > 0)),
            ),
            greatest: upper[i].exp(),
            choice: choice.clone(),
        }
    };
    Ok(model.choices.iter().enumerate().map(of).collect())
}

fn prices(
    question: &Question,
    model: &Model,
    stated: &Stated<'_>,
    optima: &Optima,
    total: &[f64],
) -> Vec<Price> {
    let reach = matches!(question.aim, Aim::Reach(_));
    let functions = &model.functions;
    // Multipliers are of log-odds where the capability is a share.
    let factor = |row: usize| match (&optima.rows[row], reach) {
        (None, _) => f64::NAN,
        (Some(solution), false) => functions.scale_slope(-solution.objective),
        (Some(_), true) => -1.0,
    };
    let price = |limit: Limit, multiplier: &dyn Fn(&Solution) -> f64| {
        let of_row =
            |row: usize| optima.rows[row].map_or(f64::NAN, |s| multiplier(&s) * factor(row));
        let mut per_fold: Vec<f64> = (0..model.rows).map(of_row).collect();
        let mut per_unit: Vec<f64> = (0..model.rows)
            .map(|row| per_fold[row] / limit.amount * if reach { total[row] } else { 1.0 })
            .collect();
        if limit.kind == LimitKind::Capability {
            // The target stands on the scale of the function: back to the capability itself.
            let slope = functions.scale_slope(functions.scaled(limit.amount));
            for row in 0..model.rows {
                per_unit[row] = -per_fold[row] / slope * total[row];
                per_fold[row] = -per_fold[row] * limit.amount / slope;
            }
        }
        let binds = per_fold.iter().map(|price| price.abs() > 1e-6);
        Price {
            limit,
            binds: share_of(binds),
            per_fold: Drawn::from_rows(&per_fold),
            per_unit: Drawn::from_rows(&per_unit),
        }
    };
    let mut prices: Vec<Price> = (stated.limits.iter().enumerate())
        .map(|(j, limit)| price(*limit, &move |solution| solution.limits[j]))
        .collect();
    let data = model.choices.iter().position(|choice| choice.name == "D");
    if let (Some(tokens), Some(data)) = (question.tokens, data) {
        let limit = Limit { kind: LimitKind::Tokens, amount: tokens.get() };
        // A stock beyond the greatest D that the capability is for bounds nothing.
        let bounds = tokens.get() <= model.choices[data].within.1;
        prices.push(price(limit, &move |s| if bounds { s.upper[data] } else { 0.0 }));
    }
    // More days are also more energy.
    let powered = prices.iter().find(|p| p.limit.kind == LimitKind::TrainingPower).cloned();
    let days = prices.iter_mut().find(|p| p.limit.kind == LimitKind::Days);
    if let (Some(powered), Some(days)) = (powered, days) {
        let amount = days.limit.amount;
        days.per_fold = days.per_fold.with(&powered.per_fold, |a, b| a + b);
        days.per_unit =
            days.per_unit.with(&powered.per_unit, |a, b| a + b * powered.limit.amount / amount);
        days.binds = days.binds.max(powered.binds);
    }
    prices
}

fn certainty(optima: &Optima) -> Certainty {
    let found = || optima.rows.iter().flatten();
    Certainty {
        solved: found().count(),
        unreachable: optima.rows.len() - found().count(),
        residual: found().map(|solution| solution.residual).fold(0.0, f64::max),
        proven: found().filter(|solution| solution.curved).count(),
    }
}
