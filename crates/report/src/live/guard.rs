//! Programs read from a file must be arithmetic and nothing else.
//!
//! A results folder may come from a stranger, and its programs run in the reader's page. So every
//! word of a program must be one that `formula` writes: no name reaches the page, the network or
//! `constructor`, and strings occur only as names of columns.

use diagnostic::Diagnostic;

use super::LiveProgram;

const WORDS: [&str; 34] = [
    "input",
    "rows",
    "row",
    "const",
    "let",
    "for",
    "of",
    "if",
    "return",
    "new",
    "Float64Array",
    "Math",
    "Number",
    "quantile",
    "mean",
    "round",
    "pow",
    "values",
    "value",
    "level",
    "sorted",
    "place",
    "low",
    "share",
    "sum",
    "x",
    "y",
    "NaN",
    "Infinity",
    "x",
    "v",
    "out",
    "column",
    "e",
];

const MEMBERS: [&str; 20] = [
    "from", "sort", "length", "some", "isNaN", "floor", "ceil", "pow", "exp", "expm1", "log",
    "log10", "log2", "log1p", "sqrt", "abs", "min", "max", "tanh", "round",
];

impl LiveProgram {
    /// Refuses JavaScript that is not arithmetic.
    pub(crate) fn guard(&self) -> Result<(), Diagnostic> {
        arithmetic(&self.javascript).map_err(|what| {
            Diagnostic::error(format!(
                "the live program `{}` is not one that Isoflop wrote: {what}",
                self.name
            ))
            .help("run the study again: `isoflop run STUDY.toml`")
        })
    }
}

fn arithmetic(code: &str) -> Result<(), String> {
    if !code.starts_with("(input, rows) => {") || !code.ends_with('}') {
        return Err("it is no function of `input` and `rows`".to_owned());
    }
    for forbidden in ["</", "<!--", "-->", "/*", "//"] {
        if code.contains(forbidden) {
            return Err(format!("it contains `{forbidden}`"));
        }
    }
    let mut rest = code;
    let (mut before, mut previous) = (String::new(), 0);
    let mut depth = 0_i32;
    while let Some(first) = rest.chars().next() {
        let taken = if first.is_ascii_alphabetic() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            word(&rest[..end], before.ends_with('.'))?;
            end
        } else if first.is_ascii_digit() {
            let digits = |c: char| !(c.is_ascii_digit() || c == '.' || c == 'e');
            let end = rest.find(digits).unwrap_or(rest.len());
            // The sign of an exponent.
            if rest[..end].ends_with('e') && rest[end..].starts_with('-') { end + 1 } else { end }
        } else if first == '"' {
            let end = rest[1..].find('"').ok_or("a string does not end")? + 2;
            string(&rest[..end], &before, &rest[end..])?;
            end
        } else if " \n()[]{}.,;:?=<>!+-*/&|".contains(first) {
            depth += i32::from("({[".contains(first)) - i32::from(")}]".contains(first));
            if depth < 0 || (depth == 0 && first == '}' && rest.len() > 1) {
                return Err("it goes on after the function".to_owned());
            }
            1
        } else {
            return Err(format!("`{first}`"));
        };
        if !rest[..taken].trim().is_empty() {
            // Two tokens back are enough to tell the place of a string.
            before = format!("{}{}", &before[previous..], rest[..taken].trim());
            previous = before.len() - rest[..taken].trim().len();
        }
        rest = &rest[taken..];
    }
    if depth == 0 { Ok(()) } else { Err("its brackets do not match".to_owned()) }
}

fn word(word: &str, member: bool) -> Result<(), String> {
    let stem = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let known = if member {
        MEMBERS.contains(&word)
    } else {
        WORDS.contains(&word)
            || (stem.len() < word.len() && ["x", "v", "out", "column"].contains(&stem))
    };
    if known { Ok(()) } else { Err(format!("the word `{word}`")) }
}

/// A name of a column: `input["…"]` or the key of an output.
fn string(string: &str, before: &str, after: &str) -> Result<(), String> {
    let place = before.ends_with("input[") && after.starts_with(']')
        || (before.ends_with('{') || before.ends_with(',')) && after.starts_with(": out");
    let inside = &string[1..string.len() - 1];
    let escapes = inside.split('\\').skip(1).all(|part| part.starts_with('u'));
    let plain = !inside.contains(['<', '>', '&']) && !inside.contains(char::is_control);
    if place && escapes && plain && inside != "__proto__" {
        Ok(())
    } else {
        Err(format!("the string {string}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(body: &str) -> String {
        format!("(input, rows) => {{\n  {body}\n}}")
    }

    #[test]
    fn what_formula_writes_is_accepted() {
        let text = "time from 2025 to 2030 step 1 yr\n\
                    series s = start 3 + x next s * exp(step * 2x/yr) + z\n\
                    f = at(s, 2027) + if(first(s > 20) == never, 1, 2) + min(x, z) + q(x, 90%)";
        let names = formula::Environment::new().input("x", "").parameter("z", "");
        let program = formula::Program::parse("<test>", text).unwrap();
        let compiled = program.check(&names).unwrap().compile(&["f", "s"]).unwrap();
        let code = compiled.to_javascript();
        arithmetic(&code).unwrap_or_else(|problem| panic!("{problem}\n{code}"));
        let code = around("const x1 = input[\"a \\u003cb\"];\n  return { \"é\": out0 };");
        arithmetic(&code).unwrap_or_else(|problem| panic!("{problem}"));
    }

    #[test]
    fn anything_else_is_refused() {
        for body in [
            "alert(1)",
            "fetch(\"https://example.org\")",
            "Math[\"constructor\"][\"constructor\"](\"alert(1)\")()",
            "input[\"a\"][\"constructor\"]",
            "Math.constructor",
            "Math.pow.call",
            "const x1 = `${1}`;",
            "x1 = \\u0061lert(1)",
            "}; alert(1); {",
            "}; (input, rows) => {",
            "return { \"__proto__\": out0 };",
            "x1 < 1 </script>",
            "for (;;) while",
            "this",
            "window.x",
        ] {
            assert!(arithmetic(&around(body)).is_err(), "{body}");
        }
        assert!(arithmetic("alert(1)").is_err());
        assert!(arithmetic("").is_err());
    }
}
