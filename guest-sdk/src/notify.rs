//! The power `notify`: tells people something.
//!
//! ```
//! use relhost_sdk::mock::MockHost;
//! use relhost_sdk::prelude::*;
//!
//! # fn main() -> Result<(), Failure> {
//! let host = MockHost::new().notify(());
//! let ctx = host.context();
//! ctx.notify("group:ops").subject("web is live").send("It answers at 10.0.0.7.")?;
//! assert_eq!(host.calls()[0].to_string(), r#"notify("group:ops", "web is live")"#);
//! # Ok(())
//! # }
//! ```

use crate::host::{Active, Host};
use crate::outcome::Failure;

/// The contract's limit for a subject, in characters.
const SUBJECT_MAX: usize = 200;

/// A message that is being put together; from [`Context::notify`](crate::context::Context::notify).
#[must_use = "a message is sent by `send`"]
pub struct Notify<'a> {
    host: &'a Active,
    channel: String,
    subject: Option<String>,
}

impl<'a> Notify<'a> {
    pub(crate) fn new(host: &'a Active, channel: String) -> Self {
        Self { host, channel, subject: None }
    }

    /// One line, at most 200 characters. Without it the first line of the body.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Queues the message and returns its id at once. Delivery is the host's and never fails a release.
    ///
    /// # Errors
    /// If the host refuses: nobody of that name, not granted, too long.
    pub fn send(self, body: impl AsRef<str>) -> Result<String, Failure> {
        let body = body.as_ref();
        let subject = self
            .subject
            .unwrap_or_else(|| body.lines().next().unwrap_or_default().chars().take(SUBJECT_MAX).collect());
        self.host.notify(&self.channel, &subject, body)
    }
}
