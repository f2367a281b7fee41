//! Reading YAML: the only module that knows the YAML crate.
//!
//! A file a user writes is read into a [`Node`] tree that keeps the place of everything. Hand-written
//! readers go over that tree, so every problem has a place, and all problems of a file are reported at once.
//! Kubernetes manifests are read by [`documents`], with wider limits and the rules of kubectl.

mod problem;
pub mod suggest;

pub use problem::{PROBLEMS_SHOWN, Place, Problem, Problems, Severity, Warnings};

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

/// Reads the documents of a manifest file, as kubectl would, but refuses a key that is given twice. Empty
/// documents are left out. The problems carry no file name: see [`Problems::in_file`].
///
/// # Errors
/// If the text is not well-formed or exceeds the budget.
pub fn documents(text: &str, budget: &ManifestBudget) -> Result<Vec<serde_json::Value>, Problems> {
    serde_saphyr::from_multiple(text).map_err(|error| {
        let mut problems = if budget.show_source {
            Problems::new("manifest", text)
        } else {
            Problems::without_source("manifest")
        };
        problems.push(Problem::error("syntax", None, "", error.without_snippet().to_string()));
        problems
    })
}
