//! Text to tokens, each with its bytes.

use diagnostic::Diagnostic;

use crate::source::{Sources, Span};

/// A piece of text with a meaning of its own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Number(f64),
    /// Year, month, day.
    Date(u16, u8, u8),
    Name(String),
    /// The inside of `[...]`, not yet taken apart.
    Kind(String),
    /// The inside of `"..."`.
    Text(String),
    Sign(&'static str),
    Newline,
    End,
}

/// A token, where it stands, and whether white space stands before it.
#[derive(Debug, Clone)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    pub(crate) span: Span,
    pub(crate) spaced: bool,
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 20] = [
    "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "^", "(", ")", ",", ":", "=", "<", ">", "%",
    ";", "\\",
];

/// Signs people paste from text set in a book, and what they mean here.
const PASTED: [(&str, &str); 7] =
    [("−", "-"), ("×", "*"), ("·", "*"), ("≤", "<="), ("≥", ">="), ("≠", "!="), ("÷", "/")];

/// The tokens of source number `number`, the last of them `End`.
pub(crate) fn lex(sources: &Sources, number: u32) -> Result<Vec<Lexeme>, Diagnostic> {
    let code = sources.0[number as usize].code();
    if code.len() > MAX_BYTES {
        let span = Span { source: number, start: 0, end: 1 };
        return Err(sources.error(
            format!("this source has {} bytes; the limit is {MAX_BYTES}", code.len()),
            span,
            "starts here",
        ));
    }
    let mut lexer = Lexer { sources, number, code, at: 0, brackets: 0, out: Vec::new() };
    lexer.run()?;
    Ok(lexer.out)
}

/// Spans hold 32-bit offsets; nobody writes a formula near this long.
const MAX_BYTES: usize = 1 << 28;

struct Lexer<'a> {
    sources: &'a Sources,
    number: u32,
    code: &'a str,
    at: usize,
    brackets: usize,
    out: Vec<Lexeme>,
}

impl Lexer<'_> {
    fn run(&mut self) -> Result<(), Diagnostic> {
        loop {
            let before = self.at;
            self.skip_blanks();
            let spaced = self.at > before || self.at == 0;
            let start = self.at;
            let Some(first) = self.rest().chars().next() else {
                self.push(Token::End, start, spaced);
                return Ok(());
            };
            let token = match first {
                '\n' => {
                    self.at += 1;
                    // Inside brackets a formula may run over several lines.
                    if self.brackets > 0 {
                        continue;
                    }
                    Token::Newline
                }
                '0'..='9' | '.' => self.number_or_date()?,
                '[' => Token::Kind(self.delimited(']', "a kind such as `[it]`")?),
                '"' => Token::Text(self.delimited('"', "a text in quotes")?),
                c if c.is_alphabetic() || c == '_' => self.name(),
                _ => self.sign()?,
            };
            self.push(token, start, spaced);
        }
    }

    fn rest(&self) -> &str {
        &self.code[self.at..]
    }

    fn push(&mut self, token: Token, start: usize, spaced: bool) {
        let span = self.span(start, self.at);
        self.out.push(Lexeme { token, span, spaced });
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.number, start: start as u32, end: end as u32 }
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\u{a0}']).len();
            self.at += blank;
            if !self.rest().starts_with('#') {
                return;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }

    fn name(&mut self) -> Token {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        self.at += end;
        Token::Name(name)
    }

    fn delimited(&mut self, close: char, what: &str) -> Result<String, Diagnostic> {
        let start = self.at;
        let inside = &self.code[start + 1..];
        let line = &inside[..inside.find('\n').unwrap_or(inside.len())];
        let Some(end) = line.find(close) else {
            return Err(self
                .sources
                .error(format!("expected `{close}`"), self.span(start, start + 1), "opened here")
                .help(format!("{what} ends with `{close}` on the same line")));
        };
        let text = inside[..end].to_owned();
        self.at = start + 1 + end + 1;
        Ok(text)
    }

    fn number_or_date(&mut self) -> Result<Token, Diagnostic> {
        let bytes = self.rest().as_bytes();
        if let Some((year, month, day)) = date(bytes) {
            let start = self.at;
            self.at += 10;
            if (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day) {
                return Ok(Token::Date(year, month, day));
            }
            return Err(self
                .sources
                .error("there is no such day", self.span(start, self.at), "not in the calendar")
                .help("dates are written year-month-day: `2025-07-01`"));
        }
        let digits = |from: usize| {
            let end = bytes[from..].iter().position(|b| !(b.is_ascii_digit() || *b == b'_'));
            end.map_or(bytes.len(), |end| from + end)
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
                end = digits(end + 1 + sign);
            }
        }
        let start = self.at;
        let text = self.rest()[..end].to_owned();
        self.at += end.max(1);
        let span = self.span(start, self.at);
        match text.replace('_', "").parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Token::Number(value)),
            Ok(_) => Err(self
                .sources
                .error("this number is too large", span, "beyond 1.8e308")
                .help("work with its logarithm, or in larger units")),
            Err(_) => Err(self.sources.error("expected a number", span, "not a number")),
        }
    }

    fn sign(&mut self) -> Result<Token, Diagnostic> {
        let rest = self.rest();
        let plain = SIGNS.iter().find(|sign| rest.starts_with(**sign)).map(|sign| (*sign, *sign));
        let pasted = || PASTED.iter().copied().find(|(sign, _)| rest.starts_with(sign));
        let Some((written, sign)) = plain.or_else(pasted) else {
            return Err(self.unexpected());
        };
        let start = self.at;
        self.at += written.len();
        match sign {
            "(" => self.brackets += 1,
            ")" => self.brackets = self.brackets.saturating_sub(1),
            "**" => {
                return Err(self
                    .sources
                    .error("`**` is not an operator here", self.span(start, self.at), "not known")
                    .help("write a power with `^`"));
            }
            "\\" => return Err(self.unexpected_at(start)),
            _ => {}
        }
        Ok(Token::Sign(sign))
    }

    fn unexpected(&self) -> Diagnostic {
        self.unexpected_at(self.at)
    }

    fn unexpected_at(&self, start: usize) -> Diagnostic {
        let c = self.code[start..].chars().next().unwrap_or(' ');
        let problem = self.sources.error(
            format!("unexpected character `{}`", c.escape_debug()),
            self.span(start, start + c.len_utf8()),
            "not part of the language",
        );
        match c {
            '$' => problem.help("write money as `12 USD` or, with its price year, `12 USD_2025`"),
            '&' => problem.help("write `and`"),
            '|' => problem.help("write `or`"),
            '!' => problem.help("write `not`"),
            ']' => problem.help("a kind is written `[it]`, after a unit"),
            '{' | '}' => problem.help("group with round brackets"),
            _ => problem,
        }
    }
}

/// `2025-07-01` at the start of `bytes`, not followed by a digit.
fn date(bytes: &[u8]) -> Option<(u16, u8, u8)> {
    let shape = b"dddd-dd-dd";
    let fits = bytes.len() >= shape.len()
        && shape.iter().zip(bytes).all(|(s, b)| match s {
            b'd' => b.is_ascii_digit(),
            other => b == other,
        })
        && !bytes.get(10).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let number = |range: std::ops::Range<usize>| {
        bytes[range].iter().fold(0u16, |n, b| n * 10 + u16::from(b - b'0'))
    };
    fits.then(|| (number(0..4), number(5..7) as u8, number(8..10) as u8))
}

pub(crate) fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

pub(crate) fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u8::from(is_leap(year)),
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Source;

    fn tokens(text: &str) -> Result<Vec<Token>, Diagnostic> {
        let sources = Sources(vec![Source::new("test", text)]);
        Ok(lex(&sources, 0)?.into_iter().map(|lexeme| lexeme.token).collect())
    }

    #[test]
    fn numbers_take_underscores_exponents_and_nothing_else() {
        let number = |text| tokens(text).unwrap()[0].clone();
        assert_eq!(number("1_000"), Token::Number(1000.0));
        assert_eq!(number("3e26"), Token::Number(3e26));
        assert_eq!(number(".5"), Token::Number(0.5));
        assert_eq!(tokens("12k").unwrap()[1], Token::Name("k".into()));
        assert!(tokens("1e999").unwrap_err().to_string().contains("too large"));
        assert!(tokens(".").is_err());
    }

    #[test]
    fn a_date_is_one_token_and_must_be_in_the_calendar() {
        assert_eq!(tokens("2024-02-29").unwrap()[0], Token::Date(2024, 2, 29));
        assert!(tokens("2025-02-29").is_err());
        assert_eq!(tokens("2025-7").unwrap().len(), 4);
    }

    #[test]
    fn an_open_bracket_carries_the_formula_over_the_line() {
        assert!(!tokens("(1 +\n 2)").unwrap().contains(&Token::Newline));
        assert!(tokens("1\n2").unwrap().contains(&Token::Newline));
    }
}
