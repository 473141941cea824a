//! A JSON scanner that says where values are, flattens nested objects, and takes the `NaN` and
//! `Infinity` that Python writes for runs that diverged.
//!
//! The usual library gives values without their places and refuses `NaN`.

use std::borrow::Cow;
use std::ops::Range;

/// Objects and arrays within each other, at most.
const DEPTH: usize = 64;

/// What is wrong, and the byte where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Problem {
    pub at: usize,
    pub what: &'static str,
}

/// A value that is not an object, as a part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    /// A number, truth value, or an array as it is written.
    Plain(Range<usize>),
    /// What is between the quotes of a string, which needs unescaping if there is a backslash.
    Text(Range<usize>),
}

impl Scalar {
    /// The value as a cell has it.
    pub(super) fn text<'a>(&self, source: &'a str) -> Cow<'a, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Plain(range) => Cow::Borrowed(&source[range.clone()]),
            Self::Text(range) => unescaped(&source[range.clone()]),
        }
    }
}

/// Reads one text from front to back.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Reads on from a place that was passed.
    pub(super) fn back_to(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte that is not a blank.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.at += blanks;
        rest.get(blanks).copied()
    }

    /// Takes this byte if it is next.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn wants(&mut self, byte: u8, what: &'static str) -> Result<(), Problem> {
        if self.takes(byte) { Ok(()) } else { Err(self.problem(what)) }
    }

    pub(super) fn problem(&self, what: &'static str) -> Problem {
        Problem { at: self.at, what }
    }

    /// Takes the name of an object's next member, up to its colon; nothing at the object's end.
    /// `first` is whether no member came yet.
    pub(super) fn member(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, Problem> {
        if self.takes(b'}') {
            return Ok(None);
        }
        if !first {
            self.wants(b',', "expected `,` or `}`")?;
        }
        if self.peek() != Some(b'"') {
            return Err(self.problem("expected a name in double quotes"));
        }
        let name = self.string()?;
        self.wants(b':', "expected `:`")?;
        Ok(Some(unescaped(&self.text[name])))
    }

    /// Takes an object; every value in it, also of objects within it, goes to `take` with its
    /// names joined by dots after `path`. Names of whole objects that hold nothing are left out.
    pub(super) fn flatten<E: From<Problem>>(
        &mut self,
        path: &mut String,
        take: &mut impl FnMut(&str, Scalar) -> Result<(), E>,
    ) -> Result<(), E> {
        self.object(path, take, 0)
    }

    fn object<E: From<Problem>>(
        &mut self,
        path: &mut String,
        take: &mut impl FnMut(&str, Scalar) -> Result<(), E>,
        depth: usize,
    ) -> Result<(), E> {
        if depth > DEPTH {
            return Err(self.problem("objects are nested too deeply").into());
        }
        self.wants(b'{', "expected an object")?;
        let mut first = true;
        while let Some(name) = self.member(first)? {
            first = false;
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(&name);
            if self.peek() == Some(b'{') {
                self.object(path, take, depth + 1)?;
            } else {
                let value = self.scalar()?;
                take(path, value)?;
            }
            path.truncate(length);
        }
        Ok(())
    }

    /// Takes a value that is no object.
    pub(super) fn scalar(&mut self) -> Result<Scalar, Problem> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::Text),
            Some(b'[') => {
                let start = self.at;
                self.skip()?;
                Ok(Scalar::Plain(start..self.at))
            }
            _ => self.word(),
        }
    }

    /// Takes any value.
    pub(super) fn skip(&mut self) -> Result<(), Problem> {
        self.skip_within(0)
    }

    fn skip_within(&mut self, depth: usize) -> Result<(), Problem> {
        if depth > DEPTH {
            return Err(self.problem("values are nested too deeply"));
        }
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                let mut first = true;
                while self.member(first)?.is_some() {
                    first = false;
                    self.skip_within(depth + 1)?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.at += 1;
                let mut first = true;
                while !self.takes(b']') {
                    if !first {
                        self.wants(b',', "expected `,` or `]`")?;
                    }
                    first = false;
                    self.skip_within(depth + 1)?;
                }
                Ok(())
            }
            _ => self.scalar().map(drop),
        }
    }

    /// Takes a number, a truth value or null.
    fn word(&mut self) -> Result<Scalar, Problem> {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.'))
            .unwrap_or(rest.len());
        let word = &rest[..length];
        let number = || {
            word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && word.parse::<f64>().is_ok()
        };
        let range = self.at..self.at + length;
        let value = match word {
            "null" => Scalar::Null,
            "true" | "false" | "NaN" | "Infinity" | "-Infinity" => Scalar::Plain(range),
            _ if number() => Scalar::Plain(range),
            _ => return Err(self.problem("expected a value")),
        };
        self.at += length;
        Ok(value)
    }

    /// Takes a string; what is between its quotes.
    fn string(&mut self) -> Result<Range<usize>, Problem> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    self.at = at + 1;
                    return Ok(start..at);
                }
                b'\\' => at += 2,
                b'\n' => break,
                _ => at += 1,
            }
        }
        Err(self.problem("this string is never closed"))
    }
}

/// A string's content without its escapes; a broken escape stands for itself.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else { break };
        rest = &rest[kind.len_utf8()..];
        plain.push(match kind {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => code_point(&mut rest),
            other => other,
        });
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The character after `\u`, from one unit or a pair of them.
fn code_point(rest: &mut &str) -> char {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let Some(first) = unit(rest) else { return char::REPLACEMENT_CHARACTER };
    *rest = &rest[4..];
    let second =
        rest.strip_prefix("\\u").and_then(unit).filter(|low| (0xDC00..0xE000).contains(low));
    let pair = [first, second.unwrap_or_default()];
    let used = if second.is_some() && (0xD800..0xDC00).contains(&first) {
        *rest = &rest[6..];
        &pair[..]
    } else {
        &pair[..1]
    };
    match char::decode_utf16(used.iter().copied()).next() {
        Some(Ok(character)) => character,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flat(text: &str) -> Result<Vec<(String, String)>, Problem> {
        let mut all = Vec::new();
        Scanner::new(text).flatten::<Problem>(&mut String::new(), &mut |path, value| {
            all.push((path.to_owned(), value.text(text).into_owned()));
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn nested_objects_flatten_and_python_words_pass() {
        let all = flat(
            r#" {"a": {"b": 1e5, "c": {"d": "x\"y\u00e9\ud83d\ude00\n"}}, "e": NaN, "f": [1, {"g": "]"}],
               "h": -Infinity, "i": null, "j": true, "k": {}} "#,
        )
        .unwrap();
        let expected = [
            ("a.b", "1e5"),
            ("a.c.d", "x\"yé😀\n"),
            ("e", "NaN"),
            ("f", r#"[1, {"g": "]"}]"#),
            ("h", "-Infinity"),
            ("i", ""),
            ("j", "true"),
        ];
        assert_eq!(all, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn damage_is_named_with_its_place() {
        for (text, at, what) in [
            ("{\"a\": }", 6, "expected a value"),
            ("{\"a\" 1}", 5, "expected `:`"),
            ("{\"a\": 1 \"b\"", 8, "expected `,` or `}`"),
            ("{a: 1}", 1, "expected a name"),
            ("{\"a\": \"x", 6, "never closed"),
            ("{\"a\": 1e", 6, "expected a value"),
        ] {
            let problem = flat(text).unwrap_err();
            assert!(problem.at == at && problem.what.contains(what), "{text}: {problem:?}");
        }
    }

    #[test]
    fn depth_is_limited() {
        for deep in ["{\"a\":".repeat(100_000), format!("{{\"a\":{}", "[".repeat(100_000))] {
            assert!(flat(&deep).unwrap_err().what.contains("too deeply"));
        }
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[{}\\[\\]\":,\\\\a-fu0-9 é\n]{0,60}") {
            let _ = flat(&text);
            let _ = flat(&format!("{{\"a\": {text}}}"));
        }
    }
}
