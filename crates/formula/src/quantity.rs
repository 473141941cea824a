//! Reading what follows a number: scale words, units, kinds and growth.

use crate::ast::{Growth, Node, NodeId};
use crate::lex::Token;
use crate::parse::{Parsed, Parser, RESERVED};
use crate::source::Span;
use crate::units::{Atom, UnitText, scale};

impl Parser<'_> {
    /// The literal that starts with `value`, whose token has just been consumed.
    pub(crate) fn quantity(&mut self, value: f64, start: Span) -> Parsed<NodeId> {
        if self.peek() == &Token::Name("x".into()) && !self.spaced_at(0) {
            return self.factor_growth(value, start);
        }
        let text = self.unit_text()?;
        let span = self.since(start);
        let node = if text == UnitText::default() {
            if let Token::Name(name) = self.peek()
                && !RESERVED.contains(&name.as_str())
                && !self.spaced_at(0)
            {
                return Err(self.unknown_unit(&name.clone(), self.here()));
            }
            Node::Number(value)
        } else {
            Node::Quantity(value, text)
        };
        Ok(self.ast.push(node, span, start))
    }

    /// Reads the whole text as a unit: `bn USD/GW/yr`.
    pub(crate) fn lone_unit(&mut self) -> Parsed<UnitText> {
        let text = self.unit_text()?;
        if self.peek() != &Token::End {
            return Err(match self.peek().clone() {
                Token::Name(name) => self.unknown_unit(&name, self.here()),
                _ => self.expected("a unit"),
            });
        }
        Ok(text)
    }

    /// `in "unit"` or `in unit` after the value of a statement.
    pub(crate) fn asked_unit(&mut self) -> Parsed<Option<(UnitText, Span)>> {
        if self.peek() != &Token::Name("in".into()) {
            return Ok(None);
        }
        self.at += 1;
        let start = self.here();
        if let Token::Text(text) = self.peek().clone() {
            self.at += 1;
            let mut sources = self.sources.clone();
            let number = sources.0.len() as u32;
            sources.0.push(self.sources.0[start.source as usize].inside(start, &text));
            let mut ast = crate::ast::Ast::default();
            let text = Parser::new(&sources, number, self.units, &mut ast)?.lone_unit()?;
            return Ok(Some((text, start)));
        }
        let text = self.unit_text()?;
        if text == UnitText::default() {
            return Err(match self.peek().clone() {
                Token::Name(name) => self.unknown_unit(&name, self.here()),
                _ => self.expected("a unit"),
            });
        }
        Ok(Some((text, self.since(start))))
    }

    /// `unit name` or `unit name = 1.979e15 FLOP/s`.
    pub(crate) fn unit_statement(&mut self) -> Parsed<()> {
        self.at += 1;
        let at = self.here();
        let Token::Name(name) = self.peek().clone() else { return Err(self.expected("a name")) };
        self.check_new(&name, at)?;
        self.at += 1;
        if !self.is_sign("=") {
            self.units.declare_base(&name);
            return Ok(());
        }
        self.at += 1;
        self.unit_value(&name)
    }

    /// The right side of a unit's declaration: `new`, or so much of another unit.
    pub(crate) fn unit_value(&mut self, name: &str) -> Parsed<()> {
        if self.peek() == &Token::Name("new".into()) {
            self.at += 1;
            self.units.declare_base(name);
            return Ok(());
        }
        let start = self.here();
        let value = match *self.peek() {
            Token::Number(value) => {
                self.at += 1;
                value
            }
            _ => 1.0,
        };
        let text = self.unit_text()?;
        let span = self.since(start);
        if value <= 0.0 || text == UnitText::default() {
            return Err(self.expected("a positive quantity, or `new`").help(
                "write `unit H100e = 1.979e15 FLOP/s`, or `unit wafer` for a new base unit",
            ));
        }
        let Ok(unit) = self.units.understand(&text) else {
            return Err(self.sources.error("this unit is not known", span, "in this declaration"));
        };
        self.units.declare(name, value * unit.factor, unit.dimension);
        Ok(())
    }

    fn unit_text(&mut self) -> Parsed<UnitText> {
        let mut text = UnitText::default();
        if let Token::Name(word) = self.peek()
            && scale(word).is_some()
        {
            text.scale = Some(word.clone());
            self.at += 1;
        }
        if let Token::Kind(inside) = self.peek().clone()
            && self.sign_is_kind_of_number()
        {
            text.kind = self.kind(&inside)?;
            self.at += 1;
        }
        loop {
            let before = self.at;
            match self.peek().clone() {
                Token::Sign("%") => {
                    self.at += 1;
                    self.atom_of("%".to_owned(), 1, &mut text)?;
                }
                Token::Sign("/") if self.denominator_follows() => {
                    self.at += 1;
                    let Token::Name(name) = self.peek().clone() else { break };
                    self.at += 1;
                    self.atom_of(name, -1, &mut text)?;
                }
                Token::Sign("/") if self.bracketed_denominator() => {
                    self.at += 2;
                    while let Token::Name(name) = self.peek().clone() {
                        self.at += 1;
                        self.atom_of(name, -1, &mut text)?;
                        if self.is_sign("*") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                }
                Token::Name(name) if !RESERVED.contains(&name.as_str()) => {
                    if self.peek_at(1) == &Token::Sign("(") {
                        break;
                    }
                    if !self.units.is_unit(&name) {
                        // After a unit, a word may belong to the statement: `start 8 GW next ...`.
                        if matches!(name.as_str(), "next" | "step") {
                            break;
                        }
                        return Err(self.unknown_unit(&name, self.here()));
                    }
                    self.at += 1;
                    self.atom_of(name, 1, &mut text)?;
                }
                _ => {}
            }
            if self.at == before {
                return Ok(text);
            }
        }
        Ok(text)
    }

    /// A kind right after the number or scale word, with no unit between.
    fn sign_is_kind_of_number(&self) -> bool {
        matches!(self.peek(), Token::Kind(_))
    }

    /// `/name` written together, where name is a unit: `USD/GW`. With a space after the slash it
    /// is a division.
    fn denominator_follows(&self) -> bool {
        matches!(self.peek_at(1), Token::Name(name) if self.units.is_unit(name))
            && !self.spaced_at(1)
            && self.peek_at(2) != &Token::Sign("(")
    }

    /// `/(GW yr)`, with nothing but units inside.
    fn bracketed_denominator(&self) -> bool {
        if self.peek_at(1) != &Token::Sign("(") || self.spaced_at(1) {
            return false;
        }
        // A unit has few atoms; the bound keeps the look-ahead constant.
        let mut ahead = 2;
        while ahead < 32 {
            match self.peek_at(ahead) {
                Token::Name(name) if self.units.is_unit(name) => ahead += 1,
                Token::Sign("*") | Token::Kind(_) if ahead > 2 => ahead += 1,
                Token::Sign(")") => return ahead > 2,
                _ => return false,
            }
        }
        false
    }

    /// One atom, whose name has been consumed, with its exponent and kind.
    fn atom_of(&mut self, name: String, sign: i32, text: &mut UnitText) -> Parsed<()> {
        let mut exponent = sign;
        if name != "%" && self.is_sign("^") && !self.spaced_at(0) && !self.spaced_at(1) {
            let minus = self.peek_at(1) == &Token::Sign("-");
            if let Token::Number(power) = *self.peek_at(1 + usize::from(minus))
                && power.fract() == 0.0
                && (1.0..=9.0).contains(&power)
            {
                self.at += 2 + usize::from(minus);
                exponent *= if minus { -(power as i32) } else { power as i32 };
            }
        }
        let mut kind = Vec::new();
        if let Token::Kind(inside) = self.peek().clone() {
            kind = self.kind(&inside)?;
            self.at += 1;
        }
        text.atoms.push(Atom { name, exponent, kind });
        Ok(())
    }

    /// `facility/it`, `training`, `6ND`: names joined by `*` and `/`, with powers.
    fn kind(&self, inside: &str) -> Parsed<Vec<(String, i32)>> {
        let wrong = || {
            self.sources
                .error("this kind is not readable", self.here(), "expected names such as `it`")
                .help("a kind is a name, `[it]`, or a ratio of names, `[facility/it]`")
        };
        let mut out: Vec<(String, i32)> = Vec::new();
        let mut sign = 1;
        let mut rest = inside.trim();
        loop {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            if end == 0 || out.len() > 8 {
                return Err(wrong());
            }
            let name = rest[..end].to_owned();
            rest = rest[end..].trim_start();
            let mut exponent = sign;
            if let Some(power) = rest.strip_prefix('^') {
                let digits =
                    power.len() - power.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let value: i32 = power[..digits].parse().map_err(|_| wrong())?;
                if !(1..=9).contains(&value) {
                    return Err(wrong());
                }
                exponent *= value;
                rest = power[digits..].trim_start();
            }
            out.push((name, exponent));
            sign = match rest.chars().next() {
                None => return Ok(out),
                Some('/') => -1,
                Some('*') => 1,
                Some(_) => return Err(wrong()),
            };
            rest = rest[1..].trim_start();
        }
    }

    // Growth.

    /// `20x/yr`, at the `x`.
    fn factor_growth(&mut self, value: f64, start: Span) -> Parsed<NodeId> {
        if self.peek_at(1) != &Token::Sign("/") {
            return Err(self
                .sources
                .error(
                    "growth needs a time",
                    self.since(start).to(self.here()),
                    "a factor per what?",
                )
                .help(format!("write `{value}x/yr` for growth, or `{value} * x` for a product")));
        }
        self.at += 2;
        let per = self.time_unit(&format!("{value}x/yr"))?;
        let span = self.since(start);
        if value <= 0.0 {
            return Err(self.sources.error(
                "growth by this factor is impossible",
                span,
                "must be above 0",
            ));
        }
        Ok(self.ast.push(Node::Growth(Growth::Factor(value, per)), span, start))
    }

    /// `+30 %/yr` or `-5 %/yr` ahead, at the sign; consumed when it is.
    pub(crate) fn percent_growth(&mut self) -> Option<NodeId> {
        let start = self.here();
        let (Token::Number(value), Token::Sign("%"), Token::Sign("/"), Token::Name(per)) =
            (self.peek_at(1), self.peek_at(2), self.peek_at(3), self.peek_at(4))
        else {
            return None;
        };
        if self.peek_at(5) == &Token::Sign("(") || !self.units.is_unit(per) {
            return None;
        }
        let signed = if self.is_sign("-") { -*value } else { *value };
        let growth = Node::Growth(Growth::Percent(signed, per.clone()));
        self.at += 5;
        let span = self.since(start);
        Some(self.ast.push(growth, span, start))
    }

    /// `doubles in 7 mo`, at the first word.
    pub(crate) fn doubling(&mut self, word: &str, start: Span) -> Parsed<NodeId> {
        self.at += 2;
        let Token::Number(value) = *self.peek() else { return Err(self.expected("a time")) };
        self.at += 1;
        let unit = self.time_unit(&format!("{word} in 7 mo"))?;
        let span = self.since(start);
        if value <= 0.0 {
            return Err(self.sources.error("this takes a positive time", span, "not above 0"));
        }
        let growth = if word == "doubles" {
            Growth::Doubles(value, unit)
        } else {
            Growth::Halves(value, unit)
        };
        Ok(self.ast.push(Node::Growth(growth), span, start))
    }

    fn time_unit(&mut self, example: &str) -> Parsed<String> {
        if let Token::Name(name) = self.peek().clone() {
            self.at += 1;
            if self.units.is_unit(&name) {
                return Ok(name);
            }
            self.at -= 1;
        }
        Err(self.expected("a unit of time").help(format!("for example `{example}`")))
    }

    fn since(&self, start: Span) -> Span {
        let last = self.tokens[self.at.saturating_sub(1)].span;
        start.to(last)
    }

    fn unknown_unit(&self, name: &str, at: Span) -> diagnostic::Diagnostic {
        let problem = self.sources.error(format!("unknown unit `{name}`"), at, "not a unit");
        match self.units.nearest(name) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem
                .help(format!("a name after a number is a unit; to multiply, write `* {name}`")),
        }
    }
}
