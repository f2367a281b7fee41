use std::fs;

use relhost_engine::port::store::Sequence;

use super::*;
use crate::lock::{Held, StateFolder};
use crate::{SqliteStore, sample};
use relhost_engine::port::store::Store;

fn held(folder: &tempfile::TempDir) -> Held {
    StateFolder::acquire(&folder.path().join("state")).unwrap()
}

/// The text with which the database is refused.
fn damage(held: &Held) -> String {
    match SqliteStore::open(held) {
        Err(StoreError::Damaged { reason }) => reason,
        Err(other) => panic!("refused as {other}"),
        Ok(_) => panic!("a damaged database was opened"),
    }
}

/// A closed database of a few hundred pages.
fn filled(held: &Held) {
    let (store, writer) = SqliteStore::open(held).unwrap();
    let thread = std::thread::Builder::new().spawn(|| writer.run()).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let release = sample::release(&store).await;
        for n in 0..200 {
            let mut line = sample::line(&"x".repeat(2_000));
            line.fields.push(("n".into(), n.to_string()));
            let note = relhost_engine::port::store::Change::Note { release, at: sample::at(n), line };
            store.commit(sample::changes(vec![note])).await.unwrap();
        }
        store.close().await.unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn the_promises_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let db = writer(&held(&folder)).unwrap();
    for (pragma, value) in
        [("synchronous", 2), ("foreign_keys", 1), ("wal_autocheckpoint", 0), ("mmap_size", 0)]
    {
        verify(&db, pragma, value).unwrap();
    }
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    // A word that SQLite does not know is taken for another one, and found out here.
    db.pragma_update(None, "synchronous", "WAL").unwrap();
    let Err(Fault::Damaged(problem)) = verify(&db, "synchronous", 2) else { panic!("not found out") };
    assert_eq!(problem, "synchronous is 1 and not 2");
}

#[test]
fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    let _writer = writer(&held).unwrap();
    let reader = reader(&held).unwrap();
    reader.execute("DELETE FROM log", []).unwrap_err();
}

#[test]
fn garbage_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    let garbage = b"this is no database at all. ".repeat(500);
    fs::write(held.database(), &garbage).unwrap();
    let text = damage(&held);
    assert!(text.contains("relhost.db") && text.contains("restore a backup"), "{text}");
    assert_eq!(fs::read(held.database()).unwrap(), garbage);
}

#[test]
fn an_emptied_database_is_no_fresh_start() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    filled(&held);
    fs::write(held.database(), b"").unwrap();
    let text = damage(&held);
    assert!(text.contains("emptied"), "{text}");
}

#[test]
fn a_truncated_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    filled(&held);
    let size = fs::metadata(held.database()).unwrap().len();
    OpenOptions::new().write(true).open(held.database()).unwrap().set_len(size / 2).unwrap();
    let text = damage(&held);
    assert!(text.contains("restore a backup"), "{text}");
}

#[test]
fn an_overwritten_page_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    filled(&held);
    let mut bytes = fs::read(held.database()).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(held.database(), bytes).unwrap();
    damage(&held);
}

/// Opens, and closes, a database to which so many blobs of a few megabytes were added.
fn with_blobs(held: &Held, blobs: u8) {
    let (store, writer) = SqliteStore::open(held).unwrap();
    let thread = std::thread::Builder::new().spawn(|| writer.run()).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        for blob in 0..blobs {
            let put = relhost_engine::port::store::Change::PutBlob(vec![blob; 8 << 20]);
            store.commit(sample::changes(vec![put])).await.unwrap();
        }
        store.close().await.unwrap();
    });
    thread.join().unwrap();
}

#[test]
fn an_overwritten_page_of_a_large_database_is_found_while_the_host_works() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    filled(&held);
    let small = fs::metadata(held.database()).unwrap().len() as usize;
    with_blobs(&held, 9);
    let mut bytes = fs::read(held.database()).unwrap();
    let middle = small / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(held.database(), bytes).unwrap();
    let (store, _writer) = SqliteStore::open(&held).unwrap();
    store.check_pages(|| true).unwrap();
    let error = store.check_pages(|| false).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_log_without_its_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    fs::write(beside(&held.database(), "-wal"), b"frames").unwrap();
    assert!(damage(&held).contains("is gone but its log is there"));
}

#[test]
fn a_database_of_somebody_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    Connection::open(held.database()).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(damage(&held).contains("not a database of relhost"));
}

#[test]
fn a_newer_database_is_refused_without_talk_of_backups() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    filled(&held);
    let newer = migration::newest() + 1;
    Connection::open(held.database()).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let text = damage(&held);
    assert!(text.contains(&format!("schema {newer}")) && !text.contains("backup"), "{text}");
}

#[test]
fn a_creation_that_was_cut_off_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let held = held(&folder);
    fs::write(beside(&held.database(), ".new"), b"half a page").unwrap();
    let (store, _writer) = SqliteStore::open(&held).unwrap();
    assert_eq!(store.allocate(Sequence::Release), 1);
}
