//! What may be combined with what, and what comes out.

use diagnostic::Diagnostic;

use crate::ast::Binary;
use crate::check::{Checker, Outcome};
use crate::dimension::{Dimension, Ratio};
use crate::graph::{Binary as Op, Id, Node};
use crate::source::Span;
use crate::types::{Form, Hint, Nature, Type};

impl Checker<'_> {
    pub(super) fn binary(&mut self, op: Binary, left: Id, right: Id, at: Span) -> Outcome<Id> {
        match op {
            Binary::Add => self.sum(Op::Add, left, right, at),
            Binary::Sub => self.sum(Op::Sub, left, right, at),
            Binary::Mul => self.product(Op::Mul, left, right, at),
            Binary::Div => self.product(Op::Div, left, right, at),
            Binary::Pow => self.power(left, right, at),
            Binary::And => self.logic(Op::And, left, right, at),
            Binary::Or => self.logic(Op::Or, left, right, at),
            Binary::Less => self.comparison(Op::Less, left, right, at),
            Binary::LessEqual => self.comparison(Op::LessEqual, left, right, at),
            Binary::Greater => self.comparison(Op::Less, right, left, at),
            Binary::GreaterEqual => self.comparison(Op::LessEqual, right, left, at),
            Binary::Equal => self.comparison(Op::Equal, left, right, at),
            Binary::NotEqual => self.comparison(Op::NotEqual, left, right, at),
            // `to` is an uncertain input and lowered as one.
            Binary::To => Err(self.error("`to` does not belong here", at, "an uncertain input")),
        }
    }

    pub(super) fn condition(&mut self, id: Id, at: Span) -> Outcome<Id> {
        let kind = self.kind(id);
        if kind.form == Form::Truth {
            return Ok(id);
        }
        let found = kind.describe(&mut self.units);
        Err(self
            .error(format!("expected a condition, found {found}"), at, "expected a condition")
            .help("a condition compares: `x > 0`"))
    }

    fn logic(&mut self, op: Op, left: Id, right: Id, at: Span) -> Outcome<Id> {
        let (left, right) = (self.condition(left, at)?, self.condition(right, at)?);
        let path = self.kind(left).path || self.kind(right).path;
        Ok(self.graph.push(
            Node::Binary(op, left, right),
            Type::truth().along(path),
            Hint::default(),
        ))
    }

    fn comparison(&mut self, op: Op, left: Id, right: Id, at: Span) -> Outcome<Id> {
        let (left, right) = self.alike(left, right, at, "compare", "with")?;
        let (a, b) = (self.kind(left), self.kind(right));
        let equality = matches!(op, Op::Equal | Op::NotEqual);
        if a.form == Form::Truth && !equality {
            return Err(self.error("conditions have no order", at, "cannot compare conditions"));
        }
        let kind = Type::truth().along(a.path || b.path);
        Ok(self.graph.push(Node::Binary(op, left, right), kind, Hint::default()))
    }

    fn sum(&mut self, op: Op, left: Id, right: Id, at: Span) -> Outcome<Id> {
        let (verb, with) = if op == Op::Add { ("add", "and") } else { ("subtract", "and") };
        let (a, b) = (self.kind(left), self.kind(right));
        let path = a.path || b.path;
        let time = self.time_dimension();
        let is_time = |kind: &Type| kind.form == Form::Quantity && kind.dimension == time;
        let hint = |checker: &Self| {
            let left_hint = checker.graph.hints[left].clone();
            if left_hint == Hint::default() {
                checker.graph.hints[right].clone()
            } else {
                left_hint
            }
        };
        // Dates: a date and a time make a date, two dates make a time.
        if a.is_instant() && is_time(&b) || op == Op::Add && is_time(&a) && b.is_instant() {
            let kind = Type::instant(time).along(path);
            return Ok(self.graph.push(Node::Binary(op, left, right), kind, Hint::default()));
        }
        if op == Op::Sub
            && (a.is_instant() || b.is_instant())
            && let (Some(left), Some(right)) = (self.as_instant(left), self.as_instant(right))
        {
            let kind = Type::quantity(time).along(path);
            return Ok(self.graph.push(Node::Binary(op, left, right), kind, Hint::of("yr", 1)));
        }
        if a.form != Form::Quantity || b.form != Form::Quantity {
            let problem = self.mismatch(left, right, at, verb, with);
            let dates = a.is_instant() || b.is_instant();
            return Err(if dates && (a.is_plain_number() || b.is_plain_number()) {
                problem.help("a date moves by a time: write `5 yr` instead of `5`")
            } else if dates {
                problem.help("a date and a time add up to a date; two dates only subtract")
            } else {
                problem.help("turn a condition into a number with `if(condition, 1, 0)`")
            });
        }
        let (left, right) = self.alike(left, right, at, verb, with)?;
        let nature = self.sum_nature(left, right, at, verb)?;
        let kind = self.kind(left).with(nature).along(path);
        let hint = hint(self);
        Ok(self.graph.push(Node::Binary(op, left, right), kind, hint))
    }

    /// What a sum of two natures is, where it is anything.
    fn sum_nature(&mut self, left: Id, right: Id, at: Span, verb: &str) -> Outcome<Nature> {
        use Nature::{Growth, Plain, Points, Share};
        let (a, b) = (self.kind(left), self.kind(right));
        let constant = |id| self.graph.constant(id).is_some();
        Ok(match (a.nature, b.nature) {
            (Growth, Share | Points) | (Share | Points, Growth) => {
                return Err(self
                    .mismatch(left, right, at, verb, "and")
                    .note("growth is a log-rate: +30 %/yr is ln(1.3) a year, not 0.3 a year")
                    .help("write the rate as growth, with its sign: `+6 %/yr`"));
            }
            (same, other) if same == other => same,
            (Share | Plain, Points) | (Points, Share) => Share,
            (Growth, Plain) | (Plain, Growth) => Growth,
            // `1 - 40%` is a share; a quantity plus a share is whatever the quantity is.
            (Share, Plain) if constant(right) => Share,
            (Plain, Share) if constant(left) => Share,
            _ => Plain,
        })
    }

    fn product(&mut self, op: Op, left: Id, right: Id, at: Span) -> Outcome<Id> {
        let (a, b) = (self.kind(left), self.kind(right));
        let (verb, with) = if op == Op::Mul { ("multiply", "by") } else { ("divide", "by") };
        if a.form != Form::Quantity || b.form != Form::Quantity {
            let problem = self.mismatch(left, right, at, verb, with);
            return Err(if a.is_instant() || b.is_instant() {
                problem.help("take a time first: `date - 2025`")
            } else {
                problem.help("turn a condition into a number with `if(condition, 1, 0)`")
            });
        }
        let (dimension, sign) = match op {
            Op::Mul => (a.dimension.times(&b.dimension), 1),
            _ => (a.dimension.over(&b.dimension), -1),
        };
        let Some(dimension) = dimension else { return Err(self.outgrown(at)) };
        let nature = Self::product_nature(op, &a, &b, &dimension);
        // A percent rate over a time is a share: 6 %/yr * 2 yr = 12 %.
        let over_time = op == Op::Mul && !b.dimension.is_none() && self.only_time(&b.dimension);
        let nature = if a.nature == Nature::Share && over_time { Nature::Share } else { nature };
        if nature == Nature::Points && !self.only_time(&dimension) {
            let problem = self.mismatch(left, right, at, verb, with);
            return Err(problem
                .note("a percentage point is a difference between two shares, not a share")
                .help("write a share in percent: `3 %`"));
        }
        let hint = self.graph.hints[left].combine(&self.graph.hints[right], sign);
        let kind = Type::quantity(dimension).with(nature).along(a.path || b.path);
        Ok(self.graph.push(Node::Binary(op, left, right), kind, hint))
    }

    fn product_nature(op: Op, a: &Type, b: &Type, dimension: &Dimension) -> Nature {
        use Nature::{Growth, Plain, Points, Share};
        let number = |kind: &Type| kind.dimension.is_none();
        match (a.nature, b.nature) {
            (Growth, Plain | Share) if number(b) => Growth,
            (Plain | Share, Growth) if number(a) && op == Op::Mul => Growth,
            (Points, Points) => Plain,
            (Points, _) => Points,
            (_, Points) if op == Op::Mul => Points,
            (Share, Share) if op == Op::Mul && dimension.is_none() => Share,
            _ => Plain,
        }
    }

    fn only_time(&mut self, dimension: &Dimension) -> bool {
        let second = self.units.symbol("s");
        dimension.exponents().iter().all(|&(symbol, _)| symbol == second)
    }

    fn power(&mut self, base: Id, exponent: Id, at: Span) -> Outcome<Id> {
        let (a, b) = (self.kind(base), self.kind(exponent));
        if a.form != Form::Quantity || b.form != Form::Quantity {
            return Err(self.mismatch(base, exponent, at, "raise", "to"));
        }
        if !self.is_number(exponent) {
            let found = b.describe(&mut self.units);
            return Err(self
                .error(
                    format!("an exponent is a plain number, found {found}"),
                    at,
                    format!("to the power of {found}"),
                )
                .help("divide it by a unit first: `x^(time / 1 yr)`"));
        }
        let fixed = self.graph.constant(exponent).and_then(Ratio::from_f64);
        let (dimension, hint) = match fixed {
            Some(ratio) => {
                let Some(dimension) = a.dimension.power(ratio) else {
                    return Err(self.outgrown(at));
                };
                let hint = ratio.as_whole().filter(|power| power.abs() <= 9).map(|power| {
                    let mut hint = self.graph.hints[base].clone();
                    hint.0.iter_mut().for_each(|atom| atom.exponent *= power as i32);
                    hint
                });
                (dimension, hint.unwrap_or_default())
            }
            None if self.is_number(base) => (Dimension::none(), Hint::default()),
            None => {
                let found = a.describe(&mut self.units);
                return Err(self
                    .error(format!("cannot raise {found} to a power that is not fixed"), at, found)
                    .help("raise a plain number: divide the base by a unit first, `(x / (1 GW))^alpha`"));
            }
        };
        let kind = Type::quantity(dimension).along(a.path || b.path);
        Ok(self.graph.push(Node::Binary(Op::Pow, base, exponent), kind, hint))
    }

    /// Whether the value is, or can be taken to be, a plain number.
    pub(super) fn is_number(&mut self, id: Id) -> bool {
        let kind = self.kind(id);
        kind.form == Form::Quantity
            && self.inference.equate(&kind.dimension, &Dimension::none()) == Some(true)
    }

    pub(super) fn outgrown(&self, at: Span) -> Diagnostic {
        self.error("the exponents of this unit are too large", at, "no unit has such powers")
    }

    /// Makes two values comparable: same form, same dimension; or says why they are not.
    pub(super) fn alike(
        &mut self,
        left: Id,
        right: Id,
        at: Span,
        verb: &str,
        with: &str,
    ) -> Outcome<(Id, Id)> {
        let (a, b) = (self.kind(left), self.kind(right));
        if a.form == b.form && self.inference.equate(&a.dimension, &b.dimension) == Some(true) {
            return Ok((left, right));
        }
        if a.is_instant() != b.is_instant()
            && let (Some(left), Some(right)) = (self.as_instant(left), self.as_instant(right))
        {
            return Ok((left, right));
        }
        if let Some(right) = self.adopt(right, &a) {
            return Ok((left, right));
        }
        if let Some(left) = self.adopt(left, &b) {
            return Ok((left, right));
        }
        Err(self.mismatch(left, right, at, verb, with))
    }

    /// A literal 0, or `never`, as a value of type `kind`.
    fn adopt(&mut self, id: Id, kind: &Type) -> Option<Id> {
        let never = self.graph.constant(id) == Some(f64::INFINITY) && self.kind(id).is_instant();
        let zero = self.is_zero(id);
        let fits = kind.form == Form::Quantity && (zero || never);
        let kind = Type { path: self.kind(id).path, ..kind.clone() };
        fits.then(|| self.graph.push(self.graph.nodes[id], kind, Hint::default()))
    }

    /// The error for two values that do not go together, with the advice that fits.
    pub(super) fn mismatch(
        &mut self,
        left: Id,
        right: Id,
        at: Span,
        verb: &str,
        with: &str,
    ) -> Diagnostic {
        let (a, b) = (self.kind(left), self.kind(right));
        let (first, second) = (a.describe(&mut self.units), b.describe(&mut self.units));
        let problem = self.error(
            format!("cannot {verb} {first} {with} {second}"),
            at,
            format!("{first} on the left, {second} on the right"),
        );
        if a.form != Form::Quantity || b.form != Form::Quantity {
            return problem;
        }
        let Some(quotient) = b.dimension.over(&a.dimension) else { return problem };
        let (plain, kinds) = self.units.split_kinds(&quotient);
        if plain.is_none() && !kinds.is_none() {
            return match self.ratio_between(&quotient) {
                Some((name, true)) => problem.help(format!("multiply the left side by `{name}`")),
                Some((name, false)) => problem.help(format!("multiply the right side by `{name}`")),
                None => {
                    let ratio = self.units.spell(&kinds);
                    problem
                        .help(format!("kinds are joined by a named ratio: `ratio = 1.2 {ratio}`"))
                }
            };
        }
        let money = quotient.exponents().iter().all(|&(symbol, _)| {
            let name = self.units.name(symbol);
            crate::unit_table::CURRENCIES.contains(&name.split('_').next().unwrap_or(name))
        });
        if money && !quotient.is_none() {
            let ratio = self.units.spell(&quotient);
            return problem
                .note("money of different years or currencies is not the same thing")
                .help(format!(
                    "multiply by a price index or exchange rate: `index = 1.06 {ratio}`"
                ));
        }
        problem
    }

    /// A defined value whose dimension is the quotient (`true`) or its inverse (`false`).
    fn ratio_between(&mut self, quotient: &Dimension) -> Option<(String, bool)> {
        let inverse = quotient.power(Ratio::whole(-1))?;
        let mut names: Vec<(String, bool)> = self
            .meanings
            .iter()
            .filter_map(|(name, meaning)| {
                let super::Meaning::Value(id) = *meaning else { return None };
                let dimension = self.kind(id).dimension;
                (dimension == *quotient)
                    .then(|| (name.clone(), true))
                    .or_else(|| (dimension == inverse).then(|| (name.clone(), false)))
            })
            .collect();
        names.sort();
        names.into_iter().next()
    }
}
