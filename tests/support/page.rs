//! The decide page as a browser sees it.

/// What the form carries unseen: the digest of what it is about, percent-encoded.
///
/// # Panics
/// If the page has no form.
#[must_use]
pub fn content(page: &str) -> String {
    const FIELD: &str = "name=\"content\" value=\"";
    let at = page.find(FIELD).unwrap_or_else(|| panic!("no form on\n{page}")) + FIELD.len();
    page[at..].split('"').next().expect("a value").replace(':', "%3A")
}

/// The form, filled in to approve.
#[must_use]
pub fn approve(code: &str, content: &str) -> String {
    format!("decision=approve&code={code}&comment=fine&content={content}")
}
