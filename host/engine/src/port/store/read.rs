//! Reads of the last committed state, and what they find.

use relhost_model::approval::{Approval, Decision, Vote};
use relhost_model::call::{AppliedObject, LogLine};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, EnvironmentName, PipelineName, ReleaseId, RunId};
use relhost_model::release::{Mode, Snapshot};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::command::Command;
use super::release::{QueueEntry, ReleaseFilter, ReleaseRow};
use super::run::Run;
use crate::event::Recorded;
use crate::journal::Frame;
use crate::port::BoxFuture;

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
    ) -> BoxFuture<'_, Result<Vec<AppliedObject>, StoreError>>;
    /// Commands that were given up or wait, of one release or of all.
    fn commands(&self, release: Option<ReleaseId>) -> BoxFuture<'_, Result<Rows<Command>, StoreError>>;
}
