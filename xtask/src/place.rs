//! Where things are: the project, what is built, and the cache of what takes long to make.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::say::say;

/// The folders that the tasks work in.
pub struct Place {
    /// The project's top folder.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

impl Place {
    /// Finds the project: this package lies right below its top folder.
    ///
    /// # Errors
    /// If the current folder is gone.
    pub fn find() -> Result<Self> {
        // Cargo sets the variable when it runs this program; the built-in value serves one that is
        // started by hand.
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("the xtask package has no folder above it")?.to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => std::path::absolute(target).context("cannot resolve CARGO_TARGET_DIR")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A folder for what the tasks make. It does not follow `CARGO_TARGET_DIR`: the host's build script
    /// and the tests look here.
    pub fn made(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }

    /// A program that cargo built.
    pub fn built(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// Data that belongs to the test control plane.
    pub fn cluster_data(&self) -> PathBuf {
        self.root.join("tests").join("support").join("cluster")
    }
}

/// The folder that outlives the target folder: `RELHOST_CACHE`, or `relhost` in the user's cache folder.
///
/// # Errors
/// If the environment names no folder, or it cannot be created.
pub fn cache() -> Result<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("RELHOST_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|base| base.join("relhost")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache").join("relhost")));
    let Some(cache) = cache else {
        bail!("no folder for the cache: set RELHOST_CACHE (HOME is not set either)");
    };
    let cache = std::path::absolute(&cache).with_context(|| format!("cannot resolve {}", cache.display()))?;
    create_dir(&cache)?;
    Ok(cache)
}

/// Creates a folder and those above it.
///
/// # Errors
/// If that fails; the error names the folder.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot create the folder {}", path.display()))
}

/// The files below a folder, as paths from it.
///
/// # Errors
/// If a folder cannot be listed.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inside) = folders.pop() {
        let path = folder.join(&inside);
        let entries = std::fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
            let inside = inside.join(entry.file_name());
            if entry.path().is_dir() { folders.push(inside) } else { found.push(inside) }
        }
    }
    Ok(found)
}

/// Removes a folder with all that is in it, if it is there.
///
/// # Errors
/// If that fails; the error names the folder.
pub fn remove_dir(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove the folder {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a file, if it is there.
///
/// # Errors
/// If that fails; the error names the file.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file so that a reader sees all of it or nothing.
///
/// # Errors
/// If that fails; the error names the file.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    std::fs::write(&draft, content).with_context(|| format!("cannot write {}", draft.display()))?;
    std::fs::rename(&draft, path).with_context(|| format!("cannot put {} in its place", path.display()))
}

/// Waits until nobody else holds the lock file, and holds it until the value is dropped or the process ends.
///
/// # Errors
/// If the file cannot be opened or locked.
pub fn lock(path: &Path, purpose: &str) -> Result<File> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open the lock file {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => say(format_args!("    waiting for another process: {purpose}")),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
