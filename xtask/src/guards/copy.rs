//! A copy of the sources as they are, and of what was built of their dependencies.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::command::output;
use crate::place::{create_dir, files_below, remove_file};

/// Brings a folder to the state of the project's files: those that git knows and those it does not ignore. A file
/// whose bytes are the same is left alone, so that cargo builds only what differs.
///
/// # Errors
/// If git or a file fails.
pub fn sources(root: &Path, copy: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.current_dir(root).args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = output(&mut list)?;
    let files: Vec<&str> = listed.lines().filter(|file| root.join(file).is_file()).collect();
    for file in &files {
        same(&root.join(file), &copy.join(file))?;
    }
    for stale in files_below(copy)?.into_iter().filter(|path| !root.join(path).is_file()) {
        remove_file(&copy.join(stale))?;
    }
    Ok(())
}

/// Writes a file if its bytes differ.
///
/// # Errors
/// If it cannot be read or written.
pub fn same(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if std::fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    create_dir(to.parent().context("a file lies in a folder")?)?;
    std::fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))
}

/// Gives a target folder what another one has built, by links: packages from registries are the same for both, and
/// compiling them again would take longer than all mutations together. Done once.
///
/// # Errors
/// If a file cannot be linked.
pub fn built(from: &Path, to: &Path) -> Result<()> {
    if to.exists() || !from.exists() {
        return Ok(());
    }
    let draft = to.with_extension("draft");
    for folder in ["deps", "build", ".fingerprint"] {
        let from = from.join(folder);
        if !from.exists() {
            continue;
        }
        for file in files_below(&from)? {
            let target = draft.join(folder).join(&file);
            create_dir(target.parent().context("a file lies in a folder")?)?;
            // What cargo writes in place must not be shared: that is small, and so is copied.
            let shared = folder == "deps";
            let put = if shared { std::fs::hard_link } else { |from: PathBuf, to: PathBuf| copy(&from, &to) };
            match put(from.join(&file), target) {
                // Another build may remove a file meanwhile.
                Err(error)
                    if error.kind() != std::io::ErrorKind::NotFound
                        && error.kind() != std::io::ErrorKind::AlreadyExists =>
                {
                    return Err(error).with_context(|| format!("cannot link {}", file.display()));
                }
                _ => {}
            }
        }
    }
    std::fs::rename(&draft, to).with_context(|| format!("cannot put {} in its place", to.display()))
}

/// With the time of the original, by which cargo knows that it is fresh.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    let modified = std::fs::metadata(from)?.modified()?;
    std::fs::File::options().write(true).open(to)?.set_modified(modified)
}
