use relhost_engine::port::store::{Change, Sequence};

use super::*;
use crate::lock::StateFolder;
use crate::table::{blob, release, run as runs};
use crate::{open, sample};
use relhost_model::digest::Digest;
use relhost_model::id::ReleaseId;
use relhost_model::release::Mode;

struct Bench {
    writer: Writer,
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    held: Held,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let held = StateFolder::acquire(folder.path()).unwrap();
    let (writer, requests, shared) = Writer::new(open::writer(&held).unwrap(), held.clone()).unwrap();
    Bench { writer, requests, shared, held, _folder: folder }
}

/// Queues work without waiting for it.
fn ask(requests: &mpsc::Sender<Request>, work: Work) -> oneshot::Receiver<Result<u64, StoreError>> {
    let (reply, answer) = oneshot::channel();
    requests.try_send(Request { work, reply }).unwrap();
    answer
}

fn commit(commit: Commit) -> Work {
    Work::Commit(Box::new(commit))
}

fn is_fatal(answer: Result<u64, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Fatal { .. }))
}

const ONE: ReleaseId = ReleaseId(1);

#[test]
fn a_refused_commit_is_undone_alone_in_its_batch() {
    let Bench { writer, requests, shared, held, _folder } = bench();
    let changed = shared.changed.subscribe();
    let first = ask(&requests, commit(sample::create_release(ONE, "a", Mode::Real)));
    let mut bad = sample::create_run(RunId(1), ONE);
    bad.changes.push(Change::CancelRun { run: RunId(99) });
    let second = ask(&requests, commit(bad));
    let third = ask(&requests, commit(sample::create_run(RunId(2), ONE)));
    // Refers to a row that never existed: the database's own constraint, not one of our guards.
    let orphan = Change::PutCommand(sample::command(b"a", ReleaseId(77), 1));
    let fourth = ask(&requests, commit(sample::changes(vec![orphan])));
    let fifth = ask(&requests, Work::Claim { run: RunId(2), owner: "a".into(), at: sample::at(1) });
    drop(requests);
    writer.run();
    assert_eq!(first.blocking_recv().unwrap().unwrap(), 0);
    assert!(matches!(second.blocking_recv().unwrap(), Err(StoreError::Conflict { .. })));
    assert_eq!(third.blocking_recv().unwrap().unwrap(), 0);
    assert!(matches!(fourth.blocking_recv().unwrap(), Err(StoreError::Conflict { .. })));
    assert_eq!(fifth.blocking_recv().unwrap().unwrap(), 1);
    assert_eq!(*changed.borrow(), 1, "they were not one batch");
    let db = open::reader(&held).unwrap();
    assert!(runs::row(&db, RunId(1)).unwrap().is_none());
    assert!(runs::row(&db, RunId(2)).unwrap().is_some());
}

/// Leaves work for the next batch.
fn leave(shared: &Shared, work: Work) -> oneshot::Receiver<Result<u64, StoreError>> {
    let (reply, answer) = oneshot::channel();
    assert!(shared.left.put(Request { work, reply }).is_ok(), "the writer is gone");
    answer
}

#[test]
fn what_was_left_is_the_beginning_of_the_next_batch() {
    let Bench { writer, requests, shared, held, _folder } = bench();
    let changed = shared.changed.subscribe();
    let second = ask(&requests, commit(sample::create_run(RunId(1), ONE)));
    let first = leave(&shared, commit(sample::create_release(ONE, "a", Mode::Real)));
    drop(requests);
    writer.run();
    assert_eq!(first.blocking_recv().unwrap().unwrap(), 0);
    assert_eq!(second.blocking_recv().unwrap().unwrap(), 0);
    assert_eq!(*changed.borrow(), 1, "they were not one batch");
    assert!(runs::row(&open::reader(&held).unwrap(), RunId(1)).unwrap().is_some());
}

#[test]
fn what_was_left_is_durable_after_a_close_and_refused_after_the_end() {
    let Bench { writer, requests, shared, held, _folder } = bench();
    let left = leave(&shared, commit(sample::create_release(ONE, "a", Mode::Real)));
    let close = ask(&requests, Work::Close);
    writer.run();
    assert_eq!(left.blocking_recv().unwrap().unwrap(), 0);
    assert_eq!(close.blocking_recv().unwrap().unwrap(), 0);
    assert!(release::row(&open::reader(&held).unwrap(), ONE).unwrap().is_some());
    let (reply, _answer) = oneshot::channel();
    assert!(shared.left.put(Request { work: Work::Recover, reply }).is_err(), "nobody would answer");
}

#[test]
fn what_was_left_is_refused_when_the_disk_is_full() {
    let Bench { writer, requests, shared, _folder, .. } = bench();
    writer.db.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
    let big = ask(&requests, commit(sample::changes(vec![Change::PutBlob(vec![1; 1 << 20])])));
    let left = leave(&shared, Work::Recover);
    writer.run();
    assert!(is_fatal(big.blocking_recv().unwrap()));
    assert!(is_fatal(left.blocking_recv().unwrap()));
}

#[test]
fn a_writer_that_is_dropped_answers_what_was_left() {
    let Bench { writer, shared, requests: _requests, held: _held, _folder } = bench();
    let left = leave(&shared, Work::Recover);
    drop(writer);
    assert!(left.blocking_recv().is_err(), "it was not done");
}

#[test]
fn a_full_disk_ends_the_writer_for_good() {
    let Bench { mut writer, requests, shared, held, _folder } = bench();
    let before = ask(&requests, commit(sample::create_release(ONE, "a", Mode::Real)));
    let first = requests_batch(&mut writer);
    writer.write(first).unwrap();
    assert_eq!(before.blocking_recv().unwrap().unwrap(), 0);
    let pages: i64 = writer.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit: i64 =
        writer.db.query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |row| row.get(0)).unwrap();
    assert_eq!(limit, pages + 4);
    // The first fits, and is lost with the second: nobody is told that it is durable.
    let small = ask(&requests, commit(sample::create_run(RunId(1), ONE)));
    let big = ask(&requests, commit(sample::changes(vec![Change::PutBlob(vec![1; 1 << 20])])));
    let after = ask(&requests, commit(sample::create_run(RunId(2), ONE)));
    let sequence = shared.sequences.next(Sequence::Run);
    writer.run();
    for answer in [small, big, after] {
        assert!(is_fatal(answer.blocking_recv().unwrap()));
    }
    let (reply, _answer) = oneshot::channel();
    let late = Request { work: commit(sample::create_run(RunId(sequence), ONE)), reply };
    assert!(requests.try_send(late).is_err(), "a writer that stopped takes work");
    let StoreError::Fatal { reason } = shared.fatal() else { panic!("not fatal") };
    assert!(reason.contains("full"), "{reason}");
    // What was acknowledged is there, and nothing else is.
    let db = open::writer(&held).unwrap();
    assert!(release::row(&db, ONE).unwrap().is_some());
    assert!(runs::row(&db, RunId(1)).unwrap().is_none());
    assert!(blob::read(&db, Digest::of(&vec![1; 1 << 20])).unwrap().is_none());
}

fn requests_batch(writer: &mut Writer) -> Vec<Request> {
    let first = writer.requests.try_recv().unwrap();
    writer.drain(first).0
}

#[test]
fn work_that_waits_behind_a_fatal_batch_is_refused_too() {
    let Bench { writer, requests, _folder, .. } = bench();
    writer.db.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
    // More than one batch is queued when the first of them fails.
    let mut answers = vec![ask(&requests, commit(sample::changes(vec![Change::PutBlob(vec![1; 1 << 20])])))];
    for _ in 0..BATCH + 10 {
        answers.push(ask(&requests, Work::Recover));
    }
    let close = ask(&requests, Work::Close);
    writer.run();
    for answer in answers.into_iter().chain([close]) {
        assert!(is_fatal(answer.blocking_recv().unwrap()));
    }
}

#[test]
fn a_database_that_somebody_else_has_locked_is_fatal() {
    let Bench { writer, requests, held, _folder, .. } = bench();
    writer.db.busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = Connection::open(held.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = ask(&requests, Work::Recover);
    writer.run();
    assert!(is_fatal(answer.blocking_recv().unwrap()));
}

#[test]
fn close_waits_for_what_was_asked_before_and_empties_the_log() {
    let Bench { writer, requests, shared, held, _folder } = bench();
    let before = ask(&requests, commit(sample::create_release(ONE, "a", Mode::Real)));
    let close = ask(&requests, Work::Close);
    let after = ask(&requests, Work::Recover);
    writer.run();
    assert_eq!(before.blocking_recv().unwrap().unwrap(), 0);
    assert_eq!(close.blocking_recv().unwrap().unwrap(), 0);
    assert!(is_fatal(after.blocking_recv().unwrap()));
    assert!(shared.fatal().to_string().contains("closed"));
    let log = held.folder().join("relhost.db-wal");
    assert_eq!(std::fs::metadata(log).map_or(0, |log| log.len()), 0);
}
