//! Text from outside, made harmless for terminals, logs, headers and mails.

/// Whether a character may stand in one line of text. Control characters drive terminals and split header
/// lines; the bidirectional ones and the line separators make a text look like another one.
fn shows(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line of at most `max` characters: what does not show becomes a space, runs of spaces become one, and
/// what is cut off ends with `…`.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max * 4));
    let (mut length, mut gap) = (0, false);
    for c in text.chars().map(|c| if shows(c) { c } else { ' ' }) {
        if c == ' ' {
            gap = length > 0;
            continue;
        }
        if length + usize::from(gap) >= max {
            line.pop();
            line.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            line.push(' ');
            length += 1;
        }
        line.push(c);
        length += 1;
    }
    line
}

/// Several lines: line breaks and tabs stay, everything else that does not show is dropped.
#[must_use]
pub fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").chars().filter(|c| shows(*c) || matches!(c, '\n' | '\t')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_drops_what_drives_a_terminal_and_what_breaks_lines() {
        assert_eq!(one_line("a\r\nBcc: x\u{1b}[2J\u{202e}b", 200), "a Bcc: x [2J b");
        assert_eq!(one_line("  a   b  ", 200), "a b");
        assert_eq!(one_line("\0\n", 200), "");
    }

    #[test]
    fn one_line_ends_with_an_ellipsis_where_it_was_cut() {
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(one_line("abcd  ", 4), "abcd");
        assert_eq!(one_line("abc def", 4), "ab…");
    }

    #[test]
    fn lines_keep_their_breaks() {
        assert_eq!(lines("a\r\n\tb\u{7}\nc\u{2028}"), "a\n\tb\nc");
        assert_eq!(lines("a\rb"), "ab");
    }

    proptest! {
        #[test]
        fn one_line_is_one_line_of_bounded_length(text in any::<String>(), max in 1_usize..50) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(line.chars().all(shows));
        }
    }
}
