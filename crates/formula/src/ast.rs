//! What was written, as a flat list: every node comes after its parts.
//!
//! Children always have smaller numbers than their parent. Passes are loops over the list, so a
//! sum of a million terms needs no more stack than a sum of two.

use crate::source::Span;
use crate::units::UnitText;

/// The number of a node in its [`Ast`].
pub(crate) type NodeId = usize;

/// One construct.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Number(f64),
    Quantity(f64, UnitText),
    Growth(Growth),
    Date(u16, u8, u8),
    Never,
    Truth(bool),
    Name(String),
    Unary(Unary, NodeId),
    Binary(Binary, NodeId, NodeId),
    /// A function, a distribution, or a user's function.
    Call(String, Vec<Argument>),
}

/// One argument of a call; distributions take labels: `q(10%: 1, 90%: 3)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Argument {
    pub(crate) label: Option<Label>,
    pub(crate) value: NodeId,
}

/// What stands before the colon of an argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Label {
    /// A share, as written: `10%` is `Percent(10)`, `0.1` is `Number(0.1)`.
    Percent(f64),
    Number(f64),
    Name(String),
}

/// A growth literal: a log-rate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Growth {
    /// `20x/yr`.
    Factor(f64, String),
    /// `+30 %/yr`, `-5 %/yr`: the signed percentage.
    Percent(f64, String),
    /// `doubles in 7 mo`.
    Doubles(f64, String),
    /// `halves in 8 mo`.
    Halves(f64, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Minus,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Or,
    And,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    To,
    Add,
    Sub,
    Mul,
    Div,
    Pow,
}

impl Binary {
    pub(crate) const ALL: [Binary; 14] = [
        Binary::Or,
        Binary::And,
        Binary::Less,
        Binary::LessEqual,
        Binary::Greater,
        Binary::GreaterEqual,
        Binary::Equal,
        Binary::NotEqual,
        Binary::To,
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
    ];

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Binary::Or => "or",
            Binary::And => "and",
            Binary::Less => "<",
            Binary::LessEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterEqual => ">=",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::To => "to",
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Mul => "*",
            Binary::Div => "/",
            Binary::Pow => "^",
        }
    }

    /// How tightly it binds; `^` alone groups to the right, comparisons and `to` not at all.
    /// Whether it is `+`, `-`, `*` or `/`.
    pub(crate) fn is_arithmetic(self) -> bool {
        matches!(self, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div)
    }

    pub(crate) fn precedence(self) -> u8 {
        match self {
            Binary::Or => 1,
            Binary::And => 2,
            Binary::Less
            | Binary::LessEqual
            | Binary::Greater
            | Binary::GreaterEqual
            | Binary::Equal
            | Binary::NotEqual => precedence::COMPARISON,
            Binary::To => precedence::TO,
            Binary::Add | Binary::Sub => precedence::SUM,
            Binary::Mul | Binary::Div => precedence::PRODUCT,
            Binary::Pow => precedence::POWER,
        }
    }

    pub(crate) fn is_comparison(self) -> bool {
        self.precedence() == precedence::COMPARISON
    }
}

/// How tightly things bind, loosest first.
pub(crate) mod precedence {
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARISON: u8 = 4;
    pub(crate) const TO: u8 = 5;
    pub(crate) const SUM: u8 = 6;
    pub(crate) const PRODUCT: u8 = 7;
    pub(crate) const MINUS: u8 = 8;
    pub(crate) const POWER: u8 = 9;
    pub(crate) const ATOM: u8 = 10;
}

/// The nodes with their places in the text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ast {
    pub(crate) nodes: Vec<Node>,
    /// All the characters of a node.
    pub(crate) spans: Vec<Span>,
    /// The operator or name of a node: what an error about it points at.
    pub(crate) points: Vec<Span>,
}

impl Ast {
    pub(crate) fn push(&mut self, node: Node, span: Span, point: Span) -> NodeId {
        self.nodes.push(node);
        self.spans.push(span);
        self.points.push(point);
        self.nodes.len() - 1
    }

    /// Forgets the nodes from number `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.nodes.truncate(length);
        self.spans.truncate(length);
        self.points.truncate(length);
    }
}

/// One statement of a program.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) at: Span,
    pub(crate) form: Form,
    /// The nodes of this item's expressions.
    pub(crate) nodes: std::ops::Range<NodeId>,
}

/// What a statement says.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// `name = value`, or `log(name) = value` with the link's name, and the unit asked for.
    Value { root: NodeId, link: Option<String>, unit: Option<(UnitText, Span)> },
    /// `name(parameters) = body`.
    Function { parameters: Vec<String>, body: NodeId },
    /// `series name = start a next b`.
    Series { start: NodeId, next: NodeId },
    /// `time from a to b step c`.
    Time { from: NodeId, to: NodeId, step: NodeId },
}
