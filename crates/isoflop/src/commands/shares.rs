//! Shares and counts as people write them at an option: `90%` or `0.9`, `100_000` or `1M`.

/// `90%` or `0.9`, as a number; which ones make sense is for the command to say.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    number.map_err(|_| "expected a share, such as 90% or 0.9".to_owned())
}

/// `100_000`, `100k` or `1M`.
pub(crate) fn samples(text: &str) -> Result<usize, String> {
    let plain = text.replace('_', "");
    let (number, factor) = match plain.strip_suffix(['k', 'M']) {
        Some(number) if plain.ends_with('k') => (number, 1e3),
        Some(number) => (number, 1e6),
        None => (plain.as_str(), 1.0),
    };
    match number.parse::<f64>().map(|number| number * factor) {
        Ok(count) if (2.0..=1e9).contains(&count) && count.fract() == 0.0 => Ok(count as usize),
        _ => Err("expected a whole number from 2 to 1e9, such as 100_000 or 1M".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_either_way() {
        assert_eq!(share("90%"), share("0.9"));
        assert_eq!(share(" 95 % "), Ok(0.95));
        for wrong in ["", "%", "ninety", "9O%", "0.9.1"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn samples_are_whole_and_two_at_least() {
        assert_eq!(samples("1e5"), Ok(100_000));
        assert_eq!(
            (samples("100_000"), samples("100k"), samples("1M")),
            (samples("1e5"), samples("1e5"), Ok(1_000_000))
        );
        for wrong in ["1", "0", "-5", "2.5", "1e12", "nan", "many", ""] {
            assert!(samples(wrong).is_err(), "{wrong}");
        }
    }
}
