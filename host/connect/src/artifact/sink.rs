//! Where the files of an artifact go: names are checked, bytes are counted and hashed on their way.

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use relhost_model::artifact::ArtifactFile;
use relhost_model::digest::Digest;
use sha2::Digest as _;

use super::ArtifactError;
use super::limit::{ArtifactLimits, Meter};
use super::name::{Entry, Names};
use super::open::Source;

/// Where the files of an artifact go, one after the other.
pub(super) struct Sink {
    root: PathBuf,
    folder: Dir,
    names: Names,
    meter: Meter,
    files: Vec<ArtifactFile>,
}

impl Sink {
    pub(super) fn new(draft: &Path, limits: ArtifactLimits, source: &Source) -> io::Result<Self> {
        let packed = match source {
            Source::Folder(_) => None,
            Source::Archive { bytes, .. } => Some(*bytes),
        };
        Ok(Self {
            root: draft.to_owned(),
            folder: Dir::open_ambient_dir(draft, ambient_authority())?,
            names: Names::new(&limits),
            meter: Meter::new(limits, packed),
            files: Vec::new(),
        })
    }

    /// Takes a folder's name. An empty folder is not kept: it is not a file.
    pub(super) fn folder(&mut self, name: &[u8]) -> Result<(), ArtifactError> {
        self.names.take(name, Entry::Folder).map(|_| ())
    }

    /// Takes a file. `size` is what its header promised.
    pub(super) fn file(
        &mut self,
        name: &[u8],
        size: Option<u64>,
        content: &mut dyn Read,
    ) -> Result<(), ArtifactError> {
        let path = self.names.take(name, Entry::File)?.expect("only a folder is the root");
        if let Some(size) = size {
            // A header that already promises too much need not be read.
            self.meter.promise(&path, size)?;
        }
        let (bytes, digest) = self.copy(&path, content)?;
        if size.is_some_and(|size| size != bytes) {
            return Err(ArtifactError::broken(format!(
                "{path:?} does not have the size that is written before it"
            )));
        }
        self.files.push(ArtifactFile { path, size: bytes, digest });
        Ok(())
    }

    /// What was taken.
    pub(super) fn into_files(self) -> Vec<ArtifactFile> {
        self.files
    }

    fn copy(&mut self, path: &str, content: &mut dyn Read) -> Result<(u64, Digest), ArtifactError> {
        let store = |root: &Path, source| ArtifactError::Store { path: root.join(path), source };
        let mut target = self.create(path).map_err(|error| store(&self.root, error))?;
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut size = 0;
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ArtifactError::unreadable(format!("{path:?}"), error)),
            };
            size += read as u64;
            self.meter.count(path, size, read as u64)?;
            hasher.update(&buffer[..read]);
            target.write_all(&buffer[..read]).map_err(|error| store(&self.root, error))?;
        }
        target.sync_all().map_err(|error| store(&self.root, error))?;
        Ok((size, Digest(hasher.finalize().into())))
    }

    fn create(&self, path: &str) -> io::Result<cap_std::fs::File> {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder.create_dir_all(folder)?;
        }
        self.folder.open_with(path, OpenOptions::new().write(true).create_new(true))
    }
}
