//! Kubernetes manifests: many documents, wide limits, kubectl's reading of scalars.

use serde_json::{Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Error, MergeKeyPolicy, NonFiniteFloatPolicy, Options};

use super::explain::{describe, original, problem_of};
use super::problem::{Problem, Problems};

/// How much a set of manifests may hold, and whether its text may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestBudget {
    /// Bytes of text.
    pub bytes: usize,
    /// Documents.
    pub documents: usize,
    /// Lists, maps and scalars of all documents together.
    pub nodes: usize,
    /// Lists and maps inside each other.
    pub depth: usize,
    /// Whether problems may quote the text. `false` where a Secret may be in it.
    pub show_source: bool,
}

impl Default for ManifestBudget {
    /// Generated bundles of custom resource definitions reach thousands of documents and megabytes.
    fn default() -> Self {
        Self { bytes: 64 * 1024 * 1024, documents: 20_000, nodes: 5_000_000, depth: 512, show_source: true }
    }
}

/// Reads the documents of a manifest file as kubectl would: `yes` is a boolean, `0644` is octal, `1e3` is a
/// whole number, empty documents are left out. Stricter in two things: a key that is given twice and a number
/// that is not finite are errors. The problems carry no file name: see [`Problems::in_file`].
///
/// # Errors
/// If the text is not well-formed or exceeds the budget.
pub fn documents(text: &str, budget: &ManifestBudget) -> Result<Vec<Value>, Problems> {
    let mut problems = if budget.show_source {
        Problems::new("manifest", text)
    } else {
        Problems::without_source("manifest")
    };
    if text.len() > budget.bytes {
        let message = format!("the manifests have {} bytes; at most {} are read", text.len(), budget.bytes);
        problems.push(Problem::error("too-large", None, "", message).help("deploy them in several steps"));
        return Err(problems);
    }
    let mut documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options(budget)).map_err(|error| {
            let problem = problem_of(&error, text);
            problems.push(if budget.show_source { problem } else { discreet(&error, problem) });
            problems
        })?;
    documents.iter_mut().for_each(whole_numbers);
    Ok(documents)
}

fn options(budget: &ManifestBudget) -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: budget.documents,
            max_nodes: budget.nodes,
            max_events: budget.nodes.saturating_mul(4),
            max_depth: budget.depth,
            flow_nesting_limit: budget.depth,
            // Generated files use one anchor hundreds of times; what aliases stand for counts as nodes.
            enforce_alias_anchor_ratio: false,
            max_total_scalar_bytes: budget.bytes,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        legacy_octal_numbers: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        emit_comments: false,
        with_snippet: false,
    }
}

/// A problem without a word of the text: messages of the parser quote keys and values.
fn discreet(error: &Error, problem: Problem) -> Problem {
    let message = match original(error) {
        Error::DuplicateMappingKey { .. } => "a key is given twice".to_owned(),
        Error::NonFiniteFloat { .. } => "a number is not finite".to_owned(),
        other => match describe(other) {
            ("too-large", message, _) => message,
            _ => "this is not well-formed YAML".to_owned(),
        },
    };
    Problem { message, help: None, ..problem }
}

/// The largest whole number that a float holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Whole numbers that are written as floats (`1e3`, `08`, `2.0`) become integers, as in kubectl's JSON.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() <= EXACT_MAX {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the exact range")]
                let whole = float as i64;
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(entries) => entries.values_mut().for_each(whole_numbers),
        _ => {}
    }
}
