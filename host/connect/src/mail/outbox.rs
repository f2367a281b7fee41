//! A folder in place of a mail server: rehearsals and first tries.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use relhost_engine::port::mail::{Mail, MailError, MailFailure, Mailer};
use relhost_engine::port::{BoxFuture, Clock};
use relhost_model::digest::Digest;
use tokio::io::AsyncWriteExt as _;

use super::id::is_safe;
use super::message::{sender, wire};

/// Writes each message as one `.eml` file. Sent again, a message takes the place of its first copy.
pub struct OutboxMailer {
    folder: PathBuf,
    from: String,
    clock: Arc<dyn Clock>,
    drafts: AtomicU64,
    durable: bool,
}

impl OutboxMailer {
    /// Writes into `folder`, which is created when the first message comes. The clock gives the `Date`.
    ///
    /// # Errors
    /// If `from` is no mail address.
    pub fn new(folder: &Path, from: &str, clock: Arc<dyn Clock>) -> Result<Self, MailError> {
        sender(from)?;
        Ok(Self {
            folder: folder.to_owned(),
            from: from.to_owned(),
            clock,
            drafts: AtomicU64::new(0),
            durable: true,
        })
    }

    /// Does not wait for the disk, as nothing does that is only rehearsed.
    #[must_use]
    pub fn rehearsed(self) -> Self {
        Self { durable: false, ..self }
    }

    async fn write(&self, name: &str, content: &[u8]) -> std::io::Result<()> {
        tokio::fs::create_dir_all(&self.folder).await?;
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let draft = self.folder.join(format!(".{}-{number}.draft", std::process::id()));
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        // A message holds a code that decides: nobody else on the machine may read it.
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(&draft).await?;
        file.write_all(content).await?;
        if self.durable {
            file.sync_all().await?;
        } else {
            file.flush().await?;
        }
        tokio::fs::rename(&draft, self.folder.join(name)).await
    }
}

impl Mailer for OutboxMailer {
    fn send<'a>(&'a self, mail: &'a Mail) -> BoxFuture<'a, Result<(), MailError>> {
        Box::pin(async move {
            let message = wire(mail, &self.from, self.clock.now())?;
            let name = file_name(&mail.message_id);
            self.write(&name, &message).await.map_err(|error| MailError {
                class: MailFailure::Transient,
                message: format!("write the message into {}: {error}", self.folder.display()),
            })
        })
    }

    fn destination(&self) -> String {
        self.folder.display().to_string()
    }
}

/// From the Message-ID. Where a character had to be replaced, or the end cut off, the digest keeps two
/// different messages apart.
fn file_name(message_id: &str) -> String {
    let safe = |c: char| is_safe(c) || c == '@';
    let name: String = message_id.chars().map(|c| if safe(c) { c } else { '_' }).take(120).collect();
    let name = name.trim_start_matches('.');
    if name == message_id && !name.is_empty() {
        format!("{name}.eml")
    } else {
        format!("{name}-{}.eml", Digest::of(message_id.as_bytes()).short())
    }
}
