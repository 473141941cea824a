//! Exact derivatives: backwards through the graph once per output, in the same graph.
//!
//! A gradient is more nodes, which share everything they can with the value; a Hessian is the
//! gradient of a gradient.

use std::collections::HashMap;

use crate::graph::{Binary, Unary};
use crate::tape::dag::{Dag, Id, Node};

/// The derivatives of `output` with respect to each of `names`; `None` is exactly zero.
///
/// `Err`: a node that summarises samples stands between the output and a name.
pub(crate) fn gradient(dag: &mut Dag, output: Id, names: &[Id]) -> Result<Vec<Option<Id>>, ()> {
    let below = dag.reach(&[output]);
    let mut depends: HashMap<Id, bool> = HashMap::with_capacity(below.len());
    for &id in &below {
        let through = names.contains(&id) || dag.parts(id).iter().any(|part| depends[part]);
        if through && matches!(dag.node(id), Node::Sample(..)) {
            return Err(());
        }
        depends.insert(id, through);
    }
    let mut slopes: HashMap<Id, Id> = HashMap::new();
    let one = dag.number(1.0);
    slopes.insert(output, one);
    for &id in below.iter().rev() {
        if !depends[&id] || names.contains(&id) {
            continue;
        }
        let Some(&slope) = slopes.get(&id) else { continue };
        let node = dag.node(id).clone();
        let mut give = |dag: &mut Dag, to: Id, amount: Id| {
            let sum = match slopes.get(&to) {
                None => amount,
                Some(&sum) => merge(dag, sum, amount),
            };
            slopes.insert(to, sum);
        };
        match node {
            Node::Const(_) | Node::Leaf(_) | Node::Sample(..) => {}
            Node::Unary(op, a) => {
                if depends[&a]
                    && let Some(amount) = unary(dag, op, a, id, slope)
                {
                    give(dag, a, amount);
                }
            }
            Node::Binary(op, a, b) => {
                for (part, other, first) in [(a, b, true), (b, a, false)] {
                    if depends[&part]
                        && let Some(amount) = binary(dag, op, part, other, first, slope)
                    {
                        give(dag, part, amount);
                    }
                }
            }
            Node::Select(condition, yes, no) => {
                let zero = dag.number(0.0);
                if depends[&yes] {
                    let amount = dag.select(condition, slope, zero);
                    give(dag, yes, amount);
                }
                if depends[&no] {
                    let amount = dag.select(condition, zero, slope);
                    give(dag, no, amount);
                }
            }
            Node::Power(x, y, log) => {
                if depends[&x] {
                    let one = dag.number(1.0);
                    let less = dag.sub(y, one);
                    let lower = dag.power_with(x, less, log);
                    let local = dag.mul(y, lower);
                    let amount = scale(dag, slope, local);
                    give(dag, x, amount);
                }
                if depends[&y] {
                    let weighted = scale(dag, slope, id);
                    let amount = scale(dag, weighted, log);
                    give(dag, y, amount);
                }
            }
            Node::LogSum(terms) => {
                for (c, x) in terms {
                    let gap = dag.sub(x, id);
                    let share = dag.unary(Unary::Exp, gap);
                    if depends[&c] {
                        let amount = scale(dag, slope, share);
                        give(dag, c, amount);
                    }
                    if depends[&x] {
                        let local = dag.mul(c, share);
                        let amount = scale(dag, slope, local);
                        give(dag, x, amount);
                    }
                }
            }
        }
    }
    Ok(names.iter().map(|name| slopes.get(name).copied()).collect())
}

/// `slope * local`. A slope that is zero where a condition fails stays zero there, even where
/// `local` is infinite: the branch not taken must not leak a NaN.
fn scale(dag: &mut Dag, slope: Id, local: Id) -> Id {
    if let Node::Select(condition, yes, no) = *dag.node(slope) {
        let zero = dag.number(0.0);
        if no == zero {
            let inside = scale(dag, yes, local);
            return dag.select(condition, inside, zero);
        }
        if yes == zero {
            let inside = scale(dag, no, local);
            return dag.select(condition, zero, inside);
        }
    }
    dag.mul(slope, local)
}

/// The sum of two slopes; under one condition it stays one choice, so that [`scale`] sees it.
fn merge(dag: &mut Dag, a: Id, b: Id) -> Id {
    match (dag.node(a).clone(), dag.node(b).clone()) {
        (Node::Select(condition, yes, no), Node::Select(other, and_yes, and_no))
            if condition == other =>
        {
            let (yes, no) = (merge(dag, yes, and_yes), merge(dag, no, and_no));
            dag.select(condition, yes, no)
        }
        _ => dag.add(a, b),
    }
}

fn negate(dag: &mut Dag, slope: Id) -> Id {
    let minus = dag.number(-1.0);
    scale(dag, slope, minus)
}

fn divide(dag: &mut Dag, slope: Id, by: Id) -> Id {
    if let Node::Select(..) = dag.node(slope) {
        let one = dag.number(1.0);
        let local = dag.div(one, by);
        return scale(dag, slope, local);
    }
    dag.div(slope, by)
}

fn unary(dag: &mut Dag, op: Unary, a: Id, value: Id, slope: Id) -> Option<Id> {
    Some(match op {
        Unary::Neg => negate(dag, slope),
        Unary::Exp => scale(dag, slope, value),
        Unary::Ln => divide(dag, slope, a),
        Unary::Log10 | Unary::Log2 => {
            let base =
                if op == Unary::Log2 { std::f64::consts::LN_2 } else { std::f64::consts::LN_10 };
            let base = dag.number(base);
            let scaled = dag.mul(a, base);
            divide(dag, slope, scaled)
        }
        Unary::Log1p => {
            let one = dag.number(1.0);
            let moved = dag.add(one, a);
            divide(dag, slope, moved)
        }
        Unary::Expm1 => {
            let local = dag.unary(Unary::Exp, a);
            scale(dag, slope, local)
        }
        Unary::Sqrt => {
            let two = dag.number(2.0);
            let twice = dag.mul(two, value);
            divide(dag, slope, twice)
        }
        Unary::Abs => {
            let (zero, one, minus) = (dag.number(0.0), dag.number(1.0), dag.number(-1.0));
            let negative = dag.binary(Binary::Less, a, zero);
            let sign = dag.select(negative, minus, one);
            scale(dag, slope, sign)
        }
        Unary::Tanh => {
            let one = dag.number(1.0);
            let square = dag.mul(value, value);
            let local = dag.sub(one, square);
            scale(dag, slope, local)
        }
        Unary::Not | Unary::Floor | Unary::Ceil | Unary::Round => return None,
    })
}

/// What flows to `part`, the first or second operand, `other` being the other one.
fn binary(dag: &mut Dag, op: Binary, part: Id, other: Id, first: bool, slope: Id) -> Option<Id> {
    Some(match op {
        Binary::Add => slope,
        Binary::Sub if first => slope,
        Binary::Sub => negate(dag, slope),
        Binary::Mul => scale(dag, slope, other),
        Binary::Div if first => divide(dag, slope, other),
        Binary::Div => {
            // d(a/b)/db = -(a/b)/b
            let quotient = dag.div(other, part);
            let local = dag.div(quotient, part);
            let amount = scale(dag, slope, local);
            negate(dag, amount)
        }
        Binary::Min | Binary::Max => {
            let (x, y) = if first { (part, other) } else { (other, part) };
            // Where both are equal the second operand counts, as in the value itself.
            let takes_first = match op {
                Binary::Min => dag.binary(Binary::Less, x, y),
                _ => dag.binary(Binary::Less, y, x),
            };
            let zero = dag.number(0.0);
            if first {
                dag.select(takes_first, slope, zero)
            } else {
                dag.select(takes_first, zero, slope)
            }
        }
        // Never left in the graph by `Dag::pow`.
        Binary::Pow
        | Binary::Less
        | Binary::LessEqual
        | Binary::Equal
        | Binary::NotEqual
        | Binary::And
        | Binary::Or => return None,
    })
}
