//! Where the components of a pipeline or a plugin set come from.

use std::collections::BTreeMap;

use super::PLUGINS_MAX;
use super::parsed::{ParsedPlugin, plugins};
use crate::id::PluginName;
use crate::pipeline::PluginSource;
use crate::yaml::{Item, Problems, Text};

/// Reads the `plugins:` map of a file. Paths are joined with the file's folder.
pub(crate) fn sources(
    item: Option<&Item<'_>>,
    file: &str,
    problems: &mut Problems,
) -> BTreeMap<PluginName, PluginSource> {
    item.map(|item| validated(&plugins(item), file, problems)).unwrap_or_default()
}

pub(super) fn validated(
    plugins: &[(Text, ParsedPlugin)],
    file: &str,
    problems: &mut Problems,
) -> BTreeMap<PluginName, PluginSource> {
    let mut sources = BTreeMap::new();
    for (name, plugin) in plugins {
        let parsed = name.parse(problems);
        let source = source(plugin, file, problems);
        if let (Some(name), Some(source)) = (parsed, source) {
            sources.insert(name, source);
        }
    }
    if let Some((name, _)) = plugins.get(PLUGINS_MAX) {
        let problem = name.error("too-many", format!("more than {PLUGINS_MAX} plugins"));
        problems.push(problem.help("remove those that nothing uses"));
    }
    sources
}

fn source(plugin: &ParsedPlugin, file: &str, problems: &mut Problems) -> Option<PluginSource> {
    match (&plugin.bundled, &plugin.path) {
        (Some(name), None) => {
            name.parse::<PluginName>(problems).map(|name| PluginSource::Bundled(name.as_str().to_owned()))
        }
        (None, Some(path)) if path.value.is_empty() => {
            let problem = path.error("invalid-value", "the path is empty");
            problems.push(problem.help("name a component's file, relative to this file"));
            None
        }
        (None, Some(path)) => Some(PluginSource::Path(beside(file, &path.value))),
        // Neither or both: the table has reported it.
        _ => None,
    }
}

/// A path that is relative to a file.
fn beside(file: &str, path: &str) -> String {
    let folder = std::path::Path::new(file).parent().unwrap_or(std::path::Path::new(""));
    folder.join(path).to_string_lossy().into_owned()
}
