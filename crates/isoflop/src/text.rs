//! Words and numbers as they are shown to people.

use std::io::Write;
use std::time::Duration;

use diagnostic::Diagnostic;

/// Prints a problem on the standard error, in colour where that is wanted.
pub(crate) fn complain(problem: &Diagnostic) {
    // Nowhere to report that the standard error is closed.
    let _ = writeln!(anstream::stderr(), "{}", problem.to_styled_string());
}

/// Writes to the output; whoever reads it may stop early, as `head` does.
pub(crate) fn say(out: &mut dyn Write, text: &str) -> Result<(), Diagnostic> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(problem) if problem.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::error(format!("cannot write the answer: {problem}")))
        }
        _ => Ok(()),
    }
}

/// `1 h 02 min`, `3 min 20 s`, `12 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// `412`, `13.2k`, `1.65M`, `2.01B`: a count with three digits.
pub(crate) fn count(value: f64) -> String {
    // What rounds to 1000k is 1.00M.
    let (scaled, suffix) = match value {
        v if v >= 999.5e6 => (v / 1e9, "B"),
        v if v >= 999.5e3 => (v / 1e6, "M"),
        v if v >= 999.5 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let decimals = match scaled {
        s if suffix.is_empty() || s >= 99.95 => 0,
        s if s >= 9.995 => 1,
        _ => 2,
    };
    format!("{scaled:.decimals$}{suffix}")
}

/// The last `width` values as a line of block characters, highest to lowest.
pub(crate) fn sparkline(values: &[f64], width: usize) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let groups = width.min(values.len()).max(1);
    let means: Vec<f64> = (0..groups)
        .filter_map(|group| {
            let part = &values[group * values.len() / groups..(group + 1) * values.len() / groups];
            (!part.is_empty()).then(|| part.iter().sum::<f64>() / part.len() as f64)
        })
        .collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    means
        .iter()
        .map(|mean| {
            let share = if high > low { (mean - low) / (high - low) } else { 0.0 };
            BLOCKS[(share * 7.0).round() as usize]
        })
        .collect()
}

/// Appends `text` in lines of `width` characters, each after `indent` spaces. Colour codes count
/// for nothing.
pub(crate) fn paragraph(out: &mut String, indent: usize, text: &str, width: usize) {
    hanging(out, (indent, indent), text, width);
}

/// The same with another indent for the first line than for those that follow.
pub(crate) fn hanging(out: &mut String, (first, rest): (usize, usize), text: &str, width: usize) {
    let mut room = 0;
    let mut indent = first;
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        // A number stays with its per cent, its thousands or its millions.
        let number = word.ends_with(|last: char| last.is_ascii_digit());
        let glued = words.next_if(|next| {
            let sign = next.trim_end_matches([',', '.', ';', ')']);
            next.starts_with('%') || number && ["k", "M", "B", "T"].contains(&sign)
        });
        let word = &glued.map_or(word.to_owned(), |sign| format!("{word} {sign}"));
        let length = anstream::adapter::strip_str(word).to_string().chars().count();
        if room > length {
            out.push(' ');
            room -= length + 1;
        } else {
            if room > 0 || out.ends_with(|last| last != '\n') {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n(' ', indent));
            room = width.saturating_sub(indent + length).max(1);
            indent = rest;
        }
        out.push_str(word);
    }
    if !text.trim().is_empty() {
        out.push('\n');
    }
}

/// Appends `before` and `text` behind it, whose further lines begin below its first.
pub(crate) fn behind(out: &mut String, before: &str, text: &str, width: usize) {
    let start = anstream::adapter::strip_str(before).to_string().chars().count();
    let mut words = String::new();
    paragraph(&mut words, start, text, width);
    let line = format!("{before}{}", words.trim_start());
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_rounds_to_a_thousand_takes_the_next_unit() {
        let counts = [412.0, 999.7, 13_210.0, 999_970.0, 1.65e6, 999.6e6, 2.01e9].map(count);
        assert_eq!(counts, ["412", "1.00k", "13.2k", "1.00M", "1.65M", "1.00B", "2.01B"]);
    }

    #[test]
    fn prose_wraps_behind_its_indent_and_keeps_per_cents_whole() {
        let mut text = String::new();
        hanging(&mut text, (0, 2), "one of them is 90 % inside, with \u{1b}[1mcolour\u{1b}[0m", 18);
        assert_eq!(text, "one of them is\n  90 % inside,\n  with \u{1b}[1mcolour\u{1b}[0m\n");
        text.clear();
        hanging(&mut text, (2, 2), "  ", 10);
        assert_eq!(text, "");
        hanging(&mut text, (2, 2), "longer-than-all", 4);
        assert_eq!(text, "  longer-than-all\n");
        text.clear();
        behind(&mut text, "name  ", "what it is", 12);
        assert_eq!(text, "name  what\n      it is\n");
    }

    #[test]
    fn counts_and_times_keep_the_digits_that_matter() {
        let shown: Vec<String> = [7.0, 999.0, 13_200.0, 99_990.0, 1.65e6, 2e9].map(count).to_vec();
        assert_eq!(shown, ["7", "999", "13.2k", "100k", "1.65M", "2.00B"]);
        let shown: Vec<String> = [12, 200, 3720].map(|s| duration(Duration::from_secs(s))).to_vec();
        assert_eq!(shown, ["12 s", "3 min 20 s", "1 h 02 min"]);
    }

    #[test]
    fn a_sparkline_falls_with_its_values_and_survives_odd_ones() {
        assert_eq!(sparkline(&[4.0, 3.0, 2.0, 1.0], 4), "█▆▃▁");
        assert_eq!(sparkline(&[], 4), "");
        assert_eq!(sparkline(&[f64::NAN, 1.0], 4), "▁");
    }
}
