//! Splitting a budget's words: what it is of, on which machine, and devices inside the amount.

use std::ops::Range;

use diagnostic::Diagnostic;
use formula::{Program, Source};
use machines::Accelerator;

use crate::words::fleet;

/// Words for stretches of time, as the language has them.
const TIMES: [&str; 19] = [
    "s", "sec", "second", "seconds", "min", "minute", "minutes", "h", "hr", "hour", "hours", "d",
    "day", "days", "week", "weeks", "month", "months", "mo",
];
const YEARS: [&str; 3] = ["yr", "year", "years"];

/// Where the first of `words` stands in `text` as a word of its own, in any case.
pub(super) fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    // Lower case of ASCII letters keeps every byte where it is.
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find(word) {
        let range = from + at..from + at + word.len();
        let free = |c: char| c.is_whitespace();
        let before = lower[..range.start].chars().next_back().is_none_or(free);
        let after = lower[range.end..].chars().next().is_none_or(free);
        if before && after {
            return Some(range);
        }
        from = range.end;
    }
    None
}

/// The amount without the devices in it.
#[derive(Debug)]
pub(super) struct Amount {
    /// The same text with devices blanked out and hyphens between words opened.
    pub(super) text: String,
    /// Whether any was there: it is a device-time.
    pub(super) devices: bool,
    /// Which, where one was named.
    pub(super) accelerator: Option<Accelerator>,
}

/// Takes the devices out of `20_000 H100-hours`, `5 k GPU hours`, `3 to 4 M device-hours`.
///
/// # Errors
/// Devices that the catalogue does not hold, and two kinds in one amount.
pub(super) fn without_devices(origin: &str, text: &str) -> Result<Amount, Diagnostic> {
    let mut out = text.to_owned();
    let mut devices = false;
    let mut accelerator: Option<Accelerator> = None;
    let words = words(text);
    for (index, time) in words.iter().enumerate() {
        let is_time = |word: &str| TIMES.contains(&word) || YEARS.contains(&word);
        if index == 0 || !is_time(&text[time.clone()].to_ascii_lowercase()) {
            continue;
        }
        let Some(found) = device_before(text, &words, index) else { continue };
        let name = &text[found.clone()];
        let device = fleet::device(name)?;
        if device.is_none() && !fleet::is_any_device(name) {
            let hyphen = text[found.end..time.start].trim() == "-";
            let like_a_device = name.chars().any(|c| c.is_ascii_digit());
            if is_unit(name) || !(hyphen || like_a_device) {
                continue;
            }
            return Err(fleet::unknown(name).at(origin, text, found, "this device"));
        }
        if let (Some(first), Some(second)) = (&accelerator, &device)
            && first.name != second.name
        {
            let message = format!("a budget in {}- and {}-hours", first.name, second.name);
            return Err(Diagnostic::error(message)
                .at(origin, text, 0..text.len(), "two kinds of device")
                .help("give one kind; plan the other apart"));
        }
        accelerator = accelerator.or(device);
        devices = true;
        out.replace_range(found.start..time.start, &" ".repeat(time.start - found.start));
    }
    Ok(Amount { text: open_hyphens(&out), devices, accelerator })
}

/// Units as people spell them out, and as the language has them.
const SPELLED: [(&str, &str); 9] = [
    ("kilowatt", "kW"),
    ("megawatt", "MW"),
    ("gigawatt", "GW"),
    ("kilowatts", "kW"),
    ("megawatts", "MW"),
    ("gigawatts", "GW"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("usd", "USD"),
];

/// `2 megawatt-months` as `2 MW-months`.
pub(super) fn unspelled(text: &str) -> String {
    let mut out = String::new();
    let mut last = 0;
    for word in words(text) {
        let lower = text[word.clone()].to_ascii_lowercase();
        if let Some((_, unit)) = SPELLED.iter().find(|(spelled, _)| *spelled == lower) {
            out.push_str(&text[last..word.start]);
            out.push_str(unit);
            last = word.end;
        }
    }
    out.push_str(&text[last..]);
    out
}

/// Runs of letters, digits, points and underscores.
fn words(text: &str) -> Vec<Range<usize>> {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '%');
    let mut out: Vec<Range<usize>> = Vec::new();
    for (at, c) in text.char_indices().filter(|&(_, c)| inside(c)) {
        match out.last_mut() {
            Some(last) if last.end == at => last.end = at + c.len_utf8(),
            _ => out.push(at..at + c.len_utf8()),
        }
    }
    out
}

/// The word before word `index`, parted from it by a hyphen or space, with what hyphens tie to it:
/// `A100-80GB-hours`. It begins with a letter.
fn device_before(text: &str, words: &[Range<usize>], index: usize) -> Option<Range<usize>> {
    let gap = text[words[index - 1].end..words[index].start].trim();
    if !(gap.is_empty() || gap == "-") {
        return None;
    }
    let mut first = index - 1;
    while first > 0 && &text[words[first - 1].end..words[first].start] == "-" {
        first -= 1;
    }
    let range = words[first].start..words[index - 1].end;
    text[range.clone()].starts_with(|c: char| c.is_alphabetic()).then_some(range)
}

fn is_unit(word: &str) -> bool {
    Program::new().define("x", Source::new("unit", format!("1 {word}"))).is_ok()
}

/// `MW-month` as `MW month`: between letters a hyphen joins, it does not subtract.
fn open_hyphens(text: &str) -> String {
    let bytes = text.as_bytes();
    let letter = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b']')
    };
    text.char_indices()
        .map(|(at, c)| {
            let joins = c == '-' && letter(at.checked_sub(1)) && letter(Some(at + 1));
            if joins { ' ' } else { c }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (String, bool, Option<String>) {
        let amount = without_devices("x", text).unwrap_or_else(|problem| panic!("{problem}"));
        let text = amount.text.split_whitespace().collect::<Vec<_>>().join(" ");
        (text, amount.devices, amount.accelerator.map(|device| device.name))
    }

    #[test]
    fn devices_leave_the_amount_and_units_stay() {
        for (text, left, device) in [
            ("20_000 device-hours", "20_000 hours", Some(None)),
            ("20_000 H100-hours", "20_000 hours", Some(Some("h100"))),
            ("5 k GPU hours", "5 k hours", Some(None)),
            ("3 A100-80GB-days", "3 days", Some(Some("a100-80gb"))),
            ("1 to 2 k h200 h", "1 to 2 k h", Some(Some("h200"))),
            ("1 k H100-h to 2 k H100-h", "1 k h to 2 k h", Some(Some("h100"))),
            ("5 MW-month", "5 MW month", None),
            ("3 MW[it]-month", "3 MW[it] month", None),
            ("100 PFLOP/s-days", "100 PFLOP/s days", None),
            ("30 day", "30 day", None),
            ("2 USD - 1 USD", "2 USD - 1 USD", None),
        ] {
            let devices = device.is_some();
            let device = device.flatten().map(str::to_owned);
            assert_eq!(taken(text), (left.to_owned(), devices, device), "{text}");
        }
    }

    #[test]
    fn unknown_and_mixed_devices_are_named() {
        for (text, expected) in [
            ("20 H1000-hours", "did you mean `h100`?"),
            ("20 abacus-hours", "no accelerator is called `abacus`"),
            ("20 H100-hours + 3 A100-hours", "two kinds of device"),
        ] {
            let problem = without_devices("x", text).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn words_are_found_whole_in_any_case() {
        assert_eq!(find_word("10 M USD On H100", "on"), Some(9..11));
        assert_eq!(find_word("10 million", "on"), None);
        assert_eq!(find_word("ön on", "on"), Some(4..6));
    }
}
