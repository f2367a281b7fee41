//! Where the components of a pipeline or a plugin set come from.

use std::collections::BTreeMap;
use std::path::Path;

use super::PLUGINS_MAX;
use super::parsed::{ParsedPlugin, plugins};
use crate::id::PluginName;
use crate::pipeline::PluginSource;
use crate::yaml::{Item, Problems, Text};

/// Reads the `plugins:` map of a file. Paths are joined with `folder`, which is the file's.
pub(crate) fn sources(
    item: Option<&Item<'_>>,
    folder: &Path,
    problems: &mut Problems,
) -> BTreeMap<PluginName, PluginSource> {
    item.map(|item| validated(&plugins(item), folder, problems)).unwrap_or_default()
}

pub(super) fn validated(
    plugins: &[(Text, ParsedPlugin)],
    folder: &Path,
    problems: &mut Problems,
) -> BTreeMap<PluginName, PluginSource> {
    let mut sources = BTreeMap::new();
    for (name, plugin) in plugins {
        let parsed = name.parse(problems);
        let source = source(plugin, folder, problems);
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

fn source(plugin: &ParsedPlugin, folder: &Path, problems: &mut Problems) -> Option<PluginSource> {
    match (&plugin.bundled, &plugin.path) {
        (Some(name), None) => {
            name.parse::<PluginName>(problems).map(|name| PluginSource::Bundled(name.as_str().to_owned()))
        }
        (None, Some(path)) if path.value.is_empty() => {
            let problem = path.error("invalid-value", "the path is empty");
            problems.push(problem.help("name a component's file, relative to this file"));
            None
        }
        (None, Some(path)) => {
            Some(PluginSource::Path(folder.join(&path.value).to_string_lossy().into_owned()))
        }
        // Neither or both: the table has reported it.
        _ => None,
    }
}
