//! A YAML document as a tree that keeps the place of everything.

use serde_json::Value as Json;

use super::problem::{Place, Problem, Problems};
use crate::id::{InvalidId, NAME_ADVICE};
use crate::time::{InvalidSpan, SPAN_ADVICE};

/// One value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A value. Scalars that are not text keep what stands in the file: `1.10` is not `1.1` to a person.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null {
        /// True for `null` and `~`, false where nothing stands.
        written: bool,
    },
    Bool {
        value: bool,
        written: String,
    },
    Number {
        /// `None` if it is not finite.
        value: Option<serde_json::Number>,
        written: String,
    },
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null { .. })
    }

    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null { .. } => "nothing",
            Value::Bool { .. } => "a boolean",
            Value::Number { .. } => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The value of a key, unless it is null.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    /// Removes a key.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Value::Map(entries) = &mut self.value {
            entries.retain(|entry| entry.key != key);
        }
    }

    /// Puts other items into the list of a key that is there.
    pub(crate) fn replace(&mut self, key: &str, items: Vec<Self>) {
        let Value::Map(entries) = &mut self.value else { return };
        if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
            entry.value.value = Value::List(items);
        }
    }

    /// This value changed by a JSON merge patch (RFC 7386): maps are merged, null removes a key, anything
    /// else replaces. What stays keeps its place.
    pub(crate) fn merged(self, patch: &Self) -> Self {
        let Value::Map(changes) = &patch.value else { return patch.clone() };
        let mut entries = match self.value {
            Value::Map(entries) => entries,
            _ => Vec::new(),
        };
        for change in changes {
            let position = entries.iter().position(|entry| entry.key == change.key);
            let before = position.map(|position| entries.remove(position).value);
            if change.value.is_null() {
                continue;
            }
            let before = before.unwrap_or(Self { place: patch.place, value: Value::Null { written: false } });
            let value = before.merged(&change.value);
            let merged = Entry { key: change.key.clone(), place: change.place, value };
            entries.insert(position.unwrap_or(entries.len()), merged);
        }
        Self { place: patch.place, value: Value::Map(entries) }
    }

    /// The value as JSON. A number that is not finite is a problem.
    pub(crate) fn to_json(&self, path: &str, problems: &mut Problems) -> Json {
        match &self.value {
            Value::Null { .. } => Json::Null,
            Value::Bool { value, .. } => Json::Bool(*value),
            Value::Number { value: Some(number), .. } => Json::Number(number.clone()),
            Value::Number { value: None, written } => {
                let message = format!("`{written}` is not a number that settings can hold");
                let problem = Problem::error("not-finite", Some(self.place), path, message);
                problems.push(problem.help("put it in quotes if it is meant as text"));
                Json::Null
            }
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => {
                let items = items.iter().enumerate();
                Json::Array(items.map(|(i, item)| item.to_json(&format!("{path}[{i}]"), problems)).collect())
            }
            Value::Map(entries) => {
                let mut map = serde_json::Map::new();
                for entry in entries {
                    let value = entry.value.to_json(&join(path, &entry.key), problems);
                    map.insert(entry.key.clone(), value);
                }
                Json::Object(map)
            }
        }
    }
}

/// The way to a key below a path.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A node with the way to it: what readers go over. They assume that the shape was checked, so a value of
/// the wrong kind is simply not there: the check has reported it.
#[derive(Debug, Clone)]
pub(crate) struct Item<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
}

/// Text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) place: Place,
    pub(crate) path: String,
}

impl<'a> Item<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        self.node.get(key).map(|node| Self { node, path: join(&self.path, key) })
    }

    pub(crate) fn list(&self) -> Vec<Self> {
        let Value::List(items) = &self.node.value else { return Vec::new() };
        let items = items.iter().enumerate();
        items.map(|(i, node)| Self { node, path: format!("{}[{i}]", self.path) }).collect()
    }

    /// The entries of a map, keys with their places.
    pub(crate) fn entries(&self) -> Vec<(Text, Self)> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        let entries = entries.iter().map(|entry| {
            let path = join(&self.path, &entry.key);
            let key = Text { value: entry.key.clone(), place: entry.place, path: path.clone() };
            (key, Self { node: &entry.value, path })
        });
        entries.collect()
    }

    /// The items of a list, or the node itself where a list may be left out.
    pub(crate) fn one_or_more(&self) -> Vec<Self> {
        if matches!(self.node.value, Value::List(_)) { self.list() } else { vec![self.clone()] }
    }

    pub(crate) fn text(&self) -> Option<Text> {
        match &self.node.value {
            Value::Text(text) => Some(self.as_text(text)),
            _ => None,
        }
    }

    /// Text, or a number or boolean as it is written.
    pub(crate) fn scalar(&self) -> Option<Text> {
        match &self.node.value {
            Value::Text(text) => Some(self.as_text(text)),
            Value::Bool { written, .. } | Value::Number { written, .. } => Some(self.as_text(written)),
            Value::Null { .. } | Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.node.value {
            Value::Bool { value, .. } => Some(value),
            _ => None,
        }
    }

    pub(crate) fn whole(&self) -> Option<u64> {
        match &self.node.value {
            Value::Number { value, .. } => value.as_ref().and_then(serde_json::Number::as_u64),
            _ => None,
        }
    }

    /// A problem at this place.
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::error(code, Some(self.node.place), &self.path, message)
    }

    fn as_text(&self, value: &str) -> Text {
        Text { value: value.to_owned(), place: self.node.place, path: self.path.clone() }
    }
}

impl Text {
    /// A problem at this place.
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>) -> Problem {
        Problem::error(code, Some(self.place), &self.path, message)
    }

    /// The text as something that has its own rules; a problem if it breaks them.
    pub(crate) fn parse<T>(&self, problems: &mut Problems) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: Advice,
    {
        match self.value.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                problems.push(self.error("invalid-value", error.to_string()).help(T::Err::ADVICE));
                None
            }
        }
    }
}

/// The rules that a text has broken, for people.
pub(crate) trait Advice: std::fmt::Display {
    /// One line.
    const ADVICE: &'static str;
}

impl Advice for InvalidId {
    const ADVICE: &'static str = NAME_ADVICE;
}

impl Advice for InvalidSpan {
    const ADVICE: &'static str = SPAN_ADVICE;
}
