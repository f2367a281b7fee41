//! The archive listing: an artifact stays inside its folder and within its limits, or leaves nothing behind.
//!
//! Input: the bytes of a tar, tar.gz or zip file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use relhost_connect::artifact::{ArtifactLimits, import, open};
use relhost_model::artifact::FrozenArtifact;
use relhost_model::digest::Digest;
use relhost_model::id::Alias;

/// Small, so that an input reaches them.
const LIMITS: ArtifactLimits =
    ArtifactLimits { entries: 64, file_bytes: 64 * 1024, total_bytes: 256 * 1024, ratio: 200 };

pub(crate) fn run(data: &[u8]) {
    let root = folder();
    let (archive, into) = (root.path().join("archive"), root.path().join("into"));
    std::fs::write(&archive, data).expect("the archive can be written");
    let alias = Alias::new("app").expect("an alias");
    let Ok(opened) = open(&archive, &LIMITS) else { return };
    match import(opened, &alias, &into) {
        Err(error) => {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            assert_eq!(files(root.path()).into_keys().collect::<Vec<_>>(), ["archive"], "{error}");
        }
        Ok(frozen) => {
            is_within_limits(&frozen);
            lies_where_it_belongs(&frozen, root.path());
            is_what_a_folder_of_it_is(&frozen, &alias, &into);
        }
    }
}

/// In memory where there is such a place: every import waits for its files to be durable.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder")
}

fn is_within_limits(frozen: &FrozenArtifact) {
    assert!(!frozen.files.is_empty() && frozen.files.len() <= LIMITS.entries, "{} files", frozen.files.len());
    assert!(frozen.files.iter().all(|file| file.size <= LIMITS.file_bytes), "a file is too large");
    assert!(
        frozen.files.iter().map(|file| file.size).sum::<u64>() <= LIMITS.total_bytes,
        "too large together"
    );
    for file in &frozen.files {
        let parts = file.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        assert!(
            parts && !file.path.contains('\\') && !file.path.contains(char::is_control),
            "{:?}",
            file.path
        );
    }
}

/// Beside the archive there are the files of the artifact, as they were frozen, and nothing else.
fn lies_where_it_belongs(frozen: &FrozenArtifact, root: &Path) {
    let mut found = files(root);
    assert!(found.remove("archive").is_some(), "the archive is gone");
    let below = |path: &str| format!("into/{}/{path}", frozen.digest.hex());
    let frozen: BTreeMap<String, (u64, Digest)> =
        frozen.files.iter().map(|file| (below(&file.path), (file.size, file.digest))).collect();
    assert_eq!(found, frozen, "other files than were frozen");
}

/// Every file below a folder, with its size and digest.
fn files(root: &Path) -> BTreeMap<String, (u64, Digest)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).expect("the folder is there") {
            let path = folder.join(entry.expect("the folder can be read").file_name());
            let kind = std::fs::symlink_metadata(root.join(&path)).expect("it is there").file_type();
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            assert!(kind.is_file(), "{} is neither a file nor a folder", path.display());
            let bytes = std::fs::read(root.join(&path)).expect("it can be read");
            let name = path.to_str().expect("names are UTF-8").to_owned();
            found.insert(name, (bytes.len() as u64, Digest::of(&bytes)));
        }
    }
    found
}

fn is_what_a_folder_of_it_is(frozen: &FrozenArtifact, alias: &Alias, into: &Path) {
    let unpacked = into.join(frozen.digest.hex());
    let opened = open(&unpacked, &LIMITS).expect("the copy is a folder");
    let again = import(opened, alias, into).expect("what was taken in can be taken in again");
    assert_eq!(again.digest, frozen.digest, "a folder of it is another artifact");
}
