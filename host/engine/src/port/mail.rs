//! Mail: a finished message and where it goes.

use serde::{Deserialize, Serialize};

use super::BoxFuture;

/// A message, ready to be sent. It lies in the outbox table until it is delivered or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Without angle brackets; stable for the same message, so a repeated delivery is recognised.
    pub message_id: String,
    /// The release's first message, for threading.
    pub thread: String,
    /// The recipient's address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Complete on its own.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// What to do about a message that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailFailure {
    /// Try again later.
    Transient,
    /// Never: this recipient or this message is refused.
    Permanent,
}

/// A message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MailError {
    /// Try again or not.
    pub class: MailFailure,
    /// What the server said, without secrets.
    pub message: String,
}

/// Delivers mail.
pub trait Mailer: Send + Sync {
    /// Delivers one message.
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>>;

    /// Where mail goes, for people: `smtp://mail.example:587` or the folder.
    fn destination(&self) -> String;
}
