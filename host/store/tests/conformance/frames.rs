//! The journal and its fence.

use relhost_engine::journal::Record;
use relhost_engine::port::store::{Change, RunState, StoreError};
use relhost_model::digest::Digest;

use crate::backend::{Backend, Verdict, verdict};
use crate::sample::*;

pub async fn a_journal_reads_back_as_it_was_appended(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let claimed = store.claim(run, "a".into(), at(2_500)).await.unwrap().unwrap();
    assert_eq!(claimed.frames.len(), 2);
    assert_eq!(claimed.frames[1].epoch, 1);
    assert!(matches!(&claimed.frames[1].records[..], [Record::Claim { owner, .. }] if owner == "a"));
    let mut expected = claimed.frames;
    let mut first = after(&expected[1], vec![intent(0)]);
    first.logs = vec![(0, 0, line("one")), (0, 1, line("two"))];
    expected.push(stored(&first));
    let second = after(&expected[2], vec![outcome(0), intent(1)]);
    expected.push(stored(&second));
    store.commit(frame(first)).await.unwrap();
    store.commit(frame(second)).await.unwrap();
    assert_eq!(store.read().journal(run).await.unwrap(), expected);
    backend.reopen().await;
    assert_eq!(backend.store().read().journal(run).await.unwrap(), expected);
    assert_eq!(backend.check(), Vec::<String>::new());
}

pub async fn an_owner_that_was_replaced_is_fenced(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let old = store.claim(run, "old".into(), at(2_500)).await.unwrap().unwrap();
    store.recover().await.unwrap();
    store.claim(run, "new".into(), at(2_600)).await.unwrap().unwrap();
    let mut late = frame(after(old.frames.last().unwrap(), vec![intent(0)]));
    // Whatever else is in the commit does not land either, and does not hide the reason.
    late.changes = vec![
        Change::Note { release, at: at(1), line: line("late") },
        set_run(run, &[RunState::Waiting], RunState::Done),
    ];
    let error = store.commit(late).await.unwrap_err();
    assert!(
        matches!(error, StoreError::FenceLost { run: lost, position: 2 } if lost == run),
        "unexpected: {error}"
    );
    assert_eq!(store.read().journal(run).await.unwrap().len(), 3);
    assert!(store.read().logs(release, 0).await.unwrap().rows.is_empty());
}

pub async fn position_epoch_and_previous_hash_are_each_checked(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let claimed = store.claim(run, "a".into(), at(2_500)).await.unwrap().unwrap();
    let right = after(claimed.frames.last().unwrap(), vec![intent(0)]);
    let mut taken = right.clone();
    taken.position = 1;
    let mut gap = right.clone();
    gap.position = 3;
    let mut older = right.clone();
    older.epoch = 0;
    let mut other = right.clone();
    other.previous = Some(Digest::of(b"another journal"));
    for wrong in [taken, gap, older, other] {
        assert_eq!(verdict(store, frame(wrong)).await, Verdict::FenceLost);
    }
    assert_eq!(verdict(store, frame(right)).await, Verdict::Done);
}

pub async fn log_lines_are_stored_once_and_in_the_order_of_the_release(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let run = run(store, release).await;
    let claimed = store.claim(run, "a".into(), at(2_500)).await.unwrap().unwrap();
    let mut first = after(claimed.frames.last().unwrap(), vec![intent(0)]);
    first.logs = vec![(0, 0, line("one"))];
    let tail = stored(&first);
    store.commit(frame(first)).await.unwrap();
    let note = Change::Note { release, at: at(9), line: line("note") };
    store.commit(changes(vec![note])).await.unwrap();
    let mut second = after(&tail, vec![outcome(0)]);
    // A run that was replayed writes its line again, and goes on with the next.
    second.logs = vec![(0, 0, line("one")), (1, 0, line("two"))];
    store.commit(frame(second)).await.unwrap();
    let entries = store.read().logs(release, 0).await.unwrap().rows;
    let found: Vec<_> = entries.iter().map(|e| (e.run, e.line.message.as_str())).collect();
    assert_eq!(found, [(Some(run), "one"), (None, "note"), (Some(run), "two")]);
    assert!(entries.is_sorted_by(|a, b| a.seq < b.seq));
    let rest = store.read().logs(release, entries[0].seq + 1).await.unwrap().rows;
    assert_eq!(rest, entries[1..]);
}

pub async fn a_page_of_log_lines_is_a_thousand(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = release(store).await;
    let note = |n: u32| Change::Note { release, at: at(1), line: line(&n.to_string()) };
    store.commit(changes((0..1_001).map(note).collect())).await.unwrap();
    let page = store.read().logs(release, 0).await.unwrap().rows;
    assert_eq!(page.len(), 1_000);
    let rest = store.read().logs(release, page[999].seq + 1).await.unwrap().rows;
    assert_eq!(rest[0].line.message, "1000");
    assert_eq!(rest.len(), 1);
}
