//! The read model of releases, and the queues of environments.

use relhost_model::id::{
    ApprovalId, DeploymentId, EnvironmentName, PipelineName, ReleaseId, RunId, StageName,
};
use relhost_model::release::{Mode, Status};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A release's read model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseSummary {
    /// `None` while it is active.
    pub status: Option<Status>,
    /// The stages in the pipeline's order.
    pub stages: Vec<StageSummary>,
}

/// A stage's read model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSummary {
    /// Its name.
    pub stage: StageName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// What it does.
    pub state: StageState,
    /// The latest attempt.
    pub deployment: Option<DeploymentId>,
    /// Its number; 0 if there is none.
    pub attempt: u32,
    /// One sentence.
    pub summary: String,
}

/// What a stage does, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageState {
    /// Its condition is not met yet.
    NotStarted,
    /// It starts only by promotion.
    Manual,
    /// It waits for its environment.
    Queued,
    /// It waits for people before its code.
    AwaitingBefore(ApprovalId),
    /// Its code runs.
    Running(RunId),
    /// Its code waits for people.
    AwaitingCall(ApprovalId),
    /// It waits for people after its code.
    AwaitingAfter(ApprovalId),
    /// Its run needs a person.
    Quarantined(RunId),
    /// It is over.
    Finished(Status),
}

/// A release as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRow {
    /// Its id.
    pub id: ReleaseId,
    /// Its name.
    pub name: String,
    /// The pipeline.
    pub pipeline: PipelineName,
    /// Real or rehearsed.
    pub mode: Mode,
    /// Its key.
    pub key: String,
    /// The primary artifact's version.
    pub version: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The number of events.
    pub events: u64,
    /// What it does.
    pub summary: ReleaseSummary,
}

/// Which releases to list.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFilter {
    /// Of this pipeline only.
    pub pipeline: Option<PipelineName>,
    /// Active ones only.
    pub active: bool,
    /// At most so many, newest first; 0 means 50.
    pub limit: u32,
}

/// One deployment in an environment's queue, oldest first. The store keeps it from the summaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    /// The release.
    pub release: ReleaseId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// Whether it holds the environment; at most the first does.
    pub active: bool,
}
