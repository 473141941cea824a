//! Checked expressions as one shared graph: equal parts are one node, and parts precede wholes.

use std::collections::HashMap;

use crate::types::{Hint, Type};

/// The number of a node in its [`Graph`].
pub(crate) type Id = usize;

/// One operation on values whose types have been checked. Values are in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    /// The bits of an `f64`.
    Const(u64),
    /// A declared or uncertain name, by its number.
    Leaf(usize),
    /// The time of the current step.
    Time,
    /// A series at the current step.
    State(usize),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    /// `if(condition, a, b)`.
    Select(Id, Id, Id),
    /// A path's summary over the time axis.
    Path(PathOp, Id),
    /// A path at a moment.
    At(Id, Id),
    /// A value with every series as it was before the step; only inside `next`.
    Before(Id),
    /// A summary over the samples; the bits of the level of a quantile.
    Sample(SampleOp, Id, u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unary {
    Neg,
    Not,
    Exp,
    Ln,
    Log10,
    Log2,
    Log1p,
    Expm1,
    Sqrt,
    Abs,
    Floor,
    Ceil,
    Round,
    Tanh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    Less,
    LessEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PathOp {
    First,
    Max,
    Min,
    Mean,
    ArgMax,
    ArgMin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SampleOp {
    Mean,
    Quantile,
}

impl Unary {
    /// The function at one number, as the standard library computes it.
    pub(crate) fn of(self, x: f64) -> f64 {
        match self {
            Unary::Neg => -x,
            Unary::Not => truth(x == 0.0),
            Unary::Exp => x.exp(),
            Unary::Ln => x.ln(),
            Unary::Log10 => x.log10(),
            Unary::Log2 => x.log2(),
            Unary::Log1p => x.ln_1p(),
            Unary::Expm1 => x.exp_m1(),
            Unary::Sqrt => x.sqrt(),
            Unary::Abs => x.abs(),
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => round(x),
            Unary::Tanh => x.tanh(),
        }
    }
}

impl Binary {
    /// The function at two numbers. `min` and `max` pass a NaN on.
    pub(crate) fn of(self, x: f64, y: f64) -> f64 {
        match self {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Div => x / y,
            Binary::Pow => x.powf(y),
            Binary::Min => minimum(x, y),
            Binary::Max => maximum(x, y),
            Binary::Less => truth(x < y),
            Binary::LessEqual => truth(x <= y),
            Binary::Equal => truth(x == y),
            Binary::NotEqual => truth(x != y),
            Binary::And => truth(x != 0.0 && y != 0.0),
            Binary::Or => truth(x != 0.0 || y != 0.0),
        }
    }
}

/// Halves away from zero go to the larger neighbour, as JavaScript's `Math.round` has it.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must become part of the vectorised loop around it")]
pub(crate) fn round(x: f64) -> f64 {
    // `x + 0.5` alone would round 0.49999999999999994 up.
    let low = x.floor();
    if x - low >= 0.5 { low + 1.0 } else { low }
}

/// The smaller of two; NaN if either is.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must become part of the vectorised loop around it")]
pub(crate) fn minimum(x: f64, y: f64) -> f64 {
    let low = if x < y { x } else { y };
    if x.is_nan() { x } else { low }
}

/// The larger of two; NaN if either is.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must become part of the vectorised loop around it")]
pub(crate) fn maximum(x: f64, y: f64) -> f64 {
    let high = if x > y { x } else { y };
    if x.is_nan() { x } else { high }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "must become part of the vectorised loop around it")]
pub(crate) fn truth(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}

/// The nodes, their types, and how to show them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) types: Vec<Type>,
    pub(crate) hints: Vec<Hint>,
    known: HashMap<(Node, Type), Id>,
}

impl Graph {
    pub(crate) fn push(&mut self, node: Node, kind: Type, hint: Hint) -> Id {
        let node = self.fold(node);
        if let Some(&id) = self.known.get(&(node, kind.clone())) {
            return id;
        }
        let id = self.nodes.len();
        self.known.insert((node, kind.clone()), id);
        self.nodes.push(node);
        self.types.push(kind);
        self.hints.push(hint);
        id
    }

    pub(crate) fn constant(&self, id: Id) -> Option<f64> {
        match self.nodes[id] {
            Node::Const(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    /// Operations on constants become constants, so that `x^(1/3)` has a known exponent.
    fn fold(&self, node: Node) -> Node {
        let value = match node {
            // `exp(5000)` stays as it is: a logarithm around it may yet make it a number.
            Node::Unary(op, a) => self.constant(a).map(|a| op.of(a)).filter(|v| v.is_finite()),
            Node::Binary(op, a, b) => {
                self.constant(a).zip(self.constant(b)).map(|(a, b)| op.of(a, b))
            }
            Node::Select(c, a, b) => self
                .constant(c)
                .zip(self.constant(a).zip(self.constant(b)))
                .map(|(c, (a, b))| if c == 0.0 { b } else { a }),
            _ => None,
        };
        value.map_or(node, |value| Node::Const(value.to_bits()))
    }

    /// The nodes that `node` is made from.
    pub(crate) fn parts(&self, id: Id) -> [Option<Id>; 3] {
        match self.nodes[id] {
            Node::Const(_) | Node::Leaf(_) | Node::Time | Node::State(_) => [None; 3],
            Node::Unary(_, a) | Node::Path(_, a) | Node::Before(a) | Node::Sample(_, a, _) => {
                [Some(a), None, None]
            }
            Node::Binary(_, a, b) | Node::At(a, b) => [Some(a), Some(b), None],
            Node::Select(a, b, c) => [Some(a), Some(b), Some(c)],
        }
    }

    /// Every node below `roots`, themselves included, parts before wholes.
    pub(crate) fn reach(&self, roots: &[Id]) -> Vec<Id> {
        let mut wanted: std::collections::BTreeSet<Id> = roots.iter().copied().collect();
        let mut out = Vec::new();
        while let Some(id) = wanted.pop_last() {
            out.push(id);
            wanted.extend(self.parts(id).into_iter().flatten());
        }
        out.reverse();
        out
    }
}
