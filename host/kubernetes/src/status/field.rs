//! Reading the fields of an object as the API server sends it. The items of a list have neither `apiVersion`
//! nor `kind`, so both come from what was applied.

use relhost_model::call::AppliedObject;
use relhost_model::time::Timestamp;
use serde_json::Value;

/// Reasons and messages of conditions longer than this help nobody.
pub const MESSAGE_CHARS: usize = 500;

/// An object, seen for one apply of it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// As it was read.
    pub object: &'a Value,
    /// What was applied.
    pub applied: &'a AppliedObject,
}

/// One condition of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// A word.
    pub reason: &'a str,
    /// A sentence.
    pub message: &'a str,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl<'a> Seen<'a> {
    /// `Kind/name`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.applied.kind, self.applied.name)
    }

    /// The group of its API.
    #[must_use]
    pub fn group(&self) -> &'a str {
        self.applied.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// A value by its JSON pointer.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.object.pointer(pointer)
    }

    /// A text by its JSON pointer; empty if it is not there.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &'a str {
        text(self.object, pointer)
    }

    /// A number by its JSON pointer. Kubernetes leaves out a zero.
    #[must_use]
    pub fn count(&self, pointer: &str) -> i64 {
        self.at(pointer).and_then(number).unwrap_or(0)
    }

    /// How many replicas are wanted. Without a number it is one.
    #[must_use]
    pub fn replicas(&self) -> i64 {
        self.at("/spec/replicas").and_then(number).unwrap_or(1)
    }

    /// The generation that counts: the one the apply returned, else the object's own.
    #[must_use]
    pub fn wanted_generation(&self) -> Option<i64> {
        self.applied.generation.or_else(|| self.at("/metadata/generation").and_then(number))
    }

    /// Whether the object that was read is as old as before the apply.
    #[must_use]
    pub fn is_older_than_apply(&self) -> bool {
        match (self.at("/metadata/generation").and_then(number), self.applied.generation) {
            (Some(read), Some(applied)) => read < applied,
            _ => false,
        }
    }

    /// Whether its status is about what was applied. `None` if the status does not say.
    #[must_use]
    pub fn is_observed(&self) -> Option<bool> {
        let observed = self.at("/status/observedGeneration").and_then(number)?;
        Some(self.wanted_generation().is_none_or(|wanted| observed >= wanted))
    }

    /// A condition, unless it says of itself that it is about an older generation.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<Condition<'a>> {
        let conditions = self.at("/status/conditions")?.as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == kind)?;
        let observed = found.get("observedGeneration").and_then(number);
        let old = observed.zip(self.wanted_generation()).is_some_and(|(observed, wanted)| observed < wanted);
        (!old).then(|| Condition {
            status: text(found, "/status"),
            reason: text(found, "/reason"),
            message: text(found, "/message"),
            since: time(found, "/lastTransitionTime"),
        })
    }
}

impl Condition<'_> {
    /// Whether its status is this one.
    #[must_use]
    pub fn is(&self, status: &str) -> bool {
        self.status == status
    }

    /// Reason and message as one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let text = match (self.reason, self.message) {
            ("", message) => message.to_owned(),
            (reason, "") => reason.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        };
        super::text::one_line(&text, MESSAGE_CHARS)
    }
}

/// A number, which some controllers write as text.
#[must_use]
pub fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A text by its JSON pointer; empty if it is not there.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list by its JSON pointer; empty if it is not there.
#[must_use]
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A time by its JSON pointer.
#[must_use]
pub fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text(value, pointer).parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp)
}
