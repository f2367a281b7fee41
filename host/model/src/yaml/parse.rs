//! From text to the tree: limits, positions, and the parser's errors in our words.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{
    DefaultMessageFormatter, DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, MessageFormatter,
    NonFiniteFloatPolicy, Options, Spanned, budget::BudgetBreach,
};

use super::node::{Entry, Node, Value, join};
use super::problem::{Place, Problem, Problems};

/// The largest file a user writes, in bytes. A pipeline of fifty stages has about fifty thousand.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Lists and maps inside each other. The deepest place of a pipeline that makes sense is about ten deep; the
/// readers recurse.
pub const FILE_DEPTH_MAX: usize = 32;
/// Lists, maps and scalars. Fifty stages with long settings stay below five thousand.
pub const FILE_NODES_MAX: usize = 20_000;
/// Uses of an anchor. Aliases spare repetition, not more; each may stand for a large part of the file.
pub const FILE_ALIASES_MAX: usize = 100;

/// Reads one document. What is wrong but does not keep the rest from being read (a key that is given twice,
/// a merge key) is a problem beside the tree; without a tree there is at least one error.
pub(crate) fn parse(text: &str, file: &str) -> (Option<Node>, Problems) {
    let mut problems = Problems::new(file, text);
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", text.len());
        problems.push(Problem::error("too-large", None, "", message));
        return (None, problems);
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => {
            let node = Builder { text, problems: &mut problems }.node(raw, "");
            (Some(node), problems)
        }
        Err(error) => {
            problems.push(problem_of(&error, text));
            (None, problems)
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_nodes: FILE_NODES_MAX,
            max_events: 4 * FILE_NODES_MAX,
            max_depth: FILE_DEPTH_MAX,
            flow_nesting_limit: FILE_DEPTH_MAX,
            max_aliases: FILE_ALIASES_MAX,
            max_anchors: FILE_ALIASES_MAX,
            max_recorded_anchor_events: 4 * FILE_NODES_MAX,
            max_recorded_anchor_bytes: FILE_BYTES_MAX,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: FILE_NODES_MAX,
            max_replay_stack_depth: FILE_DEPTH_MAX,
        },
        // Both are reported by us, all of them at once and with the file's other problems.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        // `no`, `on` and `0123` are text: a country, a switch, a commit.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // A commit such as `12e4567` is infinite as a number; only where a number is wanted that is a problem.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        null_as_string: true,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    }
}

/// What the parser gives, before what is written is looked up.
enum Raw {
    Null,
    Bool(bool),
    Number(Option<serde_json::Number>),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(Some(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(Some(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(serde_json::Number::from_f64(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

struct Builder<'a> {
    text: &'a str,
    problems: &'a mut Problems,
}

impl Builder<'_> {
    fn node(&mut self, raw: Spanned<Raw>, path: &str) -> Node {
        let place = place_of(raw.referenced, self.text);
        let value = match raw.value {
            Raw::Null => Value::Null { written: !self.written(raw.defined).is_empty() },
            Raw::Bool(value) => Value::Bool { value, written: self.written(raw.defined) },
            Raw::Number(value) => Value::Number { value, written: self.written(raw.defined) },
            Raw::Text(text) => Value::Text(text),
            Raw::List(items) => {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(i, item)| self.node(item, &format!("{path}[{i}]"))).collect())
            }
            Raw::Map(entries) => Value::Map(self.entries(entries, path)),
        };
        Node { place, value }
    }

    fn entries(&mut self, entries: Vec<(Spanned<String>, Spanned<Raw>)>, path: &str) -> Vec<Entry> {
        let mut result: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut seen = std::collections::HashMap::new();
        for (key, value) in entries {
            let place = place_of(key.referenced, self.text);
            let path = join(path, &key.value);
            let value = self.node(value, &path);
            if key.value == "<<" {
                let problem = Problem::error("merge-key", Some(place), &path, "merge keys are not read here");
                self.problems.push(problem.help("write the keys out, or use `clone:` for a stage"));
            } else if let Some(line) = seen.get(&key.value) {
                let message = format!("the key `{}` is given twice; first in line {line}", key.value);
                self.problems.push(Problem::error("duplicate-key", Some(place), &path, message));
            } else {
                seen.insert(key.value.clone(), place.line);
                result.push(Entry { key: key.value, place, value });
            }
        }
        result
    }

    /// What stands in the file for a scalar.
    fn written(&self, location: Location) -> String {
        let place = place_of(location, self.text);
        let text = self.text.get(place.offset..place.offset + place.len).unwrap_or_default();
        // `!!int "7"` has quotes.
        text.trim().trim_matches(['"', '\'']).to_owned()
    }
}

fn place_of(location: Location, text: &str) -> Place {
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
    let place = error.location().map(|location| place_of(location, text));
    let (code, message, help) = describe(original(error));
    let help = help.map(str::to_owned).or_else(|| help_for_line(place?, text));
    Problem::error(code, place, "", message).help_if(help)
}

/// The error itself, without what was wrapped around it.
pub(super) fn original(error: &Error) -> &Error {
    match error.without_snippet() {
        Error::AliasError { error, .. } => original(error),
        error => error,
    }
}

fn describe(error: &Error) -> (&'static str, String, Option<&'static str>) {
    match error {
        Error::Budget { breach, .. } => ("too-large", describe_breach(breach), None),
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            ("too-large", "aliases stand for too much of the file".to_owned(), None)
        }
        Error::MultipleDocuments { .. } => (
            "second-document",
            "the file holds more than one document".to_owned(),
            Some("remove the `---` and what follows it"),
        ),
        Error::UnknownAnchor { .. } => (
            "unknown-anchor",
            "this alias has no anchor".to_owned(),
            Some("put text that starts with `*` in quotes"),
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("unknown-anchor", "this alias stands for what it is a part of".to_owned(), None)
        }
        Error::Unexpected { expected: "string scalar", .. } => {
            ("syntax", "a key is text, not a list or a map".to_owned(), None)
        }
        other => ("syntax", DefaultMessageFormatter.format_message(other).into_owned(), None),
    }
}

pub(super) fn describe_breach(breach: &BudgetBreach) -> String {
    match breach {
        BudgetBreach::Depth { .. } => "lists and maps are too deep inside each other".to_owned(),
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
