use relhost_engine::port::store::{Change, RunState, Store};

use super::*;
use crate::lock::StateFolder;
use crate::{SqliteStore, sample};

/// Does something to the rows of a database with one finished call in run 1, as a defect of the host would, with
/// seals that fit; and returns what is found.
fn found(damage: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let held = StateFolder::acquire(folder.path()).unwrap();
    let (store, writer) = SqliteStore::open(&held).unwrap();
    let thread = std::thread::Builder::new().spawn(|| writer.run()).unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let release = sample::release(&store).await;
        let run = sample::run(&store, release).await;
        let claimed = store.claim(run, "a".into(), sample::at(1)).await.unwrap().unwrap();
        let intent = sample::after(claimed.frames.last().unwrap(), vec![sample::intent(0)]);
        let outcome = sample::after(&sample::stored(&intent), vec![sample::outcome(0)]);
        let again = sample::after(&sample::stored(&outcome), vec![sample::outcome(0)]);
        store.commit(sample::frame(intent)).await.unwrap();
        store.commit(sample::frame(outcome)).await.unwrap();
        if damage == "outcome" {
            store.commit(sample::frame(again)).await.unwrap();
        }
        store.commit(sample::changes(vec![Change::PutBlob(b"bytes".to_vec())])).await.unwrap();
        assert_eq!(store.read().run(run).await.unwrap().unwrap().state, RunState::Running);
        store.close().await.unwrap();
    });
    thread.join().unwrap();
    if damage != "outcome" {
        let db = Connection::open(held.database()).unwrap();
        seal::register(&db).unwrap();
        db.execute_batch(&format!("PRAGMA foreign_keys = 0; {damage}")).unwrap();
        for sealed in seal::ALL {
            db.execute(&format!("UPDATE {} SET seal = {}", sealed.table, sealed.seal()), []).unwrap();
        }
    }
    store.check().unwrap()
}

fn finds(damage: &str, expected: &str) {
    let problems = found(damage);
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{damage}: {problems:?}");
}

#[test]
fn nothing_is_wrong_with_a_database_that_was_left_alone() {
    assert_eq!(found(""), Vec::<String>::new());
}

#[test]
fn journals_are_dense_chained_and_of_one_owner_at_a_time() {
    finds("DELETE FROM frame WHERE position = 1", "frame 1 of run-1: it is missing");
    finds("DELETE FROM frame WHERE position = 0", "frame 0 of run-1: it is missing");
    finds(
        "UPDATE frame SET body = CAST(replace(CAST(body AS TEXT), 'intent', 'outcome') AS BLOB) WHERE position = 2",
        "frame 2 of run-1: its hash does not follow",
    );
    finds(
        "UPDATE frame SET hash = (SELECT hash FROM frame WHERE position = 1) WHERE position = 2",
        "frame 2 of run-1: its hash does not follow",
    );
    finds("UPDATE frame SET epoch = 0 WHERE position = 3", "frame 3 was written under the claim at 0");
}

#[test]
fn rows_agree_with_their_journals() {
    finds("UPDATE run SET state = 'done'", "it is Done and its journal has no end");
    finds("outcome", "call 0 has 2 outcomes");
    finds("DELETE FROM event", "rel-1: it counts 1 events and has 0");
    finds("DELETE FROM snapshot", "rel-1: its frozen part is gone");
    finds("DELETE FROM run", "refers to a run that is not there");
    finds("UPDATE blob SET bytes = x'00'", "its bytes have another digest");
    finds("UPDATE sequence SET high = 0", "run-1: the counter of ids is behind it");
}
