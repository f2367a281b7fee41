//! Pipeline files: read, checked, merged.
//!
//! 1. [`crate::yaml`] reads the text into a tree with places.
//! 2. Stages that are clones are merged with their source (a JSON merge patch, RFC 7386), everything but
//!    `environment` and `after`: where a stage deploys to and when it starts is never inherited. Both are
//!    required of a clone. Azure copies the conditions of a cloned stage, and its users then point them
//!    elsewhere by hand; forgetting that starts the copy together with the original.
//! 3. The tree is checked against the table of what a pipeline may hold, and becomes a parsed pipeline:
//!    texts with places, nothing looked up.
//! 4. The parsed pipeline is validated: names, references, the graph of the stages, variables, limits. Only
//!    this makes a [`Pipeline`].
//!
//! All problems of a file are reported at once; a value that one step has reported is left out by the next.
//!
//! When a stage starts must be said for every stage but the first, which starts with the release if it says
//! nothing. A `policy` may be left out: then the host's own `any-one` decides, and it need not be named under
//! `plugins:`. Every other plugin has to be, so that the file says everything a release is made of.

mod approval;
mod clone;
mod graph;
mod parsed;
mod plugin;
mod reference;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use approval::{approvers, policies};
pub(crate) use plugin::sources;

use crate::pipeline::Pipeline;
use crate::yaml::{self, Problems, Warnings};

/// Stages of a pipeline. The longest chains of environments that people show have about a dozen.
pub const STAGES_MAX: usize = 50;
/// Artifacts of a pipeline. Each is copied into the state folder for every release.
pub const ARTIFACTS_MAX: usize = 20;
/// Variables of a pipeline, and again of a stage. Every deployment stores all of them.
pub const VARIABLES_MAX: usize = 500;
/// Bytes of a variable's value: a certificate chain fits, a manifest belongs into the artifact.
pub const VALUE_BYTES_MAX: usize = 32 * 1024;
/// Plugins of a pipeline. Each is compiled and pinned for every release.
pub const PLUGINS_MAX: usize = 100;
/// Policies of one approval. Each is evaluated on every vote.
pub const POLICIES_MAX: usize = 20;
/// Approvers of one approval. Each gets a mail; more people belong into a group.
pub const APPROVERS_MAX: usize = 100;
/// Branch patterns of a trigger.
pub const BRANCHES_MAX: usize = 100;

/// Reads and checks a pipeline file. `file` names it in messages; the paths of plugins are joined with its
/// folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, file: &str) -> Result<(Pipeline, Warnings), Problems> {
    let (node, mut problems) = yaml::parse(text, file);
    let pipeline = node.and_then(|node| {
        let parsed = parsed::parse(node, &mut problems)?;
        validate::Validator { text, file, problems: &mut problems }.pipeline(&parsed)
    });
    problems.finish(pipeline)
}
