//! Dimensions as vectors of rational exponents over base symbols, and their inference.
//!
//! A symbol is a base unit (s, kg, token, USD, ...), a kind (`it`, `facility`) or, while a program
//! is checked, a variable that stands for a dimension not known yet. Kinds are symbols like any
//! other: that alone makes `8 GW[it]` and `8 GW[facility]` refuse to add, and a ratio
//! `[facility/it]` join them. Equations between dimensions are linear in the exponents, so
//! inference is Gaussian elimination, one pivot at a time.

use std::collections::HashMap;
use std::fmt;

/// A base symbol: a unit, a kind, or (from [`Symbol::VARIABLES`] on) an unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Symbol(pub(crate) u32);

impl Symbol {
    const VARIABLES: u32 = 1 << 30;

    pub(crate) fn variable(number: u32) -> Self {
        Self(Self::VARIABLES + number)
    }

    pub(crate) fn is_variable(self) -> bool {
        self.0 >= Self::VARIABLES
    }
}

/// A fraction in lowest terms with a positive denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ratio {
    numerator: i64,
    denominator: i64,
}

impl Ratio {
    pub(crate) const ZERO: Ratio = Ratio { numerator: 0, denominator: 1 };
    pub(crate) const ONE: Ratio = Ratio { numerator: 1, denominator: 1 };

    pub(crate) fn whole(numerator: i64) -> Self {
        Self { numerator, denominator: 1 }
    }

    /// `None` where the terms no longer fit (or for a zero denominator).
    pub(crate) fn new(numerator: i64, denominator: i64) -> Option<Self> {
        if denominator == 0 || numerator == i64::MIN || denominator == i64::MIN {
            return None;
        }
        let divisor = greatest_common_divisor(numerator.abs(), denominator.abs()).max(1);
        let sign = denominator.signum();
        Some(Self {
            numerator: sign * (numerator / divisor),
            denominator: denominator.abs() / divisor,
        })
    }

    /// The fraction with a small denominator that `value` spells, if it is one.
    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        (1..=12).find_map(|denominator| {
            let scaled = value * f64::from(denominator);
            let near = scaled.round();
            ((scaled - near).abs() < 1e-9 && near.abs() < 1e6)
                .then(|| Self::new(near as i64, i64::from(denominator)))
                .flatten()
        })
    }

    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        let left = self.numerator.checked_mul(other.denominator)?;
        let right = other.numerator.checked_mul(self.denominator)?;
        Self::new(left.checked_add(right)?, self.denominator.checked_mul(other.denominator)?)
    }

    pub(crate) fn times(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator.checked_mul(other.numerator)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    pub(crate) fn inverse(self) -> Option<Self> {
        Self::new(self.denominator, self.numerator)
    }

    pub(crate) fn negated(self) -> Self {
        Self { numerator: -self.numerator, ..self }
    }

    pub(crate) fn is_negative(self) -> bool {
        self.numerator < 0
    }

    pub(crate) fn as_whole(self) -> Option<i64> {
        (self.denominator == 1).then_some(self.numerator)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "({}/{denominator})", self.numerator),
        }
    }
}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Exponents by symbol, sorted, none of them zero. The empty vector is a plain number.
///
/// Operations answer `None` where an exponent outgrows 64 bits, which only a hostile formula does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Dimension(Vec<(Symbol, Ratio)>);

impl Dimension {
    pub(crate) fn none() -> Self {
        Self::default()
    }

    pub(crate) fn of(symbol: Symbol) -> Self {
        Self(vec![(symbol, Ratio::ONE)])
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn exponents(&self) -> &[(Symbol, Ratio)] {
        &self.0
    }

    pub(crate) fn exponent(&self, symbol: Symbol) -> Ratio {
        self.0.iter().find(|&&(s, _)| s == symbol).map_or(Ratio::ZERO, |&(_, e)| e)
    }

    pub(crate) fn times(&self, other: &Self) -> Option<Self> {
        self.combine(other, Ratio::ONE)
    }

    pub(crate) fn over(&self, other: &Self) -> Option<Self> {
        self.combine(other, Ratio::whole(-1))
    }

    pub(crate) fn power(&self, exponent: Ratio) -> Option<Self> {
        if exponent == Ratio::ZERO {
            return Some(Self::none());
        }
        let scaled = self.0.iter().map(|&(s, e)| Some((s, e.times(exponent)?)));
        scaled.collect::<Option<Vec<_>>>().map(Self)
    }

    /// `self · other^power`, a merge of two sorted lists.
    fn combine(&self, other: &Self, power: Ratio) -> Option<Self> {
        let mut out = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let next = match (left.peek(), right.peek()) {
                (None, None) => return Some(Self(out)),
                (Some(&&l), Some(&&r)) if l.0 == r.0 => {
                    left.next();
                    right.next();
                    (l.0, l.1.plus(r.1.times(power)?)?)
                }
                (Some(&&l), r) if r.is_none_or(|r| l.0 < r.0) => {
                    left.next();
                    l
                }
                (_, Some(&&r)) => {
                    right.next();
                    (r.0, r.1.times(power)?)
                }
                (Some(_), None) => return None,
            };
            if next.1 != Ratio::ZERO {
                out.push(next);
            }
        }
    }
}

/// What is known of the dimension variables: a substitution, extended one equation at a time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inference {
    solved: HashMap<Symbol, Dimension>,
    variables: u32,
}

impl Inference {
    pub(crate) fn fresh(&mut self) -> Dimension {
        self.variables += 1;
        Dimension::of(Symbol::variable(self.variables - 1))
    }

    /// The dimension with every solved variable replaced.
    pub(crate) fn resolve(&self, dimension: &Dimension) -> Option<Dimension> {
        if !dimension.0.iter().any(|(s, _)| s.is_variable()) {
            return Some(dimension.clone());
        }
        let mut current = dimension.clone();
        // One level a round: a loop, because a chain of solutions may be long.
        while current.0.iter().any(|(s, _)| self.solved.contains_key(s)) {
            let mut next = Dimension::none();
            for &(symbol, exponent) in &current.0 {
                next = match self.solved.get(&symbol) {
                    Some(known) => next.combine(known, exponent)?,
                    None => next.combine(&Dimension::of(symbol), exponent)?,
                };
            }
            current = next;
        }
        Some(current)
    }

    /// Makes two dimensions equal by solving for a variable; `false` where they cannot be.
    pub(crate) fn equate(&mut self, left: &Dimension, right: &Dimension) -> Option<bool> {
        let difference = self.resolve(&left.over(right)?)?;
        let Some(&(variable, exponent)) = difference.0.iter().find(|(s, _)| s.is_variable()) else {
            return Some(difference.is_none());
        };
        let rest = difference.over(&Dimension(vec![(variable, exponent)]))?;
        self.solved.insert(variable, rest.power(exponent.inverse()?.negated())?);
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_add_exponents_and_cancel() {
        let (s, m) = (Dimension::of(Symbol(0)), Dimension::of(Symbol(1)));
        let speed = m.over(&s).unwrap();
        assert_eq!(speed.times(&s).unwrap(), m);
        assert!(speed.over(&speed).unwrap().is_none());
        let half = speed.power(Ratio::new(1, 2).unwrap()).unwrap();
        assert_eq!(half.times(&half).unwrap(), speed);
    }

    #[test]
    fn an_unknown_is_solved_from_an_equation_with_a_power() {
        let mut inference = Inference::default();
        let x = inference.fresh();
        let squared = x.power(Ratio::whole(2)).unwrap();
        let m = Dimension::of(Symbol(1));
        assert_eq!(inference.equate(&squared, &m), Some(true));
        let root = m.power(Ratio::new(1, 2).unwrap()).unwrap();
        assert_eq!(inference.resolve(&x), Some(root));
        assert_eq!(inference.equate(&x, &m), Some(false));
    }

    #[test]
    fn exponents_that_outgrow_the_machine_are_reported_not_wrapped() {
        let mut d = Dimension::of(Symbol(0));
        for _ in 0..62 {
            d = d.times(&d).unwrap();
        }
        assert_eq!(d.times(&d), None);
    }
}
