//! The store: one verb that writes, and reads. Implemented on SQLite; PostgreSQL joins behind the same
//! conformance suite.

mod command;
mod release;
mod run;

mod commit;
mod read;

use std::collections::BTreeSet;

use relhost_model::id::{ApprovalId, ReleaseId, RunId};
use relhost_model::time::Timestamp;

use super::BoxFuture;

pub use command::{Command, CommandBody, DamagedCommand, MailCommand};
pub use commit::{AppendEvents, AppendFrame, Change, Commit};
pub use read::{ApprovalRow, LogEntry, Read, Rows};
pub use release::{QueueEntry, ReleaseFilter, ReleaseRow, ReleaseSummary, StageState, StageSummary};
pub use run::{CRASHES_MAX, Claimed, NewRun, Run, RunState};

/// Which sequence an id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// Of releases.
    Release,
    /// Of deployments.
    Deployment,
    /// Of runs.
    Run,
    /// Of approvals.
    Approval,
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

/// The store.
pub trait Store: Send + Sync {
    /// Hands out an id that was never used and will not be.
    fn allocate(&self, sequence: Sequence) -> u64;

    /// Makes everything durable, or nothing.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The same for what nobody waits for: it may lie for some milliseconds until another commit takes it along, and is
    /// lost if the process dies meanwhile. It comes before every commit that is asked for after it.
    fn commit_soon(&self, commit: Commit) -> BoxFuture<'_, Result<(), StoreError>>;

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
