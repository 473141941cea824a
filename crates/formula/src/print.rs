//! Expressions back to text, with the fewest brackets that keep their meaning.

use crate::ast::{Argument, Ast, Binary, Growth, Label, Node, NodeId, Unary, precedence};

/// Text still to be written, outermost first on the stack.
enum Piece {
    Text(String),
    Node(NodeId, u8),
}

/// The expression `root` as text; reading it again gives the same expression.
pub(crate) fn print(ast: &Ast, root: NodeId) -> String {
    let mut out = String::new();
    let mut stack = vec![Piece::Node(root, 0)];
    while let Some(piece) = stack.pop() {
        match piece {
            Piece::Text(text) => out.push_str(&text),
            Piece::Node(id, loosest) => {
                let node = &ast.nodes[id];
                let mut pieces = pieces(node, ast);
                if level(node) < loosest {
                    pieces.insert(0, Piece::Text("(".to_owned()));
                    pieces.push(Piece::Text(")".to_owned()));
                }
                stack.extend(pieces.into_iter().rev());
            }
        }
    }
    out
}

/// How tightly the node's own construct binds.
fn level(node: &Node) -> u8 {
    match node {
        Node::Unary(Unary::Minus, _) => precedence::MINUS,
        Node::Unary(Unary::Not, _) => precedence::NOT,
        Node::Binary(op, ..) => op.precedence(),
        // `5 m^2` is five square metres, and `-30 %/yr` is a growth: both need brackets.
        Node::Quantity(..) | Node::Growth(_) => precedence::PRODUCT + 1,
        _ => precedence::ATOM,
    }
}

fn pieces(node: &Node, ast: &Ast) -> Vec<Piece> {
    let text = |text: String| vec![Piece::Text(text)];
    match node {
        Node::Number(value) => text(number(*value)),
        Node::Quantity(value, unit) => text(format!("{} {unit}", number(*value))),
        Node::Growth(growth) => text(match growth {
            Growth::Factor(value, per) => format!("{}x/{per}", number(*value)),
            Growth::Percent(value, per) => {
                let sign = if value.is_sign_negative() { '-' } else { '+' };
                format!("{sign}{} %/{per}", number(value.abs()))
            }
            Growth::Doubles(value, unit) => format!("doubles in {} {unit}", number(*value)),
            Growth::Halves(value, unit) => format!("halves in {} {unit}", number(*value)),
        }),
        Node::Date(year, month, day) => text(format!("{year:04}-{month:02}-{day:02}")),
        Node::Never => text("never".to_owned()),
        Node::Truth(value) => text(value.to_string()),
        Node::Name(name) => text(name.clone()),
        Node::Unary(Unary::Minus, of) => {
            let bracket = matches!(ast.nodes[*of], Node::Quantity(..));
            let loosest = if bracket { precedence::ATOM + 1 } else { precedence::MINUS };
            vec![Piece::Text("-".to_owned()), Piece::Node(*of, loosest)]
        }
        Node::Unary(Unary::Not, of) => {
            vec![Piece::Text("not ".to_owned()), Piece::Node(*of, precedence::COMPARISON)]
        }
        Node::Binary(op, left, right) => {
            let own = op.precedence();
            let (left_level, right_level) = match op {
                Binary::Pow => (precedence::ATOM, precedence::MINUS),
                Binary::To => (precedence::MINUS, precedence::MINUS),
                _ if op.is_comparison() => (own + 1, own + 1),
                _ => (own, own + 1),
            };
            let sign = if *op == Binary::Pow { "^".to_owned() } else { format!(" {} ", op.sign()) };
            vec![
                Piece::Node(*left, left_level),
                Piece::Text(sign),
                Piece::Node(*right, right_level),
            ]
        }
        Node::Call(name, arguments) => call(name, arguments),
    }
}

fn call(name: &str, arguments: &[Argument]) -> Vec<Piece> {
    let mut out = vec![Piece::Text(format!("{name}("))];
    for (index, argument) in arguments.iter().enumerate() {
        if index > 0 {
            out.push(Piece::Text(", ".to_owned()));
        }
        match &argument.label {
            Some(Label::Percent(value)) => out.push(Piece::Text(format!("{}%: ", number(*value)))),
            Some(Label::Number(value)) => out.push(Piece::Text(format!("{}: ", number(*value)))),
            Some(Label::Name(label)) => out.push(Piece::Text(format!("{label}: "))),
            None => {}
        }
        out.push(Piece::Node(argument.value, 0));
    }
    out.push(Piece::Text(")".to_owned()));
    out
}

/// The shortest text that reads back as the same number.
fn number(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::Parser;
    use crate::source::{Source, Sources, Span};
    use crate::units::{Atom, UnitText, Units};

    fn parse(text: &str) -> Result<(Ast, NodeId), diagnostic::Diagnostic> {
        let sources = Sources(vec![Source::new("test", text)]);
        let (mut units, mut ast) = (Units::default(), Ast::default());
        let root = Parser::new(&sources, 0, &mut units, &mut ast)?.lone_expression()?;
        Ok((ast, root))
    }

    #[test]
    fn brackets_stay_only_where_they_carry_meaning() {
        for (written, printed) in [
            ("(a + b) * c", "(a + b) * c"),
            ("(a * b) + c", "a * b + c"),
            ("-2^2", "-2^2"),
            ("(-2)^2", "(-2)^2"),
            ("a^b^c", "a^b^c"),
            ("(a^b)^c", "(a^b)^c"),
            ("a - (b - c)", "a - (b - c)"),
            ("not (a and b)", "not (a and b)"),
            ("5 m^2", "5 m^2"),
            ("(5 m)^2", "(5 m)^2"),
            ("-(30 %/yr)", "-(30 %/yr)"),
            ("-30 %/yr", "-30 %/yr"),
            ("38 bn USD/GW[it]/yr", "38 bn USD/GW[it]/yr"),
            ("q(10%: 1, 90%: 3)", "q(10%: 1, 90%: 3)"),
            ("1 / yr", "1 / yr"),
        ] {
            let (ast, root) = parse(written).unwrap();
            assert_eq!(print(&ast, root), printed);
        }
    }

    fn leaf() -> impl Strategy<Value = Node> {
        let amount = prop_oneof![
            Just(0.0),
            Just(2030.0),
            0.0..1e3,
            any::<u64>().prop_map(|bits| f64::from_bits(bits & (u64::MAX >> 1))),
        ]
        .prop_map(|v: f64| if v.is_finite() { v } else { 1.5 });
        let positive = 1e-3..1e6f64;
        let kind = prop_oneof![
            Just(vec![]),
            Just(vec![("it".to_owned(), 1)]),
            Just(vec![("facility".to_owned(), 1), ("it".to_owned(), -1)]),
        ];
        let atom = (
            prop::sample::select(vec!["GW", "USD", "yr", "m", "%", "USD_2025", "GiB", "token"]),
            prop::sample::select(vec![-2, -1, 1, 2]),
            kind.clone(),
        )
            .prop_map(|(name, exponent, kind)| Atom {
                name: name.to_owned(),
                exponent: if name == "%" { 1 } else { exponent },
                kind,
            });
        let scale = prop::option::of(prop::sample::select(vec!["bn", "k", "M"]));
        let unit =
            (scale, kind, prop::collection::vec(atom, 1..4)).prop_map(|(scale, kind, atoms)| {
                UnitText { scale: scale.map(str::to_owned), kind, atoms }
            });
        prop_oneof![
            amount.clone().prop_map(Node::Number),
            (amount, unit).prop_map(|(v, unit)| Node::Quantity(v, unit)),
            positive.clone().prop_map(|v| Node::Growth(Growth::Factor(v, "yr".into()))),
            (-99.0..1e3).prop_map(|v: f64| Node::Growth(Growth::Percent(v, "mo".into()))),
            positive.clone().prop_map(|v| Node::Growth(Growth::Doubles(v, "mo".into()))),
            positive.prop_map(|v| Node::Growth(Growth::Halves(v, "mo".into()))),
            Just(Node::Date(2025, 7, 1)),
            Just(Node::Never),
            any::<bool>().prop_map(Node::Truth),
            prop::sample::select(vec!["a", "alpha", "min", "yr", "x", "N_1", "π"])
                .prop_map(|name| Node::Name(name.to_owned())),
        ]
    }

    /// Random expressions: a stack machine's program builds the flat list in order.
    fn expressions() -> impl Strategy<Value = Ast> {
        prop::collection::vec((leaf(), 0..30usize, any::<u8>()), 1..24).prop_map(|steps| {
            let mut ast = Ast::default();
            let mut stack: Vec<NodeId> = Vec::new();
            let push = |ast: &mut Ast, node| ast.push(node, Span::default(), Span::default());
            for (leaf, op, choice) in steps {
                let node = push(&mut ast, leaf);
                stack.push(node);
                if op < 14 && stack.len() > 1 {
                    let (right, left) = (stack.pop().unwrap(), stack.pop().unwrap());
                    stack.push(push(&mut ast, Node::Binary(Binary::ALL[op], left, right)));
                } else if op < 17 {
                    let unary = if choice & 1 == 0 { Unary::Minus } else { Unary::Not };
                    let of = stack.pop().unwrap();
                    stack.push(push(&mut ast, Node::Unary(unary, of)));
                } else if op < 20 && stack.len() > 1 {
                    let (b, a) = (stack.pop().unwrap(), stack.pop().unwrap());
                    let label = match choice % 4 {
                        0 => Some(Label::Percent(12.5)),
                        1 => Some(Label::Number(0.8)),
                        2 => Some(Label::Name("mean".into())),
                        _ => None,
                    };
                    let arguments =
                        vec![Argument { label, value: a }, Argument { label: None, value: b }];
                    stack.push(push(&mut ast, Node::Call("f".into(), arguments)));
                }
            }
            while stack.len() > 1 {
                let (right, left) = (stack.pop().unwrap(), stack.pop().unwrap());
                stack.push(push(&mut ast, Node::Binary(Binary::Add, left, right)));
            }
            ast
        })
    }

    /// The same tree written twice has the same nodes in the same order once it is re-read.
    fn shape(ast: &Ast, root: NodeId) -> String {
        match &ast.nodes[root] {
            Node::Unary(op, a) => format!("({op:?} {})", shape(ast, *a)),
            Node::Binary(op, a, b) => format!("({op:?} {} {})", shape(ast, *a), shape(ast, *b)),
            Node::Call(name, arguments) => {
                let inside: Vec<String> = arguments
                    .iter()
                    .map(|a| format!("{:?} {}", a.label, shape(ast, a.value)))
                    .collect();
                format!("({name} {})", inside.join(" "))
            }
            leaf => format!("{leaf:?}"),
        }
    }

    proptest! {
        #[test]
        fn printing_then_parsing_gives_the_same_expression(ast in expressions()) {
            let root = ast.nodes.len() - 1;
            let text = print(&ast, root);
            let (again, again_root) = parse(&text).map_err(|e| TestCaseError::fail(format!("{text}\n{e}")))?;
            prop_assert_eq!(shape(&ast, root), shape(&again, again_root), "{}", text);
            prop_assert_eq!(&text, &print(&again, again_root));
        }
    }
}
