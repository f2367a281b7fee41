//! Mail against servers: scripted ones on loopback that misbehave on demand, and a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod certificate;
mod real;
mod script;
mod scripted;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use relhost_connect::mail::SmtpMailer;
use relhost_engine::port::mail::{Mail, MailError};
use relhost_engine::port::{Clock, Secrets};
use relhost_model::config::{Smtp, SmtpTls};
use relhost_model::secret::{SecretError, SecretSource, SecretValue};
use relhost_model::time::Timestamp;

/// What must never be seen in an error.
const PASSWORD: &str = "c4nary-pa$$word";

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_528_800_000)
    }
}

/// One password, and how often it was asked for.
#[derive(Default)]
struct Counted {
    reads: AtomicUsize,
    missing: bool,
}

impl Secrets for Counted {
    fn read(&self, source: &SecretSource) -> Result<SecretValue, SecretError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.missing {
            return Err(SecretError { source_text: source.to_string(), reason: "it is not set".into() });
        }
        Ok(SecretValue::new(PASSWORD.into()))
    }
}

fn smtp(port: u16, tls: SmtpTls, ca: Option<PathBuf>) -> Smtp {
    let login = tls != SmtpTls::None;
    Smtp {
        host: "localhost".into(),
        port,
        tls,
        user: login.then(|| "robot".to_owned()),
        password: login.then(|| SecretSource::Env("SMTP_PASSWORD".into())),
        ca,
    }
}

fn mailer(smtp: &Smtp, secrets: &Arc<Counted>) -> SmtpMailer {
    let secrets: Arc<dyn Secrets> = secrets.clone();
    SmtpMailer::new("relhost@example.com", smtp, secrets, Arc::new(Still)).unwrap()
}

fn mail(number: u32, to: &str) -> Mail {
    Mail {
        message_id: format!("{number}@example.com"),
        thread: "rel-7.relhost@example.com".into(),
        to: to.into(),
        subject: "[relhost] Prüfe shop\r\nBcc: evil@example.com".into(),
        text: "Approve?\n.\nafter a line with a dot alone\n".into(),
        html: "<p>Approve?</p>".into(),
    }
}

/// An error is one line without anything secret in it.
fn harmless(error: &MailError) -> &str {
    assert!(!error.message.contains(PASSWORD), "{error:?}");
    assert!(!error.message.chars().any(char::is_control), "{error:?}");
    &error.message
}
