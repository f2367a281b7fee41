//! A command that is refused leaves nothing behind: what it made in a state folder that held no state
//! before is removed again.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use relhost_store::lock::{DATABASE_FILE, LOCK_FILE};

/// What a state folder held before this process took it. The folder may be there without a state: `init`
/// puts the schemas for editors there.
#[derive(Debug)]
pub struct Fresh {
    folder: PathBuf,
    made: bool,
    names: BTreeSet<OsString>,
}

impl Fresh {
    /// Looks into a folder that this process has just taken; `made` says that it was not there before.
    /// Nothing is returned if it holds a state: then nothing is to be removed.
    #[must_use]
    pub fn look(folder: &Path, made: bool) -> Option<Self> {
        if folder.join(DATABASE_FILE).exists() {
            return None;
        }
        let mut names: BTreeSet<OsString> = entries(folder).map(|entry| entry.file_name()).collect();
        names.remove(std::ffi::OsStr::new(LOCK_FILE));
        Some(Self { folder: folder.to_owned(), made, names })
    }

    /// Removes what was not there. The caller still holds the lock, so that nobody else's state is in the
    /// folder. A file that cannot be removed stays: the failure that led here is what counts.
    pub fn restore(&self) {
        for entry in entries(&self.folder).filter(|entry| !self.names.contains(&entry.file_name())) {
            let path = entry.path();
            let _stays =
                if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
        if self.made {
            let _stays = std::fs::remove_dir(&self.folder);
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(folder: &Path) {
        std::fs::create_dir_all(folder.join("cache")).unwrap();
        for name in [LOCK_FILE, DATABASE_FILE] {
            std::fs::write(folder.join(name), "").unwrap();
        }
    }

    #[test]
    fn a_folder_that_was_made_goes_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("state");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(LOCK_FILE), "").unwrap();
        let fresh = Fresh::look(&folder, true).unwrap();
        fill(&folder);
        fresh.restore();
        assert!(!folder.exists());
    }

    #[test]
    fn what_was_there_stays_and_the_rest_goes() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        std::fs::write(folder.join("schema.json"), "{}").unwrap();
        let fresh = Fresh::look(folder, false).unwrap();
        fill(folder);
        fresh.restore();
        let left: Vec<_> = entries(folder).map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["schema.json"]);
    }

    #[test]
    fn a_state_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        assert!(Fresh::look(folder.path(), false).is_none());
    }
}
