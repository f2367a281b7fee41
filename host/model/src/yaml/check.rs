//! Whether a tree fits the table of what its file may hold, and what is said where it does not.

use super::node::{Entry, Node, Value, join};
use super::problem::{Problem, Problems};
use super::shape::{Object, Rule, SECRET, Shape};
use super::suggest;

/// Whether a map stands for itself or changes another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It stands for itself: what is required must be there.
    Whole,
    /// It is a merge patch: keys may be missing, and null removes one.
    Patch,
}

/// Reports everything about a node that does not fit its shape.
pub(crate) fn check(node: &Node, shape: &Shape, how: Use, path: &str, problems: &mut Problems) {
    Checker { how, problems }.check(node, shape, path);
}

struct Checker<'a> {
    how: Use,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    fn check(&mut self, node: &Node, shape: &Shape, path: &str) {
        let Some(shape) = shape.fitting(node) else {
            self.wrong_kind(node, shape, path);
            return;
        };
        match (shape, &node.value) {
            (Shape::Word(words), Value::Text(text)) if !words.contains(&text.as_str()) => {
                let message = format!("`{text}` is none of {}", listed(words));
                let help = suggest::did_you_mean(text, words.iter().copied());
                let help = help.unwrap_or_else(|| "write one of them".to_owned());
                self.report(node, "unknown-word", path, message, help);
            }
            (Shape::Whole { max }, Value::Number { value, written }) => {
                let whole = value.as_ref().and_then(serde_json::Number::as_u64);
                if whole.is_none_or(|number| number > *max) {
                    let message = format!("`{written}` is not a whole number from 0 to {max}");
                    let help = "write it in digits, without a fraction".to_owned();
                    self.report(node, "invalid-value", path, message, help);
                }
            }
            (Shape::NonEmpty(_), Value::List(nodes)) if nodes.is_empty() => {
                let help = "give it at least one entry".to_owned();
                self.report(node, "empty", path, format!("`{path}` is empty"), help);
            }
            (Shape::List(item) | Shape::NonEmpty(item), Value::List(nodes)) => {
                // What stands in a list is never merged, so it must be complete.
                let mut inner = Checker { how: Use::Whole, problems: self.problems };
                for (index, node) in nodes.iter().enumerate() {
                    inner.check(node, item, &format!("{path}[{index}]"));
                }
            }
            (Shape::Map(value), Value::Map(entries)) => {
                for entry in entries {
                    self.value(&entry.value, value, &join(path, &entry.key));
                }
            }
            (Shape::Object(object), Value::Map(_)) => self.object(node, object, path),
            (Shape::Secret, _) => self.secret(node, path),
            _ => {}
        }
    }

    /// Whoever writes a password into a file is told so, without showing it once more.
    fn secret(&mut self, node: &Node, path: &str) {
        if let Value::Map(entries) = &node.value {
            let known = |key: &str| SECRET.keys.iter().any(|known| known.name == key);
            entries.iter().filter(|entry| !known(&entry.key)).for_each(|entry| self.hide(&entry.value));
            self.object(node, &SECRET, path);
            return;
        }
        self.hide(node);
        let message = "a secret is never written into the file".to_owned();
        let help = "name where it is read from: `{ env: NAME }` or `{ file: PATH }`".to_owned();
        self.report(node, "literal-secret", path, message, help);
    }

    fn hide(&mut self, node: &Node) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.hide(item)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.hide(&entry.value)),
            _ => self.problems.hide(node.place),
        }
    }

    fn object(&mut self, node: &Node, object: &Object, path: &str) {
        let Value::Map(entries) = &node.value else { return };
        for entry in entries {
            let path = join(path, &entry.key);
            match object.keys.iter().find(|key| key.name == entry.key) {
                Some(key) => self.value(&entry.value, &key.shape, &path),
                None => self.unknown(entry, object, &path),
            }
        }
        if self.how == Use::Whole {
            self.missing(node, object, path);
        }
    }

    fn unknown(&mut self, entry: &Entry, object: &Object, path: &str) {
        // `passwrod: hunter2` is an unknown key too.
        if object.keys.iter().any(|key| matches!(key.shape, Shape::Secret)) {
            self.hide(&entry.value);
        }
        let help = suggest::did_you_mean(&entry.key, object.keys.iter().map(|key| key.name))
            .unwrap_or_else(|| format!("{} has {}", object.what, names(object)));
        let message = format!("unknown key `{}` in {}", entry.key, object.what);
        self.problems.push(Problem::error("unknown-key", Some(entry.place), path, message).help(help));
    }

    fn missing(&mut self, node: &Node, object: &Object, path: &str) {
        let Value::Map(entries) = &node.value else { return };
        let given = |name: &str| entries.iter().any(|entry| entry.key == name);
        for key in object.keys.iter().filter(|key| key.required && !given(key.name)) {
            let message = format!("{} needs the key `{}`", object.what, key.name);
            self.report(node, "missing-key", path, message, format!("`{}`: {}", key.name, key.about));
        }
        match object.rule {
            Rule::None => {}
            Rule::OneOf(names) => {
                let found: Vec<&str> = names.iter().copied().filter(|name| given(name)).collect();
                if found.len() != 1 {
                    let message = format!("{} has exactly one of {}", object.what, listed(names));
                    let help = match found.is_empty() {
                        true => "add one of them".to_owned(),
                        false => format!("keep one of {}", listed(&found)),
                    };
                    self.report(node, "one-of", path, message, help);
                }
            }
            Rule::AnyOf(names) => {
                if !names.iter().any(|name| given(name)) {
                    let message = format!("{} needs one of {}", object.what, listed(names));
                    let about = object.keys.iter().filter(|key| names.contains(&key.name));
                    let about: Vec<String> =
                        about.map(|key| format!("`{}`: {}", key.name, key.about)).collect();
                    self.report(node, "missing-key", path, message, about.join(" "));
                }
            }
        }
    }

    /// A value of a key: null is nothing, unless it removes what a clone would inherit.
    fn value(&mut self, node: &Node, shape: &Shape, path: &str) {
        match node.value {
            Value::Null { written: true } if self.how == Use::Patch => {}
            Value::Null { written } => {
                let help = if self.how == Use::Patch && !written {
                    "write `null` to remove what is inherited"
                } else {
                    "give it a value, or leave the key out"
                };
                let message = format!("`{path}` has no value");
                self.report(node, "no-value", path, message, help.to_owned());
            }
            _ => self.check(node, shape, path),
        }
    }

    fn wrong_kind(&mut self, node: &Node, shape: &Shape, path: &str) {
        let found = node.kind();
        let message = format!("expected {}, found {found}", shape.expected());
        let help = match (&node.value, shape) {
            (Value::Number { written, .. } | Value::Bool { written, .. }, Shape::Text | Shape::Word(_)) => {
                format!("put it in quotes: \"{written}\"")
            }
            (Value::Text(text), Shape::Bool) if matches!(text.as_str(), "yes" | "on" | "y") => {
                "write `true`".to_owned()
            }
            (Value::Text(text), Shape::Bool) if matches!(text.as_str(), "no" | "off" | "n") => {
                "write `false`".to_owned()
            }
            (Value::Text(text), Shape::List(Shape::Text) | Shape::NonEmpty(Shape::Text)) => {
                format!("write a list: [{text}]")
            }
            _ => format!("write {}", shape.example()),
        };
        self.report(node, "wrong-kind", path, message, help);
    }

    fn report(&mut self, node: &Node, code: &'static str, path: &str, message: String, help: String) {
        self.problems.push(Problem::error(code, Some(node.place), path, message).help(help));
    }
}

impl Shape {
    /// The shape itself or, of several, the one that this kind of value belongs to.
    fn fitting(&self, node: &Node) -> Option<&Self> {
        let fits = match (self, &node.value) {
            (Self::Either(shapes), _) => return shapes.iter().find_map(|shape| shape.fitting(node)),
            (Self::Text | Self::Span | Self::Word(_), Value::Text(_))
            | (Self::Scalar, Value::Text(_) | Value::Bool { .. } | Value::Number { .. })
            | (Self::Bool, Value::Bool { .. })
            | (Self::Whole { .. }, Value::Number { .. })
            | (Self::List(_) | Self::NonEmpty(_), Value::List(_))
            | (Self::Settings | Self::Map(_) | Self::Object(_), Value::Map(_))
            | (Self::Secret, _) => true,
            _ => false,
        };
        fits.then_some(self)
    }

    /// What would have been right, for people.
    fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Scalar => "text, a number or a boolean".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Whole { .. } => "a whole number".to_owned(),
            Self::Span => "a span of time such as `30d`".to_owned(),
            Self::Word(words) => format!("one of {}", listed(words)),
            Self::Settings | Self::Map(_) => "a map".to_owned(),
            Self::Secret => "a secret as a map".to_owned(),
            Self::List(item) | Self::NonEmpty(item) => format!("a list of {}", item.plural()),
            Self::Object(object) => format!("{} as a map", object.what),
            Self::Either(shapes) => shapes.iter().map(Self::expected).collect::<Vec<_>>().join(" or "),
        }
    }

    /// How such a value is written, for people.
    fn example(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Scalar => "a single value".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Whole { .. } => "a number without quotes".to_owned(),
            Self::Span => "a number and a unit, as in `90s`, `10m`, `36h` or `30d`".to_owned(),
            Self::Word(_) => "one of these words".to_owned(),
            Self::Settings | Self::Map(_) => {
                "`name: value` in lines of their own, or `{ name: value }`".to_owned()
            }
            Self::Secret => "`{ env: NAME }` or `{ file: PATH }`".to_owned(),
            Self::List(Self::Object(object)) | Self::NonEmpty(Self::Object(object)) => {
                format!("lines that start with `- `, each {} with {}", object.what, names(object))
            }
            Self::List(_) | Self::NonEmpty(_) => "`[a, b]`, or lines that start with `- `".to_owned(),
            Self::Object(object) => format!("`key: value` with {}", names(object)),
            Self::Either(shapes) => shapes.iter().map(Self::example).collect::<Vec<_>>().join("; or "),
        }
    }

    fn plural(&self) -> &'static str {
        match self {
            Self::Text | Self::Scalar | Self::Span | Self::Word(_) => "texts",
            Self::Object(_) | Self::Map(_) | Self::Settings => "maps",
            _ => "values",
        }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn names(object: &Object) -> String {
    listed(&object.keys.iter().map(|key| key.name).collect::<Vec<_>>())
}
