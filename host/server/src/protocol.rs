//! What can be asked of the owner of a state folder, and what it answers. The same types serve a command
//! that owns the folder itself and one that talks to the owner through the socket.

use std::collections::BTreeMap;
use std::path::PathBuf;

use relhost_engine::event::Recorded;
use relhost_engine::port::store::{ApprovalRow, LogEntry, ReleaseRow, Rows};
use relhost_model::call::{Answer, LogLine};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, EnvironmentName, PersonId, PipelineName, ReleaseId, RunId, StageName};
use relhost_model::release::{Mode, Snapshot};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A request with the person it is made for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// `--as`: act as this person. In a rehearsal only.
    pub act_as: Option<PersonId>,
    /// What is asked.
    pub request: Request,
}

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Create a release, or find the one with the same key.
    Create(Box<Create>),
    /// Releases, newest first.
    Releases {
        /// Of this pipeline only.
        pipeline: Option<PipelineName>,
        /// Active ones only.
        active: bool,
    },
    /// One release.
    Release(ReleaseRef),
    /// What happened since; answers at once if something did, else within `wait_ms`.
    Follow {
        /// The release.
        release: ReleaseId,
        /// The first event wanted.
        events: u64,
        /// The first live line wanted.
        lines: u64,
        /// The longest wait.
        wait_ms: u64,
        /// Drive it, instead of looking only.
        drive: bool,
    },
    /// Stored log lines from a sequence number on.
    Logs {
        /// The release.
        release: ReleaseRef,
        /// The first one wanted.
        since: u64,
    },
    /// The journals of a release's runs.
    Journal(ReleaseRef),
    /// Verify and re-execute a release's finished or waiting runs against their journals, without effects.
    Replay(ReleaseRef),
    /// Start a stage that waits for promotion.
    Promote {
        /// The release.
        release: ReleaseRef,
        /// The stage; `None` is the next manual one.
        stage: Option<StageName>,
    },
    /// Run a stage again.
    Redeploy {
        /// The release.
        release: ReleaseRef,
        /// The stage.
        stage: StageName,
        /// Other artifacts for this attempt.
        artifacts: Vec<(Option<String>, PathBuf)>,
    },
    /// Try a stage that did not succeed again, or set a quarantined run going again.
    Retry {
        /// The release.
        release: ReleaseRef,
        /// The stage; `None` is the only one that can be retried.
        stage: Option<StageName>,
    },
    /// Stop a release.
    Cancel {
        /// The release.
        release: ReleaseRef,
        /// Why.
        reason: String,
    },
    /// Fill in the outcome of a call that is in doubt.
    Attest {
        /// The release.
        release: ReleaseRef,
        /// The stage; `None` is the only one whose run is quarantined.
        stage: Option<StageName>,
        /// The call.
        ordinal: u32,
        /// Its outcome.
        answer: Box<Answer>,
        /// Why one may believe it.
        reason: String,
    },
    /// End a run without running its code.
    Abort {
        /// The release.
        release: ReleaseRef,
        /// The stage; `None` is the only one whose run can be aborted.
        stage: Option<StageName>,
        /// Why.
        reason: String,
    },
    /// Approvals, newest first.
    Approvals {
        /// Open ones only.
        open: bool,
        /// Of this release only.
        release: Option<ReleaseRef>,
    },
    /// One approval.
    Approval(ApprovalId),
    /// Decide.
    Decide {
        /// The approval.
        approval: ApprovalId,
        /// Approve or reject.
        approve: bool,
        /// Why.
        comment: String,
        /// What the voter saw; `None` takes what is current.
        content: Option<Digest>,
    },
    /// Ask somebody else.
    Reassign {
        /// The approval.
        approval: ApprovalId,
        /// The new list.
        to: Vec<relhost_model::approval::Approver>,
        /// Why.
        comment: String,
    },
    /// Environments with what holds them and what is known to be applied there.
    Environments,
    /// Remove what was applied in an environment.
    Cleanup {
        /// The environment.
        environment: EnvironmentName,
        /// Real or rehearsed.
        mode: Mode,
        /// The whole namespace.
        namespace: bool,
    },
}

impl Request {
    /// The release that this moves on, if it is allowed to.
    #[must_use]
    pub fn moves(&mut self) -> Option<&mut ReleaseRef> {
        match self {
            Self::Promote { release, .. }
            | Self::Redeploy { release, .. }
            | Self::Retry { release, .. }
            | Self::Cancel { release, .. }
            | Self::Attest { release, .. }
            | Self::Abort { release, .. } => Some(release),
            _ => None,
        }
    }
}

/// A release by id (`rel-7`), or by name, alone or as `pipeline/name`; `latest` is the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseRef(pub String);

impl From<ReleaseId> for ReleaseRef {
    fn from(id: ReleaseId) -> Self {
        Self(id.to_string())
    }
}

/// A release to create. Paths are absolute: the owner may run in another folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Create {
    /// The pipeline file.
    pub pipeline: PathBuf,
    /// Artifacts: alias (`None` is the primary one) and path.
    pub artifacts: Vec<(Option<String>, PathBuf)>,
    /// Plugin sets, later ones win.
    pub plugins: Vec<PathBuf>,
    /// Variables; they win over every other.
    pub variables: BTreeMap<String, String>,
    /// Real or rehearsed.
    pub mode: Mode,
    /// The key; `None` derives it from pipeline, artifacts, components and variables.
    pub key: Option<String>,
    /// Make another release although the key exists.
    pub new: bool,
}

/// What is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// To `Create`.
    Created {
        /// The release.
        release: Box<ReleaseRow>,
        /// It was there before.
        existing: bool,
        /// Notes on the pipeline and the configuration.
        warnings: Vec<String>,
    },
    /// To `Releases`.
    Releases(Rows<ReleaseRow>),
    /// To `Release`.
    Release(Box<ReleaseDetail>),
    /// To `Follow`.
    News(Box<News>),
    /// To `Logs`.
    Logs(Rows<LogEntry>),
    /// To `Journal`.
    Journal(Vec<RunJournalView>),
    /// To `Replay`: a line per run.
    Replayed(Vec<ReplayedRun>),
    /// To everything that starts or stops something: one sentence.
    Done(String),
    /// To `Approvals`.
    Approvals(Rows<ApprovalView>),
    /// To `Approval`.
    Approval(Box<ApprovalView>),
    /// To `Decide`.
    Decided(Box<ApprovalView>),
    /// To `Environments`.
    Environments(Vec<EnvironmentView>),
    /// To `Cleanup`: `Kind/name` of what was removed.
    Removed(Vec<String>),
}

/// A release with everything about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReleaseDetail {
    /// The row.
    pub row: ReleaseRow,
    /// What is frozen.
    pub snapshot: Snapshot,
    /// What happened.
    pub events: Vec<Recorded>,
    /// Mails that wait or were given up.
    pub undelivered: Vec<String>,
}

/// What happened since the last look.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct News {
    /// The row as it is now.
    pub row: ReleaseRow,
    /// New events.
    pub events: Vec<Recorded>,
    /// New live lines with the stage they belong to; those not stored yet may be said again after a crash.
    pub lines: Vec<LiveLine>,
    /// Where to go on reading lines.
    pub next_line: u64,
    /// Open approvals of the release.
    pub open: Vec<ApprovalView>,
}

/// A line as it is written, before it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LiveLine {
    /// Rises with every line of this process.
    pub seq: u64,
    /// The stage.
    pub stage: StageName,
    /// The line.
    pub line: LogLine,
}

/// An approval as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApprovalView {
    /// The row.
    #[serde(flatten)]
    pub row: ApprovalRow,
    /// Its id as text.
    pub id: String,
    /// The release's name.
    pub release_name: String,
    /// Everybody who is asked now and could still decide.
    pub asked: Vec<PersonId>,
    /// The digest that a decision is bound to.
    pub content_digest: Digest,
}

/// One run's journal for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunJournalView {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: StageName,
    /// The number of the attempt.
    pub attempt: u32,
    /// The run's state, and why it is quarantined.
    pub state: String,
    /// Position, time, and each record as JSON.
    pub frames: Vec<(u64, Timestamp, serde_json::Value)>,
}

/// How a run's replay went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReplayedRun {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: StageName,
    /// True if the component made the recorded calls.
    pub same: bool,
    /// What was seen.
    pub summary: String,
}

/// An environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnvironmentView {
    /// Its name.
    pub name: EnvironmentName,
    /// The connection and the namespace.
    pub target: String,
    /// What holds it, for people.
    pub holder: Option<String>,
    /// How many deployments wait for it.
    pub waiting: usize,
    /// `Kind/name` of what is known to be applied there.
    pub applied: Vec<String>,
    /// The same in rehearsals.
    pub rehearsed: Vec<String>,
}
