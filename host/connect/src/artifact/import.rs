//! Copies an artifact into the state folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use relhost_model::artifact::{ArtifactFile, BuildInfo, FrozenArtifact};
use relhost_model::id::Alias;

use super::open::{Archive, Opened, Source};
use super::read::intact;
use super::sink::Sink;
use super::{ArtifactError, BUILD_FILE, tarball, tree, zipped};

/// The largest `build.yaml`: the reader of YAML takes no more.
const BUILD_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Folders of imports that did not end begin so.
const UNFINISHED: &str = ".import-";

/// Copies the files of an artifact to `into/<digest>/`. A copy that is there already and intact is kept.
/// Nothing is left behind by a failure; what a crash leaves behind, [`sweep`] removes.
///
/// # Errors
/// If the artifact breaks a rule of [`super::ArtifactLimits`] or of names, is damaged, or cannot be stored.
pub fn import(opened: Opened, alias: &Alias, into: &Path) -> Result<FrozenArtifact, ArtifactError> {
    let store = |source| ArtifactError::Store { path: into.to_owned(), source };
    fs::create_dir_all(into).map_err(store)?;
    let draft = Draft::create(into).map_err(store)?;
    let mut sink = Sink::new(&draft.path, opened.limits, &opened.source).map_err(store)?;
    match opened.source {
        Source::Folder(folder) => tree::copy(&folder, &mut sink)?,
        Source::Archive { kind: Archive::Zip, file, .. } => zipped::copy(file, &opened.limits, &mut sink)?,
        Source::Archive { kind: Archive::TarGz, file, .. } => {
            tarball::copy(flate2::read::MultiGzDecoder::new(file), &opened.limits, &mut sink)?;
        }
        Source::Archive { kind: Archive::Tar, file, .. } => {
            tarball::copy(file, &opened.limits, &mut sink)?;
        }
    }
    let mut files = sink.into_files();
    if files.is_empty() {
        return Err(ArtifactError::Empty);
    }
    let build = build_info(&draft.path, &files)?;
    let digest = FrozenArtifact::digest_of(&mut files);
    let frozen = FrozenArtifact { alias: alias.clone(), digest, origin: opened.origin, build, files };
    draft.finish(&into.join(digest.hex()), &frozen).map_err(store)?;
    Ok(frozen)
}

/// Removes what crashed imports left behind. Called once when a state folder is opened, by its owner.
///
/// # Errors
/// If the folder cannot be read or a leftover cannot be removed.
pub fn sweep(into: &Path) -> Result<(), ArtifactError> {
    let store = |source| ArtifactError::Store { path: into.to_owned(), source };
    let entries = match fs::read_dir(into) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(store)?,
    };
    for entry in entries {
        let entry = entry.map_err(store)?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_dir_all(entry.path()).map_err(store)?;
        }
    }
    Ok(())
}

/// A folder beside the final one. Removed when dropped.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn create(into: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = into.join(format!("{UNFINISHED}{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                // A crashed process may have had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created.map(|()| Self { path }),
            }
        }
    }

    /// Gives the folder its final name. The files are durable by then; afterwards the name is too.
    fn finish(self, target: &Path, frozen: &FrozenArtifact) -> io::Result<()> {
        sync_folders(&self.path)?;
        if target.exists() {
            if intact(target, frozen) {
                return Ok(());
            }
            // The copy was damaged after it was made. It is moved away first: at no time does a folder with
            // this name lack files that it once had.
            let damaged = Self::create(target.parent().unwrap_or(target))?;
            fs::rename(target, damaged.path.join("damaged"))?;
        }
        fs::rename(&self.path, target)?;
        sync(target.parent().unwrap_or(target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After `finish` nothing is there; otherwise the next `sweep` tries again.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Makes the names in a folder durable, and those below it.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    sync(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    // Only Unix lets a folder be opened for this; elsewhere the file system does it by itself.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

fn build_info(draft: &Path, files: &[ArtifactFile]) -> Result<BuildInfo, ArtifactError> {
    let Some(file) = files.iter().find(|file| file.path == BUILD_FILE) else {
        return Ok(BuildInfo::default());
    };
    if file.size > BUILD_FILE_BYTES_MAX {
        let what = format!("`{BUILD_FILE}` has more than {BUILD_FILE_BYTES_MAX} bytes");
        return Err(ArtifactError::TooLarge { what });
    }
    let path = draft.join(BUILD_FILE);
    let bytes = fs::read(&path).map_err(|source| ArtifactError::Store { path, source })?;
    let text = String::from_utf8(bytes).map_err(|_| ArtifactError::broken("`build.yaml` is not UTF-8"))?;
    relhost_model::build_file::read(&text, BUILD_FILE).map_err(ArtifactError::Build)
}
