//! How large an artifact may be.

use relhost_model::config::Limits;

use super::ArtifactError;

/// Files and folders of an artifact: a large chart repository has some hundred.
pub const ENTRIES_MAX: usize = 10_000;
/// One file: manifests are kilobytes; a bundled component or chart archive is a few megabytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// All files together, unless the operator sets `limits.artifact-mib`.
pub const TOTAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// What is unpacked may be so many times larger than the archive. Text with much repetition reaches 50;
/// a bomb of zeros reaches 1,000 in one layer.
pub const RATIO_MAX: u64 = 200;
/// The ratio is looked at from this size on: less does no harm, and a small file may be very repetitive.
pub const RATIO_FLOOR: u64 = 1024 * 1024;
/// A path inside an artifact, in bytes. With the state folder before it it stays far below the 4,096 of Linux.
pub const PATH_BYTES_MAX: usize = 512;
/// One name in a path, in bytes: file systems end at 255.
pub const COMPONENT_BYTES_MAX: usize = 255;
/// Folders in folders.
pub const DEPTH_MAX: usize = 32;
/// What an archive may hold besides its files: headers and padding, about 2 KiB for each entry.
pub const ARCHIVE_OVERHEAD: u64 = 32 * 1024 * 1024;

/// The limits of one import. The fields' defaults are the constants of this module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactLimits {
    /// See [`ENTRIES_MAX`].
    pub entries: usize,
    /// See [`FILE_BYTES_MAX`].
    pub file_bytes: u64,
    /// See [`TOTAL_BYTES_MAX`].
    pub total_bytes: u64,
    /// See [`RATIO_MAX`].
    pub ratio: u64,
}

impl Default for ArtifactLimits {
    fn default() -> Self {
        Self {
            entries: ENTRIES_MAX,
            file_bytes: FILE_BYTES_MAX,
            total_bytes: TOTAL_BYTES_MAX,
            ratio: RATIO_MAX,
        }
    }
}

impl ArtifactLimits {
    /// The limits under an operator's configuration: `artifact-mib` sets the total.
    #[must_use]
    pub fn from_config(limits: &Limits) -> Self {
        let total = limits.artifact_mib.map_or(TOTAL_BYTES_MAX, |mib| u64::from(mib) * 1024 * 1024);
        Self { total_bytes: total, ..Self::default() }
    }

    /// The most that an archive may unpack to, headers included, and the largest archive.
    pub(super) fn archive_bytes(&self) -> u64 {
        self.total_bytes.saturating_add(ARCHIVE_OVERHEAD)
    }
}

/// Counts what was taken in against the limits.
pub(super) struct Meter {
    limits: ArtifactLimits,
    /// The archive's own size; `None` for a folder.
    packed: Option<u64>,
    total: u64,
}

impl Meter {
    pub(super) fn new(limits: ArtifactLimits, packed: Option<u64>) -> Self {
        Self { limits, packed, total: 0 }
    }

    /// Refuses a file by the size that its header promises, before any of it is read.
    pub(super) fn promise(&self, name: &str, size: u64) -> Result<(), ArtifactError> {
        self.check_file(name, size)?;
        self.check_total(size)
    }

    /// Counts bytes of a file that has `file` bytes with them.
    pub(super) fn count(&mut self, name: &str, file: u64, bytes: u64) -> Result<(), ArtifactError> {
        self.check_file(name, file)?;
        self.check_total(bytes)?;
        self.total += bytes;
        let ratio = self.limits.ratio.max(1);
        match self.packed {
            Some(packed) if self.total > RATIO_FLOOR && self.total / ratio > packed => {
                let what = format!("it unpacks to more than {ratio} times its size, as a bomb does");
                Err(ArtifactError::TooLarge { what })
            }
            _ => Ok(()),
        }
    }

    fn check_file(&self, name: &str, size: u64) -> Result<(), ArtifactError> {
        if size <= self.limits.file_bytes {
            return Ok(());
        }
        let what = format!("{name:?} has more than {} bytes", self.limits.file_bytes);
        Err(ArtifactError::TooLarge { what })
    }

    fn check_total(&self, more: u64) -> Result<(), ArtifactError> {
        if more <= self.limits.total_bytes - self.total {
            return Ok(());
        }
        let limit = self.limits.total_bytes;
        let what = format!(
            "its files have more than {limit} bytes together; the operator can raise `limits.artifact-mib`"
        );
        Err(ArtifactError::TooLarge { what })
    }
}
