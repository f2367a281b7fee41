//! Words of the domain with as little in them as the store needs.

use std::collections::BTreeMap;

use relhost_engine::event::Event;
use relhost_engine::journal::{Frame, Record, chain, encode};
use relhost_engine::port::store::{
    AppendEvents, AppendFrame, Change, Command, CommandBody, Commit, MailCommand, NewRun, ReleaseSummary,
    RunState, Sequence, StageState, StageSummary, Store,
};
use relhost_model::actor::Actor;
use relhost_model::approval::{Approval, Content, Decision, Origin, Resolution, Vote};
use relhost_model::artifact::{BuildInfo, FrozenArtifact};
use relhost_model::call::{Answer, AppliedObject, HostCall, LogLevel, LogLine, WaitCall};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, DeploymentId, PersonId, ReleaseId, RunId, RunUuid};
use relhost_model::pipeline::Pipeline;
use relhost_model::release::{Mode, Reason, RunContext, RunStart, Snapshot};
use relhost_model::time::Timestamp;

pub fn at(millis: u64) -> Timestamp {
    Timestamp(millis)
}

pub fn person(name: &str) -> Actor {
    Actor::Person(PersonId::new(name).unwrap())
}

pub fn snapshot(key: &str, mode: Mode) -> Snapshot {
    Snapshot {
        pipeline: Pipeline {
            name: "shop".parse().unwrap(),
            revision: Digest::of(b"pipeline"),
            release_name: "Release-$(Rev:r)".into(),
            artifacts: Vec::new(),
            variables: BTreeMap::new(),
            legacy_variables: false,
            plugins: BTreeMap::new(),
            stages: Vec::new(),
        },
        name: format!("Release-{key}"),
        key: key.into(),
        mode,
        reason: Reason::Manual,
        requester: person("ann"),
        requested_for: None,
        artifacts: vec![FrozenArtifact {
            alias: "web".parse().unwrap(),
            digest: Digest::of(b"artifact"),
            origin: "./build".into(),
            build: BuildInfo { number: Some("20261124.1".into()), ..BuildInfo::default() },
            files: Vec::new(),
        }],
        components: BTreeMap::new(),
        overrides: BTreeMap::new(),
        demanded: BTreeMap::new(),
        created_at: at(1_000),
    }
}

pub fn summary(stages: &[(&str, StageState, u64)]) -> ReleaseSummary {
    let stages = stages
        .iter()
        .map(|(environment, state, deployment)| StageSummary {
            stage: environment.parse().unwrap(),
            environment: environment.parse().unwrap(),
            state: state.clone(),
            deployment: (*deployment > 0).then_some(DeploymentId(*deployment)),
            attempt: 1,
            summary: String::new(),
        })
        .collect();
    ReleaseSummary { status: None, stages }
}

pub fn events(release: ReleaseId, expected: u64, summary: ReleaseSummary) -> AppendEvents {
    let events = vec![if expected == 0 {
        Event::Created { by: person("ann") }
    } else {
        Event::CancelRequested { by: person("ann"), reason: "test".into() }
    }];
    AppendEvents { release, expected, events, at: at(1_000 + expected), summary }
}

pub fn create_release(id: ReleaseId, key: &str, mode: Mode) -> Commit {
    Commit {
        events: Some(events(id, 0, summary(&[]))),
        changes: vec![Change::CreateRelease { id, snapshot: Box::new(snapshot(key, mode)), counter: id.0 }],
        ..Commit::default()
    }
}

/// A new release in the store.
pub async fn release(store: &dyn Store) -> ReleaseId {
    let id = ReleaseId(store.allocate(Sequence::Release));
    store.commit(create_release(id, &format!("key-{}", id.0), Mode::Real)).await.unwrap();
    id
}

pub fn new_run(id: RunId, release: ReleaseId) -> NewRun {
    NewRun {
        id,
        uuid: RunUuid(uuid::Uuid::from_u128(u128::from(id.0))),
        release,
        deployment: DeploymentId(1),
        component: Digest::of(b"component"),
        at: at(2_000),
    }
}

pub fn start(id: RunId) -> Record {
    let context = RunContext {
        pipeline: "shop".into(),
        release: "Release-1".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "dev".into(),
        attempt: 1,
        rehearsal: false,
        requester: person("ann"),
        artifacts: Vec::new(),
        variables: BTreeMap::new(),
        settings: "{}".into(),
        outputs: BTreeMap::new(),
    };
    let start = RunStart {
        run: id,
        uuid: new_run(id, ReleaseId(1)).uuid,
        component: Digest::of(b"component"),
        seed: "00".repeat(32),
        context,
    };
    Record::Start { at: at(2_000), start: Box::new(start) }
}

pub fn create_run(id: RunId, release: ReleaseId) -> Commit {
    Commit {
        frame: Some(AppendFrame {
            run: id,
            position: 0,
            epoch: 0,
            records: vec![start(id)],
            previous: None,
            at: at(2_000),
            logs: Vec::new(),
        }),
        changes: vec![Change::CreateRun(Box::new(new_run(id, release)))],
        ..Commit::default()
    }
}

/// A new run in the store.
pub async fn run(store: &dyn Store, release: ReleaseId) -> RunId {
    let id = RunId(store.allocate(Sequence::Run));
    store.commit(create_run(id, release)).await.unwrap();
    id
}

pub fn intent(ordinal: u32) -> Record {
    let call = HostCall::Wait(WaitCall { deployment: "d".into(), timeout_seconds: 0 });
    Record::Intent {
        at: at(3_000),
        ordinal,
        operation: call.operation().into(),
        fingerprint: call.fingerprint(),
        call: Box::new(call),
    }
}

pub fn outcome(ordinal: u32) -> Record {
    Record::Outcome { at: at(3_001), ordinal, answer: Box::new(Answer::Message("m".into())), attested: None }
}

/// The frame that follows `tail` in the hands of its owner.
pub fn after(tail: &Frame, records: Vec<Record>) -> AppendFrame {
    AppendFrame {
        run: tail.run,
        position: tail.position + 1,
        epoch: tail.epoch,
        records,
        previous: Some(tail.hash),
        at: at(4_000 + tail.position),
        logs: Vec::new(),
    }
}

/// The frame as it lies in the journal once it was appended.
pub fn stored(append: &AppendFrame) -> Frame {
    Frame {
        run: append.run,
        position: append.position,
        epoch: append.epoch,
        records: append.records.clone(),
        hash: chain(append.previous, &encode(&append.records)),
        at: append.at,
        logs: append.logs.clone(),
    }
}

pub fn line(message: &str) -> LogLine {
    LogLine { level: LogLevel::Info, source: "plugin".into(), message: message.into(), fields: Vec::new() }
}

pub fn set_run(run: RunId, from: &[RunState], to: RunState) -> Change {
    Change::SetRun { run, from: from.to_vec(), to, due_at: None, problem: None }
}

pub fn approval(id: ApprovalId, release: ReleaseId) -> Approval {
    Approval {
        id,
        release,
        deployment: DeploymentId(1),
        pipeline: "shop".parse().unwrap(),
        stage: "QA".parse().unwrap(),
        environment: "qa".parse().unwrap(),
        origin: Origin::Before,
        attempt: 1,
        content: Content {
            artifacts: BTreeMap::new(),
            component: Digest::of(b"component"),
            settings: Digest::of(b"settings"),
            connection: "qa-aks".into(),
            namespace: "qa".into(),
            policy: Digest::of(b"policy"),
            pipeline_revision: Digest::of(b"pipeline"),
            journal: None,
        },
        policies: Vec::new(),
        approvers: vec!["group:qa-leads".parse().unwrap()],
        approvals_min: 1,
        requester_may_approve: false,
        requesters: vec![person("ann")],
        instructions: String::new(),
        opened_at: at(5_000),
        due_at: at(50_000),
        rehearsal: false,
    }
}

pub fn vote(name: &str) -> Vote {
    Vote { voter: person(name), approve: true, comment: String::new(), at: at(6_000), via: "socket".into() }
}

pub fn decision(resolution: Resolution) -> Decision {
    Decision { resolution, reason: "test".into(), votes: Vec::new(), at: at(7_000) }
}

pub fn command(key: &[u8], release: ReleaseId, due: u64) -> Command {
    Command {
        key: Digest::of(key),
        release,
        body: CommandBody::Mail(MailCommand::Ask {
            approval: ApprovalId(1),
            person: PersonId::new("ann").unwrap(),
        }),
        attempts: 0,
        due_at: at(due),
        error: None,
    }
}

pub fn object(api_version: &str, kind: &str, name: &str) -> AppliedObject {
    AppliedObject {
        api_version: api_version.into(),
        kind: kind.into(),
        name: name.into(),
        change: relhost_model::call::Change::Created,
        generation: Some(1),
        uid: None,
    }
}

/// A commit of changes alone.
pub fn changes(changes: Vec<Change>) -> Commit {
    Commit { changes, ..Commit::default() }
}

/// A commit of a frame alone.
pub fn frame(frame: AppendFrame) -> Commit {
    Commit { frame: Some(frame), ..Commit::default() }
}
