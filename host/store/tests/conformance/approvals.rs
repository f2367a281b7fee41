//! Approvals, votes and their version.

use relhost_engine::port::store::{Change, RunState, Store};
use relhost_model::approval::{Approval, Resolution};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, ReleaseId};

use crate::backend::{Backend, Verdict, verdict};
use crate::sample::*;

const APPROVAL: ApprovalId = ApprovalId(1);

async fn opened(store: &dyn Store) -> ReleaseId {
    let release = release(store).await;
    let open = Change::OpenApproval(Box::new(approval(APPROVAL, release)));
    store.commit(changes(vec![open])).await.unwrap();
    release
}

fn add(name: &str, expected: u64) -> Change {
    Change::AddVote { approval: APPROVAL, expected, vote: Box::new(vote(name)) }
}

fn close(expected: u64, resolution: Resolution) -> Change {
    Change::CloseApproval { approval: APPROVAL, expected, decision: Box::new(decision(resolution)) }
}

pub async fn the_version_counts_votes_reassignments_and_the_end(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = opened(store).await;
    let again = Change::OpenApproval(Box::new(approval(APPROVAL, release)));
    assert_eq!(verdict(store, changes(vec![again])).await, Verdict::Conflict);
    assert_eq!(verdict(store, changes(vec![add("bob", 1)])).await, Verdict::Conflict);
    assert_eq!(verdict(store, changes(vec![add("bob", 0)])).await, Verdict::Done);
    assert_eq!(verdict(store, changes(vec![add("cleo", 0)])).await, Verdict::Conflict);
    assert_eq!(verdict(store, changes(vec![add("bob", 1)])).await, Verdict::Conflict);
    let policy = Digest::of(b"new list");
    let approvers = vec!["dan".parse().unwrap()];
    let reassign = Change::Reassign { approval: APPROVAL, expected: 1, approvers: approvers.clone(), policy };
    assert_eq!(verdict(store, changes(vec![reassign.clone()])).await, Verdict::Done);
    assert_eq!(verdict(store, changes(vec![reassign])).await, Verdict::Conflict);
    // The end counts from after the vote of its own commit.
    let both = changes(vec![add("dan", 2), close(3, Resolution::Approved)]);
    assert_eq!(verdict(store, both).await, Verdict::Done);
    backend.reopen().await;
    let row = backend.store().read().approval(APPROVAL).await.unwrap().unwrap();
    assert_eq!(row.version, 4);
    assert_eq!(row.votes, [vote("bob"), vote("dan")]);
    assert_eq!(row.decision, Some(decision(Resolution::Approved)));
    assert_eq!(row.approval.approvers, approvers);
    assert_eq!(row.approval.content.policy, policy);
    assert_eq!(backend.check(), Vec::<String>::new());
}

pub async fn a_closed_approval_stays_as_it_is(backend: &mut dyn Backend) {
    let store = backend.store();
    opened(store).await;
    store.commit(changes(vec![close(0, Resolution::Rejected)])).await.unwrap();
    let row = store.read().approval(APPROVAL).await.unwrap().unwrap();
    let reassign = Change::Reassign {
        approval: APPROVAL,
        expected: 1,
        approvers: Vec::new(),
        policy: Digest::of(b"other"),
    };
    for change in [add("bob", 1), close(1, Resolution::Approved), reassign] {
        assert_eq!(verdict(store, changes(vec![change])).await, Verdict::Conflict);
    }
    let recheck =
        Change::Recheck { approval: APPROVAL, expected: 1, at: Some(at(1)), waiting_for: "bob".into() };
    assert_eq!(verdict(store, changes(vec![recheck])).await, Verdict::Conflict);
    assert_eq!(store.read().approval(APPROVAL).await.unwrap().unwrap(), row);
    assert_eq!(store.due(at(u64::MAX), 10, None).await.unwrap().approvals, vec![]);
}

pub async fn two_deciders_and_one_resolution(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = opened(store).await;
    let run = run(store, release).await;
    let wait = set_run(run, &[RunState::Ready], RunState::Waiting);
    store.commit(changes(vec![wait])).await.unwrap();
    let decide = |resolution| {
        let wake = set_run(run, &[RunState::Waiting], RunState::Ready);
        store.commit(changes(vec![close(0, resolution), wake]))
    };
    let (first, second) = tokio::join!(decide(Resolution::Approved), decide(Resolution::Expired));
    assert!(first.is_ok() != second.is_ok(), "{first:?} and {second:?}");
    let row = store.read().approval(APPROVAL).await.unwrap().unwrap();
    let winner = if first.is_ok() { Resolution::Approved } else { Resolution::Expired };
    assert_eq!(row.decision.unwrap().resolution, winner);
    assert_eq!(row.version, 1);
}

pub async fn expiry_and_recheck_are_due_in_order(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = opened(store).await;
    let mut second = approval(ApprovalId(2), release);
    second.due_at = at(60_000);
    store.commit(changes(vec![Change::OpenApproval(Box::new(second))])).await.unwrap();
    let recheck = Change::Recheck {
        approval: ApprovalId(2),
        expected: 0,
        at: Some(at(40_000)),
        waiting_for: "the window".into(),
    };
    store.commit(changes(vec![recheck])).await.unwrap();
    let none = store.due(at(39_999), 10, None).await.unwrap();
    assert_eq!((none.approvals, none.next), (vec![], Some(at(40_000))));
    let both = store.due(at(50_000), 10, None).await.unwrap();
    assert_eq!((both.approvals, both.next), (vec![ApprovalId(2), APPROVAL], Some(at(60_000))));
    // A list that was cut off leaves work for right now.
    let cut = store.due(at(50_000), 1, None).await.unwrap();
    assert_eq!((cut.approvals, cut.next), (vec![ApprovalId(2)], Some(at(50_000))));
    let row = store.read().approval(ApprovalId(2)).await.unwrap().unwrap();
    assert_eq!((row.waiting_for.as_str(), row.version), ("the window", 0));
}

pub async fn open_ones_come_page_by_page_in_the_order_of_their_end(backend: &mut dyn Backend) {
    let store = backend.store();
    let release = opened(store).await;
    let ends = |id, end| {
        let approval = Approval { due_at: at(end), ..approval(ApprovalId(id), release) };
        Change::OpenApproval(Box::new(approval))
    };
    store
        .commit(changes(vec![ends(2, 20_000), ends(3, 30_000), ends(4, 20_000), ends(5, 10_000)]))
        .await
        .unwrap();
    store.commit(changes(vec![close(0, Resolution::Canceled)])).await.unwrap();
    let mut found = Vec::new();
    let mut last = None;
    while let page = store.read().open_approvals(last, 2).await.unwrap()
        && !page.is_empty()
    {
        last = page.last().copied();
        found.push(page.into_iter().map(|(_, approval)| approval.0).collect::<Vec<_>>());
    }
    assert_eq!(found, [vec![5, 2], vec![4, 3]]);
}

pub async fn lists_are_newest_first(backend: &mut dyn Backend) {
    let store = backend.store();
    let first = opened(store).await;
    let second = release(store).await;
    let open = |id| Change::OpenApproval(Box::new(approval(ApprovalId(id), second)));
    store.commit(changes(vec![open(2), open(3)])).await.unwrap();
    store.commit(changes(vec![close(0, Resolution::Canceled)])).await.unwrap();
    let list = async |open, release| {
        let rows = store.read().approvals(open, release).await.unwrap().rows;
        rows.iter().map(|row| row.approval.id.0).collect::<Vec<_>>()
    };
    assert_eq!(list(false, None).await, [3, 2, 1]);
    assert_eq!(list(true, None).await, [3, 2]);
    assert_eq!(list(false, Some(first)).await, [1]);
    assert_eq!(list(true, Some(first)).await, Vec::<u64>::new());
}
