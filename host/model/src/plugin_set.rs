//! Plugin sets: a file that names components and is put over a pipeline's own `plugins:`, by name.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use crate::definition::{sources, table};
use crate::id::PluginName;
use crate::pipeline::PluginSource;
use crate::yaml::{Item, Object, Problems, Rule, Shape, Use, check, parse, required};

pub(crate) static PLUGIN_SET: Object = Object {
    what: "a plugin set",
    keys: &[required("plugins", "The components by name.", table::PLUGINS)],
    rule: Rule::None,
};

/// Reads a plugin set file. Paths are joined with the file's folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, file: &str) -> Result<BTreeMap<PluginName, PluginSource>, Problems> {
    static FILE: Shape = Shape::Object(&PLUGIN_SET);
    let (node, mut problems) = parse(text, file);
    let plugins = node.map(|node| {
        check(&node, &FILE, Use::Whole, "", &mut problems);
        let folder = Path::new(file).parent().unwrap_or(Path::new(""));
        sources(Item::root(&node).get("plugins").as_ref(), folder, &mut problems)
    });
    problems.finish(plugins).map(|(plugins, _)| plugins)
}
