//! Reads manifests, module lists and import lines. Text is enough: the compiler checks the rest.

use std::path::{Path, PathBuf};

/// A crate of the workspace.
pub struct Crate {
    /// Its package name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The names in its dependency tables, those of single targets too, development ones apart.
    pub dependencies: Vec<String>,
    /// The names in its tables of development dependencies.
    pub dev_dependencies: Vec<String>,
    /// The files that declare its modules.
    pub roots: Vec<PathBuf>,
}

/// Every crate below a root, by its manifest. Fixtures and build output are left out.
pub fn crates(root: &Path) -> Vec<Crate> {
    let manifests = files(root, "toml").into_iter().filter(|path| path.ends_with("Cargo.toml"));
    manifests.filter_map(|path| read_crate(&path)).collect()
}

fn read_crate(manifest: &Path) -> Option<Crate> {
    let (text, folder) = (std::fs::read_to_string(manifest).ok()?, manifest.parent()?.to_owned());
    let (mut dependencies, mut dev_dependencies) = (Vec::new(), Vec::new());
    let (mut table, mut name) = (String::new(), None);
    let mut roots = vec![folder.join("src/lib.rs"), folder.join("src/main.rs")];
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']').trim_matches('[').to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let key = key.split('.').next().unwrap_or_default().trim().trim_matches('"').to_owned();
            let value = value.trim().trim_matches('"');
            // A table of one target ends like the one of all of them.
            match (table.as_str(), key.as_str()) {
                ("package", "name") => name = Some(value.to_owned()),
                ("lib", "path") => roots.push(folder.join(value)),
                (table, _) if table.ends_with("dev-dependencies") => dev_dependencies.push(key),
                (table, _) if table.ends_with("dependencies") => dependencies.push(key),
                _ => {}
            }
        }
    }
    roots.retain(|root| root.is_file());
    Some(Crate { name: name?, folder, dependencies, dev_dependencies, roots })
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

/// The modules of its own crate that code (not a comment) names after `crate::`, alone or in a group.
pub fn own_modules(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let other = |before: char| before.is_alphanumeric() || matches!(before, '_' | '$');
    let paths = code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with(other));
    paths.flat_map(|(at, found)| first_words(&code[at + found.len()..])).map(str::to_owned).collect()
}

/// The first word of a path, or of each path of a group.
fn first_words(path: &str) -> Vec<&str> {
    let word = |text: &str| text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let Some(group) = path.strip_prefix('{') else { return vec![&path[..word(path)]] };
    let (mut words, mut depth, mut begins) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && !c.is_whitespace() => {
                words.push(&group[at..at + word(&group[at..])]);
                begins = false;
            }
            _ => {}
        }
    }
    words
}

/// The part of a file before its inline tests.
pub fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}
