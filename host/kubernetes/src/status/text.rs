//! Text that a cluster or a container wrote, made fit for a message: it may drive a terminal, break lines or
//! be megabytes long.

/// Whether a character may stand in a message. The bidirectional marks and the line separators make a text
/// look like another one.
fn shows(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
        && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line of at most `max` characters; what is cut off ends with `…`.
#[must_use]
pub fn one_line(text: &str, max: usize) -> String {
    let shown: String = text.chars().map(|c| if shows(c) { c } else { ' ' }).collect();
    let words: Vec<&str> = shown.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(max) {
        None => line,
        Some(_) => line.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// The last `max_lines` lines in at most `max_bytes` bytes. A line that does not fit whole loses its start.
#[must_use]
pub fn last_lines(text: &str, max_lines: usize, max_bytes: usize) -> String {
    let kept: String =
        text.chars().filter(|c| shows(*c) || matches!(c, '\n' | '\t')).collect::<String>().trim_end().into();
    let lines: Vec<&str> = kept.lines().collect();
    let tail = lines[lines.len().saturating_sub(max_lines)..].join("\n");
    let mut start = tail.len().saturating_sub(max_bytes);
    while !tail.is_char_boundary(start) {
        start += 1;
    }
    tail[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_holds_nothing_that_drives_a_terminal() {
        assert_eq!(one_line("a\r\n b\u{1b}[2Jc\u{202e}d", 100), "a b [2Jc d");
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(one_line("\n\0", 6), "");
    }

    #[test]
    fn the_last_lines_are_kept() {
        assert_eq!(last_lines("a\nb\r\nc\n\n", 2, 100), "b\nc");
        assert_eq!(last_lines("a\n\tb\u{7}", 9, 100), "a\n\tb");
        assert_eq!(last_lines("aaaa\nbb", 9, 4), "a\nbb");
        assert_eq!(last_lines("ää", 9, 3), "ä");
        assert_eq!(last_lines("", 9, 3), "");
    }

    proptest! {
        #[test]
        fn both_stay_in_their_bounds(text in any::<String>(), max in 1_usize..40) {
            prop_assert!(one_line(&text, max).chars().count() <= max);
            let lines = last_lines(&text, 3, max);
            prop_assert!(lines.len() <= max && lines.lines().count() <= 3);
        }
    }
}
