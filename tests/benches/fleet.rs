//! A state folder with very many runs: one run is made by the real binary, and then committed again and again under
//! other names through the store's own commit path. Each has a release, an environment, a run with its journal, and
//! what that stopped at.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use relhost_engine::event::{Event, Recorded};
use relhost_engine::journal::{Frame, Record, chain, encode};
use relhost_engine::port::store::{
    AppendEvents, AppendFrame, Change, Commit, NewRun, RunState, Sequence, Store as _,
};
use relhost_engine::release::ReleaseState;
use relhost_model::approval::{Approval, Origin};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, DeploymentId, EnvironmentName, ReleaseId, RunId, RunUuid};
use relhost_model::release::{Mode, Snapshot};
use relhost_store::{SqliteStore, StateFolder};
use relhost_tests::workspace::component;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use crate::owner::Owner;
use crate::process::binary;

/// Commits that are on their way at once: enough to fill the store's transactions.
const IN_FLIGHT: usize = 512;

/// What a run stopped at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It waits for people.
    Waiting,
    /// Its owner was killed after people had agreed and it had been claimed again.
    Active,
}

/// A state folder, and the run that the others are copies of.
pub struct Fleet {
    folder: tempfile::TempDir,
    model: Arc<Model>,
    /// How many there are.
    size: u64,
}

struct Model {
    snapshot: Snapshot,
    events: Vec<Recorded>,
    frames: Vec<Frame>,
    approval: Approval,
}

impl Fleet {
    /// One run that waits.
    ///
    /// # Errors
    /// If the binary does not do as it is told.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        write_files(folder.path())?;
        let state = folder.path().join("state");
        let release = first(folder.path(), &state)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let model = Arc::new(runtime.block_on(read(&state, release))?);
        Ok(Self { folder, model, size: 1 })
    }

    /// How many runs there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The process that owns it.
    pub fn serve(&self) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command.args(["serve", "--rehearse", "--no-input"]).current_dir(self.folder.path());
        Ok(command)
    }

    /// Adds runs, and returns the names of their environments.
    ///
    /// # Errors
    /// If the store refuses one.
    pub fn add(&mut self, count: u64, stopped: Stopped) -> anyhow::Result<Vec<String>> {
        let runtime = tokio::runtime::Runtime::new()?;
        let numbers = self.size..self.size + count;
        self.size += count;
        runtime.block_on(async {
            let held = StateFolder::acquire(&self.state())?;
            let (store, writer) = SqliteStore::open(&held)?;
            std::thread::Builder::new().name("store-writer".into()).spawn(move || writer.run())?;
            let free = Arc::new(Semaphore::new(IN_FLIGHT));
            let mut adding = tokio::task::JoinSet::new();
            for number in numbers.clone() {
                let permit = Arc::clone(&free).acquire_owned().await?;
                let (store, model) = (store.clone(), Arc::clone(&self.model));
                adding.spawn(async move {
                    let _permit = permit;
                    model.commit(&store, number, stopped).await
                });
                while let Some(added) = adding.try_join_next() {
                    added??;
                }
            }
            while let Some(added) = adding.join_next().await {
                added??;
            }
            store.close().await?;
            anyhow::Ok(())
        })?;
        let environments: Vec<String> = numbers.map(environment).collect();
        if stopped == Stopped::Active {
            // What is applied goes where the configuration still leads.
            configure(self.folder.path(), &environments)?;
        }
        Ok(environments)
    }
}

fn environment(number: u64) -> String {
    format!("env-{number}")
}

/// The ids of a copy.
#[derive(Clone, Copy)]
struct Ids {
    release: ReleaseId,
    deployment: DeploymentId,
    run: RunId,
    uuid: RunUuid,
    approval: ApprovalId,
}

impl Model {
    async fn commit(&self, store: &SqliteStore, number: u64, stopped: Stopped) -> anyhow::Result<()> {
        let ids = Ids {
            release: ReleaseId(store.allocate(Sequence::Release)),
            deployment: DeploymentId(store.allocate(Sequence::Deployment)),
            run: RunId(store.allocate(Sequence::Run)),
            uuid: RunUuid(uuid::Uuid::new_v4()),
            approval: ApprovalId(store.allocate(Sequence::Approval)),
        };
        let place = environment(number);
        let snapshot = self.snapshot(number, &place)?;
        let events = self.events(ids, &place);
        let state = ReleaseState::fold(ids.release, snapshot.clone(), &events)?;
        let at = self.events[0].at;
        let create =
            Change::CreateRelease { id: ids.release, snapshot: Box::new(snapshot), counter: number + 1 };
        let component = self.frames[0].records.iter().find_map(|record| match record {
            Record::Start { start, .. } => Some(start.component),
            _ => None,
        });
        let new = NewRun {
            id: ids.run,
            uuid: ids.uuid,
            release: ids.release,
            deployment: ids.deployment,
            component: component.context("a journal begins with its start")?,
            at,
        };
        let [start, _claim, wait] = self.frames.as_slice() else { anyhow::bail!("start, claim and wait") };
        let first = frame(start, ids, &place, (0, 0, None));
        let appended = AppendEvents {
            release: ids.release,
            expected: 0,
            events: events.into_iter().map(|recorded| recorded.event).collect(),
            at,
            summary: state.summary(),
        };
        let changes = vec![create, Change::CreateRun(Box::new(new))];
        store.commit(Commit { frame: Some(first), events: Some(appended), changes }).await?;

        let claimed = store.claim(ids.run, "bench".into(), at).await?.context("the run is to be had")?;
        let last = claimed.frames.last().context("a claim")?;
        let second = frame(wait, ids, &place, (last.position + 1, last.epoch, Some(last.hash)));
        let mut changes = vec![
            Change::OpenApproval(Box::new(self.approval(ids, &place)?)),
            Change::state(ids.run, [RunState::Running], RunState::Waiting),
        ];
        if stopped == Stopped::Active {
            changes.extend(self.agreed(ids)?);
        }
        store.commit(Commit { frame: Some(second), events: None, changes }).await?;
        if stopped == Stopped::Active {
            store
                .claim(ids.run, "a process that was killed".into(), at)
                .await?
                .context("the run is to be had")?;
        }
        Ok(())
    }

    fn snapshot(&self, number: u64, place: &str) -> anyhow::Result<Snapshot> {
        let mut snapshot = self.snapshot.clone();
        snapshot.key = format!("copy-{number}");
        snapshot.name = format!("Release-{number}");
        for stage in &mut snapshot.pipeline.stages {
            stage.environment = EnvironmentName::new(place)?;
        }
        Ok(snapshot)
    }

    fn events(&self, ids: Ids, place: &str) -> Vec<Recorded> {
        let mut events = self.events.clone();
        for recorded in &mut events {
            match &mut recorded.event {
                Event::DeploymentRequested { deployment, plan, .. } => {
                    *deployment = ids.deployment;
                    plan.namespace = place.to_owned();
                    plan.content.namespace = place.to_owned();
                }
                Event::DeploymentStarted { deployment } => *deployment = ids.deployment,
                Event::RunCreated { deployment, run } => (*deployment, *run) = (ids.deployment, ids.run),
                Event::ApprovalOpened { deployment, approval, origin } => {
                    (*deployment, *approval, *origin) =
                        (ids.deployment, ids.approval, at_call(*origin, ids.run));
                }
                _ => {}
            }
        }
        events
    }

    fn approval(&self, ids: Ids, place: &str) -> anyhow::Result<Approval> {
        let mut approval = self.approval.clone();
        approval.id = ids.approval;
        approval.release = ids.release;
        approval.deployment = ids.deployment;
        approval.environment = EnvironmentName::new(place)?;
        approval.origin = at_call(approval.origin, ids.run);
        approval.content.namespace = place.to_owned();
        Ok(approval)
    }

    /// What a vote leaves, but for the claim that follows it.
    fn agreed(&self, ids: Ids) -> anyhow::Result<[Change; 2]> {
        let decision = json!({
            "resolution": "approved", "reason": "approved", "votes": [], "at": self.events[0].at,
        });
        let close = Change::CloseApproval {
            approval: ids.approval,
            expected: 0,
            decision: Box::new(serde_json::from_value(decision)?),
        };
        Ok([close, Change::state(ids.run, [RunState::Waiting], RunState::Ready)])
    }
}

fn at_call(origin: Origin, run: RunId) -> Origin {
    match origin {
        Origin::Call(_, ordinal) => Origin::Call(run, ordinal),
        other => other,
    }
}

fn frame(
    model: &Frame,
    ids: Ids,
    place: &str,
    (position, epoch, previous): (u64, u64, Option<Digest>),
) -> AppendFrame {
    let mut records = model.records.clone();
    for record in &mut records {
        match record {
            Record::Start { start, .. } => {
                (start.run, start.uuid) = (ids.run, ids.uuid);
                start.context.environment = place.to_owned();
                start.context.namespace = place.to_owned();
            }
            Record::WaitOpen { approval, .. } => *approval = ids.approval,
            _ => {}
        }
    }
    AppendFrame { run: ids.run, position, epoch, records, previous, at: model.at, logs: model.logs.clone() }
}

/// Makes the first release, and waits until it waits.
fn first(folder: &Path, state: &Path) -> anyhow::Result<ReleaseId> {
    let mut command = Command::new(binary()?);
    command.args(["serve", "--rehearse", "--no-input"]).current_dir(folder);
    let owner = Owner::start(command, state)?;
    let create = json!({ "create": {
        "pipeline": folder.join("pipeline.yaml"), "artifacts": [], "plugins": [],
        "variables": {}, "mode": "rehearsal", "key": null, "new": false,
    }});
    let id = owner.ask(None, &create)?["created"]["release"]["id"].clone();
    owner.wait_for_approval(&id, &mut 0)?.context("the release waits for somebody")?;
    owner.stop()?;
    Ok(ReleaseId(id.as_u64().context("a number")?))
}

async fn read(state: &Path, release: ReleaseId) -> anyhow::Result<Model> {
    let held = StateFolder::acquire(state)?;
    let (store, _writer) = SqliteStore::open(&held)?;
    let read = store.read();
    let snapshot = read.snapshot(release).await?.context("a release")?;
    ensure!(snapshot.mode == Mode::Rehearsal, "nothing outside is touched");
    let events = read.events(release, 0).await?;
    let run = events.iter().find_map(|recorded| match recorded.event {
        Event::RunCreated { run, .. } => Some(run),
        _ => None,
    });
    let frames = read.journal(run.context("a run")?).await?;
    let approval = read.approvals(true, Some(release)).await?.rows.pop().context("an approval")?.approval;
    // What is copied has the same chain as what is read.
    ensure!(
        frames[0].hash == chain(None, &encode(&frames[0].records)),
        "a journal is encoded as it was read"
    );
    Ok(Model { snapshot, events, frames, approval })
}

fn write_files(folder: &Path) -> anyhow::Result<()> {
    std::fs::copy(component("guests", "gate"), folder.join("gate.wasm"))?;
    std::fs::copy(component("bundled", "any-one"), folder.join("any-one.wasm"))?;
    std::fs::create_dir(folder.join("app"))?;
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "object" } });
    std::fs::write(folder.join("app/object.yaml"), object.to_string())?;
    std::fs::write(
        folder.join("pipeline.yaml"),
        "pipeline: gate\n\
         artifacts: [{ alias: app, source: { directory: ./app } }]\n\
         plugins: { gate: { path: gate.wasm }, any-one: { path: any-one.wasm } }\n\
         stages:\n  - name: Live\n    environment: env-0\n    uses: gate\n\
         \x20   with: { approvers: [ann], manifests: [object.yaml] }\n",
    )?;
    configure(folder, &[environment(0)])
}

/// Writes the configuration with these environments.
fn configure(folder: &Path, environments: &[String]) -> anyhow::Result<()> {
    let environments: Map<String, Value> =
        environments.iter().map(|name| (name.clone(), json!({ "namespace": name }))).collect();
    let config = json!({
        "state": "state",
        "people": { "ann": { "mail": "ann@example.com" } },
        "environments": environments,
        "grants": [{ "plugin": "gate", "stages": ["Live"], "allow": {
            "deploy": { "kinds": ["ConfigMap"] }, "await-approval": {},
        } }],
    });
    Ok(std::fs::write(folder.join("relhost.yaml"), config.to_string())?)
}
