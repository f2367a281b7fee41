//! Reads manifests, module lists and import lines. Text is enough: the compiler checks the rest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A crate of the workspace.
pub struct Crate {
    /// Its package name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The names in its dependency tables, development ones apart.
    pub dependencies: Vec<String>,
    /// The names in its table of development dependencies.
    pub dev_dependencies: Vec<String>,
}

/// Every crate below a root, by its manifest. Fixtures and build output are left out.
pub fn crates(root: &Path) -> Vec<Crate> {
    let manifests = files(root, "toml").into_iter().filter(|path| path.ends_with("Cargo.toml"));
    manifests.filter_map(|path| read_crate(&path)).collect()
}

fn read_crate(manifest: &Path) -> Option<Crate> {
    let text = std::fs::read_to_string(manifest).ok()?;
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut table, mut name) = (String::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']').trim_matches('[').to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.split('.').next().unwrap_or_default().trim().trim_matches('"').to_owned();
            if table == "package" && key == "name" {
                name = Some(value.trim().trim_matches('"').to_owned());
            }
            tables.entry(table.clone()).or_default().push(key);
        }
    }
    let mut take = |table: &str| tables.remove(table).unwrap_or_default();
    let mut dependencies = take("dependencies");
    dependencies.extend(take("build-dependencies"));
    let dev_dependencies = take("dev-dependencies");
    Some(Crate { name: name?, folder: manifest.parent()?.to_owned(), dependencies, dev_dependencies })
}

/// Every file with an ending below a folder. Below the workspace's root, fixtures and build output are
/// left out; a fixture itself is read whole.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !["target", "fixtures", "wit-frozen", "node_modules"].contains(&name.as_str())
                    && !name.starts_with('.')
                {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The modules that a file declares, in order.
pub fn modules(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start();
            let rest = line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod "))?;
            rest.strip_suffix(';').map(str::to_owned)
        })
        .collect()
}

/// The part of a file before its inline tests.
pub fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}
