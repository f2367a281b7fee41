use relhost_engine::port::store::{RunState, Store, StoreError};
use relhost_model::id::RunId;
use rusqlite::Connection;

use crate::lock::StateFolder;
use crate::{SqliteStore, sample};

/// Opens a store and does something with it, to the end of its writer.
fn with_store(folder: &std::path::Path, work: impl AsyncFnOnce(&SqliteStore)) {
    let held = StateFolder::acquire(folder).unwrap();
    let (store, writer) = SqliteStore::open(&held).unwrap();
    let thread = std::thread::Builder::new().spawn(|| writer.run()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        work(&store).await;
        store.close().await.unwrap();
    });
    thread.join().unwrap();
}

/// Two claimed runs with a call each, then damage.
fn damaged(damage: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    with_store(folder.path(), async |store| {
        let release = sample::release(store).await;
        for _ in 0..2 {
            let run = sample::run(store, release).await;
            let claimed = store.claim(run, "a".into(), sample::at(1)).await.unwrap().unwrap();
            let call = sample::after(claimed.frames.last().unwrap(), vec![sample::intent(0)]);
            store.commit(sample::frame(call)).await.unwrap();
        }
    });
    let db = Connection::open(folder.path().join(crate::lock::DATABASE_FILE)).unwrap();
    assert_eq!(db.execute(damage, []).unwrap(), 1);
    folder
}

#[test]
fn a_damaged_journal_is_quarantined_and_the_others_go_on() {
    for damage in [
        "UPDATE frame SET body = x'00' WHERE run = 1 AND position = 2",
        "UPDATE frame SET hash = x'00' WHERE run = 1 AND position = 2",
    ] {
        let folder = damaged(damage);
        with_store(folder.path(), async |store| {
            assert_eq!(store.recover().await.unwrap(), 2, "{damage}");
            let quarantined = store.read().quarantined().await.unwrap().rows;
            let ids: Vec<RunId> = quarantined.iter().map(|run| run.new.id).collect();
            assert_eq!(ids, [RunId(1)], "{damage}");
            assert!(
                quarantined[0].problem.as_deref().unwrap().contains("frame 2 of run-1"),
                "{quarantined:?}"
            );
            store.claim(RunId(2), "b".into(), sample::at(2)).await.unwrap().unwrap();
        });
    }
}

/// Only reading the whole journal shows it: the claim is there, and the caller puts the run into quarantine.
#[test]
fn damage_that_the_claim_finds_is_told_to_who_claims() {
    let folder = damaged("UPDATE frame SET body = x'00' WHERE run = 1 AND position = 1");
    with_store(folder.path(), async |store| {
        assert_eq!(store.recover().await.unwrap(), 2);
        assert_eq!(store.read().quarantined().await.unwrap().rows, []);
        let refused = store.claim(RunId(1), "b".into(), sample::at(2)).await;
        assert!(matches!(refused, Err(StoreError::Damaged { .. })), "{refused:?}");
        assert_eq!(store.read().run(RunId(1)).await.unwrap().unwrap().state, RunState::Running);
    });
}
