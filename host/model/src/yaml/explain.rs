//! The parser's places and errors in our words, with a help for each.

use serde_saphyr::{DefaultMessageFormatter, Error, Location, MessageFormatter, budget::BudgetBreach};

use super::problem::{Place, Problem};

/// What helps against every one of the limits of a file.
pub(super) const SMALLER: &str = "move what is large into files of the artifact, or into a second file";

/// The place of a byte.
pub(super) fn place_at(text: &str, offset: usize) -> Place {
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    Place { line, column: before[start..].chars().count() + 1, offset, len: 0 }
}

/// A carriage return that is no part of a line's end. To YAML it ends a line; to editors, and to whoever shows a line
/// here, it does not, so every line behind it would have another number.
pub(super) fn bare_return(text: &str) -> Option<usize> {
    text.match_indices('\r').map(|(at, _)| at).find(|at| !text[at + 1..].starts_with('\n'))
}

pub(super) fn place_of(location: Location, text: &str) -> Place {
    let span = location.span();
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (offset, len) = match (span.byte_offset(), span.byte_len()) {
        (Some(offset), Some(len)) => (whole(offset), whole(len)),
        // Errors of the scanner count in characters only.
        _ => (text.char_indices().nth(whole(span.offset())).map_or(text.len(), |(offset, _)| offset), 0),
    };
    let offset = offset.min(text.len());
    let line = whole(location.line()).max(1);
    Place { line, column: whole(location.column()).max(1), offset, len: len.min(text.len() - offset) }
}

/// An error of the parser as a problem. It may quote the text.
pub(super) fn problem_of(error: &Error, text: &str) -> Problem {
    let mut place = error.location().map(|location| place_of(location, text));
    if let Some(place) = place.as_mut().filter(|_| bare_return(text).is_some()) {
        *place = Place { len: place.len, ..place_at(text, text.floor_char_boundary(place.offset)) };
    }
    let (code, message, help) = describe(original(error));
    let help = help.map(str::to_owned).or_else(|| help_for_line(place?, text));
    let help =
        help.unwrap_or_else(|| "look for a missing quote, bracket, colon or space before it".to_owned());
    Problem::error(code, place, "", message).help(help)
}

/// The error itself, without what was wrapped around it.
pub(super) fn original(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => original(error),
        error => error,
    }
}

/// What the parser beneath says where `[` and `{` are too deep inside each other. It has no error of its own.
const FLOW_DEPTH: &str = "recursion limit exceeded";
const TOO_DEEP: &str = "lists and maps are too deep inside each other";

pub(super) fn describe(error: &Error) -> (&'static str, String, Option<&'static str>) {
    match error {
        Error::Budget { breach, .. } => ("too-large", describe_breach(breach), Some(SMALLER)),
        Error::ExternalMessage { msg, .. } if msg == FLOW_DEPTH => {
            ("too-large", TOO_DEEP.to_owned(), Some(SMALLER))
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "too-large",
            "aliases stand for too much of the file".to_owned(),
            Some("write out what they stand for"),
        ),
        Error::MultipleDocuments { .. } => (
            "second-document",
            "the file holds more than one document".to_owned(),
            Some("remove the `---` and what follows it"),
        ),
        Error::UnsupportedTag { tag, .. } => (
            "unknown-tag",
            format!("the tag `{tag}` means nothing here"),
            Some("write the value without it, or in quotes if `!` is meant as text"),
        ),
        Error::UnknownAnchor { .. } => (
            "unknown-anchor",
            "this alias has no anchor".to_owned(),
            Some("put text that starts with `*` in quotes"),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            let help = "an alias may only repeat what stands complete above it";
            ("unknown-anchor", "this alias stands for what it is a part of".to_owned(), Some(help))
        }
        Error::Unexpected { expected: "string scalar", .. } => (
            "syntax",
            "a key is text, not a list or a map".to_owned(),
            Some("put a key that starts with `[` or `{` in quotes"),
        ),
        other => ("syntax", DefaultMessageFormatter.format_message(other).into_owned(), None),
    }
}

fn describe_breach(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => TOO_DEEP.to_owned(),
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            "the file holds too many values".to_owned()
        }
        BudgetBreach::Documents { .. } => "the file holds too many documents".to_owned(),
        BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. } => {
            "the file holds too many aliases".to_owned()
        }
        other => format!("the file exceeds a limit of the reader ({other:?})"),
    }
}

/// What people get wrong most often, seen in the line where the parser stopped.
fn help_for_line(place: Place, text: &str) -> Option<String> {
    let line = text.lines().nth(place.line - 1)?;
    let start = line.trim_start();
    if line[..line.len() - start.len()].contains('\t') {
        return Some("indent with spaces, not with tabs".to_owned());
    }
    let value = start.split_once(": ").map(|(_, value)| value.trim());
    match value {
        Some(value) if value.contains(": ") => Some("put a value that holds `: ` in quotes".to_owned()),
        Some(value) if value.starts_with(['@', '`', '%']) => {
            Some("put a value that starts with this character in quotes".to_owned())
        }
        _ => None,
    }
}
