//! The plugins that are embedded in the binary. They are ordinary components otherwise.

/// Name and component of every bundled plugin, ordered by name.
static COMPONENTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The component of that name.
#[must_use]
pub fn component(name: &str) -> Option<&'static [u8]> {
    COMPONENTS.iter().find(|(bundled, _)| *bundled == name).map(|(_, bytes)| *bytes)
}

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMPONENTS.iter().map(|(name, _)| *name)
}
