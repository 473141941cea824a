//! Calls: functions of the language, over numbers, paths and samples, and the user's own.

use std::collections::HashMap;

use crate::ast::Form as ItemForm;
use crate::check::{Checker, MAX_CALLS, Outcome};
use crate::dimension::Ratio;
use crate::functions::FUNCTIONS;
use crate::graph::{Binary, Id, Node, PathOp, SampleOp, Unary};
use crate::source::Span;
use crate::types::{Form, Hint, Nature, Type};

impl Checker<'_> {
    pub(super) fn call(&mut self, name: &str, values: &[(Id, Span)], at: Span) -> Outcome<Id> {
        if let Some((_, takes)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
            if !takes.contains(&values.len()) {
                let wants = match (takes.start(), takes.end()) {
                    (1, 1) => "1 argument".to_owned(),
                    (start, end) if start == end => format!("{start} arguments"),
                    (start, end) => format!("{start} to {end} arguments"),
                };
                let message = format!("`{name}` takes {wants}, found {}", values.len());
                return Err(self.error(message, at, "in this call"));
            }
            return self.built_in(name, values, at);
        }
        match self.items.get(name) {
            Some(&item) if matches!(self.item(item).form, ItemForm::Function { .. }) => {
                self.user_function(item, values, at)
            }
            known => {
                let problem =
                    self.error(format!("unknown function `{name}`"), at, "not a function");
                if known.is_some() || self.meanings.contains_key(name) {
                    return Err(problem.help(format!(
                        "`{name}` is a value; to multiply, write `{name} * (...)`"
                    )));
                }
                let own = self.items.iter().filter(|(_, item)| {
                    matches!(self.item(**item).form, ItemForm::Function { .. })
                });
                let mut names: Vec<&str> = own.map(|(name, _)| *name).collect();
                names.extend(FUNCTIONS.iter().map(|(name, _)| *name));
                names.extend(crate::functions::FAMILIES);
                names.sort_unstable();
                Err(match diagnostic::nearest(name, names) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help(format!("define it: `{name}(x) = ...`")),
                })
            }
        }
    }

    fn user_function(&mut self, number: usize, values: &[(Id, Span)], at: Span) -> Outcome<Id> {
        let item = self.item(number);
        let ItemForm::Function { parameters, body } = &item.form else {
            return Err(self.error("not a function", at, "called here"));
        };
        if parameters.len() != values.len() {
            let message = format!(
                "`{}({})` takes {} arguments, found {}",
                item.name,
                parameters.join(", "),
                parameters.len(),
                values.len()
            );
            return Err(self.error(message, at, "in this call"));
        }
        let arguments: Vec<Id> = values.iter().map(|&(id, _)| id).collect();
        let key = (number, arguments);
        if let Some(&id) = self.calls.get(&key) {
            return Ok(id);
        }
        if self.depth == MAX_CALLS {
            return Err(self
                .error("functions call functions too deeply", at, "one call too many")
                .note(format!("the limit is {MAX_CALLS} levels")));
        }
        let bindings: HashMap<String, Id> =
            parameters.iter().cloned().zip(key.1.iter().copied()).collect();
        self.depth += 1;
        let outside = std::mem::replace(&mut self.current, (item.name.clone(), 0));
        let outcome = self.lower(item.nodes.clone(), *body, &bindings);
        self.current = outside;
        self.depth -= 1;
        let id = outcome.map_err(|problem| {
            self.program.sources.point(problem, at, format!("in this call of `{}`", item.name))
        })?;
        self.calls.insert(key, id);
        Ok(id)
    }

    /// A function of one value by name, for definitions made here.
    pub(super) fn function(&mut self, name: &str, id: Id, at: Span) -> Outcome<Id> {
        self.built_in(name, &[(id, at)], at)
    }

    fn built_in(&mut self, name: &str, values: &[(Id, Span)], at: Span) -> Outcome<Id> {
        let (first, first_at) = values[0];
        match name {
            "if" => {
                let condition = self.condition(first, first_at)?;
                let (yes, no) = (values[1].0, values[2].0);
                let (yes, no) = self.alike(yes, no, at, "choose between", "and")?;
                let path = [condition, yes, no].iter().any(|&id| self.kind(id).path);
                let nature = self.common_nature(yes, no);
                let kind = self.kind(yes).with(nature).along(path);
                let hint = self.graph.hints[yes].clone();
                Ok(self.graph.push(Node::Select(condition, yes, no), kind, hint))
            }
            "min" | "max" if values.len() == 1 => {
                let op = if name == "min" { PathOp::Min } else { PathOp::Max };
                if !self.kind(first).path {
                    return Err(self
                        .not_a_path(name, first_at)
                        .help(format!("to compare values, give two or more: `{name}(a, b)`")));
                }
                Ok(self.over_path(op, first))
            }
            "min" | "max" => {
                let op = if name == "min" { Binary::Min } else { Binary::Max };
                let mut best = first;
                for &(id, id_at) in &values[1..] {
                    let (a, b) = self.alike(best, id, id_at, "compare", "with")?;
                    if self.kind(a).form == Form::Truth {
                        return Err(self.error("conditions have no order", id_at, "a condition"));
                    }
                    let nature = self.common_nature(a, b);
                    let path = self.kind(a).path || self.kind(b).path;
                    let kind = self.kind(a).with(nature).along(path);
                    let hint = [a, b].map(|id| self.graph.hints[id].clone());
                    let hint = hint.into_iter().find(|h| *h != Hint::default()).unwrap_or_default();
                    best = self.graph.push(Node::Binary(op, a, b), kind, hint);
                }
                Ok(best)
            }
            "sqrt" => {
                let kind = self.kind(first);
                let half = Ratio::new(1, 2).unwrap_or(Ratio::ONE);
                let dimension = kind.dimension.power(half).filter(|_| kind.form == Form::Quantity);
                let Some(dimension) = dimension else {
                    return Err(self.wants_number(name, first, first_at));
                };
                let kind = Type::quantity(dimension).along(kind.path);
                Ok(self.graph.push(Node::Unary(Unary::Sqrt, first), kind, Hint::default()))
            }
            "abs" => {
                let kind = self.kind(first);
                if kind.form != Form::Quantity {
                    return Err(self.wants_number(name, first, first_at));
                }
                let hint = self.graph.hints[first].clone();
                Ok(self.graph.push(Node::Unary(Unary::Abs, first), kind, hint))
            }
            "before" => {
                if !self.in_next {
                    return Err(self
                        .error(
                            "`before` belongs in the `next` of a series",
                            at,
                            "there is no step here",
                        )
                        .help("`before(x)` is x at the beginning of the step"));
                }
                let (kind, hint) = (self.kind(first), self.graph.hints[first].clone());
                Ok(self.graph.push(Node::Before(first), kind, hint))
            }
            "at" => self.at_date(first, first_at, values[1]),
            "first" | "argmax" | "argmin" => self.date_of(name, first, first_at),
            "mean" if self.kind(first).path => Ok(self.over_path(PathOp::Mean, first)),
            "mean" | "prob" | "median" | "q" => self.over_samples(name, values, at),
            _ => self.plain_function(name, first, first_at),
        }
    }

    /// Functions of a plain number.
    fn plain_function(&mut self, name: &str, id: Id, at: Span) -> Outcome<Id> {
        let op = match name {
            "exp" => Unary::Exp,
            "expm1" => Unary::Expm1,
            "ln" | "log" => Unary::Ln,
            "log10" => Unary::Log10,
            "log2" => Unary::Log2,
            "log1p" => Unary::Log1p,
            "floor" => Unary::Floor,
            "ceil" => Unary::Ceil,
            "round" => Unary::Round,
            _ => Unary::Tanh,
        };
        if !self.is_number(id) {
            return Err(self.wants_number(name, id, at));
        }
        let kind = Type::number().along(self.kind(id).path);
        Ok(self.graph.push(Node::Unary(op, id), kind, Hint::default()))
    }

    fn wants_number(&mut self, name: &str, id: Id, at: Span) -> diagnostic::Diagnostic {
        let kind = self.kind(id);
        let found = kind.describe(&mut self.units);
        let problem = self.error(
            format!("`{name}` takes a plain number, found {found}"),
            at,
            format!("this is {found}"),
        );
        match (kind.form, kind.nature) {
            (Form::Quantity, Nature::Growth) => {
                problem.help(format!("multiply by a time first: `{name}(growth * 1 yr)`"))
            }
            (Form::Quantity, _) => {
                let unit = self.units.spell(&kind.dimension);
                problem.help(format!("divide by a unit first: `{name}(x / (1 {unit}))`"))
            }
            _ => problem,
        }
    }

    fn common_nature(&self, a: Id, b: Id) -> Nature {
        let (a, b) = (self.kind(a).nature, self.kind(b).nature);
        if a == b { a } else { Nature::Plain }
    }

    // Over a path.

    fn not_a_path(&self, name: &str, at: Span) -> diagnostic::Diagnostic {
        self.error(format!("`{name}` needs a path"), at, "the same at every time")
            .note("a path depends on `t` or on a series")
    }

    fn over_path(&mut self, op: PathOp, id: Id) -> Id {
        let (kind, hint) = (self.kind(id).along(false), self.graph.hints[id].clone());
        self.graph.push(Node::Path(op, id), kind, hint)
    }

    fn date_of(&mut self, name: &str, id: Id, at: Span) -> Outcome<Id> {
        if !self.kind(id).path {
            return Err(self.not_a_path(name, at));
        }
        let op = match name {
            "first" => PathOp::First,
            "argmax" => PathOp::ArgMax,
            _ => PathOp::ArgMin,
        };
        if op == PathOp::First {
            self.condition(id, at)?;
        } else if self.kind(id).form == Form::Truth {
            return Err(self.error("conditions have no order", at, "a condition"));
        }
        let kind = Type::instant(self.time_dimension());
        Ok(self.graph.push(Node::Path(op, id), kind, Hint::default()))
    }

    fn at_date(&mut self, path: Id, path_at: Span, (when, when_at): (Id, Span)) -> Outcome<Id> {
        if !self.kind(path).path {
            return Err(self.not_a_path("at", path_at));
        }
        let Some(when) = self.as_instant(when) else {
            let found = self.kind(when).describe(&mut self.units);
            return Err(self
                .error(format!("expected a date, found {found}"), when_at, "expected a date")
                .help("dates are written `2030` or `2025-07-01`"));
        };
        let kind = self.kind(path).along(self.kind(when).path);
        let hint = self.graph.hints[path].clone();
        Ok(self.graph.push(Node::At(path, when), kind, hint))
    }

    // Over samples.

    fn over_samples(&mut self, name: &str, values: &[(Id, Span)], at: Span) -> Outcome<Id> {
        let (id, id_at) = values[0];
        let kind = self.kind(id);
        let hint = self.graph.hints[id].clone();
        if name == "prob" {
            self.condition(id, id_at)?;
            let kind = Type::number().with(Nature::Share).along(kind.path);
            return Ok(self.graph.push(Node::Sample(SampleOp::Mean, id, 0), kind, Hint::default()));
        }
        if kind.form == Form::Truth {
            let help = "the share of samples where it holds is `prob(condition)`";
            return Err(self
                .error(format!("`{name}` takes a quantity"), id_at, "a condition")
                .help(help));
        }
        let (op, level) = match name {
            "mean" => (SampleOp::Mean, 0.0),
            "median" => (SampleOp::Quantile, 0.5),
            _ => {
                let shape = "write `q(x, 90%)`";
                let [_, (level, level_at)] = values[..] else {
                    return Err(self.error(
                        "`q` over samples takes a value and a level",
                        at,
                        shape,
                    ));
                };
                let fixed = self.graph.constant(level).filter(|level| (0.0..=1.0).contains(level));
                let Some(fixed) = fixed.filter(|_| self.kind(level).is_plain_number()) else {
                    let problem = self.error(
                        "expected a level from 0% to 100%",
                        level_at,
                        "not a fixed share",
                    );
                    return Err(problem.help(shape));
                };
                (SampleOp::Quantile, fixed)
            }
        };
        Ok(self.graph.push(Node::Sample(op, id, level.to_bits()), kind, hint))
    }
}
