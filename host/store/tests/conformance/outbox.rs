//! Commands, blobs and what was applied.

use relhost_engine::port::store::Change;
use relhost_model::digest::Digest;
use relhost_model::id::ReleaseId;
use relhost_model::release::Mode;

use crate::backend::{Backend, Verdict, verdict};
use crate::sample::*;

pub async fn a_command_lives_until_it_is_done(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let first = command(b"a", release, 100);
    let mut again = first.clone();
    again.due_at = at(1);
    let put = vec![Change::PutCommand(first.clone()), Change::PutCommand(command(b"b", release, 200))];
    store.commit(changes(put)).await.unwrap();
    store.commit(changes(vec![Change::PutCommand(again)])).await.unwrap();
    let none = store.due(at(99), 10, None).await.unwrap();
    assert_eq!((none.commands, none.next), (vec![], Some(at(100))));
    backend.reopen().await;
    let store = backend.store();
    let due = store.due(at(100), 10, None).await.unwrap();
    assert_eq!((due.commands, due.next), (vec![first.clone()], Some(at(200))));
    let done = vec![Change::DropCommand(first.key), Change::DropCommand(first.key)];
    store.commit(changes(done)).await.unwrap();
    assert_eq!(store.read().commands(Some(release)).await.unwrap().rows, [command(b"b", release, 200)]);
}

pub async fn a_command_that_was_given_up_is_kept_and_never_due(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let put = command(b"a", release, 100);
    store.commit(changes(vec![Change::PutCommand(put.clone())])).await.unwrap();
    let retry = |attempts, due_at| Change::RetryCommand {
        key: put.key,
        attempts,
        due_at,
        error: format!("refused {attempts}"),
    };
    store.commit(changes(vec![retry(1, Some(at(300)))])).await.unwrap();
    assert_eq!(store.due(at(299), 10, None).await.unwrap().next, Some(at(300)));
    let later = &store.due(at(300), 10, None).await.unwrap().commands[0];
    assert_eq!((later.attempts, later.error.as_deref()), (1, Some("refused 1")));
    store.commit(changes(vec![retry(2, None)])).await.unwrap();
    let due = store.due(at(u64::MAX), 10, None).await.unwrap();
    assert_eq!((due.commands, due.next), (vec![], None));
    assert_eq!(store.read().commands(None).await.unwrap().rows[0].error.as_deref(), Some("refused 2"));
    // Somebody sets it going again.
    store.commit(changes(vec![retry(2, Some(at(400)))])).await.unwrap();
    assert_eq!(store.due(at(400), 10, None).await.unwrap().commands.len(), 1);
    let orphan = Change::PutCommand(command(b"c", ReleaseId(99), 1));
    assert_eq!(verdict(store, changes(vec![orphan])).await, Verdict::Conflict);
}

pub async fn what_nobody_waits_for_comes_before_what_is_asked_for_after_it(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let put = command(b"a", release, 100);
    let soon = store.commit_soon(changes(vec![Change::PutCommand(put.clone())]));
    let retry = Change::RetryCommand { key: put.key, attempts: 1, due_at: Some(at(300)), error: "no".into() };
    // The second would be refused without the first.
    let (soon, now) = tokio::join!(soon, store.commit(changes(vec![retry])));
    soon.unwrap();
    now.unwrap();
    // Nobody else commits, and it is done all the same.
    store.commit_soon(changes(vec![Change::PutCommand(command(b"b", release, 400))])).await.unwrap();
    let refused = store.commit_soon(changes(vec![Change::PutCommand(command(b"c", ReleaseId(99), 1))])).await;
    assert_eq!(Verdict::of(refused), Verdict::Conflict);
    backend.reopen().await;
    let rows = backend.store().read().commands(Some(release)).await.unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.attempts).collect::<Vec<_>>(), [1, 0]);
}

pub async fn blobs_are_found_by_their_digest(backend: &mut dyn Backend) {
    let store = backend.store();
    let bytes = vec![7; 100_000];
    let put = vec![Change::PutBlob(bytes.clone()), Change::PutBlob(bytes.clone())];
    store.commit(changes(put)).await.unwrap();
    backend.reopen().await;
    let store = backend.store();
    assert_eq!(store.read().blob(Digest::of(&bytes)).await.unwrap(), Some(bytes));
    assert_eq!(store.read().blob(Digest::of(b"nothing")).await.unwrap(), None);
}

pub async fn the_newest_apply_of_each_object_is_known(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let environment = || "dev".parse().unwrap();
    let put = |mode, objects| Change::PutApplied { environment: environment(), mode, release, objects };
    let web = object("apps/v1beta1", "Deployment", "web");
    let service = object("v1", "Service", "web");
    let newer = object("apps/v1", "Deployment", "web");
    store.commit(changes(vec![put(Mode::Real, vec![web, service.clone()])])).await.unwrap();
    store.commit(changes(vec![put(Mode::Real, vec![newer.clone()])])).await.unwrap();
    store.commit(changes(vec![put(Mode::Rehearsal, vec![service.clone()])])).await.unwrap();
    let read = async |mode| store.read().applied(environment(), mode).await.unwrap();
    assert_eq!(read(Mode::Real).await, [service.clone(), newer.clone()]);
    // What was applied again since it was looked at is there.
    let objects = vec![service.clone(), object("apps/v1beta1", "Deployment", "web")];
    let forget = Change::ForgetApplied { environment: environment(), mode: Mode::Real, objects };
    store.commit(changes(vec![forget])).await.unwrap();
    assert_eq!(read(Mode::Real).await, [newer]);
    assert_eq!(read(Mode::Rehearsal).await, [service]);
}
