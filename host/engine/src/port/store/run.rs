//! Rows of runs.

use relhost_model::digest::Digest;
use relhost_model::id::{DeploymentId, ReleaseId, RunId, RunUuid};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Frame;

/// A new run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Its public id.
    pub uuid: RunUuid,
    /// The release.
    pub release: ReleaseId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// The component.
    pub component: Digest,
    /// When it was created.
    pub at: Timestamp,
}

/// A run's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// To be claimed.
    Ready,
    /// Claimed.
    Running,
    /// Waits for people.
    Waiting,
    /// Waits for a transient fault to pass; due later.
    Backoff,
    /// Needs a person.
    Quarantined,
    /// Over.
    Done,
}

/// A run's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What it was created with.
    pub new: NewRun,
    /// Its state.
    pub state: RunState,
    /// When it is due.
    pub due_at: Option<Timestamp>,
    /// How many claims in a row found the owner gone without progress.
    pub crashes: u32,
    /// Whether it is to be canceled.
    pub cancel: bool,
    /// Why it is quarantined.
    pub problem: Option<String>,
}

/// How many owners a run may outlive without any progress. The third death at the same place is no
/// coincidence: the run takes the host down with it.
pub const CRASHES_MAX: u32 = 3;

impl Run {
    /// Whether one more death puts it into quarantine. Such runs are driven one at a time: only then is it
    /// known which of them the host dies of.
    #[must_use]
    pub fn has_last_chance(&self) -> bool {
        self.crashes + 1 >= CRASHES_MAX
    }
}

/// A claimed run: its row and its whole journal, verified. The last frame is the claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The row.
    pub run: Run,
    /// The journal, dense from position 0.
    pub frames: Vec<Frame>,
}
