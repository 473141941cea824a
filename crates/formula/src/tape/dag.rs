//! The operations of one row, shared, simplified, and rearranged where that saves digits.

use std::collections::HashMap;

use crate::graph::{Binary, SampleOp, Unary};

/// The number of a node in its [`Dag`]; parts have smaller numbers.
pub(crate) type Id = u32;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Const(u64),
    Leaf(usize),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    Select(Id, Id, Id),
    /// `x^y` with the node of `ln |x|`, which may be known once for all rows.
    Power(Id, Id, Id),
    /// `ln(c1 exp(x1) + c2 exp(x2) + ...)` as pairs `(c, x)`.
    LogSum(Vec<(Id, Id)>),
    Sample(SampleOp, Id, u64),
}

/// Whole exponents up to this are multiplied out.
const LARGEST_PRODUCT: f64 = 16.0;

/// Sums of more exponentials than this are left as they are.
const LONGEST_LOG_SUM: usize = 32;

#[derive(Debug, Clone, Default)]
pub(crate) struct Dag {
    pub(crate) nodes: Vec<Node>,
    /// Whether the value is known to be above zero, whatever the row.
    positive: Vec<bool>,
    known: HashMap<Node, Id>,
    /// Leaves whose draws are all above zero.
    positive_leaves: Vec<bool>,
}

impl Dag {
    pub(crate) fn new(positive_leaves: Vec<bool>) -> Self {
        Self { positive_leaves, ..Self::default() }
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn constant(&self, id: Id) -> Option<f64> {
        match self.node(id) {
            Node::Const(bits) => Some(f64::from_bits(*bits)),
            _ => None,
        }
    }

    fn is(&self, id: Id, value: f64) -> bool {
        self.constant(id) == Some(value)
    }

    pub(crate) fn parts(&self, id: Id) -> Vec<Id> {
        match self.node(id) {
            Node::Const(_) | Node::Leaf(_) => Vec::new(),
            Node::Unary(_, a) | Node::Sample(_, a, _) => vec![*a],
            Node::Binary(_, a, b) => vec![*a, *b],
            Node::Select(a, b, c) | Node::Power(a, b, c) => vec![*a, *b, *c],
            Node::LogSum(terms) => terms.iter().flat_map(|&(c, x)| [c, x]).collect(),
        }
    }

    fn push(&mut self, node: Node) -> Id {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = self.nodes.len() as Id;
        self.positive.push(self.is_positive(&node));
        self.known.insert(node.clone(), id);
        self.nodes.push(node);
        id
    }

    fn is_positive(&self, node: &Node) -> bool {
        let positive = |id: Id| self.positive[id as usize];
        match node {
            Node::Const(bits) => f64::from_bits(*bits) > 0.0,
            Node::Leaf(leaf) => self.positive_leaves.get(*leaf).copied().unwrap_or(false),
            Node::Unary(Unary::Exp, _) => true,
            Node::Unary(Unary::Sqrt, a) => positive(*a),
            Node::Binary(Binary::Add | Binary::Mul | Binary::Div | Binary::Min, a, b) => {
                positive(*a) && positive(*b)
            }
            Node::Binary(Binary::Max, a, b) => positive(*a) || positive(*b),
            Node::Select(_, a, b) => positive(*a) && positive(*b),
            _ => false,
        }
    }

    // Making nodes. Each function gives the best known form of what its name says.

    pub(crate) fn number(&mut self, value: f64) -> Id {
        self.push(Node::Const(value.to_bits()))
    }

    pub(crate) fn leaf(&mut self, leaf: usize) -> Id {
        self.push(Node::Leaf(leaf))
    }

    pub(crate) fn sample(&mut self, op: SampleOp, a: Id, level: u64) -> Id {
        self.push(Node::Sample(op, a, level))
    }

    pub(crate) fn select(&mut self, condition: Id, yes: Id, no: Id) -> Id {
        match self.constant(condition) {
            Some(value) => {
                if value == 0.0 {
                    no
                } else {
                    yes
                }
            }
            None if yes == no => yes,
            None => self.push(Node::Select(condition, yes, no)),
        }
    }

    pub(crate) fn unary(&mut self, op: Unary, a: Id) -> Id {
        if let Some(value) = self.constant(a).map(|a| op.of(a))
            && (value.is_finite() || op != Unary::Exp)
        {
            return self.number(value);
        }
        match (op, self.node(a).clone()) {
            (Unary::Neg, Node::Binary(Binary::Sub, x, y)) => self.binary(Binary::Sub, y, x),
            (Unary::Neg, Node::Unary(Unary::Neg, inside))
            | (Unary::Ln, Node::Unary(Unary::Exp, inside)) => inside,
            (Unary::Ln, _) => self.ln(a),
            _ => self.push(Node::Unary(op, a)),
        }
    }

    fn ln(&mut self, a: Id) -> Id {
        if let Some(log) = self.log_sum(a) {
            return log;
        }
        let one_plus = match *self.node(a) {
            Node::Binary(Binary::Add, one, x) if self.is(one, 1.0) => Some(x),
            Node::Binary(Binary::Add, x, one) if self.is(one, 1.0) => Some(x),
            Node::Binary(Binary::Sub, one, x) if self.is(one, 1.0) => {
                Some(self.unary(Unary::Neg, x))
            }
            _ => None,
        };
        match one_plus {
            Some(x) => self.push(Node::Unary(Unary::Log1p, x)),
            None => self.push(Node::Unary(Unary::Ln, a)),
        }
    }

    /// `ln` of a sum in which `exp` appears: without overflow however large the exponents are.
    fn log_sum(&mut self, sum: Id) -> Option<Id> {
        let mut terms = Vec::new();
        let mut exponentials = 0;
        let mut stack = vec![sum];
        while let Some(id) = stack.pop() {
            if terms.len() + stack.len() > LONGEST_LOG_SUM {
                return None;
            }
            match *self.node(id) {
                Node::Binary(Binary::Add, a, b) => stack.extend([b, a]),
                Node::Unary(Unary::Exp, x) => {
                    exponentials += 1;
                    terms.push((None, Some(x)));
                }
                Node::Binary(Binary::Mul, a, b) => match (self.node(a), self.node(b)) {
                    (_, &Node::Unary(Unary::Exp, x)) => {
                        exponentials += 1;
                        terms.push((Some(a), Some(x)));
                    }
                    (&Node::Unary(Unary::Exp, x), _) => {
                        exponentials += 1;
                        terms.push((Some(b), Some(x)));
                    }
                    _ => terms.push((Some(id), None)),
                },
                _ => terms.push((Some(id), None)),
            }
        }
        if terms.len() < 2 || exponentials == 0 {
            return None;
        }
        let (one, zero) = (self.number(1.0), self.number(0.0));
        let terms = terms.into_iter().map(|(c, x)| (c.unwrap_or(one), x.unwrap_or(zero))).collect();
        Some(self.push(Node::LogSum(terms)))
    }

    pub(crate) fn binary(&mut self, op: Binary, a: Id, b: Id) -> Id {
        if let (Some(x), Some(y)) = (self.constant(a), self.constant(b)) {
            return self.number(op.of(x, y));
        }
        match op {
            Binary::Add => self.add(a, b),
            Binary::Sub => self.sub(a, b),
            Binary::Mul => self.mul(a, b),
            Binary::Div => self.div(a, b),
            Binary::Pow => self.pow(a, b),
            // Equal parts in one order are one node.
            Binary::Equal | Binary::NotEqual | Binary::And | Binary::Or if b < a => {
                self.push(Node::Binary(op, b, a))
            }
            Binary::Min | Binary::Max if a == b => a,
            _ => self.push(Node::Binary(op, a, b)),
        }
    }

    pub(crate) fn add(&mut self, a: Id, b: Id) -> Id {
        if self.is(a, 0.0) {
            return b;
        }
        if self.is(b, 0.0) {
            return a;
        }
        match (self.node(a).clone(), self.node(b).clone()) {
            (Node::Const(x), Node::Const(y)) => self.number(f64::from_bits(x) + f64::from_bits(y)),
            (_, Node::Unary(Unary::Neg, y)) => self.sub(a, y),
            (Node::Unary(Unary::Neg, x), _) => self.sub(b, x),
            (_, Node::Unary(Unary::Exp, x)) if self.is(a, -1.0) => {
                self.push(Node::Unary(Unary::Expm1, x))
            }
            (Node::Unary(Unary::Exp, x), _) if self.is(b, -1.0) => {
                self.push(Node::Unary(Unary::Expm1, x))
            }
            _ => {
                let (a, b) = (a.min(b), a.max(b));
                self.push(Node::Binary(Binary::Add, a, b))
            }
        }
    }

    pub(crate) fn sub(&mut self, a: Id, b: Id) -> Id {
        if self.is(b, 0.0) {
            return a;
        }
        if self.is(a, 0.0) {
            return self.unary(Unary::Neg, b);
        }
        match (self.node(a).clone(), self.node(b).clone()) {
            (Node::Const(x), Node::Const(y)) => self.number(f64::from_bits(x) - f64::from_bits(y)),
            (_, Node::Unary(Unary::Neg, y)) => self.add(a, y),
            (Node::Unary(Unary::Exp, x), _) if self.is(b, 1.0) => {
                self.push(Node::Unary(Unary::Expm1, x))
            }
            (_, Node::Unary(Unary::Exp, x)) if self.is(a, 1.0) => {
                let less = self.push(Node::Unary(Unary::Expm1, x));
                self.unary(Unary::Neg, less)
            }
            _ => self.push(Node::Binary(Binary::Sub, a, b)),
        }
    }

    pub(crate) fn mul(&mut self, a: Id, b: Id) -> Id {
        for (one, other) in [(a, b), (b, a)] {
            if self.is(one, 1.0) {
                return other;
            }
            if self.is(one, -1.0) {
                return self.unary(Unary::Neg, other);
            }
        }
        match (self.node(a).clone(), self.node(b).clone()) {
            (Node::Const(x), Node::Const(y)) => self.number(f64::from_bits(x) * f64::from_bits(y)),
            (Node::Unary(Unary::Neg, x), Node::Unary(Unary::Neg, y)) => self.mul(x, y),
            (Node::Unary(Unary::Neg, x), _) => {
                let product = self.mul(x, b);
                self.unary(Unary::Neg, product)
            }
            (_, Node::Unary(Unary::Neg, y)) => {
                let product = self.mul(a, y);
                self.unary(Unary::Neg, product)
            }
            _ => {
                let (a, b) = (a.min(b), a.max(b));
                self.push(Node::Binary(Binary::Mul, a, b))
            }
        }
    }

    pub(crate) fn div(&mut self, a: Id, b: Id) -> Id {
        if self.is(b, 1.0) {
            return a;
        }
        match self.node(b).clone() {
            Node::Const(y) => {
                if let Some(x) = self.constant(a) {
                    return self.number(x / f64::from_bits(y));
                }
            }
            // A / N^alpha: one multiplication, and a power the derivatives share.
            Node::Power(x, y, log) => {
                let negated = self.unary(Unary::Neg, y);
                let power = self.push(Node::Power(x, negated, log));
                return self.mul(a, power);
            }
            Node::Unary(Unary::Exp, x) => {
                let negated = self.unary(Unary::Neg, x);
                let power = self.unary(Unary::Exp, negated);
                return self.mul(a, power);
            }
            _ => {}
        }
        self.push(Node::Binary(Binary::Div, a, b))
    }

    pub(crate) fn pow(&mut self, x: Id, y: Id) -> Id {
        match self.constant(y) {
            Some(0.0) => return self.number(1.0),
            Some(0.5) => return self.unary(Unary::Sqrt, x),
            Some(n) if n.fract() == 0.0 && n.abs() <= LARGEST_PRODUCT => {
                let product = self.whole_power(x, n.abs() as u32);
                if n > 0.0 {
                    return product;
                }
                let one = self.number(1.0);
                return self.push(Node::Binary(Binary::Div, one, product));
            }
            _ => {}
        }
        if let (Some(x), Some(y)) = (self.constant(x), self.constant(y)) {
            return self.number(x.powf(y));
        }
        if self.positive[x as usize] {
            let log = self.unary(Unary::Ln, x);
            let exponent = self.mul(y, log);
            return self.unary(Unary::Exp, exponent);
        }
        let size = self.unary(Unary::Abs, x);
        let log = self.push(Node::Unary(Unary::Ln, size));
        self.push(Node::Power(x, y, log))
    }

    fn whole_power(&mut self, x: Id, n: u32) -> Id {
        if n == 1 {
            return x;
        }
        let half = self.whole_power(x, n / 2);
        let square = self.mul(half, half);
        if n % 2 == 1 { self.mul(square, x) } else { square }
    }

    /// `Power` with the logarithm already at hand, for derivatives.
    pub(crate) fn power_with(&mut self, x: Id, y: Id, log: Id) -> Id {
        match self.constant(y) {
            Some(_) => self.pow(x, y),
            None => self.push(Node::Power(x, y, log)),
        }
    }

    /// Everything below `roots`, parts before wholes.
    pub(crate) fn reach(&self, roots: &[Id]) -> Vec<Id> {
        let mut seen = vec![false; self.nodes.len()];
        let mut stack: Vec<Id> = roots.to_vec();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id as usize], true) {
                stack.extend(self.parts(id));
            }
        }
        (0..self.nodes.len() as Id).filter(|&id| seen[id as usize]).collect()
    }

    /// Writes log-sums out as the operations the machine has; gives the new number of each root.
    pub(crate) fn expand(&mut self, roots: &[Id]) -> Vec<Id> {
        let mut new: HashMap<Id, Id> = HashMap::new();
        for id in self.reach(roots) {
            let at = |old: Id| new[&old];
            let made = match self.node(id).clone() {
                Node::LogSum(terms) => {
                    let terms: Vec<(Id, Id)> = terms.iter().map(|&(c, x)| (at(c), at(x))).collect();
                    self.log_sum_steps(&terms)
                }
                Node::Const(_) | Node::Leaf(_) => id,
                Node::Unary(op, a) => {
                    let node = Node::Unary(op, at(a));
                    self.push(node)
                }
                Node::Sample(op, a, level) => {
                    let node = Node::Sample(op, at(a), level);
                    self.push(node)
                }
                Node::Binary(op, a, b) => {
                    let node = Node::Binary(op, at(a), at(b));
                    self.push(node)
                }
                Node::Select(a, b, c) => {
                    let node = Node::Select(at(a), at(b), at(c));
                    self.push(node)
                }
                Node::Power(a, b, c) => {
                    let node = Node::Power(at(a), at(b), at(c));
                    self.push(node)
                }
            };
            new.insert(id, made);
        }
        roots.iter().map(|root| new[root]).collect()
    }

    fn log_sum_steps(&mut self, terms: &[(Id, Id)]) -> Id {
        let one = self.number(1.0);
        if let [(c1, x), (c2, y)] = *terms
            && c1 == one
            && c2 == one
        {
            // max + log1p(exp(-|x - y|)): exact to the last digit even when one term is tiny.
            let top = self.binary(Binary::Max, x, y);
            let gap = self.sub(x, y);
            let size = self.unary(Unary::Abs, gap);
            let below = self.unary(Unary::Neg, size);
            let share = self.unary(Unary::Exp, below);
            let log = self.unary(Unary::Log1p, share);
            return self.add(top, log);
        }
        let mut top = terms[0].1;
        for &(_, x) in &terms[1..] {
            top = self.binary(Binary::Max, top, x);
        }
        // All exponents -inf: the shift must not turn 0 into NaN.
        let (lowest, highest) = (self.number(f64::MIN), self.number(f64::MAX));
        let top = self.binary(Binary::Max, top, lowest);
        let top = self.binary(Binary::Min, top, highest);
        let mut sum = None;
        for &(c, x) in terms {
            let shifted = self.sub(x, top);
            let share = self.unary(Unary::Exp, shifted);
            let term = self.mul(c, share);
            sum = Some(match sum {
                None => term,
                Some(sum) => self.add(sum, term),
            });
        }
        let sum = sum.unwrap_or(one);
        let log = self.push(Node::Unary(Unary::Ln, sum));
        self.add(top, log)
    }
}
