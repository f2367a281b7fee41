//! Tables for people.

/// A table without borders, as the tools people know draw it. A cell may have several lines.
#[must_use]
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut all = vec![header.map(str::to_uppercase)];
    all.extend(rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        all.iter().flat_map(|row| row[column].lines()).map(shown_width).max().unwrap_or_default()
    });
    let mut text = String::new();
    for row in &all {
        let height = row.iter().map(|cell| cell.lines().count()).max().unwrap_or_default();
        for line in 0..height {
            let mut out = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let part = cell.lines().nth(line).unwrap_or_default();
                out.push_str(part);
                out.push_str(&" ".repeat(width + 2 - shown_width(part)));
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
    }
    text
}

/// How many columns a text takes, its colours aside.
fn shown_width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colours() {
        let rows = [
            ["\x1b[32mok\x1b[0m".to_owned(), "first".to_owned()],
            ["\x1b[2mlonger\x1b[0m".to_owned(), "second\nthird".to_owned()],
        ];
        let text = anstream::adapter::strip_str(&table(["state", "what"], rows)).to_string();
        assert_eq!(text, "STATE   WHAT\nok      first\nlonger  second\n        third\n");
    }
}
