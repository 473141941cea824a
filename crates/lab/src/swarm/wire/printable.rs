//! Words of strangers, before they are shown or kept.

/// At most `most` bytes of `text`, without what moves a terminal's cursor, changes its colours or
/// turns the direction of what follows.
pub fn printable(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for letter in text.chars().filter(|letter| !is_hidden(*letter)) {
        if kept.len() + letter.len_utf8() > most {
            break;
        }
        kept.push(letter);
    }
    kept
}

/// Control characters, and the marks of Unicode that order text or have no width.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61C}'
                | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_is_left_out_and_letters_stay_whole() {
        assert_eq!(printable("\u{1b}[31mred\u{7}\r\n\u{9b}2J", 64), "[31mred2J");
        assert_eq!(printable("abc\u{202E}fed\u{2066}", 64), "abcfed");
        assert_eq!(printable("Zoë’s Mac 🖥", 64), "Zoë’s Mac 🖥");
        assert_eq!(printable("ääää", 5), "ää");
    }
}
