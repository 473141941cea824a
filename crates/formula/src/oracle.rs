//! For tests: the plainest evaluation there is, by recursion over what was written, on any kind
//! of number. On numbers with an error bound it says how far off a correct program may be; on
//! dual numbers of those it differentiates, independently of the program under test.

use crate::ast::{Ast, Binary, Node, NodeId, Unary};

/// A number that expressions can be evaluated on.
pub(crate) trait Number: Copy {
    fn constant(value: f64) -> Self;
    fn value(self) -> f64;
    /// Whether this and `other` might compare either way.
    fn is_close(self, other: Self) -> bool;
    fn spoilt(self) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn recip(self) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn tanh(self) -> Self;
    fn expm1(self) -> Self;
    fn log1p(self) -> Self;
}

fn neg<T: Number>(x: T) -> T {
    x.mul(T::constant(-1.0))
}

/// A value and a bound on its rounding error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

impl Bound {
    fn new(value: f64, error: f64) -> Self {
        Self { value, error: error + value.abs() * 4.0 * f64::EPSILON + f64::MIN_POSITIVE }
    }
}

impl Number for Bound {
    fn constant(value: f64) -> Self {
        Self { value, error: 0.0 }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn is_close(self, other: Self) -> bool {
        let gap = (self.value - other.value).abs();
        let doubt = self.error + other.error;
        doubt > 0.0 && (gap <= 100.0 * doubt || gap.is_nan() || doubt.is_nan())
    }
    fn spoilt(self) -> Self {
        Self { error: f64::INFINITY, ..self }
    }
    fn add(self, other: Self) -> Self {
        let size = 4.0 * f64::EPSILON * (self.value.abs() + other.value.abs());
        Self::new(self.value + other.value, self.error + other.error + size)
    }
    fn mul(self, other: Self) -> Self {
        let cross = self.value.abs() * other.error + other.value.abs() * self.error;
        Self::new(self.value * other.value, cross + self.error * other.error)
    }
    fn recip(self) -> Self {
        let low = (self.value.abs() - self.error).max(0.0);
        Self::new(1.0 / self.value, self.error / (low * self.value.abs()))
    }
    fn exp(self) -> Self {
        let value = self.value.exp();
        Self::new(value, value * (self.error + 4.0 * f64::EPSILON * self.value.abs()).exp_m1())
    }
    fn ln(self) -> Self {
        let low = (self.value - self.error).max(0.0);
        Self::new(self.value.ln(), self.error / low + 4.0 * f64::EPSILON)
    }
    fn tanh(self) -> Self {
        Self::new(self.value.tanh(), self.error)
    }
    fn expm1(self) -> Self {
        Self::new(self.value.exp_m1(), self.value.exp() * self.error.exp_m1())
    }
    fn log1p(self) -> Self {
        let low = (1.0 + self.value - self.error).max(0.0);
        Self::new(self.value.ln_1p(), self.error / low)
    }
}

/// A value and its derivative in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dual<T> {
    pub(crate) value: T,
    pub(crate) slope: T,
}

impl<T: Number> Dual<T> {
    pub(crate) fn new(value: T, slope: f64) -> Self {
        Self { value, slope: T::constant(slope) }
    }

    fn chain(self, value: T, local: T) -> Self {
        Self { value, slope: self.slope.mul(local) }
    }
}

impl<T: Number> Number for Dual<T> {
    fn constant(value: f64) -> Self {
        Self::new(T::constant(value), 0.0)
    }
    fn value(self) -> f64 {
        self.value.value()
    }
    fn is_close(self, other: Self) -> bool {
        self.value.is_close(other.value)
    }
    fn spoilt(self) -> Self {
        Self { value: self.value.spoilt(), slope: self.slope.spoilt() }
    }
    fn add(self, other: Self) -> Self {
        Self { value: self.value.add(other.value), slope: self.slope.add(other.slope) }
    }
    fn mul(self, other: Self) -> Self {
        let slope = self.slope.mul(other.value).add(self.value.mul(other.slope));
        Self { value: self.value.mul(other.value), slope }
    }
    fn recip(self) -> Self {
        let value = self.value.recip();
        self.chain(value, neg(value.mul(value)))
    }
    fn exp(self) -> Self {
        let value = self.value.exp();
        self.chain(value, value)
    }
    fn ln(self) -> Self {
        self.chain(self.value.ln(), self.value.recip())
    }
    fn tanh(self) -> Self {
        let value = self.value.tanh();
        self.chain(value, T::constant(1.0).add(neg(value.mul(value))))
    }
    fn expm1(self) -> Self {
        self.chain(self.value.expm1(), self.value.exp())
    }
    fn log1p(self) -> Self {
        self.chain(self.value.log1p(), T::constant(1.0).add(self.value).recip())
    }
}

/// The value of `node`, names being looked up by `name`.
pub(crate) fn evaluate<T: Number>(ast: &Ast, node: NodeId, name: &impl Fn(&str) -> T) -> T {
    let at = |node: NodeId| evaluate(ast, node, name);
    let truth = |condition: bool| T::constant(f64::from(u8::from(condition)));
    match &ast.nodes[node] {
        Node::Number(value) => T::constant(*value),
        Node::Name(text) => name(text),
        Node::Unary(Unary::Minus, a) => neg(at(*a)),
        Node::Unary(Unary::Not, a) => truth(at(*a).value() == 0.0),
        Node::Binary(op, a, b) => {
            let (a, b) = (at(*a), at(*b));
            let compare =
                |holds: bool| if a.is_close(b) { truth(holds).spoilt() } else { truth(holds) };
            match op {
                Binary::Add => a.add(b),
                Binary::Sub => a.add(neg(b)),
                Binary::Mul => a.mul(b),
                Binary::Div => a.mul(b.recip()),
                Binary::Pow => match &ast.nodes[*b_of(ast, node)] {
                    Node::Number(n) if n.fract() == 0.0 && (1.0..9.0).contains(n) => {
                        (1..*n as usize).fold(a, |product, _| product.mul(a))
                    }
                    _ => b.mul(a.ln()).exp(),
                },
                Binary::Less => compare(a.value() < b.value()),
                Binary::LessEqual => compare(a.value() <= b.value()),
                Binary::Greater => compare(a.value() > b.value()),
                Binary::GreaterEqual => compare(a.value() >= b.value()),
                Binary::And => truth(a.value() != 0.0 && b.value() != 0.0),
                Binary::Or => truth(a.value() != 0.0 || b.value() != 0.0),
                Binary::Equal | Binary::NotEqual | Binary::To => a.spoilt(),
            }
        }
        Node::Call(function, arguments) => {
            let values: Vec<T> = arguments.iter().map(|a| at(a.value)).collect();
            let a = values[0];
            match function.as_str() {
                "exp" => a.exp(),
                "ln" => a.ln(),
                "log10" => a.ln().mul(T::constant(std::f64::consts::LOG10_E)),
                "sqrt" => T::constant(0.5).mul(a.ln()).exp(),
                "tanh" => a.tanh(),
                "expm1" => a.expm1(),
                "log1p" => a.log1p(),
                "abs" => {
                    let out = if a.value() < 0.0 { neg(a) } else { a };
                    if a.is_close(T::constant(0.0)) { out.spoilt() } else { out }
                }
                "min" | "max" => {
                    let b = values[1];
                    let first = (a.value() < b.value()) == (function == "min");
                    let out = if first { a } else { b };
                    if a.is_close(b) { out.spoilt() } else { out }
                }
                "if" => {
                    let out = if a.value() == 0.0 { values[2] } else { values[1] };
                    // A spoilt condition adds its doubt.
                    if a.is_close(T::constant(0.5)) { out.spoilt() } else { out }
                }
                other => panic!("the oracle does not know `{other}`"),
            }
        }
        other => panic!("the oracle does not know {other:?}"),
    }
}

fn b_of(ast: &Ast, node: NodeId) -> &NodeId {
    match &ast.nodes[node] {
        Node::Binary(_, _, b) => b,
        _ => panic!("not a binary node"),
    }
}
