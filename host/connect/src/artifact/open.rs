//! Finds out what an artifact is: a folder, or which kind of archive.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek as _, SeekFrom};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::ArtifactError;
use super::limit::ArtifactLimits;

/// An artifact that was found and is not taken in yet.
#[derive(Debug)]
pub struct Opened {
    pub(super) source: Source,
    pub(super) origin: String,
    pub(super) limits: ArtifactLimits,
}

#[derive(Debug)]
pub(super) enum Source {
    Folder(Dir),
    Archive { kind: Archive, file: File, bytes: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archive {
    Tar,
    TarGz,
    Zip,
}

/// Opens a folder, or a tar, tar.gz or zip file. Which one it is says its content, not its name.
///
/// # Errors
/// If nothing is there, or it is something else or too large.
pub fn open(location: &Path, limits: &ArtifactLimits) -> Result<Opened, ArtifactError> {
    let fault = |source| ArtifactError::Open { path: location.into(), source };
    // Opening a pipe would wait for somebody to write, so only what is a file is opened.
    let found = std::fs::metadata(location).map_err(fault)?;
    let source = if found.is_dir() {
        Source::Folder(Dir::open_ambient_dir(location, ambient_authority()).map_err(fault)?)
    } else if found.is_file() {
        archive(location, limits)?
    } else {
        return Err(ArtifactError::UnknownKind { path: location.into() });
    };
    Ok(Opened { source, origin: location.display().to_string(), limits: *limits })
}

fn archive(location: &Path, limits: &ArtifactLimits) -> Result<Source, ArtifactError> {
    let fault = |source| ArtifactError::Open { path: location.into(), source };
    let mut file = File::open(location).map_err(fault)?;
    let bytes = file.metadata().map_err(fault)?.len();
    if bytes > limits.archive_bytes() {
        let what = format!("the archive has {bytes} bytes, more than its files may have together");
        return Err(ArtifactError::TooLarge { what });
    }
    let kind = kind(&mut file).map_err(fault)?;
    let kind = kind.ok_or_else(|| ArtifactError::UnknownKind { path: location.into() })?;
    file.seek(SeekFrom::Start(0)).map_err(fault)?;
    Ok(Source::Archive { kind, file, bytes })
}

/// By the bytes with which each kind begins; tar has its mark behind the first name.
fn kind(file: &mut File) -> std::io::Result<Option<Archive>> {
    let mut start = [0; 512];
    let mut filled = 0;
    while filled < start.len() {
        match file.read(&mut start[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let start = &start[..filled];
    Ok(match start {
        [0x1f, 0x8b, ..] => Some(Archive::TarGz),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Archive::Zip),
        _ if start.get(257..262) == Some(b"ustar") => Some(Archive::Tar),
        _ => None,
    })
}
