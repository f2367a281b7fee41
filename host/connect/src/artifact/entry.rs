//! Entries of folders and archives. Only files and folders are taken; names are checked before a byte is
//! read; nothing is ever written where a name says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{ArtifactError, ArtifactLimits};

/// One file of an artifact.
pub struct Entry {
    /// Path with `/` between the parts.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// Reads every file of a folder or an archive.
pub fn read(path: &Path, limits: &ArtifactLimits) -> Result<Vec<Entry>, ArtifactError> {
    let mut taken = Taken { limits, files: BTreeMap::new(), folded: BTreeMap::new(), total: 0, entries: 0 };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let metadata = std::fs::metadata(path).map_err(|source| io("open", path, source))?;
    if metadata.is_dir() {
        folder(path, String::new(), &mut taken)?;
    } else if name.ends_with(".zip") {
        zip(path, &mut taken)?;
    } else if name.ends_with(".tar") {
        tar(path, open(path)?, &mut taken)?;
    } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
        // A tar is bounded as a whole: it may hold padding that no entry counts.
        let bound = limits.total_bytes.min(metadata.len().saturating_mul(limits.ratio)).saturating_add(1024 * 1024);
        tar(path, flate2::read::GzDecoder::new(open(path)?).take(bound), &mut taken)?;
    } else {
        return Err(ArtifactError::Kind(path.to_owned()));
    }
    Ok(taken.files.into_iter().map(|(path, bytes)| Entry { path, bytes }).collect())
}

fn io(what: &'static str, path: &Path, source: std::io::Error) -> ArtifactError {
    ArtifactError::Io { what, path: path.to_owned(), source }
}

fn open(path: &Path) -> Result<File, ArtifactError> {
    File::open(path).map_err(|source| io("open", path, source))
}

/// What was taken so far.
struct Taken<'a> {
    limits: &'a ArtifactLimits,
    files: BTreeMap<String, Vec<u8>>,
    /// Names without case: two that differ in it only are one file on some systems.
    folded: BTreeMap<String, String>,
    total: u64,
    entries: usize,
}

impl Taken<'_> {
    fn count(&mut self) -> Result<(), ArtifactError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(ArtifactError::Limit { limit: format!("{} entries", self.limits.entries) });
        }
        Ok(())
    }

    fn file(&mut self, path: &str, reader: impl Read) -> Result<(), ArtifactError> {
        let path = self.check(path)?;
        if let Some(other) = self.folded.insert(path.to_lowercase(), path.clone()) {
            return Err(refuse(&path, &format!("`{other}` has the same name, but for case")));
        }
        let mut bytes = Vec::new();
        let bound = self.limits.file_bytes.min(self.limits.total_bytes - self.total);
        let read = reader.take(bound + 1).read_to_end(&mut bytes);
        read.map_err(|error| refuse(&path, &format!("it cannot be read: {error}")))?;
        let size = bytes.len() as u64;
        if size > self.limits.file_bytes {
            return Err(refuse(&path, &format!("it is larger than {} bytes", self.limits.file_bytes)));
        }
        self.total += size;
        if self.total > self.limits.total_bytes {
            return Err(ArtifactError::Limit { limit: format!("{} bytes", self.limits.total_bytes) });
        }
        self.files.insert(path, bytes);
        Ok(())
    }

    /// A path in our form, or why it is refused.
    fn check(&self, path: &str) -> Result<String, ArtifactError> {
        let problem = if path.len() > self.limits.path_bytes {
            Some(format!("its path is longer than {} bytes", self.limits.path_bytes))
        } else if path.chars().any(|c| c.is_control() || c == '\\') {
            Some("its path holds a control character or a backslash".into())
        } else if path.starts_with('/') || path.get(1..2) == Some(":") {
            Some("its path is absolute".into())
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(refuse(path, &problem));
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.contains(&"..") {
            return Err(refuse(path, "its path leaves the artifact"));
        }
        if parts.is_empty() || parts.len() > self.limits.depth {
            return Err(refuse(path, &format!("its path is empty or deeper than {}", self.limits.depth)));
        }
        Ok(parts.join("/"))
    }
}

fn refuse(entry: &str, problem: &str) -> ArtifactError {
    let shown: String = entry.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    ArtifactError::Entry { entry: shown, problem: problem.to_owned() }
}

fn folder(folder: &Path, prefix: String, taken: &mut Taken<'_>) -> Result<(), ArtifactError> {
    // A folder of a name that is too deep is refused before it is walked: a mount may loop.
    if prefix.matches('/').count() > taken.limits.depth {
        return Err(refuse(&prefix, &format!("its path is deeper than {}", taken.limits.depth)));
    }
    for item in std::fs::read_dir(folder).map_err(|source| io("read the folder", folder, source))? {
        let item = item.map_err(|source| io("read the folder", folder, source))?;
        taken.count()?;
        let name = item.file_name();
        let name = name.to_str().ok_or_else(|| refuse(&name.to_string_lossy(), "its name is not UTF-8"))?;
        let path = format!("{prefix}{name}");
        let kind = item.file_type().map_err(|source| io("read", &item.path(), source))?;
        if kind.is_dir() {
            self::folder(&item.path(), format!("{path}/"), taken)?;
        } else if kind.is_file() {
            taken.file(&path, open(&item.path())?)?;
        } else {
            return Err(refuse(&path, "it is neither a file nor a folder; links and devices are not taken"));
        }
    }
    Ok(())
}

fn tar(path: &Path, reader: impl Read, taken: &mut Taken<'_>) -> Result<(), ArtifactError> {
    let damaged = |source: std::io::Error| ArtifactError::Archive { path: path.to_owned(), source: source.into() };
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        taken.count()?;
        let name = entry.path_bytes().into_owned();
        let name = String::from_utf8(name).map_err(|_| refuse("?", "its name is not UTF-8"))?;
        match entry.header().entry_type() {
            tar::EntryType::Regular => taken.file(&name, entry)?,
            tar::EntryType::Directory => {
                if name.trim_matches(['.', '/']) != "" {
                    taken.check(&name)?;
                }
            }
            tar::EntryType::XGlobalHeader => {}
            _ => return Err(refuse(&name, "it is neither a file nor a folder; links and devices are not taken")),
        }
    }
    Ok(())
}

fn zip(path: &Path, taken: &mut Taken<'_>) -> Result<(), ArtifactError> {
    let damaged = |source: zip::result::ZipError| ArtifactError::Archive { path: path.to_owned(), source: source.into() };
    let mut archive = zip::ZipArchive::new(open(path)?).map_err(damaged)?;
    if archive.len() > taken.limits.entries {
        return Err(ArtifactError::Limit { limit: format!("{} entries", taken.limits.entries) });
    }
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        taken.count()?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if entry.is_symlink() {
            return Err(refuse(&name, "it is neither a file nor a folder; links and devices are not taken"));
        }
        if entry.is_dir() {
            taken.check(&name)?;
            continue;
        }
        let packed = entry.compressed_size().max(1);
        if entry.size() / packed > taken.limits.ratio {
            return Err(refuse(&name, &format!("it unpacks to more than {} times its size", taken.limits.ratio)));
        }
        // The header's size is only a claim: what is really read is bounded too.
        let bound = packed.saturating_mul(taken.limits.ratio).saturating_add(1);
        taken.file(&name, entry.take(bound))?;
    }
    Ok(())
}
