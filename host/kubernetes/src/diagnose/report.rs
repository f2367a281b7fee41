//! A failure as the plugin sees it and a person reads it: the root cause first, then what supports it.

use relhost_model::call::CallError;
use relhost_model::time::Millis;

use crate::status::cause::{Cause, Code};
use crate::status::text::one_line;

/// Further causes that are named; the first one explains most of them.
const ALSO_MAX: usize = 10;
/// Objects that are named in the sentence itself; all are in the details.
const NAMED_MAX: usize = 5;
/// Objects in the details.
const LISTED_MAX: usize = 50;
/// Lines of a log in the sentence itself.
const QUOTED_LINES: usize = 3;
/// Their length: enough for a message, not for a stack trace.
const QUOTED_CHARS: usize = 300;

/// An object that is not ready when the time is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unready {
    /// `Kind/name`.
    pub object: String,
    /// Where it stands.
    pub reason: String,
    /// What is wrong with it, ranked.
    pub causes: Vec<Cause>,
}

/// The failure from causes that are ranked.
#[must_use]
pub fn failed(causes: &[Cause]) -> CallError {
    let Some((root, others)) = causes.split_first() else {
        return CallError::transient(Code::Timeout.word(), "not ready, for a reason that is not known");
    };
    let error = detailed(new(root.code, headline(root)), root);
    others
        .iter()
        .take(ALSO_MAX)
        .fold(error, |error, other| error.with("also", format!("{}: {}", other.object, other.message)))
}

/// The failure from a wait that is over. It says which objects are not ready, and why each.
#[must_use]
pub fn timed_out(after: Millis, unready: &[Unready]) -> CallError {
    let root = unready.iter().flat_map(|object| &object.causes).min_by_key(|cause| cause.code);
    let named: Vec<String> = unready
        .iter()
        .take(NAMED_MAX)
        .map(|object| format!("{}: {}", object.object, object.reason))
        .collect();
    let more = match unready.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let standing = format!("not ready after {after}: {}{more}", named.join("; "));
    let error = match root {
        Some(root) => detailed(new(root.code, format!("{}; {standing}", headline(root))), root),
        None => new(Code::Timeout, standing),
    };
    unready.iter().take(LISTED_MAX).fold(error.with("timeout", after.to_string()), |error, object| {
        let why = object.causes.first().map_or_else(String::new, |cause| format!(": {}", cause.message));
        error.with("not-ready", format!("{}: {}{why}", object.object, object.reason))
    })
}

fn new(code: Code, message: String) -> CallError {
    match code.may_pass() {
        true => CallError::transient(code.word(), message),
        false => CallError::permanent(code.word(), message),
    }
}

/// The cause, its object, and the last words of the container.
fn headline(cause: &Cause) -> String {
    let head = format!("{} ({})", cause.message.trim_end_matches('.'), cause.object);
    let log = cause.facts("log").next().or_else(|| cause.facts("termination-message").next());
    match log.map(quoted).filter(|quoted| !quoted.is_empty()) {
        Some(quoted) => format!("{head}; last lines: {quoted}"),
        None => head,
    }
}

fn quoted(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    one_line(&lines[lines.len().saturating_sub(QUOTED_LINES)..].join(" | "), QUOTED_CHARS)
}

fn detailed(error: CallError, cause: &Cause) -> CallError {
    let mut error = error.with("object", &cause.object);
    for (name, value) in [("pod", &cause.pod), ("container", &cause.container)] {
        if let Some(value) = value {
            error = error.with(name, value);
        }
    }
    if let Some(since) = cause.since {
        error = error.with("since", since.to_string());
    }
    cause.evidence.iter().fold(error, |error, fact| error.with(fact.name, &fact.value))
}
