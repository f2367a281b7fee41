//! Which names an artifact may hold: such that taking it in stays inside, and is the same on every machine.

use std::collections::BTreeMap;
use std::collections::btree_map;

use super::ArtifactError;
use super::limit::{ArtifactLimits, COMPONENT_BYTES_MAX, DEPTH_MAX, PATH_BYTES_MAX};

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Folder,
    File,
}

/// The names so far.
pub(super) struct Names {
    entries: usize,
    limit: usize,
    /// Lower-case path to the path as it was first written and what stands there. Holds every folder above
    /// a file, so that `Docs/a` and `docs/b` are seen to collide.
    taken: BTreeMap<String, (String, Entry)>,
}

impl Names {
    pub(super) fn new(limits: &ArtifactLimits) -> Self {
        Self { entries: 0, limit: limits.entries, taken: BTreeMap::new() }
    }

    /// Checks a name as it stands in an archive or folder and takes it. `None` for the root itself.
    pub(super) fn take(&mut self, raw: &[u8], entry: Entry) -> Result<Option<String>, ArtifactError> {
        self.entries += 1;
        if self.entries > self.limit {
            let what = format!("it holds more than {} files and folders", self.limit);
            return Err(ArtifactError::TooLarge { what });
        }
        let refuse = |problem: String| ArtifactError::Name { name: quoted(raw), problem };
        let Some(path) = clean(raw, entry).map_err(|problem| refuse(problem.to_owned()))? else {
            return Ok(None);
        };
        for (end, _) in path.match_indices('/') {
            self.claim(&path[..end], Entry::Folder).map_err(refuse)?;
        }
        self.claim(&path, entry).map_err(refuse)?;
        Ok(Some(path))
    }

    fn claim(&mut self, path: &str, entry: Entry) -> Result<(), String> {
        match self.taken.entry(path.to_lowercase()) {
            btree_map::Entry::Vacant(free) => {
                free.insert((path.to_owned(), entry));
                Ok(())
            }
            btree_map::Entry::Occupied(taken) => match taken.get() {
                (other, _) if other != path => Err(format!(
                    "it differs from {other:?} only in case, which some file systems cannot tell apart"
                )),
                (_, Entry::Folder) if entry == Entry::Folder => Ok(()),
                (_, Entry::File) if entry == Entry::File => Err("it is there twice".to_owned()),
                _ => Err(format!("{path:?} is both a file and a folder")),
            },
        }
    }
}

/// A name for a message; error text quotes it, so control characters in it do no harm.
pub(super) fn quoted(raw: &[u8]) -> String {
    let shown = &raw[..raw.len().min(PATH_BYTES_MAX)];
    String::from_utf8_lossy(shown).into_owned()
}

/// The path with `/` between its parts, without a leading `./` and without a `/` at the end of a folder.
fn clean(raw: &[u8], entry: Entry) -> Result<Option<String>, &'static str> {
    let path = std::str::from_utf8(raw).map_err(|_| "it is not UTF-8")?;
    if path.len() > PATH_BYTES_MAX {
        return Err("the path is longer than 512 bytes");
    }
    if path.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    if path.contains('\\') {
        return Err("it holds a backslash, which separates folders on Windows");
    }
    let path = if entry == Entry::Folder { path.strip_suffix('/').unwrap_or(path) } else { path };
    // `tar -C folder .` writes `./` before everything.
    let path = path.strip_prefix("./").unwrap_or(path);
    if entry == Entry::Folder && matches!(path, "." | "") && !raw.starts_with(b"/") {
        return Ok(None);
    }
    if path.starts_with('/') || raw.starts_with(b"/") {
        return Err("it is absolute");
    }
    if path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic() {
        return Err("it begins with a drive letter");
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > DEPTH_MAX {
        return Err("it lies more than 32 folders deep");
    }
    parts.into_iter().try_for_each(check_part)?;
    Ok(Some(path.to_owned()))
}

fn check_part(part: &str) -> Result<(), &'static str> {
    match part {
        "" => Err("a part of it is empty"),
        "." => Err("it holds `.`"),
        ".." => Err("it holds `..`, which leads outside"),
        part if part.len() > COMPONENT_BYTES_MAX => Err("a part of it is longer than 255 bytes"),
        _ => Ok(()),
    }
}
