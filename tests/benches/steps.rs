//! Durable steps: the journal of a run on SQLite with synchronous=FULL, and effects that do nothing.

use std::io::Write as _;
use std::time::{Duration, Instant};

use relhost_engine::journal::Record;
use relhost_engine::port::store::{AppendFrame, Change, Commit, NewRun, Sequence, Store as _};
use relhost_engine::replay::{Begin, JournalLimit, RunJournal};
use relhost_model::actor::Actor;
use relhost_model::call::{Answer, HostCall, Rollout, WaitCall};
use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, ReleaseId, RunId, RunUuid};
use relhost_model::release::{RunContext, RunStart};
use relhost_model::time::Timestamp;
use relhost_store::{SqliteStore, StateFolder};

use crate::report::{Row, Unit};

/// Steps of the sequential run; the goal is stated for runs of hundreds.
const SEQUENTIAL: u32 = 2000;
/// Runs in flight, and steps of each.
const RUNS: u32 = 32;
const STEPS: u32 = 5;
/// How often each is measured.
const TIMES: usize = 9;
/// How often the disk itself is asked.
const PROBES: usize = 500;

pub fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let held = StateFolder::acquire(folder.path())?;
    let (store, writer) = SqliteStore::open(&held)?;
    std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run())?;
    runtime.block_on(async {
        crate::steps::release(&store).await?;
        let mut sequential = Vec::new();
        let mut concurrent = Vec::new();
        for _ in 0..TIMES {
            let started = Instant::now();
            run(&store, SEQUENTIAL).await?;
            sequential.push(started.elapsed());
            let started = Instant::now();
            let mut runs = tokio::task::JoinSet::new();
            for _ in 0..RUNS {
                let store = store.clone();
                runs.spawn(async move { run(&store, STEPS).await });
            }
            while let Some(ended) = runs.join_next().await {
                ended??;
            }
            concurrent.push(started.elapsed());
        }
        anyhow::Ok(vec![
            Row::rates("sequential durable steps", Some(2000.0), SEQUENTIAL, &sequential),
            Row::rates("32 runs of 5 durable steps at once", Some(5000.0), RUNS * STEPS, &concurrent),
            Row::times("the disk: append 4 KiB and fdatasync", None, Unit::Micros, &disk(folder.path())?),
        ])
    })
}

/// What a durable step cannot be quicker than here.
fn disk(folder: &std::path::Path) -> anyhow::Result<Vec<Duration>> {
    let mut file = std::fs::File::create(folder.join("probe"))?;
    let page = [7; 4096];
    let mut times = Vec::new();
    for _ in 0..PROBES {
        let started = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(times)
}

/// Runs refer to a release; the smallest one that the store takes.
async fn release(store: &SqliteStore) -> anyhow::Result<()> {
    let snapshot = serde_json::json!({
        "pipeline": {
            "name": "bench", "revision": Digest::of(b""), "release_name": "R", "artifacts": [], "variables": {},
            "legacy_variables": false, "plugins": {}, "stages": [],
        },
        "name": "R-1", "key": "bench", "mode": "rehearsal", "reason": "manual",
        "requester": Actor::Service("bench".into()), "requested_for": null, "artifacts": [
            { "alias": "a", "digest": Digest::of(b""), "origin": "", "build": {}, "files": [] }
        ], "components": {}, "overrides": {}, "created_at": 0,
    });
    let snapshot = Box::new(serde_json::from_value(snapshot)?);
    let create = Change::CreateRelease { id: ReleaseId(1), snapshot, counter: 1 };
    let events = relhost_engine::port::store::AppendEvents {
        release: ReleaseId(1),
        expected: 0,
        events: vec![relhost_engine::event::Event::Created { by: Actor::Service("bench".into()) }],
        at: Timestamp(0),
        summary: relhost_engine::port::store::ReleaseSummary { status: None, stages: Vec::new() },
    };
    store.commit(Commit { frame: None, events: Some(events), changes: vec![create] }).await?;
    Ok(())
}

/// One run of so many steps, from its creation to its last outcome.
async fn run(store: &SqliteStore, steps: u32) -> anyhow::Result<()> {
    let (id, at) = (RunId(store.allocate(Sequence::Run)), Timestamp(1));
    let uuid = RunUuid(uuid::Uuid::new_v4());
    let component = Digest::of(b"bench");
    let start = RunStart { run: id, uuid, component, seed: String::new(), context: context() };
    let new = NewRun { id, uuid, release: ReleaseId(1), deployment: DeploymentId(1), component, at };
    let frame = AppendFrame {
        run: id,
        position: 0,
        epoch: 0,
        records: vec![Record::Start { at, start: Box::new(start) }],
        previous: None,
        at,
        logs: Vec::new(),
    };
    let changes = vec![Change::CreateRun(Box::new(new))];
    store.commit(Commit { frame: Some(frame), events: None, changes }).await?;
    let claimed = store.claim(id, "bench".into(), at).await?;
    let claimed = claimed.ok_or_else(|| anyhow::anyhow!("the run is not to be had"))?;
    let mut journal = RunJournal::load_with_limit(claimed.frames, JournalLimit(u32::MAX))?;
    for step in 0..steps {
        let call = HostCall::Wait(WaitCall { deployment: format!("step {step}"), timeout_seconds: 1 });
        let Begin::Perform { ordinal, frame: Some(frame), .. } = journal.begin(call, at) else {
            anyhow::bail!("step {step} is not live");
        };
        store.commit(Commit { frame: Some((*frame).clone()), ..Commit::default() }).await?;
        journal.committed(&frame);
        journal.finish(ordinal, Answer::Rollout(Rollout::default()), at);
    }
    Ok(())
}

fn context() -> RunContext {
    RunContext {
        pipeline: "bench".into(),
        release: "R-1".into(),
        stage: "Dev".into(),
        environment: "dev".into(),
        namespace: "dev".into(),
        attempt: 1,
        rehearsal: true,
        requester: Actor::Service("bench".into()),
        artifacts: Vec::new(),
        variables: Default::default(),
        settings: "{}".into(),
        outputs: Default::default(),
    }
}
