//! What holds in every state folder, whatever happened to its owners: the invariants I1 to I5 and I7 to I9 of
//! the crash matrix. I6, the same result as without a crash, needs the other result and is the caller's.
//!
//! Each sentence names the run, the frame and the record, or the release and the row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use relhost_engine::event::Event;
use relhost_engine::journal::{Record, chain, encode};
use relhost_engine::port::store::{RunState, StageState};
use relhost_model::call::{Answer, EffectClass, effect_key};
use relhost_model::id::ApprovalId;

use crate::evidence::{Evidence, ReleaseFound, RunFound};

/// One invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which: 1 for I1.
    pub invariant: u8,
    /// What is wrong, and where.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I{}: {}", self.invariant, self.what)
    }
}

/// Everything that does not hold; empty if all is well.
#[must_use]
pub fn broken(evidence: &Evidence) -> Vec<Broken> {
    let mut found = Found::default();
    for run in &evidence.runs {
        positions_and_hashes(run, &mut found);
        one_outcome_per_intent(run, &mut found);
        no_frame_of_a_replaced_owner(run, &mut found);
        waits_end_once(run, evidence, &mut found);
        the_journal_makes_the_row(run, &mut found);
        the_run_can_go_on(run, evidence, &mut found);
    }
    effects_and_intents(evidence, &mut found);
    for release in &evidence.releases {
        approvals_close_once(release, evidence, &mut found);
        the_events_make_the_release(release, evidence, &mut found);
        the_release_can_go_on(release, evidence, &mut found);
    }
    evidence.damage.iter().for_each(|what| found.add(8, what.clone()));
    found.0
}

/// Checks everything.
///
/// # Panics
/// If anything does not hold; `when` says after what.
#[track_caller]
pub fn hold(evidence: &Evidence, when: &str) {
    let broken = broken(evidence);
    let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{when}:\n{}", lines.join("\n"));
}

#[derive(Default)]
struct Found(Vec<Broken>);

impl Found {
    fn add(&mut self, invariant: u8, what: impl Into<String>) {
        self.0.push(Broken { invariant, what: what.into() });
    }
}

/// The records of a run, each with where it stands.
fn records(run: &RunFound) -> impl Iterator<Item = (String, &Record)> {
    run.frames.iter().flat_map(|frame| {
        let place = move |index| format!("{}, frame {}, record {index}", frame.run, frame.position);
        frame.records.iter().enumerate().map(move |(index, record)| (place(index), record))
    })
}

/// I1: dense positions and a valid hash chain.
fn positions_and_hashes(run: &RunFound, found: &mut Found) {
    let mut previous = None;
    for (expected, frame) in (0..).zip(&run.frames) {
        if frame.position != expected {
            found.add(1, format!("{}: frame {} stands where {expected} belongs", run.id, frame.position));
        }
        if frame.hash != chain(previous, &encode(&frame.records)) {
            found.add(1, format!("{}, frame {}: its hash does not follow", run.id, frame.position));
        }
        previous = Some(frame.hash);
    }
    if run.frames.is_empty() {
        found.add(1, format!("{}: it has no first frame", run.id));
    }
}

/// I2: one outcome per intent, none without; only the last call may be without one, and none of an ended run.
fn one_outcome_per_intent(run: &RunFound, found: &mut Found) {
    let mut open: BTreeSet<u32> = BTreeSet::new();
    let mut closed: BTreeSet<u32> = BTreeSet::new();
    let mut ended = false;
    for (place, record) in records(run) {
        match record {
            Record::Intent { ordinal, .. } | Record::WaitOpen { ordinal, .. } => {
                if let Some(before) = open.first() {
                    found.add(2, format!("{place}: call {ordinal} begins while call {before} is open"));
                }
                if closed.contains(ordinal) || !open.insert(*ordinal) {
                    found.add(2, format!("{place}: call {ordinal} has two intents"));
                }
            }
            Record::Outcome { ordinal, .. } | Record::WaitDone { ordinal, .. } => {
                if !open.remove(ordinal) {
                    let why =
                        if closed.contains(ordinal) { "two outcomes" } else { "an outcome and no intent" };
                    found.add(2, format!("{place}: call {ordinal} has {why}"));
                }
                closed.insert(*ordinal);
            }
            Record::Complete { end, .. } => {
                ended = !matches!(**end, relhost_model::release::RunEnd::Aborted { .. });
            }
            Record::Start { .. } | Record::Claim { .. } | Record::CancelSeen { .. } => {}
        }
    }
    for ordinal in open.iter().filter(|_| ended) {
        found.add(2, format!("{}: it has ended, and call {ordinal} has no outcome", run.id));
    }
}

/// I3 and I4: a call that was answered well was made under its key, and no call was made without an intent.
fn effects_and_intents(evidence: &Evidence, found: &mut Found) {
    let mut intents: BTreeMap<String, &str> = BTreeMap::new();
    for run in &evidence.runs {
        for (place, record) in records(run) {
            match record {
                Record::Intent { ordinal, operation, .. } => {
                    intents.insert(effect_key(run.uuid, 0, *ordinal).hex(), operation);
                }
                Record::Outcome { ordinal, answer, attested: None, .. } if left(run, *ordinal, answer) => {
                    let key = effect_key(run.uuid, 0, *ordinal).hex();
                    if !evidence.effects.iter().any(|effect| effect.key == key) {
                        found.add(3, format!("{place}: call {ordinal} was answered and never made as {key}"));
                    }
                }
                _ => {}
            }
        }
    }
    for effect in &evidence.effects {
        match intents.get(&effect.key) {
            None => found.add(4, format!("{} was made as {}: no intent", effect.operation, effect.key)),
            Some(operation) if *operation != effect.operation => {
                found.add(4, format!("{} was made under the key of {operation}", effect.operation));
            }
            Some(_) => {}
        }
    }
}

/// Whether a call was answered in a way that only the outside can.
fn left(run: &RunFound, ordinal: u32, answer: &Answer) -> bool {
    let outside = records(run).any(|(_, record)| {
        matches!(record, Record::Intent { ordinal: of, call, .. }
            if *of == ordinal && call.class() != EffectClass::Internal)
    });
    outside && !matches!(answer, Answer::Refused(_))
}

/// I5: no frame is older than the latest claim before it.
fn no_frame_of_a_replaced_owner(run: &RunFound, found: &mut Found) {
    let mut epoch = 0;
    for frame in &run.frames {
        if frame.records.iter().any(|record| matches!(record, Record::Claim { .. })) {
            epoch = frame.position;
        }
        if frame.epoch != epoch {
            let (position, of) = (frame.position, frame.epoch);
            found.add(5, format!("{}, frame {position}: written under {of} after the claim {epoch}", run.id));
        }
    }
}

fn resolution(evidence: &Evidence, id: ApprovalId) -> Option<relhost_model::approval::Resolution> {
    evidence.approvals.iter().find(|approval| approval.id == id)?.resolution
}

/// I7 in journals: a wait ends once, as its approval did, and a call is told of a cancellation once.
fn waits_end_once(run: &RunFound, evidence: &Evidence, found: &mut Found) {
    let mut waits: BTreeMap<u32, ApprovalId> = BTreeMap::new();
    let (mut ends, mut canceled) = (BTreeSet::new(), BTreeSet::new());
    for (place, record) in records(run) {
        match record {
            Record::WaitOpen { ordinal, approval, .. } => {
                if waits.values().any(|known| known == approval) {
                    found.add(7, format!("{place}: {approval} is waited for by two calls"));
                }
                waits.insert(*ordinal, *approval);
            }
            Record::WaitDone { ordinal, decision, .. } => {
                if !ends.insert(*ordinal) {
                    found.add(7, format!("{place}: the wait of call {ordinal} ends twice"));
                }
                let decided = waits.get(ordinal).and_then(|approval| resolution(evidence, *approval));
                if decided != Some(decision.resolution) {
                    let told = decision.resolution;
                    found.add(7, format!("{place}: told {told}, and its approval says {decided:?}"));
                }
            }
            Record::CancelSeen { ordinal, .. } if !canceled.insert(*ordinal) => {
                found.add(7, format!("{place}: call {ordinal} is told twice that the run is canceled"));
            }
            _ => {}
        }
    }
}

/// I7 in events: an approval is closed once, and as its row says.
fn approvals_close_once(release: &ReleaseFound, evidence: &Evidence, found: &mut Found) {
    let mut closed = BTreeMap::new();
    for recorded in &release.events {
        if let Event::ApprovalClosed { approval, resolution: how, .. } = &recorded.event {
            if closed.insert(*approval, *how).is_some() {
                found.add(7, format!("{}, event {}: {approval} is closed twice", release.id, recorded.seq));
            }
            let row = resolution(evidence, *approval);
            if row != Some(*how) {
                let seq = recorded.seq;
                found.add(7, format!("{}, event {seq}: {approval} {how}, its row says {row:?}", release.id));
            }
        }
    }
    let own = evidence.approvals.iter().filter(|approval| approval.release == release.id);
    for approval in own.filter(|approval| approval.resolution.is_some()) {
        if !closed.contains_key(&approval.id) {
            found.add(7, format!("{}: {} is over and no event says so", release.id, approval.id));
        }
    }
}

/// I8 for a run: it is done if and only if its journal has an end, or it was canceled while it waited.
fn the_journal_makes_the_row(run: &RunFound, found: &mut Found) {
    let complete = records(run).any(|(_, record)| matches!(record, Record::Complete { .. }));
    let done = run.state == RunState::Done;
    if complete && !done {
        found.add(8, format!("{}: its journal has an end and it is {:?}", run.id, run.state));
    }
    if done && !complete && !run.cancel {
        found.add(8, format!("{}: it is done and its journal has no end", run.id));
    }
}

/// I8 for a release: the stored read model is the fold of its events, and a run that has ended has its event.
fn the_events_make_the_release(release: &ReleaseFound, evidence: &Evidence, found: &mut Found) {
    if release.stored != release.folded {
        let (stored, folded) = (&release.stored, &release.folded);
        found.add(8, format!("{}: stored {stored:?}, but its events make {folded:?}", release.id));
    }
    for recorded in &release.events {
        let Event::RunCreated { run, .. } = &recorded.event else { continue };
        let finished = release
            .events
            .iter()
            .any(|recorded| matches!(&recorded.event, Event::RunFinished { run: of, .. } if of == run));
        let row = evidence.runs.iter().find(|row| row.id == *run);
        let complete =
            row.is_some_and(|row| records(row).any(|(_, record)| matches!(record, Record::Complete { .. })));
        if finished != complete {
            let end = if complete { "an end and no event of it" } else { "an event of its end and no end" };
            found.add(8, format!("{}: {run} has {end}", release.id));
        }
    }
}

/// I9 for a run: it is ready, held by an owner that left a claim, waits for an open approval, rests until a
/// time, or a person is told why it does not go on.
fn the_run_can_go_on(run: &RunFound, evidence: &Evidence, found: &mut Found) {
    let claimed = || records(run).any(|(_, record)| matches!(record, Record::Claim { .. }));
    let waits = || {
        let last = records(run).filter_map(|(_, record)| match record {
            Record::WaitOpen { approval, .. } => Some(Some(*approval)),
            Record::WaitDone { .. } => Some(None),
            _ => None,
        });
        let open = last.last().flatten();
        open.is_some_and(|id| {
            evidence.approvals.iter().any(|found| found.id == id && found.resolution.is_none())
        })
    };
    let (moves, needs) = match run.state {
        RunState::Ready | RunState::Done => (true, ""),
        RunState::Running => (claimed(), "no claim"),
        RunState::Waiting => (waits(), "no open approval"),
        RunState::Backoff => (run.due_at.is_some(), "no time"),
        RunState::Quarantined => (run.problem.is_some(), "no reason"),
    };
    if !moves {
        found.add(9, format!("{}: it is {:?} and has {needs}", run.id, run.state));
    }
}

/// I9 for a release: what each stage waits for is there and can come true.
fn the_release_can_go_on(release: &ReleaseFound, evidence: &Evidence, found: &mut Found) {
    let open = |id: &ApprovalId| evidence.approvals.iter().any(|a| a.id == *id && a.resolution.is_none());
    let state = |id| evidence.runs.iter().find(|run| run.id == id).map(|run| run.state);
    for stage in &release.stored.stages {
        let moves = match &stage.state {
            StageState::NotStarted | StageState::Manual | StageState::Finished(_) => true,
            StageState::Queued => stage.deployment.is_some_and(|id| release.queued.contains(&id)),
            StageState::AwaitingBefore(id) | StageState::AwaitingCall(id) | StageState::AwaitingAfter(id) => {
                open(id)
            }
            // In quarantine too: its release is told at the next start.
            StageState::Running(run) => state(*run).is_some_and(|state| state != RunState::Done),
            StageState::Quarantined(run) => state(*run) == Some(RunState::Quarantined),
        };
        if !moves {
            found.add(9, format!("{}, {}: nothing moves {:?}", release.id, stage.stage, stage.state));
        }
    }
}

#[cfg(test)]
mod tests;
