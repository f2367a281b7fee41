//! Runs: created, claimed, recovered, quarantined.

use relhost_engine::port::store::{Change, RunState};
use relhost_model::id::{ReleaseId, RunId};

use crate::backend::{Backend, Verdict, verdict};
use crate::sample::*;

async fn state(backend: &dyn Backend, run: RunId) -> RunState {
    backend.store().read().run(run).await.unwrap().unwrap().state
}

pub async fn a_run_is_created_with_its_first_frame_or_not_at_all(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let mut bare = create_run(RunId(1), release);
    bare.frame = None;
    assert_eq!(verdict(store, bare).await, Verdict::Conflict);
    assert_eq!(store.read().run(RunId(1)).await.unwrap(), None);
    assert_eq!(verdict(store, create_run(RunId(1), release)).await, Verdict::Done);
    assert_eq!(verdict(store, create_run(RunId(1), release)).await, Verdict::Conflict);
    assert_eq!(verdict(store, create_run(RunId(2), ReleaseId(99))).await, Verdict::Conflict);
    let row = store.read().run(RunId(1)).await.unwrap().unwrap();
    assert_eq!(row.new, new_run(RunId(1), release));
    assert_eq!((row.state, row.crashes, row.cancel), (RunState::Ready, 0, false));
}

pub async fn a_run_is_claimed_once(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    assert_eq!(store.claim(RunId(99), "a".into(), at(3)).await.unwrap(), None);
    let claimed = store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
    assert_eq!(claimed.run.state, RunState::Running);
    assert_eq!(claimed.frames.last().unwrap().at, at(3));
    assert_eq!(store.claim(run, "b".into(), at(4)).await.unwrap(), None);
    assert_eq!(store.read().journal(run).await.unwrap().len(), 2);
}

pub async fn backoff_ends_at_its_time(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let back_off = Change::SetRun {
        run,
        from: vec![RunState::Ready],
        to: RunState::Backoff,
        due_at: Some(at(100)),
        problem: Some("the cluster does not answer".into()),
    };
    store.commit(changes(vec![back_off])).await.unwrap();
    let early = store.due(at(99), 10, None).await.unwrap();
    assert_eq!((early.runs, early.next), (vec![], Some(at(100))));
    assert_eq!(store.claim(run, "a".into(), at(99)).await.unwrap(), None);
    let due = store.due(at(100), 10, None).await.unwrap();
    assert_eq!((due.runs, due.next), (vec![run], None));
    let claimed = store.claim(run, "a".into(), at(100)).await.unwrap().unwrap();
    assert_eq!((claimed.run.due_at, claimed.run.problem), (None, None));
}

/// The clock of the machine is set an hour back and an hour ahead, while the host runs and between two hosts.
pub async fn a_clock_that_jumps_delays_work_and_loses_none(backend: &mut dyn Backend) {
    const HOUR: u64 = 3_600_000;
    let now = 10 * HOUR;
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let claimed = store.claim(run, "a".into(), at(now)).await.unwrap().unwrap();
    let mut frames = claimed.frames;
    for (n, time) in [now, now - HOUR, now + HOUR, now].into_iter().enumerate() {
        let ordinal = u32::try_from(n).unwrap();
        let mut next = after(frames.last().unwrap(), vec![intent(ordinal)]);
        next.at = at(time);
        frames.push(stored(&next));
        store.commit(frame(next)).await.unwrap();
    }
    let back_off = Change::SetRun {
        run,
        from: vec![RunState::Running],
        to: RunState::Backoff,
        due_at: Some(at(now + 5_000)),
        problem: None,
    };
    store.commit(changes(vec![back_off])).await.unwrap();
    backend.reopen().await;
    let store = backend.store();
    // An hour back: it is not due, and whoever waits knows until when.
    let early = store.due(at(now - HOUR), 10, None).await.unwrap();
    assert_eq!((early.runs, early.next), (vec![], Some(at(now + 5_000))));
    // An hour ahead: it is due at once, and the journal is what it was.
    let due = store.due(at(now + HOUR), 10, None).await.unwrap();
    assert_eq!(due.runs, [run]);
    let again = store.claim(run, "b".into(), at(now + HOUR)).await.unwrap().unwrap();
    assert_eq!(again.frames[..frames.len()], frames);
    // And back: the owner goes on.
    let mut last = after(again.frames.last().unwrap(), vec![outcome(3)]);
    last.at = at(now - HOUR);
    store.commit(frame(last)).await.unwrap();
    assert_eq!(backend.check(), Vec::<String>::new());
}

pub async fn a_transition_names_where_it_comes_from(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let wrong = set_run(run, &[RunState::Running, RunState::Waiting], RunState::Done);
    assert_eq!(verdict(store, changes(vec![wrong])).await, Verdict::Conflict);
    let right = set_run(run, &[RunState::Waiting, RunState::Ready], RunState::Waiting);
    assert_eq!(verdict(store, changes(vec![right])).await, Verdict::Done);
    assert_eq!(state(backend, run).await, RunState::Waiting);
    let store = backend.store();
    let nobody = set_run(RunId(99), &[RunState::Ready], RunState::Done);
    assert_eq!(verdict(store, changes(vec![nobody])).await, Verdict::Conflict);
    assert_eq!(store.due(at(u64::MAX), 10, None).await.unwrap().runs, vec![]);
}

pub async fn cancel_is_a_mark_on_the_run(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    store.commit(changes(vec![Change::CancelRun { run }])).await.unwrap();
    assert!(store.claim(run, "a".into(), at(3)).await.unwrap().unwrap().run.cancel);
    let nobody = Change::CancelRun { run: RunId(99) };
    assert_eq!(verdict(store, changes(vec![nobody])).await, Verdict::Conflict);
}

pub async fn a_run_that_takes_the_host_down_three_times_is_quarantined(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let other = crate::sample::run(store, release).await;
    let claimed = store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
    store.commit(frame(after(claimed.frames.last().unwrap(), vec![intent(7)]))).await.unwrap();
    // The first death came after progress and does not count.
    assert_eq!(store.recover().await.unwrap(), 1);
    assert_eq!(store.read().run(run).await.unwrap().unwrap().crashes, 0);
    for crashes in 1..=3 {
        assert_eq!(state(backend, run).await, RunState::Ready);
        backend.store().claim(run, "a".into(), at(4)).await.unwrap().unwrap();
        backend.reopen().await;
        backend.store().recover().await.unwrap();
        assert_eq!(backend.store().read().run(run).await.unwrap().unwrap().crashes, crashes);
    }
    let row = backend.store().read().run(run).await.unwrap().unwrap();
    assert_eq!(row.state, RunState::Quarantined);
    assert_eq!(row.problem.as_deref(), Some("host died 3 times at ordinal 7"));
    // Whoever opens it finds it, however often: its release may not know of it yet.
    for _ in 0..2 {
        assert_eq!(backend.store().read().quarantined().await.unwrap().rows, std::slice::from_ref(&row));
        backend.reopen().await;
        assert_eq!(backend.store().recover().await.unwrap(), 0);
    }
    assert_eq!(backend.store().claim(run, "a".into(), at(5)).await.unwrap(), None);
    assert_eq!(state(backend, other).await, RunState::Ready);
    // A person who releases it gives it three more tries.
    let release_it = set_run(run, &[RunState::Quarantined], RunState::Ready);
    backend.store().commit(changes(vec![release_it])).await.unwrap();
    assert_eq!(backend.store().read().run(run).await.unwrap().unwrap().crashes, 0);
    assert_eq!(backend.store().read().quarantined().await.unwrap().rows, []);
    backend.store().claim(run, "a".into(), at(6)).await.unwrap().unwrap();
    backend.store().recover().await.unwrap();
    assert_eq!(state(backend, run).await, RunState::Ready);
}

pub async fn claims_that_ended_in_good_order_are_no_crashes(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    for _ in 0..5 {
        store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
        store.commit(changes(vec![set_run(run, &[RunState::Running], RunState::Ready)])).await.unwrap();
    }
    store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
    store.recover().await.unwrap();
    let row = store.read().run(run).await.unwrap().unwrap();
    assert_eq!((row.state, row.crashes), (RunState::Ready, 1));
}

pub async fn progress_starts_the_count_again(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    for _ in 0..2 {
        store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
        store.recover().await.unwrap();
    }
    assert_eq!(store.read().run(run).await.unwrap().unwrap().crashes, 2);
    let claimed = store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
    store.commit(frame(after(claimed.frames.last().unwrap(), vec![intent(0)]))).await.unwrap();
    store.commit(changes(vec![set_run(run, &[RunState::Running], RunState::Ready)])).await.unwrap();
    store.claim(run, "a".into(), at(3)).await.unwrap().unwrap();
    store.recover().await.unwrap();
    assert_eq!(store.read().run(run).await.unwrap().unwrap().crashes, 1);
}

pub async fn runs_of_other_releases_are_left_alone(backend: &mut dyn Backend) {
    let store = backend.store();
    let (one, other) = (release(store).await, release(store).await);
    let (first, second) = (run(store, one).await, run(store, other).await);
    let due = |only: &[ReleaseId]| store.due(at(100), 10, Some(only.iter().copied().collect()));
    assert_eq!(due(&[one]).await.unwrap().runs, [first]);
    assert_eq!(due(&[other]).await.unwrap().runs, [second]);
    assert_eq!(due(&[]).await.unwrap().runs, vec![]);
    let back_off = Change::SetRun {
        run: first,
        from: vec![RunState::Ready],
        to: RunState::Backoff,
        due_at: Some(at(200)),
        problem: None,
    };
    store.commit(changes(vec![back_off])).await.unwrap();
    let due = |only: ReleaseId| store.due(at(100), 10, Some([only].into()));
    assert_eq!(due(one).await.unwrap().next, Some(at(200)));
    assert_eq!(due(other).await.unwrap().next, None);
}
