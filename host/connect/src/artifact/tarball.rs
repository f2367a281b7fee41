//! Reads a tar file from front to end, without unpacking it anywhere but into the sink.

use std::io::{self, Read};

use tar::EntryType;

use super::ArtifactError;
use super::limit::ArtifactLimits;
use super::name::quoted;
use super::sink::Sink;

pub(super) fn copy(
    content: impl Read,
    limits: &ArtifactLimits,
    sink: &mut Sink,
) -> Result<(), ArtifactError> {
    let bounded = Bounded { inner: content, left: limits.archive_bytes() };
    let mut archive = tar::Archive::new(bounded);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = entry.path_bytes().into_owned();
        match entry.header().entry_type() {
            EntryType::Regular if name.ends_with(b"/") => sink.folder(&name)?,
            EntryType::Regular => {
                let size = entry.size();
                sink.file(&name, Some(size), &mut entry)?;
            }
            EntryType::Directory => sink.folder(&name)?,
            // A note about the whole archive: `git archive` writes the commit into one.
            EntryType::XGlobalHeader => {}
            other => return Err(ArtifactError::Kind { name: quoted(&name), what: what(other) }),
        }
    }
    Ok(())
}

fn what(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "of a kind that tar files of builds do not hold",
    }
}

fn broken(error: io::Error) -> ArtifactError {
    ArtifactError::unreadable("it is no tar file, or it is cut off or damaged", error)
}

/// Ends a stream that holds more than an artifact within the limits can: names and notes of a tar file are
/// read into memory before anybody can look at them.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            io::Error::other("it unpacks to more than the files of an artifact may have together")
        })?;
        Ok(read)
    }
}
