//! Finding `$(Name)` in a text.

/// One `$(Name)` in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The name, without spaces around it.
    pub name: &'a str,
    /// Where the `$` stands, in bytes.
    pub start: usize,
    /// Behind the `)`, in bytes.
    pub end: usize,
}

/// Every `$(Name)` of a text, from left to right. A name ends at the first `)` and holds no line break; of
/// `$($(a))` only the inner one counts.
pub fn references(text: &str) -> impl Iterator<Item = Reference<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let (start, end) = next(text, from)?;
        from = end;
        Some(Reference { name: text[start + 2..end - 1].trim(), start, end })
    })
}

fn next(text: &str, mut from: usize) -> Option<(usize, usize)> {
    loop {
        let start = from + text[from..].find("$(")?;
        let body = &text[start + 2..];
        let close = body.find(')')?;
        let name = &body[..close];
        if let Some(inner) = name.rfind("$(") {
            from = start + 2 + inner;
        } else if name.contains('\n') || name.trim().is_empty() {
            from = start + 2;
        } else {
            return Some((start, start + 2 + close + 1));
        }
    }
}
