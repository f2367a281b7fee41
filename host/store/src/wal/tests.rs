use super::*;

/// A log as `SQLite` writes it, with the mark that belongs to it.
fn written(folder: &Path, commits: u32) -> PathBuf {
    let database = folder.join("test.db");
    let db = Connection::open(&database).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
    let mut mark = Mark::open(&database).unwrap();
    for n in 0..commits {
        db.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
        mark.set(&db).unwrap();
    }
    // As a killed process leaves it.
    let copy = folder.join("copy.db");
    for suffix in ["", "-wal", "-mark"] {
        std::fs::copy(beside(&database, suffix), beside(&copy, suffix)).unwrap();
    }
    copy
}

#[test]
fn a_log_that_is_as_it_was_left_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let database = written(folder.path(), 5);
    verify(&database).unwrap();
    let log = std::fs::read(beside(&database, "-wal")).unwrap();
    let frames = reach(&log).unwrap().frames;
    assert_eq!(decode(&std::fs::read(mark_file(&database)).unwrap()).unwrap().frames, frames);
    // What was not acknowledged may be unfinished.
    let mut longer = log;
    longer.extend([7; 5000]);
    std::fs::write(beside(&database, "-wal"), longer).unwrap();
    verify(&database).unwrap();
}

#[test]
fn every_flipped_bit_of_the_log_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let database = written(folder.path(), 3);
    let log = std::fs::read(beside(&database, "-wal")).unwrap();
    for at in (0..log.len()).step_by(13).chain(0..HEADER + FRAME_HEADER) {
        let mut flipped = log.clone();
        flipped[at] ^= 0x10;
        std::fs::write(beside(&database, "-wal"), flipped).unwrap();
        let problem = verify(&database).expect_err(&format!("byte {at}"));
        assert!(problem.contains("was acknowledged"), "{problem}");
    }
}

#[test]
fn a_log_that_is_shorter_or_gone_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let database = written(folder.path(), 3);
    let log = std::fs::read(beside(&database, "-wal")).unwrap();
    for length in [0, 1, HEADER, HEADER + 100, log.len() - 1] {
        std::fs::write(beside(&database, "-wal"), &log[..length]).unwrap();
        verify(&database).expect_err(&format!("{length} bytes"));
    }
    std::fs::remove_file(beside(&database, "-wal")).unwrap();
    verify(&database).unwrap_err();
    // Without the mark nobody knows what there was.
    std::fs::remove_file(mark_file(&database)).unwrap();
    verify(&database).unwrap();
}

#[test]
fn a_log_that_was_moved_into_the_database_is_not_needed() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("test.db");
    let db = Connection::open(&database).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
    let mut mark = Mark::open(&database).unwrap();
    mark.set(&db).unwrap();
    assert!(decode(&std::fs::read(mark_file(&database)).unwrap()).is_some());
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    mark.set(&db).unwrap();
    assert_eq!(decode(&std::fs::read(mark_file(&database)).unwrap()), None);
}
