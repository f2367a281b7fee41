use relhost_engine::event::Recorded;
use relhost_engine::journal::Frame;
use relhost_engine::port::store::{ReleaseSummary, StageSummary};
use relhost_model::actor::Actor;
use relhost_model::approval::{Decision, Origin, Resolution};
use relhost_model::call::{ApprovalCall, CallError, Deployed, HostCall, WaitCall};
use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, ReleaseId, RunId, RunUuid};
use relhost_model::release::{RunContext, RunEnd, RunStart, StageOutcome, Status};
use relhost_model::time::Timestamp;

use super::*;
use crate::evidence::{ApprovalFound, Effect};

const AT: Timestamp = Timestamp(1);
const RUN: RunId = RunId(1);
const RELEASE: ReleaseId = ReleaseId(1);
const DEPLOYMENT: DeploymentId = DeploymentId(1);
const APPROVAL: ApprovalId = ApprovalId(1);

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn start() -> Record {
    let context = RunContext {
        pipeline: "shop".into(),
        release: "Release-1".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "shop".into(),
        attempt: 1,
        rehearsal: true,
        requester: Actor::Service("trigger".into()),
        artifacts: Vec::new(),
        variables: BTreeMap::new(),
        settings: "{}".into(),
        outputs: BTreeMap::new(),
    };
    let (component, seed) = (Digest::of(b"component"), "00".to_owned());
    let uuid = RunUuid(uuid::Uuid::from_u128(7));
    Record::Start { at: AT, start: Box::new(RunStart { run: RUN, uuid, component, seed, context }) }
}

fn claim() -> Record {
    Record::Claim { at: AT, owner: "owner".into(), version: "0.1.0".into() }
}

fn deploy_or_wait(ordinal: u32) -> HostCall {
    match ordinal {
        0 => HostCall::Deploy(relhost_model::call::DeployCall::default()),
        _ => HostCall::Wait(WaitCall { deployment: "d".into(), timeout_seconds: 0 }),
    }
}

fn intent(ordinal: u32) -> Record {
    let call = deploy_or_wait(ordinal);
    let (operation, fingerprint) = (call.operation().to_owned(), call.fingerprint());
    Record::Intent { at: AT, ordinal, operation, fingerprint, call: Box::new(call) }
}

fn outcome(ordinal: u32) -> Record {
    let answer = match ordinal {
        0 => Answer::Deployed(Deployed { id: "d".into(), objects: Vec::new(), warnings: Vec::new() }),
        _ => Answer::Rollout(relhost_model::call::Rollout::default()),
    };
    Record::Outcome { at: AT, ordinal, answer: Box::new(answer), attested: None }
}

fn wait_open(ordinal: u32) -> Record {
    let call = HostCall::AwaitApproval(ApprovalCall {
        instructions: String::new(),
        policy: None,
        policy_settings: serde_json::Value::Null,
        approvers: Vec::new(),
        timeout_seconds: None,
    });
    let (operation, fingerprint) = (call.operation().to_owned(), call.fingerprint());
    Record::WaitOpen { at: AT, ordinal, operation, fingerprint, call: Box::new(call), approval: APPROVAL }
}

fn wait_done(ordinal: u32, resolution: Resolution) -> Record {
    let decision = Decision { resolution, reason: String::new(), votes: Vec::new(), at: AT };
    Record::WaitDone { at: AT, ordinal, decision: Box::new(decision) }
}

fn ended() -> RunEnd {
    let outputs = BTreeMap::new();
    RunEnd::Returned(StageOutcome { status: Status::Succeeded, summary: String::new(), outputs })
}

fn complete() -> Record {
    Record::Complete { at: AT, end: Box::new(ended()) }
}

/// A journal as an owner writes it: the chain and the epochs hold.
fn frames(bodies: Vec<Vec<Record>>) -> Vec<Frame> {
    let (mut previous, mut epoch) = (None, 0);
    let framed = (0..).zip(bodies).map(|(position, records)| {
        if records.iter().any(|record| matches!(record, Record::Claim { .. })) {
            epoch = position;
        }
        let hash = chain(previous, &encode(&records));
        previous = Some(hash);
        Frame { run: RUN, position, epoch, records, hash, at: AT, logs: Vec::new() }
    });
    framed.collect()
}

fn journal() -> Vec<Vec<Record>> {
    vec![
        vec![start()],
        vec![claim()],
        vec![intent(0)],
        vec![outcome(0), intent(1)],
        vec![claim()],
        vec![outcome(1), wait_open(2)],
        vec![claim()],
        vec![wait_done(2, Resolution::Approved), complete()],
    ]
}

fn summary(state: StageState) -> ReleaseSummary {
    let stage = StageSummary {
        stage: name("Dev"),
        environment: name("dev"),
        state,
        deployment: Some(DEPLOYMENT),
        attempt: 1,
        summary: String::new(),
    };
    ReleaseSummary { status: None, stages: vec![stage] }
}

fn events() -> Vec<Event> {
    let (deployment, run, approval) = (DEPLOYMENT, RUN, APPROVAL);
    let origin = Origin::Call(RUN, 2);
    vec![
        Event::RunCreated { deployment, run },
        Event::ApprovalOpened { deployment, approval, origin },
        closed(Resolution::Approved),
        Event::RunFinished {
            deployment,
            run,
            status: Status::Succeeded,
            summary: String::new(),
            outputs: BTreeMap::new(),
            failure: None,
        },
    ]
}

fn closed(resolution: Resolution) -> Event {
    let (deployment, approval, origin) = (DEPLOYMENT, APPROVAL, Origin::Call(RUN, 2));
    Event::ApprovalClosed { deployment, approval, origin, resolution, reason: String::new() }
}

fn recorded(events: Vec<Event>) -> Vec<Recorded> {
    (0..).zip(events).map(|(seq, event)| Recorded { seq, at: AT, event }).collect()
}

fn made(ordinal: u32) -> Effect {
    let key = effect_key(RunUuid(uuid::Uuid::from_u128(7)), 0, ordinal).hex();
    Effect { key, operation: deploy_or_wait(ordinal).operation().to_owned() }
}

/// A release of one stage that asked people from its code, and is done.
fn whole() -> Evidence {
    let done = summary(StageState::Finished(Status::Succeeded));
    let run = RunFound {
        id: RUN,
        uuid: RunUuid(uuid::Uuid::from_u128(7)),
        stage: name("Dev"),
        state: RunState::Done,
        due_at: None,
        crashes: 0,
        cancel: false,
        problem: None,
        frames: frames(journal()),
    };
    let release = ReleaseFound {
        id: RELEASE,
        events: recorded(events()),
        stored: done.clone(),
        folded: done,
        queued: Vec::new(),
    };
    let approval = ApprovalFound { id: APPROVAL, release: RELEASE, resolution: Some(Resolution::Approved) };
    Evidence {
        runs: vec![run],
        releases: vec![release],
        approvals: vec![approval],
        effects: vec![made(0), made(0), made(1)],
        applied: BTreeMap::new(),
        damage: Vec::new(),
    }
}

/// The same release while its code waits for people.
fn waiting() -> Evidence {
    let mut evidence = whole();
    let mut bodies = journal();
    bodies.truncate(6);
    evidence.runs[0].frames = frames(bodies);
    evidence.runs[0].state = RunState::Waiting;
    evidence.approvals[0].resolution = None;
    let release = &mut evidence.releases[0];
    release.events.truncate(2);
    release.stored = summary(StageState::AwaitingCall(APPROVAL));
    release.folded.clone_from(&release.stored);
    evidence
}

#[test]
fn what_is_whole_breaks_nothing() {
    assert_eq!(broken(&whole()), []);
    assert_eq!(broken(&waiting()), []);
    assert_eq!(broken(&Evidence::default()), []);
}

/// What a damage does, and what is said of it.
type Damage = (&'static str, fn(&mut Evidence), u8, &'static str);

fn rewritten(evidence: &mut Evidence, change: fn(&mut Vec<Vec<Record>>)) {
    let mut bodies = journal();
    change(&mut bodies);
    evidence.runs[0].frames = frames(bodies);
}

/// To a whole journal.
const DAMAGES: &[Damage] = &[
    ("a frame is missing", |e| drop(e.runs[0].frames.remove(2)), 1, "frame 3 stands where 2 belongs"),
    ("no frame is left", |e| e.runs[0].frames.clear(), 1, "run-1: it has no first frame"),
    ("a byte is flipped", |e| e.runs[0].frames[3].hash.0[7] ^= 1, 1, "run-1, frame 3: its hash"),
    ("a record is changed", |e| drop(e.runs[0].frames[3].records.pop()), 1, "run-1, frame 3: its hash"),
    (
        "an outcome is written twice",
        |e| rewritten(e, |bodies| bodies[5].insert(0, outcome(0))),
        2,
        "frame 5, record 0: call 0 has two outcomes",
    ),
    (
        "an outcome has no intent",
        |e| rewritten(e, |bodies| bodies[5].insert(1, outcome(9))),
        2,
        "frame 5, record 1: call 9 has an outcome and no intent",
    ),
    (
        "an intent is written twice",
        |e| rewritten(e, |bodies| bodies.insert(6, vec![intent(0)])),
        2,
        "call 0 has two intents",
    ),
    (
        "a call begins before the one before it is over",
        |e| rewritten(e, |bodies| drop(bodies[3].remove(0))),
        2,
        "frame 3, record 0: call 1 begins while call 0 is open",
    ),
    (
        "an ended run has an open call",
        |e| rewritten(e, |bodies| bodies[7].insert(1, intent(3))),
        2,
        "run-1: it has ended, and call 3 has no outcome",
    ),
    (
        "an answer came from nowhere",
        |e| e.effects.retain(|made| *made != self::made(1)),
        3,
        "call 1 was answered",
    ),
    (
        "a call left without an intent",
        |e| e.effects.push(Effect { key: "00ff".into(), operation: "relhost:deploy".into() }),
        4,
        "relhost:deploy was made as 00ff: no intent",
    ),
    (
        "a call left under the key of another",
        |e| e.effects[0].operation = "relhost:secrets".into(),
        4,
        "relhost:secrets was made under the key of relhost:deploy/deploy@0#deploy",
    ),
    (
        "a replaced owner wrote",
        |e| e.runs[0].frames[5].epoch = 1,
        5,
        "frame 5: written under 1 after the claim 4",
    ),
    (
        "a wait ends twice",
        |e| rewritten(e, |bodies| bodies[7].insert(1, wait_done(2, Resolution::Approved))),
        7,
        "the wait of call 2 ends twice",
    ),
    (
        "a wait ends otherwise than its approval",
        |e| rewritten(e, |bodies| bodies[7][0] = wait_done(2, Resolution::Rejected)),
        7,
        "told rejected, and its approval says Some(Approved)",
    ),
    (
        "one approval has two waits",
        |e| rewritten(e, |bodies| bodies[7].insert(1, wait_open(3))),
        7,
        "apr-1 is waited for by two calls",
    ),
    (
        "a call is canceled twice",
        |e| {
            rewritten(e, |bodies| {
                let seen = || Record::CancelSeen { at: AT, ordinal: 1 };
                bodies[5].splice(0..0, [seen(), seen()]);
            });
        },
        7,
        "call 1 is told twice",
    ),
    (
        "an approval is closed twice",
        |e| {
            e.releases[0].events.push(Recorded { seq: 4, at: AT, event: closed(Resolution::Approved) });
        },
        7,
        "rel-1, event 4: apr-1 is closed twice",
    ),
    (
        "an event and a row differ",
        |e| e.approvals[0].resolution = Some(Resolution::Expired),
        7,
        "rel-1, event 2: apr-1 approved, its row says Some(Expired)",
    ),
    (
        "an end has no event",
        |e| drop(e.releases[0].events.remove(2)),
        7,
        "apr-1 is over and no event says so",
    ),
    (
        "a run that ended is not done",
        |e| e.runs[0].state = RunState::Running,
        8,
        "has an end and it is Running",
    ),
    (
        "a run without an end is done",
        |e| rewritten(e, |bodies| drop(bodies[7].pop())),
        8,
        "it is done and its journal has no end",
    ),
    (
        "the read model lags behind",
        |e| e.releases[0].stored = summary(StageState::Queued),
        8,
        "rel-1: stored",
    ),
    ("the end of a run has no event", |e| drop(e.releases[0].events.pop()), 8, "an end and no event of it"),
    ("the store finds damage", |e| e.damage.push("blob x: other bytes".into()), 8, "blob x: other bytes"),
];

/// To a journal that waits.
const STUCK: &[Damage] = &[
    (
        "the approval is over and the run still waits",
        |e| {
            e.approvals[0].resolution = Some(Resolution::Approved);
            let event = closed(Resolution::Approved);
            e.releases[0].events.push(Recorded { seq: 2, at: AT, event });
        },
        9,
        "run-1: it is Waiting and has no open approval",
    ),
    ("nobody waits", |e| e.approvals.clear(), 9, "rel-1, Dev: nothing moves AwaitingCall"),
    ("it rests for ever", |e| e.runs[0].state = RunState::Backoff, 9, "run-1: it is Backoff and has no time"),
    (
        "nobody is told why it is in quarantine",
        |e| e.runs[0].state = RunState::Quarantined,
        9,
        "run-1: it is Quarantined and has no reason",
    ),
    (
        "it runs and nobody has taken it",
        |e| {
            e.runs[0].state = RunState::Running;
            e.runs[0].frames.truncate(1);
        },
        9,
        "run-1: it is Running and has no claim",
    ),
    (
        "its run is over and it still runs",
        |e| {
            e.runs[0].state = RunState::Done;
            let running = summary(StageState::Running(RUN));
            (e.releases[0].stored, e.releases[0].folded) = (running.clone(), running);
        },
        9,
        "rel-1, Dev: nothing moves Running",
    ),
    (
        "it stands in no queue",
        |e| {
            let queued = summary(StageState::Queued);
            (e.releases[0].stored, e.releases[0].folded) = (queued.clone(), queued);
        },
        9,
        "rel-1, Dev: nothing moves Queued",
    ),
];

#[test]
fn every_damage_is_found_and_named() {
    for (base, damages) in [(whole(), DAMAGES), (waiting(), STUCK)] {
        for (what, damage, invariant, says) in damages {
            let mut evidence = base.clone();
            damage(&mut evidence);
            let found = broken(&evidence);
            let named = found.iter().any(|one| one.invariant == *invariant && one.what.contains(says));
            assert!(named, "{what}: I{invariant} does not say `{says}`, but {found:?}");
        }
    }
}

#[test]
fn every_invariant_is_broken_by_some_damage() {
    let broken: BTreeSet<u8> = DAMAGES.iter().chain(STUCK).map(|(_, _, invariant, _)| *invariant).collect();
    assert_eq!(
        broken,
        BTreeSet::from([1, 2, 3, 4, 5, 7, 8, 9]),
        "I6 compares two results and is the caller's"
    );
}

#[test]
fn an_answer_that_refuses_needs_no_effect_behind_it() {
    let mut evidence = whole();
    rewritten(&mut evidence, |bodies| {
        let refused = Answer::Refused(CallError::permanent("target-changed", "elsewhere"));
        bodies[5][0] = Record::Outcome { at: AT, ordinal: 1, answer: Box::new(refused), attested: None };
    });
    evidence.effects.retain(|effect| *effect != made(1));
    assert_eq!(broken(&evidence), []);
}
