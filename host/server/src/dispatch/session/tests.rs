use relhost_engine::journal::{Frame, Record, chain, encode};
use relhost_engine::plan;
use relhost_model::actor::Actor;
use relhost_model::call::GenericSecretCall;
use relhost_model::config::{Allow, Config, Environment};
use relhost_model::id::{EnvironmentName, ReleaseId, RunId, RunUuid, StageName};
use relhost_model::release::{Mode, RunContext, RunStart};
use relhost_store::StateFolder;

use super::*;

fn environment() -> EnvironmentName {
    EnvironmentName::new("dev").unwrap()
}

fn host(folder: &std::path::Path) -> Arc<Host> {
    let dev = Environment {
        cluster: None,
        namespace: Some("shop".into()),
        approvals_min: 0,
        requester_may_approve: false,
        approvers: Vec::new(),
        policies: Vec::new(),
    };
    let config = Config {
        folder: folder.to_owned(),
        environments: [(environment(), dev)].into(),
        ..Config::default()
    };
    let held = StateFolder::acquire(&folder.join("state")).unwrap();
    Host::open(held, config).unwrap_or_else(|failure| panic!("{}", failure.message))
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
        requester: Actor::Service("test".into()),
        artifacts: Vec::new(),
        variables: std::collections::BTreeMap::new(),
        settings: "{}".into(),
        outputs: std::collections::BTreeMap::new(),
    };
    let (uuid, component) = (RunUuid(uuid::Uuid::nil()), Digest::of(b"component"));
    let start = RunStart { run: RunId(1), uuid, component, seed: "00".into(), context };
    Record::Start { at: Timestamp(1), start: Box::new(start) }
}

/// A run that was claimed and has made no call.
fn claimed() -> RunJournal {
    let claim = Record::Claim { at: Timestamp(1), owner: "test".into(), version: "0".into() };
    let mut frames: Vec<Frame> = Vec::new();
    for (position, record) in (0..).zip([start(), claim]) {
        let hash = chain(frames.last().map(|frame| frame.hash), &encode(std::slice::from_ref(&record)));
        let (run, at, records) = (RunId(1), Timestamp(1), vec![record]);
        frames.push(Frame { run, position, epoch: position, records, hash, at, logs: Vec::new() });
    }
    RunJournal::load(frames).unwrap()
}

fn session(host: &Arc<Host>) -> Session {
    let target = Target {
        release: ReleaseId(1),
        stage: StageName::new("Dev").unwrap(),
        environment: environment(),
        planned: plan::target(&host.config, &environment(), Mode::Rehearsal).unwrap(),
        mode: Mode::Rehearsal,
        artifacts: Vec::new(),
        allow: Allow::default(),
    };
    Session::new(Arc::clone(host), claimed(), target, DeploymentId(1))
}

fn secret() -> HostCall {
    HostCall::GenericSecret(GenericSecretCall { name: "pull".into(), entries: Vec::new() })
}

async fn refused(host: &Arc<Host>, rehearsed: &std::path::Path) {
    let stopped = session(host).call(secret()).await;
    assert!(matches!(stopped, Err(CallStop::Interrupted(_))), "{stopped:?}");
    assert!(!rehearsed.exists(), "the secret was created");
}

/// The database knows nothing of this run, so its intent is refused; and then there is no database any more.
#[tokio::test]
async fn what_is_not_durable_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path());
    let rehearsed = folder.path().join("state/rehearsal");
    refused(&host, &rehearsed).await;
    host.store.close().await.unwrap();
    refused(&host, &rehearsed).await;
    // The same call does leave something behind once it is made.
    let folder = tempfile::tempdir().unwrap();
    let (host, rehearsed) = (self::host(folder.path()), folder.path().join("state/rehearsal"));
    let made = session(&host).perform(Digest::of(b"key"), &secret()).await;
    assert!(matches!(made, Ok(Answer::Secret(_))), "{made:?}");
    assert!(rehearsed.exists());
}
