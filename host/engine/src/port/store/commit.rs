//! What is written: everything of a commit becomes durable together, or nothing does.

use relhost_model::approval::{Approval, Approver, Decision, Resolution, Vote};
use relhost_model::call::{AppliedObject, LogLine};
use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, EnvironmentName, ReleaseId, RunId};
use relhost_model::release::{Mode, Snapshot};
use relhost_model::time::Timestamp;

use super::command::Command;
use super::release::ReleaseSummary;
use super::run::{NewRun, RunState};
use crate::event::Event;
use crate::journal::Record;

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
    /// When to evaluate again although nobody votes. Refused if the approval is not open at this version (counted
    /// after an `AddVote` of the same commit).
    Recheck {
        /// The approval.
        approval: ApprovalId,
        /// Its version.
        expected: u64,
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
        resolution: Resolution,
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
        /// Secrets and objects, as [`AppliedObject`] each.
        objects: Vec<AppliedObject>,
    },
    /// These objects are gone from an environment. One that was applied again meanwhile is another.
    ForgetApplied {
        /// The environment.
        environment: EnvironmentName,
        /// Real or rehearsed.
        mode: Mode,
        /// As they were known.
        objects: Vec<AppliedObject>,
    },
}

impl Change {
    /// A run's new state that has no time and no problem.
    #[must_use]
    pub fn state(run: RunId, from: impl Into<Vec<RunState>>, to: RunState) -> Self {
        Self::SetRun { run, from: from.into(), to, due_at: None, problem: None }
    }
}
