//! Reading YAML: the only module that knows the YAML crate.
//!
//! A file a user writes becomes a tree that keeps the place of everything. It is checked against a table of
//! what the file may hold, then hand-written readers go over it, so every problem has a place and all
//! problems of a file are reported at once. Kubernetes manifests are read by [`documents`], with wider limits
//! and the rules of kubectl.

mod check;
mod explain;
mod manifest;
mod node;
mod parse;
mod problem;
mod shape;
pub mod suggest;
#[cfg(test)]
mod tests;

pub(crate) use check::{Use, check};
pub use manifest::{ManifestBudget, documents};
#[cfg(test)]
pub(crate) use node::Entry;
pub(crate) use node::{Item, Node, Text, Value};
pub(crate) use parse::parse;
pub use parse::{FILE_ALIASES_MAX, FILE_BYTES_MAX, FILE_DEPTH_MAX, FILE_NODES_MAX};
pub use problem::{PROBLEMS_SHOWN, Place, Problem, Problems, Severity, Warnings};
pub(crate) use shape::{Key, Object, Rule, SECRET, Shape, optional, required};
