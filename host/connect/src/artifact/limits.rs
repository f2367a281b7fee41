//! How large an artifact may be.

use relhost_model::config::Limits;

/// Manifests and what belongs to them are hundreds of files; an archive of more is something else.
const ENTRIES: usize = 10_000;
/// No manifest is this large.
const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The default for everything together; the operator may raise it.
const TOTAL_MIB: u32 = 256;
/// Text packs 20 to 1 at best; more is an archive made to burst.
const RATIO: u64 = 200;
/// The longest path; file systems end at 4,096 and people long before.
const PATH_BYTES: usize = 512;
/// The deepest path.
const DEPTH: usize = 32;

/// How large an artifact may be.
#[derive(Debug, Clone, Copy)]
pub struct ArtifactLimits {
    /// Files and folders.
    pub entries: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Bytes unpacked for one byte packed.
    pub ratio: u64,
    /// Bytes of a path.
    pub path_bytes: usize,
    /// Parts of a path.
    pub depth: usize,
}

impl ArtifactLimits {
    /// The built-in limits with what the operator changed.
    #[must_use]
    pub fn from_config(config: &Limits) -> Self {
        Self { total_bytes: u64::from(config.artifact_mib.unwrap_or(TOTAL_MIB)) * 1024 * 1024, ..Self::default() }
    }
}

impl Default for ArtifactLimits {
    fn default() -> Self {
        Self {
            entries: ENTRIES,
            file_bytes: FILE_BYTES,
            total_bytes: u64::from(TOTAL_MIB) * 1024 * 1024,
            ratio: RATIO,
            path_bytes: PATH_BYTES,
            depth: DEPTH,
        }
    }
}
