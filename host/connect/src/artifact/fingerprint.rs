//! Whether a watched folder has changed, without reading its files.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use relhost_model::digest::Digest;

use super::BUILD_FILE;
use super::limit::{DEPTH_MAX, ENTRIES_MAX};

/// A digest of the names, sizes and times of everything in a folder; `None` while it holds no `build.yaml`,
/// which is written last, and while it changes so that it cannot be listed. The folder holds a build once
/// two digests, taken two seconds apart, are equal.
///
/// A folder with more entries than an artifact may have still gets a digest, so that the import refuses it
/// and somebody hears about it.
#[must_use]
pub fn fingerprint(folder: &Path) -> Option<Digest> {
    if !folder.join(BUILD_FILE).is_file() {
        return None;
    }
    let mut found = Vec::new();
    list(folder, "", 0, &mut found).ok()?;
    found.sort();
    Some(Digest::of_parts(found.iter().map(Vec::as_slice)))
}

fn list(folder: &Path, path: &str, depth: usize, found: &mut Vec<Vec<u8>>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        if found.len() > ENTRIES_MAX {
            return Ok(());
        }
        let entry = entry?;
        let inside = format!("{path}/{}", entry.file_name().to_string_lossy());
        // Of the entry itself: a link that leads in a circle is not followed.
        let metadata = entry.metadata()?;
        let time = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        // A folder's time says nothing that its entries do not say.
        let facts = if metadata.is_dir() { (0, 0) } else { (metadata.len(), time) };
        found.push(format!("{inside}\0{}\0{}", facts.0, facts.1).into_bytes());
        if metadata.is_dir() && depth < DEPTH_MAX {
            list(&entry.path(), &inside, depth + 1, found)?;
        }
    }
    Ok(())
}
