//! Plugin sets: a file that names components and is put over a pipeline's own `plugins:`.

use std::collections::BTreeMap;

use crate::id::PluginName;
use crate::pipeline::PluginSource;
use crate::yaml::{Problem, Problems};

/// Reads a plugin set file. Paths are joined with the file's folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, file: &str) -> Result<BTreeMap<PluginName, PluginSource>, Problems> {
    let mut problems = Problems::new(file, text);
    problems.push(Problem::error("not-built", None, "", "reading plugin sets is being built"));
    Err(problems)
}
