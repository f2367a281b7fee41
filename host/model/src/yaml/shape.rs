//! What a file may hold, as data: one table per file. The readers check against it, the "did you mean" comes
//! from it, and the JSON Schema is written from it, so the three cannot drift apart.

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Text.
    Text,
    /// Text, or a number or boolean that is taken as it is written.
    Scalar,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0.
    Whole { max: u64 },
    /// `90s`, `10m`, `36h` or `30d`.
    Span,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A map that is not ours to check.
    Settings,
    /// A reference to a secret, never the secret: `{ env: X }` or `{ file: P }`.
    Secret,
    /// A list of one shape.
    List(&'static Shape),
    /// A list of one shape with at least one item.
    NonEmpty(&'static Shape),
    /// A map from names of the user's choice to one shape.
    Map(&'static Shape),
    /// A map with given keys.
    Object(&'static Object),
    /// One of several; no two of the same kind.
    Either(&'static [Shape]),
}

/// A map with given keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// With its article: `a stage`.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
    pub(crate) rule: Rule,
}

/// What holds for the keys of an object together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing but what each key says.
    None,
    /// Exactly one of these keys is given.
    OneOf(&'static [&'static str]),
    /// One of these keys is given.
    AnyOf(&'static [&'static str]),
}

/// One key of an object.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What it is for, for the schema.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, about: &'static str, shape: Shape) -> Key {
    Key { name, about, shape, required: true }
}

/// A key that may be left out.
pub(crate) const fn optional(name: &'static str, about: &'static str, shape: Shape) -> Key {
    Key { name, about, shape, required: false }
}

/// What stands where a secret is wanted.
pub(crate) static SECRET: Object = Object {
    what: "a secret",
    keys: &[
        optional("env", "The environment variable of the host process that holds it.", Shape::Text),
        optional(
            "file",
            "The file that holds it, relative to this file. One trailing line break is removed.",
            Shape::Text,
        ),
    ],
    rule: Rule::OneOf(&["env", "file"]),
};
