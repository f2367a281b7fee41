//! What a release can be told, what a decision may ask for, and what comes of it.

use relhost_model::actor::Actor;
use relhost_model::approval::{Approval, Resolution};
use relhost_model::artifact::FrozenArtifact;
use relhost_model::call::CallError;
use relhost_model::config::Config;
use relhost_model::id::{DeploymentId, EnvironmentName, RunId, RunUuid, StageName};
use relhost_model::release::{DeploymentPlan, RunEnd};
use relhost_model::time::Timestamp;

use super::state::{FoldError, ReleaseState};
use crate::event::Event;
use crate::port::store::{AppendFrame, Change, Sequence};

/// What a release is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// It was created.
    Create {
        /// By whom.
        by: Actor,
    },
    /// An attempt holds its environment.
    SlotGranted {
        /// Which.
        deployment: DeploymentId,
    },
    /// An approval is over. The caller closes its row in the same commit.
    ApprovalClosed {
        /// The row, as it was opened.
        approval: Box<Approval>,
        /// How it ended.
        resolution: Resolution,
        /// Why, for people.
        reason: String,
    },
    /// A stage's code asks people.
    ApprovalOpened {
        /// What it asks.
        approval: Box<Approval>,
    },
    /// A run is over.
    RunEnded {
        /// The run.
        run: RunId,
        /// Its attempt.
        deployment: DeploymentId,
        /// How it ended.
        end: RunEnd,
    },
    /// A run cannot go on without a person.
    RunQuarantined {
        /// The run.
        run: RunId,
        /// Its attempt.
        deployment: DeploymentId,
        /// Why.
        problem: CallError,
    },
    /// A person set a run going again.
    RunReleased {
        /// The run.
        run: RunId,
        /// Its attempt.
        deployment: DeploymentId,
        /// Who.
        by: Actor,
        /// `retry` or `attest`.
        verb: String,
        /// Why.
        reason: String,
    },
    /// Somebody wants a stage that has not run. Trigger conditions do not count, approvals do.
    Promote {
        /// The stage.
        stage: StageName,
        /// Who.
        by: Actor,
    },
    /// Somebody wants a stage again. A waiting attempt is superseded.
    Redeploy {
        /// The stage.
        stage: StageName,
        /// Who.
        by: Actor,
        /// Other artifacts for this attempt.
        artifacts: Option<Vec<FrozenArtifact>>,
    },
    /// Somebody wants a stage that did not succeed to be tried again.
    Retry {
        /// The stage.
        stage: StageName,
        /// Who.
        by: Actor,
    },
    /// Somebody wants it to stop.
    Cancel {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
}

/// Which attempt is to be planned.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The stage.
    pub stage: StageName,
    /// The number of the attempt.
    pub attempt: u32,
    /// Its id.
    pub deployment: DeploymentId,
    /// By whom.
    pub by: Actor,
    /// Other artifacts than the release's.
    pub artifacts: Option<Vec<FrozenArtifact>>,
}

/// What a decision may ask for: time, ids, randomness, a stage's plan.
pub trait Source {
    /// Now.
    fn now(&self) -> Timestamp;
    /// A new id.
    fn id(&mut self, sequence: Sequence) -> u64;
    /// A run's public id.
    fn uuid(&mut self) -> RunUuid;
    /// The seed of a run's random bytes, hexadecimal.
    fn seed(&mut self) -> String;
    /// Everything an attempt of a stage needs.
    ///
    /// # Errors
    /// If it cannot be resolved.
    fn plan(&mut self, state: &ReleaseState, request: &PlanRequest) -> Result<DeploymentPlan, CallError>;
    /// The operator's configuration.
    fn config(&self) -> &Config;
}

/// What is to be committed.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Changes of rows that belong to them.
    pub changes: Vec<Change>,
    /// The first frame of a new run.
    pub frame: Option<AppendFrame>,
    /// Environments that were asked for or became free.
    pub environments: Vec<EnvironmentName>,
}

/// Why a release does not do what it is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such stage.
    #[error("the pipeline has no stage `{0}`")]
    UnknownStage(StageName),
    /// What it is told is no longer so: somebody was quicker.
    #[error("{0} has moved on")]
    Stale(DeploymentId),
    /// The stage has an attempt under way.
    #[error("`{0}` is under way; wait for it, or cancel the release")]
    Active(StageName),
    /// The stage has run.
    #[error("`{0}` has run already; `release redeploy` runs it again")]
    HasRun(StageName),
    /// The stage has never run, or succeeded.
    #[error("`{0}` has nothing to retry")]
    NothingToRetry(StageName),
    /// The release was canceled.
    #[error("the release was canceled")]
    Canceled,
    /// Nothing is under way.
    #[error("nothing of the release is under way")]
    Idle,
    /// The stage cannot be planned.
    #[error("`{stage}` cannot be planned")]
    Plan {
        /// The stage.
        stage: StageName,
        /// Why.
        #[source]
        cause: CallError,
    },
    /// The decision's own events do not fold, which is a defect.
    #[error("the decision does not hold")]
    Defect(#[from] FoldError),
}

impl Refusal {
    /// Whether the request itself was wrong, rather than the moment.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownStage(_) | Self::Plan { .. })
    }
}
