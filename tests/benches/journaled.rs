//! Runs as the product makes them, without the server around them: a guest in the sandbox whose calls are journaled
//! in SQLite. The effects do nothing.

use std::path::Path;

use relhost_engine::journal::Record;
use relhost_engine::port::store::{AppendFrame, Change, Commit, NewRun, Sequence, Store as _};
use relhost_engine::port::{BoxFuture, CallStop, HostCalls};
use relhost_engine::replay::{Begin, JournalLimit, RunJournal};
use relhost_model::actor::Actor;
use relhost_model::call::{Answer, Deployed, HostCall, LogLine, Rollout};
use relhost_model::config::{Allow, DeployRule, Limits, NotifyRule};
use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, PluginName, ReleaseId, RunId, RunUuid};
use relhost_model::release::{PluginKind, RunContext, RunStart};
use relhost_model::time::{Millis, Timestamp};
use relhost_runtime::{Activation, Plugin, Sandbox, SandboxOptions};
use relhost_store::{SqliteStore, StateFolder};
use relhost_tests::workspace::component;

/// The time of everything: the cost of asking a clock is not measured.
const AT: Timestamp = Timestamp(1);

/// A store and a sandbox with the guest `five-steps`. Clone it freely.
#[derive(Clone)]
pub struct Engine {
    pub store: SqliteStore,
    sandbox: Sandbox,
    plugin: Plugin,
    /// What the database says about durability.
    pub settings: String,
}

impl Engine {
    /// Opens both in a folder, and makes the release that the runs belong to. What is compiled is kept in `cache`.
    ///
    /// # Errors
    /// If something cannot be opened.
    pub async fn open(folder: &Path, cache: Option<&Path>) -> anyhow::Result<Self> {
        let held = StateFolder::acquire(folder)?;
        let (store, writer) = SqliteStore::open(&held)?;
        let settings = writer.durability()?;
        std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run())?;
        // A run of a hundred thousand steps is longer than what a stage may compute by itself, and record.
        let limits = Limits {
            stage_cpu: Some(Millis::from_secs(600)),
            journal_records: Some(u32::MAX),
            ..Limits::default()
        };
        let options = SandboxOptions {
            cache_dir: cache.map(Path::to_owned),
            cache_key: [7; 32],
            limits,
            compiler: std::sync::Arc::new(relhost_runtime::engine::compile::Here),
        };
        let (sandbox, ticker) = Sandbox::new(options)?;
        std::thread::Builder::new().name("ticker".into()).spawn(move || ticker.run())?;
        let allow = Allow {
            deploy: Some(DeployRule::default()),
            notify: Some(NotifyRule::default()),
            ..Allow::default()
        };
        let bytes = std::fs::read(component("guests", "five-steps"))?;
        let plugin = sandbox.register(&PluginName::new("five-steps")?, &bytes, PluginKind::Stage, &allow)?;
        release(&store).await?;
        Ok(Self { store, sandbox, plugin, settings })
    }

    /// One run of so many steps, from its creation to its last outcome.
    ///
    /// # Errors
    /// If it does not end well.
    pub async fn run(&self, steps: u32) -> anyhow::Result<RunId> {
        let run = self.create(steps).await?;
        let claimed = self.store.claim(run, "bench".into(), AT).await?;
        let claimed = claimed.ok_or_else(|| anyhow::anyhow!("the run is not to be had"))?;
        let journal = RunJournal::load_with_limit(claimed.frames, JournalLimit(u32::MAX))?;
        self.activate(journal).await?;
        Ok(run)
    }

    /// Reads the journal of a run that has ended, verifies it, and runs the guest again on it.
    ///
    /// # Errors
    /// If it does not end well.
    pub async fn replay(&self, run: RunId) -> anyhow::Result<()> {
        let frames = self.store.read().journal(run).await?;
        self.activate(RunJournal::load_with_limit(frames, JournalLimit(u32::MAX))?).await
    }

    /// Runs a guest on a journal: what is recorded is replayed, the rest is made.
    async fn activate(&self, journal: RunJournal) -> anyhow::Result<()> {
        let start = journal.start().clone();
        let mut calls = Calls { store: &self.store, journal };
        let ended = self.sandbox.run_stage(&self.plugin, &start.context, &start.seed, &mut calls).await;
        anyhow::ensure!(matches!(ended, Activation::Returned(_)), "the guest ended with {ended:?}");
        Ok(())
    }

    async fn create(&self, steps: u32) -> anyhow::Result<RunId> {
        let id = RunId(self.store.allocate(Sequence::Run));
        let uuid = RunUuid(uuid::Uuid::new_v4());
        let component = Digest::of(b"bench");
        let start =
            RunStart { run: id, uuid, component, seed: String::new(), context: context(steps, "wait") };
        let new = NewRun { id, uuid, release: ReleaseId(1), deployment: DeploymentId(1), component, at: AT };
        let frame = AppendFrame {
            run: id,
            position: 0,
            epoch: 0,
            records: vec![Record::Start { at: AT, start: Box::new(start) }],
            previous: None,
            at: AT,
            logs: Vec::new(),
        };
        let changes = vec![Change::CreateRun(Box::new(new))];
        self.store.commit(Commit { frame: Some(frame), events: None, changes }).await?;
        Ok(id)
    }
}

/// Answers as the dispatcher does: the intent is durable before the effect, and the outcome rides with the next.
struct Calls<'a> {
    store: &'a SqliteStore,
    journal: RunJournal,
}

impl Calls<'_> {
    async fn answer(&mut self, call: HostCall) -> Result<Answer, CallStop> {
        let (ordinal, key, frame, call) = match self.journal.begin(call, AT) {
            Begin::Replayed(answer) => return Ok(answer),
            Begin::Perform { ordinal, key, frame, call, .. } => (ordinal, key, frame, call),
            other => return Err(CallStop::Interrupted(format!("a step is {other:?}"))),
        };
        if let Some(frame) = frame {
            let commit = Commit { frame: Some((*frame).clone()), ..Commit::default() };
            let committed = self.store.commit(commit).await;
            committed.map_err(|error| CallStop::Interrupted(error.to_string()))?;
            self.journal.committed(&frame);
        }
        let answer = match call {
            HostCall::Deploy(_) => {
                Answer::Deployed(Deployed { id: key.hex(), objects: Vec::new(), warnings: Vec::new() })
            }
            _ => Answer::Rollout(Rollout::default()),
        };
        self.journal.finish(ordinal, answer.clone(), AT);
        Ok(answer)
    }
}

impl HostCalls for Calls<'_> {
    fn call(&mut self, call: HostCall) -> BoxFuture<'_, Result<Answer, CallStop>> {
        Box::pin(self.answer(call))
    }

    fn log(&mut self, _line: LogLine) {}

    fn now(&self) -> Timestamp {
        self.journal.now()
    }
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

/// What the guest `five-steps` is told: how many steps, and which power.
pub fn context(steps: u32, power: &str) -> RunContext {
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
        settings: format!(r#"{{"steps":{steps},"power":"{power}","manifests":["a.yaml"]}}"#),
        outputs: Default::default(),
    }
}
