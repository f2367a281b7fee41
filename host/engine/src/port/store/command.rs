//! Rows of commands: what is still to be done outside, once it is durable that it shall be done.

use relhost_model::digest::Digest;
use relhost_model::id::{ApprovalId, PersonId, ReleaseId, StageName};
use relhost_model::time::Timestamp;
use serde::{Deserialize, Serialize};

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
        person: PersonId,
    },
    /// Tell somebody who was asked how it ended.
    Closed {
        /// The approval.
        approval: ApprovalId,
        /// Whom.
        person: PersonId,
    },
    /// A plugin's message.
    Notify {
        /// Whom.
        person: PersonId,
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
