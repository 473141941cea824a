//! Tokens to statements and expressions, by precedence climbing.
//!
//! Every token is looked at a bounded number of times, and nesting is limited to [`MAX_DEPTH`]
//! levels, so any input is answered in linear time and bounded stack.

use diagnostic::Diagnostic;

use crate::ast::{Argument, Ast, Binary, Form, Item, Label, Node, NodeId, Unary, precedence};
use crate::lex::{Lexeme, Token, lex};
use crate::source::{Sources, Span};
use crate::units::Units;

/// Brackets, minus signs and right-grouping powers may nest this deep.
pub(crate) const MAX_DEPTH: usize = 150;

/// Words that cannot be names.
pub(crate) const RESERVED: [&str; 8] = ["to", "and", "or", "not", "in", "never", "true", "false"];

pub(crate) type Parsed<T> = Result<T, Diagnostic>;

/// One text being read into `ast`.
pub(crate) struct Parser<'a> {
    pub(crate) sources: &'a Sources,
    pub(crate) units: &'a mut Units,
    pub(crate) ast: &'a mut Ast,
    pub(crate) tokens: Vec<Lexeme>,
    pub(crate) at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(
        sources: &'a Sources,
        number: u32,
        units: &'a mut Units,
        ast: &'a mut Ast,
    ) -> Parsed<Self> {
        let tokens = lex(sources, number)?;
        Ok(Self { sources, units, ast, tokens, at: 0, depth: 0 })
    }

    // Statements.

    /// Reads the whole text as statements.
    pub(crate) fn statements(&mut self) -> Parsed<Vec<Item>> {
        self.declare_units()?;
        let mut items = Vec::new();
        loop {
            while self.is_sign(";") || self.peek() == &Token::Newline {
                self.at += 1;
            }
            if self.peek() == &Token::End {
                return Ok(items);
            }
            let first = self.ast.nodes.len();
            if let Some((name, at, form)) = self.statement()? {
                items.push(Item { name, at, form, nodes: first..self.ast.nodes.len() });
            }
            self.end_of_statement()?;
        }
    }

    /// Reads the whole text as one expression, with the unit asked for.
    pub(crate) fn lone_value(&mut self) -> Parsed<Form> {
        let root = self.expression(0)?;
        let unit = self.asked_unit()?;
        self.end_of_text()?;
        Ok(Form::Value { root, link: None, unit })
    }

    /// Reads the whole text as one expression.
    pub(crate) fn lone_expression(&mut self) -> Parsed<NodeId> {
        let root = self.expression(0)?;
        self.end_of_text()?;
        Ok(root)
    }

    /// Reads the whole text as the head of a function: `annuity(r, n)`.
    pub(crate) fn head(&mut self) -> Parsed<(String, Span, Vec<String>)> {
        let span = self.here();
        let name = self.new_name("a function name")?;
        self.check_new_function(&name, span)?;
        self.expect("(")?;
        let parameters = self.parameters()?;
        self.end_of_text()?;
        Ok((name, span, parameters))
    }

    pub(crate) fn end_of_text(&mut self) -> Parsed<()> {
        while self.peek() == &Token::Newline {
            self.at += 1;
        }
        if self.peek() == &Token::End { Ok(()) } else { Err(self.expected_operator()) }
    }

    fn end_of_statement(&self) -> Parsed<()> {
        match self.peek() {
            Token::Newline | Token::End | Token::Sign(";") => Ok(()),
            _ => Err(self.expected_operator()),
        }
    }

    /// Units first, wherever they are declared: they decide how numbers are read.
    fn declare_units(&mut self) -> Parsed<()> {
        let mut starts = true;
        for index in 0..self.tokens.len() {
            if starts && self.word_then_name("unit", index) {
                self.at = index;
                self.unit_statement()?;
                self.end_of_statement()?;
            }
            starts = matches!(self.tokens[index].token, Token::Newline | Token::Sign(";"));
        }
        self.at = 0;
        Ok(())
    }

    fn word_then_name(&self, word: &str, index: usize) -> bool {
        matches!(&self.tokens[index].token, Token::Name(name) if name == word)
            && matches!(self.tokens.get(index + 1), Some(Lexeme { token: Token::Name(next), .. })
                if !RESERVED.contains(&next.as_str()))
    }

    fn statement(&mut self) -> Parsed<Option<(String, Span, Form)>> {
        if self.word_then_name("unit", self.at) {
            while !matches!(self.peek(), Token::Newline | Token::End | Token::Sign(";")) {
                self.at += 1;
            }
            return Ok(None);
        }
        if self.word_then_name("series", self.at) {
            return self.series_statement().map(Some);
        }
        if self.word_then_name("time", self.at) {
            return self.time_statement().map(Some);
        }
        let at = self.here();
        if let (Token::Name(name), Token::Sign("=")) = (self.peek().clone(), self.peek_at(1)) {
            self.new_name("a name")?;
            self.at += 1;
            let root = self.expression(0)?;
            let unit = self.asked_unit()?;
            return Ok(Some((name, at, Form::Value { root, link: None, unit })));
        }
        if let Some((name, inside)) = self.function_head() {
            let name_at = self.tokens[self.at + 2].span;
            self.at += inside.len() * 2 + 3 - usize::from(!inside.is_empty());
            self.at += 1;
            if crate::functions::is_link(&name) {
                let [target] = &inside[..] else {
                    return Err(self
                        .sources
                        .error(format!("`{name}` takes one name here"), at, "a law's left side")
                        .help(format!("write `{name}(loss) = ...`")));
                };
                let target = target.clone();
                let root = self.expression(0)?;
                return Ok(Some((
                    target,
                    name_at,
                    Form::Value { root, link: Some(name), unit: None },
                )));
            }
            self.check_new_function(&name, at)?;
            self.check_parameters(&inside, at)?;
            let body = self.expression(0)?;
            return Ok(Some((name, at, Form::Function { parameters: inside, body })));
        }
        let root = self.expression(0)?;
        let unit = self.asked_unit()?;
        Ok(Some((String::new(), at, Form::Value { root, link: None, unit })))
    }

    /// `f(x, y) =` ahead, not consumed: the name and what stands in the brackets.
    fn function_head(&self) -> Option<(String, Vec<String>)> {
        let Token::Name(name) = self.peek() else { return None };
        if self.peek_at(1) != &Token::Sign("(") {
            return None;
        }
        let mut inside = Vec::new();
        let mut ahead = 2;
        while let Token::Name(parameter) = self.peek_at(ahead) {
            inside.push(parameter.clone());
            match self.peek_at(ahead + 1) {
                Token::Sign(",") => ahead += 2,
                Token::Sign(")") => {
                    let equals = self.peek_at(ahead + 2) == &Token::Sign("=");
                    return equals.then(|| (name.clone(), inside));
                }
                _ => return None,
            }
        }
        None
    }

    fn parameters(&mut self) -> Parsed<Vec<String>> {
        let mut out = Vec::new();
        let at = self.here();
        loop {
            out.push(self.new_name("a parameter")?);
            if self.is_sign(",") {
                self.at += 1;
            } else {
                self.expect(")")?;
                self.check_parameters(&out, at)?;
                return Ok(out);
            }
        }
    }

    fn check_parameters(&self, parameters: &[String], at: Span) -> Parsed<()> {
        for (index, parameter) in parameters.iter().enumerate() {
            self.check_new(parameter, at)?;
            if parameters[..index].contains(parameter) {
                let message = format!("parameter `{parameter}` appears twice");
                return Err(self.sources.error(message, at, "in this function"));
            }
        }
        Ok(())
    }

    fn series_statement(&mut self) -> Parsed<(String, Span, Form)> {
        self.at += 1;
        let at = self.here();
        let name = self.new_name("a name")?;
        self.expect("=")?;
        if self.is_word("at") && self.peek_at(1) != &Token::Sign("(") {
            self.at += 1;
            let root = self.expression(0)?;
            return Ok((name, at, Form::Value { root, link: None, unit: None }));
        }
        self.expect_word("start", "a series has a `start` and a `next` value, or `at` a formula")?;
        let start = self.expression(0)?;
        self.expect_word("next", "the value after one step, from the value before it")?;
        let next = self.expression(0)?;
        Ok((name, at, Form::Series { start, next }))
    }

    fn time_statement(&mut self) -> Parsed<(String, Span, Form)> {
        let at = self.here();
        let shape = "write `time from 2026 to 2046 step 1 yr`";
        self.at += 1;
        self.expect_word("from", shape)?;
        let from = self.expression(precedence::SUM)?;
        self.expect_word("to", shape)?;
        let to = self.expression(precedence::SUM)?;
        self.expect_word("step", shape)?;
        let step = self.expression(precedence::SUM)?;
        Ok(("time".to_owned(), at, Form::Time { from, to, step }))
    }

    /// A name that is being defined.
    fn new_name(&mut self, what: &str) -> Parsed<String> {
        let Token::Name(name) = self.peek().clone() else {
            return Err(self.expected(what));
        };
        self.check_new(&name, self.here())?;
        self.at += 1;
        Ok(name)
    }

    pub(crate) fn check_new(&self, name: &str, at: Span) -> Parsed<()> {
        if RESERVED.contains(&name) {
            let message = format!("`{name}` is a word of the language");
            return Err(self
                .sources
                .error(message, at, "cannot be defined")
                .help("choose another name"));
        }
        Ok(())
    }

    /// Values may share a name with a function (`beta`, `q`); functions may not.
    fn check_new_function(&self, name: &str, at: Span) -> Parsed<()> {
        if crate::functions::is_known(name) {
            let message = format!("`{name}` is a function of the language");
            return Err(self
                .sources
                .error(message, at, "cannot be defined")
                .help("choose another name"));
        }
        self.check_new(name, at)
    }

    // Expressions.

    pub(crate) fn expression(&mut self, loosest: u8) -> Parsed<NodeId> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self
                .sources
                .error("this formula is nested too deeply", self.here(), "one level too many")
                .note(format!("brackets, signs and powers may nest {MAX_DEPTH} levels"))
                .help("give a part of it a name of its own: `part = ...`"));
        }
        let mut left = self.prefix(loosest)?;
        let mut last = None;
        while let Some(op) = self.binary() {
            let level = op.precedence();
            if level < loosest {
                break;
            }
            let sign = self.here();
            if op == Binary::To && last.is_some_and(Binary::is_arithmetic) {
                return Err(self.to_needs_brackets(sign));
            }
            self.at += 1;
            let right = self.expression(match op {
                Binary::Pow | Binary::To => precedence::MINUS,
                _ => level + 1,
            })?;
            last = Some(op);
            let span = self.ast.spans[left].to(self.ast.spans[right]);
            left = self.ast.push(Node::Binary(op, left, right), span, sign);
            self.refuse_chain(op)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn refuse_chain(&self, op: Binary) -> Parsed<()> {
        let Some(next) = self.binary() else { return Ok(()) };
        if op == Binary::To && next.is_arithmetic() {
            return Err(self.to_needs_brackets(self.here()));
        }
        let level = op.precedence();
        if next.precedence() != level || !matches!(level, precedence::COMPARISON | precedence::TO) {
            return Ok(());
        }
        let (message, help) = if op == Binary::To {
            ("`to` joins two values", "for three quantiles write `q(10%: a, 50%: b, 90%: c)`")
        } else {
            ("comparisons do not chain", "write `a < b and b < c`")
        };
        Err(self.sources.error(message, self.here(), "a second one").help(help))
    }

    /// Whether `1 to 2 + 3` ends at 2 or at 5 would be anybody's guess.
    fn to_needs_brackets(&self, at: Span) -> Diagnostic {
        self.sources
            .error("`to` beside `+ - * /` needs brackets", at, "which of the two comes first?")
            .help("write `(a to b) + c`, or `a to (b + c)`")
    }

    fn prefix(&mut self, loosest: u8) -> Parsed<NodeId> {
        let sign = self.here();
        match self.peek() {
            Token::Sign("-") => {
                if let Some(growth) = self.percent_growth() {
                    return Ok(growth);
                }
                self.at += 1;
                let of = self.expression(precedence::MINUS)?;
                let span = sign.to(self.ast.spans[of]);
                Ok(self.ast.push(Node::Unary(Unary::Minus, of), span, sign))
            }
            Token::Sign("+") => {
                if let Some(growth) = self.percent_growth() {
                    return Ok(growth);
                }
                self.at += 1;
                self.expression(precedence::MINUS)
            }
            Token::Name(name) if name == "not" => {
                if loosest > precedence::NOT {
                    return Err(self
                        .sources
                        .error(
                            "`not` needs brackets here",
                            sign,
                            "binds looser than what is left of it",
                        )
                        .help("write `(not ...)`"));
                }
                self.at += 1;
                let of = self.expression(precedence::COMPARISON)?;
                let span = sign.to(self.ast.spans[of]);
                Ok(self.ast.push(Node::Unary(Unary::Not, of), span, sign))
            }
            _ => self.atom(),
        }
    }

    fn atom(&mut self) -> Parsed<NodeId> {
        let span = self.here();
        match self.peek().clone() {
            Token::Number(value) => {
                self.at += 1;
                self.quantity(value, span)
            }
            Token::Date(year, month, day) => {
                self.at += 1;
                Ok(self.ast.push(Node::Date(year, month, day), span, span))
            }
            Token::Name(name) => self.named(name, span),
            Token::Sign("(") => {
                self.at += 1;
                let inside = self.expression(0)?;
                if !self.is_sign(")") {
                    return Err(self.expected("`)`"));
                }
                self.at += 1;
                Ok(inside)
            }
            Token::Kind(_) => Err(self
                .expected("a value")
                .help("a kind follows a unit or a number: `8 GW[it]`, `1.2 [facility/it]`")),
            _ => Err(self.expected("a value")),
        }
    }

    fn named(&mut self, name: String, span: Span) -> Parsed<NodeId> {
        if (name == "doubles" || name == "halves") && self.peek_at(1) == &Token::Name("in".into()) {
            return self.doubling(&name, span);
        }
        let node = match name.as_str() {
            "never" => Node::Never,
            "true" => Node::Truth(true),
            "false" => Node::Truth(false),
            word if RESERVED.contains(&word) => return Err(self.expected("a value")),
            _ if self.peek_at(1) == &Token::Sign("(") => return self.call(name, span),
            _ => Node::Name(name),
        };
        self.at += 1;
        Ok(self.ast.push(node, span, span))
    }

    fn call(&mut self, name: String, span: Span) -> Parsed<NodeId> {
        self.at += 2;
        let mut arguments = Vec::new();
        if !self.is_sign(")") {
            loop {
                let label = self.label();
                let value = self.expression(0)?;
                arguments.push(Argument { label, value });
                if !self.is_sign(",") {
                    break;
                }
                self.at += 1;
            }
        }
        let end = self.here();
        if !self.is_sign(")") {
            return Err(self.expected("`,` or `)`"));
        }
        self.at += 1;
        Ok(self.ast.push(Node::Call(name, arguments), span.to(end), span))
    }

    /// `10%:`, `0.8:` or `mean:` before an argument.
    fn label(&mut self) -> Option<Label> {
        let (label, length) = match (self.peek(), self.peek_at(1), self.peek_at(2)) {
            (Token::Number(value), Token::Sign("%"), Token::Sign(":")) => {
                (Label::Percent(*value), 3)
            }
            (Token::Number(value), Token::Sign(":"), _) => (Label::Number(*value), 2),
            (Token::Name(name), Token::Sign(":"), _) => (Label::Name(name.clone()), 2),
            _ => return None,
        };
        self.at += length;
        Some(label)
    }

    fn binary(&self) -> Option<Binary> {
        let sign = match self.peek() {
            Token::Sign(sign) => *sign,
            Token::Name(name) => name.as_str(),
            _ => return None,
        };
        Binary::ALL.into_iter().find(|op| op.sign() == sign)
    }

    // Tokens.

    pub(crate) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].token
    }

    pub(crate) fn spaced_at(&self, ahead: usize) -> bool {
        self.tokens.get(self.at + ahead).is_none_or(|lexeme| lexeme.spaced)
    }

    pub(crate) fn here(&self) -> Span {
        self.tokens[self.at.min(self.tokens.len() - 1)].span
    }

    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(s) if *s == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if name == word)
    }

    fn expect(&mut self, sign: &str) -> Parsed<()> {
        if !self.is_sign(sign) {
            return Err(self.expected(&format!("`{sign}`")));
        }
        self.at += 1;
        Ok(())
    }

    fn expect_word(&mut self, word: &str, help: &str) -> Parsed<()> {
        if !self.is_word(word) {
            return Err(self.expected(&format!("`{word}`")).help(help));
        }
        self.at += 1;
        Ok(())
    }

    pub(crate) fn found(&self) -> String {
        match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Newline => "the end of the line".to_owned(),
            Token::Number(value) => format!("`{value}`"),
            Token::Date(year, month, day) => format!("`{year:04}-{month:02}-{day:02}`"),
            Token::Name(name) => format!("`{name}`"),
            Token::Kind(kind) => format!("`[{kind}]`"),
            Token::Text(_) => "a text in quotes".to_owned(),
            Token::Sign(sign) => format!("`{sign}`"),
        }
    }

    pub(crate) fn expected(&self, what: &str) -> Diagnostic {
        let message = format!("expected {what}, found {}", self.found());
        self.sources.error(message, self.here(), format!("expected {what}"))
    }

    fn expected_operator(&self) -> Diagnostic {
        let problem = self.expected("an operator");
        match self.peek() {
            Token::Sign("=") => problem.help("compare with `==`; a definition is `name = value`"),
            Token::Sign(")") => problem.help("this bracket was never opened"),
            Token::Name(name) if self.units.is_unit(name) => problem.help(format!(
                "a unit follows a number: write `* {name}`, or `in \"{name}\"` to convert"
            )),
            Token::Name(name) => problem.help(format!("to multiply, write `* {name}`")),
            Token::Number(_) | Token::Sign("(") => problem.help("to multiply, write `*`"),
            _ => problem,
        }
    }
}
