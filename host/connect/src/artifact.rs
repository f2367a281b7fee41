//! What is released: a folder or an archive, copied file by file into the state folder under the digest of
//! its files.
//!
//! Every file counts, hidden ones and `build.yaml` too: what `build.yaml` says becomes variables of the
//! pipeline (`$(Build.SourceVersion)` chooses the image), so another one is another artifact. Folders, modes,
//! owners and times do not count: a folder and an archive of it are the same artifact.

mod fingerprint;
mod import;
mod limit;
mod name;
mod open;
mod read;
mod sink;
mod tarball;
mod tree;
mod zipped;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use relhost_model::yaml::Problems;

pub use self::fingerprint::fingerprint;
pub use self::import::{import, sweep};
pub use self::limit::{
    ARCHIVE_OVERHEAD, ArtifactLimits, COMPONENT_BYTES_MAX, DEPTH_MAX, ENTRIES_MAX, FILE_BYTES_MAX,
    PATH_BYTES_MAX, RATIO_FLOOR, RATIO_MAX, TOTAL_BYTES_MAX,
};
pub use self::open::{Opened, open};
pub use self::read::{manifests, read_file};

/// The file in which a build says what it is; a watched folder is complete once it is there.
pub const BUILD_FILE: &str = "build.yaml";

/// Why an artifact could not be taken in or read.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// Nothing is there, or it may not be read.
    #[error("open the artifact {}", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is a file, and none that is known.
    #[error("open the artifact {}: neither a folder nor a tar, tar.gz or zip file", path.display())]
    UnknownKind {
        /// Where.
        path: PathBuf,
    },
    /// It cannot be read to its end, or contradicts itself.
    #[error("read the artifact: {what}")]
    Broken {
        /// What is wrong.
        what: String,
        /// Why, if something below says more.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// A name in it is refused. The name is quoted, so that it cannot drive a terminal.
    #[error("take in {name:?} of the artifact: {problem}")]
    Name {
        /// The name as it stands there.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something in it is neither a file nor a folder.
    #[error("take in {name:?} of the artifact: it is {what}, and only files and folders are taken in")]
    Kind {
        /// Its name.
        name: String,
        /// For example `a symbolic link`.
        what: &'static str,
    },
    /// It is larger than a limit allows.
    #[error("take in the artifact: {what}")]
    TooLarge {
        /// Which limit, and how to raise it if that is possible.
        what: String,
    },
    /// There is no file in it.
    #[error("take in the artifact: it holds no files")]
    Empty,
    /// Its `build.yaml` is not valid.
    #[error("read `build.yaml` of the artifact")]
    Build(#[source] Problems),
    /// The copy could not be written.
    #[error("store the artifact in {}", path.display())]
    Store {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A path names nothing in the artifact.
    #[error("find {path:?} in artifact `{alias}`: {problem}")]
    Unknown {
        /// The artifact.
        alias: String,
        /// The path.
        path: String,
        /// What is wrong, with the nearest name if there is one.
        problem: String,
    },
    /// The stored copy is gone or is not what was frozen.
    #[error("read {path:?} of artifact `{alias}` from the state folder: {problem}")]
    Damaged {
        /// The artifact.
        alias: String,
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl ArtifactError {
    fn broken(what: impl Into<String>) -> Self {
        Self::Broken { what: what.into(), source: None }
    }

    fn unreadable(
        what: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Broken { what: what.into(), source: Some(source.into()) }
    }
}
