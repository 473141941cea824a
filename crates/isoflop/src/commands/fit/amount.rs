//! Numbers and settings as people write them: `70B`, `1.4e12`, `N=70B,D=1.4T`.

use diagnostic::{Diagnostic, nearest};
use laws::{Law, Setting};

/// A positive number.
pub(crate) fn positive(text: &str, option: &str) -> Result<f64, Diagnostic> {
    match number(text) {
        Some(number) if number.is_normal() && number > 0.0 => Ok(number),
        _ => Err(Diagnostic::error(format!("`{option}`: `{text}` is not a positive number"))
            .help("write a number such as 1.4e12, 1.4T, 70B or 125_000_000")),
    }
}

/// A finite number, with `_` between digits and a suffix k, M, B or T where wanted.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain = text.trim().replace('_', "");
    let (digits, factor) = match plain.char_indices().last() {
        Some((at, 'k')) => (&plain[..at], 1e3),
        Some((at, 'M')) => (&plain[..at], 1e6),
        Some((at, 'B')) => (&plain[..at], 1e9),
        Some((at, 'T')) => (&plain[..at], 1e12),
        _ => (plain.as_str(), 1.0),
    };
    digits
        .trim_end()
        .parse::<f64>()
        .ok()
        .map(|number| number * factor)
        .filter(|number| number.is_finite())
}

/// `name=value`, as in `E=1.7`.
pub(crate) fn named<'a>(text: &'a str, option: &str) -> Result<(&'a str, &'a str), Diagnostic> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim(), value.trim()))
        }
        _ => Err(Diagnostic::error(format!("`{option} {text}` is not a name and a value"))
            .help(format!("write {option} NAME=VALUE"))),
    }
}

/// Values of the law's variables: `N=70B,D=1.4T`, or `70B,1.4T` in the law's order.
pub(crate) fn setting(text: &str, law: &Law, option: &str) -> Result<Setting, Diagnostic> {
    let names: Vec<&str> = law.variables.iter().map(|variable| variable.name.as_str()).collect();
    let example: Vec<String> = names.iter().map(|name| format!("{name}=VALUE")).collect();
    let help = format!("write {option} {}", example.join(","));
    let parts: Vec<&str> = text.split(',').collect();
    let short = !text.contains('=');
    if short && parts.len() != names.len() {
        let counted =
            if parts.len() == 1 { "1 value".into() } else { format!("{} values", parts.len()) };
        return Err(Diagnostic::error(format!(
            "`{option} {text}` has {counted}, but the law `{}` takes {}",
            law.name,
            names.join(", ")
        ))
        .help(help));
    }
    let mut setting = Setting::new();
    for (place, part) in parts.iter().enumerate() {
        let (name, value) = if short { (names[place], *part) } else { named(part, option)? };
        // C says where on the axis of extrapolation a run lies, for laws that do not take it.
        if !names.contains(&name) && name != "C" {
            let problem = Diagnostic::error(format!(
                "`{option} {text}`: the law `{}` has no variable `{name}`",
                law.name
            ));
            return Err(match nearest(name, names.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(help),
            });
        }
        if setting.get(name).is_some() {
            return Err(Diagnostic::error(format!("`{option} {text}` gives {name} twice")));
        }
        let Some(value) = number(value) else {
            return Err(Diagnostic::error(format!("`{option} {text}`: `{value}` is not a number"))
                .help("write a number such as 1.4e12, 1.4T, 70B or 125_000_000"));
        };
        setting = setting.with(name, value);
    }
    if setting.compute().is_some_and(|c| !c.is_normal() || c < 0.0) {
        return Err(Diagnostic::error(format!("`{option} {text}`: 6 N D is out of range")));
    }
    Ok(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_separators_and_suffixes() {
        for (text, expected) in [
            ("70B", Some(70e9)),
            ("1_000", Some(1000.0)),
            ("-0.5", Some(-0.5)),
            ("1.4 T", Some(1.4e12)),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert_eq!((number("inf"), number(""), number("T")), (None, None, None));
    }

    #[test]
    fn settings_are_read_by_name_and_by_place() {
        let law = laws::catalogue::find("chinchilla").unwrap();
        let short = setting("70B,1.4T", &law, "--predict").unwrap();
        assert_eq!(short.compute(), setting("D=1.4T, N=70B", &law, "--predict").unwrap().compute());
        for (text, expected) in [
            ("70B", "has 1 value"),
            ("N=70B,M=20", "no variable `M`"),
            ("N=70B,N=20", "twice"),
            ("N=x,D=1", "not a number"),
            ("1e300,1e300", "out of range"),
        ] {
            let shown = setting(text, &law, "--predict").unwrap_err().to_string();
            assert!(shown.contains(expected), "{text}: {shown}");
        }
    }
}
