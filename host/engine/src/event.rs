//! What happened to a release. A release's state is exactly the fold of its events.

use std::collections::BTreeMap;

use relhost_model::actor::Actor;
use relhost_model::approval::{Origin, Resolution};
use relhost_model::call::CallError;
use relhost_model::id::{ApprovalId, DeploymentId, RunId, StageName};
use relhost_model::release::{DeploymentPlan, Status};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a deployment was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The stage's own condition.
    Automatic,
    /// Somebody promoted the release to the stage.
    Promotion,
    /// Somebody asked for the stage again.
    Redeploy,
    /// Somebody asked to retry a stage that did not succeed.
    Retry,
}

/// One event of a release, in the order it was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The release exists. Always the first.
    Created {
        /// By whom.
        by: Actor,
    },
    /// A stage was asked for. It waits for its environment.
    DeploymentRequested {
        /// The attempt.
        deployment: DeploymentId,
        /// The stage.
        stage: StageName,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// Why.
        trigger: Trigger,
        /// By whom.
        by: Actor,
        /// Everything it needs, resolved.
        plan: Box<DeploymentPlan>,
    },
    /// It holds its environment now.
    DeploymentStarted {
        /// The attempt.
        deployment: DeploymentId,
    },
    /// People are asked.
    ApprovalOpened {
        /// The attempt.
        deployment: DeploymentId,
        /// The approval.
        approval: ApprovalId,
        /// Before, after, or inside the code.
        origin: Origin,
    },
    /// An approval is over.
    ApprovalClosed {
        /// The attempt.
        deployment: DeploymentId,
        /// The approval.
        approval: ApprovalId,
        /// Before, after, or inside the code.
        origin: Origin,
        /// How it ended.
        resolution: Resolution,
        /// Why, for people.
        reason: String,
    },
    /// The stage's code was handed to a run.
    RunCreated {
        /// The attempt.
        deployment: DeploymentId,
        /// The run.
        run: RunId,
    },
    /// The run stopped in a way that needs a person.
    RunQuarantined {
        /// The attempt.
        deployment: DeploymentId,
        /// The run.
        run: RunId,
        /// What happened and what can be done.
        problem: CallError,
    },
    /// A person set it going again.
    RunReleased {
        /// The attempt.
        deployment: DeploymentId,
        /// The run.
        run: RunId,
        /// Who.
        by: Actor,
        /// `retry`, `attest` or `abort`.
        verb: String,
        /// Why.
        reason: String,
    },
    /// The stage's code is over.
    RunFinished {
        /// The attempt.
        deployment: DeploymentId,
        /// The run.
        run: RunId,
        /// How it ended.
        status: Status,
        /// One sentence.
        summary: String,
        /// Named results.
        outputs: BTreeMap<String, String>,
        /// If it failed, why.
        failure: Option<CallError>,
    },
    /// The attempt is over and its environment is free.
    DeploymentFinished {
        /// The attempt.
        deployment: DeploymentId,
        /// How it ended.
        status: Status,
        /// One sentence.
        summary: String,
    },
    /// A stage cannot start by itself: an earlier one did not succeed, or it cannot be planned.
    StageSkipped {
        /// The stage.
        stage: StageName,
        /// Why.
        reason: String,
        /// Whether the release fails by it: its plan could not be made.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
    },
    /// Somebody wants the release to stop.
    CancelRequested {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
}

/// An event with its place in the release's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Dense, from 0.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}
