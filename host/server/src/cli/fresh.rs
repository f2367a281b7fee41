//! A command that is refused leaves nothing behind: what it made in a state folder that held no state
//! before is removed again.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a state folder held before a command. The folder may be there without a state: `init` puts the
/// schemas for editors there.
pub struct Fresh {
    folder: PathBuf,
    /// `None` if the folder was not there.
    names: Option<BTreeSet<OsString>>,
}

impl Fresh {
    /// Looks. Nothing is returned if there is a state already: then nothing is to be removed.
    #[must_use]
    pub fn look(folder: &Path) -> Option<Self> {
        if folder.join("relhost.db").exists() {
            return None;
        }
        let names = std::fs::read_dir(folder)
            .ok()
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect());
        Some(Self { folder: folder.to_owned(), names })
    }

    /// Removes what was not there. The caller holds the lock on the folder, or never got it. A file that
    /// cannot be removed stays: the failure that led here is what counts.
    pub fn restore(self) {
        let Some(names) = self.names else {
            let _stays = std::fs::remove_dir_all(&self.folder);
            return;
        };
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        for entry in entries.filter(|entry| !names.contains(&entry.file_name())) {
            let path = entry.path();
            let _stays =
                if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_stays_and_the_rest_goes() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("state");
        let fresh = Fresh::look(&folder).unwrap();
        std::fs::create_dir_all(folder.join("cache")).unwrap();
        fresh.restore();
        assert!(!folder.exists());

        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("schema.json"), "{}").unwrap();
        let fresh = Fresh::look(&folder).unwrap();
        std::fs::write(folder.join("relhost.db"), "").unwrap();
        std::fs::create_dir_all(folder.join("cache")).unwrap();
        fresh.restore();
        let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["schema.json"]);
    }

    #[test]
    fn a_state_is_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("relhost.db"), "").unwrap();
        assert!(Fresh::look(folder.path()).is_none());
    }
}
