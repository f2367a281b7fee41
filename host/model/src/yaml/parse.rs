//! From text to the tree, within limits.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Options, Spanned};

use super::explain::{SMALLER, bare_return, place_at, place_of, problem_of};
use super::node::{Entry, Node, Value, join};
use super::problem::{Problem, Problems};

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
        // The place is where reading would have to stop.
        let end = (0..=FILE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let place = place_at(text, end);
        problems.push(Problem::error("too-large", Some(place), "", message).help(SMALLER));
        return (None, problems);
    }
    if let Some(at) = bare_return(text) {
        let message = "a carriage return stands without a line feed";
        let problem = Problem::error("line-break", Some(place_at(text, at)), "", message);
        problems.push(problem.help("end lines with a line feed; in double quotes write `\\r`"));
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
            // A second one is refused by the parser, which says so.
            max_documents: 2,
            max_nodes: FILE_NODES_MAX,
            max_events: 4 * FILE_NODES_MAX,
            max_depth: FILE_DEPTH_MAX,
            flow_nesting_limit: FILE_DEPTH_MAX,
            // The number is bounded; that many uses of one anchor are as good as any.
            enforce_alias_anchor_ratio: false,
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
                let problem = Problem::error("duplicate-key", Some(place), &path, message);
                self.problems.push(problem.help("remove one of the two"));
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
