//! Where mail goes: the configured server or folder for real releases, always a folder for rehearsals.

use std::path::Path;
use std::sync::Arc;

use relhost_connect::mail::{OutboxMailer, SmtpMailer};
use relhost_engine::port::mail::Mailer;
use relhost_engine::port::{Clock, Secrets};
use relhost_model::config::{Config, MailTransport};
use relhost_model::release::Mode;

use crate::exit::{Exit, Failure};

/// The sender of mails when no configuration names one; only a rehearsal gets this far.
const REHEARSAL_SENDER: &str = "relhost@localhost";

/// The mailers of one host.
pub struct Mailers {
    real: Option<Arc<dyn Mailer>>,
    rehearsal: Arc<dyn Mailer>,
    from: String,
}

impl Mailers {
    /// Opens both.
    ///
    /// # Errors
    /// If the sender's address or the server's settings make no sense.
    pub fn open(
        config: &Config,
        folder: &Path,
        secrets: &Arc<dyn Secrets>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let from = config.mail.as_ref().map_or(REHEARSAL_SENDER, |mail| &mail.from).to_owned();
        let fault = |error: relhost_engine::port::mail::MailError| {
            Failure::new(Exit::Invalid, "mail", format!("set up mail: {error}"))
        };
        let outbox = |path: &Path| OutboxMailer::new(path, &from, Arc::clone(clock)).map_err(fault);
        let real: Option<Arc<dyn Mailer>> = match config.mail.as_ref().map(|mail| &mail.transport) {
            None => None,
            Some(MailTransport::Outbox(path)) => Some(Arc::new(outbox(path)?)),
            Some(MailTransport::Smtp(smtp)) => Some(Arc::new(
                SmtpMailer::new(&from, smtp, Arc::clone(secrets), Arc::clone(clock)).map_err(fault)?,
            )),
        };
        Ok(Self { real, rehearsal: Arc::new(outbox(&folder.join("outbox"))?.rehearsed()), from })
    }

    /// The mailer of a mode; `None` if no mail is configured.
    #[must_use]
    pub fn get(&self, mode: Mode) -> Option<&Arc<dyn Mailer>> {
        match mode {
            Mode::Real => self.real.as_ref(),
            Mode::Rehearsal => Some(&self.rehearsal),
        }
    }

    /// The part of Message-IDs after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain.trim_end_matches('>'))
    }
}
