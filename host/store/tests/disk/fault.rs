//! A disk that says no. Each fault ends in a named error or in a correct continuation, and nobody is told
//! that something is durable that is not.

use relhost_engine::port::store::{Change, Store as _, StoreError};
use relhost_model::id::ReleaseId;
use relhost_store::SqliteStore;
use rusqlite::ffi;

use crate::disk::{Disk, Fault, Operation};
use crate::work::{Fact, Running, Seen, block_on, open};
use crate::{sample, vfs};

const ONCE: u64 = 1;
const FOREVER: u64 = u64::MAX;

struct Case {
    name: &'static str,
    operation: Operation,
    file: &'static str,
    times: u64,
    code: i32,
    short: usize,
    /// What the text that people read must hold.
    says: &'static str,
}

const CASES: &[Case] = &[
    case("full disk", Operation::Write, "-wal", FOREVER, ffi::SQLITE_FULL, "full"),
    case("full disk for a moment", Operation::Write, "-wal", ONCE, ffi::SQLITE_FULL, "full"),
    case("write error", Operation::Write, "-wal", ONCE, ffi::SQLITE_IOERR_WRITE, "disk I/O error"),
    Case { short: 100, ..case("short write", Operation::Write, "-wal", ONCE, ffi::SQLITE_FULL, "full") },
    case("fsync error", Operation::Sync, "-wal", ONCE, ffi::SQLITE_IOERR_FSYNC, "disk I/O error"),
    case("fsync error for ever", Operation::Sync, "-wal", FOREVER, ffi::SQLITE_IOERR_FSYNC, "disk I/O error"),
    case(
        "fsync error of the database",
        Operation::Sync,
        ".db",
        ONCE,
        ffi::SQLITE_IOERR_FSYNC,
        "disk I/O error",
    ),
    case("full disk in the database", Operation::Write, ".db", ONCE, ffi::SQLITE_FULL, "full"),
    case("read-only file", Operation::Write, "-wal", FOREVER, ffi::SQLITE_READONLY, "readonly"),
];

const fn case(
    name: &'static str,
    operation: Operation,
    file: &'static str,
    times: u64,
    code: i32,
    says: &'static str,
) -> Case {
    Case { name, operation, file, times, code, short: 0, says }
}

/// Commits until it is refused; returns what was acknowledged and the refusal.
async fn until_refused(store: &SqliteStore, release: ReleaseId) -> (Vec<Fact>, StoreError) {
    let mut told = Vec::new();
    // Enough for the log to be moved to the database, where some of the faults wait.
    for n in 0..2_000 {
        let line = sample::line(&format!("{n} {}", "x".repeat(20_000)));
        let note = Change::Note { release, at: sample::at(n), line: line.clone() };
        match store.commit(sample::changes(vec![note])).await {
            Ok(()) => told.push(Fact::Note(release, line)),
            Err(error) => return (told, error),
        }
    }
    panic!("the fault was never met")
}

#[test]
fn a_disk_that_says_no_ends_the_writer_and_nothing_acknowledged_is_lost() {
    vfs::install();
    for case in CASES {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mount(folder.path(), 1);
        let running = Running::start(open(folder.path()).unwrap());
        let release = block_on(sample::release(&running.store));
        let fault = Fault {
            operation: case.operation,
            file: case.file,
            after: 8,
            times: case.times,
            code: case.code,
            short: case.short,
        };
        disk.0.fail(fault);
        println!("{}", case.name);
        let (told, error) = block_on(until_refused(&running.store, release));
        assert_eq!(disk.0.struck(), 1, "{}: the disk was asked again", case.name);
        let StoreError::Fatal { reason } = &error else { panic!("{}: {error}", case.name) };
        assert!(reason.contains(case.says), "{}: {reason}", case.name);
        // The disk may work again: nobody knows what is on it, so nothing is tried.
        let again = block_on(running.store.commit(sample::changes(vec![Change::PutBlob(vec![1])])));
        assert!(matches!(again, Err(StoreError::Fatal { .. })), "{}: it went on", case.name);
        running.stop();
        disk.0.cut();
        let next = tempfile::tempdir().unwrap();
        disk.0.leave(next.path());
        let running = Running::start(open(next.path()).unwrap());
        block_on(async {
            let mut seen = Seen::new(&running.store);
            for fact in &told {
                assert!(seen.holds(fact).await.unwrap(), "{}: {fact:?} is lost", case.name);
            }
            assert_eq!(running.store.check().unwrap(), Vec::<String>::new(), "{}", case.name);
            sample::release(&running.store).await;
        });
        running.stop();
    }
}

#[test]
fn a_folder_in_which_nothing_can_be_made_is_refused_by_name() {
    vfs::install();
    for (operation, file, code) in [
        (Operation::Open, ".new", ffi::SQLITE_CANTOPEN),
        (Operation::Write, ".new", ffi::SQLITE_FULL),
        (Operation::Write, ".new", ffi::SQLITE_READONLY),
        (Operation::Sync, ".new", ffi::SQLITE_IOERR_FSYNC),
        (Operation::Open, "relhost.db", ffi::SQLITE_CANTOPEN),
        (Operation::Open, "-wal", ffi::SQLITE_CANTOPEN),
        (Operation::Read, "relhost.db", ffi::SQLITE_IOERR_READ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::mount(folder.path(), 1);
        disk.0.fail(Fault { operation, file, after: 0, times: FOREVER, code, short: 0 });
        let Err(StoreError::Damaged { reason }) = open(folder.path()) else {
            panic!("{operation:?} of {file}: opened")
        };
        assert!(reason.contains("relhost.db") && disk.0.struck() > 0, "{operation:?} of {file}: {reason}");
        // Once the disk plays along it starts as if nothing had been.
        disk.0.fail(Fault { operation, file: "no such file", after: 0, times: 0, code, short: 0 });
        let running = Running::start(open(folder.path()).unwrap());
        block_on(sample::release(&running.store));
        running.stop();
    }
}
