//! What a state folder holds after its owner is gone, read without changing it: from a copy of the database,
//! through the store, because the command line does not show hashes, epochs and log lines of frames.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use relhost_engine::event::{Event, Recorded};
use relhost_engine::journal::Frame;
use relhost_engine::port::store::{
    Read, ReleaseFilter, ReleaseSummary, Run, RunState, Store as _, StoreError,
};
use relhost_engine::release::ReleaseState;
use relhost_model::approval::Resolution;
use relhost_model::id::{ApprovalId, DeploymentId, ReleaseId, RunId, RunUuid, StageName};
use relhost_model::time::Timestamp;
use relhost_store::lock::DATABASE_FILE;
use relhost_store::{SqliteStore, StateFolder};

/// Everything that the invariants are about.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// The runs.
    pub runs: Vec<RunFound>,
    /// The releases.
    pub releases: Vec<ReleaseFound>,
    /// The approvals.
    pub approvals: Vec<ApprovalFound>,
    /// Calls that left the host, oldest first.
    pub effects: Vec<Effect>,
    /// By environment, what is known to be applied there: what a cleanup finds.
    pub applied: BTreeMap<String, BTreeSet<String>>,
    /// What the store finds wrong with itself, and what could not be read.
    pub damage: Vec<String>,
}

/// A run: its row and its journal.
#[derive(Debug, Clone)]
pub struct RunFound {
    /// The run.
    pub id: RunId,
    /// Its public id.
    pub uuid: RunUuid,
    /// The stage whose code it is.
    pub stage: StageName,
    /// Its state.
    pub state: RunState,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// How many owners in a row have died without any progress.
    pub crashes: u32,
    /// Whether it is to be canceled.
    pub cancel: bool,
    /// Why it is quarantined.
    pub problem: Option<String>,
    /// The journal.
    pub frames: Vec<Frame>,
}

/// A release: its events, and the read model beside the one that the events make.
#[derive(Debug, Clone)]
pub struct ReleaseFound {
    /// The release.
    pub id: ReleaseId,
    /// Its events.
    pub events: Vec<Recorded>,
    /// What is stored.
    pub stored: ReleaseSummary,
    /// What the events make.
    pub folded: ReleaseSummary,
    /// Its attempts that wait for their environment or hold it, as the queue has them.
    pub queued: Vec<DeploymentId>,
}

/// An approval.
#[derive(Debug, Clone)]
pub struct ApprovalFound {
    /// The approval.
    pub id: ApprovalId,
    /// Its release.
    pub release: ReleaseId,
    /// How it ended; `None` while it is open.
    pub resolution: Option<Resolution>,
}

/// A call that left the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its key, hexadecimal.
    pub key: String,
    /// For example `relhost:deploy/deploy@0#deploy`.
    pub operation: String,
}

impl Evidence {
    /// Reads a state folder that nobody owns, and the trace of those who did.
    ///
    /// # Panics
    /// If the folder cannot be read at all.
    #[must_use]
    pub fn read(folder: &Path, trace: &Path) -> Self {
        let effects = effects(trace);
        let Some(copy) = copy(folder) else { return Self { effects, ..Self::default() } };
        let held = StateFolder::acquire(copy.path()).expect("nobody else has the copy");
        let (store, _never_run) = SqliteStore::open(&held).expect("open what a host has left");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("start a runtime");
        let mut evidence = Self { effects, damage: store.check().expect("read it"), ..Self::default() };
        runtime.block_on(evidence.gather(store.read())).expect("read it");
        evidence
    }

    async fn gather(&mut self, read: &dyn Read) -> Result<(), StoreError> {
        let approvals = read.approvals(false, None).await?;
        self.damage.extend(approvals.damaged);
        for approval in approvals.rows {
            let resolution = approval.decision.map(|decision| decision.resolution);
            let (id, release) = (approval.approval.id, approval.approval.release);
            self.approvals.push(ApprovalFound { id, release, resolution });
        }
        let releases = read.releases(ReleaseFilter::default()).await?;
        self.damage.extend(releases.damaged);
        for row in releases.rows.into_iter().rev() {
            let snapshot = read.snapshot(row.id).await?.expect("a release has a frozen part");
            let (mode, events) = (snapshot.mode, read.events(row.id, 0).await?);
            let mut queued = Vec::new();
            for stage in &row.summary.stages {
                let applied = read.applied(stage.environment.clone(), mode).await?.into_iter();
                let applied = applied.map(|object| format!("{}/{}", object.kind, object.name));
                self.applied.entry(stage.environment.to_string()).or_default().extend(applied);
                let entries = read.queue(stage.environment.clone(), mode).await?;
                let own = entries.into_iter().filter(|entry| entry.release == row.id);
                queued.extend(own.map(|entry| entry.deployment));
            }
            match ReleaseState::fold(row.id, snapshot, &events) {
                Err(error) => self.damage.push(format!("{}: {error}", row.id)),
                Ok(state) => {
                    self.runs_of(read, &state, &events).await?;
                    let (stored, folded) = (row.summary, state.summary());
                    self.releases.push(ReleaseFound { id: row.id, events, stored, folded, queued });
                }
            }
        }
        Ok(())
    }

    async fn runs_of(
        &mut self,
        read: &dyn Read,
        state: &ReleaseState,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        for recorded in events {
            let Event::RunCreated { deployment, run } = &recorded.event else { continue };
            let stage = state.deployment(*deployment).map(|deployment| deployment.stage.clone());
            let (Some(row), Some(stage)) = (read.run(*run).await?, stage) else {
                self.damage.push(format!("{run}: its release has it, and it has no row"));
                continue;
            };
            match read.journal(*run).await {
                Ok(frames) => self.runs.push(found(row, stage, frames)),
                Err(error) => self.damage.push(format!("{run}: {error}")),
            }
        }
        Ok(())
    }
}

fn found(row: Run, stage: StageName, frames: Vec<Frame>) -> RunFound {
    let Run { new, state, due_at, crashes, cancel, problem } = row;
    RunFound { id: new.id, uuid: new.uuid, stage, state, due_at, crashes, cancel, problem, frames }
}

/// A copy of the database and its log; `None` if there is no database yet.
fn copy(folder: &Path) -> Option<tempfile::TempDir> {
    if !folder.join(DATABASE_FILE).exists() {
        return None;
    }
    let copy = tempfile::tempdir().expect("make a folder");
    for suffix in ["", "-wal", "-mark"] {
        let name = format!("{DATABASE_FILE}{suffix}");
        let from = folder.join(&name);
        if from.exists() {
            std::fs::copy(&from, copy.path().join(&name)).expect("copy the database");
        }
    }
    Some(copy)
}

fn effects(trace: &Path) -> Vec<Effect> {
    let text = std::fs::read_to_string(trace).unwrap_or_default();
    let effect = |line: &str| {
        let (key, operation) = line.strip_prefix("effect ")?.split_once(' ')?;
        Some(Effect { key: key.to_owned(), operation: operation.to_owned() })
    };
    text.lines().filter_map(effect).collect()
}
