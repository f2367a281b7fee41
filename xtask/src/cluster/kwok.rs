//! KWOK's configuration: the stage files of `tests/support/cluster/stages/`, made into one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Stands for the folder of the data, which a stage cannot know.
const DATA: &str = "@DATA@";

/// One text of all stage files, in the order of their names.
///
/// # Errors
/// If a file cannot be read.
pub fn configuration(data: &Path) -> Result<String> {
    let mut text = String::new();
    for file in stage_files(data)? {
        let stage = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        text.push_str("---\n");
        text.push_str(&stage.replace(DATA, &data.to_string_lossy()));
    }
    Ok(text)
}

fn stage_files(data: &Path) -> Result<Vec<PathBuf>> {
    let folder = data.join("stages");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_every_stage_and_no_placeholder() {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/cluster");
        let text = configuration(&data).unwrap();
        for stage in
            ["node-ready", "pod-start", "pod-delete", "pod-image-pull", "pod-crash", "service-address-ip"]
        {
            assert!(text.contains(&format!("name: {stage}\n")), "{stage}");
        }
        assert!(!text.contains(DATA));
        assert!(text.contains("cluster/logs/app.log"));
    }
}
