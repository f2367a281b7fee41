//! What a plugin is, whatever its kind: one value, and what it says about itself.

/// A plugin's description, for people and editors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// One sentence.
    pub summary: String,
    /// JSON Schema (draft-07) of the plugin's `with:`.
    pub settings_schema: String,
    /// Markdown.
    pub documentation: String,
}

/// A plugin; the attributes [`stage`](macro@crate::stage) and [`policy`](macro@crate::policy) implement it.
pub trait Plugin: Sized {
    /// The one value of it. A plugin has no state: it is made anew for every activation.
    const PLUGIN: Self;

    /// What it says about itself.
    fn describe() -> Description;
}

/// The first paragraph of a documentation, as one line. A heading is not a sentence and is passed over.
#[must_use]
pub fn summary(documentation: &str) -> String {
    let lines = documentation.lines().map(str::trim);
    let text = lines.skip_while(|line| line.is_empty() || line.starts_with('#'));
    text.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
