//! Releases, their events and the queues of environments.

use relhost_engine::port::store::{Change, ReleaseFilter, Sequence, StageState, Store};
use relhost_model::id::{ApprovalId, ReleaseId, RunId};
use relhost_model::release::{Mode, Status};

use crate::backend::{Backend, Verdict, verdict};
use crate::sample::*;

pub async fn a_key_belongs_to_one_release_of_a_mode(backend: &mut dyn Backend) {
    let store = backend.store();
    let create = |id, mode| create_release(ReleaseId(id), "key", mode);
    assert_eq!(verdict(store, create(1, Mode::Real)).await, Verdict::Done);
    assert_eq!(verdict(store, create(2, Mode::Real)).await, Verdict::KeyExists(1));
    assert_eq!(verdict(store, create(2, Mode::Rehearsal)).await, Verdict::Done);
    assert_eq!(verdict(store, create(3, Mode::Rehearsal)).await, Verdict::KeyExists(2));
    assert_eq!(store.read().release(ReleaseId(3)).await.unwrap(), None);
    // One that was superseded gives its key back.
    let mut superseded = summary(&[]);
    superseded.status = Some(Status::Superseded);
    let mut commit = changes(vec![]);
    commit.events = Some(events(ReleaseId(1), 1, superseded));
    store.commit(commit).await.unwrap();
    assert_eq!(verdict(store, create(4, Mode::Real)).await, Verdict::Done);
    assert_eq!(store.read().release_by_key("key".into(), Mode::Real).await.unwrap(), Some(ReleaseId(4)));
    assert_eq!(store.read().release_by_key("key".into(), Mode::Rehearsal).await.unwrap(), Some(ReleaseId(2)));
    assert_eq!(store.read().release_by_key("other".into(), Mode::Real).await.unwrap(), None);
    // The same id never stands for two releases.
    let twice = create_release(ReleaseId(4), "fresh", Mode::Real);
    assert_eq!(verdict(store, twice).await, Verdict::Conflict);
}

pub async fn a_release_reads_back_as_it_was_frozen(backend: &mut dyn Backend) {
    let id = release(backend.store()).await;
    backend.reopen().await;
    let read = backend.store().read();
    let frozen = snapshot(&format!("key-{}", id.0), Mode::Real);
    assert_eq!(read.snapshot(id).await.unwrap(), Some(frozen.clone()));
    let row = read.release(id).await.unwrap().unwrap();
    assert_eq!((row.id, row.name, row.key, row.mode), (id, frozen.name, frozen.key, Mode::Real));
    assert_eq!((row.version.as_str(), row.created_at, row.events), ("20261124.1", at(1_000), 1));
    assert_eq!(row.summary, summary(&[]));
    assert_eq!(read.counter("shop".parse().unwrap()).await.unwrap(), id.0);
    assert_eq!(read.counter("other".parse().unwrap()).await.unwrap(), 0);
}

pub async fn events_follow_each_other(backend: &mut dyn Backend) {
    let store = backend.store();
    let id = release(store).await;
    let append = |expected| {
        let mut commit = changes(vec![]);
        commit.events = Some(events(id, expected, summary(&[])));
        commit
    };
    assert_eq!(verdict(store, append(0)).await, Verdict::SequenceConflict);
    assert_eq!(verdict(store, append(2)).await, Verdict::SequenceConflict);
    assert_eq!(verdict(store, append(1)).await, Verdict::Done);
    let mut nobody = append(0);
    nobody.events.as_mut().unwrap().release = ReleaseId(99);
    assert_eq!(verdict(store, nobody).await, Verdict::Conflict);
    let all = store.read().events(id, 0).await.unwrap();
    assert_eq!(all.iter().map(|event| (event.seq, event.at.0)).collect::<Vec<_>>(), [(0, 1_000), (1, 1_001)]);
    assert_eq!(store.read().events(id, 1).await.unwrap(), all[1..]);
}

pub async fn lists_are_newest_first(backend: &mut dyn Backend) {
    let store = backend.store();
    for _ in 0..3 {
        release(store).await;
    }
    let mut over = summary(&[]);
    over.status = Some(Status::Succeeded);
    let mut commit = changes(vec![]);
    commit.events = Some(events(ReleaseId(2), 1, over));
    store.commit(commit).await.unwrap();
    let list = async |filter| {
        let rows = store.read().releases(filter).await.unwrap().rows;
        rows.iter().map(|row| row.id.0).collect::<Vec<_>>()
    };
    assert_eq!(list(ReleaseFilter::default()).await, [3, 2, 1]);
    assert_eq!(list(ReleaseFilter { active: true, ..ReleaseFilter::default() }).await, [3, 1]);
    assert_eq!(list(ReleaseFilter { limit: 1, ..ReleaseFilter::default() }).await, [3]);
    let other = ReleaseFilter { pipeline: Some("other".parse().unwrap()), ..ReleaseFilter::default() };
    assert_eq!(list(other).await, Vec::<u64>::new());
}

async fn show(store: &dyn Store, release: u64, stages: &[(&str, StageState, u64)]) -> Verdict {
    let id = ReleaseId(release);
    let expected = store.read().release(id).await.unwrap().unwrap().events;
    let mut commit = changes(vec![]);
    commit.events = Some(events(id, expected, summary(stages)));
    verdict(store, commit).await
}

pub async fn one_deployment_holds_an_environment(backend: &mut dyn Backend) {
    let store = backend.store();
    for _ in 0..3 {
        release(store).await;
    }
    let queue = async |environment: &str| {
        let entries = store.read().queue(environment.parse().unwrap(), Mode::Real).await.unwrap();
        entries.iter().map(|e| (e.release.0, e.deployment.0, e.active)).collect::<Vec<_>>()
    };
    assert_eq!(show(store, 3, &[("dev", StageState::Queued, 30)]).await, Verdict::Done);
    assert_eq!(show(store, 1, &[("dev", StageState::Queued, 10)]).await, Verdict::Done);
    assert_eq!(
        show(store, 1, &[("dev", StageState::AwaitingBefore(ApprovalId(1)), 10)]).await,
        Verdict::Done
    );
    assert_eq!(show(store, 2, &[("dev", StageState::Queued, 20)]).await, Verdict::Done);
    assert_eq!(queue("dev").await, [(1, 10, true), (3, 30, false), (2, 20, false)]);
    // Nobody takes what is held, and the refused events are gone as well.
    let events = store.read().events(ReleaseId(3), 0).await.unwrap().len();
    assert_eq!(show(store, 3, &[("dev", StageState::Running(RunId(1)), 30)]).await, Verdict::Conflict);
    assert_eq!(store.read().events(ReleaseId(3), 0).await.unwrap().len(), events);
    // The next attempt of the same release may take over in one step.
    let finished = ("dev", StageState::Finished(Status::Succeeded), 10);
    assert_eq!(show(store, 1, &[finished, ("qa", StageState::Queued, 11)]).await, Verdict::Done);
    assert_eq!(queue("dev").await, [(3, 30, false), (2, 20, false)]);
    assert_eq!(queue("qa").await, [(1, 11, false)]);
    assert_eq!(show(store, 3, &[("dev", StageState::Running(RunId(1)), 30)]).await, Verdict::Done);
    assert_eq!(show(store, 3, &[("dev", StageState::Running(RunId(2)), 31)]).await, Verdict::Done);
    assert_eq!(queue("dev").await, [(3, 31, true), (2, 20, false)]);
}

pub async fn ids_are_never_handed_out_twice(backend: &mut dyn Backend) {
    let first = release(backend.store()).await;
    let deployment = backend.store().allocate(Sequence::Deployment);
    let approval = backend.store().allocate(Sequence::Approval);
    // Any commit stores how far the counters have come.
    let note = Change::Note { release: first, at: at(1), line: line("x") };
    backend.store().commit(changes(vec![note])).await.unwrap();
    backend.reopen().await;
    let store = backend.store();
    assert_eq!(store.allocate(Sequence::Release), first.0 + 1);
    assert_eq!(store.allocate(Sequence::Deployment), deployment + 1);
    assert_eq!(store.allocate(Sequence::Approval), approval + 1);
    assert_eq!(store.allocate(Sequence::Run), 1);
    // Somebody who numbers by hand does not collide with the counter.
    store.commit(create_run(RunId(40), first)).await.unwrap();
    assert_eq!(store.allocate(Sequence::Run), 41);
}

pub async fn a_refused_change_undoes_the_whole_commit(backend: &mut dyn Backend) {
    let store = backend.store();
    let id = release(store).await;
    let mut commit = create_run(RunId(5), id);
    commit.events = Some(events(id, 1, summary(&[("dev", StageState::Queued, 9)])));
    commit.changes.extend([
        Change::PutBlob(b"bytes".to_vec()),
        Change::PutCommand(command(b"a", id, 1)),
        Change::Note { release: id, at: at(1), line: line("x") },
        Change::CancelRun { run: RunId(99) },
    ]);
    assert_eq!(verdict(store, commit).await, Verdict::Conflict);
    let read = store.read();
    assert_eq!(read.run(RunId(5)).await.unwrap(), None);
    assert_eq!(read.journal(RunId(5)).await.unwrap(), []);
    assert_eq!(read.release(id).await.unwrap().unwrap().events, 1);
    assert_eq!(read.commands(None).await.unwrap().rows, []);
    assert_eq!(read.logs(id, 0).await.unwrap().rows, []);
    assert_eq!(read.queue("dev".parse().unwrap(), Mode::Real).await.unwrap(), []);
    assert_eq!(read.blob(relhost_model::digest::Digest::of(b"bytes")).await.unwrap(), None);
}
