use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::SqliteStore;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_folder_is_made_for_its_user_alone() {
    let parent = tempfile::tempdir().unwrap();
    let held = StateFolder::acquire(&parent.path().join("a/state")).unwrap();
    assert_eq!(mode(held.folder()), 0o700);
    let _store = SqliteStore::open(&held).unwrap();
    assert_eq!(mode(&held.database()), 0o600);
    assert!(held.folder().is_absolute());
}

#[test]
fn the_second_is_refused_and_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let held = StateFolder::acquire(folder.path()).unwrap();
    let Err(StoreError::Owned { owner: name }) = StateFolder::acquire(folder.path()) else {
        panic!("two own one folder")
    };
    let pid = std::process::id();
    assert!(name.contains(&format!("process {pid}")), "{name}");
    let named = owner(folder.path()).unwrap();
    assert_eq!((named.pid, named.socket), (pid, held.folder().join(SOCKET_FILE)));
    assert!(!named.host.is_empty());
    held.announce(Path::new("/run/short")).unwrap();
    assert_eq!(owner(folder.path()).unwrap().socket, Path::new("/run/short"));
}

#[test]
fn a_folder_that_was_given_up_is_free() {
    let folder = tempfile::tempdir().unwrap();
    drop(StateFolder::acquire(folder.path()).unwrap());
    assert_eq!(owner(folder.path()), None);
    StateFolder::acquire(folder.path()).unwrap();
}

#[test]
fn an_open_store_keeps_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let held = StateFolder::acquire(folder.path()).unwrap();
    let (store, writer) = SqliteStore::open(&held).unwrap();
    drop(held);
    drop(store);
    StateFolder::acquire(folder.path()).unwrap_err();
    drop(writer);
    StateFolder::acquire(folder.path()).unwrap();
}

#[test]
fn a_lock_on_a_file_that_was_removed_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(LOCK_FILE);
    let removed = File::create(&path).unwrap();
    assert!(is_at(&removed, &path));
    std::fs::remove_file(&path).unwrap();
    assert!(!is_at(&removed, &path));
    let _held = StateFolder::acquire(folder.path()).unwrap();
    assert!(!is_at(&removed, &path), "the new file was taken for the old one");
}
