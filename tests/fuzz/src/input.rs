//! Inputs as text in parts.

/// A line that holds only this ends a part.
const SEPARATOR: &str = "%%";

/// The parts of an input. One that is missing is empty; the last one has all that is left.
pub(crate) fn parts<const N: usize>(data: &[u8]) -> [String; N] {
    let text = String::from_utf8_lossy(data);
    let mut rest = Some(&*text);
    std::array::from_fn(|index| match rest {
        Some(text) if index + 1 < N => {
            let (part, after) = split(text);
            rest = after;
            part.to_owned()
        }
        last => {
            rest = None;
            last.unwrap_or_default().to_owned()
        }
    })
}

fn split(text: &str) -> (&str, Option<&str>) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end_matches('\n') == SEPARATOR {
            let part = &text[..start];
            return (part.strip_suffix('\n').unwrap_or(part), Some(&text[start + line.len()..]));
        }
        start += line.len();
    }
    (text.strip_suffix('\n').unwrap_or(text), None)
}
