//! Mail: what it says, how it is put together, and how it leaves.

mod ask;
mod closed;
mod html;
mod id;
mod message;
mod notice;
mod outbox;
mod smtp;

#[cfg(test)]
mod tests;

pub use self::ask::{AskFacts, ask};
pub use self::closed::{ClosedFacts, closed};
pub use self::id::{message_id, thread_id};
pub use self::message::{HEADER_CHARS_MAX, moment, wire};
pub use self::notice::{NoticeFacts, notice};
pub use self::outbox::OutboxMailer;
pub use self::smtp::{CONNECTIONS_MAX, SEND_DEADLINE, SmtpMailer};
