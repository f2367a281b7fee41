//! The store: one verb that writes, and reads. Implemented on SQLite; PostgreSQL joins behind the same
//! conformance suite.

use std::collections::BTreeSet;

use relhost_model::approval::{Approval, Approver, Decision, Vote};
use relhost_model::call::LogLine;
use relhost_model::digest::Digest;
use relhost_model::id::{
    ApprovalId, DeploymentId, EnvironmentName, PipelineName, ReleaseId, RunId, RunUuid, StageName,
};
use relhost_model::release::{Mode, Snapshot, Status};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::BoxFuture;
use crate::event::{Event, Recorded};
use crate::journal::{Frame, Record};

/// Which sequence an id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// [`ReleaseId`]
    Release,
    /// [`DeploymentId`]
    Deployment,
    /// [`RunId`]
    Run,
    /// [`ApprovalId`]
    Approval,
}

/// Everything that becomes durable together, or not at all.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// A frame of one run.
    pub frame: Option<AppendFrame>,
    /// Events of one release.
    pub events: Option<AppendEvents>,
    /// Row changes, applied in order.
    pub changes: Vec<Change>,
}

/// A frame to append.
#[derive(Debug, Clone)]
pub struct AppendFrame {
    /// The run.
    pub run: RunId,
    /// The position it must get; taken means that another owner has the run.
    pub position: u64,
    /// The position of the claim under which it is written.
    pub epoch: u64,
    /// The records.
    pub records: Vec<Record>,
    /// The hash of the frame before it; the store adds this body to the chain.
    pub previous: Option<Digest>,
    /// The time by the host's clock.
    pub at: Timestamp,
    /// Log lines: the ordinal they came after, their index under it, the line. Inserted or ignored.
    pub logs: Vec<(u32, u32, LogLine)>,
}

/// Events to append.
#[derive(Debug, Clone)]
pub struct AppendEvents {
    /// The release.
    pub release: ReleaseId,
    /// The sequence number that the first of them must get; anything else means that somebody was quicker.
    pub expected: u64,
    /// The events.
    pub events: Vec<Event>,
    /// The time by the host's clock.
    pub at: Timestamp,
    /// The read model after these events.
    pub summary: ReleaseSummary,
}

/// Changes of rows. Each is guarded; a guard that does not hold undoes the whole commit.
#[derive(Debug, Clone)]
pub enum Change {
    /// A new release. Refused if the key exists in the same mode and the release is not replaced.
    CreateRelease {
        /// Its id.
        id: ReleaseId,
        /// What is frozen.
        snapshot: Box<Snapshot>,
        /// The counter behind its name.
        counter: u64,
    },
    /// A new run in state ready. Its start frame is appended with it, at position 0.
    CreateRun(Box<NewRun>),
    /// A run's state changes. Refused if it is not in one of `from`.
    SetRun {
        /// The run.
        run: RunId,
        /// The states it may be in.
        from: Vec<RunState>,
        /// The new state.
        to: RunState,
        /// When it is due, for `backoff`.
        due_at: Option<Timestamp>,
        /// Why it is quarantined or paused.
        problem: Option<String>,
    },
    /// A run is told to stop at its next host call.
    CancelRun {
        /// The run.
        run: RunId,
    },
    /// A new approval, open.
    OpenApproval(Box<Approval>),
    /// One person's vote. Refused if the approval is not open at this version, or the person has voted.
    AddVote {
        /// The approval.
        approval: ApprovalId,
        /// Its version before the vote.
        expected: u64,
        /// The vote.
        vote: Box<Vote>,
    },
    /// An open approval's list changes. Refused likewise.
    Reassign {
        /// The approval.
        approval: ApprovalId,
        /// Its version before.
        expected: u64,
        /// The new list.
        approvers: Vec<Approver>,
        /// The digest of its policy field under the new list.
        policy: Digest,
    },
    /// When to evaluate again although nobody votes.
    Recheck {
        /// The approval.
        approval: ApprovalId,
        /// When; `None` never.
        at: Option<Timestamp>,
        /// What is still missing, or why the policy could not answer, for people.
        waiting_for: String,
    },
    /// An approval's end. Refused if it is not open at this version (counted after an `AddVote` of the
    /// same commit).
    CloseApproval {
        /// The approval.
        approval: ApprovalId,
        /// Its version before.
        expected: u64,
        /// How it ended.
        decision: Box<Decision>,
    },
    /// An approval's end that nobody voted for: its attempt was canceled or superseded. One that is over
    /// already stays as it is.
    EndApproval {
        /// The approval.
        approval: ApprovalId,
        /// Canceled or superseded.
        resolution: relhost_model::approval::Resolution,
        /// Why, for people.
        reason: String,
        /// When.
        at: Timestamp,
    },
    /// A command to carry out; a second one under the same key is ignored.
    PutCommand(Command),
    /// A command is done.
    DropCommand(Digest),
    /// A command is tried again later.
    RetryCommand {
        /// Its key.
        key: Digest,
        /// Attempts so far.
        attempts: u32,
        /// When next; `None` gives up and keeps the row for people.
        due_at: Option<Timestamp>,
        /// What went wrong.
        error: String,
    },
    /// A command that cannot be read is never due again. It stays as it is, for people.
    SetCommandAside {
        /// The number of its row.
        row: u64,
    },
    /// A run whose row cannot be read needs a person. Nothing else of it is changed.
    SetRunAside {
        /// The run.
        run: RunId,
        /// What is wrong.
        problem: String,
    },
    /// Bytes by digest: components, manifests, big results. Ignored if they are there.
    PutBlob(Vec<u8>),
    /// A line about a release that is no event: a mail that could not be delivered.
    Note {
        /// The release.
        release: ReleaseId,
        /// When.
        at: Timestamp,
        /// The line.
        line: LogLine,
    },
    /// What was applied in an environment, so that cleanup knows it.
    PutApplied {
        /// The environment.
        environment: EnvironmentName,
        /// Real or rehearsed.
        mode: Mode,
        /// The release.
        release: ReleaseId,
        /// Secrets and objects, as [`relhost_model::call::AppliedObject`] each.
        objects: Vec<relhost_model::call::AppliedObject>,
    },
    /// Nothing of this environment is known to be applied any more.
    ForgetApplied {
        /// The environment.
        environment: EnvironmentName,
        /// Real or rehearsed.
        mode: Mode,
    },
}

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

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandBody {
    /// Send this message. Its body is rendered when it is sent, because links hold tokens that are
    /// stored nowhere.
    Mail(MailCommand),
}

/// Which message to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailCommand {
    /// Ask somebody to decide.
    Ask {
        /// The approval.
        approval: ApprovalId,
        /// Whom.
        person: relhost_model::id::PersonId,
    },
    /// Tell somebody who was asked how it ended.
    Closed {
        /// The approval.
        approval: ApprovalId,
        /// Whom.
        person: relhost_model::id::PersonId,
    },
    /// A plugin's message.
    Notify {
        /// Whom.
        person: relhost_model::id::PersonId,
        /// The stage that says it.
        stage: StageName,
        /// One line.
        subject: String,
        /// Plain text.
        body: String,
    },
}

/// A command row, keyed by its effect key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The key.
    pub key: Digest,
    /// The release it belongs to.
    pub release: ReleaseId,
    /// What to do.
    pub body: CommandBody,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is due.
    pub due_at: Timestamp,
    /// What went wrong last.
    pub error: Option<String>,
}

/// A command whose row cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedCommand {
    /// The number of its row; its key may be what is damaged.
    pub row: u64,
    /// The release that it says it belongs to.
    pub release: ReleaseId,
    /// What is wrong.
    pub problem: String,
}

/// An approval's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// What was opened, with the list as it is now.
    pub approval: Approval,
    /// Counts votes, reassignments and the end.
    pub version: u64,
    /// The votes, oldest first.
    pub votes: Vec<Vote>,
    /// How it ended; `None` while it is open.
    pub decision: Option<Decision>,
    /// When to evaluate again.
    pub recheck_at: Option<Timestamp>,
    /// What is still missing, for people.
    pub waiting_for: String,
}

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

/// Why a commit was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another owner has the run: drop it, write nothing.
    #[error("append frame {position} of {run}: another owner has the run")]
    FenceLost {
        /// The run.
        run: RunId,
        /// The position that was taken.
        position: u64,
    },
    /// Somebody else wrote to the release first: load it again and decide again.
    #[error("append event {expected} to {release}: somebody was quicker")]
    SequenceConflict {
        /// The release.
        release: ReleaseId,
        /// What was expected.
        expected: u64,
    },
    /// A guard of a change does not hold: load again and decide again.
    #[error("change {what}: {reason}")]
    Conflict {
        /// Which row.
        what: String,
        /// What does not hold.
        reason: String,
    },
    /// A release with this key exists.
    #[error("create the release: its key belongs to {existing}")]
    KeyExists {
        /// Which.
        existing: ReleaseId,
    },
    /// Another process owns the state folder.
    #[error("open the state folder: {owner} has it")]
    Owned {
        /// Process, host and socket.
        owner: String,
    },
    /// The database could not make something durable. The process must end with nothing sent.
    #[error("make the state durable: {reason}")]
    Fatal {
        /// What the database said.
        reason: String,
    },
    /// The database is damaged or too new.
    #[error("read the state: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
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

/// What a read of many rows found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows<T> {
    /// Those that can be read.
    pub rows: Vec<T>,
    /// One sentence for each that cannot. It is set aside, and keeps no other from being read.
    pub damaged: Vec<String>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), damaged: Vec::new() }
    }
}

/// What is due: the earliest times and the work itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Runs to claim: ready, or in backoff and due.
    pub runs: Vec<RunId>,
    /// Open approvals whose expiry or recheck has come.
    pub approvals: Vec<ApprovalId>,
    /// Commands to carry out.
    pub commands: Vec<Command>,
    /// Commands that cannot be read.
    pub damaged: Vec<DamagedCommand>,
    /// When something is due next.
    pub next: Option<Timestamp>,
}

/// One stored log line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Rises with every line of the release.
    pub seq: u64,
    /// When it was stored.
    pub at: Timestamp,
    /// The run; `None` for a note about the release.
    pub run: Option<RunId>,
    /// The line.
    pub line: LogLine,
}

/// The store.
pub trait Store: Send + Sync {
    /// Hands out an id that was never used and will not be.
    fn allocate(&self, sequence: Sequence) -> u64;

    /// Makes everything durable, or nothing.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Takes a run that is ready, or in backoff and due: appends the claim and returns the journal. `None`
    /// if it is not to be had.
    fn claim(
        &self,
        run: RunId,
        owner: String,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Claimed>, StoreError>>;

    /// At boot, once: every run that an owner left running becomes ready, its crash counter raised; or
    /// quarantined, if it does not get any further or its journal is damaged. Returns how many there were.
    /// Their releases know nothing of a quarantine yet: see [`Read::quarantined`].
    fn recover(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// What is due at a time; at most `limit` of each kind. Runs only of the given releases; `None` is all.
    fn due(
        &self,
        at: Timestamp,
        limit: u32,
        only: Option<BTreeSet<ReleaseId>>,
    ) -> BoxFuture<'_, Result<Due, StoreError>>;

    /// Reads. See [`Read`].
    fn read(&self) -> &dyn Read;
}

/// Reads of the last committed state.
pub trait Read: Send + Sync {
    /// A release's frozen part.
    fn snapshot(&self, release: ReleaseId) -> BoxFuture<'_, Result<Option<Snapshot>, StoreError>>;
    /// A release's row.
    fn release(&self, release: ReleaseId) -> BoxFuture<'_, Result<Option<ReleaseRow>, StoreError>>;
    /// Releases, newest first.
    fn releases(&self, filter: ReleaseFilter) -> BoxFuture<'_, Result<Rows<ReleaseRow>, StoreError>>;
    /// The newest release of a mode with this key.
    fn release_by_key(&self, key: String, mode: Mode)
    -> BoxFuture<'_, Result<Option<ReleaseId>, StoreError>>;
    /// The highest counter of a pipeline's release names; 0 if there is none.
    fn counter(&self, pipeline: PipelineName) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// A release's events from a sequence number on.
    fn events(&self, release: ReleaseId, since: u64) -> BoxFuture<'_, Result<Vec<Recorded>, StoreError>>;
    /// The deployment that holds an environment, and those that wait for it in order.
    fn queue(
        &self,
        environment: EnvironmentName,
        mode: Mode,
    ) -> BoxFuture<'_, Result<Vec<QueueEntry>, StoreError>>;
    /// A run's row.
    fn run(&self, run: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>>;
    /// Every run in quarantine, oldest first.
    fn quarantined(&self) -> BoxFuture<'_, Result<Rows<Run>, StoreError>>;
    /// Runs whose row cannot be read, with what is wrong. Reads every run that is not over.
    fn damaged_runs(&self) -> BoxFuture<'_, Result<Vec<(RunId, String)>, StoreError>>;
    /// A run's journal, verified: dense positions, hash chain.
    fn journal(&self, run: RunId) -> BoxFuture<'_, Result<Vec<Frame>, StoreError>>;
    /// An approval's row.
    fn approval(&self, approval: ApprovalId) -> BoxFuture<'_, Result<Option<ApprovalRow>, StoreError>>;
    /// Approvals, newest first; `open` ones only if asked; of one release only if given.
    fn approvals(
        &self,
        open: bool,
        release: Option<ReleaseId>,
    ) -> BoxFuture<'_, Result<Rows<ApprovalRow>, StoreError>>;
    /// Open approvals in the order in which their time runs out, after one of them; at most `limit`.
    fn open_approvals(
        &self,
        after: Option<(Timestamp, ApprovalId)>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Timestamp, ApprovalId)>, StoreError>>;
    /// Log lines of a release from a sequence number on; at most 1,000.
    fn logs(&self, release: ReleaseId, since: u64) -> BoxFuture<'_, Result<Rows<LogEntry>, StoreError>>;
    /// Bytes by digest.
    fn blob(&self, digest: Digest) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;
    /// What is known to be applied in an environment, newest apply of each object.
    fn applied(
        &self,
        environment: EnvironmentName,
        mode: Mode,
    ) -> BoxFuture<'_, Result<Vec<relhost_model::call::AppliedObject>, StoreError>>;
    /// Commands that were given up or wait, of one release or of all.
    fn commands(&self, release: Option<ReleaseId>) -> BoxFuture<'_, Result<Rows<Command>, StoreError>>;
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
