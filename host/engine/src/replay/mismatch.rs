//! What a person is told when a component does something else than it did before.

use relhost_model::call::{CallError, HostCall};
use relhost_model::time::Timestamp;
use serde_json::Value;

use super::program::{Program, Step};

/// How many calls that agreed are shown before the one that does not.
const CONTEXT: usize = 5;
/// Values longer than this are cut in messages.
const VALUE_MAX: usize = 200;

/// The component does something else than the journal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The call's index.
    pub ordinal: u32,
    /// What was recorded: operation, and when.
    pub recorded: Option<(String, Timestamp)>,
    /// What is asked for now; `None` if the component returned.
    pub requested: Option<String>,
    /// The arguments that differ.
    pub diff: Vec<FieldDiff>,
    /// The last calls that agreed, oldest first.
    pub last: Vec<String>,
}

/// One argument that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDiff {
    /// Where, for example `/deploy/images/0`.
    pub path: String,
    /// What was recorded.
    pub recorded: String,
    /// What is asked for now.
    pub requested: String,
}

impl Mismatch {
    /// Another call than the recorded one.
    #[must_use]
    pub fn other_call(program: &Program, ordinal: u32, call: &HostCall) -> Self {
        let step = usize::try_from(ordinal).ok().and_then(|index| program.steps.get(index));
        let mut diff = Vec::new();
        if let Some(step) = step {
            compare("", &json(&step.call), &json(call), &mut diff);
        }
        Self {
            ordinal,
            recorded: step.map(|step| (step.operation.clone(), step.at)),
            requested: Some(call.operation().to_owned()),
            diff,
            last: agreed(program, ordinal),
        }
    }

    /// The component returned although calls are recorded.
    #[must_use]
    pub fn returned_early(program: &Program, ordinal: u32) -> Self {
        let step = usize::try_from(ordinal).ok().and_then(|index| program.steps.get(index));
        Self {
            ordinal,
            recorded: step.map(|step| (step.operation.clone(), step.at)),
            requested: None,
            diff: Vec::new(),
            last: agreed(program, ordinal),
        }
    }
}

fn agreed(program: &Program, ordinal: u32) -> Vec<String> {
    let end = usize::try_from(ordinal).unwrap_or(usize::MAX).min(program.steps.len());
    let line = |(index, step): (usize, &Step)| format!("{index}: {} at {}", step.operation, step.at);
    program.steps[..end].iter().enumerate().skip(end.saturating_sub(CONTEXT)).map(line).collect()
}

fn json(call: &HostCall) -> Value {
    serde_json::to_value(call).unwrap_or_default()
}

fn compare(path: &str, recorded: &Value, requested: &Value, diff: &mut Vec<FieldDiff>) {
    match (recorded, requested) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                compare(&format!("{path}/{key}"), a, b, diff);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(index).unwrap_or(&Value::Null), b.get(index).unwrap_or(&Value::Null));
                compare(&format!("{path}/{index}"), a, b, diff);
            }
        }
        (a, b) if a == b => {}
        (a, b) => diff.push(FieldDiff { path: path.into(), recorded: cut(a), requested: cut(b) }),
    }
}

fn cut(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_MAX {
        return text;
    }
    let start: String = text.chars().take(VALUE_MAX).collect();
    format!("{start}...")
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let recorded = self.recorded.as_ref().map_or("nothing", |(operation, _)| operation);
        match &self.requested {
            Some(requested) if requested == recorded => {
                write!(f, "call {} differs from the journal in its arguments ({requested})", self.ordinal)
            }
            Some(requested) => {
                write!(f, "call {} is {requested}, but the journal has {recorded}", self.ordinal)
            }
            None => {
                write!(f, "the component returned before call {} ({recorded}) of the journal", self.ordinal)
            }
        }
    }
}

impl From<Mismatch> for CallError {
    fn from(mismatch: Mismatch) -> Self {
        let mut error = Self::permanent("replay-mismatch", mismatch.to_string());
        for field in &mismatch.diff {
            let text = format!("recorded {}, requested {}", field.recorded, field.requested);
            error = error.with(&field.path, text);
        }
        if let Some((_, at)) = &mismatch.recorded {
            error = error.with("recorded at", at.to_string());
        }
        for line in &mismatch.last {
            error = error.with("agreed", line.clone());
        }
        error.with(
            "help",
            "the component is not deterministic, or the journal was changed; `relhost release retry` replays it \
             again, `relhost release abort` ends the run",
        )
    }
}
